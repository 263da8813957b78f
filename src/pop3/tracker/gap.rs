//! Gaps in a recording: how the tracker gets back into step after octets that were not recorded.

use super::data::DataStop;
use super::line::is_status_line;
use super::{Role, SentCommand, Side, Status, Step, Tracker};
use crate::pop3::command::Shape;

/// The text in place of a line that is a hole.
const HOLE: &[u8] = b"x";
/// The effects of a gap in a recording. A live session has none.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// Octets are missing, and no status line has answered a command since then.
    pub(super) is_open: bool,
    /// The recording may begin anywhere in a session.
    begins_anywhere: bool,
    /// Only what came before the recording is missing, and it begins with a whole line.
    is_start: bool,
    /// A status line has come since the client's last line and answered a command.
    pub(super) has_answered: bool,
    /// The client sent several commands without waiting: which one the next reply answers is
    /// unknown.
    pub(super) is_burst: bool,
    /// The client's next line may have lost its start.
    pub(super) is_client_torn: bool,
    /// The server has sent something since the client's last line.
    pub(super) has_server_spoken: bool,
    /// The client sends commands while others still wait for their replies: a status line proves
    /// nothing.
    pub(super) overlaps: bool,
    /// The client spoke first and then this line came: the greeting, or the reply to the first
    /// command.
    pub(super) first_reply: Option<FirstReply>,
    /// The octets fed now replace replies in the gap.
    is_answering: bool,
}

/// The first line of the server, if a command was already waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstReply {
    pub(super) status: Status,
    pub(super) bare_lf: bool,
}

impl Tracker {
    /// Called before a server line after the first one is emitted: if it continues with a list, the
    /// first line was the status line of that list. Returns whether the line was taken.
    pub(super) fn is_list_without_greeting(&mut self, emit: &mut dyn FnMut(Step<'_>)) -> bool {
        let Some(first) = self.gap.first_reply.take() else {
            return false;
        };
        let head = self.server.head();
        let is_list = first.status == Status::Positive
            && !is_status_line(head)
            && !self.server.is_handed_out()
            && self
                .queue
                .front()
                .is_some_and(|sent| sent.shape() == Shape::Multi && sent.is_anchor(false));
        if is_list {
            emit(Step::NoGreeting);
            let line = self.server.take();
            self.answer(first.status, first.bare_lf, emit);
            let mut rest = line.as_slice();
            while !rest.is_empty() && self.reply.is_some() {
                rest = self.feed_data(rest, emit);
            }
        }
        is_list
    }

    /// Called before a command is noted: the client waited for one line and continues, as if that
    /// had been the reply. Whether it was is unknown: the greeting may have been late.
    pub(super) fn take_first_reply(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        let Some(first) = self.gap.first_reply.take() else {
            return;
        };
        let is_whole =
            |sent: &SentCommand| first.status == Status::Negative || sent.shape() != Shape::Multi;
        let is_alone = self.queue.len() == 1 && self.queue.front().is_some_and(is_whole);
        if is_alone {
            self.gap.is_open = true;
            self.gap.overlaps = true;
            emit(Step::OutOfStep);
            emit(Step::NoGreeting);
            self.answer(first.status, first.bare_lf, emit);
        }
    }

    /// Octets of this side are missing from a recording: the rest of a line, of a reply, or more,
    /// up to the middle of another line. Returns whether data of this side continues; the next
    /// octets are then taken to start a line.
    pub(crate) fn skip_lines(&mut self, side: Side, emit: &mut dyn FnMut(Step<'_>)) -> bool {
        self.gap.is_open = true;
        self.gap.is_start = false;
        self.gap.has_answered = false;
        for sent in &mut self.queue {
            sent.tear();
        }
        emit(Step::OutOfStep);
        let data = match side {
            Side::Server => &mut self.reply,
            Side::Client => &mut self.upload,
        };
        if let Some(data) = data {
            data.tear(side, emit);
            return true;
        }
        if side == Side::Client {
            let role = self.client_role();
            self.client.flush(true, side, role, emit);
            self.client.next_line();
            self.owed = false;
            self.gap.is_client_torn = true;
        }
        false
    }

    /// No greeting is expected: the recording begins after it.
    pub(crate) fn skip_greeting(&mut self) {
        self.feed(Side::Server, b"+OK\r\n", &mut |_| {});
    }

    /// The recording may begin in the middle of the session: its first line need not be a greeting,
    /// nor a whole line.
    pub(crate) fn begin_anywhere(&mut self, side: Side, emit: &mut dyn FnMut(Step<'_>)) {
        self.gap.begins_anywhere = true;
        if side == Side::Client {
            self.skip_greeting();
            self.gap.has_server_spoken = false;
            emit(Step::OutOfStep);
        }
    }

    pub(super) fn first_line(&mut self, is_ok: bool, emit: &mut dyn FnMut(Step<'_>)) {
        if std::mem::take(&mut self.gap.begins_anywhere) {
            self.gap.is_open = true;
            self.gap.is_start = is_ok;
            emit(Step::OutOfStep);
        }
    }

    /// Whether the recording begins with this client line and it is not a command: it may be the
    /// end of one.
    pub(super) fn is_torn_start(&self, sent: &SentCommand) -> bool {
        self.gap.is_start
            && !self.gap.has_server_spoken
            && self.queue.is_empty()
            && sent.command().is_none()
    }

    /// Whether the server lines fed from now on replace what came in a gap.
    pub(crate) fn answer_in_gap(&mut self, is_answering: bool) {
        self.gap.is_answering = is_answering;
    }

    pub(crate) fn is_in_data(&self) -> bool {
        self.reply.is_some()
    }

    /// Whether the server line may be a reply after a gap. So may a line that is a hole.
    pub(super) fn may_answer(&self) -> bool {
        let head = self.server.head();
        let is_near = self.gap.is_start
            && [&b"+OK"[..], b"+", b"-ERR"].iter().any(|word| {
                let start = head.get(..word.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(word))
            });
        self.gap.is_answering || is_near || is_status_line(head) || head == HOLE
    }

    /// Called before the role of a line is decided: whether it shows which command is answered.
    pub(super) fn find_step(&mut self, role: Role, emit: &mut dyn FnMut(Step<'_>)) {
        let is_reply = matches!(role, Role::Status | Role::Continuation);
        let is_sure = is_reply
            && !self.gap.overlaps
            && !self.gap.is_answering
            && self.server.head() != HOLE
            // The reply to one of several commands may be missing.
            && !self.gap.is_burst
            && self.queue.len() == 1
            && self.queue.front().is_some_and(|sent| sent.is_anchor(self.gap.is_start));
        if self.gap.is_open && is_sure {
            self.gap = Gap {
                has_server_spoken: true,
                ..Gap::default()
            };
            emit(Step::InStep);
        } else {
            self.gap.has_answered |= self.gap.is_open && is_reply;
        }
    }

    /// A command comes after a gap and after a server line: any command still waiting was answered
    /// in the gap.
    pub(super) fn drop_waiting(&mut self, emit: &mut dyn FnMut(Step<'_>)) {
        let kept = usize::from(self.reply.is_some());
        while self.queue.len() > kept {
            self.queue.remove(kept);
            emit(Step::Dropped);
        }
        self.uncounted = 0;
        self.owed = false;
    }

    /// Takes octets of the data of a reply and returns what is left.
    pub(super) fn feed_data<'a>(
        &mut self,
        octets: &'a [u8],
        emit: &mut dyn FnMut(Step<'_>),
    ) -> &'a [u8] {
        let Some(reply) = &mut self.reply else {
            return octets;
        };
        // A message may contain any lines. In a listing a status line answers the next command; so
        // it probably does if the end of a message is missing from the recording.
        let is_torn = reply.is_torn();
        let is_watched = self.queue.len() > 1
            && (is_torn || self.queue.front().is_some_and(SentCommand::is_listing));
        if !is_watched {
            let (rest, is_ended) = reply.feed(Side::Server, octets, emit);
            if is_ended {
                self.reply = None;
                self.end_reply(Status::Positive, emit);
            }
            return rest;
        }
        let (rest, stop) = reply.feed_watching(Side::Server, octets, emit);
        match stop {
            DataStop::Open => {}
            DataStop::Terminator => {
                self.reply = None;
                self.end_reply(Status::Positive, emit);
            }
            DataStop::Status(head) => {
                if !is_torn {
                    emit(Step::TerminatorMissing);
                }
                self.reply = None;
                self.end_reply(Status::Positive, emit);
                self.server.feed(&head);
            }
        }
        rest
    }
}
