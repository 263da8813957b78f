//! The protocol as values: its commands, the tracker that follows a session, SASL, byte-stuffing.

pub mod command;
pub mod sasl;
pub mod stuffing;
pub mod tracker;
