//! Finds the end of dot-stuffed data (RFC 1939 §3) in any chunking and passes the data on in
//! blocks.

use memchr::memmem::Finder;

use super::line::is_status_start;
use super::{LineEnd, Role, Side, Step, WireLine};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScanPlace {
    Start,
    /// After a dot at the start of a line. The dot is held back.
    Dot,
    /// After a dot and a CR. Both are held back.
    DotCr,
    Text,
    Cr,
}

/// The data of one multi-line reply, or of a message that the client sends.
///
/// Only CR LF ends a line here: a reader that accepted a bare LF would end a message at `LF . LF`.
/// If the status line itself ended with a bare LF, `bare_lf` says that this peer uses no other line
/// end.
#[derive(Debug)]
pub(super) struct DataScan {
    at: ScanPlace,
    bare_lf: bool,
    finder: Finder<'static>,
    /// The start of a line that may be a status line; held back, and only with
    /// [`DataScan::feed_watching`].
    head: Vec<u8>,
    is_torn: bool,
}

#[derive(Debug)]
pub(super) enum DataStop {
    Open,
    Terminator,
    /// At a status line, which starts with these octets.
    Status(Vec<u8>),
}

impl DataScan {
    pub(super) fn new(bare_lf: bool) -> Self {
        let needle: &[u8] = if bare_lf { b"\n." } else { b"\r\n." };
        Self {
            at: ScanPlace::Start,
            bare_lf,
            finder: Finder::new(needle).into_owned(),
            head: Vec::new(),
            is_torn: false,
        }
    }

    pub(super) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Octets are missing here, possibly from the middle of one line to the middle of another.
    pub(super) fn tear(&mut self, side: Side, emit: &mut dyn FnMut(Step<'_>)) {
        self.finish(side, emit);
        self.at = ScanPlace::Start;
        self.is_torn = true;
    }

    /// Takes octets line by line, and stops at a line that starts like a status line.
    pub(super) fn feed_watching<'a>(
        &mut self,
        side: Side,
        octets: &'a [u8],
        emit: &mut dyn FnMut(Step<'_>),
    ) -> (&'a [u8], DataStop) {
        let mut rest = octets;
        while let Some((&octet, after)) = rest.split_first() {
            if self.at == ScanPlace::Start {
                self.head.push(octet);
                match is_status_start(&self.head) {
                    Some(true) => {
                        self.head.pop();
                        return (rest, DataStop::Status(std::mem::take(&mut self.head)));
                    }
                    None => {
                        rest = after;
                        continue;
                    }
                    Some(false) => {
                        self.head.pop();
                        self.release(side, emit);
                    }
                }
            }
            let upto = memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
            let (line, after) = rest.split_at(upto);
            let (left, is_ended) = self.feed(side, line, emit);
            rest = after;
            if is_ended {
                debug_assert!(left.is_empty());
                return (rest, DataStop::Terminator);
            }
        }
        (rest, DataStop::Open)
    }

    /// Passes on the start of a line that is not a status line.
    fn release(&mut self, side: Side, emit: &mut dyn FnMut(Step<'_>)) {
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            self.at = ScanPlace::Text;
            send(side, Some(&head), emit);
        }
    }

    /// Takes octets; returns the rest after the terminator, and whether it has come.
    pub(super) fn feed<'a>(
        &mut self,
        side: Side,
        octets: &'a [u8],
        emit: &mut dyn FnMut(Step<'_>),
    ) -> (&'a [u8], bool) {
        if !self.head.is_empty() {
            self.release(side, emit);
        }
        // The octets from here on were not passed on yet. Those held back are not among them.
        let mut from = 0;
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            if self.at == ScanPlace::Text {
                at = self.skip_text(octets, at);
                continue;
            }
            let end = match (self.at, octet) {
                (ScanPlace::DotCr, b'\n') => LineEnd::Crlf,
                (ScanPlace::Dot, b'\n') if self.bare_lf => LineEnd::Lf,
                _ => LineEnd::None,
            };
            if end != LineEnd::None {
                emit(Step::Line(WireLine {
                    side,
                    role: Role::Terminator,
                    content: b".",
                    first: true,
                    end,
                }));
                return (octets.get(at + 1..).unwrap_or_default(), true);
            }
            let held = self.held();
            self.at = self.next(octet);
            if held.is_empty() && !self.held().is_empty() {
                send(side, octets.get(from..at), emit);
            } else if !held.is_empty() && self.held().is_empty() {
                send(side, Some(held), emit);
                from = at;
            }
            at += 1;
        }
        if self.held().is_empty() {
            send(side, octets.get(from..), emit);
        }
        (&[], false)
    }

    /// Passes on what is held back: the connection has ended here.
    pub(super) fn finish(&mut self, side: Side, emit: &mut dyn FnMut(Step<'_>)) {
        self.release(side, emit);
        send(side, Some(self.held()), emit);
        self.at = ScanPlace::Text;
    }

    fn held(&self) -> &'static [u8] {
        match self.at {
            ScanPlace::Dot => b".",
            ScanPlace::DotCr => b".\r",
            ScanPlace::Start | ScanPlace::Text | ScanPlace::Cr => b"",
        }
    }

    fn next(&self, octet: u8) -> ScanPlace {
        match (self.at, octet) {
            (ScanPlace::Start, b'.') => ScanPlace::Dot,
            (ScanPlace::Dot, b'\r') => ScanPlace::DotCr,
            (_, b'\r') => ScanPlace::Cr,
            (ScanPlace::Cr, b'\n') => ScanPlace::Start,
            (_, b'\n') if self.bare_lf => ScanPlace::Start,
            _ => ScanPlace::Text,
        }
    }

    /// Inside a line: skips to the next line that starts with a dot, or to the end of the octets.
    fn skip_text(&mut self, octets: &[u8], at: usize) -> usize {
        let text = octets.get(at..).unwrap_or_default();
        if let Some(found) = self.finder.find(text) {
            self.at = ScanPlace::Start;
            return at + found + self.finder.needle().len() - 1;
        }
        self.at = if text.ends_with(b"\r\n") || (self.bare_lf && text.ends_with(b"\n")) {
            ScanPlace::Start
        } else if text.ends_with(b"\r") {
            ScanPlace::Cr
        } else {
            ScanPlace::Text
        };
        octets.len()
    }
}

fn send(side: Side, octets: Option<&[u8]>, emit: &mut dyn FnMut(Step<'_>)) {
    if let Some(octets) = octets.filter(|octets| !octets.is_empty()) {
        emit(Step::Data { side, octets });
    }
}
