//! poptalk: a raw console for POP3. Type the commands by hand, read every octet of the replies,
//! keep the transcript.
//!
//! # Rooms
//!
//! The folder is the layer: a room uses only itself and the rooms below it, and the files of a room
//! import each other in one direction. `tests/docs/layers.rs` fails on an import that does not.
//! The picture names the main modules.
//!
//! ```text
//!   cli          a file for each subcommand: arguments in, exit code out; the values of options
//!   modes        what a person runs: console, script, replay, check, learn, serve, proxy; the
//!                session plan, the login and the report that they share
//!   net          sockets: dial, dns, engine, listener, tls, upstream_proxy, proxy_protocol; targets,
//!                passwords
//!   servers      values that answer: model, fault, script and any_order (played back), mailbox;
//!                player, which sends
//!   analysis     a transcript in, an opinion or a picture out: finding, lint, diff, goal, explain,
//!                show, help
//!   reading      rows to steps to exchanges: steps, dialogue, server_leg; redact, import
//!   transcript   what happened: the model of a file, text, event, secret, elide, recorder, file
//!   pop3         the protocol as tables and values: command, tracker, session, sasl, stuffing
//!   base         what every room may use: escape, percent, figures, error, exit, style, files, say
//! ```
//!
//! Octets come in at the top (a keyboard, a file, a socket) and meet in the tracker, which says
//! what each is for and where a reply ends. `transcript::secret` hides secrets, and the recorder,
//! which calls it, appends the rows to the transcript; the screen shows a line only after that.
//! Whatever judges a session reads the transcript, live and from a file by the same code. The text
//! of an error is beside its type; `cli` adds what to do, and prints it once.
//!
//! A command, a rule, a fault, a probe and a lesson are each a row of a table or a file, with an
//! example in `transcripts/`: "Adding things" in GUIDE.md says which, and which test misses it.
//!
//! # Words
//!
//! These words are our own; the rest are the RFCs'.
//!
//! - *item*: a line of a transcript file: of its head, a row, an event, or prose.
//! - *row*: octets of one side.
//! - *event*: what happened other than octets: a connection, TLS, a time-out.
//! - *hole*: a place without octets, where a secret was hidden or any text may appear.
//! - *step*: what the tracker says about octets.
//! - *exchange*: a command with its reply, or the greeting.
//! - *reply shape*: whether a reply has one line or many.
//! - *stuffing*: the dot that is put before a line that begins with one (RFC 1939 §3).
//! - *finding*: what a rule says about a place in a transcript.
//! - *rule*: what a session has to be like, with its source.
//! - *probe*: the client rows that `check` plays to a server.
//! - *fault*: how our own server misbehaves when it is asked to.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test should stop at anything unexpected"
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
