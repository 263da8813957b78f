//! The TCP segments in frames of a capture: through the link type, VLAN tags, PPP, MPLS, the usual
//! tunnels, and fragments of IP.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};

use super::fragments::{Datagram, Fragment, FragmentKey, Fragments};
use super::link::{Layer, inner};

/// Headers around a segment: no honest packet has more.
const LAYERS_MAX: usize = 16;

/// The protocols of IP that are looked into, by their IANA numbers.
mod protocol {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const IPV4: u8 = 4;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const GRE: u8 = 47;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const OPTIONS: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    /// Microseconds since 1970.
    pub(super) us: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) seq: u32,
    /// The next octet that `from` expects, where it says so.
    pub(super) ack: Option<u32>,
    pub(super) is_syn: bool,
    pub(super) is_fin: bool,
    pub(super) is_rst: bool,
    /// The octets of payload on the wire.
    pub(super) length: u32,
    /// As many of them as were captured.
    pub(super) payload: &'a [u8],
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) unread_links: BTreeSet<i32>,
    /// Fragments of IP without the first one, which says the ports: from where to where.
    pub(super) headless: BTreeSet<(IpAddr, IpAddr)>,
    /// TCP segments that are cut inside their header.
    pub(super) has_cut_tcp: bool,
    /// The file ends in the middle of a packet, or continues with something else.
    pub(super) is_cut: bool,
}

/// A payload: what was captured of it, and its octets on the wire.
#[derive(Debug, Clone, Copy)]
struct Payload<'a> {
    octets: &'a [u8],
    length: usize,
}

impl<'a> Payload<'a> {
    /// A payload of `length` octets at the start of `octets`.
    fn new(octets: &'a [u8], length: usize) -> Self {
        Self {
            octets: octets.get(..length).unwrap_or(octets),
            length,
        }
    }

    fn after(self, header: usize) -> Option<Self> {
        Some(Self {
            octets: self.octets.get(header..)?,
            length: self.length.checked_sub(header)?,
        })
    }
}

pub(super) struct Frames<'t> {
    emit: &'t mut dyn FnMut(&Segment<'_>),
    notes: Notes,
    fragments: Fragments,
    packet: u64,
    us: u64,
}

impl<'t> Frames<'t> {
    pub(super) fn new(emit: &'t mut dyn FnMut(&Segment<'_>)) -> Self {
        Self {
            emit,
            notes: Notes::default(),
            fragments: Fragments::default(),
            packet: 0,
            us: 0,
        }
    }

    /// Takes a frame of a link type, captured at a time in microseconds since 1970.
    pub(super) fn frame(&mut self, link: i32, us: u64, octets: &[u8]) {
        self.us = us;
        self.packet += 1;
        self.layers(Layer::Link(link, octets), 0);
    }

    pub(super) fn finish(mut self, is_cut: bool) -> Notes {
        for (key, left) in self.fragments.finish() {
            self.datagram(key, &left, 0);
        }
        self.notes.is_cut = is_cut;
        self.notes
    }

    fn layers(&mut self, layer: Layer<'_>, depth: usize) {
        let mut layer = layer;
        for depth in depth..LAYERS_MAX {
            let next = match layer {
                Layer::Unread(link) => {
                    self.notes.unread_links.insert(link);
                    None
                }
                Layer::Ip(packet) => return self.ip(packet, depth).unwrap_or_default(),
                outer => inner(outer),
            };
            let Some(next) = next else { return };
            layer = next;
        }
    }

    fn ip(&mut self, packet: &[u8], depth: usize) -> Option<()> {
        match packet.first()? >> 4 {
            4 => {
                let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
                let own = header.slice().len();
                // Segments that the network card cuts have no length yet.
                let total = match usize::from(header.total_len()) {
                    0 => packet.len(),
                    total => total,
                };
                let payload = Payload::new(packet.get(own..)?, total.checked_sub(own)?);
                let protocol = header.protocol().0;
                let (from, to) = (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                );
                if header.is_fragmenting_payload() {
                    let fragment = Fragment {
                        offset: usize::from(header.fragments_offset().value()) * 8,
                        is_last: !header.more_fragments(),
                        length: payload.length,
                        octets: payload.octets,
                    };
                    let key = FragmentKey {
                        from,
                        to,
                        id: u32::from(header.identification()),
                        protocol,
                    };
                    self.fragment(key, fragment, depth);
                    return Some(());
                }
                self.transport(protocol, (from, to), payload, depth)
            }
            6 => {
                let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
                let rest = packet.get(header.slice().len()..)?;
                let length = match usize::from(header.payload_length()) {
                    0 => rest.len(),
                    length => length,
                };
                let ends = (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                );
                self.transport(
                    header.next_header().0,
                    ends,
                    Payload::new(rest, length),
                    depth,
                )
            }
            _ => None,
        }
    }

    fn transport(
        &mut self,
        protocol: u8,
        ends: (IpAddr, IpAddr),
        payload: Payload<'_>,
        depth: usize,
    ) -> Option<()> {
        let (mut protocol, mut payload) = (protocol, payload);
        for _ in 0..LAYERS_MAX {
            let octets = payload.octets;
            let words = |at: usize| octets.get(at).map(|octet| usize::from(*octet));
            match protocol {
                protocol::TCP => {
                    let Some(segment) = segment(self.us, ends, payload) else {
                        self.notes.has_cut_tcp |= octets.len() < payload.length;
                        return None;
                    };
                    (self.emit)(&segment);
                    return Some(());
                }
                protocol::IPV4 | protocol::IPV6 => self.layers(Layer::Ip(octets), depth + 1),
                protocol::GRE => self.layers(Layer::Gre(octets), depth + 1),
                protocol::UDP => self.layers(Layer::Udp(octets), depth + 1),
                protocol::HOP_BY_HOP
                | protocol::ROUTING
                | protocol::OPTIONS
                | protocol::MOBILITY => {
                    protocol = *octets.first()?;
                    payload = payload.after((words(1)? + 1) * 8)?;
                    continue;
                }
                protocol::AUTHENTICATION => {
                    protocol = *octets.first()?;
                    payload = payload.after((words(1)? + 2) * 4)?;
                    continue;
                }
                protocol::FRAGMENT => {
                    let (fields, id) = (octets.get(2..4)?, octets.get(4..8)?);
                    let fields = u16::from_be_bytes(fields.try_into().ok()?);
                    protocol = *octets.first()?;
                    payload = payload.after(8)?;
                    let (offset, is_last) = (usize::from(fields & !7), fields & 1 == 0);
                    // RFC 6946: a fragment that is all of the packet.
                    if offset == 0 && is_last {
                        continue;
                    }
                    let key = FragmentKey {
                        from: ends.0,
                        to: ends.1,
                        id: u32::from_be_bytes(id.try_into().ok()?),
                        protocol,
                    };
                    let fragment = Fragment {
                        offset,
                        is_last,
                        length: payload.length,
                        octets: payload.octets,
                    };
                    self.fragment(key, fragment, depth);
                }
                _ => {}
            }
            return Some(());
        }
        None
    }

    fn fragment(&mut self, key: FragmentKey, fragment: Fragment<'_>, depth: usize) {
        let whole = self.fragments.add(key, fragment, self.packet, self.us);
        if depth < LAYERS_MAX {
            for datagram in whole {
                self.datagram(key, &datagram, depth + 1);
            }
        }
    }

    fn datagram(&mut self, key: FragmentKey, datagram: &Datagram, depth: usize) {
        let ends = (key.from, key.to);
        self.us = datagram.us;
        let Some(((0, first), others)) = datagram.runs.split_first() else {
            self.notes.headless.insert(ends);
            return;
        };
        let known = datagram.runs.last().map_or(0, |(at, run)| at + run.len());
        let payload = Payload::new(first, datagram.length.unwrap_or(known));
        if key.protocol != protocol::TCP {
            let _ = self.transport(key.protocol, ends, payload, depth);
            return;
        }
        let Some(mut segment) = segment(self.us, ends, payload) else {
            self.notes.headless.insert(ends);
            return;
        };
        segment.is_fin &= datagram.length.is_some();
        (self.emit)(&segment);
        let header = payload.length - segment.length as usize;
        for (at, run) in others {
            let length = u32::try_from(run.len()).unwrap_or_default();
            (self.emit)(&Segment {
                seq: segment
                    .seq
                    .wrapping_add(u32::try_from(at - header).unwrap_or_default()),
                is_syn: false,
                is_fin: false,
                length,
                payload: run,
                ..segment
            });
        }
    }
}

fn segment<'a>(us: u64, ends: (IpAddr, IpAddr), payload: Payload<'a>) -> Option<Segment<'a>> {
    let tcp = TcpHeaderSlice::from_slice(payload.octets).ok()?;
    let own = payload.after(tcp.slice().len())?;
    Some(Segment {
        us,
        from: SocketAddr::new(ends.0, tcp.source_port()),
        to: SocketAddr::new(ends.1, tcp.destination_port()),
        seq: tcp.sequence_number(),
        ack: tcp.ack().then(|| tcp.acknowledgment_number()),
        is_syn: tcp.syn(),
        is_fin: tcp.fin(),
        is_rst: tcp.rst(),
        length: u32::try_from(own.length).ok()?,
        payload: own.octets,
    })
}
