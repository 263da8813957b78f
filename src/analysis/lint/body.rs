//! Facts about a message, gathered as it passes. Only the starts of two lines are stored.

use std::hash::{DefaultHasher, Hasher};

use memchr::{memchr, memchr2};

use super::Site;
use crate::reading::dialogue::Place;

const LINE_KEPT: usize = 128;

/// The longest line that a message may have, line end included (RFC 5322 §2.1.1).
const LINE_LIMIT: u64 = 1000;

/// The most lines of a header that are stored; of each, only the start.
const HEADER_LINES_MAX: usize = 64;

/// Header fields that servers and filters add.
const ADDED: &[&str] = &[
    "X-UIDL:",
    "X-Mozilla",
    "X-Antivirus",
    "X-AVG",
    "X-Spam",
    "Status:",
    "X-Status:",
];

/// Facts about the data of RETR or TOP, or of other data that is not a listing.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// Its number of lines, with a bare LF also counted as a line end.
    pub(crate) lines: u64,
    /// The number of lines after the first empty one.
    pub(crate) body_lines: u64,
    /// Whether there was an empty line.
    pub(crate) has_blank: bool,
    /// A digest of the header, up to the empty line.
    pub(crate) header_digest: u64,
    /// The first lines of the header: a digest of each, and where it is.
    pub(crate) header_lines: Vec<(u64, Site)>,
    /// The octets of header fields that servers add.
    pub(crate) added_octets: u64,
    /// A header field of a mail program's internal notes.
    pub(crate) internal: Option<Site>,
    /// Lines on the wire that start with two dots.
    pub(crate) stuffed: u64,
    /// Lines on the wire that start with three dots.
    pub(crate) twice_stuffed: u64,
    pub(crate) first_line: Vec<u8>,
    pub(crate) first: Option<Place>,
    pub(crate) last_line: Vec<u8>,
    pub(crate) last: Place,
    pub(crate) is_cut: bool,
    /// Whether the last line is empty, and the previous one had a line end.
    pub(crate) ends_blank: bool,
    pub(crate) first_dot: Option<Site>,
    pub(crate) single_dot: Option<Site>,
    /// A lone dot after a bare LF.
    pub(crate) lf_dot: Option<Site>,
    pub(crate) bare_lf: Option<Site>,
    pub(crate) bare_cr: Option<Site>,
    /// A line ends with CR CR LF.
    pub(crate) cr_crlf: Option<Site>,
    pub(crate) nul: Option<Site>,
    /// A line longer than 998 octets.
    pub(crate) long_line: Option<Site>,
    /// The first surplus line after the header.
    pub(crate) excess: Option<Site>,
    /// A header field that servers add.
    pub(crate) added_at: Option<Site>,
    /// A line that starts with three dots.
    pub(crate) twice_stuffed_at: Option<Site>,
    /// An octet above 127 in the header.
    pub(crate) eight_bit: Option<Site>,
    /// How many lines after the header were requested; None: all.
    wanted: Option<u64>,
    /// Milliseconds from its first to its last row.
    pub(crate) took_ms: u64,
    pub(crate) has_holes: bool,
    started_ms: u64,
    hasher: DefaultHasher,
    in_header: bool,
    place: Place,
    line: Vec<u8>,
    length: u64,
    /// CRs at the end of the data so far, not yet examined.
    held: usize,
    is_after_bare_lf: bool,
    /// Rows are missing: the next octets need not belong to this message.
    is_torn: bool,
}

impl Body {
    /// `wanted` is the number of lines requested after the header; None: all.
    pub(super) fn new(now_ms: u64, wanted: Option<u64>) -> Self {
        Self {
            wanted,
            started_ms: now_ms,
            in_header: true,
            ..Self::default()
        }
    }

    /// Rows are missing here, perhaps from the middle of a line.
    pub(super) fn tear(&mut self) {
        self.has_holes = true;
        self.is_torn = true;
        self.line.clear();
        self.length = 0;
        self.held = 0;
    }

    /// With `is_run` each line of the octets is a row of the file.
    pub(super) fn feed(&mut self, octets: &[u8], place: Place, is_run: bool, time_ms: u64) {
        if self.is_torn {
            return;
        }
        self.first.get_or_insert(place);
        self.took_ms = time_ms.saturating_sub(self.started_ms);
        // Only the next octets show what a CR at the end is.
        let whole = without_crs(octets);
        let held = std::mem::replace(&mut self.held, octets.len() - whole.len());
        if held == 0 {
            self.pieces(whole, place, is_run);
        } else if whole.is_empty() {
            self.held += held;
        } else {
            let mut joined = vec![b'\r'; held];
            joined.extend_from_slice(whole);
            self.pieces(&joined, place, is_run);
        }
    }

    fn pieces(&mut self, octets: &[u8], mut place: Place, is_run: bool) {
        let mut rest = octets;
        while !rest.is_empty() {
            if self.length == 0 {
                self.place = place;
            }
            let (piece, after) = match memchr(b'\n', rest) {
                Some(at) => rest.split_at(at + 1),
                None => (rest, &b""[..]),
            };
            self.piece(piece);
            if is_run {
                place.next_row(piece.len() as u64);
            }
            rest = after;
        }
    }

    /// A part of a line, or its end.
    fn piece(&mut self, piece: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.line.len());
        self.line
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
        let mut odd = piece.strip_suffix(b"\n").unwrap_or(piece);
        odd = odd.strip_suffix(b"\r").unwrap_or(odd);
        while let Some(at) = memchr2(b'\r', 0, odd) {
            let rest = odd.get(at + 1..).unwrap_or_default();
            match odd.get(at) {
                Some(0) => self.note(|body| &mut body.nul, "the message contains a NUL octet"),
                // CR CR LF has its own rule.
                _ if rest.is_empty() && piece.ends_with(b"\r\r\n") => {}
                _ => self.note(
                    |body| &mut body.bare_cr,
                    "the message contains a CR without LF",
                ),
            }
            odd = rest;
        }
        if self.in_header {
            self.hasher.write(piece);
            if !piece.is_ascii() {
                self.note(
                    |body| &mut body.eight_bit,
                    "the header has octets above 127 although the client did not send UTF8",
                );
            }
        }
        self.length += piece.len() as u64;
        match piece {
            [.., b'\r', b'\n'] => self.end_line(2, piece.ends_with(b"\r\r\n")),
            [.., b'\n'] => self.end_line(1, false),
            _ => {}
        }
    }

    fn end_line(&mut self, end: u64, is_cr_crlf: bool) {
        self.lines += 1;
        let is_blank = self.length == end;
        if is_cr_crlf {
            self.note(
                |body| &mut body.cr_crlf,
                "a line of the message ends with CR CR LF",
            );
        }
        if self.length > LINE_LIMIT {
            self.note(
                |body| &mut body.long_line,
                "a line of the message has more than 998 octets",
            );
        }
        if self.in_header {
            // Seen: Twisted ends each line of the header with CR CR LF, the empty one too.
            let is_odd_blank = is_cr_crlf && self.line.iter().all(|octet| b"\r\n".contains(octet));
            self.header_line(is_blank || is_odd_blank);
        } else {
            self.body_lines += 1;
            if self.wanted.is_some_and(|wanted| self.body_lines > wanted) {
                self.note(
                    |body| &mut body.excess,
                    "the server sent more lines than requested",
                );
            }
        }
        if self.line.starts_with(b".") {
            self.dots();
        }
        if end == 1 {
            self.note(
                |body| &mut body.bare_lf,
                "a line of the message ends with LF alone",
            );
        }
        self.is_after_bare_lf = end == 1;
        self.ends_blank = is_blank && self.lines > 1;
        self.keep();
        self.line.clear();
        self.length = 0;
    }

    fn header_line(&mut self, is_blank: bool) {
        if self.header_lines.len() < HEADER_LINES_MAX {
            let mut hasher = DefaultHasher::new();
            hasher.write(&self.line);
            hasher.write_u64(self.length);
            let spot = Site {
                place: self.place,
                octets: without_crlf(&self.line),
                what: String::new(),
            };
            self.header_lines.push((hasher.finish(), spot));
        }
        if is_blank {
            self.in_header = false;
            self.has_blank = true;
            return;
        }
        let starts = |word: &str| {
            let head = self.line.get(..word.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        };
        let is_added = ADDED.iter().any(|word| starts(word));
        let is_internal = starts("X-IMAP:") || starts("Subject: DON'T DELETE THIS MESSAGE");
        if is_added {
            self.added_octets += self.length;
            self.note(
                |body| &mut body.added_at,
                "this is a header field that servers add",
            );
        }
        if is_internal {
            let what = "this is a mail program's own data, not a message";
            self.note(|body| &mut body.internal, what);
        }
    }

    /// The line starts with a dot and is not the terminator.
    fn dots(&mut self) {
        let is_two = self.line.starts_with(b"..");
        self.stuffed += u64::from(is_two);
        if self.line.starts_with(b"...") {
            self.twice_stuffed += 1;
            self.note(
                |body| &mut body.twice_stuffed_at,
                "the line is dot-stuffed twice",
            );
        }
        if self.is_after_bare_lf {
            if matches!(self.line.as_slice(), b".\n" | b".\r\n") {
                let what =
                    "a dot alone on its line follows a bare LF: some clients end the message here";
                self.note(|body| &mut body.lf_dot, what);
            }
        } else if !is_two && self.lines == 1 {
            let what = "the first line of the message starts with a single dot";
            self.note(|body| &mut body.first_dot, what);
        } else if !is_two {
            let what = "a line inside the message starts with a single dot";
            self.note(|body| &mut body.single_dot, what);
        }
    }

    fn note(&mut self, field: impl Fn(&mut Self) -> &mut Option<Site>, what: &str) {
        if field(self).is_none() {
            let spot = Site {
                place: self.place,
                octets: without_crlf(&self.line),
                what: what.to_owned(),
            };
            *field(self) = Some(spot);
        }
    }

    fn keep(&mut self) {
        if self.lines <= 1 && self.first_line.is_empty() {
            self.first_line.clone_from(&self.line);
        }
        self.last_line.clone_from(&self.line);
        self.last = self.place;
    }

    pub(super) fn finish(&mut self) {
        for _ in 0..std::mem::take(&mut self.held) {
            self.piece(b"\r");
        }
        if self.length > 0 {
            self.is_cut = true;
            self.ends_blank = false;
            self.keep();
        }
        self.header_digest = self.hasher.finish();
    }

    pub(super) fn last_spot(&self, what: &str) -> Site {
        Site {
            place: self.last,
            octets: without_crlf(&self.last_line),
            what: what.to_owned(),
        }
    }
}

/// Octets without the CRs at their end.
fn without_crs(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let Some(before) = rest.strip_suffix(b"\r") {
        rest = before;
    }
    rest
}

fn without_crlf(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\r\n").unwrap_or(line).to_vec()
}
