//! What a script prints while its connection works: the server's octets on standard output,
//! poptalk's words elsewhere.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use super::lines::ScriptEvent;
use crate::base::escape;
use crate::base::io_error::plain;
use crate::base::lock::lock;
use crate::base::say;
use crate::base::stdio;
use crate::modes::answers::ServerAnswers;
use crate::modes::report;
use crate::net::engine::{CloseReason, Greeting, Notice, Observer, Snapshot};
use crate::pop3::tracker::CutAt;
use crate::transcript::recorder::RecordedStep;

pub(super) struct ScriptPrinter {
    /// On a terminal what would drive it is made visible; no one reads the octets there.
    pub(super) safe: Option<escape::LineEscaper>,
    pub(super) is_pipe_closed: Arc<AtomicBool>,
    /// It can't be written to, and not because no one reads.
    pub(super) is_full: Arc<AtomicBool>,
    pub(super) answers: Arc<Mutex<ServerAnswers>>,
    /// Receives the end of the connection.
    pub(super) lines: SyncSender<ScriptEvent>,
    /// The greeting of a different service does not end the script, so it is reported here.
    pub(super) keeps_going: bool,
}

impl ScriptPrinter {
    fn print(&self, octets: &[u8]) {
        if let Err(error) = stdio::print(octets) {
            if error.kind() != ErrorKind::BrokenPipe && !self.is_full.swap(true, Ordering::Relaxed)
            {
                say::error(
                    &format!("standard output: {}", plain(&error)),
                    Some(
                        "the transcript has all that was received; redirect standard output elsewhere",
                    ),
                );
            }
            self.is_pipe_closed.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for ScriptPrinter {
    fn drop(&mut self) {
        // Also when a panic ends the connection's thread: standard input may be silent
        // indefinitely.
        let _ = self.lines.try_send(ScriptEvent::ConnectionEnded);
    }
}

impl Observer for ScriptPrinter {
    fn on_octets(&mut self, octets: &[u8]) {
        let Some(lines) = &mut self.safe else {
            return self.print(octets);
        };
        let mut text = String::new();
        lines.feed(octets, &mut text);
        self.print(text.as_bytes());
    }

    fn on_step(&mut self, seen: RecordedStep) {
        lock(&self.answers).see(&seen);
    }

    fn on_notice(&mut self, news: Notice) {
        if let (Notice::Ended(_), Some(lines)) = (&news, &mut self.safe) {
            let mut text = String::new();
            lines.finish(&mut text);
            self.print(text.as_bytes());
        }
        if matches!(news, Notice::Ended(_)) {
            // If there is no room, lines are there, and their reader finds the end.
            let _ = self.lines.try_send(ScriptEvent::ConnectionEnded);
        }
        lock(&self.answers).on_notice(&news);
        let is_said = match &news {
            // A script does not report the usual end.
            Notice::Ended(CloseReason::ByServer(CutAt::Nothing)) => false,
            // What ends the script says so itself.
            Notice::NotPop3(greeting) => self.keeps_going && *greeting == Greeting::Odd,
            _ => true,
        };
        if is_said {
            report::news(&news);
        }
    }

    fn wants_more(&self) -> bool {
        !self.is_pipe_closed.load(Ordering::Relaxed)
    }

    fn on_idle(&mut self, _: &Snapshot) {}
}
