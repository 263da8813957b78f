//! Shows a transcript: as on the screen, as a picture of a terminal, as a page, as a timeline; and
//! extracts its messages. Each reads the steps of a [`TapeReader`](crate::reading::dialogue::TapeReader)
//! once, in constant memory. Nothing in a file can control a terminal or a browser.

pub mod html;
pub mod messages;
pub mod screen;
pub mod svg;
pub(crate) mod timeline;
pub(crate) mod timing;

use std::io::{self, Write};

use crate::base::escape;
use crate::pop3::tracker::Status;
use crate::transcript::Hole;

/// The kind of a text, which decides its appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Highlight {
    /// No special appearance.
    Plain,
    /// What the client sent.
    Client,
    /// `+OK`.
    Positive,
    /// `-ERR`.
    Negative,
    /// A status line with neither; a wait.
    Odd,
    /// A challenge from the server.
    Challenge,
    /// A note from poptalk, an event, prose.
    Note,
}

impl Highlight {
    /// The ink of a status indicator.
    pub(crate) fn of(status: Status) -> Self {
        match status {
            Status::Positive => Self::Positive,
            Status::Negative => Self::Negative,
            Status::Malformed => Self::Odd,
        }
    }

    /// The codes that switch a terminal to this ink and back (ECMA-48 SGR).
    pub(crate) fn codes(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Plain => return None,
            Self::Client => ("\x1b[1m", "\x1b[22m"),
            Self::Positive => ("\x1b[32m", "\x1b[39m"),
            Self::Negative => ("\x1b[31m", "\x1b[39m"),
            Self::Odd => ("\x1b[33m", "\x1b[39m"),
            Self::Challenge => ("\x1b[36m", "\x1b[39m"),
            Self::Note => ("\x1b[2m", "\x1b[22m"),
        })
    }
}

/// Where lines of safe text go.
pub trait Canvas {
    /// Writes a part of a line: text without control characters.
    ///
    /// Errors: the canvas cannot be written.
    fn text(&mut self, highlight: Highlight, text: &str) -> io::Result<()>;

    /// Ends the line.
    ///
    /// Errors: the canvas cannot be written.
    fn end_line(&mut self) -> io::Result<()>;

    /// Whether more text would not be shown.
    fn is_full(&self) -> bool {
        false
    }
}

impl<C: Canvas> Canvas for &mut C {
    fn text(&mut self, highlight: Highlight, text: &str) -> io::Result<()> {
        (**self).text(highlight, text)
    }

    fn end_line(&mut self) -> io::Result<()> {
        (**self).end_line()
    }

    fn is_full(&self) -> bool {
        (**self).is_full()
    }
}

/// A terminal, or a file that looks like one.
pub struct Terminal<'a> {
    out: &'a mut dyn Write,
    has_colour: bool,
}

impl std::fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl<'a> Terminal<'a> {
    /// Writes to `out`, with colours or without.
    pub fn new(out: &'a mut dyn Write, has_colour: bool) -> Self {
        Self { out, has_colour }
    }
}

impl Canvas for Terminal<'_> {
    fn text(&mut self, highlight: Highlight, text: &str) -> io::Result<()> {
        match highlight
            .codes()
            .filter(|_| self.has_colour && !text.is_empty())
        {
            Some((on, off)) => write!(self.out, "{on}{text}{off}"),
            None => self.out.write_all(text.as_bytes()),
        }
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }
}

/// Counts the rows that lines occupy on a screen, until the screen is full.
#[derive(Debug)]
pub(crate) struct RowCounter {
    columns: usize,
    most: usize,
    rows: usize,
    column: usize,
}

impl RowCounter {
    pub(crate) fn new(columns: usize, most: usize) -> Self {
        Self {
            columns: columns.max(1),
            most,
            rows: 0,
            column: 0,
        }
    }
}

impl Canvas for RowCounter {
    fn text(&mut self, _: Highlight, text: &str) -> io::Result<()> {
        self.column += unicode_width::UnicodeWidthStr::width(text);
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        let column = std::mem::take(&mut self.column);
        self.rows += column.div_ceil(self.columns).max(1);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows + self.column / self.columns > self.most
    }
}

/// Makes the text of an event, prose, a head or a name safe.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::new();
    escape::escape(text.as_bytes(), &mut safe);
    safe
}

/// The most octets shown of a line outside a page's bodies.
const LINE_SHOWN: usize = 16 * 1024;

pub(crate) fn hole(hole: &Hole) -> &'static str {
    match hole {
        Hole::Named(_) => "••••••",
        Hole::Text => "{{..}}",
        Hole::Rows => "{{...}}",
    }
}

/// Appends safe text, escaped for HTML and XML, also inside attributes.
pub(crate) fn markup(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// Splits data into lines, independent of its blocks.
#[derive(Debug, Default)]
struct LineCutter {
    /// The last octet was CR: it may belong to the line end.
    has_cr: bool,
    is_inside: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum LinePart<'a> {
    /// Octets inside a line; `true` if the line starts with them.
    Text(&'a [u8], bool),
    Crlf,
    Lf,
}

impl LineCutter {
    fn feed<'a>(
        &mut self,
        octets: &'a [u8],
        emit: &mut dyn FnMut(LinePart<'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        if octets.is_empty() {
            return Ok(());
        }
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let bare = line.strip_suffix(b"\n");
            let text = bare.unwrap_or(line);
            if self.has_cr && !text.is_empty() {
                self.text(b"\r", emit)?;
                self.has_cr = false;
            }
            let without = text.strip_suffix(b"\r");
            self.has_cr |= without.is_some();
            let text = without.unwrap_or(text);
            if !text.is_empty() {
                self.text(text, emit)?;
            }
            if bare.is_some() {
                if !self.is_inside {
                    self.text(b"", emit)?;
                }
                self.is_inside = false;
                emit(match std::mem::take(&mut self.has_cr) {
                    true => LinePart::Crlf,
                    false => LinePart::Lf,
                })?;
            }
        }
        Ok(())
    }

    fn text<'a>(
        &mut self,
        octets: &'a [u8],
        emit: &mut dyn FnMut(LinePart<'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.is_inside, true);
        emit(LinePart::Text(octets, first))
    }

    /// Emits what was held back, and returns whether the data ended in the middle of a line.
    fn finish(
        &mut self,
        emit: &mut dyn FnMut(LinePart<'static>) -> io::Result<()>,
    ) -> io::Result<bool> {
        if std::mem::take(&mut self.has_cr) {
            self.text(b"\r", emit)?;
        }
        Ok(std::mem::take(&mut self.is_inside))
    }
}

#[cfg(test)]
mod tests;
