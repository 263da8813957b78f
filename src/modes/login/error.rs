//! Why there was no login, and what to do.

use std::borrow::Cow;

use crate::base::error::Explain;
use crate::net::engine::{Risk, TrustRefusal};
use crate::net::password::PasswordError;
use crate::pop3::sasl::SaslError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// The command to poptalk is malformed, or not possible now.
    #[error("{0}")]
    Usage(String),
    #[error("not sent: there is no TLS, and anyone on the network path could read the password")]
    InClear,
    /// A secret would be sent where it should not be, without a question.
    #[error("not sent: {}", .0.says())]
    Risk(Risk),
    /// `+OK` to AUTH before any credentials were sent.
    #[error("not logged in: {}", TrustRefusal::NoChallenge.says())]
    NoChallenge,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("no user name, so no login was sent")]
    NoUser,
    #[error("{}{error}", if *.was_cancelled { "cancelled: " } else { "" })]
    Sasl {
        error: SaslError,
        /// The server was informed with `*`.
        was_cancelled: bool,
    },
    /// Logged in by SCRAM, without the server's signature (RFC 5802 §3).
    #[error(
        "logged in, but the server never proved that it knows the password: it may be an impostor (RFC 5802 §3)"
    )]
    Unproved,
    /// The conversation has ended, or is not to continue.
    #[error("the login ended early")]
    Stopped,
}

impl Explain for LoginError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::InClear => {
                Some("`stls` or --tls begins TLS; --allow-plaintext sends the password anyway")
            }
            Self::Risk(risk) => Some(risk.hint()),
            Self::Password(error) => return error.hint(),
            Self::NoUser => {
                Some("name the user with -u, in a URL (pop3://USER@HOST), or after `:login`")
            }
            Self::Sasl { error, .. } => Some(error.hint()),
            Self::Unproved => Some(
                "change nothing until you know which server this is; `:tls` shows the certificate",
            ),
            Self::NoChallenge | Self::Usage(_) | Self::Stopped => None,
        };
        hint.map(Cow::Borrowed)
    }
}
