//! The end of a connection and of the session: what is closed, asked and reported then.

use std::sync::Arc;

use super::editor::Input;
use super::{AfterLine, Console};
use crate::base::exit::Exit;
use crate::base::lock::lock;
use crate::base::plural::counted;
use crate::modes::plan;
use crate::net::engine::{CloseReason, Snapshot};
use crate::pop3::tracker::State;

impl Console {
    pub(super) fn close(&mut self) {
        if self.close_quietly() {
            self.show_closed_by_us();
        }
        lock(&self.knowledge).is_open = false;
    }

    /// Closes the connection, and looks at what became of its transcript; returns whether there was
    /// one.
    pub(super) fn close_quietly(&mut self) -> bool {
        let Some(connection) = self.connection.take() else {
            return false;
        };
        let end = connection.close();
        let screen = Arc::clone(&self.screen);
        let emit = &mut |what: &str| screen.warn(what);
        let exit = plan::check_transcript_kept(Exit::Well, &end, self.log.as_deref(), emit);
        self.has_lost_log |= exit != Exit::Well;
        true
    }

    /// QUIT was answered: waits for the server to close, and reports whether the session is over.
    pub(super) fn has_said_goodbye(&mut self) -> bool {
        let Some(connection) = &self.connection else {
            return false;
        };
        if connection.snapshot().state != State::Update {
            return false;
        }
        connection.take_leave();
        self.close();
        true
    }

    /// Leaves; asks first when deletions would be lost.
    pub(super) fn leave(&mut self) -> AfterLine {
        if let Some(now) = self.snapshot().filter(|now| now.ending.is_none()) {
            if now.marked > 0 {
                let text = format!(
                    "{} marked for deletion: only QUIT deletes; leaving now keeps everything",
                    counted(now.marked, "message")
                );
                self.screen.warn(&text);
                match self.read("leave without QUIT? [y/N] ", "") {
                    Input::Line(answer)
                        if answer.trim_start().to_ascii_lowercase().starts_with('y') => {}
                    // Ctrl-D again; a terminal that is gone would give the same indefinitely.
                    Input::End => {}
                    _ => return AfterLine::Go,
                }
            }
            self.screen.note("left without QUIT: nothing was deleted");
        }
        let exit = match self.snapshot() {
            Some(now) if now.ending == Some(CloseReason::TlsFailed) => Exit::Tls,
            Some(now) if was_lost(&now) => Exit::NoConnection,
            _ => Exit::Well,
        };
        // A learner who hangs up by leaving has hung up.
        self.close();
        self.show_last_goals();
        self.show_progress();
        AfterLine::Leave(exit)
    }
}

/// Whether the connection ended before its time.
fn was_lost(now: &Snapshot) -> bool {
    now.ending.as_ref().is_some_and(|ending| {
        let is_greeted = now.state != State::Greeting;
        ending.is_loss() || *ending == CloseReason::Injected || !is_greeted
    })
}
