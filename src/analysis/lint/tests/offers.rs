//! What a server offers for a login, with and without CAPA, and what it makes of a line that ends
//! with LF alone.

use super::super::is_about_client;
use super::*;

const CLEAR: &str = "* connected 192.0.2.1:110\nS: +OK ready\n";
const TLS: &str = "* connected 192.0.2.1:995\n* tls TLSv1.3 TLS_AES_256_GCM_SHA384 verified CN=mail.example.org\n";
const LOGIN: &str = "C: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n";

/// The rules about servers that these rows break, in alphabetical order.
fn found(text: &str) -> Vec<&'static str> {
    let found = judged(text.as_bytes()).into_iter();
    let found = found.filter(|one| rule(one.id).is_some_and(|rule| !is_about_client(rule)));
    let mut ids: Vec<&str> = found.map(|one| one.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn without_capa_the_reply_to_user_shows_a_login_without_tls() {
    let no_capa = format!("{CLEAR}C: CAPA\nS: -ERR unknown command\n");
    let user = "C: USER alice\nS: +OK\n";
    assert_eq!(
        found(&format!("{no_capa}{user}")),
        ["capa-unsupported", "plaintext-auth-offered"]
    );
    // On this machine nobody listens in, and inside TLS nobody can.
    let here = no_capa.replace("192.0.2.1", "127.0.0.1");
    assert_eq!(found(&format!("{here}{user}")), ["capa-unsupported"]);
    let tls = format!("{TLS}S: +OK\nC: CAPA\nS: -ERR unknown command\n{user}");
    assert_eq!(found(&tls), ["capa-unsupported"]);
    // Who did not ask does not know.
    assert!(found(&format!("{CLEAR}{user}")).is_empty());
    let stls = format!("{no_capa}C: STLS\nS: -ERR unknown command\n");
    assert_eq!(found(&stls), ["capa-unsupported", "no-tls-offered"]);
    let code = format!("{no_capa}C: STLS\nS: -ERR [SYS/TEMP] no TLS now\n");
    assert!(!found(&code).contains(&"no-tls-offered"));
}

#[test]
fn a_server_without_a_login_is_not_one_that_refuses_a_name() {
    let capa = "C: CAPA\nS: +OK\nS: TOP\nS: .\n";
    let shut = |greeting: &str, capa: &str, rows: &str| {
        let text = format!("{TLS}S: {greeting}\n{capa}{rows}");
        found(&text).contains(&"no-login-offered")
    };
    let user = "C: USER alice\nS: -ERR Unknown command.\n";
    assert!(shut("+OK ready", capa, user));
    for (greeting, capa, rows) in [
        // It may be the name.
        ("+OK ready", capa, "C: USER alice\nS: -ERR no such user\n"),
        (
            "+OK ready",
            capa,
            "C: USER alice\nS: -ERR [AUTH] unknown command\n",
        ),
        // There are other ways.
        ("+OK <1.2@x.example>", capa, user),
        ("+OK ready", "C: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\n", user),
        ("+OK ready", "C: CAPA\nS: +OK\nS: USER\nS: .\n", user),
        (
            "+OK ready",
            &format!("{capa}C: AUTH\nS: +OK\nS: PLAIN\nS: .\n"),
            user,
        ),
        // What there is, nobody has asked.
        ("+OK ready", "", user),
        ("+OK ready", capa, &format!("C: USER alice\nS: +OK\n{user}")),
    ] {
        assert!(!shut(greeting, capa, rows), "{greeting} {capa} {rows}");
    }
    let apop = format!("{user}C: APOP alice {{{{digest}}}}\nS: -ERR unknown command\n");
    assert!(shut("+OK <1.2@x.example>", capa, &apop));
    let tried = format!("{user}C: APOP alice {{{{digest}}}}\nS: -ERR wrong digest\n");
    assert!(!shut("+OK <1.2@x.example>", capa, &tried));
    // Without TLS the server may want STLS first.
    let stls = format!("{CLEAR}C: CAPA\nS: +OK\nS: STLS\nS: .\n{user}");
    assert!(found(&stls).is_empty());
}

#[test]
fn mechanisms_that_auth_alone_lists_belong_into_capa() {
    let auth = "C: AUTH\nS: +OK\nS: PLAIN\nS: CRAM-MD5\nS: .\n";
    let of = |capa: &str| found(&format!("{TLS}S: +OK\nC: CAPA\nS: +OK\n{capa}S: .\n{auth}"));
    assert_eq!(of("S: TOP\n"), ["capa-hides-working"]);
    assert_eq!(of("S: SASL PLAIN\n"), ["capa-hides-working"]);
    assert!(of("S: SASL CRAM-MD5 PLAIN\n").is_empty());
    assert!(found(&format!("{TLS}S: +OK\n{auth}")).is_empty());
}

#[test]
fn a_line_that_waits_for_its_cr_takes_the_next_one_with_it() {
    let start = format!("{TLS}S: +OK ready\n{LOGIN}");
    let silent = format!("{start}C: CAPA\\n\n* timeout after 30 s\n");
    assert_eq!(found(&silent), ["lf-command-unanswered"]);
    let both = format!("{silent}C: QUIT\nS: -ERR unknown command CAPA QUIT\n* closed by client\n");
    assert_eq!(found(&both), ["lf-command-unanswered"]);
    let unknown = format!("{start}C: XFOO\\n\n* timeout after 30 s\n");
    assert_eq!(found(&unknown), ["lf-command-unanswered"]);
    let closes = format!("{start}C: NOOP\\n\n* closed by server before a reply\n");
    assert_eq!(found(&closes), ["lf-command-unanswered"]);
    let taken = format!("{start}C: NOOP\\n\nS: +OK\n");
    assert_eq!(found(&taken), ["lf-command-taken"]);
}

#[test]
fn a_command_with_an_octet_0_may_be_lost() {
    let start = format!("{TLS}S: +OK ready\n");
    let silent = format!("{start}C: XFOO a\\0b\n* timeout after 30 s\n");
    assert_eq!(found(&silent), ["nul-command-unanswered"]);
    let next = format!("{silent}C: CAPA\nS: -ERR unknown command bCAPA\n* closed by client\n");
    assert_eq!(found(&next), ["nul-command-unanswered"]);
    let closes = format!("{start}C: XFOO a\\0b\n* closed by server before a reply\n");
    assert_eq!(found(&closes), ["nul-command-unanswered"]);
    assert!(found(&format!("{start}C: XFOO a\\0b\nS: -ERR unknown command\n")).is_empty());
}

#[test]
fn last_follows_retr_until_rset() {
    let start = format!("{TLS}S: +OK ready\n{LOGIN}");
    let retr = "C: RETR 2\nS: +OK\nS: Subject: x\nS:\nS: y\nS: .\n";
    let last = |number: u32| format!("C: LAST\nS: +OK {number}\n");
    assert_eq!(
        found(&format!("{start}{retr}{}", last(0))),
        ["last-disagrees", "last-works"]
    );
    // It may be higher from a session before.
    assert_eq!(found(&format!("{start}{retr}{}", last(7))), ["last-works"]);
    let reset = format!("{start}{retr}C: RSET\nS: +OK\n{}", last(0));
    assert_eq!(found(&reset), ["last-works"]);
    assert!(found(&format!("{start}{retr}C: LAST\nS: -ERR unknown command\n")).is_empty());
}

#[test]
fn top_of_all_lines_is_compared_with_retr() {
    let start = format!("{TLS}S: +OK ready\n{LOGIN}");
    let of = |retr: &str, top: &str| {
        let rows = |command: &str, body: &str| {
            format!("C: {command}\nS: +OK\nS: Subject: x\nS:\n{body}S: .\n")
        };
        found(&format!(
            "{start}{}{}",
            rows("RETR 1", retr),
            rows("TOP 1 99", top)
        ))
    };
    let (one, dots, more) = ("S: one\n", "S: ..a\nS: ..b\n", "S: ...a\nS: ...b\n");
    assert!(of(one, one).is_empty() && of(dots, dots).is_empty() && of(more, more).is_empty());
    assert_eq!(of(more, dots), ["double-stuffed"]);
    assert_eq!(of(dots, more), ["double-stuffed"]);
    assert_eq!(of(one, "S: one and more\n"), ["top-differs-from-retr"]);
    // Only one of two dots is doubled again: that is another message.
    assert_eq!(
        of("S: ...a\nS: ..b\nS: ...c\n", "S: ..a\nS: ..b\nS: ...c\n"),
        ["top-differs-from-retr"]
    );
    assert_eq!(of(one, "S: one\nS:\n"), ["extra-blank-line-before-end"]);
    assert_eq!(of("S: one\nS:\n", one), ["extra-blank-line-before-end"]);
    // Without stuffing the octets say nothing.
    assert_eq!(of(dots, "S: .a\nS: .b\n"), ["top-unstuffed"]);
}

#[test]
fn auth_alone_has_a_place() {
    let late = format!("{TLS}S: +OK ready\n{LOGIN}C: AUTH\nS: +OK\nS: PLAIN\nS: .\n");
    assert_eq!(found(&late), ["wrong-state-accepted"]);
    let refused = format!("{TLS}S: +OK ready\n{LOGIN}C: AUTH\nS: -ERR not now\n");
    assert!(found(&refused).is_empty());
    let early = format!("{TLS}S: +OK ready\nC: AUTH\nS: -ERR which?\n");
    assert_eq!(found(&early), ["sasl-probe-unsupported"]);
}
