//! What came of a replay.

use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::modes::plan::Failure;
use crate::net::wrong_service::Mistake;
use crate::servers::player::Answer;

/// A replay that came to its end, or as far as the conversation went along with the recording.
#[derive(Debug)]
pub struct Played {
    /// The new transcript.
    pub log: PathBuf,
    /// Where the conversation left the recording.
    pub departure: Option<Departure>,
    /// The connection ended in a way that has an exit code of its own.
    pub failure: Option<Exit>,
    /// Why there is no TLS, where [`super::Options::expects_tls_failure`] takes that for an answer.
    pub no_tls: Option<Failure>,
    /// It was stopped by a limit of the options.
    pub limit: Option<Limit>,
    /// The commands that were not sent because the session or its login ended, where [`super::Options::answers_only`] is set; without QUIT.
    pub unsent: Vec<String>,
    /// The first row that was not sent because the session ended.
    pub rest_row: Option<usize>,
    /// The last command that was sent.
    pub last_sent: Option<String>,
    /// The server answered once too often, and was left: its replies did not fit the commands any more.
    pub is_out_of_step: bool,
    /// The server is not POP3, where [`super::Options::answers_only`] takes that for an answer.
    pub not_pop3: Option<Mistake>,
}

impl Played {
    /// Nothing was played yet.
    pub(super) fn at(log: PathBuf) -> Self {
        Self {
            log,
            departure: None,
            failure: None,
            no_tls: None,
            limit: None,
            unsent: Vec::new(),
            rest_row: None,
            last_sent: None,
            is_out_of_step: false,
            not_pop3: None,
        }
    }
}

/// A limit that stopped a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The moment has come.
    Time,
    /// The server has sent more than [`crate::modes::options::LimitArgs::max_size`].
    Octets,
}

/// Where a conversation left the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// The recorded row.
    pub row: usize,
    /// What the server said then.
    pub recorded: Answer,
    /// What it says now.
    pub live: Answer,
}
