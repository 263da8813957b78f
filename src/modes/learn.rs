//! Lessons: a task, hints, and goals that are judged by the learner's own session.
//!
//! Each lesson comes with a solution, which proves that its goals can be reached.

pub(crate) mod course;
pub mod lesson;
pub(crate) mod progress;
pub mod proof;

use std::sync::{Arc, Mutex, MutexGuard};

use crate::analysis::goal::Goals;
use crate::base::lock::lock;
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

/// The names and texts of the built-in course, in order.
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

/// The goals of a running session, and the maildrop that some of them count.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    goals: Arc<Mutex<Goals>>,
    maildrop: Maildrop,
}

impl Watched {
    /// Starts to watch `goals`, none of which is reached yet.
    pub(crate) fn new(goals: Goals, maildrop: Maildrop) -> Self {
        Self {
            goals: Arc::new(Mutex::new(goals)),
            maildrop,
        }
    }

    pub(crate) fn goals(&self) -> MutexGuard<'_, Goals> {
        // A panic cannot leave a goal half judged, so a poisoned lock is still good.
        lock(&self.goals)
    }

    /// Judges the goals by the next item of the session.
    pub(crate) fn feed(&self, place: Place, item: &Item) {
        let left = || self.maildrop.count() as u64;
        self.goals().feed(place, item, &left);
    }
}
