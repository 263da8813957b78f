//! Octets as text for a screen: all of them are seen, and none of them drives the terminal.
//!
//! Plain ASCII stays as it is, and so does readable UTF-8. The rest is shown the way `cat -v` and
//! `less` do it:
//!
//! | octets | shown as |
//! |---|---|
//! | a tab | spaces up to the next multiple of eight |
//! | any other control octet, DEL | `^[`, `^G`, `^?` |
//! | not UTF-8 | `\xe9` |
//! | C1, bidi and other invisible characters | `<0085>`, `<202E>` |
//! | a combining character with nothing before it | `<0301>` |

use std::fmt::Write;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

/// How much is looked at in one go, so that cutting a long line into rows looks at each octet a few
/// times only.
const WINDOW: usize = 512;

/// Where a tab goes: the next column that is a multiple of this.
const TAB: usize = 8;

const BLANKS: &str = "        ";

/// Appends `octets` to `out` as text that is safe for a terminal. They are one line without its
/// end, or a part of one that starts in the first column: a CR or LF among them is shown as `^M` or
/// `^J`.
pub fn escape(octets: &[u8], out: &mut String) {
    escape_within(octets, 0..usize::MAX, out);
}

/// Returns `octets` as text that is safe for a terminal; see [`escape`].
pub(crate) fn escaped(octets: &[u8]) -> String {
    let mut text = String::new();
    escape(octets, &mut text);
    text
}

/// Like [`escape`] for octets that start in column `columns.start`; no tab goes beyond
/// `columns.end`.
///
/// Returns the column after them.
pub fn escape_within(octets: &[u8], columns: Range<usize>, out: &mut String) -> usize {
    let mut pieces = Pieces::new(octets, columns);
    while let Some(piece) = pieces.next() {
        match piece {
            EscapeSpan::Text(text) => out.push_str(text),
            EscapeSpan::Tab(columns) => out.push_str(BLANKS.get(..columns).unwrap_or(BLANKS)),
            // `^@` for 0, `^[` for 27, `^?` for 127.
            EscapeSpan::Control(octet) => out.extend(['^', char::from(octet ^ 0x40)]),
            // Writing into a string does not fail.
            EscapeSpan::Invalid(octet) => _ = write!(out, "\\x{octet:02x}"),
            EscapeSpan::Hidden(c) => _ = write!(out, "<{:04X}>", u32::from(c)),
        }
    }
    pieces.column
}

/// How many of the octets of a line fill a row of `width` columns at most; at least what one
/// character takes, so that a line is always used up. A character is not cut, nor is its escape.
#[must_use]
pub fn fit(octets: &[u8], width: usize) -> usize {
    let mut pieces = Pieces::new(octets, 0..width);
    let mut fitting = 0;
    while let Some(piece) = pieces.next() {
        if pieces.column > width {
            // Of plain text a part may fit.
            return match piece {
                EscapeSpan::Text(text) if text.is_ascii() => {
                    (fitting + text.len() - (pieces.column - width)).max(1)
                }
                _ if fitting == 0 => pieces.taken,
                _ => fitting,
            };
        }
        fitting = pieces.taken;
    }
    fitting
}

/// Makes a stream of lines safe for a terminal, wherever it is cut: half a character, and a CR that
/// may end a line, wait for the rest.
#[derive(Debug, Default)]
pub(crate) struct LineEscaper {
    held: Vec<u8>,
    column: usize,
}

impl LineEscaper {
    /// Appends to `out` what can be shown now. CR LF ends a line, and so does LF alone.
    pub(crate) fn feed(&mut self, octets: &[u8], out: &mut String) {
        self.held.extend_from_slice(octets);
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(lf);
            self.show(line.strip_suffix(b"\r").unwrap_or(line), out);
            out.push('\n');
            self.column = 0;
            rest = after.get(1..).unwrap_or_default();
        }
        let (now, later) = rest.split_at(rest.len() - cut(rest));
        self.show(now, out);
        self.held.extend_from_slice(later);
    }

    /// Appends what has waited: nothing more comes.
    pub(crate) fn finish(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        self.show(&held, out);
    }

    fn show(&mut self, octets: &[u8], out: &mut String) {
        self.column = escape_within(octets, self.column..usize::MAX, out);
    }
}

/// How many octets at the end are a CR, or the start of a character.
fn cut(octets: &[u8]) -> usize {
    if octets.ends_with(b"\r") {
        return 1;
    }
    let longest = octets.len().min(3);
    let is_cut = |length: &usize| {
        let tail = octets.get(octets.len() - length..).unwrap_or_default();
        str::from_utf8(tail)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=longest).find(is_cut).unwrap_or(0)
}

#[derive(Debug, Clone, Copy)]
enum EscapeSpan<'a> {
    /// Text that is shown as it is: any number of plain ASCII characters, or one other character.
    Text(&'a str),
    /// A tab, and how many columns it takes.
    Tab(usize),
    Control(u8),
    /// An octet that is not part of valid UTF-8.
    Invalid(u8),
    /// A character that is not seen or drives the terminal.
    Hidden(char),
}

struct Pieces<'a> {
    /// Valid UTF-8 that comes next.
    text: &'a str,
    invalid: &'a [u8],
    rest: &'a [u8],
    taken: usize,
    column: usize,
    edge: usize,
}

impl<'a> Pieces<'a> {
    fn new(octets: &'a [u8], columns: Range<usize>) -> Self {
        Self {
            text: "",
            invalid: &[],
            rest: octets,
            taken: 0,
            column: columns.start,
            edge: columns.end,
        }
    }

    fn next(&mut self) -> Option<EscapeSpan<'a>> {
        if self.text.is_empty() && self.invalid.is_empty() {
            self.refill()?;
        }
        let Some(first) = self.text.chars().next() else {
            let (first, rest) = self.invalid.split_first()?;
            self.invalid = rest;
            return self.take(1, 4, EscapeSpan::Invalid(*first));
        };
        let length = match first {
            ' '..='~' => plain(self.text.as_bytes()),
            _ => first.len_utf8(),
        };
        let (text, rest) = self.text.split_at_checked(length)?;
        self.text = rest;
        match first {
            ' '..='~' => self.take(length, length, EscapeSpan::Text(text)),
            '\t' => {
                let stop = TAB - self.column % TAB;
                let columns = stop.min(self.edge.saturating_sub(self.column));
                self.take(length, columns, EscapeSpan::Tab(columns))
            }
            '\0'..='\x7f' => self.take(length, 2, EscapeSpan::Control(first as u8)),
            _ => match first.width() {
                Some(columns) if !is_hidden(first) && (columns > 0 || self.column > 0) => {
                    self.take(length, columns, EscapeSpan::Text(text))
                }
                _ => {
                    let digits = u32::from(first).checked_ilog(16).unwrap_or(0) + 1;
                    self.take(
                        length,
                        digits.max(4) as usize + 2,
                        EscapeSpan::Hidden(first),
                    )
                }
            },
        }
    }

    /// Looks at the next octets. This is several times as fast as `utf8_chunks`, for most of the
    /// time all is valid.
    fn refill(&mut self) -> Option<()> {
        let (seen, after) = self.rest.split_at(self.rest.len().min(WINDOW));
        let (text, invalid) = match str::from_utf8(seen) {
            Ok(text) => (text, 0),
            Err(error) => {
                let valid = error.valid_up_to();
                let invalid = match error.error_len() {
                    Some(invalid) => invalid,
                    None if after.is_empty() => seen.len() - valid,
                    // A character that continues after the window.
                    None => 0,
                };
                (str::from_utf8(seen.get(..valid)?).ok()?, invalid)
            }
        };
        self.text = text;
        let rest = self.rest.get(text.len()..)?;
        (self.invalid, self.rest) = rest.split_at_checked(invalid)?;
        Some(())
    }

    fn take(
        &mut self,
        octets: usize,
        columns: usize,
        piece: EscapeSpan<'a>,
    ) -> Option<EscapeSpan<'a>> {
        self.taken += octets;
        self.column = self.column.saturating_add(columns);
        Some(piece)
    }
}

/// How many octets at the start are plain: ASCII that is seen.
fn plain(octets: &[u8]) -> usize {
    let is_plain = |octet: &u8| matches!(octet, b' '..=b'~');
    // Sixteen at a time without a branch, which the compiler turns into one comparison.
    let whole = octets
        .chunks_exact(16)
        .take_while(|chunk| chunk.iter().fold(true, |all, octet| all & is_plain(octet)))
        .count()
        * 16;
    let rest = octets.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|octet| is_plain(octet)).count()
}

/// Characters that are invisible, that change how others are shown, or that are not characters:
/// line separators, bidi controls, joiners, fillers, annotations, tags, the two that XML forbids.
/// Combining characters are seen, and variation selectors do no harm.
const HIDDEN: &[(char, char)] = &[
    ('\u{80}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e00ff}'),
    ('\u{e01f0}', '\u{e0fff}'),
];

/// Whether a character is not seen, or changes how others are shown.
pub(crate) fn is_hidden(c: char) -> bool {
    let after = HIDDEN.partition_point(|(first, _)| *first <= c);
    after
        .checked_sub(1)
        .and_then(|index| HIDDEN.get(index))
        .is_some_and(|(_, last)| c <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_octets_are_seen_with_a_caret() {
        assert_eq!(escaped(b"\x1b]0;title\x07"), "^[]0;title^G");
        assert_eq!(escaped(b"\0\x7f\r\n"), "^@^?^M^J");
    }

    #[test]
    fn what_is_not_utf8_is_seen_in_hex() {
        assert_eq!(escaped(b"caf\xe9 \x9b2J"), "caf\\xe9 \\x9b2J");
        assert_eq!(escaped(b"\xed\xa0\x80"), "\\xed\\xa0\\x80");
        assert_eq!(escaped(b"\xe2\x82"), "\\xe2\\x82");
    }

    #[test]
    fn readable_text_of_any_language_stays() {
        for text in ["café", "日本語", "שלום", "ภาษาไทย", "e\u{301}", "❤\u{fe0f}"]
        {
            assert_eq!(escaped(text.as_bytes()), text);
        }
    }

    #[test]
    fn invisible_characters_are_named() {
        assert_eq!(escaped("\u{85}\u{202e}abc".as_bytes()), "<0085><202E>abc");
        assert_eq!(escaped("a\u{ad}\u{200d}".as_bytes()), "a<00AD><200D>");
        assert_eq!(escaped("\u{e0041}".as_bytes()), "<E0041>");
    }

    #[test]
    fn a_combining_character_has_nothing_to_combine_with_at_the_start() {
        assert_eq!(escaped("\u{301}e\u{301}".as_bytes()), "<0301>e\u{301}");
    }

    #[test]
    fn a_tab_goes_to_the_next_multiple_of_eight() {
        assert_eq!(escaped(b"\tx\ty"), "        x       y");
        let mut out = String::new();
        assert_eq!(escape_within(b"\tx", 6..10, &mut out), 9);
        assert_eq!(escape_within(b"\t", 9..10, &mut out), 10);
        assert_eq!(out, "  x ");
    }

    #[test]
    fn a_row_is_filled_and_characters_stay_whole() {
        assert_eq!(fit(b"abcdef", 4), 4);
        assert_eq!(fit(b"abcdef", 6), 6);
        assert_eq!(fit("a日本".as_bytes(), 4), 4);
        assert_eq!(fit(b"ab\x1b", 3), 2);
        assert_eq!(fit("abe\u{301}f".as_bytes(), 3), 5);
        assert_eq!(fit(b"\xe9abc", 2), 1);
        assert_eq!(fit(b"abc\tdef", 6), 4);
        assert_eq!(fit(b"", 6), 0);
        assert_eq!(fit(b"abc", 0), 1);
    }

    fn harmful(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    }

    /// Octets in which the odd ones are frequent.
    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            "[ -~]{0,40}".prop_map(String::into_bytes),
            (0..HIDDEN.len()).prop_map(|row| HIDDEN[row].0.to_string().into_bytes()),
            "[\u{300}-\u{36f}\u{1100}-\u{11ff}\u{4e00}-\u{4eff}\t]{0,5}"
                .prop_map(String::into_bytes),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_stream_may_be_cut_anywhere(octets in octets(), ends in proptest::collection::vec(0..60usize, 0..6)) {
            let octets: Vec<u8> = octets.iter().map(|octet| if *octet == b'q' { b'\n' } else { *octet }).collect();
            let mut whole = String::new();
            for line in octets.split_inclusive(|octet| *octet == b'\n') {
                let text = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n"));
                escape(text.unwrap_or(line), &mut whole);
                whole.push_str(if text.is_some() { "\n" } else { "" });
            }
            let (mut lines, mut parts, mut rest) = (LineEscaper::default(), String::new(), octets.as_slice());
            for end in ends {
                let (part, after) = rest.split_at(end.min(rest.len()));
                lines.feed(part, &mut parts);
                rest = after;
            }
            lines.feed(rest, &mut parts);
            lines.finish(&mut parts);
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn nothing_harmful_comes_out(octets in octets()) {
            let shown = escaped(&octets);
            prop_assert!(!shown.chars().any(harmful), "{shown:?}");
        }

        #[test]
        fn plain_ascii_is_unchanged(text in "[ -~]{0,200}") {
            prop_assert_eq!(escaped(text.as_bytes()), text);
        }

        #[test]
        fn every_character_is_seen(c in any::<char>()) {
            let text = format!("a{c}");
            let shown = escaped(text.as_bytes());
            prop_assert!(shown.len() > 1);
            prop_assert!(shown == text || harmful(c) || is_hidden(c), "{shown:?}");
        }

        #[test]
        fn rows_fit_and_hold_the_whole_line(octets in octets(), width in 8..40usize) {
            let mut rest = octets.as_slice();
            while !rest.is_empty() {
                let (row, more) = rest.split_at(fit(rest, width));
                let mut out = String::new();
                prop_assert!(!row.is_empty());
                prop_assert!(escape_within(row, 0..width, &mut out) <= width);
                rest = more;
            }
        }

        #[test]
        fn long_lines_are_shown_like_short_ones(part in "[ -~é日😀]{1,9}", times in 1..300usize) {
            let text = part.repeat(times);
            prop_assert_eq!(escaped(text.as_bytes()), text);
        }

        #[test]
        fn a_line_may_be_shown_in_parts(octets in "[\t\\PC]{0,30}", cut in 0..30usize) {
            let cut = octets.char_indices().nth(cut).map_or(octets.len(), |(index, _)| index);
            let (left, right) = octets.split_at(cut);
            let (mut whole, mut parts) = (String::new(), String::new());
            escape(octets.as_bytes(), &mut whole);
            let column = escape_within(left.as_bytes(), 0..usize::MAX, &mut parts);
            escape_within(right.as_bytes(), column..usize::MAX, &mut parts);
            prop_assert_eq!(whole, parts);
        }
    }
}
