//! The frames in a capture, pcap or pcapng, one by one.

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use super::frames::{Frames, Notes, Segment};

const BLOCK_MAX: usize = 1024 * 1024;

const INTERFACES_MAX: usize = 4096;

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
pub(super) fn read(octets: &[u8], emit: &mut dyn FnMut(&Segment<'_>)) -> Result<Notes, String> {
    let mut reader =
        create_reader(BLOCK_MAX, octets).map_err(|_| "not a pcap or pcapng capture".to_owned())?;
    let mut frames = Frames::new(emit);
    let mut is_cut = false;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut waits = 0;
    loop {
        let used = match reader.next() {
            Ok((used, block)) => {
                waits = 0;
                take(&block, &mut interfaces, &mut frames);
                used
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) if waits < 2 => {
                waits += 1;
                if reader.refill().is_err() {
                    is_cut = true;
                    break;
                }
                continue;
            }
            Err(_) => {
                is_cut = true;
                break;
            }
        };
        reader.consume(used);
    }
    Ok(frames.finish(is_cut))
}

fn take(block: &PcapBlockOwned<'_>, interfaces: &mut Vec<Interface>, frames: &mut Frames<'_>) {
    match block {
        PcapBlockOwned::LegacyHeader(header) => interfaces.push(Interface {
            // The bits above say how the frame ends.
            link: Linktype(header.network.0 & 0xffff),
            per_second: if header.is_nanosecond_precision() {
                1_000_000_000
            } else {
                1_000_000
            },
            offset: 0,
        }),
        PcapBlockOwned::Legacy(packet) => {
            let Some(interface) = interfaces.first() else {
                return;
            };
            let units = u64::from(packet.ts_usec);
            let us =
                u64::from(packet.ts_sec) * 1_000_000 + units * 1_000_000 / interface.per_second;
            frames.frame(interface.link.0, us, packet.data);
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
                return;
            };
            let units = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
            let us = units * 1_000_000 / u128::from(interface.per_second);
            let us = u64::try_from(us).unwrap_or_default();
            let us = us.saturating_add_signed(interface.offset.saturating_mul(1_000_000));
            let captured = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
            let data = packet.data.get(..captured).unwrap_or(packet.data);
            frames.frame(interface.link.0, us, data);
        }
        // Without a time, and without an interface to name: the first one.
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            if let Some(interface) = interfaces.first() {
                frames.frame(interface.link.0, 0, packet.data);
            }
        }
        PcapBlockOwned::NG(_) => {}
    }
}
