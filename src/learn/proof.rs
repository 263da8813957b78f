//! Proves a lesson: nothing solves it but what it asks for.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use super::course::server;
use super::lesson::Lesson;
use crate::dialogue::Place;
use crate::goal::Goals;
use crate::replay::{self, Options};
use crate::session::SessionArgs;
use crate::text::{self, Reader};
use crate::tracker::Side;
use crate::transcript::{Item, Piece, Row};

/// How long each reply may take; a server of our own answers at once.
const REPLY: Duration = Duration::from_secs(10);

/// What is tried at a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Nothing is done.
    Empty,
    /// The words of the solution are typed where they have no effect.
    Words,
    /// The solution.
    Solution,
}

/// What is wrong with a lesson; empty where nothing is.
#[must_use]
pub fn complaints(lesson: &Lesson) -> Vec<String> {
    let mut complaints = Vec::new();
    for attempt in [Attempt::Empty, Attempt::Words, Attempt::Solution] {
        let goals = match play(lesson, attempt) {
            Ok(goals) => goals,
            Err(why) => {
                complaints.push(why);
                continue;
            }
        };
        match (attempt, goals.are_reached()) {
            (Attempt::Empty, true) => {
                complaints.push("it is solved before anything is done".to_owned())
            }
            (Attempt::Words, true) => {
                complaints.push("it is solved by words that have no effect".to_owned());
            }
            (Attempt::Solution, false) => {
                let open = goals.all().filter(|(_, is_reached)| !is_reached);
                let open: Vec<&str> = open.map(|(goal, _)| goal.says.as_str()).collect();
                complaints.push(format!("its solution does not reach: {}", open.join("; ")));
            }
            _ => {}
        }
    }
    complaints
}

/// Plays an attempt at a server of the lesson, and judges what came.
fn play(lesson: &Lesson, attempt: Attempt) -> Result<Goals, String> {
    let plain = |error: std::io::Error| crate::net::dial::plain(&error);
    let folder = tempfile::tempdir().map_err(plain)?;
    let args = SessionArgs {
        log: Some(folder.path().to_owned()),
        user: Some("alice".to_owned()),
        timeout: Some(REPLY),
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
    for session in lesson.solution() {
        let path = folder.path().join("attempt.pop3");
        std::fs::write(&path, script(lesson, attempt, session)).map_err(plain)?;
        let played =
            replay::play(&path, &plan, &options, &mut |_| {}).map_err(|error| error.to_string())?;
        let mut items = Reader::new(BufReader::new(File::open(&played.log).map_err(plain)?));
        goals.begin_session();
        while let Some(item) = items.next() {
            let place = Place {
                row: items.row(),
                offset: 0,
            };
            let item = item.map_err(|error| error.to_string())?;
            goals.feed(place, &item, &|| maildrop.count() as u64);
        }
    }
    // Who has only guessed has not looked.
    if attempt != Attempt::Words
        && let Some(id) = lesson.diagnosis().first()
    {
        goals.diagnose(id);
    }
    Ok(goals)
}

/// A session of an attempt, as a transcript to be played.
fn script(lesson: &Lesson, attempt: Attempt, session: Vec<Item>) -> String {
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
            (Attempt::Solution, item) => print(&item),
            (Attempt::Words, Item::Row(mut row)) if row.side == Side::Client => {
                // What is computed from a challenge that never came can't be said.
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
