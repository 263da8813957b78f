//! What is hidden, and what is not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn shown(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Octets(octets) => String::from_utf8_lossy(octets).into_owned(),
            Piece::Hole(hole) => format!("{{{{{}}}}}", hole.name()),
        })
        .collect()
}

fn client(hider: &mut Hider, line: &str) -> String {
    shown(&hider.hide(Side::Client, Role::Command, line.as_bytes(), true))
}

fn response(hider: &mut Hider, line: &str) -> String {
    shown(&hider.hide(Side::Client, Role::Response, line.as_bytes(), true))
}

fn server(hider: &mut Hider, line: &str) -> String {
    shown(&hider.hide(Side::Server, Role::Status, line.as_bytes(), true))
}

#[test]
fn the_place_of_a_secret_is_in_the_table() {
    for (line, want) in [
        ("PASS secret word", "PASS {{password}}"),
        ("pass  two blanks", "pass {{password}}"),
        (" PASS x", " PASS {{password}}"),
        ("PASS", "PASS"),
        ("PASS ", "PASS "),
        (
            "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            "APOP mrose {{digest}}",
        ),
        ("APOP mrose", "APOP mrose"),
        ("AUTH PLAIN AHRpbQB0YW5z", "AUTH PLAIN {{response}}"),
        ("AUTH EXTERNAL =", "AUTH EXTERNAL ="),
        ("AUTH PLAIN", "AUTH PLAIN"),
        ("USER alice", "USER alice"),
        ("XFOO bar", "XFOO bar"),
    ] {
        assert_eq!(client(&mut Hider::new(false), line), want, "{line}");
    }
}

#[test]
fn a_misspelt_verb_hides_too_before_the_login() {
    for (line, want) in [
        ("PAS secret", "PAS {{password}}"),
        ("PSAS secret", "PSAS {{password}}"),
        ("PASSS secret", "PASS{{password}}"),
        ("PASSsecret", "PASS{{password}}"),
        ("paß secret", "paß {{password}}"),
        ("APO alice c4c9334b", "APO alice {{digest}}"),
        ("ATUH PLAIN AHRpbQB0", "ATUH PLAIN {{response}}"),
        ("RPOP alice c4c9334b", "RPOP alice {{digest}}"),
        ("RPOP alice", "RPOP alice"),
        ("LIST 1", "LIST 1"),
        ("HELO there", "HELO there"),
    ] {
        assert_eq!(client(&mut Hider::new(false), line), want, "{line}");
        assert!(
            place(line.as_bytes(), Role::Command, false).is_none(),
            "{line} is only guessed"
        );
    }
}

#[test]
fn another_blank_or_a_sign_ends_a_verb_too() {
    for (line, want) in [
        ("pass:geheim99", "pass:{{password}}"),
        ("pass: geheim99", "pass:{{password}}"),
        ("Password=geheim99", "Password={{password}}"),
        ("pwd:geheim99", "pwd:{{password}}"),
        ("pass\u{a0}geheim99", "pass\u{a0}{{password}}"),
        ("pas\u{a0}geheim99", "pas\u{a0}{{password}}"),
        ("pass\u{200b}geheim99\u{a0}", "pass\u{200b}{{password}}"),
        ("user bob\u{a0}geheim99", "user bob\u{a0}{{password}}"),
        (
            "AUTH\u{a0}XFOO\u{a0}geheim99",
            "AUTH\u{a0}XFOO\u{a0}{{response}}",
        ),
    ] {
        let mut hider = Hider::new(false);
        assert_eq!(client(&mut hider, line), want, "{line}");
        let told = server(&mut hider, "-ERR what is geheim99?");
        let is_hidden = told.contains("{{") && !told.contains("geheim99");
        assert!(is_hidden, "{line}: {told}");
    }
    for line in ["xfoo:bar", "user:alice", "stat\u{a0}", "Host: x"] {
        assert_eq!(client(&mut Hider::new(false), line), line);
    }
    // That of ISO 8859 is no UTF-8.
    let mut hider = Hider::new(false);
    let line = hider.hide(Side::Client, Role::Command, b"pas\xa0geheim99", true);
    assert_eq!(line.first(), Some(&Piece::Octets(b"pas\xa0".to_vec())));
    assert_eq!(server(&mut hider, "-ERR geheim99"), "-ERR {{password}}");
}

#[test]
fn a_short_word_is_no_secret_inside_a_longer_one() {
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS capa");
    let said = "+OK Capability list follows, escapade";
    assert_eq!(server(&mut hider, said), said);
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS bert");
    for (said, want) in [
        ("-ERR Robert, bertram", "-ERR Robert, bertram"),
        ("-ERR Bert", "-ERR {{password}}"),
        ("-ERR 'bert1'", "-ERR '{{password}}1'"),
        ("-ERR you said PASSbert", "-ERR you said PASS{{password}}"),
        (
            "-ERR x_bert-y: berté",
            "-ERR x_{{password}}-y: {{password}}é",
        ),
        ("-ERR Um9iZXJ0", "-ERR {{password}}"),
    ] {
        assert_eq!(server(&mut hider, said), want, "{said}");
    }
    // In parts: the next one says whether the word goes on.
    assert_eq!(hider.unsure_tail(b"-ERR my bert"), 4);
    assert_eq!(hider.unsure_tail(b"-ERR my bertra"), 0);
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS geheimnis");
    assert_eq!(
        server(&mut hider, "-ERR Geheimnisse"),
        "-ERR {{password}}se"
    );
}

#[test]
fn what_was_hidden_stays_hidden_when_it_comes_back() {
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS geheim99");
    assert_eq!(
        server(&mut hider, "-ERR bad password geheim99!"),
        "-ERR bad password {{password}}!"
    );
    assert_eq!(
        server(&mut hider, "-ERR unknown: PASS GEHEIM99"),
        "-ERR unknown: PASS {{password}}"
    );
    assert_eq!(client(&mut hider, "XECHO geheim99"), "XECHO {{password}}");
    assert_eq!(server(&mut hider, "+OK nothing here"), "+OK nothing here");
}

#[test]
fn it_is_found_in_base64_at_every_place() {
    for before in ["", "a", "ab", "abc", "\0alice\0"] {
        for after in ["", "x", "xyz"] {
            let mut hider = Hider::new(false);
            client(&mut hider, "PASS geheim99");
            let encoded = STANDARD.encode(format!("{before}geheim99{after}"));
            let told = server(&mut hider, &format!("-ERR got {encoded} from you"));
            assert_eq!(
                told, "-ERR got {{password}} from you",
                "{before:?} {after:?}"
            );
        }
    }
}

#[test]
fn it_is_found_in_percent_encoding() {
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS 50% geheim/99");
    for told in [
        "50%25%20geheim%2F99",
        "50% %67EHEIM%2f99",
        "%35%30% geheim/99",
    ] {
        let told = server(&mut hider, &format!("-ERR 100% of {told}%2"));
        assert_eq!(told, "-ERR 100% of {{password}}%2");
    }
    let encoded = STANDARD
        .encode("\0alice\x0050% geheim/99")
        .replace('=', "%3D");
    let told = server(&mut hider, &format!("-ERR ?login={encoded}&x"));
    assert_eq!(told, "-ERR ?login={{password}}&x");
}

#[test]
fn a_sasl_response_hides_itself_and_what_it_carries() {
    let mut hider = Hider::new(false);
    client(&mut hider, "AUTH PLAIN");
    assert_eq!(
        response(&mut hider, &STANDARD.encode("\0alice\0geheim99")),
        "{{response}}"
    );
    assert_eq!(
        server(&mut hider, "-ERR alice, not geheim99"),
        "-ERR alice, not {{response}}"
    );
    assert_eq!(response(&mut hider, "*"), "*");
    assert_eq!(response(&mut hider, ""), "");
}

#[test]
fn the_name_in_auth_login_is_no_secret() {
    let mut hider = Hider::new(false);
    client(&mut hider, "AUTH LOGIN");
    response(&mut hider, &STANDARD.encode("alice"));
    response(&mut hider, &STANDARD.encode("geheim99"));
    assert_eq!(
        server(&mut hider, "+OK alice with geheim99"),
        "+OK alice with {{response}}"
    );
}

#[test]
fn an_apop_digest_that_comes_back_is_hidden() {
    let mut hider = Hider::new(false);
    client(&mut hider, "APOP alice c4c9334bac560ecc979e58001b3e22fb");
    let told = server(&mut hider, "-ERR c4c9334bac560ecc979e58001b3e22fb is wrong");
    assert_eq!(told, "-ERR {{digest}} is wrong");
}

#[test]
fn a_secret_of_three_octets_is_hidden_where_it_stands() {
    let mut hider = Hider::new(false);
    assert_eq!(client(&mut hider, "PASS abc"), "PASS {{password}}");
    assert!(hider.take_short() && !hider.take_short());
    assert_eq!(server(&mut hider, "+OK abc"), "+OK abc");
}

#[test]
fn a_long_secret_is_one_hole_however_many_parts_it_comes_in() {
    let mut hider = Hider::new(false);
    let first = hider.hide(Side::Client, Role::Command, b"PASS aaaa", true);
    let next = hider.hide(Side::Client, Role::Command, b"aaaabbbb", false);
    assert_eq!(
        (shown(&first).as_str(), next.len()),
        ("PASS {{password}}", 0)
    );
    assert_eq!(client(&mut hider, "STAT"), "STAT");
}

#[test]
fn the_start_of_a_secret_at_the_end_of_a_part_must_wait() {
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS geheim99");
    assert_eq!(hider.unsure_tail(b"-ERR gehe"), 4);
    assert_eq!(hider.unsure_tail(b"-ERR GEH"), 3);
    assert_eq!(hider.unsure_tail(b"-ERR no"), 0);
    for tail in ["%67", "%67E%6", "ge%68%", "%"] {
        let part = format!("-ERR {tail}");
        assert_eq!(hider.unsure_tail(part.as_bytes()), tail.len(), "{tail}");
    }
    assert_eq!(Hider::new(false).unsure_tail(b"100%"), 0);
}

#[test]
fn keeping_secrets_keeps_them() {
    let mut hider = Hider::new(true);
    assert_eq!(client(&mut hider, "PASS geheim99"), "PASS geheim99");
    assert_eq!(server(&mut hider, "+OK geheim99"), "+OK geheim99");
}

#[test]
fn debugging_shows_no_secret() {
    let mut hider = Hider::new(false);
    client(&mut hider, "PASS geheim99");
    assert!(!format!("{hider:?}").contains("geheim99"));
}

/// What is shown of a session in which `password` follows `name`, and of what the server says then.
fn session(name: &str, password: &str, said: &str) -> Vec<String> {
    let mut hider = Hider::new(false);
    vec![
        client(&mut hider, &format!("USER {name}")),
        client(&mut hider, &format!("PASS {password}")),
        server(&mut hider, said),
        client(&mut hider, &format!("XFOO {said}")),
    ]
}

/// Names, and passwords that are the name, a part of it, or have it inside.
const ALIKE: [(&str, &str); 7] = [
    ("alice", "alice"),
    ("alice@example.org", "alice"),
    ("alice@example.org", "ALICE@example.org"),
    ("alice@example.org", "example"),
    ("bob.smith@example.org", "bob.smith"),
    ("malicent", "alice"),
    ("alice", "alice1"),
];

#[test]
fn a_password_that_is_in_the_name_is_shown_as_any_other_one() {
    for (name, password) in ALIKE {
        let other = "Zq7unlike";
        let local = name.split('@').next().unwrap();
        let encoded = STANDARD.encode(name);
        for said in [
            format!("+OK mailbox \"{name}\" has 2 messages"),
            format!("+OK {local}'s mailbox"),
            format!("-ERR you said USER {name}."),
            format!("+OK {}", name.replace('@', "%40")),
            format!("-ERR 100% of {name}, {encoded} and ?u={encoded}&x"),
            format!("-ERR /var/mail/{local}: locked"),
        ] {
            let shown = session(name, password, &said);
            assert_eq!(shown, session(name, other, &said), "{name}, {password}");
            assert!(shown[2].contains(said.as_str()), "{shown:?}");
        }
        // What repeats the password is hidden as any other one is.
        for said in [
            "-ERR you said PASS {}",
            "-ERR wrong password: '{}'",
            "-ERR the password is {}.",
            "-ERR user=x pass={}&y",
            "-ERR %50ASS {}",
        ] {
            let shown = session(name, password, &said.replace("{}", password));
            let want = session(name, other, &said.replace("{}", other));
            assert_eq!(shown, want, "{name}, {password}");
            assert!(shown[2].contains("{{password}}"), "{shown:?}");
        }
        let plain = |password| STANDARD.encode(format!("\0{name}\0{password}"));
        let shown = session(name, password, &format!("-ERR got {}", plain(password)));
        let want = session(name, other, &format!("-ERR got {}", plain(other)));
        assert_eq!(shown, want, "{name}, {password}");
    }
}

#[test]
fn a_password_known_before_the_name_does_not_show_in_it() {
    for (name, password) in ALIKE {
        let mut hider = Hider::new(false);
        hider.remember("password", password.as_bytes());
        let line = format!("USER {name}");
        assert_eq!(client(&mut hider, &line), line, "{password}");
        let line = format!("+OK {name}");
        assert_eq!(server(&mut hider, &line), line, "{password}");
    }
    // The verb says what the line is.
    let mut hider = Hider::new(false);
    hider.remember("password", b"user");
    assert_eq!(client(&mut hider, "USER bob"), "USER bob");
}

#[test]
fn a_name_in_a_sasl_response_counts_for_its_own_exchange() {
    let mut hider = Hider::new(false);
    client(&mut hider, "AUTH PLAIN");
    response(&mut hider, &STANDARD.encode("\0alice@example.org\0alice"));
    let said = "+OK alice@example.org logged in";
    assert_eq!(server(&mut hider, said), said);
    // A password that was typed in the place of the name stays one.
    let mut hider = Hider::new(false);
    client(&mut hider, "AUTH LOGIN");
    response(&mut hider, &STANDARD.encode("geheim99"));
    response(&mut hider, &STANDARD.encode("geheim99x"));
    client(&mut hider, "AUTH LOGIN");
    response(&mut hider, &STANDARD.encode("alice"));
    response(&mut hider, &STANDARD.encode("geheim99"));
    assert_eq!(server(&mut hider, "-ERR geheim99"), "-ERR {{response}}");
}

#[test]
fn the_shape_of_a_secret_is_judged_before_it_is_hidden() {
    for (line, want) in [
        (
            "APOP System.Text.UTF8Encoding alice@example.com",
            "malformed digest: not 32 hexadecimal digits",
        ),
        (
            "APOP a C4C9334BAC560ECC979E58001B3E22FB",
            "malformed digest: not in lower case",
        ),
        ("AUTH PLAIN !!!!", "malformed initial response: not base64"),
        ("PASS grüße", "malformed password: not ASCII"),
        ("PASS  x ", "malformed password: a space before or after it"),
        ("PASS a\tb", "malformed password: control octets"),
        ("APOP a c4c9334bac560ecc979e58001b3e22fb", ""),
        ("AUTH PLAIN AHRpbQB0YW5z", ""),
        ("PASS two words", ""),
        // What was meant is a guess.
        ("APO alice alice", ""),
    ] {
        let mut hider = Hider::new(false);
        client(&mut hider, line);
        let events: Vec<_> = hider
            .take_malformed()
            .iter()
            .map(|one| one.words())
            .collect();
        assert_eq!(events.join(", "), want, "{line}");
        assert!(hider.take_malformed().is_empty());
    }
    let mut hider = Hider::new(false);
    client(&mut hider, "AUTH LOGIN");
    response(&mut hider, "alice");
    assert_eq!(hider.take_malformed().len(), 1);
    let mut hider = Hider::new(true);
    client(&mut hider, "APOP a b");
    assert!(hider.take_malformed().is_empty());
}

#[test]
fn the_rest_of_a_line_that_was_cut_is_hidden_where_it_is_said_to_be_the_password() {
    let rest = |before: &str, rest: &str| {
        let mut hider = Hider::new(false);
        client(&mut hider, "USER alice@example.org");
        client(&mut hider, "PASS alice");
        client(&mut hider, "PASS geheim99");
        server(&mut hider, "+OK");
        hider.hide(Side::Server, Role::Status, before.as_bytes(), false);
        shown(&hider.hide_rest(rest.as_bytes()))
    };
    assert_eq!(rest("-ERR you said PASS ", "alice"), "{{password}}");
    assert_eq!(rest("-ERR you said PASS ", "alic"), "{{secret}}");
    assert_eq!(rest("+OK mailbox of ", "alice"), "alice");
    assert_eq!(rest("+OK mailbox of ", "alic"), "alic");
    assert_eq!(rest("+OK ", "gehei"), "{{secret}}");
    assert_eq!(rest("+OK ", "geh"), "geh");
}
