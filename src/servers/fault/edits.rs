//! The vocabulary of faults: what the client asked, what is about to be sent, and how it is edited.

use crate::pop3::command::{Command, Effect};
use crate::pop3::session::SessionState;
use crate::pop3::tracker::SentCommand;

/// A client line, and the session before it.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// In upper case; empty for the greeting, and inside AUTH.
    pub(super) verb: String,
    pub(super) args: String,
    pub(super) line: String,
    /// The command; None before the first.
    pub(super) sent: Option<SentCommand>,
    /// How many times the verb was sent, including this time.
    pub(super) nth: u32,
    /// The session between the client and the inner server.
    pub(super) session: SessionState,
    /// The number of the connection at this server, from 1.
    pub(super) visit: u32,
    /// How many messages there are; 0 if unknown.
    pub(super) count: u64,
    /// Inside AUTH: the number of the client's response, from 1.
    pub(super) response: u32,
}

impl Incoming {
    pub(super) fn is(&self, verbs: &[&str]) -> bool {
        verbs.is_empty() || verbs.contains(&self.verb.as_str())
    }

    pub(super) fn is_for(&self, purpose: fn(&Command) -> bool) -> bool {
        let row = self.sent.as_ref().and_then(SentCommand::command);
        row.is_some_and(purpose)
    }

    /// Whether it is an attempt to log in; the bare AUTH is not.
    pub(super) fn is_login(&self) -> bool {
        let sent = self.sent.as_ref();
        sent.is_some_and(|sent| sent.effect() == Effect::Login)
    }

    /// Whether its first argument is a message marked as deleted.
    pub(super) fn is_about_marked(&self) -> bool {
        let number = self.sent.as_ref().and_then(SentCommand::number);
        number.is_some_and(|number| self.session.marked.contains(&number))
    }

    pub(super) fn is_nonsense(&self) -> bool {
        !self.is_for(|_| true) && !self.verb.is_empty() && self.response == 0
    }

    /// The argument with this number, from 0.
    pub(super) fn arg(&self, index: usize) -> &str {
        self.args.split(' ').nth(index).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerLineKind {
    Greeting,
    /// The first line of a reply, or a challenge.
    Status,
    Data,
    Terminator,
    /// Any of them except the greeting.
    Reply,
    Any,
}

#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) asked: &'a Incoming,
    pub(super) part: ServerLineKind,
    /// The number of a data line in its reply, from 0.
    pub(super) index: usize,
    /// Without its line end.
    pub(super) text: &'a [u8],
    /// An empty data line came before: this one is in the body of the message.
    pub(super) is_body: bool,
    pub(super) is_positive: bool,
}

impl Outgoing<'_> {
    /// The text, if it is ASCII.
    pub(super) fn str(&self) -> &str {
        std::str::from_utf8(self.text).unwrap_or_default()
    }

    /// The word with this number, from 0.
    pub(super) fn word(&self, index: usize) -> &str {
        self.str().split(' ').nth(index).unwrap_or_default()
    }

    /// The word as a number; 0 if it is not one.
    pub(super) fn number(&self, index: usize) -> u64 {
        self.word(index).parse().unwrap_or_default()
    }
}

/// The line without the dot at its start.
pub(super) fn unstuffed(said: &Outgoing<'_>) -> Vec<u8> {
    said.text.strip_prefix(b".").unwrap_or(said.text).to_vec()
}

#[derive(Debug, Clone, Copy)]
pub(super) struct FaultStep {
    pub(super) part: ServerLineKind,
    /// In replies to these verbs; empty: to any.
    pub(super) verbs: &'static [&'static str],
    pub(super) when: fn(&Outgoing<'_>) -> bool,
    /// Leaves a refusal unchanged.
    pub(super) is_ok_only: bool,
    pub(super) does: FaultAction,
}

/// Does something to each line of this kind in the replies to these verbs.
pub(super) const fn on(
    part: ServerLineKind,
    verbs: &'static [&'static str],
    does: FaultAction,
) -> FaultStep {
    FaultStep {
        part,
        verbs,
        when: |_| true,
        is_ok_only: false,
        does,
    }
}

impl FaultStep {
    pub(super) const fn when(self, when: fn(&Outgoing<'_>) -> bool) -> Self {
        Self { when, ..self }
    }

    /// Only if the reply is positive.
    pub(super) const fn where_ok(mut self) -> Self {
        self.is_ok_only = true;
        self
    }

    pub(super) fn fits(&self, said: &Outgoing<'_>) -> bool {
        let is_part = match self.part {
            ServerLineKind::Any => true,
            ServerLineKind::Reply => said.part != ServerLineKind::Greeting,
            part => part == said.part,
        };
        let is_reply = said.is_positive || !self.is_ok_only;
        is_part && is_reply && said.asked.is(self.verbs) && (self.when)(said)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FaultAction {
    /// Replaces the line with one computed from it; its CRLF follows.
    Edit(fn(&Outgoing<'_>) -> Vec<u8>),
    /// Ends the line with these octets instead of CRLF.
    End(&'static [u8]),
    /// Replaces the line with this one.
    Say(&'static str),
    /// Replaces the line with these octets.
    Raw(&'static [u8]),
    /// Adds these octets after it.
    After(&'static [u8]),
    /// Adds these octets before it.
    Before(&'static [u8]),
    Drop,
    Close,
    /// Replaces the line with these octets, then closes the connection.
    Last(&'static [u8]),
    /// Waits before it, in milliseconds.
    Wait(u64),
    /// Sends nothing; from now on the server neither sends nor reads.
    Hang,
}
