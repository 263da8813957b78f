//! Records one connection as it happens: octets through the tracker, secrets out, rows into the file, then to whoever watches.

use std::io::{self, Write};

use crate::bodies::{Bodies, Elider};
use crate::command::{Command, Shape};
use crate::event::{self, Malformed};
use crate::secret::Hider;
use crate::text;
use crate::tracker::{Cut, LineEnd, Role, Sent, Side, State, Status, Step, Tracker};
use crate::transcript::{Hole, Item, Piece, Row};

/// The most octets of one row; a longer line is split by rows that end in `\-`.
pub const ROW_MAX: usize = 64 * 1024;

/// What was seen, secrets hidden. It is in the file already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A line, or a part of one; see [`Step::Line`].
    Line {
        /// Who sent it.
        side: Side,
        /// What it is for.
        role: Role,
        /// Its octets as on the wire, without line end; a hole where a secret stood.
        pieces: Vec<Piece>,
        /// Whether the line starts here.
        first: bool,
        /// How it ends.
        end: LineEnd,
    },
    /// Octets of data lines; see [`Step::Data`].
    Data {
        /// Who sent them.
        side: Side,
        /// As on the wire, stuffed.
        octets: Vec<u8>,
    },
    /// Octets that came between the `+OK` to STLS and the handshake.
    Injected(Vec<u8>),
    /// An event that the recorder found out itself: the line before held a malformed secret.
    Malformed(Malformed),
    /// A command waits for its reply.
    CommandSent(Sent),
    /// Data lines follow.
    DataStarted(Sent),
    /// A reply is complete; `None`: the greeting.
    ReplyEnded(Option<Sent>, Status),
    /// A SASL response is owed.
    Challenged,
    /// Another state.
    StateChanged(State),
    /// The TLS handshake comes next.
    TlsAgreed,
}

/// Records one connection.
pub struct Recorder {
    tracker: Tracker,
    hider: Hider,
    rows: Rows,
    bodies: Bodies,
    /// Counts what is left out of the message that is coming.
    elider: Option<Elider>,
    /// The end of a part of a server line that may be the start of a secret, until more of the line comes.
    held: Vec<u8>,
    seen: Vec<Seen>,
    /// Whether the data of the reply that is coming is told: not that of a message which nobody wants to see.
    tells_data: bool,
    tells_messages: bool,
    file: Option<Box<dyn Write + Send>>,
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("tracker", &self.tracker)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder for a new connection. Nothing is written before [`Recorder::set_file`].
    #[must_use]
    pub fn new(hider: Hider) -> Self {
        Self {
            tracker: Tracker::new(),
            hider,
            rows: Rows::default(),
            bodies: Bodies::Keep,
            elider: None,
            held: Vec::new(),
            seen: Vec::new(),
            tells_data: true,
            tells_messages: true,
            file: None,
            failure: None,
        }
    }

    /// Says what becomes of message data in the file; it is shown all the same.
    pub fn set_bodies(&mut self, bodies: Bodies) {
        self.bodies = bodies;
    }

    /// Says whether the data of messages is told as [`Seen::Data`]; it is unless told otherwise.
    pub fn tell_messages(&mut self, tells_messages: bool) {
        self.tells_messages = tells_messages;
    }

    /// Writes to `file` from now on, and `head` (name, text) and a blank line first; `None` stops the writing.
    pub fn set_file(&mut self, file: Option<Box<dyn Write + Send>>, head: &[(&str, String)]) {
        self.rows.is_wanted = file.is_some();
        self.file = file;
        self.rows.text.clear();
        self.rows.text.extend_from_slice(text::MAGIC.as_bytes());
        self.rows.text.push(b'\n');
        for (name, text) in head {
            self.rows.head(name, text);
        }
        text::print_item(&mut self.rows.text, &Item::Blank);
        self.write();
    }

    /// Takes octets of one side at `now_ms`, milliseconds since the start; writes their rows, then tells what was seen.
    pub fn feed(&mut self, side: Side, octets: &[u8], now_ms: u64, see: &mut dyn FnMut(Seen)) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, tell| tracker.feed(side, octets, tell));
        self.deliver(see);
    }

    /// The same, but the rows wait for [`Recorder::write_rows`]: for many lines that are sent together.
    pub fn feed_ahead(
        &mut self,
        side: Side,
        octets: &[u8],
        now_ms: u64,
        see: &mut dyn FnMut(Seen),
    ) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, tell| tracker.feed(side, octets, tell));
        for seen in self.seen.drain(..) {
            see(seen);
        }
    }

    /// Writes the rows that wait.
    pub fn write_rows(&mut self) {
        if !self.rows.text.is_empty() {
            self.write();
        }
    }

    /// Hands out what was held because more was likely to come; call it when nothing came for a while.
    ///
    /// The client's line stays: only its start tells where the secret is, and some clients send each octet as it is typed.
    pub fn flush(&mut self, now_ms: u64, see: &mut dyn FnMut(Seen)) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, tell| tracker.flush_server(tell));
        self.rows.flush_data();
        self.deliver(see);
    }

    /// The connection has ended: hands out everything, and tells what was cut.
    pub fn finish(&mut self, now_ms: u64, see: &mut dyn FnMut(Seen)) -> Cut {
        self.rows.now_ms = now_ms;
        let mut cut = Cut::Nothing;
        self.steps(|tracker, tell| cut = tracker.finish(tell));
        self.release();
        self.rows.flush_data();
        self.rows.end_cut(self.elider.as_mut());
        self.deliver(see);
        cut
    }

    /// Records an event.
    pub fn event(&mut self, event: &str, now_ms: u64) {
        self.rows.now_ms = now_ms;
        self.rows.flush_data();
        self.rows.end_cut(self.elider.as_mut());
        self.rows.event(event);
        self.write();
    }

    /// Nothing is waited for any more; see [`Tracker::forget`].
    pub fn forget(&mut self, now_ms: u64, see: &mut dyn FnMut(Seen)) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, tell| tracker.forget(tell));
        self.release();
        self.deliver(see);
    }

    /// Records what the server said in cleartext where the TLS handshake was due; returns it with each secret as a hole.
    ///
    /// The tracker does not see it, so it is no reply to anything.
    pub fn said_before_tls(&mut self, octets: &[u8], now_ms: u64) -> Vec<u8> {
        self.rows.now_ms = now_ms;
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let (octets, end) = split_end(line);
            let line = Line {
                side: Side::Server,
                role: Role::Unrequested,
                octets,
                first: true,
                end,
            };
            let seen = line.record(&mut self.hider, &mut self.rows, &mut self.held, false);
            self.seen.extend(seen);
        }
        self.release();
        self.write();
        let mut hidden = Vec::new();
        for seen in self.seen.drain(..) {
            let Seen::Line { pieces, end, .. } = seen else {
                continue;
            };
            for piece in pieces {
                match piece {
                    Piece::Octets(octets) => hidden.extend(octets),
                    Piece::Hole(hole) => {
                        hidden.extend_from_slice(format!("{{{{{}}}}}", hole.name()).as_bytes());
                    }
                }
            }
            hidden.extend_from_slice(end.octets());
        }
        hidden
    }

    /// The TLS handshake is done; see [`Tracker::tls_started`].
    pub fn tls_started(&mut self) {
        self.tracker.tls_started();
    }

    /// Says what shape replies to `verb` have; see [`Tracker::set_shape`]. An event tells the readers of the transcript.
    pub fn set_shape(&mut self, verb: &str, shape: Shape, now_ms: u64) {
        self.tracker.set_shape(verb, shape);
        if let Some(event) = shape.event(verb) {
            self.event(&event, now_ms);
        }
    }

    /// Remembers a secret that was given by an option or a prompt.
    pub fn remember(&mut self, hole: &'static str, secret: &[u8]) {
        self.hider.remember(hole, secret);
    }

    /// Where the conversation stands.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Whether a secret was typed that is too short to be hidden where it comes back; said once.
    pub fn take_short_secret(&mut self) -> bool {
        self.hider.take_short()
    }

    /// Why the file could not be written; said once, nothing is written any more.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn steps<F>(&mut self, run: F)
    where
        F: FnOnce(&mut Tracker, &mut dyn FnMut(Step<'_>)),
    {
        let is_guessed = matches!(self.tracker.state(), State::Greeting | State::Authorization);
        let Self {
            tracker,
            hider,
            rows,
            held,
            seen,
            bodies,
            elider,
            tells_data,
            tells_messages,
            ..
        } = self;
        run(tracker, &mut |step| match step {
            Step::Line {
                side,
                role,
                octets,
                first,
                end,
            } => {
                if role == Role::Terminator {
                    rows.end_cut(elider.take().as_mut());
                }
                let line = Line {
                    side,
                    role,
                    octets,
                    first,
                    end,
                };
                seen.extend(line.record(hider, rows, held, is_guessed));
                let malformed = hider.take_malformed();
                // The shape of a line that was cut is not known.
                if end != LineEnd::None {
                    for malformed in malformed {
                        rows.event(malformed.event());
                        seen.push(Seen::Malformed(malformed));
                    }
                }
            }
            Step::Data { side, octets } => {
                let (stays, begins) = match elider {
                    Some(elider) => elider.feed(octets),
                    None => (octets, false),
                };
                rows.data(side, stays);
                if begins {
                    rows.row(side, &[Piece::Hole(Hole::Rows)], LineEnd::Crlf);
                }
                // Each dotted line makes a block of its own; whoever watches is told of as much as came at once.
                match seen.last_mut() {
                    _ if !*tells_data => {}
                    Some(Seen::Data {
                        side: before,
                        octets: joined,
                    }) if *before == side => joined.extend_from_slice(octets),
                    _ => seen.push(Seen::Data {
                        side,
                        octets: octets.to_vec(),
                    }),
                }
            }
            Step::Injected(octets) => {
                rows.event(&format!(
                    "injected {} octets before the TLS handshake",
                    octets.len()
                ));
                rows.data(Side::Server, octets);
                rows.flush_data();
                seen.push(Seen::Injected(octets.to_vec()));
            }
            Step::CommandSent(sent) => seen.push(Seen::CommandSent(sent.clone())),
            Step::DataStarted(sent) => {
                *elider = message_elider(*bodies, sent);
                *tells_data =
                    *tells_messages || !sent.command().is_some_and(Command::carries_message);
                seen.push(Seen::DataStarted(sent.clone()));
            }
            Step::ReplyEnded(sent, status) => {
                if let Some(sent) = sent.filter(|sent| starts_upload(sent, status)) {
                    *elider = message_elider(*bodies, sent);
                }
                seen.push(Seen::ReplyEnded(sent.cloned(), status));
            }
            Step::Challenged => seen.push(Seen::Challenged),
            Step::StateChanged(state) => seen.push(Seen::StateChanged(state)),
            Step::TlsAgreed => seen.push(Seen::TlsAgreed),
            Step::NoGreeting
            | Step::TerminatorMissing
            | Step::Dropped
            | Step::OutOfStep
            | Step::InStep => {}
        });
    }

    /// Hands out the held end of a line that will not go on. So much of a secret that it could be told is hidden.
    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        let pieces = self.hider.hide_rest(&held);
        let (side, role, end) = (Side::Server, Role::Unrequested, LineEnd::None);
        self.rows.row(side, &pieces, end);
        self.seen.push(Seen::Line {
            side,
            role,
            pieces,
            first: false,
            end,
        });
    }

    /// One write, then whoever watches: what was shown is in the file.
    fn deliver(&mut self, see: &mut dyn FnMut(Seen)) {
        self.write();
        for seen in self.seen.drain(..) {
            see(seen);
        }
    }

    fn write(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(&self.rows.text)
        {
            self.failure = Some(error);
            self.file = None;
            self.rows.is_wanted = false;
        }
        self.rows.text.clear();
    }
}

/// Whether the client sends a message behind this reply.
pub(crate) fn starts_upload(sent: &Sent, status: Status) -> bool {
    sent.shape() == Shape::Upload && status == Status::Positive
}

/// What leaves out the data that comes with this command, where it is a message and is not to stay.
pub(crate) fn message_elider(bodies: Bodies, sent: &Sent) -> Option<Elider> {
    sent.command()
        .is_some_and(Command::carries_message)
        .then(|| bodies.elider())
        .flatten()
}

/// A line step, on its way into the file.
struct Line<'a> {
    side: Side,
    role: Role,
    octets: &'a [u8],
    first: bool,
    end: LineEnd,
}

impl Line<'_> {
    fn record(
        self,
        hider: &mut Hider,
        rows: &mut Rows,
        held: &mut Vec<u8>,
        is_guessed: bool,
    ) -> Option<Seen> {
        let Self {
            side,
            role,
            octets,
            first,
            end,
        } = self;
        let pieces = if side == Side::Server {
            held.extend_from_slice(octets);
            let keep = if end == LineEnd::None {
                hider.unsure_tail(held)
            } else {
                0
            };
            let tail = held.split_off(held.len() - keep);
            let pieces = hider.hide(side, role, held, first, is_guessed);
            *held = tail;
            pieces
        } else {
            hider.hide(side, role, octets, first, is_guessed)
        };
        if pieces.is_empty() && end == LineEnd::None {
            return None;
        }
        rows.row(side, &pieces, end);
        Some(Seen::Line {
            side,
            role,
            pieces,
            first,
            end,
        })
    }
}

/// Rows that wait to be written.
#[derive(Debug, Default)]
struct Rows {
    text: Vec<u8>,
    /// Whether they are written anywhere.
    is_wanted: bool,
    now_ms: u64,
    /// The time of the last row.
    last_ms: u64,
    /// The start of a data line whose end has not come.
    tail: Vec<u8>,
    tail_side: Option<Side>,
}

impl Rows {
    fn head(&mut self, name: &str, text: &str) {
        let mut line = Vec::new();
        text::escape(&mut line, text.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(&line);
        self.text.push(b'\n');
    }

    fn event(&mut self, event: &str) {
        if !self.is_wanted {
            return;
        }
        let mut text = Vec::new();
        text::escape(&mut text, event.as_bytes());
        let text = String::from_utf8_lossy(&text);
        let after_ms = self.now_ms.saturating_sub(self.last_ms);
        let event = Item::Event(event::with_time(&text, after_ms));
        text::print_item(&mut self.text, &event);
    }

    /// Tells how much was left out.
    fn end_cut(&mut self, elider: Option<&mut Elider>) {
        if let Some(prose) = elider.and_then(Elider::end) {
            text::print_item(&mut self.text, &Item::Prose(prose));
        }
    }

    fn row(&mut self, side: Side, pieces: &[Piece], end: LineEnd) {
        if !self.is_wanted {
            return;
        }
        self.flush_data();
        let after_ms = self.elapsed();
        text::print_row(
            &mut self.text,
            &Row::new(side, after_ms, pieces.iter().cloned(), end),
        );
    }

    fn data(&mut self, side: Side, octets: &[u8]) {
        if !self.is_wanted {
            return;
        }
        if self.tail_side.is_some_and(|tail| tail != side) {
            self.flush_data();
        }
        let mut after_ms = self.elapsed();
        let mut rest = octets;
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(lf + 1);
            rest = behind;
            if self.tail.is_empty() && line.len() <= ROW_MAX {
                print_line(&mut self.text, side, after_ms, line);
            } else {
                self.tail.extend_from_slice(line);
                self.print_tail(side, after_ms, 0);
            }
            after_ms = 0;
        }
        self.tail.extend_from_slice(rest);
        if self.tail.len() > ROW_MAX {
            self.print_tail(side, after_ms, ROW_MAX);
        } else if rest.len() == octets.len() && !rest.is_empty() {
            // No row was written: its time is still to be told.
            self.last_ms -= after_ms;
        }
        self.tail_side = (!self.tail.is_empty()).then_some(side);
    }

    /// Prints the tail as rows of at most `ROW_MAX` octets while it holds more than `upto`.
    fn print_tail(&mut self, side: Side, mut after_ms: u64, upto: usize) {
        let tail = std::mem::take(&mut self.tail);
        let mut rest = tail.as_slice();
        while rest.len() > upto {
            let (row, behind) = rest.split_at(rest.len().min(ROW_MAX));
            print_line(&mut self.text, side, after_ms, row);
            after_ms = 0;
            rest = behind;
        }
        self.tail.extend_from_slice(rest);
    }

    /// Writes the start of a data line whose end has not come.
    fn flush_data(&mut self) {
        if let Some(side) = self.tail_side.take() {
            let after_ms = self.elapsed();
            self.print_tail(side, after_ms, 0);
        }
    }

    fn elapsed(&mut self) -> u64 {
        let after_ms = self.now_ms.saturating_sub(self.last_ms);
        self.last_ms += after_ms;
        after_ms
    }
}

/// Prints octets that end with their line end, or without one when the line goes on.
fn print_line(out: &mut Vec<u8>, side: Side, after_ms: u64, line: &[u8]) {
    let (octets, end) = split_end(line);
    text::print_octets(out, side, after_ms, octets, end);
}

/// Splits octets from their line end.
fn split_end(line: &[u8]) -> (&[u8], LineEnd) {
    match line {
        [octets @ .., b'\r', b'\n'] => (octets, LineEnd::Crlf),
        [octets @ .., b'\n'] => (octets, LineEnd::Lf),
        octets => (octets, LineEnd::None),
    }
}

#[cfg(test)]
mod tests;
