//! The one reader of rows: what the tracker says of the octets in a transcript, with their places,
//! times and holes.
//!
//! Items come in one by one, and steps go out at once, so that a transcript may be larger than
//! memory. [`super::dialogue`] makes exchanges of them; a player, a screen and a probe read them as
//! they come. Only [`super::redact`] has a tracker of its own, and says why.

mod stream;

pub(super) use stream::{OctetOrigin, PieceOf, pieces, push_octets};

use crate::pop3::command::Shape;
use crate::pop3::tracker::{Side, Step, Tracker};
use crate::transcript::event::{Event, EventKind};
use crate::transcript::{Hole, Piece, Row};
use stream::SideStream;

/// What is in a hole's place while the tracker reads: a word that means nothing. The hider uses
/// octets that no one types in its place ([`crate::transcript::secret::flat`]): there a hole is not
/// to look like text.
const NEUTRAL: u8 = b'x';

/// A line of the server that represents any rows.
const ANY_ROWS: &[u8] = &[NEUTRAL, b'\r', b'\n'];

/// Where an item is in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the line in the file, from 1.
    pub row: usize,
    /// The octets of the file before that line.
    pub offset: u64,
}

impl Place {
    /// Continues with the next row after this one, which has this many octets, CRLF included, and
    /// neither time nor escapes.
    pub(crate) fn next_row(&mut self, octets: u64) {
        // `S: ` and LF are in the file, CRLF on the wire.
        self.row += 1;
        self.offset += octets + 2;
    }
}

#[derive(Debug)]
pub(crate) enum Passed<'a> {
    Row {
        /// Milliseconds since the row before, or since an event with a time where that came after
        /// it.
        after_ms: u64,
        /// Milliseconds since the transcript was started.
        now_ms: u64,
    },
    /// An event comes that has a time: milliseconds since the row, or the event with a time,
    /// before.
    Time(u64),
    /// What the tracker says, and where the octets of it came from, if it has any.
    Step(Step<'a>, OctetOrigin),
    /// A row `{{...}}`. Outside the data of the server the lines that represent the replies it
    /// holds follow, each a hole.
    AnyRows {
        side: Side,
        is_data: bool,
        place: Place,
        /// Milliseconds since the transcript was started.
        now_ms: u64,
    },
    /// The lines that represent a row `{{...}}` have come.
    AnyRowsEnd {
        /// Whether data was coming at its end: then it includes some of that.
        is_data: bool,
        place: Place,
    },
    /// What was awaited will not come: it timed out, TLS began, or the connection has ended.
    Abandoned {
        /// Lines do not continue either.
        is_end: bool,
    },
}

/// What a transcript is that begins with a row, and with no `* connected` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// A piece of a session as a person writes it: its first row is whole, and where it is the
    /// client's, no greeting is awaited.
    Whole,
    /// A recording that may begin in the middle of anything. Only a judge of a session needs to be
    /// this careful: the first line may be the rest of one, and belong to a command that is not
    /// there.
    Anywhere,
}

#[derive(Debug)]
pub(crate) struct Steps {
    tracker: Tracker,
    client: SideStream,
    server: SideStream,
    start: Start,
    now_ms: u64,
    /// How much of `now_ms` passed after the last row.
    since_row_ms: u64,
    is_connected: bool,
    has_rows: bool,
    wire: Vec<u8>,
}

impl Steps {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            tracker: Tracker::new(),
            client: SideStream::default(),
            server: SideStream::default(),
            start,
            now_ms: 0,
            since_row_ms: 0,
            is_connected: false,
            has_rows: false,
            wire: Vec::new(),
        }
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected
    }

    pub(crate) fn has_rows(&self) -> bool {
        self.has_rows
    }

    /// Replies to `verb` have this shape; see [`Tracker::set_shape`].
    pub(crate) fn set_shape(&mut self, verb: &str, shape: Shape) {
        self.tracker.set_shape(verb, shape);
    }

    /// A row of this side comes: where it is the first, what represents the greeting of a piece is
    /// read before it.
    pub(crate) fn begin(&mut self, side: Side, emit: &mut dyn FnMut(Passed<'_>)) {
        if std::mem::replace(&mut self.has_rows, true) || self.is_connected {
            return;
        }
        match self.start {
            Start::Anywhere => {
                let mut emit = |step: Step<'_>| emit(Passed::Step(step, OctetOrigin::default()));
                self.tracker.begin_anywhere(side, &mut emit);
            }
            Start::Whole if side == Side::Client => {
                self.tracker.skip_greeting();
            }
            Start::Whole => {}
        }
    }

    pub(crate) fn row(&mut self, place: Place, row: &Row, emit: &mut dyn FnMut(Passed<'_>)) {
        self.begin(row.side, emit);
        let since_ms = std::mem::take(&mut self.since_row_ms);
        let after_ms = row.after_ms.saturating_sub(since_ms);
        self.now_ms = self.now_ms.saturating_add(after_ms);
        let now_ms = self.now_ms;
        emit(Passed::Row { after_ms, now_ms });
        self.stream(row.side).start_row(place, now_ms);
        if row.pieces == [Piece::Hole(Hole::Rows)] {
            return self.any_rows(place, row.side, emit);
        }
        let mut wire = std::mem::take(&mut self.wire);
        wire.clear();
        let mut holes = Vec::new();
        for piece in &row.pieces {
            match piece {
                Piece::Octets(octets) => wire.extend_from_slice(octets),
                Piece::Hole(hole) => {
                    holes.push((wire.len(), hole.clone()));
                    wire.push(NEUTRAL);
                }
            }
        }
        wire.extend_from_slice(row.end.octets());
        self.stream(row.side).feed(wire.len(), holes.into_iter());
        self.steps(emit, |tracker, step| tracker.feed(row.side, &wire, step));
        self.wire = wire;
    }

    /// Takes whole rows of the server, without times and holes.
    pub(crate) fn run(&mut self, place: Place, octets: &[u8], emit: &mut dyn FnMut(Passed<'_>)) {
        self.since_row_ms = 0;
        self.server.start_run(place, self.now_ms, octets.len());
        self.steps(emit, |tracker, step| {
            tracker.feed(Side::Server, octets, step);
        });
    }

    /// A row `{{...}}`. Where data is coming it is some of it; elsewhere it represents all replies
    /// that are awaited.
    fn any_rows(&mut self, place: Place, side: Side, emit: &mut dyn FnMut(Passed<'_>)) {
        let mut is_data = false;
        if side == Side::Client || self.tracker.is_in_data() {
            self.steps(emit, |tracker, step| {
                is_data = tracker.skip_lines(side, step);
            });
        }
        emit(Passed::AnyRows {
            side,
            is_data,
            place,
            now_ms: self.now_ms,
        });
        if is_data || side == Side::Client {
            return;
        }
        self.tracker.answer_in_gap(true);
        for _ in 0..self.tracker.outstanding().max(1) {
            self.server.start_row(place, self.now_ms);
            let hole = std::iter::once((0, Hole::Rows));
            self.server.feed(ANY_ROWS.len(), hole);
            self.steps(emit, |tracker, step| {
                tracker.feed(Side::Server, ANY_ROWS, step);
            });
            if self.tracker.outstanding() == 0 || self.tracker.is_in_data() {
                break;
            }
        }
        self.tracker.answer_in_gap(false);
        self.steps(emit, |tracker, step| {
            is_data = tracker.skip_lines(side, step);
        });
        emit(Passed::AnyRowsEnd { is_data, place });
    }

    /// Takes an event, which happened `after_ms` after the row before, where that is known.
    pub(crate) fn event(
        &mut self,
        event: &Event,
        after_ms: Option<u64>,
        emit: &mut dyn FnMut(Passed<'_>),
    ) {
        if let Event::TakenAs { verb, shape } = event {
            self.tracker.set_shape(verb, *shape);
        }
        if let Some(after_ms) = after_ms {
            let more_ms = after_ms.saturating_sub(self.since_row_ms);
            self.since_row_ms = self.since_row_ms.max(after_ms);
            self.now_ms = self.now_ms.saturating_add(more_ms);
            emit(Passed::Time(more_ms));
        }
        match event.kind() {
            EventKind::Connected => self.is_connected = true,
            EventKind::TlsStarted => {
                // What the tracker would drop is reported first.
                self.steps(emit, Tracker::flush);
                self.tracker.tls_started();
                self.end(emit);
            }
            EventKind::TimedOut => {
                self.steps(emit, Tracker::forget);
                emit(Passed::Abandoned { is_end: false });
            }
            EventKind::Closed | EventKind::Lost => self.finish(emit),
            EventKind::NotConnected
            | EventKind::TlsFailed
            | EventKind::Injected
            | EventKind::Malformed
            | EventKind::Other => {}
        }
    }

    /// The transcript has ended: reports what was held.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Passed<'_>)) {
        self.steps(emit, |tracker, step| _ = tracker.finish(step));
        self.end(emit);
    }

    fn end(&mut self, emit: &mut dyn FnMut(Passed<'_>)) {
        self.client.reset();
        self.server.reset();
        emit(Passed::Abandoned { is_end: true });
    }

    fn stream(&mut self, side: Side) -> &mut SideStream {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Lets the tracker continue, and hands on its steps with the origins of their octets.
    fn steps(
        &mut self,
        emit: &mut dyn FnMut(Passed<'_>),
        go: impl FnOnce(&mut Tracker, &mut dyn FnMut(Step<'_>)),
    ) {
        let (client, server) = (&mut self.client, &mut self.server);
        go(&mut self.tracker, &mut |step| {
            let (side, pieces) = match &step {
                Step::Line {
                    side, octets, end, ..
                } => (*side, [octets, end.octets()]),
                Step::Data { side, octets } => (*side, [*octets, b""]),
                Step::Injected(octets) => (Side::Server, [*octets, b""]),
                _ => return emit(Passed::Step(step, OctetOrigin::default())),
            };
            let stream = match side {
                Side::Client => &mut *client,
                Side::Server => &mut *server,
            };
            let origin = stream.take(pieces);
            emit(Passed::Step(step, origin));
        });
    }
}
