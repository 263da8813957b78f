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
mod import;
mod layers;
mod practice;
mod pty;
mod scripts;
mod support;
mod tls;
