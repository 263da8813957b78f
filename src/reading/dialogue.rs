//! Commands paired with their replies, computed from the rows of a transcript by the same tracker
//! that follows a live session.
//!
//! It is a stream: feed items one by one, take finished [`Part`]s. Of data only [`Measures`] are
//! kept, of a line at most [`LINE_KEPT`] octets, so that a transcript may be larger than memory.
//! Computed, never stored.

mod event;
mod matcher;
mod measure;
mod pairing;
mod parts;
mod tape_reader;

pub use crate::reading::steps::Place;
pub(crate) use crate::transcript::event::EventKind;
pub(crate) use event::EventAt;
pub(crate) use matcher::{Matcher, fits};
pub(crate) use measure::{Digest, Measures};
pub use parts::Parts;
pub(crate) use tape_reader::{Moment, WaitPhase};
pub use tape_reader::{TapeReader, TapeStep};

use crate::pop3::tracker::{LineEnd, SentCommand, Side, Status, Step};
use crate::reading::steps::{Start, Steps};
#[cfg(test)]
use crate::transcript::Transcript;
use crate::transcript::{Hole, Item, Piece};
use pairing::Pairing;

/// The most octets of a line that are kept; the digest covers all of them. Where a line has a hole,
/// only so much can be compared.
pub(crate) const LINE_KEPT: usize = 1024;

pub(crate) const SASL_KEPT: usize = 64;

/// A line that one side sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub(crate) side: Side,
    pub(crate) place: Place,
    /// Its first [`LINE_KEPT`] octets and holes, as on the wire, without the line end.
    pub(crate) pieces: Vec<Piece>,
    /// All its octets on the wire, line end included; a hole counts as one.
    pub(crate) octets: u64,
    /// Of all its octets and holes, line end included.
    pub(crate) digest: Digest,
    /// How it ends; `LineEnd::None` when it was cut.
    pub(crate) end: LineEnd,
}

impl Line {
    pub(crate) fn is_whole(&self) -> bool {
        let kept = self.pieces.iter().map(Piece::octets);
        (kept.sum::<usize>() + self.end.octets().len()) as u64 == self.octets
    }

    /// Whether it is `{{...}}`: any number of rows.
    pub(crate) fn is_any_rows(&self) -> bool {
        self.pieces.first() == Some(&Piece::Hole(Hole::Rows))
    }

    /// The octets before the first hole.
    pub(crate) fn head(&self) -> &[u8] {
        Piece::head(&self.pieces)
    }
}

/// A command with its reply, or the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The command line. None for the greeting, for the end of a message that the client sends, and
    /// beyond 65,536 commands that wait.
    pub(crate) command: Option<Line>,
    /// What the tracker knows of the command; it holds no secret. None for the greeting and for a
    /// command that was cut.
    pub(crate) sent: Option<SentCommand>,
    pub(crate) is_greeting: bool,
    /// The status indicator. None when no whole status line came.
    pub(crate) status: Option<Status>,
    /// The status line, or as much of it as came.
    pub(crate) status_line: Option<Line>,
    /// Challenges and responses inside AUTH, in order, [`SASL_KEPT`] at most.
    pub(crate) sasl: Vec<Line>,
    pub(crate) sasl_beyond: u64,
    /// The data of a multi-line reply, or of the message that the client sent.
    pub(crate) data: Option<Measures>,
    /// Milliseconds from the command to the status line.
    pub(crate) reply_ms: Option<u64>,
    /// The recording has a gap before the status line: whether it belongs to this command, or what
    /// else came, is not known.
    pub(crate) is_torn: bool,
    /// The status line was taken for the greeting until the reply went on: no greeting came. Only
    /// likely where this `is_torn`.
    pub(crate) has_no_greeting: bool,
}

impl Exchange {
    pub(crate) fn place(&self) -> Place {
        let data = self.data.as_ref().map(|data| data.first);
        let place = |line: &Line| line.place;
        let command = self.command.as_ref().map(place);
        let status = self.status_line.as_ref().map(place);
        command.or(data).or(status).unwrap_or_default()
    }

    /// The verb in upper case with its open arguments, for people; never a secret. Odd octets are
    /// escaped.
    pub(crate) fn name(&self) -> String {
        match &self.sent {
            None if self.is_greeting => "greeting".to_owned(),
            None if self.command.is_some() => "a command that was cut".to_owned(),
            None => "message sent".to_owned(),
            Some(_) if self.command.is_none() => "message sent".to_owned(),
            Some(sent) if sent.arguments().is_empty() => sent.verb(),
            Some(sent) => format!("{} {}", sent.verb(), sent.arguments().escape_ascii()),
        }
    }
}

/// A part of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The greeting, or a command with its reply; reported when the reply ends.
    Exchange(Box<Exchange>),
    /// An unsolicited line of the server.
    Unrequested(Line),
    /// Octets that came between the server's `+OK` to STLS and the TLS handshake.
    Injected(Measures),
    /// Something other than octets.
    Event(EventAt),
    /// `C: {{...}}`: any number of commands.
    AnyRows(Place),
}

impl Part {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Exchange(exchange) => exchange.place(),
            Self::Unrequested(line) => line.place,
            Self::Injected(data) => data.first,
            Self::Event(event) => event.place,
            Self::AnyRows(place) => *place,
        }
    }
}

/// What passes while a dialogue is read: its parts, and what is seen before the part that it
/// belongs to is finished.
#[derive(Debug)]
pub(crate) enum Passing<'a> {
    Part(Part),
    Command(&'a SentCommand, &'a Line),
    /// What the tracker says about no octets: that data starts, that the session entered a state,
    /// or whether it is known which command the next line of the server answers.
    Step(Step<'a>),
    /// A block of data, line ends and stuffing inside; never two rows at once, seldom parts of two
    /// lines.
    Data {
        side: Side,
        /// As on the wire.
        octets: &'a [u8],
        place: Place,
        /// Milliseconds since the first row of the transcript.
        time_ms: u64,
    },
    Hole(Side),
    /// A row `{{...}}` in data.
    AnyRows,
}

/// Reads items into parts: the steps of [`Steps`], commands paired with their replies.
///
/// A transcript whose first row is the client's, with no `* connected` before it, is a piece of a
/// session: no greeting is awaited. Where the server's row is the first, it may be a greeting or
/// not. After a gap (a row `{{...}}`) the pairing continues as it would without; it is sure again
/// when a status line answers a command that was sent after the gap. A status line that starts with
/// a hole is taken as one line; `S: {{...}}` in its place represents the whole reply to every
/// command that waits.
#[derive(Debug)]
pub(crate) struct Dialogue {
    steps: Steps,
    talk: Pairing,
}

impl Dialogue {
    pub(crate) fn new() -> Self {
        Self::with_digests(true)
    }

    /// The same, for a reader that wants no digests of data: hashing is the slowest part of
    /// reading.
    pub(crate) fn without_digests() -> Self {
        Self::with_digests(false)
    }

    fn with_digests(has_digests: bool) -> Self {
        Self {
            steps: Steps::new(Start::Anywhere),
            talk: Pairing::new(has_digests),
        }
    }

    /// How many commands wait for the end of their reply.
    pub(crate) fn outstanding(&self) -> usize {
        self.steps.tracker().outstanding()
    }

    /// The parts of a transcript that is in memory; its rows are numbered as in the file that
    /// `text::print` makes.
    #[cfg(test)]
    pub(crate) fn of(transcript: &Transcript) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut dialogue = Self::new();
        let mut emit = |part| parts.push(part);
        for (index, item) in transcript.items.iter().enumerate() {
            let place = Place {
                row: index + 1,
                offset: 0,
            };
            dialogue.feed(place, item, &mut emit);
        }
        dialogue.finish(&mut emit);
        parts
    }

    pub(crate) fn feed(&mut self, place: Place, item: &Item, emit: &mut dyn FnMut(Part)) {
        self.watch(place, item, &mut |passing| {
            if let Passing::Part(part) = passing {
                emit(part);
            }
        });
    }

    pub(crate) fn watch(&mut self, place: Place, item: &Item, emit: &mut dyn FnMut(Passing<'_>)) {
        let Self { steps, talk } = self;
        match item {
            Item::Row(row) => {
                if !steps.has_rows() && !steps.is_connected() {
                    talk.begin_anywhere();
                }
                steps.row(place, row, &mut |passed| talk.passed(passed, emit));
            }
            Item::Event(text) => {
                let event = EventAt::read(place, text);
                // The time of the next row includes it, and nothing here ends between the two.
                steps.event(&event.said(), None, &mut |passed| talk.passed(passed, emit));
                emit(Passing::Part(Part::Event(event)));
            }
            Item::Head { .. } | Item::Prose(_) | Item::Blank | Item::Unknown(_) => {}
        }
    }

    /// Takes whole rows of the server's data, without times and holes, at once.
    pub(crate) fn watch_run(
        &mut self,
        place: Place,
        octets: &[u8],
        emit: &mut dyn FnMut(Passing<'_>),
    ) {
        let Self { steps, talk } = self;
        steps.run(place, octets, &mut |passed| talk.passed(passed, emit));
    }

    /// The transcript has ended: reports what was not finished.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Part)) {
        self.watch_end(&mut |passing| {
            if let Passing::Part(part) = passing {
                emit(part);
            }
        });
    }

    /// The same as [`Self::finish`], for a live session.
    pub(crate) fn watch_end(&mut self, emit: &mut dyn FnMut(Passing<'_>)) {
        let talk = &mut self.talk;
        self.steps.finish(&mut |passed| talk.passed(passed, emit));
    }
}

#[cfg(test)]
mod tests;
