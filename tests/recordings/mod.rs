//! Transcripts and what is made of them.

pub(crate) mod captures; // captures of packets, disturbed
pub(crate) mod diff; // two files
pub(crate) mod explain; // a text explained
pub(crate) mod import; // recordings of other programs
pub(crate) mod lint; // the rules over a file
pub(crate) mod mail; // a message decoded
pub(crate) mod replay; // a file played again
pub(crate) mod show; // a file as a page, a picture, a timeline
