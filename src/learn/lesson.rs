//! A lesson as a file: a transcript whose head and prose are for the learner, and whose rows are the solution.

use crate::goal::{Goal, Goals};
use crate::server::fault::{self, Fault};
use crate::text::{self, Reader};
use crate::transcript::Item;
use crate::visible;

/// The widest line of prose, in characters.
pub const WIDEST: usize = 72;

/// A lesson.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// Its name: that of its file, without `.pop3`.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// The task, line by line.
    pub prose: Vec<String>,
    /// What is to happen.
    pub goals: Vec<Goal>,
    /// Help, from the least to the most.
    pub hints: Vec<String>,
    /// Lines that poptalk sends before the learner begins.
    pub ready: Vec<String>,
    /// What the server does wrong.
    pub faults: Vec<&'static Fault>,
    /// TLS is on from the first octet.
    pub is_tls: bool,
    /// The file, for the solution in it.
    pub text: String,
}

/// Why a file is no lesson.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}, row {row}: {what}")]
pub struct LessonError {
    /// The lesson.
    pub name: String,
    /// The row, from 1; that of the last one where something is missing.
    pub row: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// The heads that a lesson may have, besides those of every transcript.
const HEADS: &str = "lesson, goal, hint, ready, fault and tls";

impl Lesson {
    /// Reads a lesson.
    ///
    /// Errors: it is no transcript; a head is not known or its text wrong; title, task, goal or hint are missing; a line of the
    /// task is wider than [`WIDEST`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LessonError> {
        let error = |row, what: String| LessonError {
            name: name.to_owned(),
            row,
            what,
        };
        let mut lesson = Self {
            name: name.to_owned(),
            title: String::new(),
            prose: Vec::new(),
            goals: Vec::new(),
            hints: Vec::new(),
            ready: Vec::new(),
            faults: Vec::new(),
            is_tls: false,
            text: text.to_owned(),
        };
        let mut items = Reader::new(text.as_bytes());
        let mut has_rows = false;
        while let Some(item) = items.next() {
            let row = items.row();
            match item.map_err(|wrong| error(wrong.row, wrong.to_string()))? {
                Item::Head { name, text } => lesson
                    .head(&name, text.trim())
                    .map_err(|what| error(row, what))?,
                Item::Prose(line) if !has_rows && !line.starts_with('!') => {
                    let line = line.strip_prefix(' ').unwrap_or(&line);
                    let width = line.chars().count();
                    if width > WIDEST {
                        let what = format!("{width} characters of prose; {WIDEST} have room");
                        return Err(error(row, what));
                    }
                    lesson.prose.push(safe(line));
                }
                Item::Row(_) => has_rows = true,
                Item::Unknown(line) => {
                    let line = safe(&line);
                    let what =
                        format!("`{line}` is no head, prose, row or event; a head is `name: TEXT`");
                    return Err(error(row, what));
                }
                _ => {}
            }
        }
        let missing = [
            (lesson.title.is_empty(), "a title: `lesson: TEXT`"),
            (lesson.prose.is_empty(), "a task: lines that begin with `#`"),
            (lesson.goals.is_empty(), "a goal: `goal: STEP -- TEXT`"),
            (lesson.hints.is_empty(), "a hint: `hint: TEXT`"),
            (!has_rows, "a solution: rows behind the task"),
        ];
        match missing.iter().find(|(is_missing, _)| *is_missing) {
            Some((_, what)) => Err(error(items.row(), format!("there is no {}", &what[2..]))),
            None => Ok(lesson),
        }
    }

    fn head(&mut self, name: &str, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err(format!("`{name}` is empty"));
        }
        match name {
            "lesson" => self.title = safe(text),
            "goal" => {
                let mut goal = Goal::parse(text).map_err(|wrong| {
                    let column = "goal: ".len() + wrong.at + 1;
                    format!("column {column}: {}", wrong.what)
                })?;
                goal.says = safe(&goal.says);
                self.goals.push(goal);
            }
            "hint" => self.hints.push(safe(text)),
            "ready" => self.ready.push(text.to_owned()),
            "fault" => self.faults.push(fault::named(text).ok_or_else(|| {
                format!("there is no fault `{text}`; `poptalk serve --list-faults` names them all")
            })?),
            "tls" if text == "yes" => self.is_tls = true,
            "server" | "started" | "tool" => {}
            _ => return Err(format!("`{name}: {text}` is not known; {HEADS} are")),
        }
        Ok(())
    }

    /// Its goals, with nothing done.
    #[must_use]
    pub fn begin(&self) -> Goals {
        Goals::new(self.goals.clone())
    }

    /// What the learner is to name, by any of these ids; none where that is no goal.
    #[must_use]
    pub fn diagnosis(&self) -> &[String] {
        let mut ids = self.goals.iter().map(Goal::diagnosis);
        ids.find(|ids| !ids.is_empty()).unwrap_or_default()
    }

    /// Its solution: the rows and events of each session, behind the greeting. Each but the first begins with `* connected`.
    pub(super) fn solution(&self) -> Vec<Vec<Item>> {
        let items = text::parse(self.text.as_bytes()).unwrap_or_default().items;
        let mut sessions = vec![Vec::new()];
        for item in items {
            match (item, sessions.last_mut()) {
                (Item::Event(event), _) if event.starts_with("connected") => {
                    sessions.push(Vec::new());
                }
                (item @ (Item::Row(_) | Item::Event(_)), Some(session)) => session.push(item),
                _ => {}
            }
        }
        for session in &mut sessions {
            if !session.is_empty() {
                session.remove(0);
            }
        }
        sessions
    }
}

/// A lesson may come from a stranger: its text is made safe for a terminal.
fn safe(text: &str) -> String {
    let mut safe = String::new();
    visible::escape(text.as_bytes(), &mut safe);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#!pop3 1\nlesson: One\ngoal: +OK CAPA -- good\nhint: capa\n\n# Type capa.\nS: +OK {{..}}\nC: CAPA\n";

    fn wrong(from: &str, to: &str) -> String {
        Lesson::parse("x", &GOOD.replace(from, to))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_lesson_is_read_and_what_it_lacks_is_named() {
        let lesson = Lesson::parse("x", GOOD).unwrap();
        assert_eq!((lesson.title.as_str(), lesson.prose.len()), ("One", 1));
        assert_eq!(lesson.solution().concat().len(), 1);
        assert!(wrong("lesson: One\n", "").contains("no title"));
        assert!(wrong("# Type capa.\n", "").contains("no task"));
        assert!(wrong("hint: capa\n", "").contains("no hint"));
        assert!(wrong("hint: capa", "hint:").contains("row 4: `hint:` is no head"));
        assert!(wrong("S: +OK {{..}}\nC: CAPA\n", "").contains("no solution"));
        assert!(wrong("+OK CAPA", "CAPA").contains("row 3: column 7: `CAPA` is no step"));
        assert!(wrong("hint:", "hnit:").contains("`hnit: capa` is not known"));
        assert!(wrong("Type capa.", &"x".repeat(73)).contains("row 6: 73 characters"));
        assert!(wrong("hint:", "fault: nothing\nhint:").contains("no fault `nothing`"));
    }
}
