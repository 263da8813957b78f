//! What is inside a frame: link types (<https://www.tcpdump.org/linktypes.html>), tags, PPP and
//! tunnels, one header at a time.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer<'a> {
    Link(i32, &'a [u8]),
    /// Ethernet II or IEEE 802.3.
    Ethernet(&'a [u8]),
    Type(u16, &'a [u8]),
    /// PPP from its protocol field, or from the address field before it.
    Ppp(&'a [u8]),
    /// IEEE 802.2.
    Llc(&'a [u8]),
    Mpls(&'a [u8]),
    /// An IEEE 802.11 frame.
    Wireless(&'a [u8]),
    /// GRE (RFC 2784, 2890, 2637).
    Gre(&'a [u8]),
    /// UDP, which may carry VXLAN or Geneve.
    Udp(&'a [u8]),
    /// An IP packet, version 4 or 6.
    Ip(&'a [u8]),
    Unread(i32),
}

mod ether {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const TRANSPARENT_BRIDGING: u16 = 0x6558;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(super) const PPPOE: u16 = 0x8864;
    pub(super) const PPP: u16 = 0x880b;
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
    pub(super) const ERSPAN_2: u16 = 0x88be;
    pub(super) const ERSPAN_3: u16 = 0x22eb;
    pub(super) const OLD_VLAN: u16 = 0x9100;
}

const UNREAD: &[(i32, &str)] = &[
    (6, "Token Ring"),
    (7, "ARCNET"),
    (8, "SLIP"),
    (10, "FDDI"),
    (107, "Frame Relay"),
    (119, "802.11 with a Prism header"),
    (123, "SunATM"),
    (147, "a private use"),
    (163, "802.11 with an AVS header"),
    (187, "Bluetooth"),
    (189, "USB"),
    (195, "IEEE 802.15.4"),
    (201, "Bluetooth"),
    (220, "USB"),
    (227, "CAN"),
    (249, "USB"),
    (252, "packets exported by Wireshark"),
    (253, "Netlink"),
];

pub(super) fn name(link: i32) -> String {
    match UNREAD.iter().find(|(number, _)| *number == link) {
        Some((_, name)) => format!("{link} ({name})"),
        None => link.to_string(),
    }
}

/// Takes one header off. None when nothing of IP is in it.
pub(super) fn inner(layer: Layer<'_>) -> Option<Layer<'_>> {
    match layer {
        Layer::Link(link, frame) => of_link(link, frame),
        Layer::Ethernet(frame) => Some(Layer::Type(number(frame, 12)?, frame.get(14..)?)),
        Layer::Type(kind, rest) => of_type(kind, rest),
        Layer::Ppp(frame) => ppp(frame),
        Layer::Llc(frame) => match frame {
            [0xaa, 0xaa, 3, _, _, _, rest @ ..] => {
                Some(Layer::Type(number(rest, 0)?, rest.get(2..)?))
            }
            // IP has a number of its own there.
            [6, 6, 3, ip @ ..] => Some(Layer::Ip(ip)),
            _ => None,
        },
        Layer::Mpls(stack) => {
            let [_, _, bottom, _, rest @ ..] = stack else {
                return None;
            };
            if bottom & 1 == 0 {
                return Some(Layer::Mpls(rest));
            }
            match rest.first()? >> 4 {
                4 | 6 => Some(Layer::Ip(rest)),
                // RFC 4448 §4.6: the control word of an Ethernet pseudowire.
                0 => Some(Layer::Ethernet(rest.get(4..)?)),
                _ => None,
            }
        }
        Layer::Wireless(frame) => wireless(frame),
        Layer::Gre(packet) => gre(packet),
        Layer::Udp(packet) => udp(packet),
        Layer::Ip(_) | Layer::Unread(_) => None,
    }
}

fn of_link(link: i32, frame: &[u8]) -> Option<Layer<'_>> {
    match link {
        1 => Some(Layer::Ethernet(frame)),
        // BSD loopback: four octets of a family, in either order.
        0 | 108 => Some(Layer::Ip(frame.get(4..)?)),
        9 => Some(Layer::Ppp(frame)),
        12 | 14 | 101 | 228 | 229 => Some(Layer::Ip(frame)),
        // PPP on a serial line, or Cisco's HDLC.
        50 | 104 => match frame {
            [0x0f | 0x8f, _, rest @ ..] => Some(Layer::Type(number(rest, 0)?, rest.get(2..)?)),
            _ => Some(Layer::Ppp(frame)),
        },
        51 => Some(Layer::Type(ether::PPPOE, frame)),
        11 | 100 => Some(Layer::Llc(frame)),
        105 => Some(Layer::Wireless(frame)),
        // OpenBSD's enc: family, index and flags.
        109 => Some(Layer::Ip(frame.get(12..)?)),
        // Linux cooked, version 1 and 2.
        113 => Some(Layer::Type(number(frame, 14)?, frame.get(16..)?)),
        276 => Some(Layer::Type(number(frame, 0)?, frame.get(20..)?)),
        117 => {
            let header = usize::from(*frame.first()?).next_multiple_of(4);
            Some(Layer::Ip(frame.get(header..)?))
        }
        // Radiotap.
        127 => Some(Layer::Wireless(frame.get(little(frame, 2)?..)?)),
        // pppd: the direction in place of the address.
        166 => match frame {
            [0 | 1, 3, rest @ ..] | [0 | 1, rest @ ..] => Some(Layer::Ppp(rest)),
            _ => Some(Layer::Ppp(frame)),
        },
        192 => {
            let kind = i32::try_from(little(frame, 4)?).ok()?;
            Some(Layer::Link(kind, frame.get(little(frame, 2)?..)?))
        }
        204 => Some(Layer::Ppp(frame.get(1..)?)),
        239 => nflog(frame),
        link => Some(Layer::Unread(link)),
    }
}

fn of_type(kind: u16, rest: &[u8]) -> Option<Layer<'_>> {
    match kind {
        ether::IPV4 | ether::IPV6 => Some(Layer::Ip(rest)),
        ether::VLAN | ether::SERVICE_VLAN | ether::OLD_VLAN => {
            Some(Layer::Type(number(rest, 2)?, rest.get(4..)?))
        }
        ether::PPPOE => Some(Layer::Ppp(rest.get(6..)?)),
        ether::PPP => Some(Layer::Ppp(rest)),
        ether::MPLS | ether::MPLS_UPSTREAM => Some(Layer::Mpls(rest)),
        ether::TRANSPARENT_BRIDGING => Some(Layer::Ethernet(rest)),
        ether::ERSPAN_2 => Some(Layer::Ethernet(rest.get(8..)?)),
        ether::ERSPAN_3 => {
            // The last bit says whether a platform's header follows.
            let has_more = rest.get(11)? & 1 == 1;
            Some(Layer::Ethernet(rest.get(if has_more { 20 } else { 12 }..)?))
        }
        // IEEE 802.3: a length, or Linux's number for such a frame.
        0..=1500 => Some(Layer::Llc(rest)),
        _ => None,
    }
}

/// PPP (RFC 1661 §2, RFC 1662 §3.1): the address and control fields, and the first octet of the
/// protocol, may be left out.
fn ppp(frame: &[u8]) -> Option<Layer<'_>> {
    let frame = match frame {
        [0xff, 3, rest @ ..] => rest,
        frame => frame,
    };
    let (protocol, rest) = match frame {
        [short, rest @ ..] if short & 1 == 1 => (u16::from(*short), rest),
        frame => (number(frame, 0)?, frame.get(2..)?),
    };
    match protocol {
        0x0021 | 0x0057 => Some(Layer::Ip(rest)),
        0x0281 | 0x0283 => Some(Layer::Mpls(rest)),
        0x0031 => Some(Layer::Ethernet(rest.get(2..)?)),
        _ => None,
    }
}

/// A data frame that is not encrypted (IEEE 802.11 §9.2.4).
fn wireless(frame: &[u8]) -> Option<Layer<'_>> {
    let [control, flags, ..] = frame else {
        return None;
    };
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    let is_encrypted = flags & 0x40 != 0;
    // Subtypes with bit 2 carry no data.
    if kind != 2 || subtype & 4 != 0 || is_encrypted {
        return None;
    }
    let mut header = 24;
    if flags & 3 == 3 {
        header += 6;
    }
    if subtype & 8 != 0 {
        header += 2;
        if flags & 0x80 != 0 {
            header += 4;
        }
    }
    Some(Layer::Llc(frame.get(header..)?))
}

fn gre(packet: &[u8]) -> Option<Layer<'_>> {
    let flags = number(packet, 0)?;
    let kind = number(packet, 2)?;
    let mut header = 4;
    let (has_checksum, has_key, has_sequence) = (
        flags & 0x8000 != 0,
        flags & 0x2000 != 0,
        flags & 0x1000 != 0,
    );
    // RFC 2637 §4.1: version 1 has an acknowledgement number too.
    let has_ack = flags & 7 == 1 && flags & 0x80 != 0;
    for has_field in [has_checksum, has_key, has_sequence, has_ack] {
        header += if has_field { 4 } else { 0 };
    }
    let rest = packet.get(header..)?;
    match kind {
        // Type I has no header of its own.
        ether::ERSPAN_2 if !has_sequence => Some(Layer::Ethernet(rest)),
        kind => Some(Layer::Type(kind, rest)),
    }
}

fn udp(packet: &[u8]) -> Option<Layer<'_>> {
    let rest = packet.get(8..)?;
    match number(packet, 2)? {
        // VXLAN (RFC 7348 §5), and the port that Linux used before.
        4789 | 8472 if rest.first()? & 8 != 0 => Some(Layer::Ethernet(rest.get(8..)?)),
        // Geneve (RFC 8926 §3.4).
        6081 => {
            let options = usize::from(rest.first()? & 0x3f) * 4;
            Some(Layer::Type(number(rest, 2)?, rest.get(8 + options..)?))
        }
        _ => None,
    }
}

/// Linux's netfilter log: fields with a length and a kind, one of them the packet.
fn nflog(frame: &[u8]) -> Option<Layer<'_>> {
    const PACKET: usize = 9;
    let mut rest = frame.get(4..)?;
    loop {
        let (length, kind) = (little(rest, 0)?, little(rest, 2)?);
        if kind == PACKET {
            return Some(Layer::Ip(rest.get(4..)?));
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// Two octets in network order.
fn number(octets: &[u8], at: usize) -> Option<u16> {
    let field = octets.get(at..at + 2)?;
    Some(u16::from_be_bytes(field.try_into().ok()?))
}

/// Two octets in the order of the machine that captured, which nearly always is this one.
fn little(octets: &[u8], at: usize) -> Option<usize> {
    let field = octets.get(at..at + 2)?;
    Some(usize::from(u16::from_le_bytes(field.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes headers off until an IP packet is there.
    fn peel(link: i32, frame: &[u8]) -> Option<Vec<u8>> {
        let mut layer = Layer::Link(link, frame);
        for _ in 0..16 {
            layer = match layer {
                Layer::Ip(packet) => return Some(packet.to_vec()),
                outer => inner(outer)?,
            };
        }
        None
    }

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        [&parts.concat()[..], b"\x45packet"].concat()
    }

    #[test]
    fn each_link_type_gives_its_packet() {
        let addresses: &[u8] = &[2; 12];
        let snap: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        let data: &[u8] = &[0x88, 1];
        let frames: &[(i32, &[&[u8]])] = &[
            (1, &[addresses, &[8, 0]]),
            (1, &[addresses, &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]]),
            (1, &[addresses, &[0, 40], snap]),
            (1, &[addresses, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21]]),
            (1, &[addresses, &[0x88, 0x47, 0, 0, 0, 64, 0, 0, 1, 64]]),
            (
                1,
                &[
                    addresses,
                    &[0x88, 0x47, 0, 0, 1, 64, 0, 0, 0, 0],
                    addresses,
                    &[8, 0],
                ],
            ),
            (0, &[&[2, 0, 0, 0]]),
            (108, &[&[0, 0, 0, 2]]),
            (9, &[&[0xff, 3, 0, 0x21]]),
            (9, &[&[0x21]]),
            (50, &[&[0xff, 3, 0, 0x21]]),
            (50, &[&[0x0f, 0, 8, 0]]),
            (51, &[&[0x11, 0, 0, 1, 0, 9, 0, 0x21]]),
            (101, &[]),
            (104, &[&[0x8f, 0, 8, 0]]),
            (105, &[data, &[0; 24], snap]),
            (127, &[&[0, 0, 8, 0, 0, 0, 0, 0], data, &[0; 24], snap]),
            (113, &[&[0; 14], &[8, 0]]),
            (276, &[&[8, 0], &[0; 18]]),
            (166, &[&[1, 3, 0, 0x21]]),
            (192, &[&[0, 0, 8, 0, 101, 0, 0, 0]]),
            (204, &[&[1, 0xff, 3, 0, 0x21]]),
            (239, &[&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 0, 0, 12, 0, 9, 0]]),
        ];
        for (link, parts) in frames {
            let frame = frame(parts);
            assert_eq!(
                peel(*link, &frame).as_deref(),
                Some(&b"\x45packet"[..]),
                "{link} {parts:?}"
            );
            for cut in 0..frame.len() {
                peel(*link, &frame[..cut]);
            }
        }
        assert_eq!(inner(Layer::Link(189, b"x")), Some(Layer::Unread(189)));
        assert_eq!(name(189), "189 (USB)");
    }

    #[test]
    fn tunnels_give_what_is_in_them() {
        let packet = b"\x45packet";
        let ethernet = frame(&[&[2; 12], &[8, 0]]);
        let gre = frame(&[&[0xb0, 0, 8, 0], &[0; 12]]);
        assert_eq!(inner(Layer::Gre(&gre)), Some(Layer::Type(0x0800, packet)));
        let vxlan = [
            &[0, 9, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0][..],
            &ethernet,
        ]
        .concat();
        assert_eq!(inner(Layer::Udp(&vxlan)), Some(Layer::Ethernet(&ethernet)));
        let geneve = [
            &[
                0, 9, 0x17, 0xc1, 0, 0, 0, 0, 1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9,
            ][..],
            &ethernet,
        ]
        .concat();
        assert_eq!(
            inner(Layer::Udp(&geneve)),
            Some(Layer::Type(0x6558, &ethernet))
        );
    }
}
