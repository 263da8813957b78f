//! Why a replay failed, with its exit code and hint.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::base::error::Explain;
use crate::base::exit::Exit;
use crate::base::io_error::plain;
use crate::modes::plan::Failure;
use crate::net::engine::Risk;
use crate::net::password::PasswordError;
use crate::net::wrong_service::WrongService;
use crate::pop3::sasl::SaslError;
use crate::transcript::text::ParseError;

/// What to do about a file that can't be read.
pub(crate) const NAME_A_TRANSCRIPT: &str = "name a transcript, a file that ends in .pop3";

/// Why nothing could be played, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{}: {}", .0.display(), plain(.1))]
    Read(PathBuf, io::Error),
    #[error("row {} column {} of {}: {}", .1.row, .1.column, .0.display(), .1)]
    Parse(PathBuf, ParseError),
    /// It is any text file.
    #[error("{}: not a transcript: it has no client or server row", .0.display())]
    NotTranscript(PathBuf),
    #[error(transparent)]
    Open(#[from] Failure),
    #[error("row {0}: {1}")]
    Password(usize, PasswordError),
    /// A mechanism can't continue.
    #[error("row {0}: {1}")]
    Sasl(usize, SaslError),
    /// The server is not POP3: nothing was sent to it.
    #[error("{}; nothing was sent", .0.what)]
    NotPop3(WrongService),
    /// A secret would go to a server whose greeting is not a POP3 greeting.
    #[error("row {0}: not sent: {risk}", risk = .1.says())]
    Risk(usize, Risk),
    #[error("row {0}: no value to send for `{{{{{1}}}}}`")]
    Hole(usize, String),
    /// What a hole needs is not there.
    #[error("row {0}: {1}")]
    Lacks(usize, &'static str, &'static str),
}

impl Explain for ReplayError {
    fn exit(&self) -> Exit {
        match self {
            Self::Open(failure) => failure.exit(),
            Self::NotPop3(_) | Self::Risk(..) => Exit::Refused,
            _ => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Open(failure) => return failure.hint(),
            Self::Password(_, error) => return error.hint(),
            Self::Hole(_, name) if !name.starts_with('.') => {
                return Some(format!("give --set {name}=VALUE").into());
            }
            Self::Hole(..) => {
                "a client row with `{{..}}` or `{{...}}` can be served, but not played"
            }
            Self::NotPop3(mistake) => mistake.hint,
            Self::Risk(_, risk) => risk.hint(),
            Self::Sasl(_, error) => error.hint(),
            Self::Lacks(_, _, hint) => hint,
            Self::Read(..) | Self::NotTranscript(_) => NAME_A_TRANSCRIPT,
            Self::Parse(..) => return None,
        };
        Some(hint.into())
    }
}
