//! Logging in from the console: what is sent is shown, and who is missing is asked.

use zeroize::Zeroizing;

use super::Console;
use super::editor::{Input, know};
use super::terminal;
use super::view::shown;
use crate::login::{self, LoginError, Talker, Told, Way};
use crate::net::engine::{Order, Standing};
use crate::password::{self, PasswordError};
use crate::report;
use crate::style::Paint;
use crate::target::Target;

impl Console {
    /// Logs in as the command line asked.
    pub(super) fn log_in_as_planned(&mut self) {
        self.login_by_word("", Way::Best);
    }

    /// Carries out `:login`, `:auth` and `:apop`.
    pub(super) fn login_by_word(&mut self, text: &str, way: Way) {
        let plan = self.plan.clone();
        match login::log_in(self, &plan, text, way) {
            Ok(()) | Err(LoginError::Stopped) => {}
            Err(error) => {
                self.screen.note(Paint::Warning, &error.to_string());
                if let Some(hint) = error.hint() {
                    self.screen.note(Paint::Note, &format!("hint: {hint}"));
                }
            }
        }
    }
}

impl Talker for Console {
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool {
        self.screen.print(&format!("{}\n", report::shown(shown_as)));
        self.send(line);
        self.await_reply();
        true
    }

    fn note(&self, text: &str) {
        self.screen.note(Paint::Note, text);
    }

    fn standing(&self) -> Option<Standing> {
        Console::standing(self)
    }

    fn target(&self) -> Target {
        Console::target(self).clone()
    }

    fn told(&self) -> Told {
        let learnt = &know(&self.knowledge).learnt;
        Told {
            binding: shown(&self.shown)
                .tls
                .as_ref()
                .and_then(|facts| facts.end_point.clone()),
            ..Told::from(learnt)
        }
    }

    fn challenge(&mut self) -> Vec<u8> {
        std::mem::take(&mut know(&self.knowledge).learnt.challenge)
    }

    fn ask_user(&mut self) -> Option<String> {
        match self.read("user name: ", "") {
            Input::Line(user) if !user.trim().is_empty() => Some(user.trim().to_owned()),
            _ => None,
        }
    }

    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let prompt = format!("password of {} (not shown): ", report::shown(user));
        let interrupts = self.interrupts.clone();
        let mut ask = || terminal::ask_unseen(&prompt, &interrupts);
        let secret = password::find(
            &self.plan.args.password,
            &self.target().host,
            user,
            Some(&mut ask),
        )?;
        if let Some(connection) = &self.connection {
            connection.order(Order::Remember("password", secret.clone()));
        }
        Ok(secret)
    }

    fn may_send_in_clear(&mut self) -> bool {
        self.screen.note(
            Paint::Warning,
            "there is no TLS: everybody on the way can read the password (`stls` begins it)",
        );
        let answer = self.read("send it all the same? [y/N] ", "");
        matches!(answer, Input::Line(answer) if answer.trim_start().to_ascii_lowercase().starts_with('y'))
    }
}
