//! The practice server on the network: listeners, a thread a connection, TLS, the autologout, and
//! an orderly end.

mod connection;
mod log;

use std::fmt;
use std::io::{BufReader, Seek, SeekFrom};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::plural::counted;
use crate::base::regular::{self, Links};
use crate::modes::plan::MAX_SIZE;
use crate::modes::server::LogHealth;
pub use crate::modes::server::Server;
use crate::net::acceptor::Acceptor;
use crate::net::listener::{
    self, Client, HeldSocket, ListenError, Listener, MOST_CONNECTIONS, Ports,
};
use crate::net::proxy_protocol::HeaderError;
use crate::net::server_certificate::ServerCertificate;
use crate::reading::dialogue::Place;
use crate::servers::any_order::{ItemSource, Items, ReplyIndex};
use crate::servers::fault::Fault;
use crate::servers::script::Pace;
use crate::servers::{Account, Ending, Maildrop, Summary, messages};
use crate::transcript::elide::Bodies;
use crate::transcript::file::Destination;
use crate::transcript::secret::Secrets;
use crate::transcript::text;
use log::Room;

/// The shortest autologout that RFC 1939 §3 allows, and ours when nothing else is said.
pub(crate) const AUTOLOGOUT: Duration = Duration::from_secs(600);

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The address for cleartext and STLS. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address for TLS from the first octet, if there is to be one.
    pub tls_listen: Option<SocketAddr>,
    /// Who may log in.
    pub account: Account,
    /// What is served.
    pub maildrop: Maildrop,
    /// How it misbehaves on purpose.
    pub faults: Vec<&'static Fault>,
    /// A transcript that is played instead.
    pub recording: Option<ServedRecording>,
    /// The folder for the transcript of each visit.
    pub log: Destination,
    /// How message data is written to it.
    pub bodies: Bodies,
    /// How many octets all transcripts together may have: anyone who can connect makes them longer.
    pub max_size: u64,
    /// The connection is closed after this time without a command (RFC 1939 §3).
    pub autologout: Duration,
    /// The certificate for TLS.
    pub certificate: ServerCertificate,
    /// Who issues the certificates of clients, in PEM form; with it clients are asked for one.
    pub client_ca: Option<Vec<u8>>,
    /// How many connections are held at the same time; one more is refused.
    pub most_connections: usize,
    /// How long a client may take to send its PROXY protocol header. None: no header is expected.
    pub header_wait: Option<Duration>,
    /// What slows down and ends the guessing of passwords.
    pub brake: LoginThrottle,
}

/// What slows down and ends the guessing of passwords on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginThrottle {
    /// How long the reply to a wrong name or password is held back.
    pub pause: Duration,
    /// After how many of them the connection is closed.
    pub tries: u32,
}

impl LoginThrottle {
    /// None: the reply comes at once, any number of times.
    pub(crate) const NONE: Self = Self {
        pause: Duration::ZERO,
        tries: u32::MAX,
    };
}

/// How long a person may take: they type nothing while they read a long message or think.
const PERSON_AUTOLOGOUT: Duration = Duration::from_secs(60 * 60);

impl ServeOptions {
    /// Returns the defaults for a client in this process, with a second port for TLS from the first
    /// octet if `is_tls`.
    pub(crate) fn practice(is_tls: bool) -> Self {
        let options = Self::default();
        Self {
            tls_listen: is_tls.then_some(options.listen),
            autologout: PERSON_AUTOLOGOUT,
            ..options
        }
    }
}

impl Default for ServeOptions {
    /// The practice maildrop for its account, on a free port of this machine, with STLS.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls_listen: None,
            account: Account::practice(),
            maildrop: Maildrop::new(messages::practice()),
            faults: Vec::new(),
            recording: None,
            log: Destination::Nowhere,
            bodies: Bodies::Keep,
            max_size: MAX_SIZE,
            autologout: AUTOLOGOUT,
            certificate: ServerCertificate::default(),
            client_ca: None,
            most_connections: MOST_CONNECTIONS,
            header_wait: None,
            brake: LoginThrottle::NONE,
        }
    }
}

/// A transcript whose server rows are played.
#[derive(Debug, Clone)]
pub struct ServedRecording {
    /// Its file, which was read once without errors.
    pub path: PathBuf,
    /// How it is played.
    pub pace: Pace,
    /// The place of each reply in it, to be given in any order; None: it is played row by row.
    pub index: Option<Arc<ReplyIndex>>,
}

/// The file of a transcript, read from any place on.
struct TapeFile(PathBuf);

impl ItemSource for TapeFile {
    fn from(&self, place: Place) -> Option<Items> {
        let mut file =
            BufReader::with_capacity(64 * 1024, regular::open(&self.0, Links::Follow).ok()?);
        file.seek(SeekFrom::Start(place.offset)).ok()?;
        Some(text::Reader::resume(
            Box::new(file),
            place.row,
            place.offset,
        ))
    }
}

/// What happened on a connection; reported once for each, when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeEvent {
    /// The client; the one that its header names, if there is one.
    pub peer: SocketAddr,
    /// Version and cipher; None where there was no TLS.
    pub tls: Option<String>,
    /// What happened in the session.
    pub summary: Summary,
    /// How the connection came to its end.
    pub outcome: VisitOutcome,
}

/// How a connection came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisitOutcome {
    /// The session ended by itself; the summary says how.
    Ended,
    /// The client closed without QUIT.
    HungUp,
    /// The autologout: no command came for too long, or the client did not read.
    TimedOut,
    /// There were too many connections.
    Refused,
    /// The header of the PROXY protocol did not come; why.
    NoHeader(HeaderError),
    /// The handshake failed; why.
    TlsFailed(String),
    /// The connection broke; the text is the system's.
    Lost(String),
    /// The password was wrong too often.
    Guessing,
    /// The server was stopped.
    Stopped,
}

impl fmt::Display for ServeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.peer)?;
        if let Some(tls) = &self.tls {
            write!(f, " {tls}")?;
        }
        let Summary {
            commands,
            has_logged_in,
            failed_logins,
            ending,
        } = self.summary;
        write!(f, ": {}", counted(commands, "command"))?;
        if has_logged_in {
            write!(f, ", logged in")?;
        }
        match (&self.outcome, ending) {
            (VisitOutcome::Ended, Some(Ending::Updated { deleted, left })) => {
                write!(f, ", QUIT, {deleted} deleted, {left} left")
            }
            (VisitOutcome::Ended, Some(Ending::Injected)) => {
                write!(f, ", cleartext commands after STLS: closed")
            }
            (VisitOutcome::Ended, Some(Ending::BrokenOff)) => {
                write!(
                    f,
                    ", a message could not be read to the end: closed, nothing deleted"
                )
            }
            (VisitOutcome::Ended, Some(Ending::Played)) => write!(f, ", played to the end"),
            (VisitOutcome::Ended, Some(Ending::Left { row })) => {
                write!(f, ", diverged from the recording at row {row}")
            }
            (VisitOutcome::Ended, _) => write!(f, ", QUIT"),
            (VisitOutcome::HungUp, _) if has_logged_in => {
                write!(f, ", disconnected without QUIT, nothing deleted")
            }
            (VisitOutcome::HungUp, _) => write!(f, ", disconnected"),
            (VisitOutcome::TimedOut, _) => write!(f, ", autologout"),
            (VisitOutcome::Refused, _) => write!(f, ", refused: too many connections"),
            (VisitOutcome::NoHeader(why), _) => write!(f, ", PROXY protocol failed: {why}"),
            (VisitOutcome::TlsFailed(why), _) => write!(f, ", TLS failed: {why}"),
            (VisitOutcome::Lost(why), _) => write!(f, ", connection lost: {why}"),
            (VisitOutcome::Guessing, _) => {
                write!(f, ", {}: closed", counted(failed_logins, "failed login"))
            }
            (VisitOutcome::Stopped, _) => write!(f, ", server stopped"),
        }
    }
}

struct ServerShared {
    options: ServeOptions,
    visits: AtomicU32,
    secrets: Secrets,
    room: Arc<Room>,
    tls: Acceptor,
    is_stopping: Arc<AtomicBool>,
    on_event: Box<dyn Fn(ServeEvent) + Send + Sync>,
    logs: Arc<LogHealth>,
}

impl Server {
    /// Starts to serve. Each connection is reported to `on_event` when it is over, from a thread of
    /// the server's; it must not block.
    ///
    /// Errors: an address can't be listened on, or the certificate is not usable.
    pub fn start(
        options: ServeOptions,
        on_event: impl Fn(ServeEvent) + Send + Sync + 'static,
    ) -> Result<Self, ListenError> {
        let ports = Ports {
            name: "serve",
            plain: options.listen,
            tls: options.tls_listen,
            most_connections: options.most_connections,
        };
        let client_ca = options.client_ca.as_deref();
        let (tls, certificate_pem) =
            Acceptor::new(&options.certificate, client_ca).map_err(ListenError::Certificate)?;
        let shared = Arc::new(ServerShared {
            visits: AtomicU32::new(0),
            secrets: Secrets::by_user(),
            room: Room::of(options.max_size),
            options,
            tls,
            is_stopping: Arc::default(),
            on_event: Box::new(on_event),
            logs: Arc::default(),
        });
        let holder = Arc::clone(&shared);
        let hold = move |client, has_room| hold(&holder, client, has_room);
        let listener = Listener::start(ports, Arc::clone(&shared.is_stopping), hold)?;
        let logs = Arc::clone(&shared.logs);
        Ok(Self {
            listener,
            certificate_pem,
            logs,
        })
    }
}

/// Holds a connection in a thread of its own, which owns the socket.
fn hold(shared: &Arc<ServerShared>, client: Client, has_room: bool) -> Option<HeldSocket> {
    let (peer, is_tls) = (client.peer, client.is_tls);
    let socket = Arc::new(TcpStream::from(client.socket));
    if has_room && socket.set_nonblocking(false).is_ok() {
        let weak = Arc::downgrade(&socket);
        let (shared, owned) = (Arc::clone(shared), Arc::clone(&socket));
        let thread = thread::Builder::new()
            .name(format!("serve {peer}"))
            .spawn(move || connection::run(&shared, owned, peer, is_tls));
        if let Ok(thread) = thread {
            return Some(HeldSocket::new(thread, move || {
                if let Some(socket) = weak.upgrade() {
                    // Ends every wait on it. An error means that it is closed already.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                true
            }));
        }
    }
    listener::turn_away(&*socket, is_tls);
    (shared.on_event)(ServeEvent {
        peer,
        tls: None,
        summary: Summary::default(),
        outcome: VisitOutcome::Refused,
    });
    None
}

/// A timestamp for a greeting, different from all others (RFC 1939 §7): process and clock, where
/// the clock is moved on by a second when it has not moved by itself.
fn timestamp() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let last = LAST
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
            Some(now.max(last.saturating_add(1)))
        })
        .unwrap_or_default();
    let clock = now.max(last.saturating_add(1));
    format!("<{}.{clock}@practice.example>", std::process::id())
}
