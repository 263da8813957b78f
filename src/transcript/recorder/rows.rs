//! Rows of a transcript that wait to be written.

use super::ROW_MAX;
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::elide::Elider;
use crate::transcript::event::{Event, with_time};
use crate::transcript::text;
use crate::transcript::{Item, Piece, Row};

#[derive(Debug, Default)]
pub(super) struct PendingRows {
    pub(super) text: Vec<u8>,
    pub(super) is_wanted: bool,
    pub(super) now_ms: u64,
    last_ms: u64,
    /// The start of a data line whose end has not come.
    tail: Vec<u8>,
    tail_side: Option<Side>,
}

impl PendingRows {
    pub(super) fn head(&mut self, name: &str, text: &str) {
        let mut line = Vec::new();
        text::escape(&mut line, text.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(&line);
        self.text.push(b'\n');
    }

    pub(super) fn event(&mut self, event: &Event) {
        if !self.is_wanted {
            return;
        }
        let mut text = Vec::new();
        text::escape(&mut text, event.to_string().as_bytes());
        let text = String::from_utf8_lossy(&text);
        let after_ms = self.now_ms.saturating_sub(self.last_ms);
        let event = Item::Event(with_time(&text, after_ms));
        text::print_item(&mut self.text, &event);
    }

    pub(super) fn end_cut(&mut self, elider: Option<&mut Elider>) {
        if let Some(prose) = elider.and_then(Elider::end) {
            text::print_item(&mut self.text, &Item::Prose(prose));
        }
    }

    pub(super) fn row(&mut self, side: Side, pieces: &[Piece], end: LineEnd) {
        if !self.is_wanted {
            return;
        }
        self.flush_data();
        let after_ms = self.elapsed();
        text::print_row(
            &mut self.text,
            &Row::new(side, after_ms, pieces.iter().cloned(), end),
        );
    }

    pub(super) fn data(&mut self, side: Side, octets: &[u8]) {
        if !self.is_wanted {
            return;
        }
        if self.tail_side.is_some_and(|tail| tail != side) {
            self.flush_data();
        }
        let mut after_ms = self.elapsed();
        let mut rest = octets;
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(lf + 1);
            rest = after;
            if self.tail.is_empty() && line.len() <= ROW_MAX {
                print_line(&mut self.text, side, after_ms, line);
            } else {
                self.tail.extend_from_slice(line);
                self.print_tail(side, after_ms, 0);
            }
            after_ms = 0;
        }
        self.tail.extend_from_slice(rest);
        if self.tail.len() > ROW_MAX {
            self.print_tail(side, after_ms, ROW_MAX);
        } else if rest.len() == octets.len() && !rest.is_empty() {
            // No row was written: its time still counts.
            self.last_ms -= after_ms;
        }
        self.tail_side = (!self.tail.is_empty()).then_some(side);
    }

    /// Prints the tail as rows of at most `ROW_MAX` octets while it holds more than `upto`.
    fn print_tail(&mut self, side: Side, mut after_ms: u64, upto: usize) {
        let tail = std::mem::take(&mut self.tail);
        let mut rest = tail.as_slice();
        while rest.len() > upto {
            let (row, after) = rest.split_at(rest.len().min(ROW_MAX));
            print_line(&mut self.text, side, after_ms, row);
            after_ms = 0;
            rest = after;
        }
        self.tail.extend_from_slice(rest);
    }

    /// Writes the start of a data line whose end has not come.
    pub(super) fn flush_data(&mut self) {
        if let Some(side) = self.tail_side.take() {
            let after_ms = self.elapsed();
            self.print_tail(side, after_ms, 0);
        }
    }

    fn elapsed(&mut self) -> u64 {
        let after_ms = self.now_ms.saturating_sub(self.last_ms);
        self.last_ms += after_ms;
        after_ms
    }
}

/// Prints octets that end with their line end, or without one when the line continues.
fn print_line(out: &mut Vec<u8>, side: Side, after_ms: u64, line: &[u8]) {
    let (octets, end) = split_end(line);
    text::print_octets(out, side, after_ms, octets, end);
}

pub(super) fn split_end(line: &[u8]) -> (&[u8], LineEnd) {
    match line {
        [octets @ .., b'\r', b'\n'] => (octets, LineEnd::Crlf),
        [octets @ .., b'\n'] => (octets, LineEnd::Lf),
        octets => (octets, LineEnd::None),
    }
}
