//! What a line is for, and where something was found.

use crate::pop3::command::DataKind;
use crate::pop3::tracker::Sent;
use crate::reading::dialogue::Place;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineRole {
    /// The server's first line.
    Greeting,
    /// The first line of a reply.
    Status,
    /// A challenge of the server inside AUTH.
    Challenge,
    /// What the server sends although nothing was asked.
    Unrequested,
    /// Octets between the server's `+OK` to STLS and the handshake; the text is empty.
    Injected,
    /// A line of a listing.
    Listed(List),
    /// A command of the client.
    Command,
    /// The client's answer to a challenge.
    Response,
}

impl LineRole {
    /// Whether the server sent it.
    pub(crate) fn is_servers(self) -> bool {
        !matches!(self, Self::Command | Self::Response)
    }
}

/// What a listing lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// CAPA (RFC 2449 §5).
    Capabilities,
    /// LIST: scan listings (RFC 1939 §5).
    Scan,
    /// UIDL: unique-id listings (RFC 1939 §7).
    Unique,
    /// LANG (RFC 6856 §3.2).
    Languages,
    /// Another one.
    Other,
}

impl List {
    /// What the multi-line reply to this command lists; None when it is a message.
    pub(crate) fn of(sent: &Sent) -> Option<Self> {
        match sent.command().map(|row| (row.verb, row.data)) {
            Some(("CAPA", _)) => Some(Self::Capabilities),
            Some(("LIST", _)) => Some(Self::Scan),
            Some(("UIDL", _)) => Some(Self::Unique),
            Some(("LANG", _)) => Some(Self::Languages),
            Some((_, DataKind::Lines)) => None,
            _ => Some(Self::Other),
        }
    }
}

/// Where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The row.
    pub(crate) place: Place,
    /// The octets that were seen.
    pub(crate) octets: Vec<u8>,
    /// What was found, for people.
    pub(crate) what: String,
}

impl Site {
    /// A spot without octets.
    pub(crate) fn at(place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            octets: Vec::new(),
            what: what.into(),
        }
    }
}
