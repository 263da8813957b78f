//! poptalk: a raw console for POP3. Type the commands by hand, read every octet of the replies, keep the transcript.
//!
//! # Rooms
//!
//! The folder is the layer: a room uses only itself and the rooms below it in this picture, and the files of a room import each
//! other in one direction. `tests/docs/layers.rs` reads both from the sources.
//!
//! ```text
//!   cli          one file a subcommand: arguments in, exit code out; the values that options take
//!   modes        what a person runs: console, script, replay (answers, rewrite), check, learn, serve, proxy;
//!                the session plan, the login and the report that they share
//!   net          sockets: dial, dns, engine, listener, tls, upstream_proxy; targets, passwords, netrc
//!   servers      values that answer: model, fault, script and loose (played back), mailbox; player, which sends
//!   analysis     a transcript in, an opinion or a picture out: finding, lint, diff, goal, explain, show, help
//!   reading      rows to steps to exchanges: steps, dialogue, server_leg; redact, import
//!   transcript   what happened: the model of a file, text, event, secret, elide, recorder, file
//!   pop3         the protocol as values: command, tracker, session, sasl, stuffing
//!   base         what has no POP3 in it: escape, percent, figures, errors, exit codes, style, files, what poptalk says
//! ```
//!
//! Octets come in at the top (a keyboard, a file, a socket) and meet in `tracker.feed(side, octets)`, which says what each is for.
//! The recorder hides secrets and appends rows to the transcript; the screen shows a line only after that. Whatever judges a
//! session reads the transcript, live and from a file by the same code.
//!
//! # Words
//!
//! These are all the words of our own; the rest are the RFCs'.
//!
//! - *item*: a line of a transcript file: a row, an event, or prose.
//! - *row*: octets of one side.
//! - *event*: what happened that is no octet: a connection, TLS, a time-out.
//! - *hole*: a place without octets, where a secret was hidden or anything may stand.
//! - *step*: what the tracker says about octets.
//! - *exchange*: a command with its reply.
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
