//! Relays between a mail client and a server, and leaves a transcript of each connection.

mod arrival;
mod connection;
mod handshake;
mod leg;
mod log;
mod stls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token, Waker};

use crate::base::plural::counted;
use crate::base::service::Service;
use crate::modes::plan::MAX_SIZE;
use crate::modes::server::{Arrival, LogHealth, Server};
use crate::net::acceptor::Acceptor;
use crate::net::engine::CloseReason;
use crate::net::listener::{
    self, Client, HeldSocket, ListenError, Listener, MOST_CONNECTIONS, Ports,
};
use crate::net::proxy_protocol::{Header, HeaderError};
use crate::net::server_certificate::ServerCertificate;
use crate::net::target::{AddressSettings, Target};
use crate::net::tls::TlsSettings;
use crate::pop3::tracker::{CutAt, Side};
use crate::transcript::elide::Bodies;
use crate::transcript::event::{Event, Party};
use crate::transcript::file::Destination;
use crate::transcript::secret::Secrets;
use connection::ProxiedConnection;
use log::RelayLog;

/// After this time without an octet either way a connection is closed when nothing else is said:
/// longer than any server waits (RFC 1939 §3 wants ten minutes at least), so that its own
/// autologout is seen.
pub(crate) const IDLE: Duration = Duration::from_secs(1800);

/// How long an address of the server is tried.
const CONNECT: Duration = Duration::from_secs(15);

const HANDSHAKE: Duration = Duration::from_secs(30);

const CLIENT: Token = Token(0);
const SERVER: Token = Token(1);
const STOP: Token = Token(2);

/// What to relay between, and how.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// The server. If its TLS starts at once, the target says so.
    pub target: Target,
    /// Say STLS to the server before the client is greeted.
    pub is_stls: bool,
    /// Where to connect, apart from what the server is called.
    pub addresses: AddressSettings,
    /// How to check the server.
    pub server_tls: TlsSettings,
    /// The address for cleartext and STLS. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address for TLS from the first octet, if there is to be one.
    pub tls_listen: Option<SocketAddr>,
    /// The certificate that clients see.
    pub certificate: ServerCertificate,
    /// Where the transcript of each connection goes: a folder.
    pub log: Destination,
    /// Secrets are written and shown.
    pub is_keeping: bool,
    /// What becomes of message data in the transcripts.
    pub bodies: Bodies,
    /// Each line is reported as it passes.
    pub is_verbose: bool,
    /// After this time without an octet either way the connection is closed.
    pub idle: Duration,
    /// This many octets of both sides may pass on one connection; after more, it is closed.
    pub max_size: u64,
    /// How many connections are held at the same time; one more is refused.
    pub most_connections: usize,
    /// How long a client may take to send its PROXY protocol header. None: no header is expected.
    pub header_wait: Option<Duration>,
}

impl ProxyOptions {
    /// A proxy for `target` on a free port of this machine, without transcripts.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            is_stls: false,
            addresses: AddressSettings::default(),
            server_tls: TlsSettings::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls_listen: None,
            certificate: ServerCertificate::default(),
            log: Destination::Nowhere,
            is_keeping: false,
            bodies: Bodies::Keep,
            is_verbose: false,
            idle: IDLE,
            max_size: MAX_SIZE,
            most_connections: MOST_CONNECTIONS,
            header_wait: None,
        }
    }
}

/// What happens on a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyEvent {
    /// A client has connected.
    Started(SocketAddr),
    /// Lines that have passed, for a screen: who the client is, `C:` or `S:`, and the line; LF at
    /// the end of each.
    Lines(String),
    /// A connection is over.
    Ended(ConnectionReport),
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReport {
    pub(crate) peer: SocketAddr,
    /// Version and cipher on the client's leg; None where there was no TLS.
    pub client_tls: Option<String>,
    /// Version and cipher on the server's leg; None where there was no TLS.
    pub server_tls: Option<String>,
    pub(crate) commands: u64,
    /// Whether it has logged in.
    pub has_logged_in: bool,
    /// How many octets went to the client, TLS not counted.
    pub octets: u64,
    /// How it ended.
    pub outcome: RelayOutcome,
}

/// How a connection came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayOutcome {
    /// The client closed, or can no longer be reached.
    ClosedByClient,
    /// The server closed.
    ClosedByServer,
    /// Nothing came for too long, from either side.
    TimedOut,
    /// More octets have passed than are to be stored.
    TooMuch,
    /// There were too many connections.
    Refused,
    /// The header of the PROXY protocol did not come from the client; why.
    NoHeader(HeaderError),
    /// The handshake with the client failed; why.
    TlsFailed(String),
    /// There is no connection to the server, or no TLS on it; why.
    NoServer(String),
    /// The server greets as a different service; nothing from the client was sent to it.
    OtherService(&'static Service),
    /// This side sent octets between STLS and the handshake.
    Injected(Side),
    /// The connection to the server broke; why.
    Lost(String),
    /// The proxy was stopped.
    Stopped,
}

impl RelayOutcome {
    /// The event of a transcript that is cut off at `cut`.
    fn event(&self, cut: CutAt) -> Event {
        match self {
            Self::NoHeader(error) if error.is_by_client() => CloseReason::ByClient.event(),
            Self::ClosedByClient | Self::TlsFailed(_) => CloseReason::ByClient.event(),
            Self::ClosedByServer => CloseReason::ByServer(cut).event(),
            Self::Lost(why) => CloseReason::Lost(why.clone(), cut).event(),
            Self::TimedOut
            | Self::TooMuch
            | Self::Refused
            | Self::NoHeader(_)
            | Self::NoServer(_)
            | Self::OtherService(_)
            | Self::Injected(_)
            | Self::Stopped => Event::closed_by(Party::Proxy),
        }
    }
}

impl fmt::Display for ProxyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(peer) => write!(f, "{peer}: connected"),
            Self::Lines(lines) => write!(f, "{}", lines.trim_end_matches('\n')),
            Self::Ended(report) => write!(f, "{report}"),
        }
    }
}

impl fmt::Display for ConnectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.peer, counted(self.commands, "command"))?;
        if self.has_logged_in {
            write!(f, ", logged in")?;
        }
        write!(f, ", {}", counted(self.octets, "octet"))?;
        for (who, tls) in [("client", &self.client_tls), ("server", &self.server_tls)] {
            if let Some(tls) = tls {
                write!(f, ", {who} {tls}")?;
            }
        }
        match &self.outcome {
            RelayOutcome::ClosedByClient => write!(f, ", closed by client"),
            RelayOutcome::ClosedByServer => write!(f, ", closed by server"),
            RelayOutcome::TimedOut => write!(f, ", timed out"),
            RelayOutcome::TooMuch => write!(f, ", more than --max-size: closed"),
            RelayOutcome::Refused => write!(f, ", refused: too many connections"),
            RelayOutcome::NoHeader(why) => write!(f, ", PROXY protocol failed: {why}"),
            RelayOutcome::TlsFailed(why) => write!(f, ", TLS failed: {why}"),
            RelayOutcome::NoServer(why) => write!(f, ", no server: {why}"),
            RelayOutcome::OtherService(service) => write!(f, ", this is {}", service.name),
            RelayOutcome::Injected(Side::Client) => {
                write!(f, ", cleartext commands after STLS: closed")
            }
            RelayOutcome::Injected(Side::Server) => {
                write!(f, ", cleartext octets from the server before TLS: closed")
            }
            RelayOutcome::Lost(why) => write!(f, ", connection lost: {why}"),
            RelayOutcome::Stopped => write!(f, ", proxy stopped"),
        }
    }
}

struct ProxyShared {
    options: ProxyOptions,
    acceptor: Acceptor,
    secrets: Secrets,
    is_stopping: Arc<AtomicBool>,
    logs: Arc<LogHealth>,
    on_event: Box<dyn Fn(ProxyEvent) + Send + Sync>,
}

impl ProxyShared {
    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// How long a handshake may take, and the talk before one.
    fn handshake_wait(&self) -> Duration {
        HANDSHAKE.min(self.options.idle)
    }
}

/// Starts a proxy. What happens is passed to `on_event` from the threads of the connections; while
/// it does not return, that connection waits.
///
/// Errors: an address can't be listened on, or the certificate is not usable.
pub fn start(
    options: ProxyOptions,
    on_event: impl Fn(ProxyEvent) + Send + Sync + 'static,
) -> Result<Server, ListenError> {
    let ports = Ports {
        name: "proxy",
        plain: options.listen,
        tls: options.tls_listen,
        most_connections: options.most_connections,
    };
    let (acceptor, certificate_pem) =
        Acceptor::new(&options.certificate, None).map_err(ListenError::Certificate)?;
    let shared = Arc::new(ProxyShared {
        options,
        acceptor,
        secrets: Secrets::by_user(),
        is_stopping: Arc::default(),
        logs: Arc::default(),
        on_event: Box::new(on_event),
    });
    let holder = Arc::clone(&shared);
    let hold = move |client, has_room| hold(&holder, client, has_room);
    let listener = Listener::start(ports, Arc::clone(&shared.is_stopping), hold)?;
    let logs = Arc::clone(&shared.logs);
    Ok(Server {
        listener,
        certificate_pem,
        logs,
    })
}

/// Holds a connection in a thread of its own.
fn hold(shared: &Arc<ProxyShared>, client: Client, has_room: bool) -> Option<HeldSocket> {
    let Client {
        mut socket,
        peer,
        is_tls,
    } = client;
    let ready = has_room.then(|| ready(&mut socket)).and_then(Result::ok);
    let Some((poll, waker)) = ready else {
        listener::turn_away(socket, is_tls);
        (shared.on_event)(ProxyEvent::Ended(ConnectionReport {
            peer,
            client_tls: None,
            server_tls: None,
            commands: 0,
            has_logged_in: false,
            octets: 0,
            outcome: RelayOutcome::Refused,
        }));
        return None;
    };
    // While it dials it waits for the system, and can't be woken.
    let dialling = Arc::new(AtomicBool::new(false));
    let (shared, flag) = (Arc::clone(shared), Arc::clone(&dialling));
    let thread = thread::Builder::new()
        .name(format!("proxy {peer}"))
        .spawn(move || run(&shared, socket, peer, is_tls, poll, flag));
    // Without a thread the socket is closed with what was to be run there. A thread that dials ends
    // by itself; its transcript says that much.
    let end = move || waker.wake().is_ok() && !dialling.load(Ordering::SeqCst);
    thread.ok().map(|thread| HeldSocket::new(thread, end))
}

/// How a connection waits and is woken.
fn ready(socket: &mut TcpStream) -> io::Result<(Poll, Waker)> {
    let poll = Poll::new()?;
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(socket, CLIENT, interest)?;
    let waker = Waker::new(poll.registry(), STOP)?;
    Ok((poll, waker))
}

/// Holds a connection to its end, and reports what happened.
fn run(
    shared: &ProxyShared,
    mut socket: TcpStream,
    peer: SocketAddr,
    is_tls: bool,
    mut poll: Poll,
    dialling: Arc<AtomicBool>,
) {
    // A line waits for nothing. It also works without.
    let _ = socket.set_nodelay(true);
    let header = shared.options.header_wait;
    let header = header.map(|wait| arrival::receive(shared, &mut poll, &mut socket, wait));
    let header: Result<Option<Header>, RelayOutcome> = header.transpose();
    let arrival = Arrival::new(peer, header.as_ref().ok().copied().flatten());
    let peer = arrival.client;
    (shared.on_event)(ProxyEvent::Started(peer));
    let tape = RelayLog::new(shared, &arrival);
    let mut talk = ProxiedConnection::new(shared, tape, poll, socket, dialling);
    let outcome = match header {
        Ok(_) => talk.hold(peer, is_tls),
        Err(outcome) => {
            if let RelayOutcome::NoHeader(error) = &outcome {
                let event = Event::ProxyProtocolFailed(error.to_string());
                talk.tape.event(&event);
            }
            outcome
        }
    };
    talk.record_held();
    let cut = talk.tape.finish();
    talk.tape.event(&outcome.event(cut));
    if talk.server.is_unannounced() {
        talk.tape.upstream(Event::EndedWithoutCloseNotify);
    }
    let (client_tls, server_tls) = talk.tls.clone();
    let report = ConnectionReport {
        peer,
        client_tls,
        server_tls,
        commands: talk.tape.commands,
        has_logged_in: talk.tape.has_logged_in,
        octets: talk.tape.octets,
        outcome,
    };
    let is_gentle = report.outcome != RelayOutcome::Stopped;
    (shared.on_event)(ProxyEvent::Ended(report));
    talk.close(is_gentle);
}
