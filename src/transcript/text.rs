//! Transcripts as text: rows to lines of a file and back. The format is specified in `transcripts/README.md`.

mod parse;
mod print;

pub use parse::{LINE_LIMIT, LineProblem, ParseError, Reader, parse};
pub use print::{escape, print, print_item, print_octets, print_row};

/// The first line of a file of this version.
pub const MAGIC: &str = "#!pop3 1";

#[cfg(test)]
mod tests;
