//! What the editor must know of the conversation.

use std::sync::{Arc, Mutex};

use super::masking;
use crate::net::tls::{self, TlsSettings};
use crate::pop3::command::States;
use crate::pop3::session::SessionState;
use crate::pop3::tracker::{Role, State};
use crate::transcript::secret::{Guess, Recall};

#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub(crate) session: SessionState,
    pub(crate) is_open: bool,
    pub(crate) expects_response: bool,
    /// `:send` has begun a line, and its end was not sent.
    pub(crate) is_inside_line: bool,
    /// What was sent and answered, as far as it says which line is a secret.
    pub(crate) guess: Guess,
    /// What is known to be secret.
    pub(crate) recall: Recall,
    /// What STLS will need, until it is being made.
    pub(crate) stls: Option<TlsSettings>,
}

impl Knowledge {
    /// Makes ready for TLS while `stls` is being typed.
    pub(super) fn typed(&mut self, line: &str) {
        let is_stls = |start: &str| start.eq_ignore_ascii_case("st");
        if line.get(..2).is_some_and(is_stls)
            && let Some(settings) = self.stls.take()
        {
            tls::prepare(&settings);
        }
    }

    pub(super) fn role(&self) -> Role {
        if self.expects_response {
            Role::Response
        } else {
            Role::Command
        }
    }

    pub(crate) fn states(&self) -> States {
        match self.session.state {
            _ if !self.is_open => States::BOTH,
            None | Some(State::Greeting | State::Authorization) => States::AUTHORIZATION,
            Some(State::Transaction) => States::TRANSACTION,
            Some(State::Update) => States::BOTH,
        }
    }

    /// The offset in octets at which a line becomes secret. Guesses are right everywhere on the way
    /// to the screen.
    pub(crate) fn secret_from(&self, line: &str) -> Option<usize> {
        let placed = masking::secret_from(line, self.role(), self.is_inside_line, &self.guess);
        let known = self.recall.place(line.as_bytes());
        placed.into_iter().chain(known).min()
    }
}

/// Knowledge shared with the thread that learns it.
pub(super) type SharedKnowledge = Arc<Mutex<Knowledge>>;
