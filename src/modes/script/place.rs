//! The position of a script: which lines were sent and which wait, to name the line that stopped
//! it.

use std::collections::VecDeque;

use crate::pop3::command::{ArgumentKind, Command};

/// The longest line that is repeated in a message, in octets.
const REPEATED_MAX: usize = 60;

#[derive(Debug, Default)]
pub(super) struct PendingLines {
    /// What each is called, and how many octets it has with its line end.
    lines: VecDeque<(String, usize)>,
    octets: usize,
    sent: Option<String>,
}

impl PendingLines {
    /// Adds a line of `octets` octets, line end included.
    pub(super) fn push(&mut self, name: String, octets: usize) {
        self.octets += octets;
        self.lines.push_back((name, octets));
    }

    /// All but the last `left` octets have been sent.
    pub(super) fn sent_but(&mut self, left: usize) {
        while self.octets > left
            && let Some((name, octets)) = self.lines.pop_front()
        {
            self.octets -= octets;
            self.sent = Some(name);
        }
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.sent.as_deref()
    }

    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }
}

/// What line `number` is called in a message: its text only where it is a known command, and each
/// argument is of a kind that cannot be a secret.
pub(super) fn name(number: usize, line: &[u8]) -> String {
    let Some(row) = Command::of_line(line) else {
        return format!("line {number}");
    };
    let words = line.split(u8::is_ascii_whitespace);
    let mut given = words.filter(|word| !word.is_empty()).skip(row.verb_words());
    let is_open = |kind, word: &[u8]| match kind {
        ArgumentKind::Message | ArgumentKind::Lines => word.iter().all(u8::is_ascii_digit),
        ArgumentKind::Name => row.verb == "USER",
        _ => false,
    };
    // What is in the place of another argument, or in none, may be a password.
    let mut args = row.args.iter();
    let is_whole = line.len() <= REPEATED_MAX
        && given.all(|word| args.next().is_some_and(|arg| is_open(arg.kind, word)));
    let text = match is_whole {
        true => String::from_utf8_lossy(line).into_owned(),
        false => row.verb.to_owned(),
    };
    format!("line {number}, \"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_without_its_secret() {
        for (line, named) in [
            ("list 99", "line 4, \"list 99\""),
            ("user alice", "line 4, \"user alice\""),
            ("pass wonderland", "line 4, \"PASS\""),
            ("APOP alice 0123456789abcdef", "line 4, \"APOP\""),
            ("auth plain AGFsaWNl", "line 4, \"AUTH\""),
            ("AGFsaWNlAHdvbmRlcmxhbmQ=", "line 4"),
            ("pas wonderland", "line 4"),
            ("user alice wonderland", "line 4, \"USER\""),
            ("retr wonderland", "line 4, \"RETR\""),
            ("top 1 wonderland", "line 4, \"TOP\""),
            ("stat wonderland", "line 4, \"STAT\""),
            ("rpop wonderland", "line 4, \"RPOP\""),
            ("xclient LOGIN=alice PASS=wonderland", "line 4, \"XCLIENT\""),
        ] {
            assert_eq!(name(4, line.as_bytes()), named);
        }
    }

    #[test]
    fn what_was_sent_is_known_by_the_octets_that_are_left() {
        let mut waiting = PendingLines::default();
        waiting.push("a".to_owned(), 3);
        waiting.push("b".to_owned(), 4);
        waiting.push("c".to_owned(), 5);
        waiting.sent_but(12);
        assert_eq!((waiting.last(), waiting.count()), (None, 3));
        waiting.sent_but(5);
        assert_eq!((waiting.last(), waiting.count()), (Some("b"), 1));
        waiting.sent_but(0);
        assert_eq!((waiting.last(), waiting.count()), (Some("c"), 0));
    }
}
