//! What the tracker says about octets: sides, roles, states and steps.

use super::{Sent, Status};

/// Who sent an octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one who connected and types commands.
    Client,
    /// The one who answers.
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
    /// The line with one dot that ends a multi-line reply, or a message that the client sends.
    Terminator,
    /// What the server sends although nothing was asked.
    Unrequested,
    /// A command of the client.
    Command,
    /// The client's answer to a challenge inside AUTH.
    Response,
}

/// The states of a session (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Connected; the greeting has not come.
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
    /// CR LF, as the protocol wants it.
    Crlf,
    /// A bare LF.
    Lf,
    /// Not at all: the line goes on.
    None,
}

impl LineEnd {
    /// The octets of it.
    #[must_use]
    pub fn octets(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
            Self::None => b"",
        }
    }
}

/// One step of the conversation. The octets of all steps of one side, in order and with their line ends, are exactly the
/// octets that were fed for that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A line, or a part of one that is longer than [`super::LINE_MAX`] octets or was flushed.
    Line {
        /// Who sent it.
        side: Side,
        /// What it is for.
        role: Role,
        /// Its octets, as on the wire, without the line end.
        octets: &'a [u8],
        /// Whether the line starts here.
        first: bool,
        /// How it ends; `LineEnd::None` when the next step goes on with the same line.
        end: LineEnd,
    },
    /// Octets of the data lines of a multi-line reply, or of a message that the client sends: stuffed as on the wire, line ends inside.
    Data {
        /// Who sent them.
        side: Side,
        /// As on the wire.
        octets: &'a [u8],
    },
    /// Octets of the server that came between its `+OK` to STLS and the TLS handshake. They are never used (RFC 2595 §4).
    Injected(&'a [u8]),
    /// A command is complete and waits for its reply.
    CommandSent(&'a Sent),
    /// The status line of a multi-line reply has come; data follows.
    DataStarted(&'a Sent),
    /// The reply to this command is complete. `None`: it was the greeting.
    ReplyEnded(Option<&'a Sent>, Status),
    /// The server waits for a response inside AUTH.
    Challenged,
    /// The session entered another state.
    StateChanged(State),
    /// The server agreed to STLS: the TLS handshake comes next.
    TlsAgreed,
    /// What was taken for the greeting was the reply to the first command, which the client had sent before: there was no greeting.
    /// The reply goes on next. After [`Step::OutOfStep`] this is only likely.
    NoGreeting,
    /// A status line came in place of the terminator: the listing had none. The reply ends next.
    TerminatorMissing,
    /// The command that waits longest gets no reply any more: it came where the recording has a gap.
    Dropped,
    /// Octets are missing from the recording: which command the next line of the server answers is not known.
    OutOfStep,
    /// The line that comes next answers the command that waits longest, and that is sure again.
    InStep,
}
