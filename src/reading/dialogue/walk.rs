//! A transcript step by step, in its order and with its data: for who shows it, or takes something out of it.

use std::io::BufRead;

use super::stream::{NEUTRAL, PieceOf, Stream, pieces, push_octets};
use super::{Event, EventKind, Place};
use crate::pop3::tracker::{LineEnd, Role, Sent, Side, Status, Step, Tracker};
use crate::transcript::event::Event as Said;
use crate::transcript::text::{ParseError, Reader};
use crate::transcript::{Hole, Item, Piece, Row};

/// Where and when some octets passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// The row in which they start.
    pub place: Place,
    /// When they ended: milliseconds since the transcript was started.
    pub ms: u64,
}

/// What happens next in a transcript.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A row comes; its octets are told as soon as it is clear what they are.
    Row {
        /// Milliseconds since the row before, or since [`Told::Passed`] where that came behind it.
        after_ms: u64,
        /// What these milliseconds were for.
        phase: Phase,
    },
    /// An event comes that has a time.
    Passed {
        /// Milliseconds since the row, or the event with a time, before.
        after_ms: u64,
        /// What these milliseconds were for.
        phase: Phase,
    },
    /// A line, or a part of one that is very long or was cut.
    Line {
        /// Who sent it.
        side: Side,
        /// What it is for.
        role: Role,
        /// Its octets and holes, without the line end.
        pieces: &'a [Piece],
        /// Whether the line starts here.
        first: bool,
        /// How it ends; `LineEnd::None` when it goes on, or was cut.
        end: LineEnd,
        /// Where and when.
        moment: Moment,
    },
    /// Octets of data as on the wire, stuffing and line ends inside: a part of a row, or many whole rows.
    Data {
        /// Who sent them.
        side: Side,
        /// As on the wire.
        octets: &'a [u8],
        /// Where and when.
        moment: Moment,
    },
    /// A hole within a line of data.
    Hole {
        /// Who sent what was there.
        side: Side,
        /// Which one.
        hole: Hole,
        /// Where and when.
        moment: Moment,
    },
    /// `{{...}}`: any number of rows was left out.
    AnyRows {
        /// Who sent them.
        side: Side,
        /// Whether they are data.
        is_data: bool,
        /// Where and when.
        moment: Moment,
    },
    /// Octets between the server's `+OK` to STLS and the TLS handshake.
    Injected {
        /// As on the wire.
        octets: &'a [u8],
        /// Where and when.
        moment: Moment,
    },
    /// A command is complete and waits for its reply.
    Command(&'a Sent),
    /// The status line of a multi-line reply has come; data follows.
    DataStarted(&'a Sent),
    /// The reply to this command is complete; None: it was the greeting.
    ReplyEnded(Option<&'a Sent>, Status),
    /// What was awaited will not come: time is out, the connection has ended, or TLS began.
    Abandoned,
    /// Something besides octets.
    Event(Event),
    /// A head, prose, a blank line, or a line that is not known.
    Other(&'a Item),
}

/// What time passes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The connection, TLS where it comes first, and the greeting.
    Connecting,
    /// From the server's `+OK` to STLS to the end of the handshake; in a transcript that has no time of it, to the next row.
    Handshake,
    /// For the status line of a reply.
    Waiting,
    /// For the data of a reply, or of a message that the client sends.
    Transfer,
    /// For the client: nothing is awaited of the server.
    Idle,
}

/// Reads items into what happens. Unlike [`super::Dialogue`] it hands the data on, and tells each line when it has come.
#[derive(Debug, Default)]
pub struct Walker {
    tracker: Tracker,
    client: Stream,
    server: Stream,
    now_ms: u64,
    /// How much of `now_ms` passed after the last row.
    since_row_ms: u64,
    is_connected: bool,
    has_rows: bool,
    has_heard: bool,
    /// Data of the reply is coming; the client sends a message.
    is_data: bool,
    is_upload: bool,
    /// The server has agreed to STLS, and no row has come since.
    is_handshake: bool,
    wire: Vec<u8>,
}

impl Walker {
    /// Of a transcript that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Milliseconds from the start of the transcript to the row that was fed last.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Reads a whole transcript, in constant memory; `tell` gives false when it has enough.
    ///
    /// Errors: the first line that can't be read.
    pub fn read<R: BufRead>(
        input: R,
        tell: &mut dyn FnMut(Told<'_>) -> bool,
    ) -> Result<(), ParseError> {
        let mut reader = Reader::new(input);
        let mut walker = Self::new();
        let mut item = Item::Blank;
        let mut run = Vec::new();
        let mut goes_on = true;
        while goes_on {
            let mut tell = |told: Told<'_>| goes_on = goes_on && tell(told);
            let (row, offset) = (reader.row() + 1, reader.offset());
            run.clear();
            // Inside data no line of a run can end it, and none tells its time.
            if walker.is_data && reader.read_run(&mut run) > 0 {
                walker.run(Place { row, offset }, &run, &mut tell);
            } else if reader.read_into(&mut item)? {
                walker.feed(Place { row, offset }, &item, &mut tell);
            } else {
                walker.finish(&mut tell);
                break;
            }
        }
        Ok(())
    }

    /// Takes one item.
    pub fn feed(&mut self, place: Place, item: &Item, tell: &mut dyn FnMut(Told<'_>)) {
        match item {
            Item::Row(row) => self.row(place, row, tell),
            Item::Event(text) => self.event(Event::read(place, text), tell),
            other => tell(Told::Other(other)),
        }
    }

    /// The transcript has ended: tells what was held.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        self.steps(tell, |tracker, step| _ = tracker.finish(step));
        self.client.reset();
        self.server.reset();
        self.abandon(tell);
    }

    /// What the time up to the next row is for.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let tracker = &self.tracker;
        if !self.has_heard {
            Phase::Connecting
        } else if self.is_data || self.is_upload {
            Phase::Transfer
        } else if self.is_handshake {
            Phase::Handshake
        } else if tracker.outstanding() > 0 && !tracker.is_response_owed() {
            Phase::Waiting
        } else {
            Phase::Idle
        }
    }

    fn row(&mut self, place: Place, row: &Row, tell: &mut dyn FnMut(Told<'_>)) {
        let phase = match self.has_rows {
            false if row.side == Side::Client && !self.is_connected => {
                // A piece of a session: no greeting is awaited.
                self.tracker.feed(Side::Server, b"+OK\r\n", &mut |_| {});
                Phase::Idle
            }
            _ => self.phase(),
        };
        self.has_rows = true;
        self.is_handshake = false;
        self.has_heard |= row.side == Side::Server || !self.is_connected;
        let since_ms = std::mem::take(&mut self.since_row_ms);
        let after_ms = row.after_ms.saturating_sub(since_ms);
        self.now_ms = self.now_ms.saturating_add(after_ms);
        tell(Told::Row { after_ms, phase });
        let now_ms = self.now_ms;
        if row.pieces == [Piece::Hole(Hole::Rows)] {
            return self.any_rows(row.side, Moment { place, ms: now_ms }, tell);
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
        let stream = self.stream(row.side);
        stream.start_row(place, now_ms);
        stream.feed(wire.len(), holes.into_iter());
        self.steps(tell, |tracker, step| tracker.feed(row.side, &wire, step));
        self.wire = wire;
    }

    /// Whole rows of data of the server, without times.
    fn run(&mut self, place: Place, octets: &[u8], tell: &mut dyn FnMut(Told<'_>)) {
        let now_ms = self.now_ms;
        self.server.start_row(place, now_ms);
        self.server.feed(octets.len(), std::iter::empty());
        self.steps(tell, |tracker, step| {
            tracker.feed(Side::Server, octets, step);
        });
    }

    /// A row `{{...}}`. Where data is coming it is some of it; elsewhere it stands for all replies that are awaited.
    fn any_rows(&mut self, side: Side, moment: Moment, tell: &mut dyn FnMut(Told<'_>)) {
        let mut is_data = false;
        if self.tracker.is_in_data() || side == Side::Client {
            self.steps(tell, |tracker, step| {
                is_data = tracker.skip_lines(side, step);
            });
        }
        tell(Told::AnyRows {
            side,
            is_data,
            moment,
        });
        if is_data || side == Side::Client {
            return;
        }
        self.tracker.answer_in_gap(true);
        for _ in 0..self.tracker.outstanding().max(1) {
            // What is told of the line is of no line in the file.
            let mut quiet = |told: Told<'_>| {
                if !matches!(told, Told::Line { .. }) {
                    tell(told);
                }
            };
            self.server.start_row(moment.place, moment.ms);
            self.server.feed(3, std::iter::empty());
            self.steps(&mut quiet, |tracker, step| {
                tracker.feed(Side::Server, &[NEUTRAL, b'\r', b'\n'], step);
            });
            if self.tracker.outstanding() == 0 || self.tracker.is_in_data() {
                break;
            }
        }
        self.tracker.answer_in_gap(false);
        self.steps(tell, |tracker, step| {
            tracker.skip_lines(side, step);
        });
    }

    fn event(&mut self, event: Event, tell: &mut dyn FnMut(Told<'_>)) {
        if let Said::TakenAs { verb, shape } = event.said() {
            self.tracker.set_shape(&verb, shape);
        }
        if let Some(after_ms) = event.after_ms {
            let more_ms = after_ms.saturating_sub(self.since_row_ms);
            self.since_row_ms = self.since_row_ms.max(after_ms);
            self.now_ms = self.now_ms.saturating_add(more_ms);
            tell(Told::Passed {
                after_ms: more_ms,
                phase: self.phase(),
            });
            self.is_handshake = false;
        }
        match event.kind {
            EventKind::Connected => self.is_connected = true,
            EventKind::TlsStarted => {
                self.steps(tell, Tracker::flush);
                self.tracker.tls_started();
                self.client.reset();
                self.server.reset();
                self.abandon(tell);
            }
            EventKind::TimedOut => {
                self.steps(tell, Tracker::forget);
                self.abandon(tell);
            }
            EventKind::Closed | EventKind::Lost => self.finish(tell),
            EventKind::NotConnected
            | EventKind::TlsFailed
            | EventKind::Injected
            | EventKind::Malformed
            | EventKind::Other => {}
        }
        tell(Told::Event(event));
    }

    fn abandon(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        self.is_data = false;
        self.is_upload = false;
        tell(Told::Abandoned);
    }

    fn stream(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Lets the tracker go on, and tells its steps with places, times and holes.
    fn steps(
        &mut self,
        tell: &mut dyn FnMut(Told<'_>),
        go: impl FnOnce(&mut Tracker, &mut dyn FnMut(Step<'_>)),
    ) {
        let Self {
            tracker,
            client,
            server,
            is_data,
            is_upload,
            is_handshake,
            ..
        } = self;
        go(tracker, &mut |step| match step {
            Step::Line {
                side,
                role,
                octets,
                first,
                end,
            } => {
                let stream = match side {
                    Side::Client => &mut *client,
                    Side::Server => &mut *server,
                };
                let origin = stream.take(octets.len() + end.octets().len());
                let moment = Moment {
                    place: origin.first,
                    ms: origin.last_ms,
                };
                let mut parts = Vec::new();
                pieces(octets, origin.holes, |piece| match piece {
                    PieceOf::Octets(octets) => push_octets(&mut parts, octets),
                    PieceOf::Hole(hole) => parts.push(Piece::Hole(hole)),
                });
                if role == Role::Terminator && side == Side::Client {
                    *is_upload = false;
                }
                tell(Told::Line {
                    side,
                    role,
                    pieces: &parts,
                    first,
                    end,
                    moment,
                });
            }
            Step::Data { side, octets } => {
                let stream = match side {
                    Side::Client => &mut *client,
                    Side::Server => &mut *server,
                };
                let origin = stream.take(octets.len());
                let moment = Moment {
                    place: origin.first,
                    ms: origin.last_ms,
                };
                pieces(octets, origin.holes, |piece| match piece {
                    PieceOf::Octets(octets) => tell(Told::Data {
                        side,
                        octets,
                        moment,
                    }),
                    PieceOf::Hole(hole) => tell(Told::Hole { side, hole, moment }),
                });
            }
            Step::Injected(octets) => {
                let origin = server.take(octets.len());
                let moment = Moment {
                    place: origin.first,
                    ms: origin.last_ms,
                };
                pieces(octets, origin.holes, |piece| match piece {
                    PieceOf::Octets(octets) => tell(Told::Injected { octets, moment }),
                    PieceOf::Hole(hole) => tell(Told::Hole {
                        side: Side::Server,
                        hole,
                        moment,
                    }),
                });
            }
            Step::CommandSent(sent) => tell(Told::Command(sent)),
            Step::DataStarted(sent) => {
                *is_data = true;
                tell(Told::DataStarted(sent));
            }
            Step::ReplyEnded(sent, status) => {
                *is_data = false;
                let takes_message =
                    |sent: &Sent| sent.shape() == crate::pop3::command::Shape::Upload;
                *is_upload = status == Status::Positive && sent.is_some_and(takes_message);
                tell(Told::ReplyEnded(sent, status));
            }
            Step::TlsAgreed => *is_handshake = true,
            Step::Challenged
            | Step::StateChanged(_)
            | Step::NoGreeting
            | Step::TerminatorMissing
            | Step::Dropped
            | Step::OutOfStep
            | Step::InStep => {}
        });
    }
}
