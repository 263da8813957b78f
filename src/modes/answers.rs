//! What the server has told so far, for whoever sends lines without a person: scripts, replays.

mod alignment;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::net::engine::News;
use crate::pop3::tracker::Status;
use crate::reading::learnt::Learnt;
use crate::servers::player::Answer;
use crate::transcript::recorder::Seen;

pub use alignment::Alignment;

/// What the server has told.
#[derive(Debug, Default)]
pub struct Heard {
    /// Computed from its replies.
    pub learnt: Learnt,
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    pub binding: Option<Vec<u8>>,
    /// Its answers, oldest first, where somebody takes them.
    pub answers: VecDeque<Answer>,
    /// Whether its replies still fit the commands.
    pub alignment: Alignment,
    /// CAPA was refused, outside TLS or inside it, as it is now.
    pub is_capa_refused: bool,
    /// Why the transcript can't be written any more.
    pub log_failure: Option<String>,
    /// Whether somebody takes the answers.
    pub keeps_answers: bool,
}

impl Heard {
    /// Learns from a step.
    pub fn see(&mut self, seen: &Seen) {
        self.learnt.see(seen);
        self.alignment.see(seen);
        if let Seen::ReplyEnded(Some(sent), Status::Negative) = seen {
            self.is_capa_refused |= sent.verb() == "CAPA";
        }
        if !self.keeps_answers {
            return;
        }
        match seen {
            Seen::ReplyEnded(_, status) => self.answers.push_back(Answer::Reply(*status)),
            Seen::Challenged => self.answers.push_back(Answer::Challenge),
            _ => {}
        }
    }

    /// Learns from news.
    pub fn hear_of(&mut self, news: &News) {
        match news {
            News::Tls(facts) => {
                self.is_capa_refused = false;
                self.binding.clone_from(&facts.end_point);
            }
            News::LogFailed(why) => self.log_failure = Some(why.clone()),
            News::TimedOut(..) | News::KeptOpen(_) if self.keeps_answers => {
                self.answers.push_back(Answer::Silence)
            }
            _ => {}
        }
    }
}

/// What was heard, for one thread at a time.
pub fn hear(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    // Nothing is left half done under the mutex.
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
