//! Lessons: a task, hints, a goal that is judged on the learner's own session, and a solution that proves it can be reached.

pub(crate) mod course;
pub mod lesson;
pub(crate) mod progress;
pub mod proof;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::analysis::goal::Goals;
use crate::reading::dialogue::Place;
use crate::servers::maildrop::Maildrop;
use crate::transcript::Item;

macro_rules! lessons {
    ($($name:literal),*) => {
        &[$((
            $name,
            include_str!(concat!("../../transcripts/lessons/", $name, ".pop3")),
        )),*]
    };
}

/// The names and texts of the course, in order.
pub const LESSONS: &[(&str, &str)] = lessons![
    "01-greeting",
    "02-login",
    "03-stat-list",
    "04-retr",
    "05-top",
    "06-dele-rset-quit",
    "07-hanging-up",
    "08-uidl",
    "09-octets",
    "10-dots",
    "11-capa",
    "12-apop",
    "13-auth-plain",
    "14-challenges",
    "15-stls",
    "16-errors",
    "17-utf8-lang",
    "18-pipelining",
    "19-locked",
    "20-diagnosis-count",
    "21-diagnosis-again",
    "22-diagnosis-delete",
    "23-diagnosis-cut",
    "24-diagnosis-lines"
];

/// The goals of a session that goes on, with the maildrop that some of them look at.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    goals: Arc<Mutex<Goals>>,
    maildrop: Maildrop,
}

impl Watched {
    pub(crate) fn new(goals: Goals, maildrop: Maildrop) -> Self {
        Self {
            goals: Arc::new(Mutex::new(goals)),
            maildrop,
        }
    }

    pub(crate) fn goals(&self) -> MutexGuard<'_, Goals> {
        // A goal is never left half judged.
        self.goals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn feed(&self, place: Place, item: &Item) {
        let left = || self.maildrop.count() as u64;
        self.goals().feed(place, item, &left);
    }
}
