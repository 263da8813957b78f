//! All that poptalk, and the libraries that it draws with, may write to a terminal; whatever else
//! is there came from elsewhere.

use super::{ATTACKS, Attack};

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// A pipe: lines, with colours or without.
    Pipe,
    /// Lines on a terminal, which makes CR LF of each LF.
    Lines,
    /// Lines and progress bars (indicatif).
    Bars,
    /// The console: lines, the line editor (rustyline), the pager (crossterm).
    Console,
    /// The console while completion beeps.
    Beeping,
}

/// The colours: on and off, of `style.rs`, the pager and clap.
const COLOURS: &[&str] = &[
    "0", "1", "2", "4", "7", "22", "27", "31", "32", "33", "36", "39",
];

/// Control sequences without numbers that the console may write: erase, the cursor to the left, and
/// what the pager sets and sets back.
const CONSOLE: &[&str] = &[
    "K", "J", "2J", "H", "?1049h", "?1049l", "?25h", "?25l", "?7h", "?7l", "?2026h", "?2026l",
];

/// Those with one number, or a row and a column.
const MOVES: &[u8] = b"ABCDH";

/// The first thing in `raw` that is none of ours: where, and what.
pub(super) fn foreign(raw: &[u8], writer: Writer) -> Option<(usize, String)> {
    // What was taken while more was coming may begin and end in the middle of a sequence.
    let is_part = matches!(writer, Writer::Console | Writer::Beeping);
    let mut at = raw
        .iter()
        .take_while(|octet| is_part && matches!(octet, 0x80..=0xbf))
        .count();
    while let Some(first) = raw.get(at) {
        let rest = &raw[at..];
        let length = match first {
            b' '..=b'~' => Some(1),
            b'\n' => (writer == Writer::Pipe || at > 0 && raw[at - 1] == b'\r').then_some(1),
            0x07 => (writer == Writer::Beeping).then_some(1),
            b'\r' => carriage_return(&rest[1..], writer).then_some(1),
            0x1b => sequence(rest, writer),
            0x80.. => character(rest),
            _ => None,
        };
        match length {
            Some(length) => at += length,
            None if is_part && is_cut(rest) => return None,
            None => {
                let from = at.saturating_sub(30);
                let context = &raw[from..raw.len().min(at + 30)];
                return Some((at, context.escape_ascii().to_string()));
            }
        }
    }
    None
}

/// Whether this is the start of a sequence of ours, or of a character, and nothing else.
fn is_cut(rest: &[u8]) -> bool {
    let behind = rest.strip_prefix(b"\r").unwrap_or(rest);
    let is_number = |octet: &u8| octet.is_ascii_digit() || b";?".contains(octet);
    match behind {
        [] | [0x1b] => true,
        [0x1b, b'[', numbers @ ..] => numbers.iter().all(is_number),
        _ => std::str::from_utf8(rest)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none()),
    }
}

/// A CR ends a line, or comes before what redraws one: never before text.
fn carriage_return(behind: &[u8], writer: Writer) -> bool {
    let redraws: &[&[u8]] = match writer {
        Writer::Pipe => return false,
        Writer::Lines => &[],
        Writer::Bars => &[b"\x1b[2K"],
        Writer::Console | Writer::Beeping => &[b"\x1b[K", b"\x1b[J"],
    };
    let moves = || {
        let behind = behind.strip_prefix(b"\x1b[");
        let digits = |rest: &[u8]| rest.iter().take_while(|o| o.is_ascii_digit()).count();
        behind.is_some_and(|rest| digits(rest) > 0 && rest.get(digits(rest)) == Some(&b'C'))
    };
    behind.starts_with(b"\n")
        || behind.starts_with(b"\r\n")
        || redraws.iter().any(|redraw| behind.starts_with(redraw))
        || matches!(writer, Writer::Console | Writer::Beeping) && moves()
}

/// The length of a control sequence of ours.
fn sequence(rest: &[u8], writer: Writer) -> Option<usize> {
    let inside = rest.strip_prefix(b"\x1b[")?;
    let end = inside
        .iter()
        .position(|octet| (0x40..=0x7e).contains(octet))?;
    let text = std::str::from_utf8(&inside[..=end]).ok()?;
    let (numbers, last) = text.split_at(text.len() - 1);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|o| o.is_ascii_digit());
    let is_ours = match writer {
        _ if last == "m" => COLOURS.contains(&numbers),
        Writer::Pipe | Writer::Lines => false,
        Writer::Bars => text == "2K" || last == "A" && is_number(numbers),
        Writer::Console | Writer::Beeping => {
            CONSOLE.contains(&text)
                || MOVES.contains(&last.as_bytes()[0]) && numbers.split(';').all(is_number)
        }
    };
    is_ours.then_some(end + 3)
}

/// The length of a character that is seen, and does not change how others are shown.
fn character(rest: &[u8]) -> Option<usize> {
    let length = match rest.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let c = std::str::from_utf8(rest.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    (!is_unseen(c)).then_some(length)
}

/// Characters that nobody sees, or that turn, join or tag others (Unicode's Cf, Zl, Zp, default
/// ignorable ones, C1).
pub(super) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

#[test]
fn the_grammar_knows_ours_and_nothing_else() {
    let ours = [
        (Writer::Pipe, "\u{1b}[31m-ERR\u{1b}[39m caf\u{e9}\n"),
        (Writer::Lines, "+OK\r\nx"),
        (Writer::Bars, "\r\u{1b}[2K\u{1b}[1A1 of 2"),
        (
            Writer::Console,
            "\r\u{1b}[K\u{1b}[1mauth> \u{1b}[0m\r\u{1b}[6C\u{1b}[?25l\u{1b}[3;1H",
        ),
    ];
    for (writer, text) in ours {
        assert_eq!(foreign(text.as_bytes(), writer), None, "{writer:?}");
    }
    let are_others = |attack: &&Attack| !attack.is_plain && attack.name != "colours of ours";
    for attack in ATTACKS.iter().filter(are_others) {
        let found = foreign(attack.octets, Writer::Lines);
        assert!(found.is_some(), "{} passes", attack.name);
    }
    assert!(foreign(b"bad\rgood", Writer::Console).is_some());
    assert!(foreign(b"bad\n", Writer::Lines).is_some());
}
