//! Asks for a line, and takes what the terminal gives in place of one.

use super::editor::Input;
use super::{Console, Keyboard, is_idle};
use crate::net::engine::Standing;
use crate::style::Paint;
use crate::tracker::State;
use crate::typed::{self, Typed};

impl Console {
    pub(super) fn ask(&mut self, given: &str) -> Input {
        let prompt = self
            .standing()
            .map_or_else(|| "closed> ".to_owned(), |now| prompt(&now));
        // Each line waits for Enter: no one has seen it yet.
        let ahead = std::mem::take(&mut self.typed_ahead);
        let (line, rest) = ahead.split_once('\n').unwrap_or((&ahead, ""));
        self.typed_ahead = rest.to_owned();
        match self.read(&prompt, &format!("{given}{line}")) {
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
        match typed::read(line, self.plan.args.raw) {
            Typed::Wire(octets) if self.is_open() => {
                let octets = octets.into_owned();
                if self.may_send_typed(&octets) {
                    self.send(&octets);
                }
            }
            Typed::Wire(_) => self.tell_closed(),
            _ => self
                .screen
                .note(Paint::Warning, "a line to poptalk itself is UTF-8"),
        }
    }

    pub(super) fn tell_closed(&self) {
        self.screen.note(
            Paint::Warning,
            "there is no connection; `:open` connects again",
        );
    }

    pub(super) fn read(&mut self, prompt: &str, given: &str) -> Input {
        self.screen.set_prompting(true);
        let style = self.screen.style();
        let input = match &mut self.keyboard {
            Keyboard::Editor(editor) => editor.read(prompt, style, given),
            Keyboard::Plain(editor) => {
                self.screen.set_prompting(false);
                editor.read(prompt)
            }
        };
        self.screen.set_prompting(false);
        input
    }
}

/// The prompt: state, TLS, deletions, and `…` while a reply is coming.
pub(super) fn prompt(now: &Standing) -> String {
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
