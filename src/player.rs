//! Plays the client's rows of a transcript: what is to be sent, and behind how many answers. No socket, no clock, and
//! constant memory: the items come one by one.

use std::collections::VecDeque;

use crate::follow::Follower;
use crate::text::ParseError;
use crate::tracker::{LineEnd, Side, Status, Step};
use crate::transcript::{Hole, Item, Piece};

/// What the server said to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It asks on, inside AUTH.
    Challenge,
    /// A reply is complete, or the greeting.
    Reply(Status),
}

impl Answer {
    /// The answer that a step brings.
    #[must_use]
    pub fn of(step: &Step<'_>) -> Option<Self> {
        match step {
            Step::ReplyEnded(_, status) => Some(Self::Reply(*status)),
            Step::Challenged => Some(Self::Challenge),
            _ => None,
        }
    }

    /// How it begins on the wire.
    #[must_use]
    pub fn start(self) -> &'static str {
        match self {
            Self::Challenge => "+ ",
            Self::Reply(Status::Positive) => "+OK",
            Self::Reply(Status::Negative) => "-ERR",
            Self::Reply(Status::Malformed) => "no status indicator",
        }
    }
}

/// What the player is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// The row that is to be sent, from 1; for the end, the last row.
    pub row: usize,
    /// How many answers were recorded before, the greeting counted: so many are to be waited for.
    pub answers: u64,
    /// Milliseconds since the row before it.
    pub after_ms: u64,
    /// What it is.
    pub action: Action,
}

/// What a cue is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Send {
        /// Octets and holes.
        pieces: Vec<Piece>,
        /// How it ends.
        end: LineEnd,
        /// It is a line of the client inside AUTH.
        is_response: bool,
    },
    /// The client closed the connection, or the transcript has ended.
    Close,
}

/// Reads the cues of a transcript.
pub struct Player<I> {
    items: I,
    row: usize,
    follower: Follower,
    count: u64,
    /// Recorded answers, with the row in which each was complete, until they are taken.
    answers: VecDeque<(usize, Answer)>,
    is_over: bool,
}

impl<I: Iterator<Item = Result<Item, ParseError>>> Player<I> {
    /// A player at the start of a transcript.
    pub fn new(items: I) -> Self {
        Self {
            items,
            row: 0,
            follower: Follower::new(false),
            count: 0,
            answers: VecDeque::new(),
            is_over: false,
        }
    }

    /// Replies to `verb` have this shape; see [`Follower::set_shape`].
    pub fn set_shape(&mut self, verb: &str, shape: crate::command::Shape) {
        self.follower.set_shape(verb, shape);
    }

    /// The next cue; None behind the last one.
    ///
    /// Errors: a row breaks the format.
    pub fn cue(&mut self) -> Result<Option<Cue>, ParseError> {
        while !self.is_over {
            let Some(item) = self.items.next().transpose()? else {
                break;
            };
            self.row += 1;
            match item {
                // Any number of lines, so nothing that could be sent.
                Item::Row(row) if row.pieces == [Piece::Hole(Hole::Rows)] => {}
                Item::Row(row) => {
                    let side = row.side;
                    self.tell(|follower, tell| follower.begin(side, tell));
                    let is_response =
                        row.side == Side::Client && self.follower.tracker().expects_response();
                    let answers = self.count;
                    self.tell(|follower, tell| follower.row(&row, tell));
                    if row.side == Side::Client {
                        let (pieces, end) = (row.pieces, row.end);
                        return Ok(Some(Cue {
                            row: self.row,
                            answers,
                            after_ms: row.after_ms,
                            action: Action::Send {
                                pieces,
                                end,
                                is_response,
                            },
                        }));
                    }
                }
                Item::Event(event) => _ = self.follower.event(&event),
                Item::Head { .. } | Item::Prose(_) | Item::Blank | Item::Unknown(_) => {}
            }
        }
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(None);
        }
        Ok(Some(Cue {
            row: self.row,
            answers: self.count,
            after_ms: 0,
            action: Action::Close,
        }))
    }

    /// Takes the next recorded answer, with its row.
    pub fn answer(&mut self) -> Option<(usize, Answer)> {
        self.answers.pop_front()
    }

    /// Follows something, and keeps the answers that it brings.
    fn tell(&mut self, follow: impl FnOnce(&mut Follower, &mut dyn FnMut(Step<'_>))) {
        let (row, count, answers) = (self.row, &mut self.count, &mut self.answers);
        follow(&mut self.follower, &mut |step| {
            if let Some(answer) = Answer::of(&step) {
                *count += 1;
                answers.push_back((row, answer));
            }
        });
    }
}
