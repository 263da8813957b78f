//! Distinguishes the TCP connections that use the same two ends, one after another: by the sequence
//! numbers of their SYNs, so that the order of the file does not matter.

use std::collections::BTreeMap;

use super::tcp::{Captured, index, other};
use crate::pop3::tracker::Side;

/// The most connections between the same two ends.
const OPENINGS_MAX: usize = 4096;

/// How many connections are tried for a segment.
const TRIES: usize = 8;

/// Further from a connection's numbers than this, a segment belongs to a different one.
const FAR: u32 = 1 << 28;

/// One connection: its segments in the order of the file.
#[derive(Debug, Default)]
pub(super) struct CapturedSession {
    /// The sequence number of each side's SYN, where it is known.
    pub(super) isn: [Option<u32>; 2],
    pub(super) segments: Vec<Captured>,
    /// The number of the last segment of each side, in a connection without a SYN.
    last: [Option<u32>; 2],
}

/// Returns the connections that the segments between two ends belong to, in the order of the file.
pub(super) fn sessions(segments: Vec<Captured>) -> Vec<CapturedSession> {
    let openings = Openings::of(&segments);
    let mut opened: Vec<CapturedSession> = openings
        .all
        .iter()
        .map(|isn| CapturedSession {
            isn: *isn,
            ..CapturedSession::default()
        })
        .collect();
    let mut unopened: Vec<CapturedSession> = Vec::new();
    for segment in segments {
        let found = openings.find(&segment);
        let session = match found.and_then(|found| opened.get_mut(found)) {
            Some(session) => session,
            None => middle(&mut unopened, &segment),
        };
        session.segments.push(segment);
    }
    let mut all = opened;
    all.append(&mut unopened);
    all.retain(|session| {
        let has_octets = |segment: &Captured| !segment.payload.is_empty() && !segment.is_rst;
        session.segments.iter().any(has_octets)
    });
    all.sort_by_key(|session| session.segments.first().map(|segment| segment.number));
    all
}

/// The connection without a SYN that a segment belongs to.
fn middle<'a>(
    unopened: &'a mut Vec<CapturedSession>,
    segment: &Captured,
) -> &'a mut CapturedSession {
    let is_near = |last: Option<u32>, seq: u32| {
        last.is_none_or(|last| seq.wrapping_sub(last).cast_signed().unsigned_abs() < FAR)
    };
    let own = index(segment.side);
    let fits = |session: &CapturedSession| {
        let [client, server] = session.last;
        let (last, others) = match segment.side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        is_near(last, segment.seq) && segment.ack.is_none_or(|ack| is_near(others, ack))
    };
    let found = unopened.iter().rposition(fits);
    let at = match found {
        Some(found) => found,
        // A segment that fits none of many joins the last.
        None if unopened.len() >= TRIES => unopened.len() - 1,
        None => {
            unopened.push(CapturedSession::default());
            unopened.len() - 1
        }
    };
    let session = &mut unopened[at];
    if let Some(last) = session.last.get_mut(own) {
        *last = Some(segment.seq);
    }
    if let (Some(last), Some(ack)) = (session.last.get_mut(1 - own), segment.ack) {
        last.get_or_insert(ack);
    }
    session
}

/// The SYNs of the segments between two ends.
#[derive(Default)]
struct Openings {
    all: Vec<[Option<u32>; 2]>,
    /// For each side the connections by the number of its SYN.
    by_isn: [BTreeMap<u32, usize>; 2],
}

impl Openings {
    fn of(segments: &[Captured]) -> Self {
        let mut openings = Self::default();
        let is_syn = |segment: &&Captured| segment.is_syn && !segment.is_rst;
        for segment in segments.iter().filter(is_syn) {
            let before = segment.ack.map(|ack| ack.wrapping_sub(1));
            match segment.side {
                Side::Client => openings.open(Some(segment.seq), before),
                Side::Server => openings.open(before, Some(segment.seq)),
            }
        }
        openings
    }

    fn open(&mut self, client: Option<u32>, server: Option<u32>) {
        let [by_client, by_server] = &mut self.by_isn;
        let known = client
            .and_then(|isn| by_client.get(&isn))
            .or_else(|| server.and_then(|isn| by_server.get(&isn)))
            .copied();
        // A SYN that acknowledges none may be half of a simultaneous open (RFC 9293 §3.5).
        let half = || {
            let last = self.all.len().checked_sub(1)?;
            let is_half = matches!(
                (self.all.get(last)?, client, server),
                ([None, Some(_)], Some(_), None) | ([Some(_), None], None, Some(_))
            );
            is_half.then_some(last)
        };
        let at = match known.or_else(half) {
            Some(at) => at,
            None if self.all.len() >= OPENINGS_MAX => return,
            None => {
                self.all.push([None; 2]);
                self.all.len() - 1
            }
        };
        let Some([client_isn, server_isn]) = self.all.get_mut(at) else {
            return;
        };
        if let Some(isn) = client {
            client_isn.get_or_insert(isn);
            by_client.entry(isn).or_insert(at);
        }
        if let Some(isn) = server {
            server_isn.get_or_insert(isn);
            by_server.entry(isn).or_insert(at);
        }
    }

    /// The connection whose SYN is the nearest before the segment's number, if its acknowledgement
    /// agrees.
    fn find(&self, segment: &Captured) -> Option<usize> {
        let own = self.nearest(segment.side, segment.seq);
        if let Some(found) = own.into_iter().find(|at| self.fits(*at, segment)) {
            return Some(found);
        }
        let others = segment.ack.map(|ack| {
            // The number of the SYN is the one before the first octet.
            self.nearest(other(segment.side), ack.wrapping_sub(1))
        });
        let mut others = others.into_iter().flatten();
        others.find(|at| self.fits(*at, segment))
    }

    /// The connections by how far their SYN is before a number.
    fn nearest(&self, side: Side, seq: u32) -> Vec<usize> {
        let [client, server] = &self.by_isn;
        let by_isn = if side == Side::Client { client } else { server };
        let (before, after) = (by_isn.range(..=seq).rev(), by_isn.range(seq..).rev());
        before.chain(after).take(TRIES).map(|(_, at)| *at).collect()
    }

    fn fits(&self, at: usize, segment: &Captured) -> bool {
        let Some(isn) = self.all.get(at) else {
            return false;
        };
        let is_after = |side: Side, number: u32| {
            let isn = isn.get(index(side)).copied().flatten();
            isn.is_none_or(|isn| number.wrapping_sub(isn) < FAR)
        };
        is_after(segment.side, segment.seq)
            && segment
                .ack
                .is_none_or(|ack| is_after(other(segment.side), ack))
    }
}
