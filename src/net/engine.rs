//! The thread that owns a connection: it reads, records, shows, and sends what it is told to.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use zeroize::Zeroizing;

use super::dial::{DialError, dial, plain};
use super::mistake::{self, Mistake};
use super::tls::{self, TlsError, TlsFacts, TlsSettings};
use super::{Stream, Target};
use crate::command::Shape;
use crate::recorder::{Recorder, Seen};
use crate::tracker::{Awaited, Cut, Side, State, Status};

/// How many octets one read takes at most.
const READ_MAX: usize = 128 * 1024;
/// After so much silence what was held back, because more was likely to come, is handed out.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// After so much silence from the start it is said that no greeting comes.
const GREETING_LATE: Duration = Duration::from_secs(5);

const SOCKET: Token = Token(0);
const ORDERS: Token = Token(1);

/// What the thread is told to do.
pub enum Order {
    /// Send these octets, line end included.
    Send(Zeroizing<Vec<u8>>),
    /// Remember a secret under the name of its hole.
    Remember(&'static str, Zeroizing<Vec<u8>>),
    /// Replies to this verb have this shape.
    SetShape(String, Shape),
    /// Record into this file from now on, with this head; None: no more.
    SetFile(Option<Box<dyn Write + Send>>, Vec<(&'static str, String)>),
    /// Close the connection.
    Close,
}

/// Who watches a connection. It is called on the thread that owns it, after what it is told stands in the file.
pub trait Watcher: Send {
    /// Octets of the server, as received.
    fn received(&mut self, octets: &[u8]);
    /// A step of the conversation, secrets hidden.
    fn seen(&mut self, seen: Seen);
    /// Something besides octets.
    fn told(&mut self, news: News);
    /// Nothing more has come for the moment; `standing` is how things are now.
    fn settled(&mut self, standing: &Standing);
}

/// Something besides octets.
#[derive(Debug)]
pub enum News {
    /// TLS is on.
    Tls(TlsFacts),
    /// There is no TLS; the connection is closed.
    TlsFailed(TlsError),
    /// The peer is something else than POP3 here.
    Mistake(Mistake),
    /// No octet came for this time, although something was awaited.
    TimedOut(Duration, Awaited),
    /// The connection has ended.
    Ended(Ending),
    /// The transcript can't be written any more.
    LogFailed(String),
    /// A secret was sent that is too short to be hidden by value.
    ShortSecret,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The server closed it, here.
    ByServer(Cut),
    /// We closed it.
    ByClient,
    /// It broke, here.
    Lost(String, Cut),
    /// The TLS handshake failed.
    TlsFailed,
    /// Octets came between STLS and the handshake.
    Injected,
}

impl Ending {
    /// The event text of a transcript.
    #[must_use]
    pub fn event(&self) -> String {
        let place = |cut: &Cut| match cut {
            Cut::Nothing => "",
            Cut::Reply => " before a reply",
            Cut::Line => " in the middle of a line",
            Cut::Data => " in the middle of a multi-line reply",
        };
        match self {
            Self::ByServer(cut) => format!("closed by server{}", place(cut)),
            Self::Lost(why, cut) => format!("connection lost{}: {why}", place(cut)),
            Self::ByClient | Self::TlsFailed | Self::Injected => "closed by client".to_owned(),
        }
    }

    /// Whether the connection ended where it should: after QUIT, or because we wanted so.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::ByServer(Cut::Reply | Cut::Line | Cut::Data) | Self::Lost(..)
        )
    }
}

/// How things are on a connection.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The state of the session.
    pub state: State,
    /// Whether TLS is on.
    pub is_tls: bool,
    /// TLS is on with a server that could not be verified.
    pub is_doubtful: bool,
    /// Messages marked as deleted.
    pub marked: usize,
    /// Commands without a complete reply.
    pub outstanding: usize,
    /// The server waits for a SASL response.
    pub is_owed: bool,
    /// The next line is a SASL response.
    pub expects_response: bool,
    /// One more command may be sent now.
    pub may_send: bool,
    /// What is awaited.
    pub awaited: Option<Awaited>,
    /// The last octets of the server, four at most.
    pub last_octets: Vec<u8>,
    /// How many complete replies, or challenges, have come.
    pub answers: u64,
    /// What the last complete reply said; None before the first.
    pub last_status: Option<Status>,
    /// How many replies said `-ERR`.
    pub refusals: u64,
    /// When the last octet came or went.
    pub quiet_since: Instant,
    /// A time-out has struck.
    pub has_timed_out: bool,
    /// The connection has ended.
    pub ending: Option<Ending>,
    /// How many orders were carried out.
    taken: u64,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No TCP connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refuses.
    #[error("{}", plain(.0))]
    Io(#[from] io::Error),
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For each address, and for a TLS handshake.
    pub connect: Duration,
    /// For the next octet of a reply; None: for ever.
    pub reply: Option<Duration>,
}

/// An open connection, seen from the other threads.
pub struct Connection {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
    asked: Mutex<u64>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    standing: Mutex<Standing>,
    changed: Condvar,
}

impl Connection {
    /// Connects, does the TLS handshake where the target wants it at once, and starts the thread.
    ///
    /// Errors: no address answered, or no TLS. What happened is in the recorder's file all the same.
    pub fn open(
        target: &Target,
        tls: &TlsSettings,
        waits: Waits,
        mut recorder: Recorder,
        watcher: Box<dyn Watcher>,
    ) -> Result<Self, OpenError> {
        let start = Instant::now();
        let millis = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (socket, address) = dial(target, waits.connect).inspect_err(|error| {
            recorder.event(&error.to_string(), millis());
        })?;
        recorder.event(&format!("connected {address}"), millis());
        socket.set_nonblocking(true)?;
        // Lock-step: a line waits for nothing.
        socket.set_nodelay(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), ORDERS)?);
        let (orders, inbox) = mpsc::channel();
        let shared = Arc::new(Shared {
            standing: Mutex::new(standing(&recorder)),
            changed: Condvar::new(),
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
            recorder,
            watcher,
            shared: Arc::clone(&shared),
            standing: shared.lock().clone(),
            start,
            first: Some(Vec::new()),
            is_late_told: false,
            flush_due: None,
        };
        if target.is_tls {
            engine.start_tls(socket)?;
        } else {
            engine.stream = Some(Stream::Plain(socket));
        }
        engine.share();
        let thread = std::thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || engine.run())?;
        Ok(Self {
            orders,
            waker,
            shared,
            asked: Mutex::new(0),
            thread: Some(thread),
        })
    }

    /// Tells the thread to do something.
    pub fn order(&self, order: Order) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        // The thread may have ended; then there is nobody to tell, and `standing` says so.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }

    /// Sends a line: the octets and CR LF.
    pub fn send_line(&self, line: &[u8]) {
        let mut octets = Zeroizing::new(Vec::with_capacity(line.len() + 2));
        octets.extend_from_slice(line);
        octets.extend_from_slice(b"\r\n");
        self.order(Order::Send(octets));
    }

    /// How things are, once all orders so far are carried out; waits until `is_enough` or for `wait` at most.
    pub fn wait(&self, wait: Duration, is_enough: impl Fn(&Standing) -> bool) -> Standing {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = self.shared.lock();
        let not_yet =
            |now: &mut Standing| now.ending.is_none() && (now.taken < asked || !is_enough(now));
        let (now, _) = self
            .shared
            .changed
            .wait_timeout_while(guard, wait, not_yet)
            .unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// How things are.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.shared.lock().clone()
    }

    /// Closes the connection and waits for the thread to end.
    pub fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.order(Order::Close);
            let _ = thread.join();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Engine {
    stream: Option<Stream>,
    host: String,
    tls: TlsSettings,
    waits: Waits,
    poll: Poll,
    events: Events,
    inbox: Receiver<Order>,
    /// Orders that came during a TLS handshake.
    late: VecDeque<Order>,
    /// Lines that may not be sent before the TLS handshake is done.
    waiting: Vec<Zeroizing<Vec<u8>>>,
    outbox: Zeroizing<Vec<u8>>,
    recorder: Recorder,
    watcher: Box<dyn Watcher>,
    shared: Arc<Shared>,
    standing: Standing,
    start: Instant,
    /// The first octets of the server, until they told who it is.
    first: Option<Vec<u8>>,
    is_late_told: bool,
    /// When to hand out what is held back.
    flush_due: Option<Instant>,
}

/// Whether the thread goes on.
type Going = Result<(), Ending>;

impl Engine {
    fn run(mut self) {
        let mut buffer = vec![0; READ_MAX];
        let ending = loop {
            if let Err(ending) = self.turn(&mut buffer) {
                break ending;
            }
        };
        self.end(ending);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Carries out orders, sends, reads, and then waits for more of it.
    fn turn(&mut self, buffer: &mut [u8]) -> Going {
        self.take_orders()?;
        self.write()?;
        let is_dry = self.read(buffer)?;
        self.strike()?;
        self.share();
        let wait = if is_dry {
            self.next_due()
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(Ending::Lost(plain(&error), Cut::Nothing))
            }
            _ => Ok(()),
        }
    }

    fn take_orders(&mut self) -> Going {
        while let Some(order) = self.late.pop_front().or_else(|| self.inbox.try_recv().ok()) {
            self.standing.taken += 1;
            match order {
                Order::Send(octets) => {
                    if self.recorder.tracker().is_before_tls() {
                        self.waiting.push(octets);
                    } else {
                        self.send(&octets);
                    }
                }
                Order::Remember(hole, secret) => self.recorder.remember(hole, &secret),
                Order::SetShape(verb, shape) => self.recorder.set_shape(&verb, shape),
                Order::SetFile(file, head) => self.recorder.set_file(file, &head),
                Order::Close => return Err(Ending::ByClient),
            }
        }
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) {
        let now_ms = self.now_ms();
        let watcher = &mut self.watcher;
        self.recorder
            .feed(Side::Client, octets, now_ms, &mut |seen| watcher.seen(seen));
        self.outbox.extend_from_slice(octets);
        self.standing.quiet_since = Instant::now();
        if self.recorder.take_short_secret() {
            self.watcher.told(News::ShortSecret);
        }
    }

    /// Sends as much as goes.
    fn write(&mut self) -> Going {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        while !self.outbox.is_empty() {
            match stream.write(&self.outbox) {
                Ok(count) => {
                    self.outbox.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the server said before it closed is still to be read; reading finds the end.
                Err(_) => self.outbox.clear(),
            }
        }
        Ok(())
    }

    /// Reads until the buffer is full or nothing more comes; returns whether nothing more comes.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool, Ending> {
        let mut count = 0;
        let mut end = None;
        let mut is_dry = false;
        while let Some(room) = buffer.get_mut(count..).filter(|room| !room.is_empty()) {
            let Some(stream) = &mut self.stream else {
                return Err(Ending::ByClient);
            };
            match stream.read(room) {
                Ok(0) => end = Some(None),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_dry = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => end = Some(None),
                Err(error) => end = Some(Some(plain(&error))),
            }
            break;
        }
        if let Some(octets) = buffer.get(..count).filter(|octets| !octets.is_empty()) {
            self.take(octets)?;
        }
        match end {
            None => Ok(is_dry),
            // What was cut is known once everything held is handed out.
            Some(None) => Err(Ending::ByServer(Cut::Nothing)),
            Some(Some(why)) => Err(Ending::Lost(why, Cut::Nothing)),
        }
    }

    /// Takes octets of the server.
    fn take(&mut self, octets: &[u8]) -> Going {
        let now = Instant::now();
        self.standing.quiet_since = now;
        self.flush_due = Some(now + FLUSH_AFTER);
        let mut is_agreed = false;
        let mut is_injected = false;
        let now_ms = self.now_ms();
        let Self {
            recorder,
            watcher,
            standing,
            ..
        } = self;
        recorder.feed(Side::Server, octets, now_ms, &mut |seen| {
            match &seen {
                Seen::TlsAgreed => is_agreed = true,
                Seen::Injected(_) => is_injected = true,
                _ => {}
            }
            count(standing, &seen);
            watcher.seen(seen);
        });
        self.watcher.received(octets);
        self.know(octets);
        self.tell_log_failure();
        if is_injected {
            return Err(Ending::Injected);
        }
        if is_agreed {
            if let Some(Stream::Plain(socket)) = self.stream.take() {
                self.start_tls(socket).map_err(|error| {
                    self.watcher.told(News::TlsFailed(error));
                    Ending::TlsFailed
                })?;
            }
        }
        for octets in self.waiting_lines() {
            self.send(&octets);
        }
        Ok(())
    }

    /// The lines that waited for STLS to be done, once it is.
    fn waiting_lines(&mut self) -> Vec<Zeroizing<Vec<u8>>> {
        if self.recorder.tracker().is_before_tls() {
            Vec::new()
        } else {
            std::mem::take(&mut self.waiting)
        }
    }

    /// Looks at the first octets for a usual mistake.
    fn know(&mut self, octets: &[u8]) {
        if let Some(first) = &mut self.first {
            first.extend(octets.iter().take(64));
            if let Some(mistake) = mistake::in_clear(first) {
                self.watcher.told(News::Mistake(mistake));
                self.first = None;
            } else if first.len() >= 64 || self.standing.answers > 0 {
                self.first = None;
            }
        }
    }

    fn start_tls(&mut self, socket: mio::net::TcpStream) -> Result<(), TlsError> {
        let deadline = Instant::now() + self.waits.connect;
        let seconds = self.waits.connect.as_secs();
        let Self {
            poll,
            events,
            inbox,
            late,
            host,
            tls,
            ..
        } = self;
        let mut wait = || {
            let left = deadline.saturating_duration_since(Instant::now());
            // A failed wait is tried again until the time is up.
            let _ = poll.poll(events, Some(left.min(FLUSH_AFTER)));
            if left.is_zero() {
                let what = format!("no answer to the TLS handshake for {seconds} s");
                let hint = "the port may not speak TLS; try without --tls".to_owned();
                return Err(TlsError {
                    what,
                    hint: Some(hint),
                });
            }
            match inbox.try_recv() {
                Ok(Order::Close) => Err(TlsError {
                    what: "interrupted".to_owned(),
                    hint: None,
                }),
                order => {
                    late.extend(order);
                    Ok(())
                }
            }
        };
        let result = tls::handshake(socket, host, tls, &mut wait);
        let now_ms = self.now_ms();
        match result {
            Ok((stream, facts)) => {
                self.stream = Some(Stream::Tls(Box::new(stream)));
                self.recorder.event(&facts.event(), now_ms);
                self.recorder.tls_started();
                self.standing.is_doubtful = facts.doubt.is_some();
                self.first = None;
                self.watcher.told(News::Tls(facts));
                Ok(())
            }
            Err(error) => {
                self.recorder.event(&format!("tls failed: {error}"), now_ms);
                Err(error)
            }
        }
    }

    /// Does what is due by time.
    fn strike(&mut self) -> Going {
        let now = Instant::now();
        let now_ms = self.now_ms();
        if self.flush_due.is_some_and(|due| now >= due) {
            self.flush_due = None;
            let watcher = &mut self.watcher;
            self.recorder.flush(now_ms, &mut |seen| watcher.seen(seen));
        }
        let quiet = now.saturating_duration_since(self.standing.quiet_since);
        let tracker = self.recorder.tracker();
        if !self.is_late_told && tracker.state() == State::Greeting && quiet >= GREETING_LATE {
            self.is_late_told = true;
            if !tracker.is_tls() {
                self.watcher.told(News::Mistake(mistake::SILENT));
            }
        }
        if let Some(limit) = self.waits.reply
            && let Some(awaited) = self.recorder.tracker().awaited()
            && quiet >= limit
        {
            self.recorder
                .event(&format!("timeout after {} s", limit.as_secs_f64()), now_ms);
            let watcher = &mut self.watcher;
            self.recorder.forget(now_ms, &mut |seen| watcher.seen(seen));
            self.standing.has_timed_out = true;
            self.watcher.told(News::TimedOut(limit, awaited));
        }
        self.tell_log_failure();
        Ok(())
    }

    /// How long nothing is due by time; None: for ever.
    fn next_due(&self) -> Option<Duration> {
        let tracker = self.recorder.tracker();
        let late = (tracker.state() == State::Greeting && !self.is_late_told)
            .then(|| self.standing.quiet_since + GREETING_LATE);
        let reply = self.waits.reply.filter(|_| tracker.awaited().is_some());
        let reply = reply.map(|limit| self.standing.quiet_since + limit);
        let due = [self.flush_due, late, reply].into_iter().flatten().min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn tell_log_failure(&mut self) {
        if let Some(error) = self.recorder.take_failure() {
            self.watcher.told(News::LogFailed(plain(&error)));
        }
    }

    /// Tells the other threads how things are.
    fn share(&mut self) {
        let tracker = self.recorder.tracker();
        let now = &mut self.standing;
        now.state = tracker.state();
        now.is_tls = tracker.is_tls();
        now.marked = tracker.marked();
        now.outstanding = tracker.outstanding();
        now.is_owed = tracker.is_response_owed();
        now.expects_response = tracker.expects_response();
        now.may_send = tracker.may_send();
        now.awaited = tracker.awaited();
        now.last_octets.clear();
        now.last_octets.extend_from_slice(tracker.last_octets());
        self.watcher.settled(&self.standing);
        *self.shared.lock() = self.standing.clone();
        self.shared.changed.notify_all();
    }

    fn end(&mut self, ending: Ending) {
        let now_ms = self.now_ms();
        let watcher = &mut self.watcher;
        let is_greeted = self.recorder.tracker().state() != State::Greeting;
        let cut = self.recorder.finish(now_ms, &mut |seen| watcher.seen(seen));
        let ending = match ending {
            Ending::ByServer(_) => Ending::ByServer(cut),
            Ending::Lost(why, _) => Ending::Lost(why, cut),
            ending => ending,
        };
        self.recorder.event(&ending.event(), now_ms);
        self.tell_log_failure();
        if let Some(mut stream) = self.stream.take() {
            stream.close();
        }
        if !is_greeted && ending.is_closed_by_peer() && self.first.is_some() {
            self.watcher.told(News::Mistake(mistake::SILENT));
        }
        self.watcher.told(News::Ended(ending.clone()));
        self.standing.ending = Some(ending);
        self.share();
    }
}

impl Ending {
    fn is_closed_by_peer(&self) -> bool {
        matches!(self, Self::ByServer(_) | Self::Lost(..))
    }
}

/// Keeps count of the replies.
fn count(standing: &mut Standing, seen: &Seen) {
    match seen {
        Seen::ReplyEnded(_, status) => {
            standing.answers += 1;
            standing.last_status = Some(*status);
            standing.refusals += u64::from(*status == Status::Negative);
        }
        Seen::Challenged => standing.answers += 1,
        _ => {}
    }
}

fn standing(recorder: &Recorder) -> Standing {
    let tracker = recorder.tracker();
    Standing {
        state: tracker.state(),
        is_tls: false,
        is_doubtful: false,
        marked: 0,
        outstanding: 0,
        is_owed: false,
        expects_response: false,
        may_send: false,
        awaited: tracker.awaited(),
        last_octets: Vec::new(),
        answers: 0,
        last_status: None,
        refusals: 0,
        quiet_since: Instant::now(),
        has_timed_out: false,
        ending: None,
        taken: 0,
    }
}
