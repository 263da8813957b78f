//! All integration tests, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected is to end there"
)]

mod captures;
mod check;
mod check_reports;
mod clients;
#[cfg(target_os = "linux")]
mod crash;
mod diff;
mod docs;
mod dovecot;
mod endings;
#[cfg(target_os = "linux")]
mod errors;
mod explain;
mod faults;
mod find;
mod help;
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_clients;
mod import;
mod inetd;
mod layers;
mod learn;
mod limits;
mod lint;
mod login;
mod mail;
#[cfg(unix)]
mod mailbox;
mod matrix;
mod no_starttls;
mod not_a_yes;
mod output_paths;
mod practice;
mod proxy;
mod pty;
mod real;
mod replay;
mod schemas;
mod scripts;
mod secrets;
mod show;
mod soak;
mod streams;
mod support;
mod terminal;
mod tls;
mod tunnel;
mod typing;
