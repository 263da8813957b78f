//! A lesson as a file: a transcript whose head and prose are for the learner, and whose rows are
//! the solution.

use crate::analysis::goal::{Goal, Goals};
use crate::analysis::lint;
use crate::base::edit_distance::nearest;
// A lesson may come from a stranger.
use crate::base::say::shown as safe;
use crate::servers::fault::{self, Fault};
use crate::transcript::Item;
use crate::transcript::event::{Event, EventKind};
use crate::transcript::text::Reader;

/// The widest line of a task, in characters.
pub(crate) const WIDEST: usize = 72;

/// A lesson, as read from its file.
#[derive(Debug, Clone, Default)]
pub struct Lesson {
    /// The name of its file, without `.pop3`.
    pub(crate) name: String,
    /// Its key in the progress file: the name of a built-in lesson, the full path of any other.
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) prose: Vec<String>,
    /// What must happen in the session.
    pub(crate) goals: Vec<Goal>,
    /// The hints, from the smallest to the one that gives the answer.
    pub hints: Vec<String>,
    /// Lines that poptalk sends before the learner types.
    pub(crate) ready: Vec<String>,
    /// What the server of this lesson does wrong.
    pub(crate) faults: Vec<&'static Fault>,
    /// Whether TLS is on from the first octet.
    pub(crate) is_tls: bool,
    /// The text of the whole file, which includes the solutions.
    pub(crate) text: String,
}

/// Why a file is not a lesson.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{row}: {what}{}", caret(*row, mark.as_ref()))]
pub struct LessonError {
    /// The name of the lesson, or the path of its file.
    pub(crate) name: String,
    /// The row, from 1. If something is missing, the last row.
    pub(crate) row: usize,
    /// What is wrong, and how to put it right.
    pub(crate) what: String,
    /// The row's text, safe to show. The numbers are the characters before the mistake and in it.
    pub(crate) mark: Option<(String, usize, usize)>,
}

/// A mistake in a row: the octets before it, its length in octets, and what is wrong.
struct Wrong(usize, usize, String);

/// Returns the row with carets below the mistake, or nothing without a mark.
fn caret(row: usize, mark: Option<&(String, usize, usize)>) -> String {
    let Some((line, before, width)) = mark else {
        return String::new();
    };
    let mark = "^".repeat((*width).max(1));
    format!("\n{row:>4} | {line}\n     | {:before$}{mark}", "")
}

impl LessonError {
    fn new(name: &str, row: usize, what: String) -> Self {
        Self {
            name: name.to_owned(),
            row,
            what,
            mark: None,
        }
    }

    /// Returns an error about a row of `text`, with a mark at the mistake.
    fn marked(name: &str, text: &str, row: usize, Wrong(at, width, what): Wrong) -> Self {
        let line = text.lines().nth(row.saturating_sub(1)).unwrap_or_default();
        let before = line.get(..at).map_or(0, |before| before.chars().count());
        let wrong = line.get(at..).unwrap_or_default().chars().take(width);
        let line: String = line.chars().take(SHOWN).collect();
        let mark = (safe(&line), before.min(SHOWN), wrong.count().min(SHOWN));
        Self {
            mark: Some(mark),
            ..Self::new(name, row, what)
        }
    }
}

/// The heads of a lesson, as an error lists them. Those of every transcript are allowed, too.
const HEADS: &str = "lesson, goal, hint, ready, fault and tls";
const HEAD_NAMES: [&str; 6] = ["lesson", "goal", "hint", "ready", "fault", "tls"];

/// The most characters of a row that an error shows.
const SHOWN: usize = 200;

impl Lesson {
    /// Reads a lesson.
    ///
    /// Errors: the text is not a transcript; a head is unknown or has a wrong text; the title,
    /// task, goal, hint or solution is missing; a line of the task is wider than [`WIDEST`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LessonError> {
        let error = |row, what| LessonError::new(name, row, what);
        let marked = |row, wrong| LessonError::marked(name, text, row, wrong);
        let mut lesson = Self {
            name: name.to_owned(),
            key: name.to_owned(),
            text: text.to_owned(),
            ..Self::default()
        };
        // The row of each goal, for errors that need the whole head.
        let mut goals = Vec::new();
        let mut has_rows = false;
        let mut items = Reader::new(text.as_bytes());
        while let Some(item) = items.next() {
            let row = items.row();
            let item = item.map_err(|wrong| error(wrong.row, wrong.to_string()))?;
            has_rows |= matches!(item, Item::Row(_));
            if matches!(&item, Item::Head { name, .. } if name == "goal") {
                goals.push(row);
            }
            lesson
                .item(&item, has_rows)
                .map_err(|wrong| marked(row, wrong))?;
        }
        if let Some(what) = lesson.missing(has_rows) {
            return Err(error(items.row(), format!("there is no {what}")));
        }
        for (goal, row) in lesson.goals.iter().zip(goals) {
            lesson.fits(goal).map_err(|wrong| marked(row, wrong))?;
        }
        Ok(lesson)
    }

    /// Takes an item. Prose after the first row belongs to the solution, so it is not shown.
    fn item(&mut self, item: &Item, has_rows: bool) -> Result<(), Wrong> {
        match item {
            Item::Head { name, text } => self.head(name, text),
            Item::Prose(line) if !has_rows && !line.starts_with('!') => {
                let line = line.strip_prefix(' ').unwrap_or(line);
                let width = line.chars().count();
                if width > WIDEST {
                    let what =
                        format!("{width} characters in a line of the task; the limit is {WIDEST}");
                    return Err(Wrong("# ".len() + octets(line, WIDEST), width, what));
                }
                self.prose.push(safe(line));
                Ok(())
            }
            Item::Unknown(line) => Err(Wrong(0, line.len(), unknown(line))),
            _ => Ok(()),
        }
    }

    /// Names the first part that every lesson must have and this one lacks.
    fn missing(&self, has_rows: bool) -> Option<&'static str> {
        let parts = [
            (self.title.is_empty(), "title: `lesson: TEXT`"),
            (self.prose.is_empty(), "task: lines that begin with `#`"),
            (self.goals.is_empty(), "goal: `goal: STEP -- TEXT`"),
            (self.hints.is_empty(), "hint: `hint: TEXT`"),
            (!has_rows, "solution: rows after the task"),
        ];
        let missing = parts.into_iter().find(|(is_missing, _)| *is_missing);
        missing.map(|(_, what)| what)
    }

    /// Checks that a goal asks for a diagnosis that some fault of this lesson can show.
    fn fits(&self, goal: &Goal) -> Result<(), Wrong> {
        let ids = goal.diagnosis();
        let finds =
            |fault: &Fault, id: &String| fault.name == id || fault.finds().contains(&id.as_str());
        let is_shown = |id| self.faults.iter().any(|fault| finds(fault, id));
        let Some(first) = ids.first().filter(|_| !ids.iter().any(is_shown)) else {
            return Ok(());
        };
        let fault = fault::all().find(|fault| ids.iter().any(|id| finds(fault, id)));
        let add = fault.map_or(
            "`poptalk serve --list-faults` lists the faults, and the ids that find them".to_owned(),
            |fault| format!("add `fault: {}`", fault.name),
        );
        let what = format!("no fault of this lesson shows `{first}`: {add}");
        Err(Wrong(0, "goal".len(), what))
    }

    fn head(&mut self, name: &str, whole: &str) -> Result<(), Wrong> {
        let text = whole.trim();
        let at = name.len() + ": ".len() + whole.len() - whole.trim_start().len();
        let wrong = |what: String| Wrong(at, text.len(), what);
        if text.is_empty() {
            let what = format!("this {name} is empty; write text after it, or remove the row");
            return Err(Wrong(0, name.len() + 1, what));
        }
        match name {
            "lesson" => self.title = safe(text),
            "goal" => {
                let mut goal = Goal::parse(text).map_err(|wrong| {
                    let rest = text.get(wrong.at..).unwrap_or_default();
                    let step = rest.split(" -- ").next().unwrap_or_default();
                    let step = step.split(" then ").next().unwrap_or_default();
                    Wrong(at + wrong.at, step.len(), wrong.what)
                })?;
                for id in goal.diagnosis() {
                    let is_known = lint::rule(id).is_some() || fault::named(id).is_some();
                    if !is_known {
                        let before = text.find(id.as_str()).unwrap_or_default();
                        return Err(Wrong(at + before, id.len(), no_id(id)));
                    }
                }
                goal.says = safe(&goal.says);
                self.goals.push(goal);
            }
            "hint" => self.hints.push(safe(text)),
            "ready" => self.ready.push(text.to_owned()),
            "fault" => self.faults.push(fault::named(text).ok_or_else(|| {
                let meant = meant(text, fault::all().map(|fault| fault.name));
                let lists = "`poptalk serve --list-faults` lists them all";
                wrong(format!("there is no fault `{text}`; {meant}{lists}"))
            })?),
            "tls" if text == "yes" => self.is_tls = true,
            "tls" => {
                let what =
                    "`tls:` takes only `yes`; without the row the lesson starts in cleartext";
                return Err(wrong(what.to_owned()));
            }
            "server" | "started" | "tool" => {}
            _ => {
                let meant = meant(name, HEAD_NAMES.iter().copied());
                let what = format!("unknown head `{name}: {text}`; {meant}a lesson has {HEADS}");
                return Err(Wrong(0, name.len(), what));
            }
        }
        Ok(())
    }

    /// Returns its goals, none of which is reached.
    pub(crate) fn begin(&self) -> Goals {
        Goals::new(self.goals.clone())
    }

    /// Returns the ids that the learner may name as the diagnosis; empty if no goal asks for one.
    pub(crate) fn diagnosis(&self) -> &[String] {
        let mut ids = self.goals.iter().map(Goal::diagnosis);
        ids.find(|ids| !ids.is_empty()).unwrap_or_default()
    }

    /// Returns its solutions, each with the row before it: 0, then each `* another way`.
    pub(super) fn solutions(&self) -> Vec<(usize, Solution)> {
        let mut ways = vec![(0, vec![Vec::new()])];
        let mut items = Reader::new(self.text.as_bytes());
        while let Some(Ok(item)) = items.next() {
            let Some((_, way)) = ways.last_mut() else {
                break;
            };
            match item {
                Item::Event(event) if is_another_way(&event) => {
                    ways.push((items.row(), vec![Vec::new()]));
                }
                Item::Event(event) if EventKind::of(&event) == EventKind::Connected => {
                    way.push(Vec::new());
                }
                Item::Row(_) | Item::Event(_) => {
                    if let Some(session) = way.last_mut() {
                        session.push(item);
                    }
                }
                _ => {}
            }
        }
        // The greeting that opens each session comes from the live server instead.
        for session in ways.iter_mut().flat_map(|(_, way)| way) {
            session.drain(..session.len().min(1));
        }
        ways
    }
}

/// A solution: the rows and events of each session, after its greeting. In the file, `* connected`
/// starts each session but the first.
pub(super) type Solution = Vec<Vec<Item>>;

/// Whether an event starts another solution, on a fresh server.
pub(super) fn is_another_way(event: &str) -> bool {
    matches!(Event::parse(event), Event::AnotherWay(_))
}

/// Explains why a line is not an item of a transcript.
fn unknown(line: &str) -> String {
    let bare = line.trim().trim_end_matches(':');
    if HEAD_NAMES.contains(&bare) {
        let text = if bare == "tls" { "yes" } else { "TEXT" };
        return format!("this {bare} is empty; write `{bare}: {text}`, or remove the row");
    }
    let line = safe(line);
    format!("`{line}` is not a head, prose, a row or an event; a head is `name: TEXT`")
}

/// Returns how many octets the first `characters` of a line have.
fn octets(line: &str, characters: usize) -> usize {
    line.chars().take(characters).map(char::len_utf8).sum()
}

/// Returns `did you mean ...? ` with the nearest of some names, or nothing if none is near.
pub(crate) fn meant<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(unknown, names).map_or(String::new(), |name| format!("did you mean `{name}`? "))
}

pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    let rules = lint::rules().map(|rule| rule.id);
    rules.chain(fault::all().map(|fault| fault.name))
}

fn no_id(id: &str) -> String {
    let meant = meant(id, ids());
    format!(
        "unknown id `{id}`; {meant}`poptalk lint --list` lists the ids of rules, `poptalk serve --list-faults` those of faults"
    )
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
        let ways = |text: &str| Lesson::parse("x", text).unwrap().solutions();
        assert_eq!(ways(GOOD).len(), 1);
        assert_eq!(ways(GOOD)[0].1.concat().len(), 1);
        let two =
            format!("{GOOD}S: +OK\n\n* another way: in lower case\nS: +OK\nC: capa\nS: +OK\n");
        let two: Vec<_> = ways(&two)
            .iter()
            .map(|(row, way)| (*row, way.concat().len()))
            .collect();
        assert_eq!(two, [(0, 2), (11, 2)]);
        assert!(wrong("lesson: One\n", "").contains("no title"));
        assert!(wrong("# Type capa.\n", "").contains("no task"));
        assert!(wrong("hint: capa\n", "").contains("no hint"));
        assert!(wrong("hint: capa", "hint:").contains("x:4: this hint is empty"));
        assert!(wrong("hint: capa", "hint: ").contains("x:4: this hint is empty"));
        assert!(wrong("S: +OK {{..}}\nC: CAPA\n", "").contains("no solution"));
        assert!(wrong("+OK CAPA", "CAPA").contains("x:3: unknown step `CAPA`"));
        assert!(wrong("hint:", "hnit:").contains("unknown head `hnit: capa`"));
        assert!(wrong("Type capa.", &"x".repeat(73)).contains("x:6: 73 characters"));
        assert!(wrong("hint:", "fault: nothing\nhint:").contains("no fault `nothing`"));
        assert!(wrong("hint:", "tls: maybe\nhint:").contains("takes only `yes`"));
    }

    #[test]
    fn an_error_marks_its_place() {
        assert!(wrong("+OK CAPA --", "+OK CAPA then qiut --").ends_with(
            "\n   3 | goal: +OK CAPA then qiut -- good\n     |                     ^^^^"
        ));
        assert!(
            wrong("lesson: One", "lesson: \u{e9} \\q\nhnit: x")
                .ends_with("\n   3 | hnit: x\n     | ^^^^")
        );
    }

    #[test]
    fn what_is_to_be_named_is_known_and_shown() {
        let unknown = wrong("+OK CAPA", "+OK CAPA then diagnosed bare-cr or bare-fl");
        assert!(
            unknown.contains("unknown id `bare-fl`; did you mean `bare-lf`? "),
            "{unknown}"
        );
        assert!(unknown.ends_with("^^^^^^^"), "{unknown}");
        let other = wrong(
            "goal: +OK CAPA",
            "fault: bare-cr\ngoal: +OK CAPA then diagnosed bare-lf",
        );
        assert!(
            other.contains("x:4: no fault of this lesson shows `bare-lf`: add `fault: bare-lf`"),
            "{other}"
        );
        let text = GOOD.replace(
            "goal: +OK CAPA",
            "fault: bare-lf-everywhere\ngoal: diagnosed bare-lf or bare-cr",
        );
        assert!(Lesson::parse("x", &text).is_ok());
    }
}
