//! A reply: its status line, and the data lines behind it, handed out in blocks.

use std::sync::Arc;

use memchr::memmem;

use crate::server::maildrop::Message;

use super::opened::Opened;

/// About how many octets of data one step brings.
const BLOCK: usize = 16 * 1024;

/// A reply to one command.
pub(super) struct Reply {
    status: &'static str,
    code: &'static str,
    text: String,
    pub(super) data: Option<Data>,
}

impl Reply {
    pub(super) fn positive(text: String) -> Self {
        Self {
            status: "+OK",
            code: "",
            text,
            data: None,
        }
    }

    pub(super) fn negative(text: String) -> Self {
        Self {
            status: "-ERR",
            ..Self::positive(text)
        }
    }

    /// A challenge within AUTH: `+`, a space, base64 (RFC 5034 §4). The space stands also where nothing is behind it.
    pub(super) fn challenge(base64: String) -> Self {
        Self {
            status: "+ ",
            ..Self::positive(base64)
        }
    }

    /// With a response code, such as `[AUTH]` (RFC 2449 §8).
    pub(super) fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// With data lines behind the status line.
    pub(super) fn with_data(self, data: Data) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    /// Writes the status line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut line = self.status.to_owned();
        for part in [self.code, &self.text] {
            if !part.is_empty() {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
                line.push_str(part);
            }
        }
        line.push_str("\r\n");
        out.extend_from_slice(line.as_bytes());
    }
}

/// The data lines of a reply, as far as they are still to be sent.
pub(super) enum Data {
    /// Lines that are known; none of them begins with a dot.
    Lines(Vec<String>),
    /// One line for each message that is not marked, from the one with this number on.
    Listing(Listing, usize),
    /// The octets of a message from `at` to `end`, where a line ends.
    Message {
        message: Arc<Message>,
        at: usize,
        end: usize,
    },
}

/// What a listing tells of each message behind its number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listing {
    Size,
    UniqueId,
}

impl Listing {
    /// The line for a message, without line end (RFC 1939 §5 and §7: nothing stands behind the second field).
    pub(super) fn line(self, number: usize, message: &Message) -> String {
        match self {
            Self::Size => format!("{number} {}", message.size()),
            Self::UniqueId => format!("{number} {}", message.unique_id()),
        }
    }
}

impl Data {
    /// Writes the next block; true when the end was written with it.
    pub(super) fn write(&mut self, opened: Option<&Opened>, out: &mut Vec<u8>) -> bool {
        let is_done = match self {
            Self::Lines(lines) => {
                for line in lines {
                    out.extend_from_slice(line.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
                true
            }
            Self::Listing(listing, from) => list(*listing, from, opened, out),
            Self::Message { message, at, end } => {
                let next = at.saturating_add(BLOCK).min(*end);
                stuff(message.octets(), *at, next, out);
                *at = next;
                next == *end
            }
        };
        if is_done {
            out.extend_from_slice(b".\r\n");
        }
        is_done
    }
}

fn list(listing: Listing, from: &mut usize, opened: Option<&Opened>, out: &mut Vec<u8>) -> bool {
    let enough = out.len() + BLOCK;
    for (number, message) in opened.into_iter().flat_map(Opened::kept) {
        if number < *from {
            continue;
        }
        if out.len() >= enough {
            *from = number;
            return false;
        }
        out.extend_from_slice(listing.line(number, message).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    true
}

/// Writes the octets from `at` to `end`, with one dot more where a line begins with one (RFC 1939 §3). The first octet of a
/// message begins a line as well; only CRLF ends one.
fn stuff(octets: &[u8], at: usize, end: usize, out: &mut Vec<u8>) {
    let mut from = at;
    let mut dot = |place: usize| {
        out.extend_from_slice(octets.get(from..place).unwrap_or_default());
        out.push(b'.');
        from = place;
    };
    if at == 0 && end > 0 && octets.starts_with(b".") {
        dot(0);
    }
    // The line end before a dot may stand in the block before this one.
    let start = at.saturating_sub(2);
    let window = octets.get(start..end).unwrap_or_default();
    for found in memmem::find_iter(window, b"\r\n.") {
        dot(start + found + 2);
    }
    out.extend_from_slice(octets.get(from..end).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of RETR for a message, with blocks of `block` octets.
    fn on_the_wire(octets: &[u8], block: usize) -> Vec<u8> {
        let message = Message::new(octets, "id");
        let mut out = vec![];
        let mut at = 0;
        while at < message.size() {
            let end = (at + block).min(message.size());
            stuff(message.octets(), at, end, &mut out);
            at = end;
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    #[test]
    fn every_message_is_stuffed_as_the_protocol_says() {
        let vectors: [(&[u8], &[u8]); 14] = [
            (b"", b".\r\n"),
            (b"\r\n", b"\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"..\r\n", b"...\r\n.\r\n"),
            (b".a\r\n", b"..a\r\n.\r\n"),
            (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
            (b".\r\r\n", b"..\r\r\n.\r\n"),
            (b"a\n.\nb\r\n", b"a\n.\nb\r\n.\r\n"),
            (b"no newline", b"no newline\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b".\r\n.\r\n.\r\n", b"..\r\n..\r\n..\r\n.\r\n"),
            (b"a\r.\r\n", b"a\r.\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
            (b"a.\r\n.b.\r\n", b"a.\r\n..b.\r\n.\r\n"),
        ];
        for (message, wire) in vectors {
            for block in [1, 2, 3, 4, 1000] {
                assert_eq!(
                    on_the_wire(message, block).escape_ascii().to_string(),
                    wire.escape_ascii().to_string(),
                    "blocks of {block}"
                );
            }
        }
    }
}
