//! Follows one POP3 conversation from the octets of both sides. No I/O, no clock: feed it, read the
//! steps.

mod data;
mod gap;
mod line;
mod sent;
mod status;
mod step;

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::pop3::command::{Effect, Shape};
use data::DataScan;
use gap::{FirstReply, Gap};
pub(crate) use line::LINE_MAX;
use line::{LineBuffer, is_continuation};
pub(crate) use sent::SentCommand;
pub use status::Status;
pub(crate) use step::State;
pub use step::{LineEnd, Role, Side, Step, WireLine};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Awaited {
    Greeting,
    Status(String),
    /// The end of the data of the reply to this verb: CRLF, a dot, CRLF.
    Terminator(String),
}

/// The maximum number of commands that are remembered while they wait for replies; further ones are
/// taken as single-line.
const QUEUE_MAX: usize = 65_536;
const SHAPES_MAX: usize = 256;

/// Follows one conversation. It sees both sides, because in POP3 the client's line decides how long
/// the reply is.
#[derive(Debug, Default)]
pub struct Tracker {
    state: State,
    tls: bool,
    /// Commands and early SASL responses without a complete reply, oldest first.
    queue: VecDeque<SentCommand>,
    /// Commands beyond `QUEUE_MAX`.
    uncounted: u64,
    /// The server has challenged and the client has not answered.
    owed: bool,
    agreed: bool,
    marked: BTreeSet<u64>,
    shapes: HashMap<Vec<u8>, Shape>,
    server: LineBuffer,
    client: LineBuffer,
    reply: Option<DataScan>,
    /// The client is sending a message (XTND XMIT).
    upload: Option<DataScan>,
    last_octets: Vec<u8>,
    gap: Gap,
}

impl Tracker {
    /// A conversation that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets of one side, in any pieces, and emits each step.
    pub fn feed(&mut self, side: Side, octets: &[u8], emit: &mut dyn FnMut(Step<'_>)) {
        let mut rest = octets;
        match side {
            Side::Client => {
                while !rest.is_empty() {
                    rest = self.feed_client(rest, emit);
                }
            }
            Side::Server => {
                self.remember_last(octets);
                while !rest.is_empty() {
                    rest = self.feed_server(rest, emit);
                }
            }
        }
    }

    /// Emits the part of a line that has arrived so far, for when nothing more comes for a while.
    pub(crate) fn flush(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        self.flush_lines(false, emit);
    }

    pub(crate) fn flush_server(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        let role = self.server_role();
        self.server.flush(false, Side::Server, role, emit);
    }

    fn flush_lines(&mut self, is_all: bool, emit: &mut dyn FnMut(Step<'_>)) {
        let role = self.server_role();
        self.server.flush(is_all, Side::Server, role, emit);
        let role = self.client_role();
        self.client.flush(is_all, Side::Client, role, emit);
    }

    /// The connection has ended: emits everything that was held back, and returns whether a line or
    /// a reply was cut.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Step<'_>)) -> CutAt {
        let inside_line = self.server.is_inside();
        self.flush_lines(true, emit);
        let cut = if self.reply.is_some() {
            CutAt::Data
        } else if inside_line {
            CutAt::Line
        } else if self.queue.iter().any(|sent| !sent.is_response()) && self.state != State::Update {
            CutAt::Reply
        } else {
            CutAt::Nothing
        };
        self.end_data(emit);
        self.clear_waiting();
        cut
    }

    /// After a time-out nothing is expected any longer; anything that still comes is unrequested.
    pub fn forget(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        self.flush(emit);
        self.end_data(emit);
        self.clear_waiting();
        if self.state == State::Greeting {
            self.state = State::Authorization;
        }
    }

    /// The rest of the current reply's data, including the terminator, is unknown: it was left out
    /// of a recording.
    pub(crate) fn skip_data(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        if let Some(mut data) = self.reply.take() {
            data.finish(Side::Server, emit);
            self.end_reply(Status::Positive, emit);
        }
    }

    /// The TLS handshake is done. Everything learned before is void (RFC 2595 §4), and there is no
    /// second greeting.
    pub fn tls_started(&mut self) {
        self.clear_waiting();
        self.server = LineBuffer::default();
        self.client = LineBuffer::default();
        self.tls = true;
        self.marked.clear();
        if self.state != State::Greeting {
            self.state = State::Authorization;
        }
    }

    /// Sets the shape of replies to `verb` from now on (`:multi`, `:single`), for at most a few
    /// hundred verbs.
    pub(crate) fn set_shape(&mut self, verb: &str, shape: Shape) {
        let verb = verb.to_ascii_uppercase().into_bytes();
        if self.shapes.len() < SHAPES_MAX || self.shapes.contains_key(&verb) {
            self.shapes.insert(verb, shape);
        }
    }

    /// The state of the session.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// How many messages are marked as deleted.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.marked.len()
    }

    /// How many commands wait for the end of their replies.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.queue
            .len()
            .saturating_add(usize::try_from(self.uncounted).unwrap_or(usize::MAX))
    }

    /// Whether the server waits for a SASL response.
    #[must_use]
    pub fn is_response_owed(&self) -> bool {
        self.owed
    }

    /// Whether the next reply belongs to an AUTH, so that challenges may come before it.
    pub(crate) fn is_in_sasl(&self) -> bool {
        let sent = self.queue.front();
        sent.is_some_and(|sent| sent.shape() == Shape::Sasl)
    }

    /// Whether the client's next line is a SASL response.
    pub(crate) fn expects_response(&self) -> bool {
        self.client_role() == Role::Response
    }

    /// Whether one more command may be sent now: not before the greeting, and not after STLS, AUTH
    /// or QUIT (RFC 2449 §6.6).
    pub(crate) fn may_send(&self) -> bool {
        self.owed
            || (self.state != State::Greeting
                && !self.agreed
                && self.queue.back().is_none_or(SentCommand::pipelines))
    }

    /// Whether STLS was sent, so that nothing may follow it before the TLS handshake or its refusal
    /// (RFC 2595 §4).
    pub(crate) fn is_before_tls(&self) -> bool {
        self.agreed
            || self
                .queue
                .back()
                .is_some_and(|sent| sent.effect() == Effect::Tls)
    }

    /// Whether the server agreed to STLS and no handshake was reported: what it sends now must not
    /// be used (RFC 2595 §4).
    pub(crate) fn is_tls_agreed(&self) -> bool {
        self.agreed
    }

    pub(crate) fn awaited(&self) -> Option<Awaited> {
        if self.state == State::Greeting {
            return Some(Awaited::Greeting);
        }
        if self.owed {
            return None;
        }
        let verb = self.queue.front()?.verb();
        Some(if self.reply.is_some() {
            Awaited::Terminator(verb)
        } else {
            Awaited::Status(verb)
        })
    }

    /// The last octets of the server, at most four.
    pub(crate) fn last_octets(&self) -> &[u8] {
        &self.last_octets
    }

    fn remember_last(&mut self, octets: &[u8]) {
        let tail = octets
            .get(octets.len().saturating_sub(4)..)
            .unwrap_or(octets);
        self.last_octets.extend_from_slice(tail);
        let surplus = self.last_octets.len().saturating_sub(4);
        self.last_octets.drain(..surplus);
    }

    fn clear_waiting(&mut self) {
        self.queue.clear();
        self.uncounted = 0;
        self.owed = false;
        self.agreed = false;
        self.reply = None;
        self.upload = None;
    }

    fn end_data(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        for (data, side) in [
            (&mut self.reply, Side::Server),
            (&mut self.upload, Side::Client),
        ] {
            if let Some(data) = data {
                data.finish(side, emit);
            }
        }
    }

    fn client_role(&self) -> Role {
        let early = self.queue.back().is_some_and(SentCommand::takes_responses);
        if self.owed || early {
            Role::Response
        } else {
            Role::Command
        }
    }

    fn server_role(&self) -> Role {
        if self.state == State::Greeting {
            return Role::Greeting;
        }
        match self.queue.front() {
            None => Role::Unrequested,
            Some(sent) if sent.shape() == Shape::Sasl && is_continuation(self.server.head()) => {
                Role::Continuation
            }
            Some(_) if self.gap.is_open && !self.may_answer() => Role::Unrequested,
            Some(_) => Role::Status,
        }
    }

    fn feed_client<'a>(&mut self, octets: &'a [u8], emit: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
        if let Some(upload) = &mut self.upload {
            let (rest, ended) = upload.feed(Side::Client, octets, emit);
            if ended {
                self.upload = None;
                self.push(SentCommand::nameless(Shape::Single), emit);
            }
            return rest;
        }
        let role = self.client_role();
        let rest = self.client.feed(octets);
        let has_ended = self.client.end() != LineEnd::None;
        if let Some(part) = self.client.part() {
            part.emit(Side::Client, role, emit);
        }
        if has_ended {
            let is_cancelled = self.client.head() == b"*";
            let mut sent = match role {
                Role::Response => SentCommand::response(is_cancelled),
                _ => SentCommand::of_line(self.client.head(), &self.shapes),
            };
            self.client.next_line();
            let is_torn = std::mem::take(&mut self.gap.is_client_torn);
            if is_torn || self.is_torn_start(&sent) {
                sent.tear();
            }
            if role == Role::Command {
                self.take_first_reply(emit);
            }
            let is_after_server = std::mem::take(&mut self.gap.has_server_spoken);
            if role == Role::Command {
                self.gap.is_burst = !is_after_server && !self.queue.is_empty();
            }
            if role == Role::Command && is_after_server {
                let has_answered = std::mem::take(&mut self.gap.has_answered);
                if self.gap.is_open {
                    let open = usize::from(self.reply.is_some());
                    self.gap.overlaps |= has_answered && self.queue.len() > open;
                    self.drop_waiting(emit);
                } else {
                    self.gap.overlaps |= !self.queue.is_empty();
                }
            }
            let answers = role == Role::Response && std::mem::take(&mut self.owed);
            if !answers {
                self.push(sent, emit);
            } else if let Some(auth) = self.queue.front_mut() {
                auth.take_response(&sent);
            }
        }
        rest
    }

    fn push(&mut self, sent: SentCommand, emit: &mut dyn FnMut(Step<'_>)) {
        if self.queue.len() < QUEUE_MAX {
            if !sent.is_response() {
                emit(Step::CommandSent(&sent));
            }
            self.queue.push_back(sent);
        } else {
            self.uncounted += 1;
        }
    }

    fn feed_server<'a>(&mut self, octets: &'a [u8], emit: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
        if self.agreed {
            // A line may have begun before the reply to STLS was known to be one.
            let begun = self.server.take();
            if !begun.is_empty() {
                emit(Step::Injected(&begun));
            }
            emit(Step::Injected(octets));
            return &[];
        }
        self.gap.has_server_spoken = true;
        if self.reply.is_some() {
            return self.feed_data(octets, emit);
        }
        let rest = self.server.feed(octets);
        let role = self.server_role();
        let end = self.server.end();
        if end != LineEnd::None {
            if role != Role::Greeting && self.is_list_without_greeting(emit) {
                return rest;
            }
            self.find_step(role, emit);
        }
        if let Some(part) = self.server.part() {
            part.emit(Side::Server, role, emit);
        }
        if end != LineEnd::None {
            let status = Status::of_line(self.server.head());
            let is_ok = self.server.head().starts_with(b"+OK");
            self.server.next_line();
            match role {
                Role::Greeting => {
                    let bare_lf = end == LineEnd::Lf;
                    self.gap.first_reply =
                        (!self.queue.is_empty()).then_some(FirstReply { status, bare_lf });
                    emit(Step::ReplyEnded(None, status));
                    self.enter(State::Authorization, emit);
                    self.first_line(is_ok, emit);
                }
                Role::Continuation => self.challenge(emit),
                Role::Status => self.answer(status, end == LineEnd::Lf, emit),
                _ => {}
            }
        }
        rest
    }

    fn enter(&mut self, state: State, emit: &mut dyn FnMut(Step<'_>)) {
        if self.state != state {
            self.state = state;
            emit(Step::StateChanged(state));
        }
    }

    fn challenge(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        if self.queue.get(1).is_some_and(SentCommand::is_response) {
            // It was sent unsolicited, before the command.
            let response = self.queue.remove(1);
            if let (Some(auth), Some(response)) = (self.queue.front_mut(), response) {
                auth.take_response(&response);
            }
        } else {
            self.owed = true;
            emit(Step::Challenged);
        }
    }

    /// The status line of the reply to the oldest command is complete.
    fn answer(&mut self, status: Status, bare_lf: bool, emit: &mut dyn FnMut(Step<'_>)) {
        let shape = self
            .queue
            .front()
            .map_or(Shape::Unknown, SentCommand::shape);
        if status == Status::Positive && shape == Shape::Multi {
            // A server that ends its status line with a bare LF ends its data the same way, or
            // never.
            self.reply = Some(DataScan::new(bare_lf));
            if let Some(sent) = self.queue.front() {
                emit(Step::DataStarted(sent));
            }
            return;
        }
        if status == Status::Positive && shape == Shape::Upload {
            let mut upload = DataScan::new(true);
            // The partial line of the client is the start of its message.
            let typed = self.client.take();
            upload.feed(Side::Client, &typed, emit);
            self.upload = Some(upload);
        }
        self.end_reply(status, emit);
    }

    fn end_reply(&mut self, status: Status, emit: &mut dyn FnMut(Step<'_>)) {
        self.owed = false;
        let Some(sent) = self.queue.pop_front() else {
            return;
        };
        // Responses sent ahead that the exchange did not use: the server reads them as commands.
        for early in self
            .queue
            .iter_mut()
            .take_while(|entry| entry.is_response())
        {
            early.become_command();
        }
        if self.uncounted > 0 {
            self.uncounted -= 1;
            self.queue.push_back(SentCommand::nameless(Shape::Unknown));
        }
        emit(Step::ReplyEnded(Some(&sent), status));
        self.apply(&sent, status, emit);
    }

    fn apply(&mut self, sent: &SentCommand, status: Status, emit: &mut dyn FnMut(Step<'_>)) {
        match sent.outcome(status) {
            Effect::Nothing => {}
            Effect::Login => {
                self.marked.clear();
                self.enter(State::Transaction, emit);
            }
            Effect::Delete => {
                self.marked.extend(sent.number());
            }
            Effect::Reset => self.marked.clear(),
            Effect::Quit => {
                self.marked.clear();
                self.enter(State::Update, emit);
            }
            Effect::Tls => {
                self.agreed = true;
                emit(Step::TlsAgreed);
            }
        }
    }
}

/// Where the end of the connection cut the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// Between two replies, or after the reply to QUIT.
    Nothing,
    /// Before the reply to a command.
    Reply,
    /// In the middle of a line.
    Line,
    /// In the middle of the data of a multi-line reply.
    Data,
}

#[cfg(test)]
mod tests;
