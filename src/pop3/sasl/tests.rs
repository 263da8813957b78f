//! The vectors of the RFCs, and what a hostile server can say.

use proptest::prelude::*;

use super::*;

fn credentials(user: &str, secret: &str, nonce: &str) -> Credentials {
    Credentials {
        user: user.to_owned(),
        secret: Zeroizing::new(secret.as_bytes().to_vec()),
        host: "pop.example.org".to_owned(),
        port: 995,
        nonce: nonce.to_owned(),
        binding: None,
        is_plus_missing: false,
    }
}

fn exchange(mechanism: &str, credentials: Credentials) -> SaslExchange {
    SaslExchange::new(Mechanism::named(mechanism).unwrap(), credentials)
}

fn initial(mechanism: &str, user: &str, secret: &str) -> String {
    let turn = exchange(mechanism, credentials(user, secret, "n"))
        .initial()
        .unwrap()
        .unwrap();
    turn.text(true).to_string()
}

fn decoded(turn: &Turn) -> String {
    String::from_utf8(turn.response.to_vec()).unwrap()
}

#[test]
fn apop_as_in_rfc_1939() {
    let digest = |stamp: &[u8], secret: &str| apop(stamp, secret.as_bytes()).to_string();
    assert_eq!(
        digest(b"<1896.697170952@dbc.mtview.ca.us>", "tanstaaf"),
        "c4c9334bac560ecc979e58001b3e22fb"
    );
    assert_eq!(
        digest(b"<1896.697170952@pop.example.org>", "wonderland"),
        "3850dc681bc4c6a1eef6158c08a4bf4a"
    );
    assert_eq!(
        digest(b"<1896.697170952@pop.example.org>", "p\u{e4}ssw\u{f6}rd"),
        "4536d6620d1bfdf67bdd0a8fb2166282"
    );
}

#[test]
fn a_timestamp_must_look_like_one() {
    assert_eq!(timestamp(b"+OK ready <1.2@x>"), Some(&b"<1.2@x>"[..]));
    assert_eq!(timestamp(b"<1.2@x> hello"), Some(&b"<1.2@x>"[..]));
    for odd in [
        &b"+OK ready"[..],
        b"<12>",
        b"<@>",
        b"<a@b@c>",
        b"<a b@c>",
        b"<a@\xff>",
        b"<a@b",
        b"><",
    ] {
        assert_eq!(timestamp(odd), None, "{odd:?}");
    }
}

#[test]
fn plain_and_login() {
    assert_eq!(
        initial("PLAIN", "tim", "tanstaaftanstaaf"),
        "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
    );
    assert_eq!(
        initial("PLAIN", "alice", "wonderland"),
        "AGFsaWNlAHdvbmRlcmxhbmQ="
    );
    let mut login = exchange("LOGIN", credentials("alice", "wonderland", "n"));
    assert!(login.initial().unwrap().is_none());
    assert_eq!(
        *login.answer(b"VXNlciBOYW1lAA==").unwrap().text(false),
        "YWxpY2U="
    );
    assert_eq!(
        *login.answer(b"UGFzc3dvcmQ6").unwrap().text(false),
        "d29uZGVybGFuZA=="
    );
    assert_eq!(login.answer(b"").unwrap_err(), SaslError::TooLong("LOGIN"));
}

#[test]
fn cram_md5_as_in_rfc_2195() {
    let mut cram = exchange("CRAM-MD5", credentials("tim", "tanstaaftanstaaf", "n"));
    let challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
    let answer = cram.answer(challenge).unwrap();
    assert_eq!(
        *answer.text(false),
        "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
    );
    let mut long = exchange("CRAM-MD5", credentials("x", &"x".repeat(100), "n"));
    let answer = long
        .answer(b"PDE4OTYuNjk3MTcwOTUyQHBvcC5leGFtcGxlLm9yZz4=")
        .unwrap();
    assert_eq!(decoded(&answer), "x 29d79996eebe5a852c780c609eb216dc");
}

/// Plays SCRAM against a recorded server; gives back what the client said.
fn scram(
    mechanism: &str,
    credentials: Credentials,
    first: &str,
    last: &str,
) -> (String, String, Option<bool>) {
    let mut scram = exchange(mechanism, credentials);
    let one = decoded(&scram.initial().unwrap().unwrap());
    let two = decoded(&scram.answer(STANDARD.encode(first).as_bytes()).unwrap());
    let end = scram.answer(STANDARD.encode(last).as_bytes());
    assert_eq!(
        end.map(|turn| turn.text(false).to_string()),
        Ok(String::new())
    );
    (one, two, scram.is_verified())
}

#[test]
fn scram_sha_1_as_in_rfc_5802() {
    let (one, two, verified) = scram(
        "SCRAM-SHA-1",
        credentials("user", "pencil", "fyko+d2lbbFgONRv9qkxdawL"),
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    );
    assert_eq!(one, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    assert_eq!(
        two,
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    );
    assert_eq!(verified, Some(true));
}

const FIRST_256: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

#[test]
fn scram_sha_256_as_in_rfc_7677() {
    let (_, two, verified) = scram(
        "SCRAM-SHA-256",
        credentials("user", "pencil", "rOprNGfwEbeRWgbNEkqO"),
        FIRST_256,
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    );
    assert!(
        two.ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
        "{two}"
    );
    assert_eq!(verified, Some(true));
}

#[test]
fn scram_sha_256_plus_is_bound_to_the_servers_certificate() {
    let binding = "017d90a0980ae8d6412a7d1e742073072e6c911802eecc0359db02a719f0a04e";
    let octet = |at| u8::from_str_radix(&binding[at..at + 2], 16).unwrap();
    let bound = Credentials {
        binding: Some((0..binding.len()).step_by(2).map(octet).collect()),
        ..credentials("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    };
    let last = "v=eTVuWq0WRDqqOxNOHvcE2v3OHfRYkPA6F8ueu4EscVg=";
    let (one, two, _) = scram("SCRAM-SHA-256-PLUS", bound, FIRST_256, last);
    assert!(one.starts_with("p=tls-server-end-point,,n=user,"), "{one}");
    assert!(two.starts_with(
        "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAX2QoJgK6NZBKn0edCBzBy5skRgC7swDWdsCpxnwoE4=,"
    ));
    assert!(
        two.ends_with(",p=QW3vCtQnIHY3VDEXn5MSC6V9225L4J5bCRWfmS/saNo="),
        "{two}"
    );
}

#[test]
fn a_client_that_could_bind_says_so() {
    let could = |is_plus_missing| Credentials {
        binding: Some(vec![1; 32]),
        is_plus_missing,
        ..credentials("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    };
    let last = "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U=";
    let (one, two, verified) = scram("SCRAM-SHA-256", could(true), FIRST_256, last);
    assert!(one.starts_with("y,,n=user,"), "{one}");
    assert!(two.starts_with("c=eSws,"), "{two}");
    assert!(
        two.ends_with(",p=FoqiHTtQEDE8lz1CdaEe3tK4mS+iMDTl77SPyDS53DY="),
        "{two}"
    );
    assert_eq!(verified, Some(true));
    let last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    let (one, _, _) = scram("SCRAM-SHA-256", could(false), FIRST_256, last);
    assert!(one.starts_with("n,,"), "{one}");
}

#[test]
fn what_can_not_be_said_is_not_said() {
    let refused = |mechanism: &str, user: &str, secret: &str| {
        exchange(mechanism, credentials(user, secret, "n"))
            .initial()
            .map(|_| ())
    };
    assert_eq!(
        refused("SCRAM-SHA-1-PLUS", "a", "b"),
        Err(SaslError::NoBinding)
    );
    for (mechanism, user, secret) in [
        ("PLAIN", "a\0b", "c"),
        ("PLAIN", "a", "b\0c"),
        ("XOAUTH2", "a\x01", "b"),
        ("OAUTHBEARER", "a", "\x01b"),
    ] {
        let error = refused(mechanism, user, secret).unwrap_err();
        assert!(matches!(error, SaslError::Separator(..)), "{mechanism}");
    }
}

#[test]
fn scram_escapes_names_and_refuses_what_a_server_may_not_say() {
    let begun = || {
        let mut scram = exchange("SCRAM-SHA-256", credentials("us=er,x", "pencil", "abc"));
        let first = decoded(&scram.initial().unwrap().unwrap());
        assert_eq!(first, "n,,n=us=3Der=2Cx,r=abc");
        scram
    };
    for odd in [
        "r=abc,s=AAAA,i=4096",
        "r=xbcdef,s=AAAA,i=4096",
        "m=x,r=abcdef,s=AAAA,i=1",
        "r=abcdef,s=!,i=1",
        "r=abcdef,s=AAAA,i=0",
        "r=abcdef,s=AAAA,i=+4096",
        "r=abcdef,s=AAAA,i=04096",
        "r=abcdef,s=AAAA,i=99999999999",
        "r=abcdef,s=AAAA",
        "",
    ] {
        let answer = begun().answer(STANDARD.encode(odd).as_bytes());
        assert!(matches!(answer, Err(SaslError::Scram(_))), "{odd}");
    }
    let last = |text: &str| {
        let mut scram = begun();
        scram
            .answer(STANDARD.encode("r=abcdef,s=AAAA,i=1").as_bytes())
            .unwrap();
        let answer = scram.answer(STANDARD.encode(text).as_bytes()).map(|_| ());
        assert_eq!(scram.is_verified(), Some(false));
        answer
    };
    assert_eq!(last("v=AAAA"), Err(SaslError::Impostor));
    assert_eq!(
        last("e=invalid-proof"),
        Err(SaslError::Told("invalid-proof".to_owned()))
    );
    assert!(matches!(last("hello"), Err(SaslError::Scram(_))));
    assert_eq!(
        begun().answer(b"!!!").map(|_| ()),
        Err(SaslError::NotBase64)
    );
}

#[test]
fn tokens_and_the_rest() {
    let google = initial(
        "XOAUTH2",
        "someuser@example.com",
        "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
    );
    assert_eq!(
        google,
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
    );
    let bearer = initial("OAUTHBEARER", "alice@example.org", "tok");
    assert_eq!(
        bearer,
        "bixhPWFsaWNlQGV4YW1wbGUub3JnLAFob3N0PXBvcC5leGFtcGxlLm9yZwFwb3J0PTk5NQFhdXRoPUJlYXJlciB0b2sBAQ=="
    );
    assert_eq!(initial("EXTERNAL", "", ""), "=");
    assert_eq!(
        initial("EXTERNAL", "fred@example.com", ""),
        "ZnJlZEBleGFtcGxlLmNvbQ=="
    );
    assert_eq!(initial("ANONYMOUS", "sirhc", ""), "c2lyaGM=");
    let mut refused = exchange("OAUTHBEARER", credentials("a", "t", "n"));
    refused.initial().unwrap();
    assert_eq!(
        *refused
            .answer(b"eyJzdGF0dXMiOiI0MDEifQ==")
            .unwrap()
            .text(false),
        "AQ=="
    );
    let mut refused = exchange("XOAUTH2", credentials("a", "t", "n"));
    refused.initial().unwrap();
    assert_eq!(*refused.answer(b"e30=").unwrap().text(false), "");
}

/// RFC 5034 §4: the most base64 that an initial response may have.
#[test]
fn a_name_with_signs_of_the_header_logs_in_by_a_token() {
    let name = "a=b,c=2C";
    let mut client = exchange("OAUTHBEARER", credentials(name, "tok", "n"));
    let known = server::AuthContext {
        users: vec![name.to_owned()],
        password: "tok".to_owned().into(),
        is_anonymous_allowed: false,
        certified: Vec::new(),
        binding: None,
        nonce: "n".to_owned(),
        host: "pop.example".to_owned(),
    };
    let mechanism = Mechanism::named("OAUTHBEARER").unwrap();
    let turn = client.initial().unwrap().unwrap();
    let verdict = server::Verifier::new(mechanism, known.clone()).begin(Some(&turn.response));
    let user = server::Identity::User(name.to_owned());
    assert_eq!(verdict, server::SaslVerdict::Right(user));
    let broken = b"n,a=a=b,\x01auth=Bearer tok\x01\x01";
    let verdict = server::Verifier::new(mechanism, known).begin(Some(broken));
    assert!(matches!(verdict, server::SaslVerdict::Broken(_)));
}

#[test]
fn the_room_for_an_initial_response() {
    for (mechanism, room) in [
        ("PLAIN", 240),
        ("OAUTHBEARER", 236),
        ("SCRAM-SHA-256", 232),
        ("SCRAM-SHA-256-PLUS", 228),
    ] {
        assert!(
            fits(mechanism, &"x".repeat(room)) && !fits(mechanism, &"x".repeat(room + 4)),
            "{mechanism}"
        );
    }
}

#[test]
fn the_strongest_that_is_offered_is_taken() {
    let strongest = |names: &[&str], has_binding| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Mechanism::offered(&names, has_binding)
            .next()
            .map(|row| row.name)
    };
    let all = [
        "LOGIN",
        "PLAIN",
        "scram-sha-1",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256-PLUS",
        "XOAUTH2",
    ];
    assert_eq!(strongest(&all, true), Some("SCRAM-SHA-256-PLUS"));
    assert_eq!(strongest(&all, false), Some("SCRAM-SHA-256"));
    assert_eq!(strongest(&["XOAUTH2", "EXTERNAL", "NTLM"], true), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_challenge_makes_us_panic_or_tell_the_secret(challenges in proptest::collection::vec(".{0,60}", 0..4), raw in any::<bool>()) {
        for row in MECHANISMS {
            let mut exchange = SaslExchange::new(row, credentials("alice", "Geheim-77", "nonce"));
            let mut turns: Vec<Turn> = exchange.initial().ok().flatten().into_iter().collect();
            for challenge in &challenges {
                let text = if raw { challenge.clone() } else { STANDARD.encode(challenge) };
                turns.extend(exchange.answer(text.as_bytes()).ok());
            }
            for turn in turns {
                let shown = format!("{turn:?}");
                prop_assert!(!shown.contains("Geheim-77") && !shown.contains("R2VoZWlt"), "{}", shown);
                let told = String::from_utf8_lossy(&turn.response).contains("Geheim-77");
                prop_assert!(row.is_plain || !told, "{}", row.name);
            }
        }
    }
}
