//! The console during a lesson: the task, hints, goals as they are reached, and the way to the next
//! lesson.

use super::prompt::prompt;
use super::terminal;
use super::{AfterLine, Console};
use crate::analysis::console_input::Action;
use crate::analysis::goal::Goal;
use crate::analysis::help::wrap;
use crate::analysis::lint;
use crate::base::edit_distance::nearest;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::lock::lock;
use crate::base::style::Paint;
use crate::modes::learn::course::Course;
use crate::modes::learn::lesson::{WIDEST, ids};
use crate::modes::plan::Plan;
use crate::reading::dialogue::Place;
use crate::servers::fault;
use crate::transcript::Item;
use crate::transcript::event::{Event, Party};

/// An id as an example. It is the answer of no lesson.
const EXAMPLE_ID: &str = "greeting-err";

/// Where the ids are.
const IDS: &str = "in another terminal, `poptalk lint --list` lists the ids of rules, `poptalk serve --list-faults` those of faults";

impl Console {
    /// Begins the lesson that the course is at: its server, its task, what is done for the learner,
    /// the connection.
    pub(super) fn begin_lesson(&mut self) -> Result<(), Exit> {
        self.close_quietly();
        let args = self.plan.args.clone();
        let Some(course) = &mut self.course else {
            return Ok(());
        };
        let plan = course.begin(args).map_err(|error| {
            Error::from(error).say();
            Exit::Usage
        })?;
        let secrets = std::mem::take(&mut self.plan.secrets);
        self.plan = Plan { secrets, ..plan };
        let mut view = lock(&self.shown);
        // Findings of the rules would give away the diagnosis.
        view.is_lenient = !course.lesson().diagnosis().is_empty();
        // Left on, `:hex` of the previous lesson would push this one's task off the screen.
        view.is_hex = false;
        drop(view);
        self.show_task();
        self.open().map_err(|failure| {
            let error = Error::from(failure);
            error.say();
            error.exit
        })?;
        self.get_ready();
        Ok(())
    }

    /// Sends the lines that the lesson does not leave to the learner.
    pub(super) fn get_ready(&mut self) {
        let lines = match &self.course {
            Some(course) => course.lesson().ready.clone(),
            None => return,
        };
        for line in lines {
            self.await_reply();
            let verb = line.split(' ').next().unwrap_or_default();
            let is_secret = verb.eq_ignore_ascii_case("PASS");
            let said = match line.split_once(' ') {
                Some((_, secret)) if is_secret => {
                    format!("{verb} {}", "•".repeat(secret.chars().count()))
                }
                _ => line.clone(),
            };
            let prompt = self.snapshot().map(|now| prompt(&now));
            let prompt = prompt.unwrap_or_default();
            self.screen.print(&format!("{prompt}{said}\n"));
            self.send(line.as_bytes());
        }
    }

    fn show_task(&self) {
        let Some(course) = &self.course else {
            return;
        };
        let lesson = course.lesson();
        let (number, count) = course.number();
        let title = format!("Lesson {number} of {count}: {}", lesson.title);
        let style = self.screen.style;
        self.screen
            .print(&format!("\n{}\n", style.paint(Paint::Positive, &title)));
        for line in &lesson.prose {
            self.screen.print(&format!("{line}\n"));
        }
        let goals = course.watched.goals();
        for (goal, is_reached) in goals.all() {
            let mark = if is_reached { "[done]" } else { "[ ]" };
            for line in hanging(mark, says(goal, is_reached), room()) {
                self.screen.note(&line);
            }
        }
        drop(goals);
        self.say_in_lesson("`:hint` helps, `:lesson` shows this again, `:skip` moves on");
    }

    /// A line of the course's, wrapped.
    fn say_in_lesson(&self, text: &str) {
        for line in wrap(text, room()).lines() {
            self.screen.note(line);
        }
    }

    /// Says which goals were reached since, and how to continue when the lesson is solved.
    pub(super) fn show_goals(&mut self) {
        let Some((number, count)) = self.show_reached() else {
            return;
        };
        let on = match number < count {
            true => "press Enter for the next lesson",
            false => "it was the last one, so press Enter to leave",
        };
        self.show_solved(&format!(
            "lesson {number} is solved: {on}, or try more here"
        ));
    }

    pub(super) fn show_last_goals(&mut self) {
        if let Some((number, _)) = self.show_reached() {
            self.show_solved(&format!("lesson {number} is solved"));
        }
    }

    fn show_solved(&self, text: &str) {
        let line = self.screen.style.paint(Paint::Positive, text);
        self.screen.print(&format!("{line}\n"));
    }

    /// Says which goals were reached since. Returns the number of the lesson and the count of all
    /// when that solved it.
    fn show_reached(&mut self) -> Option<(usize, usize)> {
        let course = self.course.as_mut()?;
        let news = course.news();
        if news.is_empty() {
            return None;
        }
        let is_solved = course.is_solved();
        let number = course.number();
        let key = course.lesson().key.clone();
        let trouble = is_solved.then(|| course.progress.add(&key));
        let style = self.screen.style;
        for says in news {
            for line in hanging("[done]", &says, room()) {
                let line = style.paint(Paint::Positive, &line);
                self.screen.print(&format!("{line}\n"));
            }
        }
        if let Some(Err(error)) = trouble {
            let what = format!("the progress can't be saved: {error}");
            self.screen.warn(&what);
        }
        is_solved.then_some(number)
    }

    /// The learner has closed: what we do ourselves is not reported to the goals.
    pub(super) fn show_closed_by_us(&self) {
        if let Some(course) = &self.course {
            let closed = Item::Event(Event::closed_by(Party::Client).to_string());
            course.watched.feed(Place::default(), &closed);
        }
    }

    /// Whether Enter alone continues to the next lesson.
    pub(super) fn is_lesson_solved(&self) -> bool {
        self.course.as_ref().is_some_and(Course::is_solved)
    }

    /// The session is over, and the lesson is not.
    pub(super) fn show_session_over(&self) {
        if !self.is_lesson_solved() {
            self.say_in_lesson("the session has ended: the next line you type starts a new one on the same maildrop; `:restart` starts the lesson again");
        }
    }

    /// Enter alone at a closed connection: what helps.
    pub(super) fn show_way_on(&self) {
        if self.is_at_lesson() {
            self.say_in_lesson("not connected, so nothing was sent; `:open`, or any line for the server, reconnects to the maildrop as it is; `:restart` starts the lesson again, with all its mail");
        } else {
            self.show_closed();
        }
    }

    pub(super) fn is_at_lesson(&self) -> bool {
        self.course
            .as_ref()
            .is_some_and(|course| course.is_at(&self.plan.target))
    }

    /// Begins another session with the server of the lesson, where there is a lesson; returns
    /// whether there is one now.
    pub(super) fn reopen_lesson(&mut self) -> bool {
        if !self.is_at_lesson() {
            return false;
        }
        self.say_in_lesson(
            "the last session is over, so poptalk reconnects to the maildrop as it is",
        );
        let is_open = self.reopen();
        if is_open {
            self.get_ready();
        }
        is_open
    }

    /// The learner leaves: how many lessons are done, and how to continue.
    pub(super) fn show_progress(&self) {
        if let Some(course) = &self.course {
            let (done, count) = course.done();
            let text = format!(
                "{done} of {count} lessons done; `{}` continues",
                course.call
            );
            self.say_in_lesson(&text);
        }
    }

    pub(super) fn next_lesson(&mut self) -> AfterLine {
        // This closes a session in place of the learner, so it counts for no goal.
        self.close_quietly();
        if self.course.as_mut().is_some_and(Course::go_on) {
            return self.restart();
        }
        self.say_in_lesson("that was the last lesson; `poptalk learn --list` shows what is done");
        AfterLine::Leave(Exit::Well)
    }

    fn restart(&mut self) -> AfterLine {
        match self.begin_lesson() {
            Ok(()) => AfterLine::Go,
            Err(exit) => AfterLine::Leave(exit),
        }
    }

    /// Carries out a word that belongs to a course.
    pub(super) fn course_word(&mut self, action: Action, text: &str) -> AfterLine {
        if self.course.is_none() {
            let what = "this is not a lesson; `poptalk learn` starts one";
            self.screen.warn(what);
            return AfterLine::Go;
        }
        match action {
            Action::Hint => self.hint(),
            Action::Lesson => self.show_task(),
            Action::Restart => return self.restart(),
            Action::Skip => return self.next_lesson(),
            Action::Next if self.is_lesson_solved() => return self.next_lesson(),
            Action::Next => self.say_in_lesson("not solved yet; `:skip` moves on"),
            _ => self.diagnose(text),
        }
        AfterLine::Go
    }

    fn hint(&mut self) {
        let Some(course) = &mut self.course else {
            return;
        };
        let hints = &course.lesson().hints;
        let count = hints.len();
        let at = course.hints.min(count.saturating_sub(1));
        let text = hints.get(at).cloned().unwrap_or_default();
        course.hints = at + 1;
        self.say_in_lesson(&format!("hint {} of {count}: {text}", at + 1));
        if at + 1 < count {
            self.say_in_lesson("(`:hint` again for more)");
        }
    }

    fn diagnose(&mut self, id: &str) {
        let Some(course) = &self.course else {
            return;
        };
        if course.lesson().diagnosis().is_empty() {
            self.say_in_lesson("nothing is wrong with this lesson's server");
        } else if id.is_empty() {
            let text =
                format!("what is wrong? `:diagnose ID`, such as `:diagnose {EXAMPLE_ID}`; {IDS}");
            self.say_in_lesson(&text);
        } else if course.watched.goals().diagnose(id) {
            self.show_what_is_open(id);
        } else if lint::rule(id).is_some() || fault::named(id).is_some() {
            self.say_in_lesson(&format!(
                "the answer is not {id}; look again, or type `:hint`"
            ));
        } else {
            let what = match nearest(id, ids()) {
                Some(meant) => format!("did you mean `:diagnose {meant}`?"),
                None => IDS.to_owned(),
            };
            self.say_in_lesson(&format!("unknown id `{id}`; {what}"));
        }
    }

    /// What was named is right, and something else is to be done yet.
    fn show_what_is_open(&self, id: &str) {
        let Some(course) = self.course.as_ref().filter(|course| !course.is_solved()) else {
            return;
        };
        let goals = course.watched.goals();
        let steps = goals.before_diagnosis(id);
        let text = if steps.is_empty() {
            let open = goals.all().filter(|(_, is_reached)| !is_reached);
            let open: Vec<&str> = open.map(|(goal, _)| says(goal, false)).collect();
            format!("that counts; still open: {}", open.join("; "))
        } else {
            let named = |step: &&str| match step.split_once(' ') {
                Some((status @ ("+OK" | "-ERR"), line)) => format!("get `{status}` to `{line}`"),
                _ => format!("`{step}`"),
            };
            let steps: Vec<String> = steps.iter().map(named).collect();
            format!(
                "your answer counts only once you have seen the fault: first {}, then type `:diagnose {id}` again",
                steps.join(", then ")
            )
        };
        drop(goals);
        self.say_in_lesson(&text);
    }
}

/// How wide our own lines may be, in columns.
fn room() -> usize {
    terminal::size().0.clamp(20, WIDEST)
}

/// Wraps the text after a mark; further lines are indented to the text.
fn hanging(mark: &str, says: &str, width: usize) -> Vec<String> {
    let indent = mark.len() + 1;
    let wrapped = wrap(says, width.saturating_sub(indent));
    let lines = wrapped.lines().enumerate();
    let lines = lines.map(|(at, line)| match at {
        0 => format!("{mark} {line}"),
        _ => format!("{:indent$}{line}", ""),
    });
    lines.collect()
}

/// What to say of a goal. That of a diagnosis is its answer, so it waits until it is reached.
fn says(goal: &Goal, is_reached: bool) -> &str {
    match !is_reached && !goal.diagnosis().is_empty() {
        true => "you named what is wrong",
        false => &goal.says,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modes::learn::LESSONS;

    #[test]
    fn what_goes_on_stands_under_its_text() {
        assert_eq!(
            hanging("[done]", "one two three", 14),
            ["[done] one two", "       three"]
        );
    }

    #[test]
    fn the_example_of_an_id_is_no_answer() {
        assert!(lint::rule(EXAMPLE_ID).is_some());
        assert!(LESSONS.iter().all(|(_, text)| !text.contains(EXAMPLE_ID)));
    }
}
