//! Data that is not a message on its way into the file: searched for secrets, line by line.

use super::{PendingRows, ROW_MAX};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::Piece;
use crate::transcript::secret::Hider;

#[derive(Debug, Default)]
pub(super) struct ListedData {
    held: Vec<u8>,
    is_inside: bool,
}

impl ListedData {
    /// Takes octets, and hands out as many lines as are whole; `shown` gets them without secrets, a
    /// hole by its name.
    pub(super) fn feed(
        &mut self,
        octets: &[u8],
        hider: &mut Hider,
        rows: &mut PendingRows,
        shown: &mut Vec<u8>,
    ) {
        if self.held.is_empty() && !self.is_inside && !hider.has_values() {
            rows.data(Side::Server, octets);
            return shown.extend_from_slice(octets);
        }
        let mut rest = octets;
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(lf + 1);
            rest = after;
            self.held.extend_from_slice(line);
            let line = std::mem::take(&mut self.held);
            let (line, end) = match line.as_slice() {
                [line @ .., b'\r', b'\n'] => (line, LineEnd::Crlf),
                [line @ .., b'\n'] => (line, LineEnd::Lf),
                line => (line, LineEnd::None),
            };
            let pieces = hider.hide_server(line, !self.is_inside);
            self.put(&pieces, end, rows, shown);
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > ROW_MAX {
            self.flush(hider, rows, shown);
        }
    }

    /// Hands out what has come of a line, but for what may be the start of a secret.
    pub(super) fn flush(&mut self, hider: &mut Hider, rows: &mut PendingRows, shown: &mut Vec<u8>) {
        // The line end is not known without its LF.
        let cr = usize::from(self.held.ends_with(b"\r"));
        let (open, _) = self.held.split_at(self.held.len() - cr);
        let keep = hider.unsure_tail(open) + cr;
        let tail = self.held.split_off(self.held.len() - keep);
        let open = std::mem::replace(&mut self.held, tail);
        if !open.is_empty() {
            let pieces = hider.hide_server(&open, !self.is_inside);
            self.put(&pieces, LineEnd::None, rows, shown);
        }
    }

    /// Hands out everything: the line will not continue.
    pub(super) fn finish(
        &mut self,
        hider: &mut Hider,
        rows: &mut PendingRows,
        shown: &mut Vec<u8>,
    ) {
        self.flush(hider, rows, shown);
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            let pieces = hider.hide_rest(&held);
            self.put(&pieces, LineEnd::None, rows, shown);
        }
        self.is_inside = false;
    }

    fn put(&mut self, pieces: &[Piece], end: LineEnd, rows: &mut PendingRows, shown: &mut Vec<u8>) {
        self.is_inside = end == LineEnd::None;
        if pieces.is_empty() && self.is_inside {
            return;
        }
        rows.row(Side::Server, pieces, end);
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => shown.extend_from_slice(octets),
                Piece::Hole(hole) => {
                    shown.extend_from_slice(format!("{{{{{}}}}}", hole.name()).as_bytes());
                }
            }
        }
        shown.extend_from_slice(end.octets());
    }
}
