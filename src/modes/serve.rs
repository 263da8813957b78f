//! The practice server on the network: listeners, a thread a connection, TLS, the autologout, and an orderly end.

mod connection;
mod tape;
#[cfg_attr(any(windows, target_vendor = "apple"), path = "serve/no_tls.rs")]
pub(crate) mod tls;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::base::error::Explain;
use crate::base::regular::{self, Links};
use crate::modes::plan::MAX_SIZE;
use crate::reading::dialogue::Place;
use crate::servers::fault::Fault;
use crate::servers::loose::{Index, Items, Tape};
use crate::servers::script::Pace;
use crate::servers::{Account, Ending, Maildrop, Summary, messages};
use crate::transcript::elide::Bodies;
use crate::transcript::file::LogPlace;
use crate::transcript::secret::Secrets;
use crate::transcript::text;
use tape::Room;
use tls::Acceptor;

/// How many connections are held at the same time when nothing else is said.
pub const MOST_CONNECTIONS: usize = 250;

/// The shortest autologout that RFC 1939 §3 allows, and ours when nothing else is said.
pub const AUTOLOGOUT: Duration = Duration::from_secs(600);

/// How long to wait when no connection can be accepted, for want of file handles for example.
const BREATH: Duration = Duration::from_millis(100);

const PLAIN: Token = Token(0);
const TLS: Token = Token(1);
const STOP: Token = Token(2);

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The address for clear text and STLS. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address for TLS from the first octet, if there is to be one.
    pub tls_listen: Option<SocketAddr>,
    /// Who may log in.
    pub account: Account,
    /// What is served.
    pub maildrop: Maildrop,
    /// What it does wrong on purpose.
    pub faults: Vec<&'static Fault>,
    /// A transcript that is played in place of it.
    pub recording: Option<Recording>,
    /// Where the transcript of each visit goes: a folder.
    pub log: LogPlace,
    /// What becomes of message data in it.
    pub bodies: Bodies,
    /// How many octets all transcripts together may have: anyone who can connect makes them longer.
    pub max_size: u64,
    /// After this time without a command the connection is closed (RFC 1939 §3).
    pub autologout: Duration,
    /// The certificate for TLS.
    pub certificate: Certificate,
    /// Who issues the certificates of clients, in PEM form; with it clients are asked for one.
    pub client_ca: Option<Vec<u8>>,
    /// How many connections are held at the same time; one more is refused.
    pub most_connections: usize,
    /// What slows down and ends the guessing of passwords.
    pub brake: Brake,
}

/// What slows down and ends the guessing of passwords on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// How long the reply to a wrong name or password is held back.
    pub pause: Duration,
    /// After how many of them the connection is closed.
    pub tries: u32,
}

impl Brake {
    /// None: the reply comes at once, any number of times.
    pub const NONE: Self = Self {
        pause: Duration::ZERO,
        tries: u32::MAX,
    };
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
            log: LogPlace::Nowhere,
            bodies: Bodies::Keep,
            max_size: MAX_SIZE,
            autologout: AUTOLOGOUT,
            certificate: Certificate::default(),
            client_ca: None,
            most_connections: MOST_CONNECTIONS,
            brake: Brake::NONE,
        }
    }
}

/// A transcript whose server rows are played.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its file, which was read once without errors.
    pub path: PathBuf,
    /// How it is played.
    pub pace: Pace,
    /// Where each reply of it stands, to be given in any order; None: it is played row by row.
    pub index: Option<Arc<Index>>,
}

/// The file of a transcript, read from any place on.
struct TapeFile(PathBuf);

impl Tape for TapeFile {
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

/// Where the certificate comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Certificate {
    /// Made at the start and signed by itself, for these names and addresses.
    SelfSigned(Vec<String>),
    /// Given in PEM form: the certificate, perhaps with others of its chain behind it, and its key.
    Given {
        /// The certificates, the server's own first.
        certificate: Vec<u8>,
        /// The key of the first one.
        key: Vec<u8>,
    },
}

impl Default for Certificate {
    fn default() -> Self {
        Self::SelfSigned(["localhost", "127.0.0.1", "::1"].map(str::to_owned).into())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned(names) => f.debug_tuple("SelfSigned").field(names).finish(),
            Self::Given { .. } => f.write_str("Given { key: (hidden), .. }"),
        }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", plain(error))]
    Listen {
        /// The address as given.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate or its key is not usable.
    #[error("no TLS with this certificate: {0}")]
    Certificate(String),
    /// This build can't serve TLS.
    #[error("this platform has no TLS for servers")]
    NoTls,
    /// The system gives no thread, or no way to wait for connections.
    #[error("can't serve: {}", plain(.0))]
    System(#[from] io::Error),
}

impl Explain for ServeError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Listen { error, .. } => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another program has this port; port 0 takes a free one")
                }
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 are for the administrator; 11110 is not")
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some("this machine does not have that address; 127.0.0.1 always works")
                }
                _ => None,
            },
            Self::Certificate(_) => Some("give the certificate and its own key, both in PEM form"),
            Self::NoTls => Some("leave TLS out"),
            Self::System(_) => None,
        };
        hint.map(Cow::Borrowed)
    }
}

fn plain(error: &io::Error) -> String {
    crate::base::io_error::plain(error)
}

/// What happened on a connection; told once for each, when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeEvent {
    /// The client.
    pub peer: SocketAddr,
    /// Version and cipher; None where there was no TLS.
    pub tls: Option<String>,
    /// What the session has been.
    pub summary: Summary,
    /// How the connection came to its end.
    pub outcome: Outcome,
}

/// How a connection came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The session ended by itself; the summary tells how.
    Ended,
    /// The client closed without QUIT.
    HungUp,
    /// The autologout: no command came for too long, or the client did not read.
    TimedOut,
    /// There were too many connections.
    Refused,
    /// The handshake failed; the text is the library's.
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
        let plural = if commands == 1 { "" } else { "s" };
        write!(f, ": {commands} command{plural}")?;
        if has_logged_in {
            write!(f, ", logged in")?;
        }
        match (&self.outcome, ending) {
            (Outcome::Ended, Some(Ending::Updated { deleted, left })) => {
                write!(f, ", QUIT, {deleted} deleted, {left} left")
            }
            (Outcome::Ended, Some(Ending::Injected)) => {
                write!(f, ", commands behind STLS in clear: closed")
            }
            (Outcome::Ended, Some(Ending::BrokenOff)) => {
                write!(f, ", a message broke off: closed, nothing deleted")
            }
            (Outcome::Ended, Some(Ending::Played)) => write!(f, ", played to the end"),
            (Outcome::Ended, Some(Ending::Left { row })) => {
                write!(f, ", left the recording at row {row}")
            }
            (Outcome::Ended, _) => write!(f, ", QUIT"),
            (Outcome::HungUp, _) if has_logged_in => {
                write!(f, ", hung up without QUIT, nothing deleted")
            }
            (Outcome::HungUp, _) => write!(f, ", hung up"),
            (Outcome::TimedOut, _) => write!(f, ", autologout"),
            (Outcome::Refused, _) => write!(f, ", refused: too many connections"),
            (Outcome::TlsFailed(why), _) => write!(f, ", TLS failed: {why}"),
            (Outcome::Lost(why), _) => write!(f, ", lost: {why}"),
            (Outcome::Guessing, _) => write!(f, ", {failed_logins} failed logins: closed"),
            (Outcome::Stopped, _) => write!(f, ", server stopped"),
        }
    }
}

/// What the connections share.
struct Shared {
    account: Arc<Account>,
    maildrop: Maildrop,
    faults: Vec<&'static Fault>,
    /// How many connections a server with faults has had.
    visits: AtomicU32,
    recording: Option<Recording>,
    log: LogPlace,
    secrets: Secrets,
    bodies: Bodies,
    room: Arc<Room>,
    autologout: Duration,
    brake: Brake,
    tls: Option<Acceptor>,
    is_stopping: AtomicBool,
    on_event: Box<dyn Fn(ServeEvent) + Send + Sync>,
    /// Told what a visit has to do without.
    on_trouble: fn(String),
    /// A transcript could not be made, or not be written to its end.
    has_lost_log: AtomicBool,
}

/// A server that runs. Dropped, it closes its ports and connections and waits until all of its threads are done; what was
/// marked in an open session is not deleted.
pub struct Serving {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    certificate_pem: Option<String>,
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Starts to serve. Each connection is told to `on_event` when it is over, from a thread of the server's; it must not block.
    ///
    /// Errors: an address can't be listened on, the certificate is not usable, or the platform has no TLS and `tls_listen`
    /// asks for it. Without `tls_listen` such a platform serves without STLS.
    pub fn start(
        options: ServeOptions,
        on_event: impl Fn(ServeEvent) + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        let (tls, certificate_pem) =
            match Acceptor::new(&options.certificate, options.client_ca.as_deref()) {
                Ok(Some((acceptor, pem))) => (Some(acceptor), Some(pem)),
                Ok(None) if options.tls_listen.is_some() => return Err(ServeError::NoTls),
                Ok(None) => (None, None),
                Err(why) => return Err(ServeError::Certificate(why)),
            };
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        let (address, plain) = listen(&poll, options.listen, PLAIN)?;
        let tls_listener = options
            .tls_listen
            .map(|address| listen(&poll, address, TLS))
            .transpose()?;
        let (tls_address, tls_listener) = tls_listener.unzip();
        let shared = Arc::new(Shared {
            account: Arc::new(options.account),
            maildrop: options.maildrop,
            faults: options.faults,
            visits: AtomicU32::new(0),
            recording: options.recording,
            log: options.log,
            secrets: Secrets::by_user(),
            bodies: options.bodies,
            room: Room::of(options.max_size),
            autologout: options.autologout,
            brake: options.brake,
            tls,
            is_stopping: AtomicBool::new(false),
            on_event: Box::new(on_event),
            on_trouble: |what| crate::base::say::warning(&what),
            has_lost_log: AtomicBool::new(false),
        });
        let listening = Listening {
            poll,
            plain,
            tls: tls_listener,
            shared: Arc::clone(&shared),
            open: Vec::new(),
            most: options.most_connections,
        };
        let thread = thread::Builder::new()
            .name("serve".to_owned())
            .spawn(|| listening.run())?;
        Ok(Self {
            address,
            tls_address,
            certificate_pem,
            shared,
            waker,
            thread: Some(thread),
        })
    }

    /// The address for clear text and STLS, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for TLS from the first octet, with the port that was taken.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// The certificate in PEM form, for who is to trust it; None where there is no TLS.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate_pem.as_deref()
    }

    /// Ends it, as dropping it does; returns whether each visit left a whole transcript where it was to leave one.
    #[must_use]
    pub fn stop(self) -> bool {
        let shared = Arc::clone(&self.shared);
        drop(self);
        !shared.has_lost_log.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// A visit has no transcript, or no whole one.
    fn lose_log(&self, what: String) {
        self.has_lost_log.store(true, Ordering::SeqCst);
        (self.on_trouble)(what);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // Without the waker the thread would wait for ever, so it is not waited for then.
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic there was told already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("address", &self.address)
            .field("tls_address", &self.tls_address)
            .finish_non_exhaustive()
    }
}

/// Listens on an address, and on port 0 tells which port was taken.
///
/// Errors: it can't be listened on.
pub(crate) fn listen(
    poll: &Poll,
    address: SocketAddr,
    token: Token,
) -> Result<(SocketAddr, TcpListener), ServeError> {
    let bind = || {
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, token, Interest::READABLE)?;
        Ok((listener.local_addr()?, listener))
    };
    bind().map_err(|error| ServeError::Listen { address, error })
}

/// The thread that accepts connections.
struct Listening {
    poll: Poll,
    plain: TcpListener,
    tls: Option<TcpListener>,
    shared: Arc<Shared>,
    /// The connections; their threads own the sockets.
    open: Vec<(Weak<TcpStream>, JoinHandle<()>)>,
    most: usize,
}

impl Listening {
    fn run(mut self) {
        let mut events = Events::with_capacity(8);
        let mut timeout = None;
        while !self.shared.is_stopping.load(Ordering::SeqCst) {
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => thread::sleep(BREATH),
                _ => {}
            }
            // Both listeners, whatever the event was for: it is told only once, also when a connection could not be taken.
            let is_all = self.accept_all(false) & self.accept_all(true);
            timeout = (!is_all).then_some(BREATH);
        }
        for (socket, _) in &self.open {
            if let Some(socket) = socket.upgrade() {
                // Ends every wait on it. An error means that it is closed already.
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        for (_, thread) in self.open {
            let _ = thread.join();
        }
    }

    /// Accepts what is waiting; false when something is left that could not be accepted now.
    fn accept_all(&mut self, is_tls: bool) -> bool {
        loop {
            let listener = if is_tls {
                self.tls.as_ref()
            } else {
                Some(&self.plain)
            };
            let Some(listener) = listener else {
                return true;
            };
            match listener.accept() {
                Ok((socket, peer)) => self.hold(socket.into(), peer, is_tls),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return true,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return false,
                },
            }
        }
    }

    /// Holds a connection in a thread of its own.
    fn hold(&mut self, socket: TcpStream, peer: SocketAddr, is_tls: bool) {
        self.open.retain(|(_, thread)| !thread.is_finished());
        let socket = Arc::new(socket);
        if self.open.len() < self.most && socket.set_nonblocking(false).is_ok() {
            let shared = Arc::clone(&self.shared);
            let weak = Arc::downgrade(&socket);
            let owned = Arc::clone(&socket);
            let thread = thread::Builder::new()
                .name(format!("serve {peer}"))
                .spawn(move || connection::run(&shared, owned, peer, is_tls));
            if let Ok(thread) = thread {
                self.open.push((weak, thread));
                return;
            }
        }
        // Inside TLS nothing can be said before a handshake. The socket does not block, or is new enough to take a line.
        if !is_tls {
            let _ =
                (&*socket).write_all(b"-ERR [SYS/TEMP] too many connections; try again later\r\n");
        }
        (self.shared.on_event)(ServeEvent {
            peer,
            tls: None,
            summary: Summary::default(),
            outcome: Outcome::Refused,
        });
    }
}

/// A timestamp for a greeting, different from all others (RFC 1939 §7): process and clock, where the clock is moved on by a
/// second when it has not moved by itself.
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
