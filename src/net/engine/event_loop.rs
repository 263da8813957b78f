//! What the thread of a connection does, turn by turn.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use zeroize::Zeroizing;

use super::busy_poll::BusyPoll;
use super::send_queue::SendQueue;
use super::{
    CLOSE_WAIT, CloseReason, EngineShared, Greeting, Notice, Observer, Request, SOCKET, Snapshot,
    Timeouts,
};
use crate::base::io_error::plain;
use crate::base::lock::lock;
use crate::base::service::Service;
use crate::net::Stream;
use crate::net::tls::{self, TlsError, TlsSettings};
use crate::net::wrong_service;
use crate::pop3::tracker::{Awaited, CutAt, LineEnd, Role, Side, State};
use crate::transcript::event::Event;
use crate::transcript::recorder::{RecordedStep, Recorder};

/// How many octets one read takes at most.
const READ_MAX: usize = 128 * 1024;
/// The same in a script until this many came together: a short one should not wait for the memory
/// of a long one.
const READ_FIRST: usize = 8 * 1024;
/// After this much silence, what was held back (more was likely to come) is handed out.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// After this much silence from the start, the missing greeting is reported.
const GREETING_LATE: Duration = Duration::from_secs(5);

pub(super) struct Engine {
    pub(super) stream: Option<Stream>,
    pub(super) host: String,
    pub(super) tls: TlsSettings,
    pub(super) waits: Timeouts,
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) inbox: Receiver<Request>,
    /// Orders that came during a TLS handshake.
    pub(super) late: VecDeque<Request>,
    /// Lines that may not be sent before the TLS handshake is done.
    pub(super) waiting: Vec<Zeroizing<Vec<u8>>>,
    pub(super) outbox: Zeroizing<Vec<u8>>,
    pub(super) queue: SendQueue,
    pub(super) nearness: BusyPoll,
    /// The system reported a reset during a write.
    pub(super) reset: Option<String>,
    /// The system reported that the server has closed its side, or an error.
    pub(super) is_closing: bool,
    /// Something may have come since the last read.
    pub(super) has_news: bool,
    pub(super) recorder: Recorder,
    pub(super) observer: Box<dyn Observer>,
    pub(super) shared: Arc<EngineShared>,
    pub(super) snapshot: Snapshot,
    pub(super) start: Instant,
    /// Since when the greeting or the status line that comes next is awaited.
    pub(super) asked_since: Instant,
    /// The first octets of the server, until they show which service it is.
    pub(super) first: Option<Vec<u8>>,
    pub(super) is_silence_reported: bool,
    /// TLS ended without close_notify.
    pub(super) is_unannounced: bool,
    pub(super) flush_due: Option<Instant>,
}

type Flow = Result<(), CloseReason>;

impl Engine {
    /// Runs until the connection ends.
    pub(super) fn run(mut self) {
        let is_script = self.waits.are_of_a_script();
        let mut buffer = vec![0; if is_script { READ_FIRST } else { READ_MAX }];
        let ending = loop {
            if let Err(ending) = self.turn(&mut buffer) {
                break ending;
            }
        };
        self.end(ending);
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Carries out orders, sends, reads, and then waits for more of it.
    fn turn(&mut self, buffer: &mut Vec<u8>) -> Flow {
        self.take_orders()?;
        self.send_in_turn();
        self.write()?;
        let mut is_dry = true;
        if std::mem::take(&mut self.has_news) {
            is_dry = self.read(buffer)?;
            if !is_dry && buffer.len() < READ_MAX {
                buffer.resize(READ_MAX, 0);
            }
            self.has_news |= !is_dry;
            // What has come may give the next line its turn.
            self.send_in_turn();
            self.write()?;
        }
        self.fire_timers()?;
        // In this order: the comparison is with what the last look noted.
        let (now, quiet) = (self.moment(), self.snapshot.quiet_since.elapsed());
        let has_news = self.nearness.has_changed(now);
        let stays_awake = is_dry && self.nearness.stay_awake(now, quiet);
        if (has_news || !stays_awake) && !self.is_busy() {
            self.share();
        }
        if stays_awake {
            std::thread::yield_now();
            self.has_news = true;
            return Ok(());
        }
        let wait = if is_dry {
            self.next_due()
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(CloseReason::Lost(plain(&error), CutAt::Nothing));
            }
            _ => {}
        }
        // Also when it can be written to: TLS may have waited for that before it could read.
        for event in self.events.iter().filter(|event| event.token() == SOCKET) {
            self.has_news = true;
            self.is_closing |= event.is_read_closed() || event.is_error();
        }
        Ok(())
    }

    fn take_orders(&mut self) -> Flow {
        while let Some(order) = self.late.pop_front().or_else(|| self.inbox.try_recv().ok()) {
            self.snapshot.taken += 1;
            match order {
                Request::Send(octets) => {
                    if self.recorder.tracker().is_before_tls() {
                        self.waiting.push(octets);
                    } else {
                        self.send(&octets);
                    }
                }
                Request::SendInTurn(lines, turns) => self.queue.push(lines, turns),
                Request::Inject(octets) => self.send(&octets),
                Request::Remember(hole, secret) => self.recorder.remember(hole, &secret),
                Request::SetShape(verb, shape) => {
                    let now_ms = self.now_ms();
                    self.recorder.set_shape(&verb, shape, now_ms);
                }
                Request::SetFile(file, head) => self.recorder.set_file(file, &head),
                Request::Close => return Err(CloseReason::ByClient),
                Request::CloseOutOfStep => return Err(CloseReason::OutOfStep),
            }
        }
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) {
        let now_ms = self.now_ms();
        self.recorder
            .feed(Side::Client, octets, now_ms, &mut |seen| {
                self.snapshot.note_sent(&seen);
                self.observer.on_step(seen);
            });
        self.outbox.extend_from_slice(octets);
        self.snapshot.quiet_since = Instant::now();
        self.asked_since = self.snapshot.quiet_since;
        if self.recorder.take_short_secret() {
            self.observer.on_notice(Notice::ShortSecret);
        }
    }

    fn write(&mut self) -> Flow {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        // What goes out is in the file.
        self.recorder.write_rows();
        while !self.outbox.is_empty() {
            match stream.write(&self.outbox) {
                Ok(count) => {
                    self.outbox.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the server said before it closed is still to be read; reading finds the end.
                // The system reports a reset only once.
                Err(error) => {
                    self.outbox.clear();
                    if error.kind() == ErrorKind::ConnectionReset {
                        self.reset = Some(plain(&error));
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads until the buffer is full or nothing more comes; returns whether nothing more comes.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool, CloseReason> {
        let mut count = 0;
        let mut end = None;
        let mut is_dry = false;
        let is_plain = cfg!(unix) && matches!(self.stream, Some(Stream::Plain(_)));
        while let Some(room) = buffer.get_mut(count..).filter(|room| !room.is_empty()) {
            let Some(stream) = &mut self.stream else {
                return Err(CloseReason::ByClient);
            };
            let asked = room.len();
            match stream.read(room) {
                Ok(0) => end = Some(self.reset.take()),
                Ok(more) => {
                    count += more;
                    // A plain socket that gives less than was asked for has no more, unless its end
                    // came with it; and that is unknown unless we waited for it.
                    is_dry =
                        is_plain && more < asked && !self.is_closing && !self.nearness.is_awake();
                    if !is_dry {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_dry = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if tls::is_end(&error) => end = Some(None),
                Err(error) => end = Some(Some(tls::reason::why_lost(&error))),
            }
            break;
        }
        self.is_unannounced =
            end == Some(None) && self.stream.as_ref().is_some_and(Stream::is_unannounced);
        if let Some(octets) = buffer.get(..count).filter(|octets| !octets.is_empty()) {
            self.take(octets)?;
        }
        match end {
            None => Ok(is_dry),
            // What was cut is known once everything held is handed out.
            Some(None) => Err(CloseReason::ByServer(CutAt::Nothing)),
            Some(Some(why)) => Err(CloseReason::Lost(why, CutAt::Nothing)),
        }
    }

    fn take(&mut self, octets: &[u8]) -> Flow {
        let now = Instant::now();
        self.snapshot.quiet_since = now;
        self.snapshot.received += octets.len() as u64;
        self.flush_due = Some(now + FLUSH_AFTER);
        let mut is_agreed = false;
        let mut injected = 0;
        let now_ms = self.now_ms();
        self.recorder
            .feed(Side::Server, octets, now_ms, &mut |seen| {
                match &seen {
                    RecordedStep::TlsAgreed => is_agreed = true,
                    RecordedStep::Injected { count, .. } => injected += count,
                    // From here on the next status line is awaited.
                    RecordedStep::ReplyEnded(..) | RecordedStep::Challenged => {
                        self.asked_since = now
                    }
                    _ => {}
                }
                count(&mut self.snapshot, &seen);
                self.observer.on_step(seen);
            });
        // What was injected is never used, so it is not handed on as a reply either; nothing else
        // comes after it.
        let usable = octets.len().saturating_sub(injected);
        self.observer
            .on_octets(octets.get(..usable).unwrap_or_default());
        self.sniff_service(octets);
        self.report_log_failure();
        if injected > 0 {
            return Err(CloseReason::Injected);
        }
        if is_agreed && let Some(Stream::Plain(socket)) = self.stream.take() {
            self.start_tls(socket).map_err(|error| {
                self.observer.on_notice(Notice::TlsFailed(error));
                CloseReason::TlsFailed
            })?;
        }
        if self.snapshot.received > self.waits.octets {
            return Err(CloseReason::TooMuch(self.waits.octets));
        }
        if !self.recorder.tracker().is_before_tls() {
            for octets in std::mem::take(&mut self.waiting) {
                self.send(&octets);
            }
        }
        Ok(())
    }

    /// Looks at the first octets for the greeting of a different service.
    fn sniff_service(&mut self, octets: &[u8]) {
        let Some(first) = &mut self.first else { return };
        first.extend(octets.iter().take(64));
        if let Some(service) = Service::of_start(first) {
            self.snapshot.greeting = Greeting::Other(service);
        } else if first.len() < 64 && self.snapshot.answers == 0 {
            return;
        }
        self.first = None;
        if self.snapshot.greeting.mistake().is_some() {
            self.observer
                .on_notice(Notice::NotPop3(self.snapshot.greeting));
        }
    }

    pub(super) fn start_tls(&mut self, socket: mio::net::TcpStream) -> Result<(), TlsError> {
        let limit = self.waits.connect;
        let deadline = Instant::now() + limit;
        let is_stls = self.recorder.tracker().state() != State::Greeting;
        let mut wait = || {
            let left = deadline.saturating_duration_since(Instant::now());
            // A failed wait is tried again until the time is up.
            let _ = self
                .poll
                .poll(&mut self.events, Some(left.min(FLUSH_AFTER)));
            if left.is_zero() {
                return Err(tls::reason::no_answer(limit));
            }
            match self.inbox.try_recv() {
                Ok(Request::Close) => Err(TlsError::new("interrupted")),
                order => {
                    self.late.extend(order);
                    Ok(())
                }
            }
        };
        let result = tls::handshake(socket, &self.host, &self.tls, is_stls, &mut wait);
        let now_ms = self.now_ms();
        match result {
            Ok((stream, mut facts)) => {
                facts.hide(&|text| self.recorder.hide_text(text));
                self.stream = Some(Stream::Tls(Box::new(stream)));
                self.recorder.event(&facts.event(), now_ms);
                self.recorder.tls_started();
                self.snapshot.is_doubtful = facts.is_doubtful();
                if is_stls {
                    self.first = None;
                }
                self.has_news = true;
                // The greeting may still come.
                self.asked_since = Instant::now();
                self.observer.on_notice(Notice::Tls(Box::new(facts)));
                Ok(())
            }
            Err(mut error) => {
                error.hide(&|text| self.recorder.hide_text(text));
                // Recorded and shown, never taken for a reply: it did not come inside TLS (RFC 2595
                // §4).
                if let Some(seen) = error.seen.as_mut().filter(|seen| !seen.said.is_empty()) {
                    self.snapshot.received += seen.said.len() as u64;
                    seen.said = self.recorder.said_before_tls(&seen.said, now_ms);
                }
                let failed = Event::TlsFailed(error.to_string());
                self.recorder.event(&failed, now_ms);
                Err(error)
            }
        }
    }

    fn fire_timers(&mut self) -> Flow {
        let now = Instant::now();
        let now_ms = self.now_ms();
        if self.flush_due.is_some_and(|due| now >= due) {
            self.flush_due = None;
            self.flush();
        }
        let quiet = now.saturating_duration_since(self.snapshot.quiet_since);
        let tracker = self.recorder.tracker();
        if !self.is_silence_reported && tracker.state() == State::Greeting && quiet >= GREETING_LATE
        {
            self.is_silence_reported = true;
            if !tracker.is_tls() {
                self.observer
                    .on_notice(Notice::Silent(wrong_service::silent()));
            }
        }
        if let Some(limit) = self.waits.reply
            && let Some(awaited) = self.recorder.awaited()
            && now.saturating_duration_since(self.awaited_since(&awaited)) >= limit
        {
            // The time-out also says it.
            self.is_silence_reported = true;
            let last = self.recorder.tracker().last_octets().to_vec();
            // What is held back came before the time-out.
            self.flush();
            self.recorder.event(&Event::TimedOut(limit), now_ms);
            self.recorder
                .forget(now_ms, &mut |seen| self.observer.on_step(seen));
            self.snapshot.timeouts += 1;
            self.observer
                .on_notice(Notice::TimedOut(limit, awaited, last));
        }
        if !self.snapshot.is_kept_open && self.is_leaving() && quiet >= CLOSE_WAIT {
            self.snapshot.is_kept_open = true;
            self.recorder.event(&Event::TimedOut(CLOSE_WAIT), now_ms);
            self.observer.on_notice(Notice::KeptOpen(CLOSE_WAIT));
        }
        self.report_log_failure();
        Ok(())
    }

    fn flush(&mut self) {
        let now_ms = self.now_ms();
        self.recorder
            .flush(now_ms, &mut |seen| self.observer.on_step(seen));
    }

    fn is_leaving(&self) -> bool {
        let tracker = self.recorder.tracker();
        tracker.state() == State::Update && tracker.awaited().is_none()
    }

    /// The moment from which the time-out of a reply counts. Data may be of any length, and while
    /// it comes all is well. One line is short: a server that sends it octet by octet gains no
    /// time.
    fn awaited_since(&self, awaited: &Awaited) -> Instant {
        match awaited {
            Awaited::Greeting | Awaited::Status(_) => self.asked_since,
            Awaited::Terminator(_) => self.snapshot.quiet_since,
        }
    }

    /// How long until something is due; None: indefinitely.
    fn next_due(&self) -> Option<Duration> {
        let tracker = self.recorder.tracker();
        let late = (tracker.state() == State::Greeting && !self.is_silence_reported)
            .then(|| self.snapshot.quiet_since + GREETING_LATE);
        let awaited = self.waits.reply.zip(tracker.awaited());
        let reply = awaited.map(|(limit, awaited)| self.awaited_since(&awaited) + limit);
        let leave = (self.is_leaving() && !self.snapshot.is_kept_open)
            .then(|| self.snapshot.quiet_since + CLOSE_WAIT);
        let due = [self.flush_due, late, reply, leave]
            .into_iter()
            .flatten()
            .min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn report_log_failure(&mut self) {
        if let Some(error) = self.recorder.take_failure() {
            self.snapshot.has_log_failed = true;
            self.observer.on_notice(Notice::LogFailed(plain(&error)));
        }
    }

    pub(super) fn share(&mut self) {
        let tracker = self.recorder.tracker();
        let now = &mut self.snapshot;
        now.state = tracker.state();
        now.is_tls = tracker.is_tls();
        now.marked = tracker.marked();
        now.outstanding = tracker.outstanding();
        now.is_owed = tracker.is_response_owed();
        now.expects_response = tracker.expects_response();
        now.may_send = tracker.may_send();
        now.awaited = self.recorder.awaited();
        now.last_octets.clear();
        now.last_octets.extend_from_slice(tracker.last_octets());
        now.queued = self.queue.left();
        self.observer.on_idle(&self.snapshot);
        let mut shared = lock(&self.shared.snapshot);
        shared.clone_from(&self.snapshot);
        let is_awaited = self.shared.waiting.load(Ordering::Relaxed) > 0;
        drop(shared);
        if is_awaited {
            self.shared.changed.notify_all();
        }
    }

    fn end(&mut self, ending: CloseReason) {
        let now_ms = self.now_ms();
        let is_greeted = self.recorder.tracker().state() != State::Greeting;
        let is_leaving = self.is_leaving();
        let cut = self
            .recorder
            .finish(now_ms, &mut |seen| self.observer.on_step(seen));
        let ending = match ending {
            CloseReason::ByServer(_) => CloseReason::ByServer(cut),
            CloseReason::Lost(why, _) if is_leaving && cut == CutAt::Nothing => {
                CloseReason::Dropped(why)
            }
            CloseReason::Lost(why, _) => CloseReason::Lost(why, cut),
            ending => ending,
        };
        for event in ending.reason().into_iter().chain([ending.event()]) {
            self.recorder.event(&event, now_ms);
        }
        if self.is_unannounced {
            self.recorder.event(&Event::EndedWithoutCloseNotify, now_ms);
        }
        self.report_log_failure();
        if let Some(mut stream) = self.stream.take() {
            stream.close();
        }
        let is_clear = !self.recorder.tracker().is_tls();
        let is_silent = !is_greeted && self.first.is_some() && !self.is_silence_reported;
        let is_by_peer = matches!(ending, CloseReason::ByServer(_) | CloseReason::Lost(..));
        if is_silent && is_clear && is_by_peer {
            self.observer
                .on_notice(Notice::Silent(wrong_service::silent()));
        }
        self.shared.has_ended.store(true, Ordering::Release);
        self.observer.on_notice(Notice::Ended(ending.clone()));
        if self.is_unannounced {
            self.observer.on_notice(Notice::Unannounced);
        }
        self.snapshot.ending = Some(ending);
        self.share();
    }
}

fn count(snapshot: &mut Snapshot, seen: &RecordedStep) {
    match seen {
        RecordedStep::ReplyEnded(sent, status) => {
            snapshot.answers += 1;
            snapshot.last_status = Some(*status);
            snapshot.note_reply(sent.as_ref(), *status);
        }
        RecordedStep::Challenged => snapshot.answers += 1,
        RecordedStep::Line {
            side: Side::Server,
            role,
            end,
            ..
        } if *role != Role::Terminator && *end != LineEnd::None => snapshot.lines += 1,
        _ => {}
    }
}
