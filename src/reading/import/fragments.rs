//! Puts IP datagrams together that were sent in fragments (RFC 791 §3.2, RFC 8200 §4.5). Fragments
//! may come in any order, twice, and overlap: an octet that is there stays. What is held are parts
//! of the file, so the file bounds it.

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};

const DATAGRAM_MAX: usize = 65_535;

/// After this many packets, or this many microseconds, a number is that of another datagram.
const PACKETS_MAX: u64 = 50_000;
const AGE_MAX_US: u64 = 60_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FragmentKey {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) offset: usize,
    pub(super) is_last: bool,
    /// The octets of it on the wire.
    pub(super) length: usize,
    /// As many of them as were captured.
    pub(super) octets: &'a [u8],
}

/// What is there of a datagram: runs of octets, by their offset.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) runs: Vec<(usize, Vec<u8>)>,
    /// The octets of it on the wire, where the last fragment says so.
    pub(super) length: Option<usize>,
    pub(super) us: u64,
}

#[derive(Debug, Default)]
struct Held {
    parts: BTreeMap<usize, Vec<u8>>,
    octets: usize,
    length: Option<usize>,
    us: u64,
    packet: u64,
}

impl Held {
    fn is_complete(&self) -> bool {
        let Some(length) = self.length else {
            return false;
        };
        if self.octets < length {
            return false;
        }
        let mut at = 0;
        for (offset, part) in &self.parts {
            if *offset > at {
                return false;
            }
            at = at.max(offset + part.len());
        }
        at >= length
    }

    fn datagram(self) -> Datagram {
        let mut runs: Vec<(usize, Vec<u8>)> = Vec::new();
        for (offset, part) in self.parts {
            match runs.last_mut() {
                Some((from, run)) if offset <= *from + run.len() => {
                    let known = *from + run.len() - offset;
                    run.extend_from_slice(part.get(known..).unwrap_or_default());
                }
                _ => runs.push((offset, part)),
            }
        }
        if let (Some(length), [(0, run)]) = (self.length, runs.as_mut_slice()) {
            run.truncate(length);
        }
        Datagram {
            runs,
            length: self.length,
            us: self.us,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Fragments {
    held: HashMap<FragmentKey, Held>,
}

impl Fragments {
    /// Takes a fragment, of the packet with this number and time. Returns the datagrams that are
    /// complete now, or too old to become so.
    pub(super) fn add(
        &mut self,
        key: FragmentKey,
        fragment: Fragment<'_>,
        packet: u64,
        us: u64,
    ) -> Vec<Datagram> {
        let mut out = Vec::new();
        let is_old = |held: &Held| {
            let has_times = us > 0 && held.us > 0;
            packet - held.packet > PACKETS_MAX || (has_times && us.abs_diff(held.us) > AGE_MAX_US)
        };
        if self.held.get(&key).is_some_and(is_old)
            && let Some(old) = self.held.remove(&key)
        {
            out.push(old.datagram());
        }
        if fragment.offset + fragment.length > DATAGRAM_MAX {
            return out;
        }
        let held = self.held.entry(key).or_default();
        (held.packet, held.us) = (packet, us);
        if fragment.is_last {
            held.length.get_or_insert(fragment.offset + fragment.length);
        }
        let known = held.parts.get(&fragment.offset).map_or(0, Vec::len);
        if known < fragment.octets.len() {
            held.octets += fragment.octets.len() - known;
            held.parts.insert(fragment.offset, fragment.octets.to_vec());
        }
        if held.is_complete()
            && let Some(whole) = self.held.remove(&key)
        {
            out.push(whole.datagram());
        }
        out
    }

    pub(super) fn finish(&mut self) -> Vec<(FragmentKey, Datagram)> {
        let mut left: Vec<_> = self.held.drain().collect();
        // A map has no order; the same file gives the same transcript.
        left.sort_by_key(|(key, held)| (held.packet, key.id));
        left.into_iter()
            .map(|(key, held)| (key, held.datagram()))
            .collect()
    }
}
