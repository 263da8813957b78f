//! poptalk: a raw console for POP3. Type the commands by hand, read every octet of the answers, keep the transcript.
//!
//! ```text
//!              keyboard                 transcript file              sockets
//!                  |                           |                        |
//!   EDGE        console                        |             net, engine, serve     only here: I/O and clock
//!                  \                           |                      /
//!                   v                          |                     v
//!   CORE          tracker.feed(side, octets)  <+---------------------+              pure, never panics
//!                           |  steps
//!                        recorder  (hides secrets, appends)                         thin
//!                           v
//!   TAPE          Transcript  <---->  rows of text on disk                          pure
//! ```
//!
//! The layers look only downwards: facts (`command`), core (`tracker`), tape (`transcript`, `text`, `secret`), reading
//! (`learnt`), players (`server`), edge, `cmd`. `tests/layers.rs` enforces it.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that meets the unexpected is to end there"
    )
)]

pub mod cli;
pub mod cmd;
pub mod command;
pub mod console;
pub mod exit;
pub mod explain;
pub mod help;
pub mod learnt;
pub mod log;
pub mod net;
pub mod recorder;
pub mod report;
pub mod script;
pub mod secret;
pub mod session;
pub mod style;
pub mod target;
pub mod text;
pub mod tracker;
pub mod transcript;
pub mod typed;
pub mod visible;
