//! The screen, shared by the thread that reads the network and the one that reads the keyboard.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustyline::ExternalPrinter;

use super::terminal;
use crate::base::error::Explain;
use crate::base::lock::lock;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::{Paint, Style};
use crate::base::wrap::rows;

/// What comes before poptalk's own lines.
const MARGIN: &str = "  ";

/// Where text goes: straight out, or above the prompt while a line is being typed.
#[derive(Debug)]
pub(crate) struct Screen {
    state: Mutex<ScreenState>,
    changed: Condvar,
    pub(crate) style: Style,
}

#[derive(Debug, Default)]
struct ScreenState {
    is_prompting: bool,
    is_covered: bool,
    is_over: bool,
    is_inside_line: bool,
    /// Texts for above the prompt, or for when the pager was left.
    queue: VecDeque<String>,
}

/// A text made safe, in rows with the margin of poptalk's own lines.
pub(super) fn in_margin(text: &str, columns: usize) -> String {
    let safe = say::shown(text);
    rows(&safe, columns.saturating_sub(MARGIN.len()))
        .into_iter()
        .map(|row| format!("{MARGIN}{row}\n"))
        .collect()
}

impl Screen {
    pub(crate) fn new(style: Style) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            style,
        })
    }

    /// Prints text that is safe for a terminal. The editor's printer is never called here: it may
    /// wait for the editor.
    pub(crate) fn print(&self, text: &str) {
        let mut state = lock(&self.state);
        if state.is_prompting || state.is_covered {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            state.queue.push_back(format!("{text}{end}"));
            self.changed.notify_all();
        } else {
            put(&mut state, text);
        }
    }

    /// Prints a line of poptalk's own, made safe, on as many rows as it needs; words are not cut.
    pub(crate) fn line(&self, paint: Paint, text: &str) {
        let rows = in_margin(text, terminal::size().0);
        // A server line without an end yet is not one of ours.
        let mut text = match lock(&self.state).is_inside_line {
            true => "\n".to_owned(),
            false => String::new(),
        };
        for row in rows.lines() {
            text += &self.style.paint(paint, row);
            text.push('\n');
        }
        self.print(&text);
    }

    pub(crate) fn note(&self, text: &str) {
        self.line(Paint::Note, text);
    }

    pub(crate) fn warn(&self, text: &str) {
        self.line(Paint::Warning, text);
    }

    /// Shows an error, and what to do where that is known.
    pub(crate) fn error(&self, paint: Paint, error: &impl Explain) {
        self.line(paint, &error.to_string());
        if let Some(hint) = error.hint() {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// Says whether a line is being typed. What waited to be shown above it is shown now when it is
    /// not.
    pub(crate) fn set_prompting(&self, is_prompting: bool) {
        let mut state = lock(&self.state);
        state.is_prompting = is_prompting;
        if is_prompting && state.is_inside_line {
            put(&mut state, "\n");
        }
        flush(&mut state);
    }

    /// Says whether a pager has the terminal: nothing is printed into it, but kept until it was
    /// left.
    pub(crate) fn set_covered(&self, is_covered: bool) {
        let mut state = lock(&self.state);
        state.is_covered = is_covered;
        flush(&mut state);
    }

    /// Shows texts above the prompt, until [`Screen::finish`].
    pub(crate) fn serve(self: &Arc<Self>, mut printer: impl ExternalPrinter + Send + 'static) {
        let screen = Arc::clone(self);
        // It ends with the program at the latest; nothing waits for it.
        drop(std::thread::spawn(move || {
            while let Some(text) = screen.next() {
                if printer.print(text).is_err() {
                    return;
                }
            }
        }));
    }

    /// Ends the thread of [`Screen::serve`].
    pub(crate) fn finish(&self) {
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<String> {
        let not_yet = |state: &mut ScreenState| {
            let is_shown = state.is_prompting && !state.is_covered;
            !state.is_over && (!is_shown || state.queue.is_empty())
        };
        let mut state = self
            .changed
            .wait_while(lock(&self.state), not_yet)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            None
        } else {
            state.queue.pop_front()
        }
    }
}

/// Prints what has waited, if it need not wait any longer.
fn flush(state: &mut ScreenState) {
    while !state.is_prompting
        && !state.is_covered
        && let Some(text) = state.queue.pop_front()
    {
        put(state, &text);
    }
}

fn put(state: &mut ScreenState, text: &str) {
    state.is_inside_line = !text.is_empty() && !text.ends_with('\n');
    // A screen that is gone ends the program where the keyboard is read.
    let _ = stdio::print(text.as_bytes());
}
