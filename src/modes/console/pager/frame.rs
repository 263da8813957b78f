//! What the pager shows, as rows of safe text: the rows of a reply, the status line, the help.

use std::ops::Range;

use crossterm::style::Attribute;
use unicode_width::UnicodeWidthStr;

use super::keys::KEYS;
use super::rows::{MARK, ScreenRow};
use crate::analysis::show::Highlight;
use crate::base::escape;
use crate::base::plural::counted;
use crate::modes::console::spool::SpoolProgress;

/// What is at the right of the status line while there is nothing else to say.
const HINT: &str = "q back  / search  h keys";

/// One row; `margins` are the columns of the mark before it, and those for its octets. `highlight`
/// says what its line is; there is none without colours.
pub(super) fn row(
    row: &ScreenRow,
    margins: (usize, usize),
    highlight: Option<Highlight>,
) -> String {
    let (indent, width) = margins;
    let mut text = String::new();
    if row.is_continuation && indent > 0 {
        if highlight.is_some() {
            text += &format!("{}{MARK}{}", Attribute::Dim, Attribute::NormalIntensity);
        } else {
            text += MARK;
        }
    }
    let codes = highlight.and_then(Highlight::codes);
    let painted = highlight.map_or(0..0, |highlight| painted(row, highlight));
    let mut column = 0;
    let mut show = |octets: Range<usize>, text: &mut String| {
        let edges = [
            octets.start,
            painted.start.clamp(octets.start, octets.end),
            painted.end.clamp(octets.start, octets.end),
            octets.end,
        ];
        let parts = edges.iter().zip(edges.iter().skip(1));
        for ((from, upto), codes) in parts.zip([None, codes, None]) {
            let octets = row.octets.get(*from..*upto).unwrap_or_default();
            let (on, off) = codes.filter(|_| !octets.is_empty()).unwrap_or_default();
            *text += on;
            column = escape::escape_within(octets, column..width, text);
            *text += off;
        }
    };
    let mut at = 0;
    for found in &row.matches {
        show(at..found.start, &mut text);
        text += &Attribute::Reverse.to_string();
        show(found.clone(), &mut text);
        text += &Attribute::NoReverse.to_string();
        at = found.end;
    }
    show(at..row.octets.len(), &mut text);
    text
}

/// Where the highlight of a line of a transcript shows in a row of it.
fn painted(row: &ScreenRow, highlight: Highlight) -> Range<usize> {
    let end = row.octets.len();
    let after = |mark: &[u8]| {
        let at = memchr::memmem::find(&row.octets, mark);
        at.map_or(end, |at| at + mark.len())
    };
    match highlight {
        Highlight::Plain => 0..0,
        Highlight::Note => 0..end,
        Highlight::Client | Highlight::Challenge if row.is_continuation => 0..end,
        Highlight::Client => after(b"C: ")..end,
        Highlight::Challenge => after(b"S: ")..end,
        // Of a status line the indicator.
        Highlight::Positive | Highlight::Negative | Highlight::Odd if row.is_continuation => 0..0,
        Highlight::Positive | Highlight::Negative | Highlight::Odd => {
            let from = after(b"S: ");
            let word = row.octets.get(from..).unwrap_or_default();
            from..memchr::memchr(b' ', word).map_or(end, |at| from + at)
        }
    }
}

#[derive(Debug)]
pub(super) struct StatusLine<'a> {
    pub(super) title: &'a str,
    pub(super) progress: SpoolProgress,
    pub(super) rows: &'a [ScreenRow],
    pub(super) is_following: bool,
    /// Said instead of the hint.
    pub(super) message: Option<&'a str>,
}

/// The status line in reverse video, `columns` wide.
pub(super) fn status(status: &StatusLine<'_>, columns: usize) -> String {
    let mut right = cut(&format!(" {} ", status.message.unwrap_or(HINT)), columns);
    let room = match status.message {
        // What was just asked for is worth more than where one is.
        Some(_) => columns.saturating_sub(right.width()),
        None => columns,
    };
    let left = left(status, room);
    let gap = columns.saturating_sub(left.width() + right.width());
    if left.width() + right.width() > columns {
        right = " ".repeat(columns.saturating_sub(left.width()));
    }
    let (on, off) = (Attribute::Reverse, Attribute::NoReverse);
    format!("{on}{left}{}{right}{off}", " ".repeat(gap))
}

/// What, where, and how much; where there is little room only some of it, never half a number.
fn left(status: &StatusLine<'_>, room: usize) -> String {
    let StatusLine { progress, rows, .. } = status;
    let title = escape::escaped(status.title.as_bytes());
    let lines = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => {
            let (first, last, all) = (first.whole + 1, last.whole + 1, progress.whole);
            format!("  lines {first}-{last} of {all}")
        }
        _ => String::new(),
    };
    let seen = rows.last().map_or(0, |row| row.place.end);
    let amount = match progress.octets {
        octets if !progress.is_finished => {
            let is_following = status.is_following;
            let follow = if is_following { ", following" } else { "" };
            format!("receiving… {}{follow}", size(octets))
        }
        0 => "empty".to_owned(),
        octets if seen >= octets => "end".to_owned(),
        octets => format!("{}%", u128::from(seen) * 100 / u128::from(octets)),
    };
    let texts = [
        format!(" {title}{lines}  {amount} "),
        format!(" {title}  {amount} "),
        format!(" {amount} "),
    ];
    let fitting = texts.iter().find(|text| text.width() <= room);
    fitting.cloned().unwrap_or_else(|| cut(" ", room))
}

pub(super) fn help() -> Vec<String> {
    let mut rows = vec![String::new()];
    for binding in KEYS {
        rows.push(format!("  {:<24}  {}", binding.names(), binding.help));
    }
    rows.extend([
        String::new(),
        format!("  {MARK}before a row: continues the line of the row above"),
        "  any key continues".to_owned(),
    ]);
    rows
}

/// As much of `text`, which is safe, as fits.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    let fitting = escape::fit(text.as_bytes(), columns);
    text.get(..fitting).unwrap_or_default().to_owned()
}

fn size(octets: u64) -> String {
    match octets {
        0..1_000 => counted(octets, "octet"),
        1_000..1_000_000 => format!("{:.1} kB", octets as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", octets as f64 / 1e6),
        _ => format!("{:.2} GB", octets as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_row(octets: &[u8], is_continuation: bool) -> ScreenRow {
        ScreenRow {
            whole: 0,
            place: 0..octets.len() as u64,
            octets: octets.to_vec(),
            matches: Vec::new(),
            is_continuation,
        }
    }

    fn plain(text: &str) -> String {
        text.replace("\x1b[7m", "[").replace("\x1b[27m", "]")
    }

    fn a_status(is_finished: bool, message: Option<&str>, columns: usize) -> String {
        let rows = [
            ScreenRow {
                whole: 9,
                ..a_row(b"x", false)
            },
            ScreenRow {
                whole: 31,
                place: 0..50_000,
                ..a_row(b"y", false)
            },
        ];
        let progress = SpoolProgress {
            octets: 1_234_567,
            whole: 800,
            is_finished,
            ..SpoolProgress::default()
        };
        plain(&status(
            &StatusLine {
                title: "RETR 4",
                progress,
                rows: &rows,
                is_following: !is_finished,
                message,
            },
            columns,
        ))
    }

    #[test]
    fn matches_stand_in_reverse_video() {
        let mut marked = a_row(b"a\tneedle\x1b", false);
        marked.matches.push(2..8);
        assert_eq!(plain(&row(&marked, (0, 80), None)), "a       [needle]^[");
    }

    #[test]
    fn the_highlight_of_a_line_shows_where_it_belongs() {
        let shown = |octets: &[u8], highlight| row(&a_row(octets, false), (0, 80), Some(highlight));
        assert_eq!(
            shown(b"S: +OK S: x", Highlight::Positive),
            "S: \x1b[32m+OK\x1b[39m S: x"
        );
        assert_eq!(
            shown(b"  9 ms  S: -ERR", Highlight::Negative),
            "  9 ms  S: \x1b[31m-ERR\x1b[39m"
        );
        assert_eq!(shown(b"S: +OK", Highlight::Plain), "S: +OK");
        assert_eq!(
            shown(b"C: QUIT", Highlight::Client),
            "C: \x1b[1mQUIT\x1b[22m"
        );
        assert_eq!(
            shown(b"  * closed", Highlight::Note),
            "\x1b[2m  * closed\x1b[22m"
        );
        assert_eq!(shown(b"C:", Highlight::Client), "C:");
        let mut found = a_row(b"S: +OK", false);
        found.matches.push(4..6);
        let text = row(&found, (0, 80), Some(Highlight::Positive));
        let wanted = "S: \x1b[32m+\x1b[39m\x1b[7m\x1b[32mOK\x1b[39m\x1b[27m";
        assert_eq!(text, wanted);
        let goes_on = a_row(b"+OK", true);
        assert!(!row(&goes_on, (0, 80), Some(Highlight::Positive)).contains("32m"));
    }

    #[test]
    fn a_continuation_is_marked_without_colour_too() {
        let goes_on = a_row(b"goes on", true);
        assert_eq!(row(&goes_on, (2, 78), None), "↳ goes on");
        assert!(row(&goes_on, (2, 78), Some(Highlight::Plain)).contains("\x1b[2m↳ \x1b[22mgoes"));
        assert_eq!(row(&goes_on, (0, 12), Some(Highlight::Plain)), "goes on");
    }

    #[test]
    fn the_status_tells_where_and_how_much() {
        assert_eq!(
            a_status(true, None, 62),
            "[ RETR 4  lines 10-32 of 800  4%      q back  / search  h keys ]"
        );
        assert_eq!(
            a_status(false, None, 60),
            "[ RETR 4  lines 10-32 of 800  receiving… 1.2 MB, following   ]"
        );
    }

    #[test]
    fn with_little_room_some_of_it_is_left_out() {
        let shown = |message, columns| a_status(true, message, columns);
        assert_eq!(
            shown(Some("not found"), 30),
            "[ RETR 4  4%         not found ]"
        );
        assert_eq!(shown(Some("not found"), 15), "[ 4%  not found ]");
        assert_eq!(shown(None, 20), "[ RETR 4  4%         ]");
        assert_eq!(shown(None, 2), "[  ]");
        for columns in 1..80 {
            for message in [None, Some("not found")] {
                assert_eq!(shown(message, columns).width(), columns + 2);
            }
        }
    }

    #[test]
    fn the_help_fits() {
        assert!(help().len() < 24);
        assert!(help().iter().all(|row| row.width() <= 80));
    }
}
