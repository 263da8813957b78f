//! Asks for a line, and takes what the terminal gives in place of one.

use super::drawn::MASK;
use super::editor::{Input, LongHelp};
use super::screen::Screen;
use super::{Console, Keyboard, SILENCE, is_idle, plain};
use crate::analysis::console_input::{self, TypedLine};
use crate::base::lock::lock;
use crate::base::say;
use crate::net::engine::Snapshot;
use crate::pop3::tracker::State;

impl Console {
    pub(super) fn ask(&mut self) -> Input {
        let prompt = self.prompt();
        let given = self.with_typed_ahead("");
        match self.read(&prompt, &given) {
            // What a terminal has pasted in brackets: lines that were not seen one by one.
            Input::Line(lines) if lines.contains('\n') => {
                let (first, rest) = lines.split_once('\n').unwrap_or((&lines, ""));
                self.typed_ahead.insert_str(0, rest);
                Input::Line(first.to_owned())
            }
            input => input,
        }
    }

    /// Sends a line that the terminal gave as octets, without a look at what it means to poptalk.
    pub(super) fn send_as_typed(&mut self, line: &[u8]) {
        match console_input::read(line, self.plan.args.raw) {
            TypedLine::Wire(octets) if self.is_open() => {
                let octets = octets.into_owned();
                if self.may_send_typed(&octets) {
                    self.send(&octets);
                }
            }
            TypedLine::Wire(octets) => {
                self.learn_unsent(&octets);
                self.show_closed();
            }
            _ => self.screen.warn("a line for poptalk itself must be UTF-8"),
        }
    }

    /// A secret that was typed without a connection is one anyway.
    fn learn_unsent(&self, line: &[u8]) {
        if !self.plan.args.secrets.keep_secrets {
            let guess = lock(&self.knowledge).guess.clone();
            self.plan.secrets.learn(line, &guess);
        }
    }

    /// A line for the server was typed, and there is no connection: in a lesson there is a new one
    /// at once. Elsewhere the line is not sent: you have not seen yet to which server it would go.
    pub(super) fn type_at_closed(&mut self, line: &str, octets: &[u8]) {
        // The end may be known before all about it is: the prompt has to know it.
        if let Some(connection) = &self.connection {
            connection.wait(SILENCE, |now| now.ending.is_some());
        }
        if self.reopen_lesson() {
            self.await_reply();
            if self.is_open() {
                self.screen
                    .print(&format!("{}{}\n", self.prompt(), self.masked(line)));
                self.send(octets);
                self.remember(line);
                return;
            }
        }
        let is_kept = self.remember_unsent(line);
        self.learn_unsent(octets);
        self.show_closed();
        let is_quit = octets.trim_ascii().eq_ignore_ascii_case(b"QUIT");
        let hint = match (is_quit, is_kept) {
            (true, _) => "hint: `:quit` leaves poptalk",
            (false, true) => "hint: the Up key brings the line back",
            (false, false) => return,
        };
        self.screen.note(hint);
    }

    pub(super) fn show_closed(&self) {
        self.screen
            .warn("not connected, so nothing was sent; `:open` reconnects");
    }

    pub(super) fn prompt(&self) -> String {
        self.snapshot()
            .map_or_else(|| "closed> ".to_owned(), |now| prompt(&now))
    }

    fn masked(&self, line: &str) -> String {
        let from = lock(&self.knowledge).secret_from(line);
        let (open, secret) = line
            .split_at_checked(from.unwrap_or(line.len()))
            .unwrap_or(("", line));
        let mut safe = say::shown(open);
        safe.extend(secret.chars().map(|_| MASK));
        safe
    }

    /// A line with what was typed ahead after it. Each line waits for Enter: you have not seen it
    /// yet.
    fn with_typed_ahead(&mut self, line: &str) -> String {
        let ahead = std::mem::take(&mut self.typed_ahead);
        let (first, rest) = ahead.split_once('\n').unwrap_or((&ahead, ""));
        self.typed_ahead = rest.to_owned();
        format!("{line}{first}")
    }

    pub(super) fn read(&mut self, prompt: &str, given: &str) -> Input {
        let mut given = given.to_owned();
        loop {
            self.screen.set_prompting(true);
            let style = self.screen.style;
            let warn = || show_damaged(&self.screen);
            let input = match &mut self.keyboard {
                Keyboard::Editor(editor) => editor.read(prompt, style, &given, &warn),
                Keyboard::Plain => {
                    self.screen.set_prompting(false);
                    Ok(plain::read(prompt))
                }
            };
            self.screen.set_prompting(false);
            match input {
                Ok(input) => return input,
                Err(LongHelp { text, line }) => {
                    self.show_text(text, "help");
                    given = self.with_typed_ahead(&line);
                }
            }
        }
    }
}

/// An octet was typed that is not UTF-8, and the prompt comes back.
fn show_damaged(screen: &Screen) {
    screen.set_prompting(false);
    screen.warn("this line can't be sent: it contained an invalid UTF-8 octet; Enter clears it");
    screen.note(r"hint: `:send` sends any octets, such as `:send caf\xe9\r\n`");
    screen.set_prompting(true);
}

/// The prompt: state, TLS, deletions, and `…` while a reply is coming.
pub(super) fn prompt(now: &Snapshot) -> String {
    let tls = match (now.is_tls, now.is_doubtful) {
        (false, _) => "",
        (true, false) => " tls",
        (true, true) => " tls?",
    };
    let state = match (&now.ending, now.state) {
        (Some(_), _) => return "closed> ".to_owned(),
        _ if now.expects_response => "sasl",
        (None, State::Greeting) => "greeting",
        (None, State::Authorization) => "auth",
        (None, State::Transaction) => "trans",
        (None, State::Update) => "update",
    };
    let marked = if now.marked > 0 {
        format!(" +{} del", now.marked)
    } else {
        String::new()
    };
    let more = if is_idle(now) { "" } else { " …" };
    format!("{state}{tls}{marked}{more}> ")
}
