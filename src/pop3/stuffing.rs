//! Adds the stuffing dots to data lines and removes them (RFC 1939 §3), in any chunking.

use memchr::memmem;

/// Stuffs the data of one multi-line reply, without the terminator line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stuffer(Border);

/// What comes before the next octet.
#[derive(Debug, Clone, Copy, Default)]
enum Border {
    /// A line end, or nothing at all.
    #[default]
    LineStart,
    Cr,
    Text,
}

impl Stuffer {
    /// Appends the octets to `out`, with an extra dot before each line that begins with one. Only
    /// CR LF ends a line.
    pub(crate) fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        let mut dot = |place: usize| {
            out.extend_from_slice(octets.get(from..place).unwrap_or_default());
            out.push(b'.');
            from = place;
        };
        match (self.0, octets) {
            (Border::LineStart, [b'.', ..]) => dot(0),
            (Border::Cr, [b'\n', b'.', ..]) => dot(1),
            _ => {}
        }
        for found in memmem::find_iter(octets, b"\r\n.") {
            dot(found + 2);
        }
        out.extend_from_slice(octets.get(from..).unwrap_or_default());
        self.0 = match (self.0, octets) {
            (border, []) => border,
            (_, [.., b'\r', b'\n']) | (Border::Cr, [b'\n']) => Border::LineStart,
            (_, [.., b'\r']) => Border::Cr,
            _ => Border::Text,
        };
    }
}

/// Unstuffs the data of one multi-line reply, without the terminator line.
#[derive(Debug)]
pub(crate) struct Unstuffer {
    /// The last two octets were CR LF, or there was no octet yet.
    is_line_start: bool,
    is_after_cr: bool,
}

impl Default for Unstuffer {
    fn default() -> Self {
        Self {
            is_line_start: true,
            is_after_cr: false,
        }
    }
}

impl Unstuffer {
    /// Returns how many stuffing dots are among the octets.
    pub(crate) fn count(&mut self, octets: &[u8]) -> u64 {
        let dots = memchr::memchr_iter(b'.', octets).filter(|at| match at {
            0 => self.is_line_start,
            1 => self.is_after_cr && octets.first() == Some(&b'\n'),
            _ => octets
                .get(..*at)
                .is_some_and(|head| head.ends_with(b"\r\n")),
        });
        let count = dots.count() as u64;
        self.is_line_start = match octets {
            [] => self.is_line_start,
            [b'\n'] => self.is_after_cr,
            _ => octets.ends_with(b"\r\n"),
        };
        self.is_after_cr = octets
            .last()
            .map_or(self.is_after_cr, |last| *last == b'\r');
        count
    }

    /// Appends the message's own octets to `out`. Only CR LF ends a line; a dot that starts a line
    /// is removed.
    pub(crate) fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            let is_stuffing = self.is_line_start && *octet == b'.';
            self.is_line_start = self.is_after_cr && *octet == b'\n';
            self.is_after_cr = *octet == b'\r';
            if !is_stuffing {
                out.push(*octet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stuffer, Unstuffer};

    /// Data on the wire, and the message.
    const PAIRS: [(&str, &str); 14] = [
        ("", ""),
        ("\r\n", "\r\n"),
        ("..\r\n", ".\r\n"),
        ("...\r\n", "..\r\n"),
        ("..a\r\nb.\r\n", ".a\r\nb.\r\n"),
        ("a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n"),
        ("..\r\r\n", ".\r\r\n"),
        ("a\n.\nb\r\n", "a\n.\nb\r\n"),
        ("\n.\r\n", "\n.\r\n"),
        ("..\r\n..\r\n..\r\n", ".\r\n.\r\n.\r\n"),
        ("a\r.\r\n", "a\r.\r\n"),
        ("a\r\r\n..\r\n", "a\r\r\n.\r\n"),
        ("\r\n..\r\n", "\r\n.\r\n"),
        ("a.\r\n..b.\r\n", "a.\r\n.b.\r\n"),
    ];

    #[test]
    fn stuffing_dots_are_counted_in_any_chunking() {
        for (wire, message) in PAIRS {
            for chunk in [1, 2, 3, 4, 100] {
                let mut unstuffer = Unstuffer::default();
                let pieces = wire.as_bytes().chunks(chunk);
                let count: u64 = pieces.map(|piece| unstuffer.count(piece)).sum();
                assert_eq!(
                    count,
                    (wire.len() - message.len()) as u64,
                    "{wire:?} by {chunk}"
                );
            }
        }
    }

    #[test]
    fn each_line_that_begins_with_a_dot_gets_one_and_no_other() {
        for (wire, message) in PAIRS {
            for chunk in [1, 2, 3, 4, 100] {
                let (mut stuffer, mut out) = (Stuffer::default(), Vec::new());
                for piece in message.as_bytes().chunks(chunk) {
                    stuffer.feed(piece, &mut out);
                    stuffer.feed(b"", &mut out);
                }
                assert_eq!(out, wire.as_bytes(), "{message:?} by {chunk}");
            }
        }
    }

    #[test]
    fn each_stuffing_dot_goes_and_no_other() {
        for (wire, message) in PAIRS {
            for chunk in [1, 2, 100] {
                let mut unstuffer = Unstuffer::default();
                let mut out = Vec::new();
                for piece in wire.as_bytes().chunks(chunk) {
                    unstuffer.feed(piece, &mut out);
                }
                assert_eq!(out, message.as_bytes(), "{wire:?} by {chunk}");
            }
        }
    }
}
