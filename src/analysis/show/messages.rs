//! Extracts the messages from a transcript: each RETR, without dot-stuffing, octet for octet.

use std::io;

use crate::pop3::stuffing::Unstuffer;
use crate::pop3::tracker::{Role, Side, Step};
use crate::reading::dialogue::TapeStep;

/// Where messages go.
pub trait MessageSink {
    /// Begins a message; its number is the argument of RETR, if there was one.
    ///
    /// Errors: the message cannot be stored.
    fn begin(&mut self, number: Option<u64>) -> io::Result<()>;

    /// Appends octets to the message.
    ///
    /// Errors: the octets cannot be stored.
    fn write(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Ends the message.
    ///
    /// Errors: the message cannot be stored.
    fn end(&mut self, state: Completeness) -> io::Result<()>;
}

/// How much of a message a transcript contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All of it.
    Whole,
    /// Parts were omitted during the recording, or later.
    Elided,
    /// Its end is missing.
    Cut,
}

impl Completeness {
    /// Why the message is incomplete, for people; empty if it is complete.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Elided => "the recording omits parts of the message",
            Self::Cut => "the end of the message is missing",
        }
    }
}

/// Extracts messages from steps, in constant memory.
#[derive(Debug, Default)]
pub struct Messages {
    unstuffer: Unstuffer,
    block: Vec<u8>,
    is_inside: bool,
    is_elided: bool,
    is_ended: bool,
}

impl Messages {
    /// Returns an extractor at the start of a transcript.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a step.
    ///
    /// Errors: those of the sink.
    pub fn emit(&mut self, step: &TapeStep<'_>, shelf: &mut dyn MessageSink) -> io::Result<()> {
        match step {
            // TOP does not send a whole message.
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
