//! What is drawn of a line that is being typed: its secret masked, and nothing that drives the
//! terminal.
//!
//! The editor gives control characters no column, nor what it takes for an escape sequence. The
//! cursor is where it says, so here they get none either; a hint after the line shows them.

use std::borrow::Cow;

use rustyline::GraphemeClusterMode;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::base::escape;

pub(super) const MASK: char = '•';

/// The sign for a control character where the editor gives it a column.
const CONTROL: &str = "^";

/// The joiner of emoji: the editor and the terminal know it.
const JOINER: char = '\u{200d}';

/// Whether a text has characters that would drive the terminal, or change how others are shown.
pub(super) fn has_controls(text: &str) -> bool {
    text.chars().any(is_control)
}

/// Tabs are drawn as they are, and the lines of a line with several are drawn one by one.
fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | JOINER) && (c.is_control() || escape::is_hidden(c))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Begun,
    Parameters,
}

/// Draws the lines of what is being typed, from the first one.
pub(super) struct Pen {
    mode: GraphemeClusterMode,
    escape: Escape,
}

impl Pen {
    pub(super) fn new(mode: GraphemeClusterMode) -> Self {
        Self {
            mode,
            escape: Escape::Outside,
        }
    }

    /// The next line as it is drawn, masked from the offset `from` on.
    pub(super) fn line<'l>(&mut self, line: &'l str, from: Option<usize>) -> Cow<'l, str> {
        if from.is_none() && self.escape == Escape::Outside && !has_controls(line) {
            return Cow::Borrowed(line);
        }
        let (mut drawn, mut secret) = (String::new(), String::new());
        for (at, c) in line.char_indices() {
            let is_secret = from.is_some_and(|from| at >= from) && c != '\t';
            if !is_secret {
                self.mask(&mut secret, &mut drawn);
            }
            let out = if is_secret { &mut secret } else { &mut drawn };
            match self.columns(c) {
                None => out.push(c),
                Some(columns) => out.push_str(&CONTROL.repeat(columns)),
            }
        }
        self.mask(&mut secret, &mut drawn);
        Cow::Owned(drawn)
    }

    /// How many columns the editor gives to a character that is not drawn; None: it is.
    fn columns(&mut self, c: char) -> Option<usize> {
        let next = match (self.escape, c) {
            (Escape::Begun, '[') => Escape::Parameters,
            (Escape::Parameters, ';' | '0'..='9') => Escape::Parameters,
            (Escape::Outside, '\u{1b}') => Escape::Begun,
            _ => Escape::Outside,
        };
        let before = std::mem::replace(&mut self.escape, next);
        if before != Escape::Outside || next == Escape::Begun {
            return Some(0);
        }
        is_control(c).then(|| self.width(c.encode_utf8(&mut [0; 4])))
    }

    /// Moves `secret` to `drawn`, as wide as it is, or the cursor goes astray.
    fn mask(&self, secret: &mut String, drawn: &mut String) {
        drawn.extend(std::iter::repeat_n(MASK, self.width(secret)));
        secret.clear();
    }

    /// As the editor counts; it does so for one character after the other.
    fn width(&self, text: &str) -> usize {
        match self.mode {
            GraphemeClusterMode::Unicode => text.width(),
            GraphemeClusterMode::NoZwj => text.split(JOINER).map(UnicodeWidthStr::width).sum(),
            GraphemeClusterMode::WcWidth => text.chars().filter_map(UnicodeWidthChar::width).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODES: [GraphemeClusterMode; 3] = [
        GraphemeClusterMode::Unicode,
        GraphemeClusterMode::NoZwj,
        GraphemeClusterMode::WcWidth,
    ];

    fn drawn(mode: GraphemeClusterMode, line: &str, from: Option<usize>) -> String {
        Pen::new(mode).line(line, from).into_owned()
    }

    #[test]
    fn what_the_editor_gives_no_column_is_not_drawn() {
        for (line, columns, none) in [
            ("noop", "noop", "noop"),
            ("a\x1b]0;X\x07b", "a0;X^b", "a0;Xb"),
            ("a\x1b[31mb\x1bcd", "abd", "abd"),
            ("\0\x7f\u{9b}\u{202e}x", "^^^x", "x"),
            ("a\tb é日", "a\tb é日", "a\tb é日"),
        ] {
            assert_eq!(drawn(GraphemeClusterMode::Unicode, line, None), columns);
            assert_eq!(drawn(GraphemeClusterMode::WcWidth, line, None), none);
        }
    }

    #[test]
    fn a_secret_is_masked_as_wide_as_it_is() {
        for mode in MODES {
            assert_eq!(drawn(mode, "pass日é", Some(4)), "pass•••");
            assert_eq!(drawn(mode, "pass \x1b[1m", Some(5)), "pass ");
            assert_eq!(drawn(mode, "pass a\tb", Some(5)), "pass •\t•");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_is_drawn(line in "[\0-\u{a0}\u{200b}-\u{2070}a-e\\[0-9;é日]{0,30}", from in 0..40usize) {
            for mode in MODES {
                for from in [None, Some(from)] {
                    let mut pen = Pen::new(mode);
                    let drawn: Vec<_> = line.split('\n').map(|line| pen.line(line, from)).collect();
                    prop_assert!(!has_controls(&drawn.join("\n")), "{drawn:?}");
                }
            }
        }
    }
}
