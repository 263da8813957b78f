//! Transcripts as text: rows to lines of a file and back. The format is specified in
//! `transcripts/README.md`.

pub mod parse;
mod print;

pub(crate) use parse::{LineProblem, ParseError};
pub use parse::{Reader, parse};
pub(crate) use print::escape;
pub use print::{print, print_item, print_octets, print_row};

/// The first line of a file of this version.
pub(crate) const MAGIC: &str = "#!pop3 1";

#[cfg(test)]
mod tests;
