//! What the server has answered so far, for modes that send lines without a person: scripts,
//! replays.

mod alignment;

use std::collections::VecDeque;

use crate::net::engine::Notice;
use crate::pop3::session::SessionState;
use crate::servers::player::Answer;
use crate::transcript::recorder::RecordedStep;

pub(crate) use alignment::Alignment;

#[derive(Debug, Default)]
pub(crate) struct ServerAnswers {
    pub(crate) session: SessionState,
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    pub(crate) binding: Option<Vec<u8>>,
    /// Its answers, oldest first, where they are used.
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) alignment: Alignment,
    pub(crate) log_failure: Option<String>,
    pub(crate) keeps_answers: bool,
}

impl ServerAnswers {
    pub(crate) fn see(&mut self, seen: &RecordedStep) {
        if let Some(step) = seen.as_step() {
            self.session.apply(&step);
        }
        self.alignment.see(seen);
        if !self.keeps_answers {
            return;
        }
        match seen {
            RecordedStep::ReplyEnded(_, status) => self.answers.push_back(Answer::Reply(*status)),
            RecordedStep::Challenged => self.answers.push_back(Answer::Challenge),
            _ => {}
        }
    }

    pub(crate) fn on_notice(&mut self, news: &Notice) {
        match news {
            Notice::Tls(facts) => {
                self.session.tls_started();
                self.binding.clone_from(&facts.end_point);
            }
            Notice::LogFailed(why) => self.log_failure = Some(why.clone()),
            Notice::TimedOut(..) | Notice::KeptOpen(_) if self.keeps_answers => {
                self.answers.push_back(Answer::Silence)
            }
            _ => {}
        }
    }
}
