//! Logging in from the console: what is sent is shown, and who is missing is asked.

use zeroize::Zeroizing;

use super::Console;
use super::editor::Input;
use super::terminal;
use crate::base::lock::lock;
use crate::base::say;
use crate::base::style::Paint;
use crate::modes::login::{self, LoginError, LoginHost, Method, NextAttempt};
use crate::modes::plan::{self, NO_TLS};
use crate::net::engine::{Risk, Snapshot};
use crate::net::password::{self, PasswordError};
use crate::net::target::Target;
use crate::pop3::session::SessionState;
use crate::pop3::tracker::Role;

impl Console {
    /// Begins TLS and logs in, as the command line asked; neither at a server that is not POP3.
    pub(super) fn begin_as_planned(&mut self) {
        if !self.plan.is_stls && !self.plan.args.login {
            return;
        }
        self.await_reply();
        let is_other = |now: &Snapshot| now.greeting.mistake().is_some();
        if self.snapshot().as_ref().is_some_and(is_other) {
            let what = "nothing was sent: this is not a POP3 greeting";
            self.screen.warn(what);
            return;
        }
        let is_clear = |now: &Snapshot| now.ending.is_none() && !now.is_tls;
        if self.plan.is_stls {
            self.begin_stls();
            if self.snapshot().as_ref().is_some_and(is_clear) {
                let what = match self.plan.found {
                    // Nothing proves who it is.
                    Some(_) => {
                        "no TLS: this session is in cleartext, and only DNS says that this is the right server; type QUIT, or send no password"
                    }
                    None => NO_TLS,
                };
                self.screen.warn(what);
            }
        }
        if !self.plan.args.login {
            return;
        }
        if self.plan.is_stls && self.snapshot().is_some_and(|now| !now.is_tls) {
            let what = "not logged in: --stls requires TLS, and TLS is not on";
            self.screen.warn(what);
            let hint = "hint: `:login` asks, then logs in without TLS";
            self.screen.note(hint);
        } else {
            self.login_by_word("", Method::Best);
        }
    }

    pub(super) fn begin_stls(&mut self) {
        self.screen.print("stls\n");
        self.send(b"STLS");
        self.await_reply();
    }

    /// Asks before a line that was typed goes out, where it holds a secret that should not; true
    /// when nothing is against it.
    pub(super) fn may_send_typed(&mut self, line: &[u8]) -> bool {
        let now = self.snapshot();
        let is_response = now.is_some_and(|now| now.expects_response);
        // The exchange that a response belongs to was allowed.
        let is_guessed = || {
            lock(&self.knowledge)
                .guess
                .place(line, Role::Command)
                .is_some()
        };
        let is_secret = !is_response && (plan::sends_secret(line) || is_guessed());
        !is_secret || self.may_send_secret()
    }

    /// Asks before a secret goes where it should not; true when nothing is against it.
    pub(super) fn may_send_secret(&mut self) -> bool {
        let risk = self.snapshot().and_then(|now| now.risk());
        let is_allowed = risk.is_none_or(|risk| self.may_risk(risk));
        if !is_allowed {
            self.screen.note("not sent");
        }
        is_allowed
    }

    fn is_agreed(&mut self) -> bool {
        self.is_yes("send it anyway? [y/N] ")
    }

    pub(super) fn is_yes(&mut self, prompt: &str) -> bool {
        let Input::Line(answer) = self.read(prompt, "") else {
            return false;
        };
        let answer = answer.trim().to_ascii_lowercase();
        matches!(answer.as_str(), "y" | "yes")
    }

    /// Carries out `:login`, `:auth` and `:apop`.
    pub(super) fn login_by_word(&mut self, text: &str, way: Method) {
        let plan = self.plan.clone();
        match login::log_in(self, &plan, text, way) {
            Ok(()) | Err(LoginError::Stopped) => {}
            Err(error) => {
                self.screen.error(Paint::Warning, &error);
            }
        }
    }
}

impl LoginHost for Console {
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool {
        self.screen.print(&format!("{}\n", say::shown(shown_as)));
        self.send(line);
        self.await_reply();
        true
    }

    fn note(&self, text: &str) {
        self.screen.note(text);
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Console::snapshot(self)
    }

    fn target(&self) -> Target {
        Console::target(self).clone()
    }

    fn session(&self) -> SessionState {
        lock(&self.knowledge).session.clone()
    }

    fn binding(&self) -> Option<Vec<u8>> {
        let shown = lock(&self.shown);
        shown.tls.as_ref()?.end_point.clone()
    }

    fn challenge(&mut self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.knowledge).session.challenge)
    }

    fn ask_user(&mut self) -> Option<String> {
        match self.read("user name: ", "") {
            Input::Line(user) if !user.trim().is_empty() => Some(user.trim().to_owned()),
            _ => None,
        }
    }

    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let prompt = password::prompt(user);
        let interrupts = self.interrupts.clone();
        let mut ask = || terminal::ask_unseen(&prompt, &interrupts);
        match &self.connection {
            Some(connection) => plan::password(&self.plan, connection, user, Some(&mut ask)),
            // Without one nothing logs in.
            None => Err(PasswordError::Nowhere(user.to_owned())),
        }
    }

    fn may_send_in_clear(&mut self) -> bool {
        self.screen.warn(
            "there is no TLS: anyone on the network path can read the password (`stls` begins TLS)",
        );
        self.is_agreed()
    }

    fn may_try(&mut self, next: &NextAttempt) -> bool {
        if let Some(warning) = next.warning() {
            self.screen.warn(warning);
        }
        let name = next.name;
        if let Some(explanation) = next.explanation {
            let text = format!("next: {name}, {explanation}");
            self.screen.note(&text);
        }
        let prompt = format!("try {name}? A refusal counts as one more failed login. [y/N] ");
        self.is_yes(&prompt)
    }

    fn may_risk(&mut self, risk: Risk) -> bool {
        if risk == Risk::NoTls && self.plan.args.allow_plaintext {
            return true;
        }
        self.screen.warn(risk.says());
        self.is_agreed()
    }
}
