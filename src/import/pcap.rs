//! POP3 in clear out of a capture of packets: each connection to one of the ports becomes a transcript.

use core::net::SocketAddr;
use std::collections::{BTreeSet, HashMap};

use super::packets::{self, Segment};
use super::talk::Talk;
use super::tcp::{Flow, Piece};
use super::{Made, Options, Problem, Source, stamp};
use crate::command::Command;
use crate::tracker::{LineEnd, Side};
use crate::transcript::{Hole, Piece as TranscriptPiece};

/// The most connections of one capture.
pub const TALKS_MAX: usize = 4096;

/// The port of POP3 (RFC 1939 §3).
const PORT: u16 = 110;

/// Whether octets begin as a capture.
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

pub(super) fn import(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    let mut connections: Vec<Connection> = Vec::new();
    let mut latest: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
    let mut other_ports = BTreeSet::new();
    let notes = packets::read(source.octets, &mut |segment| {
        let is_server =
            |place: &SocketAddr| place.port() == PORT || options.ports.contains(&place.port());
        let (client, server) = match (is_server(&segment.to), is_server(&segment.from)) {
            (true, false) => (segment.from, segment.to),
            (false, true) => (segment.to, segment.from),
            // Both or none: who opened it is the client.
            (true, true) if segment.is_syn && segment.ack.is_some() => (segment.to, segment.from),
            (true, true) => (segment.from, segment.to),
            (false, false) => {
                if segment.payload.starts_with(b"+OK") && other_ports.len() < 8 {
                    other_ports.insert(segment.from.port());
                }
                return Ok(());
            }
        };
        // Both are servers' ports: in either order.
        let mut found = latest
            .get(&(client, server))
            .or_else(|| latest.get(&(server, client)))
            .copied();
        let is_again = found
            .and_then(|index| connections.get(index))
            .is_some_and(|connection| connection.is_over(segment));
        if is_again {
            found = None;
        }
        let index = match found {
            Some(index) => index,
            // The last words of a connection that was not seen.
            None if segment.payload.is_empty() && !segment.is_syn => return Ok(()),
            None if connections.len() == TALKS_MAX => {
                return Err(format!("more than {TALKS_MAX} connections"));
            }
            None => {
                connections.push(Connection::new(client, server, segment, options));
                latest.insert((client, server), connections.len() - 1);
                connections.len() - 1
            }
        };
        if let Some(connection) = connections.get_mut(index) {
            connection.segment(segment);
        }
        Ok(())
    })
    .map_err(|what| {
        Problem::new(
            source,
            None,
            &what,
            "give a file of tcpdump or Wireshark; a smaller one if it is large",
        )
    })?;

    let mut made = Vec::new();
    for mut connection in connections {
        connection.finish(notes.is_cut);
        if !connection.talk.is_empty() {
            made.push(connection.talk.finish());
        }
    }
    if made.is_empty() {
        let ports: Vec<String> = other_ports.iter().map(u16::to_string).collect();
        let what = if !ports.is_empty() {
            format!(
                "no POP3 on port 110, but something like it on port {}",
                ports.join(", ")
            )
        } else if notes.unread_links > 0 {
            "no packets of a link type that is read (Ethernet, Linux cooked, loopback, IP)"
                .to_owned()
        } else if notes.fragments > 0 {
            "no POP3 on port 110 but in fragments, which are not put together".to_owned()
        } else {
            "no POP3 on port 110".to_owned()
        };
        return Err(Problem::new(
            source,
            None,
            &what,
            "name other ports by --port PORT",
        ));
    }
    Ok(made)
}

/// One TCP connection.
struct Connection {
    client: SocketAddr,
    talk: Talk,
    sent: Flow,
    received: Flow,
    /// Octets of either side that are TLS.
    encrypted: [u64; 2],
    is_encrypted: bool,
    is_closed: bool,
    has_begun: bool,
    torn: Torn,
}

/// Whether the client's next octets may be the rest of a line whose start is not in the capture: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Torn {
    No,
    /// The capture begins here: a line that is a command is whole.
    Start,
    /// Octets before it were lost.
    Lost,
}

impl Connection {
    fn new(
        client: SocketAddr,
        server: SocketAddr,
        segment: &Segment<'_>,
        options: &Options,
    ) -> Self {
        let mut head = vec![("server", server.to_string())];
        let zero = stamp::started(segment.us).filter(|_| segment.us > 0);
        if let Some((started, _)) = &zero {
            head.push(("started", started.clone()));
        }
        let imported = if zero.is_some() {
            "capture of packets"
        } else {
            "capture of packets; times are not in it"
        };
        let mut talk = Talk::new(options, &head, imported);
        if let Some((_, zero)) = zero {
            talk.started(zero);
        }
        talk.event(&format!("connected {server}"));
        if !segment.is_syn {
            talk.prose("the capture begins in the middle of the connection");
        }
        Self {
            client,
            talk,
            sent: Flow::default(),
            received: Flow::default(),
            encrypted: [0; 2],
            is_encrypted: false,
            is_closed: false,
            has_begun: false,
            torn: if segment.is_syn {
                Torn::No
            } else {
                Torn::Start
            },
        }
    }

    /// Whether a segment opens another connection between the same ends.
    fn is_over(&self, segment: &Segment<'_>) -> bool {
        let own = if segment.from == self.client {
            &self.sent
        } else {
            &self.received
        };
        segment.is_syn && !own.is_new() && (own.is_other_syn(segment.seq) || self.is_closed)
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        let side = if segment.from == self.client {
            Side::Client
        } else {
            Side::Server
        };
        if segment.us > 0 {
            self.talk.at(segment.us);
        }
        let (own, other) = match side {
            Side::Client => (&mut self.sent, &mut self.received),
            Side::Server => (&mut self.received, &mut self.sent),
        };
        if segment.is_syn {
            return own.syn(segment.seq);
        }
        let mut pieces = Vec::new();
        let mut others = Vec::new();
        if let Some(ack) = segment.ack {
            other.ack(ack);
        }
        // Who speaks has heard what came before: what of it is not here will not come.
        if !segment.payload.is_empty() {
            other.settle(&mut |piece| others.push(piece));
        }
        own.segment(segment.seq, segment.payload, segment.is_fin, &mut |piece| {
            pieces.push(piece)
        });
        let is_ended = own.is_ended();
        self.say(other_side(side), others);
        self.say(side, pieces);
        if segment.is_rst && !self.is_closed {
            self.end_flows();
            self.talk
                .event(&format!("connection lost: reset by {}", name(side)));
            self.is_closed = true;
        } else if is_ended && !self.is_closed {
            self.talk.event(&format!("closed by {}", name(side)));
            self.is_closed = true;
        }
    }

    fn say(&mut self, side: Side, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => self.octets(side, &octets),
                Piece::Gap(count) if self.is_encrypted => self.count(side, count),
                Piece::Gap(count) => {
                    self.talk.prose(&format!(
                        "{count} octets of the {} are not in the capture",
                        name(side)
                    ));
                    self.talk.hole(side);
                    if side == Side::Client {
                        self.torn = Torn::Lost;
                    }
                }
            }
        }
    }

    fn octets(&mut self, side: Side, octets: &[u8]) {
        // RFC 8446 §5.1: a handshake record, of a version 3.x, is the first that a client sends.
        let is_hello = side == Side::Client && octets.starts_with(&[22, 3]);
        let may_begin = self.talk.is_tls_agreed() || !self.has_begun;
        if self.is_encrypted || (is_hello && may_begin) {
            self.is_encrypted = true;
            return self.count(side, octets.len() as u64);
        }
        self.has_begun = true;
        if side == Side::Server && self.talk.is_tls_agreed() {
            let event = format!("injected {} octets before the TLS handshake", octets.len());
            self.talk.event(&event);
        }
        if side == Side::Client && self.torn != Torn::No {
            return self.torn(octets);
        }
        self.talk.octets(side, octets);
    }

    /// Octets of the client that may be the rest of a line.
    fn torn(&mut self, octets: &[u8]) {
        let end = memchr::memchr(b'\n', octets).map(|lf| lf + 1);
        let (rest, behind) = octets.split_at(end.unwrap_or(octets.len()));
        let is_whole = self.torn == Torn::Start && Command::of_line(rest).is_some();
        self.torn = match end {
            Some(_) => Torn::No,
            None if is_whole => Torn::No,
            None => return self.torn = Torn::Lost,
        };
        if is_whole {
            self.talk.octets(Side::Client, rest);
        } else {
            let hole = TranscriptPiece::Hole(Hole::Text);
            self.talk.row(Side::Client, vec![hole], LineEnd::Crlf);
        }
        self.talk.octets(Side::Client, behind);
    }

    fn count(&mut self, side: Side, count: u64) {
        let [sent, received] = &mut self.encrypted;
        *(if side == Side::Client { sent } else { received }) += count;
    }

    fn end_flows(&mut self) {
        let (mut received, mut sent) = (Vec::new(), Vec::new());
        self.received.finish(&mut |piece| received.push(piece));
        self.sent.finish(&mut |piece| sent.push(piece));
        self.say(Side::Server, received);
        self.say(Side::Client, sent);
        let [sent, received] = std::mem::take(&mut self.encrypted);
        if self.is_encrypted && sent + received > 0 {
            self.talk.event("tls unknown");
            self.talk.prose(&format!(
                "encrypted: {sent} octets of the client, {received} of the server; a capture does not have the keys"
            ));
            self.talk.hole(Side::Client);
            self.talk.hole(Side::Server);
        }
    }

    fn finish(&mut self, is_cut: bool) {
        self.end_flows();
        if !self.is_closed {
            let why = if is_cut {
                "the capture is cut"
            } else {
                "the capture ends"
            };
            self.talk
                .prose(&format!("{why} before the connection does"));
        }
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn other_side(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
