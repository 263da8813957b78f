//! Proves a lesson: its solutions solve it, and nothing less does.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use super::course::server;
use super::lesson::{Lesson, Solution, is_another_way};
use crate::analysis::goal::Goals;
use crate::base::escape;
use crate::modes::options::{CredentialArgs, LimitArgs};
use crate::modes::plan::SessionArgs;
use crate::modes::replay::{self, Options};
use crate::pop3::tracker::{Side, Status};
use crate::reading::dialogue::{Dialogue, Exchange, Line, Part, Place};
use crate::transcript::event::EventKind;
use crate::transcript::text::{self, Reader};
use crate::transcript::{Item, Piece, Row};

/// The longest wait for a reply. The built-in server answers at once.
const REPLY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProofCase {
    Empty,
    /// The words of the solution are sent where they have no effect, as arguments of NOOP.
    Words,
    /// The solution is played.
    Solution,
}

/// Returns what is wrong with a lesson; empty if it is proved.
#[must_use]
pub fn complaints(lesson: &Lesson) -> Vec<String> {
    let mut complaints = Vec::new();
    let ways = lesson.solutions();
    let mut is_refused = false;
    let first = ways.first().into_iter();
    let attempts = first
        .map(|way| (ProofCase::Empty, way))
        .chain(ways.iter().map(|way| (ProofCase::Words, way)))
        .chain(ways.iter().map(|way| (ProofCase::Solution, way)));
    for (attempt, (from, way)) in attempts {
        let (goals, answers) = match play(lesson, attempt, way) {
            Ok(played) => played,
            Err(why) => {
                complaints.push(why);
                continue;
            }
        };
        if let Some(refused) = refused(lesson, &answers).filter(|_| attempt == ProofCase::Empty) {
            complaints.push(refused);
            is_refused = true;
        }
        match (attempt, goals.are_reached()) {
            (ProofCase::Empty, true) => complaints.push("an empty session solves it".to_owned()),
            (ProofCase::Words, true) => {
                complaints.push("commands without effect solve it".to_owned());
            }
            (ProofCase::Solution, false) => {
                complaints.extend(departure(lesson, *from, &answers).filter(|_| !is_refused));
                for (at, goal, step) in goals.open() {
                    let says = &goal.says;
                    let (row, which) = match from {
                        0 => (row_of(lesson, "goal: ", at), "its solution"),
                        from => (*from, "this way"),
                    };
                    complaints.push(format!(
                        "row {row}: {which} does not reach `{says}`: `{step}` did not happen"
                    ));
                }
            }
            _ => {}
        }
    }
    complaints
}

/// The exchanges of each session, in order.
type Answers = Vec<Vec<Exchange>>;

/// Returns the row of head number `at`, from 0, of those that start with `head`.
fn row_of(lesson: &Lesson, head: &str, at: usize) -> usize {
    let rows = (1..).zip(lesson.text.lines());
    let mut rows = rows.filter(|(_, line)| line.starts_with(head));
    rows.nth(at).map_or(0, |(row, _)| row)
}

/// Returns the status line of a reply, safe to show.
fn answer(exchange: &Exchange) -> String {
    let line = exchange.status_line.as_ref().map(Line::head);
    let text = escape::escaped(line.unwrap_or_default());
    match text.is_empty() {
        true => "nothing".to_owned(),
        false => format!("`{}`", text.trim_end()),
    }
}

/// Complains about a `ready` line that the server refuses.
fn refused(lesson: &Lesson, answers: &Answers) -> Option<String> {
    let made = answers.first()?.iter().take(lesson.ready.len());
    let is_no = |exchange: &Exchange| exchange.status.is_some_and(|it| it != Status::Positive);
    let (at, exchange) = made.enumerate().find(|(_, exchange)| is_no(exchange))?;
    let row = row_of(lesson, "ready: ", at);
    Some(format!(
        "row {row}: the server refuses this `ready` line: {}",
        answer(exchange)
    ))
}

/// Complains about the first row of the solution that gets a reply of another kind.
fn departure(lesson: &Lesson, from: usize, answers: &Answers) -> Option<String> {
    for (wanted, came) in expected(lesson, from).iter().zip(answers) {
        let mut came = came.iter().skip(lesson.ready.len());
        for exchange in wanted {
            let row = exchange.place().row;
            let line = lesson.text.lines().nth(row.saturating_sub(1));
            let shown = escape::escaped(line.unwrap_or_default().as_bytes());
            match came.next() {
                Some(other) if other.status == exchange.status => {}
                Some(other) => {
                    let (other, own) = (answer(other), answer(exchange));
                    return Some(format!(
                        "row {row}, `{shown}`: the server replies {other}, but the solution says {own}"
                    ));
                }
                None => {
                    return Some(format!(
                        "row {row}, `{shown}`: not sent, because the session was over"
                    ));
                }
            }
        }
    }
    None
}

/// Returns the exchanges of the solution after row `from`, session by session.
fn expected(lesson: &Lesson, from: usize) -> Answers {
    let mut sessions = vec![Vec::new()];
    let mut dialogue = Dialogue::without_digests();
    let mut items = Reader::new(lesson.text.as_bytes());
    while let Some(Ok(item)) = items.next() {
        if items.row() <= from {
            continue;
        }
        if matches!(&item, Item::Event(event) if is_another_way(event)) {
            break;
        }
        if matches!(&item, Item::Event(event) if EventKind::of(event) == EventKind::Connected) {
            sessions.push(Vec::new());
            dialogue = Dialogue::without_digests();
        }
        let place = Place {
            row: items.row(),
            offset: 0,
        };
        if let Some(session) = sessions.last_mut() {
            dialogue.feed(place, &item, &mut |part| keep(session, part));
        }
    }
    sessions
}

/// Keeps an exchange, unless it is only a greeting.
fn keep(session: &mut Vec<Exchange>, part: Part) {
    if let Part::Exchange(exchange) = part
        && exchange.sent.is_some()
    {
        session.push(*exchange);
    }
}

/// Plays an attempt against a fresh server of the lesson, and judges the goals.
fn play(lesson: &Lesson, attempt: ProofCase, way: &Solution) -> Result<(Goals, Answers), String> {
    let plain = |error: std::io::Error| crate::base::io_error::plain(&error);
    let folder = tempfile::tempdir().map_err(plain)?;
    let args = SessionArgs {
        log: Some(folder.path().to_owned()),
        credentials: CredentialArgs {
            user: Some("alice".to_owned()),
            ..CredentialArgs::default()
        },
        limits: LimitArgs {
            timeout: Some(REPLY),
            max_size: None,
        },
        ..SessionArgs::default()
    };
    let (_serving, maildrop, plan) = server(lesson, args).map_err(|error| error.to_string())?;
    let options = Options {
        keep_going: true,
        values: HashMap::from([("user".to_owned(), "alice".to_owned())]),
        password: Some("wonderland".to_owned()),
        ..Options::default()
    };
    let mut goals = lesson.begin();
    let mut answers = Vec::new();
    for session in way.clone() {
        let path = folder.path().join("attempt.pop3");
        std::fs::write(&path, script(lesson, attempt, session)).map_err(plain)?;
        let played =
            replay::play(&path, &plan, &options, &mut |_| {}).map_err(|error| error.to_string())?;
        let mut items = Reader::new(BufReader::new(File::open(&played.log).map_err(plain)?));
        goals.begin_session();
        let mut dialogue = Dialogue::without_digests();
        let mut session = Vec::new();
        while let Some(item) = items.next() {
            let place = Place {
                row: items.row(),
                offset: 0,
            };
            let item = item.map_err(|error| error.to_string())?;
            goals.feed(place, &item, &|| maildrop.count() as u64);
            dialogue.feed(place, &item, &mut |part| keep(&mut session, part));
        }
        answers.push(session);
    }
    // `Words` names nothing: its NOOPs are a look at the server, and the diagnosis would count.
    if attempt != ProofCase::Words
        && let Some(id) = lesson.diagnosis().first()
    {
        goals.diagnose(id);
    }
    Ok((goals, answers))
}

/// Returns a session of an attempt as a transcript to play.
fn script(lesson: &Lesson, attempt: ProofCase, session: Vec<Item>) -> String {
    let mut script = String::from("S: +OK {{..}}\n");
    for line in &lesson.ready {
        let _ = write!(script, "C: {line}\nS: +OK {{{{..}}}}\n");
    }
    let mut print = |item: &Item| {
        let mut octets = Vec::new();
        text::print_item(&mut octets, item);
        script.push_str(&String::from_utf8_lossy(&octets));
    };
    for item in session {
        match (attempt, item) {
            (ProofCase::Solution, item) => print(&item),
            (ProofCase::Words, Item::Row(mut row)) if row.side == Side::Client => {
                // A hole for a response needs a challenge, which NOOP does not get.
                row.pieces.retain(|piece| matches!(piece, Piece::Octets(_)));
                row.pieces.insert(0, Piece::Octets(b"NOOP ".to_vec()));
                let answer = vec![Piece::Octets(b"+OK".to_vec())];
                let answer = Row::new(Side::Server, 0, answer, row.end);
                print(&Item::Row(row));
                print(&Item::Row(answer));
            }
            _ => {}
        }
    }
    script
}
