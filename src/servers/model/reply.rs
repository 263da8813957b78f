//! A reply: its status line and the data lines after it, written in blocks.

use std::io;
use std::sync::Arc;

use crate::pop3::stuffing::Stuffer;
use crate::servers::maildrop::{Message, StoreFailure};

use super::locked_maildrop::Opened;
use super::stream::{BLOCK, MessageStream};

pub(super) struct Reply {
    status: &'static str,
    code: &'static str,
    text: String,
    pub(super) data: Option<ReplyData>,
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

    /// A challenge within AUTH: `+`, a space, base64 (RFC 5034 §4). The space is sent even if
    /// nothing follows it.
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

    /// With data lines after the status line.
    pub(super) fn with_data(self, data: ReplyData) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

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

pub(super) enum ReplyData {
    /// Fixed lines; none of them begins with a dot.
    Lines(Vec<String>),
    /// One line for each message that is not marked, starting with this number.
    Listing(ListingKind, usize),
    /// The octets of a message in memory from `at` to `end`, where a line ends.
    Message {
        message: Arc<Message>,
        at: usize,
        end: usize,
        stuffer: Stuffer,
    },
    Stream(MessageStream),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ListingKind {
    Size,
    UniqueId,
}

impl ListingKind {
    /// The line for a message, without line end (RFC 1939 §5 and §7: nothing follows the second
    /// field).
    pub(super) fn line(self, number: usize, message: &Message) -> String {
        match self {
            Self::Size => format!("{number} {}", message.size()),
            Self::UniqueId => format!("{number} {}", message.unique_id()),
        }
    }
}

impl ReplyData {
    /// The octets of a message; with `lines` only this many lines of the body (RFC 1939 §7, TOP).
    pub(super) fn of(message: &Arc<Message>, lines: Option<u64>) -> Result<Self, StoreFailure> {
        if let Some(source) = message.source() {
            return Ok(Self::Stream(MessageStream::new(source.open()?, lines)));
        }
        Ok(Self::Message {
            message: Arc::clone(message),
            at: 0,
            end: lines.map_or(message.octets().len(), |lines| message.top(lines)),
            stuffer: Stuffer::default(),
        })
    }

    /// Writes the next block; true if it was the last.
    pub(super) fn write(&mut self, opened: Option<&Opened>, out: &mut Vec<u8>) -> io::Result<bool> {
        let is_done = match self {
            Self::Lines(lines) => {
                for line in lines {
                    out.extend_from_slice(line.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
                true
            }
            Self::Listing(listing, from) => list(*listing, from, opened, out),
            Self::Message {
                message,
                at,
                end,
                stuffer,
            } => {
                let next = at.saturating_add(BLOCK).min(*end);
                stuffer.feed(message.octets().get(*at..next).unwrap_or_default(), out);
                *at = next;
                next == *end
            }
            Self::Stream(stream) => stream.write(out)?,
        };
        if is_done {
            out.extend_from_slice(b".\r\n");
        }
        Ok(is_done)
    }
}

fn list(
    listing: ListingKind,
    from: &mut usize,
    opened: Option<&Opened>,
    out: &mut Vec<u8>,
) -> bool {
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
