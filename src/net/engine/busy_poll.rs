//! Whether the thread of a connection sleeps until more comes, or looks again at once.

use std::time::Duration;

/// While a script is played, and something has just happened, the thread polls for this long before
/// it goes to sleep: waking up takes longer than the answer of a near server.
const NEAR: Duration = Duration::from_micros(50);
/// Misses allowed before polling stops.
const PATIENCE: u8 = 8;

/// Whether more comes before the thread would be asleep.
pub(super) struct BusyPoll {
    patience: u8,
    /// The state at the last look; None: the thread has slept since.
    looked: Option<EngineProgress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EngineProgress {
    pub(super) received: u64,
    pub(super) orders: u64,
    /// How many octets wait for their turn.
    pub(super) queued: usize,
}

impl BusyPoll {
    /// Whether a person types: then polling is not worth it.
    pub(super) fn new(is_script: bool) -> Self {
        Self {
            patience: if is_script { PATIENCE } else { 0 },
            looked: None,
        }
    }

    /// Whether the thread has not slept since the last look: then it does not know of the end of
    /// the connection.
    pub(super) fn is_awake(&self) -> bool {
        self.looked.is_some()
    }

    /// Whether something has happened since the last look.
    pub(super) fn has_changed(&self, now: EngineProgress) -> bool {
        self.looked != Some(now)
    }

    /// Notes the state `now`, and returns whether to look again instead of going to sleep; `quiet`:
    /// for how long nothing has come and nothing was sent.
    pub(super) fn stay_awake(&mut self, now: EngineProgress, quiet: Duration) -> bool {
        if self.patience == 0 {
            self.looked = None;
            return false;
        }
        let is_early = quiet < NEAR;
        match self.looked {
            Some(before) if is_early && before.received != now.received => self.patience = PATIENCE,
            Some(_) if !is_early => self.patience -= 1,
            _ => {}
        }
        self.looked = is_early.then_some(now);
        is_early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(received: u64) -> EngineProgress {
        EngineProgress {
            received,
            orders: 0,
            queued: 0,
        }
    }

    #[test]
    fn a_far_server_is_not_looked_for_for_ever() {
        let mut near = BusyPoll::new(true);
        for round in 0..u64::from(PATIENCE) {
            assert!(near.stay_awake(at(round), Duration::ZERO) && near.is_awake());
            assert!(!near.stay_awake(at(round), NEAR) && !near.is_awake());
        }
        assert!(!near.stay_awake(at(99), Duration::ZERO));
    }

    #[test]
    fn an_answer_in_time_gives_new_patience() {
        let mut near = BusyPoll::new(true);
        for round in 0..100 {
            assert!(near.stay_awake(at(round), Duration::ZERO));
            assert!(near.has_changed(at(round + 1)) && !near.has_changed(at(round)));
            assert!(near.stay_awake(at(round + 1), Duration::ZERO));
            assert!(!near.stay_awake(at(round + 1), NEAR));
        }
    }

    #[test]
    fn for_a_person_it_sleeps_at_once() {
        let mut near = BusyPoll::new(false);
        assert!(!near.stay_awake(at(1), Duration::ZERO) && !near.is_awake());
    }
}
