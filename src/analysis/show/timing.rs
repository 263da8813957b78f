//! Measures a recording: the times of each exchange, and where the time went.

use std::collections::VecDeque;

use crate::analysis::show::safe;
use crate::base::escape;
use crate::pop3::tracker::{Role, SentCommand, Side, Status, Step, WireLine};
use crate::reading::dialogue::{EventKind, TapeStep, WaitPhase};
use crate::transcript::Piece;

/// The figures of a command with its reply, or of the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExchangeTime {
    /// The verb and its open arguments, safe; never a secret.
    pub(crate) name: String,
    /// The status; None if no status line came.
    pub(crate) status: Option<Status>,
    /// When it was sent, in milliseconds on a clock that stops while nothing is expected from the
    /// server.
    pub(crate) start_ms: u64,
    /// Milliseconds to the status line, or until no reply was expected any longer.
    pub(crate) wait_ms: u64,
    /// Milliseconds from the status line to the end.
    pub(crate) transfer_ms: u64,
    /// Octets of the reply, including the status line.
    pub(crate) octets: u64,
    pub(crate) data_octets: u64,
}

/// The totals of a recording. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Exchanges, including the greeting.
    pub(crate) exchanges: u64,
    /// Of these, refused with `-ERR`.
    pub(crate) refused: u64,
    /// Of these, without a complete reply.
    pub(crate) unanswered: u64,
    /// Complete messages fetched with RETR.
    pub(crate) messages: u64,
    /// Octets from the client, without holes.
    pub(crate) client_octets: u64,
    /// Octets from the server, without holes.
    pub(crate) server_octets: u64,
    /// From the start to the server's first row: connecting, TLS if it comes first, and the
    /// greeting.
    pub(crate) connect_ms: u64,
    /// From the server's `+OK` to STLS to the end of the handshake, or to the next row if the time
    /// of the handshake is unknown.
    pub(crate) tls_ms: u64,
    /// Waiting for a status line.
    pub(crate) wait_ms: u64,
    /// Receiving or sending data.
    pub(crate) transfer_ms: u64,
    /// Nothing expected from the server.
    pub(crate) idle_ms: u64,
    /// Whether `tls_ms` ends with the handshake, because the transcript has its time.
    pub(crate) is_tls_timed: bool,
    pub(crate) has_tls_first: bool,
    /// Whether there were holes, whose octets are not counted.
    pub(crate) has_holes: bool,
    /// The slowest exchange, and its duration.
    pub(crate) slowest: Option<(String, u64)>,
}

impl Totals {
    /// The length of the recording, in milliseconds.
    pub(crate) fn all_ms(&self) -> u64 {
        [
            self.connect_ms,
            self.tls_ms,
            self.wait_ms,
            self.transfer_ms,
            self.idle_ms,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// The same without the idle time.
    pub(crate) fn busy_ms(&self) -> u64 {
        self.all_ms().saturating_sub(self.idle_ms)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Timing {
    totals: Totals,
    /// Milliseconds without idle ones.
    busy_ms: u64,
    has_rows: bool,
    has_greeting: bool,
    queue: VecDeque<OpenTiming>,
    /// The number of commands not stored because too many wait.
    beyond: u64,
}

/// The most commands whose times are stored while they wait for replies.
const QUEUE_MAX: usize = 65_536;

#[derive(Debug, Default)]
struct OpenTiming {
    name: String,
    is_retr: bool,
    start_ms: u64,
    answered_ms: Option<u64>,
    octets: u64,
    data_octets: u64,
    is_elided: bool,
}

impl Timing {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Takes a step, and emits each finished exchange.
    pub(crate) fn emit(&mut self, step: &TapeStep<'_>, lap: &mut dyn FnMut(ExchangeTime)) {
        match step {
            TapeStep::Row { after_ms, phase } => {
                self.has_rows = true;
                self.pass(*after_ms, *phase);
            }
            TapeStep::Passed { after_ms, phase } => {
                self.totals.is_tls_timed |= *phase == WaitPhase::Handshake;
                self.pass(*after_ms, *phase);
            }
            TapeStep::Line(line, _) => self.line(line),
            TapeStep::Data { side, octets, .. } => {
                self.count(*side, octets.len());
                if let Some(open) = self.queue.front_mut().filter(|_| *side == Side::Server) {
                    open.octets += octets.len() as u64;
                    open.data_octets += octets.len() as u64;
                }
            }
            TapeStep::Injected { octets, .. } => self.count(Side::Server, octets.len()),
            TapeStep::Hole { side, .. } | TapeStep::AnyRows { side, .. } => {
                self.totals.has_holes = true;
                if let Some(open) = self.queue.front_mut().filter(|_| *side == Side::Server) {
                    open.is_elided = true;
                }
            }
            TapeStep::Step(Step::CommandSent(sent)) => self.command(sent),
            TapeStep::Step(Step::ReplyEnded(sent, status)) => {
                if sent.is_none() {
                    self.greeting(0);
                }
                self.end(Some(*status), lap);
            }
            TapeStep::Abandoned => {
                while !self.queue.is_empty() {
                    self.end(None, lap);
                }
                self.beyond = 0;
            }
            TapeStep::Event(event) => {
                let is_first = !self.has_rows && event.kind == EventKind::TlsStarted;
                self.totals.has_tls_first |= is_first;
            }
            TapeStep::Step(_) | TapeStep::Other(_) => {}
        }
    }

    fn line(&mut self, line: &WireLine<&[Piece]>) {
        let pieces = line.content;
        let octets = pieces.iter().map(|piece| match piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Hole(_) => 0,
        });
        let all = octets.sum::<usize>() + line.end.octets().len();
        self.count(line.side, all);
        self.totals.has_holes |= pieces.iter().any(|piece| matches!(piece, Piece::Hole(_)));
        match line.role {
            Role::Greeting => self.greeting(all as u64),
            Role::Status | Role::Continuation => {
                if let Some(open) = self.queue.front_mut() {
                    open.octets += all as u64;
                    if line.role == Role::Status {
                        open.answered_ms = Some(self.busy_ms);
                    }
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, after_ms: u64, phase: WaitPhase) {
        let totals = &mut self.totals;
        let total = match phase {
            WaitPhase::Connecting => &mut totals.connect_ms,
            WaitPhase::Handshake => &mut totals.tls_ms,
            WaitPhase::Waiting => &mut totals.wait_ms,
            WaitPhase::Transfer => &mut totals.transfer_ms,
            WaitPhase::Idle => &mut totals.idle_ms,
        };
        *total = total.saturating_add(after_ms);
        if phase != WaitPhase::Idle {
            self.busy_ms = self.busy_ms.saturating_add(after_ms);
        }
    }

    fn count(&mut self, side: Side, octets: usize) {
        let total = match side {
            Side::Client => &mut self.totals.client_octets,
            Side::Server => &mut self.totals.server_octets,
        };
        *total += octets as u64;
    }

    fn greeting(&mut self, octets: u64) {
        if !std::mem::replace(&mut self.has_greeting, true) {
            self.queue.push_front(OpenTiming {
                name: "greeting".to_owned(),
                ..OpenTiming::default()
            });
        }
        if let Some(open) = self.queue.front_mut() {
            open.answered_ms = Some(self.busy_ms);
            open.octets += octets;
        }
    }

    fn command(&mut self, sent: &SentCommand) {
        if self.queue.len() >= QUEUE_MAX {
            self.beyond += 1;
            return;
        }
        let mut name = safe(&sent.verb());
        if !sent.arguments().is_empty() {
            name.push(' ');
            escape::escape(sent.arguments(), &mut name);
        }
        self.queue.push_back(OpenTiming {
            name,
            is_retr: sent.verb() == "RETR",
            start_ms: self.busy_ms,
            ..OpenTiming::default()
        });
    }

    fn end(&mut self, status: Option<Status>, lap: &mut dyn FnMut(ExchangeTime)) {
        let Some(open) = self.queue.pop_front() else {
            // A reply to a command that was not stored.
            self.beyond = self.beyond.saturating_sub(1);
            return;
        };
        let answered_ms = open.answered_ms.unwrap_or(self.busy_ms);
        let wait_ms = answered_ms.saturating_sub(open.start_ms);
        let transfer_ms = self.busy_ms.saturating_sub(answered_ms);
        let totals = &mut self.totals;
        totals.exchanges += 1;
        totals.refused += u64::from(status == Some(Status::Negative));
        totals.unanswered += u64::from(status.is_none());
        totals.messages +=
            u64::from(status == Some(Status::Positive) && open.is_retr && !open.is_elided);
        let took = wait_ms + transfer_ms;
        let slowest = totals.slowest.as_ref().map_or(0, |(_, took)| *took);
        if took > slowest {
            totals.slowest = Some((open.name.clone(), took));
        }
        lap(ExchangeTime {
            name: open.name,
            status,
            start_ms: open.start_ms,
            wait_ms,
            transfer_ms,
            octets: open.octets,
            data_octets: open.data_octets,
        });
    }
}
