//! The commands that wait for their replies: a queue that knows whether it contains a verb without
//! searching.

use std::collections::VecDeque;

/// The verbs that rules ask about. A client may pipeline any number of commands, so the queue is
/// never searched.
const COUNTED: [&str; 4] = ["STLS", "QUIT", "STAT", "LIST"];

#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    verbs: VecDeque<String>,
    counts: [usize; COUNTED.len()],
}

impl Waiting {
    pub(super) fn push(&mut self, verb: String) {
        if let Some(count) = self.count_of(&verb) {
            *count += 1;
        }
        self.verbs.push_back(verb);
    }

    pub(super) fn pop(&mut self) {
        if let Some(verb) = self.verbs.pop_front()
            && let Some(count) = self.count_of(&verb)
        {
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn len(&self) -> usize {
        self.verbs.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.verbs.is_empty()
    }

    /// Whether a command with this verb, one of [`COUNTED`], waits.
    pub(crate) fn has(&self, verb: &str) -> bool {
        self.count(verb) > 0
    }

    /// Whether a command with this verb waits after the first.
    pub(crate) fn has_later(&self, verb: &str) -> bool {
        let is_first = self.verbs.front().is_some_and(|first| first == verb);
        self.count(verb) > usize::from(is_first)
    }

    fn count(&self, verb: &str) -> usize {
        let counts = COUNTED.iter().zip(&self.counts);
        let mut counts = counts.filter(|(counted, _)| **counted == verb);
        counts.next().map_or(0, |(_, count)| *count)
    }

    fn count_of(&mut self, verb: &str) -> Option<&mut usize> {
        let at = COUNTED.iter().position(|counted| *counted == verb)?;
        self.counts.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_known_as_long_as_it_waits() {
        let mut waiting = Waiting::default();
        for verb in ["LIST", "NOOP", "LIST", "QUIT"] {
            waiting.push(verb.to_owned());
        }
        assert!(waiting.has("QUIT") && waiting.has_later("LIST") && !waiting.has("STLS"));
        waiting.pop();
        waiting.pop();
        assert!(waiting.has("LIST") && !waiting.has_later("LIST"));
        waiting.clear();
        assert!(waiting.is_empty() && !waiting.has("QUIT"));
    }
}
