//! The screen, shared by the thread that reads the network and the one that reads the keyboard.

#![allow(clippy::print_stdout, reason = "this is the place where it is done")]

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustyline::ExternalPrinter;

use crate::style::{Paint, Style};
use crate::visible;

/// Where text goes: straight out, or above the prompt while a line is being typed.
#[derive(Debug)]
pub struct Screen {
    state: Mutex<State>,
    changed: Condvar,
    style: Style,
}

#[derive(Debug, Default)]
struct State {
    is_prompting: bool,
    /// A pager has the terminal.
    is_covered: bool,
    is_over: bool,
    /// The cursor is not at the start of a line.
    is_inside_line: bool,
    /// Texts for above the prompt, or for when the pager was left.
    queue: VecDeque<String>,
}

impl Screen {
    /// A screen without a prompt.
    #[must_use]
    pub fn new(style: Style) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            style,
        })
    }

    /// Its colours.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Prints text that is safe for a terminal. The editor's printer is never called here: it may wait for the editor.
    pub fn print(&self, text: &str) {
        let mut state = self.lock();
        if state.is_prompting || state.is_covered {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            state.queue.push_back(format!("{text}{end}"));
            self.changed.notify_all();
        } else {
            put(&mut state, text);
        }
    }

    /// Prints a line of poptalk's own, made safe.
    pub fn note(&self, paint: Paint, text: &str) {
        let mut safe = String::from("  ");
        visible::escape(text.as_bytes(), &mut safe);
        self.print(&format!("{}\n", self.style.paint(paint, &safe)));
    }

    /// Says whether a line is being typed. What waited to be shown above it is shown now when it is not.
    pub fn set_prompting(&self, is_prompting: bool) {
        let mut state = self.lock();
        state.is_prompting = is_prompting;
        if is_prompting && state.is_inside_line {
            put(&mut state, "\n");
        }
        flush(&mut state);
    }

    /// Says whether a pager has the terminal: nothing is printed into it, but kept until it was left.
    pub fn set_covered(&self, is_covered: bool) {
        let mut state = self.lock();
        state.is_covered = is_covered;
        flush(&mut state);
    }

    /// Shows texts above the prompt, until [`Screen::finish`].
    pub fn serve(self: &Arc<Self>, mut printer: impl ExternalPrinter + Send + 'static) {
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
    pub fn finish(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<String> {
        let not_yet = |state: &mut State| {
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints what has waited, if it need not wait any more.
fn flush(state: &mut State) {
    while !state.is_prompting
        && !state.is_covered
        && let Some(text) = state.queue.pop_front()
    {
        put(state, &text);
    }
}

fn put(state: &mut State, text: &str) {
    state.is_inside_line = !text.is_empty() && !text.ends_with('\n');
    let mut out = std::io::stdout().lock();
    // A screen that is gone ends the program where the keyboard is read.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
