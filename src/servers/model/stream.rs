//! The data of RETR and TOP for a message outside memory: read, stuffed and sent block by block.

use std::fmt;
use std::io::{self, ErrorKind, Read};

use crate::pop3::stuffing::Stuffer;

/// Roughly how many octets of data one step produces.
pub(super) const BLOCK: usize = 16 * 1024;

pub(super) struct MessageStream {
    octets: Box<dyn Read + Send>,
    stuffer: Stuffer,
    /// None: the whole message.
    top: Option<Top>,
    buffer: Vec<u8>,
}

impl MessageStream {
    /// The octets as on the wire, but not stuffed; with `lines` only this many lines of the body.
    pub(super) fn new(octets: Box<dyn Read + Send>, lines: Option<u64>) -> Self {
        Self {
            octets,
            stuffer: Stuffer::default(),
            top: lines.map(Top::new),
            buffer: vec![0; BLOCK],
        }
    }

    /// Writes the next block; true after the last one.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let count = loop {
            match self.octets.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let block = self.buffer.get(..count).unwrap_or_default();
        let end = self.top.as_mut().and_then(|top| top.end(block));
        let wanted = end.and_then(|end| block.get(..end)).unwrap_or(block);
        self.stuffer.feed(wanted, out);
        Ok(count == 0 || end.is_some())
    }
}

impl fmt::Debug for MessageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("top", &self.top)
            .finish_non_exhaustive()
    }
}

/// Looks for the end of the header, the blank line and some lines of the body (RFC 1939 §7, TOP) in
/// the octets that are sent. A message without a blank line is all header.
#[derive(Debug)]
struct Top {
    is_header: bool,
    lines: u64,
    /// How many octets of the line have passed.
    length: usize,
    is_after_cr: bool,
}

impl Top {
    fn new(lines: u64) -> Self {
        Self {
            is_header: true,
            lines,
            length: 0,
            is_after_cr: false,
        }
    }

    /// Where the top ends within the next octets; None if it goes on.
    fn end(&mut self, octets: &[u8]) -> Option<usize> {
        let mut at = 0;
        for feed in memchr::memchr_iter(b'\n', octets) {
            self.pass(octets.get(at..feed).unwrap_or_default());
            at = feed + 1;
            if !self.is_after_cr {
                self.pass(b"\n");
                continue;
            }
            let is_blank = self.length == 1;
            (self.length, self.is_after_cr) = (0, false);
            if !self.is_header {
                self.lines = self.lines.saturating_sub(1);
            } else if is_blank {
                self.is_header = false;
            }
            if !self.is_header && self.lines == 0 {
                return Some(at);
            }
        }
        self.pass(octets.get(at..).unwrap_or_default());
        None
    }

    fn pass(&mut self, octets: &[u8]) {
        self.length = self.length.saturating_add(octets.len());
        if let Some(last) = octets.last() {
            self.is_after_cr = *last == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::servers::maildrop::Message;

    /// Gives its octets in pieces of these sizes, over and over.
    struct Slices(Vec<u8>, Vec<usize>, usize);

    impl Read for Slices {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1[self.2 % self.1.len()].min(self.0.len());
            self.2 += 1;
            if self.2.is_multiple_of(3) {
                return Err(ErrorKind::Interrupted.into());
            }
            for (to, from) in buffer.iter_mut().zip(self.0.drain(..size)) {
                *to = from;
            }
            Ok(size)
        }
    }

    fn streamed(octets: &[u8], sizes: &[usize], lines: Option<u64>) -> Vec<u8> {
        let slices = Slices(octets.to_vec(), sizes.to_vec(), 0);
        let (mut stream, mut out) = (MessageStream::new(Box::new(slices), lines), Vec::new());
        while !stream.write(&mut out).unwrap() {}
        out
    }

    fn stuffed(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Stuffer::default().feed(octets, &mut out);
        out
    }

    proptest! {
        #[test]
        fn the_slices_do_not_matter_and_all_is_as_from_memory(
            words in proptest::collection::vec(
                prop_oneof![Just("\r\n"), Just("\r"), Just("\n"), Just("."), Just("ab")], 0..40),
            sizes in proptest::collection::vec(1_usize..6, 1..6),
            lines in 0_u64..5,
        ) {
            let message = Message::new(words.concat(), "id");
            let octets = message.octets();
            prop_assert_eq!(streamed(octets, &sizes, None), stuffed(octets));
            let top = octets.get(..message.top(lines)).unwrap();
            prop_assert_eq!(streamed(octets, &sizes, Some(lines)), stuffed(top));
        }
    }
}
