//! What stands behind a fault is not found as another one.

use super::*;

const TLS: &str = "* connected 192.0.2.1:995\n* tls TLSv1.3 TLS_AES_256_GCM_SHA384 verified CN=mail.example.org\n";
const LOGIN: &str = "C: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
const CAPA: &str = "C: CAPA\nS: +OK\nS: TOP\nS: UIDL\nS: USER\nS: PIPELINING\nS: .\n";

/// The rules that these rows break inside TLS, in alphabetical order.
fn found(rows: &str) -> Vec<&'static str> {
    ids(&format!("{TLS}{rows}"))
}

/// The same of rows behind a greeting and a login.
fn found_after_login(rows: &str) -> Vec<&'static str> {
    found(&format!("S: +OK ready\n{LOGIN}{rows}"))
}

fn ids(text: &str) -> Vec<&'static str> {
    let mut ids: Vec<&str> = judged(text.as_bytes()).iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_server_that_refuses_in_its_greeting_owes_no_replies() {
    for line in ["CAPA", "XFOO", "NOOP x", "QUIT", "STAT"] {
        for end in [
            "* closed by server before a reply\n",
            "* connection lost: reset\n",
        ] {
            let rows = format!("S: -ERR too many connections\nC: {line}\n{end}");
            assert_eq!(found(&rows), ["greeting-err"], "{line}");
        }
    }
    let refused = "S: -ERR too many connections\nC: XFOO\nS: -ERR busy\n* closed by server\n";
    assert_eq!(found(refused), ["greeting-err"]);
}

#[test]
fn a_record_of_tls_is_no_greeting_either() {
    for line in ["CAPA", "XFOO"] {
        let rows = format!(
            "* connected 192.0.2.1:110\nS: \\x15\\x03\\x03\\0\\x02\\x02\\n\nC: {line}\n* closed by server before a reply\n"
        );
        assert_eq!(ids(&rows), ["tls-on-plain-port"], "{line}");
    }
}

#[test]
fn lines_behind_a_reply_without_status_are_not_behind_an_error() {
    let echo = "C: RETR 1\nS: RETR 1\nS: +OK\nS: Subject: \\x1b]0;x\nS: Comments: schön\nS:\nS: text\nS: .\n";
    assert_eq!(found_after_login(echo), ["input-echoed"]);
    let long = "x".repeat(600);
    let long = format!("C: RETR 1\nS: RETR 1\nS: +OK\nS: Subject: x\nS:\nS: {long}\nS: .\n");
    assert_eq!(found_after_login(&long), ["input-echoed"]);
    let quit = "C: QUIT\nS: QUIT\nS: +OK bye\n* closed by server\n";
    assert_eq!(found_after_login(quit), ["input-echoed"]);
    let capa = "C: CAPA\nS: TOP\nS: UIDL\nS: .\nC: QUIT\nS: +OK bye\n* closed by server\n";
    assert_eq!(found_after_login(capa), ["capa-no-status"]);
}

#[test]
fn a_reply_that_comes_after_the_patience_is_over_is_no_second_line_of_an_error() {
    let late =
        "C: STAT\n* timeout after 30 s\nS: +OK 2 320\nC: QUIT\nS: +OK bye\n* closed by server\n";
    assert_eq!(found_after_login(late), ["reply-timed-out"]);
}

/// Seen: Dovecot, while many logins from one address fail.
#[test]
fn a_refusal_that_is_held_back_is_not_a_missing_reply() {
    let found = |seconds: u32| {
        let rows = "S: +OK ready\nC: USER nobody\nS: +OK\nC: PASS {{password}}\n";
        found(&format!(
            "{rows}* timeout after {seconds} s\n* closed by client\n"
        ))
    };
    assert!(!found(15).contains(&"reply-timed-out") && found(15).contains(&"tarpit"));
    assert!(found(60).contains(&"reply-timed-out") && !found(60).contains(&"tarpit"));
}

#[test]
fn message_data_is_not_judged_as_status_lines() {
    // The message has a dot alone on a line.
    let mail = "C: RETR 1\nS: +OK\nS: Subject: x\nS:\nS: .\nS: \\x1b[2J and grün\nS: .\nC: QUIT\nS: +OK bye\n* closed by server\n";
    assert_eq!(found_after_login(mail), ["unstuffed-dot-line"]);
    let ahead = "C: RETR 1\nC: NOOP\nC: NOOP\nC: NOOP\nS: +OK\nS: Subject: x\nS:\nS: .\nS: text\nS: \\x1b[2J and grün\nS: .\nC: QUIT\nS: +OK bye\n* closed by server\n";
    let found = found(&format!("S: +OK ready\n{CAPA}{LOGIN}{ahead}"));
    assert_eq!(found, ["status-missing"]);
}

#[test]
fn the_last_words_of_a_server_that_hangs_up_are_no_reply() {
    for last in [
        "C: XFOO\nS: -ERR unknown\nC: XBAR\nS: -ERR unknown\nS: -ERR too many bad commands\n* closed by server\n",
        "C: LIST 9\nS: -ERR no such message\nS: -ERR shutting down\n* connection lost: reset\n",
    ] {
        assert_eq!(found_after_login(last), ["autologout-talks"], "{last}");
    }
    let stopped = "C: NOOP\nS: +OK\nS: -ERR shutting down\n* closed by server\n";
    assert_eq!(
        found_after_login(stopped),
        ["autologout-talks", "closed-without-quit"]
    );
    let goes_on =
        "C: RETR 9\nS: -ERR no\nS: -ERR no such message\nC: QUIT\nS: +OK bye\n* closed by server\n";
    assert_eq!(found_after_login(goes_on), ["status-twice"]);
    let row = judged(format!("{TLS}S: +OK ready\n{LOGIN}{goes_on}").as_bytes());
    assert_eq!(row[0].row, Some(10));
}

#[test]
fn who_goes_on_after_one_unknown_command_may_close_after_many() {
    let one = "C: XFOO\nS: -ERR unknown\n* closed by server\n";
    assert_eq!(found_after_login(one), ["unknown-command-closes"]);
    let many = "C: XFOO\nS: -ERR unknown\nC: XFOO\nS: -ERR unknown\nC: XFOO\nS: -ERR unknown\n* closed by server\n";
    assert_eq!(found_after_login(many), ["closed-after-errors"]);
}

#[test]
fn a_refusal_of_user_for_another_reason_tells_no_names() {
    let quit = "C: QUIT\nS: +OK bye\n* closed by server\n";
    for rows in [
        "C: USER alice\nS: -ERR you are logged in already\n",
        "C: USER alice\nS: +OK\nC: PASS {{password}}\nS: -ERR no\nC: USER alice\nS: -ERR wait\n",
    ] {
        let found = found(&format!("S: +OK ready\n{rows}{quit}"));
        assert!(!found.contains(&"user-enumeration-text"), "{rows}");
    }
    let no_user = "C: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: USER alice\nS: -ERR unknown command\n";
    let found = found(&format!("S: +OK ready\n{no_user}{quit}"));
    assert!(!found.contains(&"user-enumeration-text"));
}

#[test]
fn numbers_without_status_are_out_of_order_only_where_others_wait_for_them() {
    let quit = "C: QUIT\nS: +OK bye\n* closed by server\n";
    let own = format!("S: +OK ready\n{CAPA}{LOGIN}C: STAT\nC: NOOP\nS: 2 320\nS: +OK\n{quit}");
    assert_eq!(found(&own), ["status-missing"]);
    let other = format!("S: +OK ready\n{CAPA}{LOGIN}C: NOOP\nC: STAT\nS: 1 120\nS: +OK\n{quit}");
    assert!(found(&other).contains(&"pipelining-out-of-order"));
}

#[test]
fn what_was_sent_ahead_unasked_is_lost_by_the_client() {
    let lost = "C: NOOP\nC: STAT\nS: +OK\n* timeout after 30 s\n* closed by client\n";
    let without = CAPA.replace("S: PIPELINING\n", "");
    assert_eq!(
        found(&format!("S: +OK ready\n{without}{LOGIN}{lost}")),
        ["pipelining-undeclared"]
    );
    assert_eq!(found_after_login(lost), ["pipelining-undeclared"]);
    assert_eq!(
        found(&format!("S: +OK ready\n{CAPA}{LOGIN}{lost}")),
        ["pipelining-drops"]
    );
}
