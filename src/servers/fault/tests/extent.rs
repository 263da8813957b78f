//! A fault does what its sentence says, and no more.

use super::*;

/// Each line of the client with the first line of its reply.
fn replies(transcript: &str) -> Vec<(&str, &str)> {
    let rows: Vec<&str> = transcript.lines().collect();
    let pairs = rows.windows(2).filter_map(|pair| match pair {
        [asked, said] => Some((
            asked.strip_prefix("C: ")?,
            said.strip_prefix("S: ").unwrap_or(said),
        )),
        _ => None,
    });
    pairs.collect()
}

fn is_no(said: &str) -> bool {
    said.to_ascii_uppercase().starts_with("-ERR")
}

fn is_yes(said: &str) -> bool {
    said.to_ascii_uppercase().starts_with("+OK")
}

#[test]
fn a_login_that_is_refused_does_not_log_in() {
    let mut wrong = Vec::new();
    let long = format!("USER {}", "a".repeat(100));
    for login in [
        ["USER alice", "PASS wonderland"],
        ["USER alice", "pass wonderland"],
        ["AUTH", "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ="],
        ["AUTH", "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=      "],
        [long.as_str(), "PASS wonderland"],
    ] {
        let lines = [login[0], login[1], "RSET"];
        for fault in all().filter(|fault| fault.name != "redis-lookalike") {
            let played = play(&[fault], &lines, fault.is_clear);
            let replies = replies(&played);
            if let [_, (_, login), (_, then)] = &replies[..]
                && is_no(login)
                && is_yes(then)
            {
                wrong.push(format!("{}: {login} and then {then}", fault.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_message_is_deleted_only_where_dele_is_answered_with_ok() {
    let mut wrong = Vec::new();
    for fault in all().filter(|fault| !matches!(fault.name, "dele-still-retrievable")) {
        for dele in ["DELE 1", "dele 1"] {
            let lines = ["USER alice", "PASS wonderland", dele, "TOP 1 0", "UIDL 1"];
            let played = play(&[fault], &lines, fault.is_clear);
            let replies = replies(&played);
            if let [_, (_, login), (_, dele), (_, top), (_, uidl)] = &replies[..]
                && is_yes(login)
                && is_no(dele)
                && is_no(top)
                && is_no(uidl)
            {
                wrong.push(format!("{}: {dele} and then {top}", fault.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stls_that_is_refused_begins_nothing() {
    for fault in all().filter(|fault| fault.is_clear) {
        let played = play(&[fault], &["STLS", "CAPA"], true);
        let is_refused = replies(&played)
            .iter()
            .any(|(asked, said)| *asked == "STLS" && is_no(said));
        assert!(
            !(is_refused && played.contains("* tls")),
            "{}: {played}",
            fault.name
        );
    }
}

/// Faults that say yes on purpose, and to what.
const YES: &[(&str, &str)] = &[
    ("wrong-state-accepted", "STAT"),
    ("noop-before-login", "NOOP"),
    ("number-out-of-range-accepted", "99"),
    ("sasl-ok-as-challenge", "AUTH"),
    ("unknown-command-ok", "MADEUP"),
];

#[test]
fn a_refusal_is_not_turned_into_ok() {
    const BEFORE: &[&str] = &[
        "STAT",
        "LIST",
        "LIST 1",
        "UIDL",
        "UIDL 1",
        "RETR 1",
        "TOP 1 0",
        "DELE 1",
        "RSET",
        "NOOP",
        "LAST",
        "LANG xx-none",
        "AUTH MADEUP",
        "MADEUP",
        "PASS",
        "UTF8 x",
    ];
    const AFTER: &[&str] = &[
        "USER alice",
        "PASS wonderland",
        "LIST 99",
        "UIDL 99",
        "RETR 99",
        "TOP 99 0",
        "DELE 99",
        "DELE",
        "STAT 1",
        "MADEUP",
        "AUTH PLAIN",
    ];
    let mut wrong = Vec::new();
    for fault in all() {
        for lines in [BEFORE, AFTER] {
            let without = play(&[], lines, fault.is_clear);
            let no: BTreeSet<&str> = replies(&without)
                .into_iter()
                .filter(|(_, said)| is_no(said))
                .map(|(asked, _)| asked)
                .collect();
            assert!(no.len() > 6, "{without}");
            let with = play(&[fault], lines, fault.is_clear);
            for (asked, said) in replies(&with) {
                let is_meant = YES
                    .iter()
                    .any(|(name, word)| *name == fault.name && asked.contains(word));
                if no.contains(asked) && is_yes(said) && !is_meant {
                    wrong.push(format!("{}: {asked} has {said}", fault.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_verb_that_is_not_known_is_any() {
    for (name, id) in [
        ("unknown-command-closes", "unknown-command-closes"),
        ("unknown-command-silent", "unknown-command-silent"),
        ("unknown-command-ok", "unknown-command-ok"),
        ("err-multiline", "err-multiline"),
    ] {
        let fault = named(name).unwrap();
        for line in ["MADEUP", "helo example.org", "ZZZ 1 2"] {
            let lines = ["USER alice", "PASS wonderland", line, "QUIT"];
            let found = found(&play(&[fault], &lines, false));
            assert!(found.contains(id), "{name}: {line}: {found:?}");
        }
        let lines = [
            "CAPA",
            "AUTH PLAIN",
            "AGFsaWNlAHdvbmRlcmxhbmQ=",
            "noop",
            "STAT",
        ];
        let known = play(&[fault], &lines, false);
        assert_eq!(known, play(&[], &lines, false), "{name}");
    }
}

#[test]
fn only_what_is_sent_ahead_is_lost() {
    let step = [
        "CAPA",
        "USER alice",
        "PASS wonderland",
        "STAT",
        "LIST",
        "NOOP",
    ];
    for (name, kept, lost) in [
        ("pipelining-drops", "NOOP", "NOOP\r\nRSET\r\nNOOP"),
        (
            "pipelining-drops-at-login",
            "PASS wonderland",
            "PASS wonderland\r\nNOOP\r\nSTAT",
        ),
    ] {
        let fault = named(name).unwrap();
        assert_eq!(play(&[fault], &step, false), play(&[], &step, false));
        let mut ahead = step[..2].to_vec();
        ahead.extend(["PASS wonderland"].iter().filter(|line| **line != kept));
        ahead.push(lost);
        let found = found(&play(&[fault], &ahead, false));
        assert!(found.contains(name), "{name}: {found:?}");
    }
}

#[test]
fn capa_is_refused_between_user_and_pass_only() {
    let fault = named("capa-refused-mid-login").unwrap();
    let lines = [
        "CAPA",
        "CAPA",
        "USER alice",
        "CAPA",
        "CAPA",
        "PASS wonderland",
        "CAPA",
    ];
    let played = play(&[fault], &lines, false);
    let yes: Vec<bool> = replies(&played)
        .iter()
        .map(|(_, said)| is_yes(said))
        .collect();
    assert_eq!(yes, [true, true, true, false, false, true, true]);
}
