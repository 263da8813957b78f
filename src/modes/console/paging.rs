//! Decides what goes to the pager: all that one command prints, when it does not fit on the screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lines::PATIENCE;
use super::screen;
use super::spool::Spool;
use super::view::{self, Mode};
use super::{Console, Keyboard, external_pager, hex, pager, terminal};
use crate::analysis::help;
use crate::base::lock::lock;
use crate::base::style::Paint;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PagedPart {
    /// Lines that are safe for a terminal, as they are.
    Text(String),
    /// A line in the margin, made safe where it is printed.
    Note(Paint, String),
}

impl Console {
    pub(super) fn has_pager(&self) -> bool {
        matches!(self.keyboard, Keyboard::Editor(_))
    }

    /// Shows help for a topic; for an empty one, the list of what can be typed.
    pub(super) fn help(&mut self, topic: &str) {
        let text = if topic.is_empty() {
            help::overview(Some(lock(&self.knowledge).states()))
        } else {
            help::topic(topic, terminal::size().0)
        };
        self.show_text(text, "help");
    }

    /// Shows safe text: in the pager when it does not fit on the screen.
    pub(super) fn show_text(&mut self, text: String, title: &str) {
        self.show(&[PagedPart::Text(text)], title);
    }

    /// Shows what one command prints: in the pager when it does not fit on the screen.
    pub(super) fn show(&mut self, output: &[PagedPart], title: &str) {
        let columns = terminal::size().0;
        let text: String = output
            .iter()
            .map(|part| match part {
                PagedPart::Text(text) => text.clone(),
                PagedPart::Note(_, text) => screen::in_margin(text, columns),
            })
            .collect();
        if self.has_pager() && !terminal::fits(&text) && self.page_text(&text, title) {
            return;
        }
        for part in output {
            match part {
                PagedPart::Text(text) => self.screen.print(text),
                PagedPart::Note(paint, text) => self.screen.line(*paint, text),
            }
        }
    }

    fn page_text(&mut self, text: &str, title: &str) -> bool {
        Spool::new().is_ok_and(|spool| {
            // A bare LF would be shown: in a reply it is worth seeing.
            spool.append(text.replace('\n', "\r\n").as_bytes());
            spool.finish();
            self.show_spool(&spool, title)
        })
    }

    pub(super) fn page(&mut self) {
        let (spool, title, is_hex) = {
            let mut state = lock(&self.shown);
            if state.took.is_none() || state.mode == Mode::WantsPager {
                state.mode = Mode::Paged;
            }
            (state.spool.clone(), state.title.clone(), state.is_hex)
        };
        let Some(spool) = spool else {
            self.screen.note("no multi-line reply yet");
            return;
        };
        if is_hex {
            self.show_in_hex(&spool, &title);
        } else {
            self.show_spool(&spool, &title);
        }
        // A Ctrl-C that ended the pager is no wish to close the connection.
        let _ = self.interrupts.take();
        let mut state = lock(&self.shown);
        let summary = view::summary(&state);
        state.mode = if state.took.is_some() {
            Mode::Screen
        } else {
            Mode::Muted
        };
        self.has_stopped_showing = state.mode == Mode::Muted;
        drop(state);
        self.screen.note(&summary);
    }

    /// Shows a reply with the octets of each line under it, also while it is still coming.
    fn show_in_hex(&mut self, spool: &Arc<Spool>, title: &str) -> bool {
        let Ok(dump) = Spool::new() else {
            return self.show_spool(spool, title);
        };
        let is_left = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                hex::dump(spool, &dump, &is_left);
                dump.finish();
            });
            // So that the first picture is not an empty one.
            let _ = dump.wait(0, PATIENCE);
            let is_shown = self.show_spool(&dump, title);
            is_left.store(true, Ordering::Relaxed);
            is_shown
        })
    }

    /// Shows a spool in the pager of choice; returns whether it went well.
    fn show_spool(&mut self, spool: &Spool, title: &str) -> bool {
        self.screen.set_covered(true);
        let result = self.show_spool_alone(spool, title);
        self.screen.set_covered(false);
        match result {
            Ok(typed_ahead) => {
                self.typed_ahead.push_str(&typed_ahead);
                true
            }
            Err(error) => {
                self.screen.warn(&format!("the pager failed: {error}"));
                false
            }
        }
    }

    /// Shows a spool while nothing else is printed; returns what was typed ahead.
    fn show_spool_alone(&self, spool: &Spool, title: &str) -> std::io::Result<String> {
        if external_pager::page_in_own(spool) {
            return Ok(String::new());
        }
        let has_colour = self.screen.style.has_colour;
        let is_over = || self.interrupts.is_pressed();
        pager::page(spool, title, has_colour, &is_over).map(|leave| leave.typed_ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_wrapped_counts_by_its_rows() {
        assert_eq!(terminal::rows_of("", 80), 0);
        assert_eq!(terminal::rows_of("one\n\ntwo\n", 80), 3);
        assert_eq!(terminal::rows_of(&"x".repeat(80), 80), 1);
        assert_eq!(terminal::rows_of(&"x".repeat(81), 80), 2);
        // A wide character has two columns.
        assert_eq!(terminal::rows_of(&"漢".repeat(41), 80), 2);
    }
}
