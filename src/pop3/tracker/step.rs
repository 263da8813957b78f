//! What the tracker says about octets: sides, roles, states and steps.

use super::{SentCommand, Status};

/// The side that sent an octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that connects and sends commands.
    Client,
    /// The side that answers.
    Server,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The server's first line (RFC 1939 §4).
    Greeting,
    /// The first line of a reply.
    Status,
    /// A challenge of the server inside AUTH: `+`, a space, base64 (RFC 5034 §4).
    Continuation,
    /// The line with a single dot that ends a multi-line reply, or a message that the client sends.
    Terminator,
    /// Unsolicited data from the server.
    Unrequested,
    /// A command of the client.
    Command,
    /// The client's response to a challenge inside AUTH.
    Response,
}

/// The states of a session (RFC 1939 §3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Connected; the greeting has not come.
    #[default]
    Greeting,
    /// Greeted, not logged in.
    Authorization,
    /// Logged in.
    Transaction,
    /// QUIT was answered; the server closes.
    Update,
}

/// How a line ends on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// CR LF, as the protocol requires.
    Crlf,
    /// A bare LF.
    Lf,
    /// Not at all: the line continues.
    None,
}

impl LineEnd {
    /// The octets of the line end.
    #[must_use]
    pub fn octets(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
            Self::None => b"",
        }
    }
}

/// A line, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLine<T> {
    /// Who sent it.
    pub side: Side,
    /// What it is for.
    pub role: Role,
    /// Its octets, as on the wire, without the line end; pieces where holes may be among them.
    pub content: T,
    /// Whether the line starts here.
    pub first: bool,
    /// How it ends; `LineEnd::None` if it continues, or was cut.
    pub end: LineEnd,
}

impl<T> WireLine<T> {
    /// The same line with its content in another form.
    pub(crate) fn with<U>(&self, content: U) -> WireLine<U> {
        WireLine {
            side: self.side,
            role: self.role,
            content,
            first: self.first,
            end: self.end,
        }
    }
}

/// One step of the conversation. The octets of all steps of one side, in order and with their line
/// ends, are exactly the octets that were fed for that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A line, or a part of one that is longer than [`super::LINE_MAX`] octets or was flushed.
    Line(WireLine<&'a [u8]>),
    /// Octets of the data lines of a multi-line reply, or of a message that the client sends:
    /// stuffed as on the wire, including line ends.
    Data {
        /// Who sent them.
        side: Side,
        /// As on the wire.
        octets: &'a [u8],
    },
    /// Octets of the server that came between its `+OK` to STLS and the TLS handshake. They are
    /// never used (RFC 2595 §4).
    Injected(&'a [u8]),
    /// A command is complete and waits for its reply.
    CommandSent(&'a SentCommand),
    /// The status line of a multi-line reply has come; data follows.
    DataStarted(&'a SentCommand),
    /// The reply to this command is complete. `None`: it was the greeting.
    ReplyEnded(Option<&'a SentCommand>, Status),
    /// The server waits for a response inside AUTH.
    Challenged,
    /// The session entered another state.
    StateChanged(State),
    /// The server agreed to STLS: the TLS handshake comes next.
    TlsAgreed,
    /// The supposed greeting was the reply to the first command, which the client had sent before:
    /// there was no greeting. The reply continues next. After [`Step::OutOfStep`] this is only
    /// likely.
    NoGreeting,
    /// A status line came instead of the terminator: the listing had none. The reply ends next.
    TerminatorMissing,
    /// The oldest waiting command gets no reply: the reply came in a gap in the recording.
    Dropped,
    /// Octets are missing from the recording: which command the next server line answers is
    /// unknown.
    OutOfStep,
    /// The next line answers the oldest waiting command, and that is certain again.
    InStep,
}
