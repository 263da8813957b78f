//! Differences for people: each exchange that differs, with `<` before what the first recording has
//! and `>` before what the second has. `-` and `+` would be taken for `-ERR` and `+OK`.

use std::io::{self, Write};

use crossterm::terminal;
use owo_colors::Stream;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::analysis::diff::{Change, Compared, Mark, Span};
use crate::base::plural::counted;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Paint, Style};
use crate::pop3::tracker::Side;

/// The width from which on a terminal shows both sides side by side.
const WIDE: usize = 160;

/// Prints differences as they come; what is alike is folded into a count.
pub(crate) struct DifferencePrinter<'a> {
    out: &'a mut dyn Write,
    style: Style,
    /// The columns of two sides, when they are printed side by side.
    width: Option<usize>,
    alike: u64,
}

impl<'a> DifferencePrinter<'a> {
    /// A printer; with a `width` in columns it prints side by side.
    pub(crate) fn new(out: &'a mut dyn Write, style: Style, width: Option<usize>) -> Self {
        Self {
            out,
            style,
            width,
            alike: 0,
        }
    }

    /// Returns a printer of what goes to standard output: side by side on a wide terminal, or where
    /// that is asked for.
    pub(crate) fn for_stdout(out: &'a mut dyn Write, is_side_by_side: bool) -> Self {
        let columns = match stdio::is_output_terminal() {
            true => terminal::size().ok(),
            false => None,
        };
        let columns = columns.map(|(columns, _)| usize::from(columns));
        let width = match columns {
            Some(columns) => Some(columns).filter(|columns| is_side_by_side || *columns >= WIDE),
            None => is_side_by_side.then_some(WIDE),
        };
        Self::new(out, Style::new(ColorChoice::Auto, Stream::Stdout), width)
    }

    /// Prints what a comparison reports.
    ///
    /// Errors: `out` can't be written.
    pub(crate) fn emit(&mut self, compared: &Compared) -> io::Result<()> {
        match compared {
            Compared::Alike => {
                self.alike += 1;
                Ok(())
            }
            Compared::Differs(change) => {
                self.fold()?;
                self.change(change)
            }
        }
    }

    /// Prints the count of what is alike since the last difference.
    pub(crate) fn fold(&mut self) -> io::Result<()> {
        let alike = match std::mem::take(&mut self.alike) {
            0 => return Ok(()),
            count => format!("  {} alike", counted(count, "exchange")),
        };
        writeln!(self.out, "{}", self.style.paint(Paint::Note, &alike))
    }

    fn change(&mut self, change: &Change) -> io::Result<()> {
        for finding in &change.findings {
            let row =
                |row: Option<usize>| row.map_or_else(|| "-".to_owned(), |row| row.to_string());
            let rows = format!("row {} | {}", row(finding.row), row(finding.other_row));
            let message = self.style.paint(Paint::Prompt, &finding.message);
            let rows = self.style.paint(Paint::Note, &rows);
            writeln!(self.out, "{message}   {rows}")?;
        }
        match self.width {
            Some(width) => self.columns(&change.marks, width)?,
            None => {
                for mark in &change.marks {
                    self.line(mark)?;
                }
            }
        }
        if change.hidden > 0 {
            let more = format!("    {} not shown", counted(change.hidden, "more line"));
            writeln!(self.out, "{}", self.style.paint(Paint::Note, &more))?;
        }
        Ok(())
    }

    /// A line, and carets under what changed where there is no colour.
    fn line(&mut self, mark: &Mark) -> io::Result<()> {
        let head = head(mark);
        write!(self.out, "{}", self.style.paint(Paint::Note, &head))?;
        for span in &mark.spans {
            write!(self.out, "{}", self.span(span))?;
        }
        writeln!(self.out)?;
        if !self.style.has_colour
            && let Some(carets) = carets(&mark.spans)
        {
            writeln!(self.out, "{}{carets}", " ".repeat(head.width()))?;
        }
        Ok(())
    }

    fn span(&self, span: &Span) -> String {
        let paint = if span.is_changed {
            Paint::Changed
        } else {
            Paint::Plain
        };
        self.style.paint(paint, &span.text)
    }

    /// Both sides in two columns; a line that is too long continues below.
    fn columns(&mut self, marks: &[Mark], width: usize) -> io::Result<()> {
        let column = width.saturating_sub(3) / 2;
        let mut olds = marks.iter().filter(|mark| !mark.is_new);
        let mut news = marks.iter().filter(|mark| mark.is_new);
        loop {
            let (old, new) = (olds.next(), news.next());
            if old.is_none() && new.is_none() {
                return Ok(());
            }
            let cells =
                |mark: Option<&Mark>| mark.map_or_else(Vec::new, |mark| self.cells(mark, column));
            let (left, right) = (cells(old), cells(new));
            for index in 0..left.len().max(right.len()) {
                let (text, columns) = left.get(index).cloned().unwrap_or_default();
                let (other, _) = right.get(index).cloned().unwrap_or_default();
                let pad = " ".repeat(column.saturating_sub(columns));
                let line = format!("{text}{pad} | {other}");
                writeln!(self.out, "{}", line.trim_end())?;
            }
        }
    }

    /// The rows of a cell, with their widths in columns.
    fn cells(&self, mark: &Mark, column: usize) -> Vec<(String, usize)> {
        let head = head(mark);
        let indent = head.width();
        let room = column.saturating_sub(indent).max(8);
        let mut rows = vec![(self.style.paint(Paint::Note, &head), indent)];
        let mut under = vec![(" ".repeat(indent), indent)];
        let mut used = 0;
        for span in &mark.spans {
            let mut part = String::new();
            let mut parts = Vec::new();
            for c in span.text.chars() {
                let wide = c.width().unwrap_or(0);
                if used + wide > room {
                    parts.push((std::mem::take(&mut part), used));
                    used = 0;
                }
                part.push(c);
                used += wide;
            }
            parts.push((part, used));
            for (index, (text, _)) in parts.iter().enumerate() {
                if index > 0 {
                    rows.push((" ".repeat(indent), indent));
                    under.push((" ".repeat(indent), indent));
                }
                let width = text.width();
                let caret = if span.is_changed { "^" } else { " " };
                for (rows, text) in [
                    (
                        &mut rows,
                        self.span(&Span {
                            text: text.clone(),
                            ..*span
                        }),
                    ),
                    (&mut under, caret.repeat(width)),
                ] {
                    if let Some((row, columns)) = rows.last_mut() {
                        row.push_str(&text);
                        *columns += width;
                    }
                }
            }
        }
        if self.style.has_colour {
            return rows;
        }
        let has_carets = |(row, _): &(String, usize)| row.contains('^');
        let pairs = rows.into_iter().zip(under);
        pairs
            .flat_map(|(row, under)| {
                let under = has_carets(&under).then_some(under);
                std::iter::once(row).chain(under)
            })
            .collect()
    }
}

/// The gutter: which recording, its row, who speaks.
fn head(mark: &Mark) -> String {
    let gutter = if mark.is_new { '>' } else { '<' };
    let side = match mark.side {
        Side::Client => 'C',
        Side::Server => 'S',
    };
    format!("  {gutter} {:>4}  {side}: ", mark.row)
}

/// Carets under the changed spans; None when there are none.
fn carets(spans: &[Span]) -> Option<String> {
    let mut carets = String::new();
    for span in spans {
        let under = if span.is_changed { "^" } else { " " };
        carets.push_str(&under.repeat(span.text.width()));
    }
    let carets = carets.trim_end();
    (!carets.is_empty()).then(|| carets.to_owned())
}
