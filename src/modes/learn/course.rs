//! A course that somebody takes: which lesson it is at, the server of that lesson, and how far the learner has come.

use super::Watched;
use super::lesson::Lesson;
use super::progress::Progress;
use crate::modes::plan::{Plan, SessionArgs};
use crate::modes::serve::{ServeOptions, Server};
use crate::net::listener::ListenError;
use crate::net::target::Target;
use crate::servers::maildrop::Maildrop;
use crate::servers::messages;

pub(crate) struct Course {
    lessons: Vec<Lesson>,
    at: usize,
    /// What was done before and since.
    pub(crate) progress: Progress,
    pub(crate) call: String,
    pub(crate) hints: usize,
    pub(crate) told: Vec<bool>,
    pub(crate) watched: Watched,
    serving: Option<Server>,
    target: Option<Target>,
}

impl std::fmt::Debug for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Course")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// A server for a lesson with its own maildrop, and how to connect to it.
///
/// Errors: there is no such server.
pub(super) fn server(
    lesson: &Lesson,
    args: SessionArgs,
) -> Result<(Server, Maildrop, Plan), ListenError> {
    let maildrop = Maildrop::new(messages::practice());
    let server = Server::start(
        ServeOptions {
            maildrop: maildrop.clone(),
            faults: lesson.faults.clone(),
            ..ServeOptions::practice(lesson.is_tls)
        },
        |_| {},
    )?;
    let plan = Plan {
        server: format!("lesson {}", lesson.name),
        file_name: "lesson".to_owned(),
        tls: server.tls_settings(),
        args,
        ..Plan::to(server.target(lesson.is_tls))
    };
    Ok((server, maildrop, plan))
}

impl Course {
    /// A course at its lesson number `at`, from 0; None where there is none.
    pub(crate) fn new(
        lessons: Vec<Lesson>,
        at: usize,
        progress: Progress,
        call: String,
    ) -> Option<Self> {
        let goals = lessons.get(at)?.begin();
        Some(Self {
            lessons,
            at,
            progress,
            call,
            hints: 0,
            told: Vec::new(),
            watched: Watched::new(goals, Maildrop::default()),
            serving: None,
            target: None,
        })
    }

    /// Begins the lesson that it is at, on a server of its own.
    pub(crate) fn begin(&mut self, args: SessionArgs) -> Result<Plan, ListenError> {
        let lesson = self.lesson().clone();
        // The ports of the one before are free first.
        self.serving = None;
        let (serving, maildrop, plan) = server(&lesson, args)?;
        self.serving = Some(serving);
        self.target = Some(plan.target.clone());
        self.watched = Watched::new(lesson.begin(), maildrop);
        self.hints = 0;
        self.told = vec![false; lesson.goals.len()];
        Ok(plan)
    }

    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "`at` is the number of a lesson, and there is one"
    )]
    pub(crate) fn lesson(&self) -> &Lesson {
        &self.lessons[self.at]
    }

    pub(crate) fn is_at(&self, target: &Target) -> bool {
        self.target.as_ref() == Some(target)
    }

    /// Its number, from 1, and how many there are.
    pub(crate) fn number(&self) -> (usize, usize) {
        (self.at + 1, self.lessons.len())
    }

    pub(crate) fn done(&self) -> (usize, usize) {
        let done = self
            .lessons
            .iter()
            .filter(|one| self.progress.has(&one.key));
        (done.count(), self.lessons.len())
    }

    /// Goes to the next lesson; false behind the last.
    pub(crate) fn go_on(&mut self) -> bool {
        let has_next = self.at + 1 < self.lessons.len();
        self.at += usize::from(has_next);
        has_next
    }

    pub(crate) fn is_solved(&self) -> bool {
        self.watched.goals().are_reached()
    }

    /// The goals that were reached since this was asked last.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let goals = self.watched.goals();
        let mut news = Vec::new();
        for ((goal, is_reached), told) in goals.all().zip(&mut self.told) {
            if is_reached && !std::mem::replace(told, true) {
                news.push(goal.says.clone());
            }
        }
        news
    }
}
