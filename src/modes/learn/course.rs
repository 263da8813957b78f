//! A running course: the current lesson, its server, and the learner's progress.

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
    /// The lessons that are done, in this run and before it.
    pub(crate) progress: Progress,
    /// The command line that resumes the course.
    pub(crate) call: String,
    /// How many hints of this lesson have been shown.
    pub(crate) hints: usize,
    /// For each goal, whether the learner has seen that it is reached.
    pub(crate) announced: Vec<bool>,
    /// The goals of this lesson.
    pub(crate) watched: Watched,
    serving: Option<Server>,
    /// The address of `serving`, once it has started.
    target: Option<Target>,
}

/// Starts a server with a fresh maildrop for a lesson. Returns both, and a plan to connect to it.
///
/// Errors: the server cannot listen.
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
    /// Returns a course at lesson `at`, counted from 0, or `None` if there is no such lesson.
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
            announced: Vec::new(),
            watched: Watched::new(goals, Maildrop::default()),
            serving: None,
            target: None,
        })
    }

    /// Starts the current lesson from the beginning, on a fresh server.
    ///
    /// Errors: the server cannot listen.
    pub(crate) fn begin(&mut self, args: SessionArgs) -> Result<Plan, ListenError> {
        let lesson = self.lesson().clone();
        // Dropping the previous server first frees its ports.
        self.serving = None;
        let (serving, maildrop, plan) = server(&lesson, args)?;
        self.serving = Some(serving);
        self.target = Some(plan.target.clone());
        self.watched = Watched::new(lesson.begin(), maildrop);
        self.hints = 0;
        self.announced = vec![false; lesson.goals.len()];
        Ok(plan)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`new` and `go_on` keep `at` within the lessons"
    )]
    pub(crate) fn lesson(&self) -> &Lesson {
        &self.lessons[self.at]
    }

    /// Whether `target` is the server of the current lesson.
    pub(crate) fn is_at(&self, target: &Target) -> bool {
        self.target.as_ref() == Some(target)
    }

    /// Returns the number of the current lesson, from 1, and the count of lessons.
    pub(crate) fn number(&self) -> (usize, usize) {
        (self.at + 1, self.lessons.len())
    }

    /// Returns how many lessons are done, and the count of lessons.
    pub(crate) fn done(&self) -> (usize, usize) {
        let done = self
            .lessons
            .iter()
            .filter(|one| self.progress.has(&one.key));
        (done.count(), self.lessons.len())
    }

    /// Goes to the next lesson. Returns false if this was the last.
    pub(crate) fn go_on(&mut self) -> bool {
        let has_next = self.at + 1 < self.lessons.len();
        self.at += usize::from(has_next);
        has_next
    }

    /// Whether every goal of the current lesson is reached.
    pub(crate) fn is_solved(&self) -> bool {
        self.watched.goals().are_reached()
    }

    /// Returns the texts of the goals that were reached since the last call.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let goals = self.watched.goals();
        let mut news = Vec::new();
        for ((goal, is_reached), announced) in goals.all().zip(&mut self.announced) {
            if is_reached && !std::mem::replace(announced, true) {
                news.push(goal.says.clone());
            }
        }
        news
    }
}
