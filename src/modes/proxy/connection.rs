//! One connection: what comes on a leg is recorded and handed on to the other one, no faster than
//! that takes it.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::leg::{Leg, LegStream, ReadOutcome};
use super::log::RelayLog;
use super::stls::{self, Capabilities};
use super::{CLIENT, ProxyShared, RelayOutcome, SERVER};
use crate::base::figures;
use crate::base::io_error::plain;
use crate::base::service::Service;
use crate::pop3::tracker::{Awaited, Side, State};
use crate::transcript::event::Event;

const READ_MAX: usize = 128 * 1024;

/// This many octets of the client may wait for the reply to STLS, or for the end of a line that may
/// be STLS.
const HELD_MAX: usize = 64 * 1024;

/// So much of a greeting is looked at for its first line.
const GREETING_MAX: usize = 4096;

/// After so much silence the start of a line is recorded that more was likely to come of.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// How long the client may take to close after it learns that the session is over.
const LINGER: Duration = Duration::from_secs(5);

/// How long the server may take to close when the client has.
const LAST_REPLIES: Duration = Duration::from_secs(60);

/// How many octets are read from a client that continues after the end.
const MOST_LEFT_OVER: usize = 1 << 20;

pub(super) struct ProxiedConnection<'a> {
    pub(super) shared: &'a ProxyShared,
    pub(super) tape: RelayLog<'a>,
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) client: Leg,
    pub(super) server: Leg,
    /// Version and cipher on the leg of the client, and on that of the server.
    pub(super) tls: (Option<String>, Option<String>),
    /// For a thread that may want to stop us: a thread that dials can't be woken.
    dialling: Arc<AtomicBool>,
    /// What the client sent and is not recorded and handed on yet.
    held: Vec<u8>,
    is_line_start: bool,
    /// The server's greeting so far, until its first line is known.
    greeting: Vec<u8>,
    /// The greeting's first line is known, and is not that of a different service: the client may
    /// speak.
    pub(super) is_greeted: bool,
    is_stls_ours: bool,
    capabilities: Capabilities,
    buffer: Vec<u8>,
    last_moved: Instant,
    flush_due: Option<Instant>,
    ended: Option<RelayOutcome>,
}

impl<'a> ProxiedConnection<'a> {
    pub(super) fn new(
        shared: &'a ProxyShared,
        tape: RelayLog<'a>,
        poll: Poll,
        client: mio::net::TcpStream,
        dialling: Arc<AtomicBool>,
    ) -> Self {
        Self {
            shared,
            tape,
            poll,
            events: Events::with_capacity(8),
            client: Leg::new(LegStream::Plain(client)),
            server: Leg::new(LegStream::None),
            tls: (None, None),
            dialling,
            held: Vec::new(),
            is_line_start: true,
            greeting: Vec::new(),
            is_greeted: false,
            is_stls_ours: false,
            capabilities: Capabilities::default(),
            buffer: vec![0; READ_MAX],
            last_moved: Instant::now(),
            flush_due: None,
            ended: None,
        }
    }

    /// `client` is the address for the server's header.
    pub(super) fn hold(&mut self, client: SocketAddr, is_tls: bool) -> RelayOutcome {
        let mut run = || -> Result<Infallible, RelayOutcome> {
            if is_tls {
                self.secure_client()?;
            }
            self.reach_server(client)?;
            self.last_moved = Instant::now();
            loop {
                self.turn()?;
            }
        };
        let Err(outcome) = run();
        outcome
    }

    pub(super) fn is_dialling(&self, is: bool) {
        self.dialling.store(is, Ordering::SeqCst);
    }

    /// Moves what can be moved, or else waits.
    fn turn(&mut self) -> Result<(), RelayOutcome> {
        if self.shared.is_stopping() {
            return Err(RelayOutcome::Stopped);
        }
        let mut has_moved = self.poll_client()?;
        has_moved |= self.poll_server()?;
        match self.server.send() {
            Ok(sent) => has_moved |= sent,
            Err(_) => self.stop_sending(),
        }
        has_moved |= self.client.send().map_err(|_| self.client_gone())?;
        if self.tape.is_full() {
            let most = figures::size(self.shared.options.max_size);
            self.tape.event(&Event::TooMuchPassed(most.to_string()));
            return Err(RelayOutcome::TooMuch);
        }
        if has_moved {
            self.last_moved = Instant::now();
            return Ok(());
        }
        self.pass_on_ends()?;
        let now = Instant::now();
        if self.flush_due.is_some_and(|due| now >= due) {
            self.flush_due = None;
            self.tape.flush();
        }
        let quiet = now.saturating_duration_since(self.last_moved);
        let limit = self.patience();
        if quiet >= limit {
            if let Some(ended) = self.ended.take() {
                return Err(ended);
            }
            self.tape.event(&Event::TimedOut(limit));
            return Err(RelayOutcome::TimedOut);
        }
        let flush = self.flush_due.map(|due| due.saturating_duration_since(now));
        let wait = [Some(limit - quiet), flush].into_iter().flatten().min();
        self.wait(wait)
    }

    fn patience(&self) -> Duration {
        let limit = self.shared.options.idle;
        match self.client.has_ended {
            true => limit.min(LAST_REPLIES),
            false => limit,
        }
    }

    pub(super) fn wait(&mut self, time: Option<Duration>) -> Result<(), RelayOutcome> {
        match self.poll.poll(&mut self.events, time) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(RelayOutcome::Lost(plain(&error)));
            }
            _ => {}
        }
        for event in &self.events {
            match event.token() {
                CLIENT => self.client.wake(),
                SERVER => self.server.wake(),
                _ => {}
            }
        }
        if self.shared.is_stopping() {
            return Err(RelayOutcome::Stopped);
        }
        Ok(())
    }

    fn poll_client(&mut self) -> Result<bool, RelayOutcome> {
        let mut has_moved = false;
        if self.held.len() < HELD_MAX && self.server.has_room() {
            has_moved = self.read_client()?;
        }
        while self.is_greeted
            && !self.held.is_empty()
            && !self.tape.tracker().is_before_tls()
            && self.server.has_room()
        {
            let cut = stls::cut(&self.held, self.is_line_start, self.client.has_ended);
            if cut == 0 {
                if self.held.len() >= HELD_MAX {
                    return Err(RelayOutcome::Lost(
                        "a client line that is too long, without a line end".into(),
                    ));
                }
                break;
            }
            let after = self.held.split_off(cut);
            let octets = std::mem::replace(&mut self.held, after);
            self.is_line_start = octets.last() == Some(&b'\n');
            self.flush_due = Some(Instant::now() + FLUSH_AFTER);
            self.tape.feed(Side::Client, &octets);
            let is_inside = self.client.is_tls() || self.server.is_tls();
            if is_inside && self.tape.tracker().is_before_tls() {
                self.is_stls_ours = true;
                self.answer_stls()?;
            } else {
                self.pass_to_server(&octets);
            }
            has_moved = true;
        }
        Ok(has_moved)
    }

    fn read_client(&mut self) -> Result<bool, RelayOutcome> {
        let room = HELD_MAX.saturating_sub(self.held.len());
        match self
            .client
            .read(self.buffer.get_mut(..room).unwrap_or_default())
        {
            ReadOutcome::Octets(count) => {
                self.held
                    .extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                Ok(true)
            }
            ReadOutcome::Nothing => Ok(false),
            ReadOutcome::End => {
                self.ended.get_or_insert(RelayOutcome::ClosedByClient);
                Ok(true)
            }
            ReadOutcome::Broken(_) => Err(self.client_gone()),
        }
    }

    fn poll_server(&mut self) -> Result<bool, RelayOutcome> {
        if !self.client.has_room() {
            return Ok(false);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let came = self.server.read(&mut buffer);
        let result = match came {
            ReadOutcome::Octets(count) => self
                .take_server(buffer.get(..count).unwrap_or_default())
                .map(|()| true),
            ReadOutcome::Nothing => Ok(false),
            ReadOutcome::End => {
                self.ended.get_or_insert(RelayOutcome::ClosedByServer);
                self.release().map(|()| true)
            }
            ReadOutcome::Broken(why) => {
                self.ended.get_or_insert(RelayOutcome::Lost(why));
                self.release().map(|()| true)
            }
        };
        self.buffer = buffer;
        result
    }

    fn take_server(&mut self, octets: &[u8]) -> Result<(), RelayOutcome> {
        self.flush_due = Some(Instant::now() + FLUSH_AFTER);
        if !self.is_greeted
            && let Err(other) = self.look_at_greeting(octets)
        {
            // The client may see it; nothing that the client says is handed on.
            self.pass_to_client(octets)?;
            return Err(other);
        }
        let mut rest = octets;
        while !rest.is_empty() {
            if !self.adds_stls() {
                self.release()?;
                self.pass_to_client(rest)?;
                break;
            }
            let is_capa = self.tape.tracker().awaited() == Some(Awaited::Terminator("CAPA".into()));
            let (ready, after) = self.capabilities.feed(is_capa, rest);
            rest = after;
            if let Some(line) = ready {
                if line.is_short_of_stls {
                    self.tape.event(&Event::ProxyAddsStls);
                    self.pass_to_client(b"STLS\r\n")?;
                }
                self.pass_to_client(&line.octets)?;
            }
        }
        if self.tape.tracker().is_tls_agreed() {
            return self.upgrade();
        }
        self.answer_stls()
    }

    /// Looks for a different service in the first line of the greeting.
    ///
    /// Errors: the server is a different service.
    fn look_at_greeting(&mut self, octets: &[u8]) -> Result<(), RelayOutcome> {
        let room = GREETING_MAX.saturating_sub(self.greeting.len());
        let part = octets.get(..room).unwrap_or(octets);
        self.greeting.extend_from_slice(part);
        if let Some(service) = Service::of_start(&self.greeting) {
            return Err(RelayOutcome::OtherService(service));
        }
        let is_whole = memchr::memchr(b'\n', &self.greeting).is_some();
        self.is_greeted = is_whole || self.greeting.len() >= GREETING_MAX;
        Ok(())
    }

    /// Whether the capabilities, should they come, are to have STLS added: where TLS is on with the
    /// server, the client may have it too.
    fn adds_stls(&self) -> bool {
        let state = self.tape.tracker().state();
        self.server.is_tls()
            && !self.client.is_tls()
            && matches!(state, State::Greeting | State::Authorization)
    }

    fn release(&mut self) -> Result<(), RelayOutcome> {
        match self.capabilities.take() {
            kept if kept.is_empty() => Ok(()),
            kept => self.pass_to_client(&kept),
        }
    }

    /// Records octets of the server's, or in its place, and hands them on.
    pub(super) fn pass_to_client(&mut self, octets: &[u8]) -> Result<(), RelayOutcome> {
        let injected = self.tape.feed(Side::Server, octets);
        if injected > 0 {
            let used = octets.len().saturating_sub(injected);
            self.client.keep(octets.get(..used).unwrap_or_default());
            self.client.drop_last_line();
            return Err(RelayOutcome::Injected(Side::Server));
        }
        if self.tape.tracker().is_tls_agreed() {
            // A client that has seen it begins the handshake; first it must be sure that there will
            // be one.
            self.client.keep(octets);
            return Ok(());
        }
        self.client.take(octets).map_err(|_| self.client_gone())
    }

    /// Hands on what was recorded. A server that takes no more may still have something to say.
    pub(super) fn pass_to_server(&mut self, octets: &[u8]) {
        if !self.server.is_shut && self.server.take(octets).is_err() {
            self.stop_sending();
        }
    }

    fn stop_sending(&mut self) {
        self.server.forget();
        self.server.is_shut = true;
    }

    fn client_gone(&mut self) -> RelayOutcome {
        self.ended.take().unwrap_or(RelayOutcome::ClosedByClient)
    }

    /// Answers the STLS that is ours to answer, once all replies before it are complete.
    fn answer_stls(&mut self) -> Result<(), RelayOutcome> {
        let tracker = self.tape.tracker();
        let state = tracker.state();
        self.is_stls_ours &= tracker.is_before_tls();
        if !self.is_stls_ours || state == State::Greeting || tracker.outstanding() > 1 {
            return Ok(());
        }
        self.is_stls_ours = false;
        self.release()?;
        let reply: &[u8] = if self.client.is_tls() {
            b"-ERR TLS is on already\r\n"
        } else if state != State::Authorization {
            b"-ERR STLS comes before the login\r\n"
        } else {
            b"+OK begin TLS\r\n"
        };
        self.tape.event(&Event::ProxyAnswersStls);
        self.pass_to_client(reply)?;
        if self.tape.tracker().is_tls_agreed() {
            return self.upgrade();
        }
        Ok(())
    }

    /// STLS was answered by `+OK`: TLS on the legs that have none. The `+OK` is the last that waits
    /// for the client.
    fn upgrade(&mut self) -> Result<(), RelayOutcome> {
        self.read_client()?;
        if !self.held.is_empty() {
            self.client.drop_last_line();
            return Err(self.injected_by_client());
        }
        if !self.server.is_tls() {
            // Still nothing of the client's has been handed on inside TLS; it sees the connection
            // end.
            if let Err(error) = self.secure_server(true) {
                self.client.drop_last_line();
                return Err(RelayOutcome::NoServer(error.to_string()));
            }
        }
        let deadline = Instant::now() + self.shared.handshake_wait();
        loop {
            self.client.send().map_err(|_| self.client_gone())?;
            if self.client.waiting() == 0 {
                break;
            }
            if !self.wait_until(deadline)? {
                return Err(RelayOutcome::TimedOut);
            }
        }
        self.secure_client()?;
        self.is_line_start = true;
        self.last_moved = Instant::now();
        Ok(())
    }

    /// RFC 2595 §4: what was sent in cleartext after STLS is not to be taken for what comes inside
    /// TLS.
    fn injected_by_client(&mut self) -> RelayOutcome {
        let octets = std::mem::take(&mut self.held);
        self.tape.event(&Event::Injected {
            by: Side::Client,
            octets: octets.len() as u64,
            shown: None,
        });
        self.tape.feed(Side::Client, &octets);
        RelayOutcome::Injected(Side::Client)
    }

    /// A side that sends no more, and all that it sent was handed on: the other side learns of it.
    /// Where it is the server, that is the end: no one reads what a client sends then.
    fn pass_on_ends(&mut self) -> Result<(), RelayOutcome> {
        if self.server.has_ended && self.client.waiting() == 0 {
            return Err(self.ended.take().unwrap_or(RelayOutcome::ClosedByServer));
        }
        if self.client.has_ended && self.held.is_empty() && self.server.waiting() == 0 {
            self.server.shut();
        }
        Ok(())
    }

    /// Records what the client sent and the server never got, where it came to an end first.
    pub(super) fn record_held(&mut self) {
        let octets = std::mem::take(&mut self.held);
        if octets.is_empty() {
            return;
        }
        self.tape.event(&Event::NotPassedOn(octets.len() as u64));
        self.tape.feed(Side::Client, &octets);
    }

    /// Closes both legs. With `is_gentle` the client gets all that was meant for it.
    pub(super) fn close(mut self, is_gentle: bool) {
        self.server.close();
        if is_gentle {
            let deadline = Instant::now() + LINGER;
            while self.client.send().is_ok()
                && self.client.waiting() > 0
                && matches!(self.wait_until(deadline), Ok(true))
            {}
            self.client.shut();
            // Closing with octets unread would be a reset, which can take the last reply away from
            // the client.
            let mut count = 0;
            while !self.client.has_ended && count < MOST_LEFT_OVER {
                match self.client.read(&mut self.buffer) {
                    ReadOutcome::Octets(more) => count += more,
                    ReadOutcome::Nothing if matches!(self.wait_until(deadline), Ok(true)) => {}
                    _ => break,
                }
            }
        }
        self.client.close();
    }
}
