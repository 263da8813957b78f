//! What a session is known to be, from the octets of both sides.

use super::*;
use crate::pop3::tracker::Tracker;

/// A session that was talked: lines of the client begin with `>`.
fn talked(lines: &[&str]) -> SessionState {
    let mut session = SessionState::default();
    talk_on(&mut Tracker::new(), &mut session, lines);
    session
}

fn talk_on(tracker: &mut Tracker, session: &mut SessionState, lines: &[&str]) {
    for line in lines {
        if *line == "TLS" {
            tracker.tls_started();
            session.tls_started();
            continue;
        }
        let (side, text) = match line.strip_prefix('>') {
            Some(text) => (Side::Client, text),
            None => (Side::Server, *line),
        };
        let octets = format!("{text}\r\n");
        tracker.feed(side, octets.as_bytes(), &mut |step| session.apply(&step));
    }
}

const LOGGED_IN: &[&str] = &["+OK", ">USER ann", "+OK", ">PASS x", "+OK"];

fn after_login(lines: &[&str]) -> SessionState {
    talked(&[LOGGED_IN, lines].concat())
}

fn messages(session: &SessionState) -> Vec<u64> {
    session.messages().collect()
}

#[test]
fn a_listing_shows_the_messages_until_they_are_marked() {
    let list = [
        ">LIST", "+OK", "1 10", "2 20", "3 30", ".", ">DELE 2", "+OK",
    ];
    let session = after_login(&list);
    assert_eq!(messages(&session), [1, 3]);
    assert!(session.marked.contains(&2) && !session.has_message(2));
    let session = after_login(&[&list[..], &[">RSET", "+OK"]].concat());
    assert_eq!(messages(&session), [1, 2, 3]);
}

#[test]
fn stat_counts_what_is_not_marked() {
    assert_eq!(messages(&after_login(&[">STAT", "+OK 3 320"])), [1, 2, 3]);
    let marked = [">DELE 1", "+OK", ">STAT", "+OK 2 220"];
    assert_eq!(messages(&after_login(&marked)), [2, 3]);
}

#[test]
fn a_refusal_changes_nothing() {
    let session = after_login(&[">DELE 1", "-ERR no", ">RSET", "-ERR"]);
    assert!(session.marked.is_empty() && session.is_transaction());
    let session = talked(&[
        "+OK",
        ">USER ann",
        "+OK",
        ">PASS x",
        "-ERR",
        ">AUTH PLAIN eA==",
        "-ERR",
    ]);
    assert_eq!((session.login.as_ref(), session.refused_logins), (None, 2));
    assert!(session.is_authorization() && session.accepted == Accepted::No);
}

#[test]
fn every_command_that_logs_in_is_a_login() {
    for (lines, verb, user) in [
        (&LOGGED_IN[1..], "PASS", Some("ann")),
        (&[">APOP ann 0123", "+OK"], "APOP", Some("ann")),
        (&[">AUTH PLAIN eA==", "+OK"], "AUTH", None),
        (&[">AUTH PLAIN", "+ ", ">eA==", "+OK"], "AUTH", None),
        (
            &[">USER ann", "+OK", ">RPOP root", "+OK"],
            "RPOP",
            Some("ann"),
        ),
    ] {
        let session = talked(&[&["+OK"], lines].concat());
        let login = session.login.unwrap();
        assert_eq!((login.verb.as_str(), login.user.as_deref()), (verb, user));
        assert_eq!(session.state, Some(State::Transaction));
    }
}

#[test]
fn auth_without_credentials_is_no_login() {
    for lines in [
        &[">AUTH", "+OK", "PLAIN", "."][..],
        &[">AUTH PLAIN", "+ ", ">*", "+OK"],
    ] {
        let session = talked(&[&["+OK"], lines].concat());
        assert!(session.login.is_none() && session.is_authorization());
        assert_eq!(session.refused_logins, 0);
    }
}

#[test]
fn stls_makes_void_what_came_before_it() {
    let before = [
        "+OK <1@h>",
        ">CAPA",
        "+OK",
        "SASL PLAIN",
        ".",
        ">USER ann",
        "+OK",
        ">STLS",
        "+OK",
    ];
    let mut tracker = Tracker::new();
    let mut session = SessionState::default();
    talk_on(&mut tracker, &mut session, &before);
    assert_eq!(session.tls, Tls::Agreed);
    talk_on(&mut tracker, &mut session, &["TLS"]);
    assert_eq!(session.tls, Tls::ByStls);
    assert!(session.timestamp.is_none() && session.has_void_timestamp);
    assert!(session.mechanisms.is_empty() && session.user.is_none());
    assert_eq!(session.accepted, Accepted::BeforeTls);
    assert!(session.announced_now().is_none());
    assert_eq!(session.announced(Phase::First).unwrap(), ["SASL PLAIN"]);
    talk_on(&mut tracker, &mut session, &[">CAPA", "+OK", "TOP", "."]);
    assert_eq!(session.announced_now().unwrap(), ["TOP"]);
    assert_eq!(session.announced(Phase::Tls).unwrap(), ["TOP"]);
}

#[test]
fn tls_before_the_greeting_has_no_phase_of_its_own() {
    let session = talked(&["TLS", "+OK <1@h>", ">CAPA", "+OK", "TOP", "."]);
    assert!(session.tls == Tls::Direct && session.timestamp.is_some());
    assert_eq!(session.phase(), Phase::First);
    assert_eq!(session.announced_now().unwrap(), ["TOP"]);
}

#[test]
fn what_each_phase_announced_is_kept_for_comparison() {
    let first = ["+OK", ">CAPA", "+OK", "TOP", "STLS", "."];
    let session = talked(&[&first, &LOGGED_IN[1..], &[">CAPA", "+OK", "TOP", "."]].concat());
    assert_eq!(session.announced(Phase::First).unwrap(), ["TOP", "STLS"]);
    assert_eq!(session.announced(Phase::Tls), None);
    assert_eq!(session.announced(Phase::Login).unwrap(), ["TOP"]);
    assert_eq!(session.last_announced().unwrap(), ["TOP"]);
}

#[test]
fn a_list_that_ends_before_its_terminator_is_not_announced() {
    let session = talked(&["+OK", ">CAPA", "+OK", "SASL plain CRAM-MD5"]);
    assert_eq!(session.mechanisms, ["PLAIN", "CRAM-MD5"]);
    assert!(session.last_announced().is_none());
}
