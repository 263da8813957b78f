//! What each level sees, and that a change is found where it is.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::transcript::text;
use crate::transcript::{Item, Piece, Row};

fn recording(file: &[u8]) -> Recording<Cursor<Vec<u8>>> {
    Recording::new(Cursor::new(file.to_vec()), Cursor::new(file.to_vec()))
}

fn options(level: Level) -> Options {
    Options {
        level,
        map_uidl: false,
        deadline: || None,
    }
}

fn changes(old: &[u8], new: &[u8], options: &Options) -> (Vec<Change>, DiffSummary) {
    let mut changes = Vec::new();
    let (mut old, mut new) = (recording(old), recording(new));
    let summary = compare(&mut old, &mut new, options, &mut |told| {
        if let Compared::Differs(change) = told {
            changes.push(change);
        }
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(changes.len() as u64, summary.different);
    (changes, summary)
}

/// The findings of a comparison, in short.
fn found(old: &str, new: &str, level: Level) -> Vec<String> {
    let (changes, _) = changes(old.as_bytes(), new.as_bytes(), &options(level));
    let findings = changes.into_iter().flat_map(|change| change.findings);
    let row = |row: Option<usize>| row.map_or_else(|| "-".to_owned(), |row| row.to_string());
    findings
        .map(|one| {
            format!(
                "{} {} {}|{}",
                one.id,
                one.message,
                row(one.row),
                row(one.other_row)
            )
        })
        .collect()
}

const LEVELS: [Level; 4] = [Level::Status, Level::Fields, Level::Text, Level::Octets];

const SESSION: &str = "\
#!pop3 1
server: mail.example.org:110

* connected 192.0.2.1:110
S@12: +OK POP3 ready <1896.6971@example.org>
C: CAPA
S: +OK list
S: TOP
S: IMPLEMENTATION One
S: .
C: STLS
S: +OK begin
* tls TLSv1.3 TLS_AES_256_GCM_SHA384 verified CN=example.org
C: USER mrose
S: +OK name
C: PASS hunter2
S: -ERR [AUTH] wrong
C: AUTH CRAM-MD5
S: + PDE4OTYuNjk3
C: {{response}}
S: +OK logged in
C: STAT
S: +OK 2 320
C: LIST
S: +OK scan
S: 1 120 x
S: 2 200
S: .
C: LIST 1
S: +OK 1 120
C: RETR 1
S: +OK octets
S: Subject: Lunch
S:
S: ..and more
S: .
C: XTND
S: +OK free
S: what the vendor says
S: .
S: nobody asked
C: DELE 2
S: +OK
C: QUIT
S: +OK bye
* closed by server
";

/// Changes that no level sees.
const UNSEEN: &[(&str, &str)] = &[
    ("server: mail.example.org:110", "server: other:110"),
    ("S@12:", "S@900:"),
    ("* connected 192.0.2.1:110", "* connected 198.51.100.7:110"),
    ("* closed by server", "* closed by client"),
    ("TLSv1.3 TLS_AES_256_GCM_SHA384", "TLSv1.2 X"),
    ("C: STLS\n", "# prose\n\nC: STLS\n"),
    ("C: STLS\n", "what is this\nC: STLS\n"),
    ("C: STAT\n", "C: ST\\-\nC: AT\n"),
    ("S: Subject: Lunch\n", "S: Subj\\-\nS: ect: Lunch\n"),
];

/// Changes that are seen from `status` on.
const SEEN_BY_STATUS: &[(&str, &str)] = &[
    ("C: USER mrose", "C: USER alice"),
    ("C: DELE 2\nS: +OK", "C: DELE 2\nS: -ERR no"),
    ("C: DELE 2\nS: +OK", "C: DELE 2\nS: OK"),
    ("C: DELE 2\nS: +OK\n", "C: DELE 2\n* timeout after 60 s\n"),
    ("S: nobody asked\n", ""),
    ("C: QUIT\nS: +OK bye\n", "C: QUIT\n"),
    (
        "S: what the vendor says\nS: .\n",
        "S: what the vendor says\n* timeout after 60 s\n",
    ),
    ("C: QUIT", "C: NOOP\nS: +OK\nC: QUIT"),
];

/// Changes that are seen from `fields` on.
const SEEN_BY_FIELDS: &[(&str, &str)] = &[
    ("+OK 2 320", "+OK 2 328"),
    ("+OK 2 320", "+OK 2"),
    ("+OK 1 120", "+OK 1 121"),
    ("S: 2 200", "S: 2 201"),
    ("S: 2 200\n", ""),
    ("[AUTH]", "[IN-USE]"),
    ("-ERR [AUTH] wrong", "-ERR wrong"),
    ("IMPLEMENTATION One", "IMPLEMENTATION Two"),
    ("Subject: Lunch", "Subject: lunch"),
    ("S: ..and more", "S: .and more"),
    ("S: + PDE4OTYuNjk3\nC: {{response}}\n", ""),
];

/// Changes that are seen from `text` on.
const SEEN_BY_TEXT: &[(&str, &str)] = &[
    ("POP3 ready", "POP3 here"),
    ("+OK list", "+OK"),
    ("+OK name", "+OK send PASS"),
    ("[AUTH] wrong", "[AUTH] bad"),
    ("[AUTH] wrong", "[auth] wrong"),
    ("+OK 2 320", "+OK 2 320 more"),
    ("S: 1 120 x", "S: 1 120 y"),
    (
        "S: TOP\nS: IMPLEMENTATION One\n",
        "S: IMPLEMENTATION One\nS: TOP\n",
    ),
    ("S: TOP\n", "S: top\n"),
    ("what the vendor says", "something else"),
    ("nobody asked", "nobody did"),
];

/// Changes that only `octets` sees.
const SEEN_BY_OCTETS: &[(&str, &str)] = &[
    ("<1896.6971@example.org>", "<7.8@example.org>"),
    ("C: STAT", "C: stat"),
    ("C: LIST 1", "C: LIST  1"),
    ("PASS hunter2", "PASS hunter3"),
    ("+ PDE4OTYuNjk3", "+ eHh4"),
    ("S: +OK bye", "S: +OK bye\\n"),
    ("S: Subject: Lunch", "S: Subject: Lunch\\n"),
];

/// A change of the session is seen from a level on, and not below it.
fn assert_seen_from(lowest: Option<Level>, (what, instead): (&str, &str)) {
    assert!(SESSION.contains(what), "{what}");
    let other = SESSION.replacen(what, instead, 1);
    for level in LEVELS {
        for (old, new) in [(SESSION, other.as_str()), (&other, SESSION)] {
            let found = found(old, new, level);
            let is_seen = lowest.is_some_and(|lowest| level >= lowest);
            assert_eq!(
                !found.is_empty(),
                is_seen,
                "{what} -> {instead}, {level:?}: {found:?}"
            );
        }
    }
}

#[test]
fn each_level_sees_what_is_documented_and_no_more() {
    for (lowest, changes) in [
        (None, UNSEEN),
        (Some(Level::Status), SEEN_BY_STATUS),
        (Some(Level::Fields), SEEN_BY_FIELDS),
        (Some(Level::Text), SEEN_BY_TEXT),
        (Some(Level::Octets), SEEN_BY_OCTETS),
    ] {
        for change in changes {
            assert_seen_from(lowest, *change);
        }
    }
}

fn assert_alike(old: &str, new: &str, is_same: bool) {
    let found = found(old, new, Level::Fields);
    assert_eq!(found.is_empty(), is_same, "{old} | {new}");
}

#[test]
fn a_hole_in_a_line_stands_for_any_text() {
    for (old, new, is_same) in [
        ("C: STAT\nS: +OK 2 {{..}}\n", "C: STAT\nS: +OK 2 99\n", true),
        (
            "C: STAT\nS: +OK 2 {{..}}\n",
            "C: STAT\nS: +OK 3 99\n",
            false,
        ),
        ("C: STAT\nS: +OK {{..}} 9\n", "C: STAT\nS: +OK 3 9\n", true),
        ("C: STAT\nS: {{..}}\n", "C: STAT\nS: -ERR x\n", true),
        (
            "C: PASS {{password}}\nS: +OK\n",
            "C: PASS a b\nS: +OK\n",
            true,
        ),
        (
            "C: RETR {{..}}\nS: -ERR {{..}}\n",
            "C: RETR 7\nS: -ERR no\n",
            true,
        ),
        (
            "C: RETR 1\nS: +OK\nS: Date: {{..}}\nS: .\n",
            "C: RETR 1\nS: +OK\nS: Date: now\nS: .\n",
            true,
        ),
        (
            "C: RETR 1\nS: +OK\nS: Date: {{..}}\nS: .\n",
            "C: RETR 1\nS: +OK\nS: X: now\nS: .\n",
            false,
        ),
        (
            "C: CAPA\nS: +OK\nS: {{..}}\nS: TOP\nS: .\n",
            "C: CAPA\nS: +OK\nS: TOP\nS: X\nS: .\n",
            true,
        ),
    ] {
        assert_alike(old, new, is_same);
    }
}

#[test]
fn a_hole_for_rows_stands_for_any_number_of_them() {
    for (old, new, is_same) in [
        (
            "C: LIST\nS: {{...}}\nC: QUIT\nS: +OK\n",
            "C: LIST\nS: +OK\nS: 1 2\nS: .\nC: QUIT\nS: +OK\n",
            true,
        ),
        (
            "C: RETR 1\nS: +OK\nS: a\nS: {{...}}\nS: b\nS: .\n",
            "C: RETR 1\nS: +OK\nS: a\nS: b\nS: x\nS: b\nS: .\n",
            true,
        ),
        (
            "C: RETR 1\nS: +OK\nS: a\nS: {{...}}\nS: b\nS: .\n",
            "C: RETR 1\nS: +OK\nS: a\nS: x\nS: c\nS: .\n",
            false,
        ),
        (
            "C: RETR 1\nS: +OK\nS: {{...}}\nS: .\n",
            "C: RETR 1\nS: +OK\nS: .\n",
            true,
        ),
        (
            "C: NOOP\nS: +OK\nC: {{...}}\nC: QUIT\nS: +OK\n",
            "C: NOOP\nS: +OK\nC: STAT\nS: +OK 0 0\nC: RSET\nS: +OK\nC: QUIT\nS: +OK\n",
            true,
        ),
    ] {
        assert_alike(old, new, is_same);
    }
}

#[test]
fn a_difference_names_its_rows_and_the_words() {
    let old = "C: STAT\nS: +OK 2 320\nC: RETR 1\nS: +OK\nS: one\nS: two\nS: three\nS: .\n";
    let new = "C: STAT\nS: +OK 2 328\nC: RETR 1\nS: +OK\nS: zero\nS: one\nS: three\nS: .\n";
    assert_eq!(
        found(old, new, Level::Fields),
        [
            "diff-field STAT: `octets` was `320`, is `328` 2|2",
            "diff-data RETR 1: 1 line differs 5|5",
        ]
    );
    let (changes, summary) = changes(old.as_bytes(), new.as_bytes(), &options(Level::Fields));
    assert_eq!((summary.alike, summary.different), (0, 2));
    let spans: Vec<(bool, &str)> = changes[0].marks[1]
        .spans
        .iter()
        .map(|span| (span.is_changed, span.text.as_str()))
        .collect();
    assert_eq!(spans, [(false, "+OK 2 "), (true, "328")]);
}

#[test]
fn escapes_of_the_wire_do_not_reach_the_text() {
    let old = "C: RETR 1\nS: +OK\nS: \\x1b[31m red\nS: .\n";
    let (changes, _) = changes(
        old.as_bytes(),
        b"C: RETR 1\nS: +OK\nS: plain\nS: .\n",
        &options(Level::Fields),
    );
    let text = format!("{changes:?}");
    assert!(
        !text.contains('\u{1b}') && text.contains("x1b[31m"),
        "{text}"
    );
}

#[test]
fn a_secret_that_a_file_has_kept_is_not_shown() {
    let old = "C: USER a\nS: +OK\nC: PASS hunter2 x\nS: +OK\nC: AUTH PLAIN aHVudGVyMg==\nS: +OK\nC: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: aHVudGVyMg==\nS: -ERR\n";
    for new in [
        "C: QUIT\nS: +OK\n".to_owned(),
        old.replace("hunter2", "sesame")
            .replace("aHVudGVyMg", "b3RoZXI"),
    ] {
        let (changes, _) = changes(old.as_bytes(), new.as_bytes(), &options(Level::Octets));
        assert!(changes.len() >= 3);
        let text = format!("{changes:?}");
        for secret in ["hunter2", "aHVudGVyMg", "sesame", "b3RoZXI"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("PASS {{password}}"), "{text}");
    }
}

#[test]
fn a_message_that_does_not_end_is_found_where_its_end_should_be() {
    let old = "C: XTND XMIT\nS: +OK\nC: a\nC: .\nS: +OK\n";
    let new = "C: XTND XMIT\nS: +OK\nC: a\nC: ,\nS: +OK\n";
    let found = found(old, new, Level::Status);
    let end = "diff-end message sent: the second reply has no terminator 4|4";
    assert!(found.iter().any(|one| one == end), "{found:?}");
}

#[test]
fn a_unique_id_that_two_messages_have_is_mapped_in_order() {
    let file = b"C: UIDL\nS: +OK\nS: 1 aa\nS: 2 aa\nS: .\nC: RETR 1\nS: +OK\nS: A\nS: .\n";
    let options = Options {
        map_uidl: true,
        ..options(Level::Octets)
    };
    let (mut old, mut new) = (recording(file), recording(file));
    let summary = compare(&mut old, &mut new, &options, &mut |_| {}).unwrap();
    assert_eq!((summary.different, summary.mapped), (0, Some(2)));
}

#[test]
fn a_number_that_stays_is_compared_as_it_stands() {
    let file = b"C: UIDL\nS: +OK\nS: 001 aa\nS: .\nC: LIST 001\nS: +OK 001 10\n";
    let options = Options {
        map_uidl: true,
        ..options(Level::Text)
    };
    let (mut old, mut new) = (recording(file), recording(file));
    let summary = compare(&mut old, &mut new, &options, &mut |_| {}).unwrap();
    assert_eq!((summary.different, summary.mapped), (0, Some(1)));
}

#[test]
fn numbers_are_mapped_by_unique_id() {
    let old = "C: UIDL\nS: +OK\nS: 1 aa\nS: 2 bb\nS: 3 cc\nS: .\nC: LIST\nS: +OK\nS: 1 10\nS: 2 20\nS: 3 30\nS: .\nC: RETR 1\nS: +OK\nS: A\nS: .\nC: LIST 2\nS: +OK 2 20\n";
    let new = "C: UIDL\nS: +OK\nS: 1 bb\nS: 2 aa\nS: 3 dd\nS: .\nC: LIST\nS: +OK\nS: 1 20\nS: 2 10\nS: 3 40\nS: .\nC: RETR 2\nS: +OK\nS: A\nS: .\nC: LIST 1\nS: +OK 1 20\n";
    for level in [Level::Fields, Level::Text] {
        let options = Options {
            map_uidl: true,
            ..options(level)
        };
        let (changes, summary) = changes(old.as_bytes(), new.as_bytes(), &options);
        assert_eq!(summary.mapped, Some(2));
        let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        assert_eq!(names, ["UIDL", "LIST"], "{changes:?}");
        assert_eq!(changes[1].findings[0].row, Some(11));
        assert_eq!(changes[1].findings[0].other_row, Some(11));
    }
    let (changes, _) = changes(old.as_bytes(), new.as_bytes(), &options(Level::Fields));
    assert_eq!(changes.len(), 6);
}

#[test]
fn a_command_more_or_less_does_not_shift_the_rest() {
    let exchange = |name: &str| format!("C: X{name}\nS: -ERR no\n");
    let many = 3 * EXCHANGES;
    let old: String = (0..many).map(|n| exchange(&n.to_string())).collect();
    let new: String = (0..many)
        .filter(|n| n % 1000 != 7)
        .map(|n| exchange(&n.to_string()))
        .collect();
    let (changes, summary) = changes(old.as_bytes(), new.as_bytes(), &options(Level::Octets));
    assert_eq!(changes.len(), many.div_ceil(1000));
    assert_eq!(summary.alike as usize, many - changes.len());
    assert!(changes.iter().all(|change| change.new.is_none()));
}

fn body(lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("S: {line}\n")).collect();
    format!("C: RETR 1\nS: +OK\n{lines}S: .\n")
}

#[test]
fn bodies_of_100_000_lines_are_compared() {
    let old = body((0..100_000).map(|n| format!("line {n}")));
    let new = body((0..100_000).map(|n| format!("line {}", if n % 1000 == 5 { 0 } else { n })));
    let found = found(&old, &new, Level::Fields);
    assert_eq!(found, ["diff-data RETR 1: 100 lines differ 8|8"]);
    // Nothing in common: coarse, and never without an end.
    let other = body((0..100_000).map(|n| format!("other {n}")));
    let (changes, _) = changes(old.as_bytes(), other.as_bytes(), &options(Level::Fields));
    assert_eq!(changes[0].marks.len(), MARKS);
    assert_eq!(changes[0].hidden, 200_000 - MARKS as u64);
}

#[test]
fn a_line_of_a_mebibyte_is_compared_whole() {
    let long = "x".repeat(60_000);
    let line = |last: &str| {
        let rows: String = (0..17).map(|_| format!("S: {long}\\-\n")).collect();
        format!("C: RETR 1\nS: +OK\n{rows}S: {last}\nS: .\n")
    };
    assert!(found(&line("a"), &line("a"), Level::Octets).is_empty());
    assert_eq!(found(&line("a"), &line("b"), Level::Fields).len(), 1);
    assert_eq!(found(&line("..a"), &line(".a"), Level::Fields).len(), 1);
}

#[test]
fn a_recording_that_breaks_the_format_is_told_with_its_place() {
    let mut old = recording(b"C: NOOP\nS: +OK\n");
    let mut new = recording(b"C: NOOP\nS: +OK \\q\n");
    let error = compare(&mut old, &mut new, &options(Level::Fields), &mut |_| {}).unwrap_err();
    assert!(error.is_new);
    assert_eq!((error.error.row, error.error.column), (2, 8));
}

/// The example transcripts of all commands.
fn examples() -> Vec<&'static str> {
    crate::pop3::command::Command::all()
        .map(|command| command.example)
        .collect()
}

#[test]
fn every_example_is_like_itself() {
    for example in examples() {
        for level in LEVELS {
            assert_eq!(found(example, example, level), [""; 0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn one_octet_changed_is_found_at_its_row(example in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), octet: u8) {
        let examples = examples();
        let file = *example.get(&examples);
        let mut transcript = text::parse(file.as_bytes()).unwrap();
        let mut octets: Vec<(usize, &mut u8)> = Vec::new();
        for (index, item) in transcript.items.iter_mut().enumerate() {
            if let Item::Row(Row { pieces, .. }) = item {
                for piece in pieces {
                    if let Piece::Octets(piece) = piece {
                        octets.extend(piece.iter_mut().map(|octet| (index + 1, octet)));
                    }
                }
            }
        }
        let at = place.index(octets.len());
        let (row, old) = &mut octets[at];
        let row = *row;
        prop_assume!(**old != octet);
        **old = octet;
        let changed = text::print(&transcript);
        for (old, new) in [(file, changed.as_str()), (&changed, file)] {
            let (changes, _) = changes(old.as_bytes(), new.as_bytes(), &options(Level::Octets));
            let is_found = changes.iter().any(|change| {
                let in_findings = change.findings.iter().any(|one| one.row == Some(row) || one.other_row == Some(row));
                in_findings || change.marks.iter().any(|mark| mark.row == row)
            });
            prop_assert!(is_found, "row {}: {:?}", row, changes);
        }
    }

    #[test]
    fn any_two_files_can_be_compared(old in ".{0,200}", new in prop::collection::vec(prop_oneof![
        Just("C: LIST"), Just("S: +OK"), Just("S: 1 2"), Just("S: ."), Just("S: {{...}}"), Just("S: {{..}}"), Just("C: {{...}}"),
        Just("C: AUTH PLAIN"), Just("C: STLS"), Just("* tls x"), Just("* timeout"), Just("S: a\\-"), Just("S: x\\r\\x0a.\\r\\x0ay"),
    ], 0..30), other in any::<u64>()) {
        let mut shuffled = new.clone();
        let len = shuffled.len().max(1);
        shuffled.rotate_left(other as usize % len);
        let (a, b) = (new.join("\n"), shuffled.join("\n"));
        for level in LEVELS {
            prop_assert_eq!(found(&a, &a, level), [""; 0]);
            found(&a, &b, level);
            let (mut first, mut second) = (recording(old.as_bytes()), recording(a.as_bytes()));
            let _ = compare(&mut first, &mut second, &options(level), &mut |_| {});
        }
    }
}
