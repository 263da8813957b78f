//! The result of a replay.

use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::modes::plan::Failure;
use crate::net::wrong_service::WrongService;
use crate::servers::player::Answer;

/// A replay that reached its end, or the point where the conversation diverged from the recording.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) log: PathBuf,
    /// Where the conversation diverged from the recording.
    pub(crate) departure: Option<Departure>,
    pub(crate) failure: Option<Exit>,
    /// Why there is no TLS, where [`super::Options::expects_tls_failure`] takes that for an answer.
    pub(crate) no_tls: Option<Failure>,
    pub(crate) limit: Option<Limit>,
    /// The commands that were not sent because the session or its login ended, where
    /// [`super::Options::answers_only`] is set; without QUIT.
    pub(crate) unsent: Vec<String>,
    /// The first row that was not sent because the session ended.
    pub(crate) rest_row: Option<usize>,
    pub(crate) last_sent: Option<String>,
    /// The server answered once too often, and was left: its replies no longer fitted the commands.
    pub(crate) is_out_of_step: bool,
    /// The server is not POP3, where [`super::Options::answers_only`] takes that for an answer.
    pub(crate) not_pop3: Option<WrongService>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Time,
    /// The server has sent more than [`crate::modes::options::LimitArgs::max_size`].
    Octets,
}

/// Where a conversation diverged from the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) row: usize,
    pub(crate) recorded: Answer,
    pub(crate) live: Answer,
}
