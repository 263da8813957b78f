//! Assembles the lines of one side from pieces, with bounded memory.

use super::{LineEnd, Role, Side, Step, WireLine};

/// The maximum number of octets of a line in one step. A longer line comes in parts of this size.
pub(crate) const LINE_MAX: usize = 8192;

#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    /// The head of the line and what was not emitted yet, including the line end.
    octets: Vec<u8>,
    /// How many octets of `octets` were emitted.
    handed: usize,
    begun: bool,
}

#[derive(Debug)]
pub(super) struct LineChunk<'a> {
    octets: &'a [u8],
    first: bool,
    end: LineEnd,
}

impl LineChunk<'_> {
    pub(super) fn emit(&self, side: Side, role: Role, emit: &mut dyn FnMut(Step<'_>)) {
        emit(Step::Line(WireLine {
            side,
            role,
            content: self.octets,
            first: self.first,
            end: self.end,
        }));
    }
}

impl LineBuffer {
    /// Takes octets up to the end of the line, or enough for one part; returns the rest.
    pub(super) fn feed<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        // Two octets more than a part, so that a CR LF after it is never split.
        let room = LINE_MAX + 2 - (self.octets.len() - self.handed);
        let window = octets.get(..room).unwrap_or(octets);
        let take = memchr::memchr(b'\n', window).map_or(window.len(), |lf| lf + 1);
        let (taken, rest) = octets.split_at(take);
        self.octets.extend_from_slice(taken);
        rest
    }

    /// How the line ends; `LineEnd::None` until its end has come.
    pub(super) fn end(&self) -> LineEnd {
        match self.octets.get(self.handed..).unwrap_or_default() {
            [.., b'\r', b'\n'] => LineEnd::Crlf,
            [.., b'\n'] => LineEnd::Lf,
            _ => LineEnd::None,
        }
    }

    /// The part that is ready after a `feed`: the end of the line, or a full part of a long one.
    pub(super) fn part(&mut self) -> Option<LineChunk<'_>> {
        let end = self.end();
        let upto = match end {
            LineEnd::None if self.octets.len() - self.handed < LINE_MAX + 2 => return None,
            LineEnd::None => self.handed + LINE_MAX,
            _ => self.octets.len() - end.octets().len(),
        };
        Some(self.hand_out(upto, end))
    }

    /// Emits what has arrived of the line. A CR that may belong to the line end stays, unless this
    /// `is_all`.
    pub(super) fn flush(
        &mut self,
        is_all: bool,
        side: Side,
        role: Role,
        emit: &mut dyn FnMut(Step<'_>),
    ) {
        let held = usize::from(!is_all && self.octets.ends_with(b"\r"));
        let upto = self.octets.len() - held;
        if upto > self.handed {
            self.hand_out(upto, LineEnd::None).emit(side, role, emit);
        }
    }

    /// The start of the line, without line end: enough to recognize the line.
    pub(super) fn head(&self) -> &[u8] {
        let line = &self.octets;
        line.strip_suffix(b"\r\n")
            .or_else(|| line.strip_suffix(b"\n"))
            .unwrap_or(line)
    }

    pub(super) fn is_inside(&self) -> bool {
        self.begun || !self.octets.is_empty()
    }

    pub(super) fn is_handed_out(&self) -> bool {
        self.begun
    }

    pub(super) fn next_line(&mut self) {
        self.octets.clear();
        self.handed = 0;
        self.begun = false;
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        let rest = self.octets.split_off(self.handed);
        self.next_line();
        rest
    }

    fn hand_out(&mut self, upto: usize, end: LineEnd) -> LineChunk<'_> {
        let first = !std::mem::replace(&mut self.begun, true);
        // Of the emitted octets only the head is still needed.
        let gone = self.handed.saturating_sub(LINE_MAX);
        self.octets.drain(self.handed - gone..self.handed);
        let from = self.handed - gone;
        self.handed = upto - gone;
        LineChunk {
            octets: self.octets.get(from..self.handed).unwrap_or_default(),
            first,
            end,
        }
    }
}

/// Whether a line inside AUTH is a challenge (RFC 5034 §4: `+`, a space, base64). Some servers omit
/// the space; such a line is a challenge only if it can be base64 and is not a status indicator,
/// such as `+OK` or the `+ERR` of some servers.
pub(super) fn is_continuation(line: &[u8]) -> bool {
    let Some(text) = line.strip_prefix(b"+") else {
        return false;
    };
    let is_word = |word: &[u8]| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=\r".contains(octet);
    match text.first() {
        None | Some(b' ') => true,
        Some(_) => !is_word(b"OK") && !is_word(b"ERR") && text.iter().all(is_base64),
    }
}

/// Whether a line that starts with these octets is a status line: `+OK` or `-ERR`, and a space or
/// the line end. None if more octets are needed to decide.
pub(super) fn is_status_start(head: &[u8]) -> Option<bool> {
    for word in [&b"+OK"[..], b"-ERR"] {
        match head.get(word.len()) {
            Some(next) if head.starts_with(word) => {
                return Some(matches!(next, b' ' | b'\r' | b'\n'));
            }
            None if word.starts_with(head) => return None,
            _ => {}
        }
    }
    Some(false)
}

/// Whether a whole line, without its end, is a status line.
pub(super) fn is_status_line(line: &[u8]) -> bool {
    match is_status_start(line) {
        Some(is_status) => is_status,
        None => line == b"+OK" || line == b"-ERR",
    }
}
