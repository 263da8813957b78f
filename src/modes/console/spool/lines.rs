//! Lines of a spool: where they start, how far they go, and how to read them.

use std::io;
use std::ops::Range;

use super::Spool;
use crate::pop3::tracker::LineEnd;

/// A line of more octets (CRLF not counted) is cut, so that no line needs more memory than this.
pub(crate) const LONGEST: usize = 8 * 1024;

/// As much must be seen of a line without an end before it is cut: its CRLF would be in it.
const ENOUGH: usize = LONGEST + 2;

const BLOCK: usize = 32 * 1024;

/// A line, or a part of one that is longer than [`LONGEST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolLine {
    /// Where it starts.
    pub start: LineStart,
    /// Its octets without the line end.
    pub octets: Vec<u8>,
    /// Its end; [`LineEnd::None`] when it was cut, or nothing more has come.
    pub end: LineEnd,
}

impl SpoolLine {
    /// The octets as they are to be shown: a bare LF is not a line end of POP3 (RFC 1939 §3), so it
    /// stays.
    pub(crate) fn into_shown(mut self) -> Vec<u8> {
        if self.end == LineEnd::Lf {
            self.octets.push(b'\n');
        }
        self.octets
    }
}

/// Where a line starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineStart {
    /// The octets before it.
    pub offset: u64,
    /// The lines before it, parts of long lines counted.
    pub line: u64,
    /// The lines before it, long lines counted once.
    pub(crate) whole: u64,
    /// It continues with the line before, which was cut.
    pub(crate) is_continuation: bool,
}

impl LineStart {
    /// The start of the next line.
    fn after(self, line: &[u8]) -> Self {
        let has_ended = line.ends_with(b"\n");
        Self {
            offset: self.offset + line.len() as u64,
            line: self.line + 1,
            whole: self.whole + u64::from(has_ended),
            is_continuation: !has_ended,
        }
    }
}

/// The octets of the line at the start of `octets`, its end included; None when that depends on
/// what comes next.
///
/// This alone decides where lines end, from the octets of the line and the two after it.
fn cut(octets: &[u8]) -> Option<usize> {
    let seen = octets.get(..ENOUGH).unwrap_or(octets);
    if let Some(lf) = memchr::memchr(b'\n', seen) {
        return Some(lf + 1);
    }
    if seen.len() < ENOUGH {
        return None;
    }
    // A character of UTF-8 is not cut: its first octet is one of the three before, all others look
    // like 10xxxxxx.
    let is_inside = |at: usize| seen.get(at).is_some_and(|octet| octet & 0xc0 == 0x80);
    let first = (LONGEST - 3..=LONGEST).rev().find(|at| !is_inside(*at));
    let border = first.filter(|at| {
        let length = match seen.get(*at) {
            Some(0xc2..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf4) => 4,
            _ => 1,
        };
        at + length > LONGEST
    });
    Some(border.unwrap_or(LONGEST))
}

#[derive(Debug, Default)]
pub(super) struct Cutter {
    start: LineStart,
    unended: Vec<u8>,
}

impl Cutter {
    /// Takes the next octets; reports the start of each line after one that has ended.
    pub(super) fn feed(&mut self, octets: &[u8], mut emit: impl FnMut(LineStart)) {
        let mut rest = octets;
        while !self.unended.is_empty() {
            let missing = ENOUGH.saturating_sub(self.unended.len()).min(rest.len());
            let (more, _) = rest.split_at(missing);
            let (more, later) = match memchr::memchr(b'\n', more) {
                Some(lf) => rest.split_at(lf + 1),
                None => rest.split_at(missing),
            };
            self.unended.extend_from_slice(more);
            rest = later;
            let Some(end) = cut(&self.unended) else {
                return;
            };
            let after = self.unended.split_off(end);
            self.start = self.start.after(&self.unended);
            self.unended = after;
            emit(self.start);
        }
        while let Some((line, later)) = cut(rest).and_then(|end| rest.split_at_checked(end)) {
            self.start = self.start.after(line);
            emit(self.start);
            rest = later;
        }
        self.unended.extend_from_slice(rest);
    }

    /// Lines, lines that have ended, and whole lines.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let tail = u64::from(!self.unended.is_empty());
        let LineStart { line, whole, .. } = self.start;
        (line + tail, line, whole + tail)
    }
}

/// Where some of the lines start: enough to be near to any of them, and few however many there are.
#[derive(Debug)]
pub(super) struct LineIndex {
    /// In order; the first one is the first line.
    pub(super) starts: Vec<LineStart>,
    limit: usize,
    /// The octets from one of them to the next, at least.
    spacing: u64,
}

impl Default for LineIndex {
    fn default() -> Self {
        // 256 MiB at the finest; then every second one goes, and so on.
        Self::new(16 * 1024, 16 * 1024)
    }
}

impl LineIndex {
    pub(super) fn new(limit: usize, spacing: u64) -> Self {
        Self {
            starts: vec![LineStart::default()],
            limit,
            spacing,
        }
    }

    /// Remembers the start of a line, unless one is near that is remembered.
    pub(super) fn add(&mut self, start: LineStart) {
        let last = self.starts.last().map_or(0, |last| last.offset);
        if start.offset < last.saturating_add(self.spacing) {
            return;
        }
        self.starts.push(start);
        if self.starts.len() > self.limit {
            let mut is_kept = false;
            self.starts.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.spacing = self.spacing.saturating_mul(2);
        }
    }

    /// The last start remembered for which `is_before` holds, as it does for all before it.
    pub(super) fn last(&self, is_before: impl Fn(&LineStart) -> bool) -> LineStart {
        let after = self.starts.partition_point(is_before);
        let last = after.checked_sub(1).and_then(|last| self.starts.get(last));
        last.copied().unwrap_or_default()
    }
}

/// Reads the lines of a spool, one after the other, up to what was there when it was made.
#[derive(Debug)]
pub struct Lines<'a> {
    spool: &'a Spool,
    pub(crate) next: LineStart,
    end: u64,
    block: Vec<u8>,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(spool: &'a Spool, next: LineStart, end: u64) -> Self {
        Self {
            spool,
            next,
            end,
            block: Vec::new(),
            at: 0,
        }
    }

    /// The next line; None at the end.
    ///
    /// Errors: the file can't be read.
    pub fn read(&mut self) -> io::Result<Option<SpoolLine>> {
        let start = self.next;
        let Some(range) = self.advance()? else {
            return Ok(None);
        };
        let octets = self.block.get(range).unwrap_or_default();
        let (octets, end) = match (octets.strip_suffix(b"\r\n"), octets.strip_suffix(b"\n")) {
            (Some(octets), _) => (octets, LineEnd::Crlf),
            (None, Some(octets)) => (octets, LineEnd::Lf),
            (None, None) => (octets, LineEnd::None),
        };
        Ok(Some(SpoolLine {
            start,
            octets: octets.to_vec(),
            end,
        }))
    }

    /// Passes over the next line; false at the end.
    pub(crate) fn skip(&mut self) -> io::Result<bool> {
        Ok(self.advance()?.is_some())
    }

    /// Passes over the next line, and reports where it is in the block.
    fn advance(&mut self) -> io::Result<Option<Range<usize>>> {
        if self.block.len() - self.at < ENOUGH {
            self.fill()?;
        }
        let line = self.block.get(self.at..).unwrap_or_default();
        // At the end of what is there, a line that has not ended is one anyway.
        let line = line.get(..cut(line).unwrap_or(line.len())).unwrap_or(line);
        if line.is_empty() {
            return Ok(None);
        }
        let from = self.at;
        self.next = self.next.after(line);
        self.at += line.len();
        Ok(Some(from..self.at))
    }

    /// Reads on, so that the next line is in the block, as far as it is there.
    fn fill(&mut self) -> io::Result<()> {
        self.block.drain(..self.at);
        self.at = 0;
        let kept = self.block.len();
        let offset = self.next.offset + kept as u64;
        let count = self.end.saturating_sub(offset).min(BLOCK as u64) as usize;
        if count > 0 {
            self.block.resize(kept + count, 0);
            let room = self.block.get_mut(kept..).unwrap_or_default();
            self.spool.read_exact(offset, room)?;
        }
        Ok(())
    }
}
