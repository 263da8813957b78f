//! Puts the octets of one direction of a TCP connection in order (RFC 9293 §3.4): segments may come late, twice, overlapping or
//! not at all.

use std::collections::BTreeMap;

/// The most octets that are held of one direction because those before them have not come; then a gap is taken as final.
pub const PACKETS_AHEAD_MAX: usize = 4 * 1024 * 1024;

/// The most segments held.
const SEGMENTS_MAX: usize = 4096;

/// Further away than this a segment belongs to another connection.
const FAR: u64 = 1 << 30;

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Octets as sent.
    Octets(Vec<u8>),
    /// So many octets are not in the capture.
    Gap(u64),
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The sequence number of offset 0.
    base: Option<u32>,
    /// The offset of the next octet.
    next: u64,
    held: BTreeMap<u64, Vec<u8>>,
    held_octets: usize,
    /// The offset behind the last octet, when it is known.
    end: Option<u64>,
    /// How far the other side has received.
    acked: u64,
}

impl Flow {
    /// Whether nothing was seen of it.
    pub(super) fn is_new(&self) -> bool {
        self.base.is_none()
    }

    /// The first sequence number, of SYN.
    pub(super) fn syn(&mut self, seq: u32) {
        self.base.get_or_insert(seq.wrapping_add(1));
    }

    /// Whether a SYN with this number is that of another connection.
    pub(super) fn is_other_syn(&self, seq: u32) -> bool {
        self.base.is_some_and(|base| base != seq.wrapping_add(1))
    }

    /// Whether all was handed on, up to the end.
    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// The offset of a sequence number; None when it is far off.
    fn offset(&self, seq: u32) -> Option<u64> {
        let base = self.base?;
        // The low 32 bits of `next` tell how far off it is, either way.
        let low = base.wrapping_add(u32::try_from(self.next & 0xffff_ffff).ok()?);
        let distance = i64::from(seq.wrapping_sub(low).cast_signed());
        self.next
            .checked_add_signed(distance)
            .filter(|_| distance.unsigned_abs() < FAR)
    }

    /// Takes a segment; hands on what is in order now.
    pub(super) fn segment(
        &mut self,
        seq: u32,
        payload: &[u8],
        is_fin: bool,
        tell: &mut dyn FnMut(Piece),
    ) {
        if self.base.is_none() && (!payload.is_empty() || is_fin) {
            self.base = Some(seq);
        }
        let Some(offset) = self.offset(seq) else {
            return self.behind_start(seq, payload, tell);
        };
        if is_fin {
            self.end.get_or_insert(offset + payload.len() as u64);
        }
        if !payload.is_empty() {
            self.hold(offset, payload);
        }
        self.hand_on(tell);
        while self.held_octets > PACKETS_AHEAD_MAX || self.held.len() > SEGMENTS_MAX {
            self.jump(tell);
        }
    }

    /// A retransmission that starts before what was seen first.
    fn behind_start(&mut self, seq: u32, payload: &[u8], tell: &mut dyn FnMut(Piece)) {
        let Some(base) = self.base else { return };
        let before = base.wrapping_sub(seq);
        let skip = usize::try_from(before).unwrap_or(usize::MAX);
        if u64::from(before) < FAR
            && let Some(rest) = payload.get(skip..).filter(|rest| !rest.is_empty())
        {
            self.hold(0, rest);
            self.hand_on(tell);
        }
    }

    /// The other side has received up to this number.
    pub(super) fn ack(&mut self, ack: u32) {
        if let Some(offset) = self.offset(ack) {
            self.acked = self.acked.max(offset);
        }
    }

    /// Octets that the other side has received and that are not here will not come any more.
    pub(super) fn settle(&mut self, tell: &mut dyn FnMut(Piece)) {
        while self.next < self.acked.min(self.end.unwrap_or(u64::MAX)) {
            let held = self.held.keys().next().copied();
            if held.is_some_and(|first| first <= self.acked) {
                self.jump(tell);
            } else {
                tell(Piece::Gap(
                    self.acked.min(self.end.unwrap_or(u64::MAX)) - self.next,
                ));
                self.next = self.acked.min(self.end.unwrap_or(u64::MAX));
            }
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, tell: &mut dyn FnMut(Piece)) {
        while !self.held.is_empty() {
            self.jump(tell);
        }
        self.settle(tell);
        if let Some(end) = self.end.filter(|end| *end > self.next) {
            tell(Piece::Gap(end - self.next));
            self.next = end;
        }
    }

    /// Passes over the gap before what is held first.
    fn jump(&mut self, tell: &mut dyn FnMut(Piece)) {
        if let Some(first) = self.held.keys().next().copied() {
            if first > self.next {
                tell(Piece::Gap(first - self.next));
                self.next = first;
            }
            self.hand_on(tell);
        }
    }

    fn hold(&mut self, offset: u64, payload: &[u8]) {
        let is_longer = |held: &Vec<u8>| held.len() < payload.len();
        if self.held.get(&offset).is_none_or(is_longer) {
            self.held_octets += payload.len();
            if let Some(old) = self.held.insert(offset, payload.to_vec()) {
                self.held_octets -= old.len();
            }
        }
    }

    fn hand_on(&mut self, tell: &mut dyn FnMut(Piece)) {
        while let Some(first) = self
            .held
            .first_entry()
            .filter(|first| *first.key() <= self.next)
        {
            let (offset, mut payload) = first.remove_entry();
            self.held_octets -= payload.len();
            let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
            if known < payload.len() {
                payload.drain(..known);
                self.next += payload.len() as u64;
                tell(Piece::Octets(payload));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(segments: &[(u32, &[u8])]) -> Vec<Piece> {
        let mut flow = Flow::default();
        flow.syn(u32::MAX - 3);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut tell = |piece: Piece| match (pieces.last_mut(), piece) {
            (Some(Piece::Octets(all)), Piece::Octets(more)) => all.extend(more),
            (_, piece) => pieces.push(piece),
        };
        for (at, payload) in segments {
            flow.segment((u32::MAX - 2).wrapping_add(*at), payload, false, &mut tell);
        }
        flow.finish(&mut tell);
        pieces
    }

    #[test]
    fn late_double_and_overlapping_segments_come_out_in_order_across_the_wrap() {
        let all = vec![Piece::Octets(b"abcdefgh".to_vec())];
        assert_eq!(run(&[(0, b"abc"), (3, b"def"), (6, b"gh")]), all);
        assert_eq!(run(&[(3, b"def"), (0, b"abc"), (6, b"gh")]), all);
        assert_eq!(
            run(&[(0, b"abc"), (0, b"abc"), (1, b"bcdef"), (5, b"fgh")]),
            all
        );
        assert_eq!(
            run(&[(6, b"gh"), (2, b"cdef"), (1, b"bcdefg"), (0, b"ab")]),
            all
        );
    }

    #[test]
    fn what_is_missing_is_a_gap() {
        assert_eq!(
            run(&[(0, b"ab"), (5, b"fg")]),
            [
                Piece::Octets(b"ab".to_vec()),
                Piece::Gap(3),
                Piece::Octets(b"fg".to_vec())
            ]
        );
    }

    #[test]
    fn an_acknowledged_gap_is_final() {
        let mut flow = Flow::default();
        let mut pieces = Vec::new();
        flow.syn(0);
        flow.segment(1, b"ab", false, &mut |piece| pieces.push(piece));
        flow.segment(6, b"fg", false, &mut |piece| pieces.push(piece));
        flow.settle(&mut |piece| pieces.push(piece));
        assert_eq!(pieces.len(), 1);
        flow.ack(8);
        flow.settle(&mut |piece| pieces.push(piece));
        assert_eq!(pieces.len(), 3);
        flow.ack(11);
        flow.settle(&mut |piece| pieces.push(piece));
        assert_eq!(pieces.last(), Some(&Piece::Gap(3)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_segments_in_any_order_give_what_was_sent(
            data in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
            seed in any::<u32>(),
        ) {
            let mut segments: Vec<(usize, usize)> = cuts.iter().map(|(a, b)| {
                let (a, b) = (a.index(data.len()), b.index(data.len()));
                (a.min(b), a.max(b) + 1)
            }).collect();
            segments.extend((0..data.len()).map(|at| (at, at + 1)));
            let rotate = seed as usize % segments.len();
            segments.rotate_left(rotate);
            let mut flow = Flow::default();
            flow.syn(seed);
            let mut all = Vec::new();
            let mut gaps = 0;
            let mut tell = |piece| match piece {
                Piece::Octets(octets) => all.extend(octets),
                Piece::Gap(_) => gaps += 1,
            };
            for (from, upto) in segments {
                flow.segment(seed.wrapping_add(1 + from as u32), &data[from..upto], false, &mut tell);
            }
            flow.finish(&mut tell);
            prop_assert_eq!(gaps, 0);
            prop_assert_eq!(all, data);
        }

        #[test]
        fn nonsense_does_no_harm(segments in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..9), any::<bool>(), any::<u32>()), 0..40)) {
            let mut flow = Flow::default();
            for (seq, payload, is_fin, ack) in segments {
                flow.segment(seq, &payload, is_fin, &mut |_| {});
                flow.ack(ack);
                flow.settle(&mut |_| {});
            }
            flow.finish(&mut |_| {});
        }
    }
}
