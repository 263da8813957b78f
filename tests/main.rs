//! All integration tests, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected is to end there"
)]

mod check;
mod clients;
mod diff;
mod docs;
mod dovecot;
mod explain;
mod faults;
mod find;
mod help;
mod hostile;
mod import;
mod layers;
mod learn;
mod lint;
mod login;
mod mail;
mod no_starttls;
mod practice;
mod proxy;
mod pty;
mod real;
mod replay;
mod schemas;
mod scripts;
mod secrets;
mod show;
mod support;
mod terminal;
mod tls;
mod tunnel;
mod typing;
