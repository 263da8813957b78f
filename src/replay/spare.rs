//! What a probe does not send: commands that cost an error and show nothing, and those whose session or login is over.

use super::{Replay, cue};
use crate::command::Words;
use crate::heard::Heard;
use crate::player::Action;
use crate::transcript::Piece;

/// Beyond this number a probe asks for a message on purpose that does not exist.
const FETCHED_MAX: u64 = 10;

impl Replay<'_> {
    /// Notes what was not sent when the session ended.
    pub(super) fn note_rest(&mut self) {
        if !self.options.answers_only {
            return;
        }
        self.unsent.extend(self.in_hand.take());
        while let Ok(Some(cue)) = cue(&mut self.player, self.path) {
            self.unsent.extend(label(&cue.action));
        }
    }
}

/// A command as a report names it; None for QUIT and for what is not a command.
pub(super) fn label(action: &Action) -> Option<String> {
    let Action::Send {
        pieces,
        is_response: false,
        ..
    } = action
    else {
        return None;
    };
    let line = String::from_utf8_lossy(first(pieces)).trim().to_owned();
    (!line.is_empty() && line != "QUIT").then_some(line)
}

/// Whether a line belongs to a login, or ends the session.
pub(super) fn is_login(pieces: &[Piece]) -> bool {
    let verb = Words::of(first(pieces)).next().unwrap_or_default();
    [&b"USER"[..], b"PASS", b"APOP", b"AUTH", b"CAPA", b"QUIT"].contains(&verb)
}

/// Whether a command would only cost an error: CAPA where it was refused, and a message beyond the last one.
pub(super) fn is_spared(pieces: &[Piece], heard: &Heard) -> bool {
    let mut words = Words::of(first(pieces));
    let verb = words.next().unwrap_or_default();
    let number = words.next().and_then(|word| std::str::from_utf8(word).ok());
    let number = number.and_then(|word| word.parse::<u64>().ok());
    match (verb, number) {
        (b"CAPA", _) => heard.is_capa_refused,
        (b"RETR" | b"TOP" | b"LIST" | b"UIDL", Some(number)) => {
            (2..=FETCHED_MAX).contains(&number) && !heard.learnt.messages.contains(&number)
        }
        _ => false,
    }
}

fn first(pieces: &[Piece]) -> &[u8] {
    match pieces.first() {
        Some(Piece::Octets(octets)) => octets,
        _ => b"",
    }
}
