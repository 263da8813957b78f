//! What real servers said, judged as `check` does it: by the rules about servers. Each recording
//! has the findings of its head.

use std::path::Path;

use super::super::{Finding, Lint, is_about_client, judge, rule};
use crate::analysis::finding::Level;
use crate::transcript::Item;
use crate::transcript::text::{Reader, parse};

fn judged(text: &[u8]) -> Vec<Finding> {
    let lint = Lint::with(|rule| !is_about_client(rule));
    judge(&mut Reader::new(text), lint).unwrap_or_else(|error| panic!("{error}"))
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|end| end == "pop3"));
    texts
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn each_recording_has_the_findings_of_its_head() {
    let files = files("tests/recordings/judged");
    assert!(files.len() >= 15);
    let mut wrong = Vec::new();
    for (name, text) in files {
        let transcript = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let head = transcript.items.iter().find_map(|item| match item {
            Item::Head { name, text } if name == "findings" => Some(text.clone()),
            _ => None,
        });
        let head = head.unwrap_or_else(|| panic!("{name}: no head `findings`"));
        let mut want: Vec<&str> = head.split(' ').filter(|word| *word != "none").collect();
        let found = judged(&text);
        let mut ids: Vec<&str> = found.iter().map(|one| one.id).collect();
        want.sort_unstable();
        ids.sort_unstable();
        if ids != want {
            let found = found.iter().map(|one| format!("{:?} {}", one.row, one.id));
            wrong.push(format!("{name}: {:?}", found.collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a probe sends, by whatever address, is not a fault of the server.
#[test]
fn no_probe_is_judged_for_what_it_sends_to_another_machine() {
    let mut wrong = Vec::new();
    for (name, text) in files("transcripts/probes") {
        let text = String::from_utf8(text).unwrap();
        let text = text.replacen("\nS: ", "\n* connected 192.0.2.2:110\nS: ", 1);
        let mut found = judged(text.as_bytes());
        // The server that these probes expect has that fault, or does what not all do.
        let expected = ["sasl-ir-rejected", "lf-command-taken", "capa-unsupported"];
        found.retain(|one| !expected.contains(&one.id));
        let found = found
            .iter()
            .map(|one| format!("{name}: {:?} {}", one.row, one.id));
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_about_passwords_in_clear_are_about_the_client() {
    for id in [
        "password-in-clear",
        "plain-mechanism-in-clear",
        "login-without-the-tls-asked-for",
    ] {
        assert!(rule(id).is_some_and(is_about_client), "{id}");
    }
    for id in ["plaintext-auth-offered", "no-tls-offered"] {
        assert!(rule(id).is_some_and(|rule| !is_about_client(rule)), "{id}");
    }
}

/// The line that is wrong is shown, and not the status line before it.
#[test]
fn rules_about_messages_show_the_wrong_line() {
    let login = "S: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
    let of = |rows: &str, id: &str| {
        let found = judged(format!("{login}{rows}").as_bytes());
        let one = found.into_iter().find(|one| one.id == id);
        one.map(|one| (one.row, one.octets))
    };
    let top = "S: +OK\nS: Subject: x\nS:\nS: one\nS: two\nS: .\n";
    let shown = |row: usize, line: &str| Some((Some(row), line.to_owned()));
    assert_eq!(
        of(&format!("C: TOP 1 1\n{top}"), "top-wrong-line-count"),
        shown(11, "two")
    );
    assert_eq!(
        of(&format!("C: TOP 1 0\n{top}"), "top-zero-is-all"),
        shown(10, "one")
    );
    let list = |size: u32| format!("C: LIST 1\nS: +OK 1 {size}\n");
    let retr = format!("{}C: RETR 1\n{top}", list(99));
    assert_eq!(of(&retr, "retr-truncated"), shown(13, "two"));
    let added = "C: RETR 1\nS: +OK\nS: Subject: x\nS: X-UIDL: 7\nS:\nS: .\n";
    assert_eq!(
        of(&format!("{}{added}", list(14)), "retr-adds-headers"),
        shown(11, "X-UIDL: 7")
    );
    let of_top = "C: TOP 1 9\nS: +OK\nS: Subject: x\nS: X-Seen: by TOP\nS:\nS: one\nS: two\nS: .\n";
    assert_eq!(
        of(
            &format!("C: RETR 1\n{top}{of_top}"),
            "top-differs-from-retr"
        ),
        shown(16, "X-Seen: by TOP")
    );
    let notes = "C: RETR 1\nS: +OK\nS: Subject: x\nS: X-IMAP: 1 2\nS:\nS: .\n";
    assert_eq!(of(notes, "internal-data-message"), shown(9, "X-IMAP: 1 2"));
    let no_blank = "C: RETR 1\nS: +OK\nS: Subject: x\nS: To: y\nS: .\n";
    assert_eq!(
        of(no_blank, "message-without-blank-line"),
        shown(9, "To: y")
    );
}

/// Seen: Twisted sends an unknown command back at the end of a long line.
#[test]
fn a_control_octet_is_shown_however_late_it_comes() {
    let long = "x".repeat(200);
    let found = judged(format!("S: +OK\nC: XFOO\nS: -ERR {long}\\x1b[31m\n").as_bytes());
    let one = found.iter().find(|one| one.id == "control-bytes").unwrap();
    assert!(one.octets.starts_with("xxx") && one.octets.ends_with("x\\x1b[31m"));
    let echo = "S: +OK\nC: XFOO\\x1b[31mred\nS: -ERR Unknown command: XFOO\\x1b[31MRED\n";
    let found = judged(echo.as_bytes());
    let ids: Vec<_> = found.iter().map(|one| (one.id, one.level)).collect();
    assert_eq!(ids, [("control-bytes-echoed", Level::Should)]);
    // One more than the client sent, or in another order, is the server's own.
    for own in ["XFOO\\x1b[31M\\x07", "XFOO\\x1b[32M\\x1b"] {
        let found = judged(format!("S: +OK\nC: XFOO\\x1b[31mred\nS: -ERR {own}\n").as_bytes());
        assert!(found.iter().any(|one| one.id == "control-bytes"), "{own}");
    }
    let found = judged(b"S: +OK\nC: XFOO\nS: -ERR \\x1b[31m\n");
    let one = found.iter().find(|one| one.id == "control-bytes").unwrap();
    assert_eq!(one.octets, "-ERR \\x1b[31m");
}

/// Seen: INetSim, where an empty line is added by RETR as well, and no octets tell one from the
/// other.
#[test]
fn an_empty_line_that_is_added_by_another_command_is_shown_too() {
    let login = "S: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\nC: LIST 1\nS: +OK 1 53\n";
    let head = "S: +OK\nS: CreationTime: 1796044965\nS: LastLogin: 1796044965\nS:\nS:\n";
    let rows = format!("{login}C: TOP 1 0\n{head}S: .\nC: RETR 1\n{head}S:\nS: .\n");
    let found = judged(rows.as_bytes());
    let one = found
        .iter()
        .find(|one| one.id == "extra-blank-line-before-end");
    let one = one.unwrap();
    assert!(one.message.starts_with("TOP ends with"), "{}", one.message);
    let more: Vec<_> = one
        .more
        .iter()
        .map(|sight| (sight.row, sight.message.as_deref()))
        .collect();
    assert_eq!(
        more,
        [(Some(21), Some("LIST says 53 octets, but RETR sent 55"))]
    );
}

/// A message that ends with a dot of its own.
#[test]
fn a_terminator_that_is_missing_is_not_taken_for_one_that_is_glued() {
    let of = |size: u32| {
        let login = "S: +OK\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
        let rows = format!(
            "{login}C: LIST 1\nS: +OK 1 {size}\nC: RETR 1\nS: +OK\nS: Subject: x\nS:\nS: The end.\n* timeout after 30 s\n* closed by client\n"
        );
        let found = judged(rows.as_bytes()).into_iter().map(|one| one.id);
        let mut found: Vec<_> = found.collect();
        found.retain(|id| id.contains("terminator"));
        found
    };
    assert_eq!(of(24), ["missing-terminator"]);
    assert_eq!(of(23), ["terminator-glued"]);
}

/// Seen: nginx lists EXPIRE and LOGIN-DELAY without what belongs to them.
#[test]
fn each_line_that_is_wrong_is_shown() {
    let capa = "C: CAPA\nS: +OK\nS: EXPIRE\nS: UIDL\nS: LOGIN-DELAY\nS: EXPIRE\nS: .\n";
    let found = judged(format!("S: +OK\n{capa}").as_bytes());
    let one = found.iter().find(|one| one.id == "capa-malformed-tag");
    let one = one.unwrap();
    assert_eq!((one.octets.as_str(), one.count), ("EXPIRE", 3));
    let more: Vec<_> = one
        .more
        .iter()
        .map(|one| (one.row, one.octets.as_str()))
        .collect();
    assert_eq!(more, [(Some(6), "LOGIN-DELAY")]);
    // What is wrong is said of each kind: nginx leaves the parameter out, mailutils the space.
    assert_eq!(one.message, "the parameter is missing");
    let found = judged(b"S: +OK\nC: CAPA\nS: +OK\nS: EXPIRENEVER\nS: .\n");
    let glued = found.iter().find(|one| one.id == "capa-malformed-tag");
    assert!(glued.unwrap().message.starts_with("the tag is malformed"));
    // As many as a person reads, however many there are.
    let lines: String = (0..100)
        .map(|number| format!("S: EXPIRE{number}\n"))
        .collect();
    let found = judged(format!("S: +OK\nC: CAPA\nS: +OK\n{lines}S: .\n").as_bytes());
    let one = found.iter().find(|one| one.id == "capa-malformed-tag");
    assert_eq!(one.map(|one| (one.count, one.more.len())), Some((100, 7)));
}
