//! The exit codes, by name.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Success.
    Well = 0,
    /// The server refused, or did not answer as POP3 does: anything but `+OK`.
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

impl Exit {
    /// Every way to end, in the order of the codes.
    pub const ALL: [Self; 6] = [
        Self::Well,
        Self::Refused,
        Self::Usage,
        Self::NoConnection,
        Self::Tls,
        Self::TimedOut,
    ];

    /// What it means, for people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Well => "success",
            Self::Refused => {
                "refused by the server, or not POP3; when judging: findings, differences, a failing lesson"
            }
            Self::Usage => "wrong usage, an unusable file, or output that can't be written",
            Self::NoConnection => "no connection, or the connection was lost",
            Self::Tls => "TLS failed",
            Self::TimedOut => "timed out waiting for a reply",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
