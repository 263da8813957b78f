//! All integration tests, as one program. Each folder says in its `mod.rs` what its modules try.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test should stop at anything unexpected"
)]

mod attacks; // What strangers and accidents do to poptalk.
mod console; // The console as a person uses it, in a pseudo-terminal, and its lessons.
mod docs; // Documents, help, schemas, and the shape of the sources.
mod real; // Programs that others wrote. Those that need one are ignored in a normal run.
mod recordings; // Transcripts and what is made of them.
mod scripts; // Lines from a file or a pipe, and how the program gets to the server.
mod servers; // Our own servers, and `check` against them. The scripts that start real servers are here, too.
mod support; // What all tests share.
