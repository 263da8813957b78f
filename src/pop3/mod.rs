//! The protocol as values: its commands, the tracker that follows a session, the session's state,
//! SASL, byte-stuffing.

pub mod command;
pub mod sasl;
pub(crate) mod session;
pub(crate) mod stuffing;
pub mod tracker;
