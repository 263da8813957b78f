//! Print and parse are each other's inverse, and errors say where.

use proptest::prelude::*;

use super::parse::LINE_LIMIT;
use super::*;
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::{Hole, Item, Piece, Row, Transcript};

fn row(side: Side, octets: &[u8], end: LineEnd) -> Row {
    Row::new(side, 0, [Piece::Octets(octets.to_vec())], end)
}

fn printed(octets: &[u8], end: LineEnd) -> String {
    let items = vec![Item::Row(row(Side::Server, octets, end))];
    print(&Transcript { items })
}

#[test]
fn octets_have_one_printed_form() {
    use LineEnd::{Crlf, Lf, None};
    for (octets, end, text) in [
        (&b"+OK ready"[..], Crlf, "S: +OK ready"),
        (b"", Crlf, "S:"),
        (b"", Lf, r"S: \n"),
        (b"", None, r"S: \-"),
        (b" ", Crlf, r"S: \s"),
        (b"a  ", Crlf, r"S: a \s"),
        (b"a ", Lf, r"S: a \n"),
        (b"a\r", Crlf, r"S: a\r"),
        (b"\t\0\x1b\x7f\\", Crlf, r"S: \t\0\x1b\x7f\\"),
        (b"{{x}}", Crlf, r"S: \{{x}}"),
        (b"{{{", Crlf, r"S: \{\{{"),
        ("grüße ✉".as_bytes(), Crlf, "S: grüße ✉"),
        (b"\xe9", Crlf, r"S: \xe9"),
        ("\u{85}\u{202e}".as_bytes(), Crlf, r"S: \xc2\x85\u{202E}"),
        (b"a\nb", Crlf, r"S: a\x0ab"),
    ] {
        assert_eq!(printed(octets, end), format!("{text}\n"));
    }
}

#[test]
fn times_holes_and_sides_are_read() {
    let text = "C@31: PASS {{password}}\nS: +OK 2 {{..}}\nS: {{...}}\n";
    let transcript = parse(text.as_bytes()).unwrap();
    let Item::Row(first) = &transcript.items[0] else {
        panic!("no row")
    };
    assert_eq!((first.side, first.after_ms), (Side::Client, 31));
    assert_eq!(
        first.pieces[1],
        Piece::Hole(Hole::Named("password".to_owned()))
    );
    assert_eq!(print(&transcript), text);
}

#[test]
fn a_row_that_is_cut_and_one_that_goes_on_give_the_same_octets() {
    let split = parse(b"S: +O\\-\nS: K\nS: a\\n\n").unwrap();
    assert_eq!(split.octets(Side::Server), b"+OK\r\na\n");
}

#[test]
fn what_is_not_known_is_kept() {
    let text =
        "#!pop3 1\nserver: x\nFuture: y\n\nX: odd\n* happened \\x1b\n# words \n\nS@x: no time\n";
    assert_eq!(print(&parse(text.as_bytes()).unwrap()), text);
}

#[test]
fn heads_stand_only_at_the_start() {
    let transcript = parse(b"server: a\n\nserver: b\n").unwrap();
    assert!(matches!(transcript.items[0], Item::Head { .. }));
    assert!(matches!(transcript.items[2], Item::Unknown(_)));
}

#[test]
fn a_file_from_another_system_reads_the_same() {
    assert_eq!(
        parse(b"S: +OK\r\nC: QUIT\r\n").unwrap(),
        parse(b"S: +OK\nC: QUIT\n").unwrap()
    );
}

#[test]
fn every_prefix_is_a_file() {
    let text = "#!pop3 1\nserver: x\n\n* connected 1\nS@12: +OK grüße ✉ \\u{202E}\nC: PASS {{password}}\nS: \\x1b\\\\\\-\n";
    for end in 0..text.len() {
        let prefix = &text.as_bytes()[..end];
        assert!(parse(prefix).is_ok(), "{}", String::from_utf8_lossy(prefix));
    }
    let cut = parse(b"S: abc\\x1").unwrap();
    assert_eq!(cut.octets(Side::Server), b"abc");
    assert!(parse(b"S: abc\\q").is_err());
    assert_eq!(parse(b"\r\x80").unwrap().items, [Item::Blank]);
    assert_eq!(parse(b"\r\r\n").unwrap().items, [Item::Blank]);
}

#[test]
fn an_error_has_no_control_characters_of_the_file() {
    let error = parse(b"S: +OK \x1b[2J \\\x1b\n").unwrap_err().to_string();
    assert!(error.contains("unknown escape"), "{error:?}");
    assert!(
        !error.replace('\n', "").contains(char::is_control),
        "{error:?}"
    );
}

#[test]
fn an_error_masks_the_arguments_of_a_client_row() {
    let shown = |text: &[u8]| parse(text).unwrap_err().to_string();
    let error = shown(b"C: PASS geheim12\\q\n");
    assert!(error.contains("1 | C: PASS ••••••••\\q\n"), "{error}");
    // The keyword is missing, and the line may be a response.
    let error = shown(b"C@12: Z2VoZWltMTI= \\q\n");
    assert!(error.contains("1 | C@12: •••••••••••• \\q\n"), "{error}");
}

#[test]
fn errors_say_where_what_and_what_next() {
    let error = |text: &[u8]| parse(text).unwrap_err();
    let unknown = error(b"S: +OK\nS: +OK \\q\n");
    assert_eq!((unknown.row, unknown.column, unknown.width), (2, 8, 2));
    assert_eq!(
        unknown.to_string(),
        "unknown escape `\\q`\n   2 | S: +OK \\q\n     |        ^^\nhint: write a backslash as `\\\\`"
    );
    assert!(matches!(
        error(b"S: a\\nb\n").problem,
        LineProblem::NotLast(_)
    ));
    assert!(matches!(
        error(b"S: {{PASS}}\n").problem,
        LineProblem::BadHole
    ));
    assert!(matches!(error(b"S: {{\n").problem, LineProblem::BadHole));
    assert!(matches!(error(b"S: \xff\n").problem, LineProblem::NotUtf8));
    assert!(matches!(error(b"#!pop3 2\n").problem, LineProblem::Version));
    assert!(matches!(
        error(b"S: \\u{110000}\n").problem,
        LineProblem::UnknownEscape(_)
    ));
    assert!(matches!(
        error(b"S: \\x+1\n").problem,
        LineProblem::UnknownEscape(_)
    ));
    assert!(matches!(
        error(&vec![b'x'; LINE_LIMIT + 2]).problem,
        LineProblem::LineTooLong
    ));
}

#[test]
fn an_error_about_a_strangers_file_can_not_drive_the_terminal() {
    let error = parse("S: \u{1b}]0;x\u{7}\\q\n".as_bytes()).unwrap_err();
    assert!(
        !error
            .to_string()
            .replace('\n', "")
            .contains(char::is_control)
    );
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let bit: Vec<&[u8]> = vec![
        b"{",
        b"{{",
        b"}}",
        b"\\",
        b" ",
        b"\r",
        b"\n",
        b"\t",
        b"\0",
        b"\x1b",
        b"\xff",
        b".",
        b"+OK",
        "ü".as_bytes(),
        "\u{202e}".as_bytes(),
        "\u{85}".as_bytes(),
        b"a",
    ];
    let bits = proptest::collection::vec(proptest::sample::select(bit), 0..12)
        .prop_map(|bits| bits.concat());
    prop_oneof![bits, proptest::collection::vec(any::<u8>(), 0..40)]
}

fn line() -> impl Strategy<Value = String> {
    "[ -~äß€]{0,30}"
}

fn item() -> impl Strategy<Value = Item> {
    let hole = prop_oneof![
        Just(Hole::Text),
        Just(Hole::Rows),
        "[a-z0-9_-]{1,8}".prop_map(Hole::Named),
    ];
    let piece = prop_oneof![3 => octets().prop_map(Piece::Octets), 1 => hole.prop_map(Piece::Hole)];
    let end = prop_oneof![Just(LineEnd::Crlf), Just(LineEnd::Lf), Just(LineEnd::None)];
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    let time = prop_oneof![Just(0), any::<u64>()];
    let row = (side, time, proptest::collection::vec(piece, 0..5), end)
        .prop_map(|(side, time, pieces, end)| Item::Row(Row::new(side, time, pieces, end)));
    prop_oneof![
        6 => row,
        1 => line().prop_map(Item::Event),
        1 => line().prop_map(Item::Prose),
        1 => Just(Item::Blank),
        1 => "[A-Z][a-z]{2}: [ -~]{0,9}".prop_map(Item::Unknown),
    ]
}

fn transcript() -> impl Strategy<Value = Transcript> {
    let head = ("[a-z]{2,8}", line()).prop_map(|(name, text)| Item::Head { name, text });
    (
        proptest::collection::vec(head, 0..4),
        proptest::collection::vec(item(), 0..12),
    )
        .prop_map(|(mut items, rest)| {
            items.push(Item::Blank);
            items.extend(rest);
            Transcript { items }
        })
}

/// How many random cases; PROPTEST_CASES asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn parsing_what_was_printed_gives_the_same(transcript in transcript()) {
        let text = print(&transcript);
        prop_assert_eq!(parse(text.as_bytes()).map_err(|error| error.to_string()), Ok(transcript));
        let visible = |c: char| c == '\n' || !c.is_control();
        prop_assert!(text.chars().all(visible), "{:?}", text);
    }

    #[test]
    fn any_octets_parse_or_give_an_error(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(transcript) = parse(&octets) {
            let text = print(&transcript);
            prop_assert_eq!(parse(text.as_bytes()).map_err(|error| error.to_string()), Ok(transcript));
        }
    }
}
