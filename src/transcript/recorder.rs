//! Records one connection as it happens: octets pass the tracker, secrets are taken out, rows go
//! into the file and then to the observer.

mod listing;
mod rows;

use std::io::{self, Write};

use crate::pop3::command::{Command, Shape};
use crate::pop3::tracker::{
    Awaited, CutAt, LineEnd, Role, SentCommand, Side, State, Status, Step, Tracker, WireLine,
};
use crate::transcript::elide::{Bodies, Elider};
use crate::transcript::event::{Event, Malformed};
use crate::transcript::secret::Hider;
use crate::transcript::text;
use crate::transcript::{Hole, Item, Piece};
use listing::ListedData;
use rows::{PendingRows, split_end};

/// The most octets of one row; a longer line is split by rows that end in `\-`.
pub(crate) const ROW_MAX: usize = 64 * 1024;

/// What was seen, secrets hidden. It is in the file already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedStep {
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
        /// As on the wire, stuffed; where it is not a message, the name of a hole in place of each
        /// secret.
        octets: Vec<u8>,
    },
    /// Octets that came between the `+OK` to STLS and the handshake.
    Injected {
        /// How many there were.
        count: usize,
        /// The octets, the name of a hole in place of each secret.
        octets: Vec<u8>,
    },
    /// An event that the recorder found out itself: the line before held a malformed secret.
    Malformed(Malformed),
    /// A command waits for its reply.
    CommandSent(SentCommand),
    /// Data lines follow.
    DataStarted(SentCommand),
    /// A reply is complete; `None`: the greeting.
    ReplyEnded(Option<SentCommand>, Status),
    /// A SASL response is owed.
    Challenged,
    /// Another state.
    StateChanged(State),
    /// The TLS handshake comes next.
    TlsAgreed,
}

impl RecordedStep {
    /// Returns it as a step, of a line the octets before the first hole; None for an event.
    pub(crate) fn as_step(&self) -> Option<Step<'_>> {
        Some(match self {
            Self::Line {
                side,
                role,
                pieces,
                first,
                end,
            } => Step::Line(WireLine {
                side: *side,
                role: *role,
                content: Piece::head(pieces),
                first: *first,
                end: *end,
            }),
            Self::Data { side, octets } => Step::Data {
                side: *side,
                octets,
            },
            Self::Injected { octets, .. } => Step::Injected(octets),
            Self::Malformed(_) => return None,
            Self::CommandSent(sent) => Step::CommandSent(sent),
            Self::DataStarted(sent) => Step::DataStarted(sent),
            Self::ReplyEnded(sent, status) => Step::ReplyEnded(sent.as_ref(), *status),
            Self::Challenged => Step::Challenged,
            Self::StateChanged(state) => Step::StateChanged(*state),
            Self::TlsAgreed => Step::TlsAgreed,
        })
    }
}

/// Records one connection.
#[derive(Default)]
pub struct Recorder {
    tracker: Tracker,
    hider: Hider,
    rows: PendingRows,
    bodies: Bodies,
    /// Counts what is left out of the message that is coming.
    elider: Option<Elider>,
    /// The end of a part of a server line that may be the start of a secret, until more of the line
    /// comes.
    held: Vec<u8>,
    seen: Vec<RecordedStep>,
    /// The data that is coming, where it is not a message.
    listing: ListedData,
    is_listing: bool,
    /// Whether the data of the coming reply is reported: not that of a message that no one wants to
    /// see.
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
            hider,
            tells_data: true,
            tells_messages: true,
            ..Self::default()
        }
    }

    /// Sets how message data is written to the file; it is shown in any case.
    pub(crate) fn set_bodies(&mut self, bodies: Bodies) {
        self.bodies = bodies;
    }

    /// Says whether the data of messages is reported as [`RecordedStep::Data`]; it is, unless this
    /// says otherwise.
    pub fn emit_messages(&mut self, tells_messages: bool) {
        self.tells_messages = tells_messages;
    }

    /// Writes to `file` from now on, and `head` (name, text) and a blank line first; `None` stops
    /// the writing.
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

    /// Takes octets of one side at `now_ms`, milliseconds since the start; writes their rows, then
    /// reports what was seen.
    pub fn feed(
        &mut self,
        side: Side,
        octets: &[u8],
        now_ms: u64,
        see: &mut dyn FnMut(RecordedStep),
    ) {
        self.pass(side, octets, now_ms);
        self.deliver(see);
    }

    /// The same, but the rows wait for [`Recorder::write_rows`]: for many lines that are sent
    /// together.
    pub(crate) fn feed_ahead(
        &mut self,
        side: Side,
        octets: &[u8],
        now_ms: u64,
        see: &mut dyn FnMut(RecordedStep),
    ) {
        self.pass(side, octets, now_ms);
        self.seen.drain(..).for_each(see);
    }

    fn pass(&mut self, side: Side, octets: &[u8], now_ms: u64) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, emit| tracker.feed(side, octets, emit));
    }

    pub(crate) fn write_rows(&mut self) {
        if !self.rows.text.is_empty() {
            self.write();
        }
    }

    /// Hands out what was held because more was likely to come; call it when nothing came for a
    /// while.
    ///
    /// The client's line stays: only its start says where the secret is, and some clients send each
    /// octet as it is typed.
    pub fn flush(&mut self, now_ms: u64, see: &mut dyn FnMut(RecordedStep)) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, emit| tracker.flush_server(emit));
        self.hand_out_data(ListedData::flush);
        self.rows.flush_data();
        self.deliver(see);
    }

    /// The connection has ended: hands out everything, and reports what was cut.
    pub fn finish(&mut self, now_ms: u64, see: &mut dyn FnMut(RecordedStep)) -> CutAt {
        self.rows.now_ms = now_ms;
        let mut cut = CutAt::Nothing;
        self.steps(|tracker, emit| cut = tracker.finish(emit));
        self.release();
        self.rows.flush_data();
        self.rows.end_cut(self.elider.as_mut());
        self.deliver(see);
        cut
    }

    /// Records an event.
    pub fn event(&mut self, event: &Event, now_ms: u64) {
        self.rows.now_ms = now_ms;
        self.hand_out_data(ListedData::flush);
        self.rows.flush_data();
        self.rows.end_cut(self.elider.as_mut());
        self.rows.event(event);
        self.write();
    }

    /// Nothing is awaited any longer; see [`Tracker::forget`].
    pub(crate) fn forget(&mut self, now_ms: u64, see: &mut dyn FnMut(RecordedStep)) {
        self.rows.now_ms = now_ms;
        self.steps(|tracker, emit| tracker.forget(emit));
        self.release();
        self.deliver(see);
    }

    /// Records what the server said in cleartext where the TLS handshake was due; returns it with
    /// each secret as a hole.
    ///
    /// The tracker does not see it, so it is not a reply to anything.
    pub(crate) fn said_before_tls(&mut self, octets: &[u8], now_ms: u64) -> Vec<u8> {
        self.rows.now_ms = now_ms;
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let (content, end) = split_end(line);
            let line = WireLine {
                side: Side::Server,
                role: Role::Unrequested,
                content,
                first: true,
                end,
            };
            let seen = record(line, &mut self.hider, &mut self.rows, &mut self.held);
            self.seen.extend(seen);
        }
        self.release();
        self.write();
        let mut hidden = Vec::new();
        for seen in self.seen.drain(..) {
            let RecordedStep::Line { pieces, end, .. } = seen else {
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
    pub(crate) fn tls_started(&mut self) {
        self.tracker.tls_started();
    }

    /// Says what shape replies to `verb` have; see [`Tracker::set_shape`]. An event says so to
    /// readers of the transcript.
    pub(crate) fn set_shape(&mut self, verb: &str, shape: Shape, now_ms: u64) {
        self.tracker.set_shape(verb, shape);
        if let Some(event) = Event::taken_as(&self.hide_text(verb), shape) {
            self.event(&event, now_ms);
        }
    }

    /// Remembers a secret that was given by an option or a prompt.
    pub fn remember(&mut self, hole: &'static str, secret: &[u8]) {
        self.hider.remember(hole, secret);
    }

    /// A text with the names of holes in place of the secrets that are known so far.
    pub(crate) fn hide_text(&self, text: &str) -> String {
        self.hider.hide_text(text)
    }

    /// What the server owes. A verb that may be a password is not named.
    pub(crate) fn awaited(&self) -> Option<Awaited> {
        let open = |verb: String| match self.hider.may_show(&verb) {
            true => verb,
            false => "an unknown command".to_owned(),
        };
        Some(match self.tracker.awaited()? {
            Awaited::Greeting => Awaited::Greeting,
            Awaited::Status(verb) => Awaited::Status(open(verb)),
            Awaited::Terminator(verb) => Awaited::Terminator(open(verb)),
        })
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Whether a secret was typed that is too short to be hidden where it comes back; said once.
    pub(crate) fn take_short_secret(&mut self) -> bool {
        self.hider.take_short()
    }

    /// Why the file could not be written; said once; after it, nothing more is written.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn steps<F>(&mut self, run: F)
    where
        F: FnOnce(&mut Tracker, &mut dyn FnMut(Step<'_>)),
    {
        let Self {
            tracker,
            hider,
            rows,
            held,
            seen,
            bodies,
            elider,
            listing,
            is_listing,
            tells_data,
            tells_messages,
            ..
        } = self;
        run(tracker, &mut |step| match step {
            Step::Line(line) => {
                if line.role == Role::Terminator {
                    rows.end_cut(elider.take().as_mut());
                }
                seen.extend(record(line, hider, rows, held));
                let malformed = hider.take_malformed();
                // The shape of a line that was cut is not known.
                if line.end != LineEnd::None {
                    for malformed in malformed {
                        rows.event(&Event::Malformed(malformed));
                        seen.push(RecordedStep::Malformed(malformed));
                    }
                }
            }
            Step::Data {
                side: side @ Side::Server,
                octets,
            } if *is_listing => {
                let mut shown = Vec::new();
                listing.feed(octets, hider, rows, &mut shown);
                see_data(seen, side, &shown);
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
                if *tells_data {
                    see_data(seen, side, octets);
                }
            }
            Step::Injected(octets) => {
                rows.event(&Event::injected(octets.len()));
                let mut shown = Vec::new();
                let mut injected = ListedData::default();
                injected.feed(octets, hider, rows, &mut shown);
                injected.finish(hider, rows, &mut shown);
                rows.flush_data();
                seen.push(RecordedStep::Injected {
                    count: octets.len(),
                    octets: shown,
                });
            }
            Step::CommandSent(sent) => seen.push(RecordedStep::CommandSent(sent.clone())),
            Step::DataStarted(sent) => {
                *elider = message_elider(*bodies, sent);
                *is_listing = !sent.command().is_some_and(Command::carries_message);
                *tells_data = *tells_messages || *is_listing;
                seen.push(RecordedStep::DataStarted(sent.clone()));
            }
            Step::ReplyEnded(sent, status) => {
                if let Some(sent) = sent.filter(|sent| starts_upload(sent, status)) {
                    *elider = message_elider(*bodies, sent);
                }
                seen.push(RecordedStep::ReplyEnded(sent.cloned(), status));
            }
            Step::Challenged => seen.push(RecordedStep::Challenged),
            Step::StateChanged(state) => seen.push(RecordedStep::StateChanged(state)),
            Step::TlsAgreed => seen.push(RecordedStep::TlsAgreed),
            Step::NoGreeting
            | Step::TerminatorMissing
            | Step::Dropped
            | Step::OutOfStep
            | Step::InStep => {}
        });
    }

    /// Hands out the held end of a line that will not continue. If it holds enough of a secret to
    /// recognize it, it is hidden.
    fn release(&mut self) {
        self.hand_out_data(ListedData::finish);
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        let pieces = self.hider.hide_rest(&held);
        let (side, role, end) = (Side::Server, Role::Unrequested, LineEnd::None);
        self.rows.row(side, &pieces, end);
        self.seen.push(RecordedStep::Line {
            side,
            role,
            pieces,
            first: false,
            end,
        });
    }

    /// Hands out what was held of data.
    fn hand_out_data(
        &mut self,
        run: fn(&mut ListedData, &mut Hider, &mut PendingRows, &mut Vec<u8>),
    ) {
        let mut shown = Vec::new();
        run(
            &mut self.listing,
            &mut self.hider,
            &mut self.rows,
            &mut shown,
        );
        see_data(&mut self.seen, Side::Server, &shown);
    }

    /// One write, then the observer: what was shown is in the file.
    fn deliver(&mut self, see: &mut dyn FnMut(RecordedStep)) {
        self.write();
        self.seen.drain(..).for_each(see);
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

/// Each dotted line makes a block of its own; the observer gets as much as came at once.
fn see_data(seen: &mut Vec<RecordedStep>, side: Side, octets: &[u8]) {
    match seen.last_mut() {
        _ if octets.is_empty() => {}
        Some(RecordedStep::Data {
            side: before,
            octets: joined,
        }) if *before == side => joined.extend_from_slice(octets),
        _ => seen.push(RecordedStep::Data {
            side,
            octets: octets.to_vec(),
        }),
    }
}

/// Whether the client sends a message after this reply.
pub(crate) fn starts_upload(sent: &SentCommand, status: Status) -> bool {
    sent.shape() == Shape::Upload && status == Status::Positive
}

/// What leaves out the data that comes with this command, where it is a message and is not to stay.
pub(crate) fn message_elider(bodies: Bodies, sent: &SentCommand) -> Option<Elider> {
    sent.command()
        .is_some_and(Command::carries_message)
        .then(|| bodies.elider())
        .flatten()
}

fn record(
    line: WireLine<&[u8]>,
    hider: &mut Hider,
    rows: &mut PendingRows,
    held: &mut Vec<u8>,
) -> Option<RecordedStep> {
    let WireLine {
        side,
        role,
        content,
        first,
        end,
    } = line;
    let pieces = if side == Side::Server {
        held.extend_from_slice(content);
        let keep = match end {
            LineEnd::None => hider.unsure_tail(held),
            _ => 0,
        };
        let tail = held.split_off(held.len() - keep);
        let pieces = hider.hide(side, role, held, first);
        *held = tail;
        pieces
    } else {
        hider.hide(side, role, content, first)
    };
    if pieces.is_empty() && end == LineEnd::None {
        return None;
    }
    rows.row(side, &pieces, end);
    Some(RecordedStep::Line {
        side,
        role,
        pieces,
        first,
        end,
    })
}

#[cfg(test)]
mod tests;
