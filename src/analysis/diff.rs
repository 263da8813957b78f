//! Compares two transcripts, exchange by exchange, in bounded memory: both are read as streams, and only data whose digests
//! differ is read again.
//!
//! The bounds: [`EXCHANGES`] exchanges of each side are brought side by side at once, and [`LINES`] lines or [`OCTETS`] octets
//! of data. What was moved farther than that is told as missing here and added there, never as the same.

mod align;
mod body;
mod element;
mod mark;
mod pair;
mod recording;
mod uidl;

use std::io::{BufRead, Read, Seek};
use std::time::Instant;

use crate::analysis::finding::Finding;
use crate::reading::dialogue::{EventKind, Part, Parts};
use crate::transcript::text::ParseError;
use align::{AlignedRun, Window, align};
use element::Element;
pub(crate) use mark::{Mark, Span};
use pair::Comparer;
pub use recording::Recording;
use uidl::Numbers;

/// How many exchanges of each side are brought side by side at once.
pub(crate) const EXCHANGES: usize = 4096;

/// How many lines of data are brought side by side at once.
pub(crate) const LINES: usize = 131_072;

/// How many octets, of data or of exchanges, are held of each side at once.
pub(crate) const OCTETS: usize = 32 * 1024 * 1024;

/// The most lines of one change that are told; the rest is counted.
pub(crate) const MARKS: usize = 200;

/// How closely two transcripts are compared. Each level compares all that the one before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// The commands (verb in any case, and arguments that are no secret), `+OK` or `-ERR` of each reply, whether it came whole,
    /// lines that nobody asked for, TLS, time-outs
    Status,
    /// Also the fields of replies (STAT, LIST, UIDL ...), response codes of -ERR, the number of SASL challenges, and data: messages line
    /// by line, listings by their fields, capabilities in any order and case
    #[default]
    Fields,
    /// Also the exact text of status lines, greeting and listings; not the greeting's timestamp, SASL, line ends
    Text,
    /// Every octet of both sides, line ends and dot-stuffing included; all but holes, times and the text of events
    Octets,
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How closely.
    pub level: Level,
    /// Whether message numbers are compared by the unique-id that they have in each recording.
    pub map_uidl: bool,
    /// Gives the time up to which one alignment may go on; beyond it the result is coarser, never wrong.
    pub deadline: fn() -> Option<Instant>,
}

/// What a comparison tells, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// An exchange is alike in both.
    Alike,
    /// Something is not.
    Differs(Change),
}

/// An exchange that differs, or that only one recording has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is, for people: a verb with its open arguments, `greeting`, an event. Escaped.
    pub(crate) name: String,
    pub(crate) old: Option<usize>,
    pub(crate) new: Option<usize>,
    /// Each difference.
    pub findings: Vec<Finding>,
    /// The lines that differ, [`MARKS`] at most.
    pub(crate) marks: Vec<Mark>,
    /// How many lines differ beyond those.
    pub(crate) hidden: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiffSummary {
    pub(crate) alike: u64,
    /// Exchanges that differ, or that only one recording has.
    pub different: u64,
    /// How many message numbers were mapped; None when that was not asked for, or not both have a UIDL listing.
    pub(crate) mapped: Option<usize>,
}

/// A recording that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    pub(crate) is_new: bool,
    pub(crate) error: ParseError,
}

/// Compares two recordings and tells what came out as it goes. The `old` one is what was expected: its holes stand for anything.
///
/// Errors: a recording that can't be read; what was told before stands.
pub fn compare<R: Read + Seek>(
    old: &mut Recording<R>,
    new: &mut Recording<R>,
    options: &Options,
    emit: &mut dyn FnMut(Compared),
) -> Result<DiffSummary, Unreadable> {
    let numbers = if options.map_uidl {
        Numbers::read(&mut old.again, &mut new.again)?
    } else {
        None
    };
    let mut summary = DiffSummary {
        mapped: numbers.as_ref().map(Numbers::len),
        ..DiffSummary::default()
    };
    let mut judge = Comparer {
        options,
        numbers: numbers.as_ref(),
        old: &mut old.again,
        new: &mut new.again,
    };
    let mut next_old = || element(&mut old.parts, false, numbers.as_ref());
    let mut next_new = || element(&mut new.parts, true, None);
    let window = Window {
        items: EXCHANGES,
        octets: OCTETS,
    };
    align(
        &mut next_old,
        &mut next_new,
        window,
        options.deadline,
        &mut |run| {
            match run {
                AlignedRun::Both(old, new) => match judge.pair(&old.part, &new.part)? {
                    None => {
                        summary.alike += 1;
                        emit(Compared::Alike);
                    }
                    Some(change) => {
                        summary.different += 1;
                        emit(Compared::Differs(change));
                    }
                },
                AlignedRun::Gap(olds, news) => {
                    let is_any = |part: &Element| matches!(part.part, Part::AnyRows(_));
                    let has_any = olds.iter().chain(&news).any(is_any);
                    let alone = olds.iter().map(|one| (one, false));
                    let alone = alone.chain(news.iter().map(|one| (one, true)));
                    for (one, is_new) in alone {
                        // `{{...}}` stands for all that the other side has in its place.
                        let is_covered = has_any && is_new != news.iter().any(is_any);
                        if is_any(one) || is_covered {
                            continue;
                        }
                        summary.different += 1;
                        emit(Compared::Differs(judge.alone(&one.part, is_new)));
                    }
                }
            }
            Ok(())
        },
    )?;
    Ok(summary)
}

fn element<R: BufRead>(
    parts: &mut Parts<R>,
    is_new: bool,
    numbers: Option<&Numbers>,
) -> Result<Option<Element>, Unreadable> {
    for part in parts {
        let part = part.map_err(|error| unreadable(is_new, error))?;
        if is_compared(&part) {
            return Ok(Some(Element::new(part, numbers)));
        }
    }
    Ok(None)
}

fn unreadable(is_new: bool, error: ParseError) -> Unreadable {
    Unreadable { is_new, error }
}

/// Connecting and closing are never compared: a reply that was cut tells of itself.
fn is_compared(part: &Part) -> bool {
    match part {
        Part::Event(event) => !matches!(
            event.kind,
            EventKind::Connected
                | EventKind::Closed
                | EventKind::Lost
                | EventKind::Malformed
                | EventKind::Other
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
