//! The practice server, as values: a maildrop, its nine messages, and the state machine that speaks POP3 about them.
//! No socket and no clock: octets in, octets out. `serve` brings it onto the network.

pub mod maildrop;
pub mod messages;
pub mod model;

pub use maildrop::{Lock, Maildrop, Message};
pub use model::{Account, Ending, Model, Secured, Summary, Tls, Wish};
