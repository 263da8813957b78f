//! The parts of what is known of a session.

use std::collections::{BTreeMap, HashMap};

use crate::pop3::command::Command;
use crate::pop3::tracker::Status;

/// What a line is that came although nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsolicited {
    WithGreeting,
    /// It came inside TLS before the first command there.
    SecondGreeting,
    /// The same, where the client had sent a command behind STLS in clear.
    Smuggled,
    BehindQuit,
    /// `-ERR` after half a minute and more without a command.
    Autologout,
    /// It came behind a single-line reply to LIST or UIDL with a number.
    ListingOfSingle,
    /// A line that is no status line, behind `-ERR`.
    BehindError,
    /// `-ERR` behind a reply: the last words of a server that hangs up, or one more status line, as what follows tells.
    Parting,
    /// It came behind a reply without status indicator, or behind a command that nobody waited for any more: which reply it belongs
    /// to is not known.
    OutOfStep,
    StatusTwice,
    BehindMessage,
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
    /// Its size as LIST told it, in octets.
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
    /// Lines behind the header.
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
