//! Puts the octets of a TCP connection in order (RFC 9293 §3.4). Segments of a capture may come
//! late, twice, with other borders, overlapping or not at all, so nothing is decided before the
//! whole file is read: only octets that no packet of the file holds are a gap. The two directions
//! are ordered by what each segment acknowledges, then by time.

use std::collections::{BTreeMap, HashSet};

use crate::pop3::tracker::Side;

#[derive(Debug, Clone)]
pub(super) struct Captured {
    pub(super) number: u32,
    /// Microseconds since 1970, 0 where the file has no times.
    pub(super) us: u64,
    pub(super) side: Side,
    pub(super) seq: u32,
    pub(super) ack: Option<u32>,
    pub(super) is_syn: bool,
    pub(super) is_fin: bool,
    pub(super) is_rst: bool,
    /// The octets of payload on the wire; a snapshot length may have left fewer.
    pub(super) length: u32,
    pub(super) payload: Box<[u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage<'a> {
    pub(super) side: Side,
    pub(super) us: u64,
    pub(super) what: What<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    Octets(&'a [u8]),
    Gap(StreamGap),
    Close,
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamGap {
    pub(super) count: u64,
    /// The packet is in the file, cut short by the snapshot length.
    pub(super) is_cut: bool,
    /// Only later numbers show it, and its last one may be that of a FIN.
    pub(super) may_be_close: bool,
}

/// The index of a side in an array of two.
pub(super) fn index(side: Side) -> usize {
    usize::from(side == Side::Server)
}

pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// Returns a connection in order. `isn` holds the sequence number of each side's SYN, where one is
/// known.
pub(super) fn passages(segments: &[Captured], isn: [Option<u32>; 2]) -> Vec<Passage<'_>> {
    let mut offsets = Offsets::new(isn);
    let placed: Vec<Placed<'_>> = segments
        .iter()
        .map(|segment| Placed {
            segment,
            // A SYN takes the number before the first octet.
            offset: offsets.of(
                segment.side,
                segment.seq.wrapping_add(u32::from(segment.is_syn)),
            ),
            ack: segment.ack.map(|ack| offsets.of(other(segment.side), ack)),
        })
        .collect();
    let mut merge = Merge {
        streams: [
            TcpDirection::of(Side::Client, &placed, isn),
            TcpDirection::of(Side::Server, &placed, isn),
        ],
        passages: Vec::new(),
    };
    merge.run();
    merge.passages
}

struct Offsets {
    /// For each side the number and the offset of the furthest octet so far.
    furthest: [Option<(u32, i64)>; 2],
}

impl Offsets {
    fn new(isn: [Option<u32>; 2]) -> Self {
        Self {
            furthest: isn.map(|isn| isn.map(|isn| (isn.wrapping_add(1), 0))),
        }
    }

    fn of(&mut self, side: Side, seq: u32) -> i64 {
        let [client, server] = &mut self.furthest;
        let own = if side == Side::Client { client } else { server };
        let (number, offset) = *own.get_or_insert((seq, 0));
        let found = offset + i64::from(seq.wrapping_sub(number).cast_signed());
        if found > offset {
            *own = Some((seq, found));
        }
        found
    }
}

#[derive(Clone, Copy)]
struct Placed<'a> {
    segment: &'a Captured,
    offset: i64,
    ack: Option<i64>,
}

impl<'a> Placed<'a> {
    /// The payload; that of an RST is no part of the stream (RFC 9293 §3.5.3).
    fn payload(&self) -> &'a [u8] {
        if self.segment.is_rst {
            &[]
        } else {
            &self.segment.payload
        }
    }

    /// The offset after the payload as it was on the wire.
    fn end(&self) -> i64 {
        self.offset + i64::from(self.segment.length)
    }

    /// One octet NUL: what a keep-alive probe may carry (RFC 9293 §3.8.4).
    fn may_be_probe(&self) -> bool {
        *self.payload() == [0]
    }
}

/// When something was sent: by the clock, then by the place in the file.
type When = (u64, u32);

/// Octets before `end` were first sent at `when` or before, and when no more than `ack` had come
/// from the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    end: i64,
    ack: i64,
    when: When,
}

#[derive(Debug, Clone, Copy)]
struct StreamPart<'a> {
    from: i64,
    to: i64,
    what: What<'a>,
}

struct TcpDirection<'a> {
    side: Side,
    /// Backwards, for `pop`.
    parts: Vec<StreamPart<'a>>,
    next: i64,
    bounds: Vec<Bound>,
    /// The first bound after `next`.
    bound: usize,
    reset: Option<When>,
}

impl<'a> TcpDirection<'a> {
    fn of(side: Side, placed: &[Placed<'a>], isn: [Option<u32>; 2]) -> Self {
        let own = || sent_by(side, placed);
        let fin = own()
            .filter(|place| place.segment.is_fin)
            .map(Placed::end)
            .max();
        let start = start(side, placed, fin, isn);
        let mut stream = Self {
            side,
            parts: Vec::new(),
            next: start,
            bounds: bounds(own()),
            bound: 0,
            reset: own()
                .filter(|place| place.segment.is_rst)
                .map(|place| (place.segment.us, place.segment.number))
                .min(),
        };
        let is_sent = |place: &&Placed<'_>| {
            !place.segment.is_rst && (place.segment.length > 0 || place.segment.is_fin)
        };
        let sent_end = own().filter(is_sent).map(Placed::end).max();
        let sent_end = sent_end.unwrap_or(start);
        stream.lay(own(), start, sent_end.max(start));
        let end = stream.end();
        // What is acknowledged, and what has gone by when no octets are sent: either may count a
        // FIN.
        let gone = own().filter(|place| !place.segment.is_rst);
        let gone = gone.map(|place| place.offset);
        let acked = acks_of(side, placed).chain(gone).max().unwrap_or(end);
        if fin.is_none() && acked > end {
            stream.parts.push(StreamPart {
                from: end,
                to: acked,
                what: What::Gap(StreamGap {
                    count: 0,
                    is_cut: false,
                    may_be_close: true,
                }),
            });
        }
        if fin.is_some() {
            let end = stream.end();
            stream.parts.push(StreamPart {
                from: end,
                to: end + 1,
                what: What::Close,
            });
        }
        stream.parts.reverse();
        stream
    }

    fn end(&self) -> i64 {
        self.parts.last().map_or(self.next, |part| part.to)
    }

    /// Lays the octets one after another from `start` to `end`, gaps between them.
    fn lay<'p>(&mut self, own: impl Iterator<Item = &'p Placed<'a>> + Clone, start: i64, end: i64)
    where
        'a: 'p,
    {
        let mut laid: BTreeMap<i64, &'a [u8]> = BTreeMap::new();
        // An octet alone may be a probe, whose octet is any: another segment with this number is
        // right.
        for is_single in [false, true] {
            let these = own
                .clone()
                .filter(|place| (place.segment.length == 1) == is_single);
            for place in these {
                let skip = usize::try_from(start - place.offset).unwrap_or(0);
                if let Some(octets) = place.payload().get(skip..) {
                    fill(&mut laid, place.offset.max(start), octets);
                }
            }
        }
        let cuts: HashSet<(i64, i64)> = own
            .map(|place| (place.offset + place.payload().len() as i64, place.end()))
            .filter(|(from, to)| from < to)
            .collect();
        let mut at = start;
        let gap = |from: i64, to: i64| StreamPart {
            from,
            to,
            what: What::Gap(StreamGap {
                count: 0,
                is_cut: cuts.contains(&(from, to)),
                may_be_close: false,
            }),
        };
        for (from, octets) in laid {
            if at < from {
                self.parts.push(gap(at, from));
            }
            at = from + octets.len() as i64;
            self.parts.push(StreamPart {
                from,
                to: at,
                what: What::Octets(octets),
            });
        }
        if at < end {
            self.parts.push(gap(at, end));
        }
    }

    /// What the next octet waits for, and when it was sent.
    fn head(&mut self) -> Option<NextOctets> {
        let part = self.parts.last()?;
        while self
            .bounds
            .get(self.bound)
            .is_some_and(|bound| bound.end <= self.next)
        {
            self.bound += 1;
        }
        let bound = self.bounds.get(self.bound);
        Some(NextOctets {
            // What acknowledges nothing waits for nothing.
            ack: bound.map_or(i64::MIN, |bound| match bound.ack {
                i64::MAX => i64::MIN,
                ack => ack,
            }),
            when: bound.map_or((u64::MAX, u32::MAX), |bound| bound.when),
            is_gap: matches!(part.what, What::Gap(_)),
        })
    }

    /// Takes the next octets, as many as were sent at once, up to the offset `limit`.
    fn take(&mut self, limit: i64) -> Option<What<'a>> {
        let part = self.parts.pop()?;
        let bound = self.bounds.get(self.bound).map_or(i64::MAX, |it| it.end);
        let to = part.to.min(bound).min(limit).max(part.from + 1);
        if to < part.to {
            self.parts.push(StreamPart {
                from: to,
                to: part.to,
                what: match part.what {
                    What::Octets(octets) => What::Octets(after(octets, to - part.from)),
                    what => what,
                },
            });
        }
        self.next = to;
        Some(match part.what {
            What::Octets(octets) => {
                let length = usize::try_from(to - part.from).unwrap_or(usize::MAX);
                What::Octets(octets.get(..length).unwrap_or(octets))
            }
            What::Gap(gap) => What::Gap(StreamGap {
                count: (to - part.from).unsigned_abs(),
                may_be_close: gap.may_be_close && to == part.to,
                ..gap
            }),
            what => what,
        })
    }
}

fn sent_by<'p, 'a: 'p>(
    side: Side,
    placed: &'p [Placed<'a>],
) -> impl Iterator<Item = &'p Placed<'a>> + Clone {
    let own = move |place: &&Placed<'_>| place.segment.side == side;
    placed.iter().filter(own)
}

/// What the other side acknowledges of a side's octets.
fn acks_of(side: Side, placed: &[Placed<'_>]) -> impl Iterator<Item = i64> {
    let others = sent_by(other(side), placed).filter(|place| !place.segment.is_rst);
    others.filter_map(|place| place.ack)
}

/// The offset of a side's first octet. `fin` is that of its FIN, where there is one.
fn start(side: Side, placed: &[Placed<'_>], fin: Option<i64>, isn: [Option<u32>; 2]) -> i64 {
    let sent = || sent_by(side, placed).filter(|place| !place.payload().is_empty());
    let first = sent().map(|place| place.offset).min();
    let acked = acks_of(side, placed).min();
    let is_seen = |side| isn.get(index(side)).is_some_and(Option::is_some);
    match first.or(fin) {
        _ if is_seen(side) => 0,
        // All of the connection is in the capture: what is acknowledged first is the SYN.
        Some(first) if is_seen(other(side)) => acked.unwrap_or(first).min(first),
        // A probe repeats an octet from before the capture.
        Some(first) => {
            let is_probe = |place: &Placed<'_>| place.offset == first && place.may_be_probe();
            let is_sent = |place: &Placed<'_>| place.offset == first && !place.may_be_probe();
            let skips = sent().any(is_probe) && !sent().any(is_sent);
            first + i64::from(skips)
        }
        None => acked.unwrap_or(0),
    }
}

fn after(octets: &[u8], count: i64) -> &[u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    octets.get(count..).unwrap_or_default()
}

/// Puts octets at the places that are free.
fn fill<'a>(laid: &mut BTreeMap<i64, &'a [u8]>, offset: i64, octets: &'a [u8]) {
    let end = offset + octets.len() as i64;
    let mut at = offset;
    if let Some((from, before)) = laid.range(..=offset).next_back() {
        at = at.max(from + before.len() as i64);
    }
    while at < end {
        let following = laid.range(at..).next();
        let following = following.map(|(from, next)| (*from, from + next.len() as i64));
        let upto = following.map_or(end, |(from, _)| from.min(end));
        if at < upto {
            let free = after(octets, at - offset);
            let length = usize::try_from(upto - at).unwrap_or(usize::MAX);
            laid.insert(at, free.get(..length).unwrap_or(free));
        }
        at = following.map_or(end, |(_, to)| to);
    }
}

/// The bounds of one direction, by offset: each packet says when its last octet was sent at the
/// latest, and so when all octets before were.
fn bounds<'p, 'a: 'p>(own: impl Iterator<Item = &'p Placed<'a>>) -> Vec<Bound> {
    let mut bounds: Vec<Bound> = own
        .filter(|place| !place.segment.is_rst)
        .map(|place| Bound {
            end: place.end() + i64::from(place.segment.is_fin),
            ack: place.ack.unwrap_or(i64::MAX),
            when: (place.segment.us, place.segment.number),
        })
        .collect();
    bounds.sort_by_key(|bound| bound.end);
    let mut least: Option<Bound> = None;
    for bound in bounds.iter_mut().rev() {
        if let Some(least) = least {
            bound.ack = bound.ack.min(least.ack);
            bound.when = bound.when.min(least.when);
        }
        least = Some(*bound);
    }
    // Of equal ones the last says it for all.
    let mut kept: Vec<Bound> = Vec::with_capacity(bounds.len());
    for bound in bounds {
        match kept.last_mut() {
            Some(last) if last.end == bound.end => {}
            Some(last) if (last.ack, last.when) == (bound.ack, bound.when) => last.end = bound.end,
            _ => kept.push(bound),
        }
    }
    kept
}

#[derive(Debug, Clone, Copy)]
struct NextOctets {
    ack: i64,
    when: When,
    is_gap: bool,
}

struct Merge<'a> {
    streams: [TcpDirection<'a>; 2],
    passages: Vec<Passage<'a>>,
}

impl Merge<'_> {
    fn run(&mut self) {
        loop {
            let [client, server] = &mut self.streams;
            let (sent, received) = (client.head(), server.head());
            let (side, limit) = match (sent, received) {
                (None, None) => break,
                (Some(_), None) => (Side::Client, i64::MAX),
                (None, Some(_)) => (Side::Server, i64::MAX),
                (Some(sent), Some(received)) => {
                    let is_sent_ready = sent.ack <= server.next;
                    let is_received_ready = received.ack <= client.next;
                    let side = match (is_sent_ready, is_received_ready) {
                        (true, false) => Side::Client,
                        (false, true) => Side::Server,
                        // Each acknowledges what the other has yet to say: first copies are not in
                        // the file.
                        (false, false) if sent.is_gap != received.is_gap => {
                            if sent.is_gap {
                                Side::Client
                            } else {
                                Side::Server
                            }
                        }
                        _ if received.when < sent.when => Side::Server,
                        _ => Side::Client,
                    };
                    // Of a gap only what the other side waits for comes before it.
                    let waiting = match side {
                        Side::Client => (sent.is_gap && !is_received_ready).then_some(received.ack),
                        Side::Server => (received.is_gap && !is_sent_ready).then_some(sent.ack),
                    };
                    (side, waiting.unwrap_or(i64::MAX))
                }
            };
            let head = if side == Side::Client { sent } else { received };
            let stream = if side == Side::Client { client } else { server };
            let us = head.map_or(0, |head| head.when.0);
            let us = if us == u64::MAX { 0 } else { us };
            if let Some(what) = stream.take(limit) {
                self.passages.push(Passage { side, us, what });
            }
        }
        let resets = self.streams.iter().filter_map(|stream| {
            let when = stream.reset?;
            Some((when, stream.side))
        });
        if let Some(((us, _), side)) = resets.min_by_key(|(when, _)| *when) {
            let what = What::Reset;
            self.passages.push(Passage { side, us, what });
        }
    }
}
