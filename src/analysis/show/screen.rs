//! Shows a transcript as on the screen: one line per item, with `C:` and `S:` before wire text.

use std::io;

use super::{Canvas, Highlight, LINE_SHOWN, LineCutter, LinePart, hole, safe};
use crate::base::escape;
use crate::base::figures;
use crate::pop3::tracker::{LineEnd, Role, Side, Status};
use crate::reading::dialogue::{Moment, TapeStep};
use crate::transcript::{Hole, Item, Piece};

/// The width of the time before a line, in columns.
const TIME: usize = 11;

/// What to show of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShowOptions {
    /// Whether to show the milliseconds since the previous line.
    pub has_times: bool,
    /// Whether to show the head, prose, and unknown lines.
    pub has_notes: bool,
}

/// Shows steps on a canvas.
#[derive(Debug)]
pub struct ScreenView<C> {
    canvas: C,
    options: ShowOptions,
    /// When the previous line was sent.
    shown_ms: u64,
    /// The time of the next event, in milliseconds since the previous item.
    passed_ms: u64,
    data: LineCutter,
    data_side: Side,
    line: Option<OpenLine>,
    has_lines: bool,
    wants_blank: bool,
}

#[derive(Debug)]
struct OpenLine {
    side: Side,
    is_empty: bool,
    column: usize,
    octets: usize,
    left_out: usize,
    word: Option<Highlight>,
}

impl<C: Canvas> ScreenView<C> {
    /// Returns a view that writes to this canvas.
    pub fn new(canvas: C, options: ShowOptions) -> Self {
        Self {
            canvas,
            options,
            shown_ms: 0,
            passed_ms: 0,
            data: LineCutter::default(),
            data_side: Side::Server,
            line: None,
            has_lines: false,
            wants_blank: false,
        }
    }

    /// Returns the canvas, at the end.
    pub fn into_canvas(self) -> C {
        self.canvas
    }

    /// Takes a step; returns false if the canvas is full.
    ///
    /// Errors: the canvas cannot be written.
    pub fn emit(&mut self, step: &TapeStep<'_>) -> io::Result<bool> {
        match step {
            TapeStep::Line {
                side,
                role,
                pieces,
                first,
                end,
                moment,
            } => self.wire_line(*side, *role, pieces, *first, *end, *moment)?,
            TapeStep::Data {
                side,
                octets,
                moment,
            } => self.block(*side, octets, *moment)?,
            TapeStep::Injected { octets, moment } => self.block(Side::Server, octets, *moment)?,
            TapeStep::Hole { side, hole, moment } => self.data_hole(*side, hole, *moment)?,
            TapeStep::AnyRows { side, moment, .. } => {
                self.end_data()?;
                self.begin(*side, *moment)?;
                self.put(Highlight::Note, hole(&Hole::Rows))?;
                self.end(LineEnd::Crlf)?;
            }
            TapeStep::Abandoned => {
                self.end_data()?;
                self.end(LineEnd::None)?;
            }
            TapeStep::Passed { after_ms, .. } => self.passed_ms = *after_ms,
            TapeStep::Event(event) => self.note(&format!("* {}", safe(&event.text)))?,
            TapeStep::Other(item) => self.other(item)?,
            TapeStep::Row { .. } | TapeStep::Step(_) => {}
        }
        Ok(!self.canvas.is_full())
    }

    fn other(&mut self, item: &Item) -> io::Result<()> {
        if !self.options.has_notes {
            return Ok(());
        }
        match item {
            Item::Head { name, text } => self.note(&format!("{}: {}", safe(name), safe(text))),
            Item::Prose(prose) if prose.starts_with('!') => Ok(()),
            Item::Prose(prose) => self.note(&format!("#{}", safe(prose))),
            Item::Unknown(line) => self.note(&safe(line)),
            Item::Blank => {
                self.wants_blank = self.has_lines;
                Ok(())
            }
            Item::Row(_) | Item::Event(_) => Ok(()),
        }
    }

    fn wire_line(
        &mut self,
        side: Side,
        role: Role,
        pieces: &[Piece],
        first: bool,
        end: LineEnd,
        moment: Moment,
    ) -> io::Result<()> {
        if first || self.line.as_ref().is_none_or(|line| line.side != side) {
            self.end_data()?;
            self.begin(side, moment)?;
        }
        let is_status = matches!(role, Role::Greeting | Role::Status);
        let highlight = match role {
            Role::Command | Role::Response => Highlight::Client,
            Role::Terminator => Highlight::Note,
            Role::Continuation => Highlight::Challenge,
            _ => Highlight::Plain,
        };
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Octets(octets) if is_status && first && index == 0 => {
                    if let Some(line) = &mut self.line {
                        line.word = Some(Highlight::of(Status::of_line(octets)));
                    }
                    self.status(octets)?;
                }
                Piece::Octets(octets) if is_status => self.status(octets)?,
                Piece::Octets(octets) => self.octets(highlight, octets)?,
                Piece::Hole(missing) => self.put(highlight, hole(missing))?,
            }
        }
        if end != LineEnd::None {
            self.end(end)?;
        }
        Ok(())
    }

    /// Octets of a status line, whose first word is coloured.
    fn status(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some(highlight) = self.line.as_ref().and_then(|line| line.word) else {
            return self.octets(Highlight::Plain, octets);
        };
        let word = memchr::memchr(b' ', octets);
        let (word, rest) = octets.split_at(word.unwrap_or(octets.len()));
        self.octets(highlight, word)?;
        if !rest.is_empty() {
            if let Some(line) = &mut self.line {
                line.word = None;
            }
            self.octets(Highlight::Plain, rest)?;
        }
        Ok(())
    }

    fn block(&mut self, side: Side, octets: &[u8], moment: Moment) -> io::Result<()> {
        self.data_side = side;
        let mut data = std::mem::take(&mut self.data);
        let result = data.feed(octets, &mut |cut| match cut {
            LinePart::Text(text, first) => {
                if first {
                    self.begin(side, moment)?;
                }
                self.octets(Highlight::Plain, text)
            }
            LinePart::Crlf => self.end(LineEnd::Crlf),
            LinePart::Lf => self.end(LineEnd::Lf),
        });
        self.data = data;
        result
    }

    fn data_hole(&mut self, side: Side, missing: &Hole, moment: Moment) -> io::Result<()> {
        self.data_side = side;
        if !std::mem::replace(&mut self.data.is_inside, true) {
            self.begin(side, moment)?;
        }
        self.put(Highlight::Plain, hole(missing))
    }

    /// Ends the data, perhaps in the middle of a line.
    fn end_data(&mut self) -> io::Result<()> {
        let mut data = std::mem::take(&mut self.data);
        let is_cut = data.finish(&mut |cut| match cut {
            LinePart::Text(text, _) => self.octets(Highlight::Plain, text),
            LinePart::Crlf | LinePart::Lf => Ok(()),
        })?;
        if is_cut {
            self.end(LineEnd::None)
        } else {
            Ok(())
        }
    }

    /// Begins a line, and ends an unfinished one.
    fn begin(&mut self, side: Side, moment: Moment) -> io::Result<()> {
        self.end(LineEnd::None)?;
        self.blank()?;
        if self.options.has_times {
            let time = time(moment.ms.saturating_sub(self.shown_ms));
            self.canvas.text(Highlight::Note, &time)?;
        }
        self.shown_ms = self.shown_ms.max(moment.ms);
        // As in a transcript, an empty line has no space after its mark.
        let mark = match side {
            Side::Client => "C:",
            Side::Server => "S:",
        };
        self.canvas.text(Highlight::Plain, mark)?;
        self.line = Some(OpenLine {
            side,
            is_empty: true,
            column: 0,
            octets: 0,
            left_out: 0,
            word: None,
        });
        Ok(())
    }

    /// Writes the space after the mark of a line.
    fn start(&mut self) -> io::Result<()> {
        let line = self.line.as_mut();
        match line.is_some_and(|line| std::mem::take(&mut line.is_empty)) {
            true => self.canvas.text(Highlight::Plain, " "),
            false => Ok(()),
        }
    }

    fn octets(&mut self, highlight: Highlight, octets: &[u8]) -> io::Result<()> {
        if octets.is_empty() {
            return Ok(());
        }
        self.start()?;
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        let room = LINE_SHOWN.saturating_sub(line.octets);
        let shown = octets.get(..room).unwrap_or(octets);
        line.left_out += octets.len() - shown.len();
        line.octets += shown.len();
        let mut text = String::new();
        line.column = escape::escape_within(shown, line.column..usize::MAX, &mut text);
        self.canvas.text(highlight, &text)
    }

    fn put(&mut self, highlight: Highlight, text: &str) -> io::Result<()> {
        self.start()?;
        if let Some(line) = &mut self.line {
            line.column += unicode_width::UnicodeWidthStr::width(text);
        }
        self.canvas.text(highlight, text)
    }

    fn end(&mut self, end: LineEnd) -> io::Result<()> {
        let Some(line) = self.line.take() else {
            return Ok(());
        };
        if line.left_out > 0 {
            let text = format!(" (and {} more octets)", line.left_out);
            self.canvas.text(Highlight::Note, &text)?;
        }
        match end {
            LineEnd::Crlf => {}
            LineEnd::Lf => self.canvas.text(Highlight::Note, " (ends in LF)")?,
            LineEnd::None => self.canvas.text(Highlight::Note, " (no line end)")?,
        }
        self.has_lines = true;
        self.canvas.end_line()
    }

    /// Writes a note from poptalk, or about the recording.
    fn note(&mut self, text: &str) -> io::Result<()> {
        self.end(LineEnd::None)?;
        self.blank()?;
        let passed_ms = std::mem::take(&mut self.passed_ms);
        if self.options.has_times {
            self.canvas.text(Highlight::Note, &time(passed_ms))?;
        }
        self.shown_ms = self.shown_ms.saturating_add(passed_ms);
        self.canvas.text(Highlight::Note, &format!("  {text}"))?;
        self.has_lines = true;
        self.canvas.end_line()
    }

    /// Writes the blank line before the next item.
    fn blank(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.wants_blank) {
            true => self.canvas.end_line(),
            false => Ok(()),
        }
    }
}

/// A time in [`TIME`] columns, or a few more if it is long.
fn time(ms: u64) -> String {
    match ms {
        0 => " ".repeat(TIME),
        ms => format!("{:>width$}  ", figures::duration(ms), width = TIME - 2),
    }
}
