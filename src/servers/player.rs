//! Plays the client's rows of a transcript: what to send, and after how many answers. No socket, no
//! clock, and constant memory: the items come one by one.

use std::collections::VecDeque;

use crate::pop3::tracker::{LineEnd, Role, Side, State, Status, Step};
use crate::reading::steps::{Passed, Place, Start, Steps};
use crate::transcript::event::{Event, EventKind};
use crate::transcript::text::ParseError;
use crate::transcript::{Hole, Item, Piece, Row};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Challenge,
    Reply(Status),
    Silence,
}

impl Answer {
    pub(crate) fn of(step: &Step<'_>) -> Option<Self> {
        match step {
            Step::ReplyEnded(_, status) => Some(Self::Reply(*status)),
            Step::Challenged => Some(Self::Challenge),
            _ => None,
        }
    }

    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Challenge => "+ ",
            Self::Silence => "nothing",
            Self::Reply(Status::Positive) => "+OK",
            Self::Reply(Status::Negative) => "-ERR",
            Self::Reply(Status::Malformed) => "no status indicator",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cue {
    /// The row to send, from 1; for the end, the last row.
    pub(crate) row: usize,
    /// How many answers were recorded before it, including the greeting and time-outs: wait for
    /// that many.
    pub(crate) answers: u64,
    /// How many server lines before it are not data, including unsolicited ones.
    pub(crate) lines: u64,
    /// Milliseconds since the previous row.
    pub(crate) after_ms: u64,
    /// It was sent inside TLS that STLS had started: do not send it otherwise.
    pub(crate) needs_tls: bool,
    /// A login had succeeded before it.
    pub(crate) is_logged_in: bool,
    pub(crate) action: CueAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CueAction {
    Send {
        pieces: Vec<Piece>,
        end: LineEnd,
        /// It is a line of the client inside AUTH.
        is_response: bool,
        /// It was sent after STLS, before the handshake: it was injected there.
        is_injected: bool,
    },
    Close {
        /// More must come first: the server closes, the connection breaks, or a line ends without a
        /// line end.
        is_late: bool,
    },
}

pub(crate) struct Player<I> {
    items: I,
    row: usize,
    steps: Steps,
    count: u64,
    lines: u64,
    is_by_stls: bool,
    is_closed_by_server: bool,
    is_in_a_line: bool,
    /// Recorded answers, with the row in which each was complete, until they are taken.
    answers: VecDeque<(usize, Answer)>,
    is_over: bool,
}

impl<I: Iterator<Item = Result<Item, ParseError>>> Player<I> {
    pub(crate) fn new(items: I) -> Self {
        Self {
            items,
            row: 0,
            steps: Steps::new(Start::Whole),
            count: 0,
            lines: 0,
            is_by_stls: false,
            is_closed_by_server: false,
            is_in_a_line: false,
            answers: VecDeque::new(),
            is_over: false,
        }
    }

    /// Replies to `verb` have this shape; see [`Steps::set_shape`].
    pub(crate) fn set_shape(&mut self, verb: &str, shape: crate::pop3::command::Shape) {
        self.steps.set_shape(verb, shape);
    }

    /// The next cue; None after the last one.
    pub(crate) fn cue(&mut self) -> Result<Option<Cue>, ParseError> {
        while !self.is_over {
            let Some(item) = self.items.next().transpose()? else {
                break;
            };
            self.row += 1;
            match item {
                // Any number of lines, so there is nothing definite to send.
                Item::Row(row) if row.pieces == [Piece::Hole(Hole::Rows)] => {}
                Item::Row(row) => {
                    let side = row.side;
                    self.is_in_a_line = side == Side::Server && row.end == LineEnd::None;
                    self.begin(side);
                    let tracker = self.steps.tracker();
                    let is_response = row.side == Side::Client && tracker.expects_response();
                    let is_injected = tracker.is_before_tls();
                    let is_logged_in = tracker.state() == State::Transaction;
                    let (answers, lines) = (self.count, self.lines);
                    self.read(&row);
                    if row.side == Side::Client {
                        let (pieces, end) = (row.pieces, row.end);
                        return Ok(Some(Cue {
                            row: self.row,
                            answers,
                            lines,
                            after_ms: row.after_ms,
                            needs_tls: self.is_by_stls,
                            is_logged_in,
                            action: CueAction::Send {
                                pieces,
                                end,
                                is_response,
                                is_injected,
                            },
                        }));
                    }
                }
                Item::Event(event) => {
                    let event = Event::parse(&event);
                    let is_before_tls = self.steps.tracker().is_before_tls();
                    match event.kind() {
                        EventKind::TimedOut => {
                            self.count += 1;
                            self.answers.push_back((self.row, Answer::Silence));
                        }
                        // Rows after an end are still sent, and waited for as if there had been no
                        // end.
                        EventKind::Closed | EventKind::Lost => {
                            self.is_closed_by_server |= event.is_server_gone();
                            continue;
                        }
                        _ => {}
                    }
                    // A reply built from cut lines is not an answer.
                    self.steps.event(&event, None, &mut |_| {});
                    self.is_by_stls |= is_before_tls && self.steps.tracker().is_tls();
                }
                Item::Head { .. } | Item::Prose(_) | Item::Blank | Item::Unknown(_) => {}
            }
        }
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(None);
        }
        Ok(Some(Cue {
            row: self.row,
            answers: self.count,
            lines: self.lines,
            after_ms: 0,
            needs_tls: false,
            is_logged_in: false,
            action: CueAction::Close {
                is_late: self.is_closed_by_server || self.is_in_a_line,
            },
        }))
    }

    /// Takes the next recorded answer, with its row.
    pub(crate) fn answer(&mut self) -> Option<(usize, Answer)> {
        self.answers.pop_front()
    }

    /// Takes a row. A part of a session that begins with a client row had a greeting that was not
    /// recorded; it counts as an answer, since the server will greet now, too.
    fn begin(&mut self, side: Side) {
        if !self.steps.has_rows() && !self.steps.is_connected() && side == Side::Client {
            self.lines += 1;
            self.count += 1;
            let greeting = Answer::Reply(Status::Positive);
            self.answers.push_back((self.row, greeting));
        }
        self.steps.begin(side, &mut |_| {});
    }

    fn read(&mut self, row: &Row) {
        let place = Place {
            row: self.row,
            offset: 0,
        };
        let (count, lines, answers) = (&mut self.count, &mut self.lines, &mut self.answers);
        self.steps.row(place, row, &mut |passed| {
            let Passed::Step(step, _) = passed else {
                return;
            };
            *lines += u64::from(is_line(&step));
            if let Some(answer) = Answer::of(&step) {
                *count += 1;
                answers.push_back((place.row, answer));
            }
        });
    }
}

fn is_line(step: &Step<'_>) -> bool {
    matches!(step, Step::Line(line) if line.side == Side::Server
        && line.role != Role::Terminator && line.end != LineEnd::None)
}
