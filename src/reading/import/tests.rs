//! No octets of a stranger do harm, and what was sent in packets or written to a rawlog comes back.

use proptest::prelude::*;

use super::*;
use crate::pop3::tracker::Side;
use crate::transcript::Item;
use crate::transcript::text::parse;

mod pastes;
mod terminals;

/// Writes captures: what is sent, as packets, with a header of choice.
mod writer {
    use etherparse::PacketBuilder;

    use crate::pop3::tracker::Side;

    /// How packets are framed.
    #[derive(Debug, Clone, Copy)]
    pub(super) enum Link {
        Ethernet,
        Cooked,
        Cooked2,
        Loopback,
        Ip,
    }

    /// A segment: who sends it, where its octets stand among those of that side, they, and how many
    /// of the other side came before.
    pub(super) type Segment<'a> = (Side, usize, &'a [u8], usize);

    fn packet(
        link: Link,
        is_v6: bool,
        side: Side,
        at: usize,
        octets: &[u8],
        ack: usize,
        flags: (bool, bool),
    ) -> Vec<u8> {
        let (from, to, ports, base) = match side {
            Side::Client => (1, 2, (40000, 110), u32::MAX - 20),
            Side::Server => (2, 1, (110, 40000), 7),
        };
        let v6 = |host: u8| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
        let ethernet = PacketBuilder::ethernet2([0, 0, 0, 0, 0, from], [0, 0, 0, 0, 0, to]);
        let ip = if is_v6 {
            ethernet.ipv6(v6(from), v6(to), 64)
        } else {
            ethernet.ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
        };
        let (is_syn, is_fin) = flags;
        let mut tcp = ip.tcp(
            ports.0,
            ports.1,
            base.wrapping_add(u32::from(!is_syn))
                .wrapping_add(at as u32),
            1000,
        );
        let other = if side == Side::Client {
            8_u32
        } else {
            u32::MAX - 19
        };
        if !is_syn {
            tcp = tcp.ack(other.wrapping_add(ack as u32));
        } else {
            tcp = tcp.syn();
        }
        if is_fin {
            tcp = tcp.fin();
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, octets).unwrap();
        let (ethernet, ip) = packet.split_at(14);
        let kind = &ethernet[12..14];
        match link {
            Link::Ethernet => packet,
            Link::Cooked => [&[0; 14][..], kind, ip].concat(),
            Link::Cooked2 => [kind, &[0; 18], ip].concat(),
            Link::Loopback => [&[2, 0, 0, 0][..], ip].concat(),
            Link::Ip => ip.to_vec(),
        }
    }

    fn link_type(link: Link) -> u16 {
        match link {
            Link::Ethernet => 1,
            Link::Cooked => 113,
            Link::Cooked2 => 276,
            Link::Loopback => 0,
            Link::Ip => 101,
        }
    }

    /// A capture of one connection, one packet each millisecond; `is_ng` in pcapng form.
    pub(super) fn capture(
        link: Link,
        is_v6: bool,
        is_ng: bool,
        segments: &[Segment<'_>],
        ends: [usize; 2],
    ) -> Vec<u8> {
        let mut packets = vec![
            packet(link, is_v6, Side::Client, 0, b"", 0, (true, false)),
            packet(link, is_v6, Side::Server, 0, b"", 0, (true, false)),
        ];
        packets.extend(segments.iter().map(|(side, at, octets, ack)| {
            packet(link, is_v6, *side, *at, octets, *ack, (false, false))
        }));
        for (side, own, others) in [
            (Side::Server, ends[1], ends[0]),
            (Side::Client, ends[0], ends[1]),
        ] {
            packets.push(packet(link, is_v6, side, own, b"", others, (false, true)));
        }
        let mut file = header(link, is_ng);
        for (number, packet) in (0..).zip(&packets) {
            file.extend(frame(number, packet, is_ng));
        }
        file
    }

    fn put(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// What a capture begins with; in pcapng form a section and an interface.
    fn header(link: Link, is_ng: bool) -> Vec<u8> {
        let link = u32::from(link_type(link));
        if !is_ng {
            return put(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, link]);
        }
        let section = [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
        [put(&section), put(&[1, 20, link, 0, 20])].concat()
    }

    /// A packet as a capture holds it, so many milliseconds after the first.
    fn frame(ms: u64, packet: &[u8], is_ng: bool) -> Vec<u8> {
        let length = packet.len() as u32;
        if !is_ng {
            let head = put(&[1_795_451_677, ms as u32 * 1000, length, length]);
            return [&head, packet].concat();
        }
        let us = 1_795_451_677_000_000_u64 + ms * 1000;
        let padding = packet.len().next_multiple_of(4) - packet.len();
        let total = 32 + length + padding as u32;
        let head = put(&[6, total, 0, (us >> 32) as u32, us as u32, length, length]);
        [&head, packet, &vec![0; padding], &put(&[total])].concat()
    }
}

use writer::Link;

const KEEPING: Options = Options {
    ports: Vec::new(),
    is_keeping: true,
};

fn import_one(format: Format, name: &str, octets: &[u8], options: &Options) -> String {
    let made = import(format, &[Source { name, octets }], options).unwrap();
    assert_eq!(made.len(), 1);
    String::from_utf8(made[0].text.clone()).unwrap()
}

/// Cuts a talk into segments of at most `size` octets.
fn segments<'a>(
    talk: &'a [(Side, Vec<u8>)],
    size: usize,
) -> (Vec<writer::Segment<'a>>, [usize; 2]) {
    let mut ends = [0, 0];
    let mut segments = Vec::new();
    for (side, octets) in talk {
        let own = usize::from(*side == Side::Server);
        for chunk in octets.chunks(size) {
            segments.push((*side, ends[own], chunk, ends[1 - own]));
            ends[own] += chunk.len();
        }
    }
    (segments, ends)
}

fn talk(texts: &[(Side, &str)]) -> Vec<(Side, Vec<u8>)> {
    texts
        .iter()
        .map(|(side, text)| (*side, text.as_bytes().to_vec()))
        .collect()
}

const C: Side = Side::Client;
const S: Side = Side::Server;

#[test]
fn each_link_type_and_form_of_capture_is_read() {
    let talk = talk(&[
        (S, "+OK <1@x>\r\n"),
        (C, "PASS geheim12\r\n"),
        (S, "+OK geheim12\r\n"),
    ]);
    let (segments, ends) = segments(&talk, 5);
    for link in [
        Link::Ethernet,
        Link::Cooked,
        Link::Cooked2,
        Link::Loopback,
        Link::Ip,
    ] {
        for (is_v6, is_ng) in [(false, false), (true, false), (false, true), (true, true)] {
            let file = writer::capture(link, is_v6, is_ng, &segments, ends);
            let text = import_one(Format::Pcap, "x", &file, &Options::default());
            let server = if is_v6 {
                "[fd00::2]:110"
            } else {
                "10.0.0.2:110"
            };
            let head = format!("#!pop3 1\nserver: {server}\nstarted: 2026-11-23T16:34:37Z\n");
            assert!(text.starts_with(&head), "{link:?} {text}");
            assert!(
                text.contains("S: {{password}}\n")
                    || text.contains("S@6: +OK {{password}}\n")
                    || text.contains("+OK {{password}}\n"),
                "{link:?} {text}"
            );
            assert!(!text.contains("geheim"), "{text}");
            assert!(text.ends_with("* closed by server\n"), "{text}");
        }
    }
}

#[test]
fn late_double_and_missing_segments() {
    let talk = talk(&[
        (S, "+OK\r\n"),
        (C, "LIST\r\n"),
        (S, "+OK\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n"),
        (C, "QUIT\r\n"),
        (S, "+OK\r\n"),
    ]);
    let (mut segments, ends) = segments(&talk, 6);
    let whole = segments.clone();
    segments.swap(2, 4);
    segments.insert(4, segments[3]);
    let sorted = |segments: &[writer::Segment<'_>]| {
        let file = writer::capture(Link::Ethernet, false, false, segments, ends);
        import_one(Format::Pcap, "x", &file, &KEEPING)
    };
    let octets = |text: &str, side| parse(text.as_bytes()).unwrap().octets(side);
    assert_eq!(octets(&sorted(&segments), S), octets(&sorted(&whole), S));
    let mut lost = whole;
    lost.remove(3);
    let text = sorted(&lost);
    assert!(
        text.contains("# 6 octets of the server are not in the capture\nS: {{...}}\n"),
        "{text}"
    );
    assert!(text.contains(": 3 30\nS@1: .\n"), "{text}");
}

#[test]
fn the_rest_of_a_line_whose_start_was_lost_is_hidden() {
    let talk = talk(&[
        (S, "+OK\r\n"),
        (C, "PASS geheim12\r\nSTAT\r\n"),
        (S, "+OK\r\n"),
    ]);
    let (whole, ends) = segments(&talk, 5);
    for lost in 1..4 {
        let mut segments = whole.clone();
        segments.remove(lost);
        let file = writer::capture(Link::Ip, false, false, &segments, ends);
        let text = import_one(Format::Pcap, "x", &file, &Options::default());
        let said: Vec<&str> = text.lines().filter(|line| line.starts_with('C')).collect();
        let said = said.join("\n");
        assert!(
            !["gehe", "heim", "im12"]
                .iter()
                .any(|part| said.contains(part)),
            "{said}"
        );
    }
}

#[test]
fn what_s_client_took_for_itself_is_no_way_out_for_a_secret() {
    let log = "CONNECTED(00000003)\n+OK\nAUTH PLAIN\n+ \nRGFsaWNlAGdl\nRENEGOTIATING\nPASS geheim12\n+OK\nRETR 1\n+OK\npass geheim34\n";
    let text = import_one(Format::SClient, "x", log.as_bytes(), &Options::default());
    assert!(text.contains("did not send it: a secret\n"), "{text}");
    assert!(!text.contains("geheim") && !text.contains("RGFs"), "{text}");
}

#[test]
fn tls_in_a_capture_is_counted_and_left_out() {
    let talk = vec![
        (S, b"+OK\r\n".to_vec()),
        (C, b"STLS\r\n".to_vec()),
        (S, b"+OK\r\n".to_vec()),
        (C, b"\x16\x03\x01 secret".to_vec()),
        (S, b"\x16\x03\x03 other".to_vec()),
    ];
    let (segments, ends) = segments(&talk, 100);
    let file = writer::capture(Link::Ip, false, false, &segments, ends);
    let text = import_one(Format::Pcap, "x", &file, &KEEPING);
    assert!(
        text.contains("# encrypted: 10 octets from the client, 9 from the server"),
        "{text}"
    );
    assert!(
        !text.contains("secret\n") && !text.contains("other"),
        "{text}"
    );
}

fn samples() -> Vec<(Format, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/import");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let start = name.split('-').next().unwrap();
        if let Some(format) = Format::ALL
            .iter()
            .copied()
            .find(|format| format.name() == start)
            && !name.ends_with("pop3")
        {
            samples.push((format, std::fs::read(path).unwrap()));
        }
    }
    samples
}

/// What an import makes of octets is a transcript, or an error in one line.
fn harmless(format: Format, octets: &[u8]) {
    let rawlog = [
        Source {
            name: "x.in",
            octets,
        },
        Source {
            name: "x.out",
            octets,
        },
    ];
    let plain = [Source { name: "x", octets }];
    let _ = Format::recognize(&plain[0]);
    let sources = if format == Format::Rawlog {
        &rawlog[..]
    } else {
        &plain
    };
    let options = Options {
        ports: vec![21100],
        is_keeping: false,
    };
    match import(format, sources, &options) {
        Ok(made) => {
            for made in made {
                let parsed = parse(&made.text).unwrap_or_else(|error| panic!("{error}"));
                assert!(
                    !parsed
                        .items
                        .iter()
                        .any(|item| matches!(item, Item::Unknown(_)))
                );
                assert!(
                    String::from_utf8(made.text)
                        .unwrap()
                        .chars()
                        .all(|c| c == '\n' || !c.is_control())
                );
            }
        }
        Err(problem) => assert!(!problem.to_string().contains('\n')),
    }
}

fn cases(usual: u32) -> u32 {
    let count = std::env::var("PROPTEST_CASES").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn wire() -> impl Strategy<Value = Vec<(Side, Vec<u8>)>> {
    let bits: Vec<&[u8]> = vec![
        b"+OK\r\n",
        b"-ERR\n",
        b"LIST\r\n",
        b"RETR 1\r\n",
        b".\r\n",
        b"..\r\n",
        b"USER a\r\n",
        b"PASS x\r\n",
        b"\r",
        b"\n",
        b"\xff\0",
        b"{{x}}",
        b"\\",
        b"12345.678901 x\r\n",
        b"STLS",
        b"caf\xc3\xa9\r\r\n",
        b"XTND XMIT\r\n",
        b" ",
    ];
    let octets = proptest::collection::vec(proptest::sample::select(bits), 1..6)
        .prop_map(|bits| bits.concat());
    proptest::collection::vec((prop_oneof![Just(C), Just(S)], octets), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(100)) })]

    #[test]
    fn any_octets_are_harmless(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::ALL {
            harmless(*format, &octets);
        }
    }

    #[test]
    fn recordings_with_changes_are_harmless(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..12),
    ) {
        let samples = samples();
        let (format, mut octets) = samples[which.index(samples.len())].clone();
        for (at, octet, what) in changes {
            let at = at.index(octets.len().max(1));
            match what {
                0 if at < octets.len() => octets[at] = octet,
                1 => octets.truncate(at.max(octets.len() / 2)),
                _ if at < octets.len() => octets.insert(at, octet),
                _ => {}
            }
        }
        harmless(format, &octets);
    }

    #[test]
    fn what_was_sent_in_packets_comes_back(talk in wire(), size in 1..40_usize, is_v6 in any::<bool>(), is_ng in any::<bool>()) {
        let (segments, ends) = segments(&talk, size);
        let file = writer::capture(Link::Ethernet, is_v6, is_ng, &segments, ends);
        let text = import_one(Format::Pcap, "x", &file, &KEEPING);
        let parsed = parse(text.as_bytes()).unwrap();
        for side in [C, S] {
            let sent: Vec<u8> = talk.iter().filter(|(of, _)| *of == side).flat_map(|(_, octets)| octets.clone()).collect();
            prop_assert_eq!(parsed.octets(side), sent, "{}", text);
        }
    }

    #[test]
    fn what_was_written_to_a_rawlog_comes_back(talk in wire()) {
        let mut files = [Vec::new(), Vec::new()];
        for (us, (side, octets)) in (1_795_426_782_000_000_u64..).step_by(1500).zip(&talk) {
            let file = &mut files[usize::from(*side == S)];
            for line in octets.split_inclusive(|octet| *octet == b'\n') {
                // Dovecot writes a time at the start of a line only.
                if file.is_empty() || file.ends_with(b"\n") {
                    file.extend_from_slice(format!("{}.{:06} ", us / 1_000_000, us % 1_000_000).as_bytes());
                }
                file.extend_from_slice(line);
            }
        }
        let sources = [Source { name: "x.in", octets: &files[0] }, Source { name: "x.out", octets: &files[1] }];
        let made = import(Format::Rawlog, &sources, &KEEPING).unwrap();
        let parsed = parse(&made[0].text).unwrap();
        for side in [C, S] {
            let sent: Vec<u8> = talk.iter().filter(|(of, _)| *of == side).flat_map(|(_, octets)| octets.clone()).collect();
            prop_assert_eq!(parsed.octets(side), sent);
        }
    }
}

#[test]
fn a_long_line_becomes_rows_of_the_usual_length() {
    let long = "x".repeat(3 * crate::transcript::recorder::ROW_MAX + 7);
    let log = format!(
        "* Connected to mail.example.org (192.0.2.1) port 110\r\n< +OK {long}\r\n> NOOP {long}\r\n"
    );
    let text = import_one(Format::Curl, "x", log.as_bytes(), &KEEPING);
    let parsed = parse(text.as_bytes()).unwrap();
    let rows = text.lines().map(str::len);
    assert!(rows.max().unwrap() < crate::transcript::recorder::ROW_MAX + 100);
    for (side, line) in [
        (S, format!("+OK {long}\r\n")),
        (C, format!("NOOP {long}\r\n")),
    ] {
        assert!(parsed.octets(side) == line.as_bytes());
    }
}
