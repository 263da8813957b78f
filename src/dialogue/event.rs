//! What an event of a transcript says (`transcripts/README.md`, Events).

use super::Place;

/// Something that happened besides octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: EventKind,
    /// Its text behind `* `, escapes as in the file.
    pub text: String,
}

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The TCP connection stands.
    Connected,
    /// It does not.
    NotConnected,
    /// TLS is on; what follows is inside it.
    TlsStarted,
    /// The handshake failed.
    TlsFailed,
    /// The server sent octets between its `+OK` to STLS and the handshake; the rows that follow hold them.
    Injected,
    /// Nothing came for so long although a reply was awaited.
    TimedOut,
    /// One side closed.
    Closed,
    /// The connection broke.
    Lost,
    /// Not known; kept.
    Other,
}

/// How the text of each kind begins; the first that fits counts.
const STARTS: &[(&str, EventKind)] = &[
    ("connected ", EventKind::Connected),
    ("no address for ", EventKind::NotConnected),
    ("could not connect to ", EventKind::NotConnected),
    ("tls failed", EventKind::TlsFailed),
    ("tls ", EventKind::TlsStarted),
    ("injected ", EventKind::Injected),
    ("timeout", EventKind::TimedOut),
    ("closed by ", EventKind::Closed),
    ("connection lost", EventKind::Lost),
];

impl Event {
    pub(crate) fn read(place: Place, text: &str) -> Self {
        let kind = STARTS.iter().find(|(start, _)| text.starts_with(start));
        Self {
            place,
            kind: kind.map_or(EventKind::Other, |(_, kind)| *kind),
            text: text.to_owned(),
        }
    }
}
