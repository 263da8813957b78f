//! The exit codes, by name.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All well.
    Well = 0,
    /// The server said no.
    Refused = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// No connection, or it was lost.
    NoConnection = 3,
    /// TLS failed.
    Tls = 4,
    /// A reply did not come in time.
    TimedOut = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
