//! The parts of what is known of a session.

use std::time::Duration;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::waiting::Waiting;
use crate::pop3::command::Command;
use crate::pop3::sasl;
use crate::pop3::tracker::Status;
use crate::reading::dialogue::{EventKind, Place};
use crate::transcript::event::Party;

/// The item that is read: where it is, and when it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Now {
    /// The line of the file.
    pub(crate) place: Place,
    /// Milliseconds since the first row.
    pub(crate) ms: u64,
    /// Milliseconds between the last row and the one before it.
    pub(crate) gap_ms: u64,
    /// What the event is, where it is one.
    pub(crate) event: Option<EventKind>,
    /// The side that closed, where the event says so.
    pub(crate) closer: Option<Party>,
    /// How long the client waited, where the event is a time-out.
    pub(crate) waited: Option<Duration>,
    /// The transcript has ended.
    pub(crate) is_over: bool,
    /// The row of the client that came last.
    pub(crate) client_row: Place,
}

impl Now {
    /// Whether the event says that the client closed.
    pub(crate) fn is_closed_by_client(&self) -> bool {
        self.closer == Some(Party::Client)
    }
}

/// How far the transcript shows which command the server answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordingFacts {
    /// Where it begins in the session.
    pub(crate) beginning: Beginning,
    /// Rows are missing, and which command the server answers is not known since.
    pub(crate) is_lost: bool,
    /// Something was wrong that explains what comes next: a greeting of another protocol, `+OK`
    /// where a challenge is due. Until a proper reply to a command that exists.
    pub(crate) is_explained: bool,
    /// The reply before had no status indicator: what comes may belong to any command.
    pub(crate) is_out_of_step: bool,
    /// No greeting came, as it seems: the row of the first reply, which may have been one after
    /// all.
    pub(crate) first_reply: Option<Place>,
}

impl RecordingFacts {
    /// Whether it begins in the middle of a session, or goes on there after rows that are missing.
    pub(crate) fn is_piece(&self) -> bool {
        self.beginning == Beginning::Middle
    }
}

/// Where a transcript begins in its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// No row has come.
    #[default]
    NoRow,
    /// At its start.
    Whole,
    /// Perhaps in the middle: only the first command shows more.
    Unsure,
    /// In the middle.
    Middle,
}

/// The connection, and what was sent over it around STLS.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionFacts {
    /// There is one, to a host that is not this machine.
    pub(crate) is_remote: bool,
    /// A command was sent after STLS, before its reply or the handshake.
    pub(crate) is_after_stls: bool,
    /// The recording says that octets came together with the `+OK` to STLS, before the client began
    /// its handshake.
    pub(crate) has_injection: bool,
    /// It began with a PROXY protocol header.
    pub(crate) has_header: bool,
}

/// The greeting.
#[derive(Debug, Clone, Default)]
pub(crate) struct GreetingFacts {
    /// The text after its status indicator; None once STLS has made it void.
    pub(crate) text: Option<Vec<u8>>,
    /// It was `-ERR`, or that of another service: no command is owed a reply.
    pub(crate) is_refusal: bool,
}

impl GreetingFacts {
    /// Its timestamp, when it has the form that one must have.
    pub(crate) fn timestamp(&self) -> Option<&[u8]> {
        sasl::timestamp(self.text.as_deref()?)
    }
}

/// The commands of the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommandFacts {
    /// How many were sent.
    pub(crate) sent: u64,
    /// The row of the last one.
    pub(crate) last_row: usize,
    /// The verbs of those that wait for a reply, in upper case, oldest first.
    pub(crate) waiting: Waiting,
}

/// What the server refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusalFacts {
    /// How often it said `-ERR`.
    pub(crate) count: u64,
    /// Commands that are not in the table.
    pub(crate) unknown: u64,
    /// The verbs of all commands that were not answered `+OK`.
    pub(crate) verbs: BTreeSet<&'static str>,
    /// Those of commands without arguments that were in other letters than upper case.
    pub(crate) in_lower: BTreeSet<&'static str>,
    /// The mechanisms of AUTH with an initial response.
    pub(crate) with_initial: Vec<String>,
}

/// What the server said unasked, perhaps before it closes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Farewell {
    /// `-ERR` came after a reply, and nothing since: where, and its text.
    pub(crate) parting: Option<(Place, Vec<u8>)>,
    /// It said that it gives up waiting.
    pub(crate) has_given_up: bool,
}

/// How the client may log in, and what it tried.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoginFacts {
    /// How often USER was answered.
    pub(crate) users: u64,
    /// Digests of the names that USER was answered `+OK` for.
    pub(crate) names: BTreeSet<u64>,
    /// USER was answered `+OK` for [`super::context::NOBODY`], after another USER or in another
    /// session.
    pub(crate) takes_nobody: bool,
    /// The commands for a login that the server does not have, by its refusals.
    pub(crate) missing: BTreeSet<&'static str>,
    /// The mechanisms that AUTH without arguments listed.
    pub(crate) auth_listed: Vec<String>,
    /// The row of the last SASL response that was malformed and hidden.
    pub(crate) malformed_response: Option<Place>,
}

/// The messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct MaildropFacts {
    /// By their numbers.
    pub(crate) messages: BTreeMap<u64, MessageFacts>,
    /// The header lines of the messages that came last, as digests.
    pub(crate) headers: VecDeque<(u64, Vec<u64>)>,
    /// Messages that share their unique-id in a UIDL with another message: each with one of those.
    pub(crate) twins: BTreeMap<u64, u64>,
    /// Not all messages are kept, or not all of a listing was in the transcript.
    pub(crate) is_partial: bool,
    /// RSET removed marks.
    pub(crate) was_reset: bool,
    /// What LAST said last, where no RETR came since.
    pub(crate) last_number: Option<u64>,
    /// The highest message that RETR brought since the login or RSET.
    pub(crate) highest_retrieved: u64,
}

/// How much is in the maildrop, by replies that came whole while nothing was deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// What STAT said: messages and octets.
    pub(crate) stat: Option<(u64, u64)>,
    /// How many messages there are, by STAT or LIST, whichever came first.
    pub(crate) messages: Option<u64>,
    /// What LIST listed: messages, and the sum of their sizes.
    pub(crate) listed: Option<(u64, u64)>,
    /// How many messages UIDL listed.
    pub(crate) unique: Option<u64>,
}

/// Whether UTF-8 was agreed (RFC 6856).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Utf8 {
    /// Not at all.
    #[default]
    Off,
    /// LANG chose a language, whose texts may be UTF-8.
    InTexts,
    /// UTF8 was answered with `+OK`.
    On,
}

/// What a line is that came although nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsolicited {
    WithGreeting,
    /// The same, on a connection that began with a PROXY protocol header: a server that does not
    /// expect one answers it.
    ToHeader,
    /// It came inside TLS before the first command there.
    SecondGreeting,
    /// The same, where the client had sent an unencrypted command after STLS.
    Smuggled,
    AfterQuit,
    /// `-ERR` after half a minute and more without a command.
    Autologout,
    /// It came after a single-line reply to LIST or UIDL with a number.
    ListingOfSingle,
    /// A line that is not a status line, after `-ERR`.
    AfterError,
    /// `-ERR` after a reply: the last words of a server that hangs up, or one more status line, as
    /// what follows shows.
    Parting,
    /// It came after a reply without status indicator, or after a command whose reply was no longer
    /// awaited: which reply it belongs to is not known.
    OutOfStep,
    StatusTwice,
    AfterMessage,
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct Last {
    /// The verb as in the table; empty for an unknown command and for the greeting.
    pub(crate) verb: &'static str,
    pub(crate) status: Option<Status>,
    pub(crate) has_arguments: bool,
    /// The command; None where it is not in the table, and for the greeting.
    pub(crate) command: Option<&'static Command>,
    pub(crate) is_greeting: bool,
    pub(crate) is_complete: bool,
    /// Whether the client has sent credentials with it.
    pub(crate) has_credentials: bool,
    /// Whether the command line had more than 512 octets.
    pub(crate) is_oversize: bool,
    /// Whether the reply began with the command.
    pub(crate) is_echo: bool,
    /// Whether the command ended with LF alone, or has an octet 0.
    pub(crate) is_garbled: bool,
    /// Whether it is a message without terminator, and the reply to the next command is inside it.
    pub(crate) holds_next_reply: bool,
    pub(crate) lines: Option<u64>,
    pub(crate) row: usize,
}

impl Last {
    pub(crate) fn is(&self, purpose: fn(&Command) -> bool) -> bool {
        self.command.is_some_and(purpose)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct MessageFacts {
    /// Its size according to LIST, in octets.
    pub(crate) size: Option<u64>,
    pub(crate) unique_id: Option<u64>,
    pub(crate) retrieved: Option<Fetched>,
    /// What TOP brought, as far as the header goes.
    pub(crate) top_header: Option<u64>,
    /// TOP with a usual number of lines was answered `+OK`.
    pub(crate) takes_top: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Octets without stuffing.
    pub(crate) octets: u64,
    /// Lines after the header.
    pub(crate) body_lines: u64,
    /// Lines that start with three dots on the wire.
    pub(crate) twice_stuffed: u64,
    /// Whether the last line is empty.
    pub(crate) ends_blank: bool,
    pub(crate) header: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) lines: u64,
    /// The number of each line that has one, with its size or the digest of its unique-id.
    pub(crate) numbers: BTreeMap<u64, u64>,
    pub(crate) unique_ids: HashMap<u64, u64>,
    pub(crate) sum: u64,
    pub(crate) before: u64,
    /// A line was not understood, or too many came.
    pub(crate) is_odd: bool,
    pub(crate) has_holes: bool,
    pub(crate) capabilities: Vec<String>,
}
