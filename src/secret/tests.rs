//! What is hidden, and what is not.

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
    shown(&hider.hide(Side::Client, Role::Command, line.as_bytes(), true, true))
}

fn response(hider: &mut Hider, line: &str) -> String {
    shown(&hider.hide(Side::Client, Role::Response, line.as_bytes(), true, true))
}

fn server(hider: &mut Hider, line: &str) -> String {
    shown(&hider.hide(Side::Server, Role::Status, line.as_bytes(), true, true))
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
        for behind in ["", "x", "xyz"] {
            let mut hider = Hider::new(false);
            client(&mut hider, "PASS geheim99");
            let encoded = STANDARD.encode(format!("{before}geheim99{behind}"));
            let told = server(&mut hider, &format!("-ERR got {encoded} from you"));
            assert_eq!(
                told, "-ERR got {{password}} from you",
                "{before:?} {behind:?}"
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
    let first = hider.hide(Side::Client, Role::Command, b"PASS aaaa", true, true);
    let next = hider.hide(Side::Client, Role::Command, b"aaaabbbb", false, true);
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
