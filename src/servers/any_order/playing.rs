//! Sends a recorded reply.

use super::{BLOCK, Items, MECHANISMS};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::{Hole, Item, Piece};

pub(super) struct Playing {
    pub(super) items: Items,
    pub(super) has_data: bool,
    pub(super) is_line_start: bool,
    pub(super) is_inside: bool,
    /// Which data lines of the reply are sent.
    pub(super) filter: Filter,
}

/// Which data lines of the reply are sent.
pub(super) enum Filter {
    All,
    /// TOP: the header, and this many lines of the body.
    Top {
        is_body: bool,
        lines: u64,
        is_wanted: bool,
    },
    /// CAPA: without STLS if it is not allowed, and only with mechanisms that can be played back.
    Capabilities {
        is_tls: bool,
    },
}

impl Playing {
    /// Sends the next part of the reply; true when it is complete.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let enough = out.len() + BLOCK;
        while out.len() < enough {
            // Most of a message is plain lines, which need not be checked one by one.
            let is_plain = self.has_data && self.is_inside && matches!(self.filter, Filter::All);
            if is_plain && self.is_line_start && self.items.read_run(out) > 0 {
                continue;
            }
            let row = match self.items.next() {
                Some(Ok(Item::Row(row))) if row.side == Side::Server => row,
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => {
                    // The recording is cut off here; the client still gets a complete reply.
                    if self.has_data && self.is_inside {
                        let end: &[u8] = match self.is_line_start {
                            true => b".\r\n",
                            false => b"\r\n.\r\n",
                        };
                        out.extend_from_slice(end);
                    }
                    return true;
                }
            };
            if row.pieces == [Piece::Hole(Hole::Rows)] {
                continue;
            }
            let is_start = std::mem::replace(&mut self.is_line_start, row.end != LineEnd::None);
            let line = Piece::known(&row.pieces);
            let is_status = !std::mem::replace(&mut self.is_inside, true);
            let is_end = is_start && line == b"." && row.end != LineEnd::None;
            if is_status || is_end || self.filter.is_sent(&line, is_start) {
                let line = self.filter.changed(line, is_status);
                out.extend_from_slice(&line);
                out.extend_from_slice(row.end.octets());
            }
            let is_over = if self.has_data {
                is_end && !is_status
            } else {
                self.is_line_start
            };
            if is_over {
                return true;
            }
        }
        false
    }
}

impl Filter {
    fn is_sent(&mut self, line: &[u8], is_start: bool) -> bool {
        match self {
            Self::All => true,
            Self::Top {
                is_body,
                lines,
                is_wanted,
            } => {
                if !*is_body {
                    *is_body = is_start && line.is_empty();
                    return true;
                }
                // A long line takes several rows: send all of them or none.
                if is_start {
                    *is_wanted = *lines > 0;
                    *lines -= u64::from(*is_wanted);
                }
                *is_wanted
            }
            Self::Capabilities { is_tls } => !(*is_tls && line.eq_ignore_ascii_case(b"STLS")),
        }
    }

    fn changed(&self, line: Vec<u8>, is_status: bool) -> Vec<u8> {
        let is_sasl = || {
            line.get(..5)
                .is_some_and(|tag| tag.eq_ignore_ascii_case(b"SASL "))
        };
        if is_status || !matches!(self, Self::Capabilities { .. }) || !is_sasl() {
            return line;
        }
        let known = MECHANISMS.iter().map(|(name, _)| name.as_bytes());
        let mut kept = b"SASL".to_vec();
        for name in known.filter(|name| {
            let mut words = line.split(|octet| *octet == b' ');
            words.any(|word| word.eq_ignore_ascii_case(name))
        }) {
            kept.push(b' ');
            kept.extend_from_slice(name);
        }
        kept
    }
}
