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

pub mod bodies;
pub mod check;
pub mod cli;
pub mod cmd;
pub mod command;
pub mod console;
pub mod dialogue;
pub mod diff;
pub mod event;
pub mod exit;
pub mod explain;
pub mod figures;
pub mod finding;
pub mod follow;
pub mod goal;
pub mod heard;
pub mod help;
pub mod import;
pub mod learn;
pub mod learnt;
pub mod lint;
pub mod log;
pub mod login;
pub mod mail;
pub mod mailbox;
pub mod net;
pub mod netrc;
pub mod password;
pub mod percent;
pub mod player;
pub mod proxied;
pub mod proxy;
pub mod recorder;
pub mod redact;
pub mod regular;
pub mod replay;
pub mod report;
pub mod sasl;
pub mod script;
pub mod secret;
pub mod serve;
pub mod server;
pub mod service;
pub mod session;
pub mod shell;
pub mod show;
pub mod srv;
pub mod stdio;
pub mod stuffing;
pub mod style;
pub mod target;
pub mod temporary;
pub mod text;
pub mod tracker;
pub mod transcript;
pub mod tunnel;
pub mod twice;
pub mod typed;
pub mod update;
pub mod visible;
