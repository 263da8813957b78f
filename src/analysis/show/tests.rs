//! Whatever a transcript holds, nothing of it drives a terminal or a browser, and nothing ends the
//! program.

use proptest::prelude::*;

use super::html::{Page, Survey};
use super::messages::{Completeness, MessageSink, Messages};
use super::screen::{ScreenView, ShowOptions};
use super::svg::Drawing;
use super::timeline::Timeline;
use super::timing::{ExchangeTime, Timing, Totals};
use super::*;
use crate::analysis::finding::{Finding, Level};
use crate::pop3::tracker::Side;
use crate::reading::dialogue::{TapeReader, TapeStep, WaitPhase};

/// Reads a transcript.
fn read(text: &[u8], take: &mut dyn FnMut(&TapeStep<'_>)) {
    let read = TapeReader::read(text, &mut |told| {
        take(&told);
        true
    });
    read.unwrap_or_else(|error| panic!("{error}"));
}

fn on_screen(text: &[u8], has_colour: bool, options: ShowOptions) -> String {
    let mut out = Vec::new();
    let mut screen = ScreenView::new(Terminal::new(&mut out, has_colour), options);
    read(text, &mut |told| assert!(screen.emit(told).unwrap()));
    String::from_utf8(out).unwrap()
}

const ALL: ShowOptions = ShowOptions {
    has_times: true,
    has_notes: true,
};

fn shown(text: &str) -> String {
    let options = ShowOptions {
        has_times: false,
        ..ALL
    };
    on_screen(text.as_bytes(), false, options)
}

fn measured(text: &[u8]) -> (Vec<ExchangeTime>, Totals) {
    let mut meter = Timing::new();
    let mut laps = Vec::new();
    read(text, &mut |told| {
        meter.emit(told, &mut |lap| laps.push(lap))
    });
    (laps, meter.totals().clone())
}

fn drawn(text: &[u8], columns: usize) -> String {
    let (laps, totals) = measured(text);
    let mut out = Vec::new();
    let mut drawing = Timeline::new(Terminal::new(&mut out, false), columns, &totals).unwrap();
    for lap in &laps {
        drawing.lap(lap).unwrap();
    }
    drawing.finish(&totals).map(drop).unwrap();
    String::from_utf8(out).unwrap()
}

fn page(text: &[u8], findings: &[Finding]) -> String {
    let mut survey = Survey::new();
    read(text, &mut |told| survey.emit(told));
    let mut out = Vec::new();
    let mut page = Page::new(&mut out, "a <b>.pop3", &survey, findings).unwrap();
    read(text, &mut |told| page.emit(told).unwrap());
    page.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn picture(text: &[u8], rows: usize) -> String {
    let mut screen = ScreenView::new(Drawing::new(rows), ALL);
    let _ = TapeReader::read(text, &mut |told| screen.emit(&told).unwrap());
    screen.into_canvas().finish("\u{202e}\"><x>")
}

/// Messages in memory.
#[derive(Default)]
struct Heap(Vec<(Option<u64>, Vec<u8>, Option<Completeness>)>);

impl MessageSink for Heap {
    fn begin(&mut self, number: Option<u64>) -> io::Result<()> {
        self.0.push((number, Vec::new(), None));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.last_mut().unwrap().1.extend_from_slice(octets);
        Ok(())
    }

    fn end(&mut self, state: Completeness) -> io::Result<()> {
        assert_eq!(self.0.last_mut().unwrap().2.replace(state), None);
        Ok(())
    }
}

fn messages(text: &[u8]) -> Heap {
    let mut heap = Heap::default();
    let mut messages = Messages::new();
    read(text, &mut |told| messages.emit(told, &mut heap).unwrap());
    heap
}

#[test]
fn a_status_line_in_pieces_is_one_line_in_one_colour() {
    let text = b"S: +O\\-\nS: K re\\-\nS: ady\nC: STAT\nS: -ERR\n";
    let options = ShowOptions {
        has_times: false,
        has_notes: false,
    };
    let shown = on_screen(text, true, options);
    assert_eq!(
        shown,
        "S: \u{1b}[32m+OK\u{1b}[39m ready\nC: \u{1b}[1mSTAT\u{1b}[22m\nS: \u{1b}[31m-ERR\u{1b}[39m\n"
    );
}

#[test]
fn lines_say_how_they_end() {
    assert_eq!(
        shown("S: +OK a\\n\nC: \nS: -ERR\n"),
        "S: +OK a (ends in LF)\nC:\nS: -ERR\n"
    );
    let data = "S: +OK\nC: LIST\nS: +OK\nS: a\\n\nS: b\\r\nS:\nS: c\\-\n";
    let wanted = "S: +OK\nC: LIST\nS: +OK\nS: a (ends in LF)\nS: b^M\nS:\nS: c (no line end)\n";
    assert_eq!(shown(data), wanted);
    assert_eq!(
        shown("S: +OK\nC: QU\\-\n* closed by client\n"),
        "S: +OK\nC: QU (no line end)\n  * closed by client\n"
    );
}

#[test]
fn an_endless_line_is_shown_by_its_start() {
    let part = format!("S: {}\\-\n", "x".repeat(60_000));
    let shown = shown(&("S: +OK\\-\n".to_owned() + &part.repeat(9)));
    assert_eq!(shown.lines().count(), 1);
    assert!(shown.ends_with(" (no line end)\n") && shown.len() < 17_000);
    let text = format!("S: +OK\nC: LIST\nS: +OK\n{}S:\nS: .\n", part.repeat(9));
    assert!(on_screen(text.as_bytes(), false, ALL).len() < 17_000);
}

#[test]
fn what_was_left_out_is_seen() {
    let text = "S: {{...}}\nC: LIST\nS: +OK\nS: 1 {{..}}\nS: {{...}}\nS: .\nC: {{...}}\n";
    assert_eq!(shown(text), text);
}

#[test]
fn octets_before_the_handshake_are_shown() {
    let text = "S: +OK\nC: STLS\nS: +OK\n* injected 5 octets before the TLS handshake\nS: +OK\n";
    assert_eq!(shown(text), text.replace("* inj", "  * inj"));
}

#[test]
fn time_goes_to_what_was_waited_for() {
    let text = b"* connected 1\nS@7: +OK\nC@100: STLS\nS@3: +OK\n* tls 1\nC@20: LIST\nS@5: +OK\nS@11: 1 1\nS: .\nC@50: AUTH LOGIN\n\
        S@2: + x\nC@30: {{response}}\nS@4: +OK\n";
    let (laps, totals) = measured(text);
    let times = (
        totals.connect_ms,
        totals.tls_ms,
        totals.wait_ms,
        totals.transfer_ms,
        totals.idle_ms,
    );
    assert_eq!(times, (7, 20, 3 + 5 + 2 + 4, 11, 100 + 50 + 30));
    let bars: Vec<_> = laps
        .iter()
        .map(|lap| {
            (
                lap.name.as_str(),
                lap.start_ms,
                lap.wait_ms,
                lap.transfer_ms,
            )
        })
        .collect();
    assert_eq!(
        bars,
        [
            ("greeting", 0, 7, 0),
            ("STLS", 7, 3, 0),
            ("LIST", 30, 5, 11),
            ("AUTH LOGIN", 46, 6, 0),
        ]
    );
    assert_eq!(totals.all_ms(), totals.busy_ms() + totals.idle_ms);
}

#[test]
fn the_time_of_a_handshake_ends_where_its_event_says() {
    let text = b"* connected 1\nS@7: +OK\nC@100: STLS\nS@3: +OK\n* tls v c verified CN=a @12\nC@1215: CAPA\nS@5: +OK\nS: .\n";
    let (laps, totals) = measured(text);
    let times = (totals.tls_ms, totals.wait_ms, totals.idle_ms);
    assert_eq!(times, (12, 3 + 5, 100 + 1203));
    assert!(totals.is_tls_timed);
    assert_eq!((laps[2].start_ms, laps[2].wait_ms), (7 + 3 + 12, 5));
    // A handshake that comes first is of the connection.
    let (_, totals) = measured(b"* connected 1\n* tls v c verified CN=a @30\nS@37: +OK\n");
    assert_eq!((totals.connect_ms, totals.tls_ms), (37, 0));
}

#[test]
fn pipelined_commands_wait_together() {
    let text = b"S: +OK\nC: NOOP\nC: LIST\nC: DELE 1\nS@9: +OK\nS: +OK\nS@3: .\nS@1: -ERR\n";
    let (laps, totals) = measured(text);
    let bars: Vec<_> = laps
        .iter()
        .map(|lap| (lap.wait_ms, lap.transfer_ms))
        .collect();
    assert_eq!(bars, [(0, 0), (9, 0), (9, 3), (13, 0)]);
    assert_eq!(
        (totals.wait_ms, totals.transfer_ms, totals.refused),
        (10, 3, 1)
    );
}

#[test]
fn a_timeline_fits_any_screen_and_long_numbers() {
    let text =
        "S@9999999999: +OK\nC: RETR 123456789012345678901234567890\nS@900000: +OK\nS@5: x\nS: .\n";
    for columns in [0, 64, 80, 120, 1000] {
        let drawn = drawn(text.as_bytes(), columns);
        for line in drawn.lines() {
            assert!(line.chars().count() <= columns.max(66), "{columns}: {line}");
        }
        assert!(
            drawn.contains("2777 h") && drawn.contains("900 s"),
            "{drawn}"
        );
    }
}

#[test]
fn a_screen_is_full_when_its_rows_are() {
    let fill = |lines: usize| {
        let text = "S: +OK\n".repeat(lines);
        let mut screen = ScreenView::new(RowCounter::new(80, 5), ALL);
        let _ = TapeReader::read(text.as_bytes(), &mut |told| screen.emit(&told).unwrap());
        screen.into_canvas().is_full()
    };
    assert!(!fill(5));
    assert!(fill(6));
    let mut rows = RowCounter::new(10, 2);
    rows.text(Highlight::Plain, &"x".repeat(30)).unwrap();
    rows.end_line().unwrap();
    assert!(rows.is_full());
}

#[test]
fn a_picture_wraps_wide_characters() {
    let text = format!("S: +OK {}\n", "日".repeat(60));
    let picture = picture(text.as_bytes(), 9);
    assert_eq!(picture.matches("<text").count(), 2);
    assert!(!picture.contains("and more"));
}

#[test]
fn findings_stand_in_the_page_and_at_their_lines() {
    let finding = |row: Option<usize>, message: &str| Finding {
        id: "bare-lf",
        level: Level::Must,
        row,
        other_row: None,
        offset: None,
        octets: String::new(),
        count: 2,
        more: Vec::new(),
        message: message.to_owned(),
        hint: Some("<hint>".to_owned()),
        source: "RFC 1939 §3",
    };
    let text = b"S: +OK\nC: LIST\nS: +OK\nS: a\nS: b\nS: .\n";
    let findings = [
        finding(Some(2), "<first>"),
        finding(Some(5), "second"),
        finding(None, "third"),
    ];
    let page = page(text, &findings);
    for part in [
        "&lt;first&gt; (<a href=\"#r2\">row 2</a>), 2 times<p>&lt;hint&gt;</p>",
        "<tr class=\"c found\" id=\"r2\">",
        "<mark id=\"r5\">row 5</mark> b\n",
        ": third, 2 times",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn a_message_ends_where_nothing_is_awaited_any_more() {
    let heap = messages(b"S: +OK\nC: RETR 1\nS: +OK\nS: a\n* timeout after 1 s\nS: b\nC: RETR 2\nS: +OK\nS: ..c\nS: .\n");
    let wanted = [
        (Some(1), b"a\r\n".to_vec(), Some(Completeness::Cut)),
        (Some(2), b".c\r\n".to_vec(), Some(Completeness::Whole)),
    ];
    assert_eq!(heap.0, wanted);
}

/// What a stranger may say that means something to a tracker, a terminal or a browser.
const WORDS: &[&[u8]] = &[
    b"+OK",
    b"-ERR",
    b"RETR 1",
    b"LIST",
    b"UIDL",
    b"AUTH LOGIN",
    b"STLS",
    b"XTND XMIT",
    b".",
    b"..",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\x1b[31m",
    b"\x1b]0;t\x07",
    b"\xc2\x9b",
    b"<script>",
    b"\"><img onerror=",
    b"</style>",
    b"]]>",
    b"--",
    b"&amp;",
    b"\xe2\x80\xae",
    b"\xef\xbf\xbe",
    b"\xc0\xaf",
    b"+ ",
    b"QUIT",
];

const EVENTS: &[&str] = &[
    "connected x",
    "tls x",
    "timeout x",
    "closed by server",
    "connection lost: x",
    "injected 1",
];

/// A transcript that a program may have written: any octets of both sides in rows, with events,
/// prose and holes.
fn transcript() -> impl Strategy<Value = Vec<u8>> {
    use crate::pop3::tracker::LineEnd;
    use crate::transcript::text::print_item;
    use crate::transcript::{Item, Piece, Row};
    let bit = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        proptest::sample::select(WORDS).prop_map(<[u8]>::to_vec),
    ];
    let hole = prop_oneof![
        Just(Hole::Text),
        Just(Hole::Rows),
        "[a-z]{1,8}".prop_map(Hole::Named)
    ];
    let piece = prop_oneof![9 => bit.prop_map(Piece::Octets), 1 => hole.prop_map(Piece::Hole)];
    let end =
        prop_oneof![6 => Just(LineEnd::Crlf), 1 => Just(LineEnd::Lf), 1 => Just(LineEnd::None)];
    let side = prop_oneof![2 => Just(Side::Server), 1 => Just(Side::Client)];
    let time = prop_oneof![3 => Just(0), 3 => 0..9999_u64, 1 => any::<u64>()];
    let row = (side, time, proptest::collection::vec(piece, 0..4), end)
        .prop_map(|(side, time, pieces, end)| Item::Row(Row::new(side, time, pieces, end)));
    let word = "[^\r\n]{0,20}";
    let event = prop_oneof![
        proptest::sample::select(EVENTS).prop_map(str::to_owned),
        word.prop_map(|word| format!("x{word}")),
    ];
    let item = prop_oneof![
        12 => row,
        2 => event.prop_map(Item::Event),
        1 => word.prop_map(|word| Item::Prose(format!(" {word}"))),
        1 => word.prop_map(|word| Item::Unknown(format!("?{word}"))),
        1 => Just(Item::Blank),
    ];
    let head = ("[a-z]{2,9}", word).prop_map(|(name, text)| Item::Head {
        name,
        text: format!("x{text}"),
    });
    let heads = proptest::collection::vec(head, 0..3);
    (heads, proptest::collection::vec(item, 0..30)).prop_map(|(heads, items)| {
        let mut out = Vec::new();
        for item in heads.iter().chain(&items) {
            print_item(&mut out, item);
        }
        out
    })
}

/// No control character but LF, and none that changes how text runs.
fn is_tame(text: &str) -> bool {
    text.chars().all(|c| {
        (c == '\n' || !c.is_control())
            && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    })
}

/// Without the codes of our colours.
fn without_colours(text: &str) -> String {
    let mut plain = text.to_owned();
    for code in ["1", "2", "22", "31", "32", "33", "36", "39"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    plain
}

/// The names of the tags and of their attributes, when it is well-formed XML.
fn names(xml: &str) -> Result<std::collections::BTreeSet<String>, String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut names = std::collections::BTreeSet::new();
    let mut depth = 0;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        depth += match &event {
            Event::Start(_) => 1,
            Event::End(_) => -1,
            _ => 0,
        };
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                names.insert(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| error.to_string())?;
                    names.insert(String::from_utf8_lossy(attribute.key.as_ref()).into_owned());
                }
            }
            Event::End(_) | Event::Text(_) | Event::DocType(_) => {}
            Event::GeneralRef(name) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                if !["amp", "lt", "gt", "quot", "#39"].contains(&name.as_str()) {
                    return Err(name);
                }
            }
            Event::Eof if depth == 0 => return Ok(names),
            other => return Err(format!("{other:?}")),
        }
    }
}

/// What stands in a page, and in a picture, whatever the transcript holds.
const PAGE: &[&str] = &[
    "a",
    "aria-hidden",
    "aria-labelledby",
    "body",
    "caption",
    "charset",
    "class",
    "code",
    "content",
    "dd",
    "details",
    "dir",
    "dl",
    "dt",
    "h1",
    "h2",
    "head",
    "header",
    "href",
    "html",
    "http-equiv",
    "id",
    "lang",
    "li",
    "main",
    "mark",
    "meta",
    "name",
    "ol",
    "open",
    "p",
    "pre",
    "scope",
    "section",
    "span",
    "style",
    "summary",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "title",
    "tr",
];
const PICTURE: &[&str] = &[
    "circle",
    "class",
    "cx",
    "cy",
    "fill",
    "height",
    "r",
    "rect",
    "role",
    "rx",
    "style",
    "svg",
    "text",
    "title",
    "tspan",
    "viewBox",
    "width",
    "x",
    "xml:space",
    "xmlns",
    "y",
];

/// How many random cases; PROPTEST_CASES asks for more.
fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.and_then(|count| count.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn nothing_drives_a_terminal(text in transcript()) {
        let plain = on_screen(&text, false, ALL);
        prop_assert!(is_tame(&plain), "{plain:?}");
        prop_assert_eq!(without_colours(&on_screen(&text, true, ALL)), plain);
        for columns in [0, 80, 200] {
            let drawn = drawn(&text, columns);
            prop_assert!(is_tame(&drawn), "{drawn:?}");
        }
    }

    #[test]
    fn a_page_and_a_picture_hold_our_tags_only(text in transcript(), rows in 0..20_usize) {
        for (xml, ours) in [(page(&text, &[]), PAGE), (picture(&text, rows), PICTURE)] {
            prop_assert!(is_tame(&xml), "{xml:?}");
            let names = names(&xml);
            prop_assert!(names.is_ok(), "{names:?} {xml}");
            for name in names.unwrap() {
                prop_assert!(ours.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn times_add_up_and_each_message_ends_once(text in transcript()) {
        let mut all = 0_u64;
        let mut phases = Vec::new();
        read(&text, &mut |told| if let TapeStep::Row { after_ms, phase } | TapeStep::Passed { after_ms, phase } = told {
            all = all.saturating_add(*after_ms);
            phases.push(*phase);
        });
        let (laps, totals) = measured(&text);
        prop_assert_eq!(totals.all_ms(), all);
        prop_assert_eq!(totals.exchanges, laps.len() as u64);
        // Once the server was heard, nothing is of the connection.
        let heard = phases.iter().skip_while(|phase| **phase == WaitPhase::Connecting);
        prop_assert!(!heard.skip(1).any(|phase| *phase == WaitPhase::Connecting));
        for (_, _, state) in messages(&text).0 {
            prop_assert!(state.is_some());
        }
    }

    #[test]
    fn a_walker_hands_on_every_octet(text in transcript()) {
        // A row of rows has a line end of its own, and TLS begins a stream anew.
        let text = String::from_utf8(text).unwrap();
        let text = text.replace("{{...}}", "{{..}}").replace("* tls", "* lts").into_bytes();
        let transcript = crate::transcript::text::parse(&text).unwrap();
        for wanted in [Side::Client, Side::Server] {
            let mut octets = Vec::new();
            read(&text, &mut |told| match told {
                TapeStep::Line(line, _) if line.side == wanted => {
                    for piece in line.content {
                        if let crate::transcript::Piece::Octets(piece) = piece {
                            octets.extend_from_slice(piece);
                        }
                    }
                    octets.extend_from_slice(line.end.octets());
                }
                TapeStep::Data { side, octets: data, .. } if *side == wanted => octets.extend_from_slice(data),
                TapeStep::Injected { octets: data, .. } if wanted == Side::Server => octets.extend_from_slice(data),
                _ => {}
            });
            prop_assert_eq!(octets, transcript.octets(wanted));
        }
    }
}
