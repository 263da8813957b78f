//! Measures of data that may be larger than memory.

use memchr::memchr_iter;
use sha2::{Digest as _, Sha256};

use super::Place;
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::Hole;

/// SHA-256 of octets and holes.
pub(crate) type Digest = [u8; 32];

/// The measures of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    pub(crate) side: Side,
    /// The row of its first octet, or of its terminator when it has none.
    pub(crate) first: Place,
    /// How many octets of that row come before it; almost always none.
    pub(crate) skipped: u64,
    pub(crate) last_row: usize,
    /// Its lines, without the terminator; the last one may have no end.
    pub(crate) lines: u64,
    /// Its octets as on the wire, stuffing included, without the terminator; a hole counts as one.
    pub(crate) octets: u64,
    /// Its first four octets, zeros where there are fewer.
    pub(crate) head: [u8; 4],
    /// Its octets without the stuffing dots (RFC 1939 §3).
    pub(crate) message_octets: u64,
    /// Of its octets as on the wire and its holes, without the terminator; zeros from a
    /// [`super::Dialogue::without_digests`].
    pub(crate) digest: Digest,
    /// How the line with the single dot ended; None when that line did not come.
    pub(crate) terminator: Option<LineEnd>,
    pub(crate) terminator_row: Option<usize>,
    pub(crate) has_holes: bool,
    /// Whether it has a row `{{...}}`.
    pub(crate) has_any_rows: bool,
    pub(crate) lacks_terminator: bool,
}

/// Puts a hole into a digest, so that it differs from any usual text.
pub(super) fn digest_hole(digest: &mut Sha256, hole: &Hole) {
    digest.update(b"\0{{");
    digest.update(hole.name());
    digest.update(b"}}\0");
}

#[derive(Debug)]
pub(super) struct Measuring {
    measures: Measures,
    /// None where no digest is wanted.
    digest: Option<Sha256>,
    is_after_cr: bool,
    is_line_start: bool,
    /// The last line has begun and not ended.
    is_inside: bool,
    has_begun: bool,
}

impl Measuring {
    pub(super) fn new(side: Side, has_digest: bool) -> Self {
        Self {
            measures: Measures {
                side,
                first: Place::default(),
                skipped: 0,
                last_row: 0,
                lines: 0,
                octets: 0,
                head: [0; 4],
                message_octets: 0,
                digest: Digest::default(),
                terminator: None,
                terminator_row: None,
                has_holes: false,
                has_any_rows: false,
                lacks_terminator: false,
            },
            digest: has_digest.then(Sha256::new),
            is_after_cr: false,
            is_line_start: true,
            is_inside: false,
            has_begun: false,
        }
    }

    pub(super) fn at(&mut self, first: Place, skipped: u64, last: Place) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.measures.first = first;
            self.measures.skipped = skipped;
        }
        self.measures.last_row = last.row;
    }

    pub(super) fn octets(&mut self, octets: &[u8]) {
        let Some(last) = octets.last() else { return };
        if let Some(digest) = &mut self.digest {
            digest.update(octets);
        }
        let mut stuffing = u64::from(self.is_line_start && octets.first() == Some(&b'.'));
        self.is_line_start = false;
        for at in memchr_iter(b'\n', octets) {
            self.measures.lines += 1;
            let is_crlf = match at.checked_sub(1) {
                Some(before) => octets.get(before) == Some(&b'\r'),
                None => self.is_after_cr,
            };
            match octets.get(at + 1) {
                None => self.is_line_start = is_crlf,
                Some(next) => stuffing += u64::from(is_crlf && *next == b'.'),
            }
        }
        self.is_after_cr = *last == b'\r';
        self.is_inside = *last != b'\n';
        let before = usize::try_from(self.measures.octets).unwrap_or(usize::MAX);
        let head = self.measures.head.iter_mut().skip(before);
        for (place, octet) in head.zip(octets) {
            *place = *octet;
        }
        self.measures.octets += octets.len() as u64;
        self.measures.message_octets += octets.len() as u64 - stuffing;
    }

    pub(super) fn hole(&mut self, hole: &Hole) {
        self.digest_hole(hole);
        self.measures.has_holes = true;
        self.measures.octets += 1;
        self.is_after_cr = false;
        self.is_line_start = false;
        self.is_inside = true;
    }

    pub(super) fn any_rows(&mut self, place: Place) {
        self.at(place, 0, place);
        self.digest_hole(&Hole::Rows);
        self.measures.has_holes = true;
        self.measures.has_any_rows = true;
    }

    pub(super) fn terminator(&mut self, place: Place, end: LineEnd) {
        if !self.has_begun {
            self.at(place, 0, place);
        }
        self.measures.terminator = Some(end);
        self.measures.terminator_row = Some(place.row);
    }

    pub(super) fn lacks_terminator(&mut self) {
        self.measures.lacks_terminator = true;
    }

    pub(super) fn finish(mut self) -> Measures {
        self.measures.lines += u64::from(self.is_inside);
        if let Some(digest) = self.digest {
            self.measures.digest = digest.finalize().into();
        }
        self.measures
    }

    fn digest_hole(&mut self, hole: &Hole) {
        if let Some(digest) = &mut self.digest {
            digest_hole(digest, hole);
        }
    }
}
