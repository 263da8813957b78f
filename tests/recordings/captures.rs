//! Captures of real sessions (`tests/recordings/import/captures/`), disturbed as networks and taps
//! do: segments with other borders, sent again, late, in fragments of IP, in other frames. What
//! `import` makes of them is what it makes of the untouched file. `cargo test` tries a few
//! disturbances of each; with the variable POPTALK_MATRIX two hundred.

#![allow(clippy::print_stdout, reason = "the figures of what was tried")]

mod disturbed;

use std::collections::BTreeSet;
use std::path::PathBuf;

use poptalk::analysis::finding::{Finding, Level};
use poptalk::analysis::lint::{Lint, judge};
use poptalk::pop3::tracker::Side;
use poptalk::reading::import::{Format, Options, Source, import};
use poptalk::transcript::text::{Reader, parse};

use disturbed::Capture;

fn files() -> Vec<(String, Vec<u8>)> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/import/captures");
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .map(|path: PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    assert_eq!(files.len(), 10);
    files
}

fn seeds() -> u64 {
    match std::env::var_os("POPTALK_MATRIX") {
        Some(_) => 200,
        None => 10,
    }
}

/// The transcripts of a capture, without their times.
fn transcripts(name: &str, octets: &[u8]) -> Vec<String> {
    let options = Options {
        is_keeping: true,
        ..Options::default()
    };
    let made = import(Format::Pcap, &[Source { name, octets }], &options);
    let made = made.unwrap_or_else(|problem| panic!("{problem}"));
    let mut texts: Vec<String> = made
        .into_iter()
        .map(|made| without_times(&String::from_utf8(made.text).unwrap()))
        .collect();
    texts.sort();
    texts
}

fn without_times(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("started: ") && !line.starts_with("imported: "));
    let lines = lines.map(|line| match line.split_once(':') {
        Some((start, rest)) if start.starts_with("C@") || start.starts_with("S@") => {
            format!("{}:{rest}\n", &start[..1])
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn a_disturbed_capture_gives_the_same_transcripts() {
    let (mut all, mut packets) = (0, 0);
    for (name, octets) in files() {
        let want = transcripts(&name, &octets);
        assert!(!want.concat().contains("not in the capture"), "{name}");
        let capture = Capture::read(&octets);
        for seed in 0..seeds() {
            let (file, count) = capture.disturbed(seed);
            let came = transcripts(&name, &file);
            if came != want {
                let path = std::env::temp_dir().join(format!("{seed}-{name}"));
                let _ = std::fs::write(&path, &file);
                assert_eq!(
                    came.concat(),
                    want.concat(),
                    "{name}, seed {seed}: {}",
                    path.display()
                );
            }
            all += 1;
            packets += count;
        }
    }
    println!("{all} disturbed captures, {packets} packets, all as untouched");
}

/// What is wrong with the transcripts of a capture, apart from what is only worth knowing.
fn blamed(octets: &[u8]) -> Option<BTreeSet<&'static str>> {
    let source = Source { name: "x", octets };
    let options = Options {
        ports: vec![2110],
        ..Options::default()
    };
    let mut blamed = BTreeSet::new();
    for made in import(Format::Pcap, &[source], &options).ok()? {
        let found = judge(&mut Reader::new(&made.text[..]), Lint::new()).unwrap();
        let bad = |finding: &&Finding| matches!(finding.level, Level::Must | Level::Security);
        blamed.extend(found.iter().filter(bad).map(|finding| finding.id));
    }
    Some(blamed)
}

#[test]
fn a_capture_that_begins_at_any_packet_is_blamed_for_nothing_that_is_not_in_it() {
    let mut count = 0;
    for (name, octets) in files() {
        let is_pcap = octets.starts_with(b"\xd4\xc3\xb2\xa1");
        let all = blamed(&octets).unwrap();
        // Of pcapng the blocks before the packets would have to stay.
        let mut at = if is_pcap { 24 } else { continue };
        while let Some(length) = octets.get(at + 8..at + 12) {
            at += 16 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
            let rest = [&octets[..24], octets.get(at..).unwrap_or_default()].concat();
            if let Some(found) = blamed(&rest) {
                assert!(found.is_subset(&all), "{name} from octet {at}: {found:?}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// A capture of IP packets: what the client and the server at a port say in turn, the server first.
fn capture(link: u8, port: u16, turns: &[&[u8]]) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0".to_vec();
    file.extend([link, 0, 0, 0]);
    let mut sent = [1, 1];
    for (number, turn) in turns.iter().enumerate() {
        let own = number % 2;
        let (from, to, ports) = match own {
            0 => ([10, 0, 0, 2], [10, 0, 0, 1], (port, 40000)),
            _ => ([10, 0, 0, 1], [10, 0, 0, 2], (40000, port)),
        };
        let packet = etherparse::PacketBuilder::ipv4(from, to, 64);
        let packet = packet
            .tcp(ports.0, ports.1, sent[own], 100)
            .ack(sent[1 - own]);
        sent[own] += turn.len() as u32;
        let length = packet.size(turn.len()) as u32;
        for word in [1_795_451_677, 0, length, length] {
            file.extend(u32::to_le_bytes(word));
        }
        packet.write(&mut file, turn).unwrap();
    }
    file
}

fn refused(octets: &[u8], ports: &[u16]) -> (String, String) {
    let options = Options {
        ports: ports.to_vec(),
        ..Options::default()
    };
    let source = Source { name: "x", octets };
    let problem = import(Format::Pcap, &[source], &options).unwrap_err();
    (problem.to_string(), problem.hint.into_owned())
}

#[test]
fn a_capture_without_pop3_is_refused_with_what_is_there() {
    const RAW: u8 = 101;
    let tls: &[&[u8]] = &[b"", b"\x16\x03\x01\0\x04hello", b"\x16\x03\x03\0\x04hello"];
    let keys = "a capture lacks the keys: record such a session with `poptalk proxy`";
    assert_eq!(
        refused(&capture(RAW, 995, tls), &[]),
        (
            "x: no POP3 on port 110, only port 995, with TLS".to_owned(),
            keys.to_owned()
        )
    );
    assert_eq!(
        refused(&capture(RAW, 995, tls), &[995]),
        (
            "x: no unencrypted POP3, only TLS on port 995".to_owned(),
            keys.to_owned()
        )
    );
    let (what, hint) = refused(&capture(RAW, 2110, &[b"+OK ready\r\n"]), &[]);
    assert_eq!(
        what,
        "x: no POP3 on port 110, but something like it on port 2110"
    );
    assert_eq!(hint, "import it with --port 2110");
    let (what, _) = refused(&capture(RAW, 80, &[b"", b"GET / HTTP/1.0\r\n"]), &[]);
    assert_eq!(what, "x: no POP3 on port 110, only port 80");
    let (what, _) = refused(&capture(RAW, 110, &[b"", b""]), &[]);
    assert_eq!(
        what,
        "x: connections to port 110, but no octets were captured"
    );
    let (what, hint) = refused(&capture(189, 110, &[b"+OK\r\n"]), &[]);
    assert_eq!(
        what,
        "x: packets of link type 189 (USB), which poptalk can't read"
    );
    assert!(hint.contains("tcpdump -i any"), "{hint}");
    let (what, _) = refused(&capture(RAW, 110, &[]), &[]);
    assert_eq!(what, "x: no POP3 on port 110: no TCP at all");
    // Ports are there, and no more of the header of TCP.
    let mut cut = capture(RAW, 110, &[b"+OK ready\r\n"]);
    cut.truncate(24 + 16 + 26);
    cut[24 + 8] = 26;
    let (what, hint) = refused(&cut, &[]);
    assert_eq!(
        what,
        "x: no POP3 visible on port 110: the packets are cut inside the TCP header"
    );
    assert_eq!(hint, "record whole packets: tcpdump -s 0");
}

#[test]
fn a_session_that_goes_to_tls_is_closed_last() {
    let (name, octets) = files()
        .into_iter()
        .find(|(name, _)| name == "stls.pcap")
        .unwrap();
    let text = transcripts(&name, &octets).concat();
    let events: Vec<&str> = text.lines().filter(|line| line.starts_with('*')).collect();
    assert!(
        matches!(events[..], [_, "* tls unknown", last] if last.starts_with("* closed by")),
        "{text}"
    );
    assert!(
        text.lines().last().unwrap().starts_with("* closed by"),
        "{text}"
    );
}

/// What tshark follows of each side in all connections of a file: the octets, sorted by connection.
fn followed(path: &std::path::Path, connections: usize) -> Vec<[Vec<u8>; 2]> {
    let mut all: Vec<_> = (0..connections)
        .map(|number| {
            let follow = format!("follow,tcp,raw,{number}");
            let output = std::process::Command::new("tshark")
                .args(["-q", "-z", &follow, "-r"])
                .arg(path)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut sides = [Vec::new(), Vec::new()];
            for line in text.lines() {
                let hex = line.trim_start();
                let is_hex = !hex.is_empty() && hex.bytes().all(|octet| octet.is_ascii_hexdigit());
                if is_hex {
                    let side = usize::from(line.starts_with('\t'));
                    let octets = (0..hex.len() / 2)
                        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
                    sides[side].extend(octets);
                }
            }
            // The first to speak is the first node, here mostly the server.
            sides.sort_by_key(|octets| !octets.starts_with(b"+OK"));
            sides
        })
        .collect();
    all.sort();
    all
}

/// The same of our transcripts.
fn imported(name: &str, octets: &[u8]) -> Vec<[Vec<u8>; 2]> {
    let sides = |text: &String| {
        let parsed = parse(text.as_bytes()).unwrap();
        [parsed.octets(Side::Server), parsed.octets(Side::Client)]
    };
    let mut all: Vec<_> = transcripts(name, octets).iter().map(sides).collect();
    all.sort();
    all
}

#[test]
#[ignore = "needs tshark, and some minutes"]
fn what_tshark_follows_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (name, octets) in files().into_iter().filter(|(name, _)| name != "stls.pcap") {
        let want = imported(&name, &octets);
        std::fs::write(&path, &octets).unwrap();
        assert_eq!(followed(&path, want.len()), want, "{name}");
        let capture = Capture::read(&octets);
        let (mut ours, mut theirs, mut lost) = (0, 0, 0);
        for seed in 0..20 {
            let (file, _) = capture.disturbed(seed);
            std::fs::write(&path, &file).unwrap();
            let followed = followed(&path, want.len());
            ours += usize::from(imported(&name, &file) == want);
            theirs += usize::from(followed == want);
            let size = |all: &[[Vec<u8>; 2]]| all.iter().flatten().map(Vec::len).sum::<usize>();
            lost += size(&want).saturating_sub(size(&followed));
        }
        println!(
            "{name}: of 20 poptalk has {ours} whole, tshark {theirs}, which lacks {lost} octets"
        );
        assert_eq!(ours, 20, "{name}");
    }
}
