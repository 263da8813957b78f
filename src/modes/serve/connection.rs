//! One connection: the model between the octets that come and those that go.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::base::io_error::plain;
use crate::base::regular::{self, Links};
use crate::modes::server::Arrival;
use crate::net::acceptor::Inside;
use crate::net::proxy_protocol::{self, HeaderError};
use crate::net::wire;
use crate::pop3::tracker::Side;
use crate::servers::any_order::AnyOrder;
use crate::servers::fault::Faulty;
use crate::servers::script::ScriptServer;
use crate::servers::{Model, Next, Secured, ServerSession, Summary, TlsOffer};
use crate::transcript::text;

use super::log::VisitLog;
use super::{ServeEvent, ServerShared, TapeFile, VisitOutcome, timestamp};
use crate::transcript::event::{Event, Party};

/// The socket, which the listener knows too.
type Wire = wire::SocketWire<Arc<TcpStream>>;

const HANDSHAKE: Duration = Duration::from_secs(60);

/// How long the client may take to close after the last reply.
const LINGER: Duration = Duration::from_secs(5);

/// How many octets are read from a client that does not stop.
const MOST_LEFT_OVER: usize = 1 << 20;

/// How soon a pause notices that the server stops.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// From how many octets on they are sent without waiting for more.
const ENOUGH: usize = 16 * 1024;

enum ClientStream {
    Plain(Wire),
    Tls(Inside<Wire>),
}

impl ClientStream {
    fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(inside) => inside.wire(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Tls(inside) => inside.read(buffer),
        }
    }

    fn send(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.write_all(out),
            Self::Tls(inside) => inside.write_all(out),
        }?;
        out.clear();
        Ok(())
    }

    /// Ends it so that the client gets all that was sent.
    fn close(mut self) {
        self.wire().allow(LINGER);
        if let Self::Tls(inside) = &mut self {
            inside.notify();
        }
        self.wire().linger(LINGER, MOST_LEFT_OVER);
    }
}

pub(super) fn run(shared: &ServerShared, socket: Arc<TcpStream>, peer: SocketAddr, is_tls: bool) {
    // A reply is sent in few pieces; waiting to fill a packet only makes it late. It also works
    // without.
    let _ = socket.set_nodelay(true);
    let mut wire = Wire::new(Arc::clone(&socket), None);
    let header = shared.options.header_wait.map(|wait| {
        wire.allow(wait);
        proxy_protocol::read(&mut wire, wait)
    });
    let (header, failure) = match header {
        Some(Err(error)) => (None, Some(error)),
        header => (header.and_then(Result::ok), None),
    };
    let arrival = Arrival::new(peer, header);
    let mut connection = ClientConnection {
        shared,
        stream: None,
        tls: None,
        tape: VisitLog::new(shared, &arrival),
    };
    let (summary, outcome) = match failure {
        None => connection.hold(wire, is_tls),
        Some(error) => connection.refuse(wire, error),
    };
    let is_stopping = shared.is_stopping.load(Ordering::SeqCst);
    let is_cut = matches!(
        outcome,
        VisitOutcome::HungUp
            | VisitOutcome::Lost(_)
            | VisitOutcome::TlsFailed(_)
            | VisitOutcome::NoHeader(_)
    );
    connection.tape.finish(&match &outcome {
        VisitOutcome::HungUp | VisitOutcome::TlsFailed(_) => Event::closed_by(Party::Client),
        VisitOutcome::NoHeader(error) if error.is_by_client() => Event::closed_by(Party::Client),
        VisitOutcome::Lost(_) => Event::lost(None),
        _ => Event::closed_by(Party::Server),
    });
    (shared.on_event)(ServeEvent {
        peer: arrival.client,
        tls: connection.tls,
        summary,
        outcome: if is_cut && is_stopping {
            VisitOutcome::Stopped
        } else {
            outcome
        },
    });
    match connection.stream {
        Some(stream) => stream.close(),
        // The alert of a failed handshake must also arrive.
        None => Wire::new(socket, None).linger(LINGER, MOST_LEFT_OVER),
    }
}

struct ClientConnection<'a> {
    shared: &'a ServerShared,
    /// None after a handshake that failed.
    stream: Option<ClientStream>,
    tls: Option<String>,
    tape: VisitLog<'a>,
}

impl ClientConnection<'_> {
    /// Closes without a greeting: the header would have named the client.
    fn refuse(&mut self, wire: Wire, error: HeaderError) -> (Summary, VisitOutcome) {
        self.tape
            .event(&Event::ProxyProtocolFailed(error.to_string()));
        self.stream = Some(ClientStream::Plain(wire));
        (Summary::default(), VisitOutcome::NoHeader(error))
    }

    /// The whole session. When it returns the model is gone, and with it the lock on the maildrop.
    fn hold(&mut self, mut wire: Wire, is_tls: bool) -> (Summary, VisitOutcome) {
        wire.allow(self.shared.options.autologout);
        self.stream = Some(ClientStream::Plain(wire));
        let secured = match is_tls.then(|| self.start_tls()).transpose() {
            Ok(secured) => secured,
            Err(outcome) => return (Summary::default(), outcome),
        };
        let mut peer = match self.peer(is_tls) {
            Ok(peer) => peer,
            Err(error) => {
                let why = VisitOutcome::Lost(plain(&error));
                return (Summary::default(), why);
            }
        };
        if let Some(secured) = secured {
            peer.tls_started(secured);
        }
        let outcome = match self.talk(peer.as_mut()) {
            Ok(()) => VisitOutcome::Ended,
            Err(outcome) => outcome,
        };
        (peer.summary(), outcome)
    }

    /// The side that speaks to the client, with its faults.
    fn peer(&self, is_tls: bool) -> io::Result<Box<dyn ServerSession>> {
        let peer = self.faultless(is_tls)?;
        let faults = self.shared.options.faults.clone();
        if faults.is_empty() {
            return Ok(peer);
        }
        let before = self.shared.visits.fetch_add(1, Ordering::SeqCst);
        let visit = before.saturating_add(1);
        Ok(Box::new(Faulty::new(peer, faults, is_tls).on_visit(visit)))
    }

    fn faultless(&self, is_tls: bool) -> io::Result<Box<dyn ServerSession>> {
        let shared = self.shared;
        if let Some(recording) = &shared.options.recording {
            if let Some(index) = &recording.index {
                let tape = Arc::new(TapeFile(recording.path.clone()));
                let index = Arc::clone(index);
                return Ok(Box::new(AnyOrder::new(index, tape, true, is_tls)));
            }
            let file = regular::open(&recording.path, Links::Follow)?;
            let items = text::Reader::new(BufReader::new(file));
            return Ok(Box::new(ScriptServer::new(items, recording.pace, is_tls)));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let tls = match is_tls {
            true => TlsOffer::On,
            false => TlsOffer::Offered,
        };
        Ok(Box::new(Model::new(
            shared.options.maildrop.clone(),
            Arc::new(shared.options.account.clone()),
            tls,
            timestamp(),
            seed,
        )))
    }

    fn talk(&mut self, peer: &mut dyn ServerSession) -> Result<(), VisitOutcome> {
        let mut out = Vec::new();
        let mut buffer = [0; 4096];
        let mut failed_logins = 0;
        loop {
            let wish = peer.next(&mut out);
            let brake = self.shared.options.brake;
            let summary = peer.summary();
            let has_failed = summary.failed_logins > failed_logins;
            failed_logins = summary.failed_logins;
            if has_failed {
                self.pause(brake.pause)?;
            }
            let is_guessing = failed_logins >= brake.tries;
            if wish != Next::Again || out.len() >= ENOUGH || is_guessing {
                self.tape.feed(Side::Server, &out);
                self.stream()?
                    .send(&mut out)
                    .map_err(|error| failure(&error))?;
            }
            if is_guessing {
                return Err(VisitOutcome::Guessing);
            }
            match wish {
                // RFC 1939 §3: a command begins the time again; half a line does not.
                Next::Again => {
                    let time = self.shared.options.autologout;
                    self.stream()?.wire().allow(time);
                }
                Next::Read => {
                    let count = self
                        .stream()?
                        .read(&mut buffer)
                        .map_err(|error| failure(&error))?;
                    if count == 0 {
                        return Err(VisitOutcome::HungUp);
                    }
                    let octets = buffer.get(..count).unwrap_or_default();
                    self.tape.feed(Side::Client, octets);
                    peer.push(octets);
                }
                Next::Wait(time) => self.pause(time)?,
                Next::StartTls => {
                    peer.tls_started(self.start_tls()?);
                }
                Next::Close => return Ok(()),
            }
        }
    }

    /// Waits, but not for longer than the server runs.
    fn pause(&mut self, time: Duration) -> Result<(), VisitOutcome> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.shared.is_stopping.load(Ordering::SeqCst) {
                return Err(VisitOutcome::Stopped);
            }
            thread::sleep(left.min(POLL_EVERY));
        }
        let time = self.shared.options.autologout;
        self.stream()?.wire().allow(time);
        Ok(())
    }

    fn stream(&mut self) -> Result<&mut ClientStream, VisitOutcome> {
        self.stream.as_mut().ok_or(VisitOutcome::HungUp)
    }

    fn start_tls(&mut self) -> Result<Secured, VisitOutcome> {
        let Some(ClientStream::Plain(mut wire)) = self.stream.take() else {
            return Err(VisitOutcome::HungUp);
        };
        let acceptor = &self.shared.tls;
        wire.allow(HANDSHAKE);
        let mut inside = acceptor.accept(wire).map_err(VisitOutcome::TlsFailed)?;
        inside.wire().allow(self.shared.options.autologout);
        let facts = inside.facts();
        self.tape.tls_started(&facts);
        self.tls = Some(facts);
        let secured = Secured {
            end_point: acceptor.end_point(),
            client_names: inside.client_names(),
        };
        self.stream = Some(ClientStream::Tls(inside));
        Ok(secured)
    }
}

fn failure(error: &io::Error) -> VisitOutcome {
    if wire::is_late(error) {
        return VisitOutcome::TimedOut;
    }
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => VisitOutcome::HungUp,
        _ => VisitOutcome::Lost(plain(error)),
    }
}
