//! Lines that differ, as text for people, with the changed words marked.

use super::Change;
use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::base::escape;
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::text;
use crate::transcript::{Piece, Row};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) is_new: bool,
    pub(crate) row: usize,
    pub(crate) side: Side,
    /// Its text, escaped as in a transcript, and safe for a terminal.
    pub(crate) spans: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    /// Whether the other line differs here.
    pub(crate) is_changed: bool,
}

/// A line with its text, before it is compared with another.
#[derive(Debug, Clone)]
pub(super) struct ShownLine {
    pub(super) row: usize,
    pub(super) side: Side,
    pub(super) text: String,
}

impl ShownLine {
    pub(super) fn new(row: usize, side: Side, pieces: &[Piece], end: LineEnd) -> Self {
        let line = Row {
            side,
            after_ms: 0,
            pieces: pieces.to_vec(),
            end,
        };
        let mut written = Vec::new();
        text::print_row(&mut written, &line);
        let written = written.trim_ascii_end();
        let start = written.get(2..).unwrap_or_default();
        let start = start.strip_prefix(b" ").unwrap_or(start);
        let mut text = String::new();
        escape::escape(start, &mut text);
        Self { row, side, text }
    }

    /// The line alone, without marks.
    pub(super) fn alone(self, is_new: bool) -> Mark {
        self.mark(is_new, |text| {
            vec![Span {
                text,
                is_changed: false,
            }]
        })
    }

    fn mark(self, is_new: bool, spans: impl FnOnce(String) -> Vec<Span>) -> Mark {
        Mark {
            is_new,
            row: self.row,
            side: self.side,
            spans: spans(self.text),
        }
    }
}

/// Two corresponding lines, with the changed words marked. If they share no word, nothing is
/// marked.
pub(super) fn both(old: ShownLine, new: ShownLine, deadline: Option<Instant>) -> [Mark; 2] {
    let old_words = words(&old.text);
    let new_words = words(&new.text);
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_words, &new_words, deadline);
    let is_shared = |op: &DiffOp| {
        matches!(op, DiffOp::Equal { old_index, len, .. }
            if old_words.iter().skip(*old_index).take(*len).any(|word| !word.trim().is_empty()))
    };
    if !ops.iter().any(is_shared) {
        return [old.alone(false), new.alone(true)];
    }
    let spans = |words: &[&str], is_new: bool| {
        let mut spans = Vec::new();
        for op in &ops {
            let range = if is_new {
                op.new_range()
            } else {
                op.old_range()
            };
            let text: String = words
                .iter()
                .skip(range.start)
                .take(range.len())
                .copied()
                .collect();
            if !text.is_empty() {
                spans.push(Span {
                    text,
                    is_changed: !matches!(op, DiffOp::Equal { .. }),
                });
            }
        }
        spans
    };
    let old_spans = spans(&old_words, false);
    let new_spans = spans(&new_words, true);
    [
        old.clone().mark(false, |_| old_spans),
        new.clone().mark(true, |_| new_spans),
    ]
}

/// Words and the spaces between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_blank = first == ' ';
        let end = rest
            .find(|c: char| (c == ' ') != is_blank)
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

/// Adds a line that differs while there is room; further lines are counted.
pub(super) fn push_mark(change: &mut Change, mark: Mark) {
    if change.marks.len() < super::MARKS {
        change.marks.push(mark);
    } else {
        change.hidden += 1;
    }
}
