//! The thread that owns a connection: it reads, records, shows, and sends what is requested.

mod busy_poll;
mod event_loop;
mod pacing;
mod send_queue;
mod trust;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use zeroize::Zeroizing;

use super::Stream;
use super::dial::{DialError, Dialled, Route, reach};
use super::proxy_protocol::Header;
use super::tls::{TlsError, TlsFacts, TlsSettings};
use super::wrong_service::WrongService;
use crate::base::figures;
use crate::base::io_error::plain;
use crate::base::lock::lock;
use crate::net::target::Target;
use crate::pop3::command::Shape;
use crate::pop3::tracker::{Awaited, CutAt, State, Status};
use crate::transcript::event::{Event, OUT_OF_STEP, Party};
use crate::transcript::recorder::{RecordedStep, Recorder};
use busy_poll::BusyPoll;
use event_loop::Engine;
use send_queue::SendQueue;
pub(crate) use trust::{Greeting, Risk, TrustRefusal};

const SOCKET: Token = Token(0);
const ORDERS: Token = Token(1);

/// How long the server may take to close after its reply to QUIT.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(3);

/// Longer than any wait; the reply's own time-out comes first.
pub(crate) const NEVER: Duration = Duration::from_secs(1 << 32);

pub(crate) enum Request {
    /// Send these octets, line end included; after STLS, once TLS is on.
    Send(Zeroizing<Vec<u8>>),
    /// Send these whole lines, line ends included, each when its turn comes.
    SendInTurn(Zeroizing<Vec<u8>>, Pacing),
    /// Send these octets at once, even after STLS: as an attacker on the network path would, or a
    /// recording of one.
    Inject(Vec<u8>),
    /// Remember a secret under the name of its hole.
    Remember(&'static str, Zeroizing<Vec<u8>>),
    SetShape(String, Shape),
    /// Record into this file from now on, with this head; None stops recording.
    SetFile(Option<Box<dyn Write + Send>>, Vec<(&'static str, String)>),
    Close,
    /// The same, because the replies no longer fit the commands.
    CloseOutOfStep,
}

/// When the next line of a script has its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pacing {
    /// How many commands may be in flight; one is lock-step: each waits for the reply to the last.
    pub(crate) window: usize,
    /// How many refusals there may have been; after one more, nothing is sent.
    pub(crate) refusals: u64,
    /// Wake the waiter when the queue falls to this many octets; above that, the connection is
    /// busy.
    pub(crate) low: usize,
}

/// Observes a connection. Called on the thread that owns it, after what it receives is in the file.
pub(crate) trait Observer: Send {
    /// Octets of the server, as received.
    fn on_octets(&mut self, octets: &[u8]);
    /// A step of the conversation, secrets hidden.
    fn on_step(&mut self, seen: RecordedStep);
    fn on_notice(&mut self, news: Notice);
    /// Whether lines that wait for their turn are still to be sent.
    fn wants_more(&self) -> bool {
        true
    }
    /// Nothing more has come for the moment; `snapshot` is the current state.
    fn on_idle(&mut self, snapshot: &Snapshot);
}

#[derive(Debug)]
pub(crate) enum Notice {
    /// The connection began with this header of the PROXY protocol.
    HeaderSent(Header),
    Tls(Box<TlsFacts>),
    /// There is no TLS; the connection is closed.
    TlsFailed(TlsError),
    Silent(WrongService),
    /// The greeting is not a POP3 greeting; see [`Greeting::mistake`].
    NotPop3(Greeting),
    NotReached(String),
    /// A greeting or a status line was not complete after this time, or no octet of data came for
    /// so long; the last octets of the server, four at most.
    TimedOut(Duration, Awaited, Vec<u8>),
    /// The server has answered QUIT, and not closed in this time (RFC 1939 §6).
    KeptOpen(Duration),
    /// The server ended TLS without close_notify.
    Unannounced,
    Ended(CloseReason),
    LogFailed(String),
    /// A secret was sent that is too short to be hidden by value.
    ShortSecret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseReason {
    ByServer(CutAt),
    ByClient,
    /// We closed, because the replies no longer fit the commands.
    OutOfStep,
    Lost(String, CutAt),
    /// It broke after the reply to QUIT, where nothing was left to say: many servers close with a
    /// reset.
    Dropped(String),
    TlsFailed,
    /// Octets came between STLS and the handshake.
    Injected,
    /// More octets came than are to be stored; we closed it.
    TooMuch(u64),
}

impl CloseReason {
    pub(crate) fn event(&self) -> Event {
        let closed = |by, cut, why: Option<&str>| Event::Closed {
            by,
            cut,
            why: why.map(str::to_owned),
        };
        let lost = |why: &String, cut| Event::Lost {
            cut,
            why: Some(why.clone()),
        };
        match self {
            Self::ByServer(cut) => closed(Party::Server, *cut, None),
            Self::Lost(why, cut) => lost(why, *cut),
            Self::Dropped(why) => lost(why, CutAt::Nothing),
            Self::OutOfStep => closed(Party::Client, CutAt::Nothing, Some(OUT_OF_STEP)),
            Self::ByClient | Self::TlsFailed | Self::Injected | Self::TooMuch(_) => {
                closed(Party::Client, CutAt::Nothing, None)
            }
        }
    }

    /// The event to record before [`CloseReason::event`].
    pub(crate) fn reason(&self) -> Option<Event> {
        match self {
            Self::TooMuch(most) => Some(Event::TooMuchCame(figures::size(*most).to_string())),
            _ => None,
        }
    }

    /// Whether the connection ended where it should: after QUIT, or because we wanted so.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::ByServer(CutAt::Reply | CutAt::Line | CutAt::Data)
                | Self::Lost(..)
                | Self::TooMuch(_)
        )
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) is_tls: bool,
    pub(crate) is_doubtful: bool,
    pub(crate) marked: usize,
    /// Commands without a complete reply.
    pub(crate) outstanding: usize,
    /// The server waits for a SASL response.
    pub(crate) is_owed: bool,
    pub(crate) expects_response: bool,
    pub(crate) may_send: bool,
    pub(crate) awaited: Option<Awaited>,
    /// The last octets of the server, four at most.
    pub(crate) last_octets: Vec<u8>,
    /// How many complete replies, or challenges, have come.
    pub(crate) answers: u64,
    /// What the last complete reply said; None before the first.
    pub(crate) last_status: Option<Status>,
    /// How many replies were not `+OK`, the greeting included.
    pub(crate) refusals: u64,
    pub(crate) last_refusal: Option<TrustRefusal>,
    /// The command that it answered, where the table has it.
    pub(crate) refused_verb: Option<&'static str>,
    pub(crate) greeting: Greeting,
    pub(crate) is_tls_asked: bool,
    pub(crate) received: u64,
    pub(crate) quiet_since: Instant,
    pub(crate) timeouts: u64,
    /// The server has answered QUIT, and not closed for [`CLOSE_WAIT`].
    pub(crate) is_kept_open: bool,
    /// How many lines of the server were complete that are not data: greeting, status lines,
    /// challenges, and unsolicited lines.
    pub(crate) lines: u64,
    pub(crate) ending: Option<CloseReason>,
    pub(crate) has_log_failed: bool,
    /// How many octets of lines wait for their turn.
    pub(crate) queued: usize,
    /// Requests are still to be carried out: this snapshot is older than they are.
    pub(crate) is_after: bool,
    taken: u64,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{}", plain(.0))]
    Io(#[from] io::Error),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For each address, and for a TLS handshake.
    pub(crate) connect: Duration,
    /// For a greeting or a status line to be complete, and for the next octet of data; None:
    /// indefinitely.
    pub(crate) reply: Option<Duration>,
    /// How many octets the server may send; after more, the connection is closed.
    pub(crate) octets: u64,
}

impl Timeouts {
    /// Whether a program waits: for a person there is no time limit.
    fn are_of_a_script(&self) -> bool {
        self.reply.is_some()
    }
}

pub(crate) struct Connection {
    orders: Sender<Request>,
    waker: Arc<Waker>,
    shared: Arc<EngineShared>,
    asked: Mutex<u64>,
    thread: Option<JoinHandle<()>>,
    target: Target,
}

struct EngineShared {
    snapshot: Mutex<Snapshot>,
    /// How many threads wait for a change: waking no one still costs a syscall.
    waiting: AtomicUsize,
    changed: Condvar,
    /// True before the observer is notified of the end, so that no observer takes an ended
    /// connection for open.
    has_ended: AtomicBool,
}

impl Connection {
    /// Connects, does the TLS handshake where the target wants it at once, and starts the thread.
    ///
    /// Errors: no address answered, or no TLS. What happened is in the recorder's file anyway.
    pub(crate) fn open(
        route: Route<'_>,
        tls: &TlsSettings,
        waits: Timeouts,
        mut recorder: Recorder,
        mut observer: Box<dyn Observer>,
    ) -> Result<Self, OpenError> {
        let start = Instant::now();
        let millis = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let reached = reach(route, waits.connect, &mut |error| {
            recorder.event(&error.event(), millis());
            observer.on_notice(Notice::NotReached(error.to_string()));
        });
        let Dialled {
            socket,
            target,
            place,
            header,
        } = reached.inspect_err(|error| {
            // Servers that were tried before are in there already.
            recorder.event(&error.last().event(), millis());
        })?;
        recorder.event(&Event::connected(&place), millis());
        let has_header = header.is_some();
        if let Some(header) = header {
            recorder.event(&Event::ProxyProtocol(header.to_string()), millis());
            observer.on_notice(Notice::HeaderSent(header));
        }
        socket.set_nonblocking(true)?;
        // Lock-step: no line is in the queue.
        socket.set_nodelay(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), ORDERS)?);
        let (orders, inbox) = mpsc::channel();
        let shared = Arc::new(EngineShared {
            snapshot: Mutex::new(snapshot(&recorder)),
            waiting: AtomicUsize::new(0),
            changed: Condvar::new(),
            has_ended: AtomicBool::new(false),
        });
        let mut engine = Engine {
            stream: None,
            host: target.host.clone(),
            tls: tls.clone(),
            waits,
            poll,
            events: Events::with_capacity(8),
            inbox,
            late: VecDeque::new(),
            waiting: Vec::new(),
            outbox: Zeroizing::new(Vec::new()),
            queue: SendQueue::default(),
            nearness: BusyPoll::new(waits.are_of_a_script()),
            reset: None,
            is_closing: false,
            has_news: true,
            recorder,
            observer,
            shared: Arc::clone(&shared),
            snapshot: lock(&shared.snapshot).clone(),
            start,
            asked_since: Instant::now(),
            first: Some(Vec::new()),
            is_unannounced: false,
            is_silence_reported: false,
            flush_due: None,
        };
        if target.is_tls {
            let begun = engine.start_tls(socket);
            begun.map_err(|error| error.at_once(has_header))?;
        } else {
            engine.stream = Some(Stream::Plain(socket));
        }
        engine.share();
        let guard = EndGuard(Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || {
                let _guard = guard;
                engine.run();
            })?;
        Ok(Self {
            orders,
            waker,
            shared,
            asked: Mutex::new(0),
            thread: Some(thread),
            target,
        })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn order(&self, order: Request) {
        *lock(&self.asked) += 1;
        // The thread may have ended; then no one receives this, and `snapshot` says so.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }

    /// Sends a line: the octets and CR LF.
    pub(crate) fn send_line(&self, line: &[u8]) {
        self.order(Request::Send(Zeroizing::new([line, b"\r\n"].concat())));
    }

    /// Returns the state once all requests so far are carried out; waits until `is_enough` or for
    /// `wait` at most.
    pub(crate) fn wait(&self, wait: Duration, is_enough: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let asked = *lock(&self.asked);
        let guard = lock(&self.shared.snapshot);
        let not_yet =
            |now: &mut Snapshot| now.ending.is_none() && (now.taken < asked || !is_enough(now));
        // Under the mutex, so that no change is missed.
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let (now, _) = self
            .shared
            .changed
            .wait_timeout_while(guard, wait, not_yet)
            .unwrap_or_else(PoisonError::into_inner);
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        Snapshot {
            is_after: now.taken < asked,
            ..now.clone()
        }
    }

    /// Waits for the server to close after its reply to QUIT, for [`CLOSE_WAIT`] at most.
    pub(crate) fn take_leave(&self) -> Snapshot {
        self.wait(2 * CLOSE_WAIT, |now| now.is_kept_open)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        lock(&self.shared.snapshot).clone()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.shared.has_ended.load(Ordering::Acquire)
    }

    /// Closes the connection and waits for the thread to end; returns the final state.
    pub(crate) fn close(mut self) -> Snapshot {
        self.end();
        self.snapshot()
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.order(Request::Close);
            let _ = thread.join();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends a connection whose thread is gone without having said so: it panicked, and another thread
/// may wait for it.
struct EndGuard(Arc<EngineShared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        let mut now = lock(&self.0.snapshot);
        if now.ending.is_none() {
            let why = "a bug in poptalk ended its thread".to_owned();
            now.ending = Some(CloseReason::Lost(why, CutAt::Nothing));
        }
        drop(now);
        self.0.has_ended.store(true, Ordering::Release);
        self.0.changed.notify_all();
    }
}

fn snapshot(recorder: &Recorder) -> Snapshot {
    let tracker = recorder.tracker();
    Snapshot {
        state: tracker.state(),
        is_tls: false,
        is_doubtful: false,
        marked: 0,
        outstanding: 0,
        is_owed: false,
        expects_response: false,
        may_send: false,
        awaited: recorder.awaited(),
        last_octets: Vec::new(),
        answers: 0,
        last_status: None,
        refusals: 0,
        last_refusal: None,
        refused_verb: None,
        greeting: Greeting::Awaited,
        is_tls_asked: false,
        received: 0,
        quiet_since: Instant::now(),
        timeouts: 0,
        is_kept_open: false,
        lines: 0,
        ending: None,
        queued: 0,
        has_log_failed: false,
        is_after: false,
        taken: 0,
    }
}

#[cfg(test)]
mod tests;
