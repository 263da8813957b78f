//! Carries out the commands to poptalk: one arm for each row of the table in
//! `analysis::console_input`.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::terminal;
use super::trust::TrustOption;
use super::{AfterLine, Console};
use crate::analysis::console_input::{self, Action, ConsoleCommand};
use crate::base::lock::lock;
use crate::base::plural::counted;
use crate::base::style::Paint;
use crate::modes::login::Method;
use crate::modes::plan::{self, Failure};
use crate::net::engine::{OpenError, Request};
use crate::net::password;
use crate::net::target;
use crate::net::target::Target;
use crate::pop3::command::Shape;
use crate::pop3::tracker::State;

impl Console {
    pub(super) fn own(&mut self, own: &ConsoleCommand, args: &[u8]) -> AfterLine {
        let text = String::from_utf8_lossy(args.trim_ascii()).into_owned();
        if own.args.is_empty() && !text.is_empty() {
            let what = format!("`:{}` takes no arguments", own.word);
            self.screen.warn(&what);
            return AfterLine::Go;
        }
        match own.action {
            Action::Help => self.help(&text),
            Action::Quit => return self.leave(),
            Action::Close => self.close_by_wish(),
            Action::Pass => self.pass(),
            Action::Login => self.login_by_word(&text, Method::Best),
            Action::Auth => self.login_by_word(&text, Method::Sasl),
            Action::Apop => self.login_by_word(&text, Method::Apop),
            Action::View => self.view_message(&text),
            Action::Save => self.save_message(&text),
            Action::Page => self.page(),
            Action::Log => self.set_log(&text),
            Action::Open => self.open_another(&text),
            Action::Send => self.send_octets(args),
            Action::Multi => self.set_shape(own, &text, Shape::Multi),
            Action::Single => self.set_shape(own, &text, Shape::Single),
            Action::Hex => {
                let is_on = self.switch(&text, lock(&self.shown).is_hex);
                lock(&self.shown).is_hex = is_on;
            }
            Action::Time => {
                let is_on = self.switch(&text, lock(&self.shown).is_timed);
                lock(&self.shown).is_timed = is_on;
            }
            Action::Lint => {
                let is_on = self.switch(&text, !lock(&self.shown).is_lenient);
                lock(&self.shown).is_lenient = !is_on;
            }
            Action::State => self.show_state(),
            Action::Tls => self.show_tls(),
            Action::Why => self.show_why(),
            Action::Caps => self.show_caps(),
            action => return self.course_word(action, &text),
        }
        AfterLine::Go
    }

    /// Reads `on` or `off`; without either, toggles.
    fn switch(&self, text: &str, is_on: bool) -> bool {
        let is_on = match text {
            "on" => true,
            "off" => false,
            "" => !is_on,
            other => {
                let other = lock(&self.knowledge).recall.hide(other);
                let what = format!("`{other}`: expected `on`, `off` or nothing");
                self.screen.warn(&what);
                return is_on;
            }
        };
        self.screen.note(if is_on { "on" } else { "off" });
        is_on
    }

    fn set_shape(&mut self, own: &ConsoleCommand, verb: &str, shape: Shape) {
        match &self.connection {
            _ if verb.is_empty() => self
                .screen
                .warn(&format!("which verb? `:{} VERB`", own.word)),
            Some(connection) => {
                connection.order(Request::SetShape(verb.to_owned(), shape));
                let verb = lock(&self.knowledge).recall.hide(verb);
                self.screen.note(&format!(
                    "replies to {verb}: {}",
                    own.help.trim_start_matches("replies to VERB ")
                ));
            }
            None => self.screen.warn("not connected"),
        }
    }

    fn close_by_wish(&mut self) {
        if self.is_open() {
            self.close();
            self.screen
                .note("closed without QUIT: nothing was deleted; `:open` reconnects");
        } else {
            self.screen.note("not connected");
        }
    }

    fn pass(&mut self) {
        if !self.is_open() {
            self.show_closed();
            return;
        }
        if !self.may_send_secret() {
            return;
        }
        let user = lock(&self.knowledge)
            .session
            .user
            .clone()
            .unwrap_or_default();
        let interrupts = self.interrupts.clone();
        let prompt = password::prompt(&user);
        let mut ask = || terminal::ask_unseen(&prompt, &interrupts);
        let host = self.target().host.clone();
        match plan::pass_line(&self.plan, &host, &user, Some(&mut ask)) {
            Ok(line) => {
                self.screen.print("pass ••••••\n");
                self.send(&line);
            }
            Err(error) => {
                self.screen.error(Paint::Warning, &error);
            }
        }
    }

    fn set_log(&mut self, text: &str) {
        match (text, &self.connection) {
            ("", _) => {
                let place = self
                    .log
                    .as_ref()
                    .map_or("no transcript is written".to_owned(), |path| {
                        format!("transcript {}", path.display())
                    });
                self.screen.note(&place);
            }
            ("off", Some(connection)) => {
                connection.order(Request::SetFile(None, Vec::new()));
                self.log = None;
                self.screen.note("the transcript is no longer written");
            }
            (path, Some(connection)) => {
                match plan::log_elsewhere(connection, &self.plan, PathBuf::from(path)) {
                    Ok(path) => {
                        self.log = path;
                        self.set_log("");
                    }
                    Err(why) => self.screen.warn(&format!(
                        "transcript {path}: {why}; recording continues in the old file"
                    )),
                }
            }
            (_, None) => self.screen.warn("not connected"),
        }
    }

    fn open_another(&mut self, text: &str) {
        if self.snapshot().is_some_and(|now| now.ending.is_none()) {
            self.screen
                .warn("already connected; `:close` or QUIT first");
            return;
        }
        let (text, trust) = match TrustOption::split(text) {
            Ok(read) => read,
            Err(what) => {
                let what = lock(&self.knowledge).recall.hide(&what);
                self.screen.warn(&what);
                return;
            }
        };
        if !text.is_empty() {
            match target::parse(&text, None, self.plan.target.is_tls) {
                Ok(named) => {
                    self.set_target(named.target);
                    self.plan.user = named.user;
                }
                Err(error) => {
                    self.screen.error(Paint::Warning, &error);
                    return;
                }
            }
        }
        let had_tls_asked = self.snapshot().is_some_and(|now| now.is_tls_asked);
        self.wants_tls = text.is_empty() && (had_tls_asked || self.plan.is_stls);
        match trust {
            TrustOption::Authorities => {}
            TrustOption::Ask if self.trust_if_agreed() => {}
            TrustOption::Ask => return,
            TrustOption::Pinned(pin) => self.plan.tls.pin = Some(pin),
        }
        if !self.reopen() {
            return;
        }
        let wants_stls = self.wants_tls && !self.plan.target.is_tls;
        if wants_stls && !matches!(trust, TrustOption::Authorities) {
            self.await_reply();
            self.begin_stls();
        } else if self.plan.found.is_some() && self.plan.is_stls {
            self.screen.note("no TLS yet: type `stls` first");
        } else if self.is_at_lesson() {
            // No other server gets the account of the lesson.
            self.get_ready();
        }
    }

    /// Connects again as planned; says why not where that fails.
    pub(super) fn reopen(&mut self) -> bool {
        self.close();
        self.plan.forget_taken_log();
        while let Err(failure) = self.open() {
            self.screen.error(Paint::Negative, &failure);
            let is_untrusted = failure.is_untrusted();
            self.remember_failure(&failure);
            if !is_untrusted || !self.trust_if_agreed() {
                return false;
            }
        }
        true
    }

    /// Keeps what is known of a failed handshake for `:tls` and `:why`.
    pub(super) fn remember_failure(&self, failure: &Failure) {
        if let Failure::Open(OpenError::Tls(error)) = failure {
            lock(&self.shown).tls_failure = Some(error.clone());
        }
    }

    fn set_target(&mut self, target: Target) {
        self.plan.server = target.to_string();
        self.plan.file_name = target.host.clone();
        self.plan.target = target;
        // How the previous server was found says nothing about this one.
        self.plan.spares.clear();
        self.plan.found = None;
        self.plan.tls.names.clear();
        // These were given for the previous server; its certificate proves nothing about this one.
        self.plan.tls.name = None;
        self.plan.tls.pin = None;
        self.plan.addresses.connect_to = None;
    }

    fn send_octets(&mut self, args: &[u8]) {
        if args.is_empty() {
            let what = r"send what? `:send TEXT`, with `\r \n \t \0 \xHH \\` for octets";
            self.screen.warn(what);
            return;
        }
        let octets = console_input::unescape(args);
        let mut lines = octets
            .iter()
            .flat_map(|octets| octets.split(|octet| *octet == b'\n'));
        if self.is_open() && !lines.all(|line| self.may_send_typed(line.trim_ascii_end())) {
            return;
        }
        match (octets, &self.connection) {
            (Ok(octets), Some(connection)) => {
                lock(&self.knowledge).is_inside_line = !octets.ends_with(b"\n");
                connection.order(Request::Send(Zeroizing::new(octets)));
            }
            (Ok(_), None) => self.screen.warn("not connected"),
            (Err(at), _) => {
                let text = format!(
                    r"unknown escape at octet {} of the text; the escapes are `\r \n \t \0 \xHH \\`",
                    at + 1
                );
                self.screen.warn(&text);
            }
        }
    }

    fn show_state(&mut self) {
        let Some(now) = self.snapshot() else {
            self.screen.note("no connection");
            return;
        };
        let state = match now.state {
            State::Greeting => "connected, no greeting yet",
            State::Authorization => "AUTHORIZATION (not logged in)",
            State::Transaction => "TRANSACTION (logged in)",
            State::Update => "UPDATE (QUIT was answered)",
        };
        let is_pinned = now.is_tls && self.plan.tls.pin.is_some();
        let tls = match (now.is_tls, now.is_doubtful) {
            (false, _) => "no TLS",
            (true, false) if is_pinned => "TLS, certificate pinned",
            (true, false) => "TLS, certificate verified",
            (true, true) => "TLS, certificate not verified",
        };
        let ending = now
            .ending
            .as_ref()
            .map_or(String::new(), |ending| format!("; {}", ending.event()));
        self.screen
            .note(&format!("{}: {state}; {tls}{ending}", self.plan.server));
        if now.marked > 0 {
            let text = format!(
                "{} marked as deleted; QUIT deletes, RSET restores",
                counted(now.marked, "message")
            );
            self.screen.note(&text);
        }
        let capabilities = lock(&self.knowledge).session.capabilities.join(", ");
        if !capabilities.is_empty() {
            self.screen.note(&format!("capabilities: {capabilities}"));
        }
        match &now.awaited {
            Some(_) => self.show_awaited(&now),
            None if now.is_owed => self
                .screen
                .note("the server waits for a SASL response; `*` cancels"),
            None => self.screen.note("no reply is pending"),
        }
    }
}
