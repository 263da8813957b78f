//! Where the octets that the tracker hands out came from: their rows, times and holes.

use std::collections::VecDeque;

use super::Place;
use crate::transcript::{Hole, Piece};

/// One side's octets on their way through the tracker, which hands all of them out again, in order.
#[derive(Debug, Default)]
pub(super) struct SideStream {
    fed: u64,
    taken: u64,
    rows: VecDeque<RowStart>,
    holes: VecDeque<(u64, Hole)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct RowStart {
    at: u64,
    place: Place,
    time_ms: u64,
    /// Where the run of rows ends that begins with this one, each row a whole line.
    run_end: u64,
}

/// Where some octets came from.
#[derive(Debug, Default)]
pub(crate) struct OctetOrigin {
    pub(crate) first: Place,
    /// Octets of the first row before them.
    pub(crate) skipped: u64,
    pub(crate) last: Place,
    /// When they ended: milliseconds since the transcript was started.
    pub(crate) last_ms: u64,
    /// The holes among them, each an octet of them, with its offset; in order.
    pub(crate) holes: Vec<(usize, Hole)>,
}

impl SideStream {
    pub(super) fn start_row(&mut self, place: Place, time_ms: u64) {
        self.rows.push_back(RowStart {
            at: self.fed,
            place,
            time_ms,
            run_end: 0,
        });
    }

    /// A run of whole rows without times, which have this many octets.
    pub(super) fn start_run(&mut self, place: Place, time_ms: u64, octets: usize) {
        self.start_row(place, time_ms);
        self.feed(octets, std::iter::empty());
        if let Some(row) = self.rows.back_mut() {
            row.run_end = self.fed;
        }
    }

    /// `octets` will be fed, with holes at these offsets among them.
    pub(super) fn feed(&mut self, octets: usize, holes: impl Iterator<Item = (usize, Hole)>) {
        let fed = self.fed;
        self.holes
            .extend(holes.map(|(at, hole)| (fed + at as u64, hole)));
        self.fed += octets as u64;
    }

    /// Hands out octets, which `pieces` are.
    pub(super) fn take(&mut self, pieces: [&[u8]; 2]) -> OctetOrigin {
        let from = self.taken;
        self.drop_rows(from + 1);
        let first = self.rows.front().copied().unwrap_or_default();
        let mut last = first;
        for octets in pieces {
            last = self.pass(octets).unwrap_or(last);
        }
        let mut holes = Vec::new();
        while let Some((at, hole)) = self.holes.pop_front_if(|(at, _)| *at < self.taken) {
            holes.push((usize::try_from(at - from).unwrap_or(usize::MAX), hole));
        }
        OctetOrigin {
            first: first.place,
            skipped: from.saturating_sub(first.at),
            last: last.place,
            last_ms: last.time_ms,
            holes,
        }
    }

    /// Returns where the last of the octets came from.
    fn pass(&mut self, octets: &[u8]) -> Option<RowStart> {
        let (final_octet, before) = octets.split_last()?;
        self.pass_rows(before);
        self.taken += before.len() as u64;
        self.drop_rows(self.taken + 1);
        let last = self.rows.front().copied();
        self.pass_rows(std::slice::from_ref(final_octet));
        self.taken += 1;
        last
    }

    /// Moves the start of a run to the row after the last line end.
    fn pass_rows(&mut self, octets: &[u8]) {
        let taken = self.taken;
        let Some(row) = self.rows.iter_mut().find(|row| row.run_end > taken) else {
            return;
        };
        for lf in memchr::memchr_iter(b'\n', octets) {
            let next = taken + lf as u64 + 1;
            if row.at < next && next <= row.run_end {
                row.place.next_row(next - row.at);
                row.at = next;
            }
        }
    }

    pub(super) fn reset(&mut self) {
        self.taken = self.fed;
        self.holes.clear();
    }

    /// Forgets the rows that end before the octet number `upto` (from 1).
    fn drop_rows(&mut self, upto: u64) {
        while self.rows.get(1).is_some_and(|next| next.at < upto) {
            self.rows.pop_front();
        }
    }
}

/// The pieces of octets with holes at these offsets.
pub(in crate::reading) fn pieces(
    octets: &[u8],
    holes: Vec<(usize, Hole)>,
    mut emit: impl FnMut(PieceOf<'_>),
) {
    let mut from = 0;
    for (at, hole) in holes {
        if let Some(before) = octets.get(from..at).filter(|before| !before.is_empty()) {
            emit(PieceOf::Octets(before));
        }
        emit(PieceOf::Hole(hole));
        from = at.saturating_add(1);
    }
    if let Some(rest) = octets.get(from..).filter(|rest| !rest.is_empty()) {
        emit(PieceOf::Octets(rest));
    }
}

/// A piece whose octets are borrowed.
#[derive(Debug)]
pub(in crate::reading) enum PieceOf<'a> {
    Octets(&'a [u8]),
    Hole(Hole),
}

/// Appends octets to pieces, so that no two runs are adjacent.
pub(in crate::reading) fn push_octets(pieces: &mut Vec<Piece>, octets: &[u8]) {
    match pieces.last_mut() {
        Some(Piece::Octets(last)) => last.extend_from_slice(octets),
        _ => pieces.push(Piece::Octets(octets.to_vec())),
    }
}
