use std::path::{Path, PathBuf};

use super::*;
use crate::pop3::tracker::LineEnd;
use crate::transcript::text::parse;
use crate::transcript::{Piece, Row};

/// Rules that are always broken together with another.
const ALSO: &[(&str, &[&str])] = &[
    ("autologout-early", &["autologout-talks"]),
    ("client-apop-odd-timestamp", &["apop-timestamp-malformed"]),
    ("client-bare-lf", &["lf-command-taken"]),
    ("control-bytes-echoed", &["client-non-ascii-command"]),
    ("last-disagrees", &["last-works"]),
    ("lf-command-taken", &["client-bare-lf"]),
    ("lf-command-unanswered", &["client-bare-lf"]),
    ("login-without-the-tls-asked-for", &["password-in-clear"]),
    ("nul-command-unanswered", &["client-non-ascii-command"]),
    ("oversize-command-reset", &["client-line-too-long"]),
    ("redis-lookalike", &["client-before-greeting"]),
    ("sasl-bad-base64-accepted", &["client-bad-base64"]),
    ("single-answered-multi", &["list-malformed"]),
    ("stls-command-injection", &["client-pipelined-behind-stls"]),
    ("stls-keeps-pre-tls-state", &["client-pass-without-user"]),
    ("stls-twice-accepted", &["client-stls-in-tls"]),
    ("top-marks-seen", &["last-works"]),
    ("uidl-shared-by-different", &["uidl-duplicate"]),
    ("unstuffed-after-bare-lf", &["bare-lf-in-message"]),
];

fn also(id: &str) -> &'static [&'static str] {
    let row = ALSO.iter().find(|(rule, _)| *rule == id);
    row.map_or(&[], |(_, also)| also)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/lint")
}

/// The recordings of a folder, without the README.
fn recordings_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        found.push(entry.unwrap().path());
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "pop3"));
    found
}

fn judged(text: &[u8]) -> Vec<Finding> {
    judge(&mut Reader::new(text), Lint::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn witness(rule: &Rule, kind: &str) -> Vec<Finding> {
    let path = folder().join(format!("{}.{kind}.pop3", rule.id));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    judged(&text)
}

#[test]
fn the_bad_witness_of_a_rule_has_exactly_this_finding() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let mut want: Vec<&str> = std::iter::once(rule.id)
            .chain(also(rule.id).iter().copied())
            .collect();
        want.sort_unstable();
        let mut found: Vec<&str> = witness(rule, "bad").iter().map(|one| one.id).collect();
        found.sort_unstable();
        if found != want {
            wrong.push(format!("{}: {found:?}, not {want:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_good_witness_of_a_rule_has_no_finding_that_matters() {
    let mut wrong = Vec::new();
    for rule in rules() {
        for one in witness(rule, "good") {
            if one.id == rule.id || one.level > Level::Info {
                wrong.push(format!(
                    "{}: {} at row {:?}: {}",
                    rule.id, one.id, one.row, one.message
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shape_of_a_hidden_secret_is_judged_by_its_event() {
    let start = "* connected 127.0.0.1:110\nS: +OK <1.2@x.example>\n";
    for (rows, want) in [
        (
            "C: APOP a {{digest}}\n* malformed digest: not 32 hexadecimal digits\nS: -ERR\n",
            "client-apop-digest 3",
        ),
        (
            "C: APOP a {{digest}}\n* malformed digest: not in lower case\nS: -ERR\n",
            "client-apop-digest 3",
        ),
        (
            "C: USER a\nS: +OK\nC: PASS {{password}}\n* malformed password: not ASCII\nS: -ERR\n",
            "client-non-ascii-name 5",
        ),
        (
            "C: AUTH PLAIN {{response}}\n* malformed initial response: not base64\nS: -ERR\n",
            "client-bad-base64 3",
        ),
        (
            "C: AUTH PLAIN {{response}}\n* malformed initial response: not base64\nS: +OK\n",
            "client-bad-base64 3, sasl-bad-base64-accepted 3",
        ),
        (
            "C: AUTH PLAIN\nS: + \\-\nS: \nC: {{response}}\n* malformed response: not base64\nS: +OK\n",
            "client-bad-base64 6, sasl-bad-base64-accepted 3",
        ),
        (
            "C: AUTH PLAIN\nS: + \\-\nS: \nC: !!\nS: +OK\n",
            "sasl-bad-base64-accepted 3, client-bad-base64 6",
        ),
        (
            "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: {{response}}\n* malformed response: not base64\nS: + UGFzc3dvcmQ6\nC: *\nS: -ERR\n",
            "client-bad-base64 5, sasl-bad-base64-accepted 3",
        ),
        (
            "C: AUTH XOAUTH2 {{response}}\n* malformed initial response: not base64\nS: + e30=\nC:\nS: -ERR\n",
            "client-bad-base64 3",
        ),
        (
            "C: AUTH XOAUTH2 {{response}}\n* malformed initial response: its line has more than 255 octets\nS: -ERR\n",
            "client-initial-response-too-long 3",
        ),
        (
            "C: PASS {{password}}\n* malformed password: of a later version\nS: -ERR\n",
            "",
        ),
    ] {
        let wanted = [
            "client-apop-digest",
            "client-non-ascii-name",
            "client-bad-base64",
            "sasl-bad-base64-accepted",
            "client-initial-response-too-long",
        ];
        let found = judged(format!("{start}{rows}").as_bytes());
        let found = found.iter().filter(|one| wanted.contains(&one.id));
        let mut found: Vec<_> = found
            .map(|one| format!("{} {}", one.id, one.row.unwrap()))
            .collect();
        let mut want: Vec<_> = want.split(", ").filter(|one| !one.is_empty()).collect();
        found.sort();
        want.sort_unstable();
        assert_eq!(found, want, "{rows}");
    }
}

#[test]
fn every_witness_belongs_to_a_rule_and_is_printed_as_it_is() {
    for path in recordings_in(&folder()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let id = name.split('.').next().unwrap();
        assert!(rule(id).is_some(), "{name} has no rule");
        let text = std::fs::read(&path).unwrap();
        let transcript = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            crate::transcript::text::print(&transcript),
            String::from_utf8(text).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn rows_are_complete() {
    let mut ids = std::collections::BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(rule.id), "{} stands twice", rule.id);
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(rule.id.chars().all(is_kebab), "{}", rule.id);
        assert!(
            !rule.check.is_empty() && rule.level != Level::Difference,
            "{}",
            rule.id
        );
        for text in [rule.source, rule.says, rule.hint] {
            assert!(
                !text.is_empty() && !text.ends_with('.') && !text.contains('\n'),
                "{}",
                rule.id
            );
        }
    }
    assert!(ids.len() >= 200);
    for (id, also) in ALSO {
        for id in std::iter::once(id).chain(*also) {
            assert!(super::rule(id).is_some(), "{id}");
        }
    }
}

/// The octets that the evidence shows, and where.
#[test]
fn a_finding_names_row_offset_octets_and_count() {
    let text = "S: +OK\nC: NOOP\nS: +ok \\x1b\nC: NOOP\nS: +ok\n";
    let found = judged(text.as_bytes());
    let one = found
        .iter()
        .find(|one| one.id == "status-lowercase")
        .unwrap();
    assert_eq!((one.row, one.offset, one.count), (Some(3), Some(15), 2));
    assert_eq!(one.octets, "+ok \\x1b");
    assert!(one.hint.is_some() && one.source == "RFC 1939 §3");
}

#[test]
fn a_session_that_goes_on_is_told_each_rule_once() {
    let mut lint = Lint::new();
    let mut stated = Vec::new();
    let transcript = parse(b"S: +OK\nC: NOOP\nS: +ok\nC: NOOP\nS: +ok\n").unwrap();
    for (row, item) in (1..).zip(&transcript.items) {
        let place = Place { row, offset: 0 };
        lint.feed(place, item, &mut |finding| stated.push((row, finding.id)));
    }
    lint.finish(&mut |finding| stated.push((0, finding.id)));
    stated.retain(|(_, id)| *id == "status-lowercase");
    assert_eq!(stated, [(3, "status-lowercase")]);
    assert_eq!(lint.count("status-lowercase"), 2);
}

#[test]
fn a_piece_of_a_session_is_not_judged_by_what_was_before() {
    let found =
        judged(b"C: STAT\nS: +OK 2 320\nC: RETR 1\nS: +OK\nS: Subject: one\nS:\nS: text\nS: .\n");
    assert_eq!(found, []);
}

#[test]
fn holes_are_judged_neither_by_their_names_nor_by_their_length() {
    let text = "S: +OK {{..}}\nC: USER {{user}}\nS: {{..}}\nC: PASS {{password}}\nS: +OK\n\
                C: STAT\nS: +OK 2 {{..}}\nC: LIST\nS: +OK\nS: 1 {{..}}\nS: {{...}}\nS: .\nC: RETR 1\nS: {{...}}\n\
                C: {{...}}\nC: QUIT\nS: +OK\n* closed by server\n";
    assert_eq!(judged(text.as_bytes()), []);
}

#[test]
fn the_examples_of_commands_are_faultless() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/commands");
    for path in recordings_in(&folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("another session") {
            continue; // several in one file
        }
        let mut found = judged(text.as_bytes());
        found.retain(|one| one.level > Level::Info && !one.id.starts_with("client-"));
        let found: Vec<_> = found.iter().map(|one| (one.id, one.row)).collect();
        assert_eq!(found, [], "{}", path.display());
    }
}

#[test]
fn rows_that_are_read_at_once_are_judged_as_one_by_one() {
    let mut texts = Vec::new();
    for path in recordings_in(&folder()) {
        texts.push(std::fs::read(path).unwrap());
    }
    let mut long =
        "S: +OK\nC: USER a\nS: +OK\nC: APOP a b\nS: +OK\nC: RETR 1\nS: +OK\nS: Subject: x\nS:\n"
            .to_owned();
    for row in 0..5000 {
        let text = match row {
            1500 => ".odd",
            2600 => "a\rb {one brace}",
            3700 => "no\\r CR \\0",
            _ => "gr\u{fc}\u{df}e",
        };
        long += &format!("S: {text}\n");
    }
    long += &format!(
        "S: {}\nS: .\nC: LIST\nS: +OK\nS: 1 20\nS: 2 20\nS: 4 9\nS: .\n",
        "x".repeat(1500)
    );
    texts.push(long.into_bytes());
    for text in texts {
        let at_once = judged(&text);
        let (mut lint, mut one_by_one) = (Lint::new(), Vec::new());
        let mut reader = Reader::new(&text[..]);
        loop {
            let offset = reader.offset();
            let Some(item) = reader.next() else { break };
            let row = reader.row();
            lint.feed(Place { row, offset }, &item.unwrap(), &mut |finding| {
                one_by_one.push(finding)
            });
        }
        lint.finish(&mut |finding| one_by_one.push(finding));
        for finding in &mut one_by_one {
            finding.count = lint.count(finding.id);
            finding.more = lint.more(finding.id);
        }
        one_by_one.sort_by_key(|finding| finding.row);
        assert_eq!(at_once, one_by_one);
    }
}

mod behind;
mod cuts;
mod excused;
mod offers;
mod recorded;
mod step;

mod property {
    use proptest::prelude::*;

    use super::super::*;
    use crate::pop3::tracker::LineEnd;
    use crate::transcript::{Piece, Row};

    fn said() -> impl Strategy<Value = Vec<u8>> {
        let words: &[&[u8]] = &[
            b"USER a",
            b"PASS b",
            b"+OK",
            b"+OK 2 320",
            b"-ERR no",
            b"CAPA",
            b"LIST",
            b"UIDL",
            b"RETR 1",
            b"TOP 1 0",
            b"DELE 1",
            b"RSET",
            b"QUIT",
            b"STLS",
            b"AUTH PLAIN",
            b"AUTH SCRAM-SHA-256",
            b"+ ",
            b"+ cj1hLHM9YixpPTE=",
            b"*",
            b".",
            b"..",
            b"...",
            b"1 120",
            b"2 200",
            b"1 abc",
            b"TOP",
            b"EXPIRE 0",
            b"Subject: x\r",
            b"",
            b"LIST 1",
            b"STAT",
            b"NOOP x",
            b"LANG de",
            b"UTF8",
            b"XTND XMIT",
            b"LAST",
            b"SASL PLAIN",
            b"\x15\x03\x03",
            b"a\r\rb",
        ];
        prop_oneof![
            4 => proptest::sample::select(words).prop_map(<[u8]>::to_vec),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ]
    }

    fn item() -> impl Strategy<Value = Item> {
        let end = proptest::sample::select(
            &[
                LineEnd::Crlf,
                LineEnd::Crlf,
                LineEnd::Crlf,
                LineEnd::Lf,
                LineEnd::None,
            ][..],
        );
        let row = (any::<bool>(), said(), end).prop_map(|(is_server, octets, end)| {
            let side = if is_server {
                Side::Server
            } else {
                Side::Client
            };
            Item::Row(Row::new(side, 0, [Piece::Octets(octets)], end))
        });
        let events = [
            "connected 192.0.2.1:110",
            "tls TLSv1.3 X verified CN=x",
            "tls failed: x",
            "timeout after 3 s",
            "closed by server",
            "closed by client",
            "connection lost: x",
            "injected 3 octets",
        ];
        prop_oneof![
            12 => row,
            1 => proptest::sample::select(events.to_vec()).prop_map(|text| Item::Event(text.to_owned())),
        ]
    }

    fn counts(items: &[Item]) -> Vec<(&'static str, u64)> {
        let mut lint = Lint::new();
        for (row, item) in (1..).zip(items) {
            lint.feed(Place { row, offset: 0 }, item, &mut |_| {});
        }
        lint.finish(&mut |_| {});
        let counts = rules().map(|rule| (rule.id, lint.count(rule.id)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Words that rules put into their messages or compare, with what a stranger may hide in them.
    fn hostile() -> impl Strategy<Value = Item> {
        let words: &[&str] = &[
            "-ERR [SYS/",
            "-ERR [",
            "+OK 2 ",
            "SASL ",
            "PIPELININ",
            "STLS",
            "1 ",
            "1 2",
            "+ ",
            "",
            "Status: ",
        ];
        let odd = prop_oneof![
            Just("\u{9b}2J".as_bytes().to_vec()),
            Just(b"\x9b2J".to_vec()),
            Just("\u{202e}gro.elpmaxe".as_bytes().to_vec()),
            Just(b"\x1b]0;owned\x07".to_vec()),
            Just("\u{2028}\u{ad}\u{feff}".as_bytes().to_vec()),
            Just(vec![b'x'; 600]),
            proptest::collection::vec(any::<u8>(), 0..80),
        ];
        let line = (proptest::sample::select(words), odd, any::<bool>());
        let row = line.prop_map(|(word, odd, is_closed)| {
            let close: &[u8] = if is_closed { b"] x" } else { b"" };
            let octets = [word.as_bytes(), &odd, close].concat();
            Item::Row(Row::new(
                Side::Server,
                0,
                [Piece::Octets(octets)],
                LineEnd::Crlf,
            ))
        });
        let event = proptest::sample::select(&["\u{9b}2J", "\u{202e}x", "\x1b[2J", "x"][..])
            .prop_map(|text| Item::Event(format!("tls failed: expired certificate of {text}")));
        prop_oneof![3 => item(), 4 => row, 1 => event]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_a_stranger_sends_drives_no_terminal(items in proptest::collection::vec(hostile(), 0..40)) {
            let mut found = Vec::new();
            let mut lint = Lint::new();
            let login = b"* connected 192.0.2.1:110\nS: +OK\nC: CAPA\nS: +OK\nS: SASL \\xc2\\x9b2J\nS: .\n";
            let mut before = crate::transcript::text::parse(login).unwrap().items;
            before.extend(items);
            for (row, item) in (1..).zip(&before) {
                lint.feed(Place { row, offset: 0 }, item, &mut |finding| found.push(finding));
            }
            lint.finish(&mut |finding| found.push(finding));
            prop_assert!(!found.is_empty());
            for finding in found {
                let mut escaped = String::new();
                crate::base::escape::escape(finding.message.as_bytes(), &mut escaped);
                prop_assert_eq!(&escaped, &finding.message);
                prop_assert!(finding.message.chars().count() <= broken::MESSAGE_MAX + 1);
                let row = format!("S: {}\n", finding.octets);
                let Item::Row(row) = &crate::transcript::text::parse(row.as_bytes()).unwrap().items[0] else { unreachable!() };
                let octets: usize = row.pieces.iter().map(|piece| match piece {
                    Piece::Octets(octets) => octets.len(),
                    Piece::Hole(_) => 0,
                }).sum();
                prop_assert!(octets <= SHOWN, "{:?}", finding.octets);
                let is_odd = |c: char| c.is_control() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
                prop_assert!(!finding.octets.chars().any(is_odd), "{:?}", finding.octets);
            }
        }

        #[test]
        fn rows_that_are_split_give_the_same_findings(
            items in proptest::collection::vec(item(), 0..40),
            cuts in proptest::collection::vec(0_usize..30, 40),
        ) {
            let mut split = Vec::new();
            for (item, cut) in items.iter().zip(cuts) {
                match item {
                    Item::Row(row) if matches!(&row.pieces[..], [Piece::Octets(octets)] if cut < octets.len()) => {
                        let Piece::Octets(octets) = &row.pieces[0] else { unreachable!() };
                        let (head, tail) = octets.split_at(cut);
                        let part = |octets: &[u8], end| Item::Row(Row::new(row.side, 0, [Piece::Octets(octets.to_vec())], end));
                        split.push(part(head, LineEnd::None));
                        split.push(part(tail, row.end));
                    }
                    item => split.push(item.clone()),
                }
            }
            prop_assert_eq!(counts(&items), counts(&split));
        }
    }
}
