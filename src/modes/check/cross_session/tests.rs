//! Sessions that are compared, each as its transcript.

use super::*;

fn sessions(files: &[(&'static str, &str)]) -> Sessions {
    let parse = |file: &str| Session::read(file.as_bytes()).unwrap();
    Sessions(
        files
            .iter()
            .map(|(name, file)| (*name, parse(file), format!("{name}.pop3")))
            .collect(),
    )
}

fn found(files: &[(&'static str, &str)]) -> Vec<&'static str> {
    across(&sessions(files))
        .iter()
        .map(|finding| finding.id)
        .collect()
}

#[test]
fn greetings_are_compared() {
    let same = [
        ("greeting", "S: +OK a1 ready <1@x>\n"),
        ("session", "S: +OK a2 ready <2@x>\n"),
    ];
    assert!(found(&same).is_empty());
    let varies = [
        ("greeting", "S: +OK ready\n"),
        ("session", "S: +OK Dovecot ready.\n"),
    ];
    assert_eq!(found(&varies), ["greeting-varies"]);
    let reused = [
        ("greeting", "S: +OK <1@x.y>\n"),
        ("session", "S: +OK <1@x.y>\n"),
    ];
    assert_eq!(found(&reused), ["apop-timestamp-reused"]);
}

#[test]
fn logins_are_compared() {
    let of = |started: &str, delay: &str| {
        format!(
            "started: 2026-11-23T08:{started}Z\n\nS: +OK\nC: CAPA\nS: +OK\nS: LOGIN-DELAY {delay}\nS: .\n\
             C: USER a\nS: +OK\nC: PASS {{{{password}}}}\nS@50: +OK in\n"
        )
    };
    let (one, two, late) = (of("40:00", "10"), of("40:03", "10"), of("40:10", "10"));
    let files = [
        ("session", one.as_str()),
        ("deletion", &two),
        ("wrong-password", &two),
    ];
    assert_eq!(
        found(&files),
        ["accepts-any-password", "login-delay-not-enforced"]
    );
    // Late enough, or not sure: transcripts say to the second when they began.
    assert!(found(&[("session", &one), ("deletion", &late)]).is_empty());
    let nearly = of("40:09", "10");
    assert!(found(&[("session", &one), ("deletion", &nearly)]).is_empty());
    let (none, for_user) = (of("40:00", "0"), of("40:00", "600 USER"));
    assert!(found(&[("session", &none), ("deletion", &none)]).is_empty());
    assert!(found(&[("session", &for_user), ("deletion", &for_user)]).is_empty());
}

#[test]
fn a_server_that_hangs_up_at_apop_is_named() {
    // Seen: solid-pop3d 0.15.
    let apop = |reply: &str| {
        format!(
            "S: +OK ready <575.1796045665@vm>\nC: APOP a {{{{digest}}}}\nS: {reply}\n* closed by server\n"
        )
    };
    let works =
        "S: +OK ready <576.1796045665@vm>\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK in\n";
    let refused = apop("-ERR authentication failed");
    let files = [("session", works), ("apop", refused.as_str())];
    let all = across(&sessions(&files));
    let one = all.first().unwrap();
    assert_eq!((all.len(), one.id), (1, "apop-refused-closes"));
    let named = one.more.iter().map(|sight| sight.file.as_deref());
    let named: Vec<&str> = named.flatten().collect();
    assert_eq!(named, ["apop.pop3", "session.pop3"]);
    // The maildrop is busy; no other login works, or only with a password that nobody has.
    let busy = apop("-ERR [IN-USE] locked");
    assert!(found(&[("session", works), ("apop", &busy)]).is_empty());
    assert!(found(&[("apop", &refused)]).is_empty());
    let any = found(&[("wrong-password", works), ("apop", &refused)]);
    assert_eq!(any, ["accepts-any-password"]);
}

#[test]
fn tls_that_comes_and_goes_is_named() {
    let works = "* connected 192.0.2.1:110\nS: +OK\nC: STLS\nS: +OK\n* tls TLSv1.3 X verified CN=x\nC: STLS\nS: -ERR\n";
    let refuses = "* connected 192.0.2.1:110\nS: +OK\nC: STLS\nS: -ERR no TLS\n";
    let files = [("stls", works), ("session", refuses)];
    assert_eq!(found(&files), ["stls-refused-later"]);
    assert!(found(&[("stls", works), ("stls-injection", refuses)]).is_empty());
    assert!(found(&[("stls", works), ("session", works)]).is_empty());
    assert!(found(&[("stls", refuses), ("session", refuses)]).is_empty());
}

#[test]
fn messages_that_come_and_go_are_seen() {
    let of = |ids: &[&str]| {
        let lines = (1..)
            .zip(ids)
            .map(|(number, id)| format!("S: {number} {id}\n"));
        let lines: String = lines.collect();
        let count = ids.len();
        format!("S: +OK\nC: STAT\nS: +OK {count} 100\nC: UIDL\nS: +OK\n{lines}S: .\n")
    };
    let (all, fewer, more) = (of(&["a", "b"]), of(&["a"]), of(&["a", "b", "c"]));
    let files = [
        ("session", all.as_str()),
        ("deletion", &fewer),
        ("late", &all),
    ];
    // Neither RETR nor the end without QUIT deleted anything.
    assert_eq!(found(&files), ["uidl-comes-back", "maildrop-varies"]);
    // New mail, or mail that somebody deleted.
    assert!(found(&[("session", &all), ("late", &all), ("last", &more)]).is_empty());
    assert!(found(&[("session", &more), ("late", &all), ("last", &fewer)]).is_empty());
}

#[test]
fn refusals_are_timed() {
    let of = |user: u64, pass: u64| {
        format!("S: +OK\nC: USER a\nS@{user}: +OK\nC@9: PASS {{{{password}}}}\nS@{pass}: -ERR\n")
    };
    let (soon, late) = (of(1, 0), of(1, 50));
    let sample = |unknown: &[&str], wrong: &[&str]| {
        let unknown = unknown
            .iter()
            .map(|file| ("unknown-user", (*file).to_owned()));
        let wrong = wrong
            .iter()
            .map(|file| ("wrong-password", (*file).to_owned()));
        let files: Vec<(&'static str, String)> = unknown.chain(wrong).collect();
        let files: Vec<_> = files
            .iter()
            .map(|(name, file)| (*name, file.as_str()))
            .collect();
        found(&files)
    };
    let (soon, late) = (soon.as_str(), late.as_str());
    assert_eq!(sample(&[soon; 5], &[late; 5]), ["user-enumeration-timing"]);
    // Too few; all alike; one that lies among the others; apart, and no more than the way may take.
    assert!(sample(&[soon; 4], &[late; 4]).is_empty());
    assert!(sample(&[late; 5], &[late; 5]).is_empty());
    assert!(sample(&[soon, soon, late, soon, soon], &[late; 5]).is_empty());
    assert!(sample(&[soon; 5], &[of(1, 3).as_str(); 5]).is_empty());
}

#[test]
fn mail_that_goes_away_is_missed() {
    let of = |count: u32| format!("S: +OK\nC: STAT\nS: +OK {count} 100\n");
    let (three, two, one) = (of(3), of(2), of(1));
    let files = [
        ("session", three.as_str()),
        ("deletion", &two),
        ("pipelining", &one),
    ];
    assert_eq!(found(&files), ["retr-deletes", "deleted-without-quit"]);
    let files = [
        ("session", one.as_str()),
        ("deletion", &two),
        ("pipelining", &two),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn unique_ids_are_compared() {
    let of = |ids: [&str; 3]| {
        let [a, b, c] = ids;
        format!("S: +OK\nC: UIDL\nS: +OK\nS: 1 {a}\nS: 2 {b}\nS: 3 {c}\nS: .\n")
    };
    let (first, second) = (of(["a", "b", "c"]), of(["d", "e", "f"]));
    let files = [("session", first.as_str()), ("deletion", second.as_str())];
    assert_eq!(found(&files), ["uidl-changes-between-sessions"]);
    assert!(found(&[("session", &first), ("deletion", &first)]).is_empty());
    // Two went, and two came: the rest is the same.
    let shifted = of(["c", "d", "e"]);
    assert!(found(&[("session", &first), ("deletion", &shifted)]).is_empty());
    // Of one message two sessions tell nothing, and three do.
    let one = |id: &str| format!("S: +OK\nC: UIDL\nS: +OK\nS: 1 {id}\nS: .\n");
    let (a, b, c) = (one("a"), one("b"), one("c"));
    let two = [("session", a.as_str()), ("deletion", b.as_str())];
    assert!(found(&two).is_empty());
    let three = [
        ("session", a.as_str()),
        ("deletion", &b),
        ("pipelining", &c),
    ];
    assert_eq!(found(&three), ["uidl-changes-between-sessions"]);
}

#[test]
fn every_rule_says_what_is_required_and_what_to_do() {
    for rule in ACROSS {
        assert!(!rule.hint.is_empty() && !rule.says.is_empty());
    }
}
