//! All integration tests, as one program. Each folder says in its `mod.rs` what its modules try.
//!
//! Some take a sample of what they can try. A variable lets them run as long as you like:
//!
//! - `POPTALK_MOMENTS=500 cargo test --test main crash::` ends every kind of session by a signal,
//!   at 500 moments (Linux).
//! - `POPTALK_CONNECTIONS=10000 cargo test --test main hostile_clients::` opens 10,000 connections
//!   to each server (Linux).
//! - `POPTALK_SOAK=3600 cargo test --test main soak:: -- --ignored --nocapture` holds random
//!   sessions for an hour, with the practice server and Dovecot, and compares each reply with a
//!   model of a maildrop. It prints the memory of `poptalk serve`. Only `.ci/run` runs it
//!   otherwise, for 150 s.
//! - `POPTALK_MATRIX=all cargo test --test main matrix:: -- --nocapture` lets every client meet
//!   every fault, and every network trouble at each place of a session: some 1,400 cells.
//! - `POPTALK_MATRIX=all cargo test --test main captures::` disturbs ten captures in 200 ways each,
//!   and expects unchanged transcripts.
//! - `POPTALK_MATRIX=all POPTALK_SEED=7 cargo test --lib cuts::` cuts octets out of 30 recordings,
//!   1,000 times each (12 in the sample), and expects `lint` to blame nothing on the gap.
//! - `POPTALK_MATRIX=all cargo test --test main endings::random` ends the console, `check`,
//!   `serve`, `proxy` and `diff` by four signals at random moments, 20 times each, and looks for
//!   processes, temporary files and broken transcripts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test should stop at anything unexpected"
)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "what only tests for Linux use")
)]

mod attacks; // What strangers and accidents do to poptalk.
mod console; // The console as a person uses it, in a pseudo-terminal, and its lessons.
mod docs; // Documents, help, schemas, and the shape of the sources.
mod real; // Programs that others wrote. Those that need one are ignored in a normal run.
mod recordings; // Transcripts and what is made of them.
mod scripts; // Lines from a file or a pipe, and how the program gets to the server.
mod servers; // Our own servers, and `check` against them. The scripts that start real servers are here, too.
mod support; // What all tests share.
