//! Parses an mbox file in blocks: where each message is, its size, and the hash for its unique-id.

use std::io::{self, Read};
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::crlf::CrlfReader;
use super::{FROM, blocks};

/// The hash of a message's octets on the wire. It leaves out the line end that is added if the last
/// line has none: a unique-id must never change (RFC 1939 §7), not even with a new version of
/// poptalk.
pub(super) type MessageHash = [u8; 32];

/// A message in an mbox file. Places are in octets from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MboxMessage {
    /// The whole message, including its `From ` line and the blank line after it.
    pub(super) place: Range<u64>,
    /// The message's own lines.
    pub(super) lines: Range<u64>,
    /// Its size on the wire.
    pub(super) size: u64,
    pub(super) hash: MessageHash,
}

/// The messages of an mbox file, and its size in octets.
pub(super) fn scan(file: impl Read) -> io::Result<(Vec<MboxMessage>, u64)> {
    let mut scan = Scan::default();
    blocks(file, |octets| scan.feed(octets))?;
    scan.finish()
}

#[derive(Debug)]
pub(super) struct Measure {
    wire: CrlfReader,
    size: u64,
    hash: Sha256,
}

impl Measure {
    pub(super) fn new() -> Self {
        Self {
            wire: CrlfReader::quoted(),
            size: 0,
            hash: Sha256::new(),
        }
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        let Self { wire, size, hash } = self;
        wire.feed(octets, &mut |octets| {
            *size += octets.len() as u64;
            hash.update(octets);
        });
    }

    /// The size and the hash on the wire.
    pub(super) fn finish(self) -> (u64, MessageHash) {
        let Self {
            mut wire,
            mut size,
            mut hash,
        } = self;
        wire.let_go(&mut |octets| {
            size += octets.len() as u64;
            hash.update(octets);
        });
        wire.finish(&mut |octets| size += octets.len() as u64);
        (size, hash.finalize().into())
    }
}

/// An mbox file being parsed. Only the start of a line is kept in memory.
#[derive(Debug, Default)]
struct Scan {
    /// How many octets have been read.
    at: u64,
    line: MboxLine,
    /// A blank line just read: a separator if the message ends here, otherwise part of the message.
    blank: Option<&'static [u8]>,
    open: Option<OpenMessage>,
    found: Vec<MboxMessage>,
}

#[derive(Debug, Clone, Copy, Default)]
enum MboxLine {
    #[default]
    Nothing,
    /// A CR, which may be the first half of a blank line; held back.
    Cr,
    /// This many octets of `From `, where a message may begin; held back.
    From(usize),
    Separator,
    Text,
}

#[derive(Debug)]
struct OpenMessage {
    /// Where its `From ` line begins.
    start: u64,
    lines: Range<u64>,
    measure: Measure,
}

impl OpenMessage {
    fn feed(&mut self, octets: &[u8]) {
        self.lines.end += octets.len() as u64;
        self.measure.feed(octets);
    }
}

impl Scan {
    fn feed(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut rest = octets;
        while let [first, after @ ..] = rest {
            let count = match (self.line, *first) {
                (MboxLine::Nothing, b'\n') => self.blank(b"\n")?,
                (MboxLine::Cr, b'\n') => self.blank(b"\r\n")?,
                (MboxLine::Nothing, b'\r') => {
                    self.line = MboxLine::Cr;
                    1
                }
                (MboxLine::Nothing, b'F') if self.may_begin() => {
                    self.line = MboxLine::From(1);
                    1
                }
                (MboxLine::From(count), first) if FROM.get(count) == Some(&first) => {
                    self.line = MboxLine::From(count + 1);
                    if count + 1 == FROM.len() {
                        self.begin(self.at - count as u64);
                    }
                    1
                }
                (MboxLine::Nothing | MboxLine::Cr | MboxLine::From(_), _) => {
                    self.let_go()?;
                    self.line = MboxLine::Text;
                    0
                }
                (MboxLine::Separator | MboxLine::Text, _) => self.pass(rest)?,
            };
            self.at += count as u64;
            rest = rest.get(count..).unwrap_or(after);
        }
        Ok(())
    }

    /// A message begins after a blank line, or at the start of the file.
    fn may_begin(&self) -> bool {
        self.blank.is_some() || self.at == 0
    }

    /// A message begins at `start`, and the previous one ends there.
    fn begin(&mut self, start: u64) {
        self.close(start);
        self.blank = None;
        self.line = MboxLine::Separator;
        let after = start + FROM.len() as u64;
        self.open = Some(OpenMessage {
            start,
            lines: after..after,
            measure: Measure::new(),
        });
    }

    /// A blank line has been read up to its last octet, which is counted here.
    fn blank(&mut self, line: &'static [u8]) -> io::Result<usize> {
        self.let_blank_go()?;
        self.blank = Some(line);
        self.line = MboxLine::Nothing;
        Ok(1)
    }

    fn pass(&mut self, octets: &[u8]) -> io::Result<usize> {
        let end = memchr::memchr(b'\n', octets);
        let count = end.map_or(octets.len(), |at| at + 1);
        if matches!(self.line, MboxLine::Text) {
            self.message()?
                .feed(octets.get(..count).unwrap_or_default());
        } else {
            let after = self.at + count as u64;
            self.message()?.lines = after..after;
        }
        if end.is_some() {
            self.line = MboxLine::Nothing;
        }
        Ok(count)
    }

    /// The octets held back belong to the message.
    fn let_go(&mut self) -> io::Result<()> {
        self.let_blank_go()?;
        let held = match self.line {
            MboxLine::Cr => b"\r",
            MboxLine::From(count) => FROM.get(..count).unwrap_or_default(),
            MboxLine::Nothing | MboxLine::Separator | MboxLine::Text => b"",
        };
        self.message()?.feed(held);
        Ok(())
    }

    fn let_blank_go(&mut self) -> io::Result<()> {
        let blank = self.blank.take().unwrap_or_default();
        self.message()?.feed(blank);
        Ok(())
    }

    fn message(&mut self) -> io::Result<&mut OpenMessage> {
        let none = || io::Error::other("not an mbox file: it does not begin with `From `");
        self.open.as_mut().ok_or_else(none)
    }

    fn close(&mut self, end: u64) {
        if let Some(open) = self.open.take() {
            let (size, hash) = open.measure.finish();
            self.found.push(MboxMessage {
                place: open.start..end,
                lines: open.lines,
                size,
                hash,
            });
        }
    }

    /// The messages found, and how many octets were read.
    fn finish(mut self) -> io::Result<(Vec<MboxMessage>, u64)> {
        if matches!(self.line, MboxLine::Cr | MboxLine::From(_)) {
            self.let_go()?;
        }
        self.close(self.at);
        Ok((self.found, self.at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::crlf::tests::{file, reference, slices};
    use super::*;

    fn scanned<'a>(slices: impl Iterator<Item = &'a [u8]>) -> Option<Vec<MboxMessage>> {
        let mut scan = Scan::default();
        for slice in slices {
            scan.feed(slice).ok()?;
        }
        scan.finish().ok().map(|(found, _)| found)
    }

    /// The same, with the whole file in memory.
    fn whole(file: &[u8]) -> Option<Vec<MboxMessage>> {
        if !file.is_empty() && !file.starts_with(FROM) {
            return None;
        }
        let mut starts = Vec::new();
        let (mut at, mut is_blank) = (0, true);
        for line in file.split_inclusive(|octet| *octet == b'\n') {
            if is_blank && line.starts_with(FROM) {
                starts.push(at);
            }
            is_blank = matches!(line, b"\n" | b"\r\n");
            at += line.len();
        }
        let ends = starts.iter().skip(1).copied().chain([file.len()]);
        let found = starts.iter().zip(ends).map(|(start, end)| {
            let lines: Vec<_> = file[*start..end]
                .split_inclusive(|octet| *octet == b'\n')
                .collect();
            let first = start + lines[0].len();
            let last = match lines.last().copied() {
                Some(line @ (b"\n" | b"\r\n")) => end - line.len(),
                _ => end,
            };
            let octets = reference(&file[first..last], true);
            let is_ended = last == first || file[..last].ends_with(b"\n");
            let hashed = octets.len() - if is_ended { 0 } else { 2 };
            MboxMessage {
                place: *start as u64..end as u64,
                lines: first as u64..last as u64,
                size: octets.len() as u64,
                hash: Sha256::digest(&octets[..hashed]).into(),
            }
        });
        Some(found.collect())
    }

    fn agrees(file: &[u8], sizes: &[usize]) {
        let found = scanned(slices(file, sizes));
        assert_eq!(found, whole(file), "{}", file.escape_ascii());
    }

    #[test]
    fn the_blank_line_before_a_message_and_at_the_end_is_the_files() {
        for file in [
            "",
            "From ",
            "From a",
            "From a\n",
            "From a\n\n",
            "From a\r\n\r\n",
            "From a\nx",
            "From a\nx\n\n\n",
            "From a\nx\n\r",
            "From a\nx\n\nFro",
            "From a\nx\n\nFrom b\ny\n",
            "From a\n\nFrom b\n\nFrom c\n",
            "From a\nx\n\n\n\nFrom b\r\n",
            "From a\nFrom b\nx\n",
            "Fro",
            "from a\n",
            "\nFrom a\n",
            "\r",
            "x",
        ] {
            agrees(file.as_bytes(), &[1]);
            agrees(file.as_bytes(), &[100]);
        }
    }

    #[test]
    fn places_that_follow_each_other_are_the_whole_file() {
        let file = b"From a\nx\n\nFrom b\n\n\nFrom c\ny";
        let (found, length) = scan(&file[..]).unwrap();
        let mut at = 0;
        for found in &found {
            assert_eq!(found.place.start, at);
            at = found.place.end;
        }
        assert_eq!((at, length, found.len()), (file.len() as u64, at, 3));
    }

    proptest! {
        #[test]
        fn the_slices_do_not_matter(
            rest in file(),
            sizes in proptest::collection::vec(1_usize..9, 1..6),
        ) {
            agrees(&rest, &sizes);
            agrees(&[b"From a\n", &rest[..]].concat(), &sizes);
        }
    }
}
