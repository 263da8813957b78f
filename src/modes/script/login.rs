//! Logging in from a script: no one is asked, and what is missing ends it.

use zeroize::Zeroizing;

use super::{ScriptRun, is_settled};
use crate::base::error::Explain;
use crate::base::exit::Exit;
use crate::base::lock::lock;
use crate::base::say;
use crate::modes::login::{self, LoginError, LoginHost, Method, NextAttempt, TRIES_MAX};
use crate::modes::plan;
use crate::net::engine::{Risk, Snapshot};
use crate::net::password::PasswordError;
use crate::net::target::Target;
use crate::pop3::session::SessionState;

impl ScriptRun<'_> {
    /// Logs in; `place` is where that was asked for.
    pub(super) fn log_in(&mut self, text: &str, way: Method, place: String) -> Result<(), Exit> {
        let plan = self.plan;
        self.wait(is_settled)?;
        self.was_refused_before = self.was_refused;
        self.place = Some(place.clone());
        let Err(error) = login::log_in(self, plan, text, way) else {
            self.place = None;
            return Ok(());
        };
        let early_end = self.early_end.take();
        if let (LoginError::Stopped, Some(exit)) = (&error, early_end) {
            return Err(exit);
        }
        say::error(&format!("{place}: {error}"), error.hint().as_deref());
        // A server that receives `*` refuses: that refusal is not the reason.
        Err(match (early_end, error) {
            (Some(exit), _) => exit,
            (
                None,
                LoginError::Unproved
                | LoginError::Sasl { .. }
                | LoginError::Risk(_)
                | LoginError::NoChallenge,
            ) => Exit::Refused,
            _ => Exit::Usage,
        })
    }
}

impl LoginHost for ScriptRun<'_> {
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool {
        say::note(&format!("sending: {shown_as}"));
        let sent = self.send_now(line);
        let sent = sent.and_then(|()| self.settle());
        self.early_end = sent.err();
        self.early_end.is_none()
    }

    fn ask_capabilities(&mut self) -> bool {
        self.say("CAPA", b"CAPA");
        self.goes_on()
    }

    fn note(&self, text: &str) {
        say::note(text);
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.connection.snapshot())
    }

    fn target(&self) -> Target {
        self.connection.target().clone()
    }

    fn session(&self) -> SessionState {
        lock(&self.answers).session.clone()
    }

    fn binding(&self) -> Option<Vec<u8>> {
        lock(&self.answers).binding.clone()
    }

    fn challenge(&mut self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.answers).session.challenge)
    }

    fn ask_user(&mut self) -> Option<String> {
        None
    }

    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        plan::password(self.plan, &self.connection, user, None)
    }

    fn may_send_in_clear(&mut self) -> bool {
        false
    }

    /// No one can be asked: a further try must be safe, and likely to be of use.
    fn may_try(&mut self, next: &NextAttempt) -> bool {
        let is_allowed =
            next.warning().is_none() || (next.is_in_clear && self.plan.args.allow_plaintext);
        let name = next.name;
        if !is_allowed {
            let warning = next.warning().unwrap_or_default();
            say::note(&format!("{name} is not tried: {warning}"));
            return false;
        }
        if next.is_doubtful || next.refused >= TRIES_MAX {
            return false;
        }
        let count = next.refused + 1;
        say::note(&format!(
            "trying {name}, login {count} of at most {TRIES_MAX}"
        ));
        if let Some(explanation) = next.explanation {
            say::note(explanation);
        }
        true
    }

    fn goes_on(&mut self) -> bool {
        if matches!(self.early_end, None | Some(Exit::Refused)) {
            self.was_refused = self.was_refused_before;
            self.early_end = None;
            self.stopped = None;
        }
        self.early_end.is_none()
    }

    fn may_risk(&mut self, risk: Risk) -> bool {
        self.allows(risk)
    }
}
