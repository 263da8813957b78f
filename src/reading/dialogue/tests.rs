//! Situations of a dialogue, and what must hold for any transcript.

use proptest::prelude::*;

use super::*;
use crate::transcript::Row;
use crate::transcript::text;

/// Each part in a short form: what it is, its row, the status, rows of the SASL lines, measures of
/// the data.
fn told(file: &str) -> Vec<String> {
    let transcript = text::parse(file.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    Dialogue::of(&transcript).iter().map(short).collect()
}

fn short(part: &Part) -> String {
    let row = part.place().row;
    match part {
        Part::Exchange(exchange) => {
            let mut text = format!("{row} {}", exchange.name());
            match exchange.status {
                Some(status) => text += &format!(" {status:?}"),
                None => text += " unanswered",
            }
            if let Some(line) = &exchange.status_line {
                text += &format!("@{}", line.place.row);
            }
            for line in &exchange.sasl {
                text += &format!(" {:?}@{}", line.side, line.place.row);
            }
            if let Some(data) = &exchange.data {
                let rows = format!("{}-{}", data.first.row, data.last_row);
                let end = data.terminator_row;
                text += &format!(
                    " {} lines {} octets rows {rows} end {end:?}",
                    data.lines, data.octets
                );
            }
            text
        }
        Part::Unrequested(line) => {
            format!(
                "{row} unrequested {}",
                Piece::named(&line.pieces).escape_ascii()
            )
        }
        Part::Injected(data) => format!("{row} injected {}", data.octets),
        Part::Event(event) => format!("{row} {:?}", event.kind),
        Part::AnyRows(_) => format!("{row} any rows"),
    }
}

#[test]
fn a_greeting_commands_and_data_are_paired() {
    let parts = told(
        "#!pop3 1\n\n* connected 192.0.2.1:110\nS@12: +OK ready\nC@5: LIST\nS@7: +OK\nS: 1 224\nS@2: ..x\nS: .\nC: list 2\nS: -ERR no\n",
    );
    assert_eq!(
        parts,
        [
            "3 Connected",
            "4 greeting Positive@4",
            "5 LIST Positive@6 2 lines 12 octets rows 7-8 end Some(9)",
            "10 LIST 2 Negative@11",
        ]
    );
}

#[test]
fn times_and_stuffing_are_measured() {
    let file = "S: +OK\nC@100: RETR 1\nS@7: +OK\nS@50: ..a\nS: b.\nS: .\n";
    let transcript = text::parse(file.as_bytes()).unwrap();
    let parts = Dialogue::of(&transcript);
    let Part::Exchange(exchange) = &parts[1] else {
        panic!("{parts:?}")
    };
    assert_eq!(exchange.reply_ms, Some(7));
    let data = exchange.data.as_ref().unwrap();
    assert_eq!((data.octets, data.message_octets, data.lines), (9, 8, 2));
    assert_eq!(data.terminator, Some(LineEnd::Crlf));
}

#[test]
fn pipelined_commands_get_their_own_replies() {
    assert_eq!(
        told("C: STAT\nC: LIST\nC: NOOP\nS: +OK 1 2\nS: +OK\nS: 1 2\nS: .\nS: +OK\n"),
        [
            "1 STAT Positive@4",
            "2 LIST Positive@5 1 lines 5 octets rows 6-6 end Some(7)",
            "3 NOOP Positive@8",
        ]
    );
}

#[test]
fn sasl_lines_belong_to_their_auth() {
    assert_eq!(
        told("C: AUTH PLAIN\nS: +\\s\nC: {{response}}\nS: +OK\nC: STAT\nS: +OK 0 0\n"),
        [
            "1 AUTH PLAIN Positive@4 Server@2 Client@3",
            "5 STAT Positive@6",
        ]
    );
    // With an initial response a challenge does not come.
    assert_eq!(
        told("C: AUTH PLAIN {{response}}\nS: +OK\nC: STAT\nS: +OK\n"),
        ["1 AUTH PLAIN Positive@2", "3 STAT Positive@4"]
    );
    // Sent before it was asked for.
    assert_eq!(
        told("C: AUTH PLAIN\nC: {{response}}\nS: +\\s\nS: +OK\n"),
        ["1 AUTH PLAIN Positive@4 Server@3 Client@2"]
    );
    // The server refused AUTH and takes the response for a command.
    let parts = told("C: AUTH PLAIN\nC: {{response}}\nS: -ERR no\nS: -ERR what\n");
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0], "1 AUTH PLAIN Negative@3");
    assert!(parts[1].ends_with("Negative@4"), "{parts:?}");
}

#[test]
fn stls_starts_the_dialogue_anew_inside_tls() {
    assert_eq!(
        told("C: STLS\nS: +OK\n* tls TLSv1.3 X verified CN=a\nC: CAPA\nS: +OK\nS: TOP\nS: .\n"),
        [
            "1 STLS Positive@2",
            "3 TlsStarted",
            "4 CAPA Positive@5 1 lines 5 octets rows 6-6 end Some(7)",
        ]
    );
    assert_eq!(
        told(
            "C: STLS\nS: +OK\n* injected 5 octets before the TLS handshake\nS: +OK\n* closed by client\n"
        ),
        [
            "1 STLS Positive@2",
            "3 Injected",
            "4 injected 5",
            "5 Closed"
        ]
    );
    assert_eq!(
        told("C: STLS\nS: +OK\n* tls failed: no\n* closed by client\n"),
        ["1 STLS Positive@2", "3 TlsFailed", "4 Closed"]
    );
}

#[test]
fn a_message_of_the_client_is_its_data() {
    assert_eq!(
        told("C: XTND XMIT\nS: +OK go\nC: From: a\nC:\nC: ..b\nC: .\nS: +OK sent\n"),
        [
            "1 XTND XMIT Positive@2",
            "3 message sent Positive@7 3 lines 16 octets rows 3-5 end Some(6)",
        ]
    );
}

#[test]
fn after_a_time_out_nothing_is_awaited() {
    assert_eq!(
        told("C: RETR 1\nS: +OK\nS: half\\-\n* timeout after 60 s\nS: late\nC: NOOP\nS: +OK\n"),
        [
            "1 RETR 1 Positive@2 1 lines 4 octets rows 3-3 end None",
            "4 TimedOut",
            "5 unrequested late",
            "6 NOOP Positive@7",
        ]
    );
    assert_eq!(
        told("C: STAT\nC: NOOP\nS: +O\\-\n* timeout after 60 s\n"),
        ["1 STAT unanswered@3", "2 NOOP unanswered", "4 TimedOut"]
    );
}

#[test]
fn every_prefix_of_a_file_is_a_dialogue() {
    let file = "* connected 1:1\nS: +OK\nC: USER a\nS: +OK\nC: LIST\nS: +OK\nS: 1 2\nS: .\n";
    for end in 0..file.len() {
        told(&file[..end]);
    }
    assert_eq!(
        told("S: +OK\nC: LIST\nS: +OK\nS: 1 2\nC: QU\\-\n* connection lost: reset\n"),
        [
            "1 greeting Positive@1",
            "2 LIST Positive@3 1 lines 5 octets rows 4-4 end None",
            "5 a command that was cut unanswered",
            "6 Lost",
        ]
    );
}

#[test]
fn holes_do_not_break_the_pairing() {
    let file = "C: PASS {{password}}\nS: +OK {{..}}\nC: RETR {{..}}\nS: +OK\nS: a {{..}} b\nS: {{...}}\nS: .\nC: UIDL\nS: {{...}}\nC: {{...}}\nC: QUIT\nS: +OK\n";
    assert_eq!(
        told(file),
        [
            "1 PASS Positive@2",
            "3 RETR x Positive@4 1 lines 7 octets rows 5-6 end Some(7)",
            "8 UIDL Malformed@9",
            "10 any rows",
            "11 QUIT Positive@12",
        ]
    );
    let parts = Dialogue::of(&text::parse(file.as_bytes()).unwrap());
    let Part::Exchange(exchange) = &parts[0] else {
        panic!("{parts:?}")
    };
    let hole = |name| Piece::Hole(Hole::called(name).unwrap());
    assert_eq!(
        exchange.command.as_ref().unwrap().pieces,
        [Piece::Octets(b"PASS ".to_vec()), hole("password")]
    );
    assert_eq!(
        exchange.status_line.as_ref().unwrap().pieces,
        [Piece::Octets(b"+OK ".to_vec()), hole("..")]
    );
    // The reply to all that waits.
    assert_eq!(
        told("C: STAT\nC: LIST\nS: {{...}}\nC: QUIT\nS: +OK\n"),
        [
            "1 STAT Malformed@3",
            "2 LIST Malformed@3",
            "4 QUIT Positive@5"
        ]
    );
}

#[test]
fn a_line_longer_than_is_kept_is_measured_whole() {
    let long = "y".repeat(20_000);
    let parts = Dialogue::of(
        &text::parse(format!("S: +OK\nC: X {long}\nS: -ERR {long}\n").as_bytes()).unwrap(),
    );
    let Part::Exchange(exchange) = &parts[1] else {
        panic!("{parts:?}")
    };
    let line = exchange.status_line.as_ref().unwrap();
    assert_eq!(line.octets, 20_007);
    assert_eq!(Piece::named(&line.pieces).len(), LINE_KEPT);
    assert!(!line.is_whole());
}

#[test]
fn a_pattern_fits_what_stands_in_its_holes() {
    let pattern = |text: &str| {
        let transcript = text::parse(format!("S: {text}\n").as_bytes()).unwrap();
        transcript.rows().next().unwrap().pieces.clone()
    };
    for (row, line, fits) in [
        ("+OK {{..}}", "+OK ", true),
        ("+OK {{..}}", "+OK 2 messages", true),
        ("+OK {{..}}", "-ERR", false),
        ("{{..}}", "", true),
        ("", "", true),
        ("", "a", false),
        ("a{{..}}a", "a", false),
        ("a{{..}}a", "aa", true),
        ("a{{..}}b{{..}}c", "a b b c", true),
        ("a{{..}}b{{..}}c", "a c c", false),
        ("{{..}}b", "ab", true),
        ("{{..}}{{..}}", "x", true),
        ("+OK", "+OK", true),
        ("+OK", "+OKAY", false),
    ] {
        let pieces = pattern(row);
        assert_eq!(
            Matcher::new(&pieces).fits(line.as_bytes()),
            fits,
            "{row} {line}"
        );
    }
}

/// Fits, found by trying everything.
fn slow_fits(pieces: &[Piece], octets: &[u8]) -> bool {
    match pieces.split_first() {
        None => octets.is_empty(),
        Some((Piece::Octets(piece), rest)) => octets
            .strip_prefix(piece.as_slice())
            .is_some_and(|octets| slow_fits(rest, octets)),
        Some((Piece::Hole(_), rest)) => {
            (0..=octets.len()).any(|skip| slow_fits(rest, &octets[skip..]))
        }
    }
}

fn any_row() -> impl Strategy<Value = Item> {
    let lines = prop_oneof![
        Just("+OK"),
        Just("-ERR x"),
        Just("+ "),
        Just("."),
        Just("..x"),
        Just("RETR 1"),
        Just("LIST"),
        Just("AUTH PLAIN"),
        Just("AUTH PLAIN x"),
        Just("STLS"),
        Just("QUIT"),
        Just("XTND XMIT"),
        Just("PASS x"),
        Just(""),
        Just("a\nb"),
        Just("x\r\n.\r\ny"),
    ];
    let octets = prop_oneof![
        4 => lines.prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(vec![b'z'; 9000]),
    ];
    let hole = prop_oneof![Just("password"), Just(".."), Just("...")];
    let piece = prop_oneof![
        5 => octets.prop_map(Piece::Octets),
        1 => hole.prop_map(|name| Piece::Hole(Hole::called(name).unwrap())),
    ];
    let pieces = prop::collection::vec(piece, 0..3);
    let end =
        prop_oneof![5 => Just(LineEnd::Crlf), 1 => Just(LineEnd::Lf), 1 => Just(LineEnd::None)];
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    let row = (side, pieces, end, 0..9u64)
        .prop_map(|(side, pieces, end, after)| Item::Row(Row::new(side, after, pieces, end)));
    let event = prop_oneof![
        Just("connected 1:1"),
        Just("tls TLSv1.3 X verified"),
        Just("tls failed: x"),
        Just("timeout after 1 s"),
        Just("closed by server"),
        Just("connection lost: x"),
        Just("injected 3 octets"),
        Just("what"),
    ];
    prop_oneof![
        8 => row,
        1 => event.prop_map(|event| Item::Event(event.to_owned())),
    ]
}

/// Parts with all rows and times taken out.
fn without_rows(mut parts: Vec<Part>) -> Vec<Part> {
    let line = |line: &mut Line| line.place = Place::default();
    let data = |data: &mut Measures| {
        data.first = Place::default();
        data.skipped = 0;
        data.last_row = 0;
        data.terminator_row = data.terminator_row.map(|_| 0);
    };
    for part in &mut parts {
        match part {
            Part::Exchange(exchange) => {
                exchange.command.as_mut().map(line);
                exchange.status_line.as_mut().map(line);
                exchange.sasl.iter_mut().for_each(line);
                exchange.data.as_mut().map(data);
            }
            Part::Unrequested(it) => line(it),
            Part::Injected(it) => data(it),
            Part::Event(event) => event.place = Place::default(),
            Part::AnyRows(place) => *place = Place::default(),
        }
    }
    parts
}

#[test]
fn a_shape_that_was_told_is_kept_to() {
    let rows = "C: XFOO\nS: +OK\nS: one\nS: .\nC: NOOP\nS: +OK\n";
    let told_so = told(&format!("* taken as multi-line: XFOO\n{rows}"));
    assert_eq!(
        told_so.get(1).map(String::as_str),
        Some("2 XFOO Positive@3 1 lines 5 octets rows 4-4 end Some(5)")
    );
    let not_told = told(rows);
    assert!(not_told.iter().any(|part| part.contains("unrequested")));
}

#[test]
fn a_hole_in_a_line_that_any_rows_end_stands_for_text() {
    let rows = "S: {{...}}+OK\\-\nS: {{...}}\n";
    let parts = Dialogue::of(&text::parse(rows.as_bytes()).unwrap());
    let pieces = parts.iter().find_map(|part| match part {
        Part::Exchange(exchange) => Some(&exchange.status_line.as_ref()?.pieces),
        Part::Unrequested(line) => Some(&line.pieces),
        _ => None,
    });
    let wanted = [
        Piece::Hole(Hole::Text),
        Piece::Octets(b"+OK".to_vec()),
        Piece::Hole(Hole::Rows),
    ];
    assert_eq!(pieces.map(Vec::as_slice), Some(wanted.as_slice()));
}

proptest! {
    #[test]
    fn no_transcript_makes_it_panic(items in prop::collection::vec(any_row(), 0..40)) {
        let parts = Dialogue::of(&Transcript { items });
        prop_assert!(parts.len() < 4000);
    }

    #[test]
    fn every_octet_is_in_some_part(mut items in prop::collection::vec(any_row(), 0..40)) {
        // What the tracker drops at the start of TLS is a lone CR; what `{{...}}` stands for is not
        // known.
        items.retain(|item| match item {
            Item::Row(row) => row.pieces != [Piece::Hole(Hole::Rows)],
            Item::Event(event) => !event.starts_with("tls "),
            _ => true,
        });
        let fed: usize = items.iter().map(|item| match item {
            Item::Row(row) => row.end.octets().len() + row.pieces.iter().map(|piece| match piece {
                Piece::Octets(octets) => octets.len(),
                Piece::Hole(_) => 1,
            }).sum::<usize>(),
            _ => 0,
        }).sum();
        let data = |data: &Measures| data.octets + data.terminator.map_or(0, |end| 1 + end.octets().len() as u64);
        let told: u64 = Dialogue::of(&Transcript { items }).iter().map(|part| match part {
            Part::Exchange(exchange) => {
                let lines = [&exchange.command, &exchange.status_line];
                lines.into_iter().flatten().chain(&exchange.sasl).map(|line| line.octets).sum::<u64>()
                    + exchange.data.as_ref().map_or(0, data)
            }
            Part::Unrequested(line) => line.octets,
            Part::Injected(it) => data(it),
            Part::Event(_) | Part::AnyRows(_) => 0,
        }).sum();
        prop_assert_eq!(told, fed as u64);
    }

    #[test]
    fn rows_that_are_split_make_the_same_dialogue(items in prop::collection::vec(any_row(), 0..30), cut in 1..7usize) {
        let mut split = Vec::new();
        for item in &items {
            let Item::Row(row) = item else {
                split.push(item.clone());
                continue;
            };
            if row.pieces == [Piece::Hole(Hole::Rows)] {
                split.push(item.clone());
                continue;
            }
            let mut after = row.after_ms;
            for piece in &row.pieces {
                match piece {
                    Piece::Octets(octets) => for chunk in octets.chunks(cut) {
                        let pieces = vec![Piece::Octets(chunk.to_vec())];
                        split.push(Item::Row(Row::new(row.side, std::mem::take(&mut after), pieces, LineEnd::None)));
                    },
                    Piece::Hole(hole) => {
                        let hole = if *hole == Hole::Rows { Hole::Text } else { hole.clone() };
                        let pieces = vec![Piece::Hole(hole)];
                        split.push(Item::Row(Row::new(row.side, std::mem::take(&mut after), pieces, LineEnd::None)));
                    }
                }
            }
            split.push(Item::Row(Row::new(row.side, after, vec![], row.end)));
        }
        let whole = without_rows(Dialogue::of(&Transcript { items }));
        let split = without_rows(Dialogue::of(&Transcript { items: split }));
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn the_matcher_finds_what_trying_everything_finds(
        pieces in prop::collection::vec(prop_oneof![
            Just(Piece::Hole(Hole::Text)),
            "[ab]{1,2}".prop_map(|text| Piece::Octets(text.into_bytes())),
        ], 0..6),
        line in "[ab]{0,10}",
    ) {
        let row = Row::new(Side::Server, 0, pieces, LineEnd::Crlf);
        prop_assert_eq!(Matcher::new(&row.pieces).fits(line.as_bytes()), slow_fits(&row.pieces, line.as_bytes()));
    }
}
