//! The screen, shared by the thread that reads the network and the one that reads the keyboard.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustyline::ExternalPrinter;

use super::terminal;
use crate::base::escape;
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
    style: Style,
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
    let mut safe = String::new();
    escape::escape(text.as_bytes(), &mut safe);
    rows(&safe, columns.saturating_sub(MARGIN.len()))
        .into_iter()
        .map(|row| format!("{MARGIN}{row}\n"))
        .collect()
}

impl Screen {
    /// A screen without a prompt.
    pub(crate) fn new(style: Style) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            style,
        })
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Prints text that is safe for a terminal. The editor's printer is never called here: it may
    /// wait for the editor.
    pub(crate) fn print(&self, text: &str) {
        let mut state = self.lock();
        if state.is_prompting || state.is_covered {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            state.queue.push_back(format!("{text}{end}"));
            self.changed.notify_all();
        } else {
            put(&mut state, text);
        }
    }

    /// Prints a line of poptalk's own, made safe, on as many rows as it needs; words are not cut.
    pub(crate) fn note(&self, paint: Paint, text: &str) {
        let rows = in_margin(text, terminal::size().0);
        // A server line without an end yet is not one of ours.
        let mut text = match self.lock().is_inside_line {
            true => "\n".to_owned(),
            false => String::new(),
        };
        for row in rows.lines() {
            text += &self.style.paint(paint, row);
            text.push('\n');
        }
        self.print(&text);
    }

    /// Says whether a line is being typed. What waited to be shown above it is shown now when it is
    /// not.
    pub(crate) fn set_prompting(&self, is_prompting: bool) {
        let mut state = self.lock();
        state.is_prompting = is_prompting;
        if is_prompting && state.is_inside_line {
            put(&mut state, "\n");
        }
        flush(&mut state);
    }

    /// Says whether a pager has the terminal: nothing is printed into it, but kept until it was
    /// left.
    pub(crate) fn set_covered(&self, is_covered: bool) {
        let mut state = self.lock();
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
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<String> {
        let not_yet = |state: &mut ScreenState| {
            let is_shown = state.is_prompting && !state.is_covered;
            !state.is_over && (!is_shown || state.queue.is_empty())
        };
        let mut state = self
            .changed
            .wait_while(self.lock(), not_yet)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            None
        } else {
            state.queue.pop_front()
        }
    }

    fn lock(&self) -> MutexGuard<'_, ScreenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
