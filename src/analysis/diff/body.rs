//! Compares data that is not identical, line by line, reading it again from both files.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::align::{AlignedRun, Alike, Window, align};
use super::mark::push_mark;
use super::mark::{ShownLine, both};
use super::recording::{Again, DataLine};
use super::uidl::Numbers;
use super::{Change, LINES, Level, OCTETS, Options, Unreadable, unreadable};
use crate::pop3::command::{DataKind, Words};
use crate::pop3::tracker::Side;
use crate::reading::dialogue::{Measures, fits};
use crate::transcript::Piece;

pub(super) struct DataView<'a> {
    pub(super) kind: DataKind,
    pub(super) level: Level,
    pub(super) fields: &'static [&'static str],
    pub(super) numbers: Option<&'a Numbers>,
}

#[derive(Debug)]
struct BodyLine {
    line: DataLine,
    key: Vec<u8>,
}

impl BodyLine {
    fn has_hole(&self) -> bool {
        let mut pieces = self.line.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Hole(_)))
    }
}

impl Alike for BodyLine {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn weight(&self) -> usize {
        128 + 2 * self.key.len()
    }

    fn fits(&self, new: &Self) -> bool {
        self.key == new.key
            || ((self.has_hole() || new.has_hole())
                && !self.line.is_any_rows()
                && !new.line.is_any_rows()
                && fits(&self.line.pieces, &new.line.pieces))
    }
}

impl DataView<'_> {
    fn is_unordered(&self) -> bool {
        let is_mapped = self.kind == DataKind::Listing && self.numbers.is_some();
        is_mapped || (self.kind == DataKind::Set && self.level == Level::Fields)
    }

    fn line(&self, line: DataLine, numbers: Option<&Numbers>) -> BodyLine {
        let mut key = Piece::named(&line.pieces);
        if self.level == Level::Octets {
            key.extend_from_slice(line.end.octets());
        } else if line.is_start && key.first() == Some(&b'.') {
            // RFC 1939 §3: the dot is part of the transport.
            key.remove(0);
        }
        if self.kind == DataKind::Listing && self.fields.first() == Some(&"msg") {
            key = mapped_word(&key, 0, numbers);
        }
        if self.level == Level::Fields {
            match self.kind {
                DataKind::Listing => {
                    let words: Vec<&[u8]> = Words::of(&key).take(self.fields.len()).collect();
                    key = words.join(&b' ');
                }
                DataKind::Set => key = key.trim_ascii_end().to_ascii_uppercase(),
                DataKind::Lines | DataKind::Free | DataKind::Nothing => {}
            }
        }
        BodyLine { line, key }
    }
}

/// A line with the word number `index` mapped.
pub(super) fn mapped_word(line: &[u8], index: usize, numbers: Option<&Numbers>) -> Vec<u8> {
    let mut words = Words::of(line);
    let word = words.nth(index);
    let (Some(word), Some(_)) = (word, numbers) else {
        return line.to_vec();
    };
    let end = words.offset();
    let mut mapped = line.get(..end - word.len()).unwrap_or_default().to_vec();
    mapped.extend_from_slice(&Numbers::mapped(numbers, word));
    mapped.extend_from_slice(line.get(end..).unwrap_or_default());
    mapped
}

/// Compares data line by line.
pub(super) fn compare<R: Read + Seek>(
    old: (&mut Again<R>, &Measures),
    new: (&mut Again<R>, &Measures),
    kinds: &DataView<'_>,
    options: &Options,
    change: &mut Change,
) -> Result<(), Unreadable> {
    let sides = (old.1.side, new.1.side);
    let ends = (end_row(old.1), end_row(new.1));
    let has_any_rows = old.1.has_any_rows || new.1.has_any_rows;
    let failed = |is_new| move |error| unreadable(is_new, error);
    let mut old_lines = old.0.lines(old.1).map_err(failed(false))?;
    let mut new_lines = new.0.lines(new.1).map_err(failed(true))?;
    let mut next_old = || {
        let line = old_lines.next().map_err(failed(false))?;
        Ok(line.map(|line| kinds.line(line, kinds.numbers)))
    };
    let mut next_new = || {
        let line = new_lines.next().map_err(failed(true))?;
        Ok(line.map(|line| kinds.line(line, None)))
    };
    let mut told = Differing {
        sides,
        ends,
        options,
        change,
        counts: (0, 0),
        first: None,
        after: (old.1.first.row, new.1.first.row),
    };
    if kinds.is_unordered() {
        let mut olds = all(&mut next_old)?;
        let mut news = all(&mut next_new)?;
        let (old_any, new_any) = (take_any_rows(&mut olds), take_any_rows(&mut news));
        let (mut olds, mut news) = leftover(olds, news);
        // `{{...}}` matches everything that only the other side has.
        if old_any {
            news.clear();
        }
        if new_any {
            olds.clear();
        }
        told.gap(olds, news);
    } else if has_any_rows {
        let olds = all(&mut next_old)?;
        let news = all(&mut next_new)?;
        if !is_glob(&olds, &news) {
            let (mut olds, mut news) = (olds.into_iter(), news.into_iter());
            run(&mut || Ok(olds.next()), &mut || Ok(news.next()), &mut told)?;
        }
    } else {
        run(&mut next_old, &mut next_new, &mut told)?;
    }
    told.finish();
    Ok(())
}

fn end_row(data: &Measures) -> usize {
    data.terminator_row.unwrap_or(data.last_row)
}

type NextLine<'a> = &'a mut dyn FnMut() -> Result<Option<BodyLine>, Unreadable>;

fn run(old: NextLine<'_>, new: NextLine<'_>, told: &mut Differing<'_>) -> Result<(), Unreadable> {
    let window = Window {
        items: LINES,
        octets: OCTETS,
    };
    let deadline = told.options.deadline;
    align(old, new, window, deadline, &mut |run| {
        match run {
            AlignedRun::Both(old, new) => told.after = (old.line.row + 1, new.line.row + 1),
            AlignedRun::Gap(mut olds, mut news) => {
                // `{{...}}` matches everything that the other side has in its place.
                let is_any = |lines: &[BodyLine]| lines.iter().any(|line| line.line.is_any_rows());
                let (old_any, new_any) = (is_any(&olds), is_any(&news));
                if old_any {
                    olds.retain(|line| !line.line.is_any_rows());
                    news.clear();
                } else if new_any {
                    news.retain(|line| !line.line.is_any_rows());
                    olds.clear();
                }
                told.gap(olds, news);
            }
        }
        Ok(())
    })
}

/// All lines, up to the limits of a window; if order does not matter, further lines are not
/// compared.
fn all(next: NextLine<'_>) -> Result<Vec<BodyLine>, Unreadable> {
    let mut lines = Vec::new();
    let mut octets = 0;
    while lines.len() < LINES
        && octets < OCTETS
        && let Some(line) = next()?
    {
        octets += line.weight();
        lines.push(line);
    }
    Ok(lines)
}

/// Removes each `{{...}}`; returns whether there was one.
fn take_any_rows(lines: &mut Vec<BodyLine>) -> bool {
    let count = lines.len();
    lines.retain(|line| !line.line.is_any_rows());
    lines.len() < count
}

/// The most lines with holes in an unordered list.
const HOLES_MAX: usize = 1000;

/// What is left of two unordered lists after removing everything they share.
fn leftover(olds: Vec<BodyLine>, news: Vec<BodyLine>) -> (Vec<BodyLine>, Vec<BodyLine>) {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    for new in &news {
        *counts.entry(new.key.clone()).or_default() += 1;
    }
    let mut both: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut old_left = Vec::new();
    for old in olds {
        match counts.get_mut(&old.key) {
            Some(count) if *count > 0 => {
                *count -= 1;
                *both.entry(old.key).or_default() += 1;
            }
            _ => old_left.push(old),
        }
    }
    let mut new_left = Vec::new();
    for new in news {
        match both.get_mut(&new.key) {
            Some(count) if *count > 0 => *count -= 1,
            _ => new_left.push(new),
        }
    }
    // Lines with holes match what is left. They are written by hand, so there are few.
    let mut room = HOLES_MAX;
    old_left.retain(|old| {
        let has_hole = old.has_hole() && room > 0;
        room -= usize::from(has_hole);
        let found = new_left.iter().position(|new| has_hole && old.fits(new));
        found.map(|found| new_left.remove(found)).is_none()
    });
    new_left.retain(|new| {
        let has_hole = new.has_hole() && room > 0;
        room -= usize::from(has_hole);
        let found = old_left.iter().position(|old| has_hole && old.fits(new));
        found.map(|found| old_left.remove(found)).is_none()
    });
    (old_left, new_left)
}

/// The most steps of one comparison with `{{...}}`.
const GLOB_STEPS: usize = 10_000_000;

/// Whether lines that include `{{...}}` match the others as a whole.
fn is_glob(olds: &[BodyLine], news: &[BodyLine]) -> bool {
    let (pattern, lines) = if olds.iter().any(|line| line.line.is_any_rows()) {
        (olds, news)
    } else {
        (news, olds)
    };
    let (mut at, mut line) = (0, 0);
    // The position of the last `{{...}}`, and the first line after those that it matches.
    let mut star: Option<(usize, usize)> = None;
    for _ in 0..GLOB_STEPS {
        match (pattern.get(at), lines.get(line)) {
            (None, None) => return true,
            (Some(one), _) if one.line.is_any_rows() => {
                star = Some((at, line));
                at += 1;
            }
            (Some(one), Some(other)) if one.fits(other) => {
                at += 1;
                line += 1;
            }
            (_, Some(_)) => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    at = star_at + 1;
                    line = from + 1;
                }
                None => return false,
            },
            (Some(_), None) => return false,
        }
    }
    false
}

struct Differing<'a> {
    sides: (Side, Side),
    ends: (usize, usize),
    options: &'a Options,
    change: &'a mut Change,
    counts: (usize, usize),
    first: Option<(usize, usize)>,
    /// The rows after the last equal lines.
    after: (usize, usize),
}

impl Differing<'_> {
    fn gap(&mut self, olds: Vec<BodyLine>, news: Vec<BodyLine>) {
        if olds.is_empty() && news.is_empty() {
            return;
        }
        self.counts.0 += olds.len();
        self.counts.1 += news.len();
        let row = |lines: &[BodyLine], after: usize, end: usize| {
            lines.first().map_or(after.min(end), |line| line.line.row)
        };
        let rows = (
            row(&olds, self.after.0, self.ends.0),
            row(&news, self.after.1, self.ends.1),
        );
        self.first.get_or_insert(rows);
        let shown = |side: Side| {
            move |line: BodyLine| {
                let DataLine {
                    row, pieces, end, ..
                } = line.line;
                ShownLine::new(row, side, &pieces, end)
            }
        };
        let mut olds = olds.into_iter().map(shown(self.sides.0));
        let mut news = news.into_iter().map(shown(self.sides.1));
        let mut marks = (Vec::new(), Vec::new());
        let room = super::MARKS.saturating_sub(self.change.marks.len());
        for _ in 0..room {
            match (olds.next(), news.next()) {
                (Some(old), Some(new)) => {
                    let [old, new] = both(old, new, (self.options.deadline)());
                    marks.0.push(old);
                    marks.1.push(new);
                }
                (None, None) => break,
                (old, new) => {
                    marks.0.extend(old.map(|line| line.alone(false)));
                    marks.1.extend(new.map(|line| line.alone(true)));
                }
            }
        }
        for mark in marks.0.into_iter().chain(marks.1) {
            push_mark(self.change, mark);
        }
        self.change.hidden += (olds.count() + news.count()) as u64;
    }

    fn finish(self) {
        let Some((old, new)) = self.first else { return };
        let what = match self.counts {
            (0, 1) => "1 more line in the second recording".to_owned(),
            (0, count) => format!("{count} more lines in the second recording"),
            (1, 0) => "1 fewer line in the second recording".to_owned(),
            (count, 0) => format!("{count} fewer lines in the second recording"),
            (1, 1) => "1 line differs".to_owned(),
            (count, same) if count == same => format!("{} differ", lines(count)),
            (count, other) => format!("{} became {other}", lines(count)),
        };
        self.change.find("diff-data", (Some(old), Some(new)), &what);
    }
}

fn lines(count: usize) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}
