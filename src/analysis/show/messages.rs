//! Takes the messages out of a transcript: each RETR, un-stuffed, octet for octet.

use std::io;

use crate::pop3::stuffing::Unstuffer;
use crate::pop3::tracker::{Role, Side, Step};
use crate::reading::dialogue::TapeStep;

/// Where messages go.
pub trait MessageSink {
    /// Begins a message; its number is that of RETR, if there was one.
    ///
    /// Errors: it can't be kept.
    fn begin(&mut self, number: Option<u64>) -> io::Result<()>;

    /// More octets of it.
    ///
    /// Errors: they can't be kept.
    fn write(&mut self, octets: &[u8]) -> io::Result<()>;

    /// It has ended.
    ///
    /// Errors: it can't be kept.
    fn end(&mut self, state: Completeness) -> io::Result<()>;
}

/// How much of a message a transcript has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All of it.
    Whole,
    /// Parts were left out when it was recorded, or later.
    Elided,
    /// Its end did not come.
    Cut,
}

impl Completeness {
    /// Why it is not whole, for people; empty when it is.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Elided => "parts of it were left out of the recording",
            Self::Cut => "its end did not come",
        }
    }
}

/// Takes the messages out of what happens, in constant memory.
#[derive(Debug, Default)]
pub struct Messages {
    unstuffer: Unstuffer,
    block: Vec<u8>,
    is_inside: bool,
    is_elided: bool,
    is_ended: bool,
}

impl Messages {
    /// Nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what happens.
    ///
    /// Errors: the shelf's.
    pub fn emit(&mut self, told: &TapeStep<'_>, shelf: &mut dyn MessageSink) -> io::Result<()> {
        match told {
            // TOP brings no message: its end may be missing.
            TapeStep::Step(Step::DataStarted(sent)) if sent.verb() == "RETR" => {
                *self = Self {
                    block: std::mem::take(&mut self.block),
                    is_inside: true,
                    ..Self::default()
                };
                shelf.begin(sent.number())
            }
            _ if !self.is_inside => Ok(()),
            TapeStep::Data {
                side: Side::Server,
                octets,
                ..
            } => {
                self.block.clear();
                self.unstuffer.feed(octets, &mut self.block);
                shelf.write(&self.block)
            }
            TapeStep::Hole {
                side: Side::Server, ..
            } => {
                self.is_elided = true;
                // What follows does not start a line.
                self.unstuffer.feed(b"x", &mut Vec::new());
                Ok(())
            }
            TapeStep::AnyRows {
                side: Side::Server, ..
            } => {
                self.is_elided = true;
                self.unstuffer = Unstuffer::default();
                Ok(())
            }
            TapeStep::Line {
                side: Side::Server,
                role: Role::Terminator,
                ..
            } => {
                self.is_ended = true;
                Ok(())
            }
            TapeStep::Step(Step::ReplyEnded(..)) if self.is_ended => self.end(shelf),
            TapeStep::Abandoned => self.end(shelf),
            _ => Ok(()),
        }
    }

    fn end(&mut self, shelf: &mut dyn MessageSink) -> io::Result<()> {
        self.is_inside = false;
        shelf.end(match (self.is_elided, self.is_ended) {
            (true, _) => Completeness::Elided,
            (false, true) => Completeness::Whole,
            (false, false) => Completeness::Cut,
        })
    }
}
