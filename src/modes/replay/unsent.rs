//! What a probe does not send: commands that cost an error and show nothing, and those whose
//! session or login is over.

use super::{Replay, cue};
use crate::base::lock::lock;
use crate::modes::answers::ServerAnswers;
use crate::net::engine::Snapshot;
use crate::pop3::command::{Command, Words};
use crate::pop3::tracker::State;
use crate::servers::player::CueAction;
use crate::transcript::Piece;

/// Beyond this number a probe asks for a message on purpose that does not exist.
const FETCHED_MAX: u64 = 10;

const SETTLES_MAX: usize = 20;

/// This many replies without a status indicator show that this server has none, and that waiting
/// brings nothing.
const VAIN_WAITS_MAX: u64 = 2;

const LABEL_MAX: usize = 40;

impl Replay<'_> {
    /// Waits for what is still on its way where the last reply cannot be the one to its command.
    /// Returns whether the replies are out of step: then nothing more is to be sent on this
    /// connection.
    pub(super) fn is_out_of_step(&mut self, now: &Snapshot) -> bool {
        let is_open =
            now.ending.is_none() && matches!(now.state, State::Authorization | State::Transaction);
        if !self.options.answers_only || !is_open || now.outstanding > 0 || now.is_owed {
            return false;
        }
        let is_malformed = lock(&self.answers).alignment.is_only_malformed();
        if is_malformed && self.vain_waits >= VAIN_WAITS_MAX {
            return false;
        }
        let mut lines = now.lines;
        for _ in 0..SETTLES_MAX {
            if !lock(&self.answers)
                .alignment
                .is_doubtful(self.options.is_wary)
            {
                return false;
            }
            let settle = self.options.settle;
            let later = self.connection.wait(settle, |later| later.lines > lines);
            if later.lines == lines || later.ending.is_some() {
                break;
            }
            lines = later.lines;
        }
        self.vain_waits += u64::from(is_malformed && lines == now.lines);
        let is_open = self.connection.snapshot().ending.is_none();
        let answers = lock(&self.answers);
        // A login continues: what was on its way has come, and without a login there would be
        // nothing to test.
        is_open && answers.alignment.is_lost() && !answers.alignment.is_about_login()
    }

    pub(super) fn note_rest(&mut self) {
        if !self.options.answers_only {
            return;
        }
        let mut rest: Vec<(usize, String)> = self.in_hand.take().into_iter().collect();
        while let Ok(Some(cue)) = cue(&mut self.player, self.path) {
            rest.extend(label(&cue.action).map(|label| (cue.row, label)));
        }
        self.played.rest_row = rest.first().map(|(row, _)| *row);
        self.played
            .unsent
            .extend(rest.into_iter().map(|(_, label)| label));
    }
}

/// A command as a report names it; None for QUIT, and for an answer inside AUTH.
pub(super) fn label(action: &CueAction) -> Option<String> {
    let CueAction::Send {
        pieces,
        is_response: false,
        ..
    } = action
    else {
        return None;
    };
    let line = String::from_utf8_lossy(Piece::head(pieces))
        .trim()
        .to_owned();
    let is_long = line.chars().count() > LABEL_MAX;
    match line.as_str() {
        "QUIT" => None,
        "" if pieces.is_empty() => Some("an empty line".to_owned()),
        "" => None,
        _ if is_long => Some(line.chars().take(LABEL_MAX).chain(['…']).collect()),
        _ => Some(line),
    }
}

/// Whether a line belongs to a login, or ends the session.
pub(super) fn is_login(pieces: &[Piece]) -> bool {
    let verb = Words::of(Piece::head(pieces)).next().unwrap_or_default();
    [&b"USER"[..], b"PASS", b"APOP", b"AUTH", b"CAPA", b"QUIT"].contains(&verb)
}

/// Whether a command would only cost an error: CAPA where it was refused, and a message beyond the
/// last one.
pub(super) fn would_only_fail(pieces: &[Piece], answers: &ServerAnswers) -> bool {
    let line = Piece::head(pieces);
    let mut words = Words::of(line);
    if words.next() == Some(b"CAPA") {
        return answers.session.is_capa_refused;
    }
    let number = words.next().and_then(|word| std::str::from_utf8(word).ok());
    let number = number.and_then(|word| word.parse::<u64>().ok());
    let number = number.filter(|number| (2..=FETCHED_MAX).contains(number));
    let is_read = |row: &Command| row.lists_messages() || row.fetches_message();
    Command::of_line(line).is_some_and(is_read)
        && number.is_some_and(|number| !answers.session.has_message(number))
}
