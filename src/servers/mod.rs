//! The servers, as values: a maildrop, its nine messages, and the state machine that speaks POP3 about them; and a transcript
//! that is played. No socket and no clock: octets in, octets out. `serve` brings them onto the network.

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

/// The server's side of one connection: octets in, octets out, and a wish.
pub trait ServerSession: Send {
    /// Takes what the client sent. To be called when it wishes to read: then no more is kept than the beginning of one line
    /// and these octets.
    fn push(&mut self, octets: &[u8]);

    /// Does one step: greets, answers one command, or goes on with a long reply by some 16 KiB. What is to be sent is
    /// appended to `out`.
    fn next(&mut self, out: &mut Vec<u8>) -> Next;

    /// The handshake is done: the one that was wished for, or that before the first octet.
    fn tls_started(&mut self, secured: Secured);

    /// What the session has been so far.
    fn summary(&self) -> Summary;
}

/// What TLS tells about a connection, for the mechanisms that use it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secured {
    /// The `tls-server-end-point` of the server's certificate (RFC 5929 §4).
    pub(crate) end_point: Option<Vec<u8>>,
    /// The names in the client's certificate; empty where it gave none that is trusted.
    pub(crate) client_names: Vec<String>,
}

/// What a server wants next from who drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send what is there, perhaps later, and call `next` again: there is more to say or to answer. Some command or a part
    /// of a reply was worked off, so the time until the autologout begins anew.
    Again,
    /// Send what is there; then read, and `push` what comes.
    Read,
    /// Send what is there; then do the handshake, and say `tls_started`.
    StartTls,
    /// Send what is there; then wait for this time, and call `next` again.
    Wait(Duration),
    /// Send what is there; then close.
    Close,
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// QUIT before the login: nothing to update (RFC 1939 §4).
    Quit,
    /// QUIT behind the login: the maildrop was updated (RFC 1939 §6).
    Updated {
        /// How many messages were removed.
        deleted: usize,
        /// How many are left.
        left: usize,
    },
    /// Commands stood behind STLS, before the handshake.
    Injected,
    /// A message could not be read to its end, and the reply broke off.
    BrokenOff,
    /// The recording was played to its end.
    Played,
    /// The client said something else than the recording.
    Left {
        /// The row that it should have sent, from 1.
        row: usize,
    },
}

/// What a session has been so far, for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub(crate) commands: u64,
    /// Whether there was a login.
    pub has_logged_in: bool,
    /// How many logins were refused for a wrong name or password.
    pub(crate) failed_logins: u32,
    /// How it ended; None while it goes on, and for a connection that was lost.
    pub ending: Option<Ending>,
}
