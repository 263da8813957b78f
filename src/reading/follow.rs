//! Follows the rows of a transcript with a tracker, holes and all: for whoever needs to know what a row is for.

use crate::pop3::command::Shape;
use crate::pop3::tracker::{Side, Step, Tracker};
use crate::transcript::event::{Event, EventKind};
use crate::transcript::{Hole, Piece, Row};

/// What stands in a hole's place.
const NEUTRAL: &[u8] = b"x";

/// Follows rows and events, in the order of the file.
///
/// A transcript whose first row is the client's, with no `* connected` before it, is a piece of a session: a greeting is put
/// before it.
#[derive(Debug)]
pub struct Follower {
    tracker: Tracker,
    /// What stands for a hole: something neutral, or its name in braces.
    has_names: bool,
    has_begun: bool,
}

impl Follower {
    /// At the start of a transcript. `has_names`: a hole is followed as its name in braces.
    #[must_use]
    pub fn new(has_names: bool) -> Self {
        Self {
            tracker: Tracker::new(),
            has_names,
            has_begun: false,
        }
    }

    /// Where the conversation stands.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Replies to `verb` have this shape; see [`Tracker::set_shape`].
    pub fn set_shape(&mut self, verb: &str, shape: Shape) {
        self.tracker.set_shape(verb, shape);
    }

    /// Takes the text of an event; whether it says that nothing is awaited any more.
    pub fn event(&mut self, event: &str) -> bool {
        let event = Event::parse(event);
        match event.kind() {
            EventKind::Connected => self.has_begun = true,
            EventKind::TlsStarted => self.tracker.tls_started(),
            EventKind::TimedOut => self.tracker.forget(&mut |_| {}),
            _ => {}
        }
        if let Event::TakenAs { verb, shape } = &event {
            self.tracker.set_shape(verb, *shape);
        }
        event.kind() == EventKind::TimedOut
    }

    /// Takes a row. `{{...}}` stands for any rows, so nothing is known of it.
    pub fn row(&mut self, row: &Row, tell: &mut dyn FnMut(Step<'_>)) {
        self.begin(row.side, tell);
        if row.pieces == [Piece::Hole(Hole::Rows)] {
            return;
        }
        let mut wire = Vec::new();
        for piece in &row.pieces {
            match piece {
                Piece::Octets(octets) => wire.extend_from_slice(octets),
                Piece::Hole(hole) if self.has_names => {
                    wire.extend_from_slice(format!("{{{{{}}}}}", hole.name()).as_bytes());
                }
                Piece::Hole(_) => wire.extend_from_slice(NEUTRAL),
            }
        }
        wire.extend_from_slice(row.end.octets());
        self.tracker.feed(row.side, &wire, tell);
    }

    /// Puts a greeting before a piece of a session. Only the first row counts; [`Follower::row`] does it as well.
    pub fn begin(&mut self, side: Side, tell: &mut dyn FnMut(Step<'_>)) {
        if !std::mem::replace(&mut self.has_begun, true) && side == Side::Client {
            self.tracker.feed(Side::Server, b"+OK\r\n", tell);
        }
    }
}
