//! Searching octets in blocks, forwards and backwards.

use std::io;
use std::ops::Range;

use memchr::memmem;

/// How much is looked at between two questions whether to give up.
pub(super) const BLOCK: usize = 256 * 1024;

/// What is looked for: at least one octet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    pub(super) octets: Vec<u8>,
    ignores_case: bool,
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a place on.
    Down,
    /// Before a place, the nearest first.
    Up,
}

/// What came of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchResult {
    /// The offset of the match.
    At(u64),
    /// There is no match.
    Nowhere,
    /// It was given up.
    GivenUp,
}

impl SearchTerm {
    /// Looks for these octets. Without a capital letter of ASCII among them, capitals are found
    /// too. None for no octets.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        (!octets.is_empty()).then(|| Self {
            octets: octets.to_vec(),
            ignores_case: !octets.iter().any(u8::is_ascii_uppercase),
        })
    }

    /// Looks for what a person typed; `\xe9` in it is an octet that can't be typed. None for no
    /// octets.
    pub(crate) fn typed(text: &str) -> Option<Self> {
        let mut octets = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("\\x") {
            let (before, escape) = rest.split_at(at);
            octets.extend_from_slice(before.as_bytes());
            let digits = escape.get(2..4).filter(|digits| !digits.starts_with('+'));
            let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let length = if octet.is_some() { 4 } else { 2 };
            let (escape, after) = escape.split_at(length);
            match octet {
                Some(octet) => octets.push(octet),
                None => octets.extend_from_slice(escape.as_bytes()),
            }
            rest = after;
        }
        octets.extend_from_slice(rest.as_bytes());
        Self::new(&octets)
    }

    /// The matches in a line, which do not overlap.
    pub(crate) fn matches(&self, line: &[u8]) -> Vec<Range<usize>> {
        let mut line = line.to_vec();
        self.fold(&mut line);
        memmem::find_iter(&line, &self.octets)
            .map(|at| at..at + self.octets.len())
            .collect()
    }

    fn fold(&self, octets: &mut [u8]) {
        if self.ignores_case {
            octets.make_ascii_lowercase();
        }
    }
}

/// Looks for a match that starts at `from` or after it (down), or before it (up), in the octets
/// before `end`.
///
/// `read` fills a buffer with what is at an offset. Memory: two blocks at most, or two needles.
pub(super) fn find(
    needle: &SearchTerm,
    way: Direction,
    from: u64,
    end: u64,
    block: usize,
    read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
    is_over: &mut dyn FnMut() -> bool,
) -> io::Result<SearchResult> {
    let finder = memmem::Finder::new(&needle.octets);
    // A match may start in one block and end in the next one.
    let more = needle.octets.len() as u64 - 1;
    let block = block.max(needle.octets.len()) as u64;
    let mut octets = Vec::new();
    let (mut low, mut high) = match way {
        Direction::Down => (from, from.saturating_add(block)),
        Direction::Up => (from.saturating_sub(block), from),
    };
    loop {
        let upto = high.saturating_add(more).min(end);
        if low < upto {
            octets.resize((upto - low) as usize, 0);
            read(low, &mut octets)?;
            needle.fold(&mut octets);
            let found = match way {
                Direction::Down => finder.find(&octets),
                Direction::Up => last_match(&finder, &octets),
            };
            if let Some(at) = found {
                return Ok(SearchResult::At(low + at as u64));
            }
        }
        match way {
            Direction::Down if high >= end => return Ok(SearchResult::Nowhere),
            Direction::Up if low == 0 => return Ok(SearchResult::Nowhere),
            _ if is_over() => return Ok(SearchResult::GivenUp),
            Direction::Down => (low, high) = (high, high.saturating_add(block)),
            Direction::Up => (low, high) = (low.saturating_sub(block), low),
        }
    }
}

/// The last match. The crate's own reverse search is slow; here only the block with the match is
/// searched often.
fn last_match(finder: &memmem::Finder<'_>, octets: &[u8]) -> Option<usize> {
    let mut last = None;
    let mut from = 0;
    while let Some(at) = octets.get(from..).and_then(|rest| finder.find(rest)) {
        last = Some(from + at);
        from += at + 1;
    }
    last
}
