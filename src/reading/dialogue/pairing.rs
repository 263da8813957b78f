//! Steps of the tracker to parts of a dialogue. What waits here mirrors what waits in the tracker.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use super::measure::{Measuring, digest_hole};
use super::{Digest, Exchange, LINE_KEPT, Line, Measures, Part, Passing, Place, SASL_KEPT};
use crate::pop3::command::Shape;
use crate::pop3::tracker::{LineEnd, Role, SentCommand, Side, Status, Step, WireLine};
use crate::reading::steps::{OctetOrigin, Passed, PieceOf, pieces, push_octets};
use crate::transcript::{Hole, Piece};

#[derive(Debug, Default)]
pub(super) struct Pairing {
    now_ms: u64,
    has_digests: bool,
    client_line: Option<LineSoFar>,
    server_line: Option<LineSoFar>,
    /// Commands and early SASL responses without a complete reply, oldest first.
    queue: VecDeque<OpenExchange>,
    /// Commands that the tracker counts without remembering them.
    uncounted: u64,
    /// A whole command line, until the tracker says what it is.
    pending: Option<(Line, u64)>,
    /// The server has challenged and the client has not answered.
    is_owed: bool,
    /// After a gap it is not known which command the server answers.
    is_lost: bool,
    /// The lines that come represent a row `{{...}}`.
    is_in_gap: bool,
    greeting: Option<Line>,
    /// What may be the greeting although a command was waiting, its status, and when it came. It is
    /// kept until that is clear.
    first_reply: Option<(Line, Status, u64)>,
    begins_anywhere: bool,
    reply: Option<Measuring>,
    is_uploading: bool,
    upload: Option<Measuring>,
    uploaded: Option<Measures>,
    injected: Option<Measuring>,
}

#[derive(Debug, Default)]
struct OpenExchange {
    command: Option<Line>,
    sent: Option<SentCommand>,
    sent_ms: Option<u64>,
    status_line: Option<Line>,
    status_ms: u64,
    sasl: Vec<Line>,
    sasl_beyond: u64,
    upload: Option<Measures>,
    /// A SASL response that was sent before the server asked for it.
    is_early: bool,
    /// The recording has a gap before its status line.
    is_torn: bool,
    /// Its status line was taken for the greeting.
    has_no_greeting: bool,
}

impl OpenExchange {
    fn add_sasl(&mut self, line: Line) {
        if self.sasl.len() < SASL_KEPT {
            self.sasl.push(line);
        } else {
            self.sasl_beyond += 1;
        }
    }

    fn finish(self, status: Option<Status>, data: Option<Measures>) -> Part {
        let answered = status.and(self.sent_ms);
        Part::Exchange(Box::new(Exchange {
            command: self.command,
            sent: self.sent,
            is_greeting: false,
            status,
            reply_ms: answered.map(|sent_ms| self.status_ms.saturating_sub(sent_ms)),
            status_line: self.status_line,
            sasl: self.sasl,
            sasl_beyond: self.sasl_beyond,
            data: self.upload.or(data),
            is_torn: self.is_torn,
            has_no_greeting: self.has_no_greeting,
        }))
    }
}

impl Pairing {
    pub(super) fn new(has_digests: bool) -> Self {
        Self {
            has_digests,
            ..Self::default()
        }
    }

    pub(super) fn passed(&mut self, passed: Passed<'_>, emit: &mut dyn FnMut(Passing<'_>)) {
        match passed {
            Passed::Row { now_ms, .. } => self.now_ms = now_ms,
            Passed::Time(_) => {}
            Passed::Step(step, mut origin) => {
                // Only as a whole row does it represent rows: such a row ends the line that was
                // begun before it.
                let last = match step {
                    Step::Line(line) if self.is_in_gap && line.end == LineEnd::Crlf => {
                        line.content.len().checked_sub(1)
                    }
                    _ => None,
                };
                let is_within = |hole: &&mut (usize, Hole)| {
                    hole.1 == Hole::Rows && last.is_none_or(|last| hole.0 != last)
                };
                let within = origin.holes.iter_mut().filter(is_within);
                within.for_each(|(_, hole)| *hole = Hole::Text);
                self.step(step, origin, emit);
            }
            Passed::AnyRows {
                side: Side::Server,
                is_data: false,
                ..
            } => {
                self.is_in_gap = true;
                self.out_of_step(emit);
            }
            Passed::AnyRows { side, place, .. } => {
                if side == Side::Client {
                    self.cut_client_line(emit);
                }
                if self.hold_any_rows(side, place) {
                    emit(Passing::AnyRows);
                } else {
                    emit(Passing::Part(Part::AnyRows(place)));
                }
            }
            Passed::AnyRowsEnd { is_data, place } => {
                self.is_in_gap = false;
                if is_data && self.hold_any_rows(Side::Server, place) {
                    emit(Passing::AnyRows);
                }
            }
            Passed::Abandoned { is_end } => self.drain(is_end, emit),
        }
    }

    /// Keeps a row `{{...}}` that is inside data; false when it does not.
    fn hold_any_rows(&mut self, side: Side, place: Place) -> bool {
        let data = match side {
            Side::Server => self.reply.as_mut(),
            Side::Client if self.is_uploading => Some(
                self.upload
                    .get_or_insert_with(|| Measuring::new(side, true)),
            ),
            Side::Client => None,
        };
        data.map(|data| data.any_rows(place)).is_some()
    }

    /// The recording may begin in the middle of the session: only `+OK` is taken for a greeting.
    pub(super) fn begin_anywhere(&mut self) {
        self.begins_anywhere = true;
    }

    fn greet(
        &mut self,
        line: Option<Line>,
        status: Option<Status>,
        emit: &mut dyn FnMut(Passing<'_>),
    ) {
        let is_ok = |line: &Line| line.head().starts_with(b"+OK");
        let is_other = self.begins_anywhere && !line.as_ref().is_some_and(is_ok);
        emit(Passing::Part(greeting(
            line,
            status,
            self.is_lost || is_other,
        )));
    }

    /// What came first was the greeting, as far as is known.
    fn greet_late(&mut self, emit: &mut dyn FnMut(Passing<'_>)) {
        if let Some((line, status, _)) = self.first_reply.take() {
            self.greet(Some(line), Some(status), emit);
        }
    }

    fn step(&mut self, step: Step<'_>, origin: OctetOrigin, emit: &mut dyn FnMut(Passing<'_>)) {
        match step {
            Step::Line(line) if line.role == Role::Terminator => {
                self.terminator(line.side, origin.first, line.end);
            }
            Step::Line(line) => self.line_octets(line, origin, emit),
            Step::Data { side, octets } => self.data(side, octets, origin, emit),
            Step::Injected(octets) => {
                let data = &mut self.injected;
                measure(
                    data.get_or_insert_with(|| Measuring::new(Side::Server, true)),
                    octets,
                    origin,
                );
            }
            Step::CommandSent(sent) => self.command_sent(sent, emit),
            Step::DataStarted(_) => {
                self.reply = Some(Measuring::new(Side::Server, self.has_digests));
                emit(Passing::Step(step));
            }
            Step::ReplyEnded(None, status) => match self.greeting.take() {
                Some(line) if !self.queue.is_empty() => {
                    self.first_reply = Some((line, status, self.now_ms));
                }
                line => self.greet(line, Some(status), emit),
            },
            Step::ReplyEnded(Some(sent), status) => self.reply_ended(sent, status, emit),
            Step::Challenged => self.is_owed = true,
            Step::StateChanged(_) => emit(Passing::Step(step)),
            Step::TlsAgreed => {}
            Step::NoGreeting => self.no_greeting(),
            Step::TerminatorMissing => {
                if let Some(data) = &mut self.reply {
                    data.lacks_terminator();
                }
            }
            Step::Dropped => self.dropped(emit),
            Step::OutOfStep => self.out_of_step(emit),
            Step::InStep => {
                self.is_lost = false;
                emit(Passing::Step(step));
            }
        }
    }

    fn line_octets(
        &mut self,
        part: WireLine<&[u8]>,
        origin: OctetOrigin,
        emit: &mut dyn FnMut(Passing<'_>),
    ) {
        let WireLine {
            side, role, end, ..
        } = part;
        let (place, last_ms) = (origin.first, origin.last_ms);
        let so_far = match side {
            Side::Client => &mut self.client_line,
            Side::Server => &mut self.server_line,
        };
        let line = so_far.get_or_insert_with(|| LineSoFar::new(side, role, place));
        line.add(part.content, origin, end);
        if end != LineEnd::None
            && let Some(line) = so_far.take()
        {
            self.line(line.finish(end), role, last_ms, emit);
        }
    }

    /// Octets of a multi-line reply, or of a message that the client uploads.
    fn data(
        &mut self,
        side: Side,
        octets: &[u8],
        origin: OctetOrigin,
        emit: &mut dyn FnMut(Passing<'_>),
    ) {
        let data = match side {
            Side::Server => &mut self.reply,
            Side::Client => &mut self.upload,
        };
        let has_digest = self.has_digests;
        let data = data.get_or_insert_with(|| Measuring::new(side, has_digest));
        data.at(origin.first, origin.skipped, origin.last);
        let (place, time_ms) = (origin.first, origin.last_ms);
        pieces(octets, origin.holes, |piece| match piece {
            PieceOf::Octets(octets) => {
                data.octets(octets);
                emit(Passing::Data {
                    side,
                    octets,
                    place,
                    time_ms,
                });
            }
            PieceOf::Hole(hole) => {
                data.hole(&hole);
                emit(Passing::Hole(side));
            }
        });
    }

    fn command_sent(&mut self, sent: &SentCommand, emit: &mut dyn FnMut(Passing<'_>)) {
        self.greet_late(emit);
        let (command, sent_ms) = self.pending.take().unzip();
        if let Some(line) = &command {
            emit(Passing::Command(sent, line));
        }
        self.queue.push_back(OpenExchange {
            command,
            sent: Some(sent.clone()),
            sent_ms,
            upload: self.uploaded.take(),
            ..OpenExchange::default()
        });
    }

    /// What came first was the reply to the oldest command.
    fn no_greeting(&mut self) {
        let first = self.first_reply.take();
        if let Some((open, (line, _, ms))) = self.queue.front_mut().zip(first) {
            open.status_line = Some(line);
            open.status_ms = ms;
            open.has_no_greeting = true;
        }
    }

    /// The oldest command without a status line gets no reply: it came in a gap of the recording.
    fn dropped(&mut self, emit: &mut dyn FnMut(Passing<'_>)) {
        if let Some(mut open) = self.queue.remove(usize::from(self.reply.is_some())) {
            open.is_torn = true;
            self.uncounted = 0;
            self.is_owed = false;
            emit(Passing::Part(open.finish(None, None)));
        }
    }

    /// Which command the server answers is no longer known. Whether the first line was the
    /// greeting, the next step says.
    fn out_of_step(&mut self, emit: &mut dyn FnMut(Passing<'_>)) {
        self.is_lost = true;
        let waiting = self.queue.iter_mut();
        for open in waiting.filter(|open| open.status_line.is_none()) {
            open.is_torn = true;
        }
        emit(Passing::Step(Step::OutOfStep));
    }

    /// The client's line does not continue: its rest is missing from the recording.
    fn cut_client_line(&mut self, emit: &mut dyn FnMut(Passing<'_>)) {
        if let Some(cut) = self.client_line.take() {
            let open = OpenExchange {
                command: Some(cut.finish(LineEnd::None)),
                is_torn: true,
                ..OpenExchange::default()
            };
            emit(Passing::Part(open.finish(None, None)));
        }
    }

    /// Nothing is awaited any longer. With `is_end`, lines do not continue either.
    fn drain(&mut self, is_end: bool, emit: &mut dyn FnMut(Passing<'_>)) {
        self.greet_late(emit);
        if let Some(cut) = self.server_line.take() {
            let role = cut.role;
            let line = cut.finish(LineEnd::None);
            match self.queue.front_mut() {
                Some(open) if role == Role::Status => open.status_line = Some(line),
                Some(open) if role == Role::Continuation => open.add_sasl(line),
                _ if role == Role::Greeting => self.greet(Some(line), None, emit),
                _ => emit(Passing::Part(Part::Unrequested(line))),
            }
        }
        let mut data = self.reply.take().map(Measuring::finish);
        // The data is that of the oldest command, whose status line was positive.
        for mut open in std::mem::take(&mut self.queue) {
            open.is_torn |= self.is_lost && data.is_none();
            let status = data.is_some().then_some(Status::Positive);
            emit(Passing::Part(open.finish(status, data.take())));
        }
        let upload = self.upload.take().map(Measuring::finish);
        if let Some(upload) = self.uploaded.take().or(upload) {
            emit(Passing::Part(
                OpenExchange::default().finish(None, Some(upload)),
            ));
        }
        if is_end && let Some(cut) = self.client_line.take() {
            let open = OpenExchange {
                command: Some(cut.finish(LineEnd::None)),
                ..OpenExchange::default()
            };
            emit(Passing::Part(open.finish(None, None)));
        }
        if let Some(injected) = self.injected.take() {
            emit(Passing::Part(Part::Injected(injected.finish())));
        }
        self.uncounted = 0;
        self.pending = None;
        self.is_owed = false;
        self.is_uploading = false;
    }

    fn terminator(&mut self, side: Side, place: Place, end: LineEnd) {
        match side {
            Side::Server => {
                if let Some(data) = &mut self.reply {
                    data.terminator(place, end);
                }
            }
            Side::Client => {
                let upload = self.upload.take();
                let mut data = upload.unwrap_or_else(|| Measuring::new(side, true));
                data.terminator(place, end);
                self.uploaded = Some(data.finish());
                self.is_uploading = false;
            }
        }
    }

    fn line(&mut self, line: Line, role: Role, now_ms: u64, emit: &mut dyn FnMut(Passing<'_>)) {
        if !matches!(role, Role::Greeting | Role::Command) {
            self.greet_late(emit);
        }
        match role {
            Role::Greeting => self.greeting = Some(line),
            Role::Status => {
                if let Some(open) = self.queue.front_mut() {
                    open.status_line = Some(line);
                    open.status_ms = now_ms;
                    open.is_torn |= self.is_lost;
                }
            }
            Role::Continuation => {
                // A response that was sent before it was asked for.
                let is_early = self.queue.get(1).is_some_and(|next| next.is_early);
                let early = if is_early { self.queue.remove(1) } else { None };
                if let Some(open) = self.queue.front_mut() {
                    open.is_torn |= self.is_lost;
                    open.add_sasl(line);
                    early
                        .and_then(|early| early.command)
                        .into_iter()
                        .for_each(|line| open.add_sasl(line));
                }
            }
            Role::Unrequested => emit(Passing::Part(Part::Unrequested(line))),
            Role::Command => {
                if self.pending.replace((line, now_ms)).is_some() {
                    self.uncounted += 1;
                }
            }
            Role::Response if std::mem::take(&mut self.is_owed) => {
                if let Some(open) = self.queue.front_mut() {
                    open.add_sasl(line);
                }
            }
            Role::Response => self.queue.push_back(OpenExchange {
                command: Some(line),
                sent_ms: Some(now_ms),
                is_early: true,
                ..OpenExchange::default()
            }),
            Role::Terminator => {}
        }
    }

    fn reply_ended(
        &mut self,
        sent: &SentCommand,
        status: Status,
        emit: &mut dyn FnMut(Passing<'_>),
    ) {
        let mut open = self.queue.pop_front().unwrap_or_default();
        // By now it is known whether credentials were sent.
        open.sent = Some(sent.clone());
        for early in self.queue.iter_mut().take_while(|open| open.is_early) {
            early.is_early = false;
        }
        if self.uncounted > 0 {
            self.uncounted -= 1;
            self.queue.push_back(OpenExchange::default());
        }
        self.is_owed = false;
        self.is_uploading = status == Status::Positive && sent.shape() == Shape::Upload;
        let data = self.reply.take().map(Measuring::finish);
        emit(Passing::Part(open.finish(Some(status), data)));
    }
}

fn greeting(line: Option<Line>, status: Option<Status>, is_torn: bool) -> Part {
    let Part::Exchange(mut exchange) = OpenExchange::default().finish(status, None) else {
        return Part::AnyRows(Place::default());
    };
    exchange.is_greeting = true;
    exchange.is_torn = is_torn;
    exchange.status_line = line;
    Part::Exchange(exchange)
}

fn measure(data: &mut Measuring, octets: &[u8], origin: OctetOrigin) {
    data.at(origin.first, origin.skipped, origin.last);
    pieces(octets, origin.holes, |piece| match piece {
        PieceOf::Octets(octets) => data.octets(octets),
        PieceOf::Hole(hole) => data.hole(&hole),
    });
}

#[derive(Debug)]
struct LineSoFar {
    side: Side,
    role: Role,
    place: Place,
    pieces: Vec<Piece>,
    kept: usize,
    octets: u64,
    digest: Sha256,
}

impl LineSoFar {
    fn new(side: Side, role: Role, place: Place) -> Self {
        Self {
            side,
            role,
            place,
            pieces: Vec::new(),
            kept: 0,
            octets: 0,
            digest: Sha256::new(),
        }
    }

    fn add(&mut self, octets: &[u8], origin: OctetOrigin, end: LineEnd) {
        pieces(octets, origin.holes, |piece| match piece {
            PieceOf::Octets(octets) => {
                self.digest.update(octets);
                let room = LINE_KEPT - self.kept;
                let kept = octets.get(..room).unwrap_or(octets);
                if !kept.is_empty() {
                    push_octets(&mut self.pieces, kept);
                }
                self.kept += kept.len();
            }
            PieceOf::Hole(hole) => {
                digest_hole(&mut self.digest, &hole);
                if self.kept < LINE_KEPT {
                    self.pieces.push(Piece::Hole(hole));
                    self.kept += 1;
                }
            }
        });
        self.digest.update(end.octets());
        self.octets += (octets.len() + end.octets().len()) as u64;
    }

    fn finish(self, end: LineEnd) -> Line {
        Line {
            side: self.side,
            place: self.place,
            pieces: self.pieces,
            octets: self.octets,
            digest: Digest::from(self.digest.finalize()),
            end,
        }
    }
}
