//! The protocol as values: its commands, the tracker that follows a session, what has happened in it, SASL, byte-stuffing.

pub mod command;
pub mod sasl;
pub mod session;
pub mod stuffing;
pub mod tracker;
