//! AUTH: each mechanism of our own client against our own server, and what goes wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::*;
use crate::pop3::sasl::{Credentials, MECHANISMS, Mechanism, SaslExchange, fits};

fn secured() -> Secured {
    Secured {
        end_point: Some(vec![9; 32]),
        client_names: vec!["alice".to_owned()],
    }
}

fn inside_tls(secured: Secured) -> Talk {
    let mut talk = Talk::new(&small());
    talk.say("STLS");
    talk.model.tls_started(secured);
    talk
}

fn credentials(user: &str, secret: &str) -> Credentials {
    Credentials {
        user: user.to_owned(),
        secret: Zeroizing::new(secret.as_bytes().to_vec()),
        host: "practice.example".to_owned(),
        port: 995,
        nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
        binding: Some(vec![9; 32]),
        is_plus_missing: false,
    }
}

/// Logs in as a client does; the last reply, and whether the server has proved itself.
fn log_in(
    talk: &mut Talk,
    mechanism: &str,
    credentials: Credentials,
    is_one_line: bool,
) -> (String, Option<bool>) {
    let mut exchange = SaslExchange::new(Mechanism::named(mechanism).unwrap(), credentials);
    let mut waiting = exchange.initial().unwrap();
    let mut line = format!("AUTH {mechanism}");
    if is_one_line && let Some(turn) = waiting.take() {
        line = format!("{line} {}", *turn.text(true));
        assert!(fits(mechanism, &turn.text(true)));
    }
    loop {
        let reply = talk.say(&line);
        let Some(challenge) = reply.strip_prefix("+ ") else {
            return (reply, exchange.is_verified());
        };
        let turn = match waiting.take() {
            Some(turn) => {
                assert_eq!(
                    challenge, "",
                    "an empty challenge asks for the first response"
                );
                turn
            }
            None => exchange.answer(challenge.as_bytes()).unwrap(),
        };
        line = turn.text(false).to_string();
    }
}

#[test]
fn each_mechanism_logs_in_by_one_line_and_by_two() {
    for row in MECHANISMS {
        for is_one_line in [true, false] {
            let mut talk = inside_tls(secured());
            let user = if row.name == "EXTERNAL" { "" } else { "alice" };
            let (reply, is_verified) = log_in(
                &mut talk,
                row.name,
                credentials(user, "wonderland"),
                is_one_line,
            );
            assert_eq!(reply, "+OK 3 messages (30 octets)", "{}", row.name);
            let is_scram = row.name.starts_with("SCRAM");
            assert_eq!(is_verified, is_scram.then_some(true), "{}", row.name);
            assert!(
                talk.say("AUTH PLAIN")
                    .starts_with("-ERR you are already logged in")
            );
        }
    }
}

#[test]
fn a_wrong_secret_name_or_binding_is_refused_with_the_code() {
    for row in MECHANISMS {
        let mut talk = inside_tls(secured());
        let wrong = [
            credentials("alice", "wrong"),
            credentials("bob", "wonderland"),
            Credentials {
                binding: Some(vec![8; 32]),
                ..credentials("alice", "wonderland")
            },
        ];
        for (index, wrong) in wrong.into_iter().enumerate() {
            let is_moot = match row.name {
                "ANONYMOUS" => true,
                "EXTERNAL" => index != 1,
                name => index == 2 && !name.ends_with("-PLUS"),
            };
            if is_moot {
                continue;
            }
            let (reply, is_verified) = log_in(&mut talk, row.name, wrong, false);
            assert_eq!(reply, "-ERR [AUTH] wrong name or password", "{}", row.name);
            assert_ne!(is_verified, Some(true));
        }
    }
}

#[test]
fn a_mechanism_with_a_binding_that_was_taken_from_the_list_is_noticed() {
    let robbed = Credentials {
        is_plus_missing: true,
        ..credentials("alice", "wonderland")
    };
    let (reply, _) = log_in(&mut inside_tls(secured()), "SCRAM-SHA-256", robbed, true);
    assert_eq!(
        reply,
        "-ERR not understood: a mechanism with -PLUS was announced, but removed on the way"
    );
    let honest = Credentials {
        is_plus_missing: true,
        ..credentials("alice", "wonderland")
    };
    let without = inside_tls(Secured::default());
    let (reply, _) = log_in(&mut { without }, "SCRAM-SHA-256", honest, true);
    assert!(reply.starts_with("+OK"), "{reply}");
}

#[test]
fn the_lines_of_a_person_who_types_them() {
    let mut talk = inside_tls(Secured::default());
    assert_eq!(
        talk.say("auth"),
        "+OK mechanisms follow\nSCRAM-SHA-256\nSCRAM-SHA-1\nCRAM-MD5\nPLAIN\nLOGIN\nOAUTHBEARER\nXOAUTH2\nANONYMOUS\n."
    );
    assert_eq!(talk.say("auth plain"), "+ ");
    assert_eq!(talk.say("*"), "-ERR cancelled");
    assert_eq!(talk.say("AUTH PLAIN"), "+ ");
    assert_eq!(talk.say("AGFsa WNl"), "-ERR this is not base64");
    assert_eq!(talk.say("AUTH PLAIN !"), "-ERR this is not base64");
    assert!(
        talk.say("AUTH PLAIN =")
            .starts_with("-ERR not understood: PLAIN is")
    );
    assert!(
        talk.say("AUTH CRAM-MD5 =")
            .starts_with("-ERR not understood: the server speaks first")
    );
    assert_eq!(
        talk.say("AUTH EXTERNAL ="),
        "-ERR no such mechanism; SASL in CAPA lists them"
    );
    assert_eq!(talk.say("auth login YWxpY2U="), "+ UGFzc3dvcmQ6");
    assert!(talk.say("d29uZGVybGFuZA==").starts_with("+OK 3 messages"));
}

#[test]
fn a_refused_token_gets_its_reason_first() {
    let mut talk = inside_tls(Secured::default());
    let reply = talk.say(&format!(
        "AUTH XOAUTH2 {}",
        STANDARD.encode("user=alice\x01auth=Bearer no\x01\x01")
    ));
    let reason = STANDARD.decode(reply.strip_prefix("+ ").unwrap()).unwrap();
    assert!(reason.starts_with(b"{\"status\":\"invalid_token\""));
    assert_eq!(talk.say(""), "-ERR [AUTH] wrong name or password");
}

#[test]
fn nobody_acts_for_another() {
    let mut talk = inside_tls(Secured::default());
    let line = STANDARD.encode("bob\0alice\0wonderland");
    assert!(
        talk.say(&format!("AUTH PLAIN {line}"))
            .starts_with("-ERR [AUTH]")
    );
    let line = STANDARD.encode("alice\0alice\0wonderland");
    assert!(talk.say(&format!("AUTH PLAIN {line}")).starts_with("+OK"));
}

#[test]
fn each_response_code_of_a_login_can_be_seen() {
    for (user, code) in [
        ("busy", "[IN-USE]"),
        ("hasty", "[LOGIN-DELAY]"),
        ("ill", "[SYS/TEMP]"),
        ("closed", "[SYS/PERM]"),
    ] {
        let mut talk = Talk::new(&small());
        talk.say(&format!("USER {user}"));
        let reply = talk.say("PASS wonderland");
        assert!(reply.starts_with(&format!("-ERR {code} ")), "{reply}");
        talk.say(&format!("USER {user}"));
        assert!(talk.say("PASS x").starts_with("-ERR [AUTH] "));
        let (reply, _) = log_in(
            &mut talk,
            "SCRAM-SHA-1",
            credentials(user, "wonderland"),
            true,
        );
        assert!(reply.starts_with(&format!("-ERR {code} ")), "{reply}");
    }
}

#[test]
fn an_account_of_ones_own_has_no_others_beside_it() {
    let account = Account {
        user: "bob".to_owned(),
        password: "x".to_owned(),
        is_practice: false,
    };
    let mut model = Model::new(
        small(),
        Arc::new(account),
        TlsOffer::Unavailable,
        TIMESTAMP.to_owned(),
        [7; 32],
    );
    model.push(b"AUTH ANONYMOUS =\r\nUSER busy\r\nPASS x\r\nCAPA\r\n");
    let mut out = vec![];
    while model.next(&mut out) == Next::Again {}
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("\r\n-ERR no such mechanism"), "{out}");
    assert!(out.contains("\r\n-ERR [AUTH] wrong"), "{out}");
    assert!(!out.contains("ANONYMOUS") && !out.contains("LOGIN-DELAY"));
}
