//! Finds the end of dot-stuffed data (RFC 1939 §3) in any chunking and hands the data on in blocks.

use memchr::memmem::Finder;

use super::{LineEnd, Role, Side, Step};

/// Where the scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the start of a line.
    Start,
    /// Behind a dot that starts a line. The dot is held.
    Dot,
    /// Behind a dot and a CR. Both are held.
    DotCr,
    /// Inside a line.
    Text,
    /// Behind a CR inside a line.
    Cr,
}

/// The data of one multi-line reply, or of a message that the client sends.
///
/// Only CR LF ends a line here: a reader that took a bare LF would end a message at `LF . LF`. Where the status line itself
/// ended with a bare LF, `bare_lf` says that this peer knows no other.
#[derive(Debug)]
pub(super) struct Data {
    at: At,
    bare_lf: bool,
    finder: Finder<'static>,
}

impl Data {
    pub(super) fn new(bare_lf: bool) -> Self {
        let needle: &[u8] = if bare_lf { b"\n." } else { b"\r\n." };
        Self {
            at: At::Start,
            bare_lf,
            finder: Finder::new(needle).into_owned(),
        }
    }

    /// Takes octets; returns what is left behind the terminator, and whether it has come.
    pub(super) fn feed<'a>(
        &mut self,
        side: Side,
        octets: &'a [u8],
        tell: &mut dyn FnMut(Step<'_>),
    ) -> (&'a [u8], bool) {
        // The octets from here on were not handed on yet. What is held is not among them.
        let mut from = 0;
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            if self.at == At::Text {
                at = self.skip_text(octets, at);
                continue;
            }
            let end = match (self.at, octet) {
                (At::DotCr, b'\n') => LineEnd::Crlf,
                (At::Dot, b'\n') if self.bare_lf => LineEnd::Lf,
                _ => LineEnd::None,
            };
            if end != LineEnd::None {
                tell(Step::Line {
                    side,
                    role: Role::Terminator,
                    octets: b".",
                    first: true,
                    end,
                });
                return (octets.get(at + 1..).unwrap_or_default(), true);
            }
            let held = self.held();
            self.at = self.next(octet);
            if held.is_empty() && !self.held().is_empty() {
                send(side, octets.get(from..at), tell);
            } else if !held.is_empty() && self.held().is_empty() {
                send(side, Some(held), tell);
                from = at;
            }
            at += 1;
        }
        if self.held().is_empty() {
            send(side, octets.get(from..), tell);
        }
        (&[], false)
    }

    /// What comes next starts a line.
    pub(super) fn start_line(&mut self) {
        self.at = At::Start;
    }

    /// Hands on what is held: the connection has ended here.
    pub(super) fn finish(&mut self, side: Side, tell: &mut dyn FnMut(Step<'_>)) {
        send(side, Some(self.held()), tell);
        self.at = At::Text;
    }

    /// The octets that may belong to the terminator.
    fn held(&self) -> &'static [u8] {
        match self.at {
            At::Dot => b".",
            At::DotCr => b".\r",
            At::Start | At::Text | At::Cr => b"",
        }
    }

    fn next(&self, octet: u8) -> At {
        match (self.at, octet) {
            (At::Start, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (_, b'\r') => At::Cr,
            (At::Cr, b'\n') => At::Start,
            (_, b'\n') if self.bare_lf => At::Start,
            _ => At::Text,
        }
    }

    /// Inside a line: goes on to the next line that starts with a dot, or to the end of the octets.
    fn skip_text(&mut self, octets: &[u8], at: usize) -> usize {
        let text = octets.get(at..).unwrap_or_default();
        if let Some(found) = self.finder.find(text) {
            self.at = At::Start;
            return at + found + self.finder.needle().len() - 1;
        }
        self.at = if text.ends_with(b"\r\n") || (self.bare_lf && text.ends_with(b"\n")) {
            At::Start
        } else if text.ends_with(b"\r") {
            At::Cr
        } else {
            At::Text
        };
        octets.len()
    }
}

fn send(side: Side, octets: Option<&[u8]>, tell: &mut dyn FnMut(Step<'_>)) {
    if let Some(octets) = octets.filter(|octets| !octets.is_empty()) {
        tell(Step::Data { side, octets });
    }
}
