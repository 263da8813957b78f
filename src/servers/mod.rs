//! The servers, as values: a maildrop, its nine messages, the state machine that speaks POP3, and
//! the playback of transcripts. No socket and no clock: octets in, octets out. `serve` puts them on
//! the network.

pub mod any_order;
pub mod fault;
pub(crate) mod mailbox;
pub(crate) mod maildrop;
pub mod messages;
pub(crate) mod model;
pub(crate) mod player;
pub mod script;

use std::time::Duration;

pub use maildrop::{Maildrop, Message};
pub(crate) use maildrop::{MessageSource, Store, StoreFailure};
pub use model::{Account, Model, TlsOffer};

/// The server's side of one connection: octets in, octets out, and what to do next.
pub trait ServerSession: Send {
    /// Takes octets from the client. Call it only when the server asked to read: then it keeps at
    /// most the beginning of one line and these octets.
    fn push(&mut self, octets: &[u8]);

    /// Does one step: greets, answers one command, or continues a long reply by about 16 KiB.
    /// Appends what is to be sent to `out`.
    fn next(&mut self, out: &mut Vec<u8>) -> Next;

    /// The handshake is done: the one that was asked for, or the one before the first octet.
    fn tls_started(&mut self, secured: Secured);

    /// The session so far.
    fn summary(&self) -> Summary;
}

/// What TLS provides about a connection, for the mechanisms that use it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secured {
    /// The `tls-server-end-point` of the server's certificate (RFC 5929 §4).
    pub(crate) end_point: Option<Vec<u8>>,
    /// The names in the client's certificate; empty if it sent none that is trusted.
    pub(crate) client_names: Vec<String>,
}

/// What the server asks its driver to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send the output, perhaps later, and call `next` again: there is more to say or to answer.
    /// The server made progress, so the autologout timer restarts.
    Again,
    /// Send the output; then read, and `push` what comes.
    Read,
    /// Send the output; then do the handshake, and call `tls_started`.
    StartTls,
    /// Send the output; then wait for this time, and call `next` again.
    Wait(Duration),
    /// Send the output; then close.
    Close,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// QUIT before login: nothing to update (RFC 1939 §4).
    Quit,
    /// QUIT after login: the maildrop was updated (RFC 1939 §6).
    Updated {
        /// How many messages were removed.
        deleted: usize,
        /// How many are left.
        left: usize,
    },
    /// Commands followed STLS, before the handshake.
    Injected,
    /// A message could not be read to its end, so the reply was cut off.
    BrokenOff,
    /// The recording was played to its end.
    Played,
    /// The client deviated from the recording.
    Left {
        /// The row that it should have sent, from 1.
        row: usize,
    },
}

/// The session so far, for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub(crate) commands: u64,
    /// Whether there was a login.
    pub has_logged_in: bool,
    /// How many logins were refused for a wrong name or password.
    pub(crate) failed_logins: u32,
    /// How it ended; None if it is still open or the connection was lost.
    pub ending: Option<Ending>,
}
