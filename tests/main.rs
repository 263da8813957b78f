//! All integration tests, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected is to end there"
)]

mod clients;
mod diff;
mod docs;
mod dovecot;
mod explain;
mod find;
mod import;
mod layers;
mod login;
mod mail;
mod practice;
mod proxy;
mod pty;
mod scripts;
mod support;
mod terminal;
mod tls;
mod tunnel;
mod typing;
