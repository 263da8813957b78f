//! The lines of a script, each sent when its turn comes.

use std::time::Instant;

use super::busy_poll::EngineProgress;
use super::event_loop::Engine;
use super::{Notice, Pacing};
use crate::pop3::tracker::{Side, State};

/// The most octets that go out together.
const OUTBOX_FULL: usize = 16 * 1024;

impl Engine {
    /// Whether lines go out one after the other, without a notice for each.
    pub(super) fn is_busy(&self) -> bool {
        let low = self.queue.turns.map_or(0, |turns| turns.low);
        self.queue.left() > low && self.has_turn()
    }

    pub(super) fn moment(&self) -> EngineProgress {
        EngineProgress {
            received: self.snapshot.received,
            orders: self.snapshot.taken,
            queued: self.queue.left(),
        }
    }

    /// Whether the waiting lines may be sent at all.
    fn has_turn(&self) -> bool {
        let now = &self.snapshot;
        let goes_on = |turns: Pacing| now.refusals <= turns.refusals;
        now.timeouts == 0 && self.queue.turns.is_some_and(goes_on) && self.observer.wants_more()
    }

    pub(super) fn send_in_turn(&mut self) {
        let Some(turns) = self.queue.turns.filter(|_| self.queue.left() > 0) else {
            return;
        };
        if !self.has_turn() {
            return;
        }
        let now_ms = self.now_ms();
        while self.outbox.len() < OUTBOX_FULL {
            let tracker = self.recorder.tracker();
            let is_settled = tracker.is_response_owed() || tracker.outstanding() == 0;
            let may_send = match turns.window {
                1 => is_settled && tracker.state() != State::Greeting && !tracker.is_before_tls(),
                window => {
                    tracker.is_response_owed()
                        || (tracker.may_send() && tracker.outstanding() < window)
                }
            };
            let Some(line) = may_send.then(|| self.queue.next()).flatten() else {
                break;
            };
            self.recorder
                .feed_ahead(Side::Client, line, now_ms, &mut |seen| {
                    self.snapshot.note_sent(&seen);
                    self.observer.on_step(seen);
                });
            self.outbox.extend_from_slice(line);
            self.snapshot.quiet_since = Instant::now();
            self.asked_since = self.snapshot.quiet_since;
        }
        if self.recorder.take_short_secret() {
            self.observer.on_notice(Notice::ShortSecret);
        }
    }
}
