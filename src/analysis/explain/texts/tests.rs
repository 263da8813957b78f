//! A text is explained as a whole, or only with a hint.

use std::collections::BTreeSet;

use super::*;
use crate::analysis::explain::{ExplainContext, Explained, explain};

/// Lines of public servers: who, a bar, the line.
const PUBLIC: &str = include_str!("public.txt");

/// Lines that nobody is known to send: near misses, beginnings and ends of known ones.
const MADE_UP: &str = include_str!("made-up.txt");

fn answer(text: &str) -> Explained {
    explain(text, &ExplainContext::default())
}

fn flat(explained: &Explained) -> String {
    let text = explained.text(80);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn named() -> impl Iterator<Item = &'static TextOrigin> {
    origins().filter(|origin| !origin.is_common())
}

/// Names of servers, as they must not be in a hint.
fn names() -> Vec<&'static str> {
    let parts = named().flat_map(|origin| origin.who.split([' ', '(', ')', ',']));
    let not_names = [
        "and",
        "older",
        "Apache",
        "GNU",
        "POP3",
        "pop3d",
        "LANG",
        "de`",
        "`LANG",
        "after",
        "server",
        "practice",
        "poptalk's",
        "RFC",
        "1939's",
        "examples",
        "UW",
        "Python's",
        "",
    ];
    let mut parts: Vec<&str> = parts.filter(|part| !not_names.contains(part)).collect();
    parts.push("Google");
    parts
}

#[test]
fn lines_of_public_servers_are_known_with_their_source() {
    let mut seen = BTreeSet::new();
    let mut programs = BTreeSet::new();
    for line in lines(PUBLIC) {
        let (who, line) = line.split_once('|').unwrap();
        let (status, text) = line.split_once(' ').unwrap();
        let explained = answer(line);
        let found = flat(&explained);
        assert!(explained.is_known, "{line}");
        let origin = named().find(|origin| origin.who == who);
        let origin = origin.unwrap_or_else(|| panic!("{who} is no origin"));
        assert!(found.contains(origin.who), "{line}: {found}");
        let source: Vec<&str> = origin.source.split_whitespace().collect();
        assert!(found.contains(&source.join(" ")), "{line}: {found}");
        assert!(
            !origin.is_client && (status.starts_with(['+', '-'])),
            "{line}"
        );
        assert!(!found.contains("often mean"), "{found}");
        seen.insert(text);
        programs.insert(who);
    }
    assert!(seen.len() >= 100, "{} texts", seen.len());
    assert!(programs.len() >= 20, "{} programs", programs.len());
}

#[test]
fn a_made_up_line_has_no_certain_cause_and_no_server() {
    let names = names();
    let mut count = 0;
    for line in lines(MADE_UP) {
        let explained = answer(line);
        let found = flat(&explained);
        assert!(!explained.is_known, "{line}: {found}");
        let is_hedged = found.contains("Such words often mean");
        let is_unknown = found.contains("poptalk does not know this text");
        assert!(is_hedged || is_unknown, "{line}: {found}");
        // What the line itself says is no claim of ours.
        let said = found.replace(line.split_once(' ').unwrap().1, "");
        for name in &names {
            assert!(!said.contains(name), "{line}: {name} in {said}");
        }
        for meaning in origins().flat_map(|origin| origin.texts).map(|row| row.1) {
            let cause: Vec<&str> = meaning.cause.split_whitespace().collect();
            assert!(!found.contains(&cause.join(" ")), "{line}: {found}");
        }
        count += 1;
    }
    assert!(count >= 50, "{count} lines");
}

#[test]
fn every_row_is_explained_by_a_line_of_its_own() {
    for origin in origins() {
        for (row, meaning) in origin.texts {
            for with_optional in [true, false] {
                let line = example(row, with_optional);
                let explained = answer(&line);
                let found = flat(&explained);
                assert!(explained.is_known, "{line}");
                // Two rows that fit one line must agree, or neither is certain.
                assert!(
                    found.contains(meaning.means),
                    "{} says {} of {line}: {found}",
                    origin.who,
                    meaning.means
                );
                assert!(found.contains(origin.who), "{} {line}: {found}", origin.who);
                assert!(!found.contains("poptalk does not know"), "{found}");
                // More before or after it, and it is not that text. A row that ends in any text
                // takes more, of course.
                if !row.ends_with([':'])
                    && !row.ends_with("{*}")
                    && !row.ends_with("{w}")
                    && !origin.is_client
                    && row.starts_with('-')
                {
                    let longer = answer(&format!("{line} in the blue house"));
                    let longer = flat(&longer);
                    assert!(!longer.contains("seen with"), "{longer}");
                    assert!(!longer.contains("a common wording"), "{longer}");
                }
            }
        }
    }
}

#[test]
fn every_row_is_well_formed_and_there_once() {
    for origin in origins() {
        let mut rows = BTreeSet::new();
        for (row, meaning) in origin.texts {
            assert!(rows.insert(row), "{row} is there twice");
            assert_eq!(row.matches('{').count(), row.matches('}').count(), "{row}");
            assert!(meaning.cause.ends_with('.'), "{}", meaning.cause);
            assert!(meaning.next.ends_with('.'), "{}", meaning.next);
            assert!(!meaning.means.ends_with('.'));
            let is_reply = row.starts_with("+OK ") || row.starts_with("-ERR ");
            assert!(
                is_reply || origin.is_client || row.starts_with("+ERR "),
                "{row}"
            );
        }
        assert!(!origin.source.is_empty());
    }
}

#[test]
fn refused_credentials_are_not_a_missing_user() {
    for line in [
        "-ERR Invalid username or password",
        "-ERR invalid user or password",
        "-ERR Invalid user name or password.",
        "-ERR [AUTH] Invalid username or password.",
        "-ERR Incorrect username or password",
    ] {
        let found = flat(&answer(line));
        assert!(found.contains("the credentials were refused"), "{found}");
        assert!(!found.contains("Cyrus"), "{found}");
        assert!(!found.contains("does not know this name"), "{found}");
    }
    for line in ["-ERR Invalid user", "-ERR [AUTH] Invalid user"] {
        let found = flat(&answer(line));
        assert!(
            found.contains("the server does not know this name"),
            "{found}"
        );
        assert!(found.contains("seen with Cyrus"), "{found}");
    }
    for line in [
        "-ERR Invalid user agent",
        "-ERR Invalid users",
        "-ERR invalid userid/password",
    ] {
        assert!(!flat(&answer(line)).contains("Cyrus"), "{line}");
    }
}

#[test]
fn lines_from_the_field_are_known() {
    for (line, part) in [
        (
            "-ERR Command is not valid in this state.",
            "a password without TLS",
        ),
        (
            "-ERR [SYS/TEMP] Temporary system problem. Please try again later.",
            "seen with Gmail",
        ),
        (
            "-ERR [AUTH] Web login required: https://support.google.com/mail/answer/78754",
            "Google wants a login in a browser first",
        ),
        (
            "-ERR [AUTH] Username and password not accepted.",
            "seen with Gmail",
        ),
        (
            "-ERR [AUTH] (#MBR1212) Incorrect username or password.",
            "need an app password",
        ),
        ("-ERR EOF", "the connection was closed"),
        (
            "-ERR There's no message 99.",
            "there is no message with this number",
        ),
        (
            "-ERR Message 31 expunged.",
            "session or program has removed it",
        ),
    ] {
        let explained = answer(line);
        assert!(
            explained.is_known && flat(&explained).contains(part),
            "{}",
            flat(&explained)
        );
    }
}

#[test]
fn what_a_client_prints_is_not_laid_to_the_server() {
    let found = flat(&answer("-ERR EOF"));
    assert!(found.contains("printed by Python's poplib"), "{found}");
    assert!(!found.contains("the server refuses"), "{found}");
    // On the wire it was a server all the same.
    let context = ExplainContext {
        verb: Some("STAT".to_owned()),
        state: Some(crate::pop3::tracker::State::Transaction),
        ..ExplainContext::default()
    };
    let found = flat(&explain("-ERR EOF", &context));
    assert!(
        found.contains("the server refuses") && !found.contains("poplib"),
        "{found}"
    );
    assert!(flat(&answer("EOF on socket")).contains("JavaMail"));
}

#[test]
fn a_line_without_a_status_is_explained_as_such() {
    for line in [
        "+ERR Server error: Failed to fetch messages in Inbox.",
        "+yes",
        "",
        "OK",
        "OK 2 messages",
        "ERR no",
        "-ERROR no",
        "+OKAY",
        "+OK: 3",
        "+ OK 3 messages",
        "-",
        "* OK IMAP4rev1 ready",
        "* BYE",
        "220 mail.example.org ESMTP",
        "500 5.5.2 unknown",
        "SSH-2.0-OpenSSH_9.2",
        "HTTP/1.1 400 Bad Request",
    ] {
        let explained = answer(line);
        let found = flat(&explained);
        assert!(explained.is_known, "{line}");
        assert!(found.contains("neither +OK nor -ERR"), "{line}: {found}");
        assert!(found.contains("RFC 1939 §3"), "{found}");
        assert!(
            !found.contains("the server accepts") && !found.contains("the server refuses"),
            "{found}"
        );
    }
    let found = flat(&answer(
        "+ERR Server error: Failed to fetch messages in Inbox.",
    ));
    assert!(found.contains("takes this for success. Others report an error or wait"));
    assert!(found.contains("seen with hMailServer"), "{found}");
    assert!(!flat(&answer("+ERR something else")).contains("hMailServer"));
    // In a session every line is a reply.
    let context = ExplainContext {
        verb: Some("LIST".to_owned()),
        state: Some(crate::pop3::tracker::State::Transaction),
        ..ExplainContext::default()
    };
    let found = flat(&explain("out of range", &context));
    assert!(found.contains("neither +OK nor -ERR"), "{found}");
    // In lower case it is meant, but wrong.
    for (line, part) in [
        ("+ok", "meant as +OK"),
        ("-err no", "meant as -ERR"),
        ("+Ok 2", "meant as +OK"),
    ] {
        let found = flat(&answer(line));
        assert!(
            found.contains(part) && found.contains("upper case"),
            "{found}"
        );
    }
}

#[test]
fn a_status_alone_is_neither_unexplained_nor_overexplained() {
    for (line, part) in [
        ("+OK", "The command was accepted."),
        ("-ERR", "The server gives no reason."),
    ] {
        let explained = answer(line);
        let found = flat(&explained);
        assert!(explained.is_known && explained.parts.len() == 1, "{found}");
        assert!(
            found.contains(part) && !found.contains("text after the status"),
            "{found}"
        );
    }
}

#[test]
fn a_known_code_makes_an_unknown_text_no_matter() {
    for line in [
        "-ERR [AUTH] my own words",
        "-ERR [IN-USE] nix geht",
        "-ERR [SYS/PERM] quux",
    ] {
        let explained = answer(line);
        assert!(explained.is_known && explained.parts.len() == 2, "{line}");
        assert!(
            !flat(&explained).contains("poptalk does not know"),
            "{line}"
        );
    }
}

#[test]
fn refusals_of_the_faults_are_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts/faults");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "pop3") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for row in text.lines().filter(|row| row.starts_with('S')) {
            let Some((_, line)) = row.split_once(": ") else {
                continue;
            };
            // What a client sent is nobody's text.
            let is_text = !line.contains("{{") && !line.contains("\\x");
            if line.starts_with("-ERR ") && is_text {
                let line = line.replace("\\s", " ");
                let explained = answer(&line);
                assert!(explained.is_known, "{line}: {}", flat(&explained));
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count} refusals");
}
