//! The one shape of a failure at the edge: what happened, what to do, and how the program ends.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use super::exit::Exit;
use super::{io_error, say};

/// Why a subcommand did not do what it was asked for. `cli::run` prints it, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) exit: Exit,
    /// What happened. An error that shows a place in a file has several lines.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Error {
    /// Returns an error of the command line or a file.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            what: what.into(),
            hint: None,
        }
    }

    /// Returns an error of the system with the file, folder or option that it is about.
    pub(crate) fn about(place: impl Display, error: &io::Error) -> Self {
        Self::usage(format!("{place}: {}", io_error::plain(error)))
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    pub(crate) fn say(&self) {
        say::error(&self.what, self.hint.as_deref());
    }
}

/// What an error of one of the rooms means to the person who meets it. Its text says what happened.
pub trait Explain: Display {
    /// How the program ends when nothing else can be done about it.
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    /// What to do, where that is known.
    fn hint(&self) -> Option<Cow<'static, str>>;
}

impl<E: Explain> From<E> for Error {
    fn from(error: E) -> Self {
        Self {
            exit: error.exit(),
            what: error.to_string(),
            hint: error.hint().map(Cow::into_owned),
        }
    }
}
