//! Unencrypted POP3 out of a capture of packets: each connection to one of the ports becomes a
//! transcript.

use core::net::{IpAddr, SocketAddr};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::conversation::Conversation;
use super::frames::{Notes, Segment};
use super::sessions::{CapturedSession, sessions};
use super::tcp::{Captured, other, passages};
use super::{ImportedTranscript, Options, Problem, Source, link, packets};
use crate::pop3::tracker::Side;

pub(crate) const TALKS_MAX: usize = 4096;

/// The port of POP3 (RFC 1939 §3), and that of POP3 over TLS (RFC 8314 §3.3).
const PORT: u16 = 110;
const TLS_PORT: u16 = 995;

const PORTS_MAX: usize = 1024;
const PORTS_NAMED: usize = 8;

pub(super) fn is_capture(head: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGICS.iter().any(|magic| head.starts_with(magic))
}

pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let mut pairs = Pairs::default();
    let mut others = OtherPorts::default();
    let is_server = |place: &SocketAddr| is_port(options, place.port());
    let notes = packets::read(source.octets, &mut |segment| {
        if is_server(&segment.from) || is_server(&segment.to) {
            pairs.add(segment);
        } else {
            others.add(segment);
        }
    })
    .map_err(|what| {
        let hint = "give a file from tcpdump or Wireshark";
        Problem::new(source, None, &what, hint)
    })?;

    let is_there = !pairs.all.is_empty();
    let mut connections: Vec<(Ends, CapturedSession)> = Vec::new();
    for pair in pairs.all {
        let (ends, segments) = pair.oriented(&is_server);
        for session in sessions(segments) {
            if connections.len() == TALKS_MAX {
                let what = format!("more than {TALKS_MAX} connections");
                let hint = "select some of them: tcpdump -r FILE -w LESS host HOST";
                return Err(Problem::new(source, None, &what, hint));
            }
            connections.push((ends, session));
        }
    }
    let first = |session: &CapturedSession| session.segments.first().map(|segment| segment.number);
    connections.sort_by_key(|(_, session)| first(session));

    let mut made = Vec::new();
    let mut tls_ports = Vec::new();
    let mut is_any_clear = false;
    for (ends, session) in &connections {
        let passages = passages(&session.segments, session.isn);
        let mut conversation = Conversation::new(ends.server, session, options);
        for side in [Side::Client, Side::Server] {
            if notes.headless.contains(&ends.of(side)) {
                conversation.has_headless(side);
            }
        }
        conversation.passages(&passages);
        is_any_clear |= conversation.has_clear();
        if conversation.is_encrypted() && !tls_ports.contains(&ends.server.port()) {
            tls_ports.push(ends.server.port());
        }
        made.extend(conversation.finish(notes.is_cut));
    }
    if is_any_clear && !made.is_empty() {
        return Ok(made);
    }
    let (what, hint) = why_nothing(options, is_there, &tls_ports, &others, &notes);
    Err(Problem::new(source, None, &what, hint))
}

fn is_port(options: &Options, port: u16) -> bool {
    port == PORT || options.ports.contains(&port)
}

fn why_nothing(
    options: &Options,
    is_there: bool,
    tls_ports: &[u16],
    others: &OtherPorts,
    notes: &Notes,
) -> (String, Cow<'static, str>) {
    let own: Vec<u16> = [PORT].iter().chain(&options.ports).copied().collect();
    let own = ports(&own);
    if let Some(elsewhere) = why_elsewhere(&own, others) {
        return elsewhere;
    }
    let (what, hint) = if let Some(encrypted) = why_encrypted(&own, tls_ports, others) {
        encrypted
    } else if is_there {
        (
            format!("connections to {own}, but no octets were captured"),
            "record while a session runs",
        )
    } else if let Some(unread) = why_unread(&own, others, notes) {
        unread
    } else {
        let named = others.named(|_| true);
        let is_more = others.all.len() > named.len();
        let more = if is_more { " and others" } else { "" };
        (
            format!("no POP3 on {own}, only {}{more}", ports(&named)),
            "name other ports with --port PORT",
        )
    };
    (what, hint.into())
}

fn why_elsewhere(own: &str, others: &OtherPorts) -> Option<(String, Cow<'static, str>)> {
    let like_pop3 = others.named(|port| port.is_like_pop3);
    if like_pop3.is_empty() {
        return None;
    }
    let there = ports(&like_pop3);
    let arguments = like_pop3.iter().map(|port| format!("--port {port}"));
    let arguments: Vec<String> = arguments.collect();
    Some((
        format!("no POP3 on {own}, but something like it on {there}"),
        format!("import it with {}", arguments.join(" ")).into(),
    ))
}

fn why_encrypted(
    own: &str,
    tls_ports: &[u16],
    others: &OtherPorts,
) -> Option<(String, &'static str)> {
    const NO_KEYS: &str = "a capture lacks the keys: record such a session with `poptalk proxy`";
    if !tls_ports.is_empty() {
        let there = ports(tls_ports);
        let what = format!("no unencrypted POP3, only TLS on {there}");
        return Some((what, NO_KEYS));
    }
    let port = others.all.get(&TLS_PORT)?;
    let is = if port.is_tls {
        "with TLS"
    } else {
        "which is for TLS"
    };
    let what = format!("no POP3 on {own}, only port {TLS_PORT}, {is}");
    Some((what, NO_KEYS))
}

fn why_unread(own: &str, others: &OtherPorts, notes: &Notes) -> Option<(String, &'static str)> {
    if others.all.is_empty() && !notes.unread_links.is_empty() {
        let links = notes.unread_links.iter().take(PORTS_NAMED);
        let links: Vec<String> = links.map(|link| link::name(*link)).collect();
        let links = links.join(", ");
        return Some((
            format!("packets of link type {links}, which poptalk can't read"),
            "poptalk reads Ethernet, Linux cooked, PPP, loopback, 802.11 and IP: record with tcpdump -i any",
        ));
    }
    if others.all.is_empty() && !notes.headless.is_empty() {
        return Some((
            format!("no POP3 on {own}, but IP fragments without the first fragment"),
            "record without a port filter: only the first fragment has the ports",
        ));
    }
    if !others.named(|_| true).is_empty() {
        return None;
    }
    Some(if notes.has_cut_tcp {
        (
            format!("no POP3 visible on {own}: the packets are cut inside the TCP header"),
            "record whole packets: tcpdump -s 0",
        )
    } else {
        (
            format!("no POP3 on {own}: no TCP at all"),
            "record while a session runs",
        )
    })
}

fn ports(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    let noun = if ports.len() == 1 { "port" } else { "ports" };
    format!("{noun} {}", words.join(", "))
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    client: SocketAddr,
    server: SocketAddr,
}

impl Ends {
    /// From where to where a side sends.
    fn of(&self, side: Side) -> (IpAddr, IpAddr) {
        match side {
            Side::Client => (self.client.ip(), self.server.ip()),
            Side::Server => (self.server.ip(), self.client.ip()),
        }
    }
}

/// The segments between two ends, of which the first is taken for the client.
struct Pair {
    ends: (SocketAddr, SocketAddr),
    segments: Vec<Captured>,
}

impl Pair {
    fn oriented(mut self, is_server: &dyn Fn(&SocketAddr) -> bool) -> (Ends, Vec<Captured>) {
        let (first, second) = self.ends;
        let is_client_first = match (is_server(&first), is_server(&second)) {
            (false, true) => true,
            (true, false) => false,
            // Both ports are servers': the client sends the first SYN, and does not greet.
            _ => {
                let opens = |segment: &&Captured| segment.is_syn;
                let greets = |segment: &&Captured| {
                    segment.payload.starts_with(b"+OK") || segment.payload.starts_with(b"-ERR")
                };
                let of_syn = self.segments.iter().find(opens).map(|segment| {
                    let is_answer = segment.ack.is_some();
                    (segment.side == Side::Client) != is_answer
                });
                let of_greeting = || {
                    let greeting = self.segments.iter().find(greets);
                    greeting.map(|segment| segment.side == Side::Server)
                };
                of_syn.or_else(of_greeting).unwrap_or(true)
            }
        };
        if is_client_first {
            let (client, server) = (first, second);
            return (Ends { client, server }, self.segments);
        }
        for segment in &mut self.segments {
            segment.side = other(segment.side);
        }
        let (client, server) = (second, first);
        (Ends { client, server }, self.segments)
    }
}

/// The segments to or from a port of POP3.
#[derive(Default)]
struct Pairs {
    all: Vec<Pair>,
    by_ends: HashMap<(SocketAddr, SocketAddr), usize>,
    count: u32,
}

impl Pairs {
    fn add(&mut self, segment: &Segment<'_>) {
        let (from, to) = (segment.from, segment.to);
        let known = self.by_ends.get(&(from, to)).map(|at| (*at, Side::Client));
        let turned = || self.by_ends.get(&(to, from)).map(|at| (*at, Side::Server));
        let (at, side) = known.or_else(turned).unwrap_or_else(|| {
            self.by_ends.insert((from, to), self.all.len());
            self.all.push(Pair {
                ends: (from, to),
                segments: Vec::new(),
            });
            (self.all.len() - 1, Side::Client)
        });
        let captured = Captured {
            number: self.count,
            us: segment.us,
            side,
            seq: segment.seq,
            ack: segment.ack,
            is_syn: segment.is_syn,
            is_fin: segment.is_fin,
            is_rst: segment.is_rst,
            length: segment.length,
            payload: segment.payload.into(),
        };
        self.count = self.count.saturating_add(1);
        if let Some(pair) = self.all.get_mut(at) {
            pair.segments.push(captured);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct OtherPort {
    is_like_pop3: bool,
    is_tls: bool,
}

#[derive(Debug, Default)]
struct OtherPorts {
    all: BTreeMap<u16, OtherPort>,
}

impl OtherPorts {
    fn add(&mut self, segment: &Segment<'_>) {
        let (from, to) = (segment.from.port(), segment.to.port());
        let is_like_pop3 = segment.payload.starts_with(b"+OK");
        let server = match (segment.is_syn, segment.ack) {
            (true, None) => to,
            (true, Some(_)) => from,
            _ if is_like_pop3 => from,
            // Servers mostly have the lower one.
            _ => from.min(to),
        };
        if self.all.len() >= PORTS_MAX && !self.all.contains_key(&server) {
            return;
        }
        let port = self.all.entry(server).or_default();
        port.is_like_pop3 |= is_like_pop3;
        port.is_tls |= matches!(segment.payload, [22, 3, 0..=4, ..]);
    }

    fn named(&self, is_named: impl Fn(&OtherPort) -> bool) -> Vec<u16> {
        let found = self.all.iter().filter(|(_, port)| is_named(port));
        found.map(|(port, _)| *port).take(PORTS_NAMED).collect()
    }
}
