//! A transcript step by step, in its order and with its data: for code that shows it or takes
//! something out of it.

use std::io::BufRead;

use super::{EventAt, Place};
use crate::pop3::command::Shape;
use crate::pop3::tracker::{Role, SentCommand, Side, Status, Step, WireLine};
use crate::reading::steps::{OctetOrigin, Passed, PieceOf, Steps, pieces, push_octets};
use crate::transcript::text::{ParseError, Reader};
use crate::transcript::{Hole, Item, Piece};

/// Where and when some octets passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    pub(crate) place: Place,
    /// When they ended: milliseconds since the transcript was started.
    pub(crate) ms: u64,
}

/// What happens next in a transcript.
#[derive(Debug, PartialEq, Eq)]
pub enum TapeStep<'a> {
    /// A row comes; its octets are reported as soon as it is clear what they are.
    Row {
        /// Milliseconds since the row before, or since [`TapeStep::Passed`] where that came after
        /// it.
        after_ms: u64,
        /// What took these milliseconds.
        phase: WaitPhase,
    },
    /// An event comes that has a time.
    Passed {
        /// Milliseconds since the row, or the event with a time, before.
        after_ms: u64,
        /// What took these milliseconds.
        phase: WaitPhase,
    },
    /// A line, or a part of one that is very long or was cut; where and when.
    Line(WireLine<&'a [Piece]>, Moment),
    /// Octets of data as on the wire, stuffing and line ends inside: a part of a row, or many whole
    /// rows.
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
    /// What the tracker says of a command: that it is complete, that data of its reply starts, or
    /// that its reply is complete.
    Step(Step<'a>),
    /// What was awaited will not come: it timed out, the connection has ended, or TLS began.
    Abandoned,
    /// Something other than octets.
    Event(EventAt),
    /// A head, prose, a blank line, or a line that is not known.
    Other(&'a Item),
}

/// What the time between two rows was needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitPhase {
    /// The connection, TLS where it comes first, and the greeting.
    Connecting,
    /// From the server's `+OK` to STLS to the end of the handshake; in a transcript that has no
    /// time of it, to the next row.
    Handshake,
    /// For the status line of a reply.
    Waiting,
    /// For the data of a reply, or of a message that the client sends.
    Transfer,
    /// For the client: the server owes nothing.
    Idle,
}

/// Reads items into what happens. Unlike [`super::Dialogue`] it hands the data on, and reports each
/// line when it has come.
#[derive(Debug, Default)]
pub struct TapeReader {
    steps: Steps,
    has_heard: bool,
    /// Data of the reply is coming; the client sends a message.
    is_data: bool,
    is_upload: bool,
    /// The server has agreed to STLS, and no row has come since.
    is_handshake: bool,
    /// The lines that come represent a row `{{...}}`.
    is_in_gap: bool,
}

impl TapeReader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reads a whole transcript, in constant memory; `emit` gives false when it has enough.
    ///
    /// Errors: the first line that can't be read.
    pub fn read<R: BufRead>(
        input: R,
        emit: &mut dyn FnMut(TapeStep<'_>) -> bool,
    ) -> Result<(), ParseError> {
        let mut reader = Reader::new(input);
        let mut tape = Self::new();
        let mut item = Item::Blank;
        let mut run = Vec::new();
        let mut goes_on = true;
        while goes_on {
            let mut emit = |tape_step: TapeStep<'_>| goes_on = goes_on && emit(tape_step);
            let (row, offset) = (reader.row() + 1, reader.offset());
            run.clear();
            // Inside data no line of a run can end it, and none has a time.
            if tape.is_data && reader.read_run(&mut run) > 0 {
                let phase = tape.phase();
                tape.read_on(phase, &mut emit, |steps, emit| {
                    steps.run(Place { row, offset }, &run, emit);
                });
            } else if reader.read_into(&mut item)? {
                tape.feed(Place { row, offset }, &item, &mut emit);
            } else {
                tape.finish(&mut emit);
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn feed(&mut self, place: Place, item: &Item, emit: &mut dyn FnMut(TapeStep<'_>)) {
        match item {
            Item::Row(row) => {
                let is_first = !self.steps.has_rows() && !self.steps.is_connected();
                let phase = match is_first && row.side == Side::Client {
                    // A piece of a session: no greeting is awaited.
                    true => WaitPhase::Idle,
                    false => self.phase(),
                };
                self.is_handshake = false;
                self.has_heard |= row.side == Side::Server || !self.steps.is_connected();
                self.read_on(phase, emit, |steps, emit| steps.row(place, row, emit));
            }
            Item::Event(text) => {
                let event = EventAt::read(place, text);
                let phase = self.phase();
                self.read_on(phase, emit, |steps, emit| {
                    steps.event(&event.said(), event.after_ms, emit);
                });
                emit(TapeStep::Event(event));
            }
            other => emit(TapeStep::Other(other)),
        }
    }

    /// The transcript has ended: reports what was held.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(TapeStep<'_>)) {
        let phase = self.phase();
        self.read_on(phase, emit, Steps::finish);
    }

    pub(crate) fn phase(&self) -> WaitPhase {
        let tracker = self.steps.tracker();
        if !self.has_heard {
            WaitPhase::Connecting
        } else if self.is_data || self.is_upload {
            WaitPhase::Transfer
        } else if self.is_handshake {
            WaitPhase::Handshake
        } else if tracker.outstanding() > 0 && !tracker.is_response_owed() {
            WaitPhase::Waiting
        } else {
            WaitPhase::Idle
        }
    }

    /// Lets the reader continue, and reports what it says.
    fn read_on(
        &mut self,
        phase: WaitPhase,
        emit: &mut dyn FnMut(TapeStep<'_>),
        go: impl FnOnce(&mut Steps, &mut dyn FnMut(Passed<'_>)),
    ) {
        let Self {
            steps,
            is_data,
            is_upload,
            is_handshake,
            is_in_gap,
            ..
        } = self;
        go(steps, &mut |passed| match passed {
            Passed::Row { after_ms, .. } => emit(TapeStep::Row { after_ms, phase }),
            Passed::Time(after_ms) => {
                emit(TapeStep::Passed { after_ms, phase });
                *is_handshake = false;
            }
            Passed::AnyRows {
                side,
                is_data: is_some_of_it,
                place,
                now_ms,
            } => {
                *is_in_gap = side == Side::Server && !is_some_of_it;
                let moment = Moment { place, ms: now_ms };
                let is_data = is_some_of_it;
                emit(TapeStep::AnyRows {
                    side,
                    is_data,
                    moment,
                });
            }
            Passed::AnyRowsEnd { .. } => *is_in_gap = false,
            Passed::Abandoned { .. } => {
                *is_data = false;
                *is_upload = false;
                emit(TapeStep::Abandoned);
            }
            Passed::Step(step, origin) => {
                match &step {
                    Step::Line(line)
                        if line.side == Side::Client && line.role == Role::Terminator =>
                    {
                        *is_upload = false;
                    }
                    Step::DataStarted(_) => *is_data = true,
                    Step::ReplyEnded(sent, status) => {
                        *is_data = false;
                        let takes_message = |sent: &SentCommand| sent.shape() == Shape::Upload;
                        *is_upload = *status == Status::Positive && sent.is_some_and(takes_message);
                    }
                    Step::TlsAgreed => *is_handshake = true,
                    _ => {}
                }
                // A step about a line that represents a row `{{...}}` is about no line of the file.
                if !*is_in_gap || !matches!(step, Step::Line(_)) {
                    tape_step(step, origin, emit);
                }
            }
        });
    }
}

fn tape_step(step: Step<'_>, origin: OctetOrigin, emit: &mut dyn FnMut(TapeStep<'_>)) {
    let moment = Moment {
        place: origin.first,
        ms: origin.last_ms,
    };
    match step {
        Step::Line(line) => {
            let mut parts = Vec::new();
            pieces(line.content, origin.holes, |piece| match piece {
                PieceOf::Octets(octets) => push_octets(&mut parts, octets),
                PieceOf::Hole(hole) => parts.push(Piece::Hole(hole)),
            });
            emit(TapeStep::Line(line.with(&parts), moment));
        }
        Step::Data { side, octets } => pieces(octets, origin.holes, |piece| match piece {
            PieceOf::Octets(octets) => emit(TapeStep::Data {
                side,
                octets,
                moment,
            }),
            PieceOf::Hole(hole) => emit(TapeStep::Hole { side, hole, moment }),
        }),
        Step::Injected(octets) => pieces(octets, origin.holes, |piece| match piece {
            PieceOf::Octets(octets) => emit(TapeStep::Injected { octets, moment }),
            PieceOf::Hole(hole) => {
                let side = Side::Server;
                emit(TapeStep::Hole { side, hole, moment });
            }
        }),
        Step::CommandSent(_) | Step::DataStarted(_) | Step::ReplyEnded(..) => {
            emit(TapeStep::Step(step));
        }
        Step::TlsAgreed
        | Step::Challenged
        | Step::StateChanged(_)
        | Step::NoGreeting
        | Step::TerminatorMissing
        | Step::Dropped
        | Step::OutOfStep
        | Step::InStep => {}
    }
}
