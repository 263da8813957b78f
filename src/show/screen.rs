//! As on the screen: one line an item, `C:` and `S:` before what went over the wire.

use super::{Statuses, safe, text_of};
use crate::style::{Paint, Style};
use crate::tracker::{LineEnd, Side, Status};
use crate::transcript::Item;

/// Makes lines of items.
#[derive(Debug)]
pub struct Screen {
    style: Style,
    has_times: bool,
    statuses: Statuses,
}

impl Screen {
    /// With the times of rows, or without.
    #[must_use]
    pub fn new(style: Style, has_times: bool) -> Self {
        Self {
            style,
            has_times,
            statuses: Statuses::default(),
        }
    }

    /// The line for an item, with its line end; None for what is not shown.
    pub fn line(&mut self, item: &Item) -> Option<String> {
        let note = |text: &str| Some(format!("  {}\n", self.style.paint(Paint::Note, text)));
        match item {
            Item::Row(row) => {
                let status = self.statuses.row(row);
                let text = text_of(row);
                let end = match row.end {
                    LineEnd::Lf => self.style.paint(Paint::Note, " (ends in LF)"),
                    LineEnd::None => self.style.paint(Paint::Note, " (no line end)"),
                    LineEnd::Crlf => String::new(),
                };
                let time = match (self.has_times, row.after_ms) {
                    (true, ms) => self.style.paint(Paint::Note, &format!("{ms:>7} ms  ")),
                    (false, _) => String::new(),
                };
                let line = match (row.side, status) {
                    (Side::Client, _) => format!("C: {}", self.style.paint(Paint::Prompt, &text)),
                    (Side::Server, Some(status)) => {
                        let paint = match status {
                            Status::Positive => Paint::Positive,
                            Status::Negative => Paint::Negative,
                            Status::Malformed => Paint::Warning,
                        };
                        let word = text.find(' ').unwrap_or(text.len());
                        let (indicator, rest) = text.split_at(word);
                        format!("S: {}{rest}", self.style.paint(paint, indicator))
                    }
                    (Side::Server, None) => format!("S: {text}"),
                };
                Some(format!("{time}{line}{end}\n"))
            }
            Item::Event(event) => {
                self.statuses.event(event);
                note(&format!("* {}", safe(event)))
            }
            Item::Prose(prose) if prose.starts_with('!') => None,
            Item::Prose(prose) => note(&format!("#{}", safe(prose))),
            Item::Head { name, text } => note(&format!("{}: {}", safe(name), safe(text))),
            Item::Blank => Some("\n".to_owned()),
            Item::Unknown(line) => note(&safe(line)),
        }
    }
}
