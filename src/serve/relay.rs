//! Between a mail client and a server: octets go both ways, TLS ends here on both legs, and all is recorded on its way.

mod leg;

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mio::net::TcpStream as Socket;
use mio::{Events, Interest, Poll, Token};

use super::{Outcome, ServeEvent, Shared, Upstream, plain};
use crate::log;
use crate::net::dial::dial;
use crate::net::{Stream, tls};
use crate::recorder::{Recorder, Seen};
use crate::secret::Hider;
use crate::server::{Ending, Summary};
use crate::show;
use crate::tracker::{Awaited, Side, State};
use crate::transcript::Row;

use leg::{Leg, Outbox, patience};

const CLIENT: Token = Token(0);
const SERVER: Token = Token(1);

/// From one side nothing more is read while so many octets wait for the other.
const MOST_WAITING: usize = 256 * 1024;

/// How many octets one read takes at most.
const READ_MAX: usize = 64 * 1024;

/// A line of the client that is longer goes on as it is, unread.
const LINE_MAX: usize = 8192;

/// How soon the end of the program is noticed.
const GLANCE: Duration = Duration::from_millis(200);

/// How long what is on its way may take when one side has closed.
const FAREWELL: Duration = Duration::from_secs(10);

/// Holds a connection from its start to its end, and tells what happened.
pub(super) fn run(
    shared: &Shared,
    upstream: &Upstream,
    socket: Arc<TcpStream>,
    peer: SocketAddr,
    is_tls: bool,
) {
    let mut relay = match Relay::new(shared, upstream, &socket, peer) {
        Ok(relay) => relay,
        Err(error) => {
            let outcome = Outcome::Lost(plain(&error));
            tell(shared, peer, None, Summary::default(), outcome);
            return;
        }
    };
    let outcome = relay.hold(is_tls);
    let event = match &outcome {
        Outcome::HungUp => "closed by client",
        Outcome::Ended => "closed by server",
        _ => "connection lost",
    };
    relay.finish(event);
    let (facts, summary) = (relay.facts.take(), relay.summary());
    relay.close();
    tell(shared, peer, facts, summary, outcome);
}

fn tell(
    shared: &Shared,
    peer: SocketAddr,
    tls: Option<String>,
    summary: Summary,
    outcome: Outcome,
) {
    (shared.on_event)(ServeEvent {
        peer,
        tls,
        summary,
        outcome,
    });
}

struct Relay<'a> {
    shared: &'a Shared,
    upstream: &'a Upstream,
    poll: Poll,
    events: Events,
    client: Option<Leg>,
    server: Option<Stream>,
    to_client: Outbox,
    to_server: Outbox,
    /// What the client has sent and what is not worked off: less than a line, most often.
    lines: Vec<u8>,
    /// What the server has sent of a line, while CAPA is answered.
    partial: Vec<u8>,
    recorder: Recorder,
    peer: SocketAddr,
    start: Instant,
    active: Instant,
    client_has_ended: bool,
    server_has_ended: bool,
    facts: Option<String>,
    commands: u64,
    has_quit: bool,
    /// The server put octets between its agreement to STLS and the handshake.
    is_injected: bool,
}

impl<'a> Relay<'a> {
    fn new(
        shared: &'a Shared,
        upstream: &'a Upstream,
        socket: &TcpStream,
        peer: SocketAddr,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let mut socket = Socket::from_std(socket.try_clone()?);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, CLIENT, Interest::READABLE | Interest::WRITABLE)?;
        let now = Timestamp::now();
        let mut recorder = Recorder::new(Hider::new(upstream.keeps_secrets));
        match log::open(&shared.log, &format!("proxy-{}", upstream.target.host), now) {
            Ok(Some(log)) => {
                let head = log::head(&upstream.target.to_string(), now, upstream.keeps_secrets);
                recorder.set_file(Some(Box::new(log.file)), &head);
            }
            Ok(None) => {}
            Err(error) => (shared.on_trouble)(format!("no transcript: {}", plain(&error))),
        }
        recorder.event(&format!("connected {peer}"), 0);
        Ok(Self {
            shared,
            upstream,
            poll,
            events: Events::with_capacity(16),
            client: Some(Leg::Clear(socket)),
            server: None,
            to_client: Outbox::default(),
            to_server: Outbox::default(),
            lines: Vec::new(),
            partial: Vec::new(),
            recorder,
            peer,
            start: Instant::now(),
            active: Instant::now(),
            client_has_ended: false,
            server_has_ended: false,
            facts: None,
            commands: 0,
            has_quit: false,
            is_injected: false,
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn event(&mut self, event: &str) {
        let now_ms = self.now_ms();
        self.recorder.event(event, now_ms);
    }

    fn summary(&self) -> Summary {
        let state = self.recorder.tracker().state();
        Summary {
            commands: self.commands,
            has_logged_in: matches!(state, State::Transaction | State::Update),
            ending: self.has_quit.then_some(Ending::Quit),
        }
    }

    fn finish(&mut self, event: &str) {
        let now_ms = self.now_ms();
        self.recorder.finish(now_ms, &mut |_| {});
        self.recorder.event(event, now_ms);
        if let Some(error) = self.recorder.take_failure() {
            (self.shared.on_trouble)(format!("the transcript: {}", plain(&error)));
        }
    }

    fn close(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.close();
        }
        match self.client.take() {
            Some(Leg::Clear(socket)) => _ = socket.shutdown(Shutdown::Both),
            Some(Leg::Tls(mut inside)) => {
                inside.notify();
                _ = inside.under().shutdown(Shutdown::Both);
            }
            None => {}
        }
    }

    fn hold(&mut self, is_tls: bool) -> Outcome {
        if is_tls && let Err(why) = self.start_client_tls() {
            return Outcome::TlsFailed(why);
        }
        if let Err(why) = self.connect() {
            self.event(&format!("no connection to {}: {why}", self.upstream.target));
            self.record(
                Side::Server,
                b"-ERR [SYS/TEMP] the server behind this proxy can't be reached\r\n",
            );
            self.to_client
                .push(b"-ERR [SYS/TEMP] the server behind this proxy can't be reached\r\n");
            self.drain();
            return Outcome::Lost(why);
        }
        let mut buffer = vec![0; READ_MAX];
        loop {
            match self.turn(&mut buffer) {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                Err(error) => return Outcome::Lost(error),
            }
        }
    }

    /// Sends what is left for the client, for a while.
    fn drain(&mut self) {
        let end = Instant::now() + FAREWELL;
        while let Some(client) = &mut self.client
            && self.to_client.waiting() > 0
            && Instant::now() < end
            && self.to_client.send(client).is_ok()
        {
            let _ = self.poll.poll(&mut self.events, Some(GLANCE));
        }
    }

    /// Records octets; whether the server agreed to STLS with them.
    fn record(&mut self, side: Side, octets: &[u8]) -> bool {
        let now_ms = self.now_ms();
        let mut is_agreed = false;
        let is_injected = &mut self.is_injected;
        let (on_line, peer) = (self.upstream.on_line, self.peer);
        self.recorder.feed(side, octets, now_ms, &mut |seen| {
            if let (
                Some(on_line),
                Seen::Line {
                    side, pieces, end, ..
                },
            ) = (on_line, &seen)
            {
                let row = Row::new(*side, 0, pieces.iter().cloned(), *end);
                let sign = match side {
                    Side::Client => 'C',
                    Side::Server => 'S',
                };
                on_line(&format!("{peer} {sign}: {}", show::text_of(&row)));
            }
            is_agreed |= matches!(seen, Seen::TlsAgreed);
            *is_injected |= matches!(seen, Seen::Injected(_));
        });
        is_agreed
    }

    fn start_client_tls(&mut self) -> Result<(), String> {
        let (Some(Leg::Clear(socket)), Some(acceptor)) = (self.client.take(), &self.shared.tls)
        else {
            return Err("there is no TLS".to_owned());
        };
        let stopping = &self.shared.is_stopping;
        let mut wait = patience(
            &mut self.poll,
            &mut self.events,
            self.upstream.wait,
            stopping,
        );
        let inside = acceptor.accept(socket, &mut wait)?;
        drop(wait);
        let facts = inside.facts();
        self.client = Some(Leg::Tls(Box::new(inside)));
        self.event(&format!("tls {facts}"));
        self.facts = Some(facts);
        Ok(())
    }

    /// Connects to the server, and begins TLS there where that is wanted.
    fn connect(&mut self) -> Result<(), String> {
        let target = &self.upstream.target;
        let (socket, address) =
            dial(target, self.upstream.wait).map_err(|error| error.to_string())?;
        self.event(&format!("upstream connected {address}"));
        let prepared = socket
            .set_nonblocking(true)
            .and_then(|()| socket.set_nodelay(true));
        prepared.map_err(|error| plain(&error))?;
        let mut socket = Socket::from_std(socket);
        self.poll
            .registry()
            .register(&mut socket, SERVER, Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| plain(&error))?;
        let mut greeting = Vec::new();
        if self.upstream.is_stls {
            greeting = self.exchange(&mut socket, b"")?;
            let reply = self.exchange(&mut socket, b"STLS\r\n")?;
            if !reply.starts_with(b"+") {
                return Err("the server refuses STLS".to_owned());
            }
        }
        if target.is_tls || self.upstream.is_stls {
            self.start_server_tls(socket, self.upstream.is_stls)?;
        } else {
            self.server = Some(Stream::Plain(socket));
        }
        self.record(Side::Server, &greeting);
        self.to_client.push(&greeting);
        Ok(())
    }

    /// Says something to the server in clear, and reads one line; nothing may stand behind it.
    fn exchange(&mut self, socket: &mut Socket, line: &[u8]) -> Result<Vec<u8>, String> {
        let mut outbox = Outbox::default();
        outbox.push(line);
        let mut reply = Vec::new();
        let mut buffer = [0; 1024];
        let end = Instant::now() + self.upstream.wait;
        while Instant::now() < end && !self.shared.is_stopping.load(Ordering::SeqCst) {
            outbox.send(socket).map_err(|error| plain(&error))?;
            match socket.read(&mut buffer) {
                Ok(0) => return Err("the server closed".to_owned()),
                Ok(count) => reply.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = self.poll.poll(&mut self.events, Some(GLANCE));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(plain(&error)),
            }
            match memchr::memchr(b'\n', &reply) {
                Some(at) if at + 1 == reply.len() => return Ok(reply),
                // RFC 2595 §4: what came before TLS may come from anybody on the way.
                Some(_) => return Err("octets came before the TLS handshake".to_owned()),
                None if reply.len() > LINE_MAX => {
                    return Err("the server's line has no end".to_owned());
                }
                None => {}
            }
        }
        Err("the server does not answer".to_owned())
    }

    fn start_server_tls(&mut self, socket: Socket, is_stls: bool) -> Result<(), String> {
        let (stream, facts) = {
            let stopping = &self.shared.is_stopping;
            let wait = self.upstream.wait;
            let mut wait = patience(&mut self.poll, &mut self.events, wait, stopping);
            let mut wait = || wait().map_err(|what| tls::TlsError { what, hint: None });
            let host = &self.upstream.target.host;
            tls::handshake(socket, host, &self.upstream.tls, is_stls, &mut wait)
                .map_err(|error| format!("TLS with the server failed: {error}"))?
        };
        self.server = Some(Stream::Tls(Box::new(stream)));
        self.event(&format!("upstream {}", facts.event()));
        Ok(())
    }

    /// One turn: reads and sends what goes, then waits; the outcome when it was the last.
    fn turn(&mut self, buffer: &mut [u8]) -> Result<Option<Outcome>, String> {
        if self.shared.is_stopping.load(Ordering::SeqCst) {
            return Ok(Some(Outcome::Stopped));
        }
        let mut has_moved = self.read_server(buffer)?;
        has_moved |= self.read_client(buffer)?;
        if let Some(server) = &mut self.server {
            // A server that closes while we send has most often said why; that is still to be read.
            has_moved |= self.to_server.send(server).unwrap_or(false);
        }
        if let Some(client) = &mut self.client {
            match self.to_client.send(client) {
                Ok(moved) => has_moved |= moved,
                Err(_) => return Ok(Some(Outcome::HungUp)),
            }
        }
        if self.server_has_ended && self.to_client.waiting() == 0 {
            return Ok(Some(Outcome::Ended));
        }
        if self.client_has_ended && self.to_server.waiting() == 0 {
            // What was asked is still answered, for a while.
            let is_answered = self.recorder.tracker().outstanding() == 0;
            if is_answered || self.active.elapsed() > FAREWELL {
                return Ok(Some(Outcome::HungUp));
            }
        }
        if has_moved {
            self.active = Instant::now();
            return Ok(None);
        }
        if self.active.elapsed() > self.shared.autologout {
            return Ok(Some(Outcome::TimedOut));
        }
        match self.poll.poll(&mut self.events, Some(GLANCE)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(plain(&error)),
            _ => Ok(None),
        }
    }

    fn read_client(&mut self, buffer: &mut [u8]) -> Result<bool, String> {
        let mut has_moved = self.work_off()?;
        let is_full = self.to_server.waiting() + self.lines.len() > MOST_WAITING;
        if self.client_has_ended || is_full || self.lines.len() > LINE_MAX {
            return Ok(has_moved);
        }
        let Some(client) = &mut self.client else {
            return Ok(has_moved);
        };
        match client.read(buffer) {
            Ok(0) => self.client_has_ended = true,
            Ok(count) => {
                has_moved = true;
                self.lines
                    .extend_from_slice(buffer.get(..count).unwrap_or_default());
                self.work_off()?;
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.client_has_ended = true,
        }
        Ok(has_moved)
    }

    /// Hands the client's lines on, and does itself what only concerns its own leg; whether anything moved.
    fn work_off(&mut self) -> Result<bool, String> {
        let mut has_moved = false;
        loop {
            if self.recorder.tracker().is_before_tls() {
                // Nothing may follow STLS in clear (RFC 2595 §4); it waits for the reply.
                return Ok(has_moved);
            }
            let end = match memchr::memchr(b'\n', &self.lines) {
                Some(at) => at + 1,
                None if self.lines.len() > LINE_MAX || self.client_has_ended => self.lines.len(),
                None => return Ok(has_moved),
            };
            if end == 0 {
                return Ok(has_moved);
            }
            let line: Vec<u8> = self.lines.get(..end).unwrap_or_default().to_vec();
            let is_own = self.is_own_stls(&line);
            if is_own && self.recorder.tracker().outstanding() > 0 {
                return Ok(has_moved);
            }
            self.lines.drain(..end);
            has_moved = true;
            self.commands += u64::from(!self.recorder.tracker().expects_response());
            self.has_quit = line.trim_ascii().eq_ignore_ascii_case(b"QUIT");
            if is_own {
                self.stls(&line)?;
            } else {
                self.record(Side::Client, &line);
                self.to_server.push(&line);
            }
        }
    }

    /// Whether a line is STLS of a client whose leg can have TLS of its own, since that of the server has.
    fn is_own_stls(&self, line: &[u8]) -> bool {
        let tracker = self.recorder.tracker();
        line.trim_ascii().eq_ignore_ascii_case(b"STLS")
            && !tracker.expects_response()
            && (self.offers_stls() || matches!(self.client, Some(Leg::Tls(_))))
    }

    /// Whether STLS is offered to the client by the proxy itself.
    fn offers_stls(&self) -> bool {
        matches!(self.client, Some(Leg::Clear(_)))
            && matches!(self.server, Some(Stream::Tls(_)))
            && self.shared.tls.is_some()
            && self.recorder.tracker().state() == State::Authorization
    }

    /// Answers STLS, and begins TLS on the client's leg.
    fn stls(&mut self, line: &[u8]) -> Result<(), String> {
        self.record(Side::Client, line);
        let reply: &[u8] = match (self.offers_stls(), self.lines.is_empty()) {
            (true, true) => b"+OK begin the TLS handshake\r\n",
            (true, false) => return Err(self.refuse_rest()),
            (false, _) => b"-ERR TLS is on already\r\n",
        };
        let is_agreed = self.record(Side::Server, reply);
        self.to_client.push(reply);
        if is_agreed {
            self.drain();
            self.start_client_tls()?;
            self.recorder.tls_started();
        }
        Ok(())
    }

    /// What the client sent behind STLS is recorded, and never used (RFC 2595 §4).
    fn refuse_rest(&mut self) -> String {
        let rest = std::mem::take(&mut self.lines);
        self.event(&format!(
            "injected {} octets by the client before the TLS handshake",
            rest.len()
        ));
        self.record(Side::Client, &rest);
        "octets came behind STLS, before TLS was on".to_owned()
    }

    fn read_server(&mut self, buffer: &mut [u8]) -> Result<bool, String> {
        let mut has_moved = false;
        while self.to_client.waiting() < MOST_WAITING && !self.server_has_ended {
            let Some(server) = &mut self.server else {
                return Ok(has_moved);
            };
            match server.read(buffer) {
                Ok(0) => self.server_has_ended = true,
                Ok(count) => {
                    has_moved = true;
                    let octets = buffer.get(..count).unwrap_or_default().to_vec();
                    self.take(&octets)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.server_has_ended = true,
            }
            break;
        }
        if self.server_has_ended && !self.partial.is_empty() {
            let rest = std::mem::take(&mut self.partial);
            self.hand_on(&rest)?;
        }
        Ok(has_moved)
    }

    /// Takes octets of the server.
    fn take(&mut self, octets: &[u8]) -> Result<(), String> {
        if self.partial.is_empty() && !self.is_capa_awaited() {
            return self.hand_on(octets);
        }
        // Line by line, so that one can be put in where it belongs.
        self.partial.extend_from_slice(octets);
        while let Some(at) = memchr::memchr(b'\n', &self.partial) {
            let line: Vec<u8> = self.partial.drain(..=at).collect();
            let is_end = matches!(line.as_slice(), b".\r\n" | b".\n");
            let awaited = self.recorder.tracker().awaited();
            let is_capa = awaited == Some(Awaited::Terminator("CAPA".to_owned()));
            if is_end && is_capa && self.offers_stls() {
                self.event("STLS is offered by the proxy");
                self.hand_on(b"STLS\r\n")?;
            }
            self.hand_on(&line)?;
        }
        if self.partial.len() > LINE_MAX || !self.is_capa_awaited() {
            let rest = std::mem::take(&mut self.partial);
            self.hand_on(&rest)?;
        }
        Ok(())
    }

    fn is_capa_awaited(&self) -> bool {
        let is_capa = |verb: &str| verb == "CAPA";
        self.offers_stls()
            && match self.recorder.tracker().awaited() {
                Some(Awaited::Status(verb) | Awaited::Terminator(verb)) => is_capa(&verb),
                _ => false,
            }
    }

    /// Records octets and hands them on to the client; begins TLS on the legs that are in clear where the server agreed to it.
    fn hand_on(&mut self, octets: &[u8]) -> Result<(), String> {
        let is_agreed = self.record(Side::Server, octets);
        if self.is_injected {
            return Err("octets came between STLS and the TLS handshake".to_owned());
        }
        self.to_client.push(octets);
        if !is_agreed {
            return Ok(());
        }
        self.drain();
        if let Some(Stream::Plain(socket)) = self.server.take() {
            self.start_server_tls(socket, true)?;
        }
        if !self.lines.is_empty() {
            return Err(self.refuse_rest());
        }
        self.start_client_tls()?;
        self.recorder.tls_started();
        Ok(())
    }
}
