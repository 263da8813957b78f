//! A lesson as a file: a transcript whose head and prose are for the learner, and whose rows are the solution.

use crate::analysis::goal::{Goal, Goals};
use crate::analysis::lint;
use crate::base::edit_distance::nearest;
use crate::base::escape;
use crate::servers::fault::{self, Fault};
use crate::transcript::Item;
use crate::transcript::event::{Event, EventKind};
use crate::transcript::text::Reader;

/// The widest line of prose, in characters.
pub(crate) const WIDEST: usize = 72;

/// A lesson.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// Its name: that of its file, without `.pop3`.
    pub(crate) name: String,
    /// What progress knows it by: the name of a lesson of the course that is built in, the whole path of another one.
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) prose: Vec<String>,
    pub(crate) goals: Vec<Goal>,
    /// Help, from the least to the most.
    pub hints: Vec<String>,
    /// Lines that poptalk sends before the learner begins.
    pub(crate) ready: Vec<String>,
    pub(crate) faults: Vec<&'static Fault>,
    /// TLS is on from the first octet.
    pub(crate) is_tls: bool,
    /// The file, for the solution in it.
    pub(crate) text: String,
}

/// Why a file is no lesson.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{row}: {what}{}", caret(*row, mark.as_ref()))]
pub struct LessonError {
    pub(crate) name: String,
    /// The row, from 1; that of the last one where something is missing.
    pub(crate) row: usize,
    /// What is wrong, and what would be right.
    pub(crate) what: String,
    /// The row's text, safe to show, and the place in it: characters before it, and how many are wrong.
    pub(crate) mark: Option<(String, usize, usize)>,
}

/// What is wrong in a row: octets before it, how many, and why.
struct Wrong(usize, usize, String);

/// The row with a caret below the place.
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

    /// What is wrong in a row of `text`, with a mark at the place.
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

/// The heads that a lesson may have, besides those of every transcript.
const HEADS: &str = "lesson, goal, hint, ready, fault and tls";
const HEAD_NAMES: [&str; 6] = ["lesson", "goal", "hint", "ready", "fault", "tls"];

const SHOWN: usize = 200;

impl Lesson {
    /// Reads a lesson.
    ///
    /// Errors: it is no transcript; a head is not known or its text wrong; title, task, goal or hint are missing; a line of the
    /// task is wider than [`WIDEST`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LessonError> {
        let error = |row, what| LessonError::new(name, row, what);
        let marked = |row, wrong| LessonError::marked(name, text, row, wrong);
        let mut lesson = Self::blank(name, text);
        // The rows of the goals.
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

    fn blank(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: name.to_owned(),
            title: String::new(),
            prose: Vec::new(),
            goals: Vec::new(),
            hints: Vec::new(),
            ready: Vec::new(),
            faults: Vec::new(),
            is_tls: false,
            text: text.to_owned(),
        }
    }

    /// Takes an item; prose after the first row belongs to the solution.
    fn item(&mut self, item: &Item, has_rows: bool) -> Result<(), Wrong> {
        match item {
            Item::Head { name, text } => self.head(name, text),
            Item::Prose(line) if !has_rows && !line.starts_with('!') => {
                let line = line.strip_prefix(' ').unwrap_or(line);
                let width = line.chars().count();
                if width > WIDEST {
                    let what = format!("{width} characters of prose; {WIDEST} have room");
                    return Err(Wrong("# ".len() + octets(line, WIDEST), width, what));
                }
                self.prose.push(safe(line));
                Ok(())
            }
            Item::Unknown(line) => Err(Wrong(0, line.len(), unknown(line))),
            _ => Ok(()),
        }
    }

    /// What a lesson has to have and this one has not.
    fn missing(&self, has_rows: bool) -> Option<&'static str> {
        let parts = [
            (self.title.is_empty(), "title: `lesson: TEXT`"),
            (self.prose.is_empty(), "task: lines that begin with `#`"),
            (self.goals.is_empty(), "goal: `goal: STEP -- TEXT`"),
            (self.hints.is_empty(), "hint: `hint: TEXT`"),
            (!has_rows, "solution: rows behind the task"),
        ];
        let missing = parts.into_iter().find(|(is_missing, _)| *is_missing);
        missing.map(|(_, what)| what)
    }

    /// Whether the server does what a goal wants to have named.
    fn fits(&self, goal: &Goal) -> Result<(), Wrong> {
        let ids = goal.diagnosis();
        let finds =
            |fault: &Fault, id: &String| fault.name == id || fault.finds.contains(&id.as_str());
        let is_shown = |id| self.faults.iter().any(|fault| finds(fault, id));
        let Some(first) = ids.first().filter(|_| !ids.iter().any(is_shown)) else {
            return Ok(());
        };
        let fault = fault::all().find(|fault| ids.iter().any(|id| finds(fault, id)));
        let add = fault.map_or(
            "`poptalk serve --list-faults` names the faults, and the ids that find them".to_owned(),
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
            let what = format!("this {name} is empty; write text behind it, or leave the row out");
            return Err(Wrong(0, name.len() + 1, what));
        }
        match name {
            "lesson" => self.title = safe(text),
            "goal" => {
                let mut goal = Goal::parse(text).map_err(|wrong| {
                    let behind = text.get(wrong.at..).unwrap_or_default();
                    let step = behind.split(" -- ").next().unwrap_or_default();
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
                    "only `yes` is known behind `tls:`; without the row the lesson begins in clear";
                return Err(wrong(what.to_owned()));
            }
            "server" | "started" | "tool" => {}
            _ => {
                let meant = meant(name, HEAD_NAMES.iter().copied());
                let what = format!("`{name}: {text}` is not known; {meant}{HEADS} are known");
                return Err(Wrong(0, name.len(), what));
            }
        }
        Ok(())
    }

    pub(crate) fn begin(&self) -> Goals {
        Goals::new(self.goals.clone())
    }

    /// What the learner is to name, by any of these ids; none where that is no goal.
    pub(crate) fn diagnosis(&self) -> &[String] {
        let mut ids = self.goals.iter().map(Goal::diagnosis);
        ids.find(|ids| !ids.is_empty()).unwrap_or_default()
    }

    /// Its solutions, each with the row before its own: the first, and each after `* another way`.
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
                item @ (Item::Row(_) | Item::Event(_)) => {
                    way.last_mut()
                        .into_iter()
                        .for_each(|session| session.push(item.clone()));
                }
                _ => {}
            }
        }
        // Each session begins with a greeting.
        for session in ways.iter_mut().flat_map(|(_, way)| way) {
            session.drain(..session.len().min(1));
        }
        ways
    }
}

/// A solution: the rows and events of each session, after the greeting. Each but the first begins with `* connected`.
pub(super) type Solution = Vec<Vec<Item>>;

/// Whether an event begins another solution, on a server of its own.
pub(super) fn is_another_way(event: &str) -> bool {
    matches!(Event::parse(event), Event::AnotherWay(_))
}

fn unknown(line: &str) -> String {
    let bare = line.trim().trim_end_matches(':');
    if HEAD_NAMES.contains(&bare) {
        let text = if bare == "tls" { "yes" } else { "TEXT" };
        return format!("this {bare} is empty; write `{bare}: {text}`, or leave the row out");
    }
    let line = safe(line);
    format!("`{line}` is no head, prose, row or event; a head is `name: TEXT`")
}

/// How many octets the first characters of a line have.
fn octets(line: &str, characters: usize) -> usize {
    line.chars().take(characters).map(char::len_utf8).sum()
}

/// Which of some names may have been meant, as the beginning of a hint; empty where none is near.
pub(crate) fn meant<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(unknown, names).map_or(String::new(), |name| format!("did you mean `{name}`? "))
}

fn no_id(id: &str) -> String {
    let rules = lint::rules().map(|rule| rule.id);
    let meant = meant(id, rules.chain(fault::all().map(|fault| fault.name)));
    format!(
        "unknown id `{id}`; {meant}`poptalk lint --list` names those of rules, `poptalk serve --list-faults` those of faults"
    )
}

/// A lesson may come from a stranger: its text is made safe for a terminal.
fn safe(text: &str) -> String {
    let mut safe = String::new();
    escape::escape(text.as_bytes(), &mut safe);
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
        assert!(wrong("+OK CAPA", "CAPA").contains("x:3: `CAPA` is no step"));
        assert!(wrong("hint:", "hnit:").contains("`hnit: capa` is not known"));
        assert!(wrong("Type capa.", &"x".repeat(73)).contains("x:6: 73 characters"));
        assert!(wrong("hint:", "fault: nothing\nhint:").contains("no fault `nothing`"));
        assert!(wrong("hint:", "tls: maybe\nhint:").contains("only `yes` is known"));
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
            unknown.contains("no id `bare-fl`; did you mean `bare-lf`? "),
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
