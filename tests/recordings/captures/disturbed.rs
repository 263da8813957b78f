//! Reads captures, disturbs them by a seed, and writes them again.

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// A segment with its IP header.
#[derive(Clone)]
struct Segment {
    us: u64,
    /// The IP header, extensions left out.
    ip: Vec<u8>,
    /// The TCP header with its options.
    tcp: Vec<u8>,
    payload: Vec<u8>,
}

const FIN_OR_PUSH: u8 = 0b1001;

impl Segment {
    fn of(us: u64, packet: &[u8]) -> Self {
        let (header, total) = if packet[0] >> 4 == 4 {
            let length = u16::from_be_bytes([packet[2], packet[3]]);
            (usize::from(packet[0] & 15) * 4, usize::from(length))
        } else {
            let length = u16::from_be_bytes([packet[4], packet[5]]);
            (40, 40 + usize::from(length))
        };
        let (ip, rest) = packet[..total].split_at(header);
        let (tcp, payload) = rest.split_at(usize::from(rest[12] >> 4) * 4);
        let (ip, tcp, payload) = (ip.to_vec(), tcp.to_vec(), payload.to_vec());
        Self {
            us,
            ip,
            tcp,
            payload,
        }
    }

    fn is_v4(&self) -> bool {
        self.ip[0] >> 4 == 4
    }

    fn seq(&self) -> u32 {
        u32::from_be_bytes(self.tcp[4..8].try_into().unwrap())
    }

    /// The part of it from one octet of the payload up to another.
    fn part(&self, from: usize, to: usize) -> Self {
        let mut part = self.clone();
        part.payload = self.payload[from..to].to_vec();
        let seq = self.seq().wrapping_add(from as u32);
        part.tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        if to < self.payload.len() {
            part.tcp[13] &= !FIN_OR_PUSH;
        }
        part
    }

    /// The connection and the direction.
    fn stream(&self) -> (Vec<u8>, Vec<u8>) {
        let from = if self.is_v4() { 12 } else { 8 };
        (self.ip[from..].to_vec(), self.tcp[..4].to_vec())
    }

    /// Its IP packets: one, or fragments.
    fn packets(&self, dice: &mut Dice, id: u16, is_fragmenting: bool) -> Vec<Vec<u8>> {
        let datagram = [&self.tcp[..], &self.payload].concat();
        let mut cuts = vec![0];
        if is_fragmenting && datagram.len() > 16 && !dice.once_in(3) {
            for _ in 0..=dice.below(4) {
                cuts.push(8 * (1 + dice.below((datagram.len() - 1) / 8)));
            }
        }
        cuts.push(datagram.len());
        cuts.sort_unstable();
        cuts.dedup();
        let mut packets = Vec::new();
        for window in cuts.windows(2) {
            // Some reach into the next fragment.
            let overlap = 8 * dice.below(2) * usize::from(cuts.len() > 2);
            let (from, to) = (window[0], (window[1] + overlap).min(datagram.len()));
            let has_more = to < datagram.len();
            packets.push(self.packet(&datagram, from, to, has_more, id));
        }
        packets
    }

    fn packet(&self, datagram: &[u8], from: usize, to: usize, has_more: bool, id: u16) -> Vec<u8> {
        let is_whole = from == 0 && !has_more;
        let mut ip = self.ip.clone();
        if self.is_v4() {
            let total = (ip.len() + to - from) as u16;
            let fields = (from / 8) as u16 | u16::from(has_more) << 13;
            ip[2..4].copy_from_slice(&total.to_be_bytes());
            ip[4..6].copy_from_slice(&id.to_be_bytes());
            ip[6..8].copy_from_slice(&fields.to_be_bytes());
        } else {
            let length = (to - from + if is_whole { 0 } else { 8 }) as u16;
            ip[4..6].copy_from_slice(&length.to_be_bytes());
            if !is_whole {
                ip[6] = 44;
                let fields = from as u16 | u16::from(has_more);
                ip.extend([6, 0]);
                ip.extend(fields.to_be_bytes());
                ip.extend(u32::from(id).to_be_bytes());
            }
        }
        ip.extend_from_slice(&datagram[from..to]);
        ip
    }
}

/// A capture that was read.
pub(super) struct Capture {
    segments: Vec<Segment>,
}

impl Capture {
    /// Reads a file of Ethernet or Linux cooked frames.
    pub(super) fn read(octets: &[u8]) -> Self {
        let mut reader = create_reader(1 << 20, octets).unwrap();
        let mut link = 0;
        let mut segments = Vec::new();
        loop {
            match reader.next() {
                Ok((used, block)) => {
                    let (us, frame) = match &block {
                        PcapBlockOwned::LegacyHeader(header) => {
                            link = header.network.0;
                            (0, None)
                        }
                        PcapBlockOwned::Legacy(packet) => {
                            let us = u64::from(packet.ts_sec) * 1_000_000;
                            (us + u64::from(packet.ts_usec), Some(packet.data))
                        }
                        PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                            link = described.linktype.0;
                            (0, None)
                        }
                        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                            let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                            // dumpcap counts in nanoseconds.
                            (units / 1000, Some(packet.data))
                        }
                        _ => (0, None),
                    };
                    if let Some(frame) = frame {
                        let header = match link {
                            1 => 14,
                            113 => 16,
                            276 => 20,
                            other => panic!("link type {other}"),
                        };
                        segments.push(Segment::of(us, &frame[header..]));
                    }
                    reader.consume(used);
                }
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(segments.len() > 8);
        Self { segments }
    }

    /// The file disturbed, and how many packets it has.
    pub(super) fn disturbed(&self, seed: u64) -> (Vec<u8>, usize) {
        let mut dice = Dice(seed);
        let mut segments = Vec::new();
        let is_cutting = !dice.once_in(3);
        for segment in &self.segments {
            let length = segment.payload.len();
            let mut cuts = vec![0, length];
            if is_cutting && length > 1 && !dice.once_in(3) {
                let most = if length < 40 && dice.once_in(4) {
                    length
                } else {
                    3
                };
                cuts.extend((0..most).map(|_| dice.below(length)));
            }
            cuts.sort_unstable();
            cuts.dedup();
            if length == 0 {
                segments.push(segment.clone());
            }
            let parts = cuts.windows(2);
            segments.extend(parts.map(|cut| segment.part(cut[0], cut[1])));
        }
        if !dice.once_in(3) {
            self.retransmit(&mut dice, &mut segments);
        }
        let is_fragmenting = dice.once_in(2);
        let mut packets: Vec<(u64, Vec<u8>)> = Vec::new();
        for (id, segment) in (1..).zip(&segments) {
            for packet in segment.packets(&mut dice, id, is_fragmenting) {
                if dice.once_in(8) {
                    packets.push((segment.us, packet.clone()));
                }
                packets.push((segment.us, packet));
            }
        }
        self.reorder(&mut dice, &mut packets);
        if dice.once_in(2) {
            // A clock that knows only when packets reached the file.
            for (number, (us, _)) in (0..).zip(&mut packets) {
                *us = 1_795_451_677_000_000 + number * 1000;
            }
        }
        (write(&mut dice, &packets), packets.len())
    }

    /// Some ranges of what each side sent come again, some time later, with borders of their own.
    fn retransmit(&self, dice: &mut Dice, segments: &mut Vec<Segment>) {
        let with_payload: Vec<&Segment> = self
            .segments
            .iter()
            .filter(|segment| !segment.payload.is_empty())
            .collect();
        for _ in 0..with_payload.len() / 2 + 1 {
            let first = with_payload[dice.below(with_payload.len())];
            let mut run = first.clone();
            // Segments that follow one another become one, which acknowledges what the last did.
            for next in &with_payload {
                let end = run.seq().wrapping_add(run.payload.len() as u32);
                if next.stream() == run.stream() && next.seq() == end && dice.once_in(2) {
                    run.payload.extend_from_slice(&next.payload);
                    run.tcp[8..12].copy_from_slice(&next.tcp[8..12]);
                    run.us = next.us;
                }
            }
            run.tcp[13] &= !FIN_OR_PUSH;
            let (from, to) = (
                dice.below(run.payload.len()),
                dice.below(run.payload.len()) + 1,
            );
            if from < to {
                let mut part = run.part(from, to);
                part.us += 200_000;
                let at = dice.below(segments.len());
                segments.insert(at, part);
            }
        }
    }

    fn reorder(&self, dice: &mut Dice, packets: &mut [(u64, Vec<u8>)]) {
        let window = match dice.below(6) {
            0 => 1,
            1 => 2,
            2 => 4,
            3 => 8,
            4 => 32,
            _ => packets.len(),
        };
        for window in packets.chunks_mut(window) {
            for at in (1..window.len()).rev() {
                window.swap(at, dice.below(at + 1));
            }
        }
    }
}

/// A capture in one of the forms and link types.
fn write(dice: &mut Dice, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let is_big = dice.once_in(2);
    let is_nano = dice.once_in(2);
    let word = |word: u32| {
        if is_big {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        }
    };
    let framing = dice.below(8);
    let link = [101, 1, 113, 276, 9, 50, 51, 0][framing];
    let mut file = Vec::new();
    file.extend(word(if is_nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
    file.extend(word(if is_big { 0x0002_0004 } else { 0x0004_0002 }));
    for field in [0, 0, 262_144, link] {
        file.extend(word(field));
    }
    let tags = dice.below(3);
    for (us, packet) in packets {
        let is_v4 = packet[0] >> 4 == 4;
        let kind: [u8; 2] = if is_v4 { [8, 0] } else { [0x86, 0xdd] };
        let ppp = [0, if is_v4 { 0x21 } else { 0x57 }];
        let head: Vec<u8> = match framing {
            0 => Vec::new(),
            1 => {
                let tag: &[u8] = &[0x81, 0, 0, 7];
                [&[2; 12][..], &tag.repeat(tags), &kind].concat()
            }
            2 => [&[0; 14][..], &kind].concat(),
            3 => [&kind[..], &[0; 18]].concat(),
            4 => ppp.to_vec(),
            5 => [&[0xff, 3][..], &ppp].concat(),
            6 => [&[0x11, 0, 0, 1, 0, 0][..], &ppp].concat(),
            _ => vec![2, 0, 0, 0],
        };
        let length = (head.len() + packet.len()) as u32;
        let fraction = (us % 1_000_000) as u32 * if is_nano { 1000 } else { 1 };
        for field in [(us / 1_000_000) as u32, fraction, length, length] {
            file.extend(word(field));
        }
        file.extend(head);
        file.extend_from_slice(packet);
    }
    file
}
