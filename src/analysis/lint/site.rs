//! What a line is for, and where something was found.

use crate::pop3::command::DataKind;
use crate::pop3::tracker::SentCommand;
use crate::reading::dialogue::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineRole {
    Greeting,
    Status,
    Challenge,
    /// A line that the server sends although no command asked for it.
    Unrequested,
    /// Octets between the server's `+OK` to STLS and the handshake; the text is empty.
    Injected,
    Listed(List),
    Command,
    Response,
}

impl LineRole {
    pub(crate) fn is_servers(self) -> bool {
        !matches!(self, Self::Command | Self::Response)
    }
}

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
    Other,
}

impl List {
    /// What the multi-line reply to this command lists; None if it is a message.
    pub(crate) fn of(sent: &SentCommand) -> Option<Self> {
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) octets: Vec<u8>,
    pub(crate) what: String,
}

impl Site {
    /// A site without octets.
    pub(crate) fn at(place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            octets: Vec::new(),
            what: what.into(),
        }
    }
}
