//! poptalk: a raw console for POP3. Type the commands by hand, read every octet of the answers, keep the transcript.
//!
//! ```text
//!          keyboard, script         transcript file             sockets
//!                |                        |                  (one or both)
//!   EDGE   console, script         replay, check           net, serve, proxy     only here: I/O and clock
//!                 \                       |                  /        |
//!                  v                      v                 v         v
//!   CORE            tracker.feed(side, octets) <-----------+    server::{model, script, loose}, player
//!                           |  steps                                 PLAYERS, pure, never panic
//!                       recorder    hides secrets, appends, then shows           thin
//!                           |
//!   TAPE               transcript <----> text (rows of a file)                   pure
//!                           |
//!   READING   learnt (what the replies told), dialogue (commands with replies), redact, import   pure, computed
//!                           |
//!   JUDGES               diff, lint, and what they say: finding; show            pure
//! ```
//!
//! The layers look only downwards: facts (`command`), core (`tracker`), tape (`transcript`, `text`, `secret`), `recorder`,
//! reading, judges, players (`server`, `player`), edge, `cmd`. `tests/layers.rs` names the layer of each module and enforces it.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that meets the unexpected is to end there"
    )
)]

pub mod analysis;
pub mod base;
pub mod cli;
pub mod modes;
pub mod net;
pub mod pop3;
pub mod reading;
pub mod servers;
pub mod transcript;
