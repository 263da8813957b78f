//! Goals, each on sessions that reach them and on sessions that do not.

use super::*;
use crate::transcript::text;

/// Which goals a session reaches.
fn reached(goals: &[&str], session: &str, left: u64) -> Vec<bool> {
    let goals = goals
        .iter()
        .map(|goal| Goal::parse(&format!("{goal} -- done")).unwrap());
    let mut all = Goals::new(goals.collect());
    let transcript = text::parse(session.as_bytes()).unwrap();
    for (row, item) in (1..).zip(&transcript.items) {
        all.feed(Place { row, offset: 0 }, item, &|| left);
    }
    all.all().map(|(_, is_reached)| is_reached).collect()
}

const LOGIN: &str = "* connected h:110\nS: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";

#[test]
fn what_the_server_did_counts_and_not_what_was_typed() {
    let goals = ["+OK STAT", "+OK RETR 4", "login by PASS", "-ERR LIST 99"];
    let typed = "* connected h:110\nS: +OK\nC: NOOP STAT\nS: +OK\nC: STAT\nS: -ERR\nC: NOOP RETR 4\nS: +OK\n";
    assert_eq!(reached(&goals, typed, 0), [false; 4]);
    let done = "C: stat\nS: +OK 1 2\nC: retr 04\nS: +OK\nS: x\nS: .\nC: LIST 99\nS: -ERR no\n";
    assert_eq!(reached(&goals, &format!("{LOGIN}{done}"), 0), [true; 4]);
}

#[test]
fn steps_come_in_their_order() {
    let goals = ["+OK DELE 2 then +OK RSET then quit"];
    let right = format!("{LOGIN}C: DELE 2\nS: +OK\nC: RSET\nS: +OK\nC: QUIT\nS: +OK\n");
    let wrong = format!("{LOGIN}C: RSET\nS: +OK\nC: DELE 2\nS: +OK\nC: QUIT\nS: +OK\n");
    assert_eq!(reached(&goals, &right, 9), [true]);
    assert_eq!(reached(&goals, &wrong, 8), [false]);
}

#[test]
fn an_end_tells_what_became_of_the_maildrop() {
    let goals = [
        "hung up then quit",
        "hung up",
        "deleted 1",
        "left 8",
        "quit",
    ];
    let quit = format!("{LOGIN}C: DELE 2\nS: +OK\nC: QUIT\nS: +OK\n* closed by server\n");
    assert_eq!(reached(&goals, &quit, 8), [false, false, true, true, true]);
    let gone = format!("{LOGIN}C: DELE 2\nS: +OK\n* closed by client\n");
    assert_eq!(
        reached(&goals, &gone, 9),
        [false, true, false, false, false]
    );
}

#[test]
fn where_and_how_matter() {
    let goals = [
        "tls by STLS",
        "login by AUTH PLAIN in TLS",
        "login in clear",
        "-ERR [IN-USE] PASS",
        "pipelined 2",
        "+OK CAPA in AUTHORIZATION then +OK CAPA in TRANSACTION",
    ];
    let session = "* connected h:110\nS: +OK\nC: PASS {{password}}\nS: -ERR [in-use] x\nC: STLS\nS: +OK\n* tls TLSv1.3 X verified CN=h\n\
                   C: CAPA\nS: +OK\nS: .\nC: AUTH PLAIN {{response}}\nS: +OK\nC: NOOP\nC: CAPA\nS: +OK\nS: +OK\nS: .\n";
    assert_eq!(
        reached(&goals, session, 9),
        [true, true, false, true, true, true]
    );
}

#[test]
fn a_diagnosis_is_a_goal_too() {
    let goal = Goal::parse("+OK LIST then diagnosed bare-lf -- right").unwrap();
    let mut goals = Goals::new(vec![goal]);
    assert!(!goals.diagnose("bare-cr"));
    assert!(goals.diagnose("bare-lf"));
    assert!(!goals.are_reached(), "LIST comes before");
    assert_eq!(goals.before_diagnosis("BARE-LF"), ["+OK LIST"]);
}

#[test]
fn what_is_wrong_may_have_several_names() {
    let goal = Goal::parse("diagnosed dele-ignored or dele-still-listed or dele-twice-ok -- right")
        .unwrap();
    assert_eq!(goal.diagnosis().len(), 3);
    for id in ["dele-ignored", "DELE-still-listed", "dele-twice-ok"] {
        let mut goals = Goals::new(vec![goal.clone()]);
        assert!(goals.diagnose(id) && goals.are_reached(), "{id}");
    }
}

#[test]
fn a_step_may_have_several_ways() {
    let goals = [
        "+OK LIST alone",
        "+OK LIST",
        "+OK RETR 3 or +OK TOP 3 10+",
        "login then -ERR RETR 10+ or -ERR LIST 10+",
        "-ERR * in TRANSACTION",
    ];
    let reached = |lines: &str| reached(&goals, &format!("{LOGIN}{lines}"), 9);
    let none = [false; 5];
    assert_eq!(reached("C: TOP 3 9\nS: +OK\nS: .\n"), none);
    assert_eq!(reached("C: TOP 3\nS: +OK\nS: .\n"), none);
    assert_eq!(
        reached("C: top 3 10\nS: +OK\nS: .\n"),
        [false, false, true, false, false]
    );
    assert_eq!(
        reached("C: retr 3\nS: +OK\nS: .\n"),
        [false, false, true, false, false]
    );
    assert_eq!(
        reached("C: list 4\nS: +OK 4 1\n"),
        [false, true, false, false, false]
    );
    assert_eq!(
        reached("C: list\nS: +OK\nS: .\n"),
        [true, true, false, false, false]
    );
    assert_eq!(
        reached("C: list 10\nS: -ERR\n"),
        [false, false, false, true, true]
    );
    assert_eq!(
        reached("C: retr x\nS: -ERR\n"),
        [false, false, false, false, true]
    );
    let seen = Goal::parse("+OK LIST alone or +OK STAT then diagnosed bare-lf -- x").unwrap();
    let goals = Goals::new(vec![seen]);
    assert_eq!(goals.before_diagnosis("bare-lf"), ["+OK LIST"]);
}

#[test]
fn every_command_that_logs_in_reaches_a_login() {
    for login in [
        "C: USER a\nS: +OK\nC: PASS b\nS: +OK\n",
        "C: APOP a {{digest}}\nS: +OK\n",
        "C: AUTH PLAIN {{response}}\nS: +OK\n",
        "C: AUTH PLAIN\nS: + \nC: {{response}}\nS: +OK\n",
        "C: USER a\nS: +OK\nC: RPOP root\nS: +OK\n",
    ] {
        let session = format!("* connected 192.0.2.1:110\nS: +OK\n{login}");
        assert_eq!(reached(&["login"], &session, 0), [true], "{login}");
    }
    let listed = "* connected 192.0.2.1:110\nS: +OK\nC: AUTH\nS: +OK\nS: PLAIN\nS: .\n";
    assert_eq!(reached(&["login"], listed, 0), [false]);
}

#[test]
fn mistakes_name_the_place() {
    let wrong = |text: &str| Goal::parse(text).unwrap_err();
    assert_eq!(wrong("+OK STAT then qiut -- x").at, 14);
    assert!(wrong("+OK STAT").what.contains("has no text"));
    assert!(wrong("left many -- x").what.contains("not a number"));
    assert!(wrong("quit in TLS -- x").what.contains("only to a reply"));
    assert!(wrong("+OK CAPA in LIMBO -- x").what.contains("LIMBO"));
    assert!(
        wrong("+OK CAPA or NOOP -- x")
            .what
            .contains("unknown step `NOOP`")
    );
    for ids in ["", " a or", " or", " a or or"] {
        let what = wrong(&format!("diagnosed{ids} -- x")).what;
        assert!(what.contains("an id is missing"), "{ids}: {what}");
    }
    assert!(wrong("diagnosed a b -- x").what.contains("unexpected `b`"));
    assert!(wrong("+OK -- x").what.contains("expected a command"));
}
