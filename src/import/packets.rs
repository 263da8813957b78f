//! The TCP segments in a capture, pcap or pcapng, one by one.

use core::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// The most octets of a packet or another block.
const BLOCK_MAX: usize = 1024 * 1024;

/// Interfaces of a section that are told apart.
const INTERFACES_MAX: usize = 4096;

/// A TCP segment.
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
    /// As much of the payload as was captured.
    pub(super) payload: &'a [u8],
}

/// What else a capture has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Packets of a link type that is not read.
    pub(super) unread_links: u64,
    /// Fragments of IP packets.
    pub(super) fragments: u64,
    /// The file ends in the middle of a packet, or goes on with something else.
    pub(super) is_cut: bool,
}

/// An interface of a capture: its link type and what its times count in.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Linktype,
    per_second: u64,
    offset: i64,
}

/// Hands on each TCP segment of a capture. What can't be read is passed over and noted.
///
/// Errors: not a capture at all.
pub(super) fn read(
    octets: &[u8],
    tell: &mut dyn FnMut(&Segment<'_>) -> Result<(), String>,
) -> Result<Notes, String> {
    let mut reader = create_reader(BLOCK_MAX, octets)
        .map_err(|_| "no capture in pcap or pcapng form".to_owned())?;
    let mut notes = Notes::default();
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut waits = 0;
    loop {
        let used = match reader.next() {
            Ok((used, block)) => {
                waits = 0;
                take(&block, &mut interfaces, &mut notes, tell)?;
                used
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) if waits < 2 => {
                waits += 1;
                if reader.refill().is_err() {
                    notes.is_cut = true;
                    break;
                }
                continue;
            }
            Err(_) => {
                notes.is_cut = true;
                break;
            }
        };
        reader.consume(used);
    }
    Ok(notes)
}

fn take(
    block: &PcapBlockOwned<'_>,
    interfaces: &mut Vec<Interface>,
    notes: &mut Notes,
    tell: &mut dyn FnMut(&Segment<'_>) -> Result<(), String>,
) -> Result<(), String> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => interfaces.push(Interface {
            link: header.network,
            per_second: if header.is_nanosecond_precision() {
                1_000_000_000
            } else {
                1_000_000
            },
            offset: 0,
        }),
        PcapBlockOwned::Legacy(packet) => {
            let Some(interface) = interfaces.first() else {
                return Ok(());
            };
            let units = u64::from(packet.ts_usec);
            let us =
                u64::from(packet.ts_sec) * 1_000_000 + units * 1_000_000 / interface.per_second;
            return packet_of(interface.link, us, packet.data, notes, tell);
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
        PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
            if interfaces.len() < INTERFACES_MAX {
                interfaces.push(Interface {
                    link: described.linktype,
                    per_second: described.ts_resolution().unwrap_or(1_000_000).max(1),
                    offset: described.if_tsoffset,
                });
            }
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let index = usize::try_from(packet.if_id).unwrap_or(usize::MAX);
            let Some(interface) = interfaces.get(index) else {
                return Ok(());
            };
            let units = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
            let us = units * 1_000_000 / u128::from(interface.per_second);
            let us = u64::try_from(us).unwrap_or_default();
            let us = us.saturating_add_signed(interface.offset.saturating_mul(1_000_000));
            let captured = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
            let data = packet.data.get(..captured).unwrap_or(packet.data);
            return packet_of(interface.link, us, data, notes, tell);
        }
        // Without a time, and without an interface to name: the first one.
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            if let Some(interface) = interfaces.first() {
                return packet_of(interface.link, 0, packet.data, notes, tell);
            }
        }
        PcapBlockOwned::NG(_) => {}
    }
    Ok(())
}

/// The IP packet in a frame, by link type.
fn packet_of(
    link: Linktype,
    us: u64,
    data: &[u8],
    notes: &mut Notes,
    tell: &mut dyn FnMut(&Segment<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let by_type = |at: usize, payload: usize| {
        let number = data.get(at..at + 2)?;
        let ether_type = EtherType(u16::from_be_bytes([*number.first()?, *number.get(1)?]));
        Some(LaxSlicedPacket::from_ether_type(
            ether_type,
            data.get(payload..)?,
        ))
    };
    // https://www.tcpdump.org/linktypes.html
    let sliced = match link.0 {
        1 => LaxSlicedPacket::from_ethernet(data).ok(),
        // Linux cooked, version 1 and 2.
        113 => by_type(14, 16),
        276 => by_type(0, 20),
        // BSD loopback: four octets of a family, in either order.
        0 | 108 => data
            .get(4..)
            .and_then(|ip| LaxSlicedPacket::from_ip(ip).ok()),
        // IP alone.
        12 | 14 | 101 | 228 | 229 => LaxSlicedPacket::from_ip(data).ok(),
        _ => {
            notes.unread_links += 1;
            None
        }
    };
    let Some(sliced) = sliced else { return Ok(()) };
    let (from, to): (IpAddr, IpAddr) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        Some(LaxNetSlice::Ipv6(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        _ => return Ok(()),
    };
    let is_fragment = sliced
        .net
        .as_ref()
        .and_then(LaxNetSlice::ip_payload_ref)
        .is_some_and(|payload| payload.fragmented);
    if is_fragment {
        notes.fragments += 1;
        return Ok(());
    }
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return Ok(());
    };
    tell(&Segment {
        us,
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        seq: tcp.sequence_number(),
        ack: tcp.ack().then(|| tcp.acknowledgment_number()),
        is_syn: tcp.syn(),
        is_fin: tcp.fin(),
        is_rst: tcp.rst(),
        payload: tcp.payload(),
    })
}
