//! What looks like a fault of the server's and is none: the rule must stay silent, and say so where
//! it is one.

use super::judged;

fn has(text: &str, id: &str) -> bool {
    judged(text.as_bytes()).iter().any(|one| one.id == id)
}

const LONG: &str = "USER xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[test]
fn a_list_without_end_is_judged_by_its_first_words() {
    let list = |before: usize| {
        let rows: String = (0..before).map(|row| format!("S: XA{row}\n")).collect();
        format!("S: +OK\nC: CAPA\nS: +OK\n{rows}S: PIPELININ\nS: OTHER\nS: .\n")
    };
    for id in ["capa-misspelled-tag", "capa-unregistered-tag"] {
        assert!(has(&list(900), id) && !has(&list(1000), id), "{id}");
    }
}

#[test]
fn who_leaves_was_not_kept_waiting() {
    let start = "* connected 192.0.2.1:110\n";
    let of = |end: &str| has(&format!("{start}{end}"), "no-greeting");
    assert!(!of("* closed by client\n"));
    assert!(of("* timeout after 15 s\n* closed by client\n"));
    assert!(of("* closed by server\n") && of("* connection lost: reset\n"));
}

/// A mail about POP3 may end with a line like a reply: its size in the listing shows that it is
/// whole.
#[test]
fn a_message_whose_size_is_right_may_end_with_err() {
    let of = |listed: &str| {
        let text = format!(
            "S: +OK\nC: USER a\nS: +OK\nC: PASS {{{{password}}}}\nS: +OK\n{listed}C: RETR 1\nS: +OK\nS: Subject: log\nS:\nS: -ERR fail x\nS: .\n"
        );
        has(&text, "err-after-ok")
    };
    assert!(!of("C: LIST\nS: +OK\nS: 1 29\nS: .\n") && !of("C: LIST 1\nS: +OK 1 29\n"));
    assert!(!of("C: STAT\nS: +OK 1 29\n") && of("C: STAT\nS: +OK 2 29\n"));
    assert!(of("") && of("C: LIST\nS: +OK\nS: 1 30\nS: .\n"));
}

#[test]
fn a_long_name_may_be_refused_for_what_it_is() {
    let of = |before: &str, reply: &str| {
        let text =
            format!("S: +OK\nC: CAPA\nS: +OK\nS: TOP\nS: .\n{before}C: {LONG}\nS: {reply}\n");
        has(&text, "command-255-rejected")
    };
    let nobody = "C: USER poptalk-no-such-user\nS: +OK\n";
    let (once, twice) = (nobody.to_owned(), nobody.repeat(2));
    assert!(!of("", "-ERR no mailbox for that user") && !of("", "-ERR [AUTH] invalid user"));
    assert!(!of(&once.replace("+OK", "-ERR"), "-ERR no"));
    // The server may take one USER only.
    assert!(!of(&once, "-ERR no") && of(&twice, "-ERR no"));
    assert!(of("", "-ERR line too long") && !of("", "-ERR no"));
}

#[test]
fn a_server_that_hangs_up_behind_a_failed_login_owes_nothing() {
    let of = |reply: &str| {
        let text = format!(
            "S: +OK\nC: USER a\nS: +OK\nC: PASS {{{{password}}}}\nS: {reply}\nC: QUIT\n* closed by server before a reply\n"
        );
        has(&text, "quit-no-reply")
    };
    assert!(of("+OK") && !of("-ERR no"));
}

#[test]
fn what_is_refused_before_the_login_is_not_refused_for_its_numbers() {
    let login = "S: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\n";
    let few = "C: TOP 1 0\nS: +OK\nS: Subject: x\nS:\nS: .\n";
    let top = "C: TOP 1 99999999\nS: -ERR no\n";
    let id = "top-huge-n-fails";
    assert!(has(&format!("{login}S: +OK\n{few}{top}"), id));
    assert!(!has(&format!("{login}S: +OK\n{top}"), id));
    assert!(!has(&format!("{login}S: -ERR no\n{top}"), id));
}

#[test]
fn a_password_behind_a_refused_name_is_out_of_place() {
    let of = |user: &str| {
        let text = format!(
            "S: +OK\nC: CAPA\nS: +OK\nS: AUTH-RESP-CODE\nS: .\nC: USER a\nS: {user}\nC: PASS {{{{password}}}}\nS: -ERR send USER first\n"
        );
        has(&text, "resp-code-auth-missing")
    };
    assert!(of("+OK") && !of("-ERR [AUTH] no such user"));
}

#[test]
fn copies_may_share_a_unique_id() {
    let login = "S: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
    let list = |size: u32| format!("C: LIST\nS: +OK\nS: 1 10\nS: 2 {size}\nS: .\n");
    let unique = "C: UIDL\nS: +OK\nS: 1 a\nS: 2 a\nS: .\n";
    let fetch = |one: &str, two: &str| {
        format!(
            "C: RETR 1\nS: +OK\nS: Subject: {one}\nS:\nS: .\nC: RETR 2\nS: +OK\nS: Subject: {two}\nS:\nS: .\n"
        )
    };
    let id = "uidl-shared-by-different";
    for same in [
        format!("{login}{unique}"),
        format!("{login}{}{unique}{}", list(10), fetch("x", "x")),
    ] {
        assert!(!has(&same, id) && has(&same, "uidl-duplicate"), "{same}");
    }
    for other in [
        format!("{login}{}{unique}", list(11)),
        format!("{login}{unique}{}", list(11)),
        format!("{login}{unique}{}", fetch("x", "y")),
    ] {
        assert!(has(&other, id), "{other}");
    }
}

#[test]
fn each_reason_against_a_certificate_is_told() {
    let of = |why: &str| {
        let text = format!(
            "* connected 192.0.2.1:995\n* tls TLSv1.3 TLS_AES_256_GCM_SHA384 unverified ({why}) CN=not for (signed by itself) \nS: +OK\n"
        );
        let found = judged(text.as_bytes());
        let ids = found.iter().map(|one| one.id);
        ids.filter(|id| id.starts_with("tls-")).collect::<Vec<_>>()
    };
    let name = "the server's certificate is not for the name `a.example`";
    let own = "the server's certificate is self-signed";
    assert_eq!(of(name), ["tls-cert-name-mismatch"]);
    assert_eq!(of(own), ["tls-cert-untrusted"]);
    let both = of(&format!("{name}; {own}"));
    assert_eq!(both, ["tls-cert-name-mismatch", "tls-cert-untrusted"]);
    // Seen: INetSim. Each of the two says what it is about, and no more.
    let text = format!(
        "* connected 192.0.2.1:995\n* tls TLSv1.3 X unverified ({name}; {own}) CN=x\nS: +OK\n"
    );
    let found = judged(text.as_bytes());
    let messages = found.iter().filter(|one| one.id.starts_with("tls-cert-"));
    let messages: Vec<&str> = messages.map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [name, own].map(|why| format!("tls TLSv1.3 X unverified ({why}) CN=x"))
    );
    let old = "the server's certificate has expired; the server's certificate is self-signed";
    assert_eq!(of(old), ["tls-cert-expired", "tls-cert-untrusted"]);
}
