//! Listens for clients, in cleartext and inside TLS: one thread accepts, up to a limit, and each
//! connection has a thread of its own. The caller decides what is done on a connection.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::base::error::Explain;
use crate::base::io_error::plain;

/// How many connections are held at the same time by default.
pub const MOST_CONNECTIONS: usize = 250;

/// How long to wait when no connection can be accepted, for want of file handles for example.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

const PLAIN: Token = Token(0);
const TLS: Token = Token(1);
const STOP: Token = Token(2);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) name: &'static str,
    /// The address for cleartext and STLS. Port 0 picks a free one.
    pub(crate) plain: SocketAddr,
    pub(crate) tls: Option<SocketAddr>,
    /// How many connections are held at the same time; one more is refused.
    pub(crate) most_connections: usize,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", plain(error))]
    Address {
        /// The address as given.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate or its key is unusable.
    #[error("cannot use this certificate for TLS: {0}")]
    Certificate(String),
    /// The system gives no thread, or no way to wait for connections.
    #[error("can't serve: {}", plain(.0))]
    System(#[from] io::Error),
}

impl Explain for ListenError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Address { error, .. } => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another program uses this port; port 0 picks a free one")
                }
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 require administrator rights; try 11110")
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some("this machine does not have that address; 127.0.0.1 always works")
                }
                _ => None,
            },
            Self::Certificate(_) => Some("give the certificate and its own key, both in PEM form"),
            Self::System(_) => None,
        };
        hint.map(Cow::Borrowed)
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    /// The connection; it does not block.
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) is_tls: bool,
}

pub(crate) struct HeldSocket {
    thread: JoinHandle<()>,
    end: Box<dyn Fn() -> bool + Send>,
}

impl HeldSocket {
    /// `end` ends every wait of the thread, and says whether the thread is to be waited for. It is
    /// dropped after the thread has ended: a waker that is gone wakes no thread that waits later.
    pub(crate) fn new(thread: JoinHandle<()>, end: impl Fn() -> bool + Send + 'static) -> Self {
        let end = Box::new(end);
        Self { thread, end }
    }
}

/// Says in cleartext that there are too many connections. Inside TLS nothing can be said before a
/// handshake.
pub(crate) fn turn_away(mut socket: impl Write, is_tls: bool) {
    if !is_tls {
        // The socket is new enough to take a line.
        let _ = socket.write_all(b"-ERR [SYS/TEMP] too many connections; try again later\r\n");
    }
}

/// Listens until it is dropped; then it closes its ports, ends its connections and waits until
/// their threads are done.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) tls_address: Option<SocketAddr>,
    is_stopping: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts. Each client is given to `hold`, with whether there is room for it; `hold` begins to
    /// hold it, or turns it away. It must not block. `is_stopping` becomes true at the end, before
    /// the connections are ended.
    ///
    /// Errors: an address can't be listened on, or the system has no thread for it.
    pub(crate) fn start(
        ports: Ports,
        is_stopping: Arc<AtomicBool>,
        hold: impl FnMut(Client, bool) -> Option<HeldSocket> + Send + 'static,
    ) -> Result<Self, ListenError> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        let (address, plain) = bind(&poll, ports.plain, PLAIN)?;
        let tls = ports.tls.map(|address| bind(&poll, address, TLS));
        let (tls_address, tls) = tls.transpose()?.unzip();
        let accepting = Accepting {
            poll,
            plain,
            tls,
            is_stopping: Arc::clone(&is_stopping),
            hold,
            held: Vec::new(),
            most: ports.most_connections,
        };
        let thread = thread::Builder::new()
            .name(ports.name.to_owned())
            .spawn(|| accepting.run())?;
        Ok(Self {
            address,
            tls_address,
            is_stopping,
            waker,
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        // Without the waker the thread would wait indefinitely, so it is not waited for then.
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic there was reported already.
            let _ = thread.join();
        }
    }
}

/// Listens on an address, and on port 0 says which port was taken.
fn bind(
    poll: &Poll,
    address: SocketAddr,
    token: Token,
) -> Result<(SocketAddr, TcpListener), ListenError> {
    let bind = || {
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, token, Interest::READABLE)?;
        Ok((listener.local_addr()?, listener))
    };
    bind().map_err(|error| ListenError::Address { address, error })
}

struct Accepting<H> {
    poll: Poll,
    plain: TcpListener,
    tls: Option<TcpListener>,
    is_stopping: Arc<AtomicBool>,
    hold: H,
    held: Vec<HeldSocket>,
    most: usize,
}

impl<H: FnMut(Client, bool) -> Option<HeldSocket>> Accepting<H> {
    fn run(mut self) {
        let mut events = Events::with_capacity(8);
        let mut timeout = None;
        while !self.is_stopping.load(Ordering::SeqCst) {
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    thread::sleep(ACCEPT_RETRY);
                }
                _ => {}
            }
            // Both listeners, whatever the event was for: it comes only once, also when a
            // connection could not be taken.
            let is_all = self.accept_all(false) & self.accept_all(true);
            timeout = (!is_all).then_some(ACCEPT_RETRY);
        }
        let ended = self.held.into_iter().map(|held| ((held.end)(), held));
        let ended: Vec<(bool, HeldSocket)> = ended.collect();
        for (_, held) in ended.into_iter().filter(|(is_awaited, _)| *is_awaited) {
            let _ = held.thread.join();
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
                Ok((socket, peer)) => {
                    self.held.retain(|held| !held.thread.is_finished());
                    let has_room = self.held.len() < self.most;
                    let client = Client {
                        socket,
                        peer,
                        is_tls,
                    };
                    self.held.extend((self.hold)(client, has_room));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return true,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return false,
                },
            }
        }
    }
}
