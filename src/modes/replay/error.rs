//! Why a replay failed, with its exit code and hint.

use std::io;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::io_error::plain;
use crate::modes::plan::Failure;
use crate::net::engine::Risk;
use crate::net::mistake::Mistake;
use crate::net::password::PasswordError;
use crate::pop3::sasl::SaslError;
use crate::transcript::text::ParseError;

/// Why nothing could be played, or not on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file can't be read.
    #[error("{}: {}", .0.display(), plain(.1))]
    Read(PathBuf, io::Error),
    /// The file breaks the format.
    #[error("row {} column {} of {}: {}", .1.row, .1.column, .0.display(), .1)]
    Parse(PathBuf, ParseError),
    /// No session.
    #[error(transparent)]
    Open(#[from] Failure),
    /// There is no password to be had.
    #[error("row {0}: {1}")]
    Password(usize, PasswordError),
    /// A mechanism can't go on.
    #[error("row {0}: {1}")]
    Sasl(usize, SaslError),
    /// The server is not POP3: nothing was sent to it.
    #[error("{}; nothing was sent", .0.what)]
    NotPop3(Mistake),
    /// A secret would go to a server whose greeting is not POP3's.
    #[error("row {0}: not sent: {risk}", risk = .1.says())]
    Risk(usize, Risk),
    /// There is nothing to be sent in a hole's place.
    #[error("row {0}: nothing is known to send for `{{{{{1}}}}}`")]
    Hole(usize, String),
    /// What a hole needs is not there.
    #[error("row {0}: {1}")]
    Lacks(usize, &'static str, &'static str),
}

impl ReplayError {
    /// The exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Open(failure) => failure.exit(),
            Self::NotPop3(_) | Self::Risk(..) => Exit::Refused,
            _ => Exit::Usage,
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open(failure) => failure.hint(),
            Self::NotPop3(mistake) => Some(mistake.hint.to_owned()),
            Self::Risk(_, risk) => Some(risk.hint().to_owned()),
            Self::Password(_, error) => error.hint().map(str::to_owned),
            Self::Sasl(_, error) => Some(error.hint().to_owned()),
            Self::Hole(_, name) if name.starts_with('.') => {
                Some("a client row with `{{..}}` or `{{...}}` can be served, not played".to_owned())
            }
            Self::Hole(_, name) => Some(format!("give --set {name}=VALUE")),
            Self::Lacks(_, _, hint) => Some((*hint).to_owned()),
            Self::Read(..) => Some("name a transcript, a file that ends in .pop3".to_owned()),
            Self::Parse(..) => None,
        }
    }
}
