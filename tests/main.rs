//! All integration tests, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected is to end there"
)]

mod clients;
mod docs;
mod dovecot;
mod explain;
mod find;
mod layers;
mod lint;
mod login;
mod mail;
mod practice;
mod pty;
mod scripts;
mod support;
mod tls;
mod tunnel;
