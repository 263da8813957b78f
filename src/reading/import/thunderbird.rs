//! Thunderbird's log of its POP3 module: `SEND: ` and `RECV: ` (`MOZ_LOG=POP3:5`), or `C: ` and `S:
//! ` (`mailnews.pop3.loglevel`). It has no line ends, and no line that holds a password.

use std::collections::HashMap;

use super::builder::TranscriptBuilder;
use super::lines::{numbered, text, text_after, without_cr};
use super::{Imported, Options, Problem, Source, stamp};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::{Hole, Piece};

const IMPORTED: &str = "Thunderbird's POP3 log; line ends are not in it, nor is what it suppressed";

const TALKS_MAX: usize = 4096;

pub(super) fn is_log(head: &[u8]) -> bool {
    numbered(head).any(|(_, line)| matches!(read(line), Some((_, _, ThunderbirdLine::Line(..)))))
}

#[derive(Debug)]
enum ThunderbirdLine<'a> {
    Line(Side, &'a [u8]),
    Suppressed,
}

fn read(line: &[u8]) -> Option<(Option<u64>, String, ThunderbirdLine<'_>)> {
    let (line, _) = without_cr(line);
    let is_marked = |mark: &str| memchr::memmem::find(line, mark.as_bytes()).is_some();
    let (us, rest) = match stamp::date(line) {
        Some((us, rest)) => (Some(us), rest),
        None => (None, line),
    };
    // `[this=1f2e3d]` in the logs of today, `- 1234[5678]: ` in those of 2010, `mailnews.pop3.1` in
    // those of the new client.
    let connection = match text_after(rest, "[this=") {
        Some(this) => super::lines::word(this, b"]"),
        None => match text_after(rest, "mailnews.pop3.") {
            Some(number) => super::lines::word(number, b":"),
            None => String::new(),
        },
    };
    let is_pop3 = is_marked("POP3") || is_marked("pop3") || us.is_some() || is_marked("]: ");
    if !is_pop3 {
        return None;
    }
    if is_marked("ogging suppressed") {
        return Some((us, connection, ThunderbirdLine::Suppressed));
    }
    let sides = [
        ("SEND: ", Side::Client),
        ("RECV: ", Side::Server),
        (": C: ", Side::Client),
        (": S: ", Side::Server),
    ];
    // The first mark counts: the others may be part of what was said.
    let found = sides.iter().filter_map(|(mark, side)| {
        let at = memchr::memmem::find(rest, mark.as_bytes())?;
        Some((at, rest.get(at + mark.len()..)?, *side))
    });
    let (_, said, side) = found.min_by_key(|(at, ..)| *at)?;
    // The newer client writes the line as a string, in quotes.
    let said = said
        .strip_prefix(b"\"")
        .and_then(|said| said.strip_suffix(b"\""))
        .unwrap_or(said);
    Some((us, connection, ThunderbirdLine::Line(side, said)))
}

pub(super) fn import(source: &Source<'_>, options: &Options) -> Imported {
    let mut made = Vec::new();
    let mut talks: Vec<(TranscriptBuilder, bool)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (number, line) in numbered(source.octets) {
        let Some((us, connection, said)) = read(line) else {
            continue;
        };
        let index = match known.get(&connection) {
            Some(index) => *index,
            None if talks.len() == TALKS_MAX => {
                let what = format!("more than {TALKS_MAX} connections");
                return Err(Problem::new(source, Some(number), &what, "split the log"));
            }
            None => {
                known.insert(connection, talks.len());
                talks.push((start(us, options), false));
                talks.len() - 1
            }
        };
        let Some((talk, is_name_sent)) = talks.get_mut(index) else {
            continue;
        };
        // The same number again is a new connection.
        if talk.state() == crate::pop3::tracker::State::Update && is_greeting(&said) {
            made.push(std::mem::replace(talk, start(us, options)).finish());
            *is_name_sent = false;
        }
        if let Some(us) = us {
            talk.at(us);
        }
        match said {
            ThunderbirdLine::Line(side, said) => {
                talk.tls(None);
                if side == Side::Client {
                    *is_name_sent = is_user(said);
                }
                talk.line(side, said, LineEnd::Crlf);
            }
            ThunderbirdLine::Suppressed => suppressed(talk, std::mem::take(is_name_sent)),
        }
    }
    for (mut talk, _) in talks {
        if !talk.is_empty() {
            talk.data_left_out();
            made.push(talk.finish());
        }
    }
    if made.is_empty() {
        let hint = "record with MOZ_LOG=POP3:5,timestamp and MOZ_LOG_FILE=FILE";
        return Err(Problem::new(
            source,
            None,
            "no `SEND: ` and `RECV: ` lines",
            hint,
        ));
    }
    Ok(made)
}

fn start(us: Option<u64>, options: &Options) -> TranscriptBuilder {
    match us.and_then(stamp::started) {
        None => TranscriptBuilder::new(options, &[], &format!("{IMPORTED}; times are not in it")),
        zero => TranscriptBuilder::begun(options, &[], IMPORTED, zero),
    }
}

fn is_greeting(said: &ThunderbirdLine<'_>) -> bool {
    matches!(said, ThunderbirdLine::Line(Side::Server, line) if text(line).starts_with("+OK"))
}

fn is_user(line: &[u8]) -> bool {
    let verb = line.get(.."USER ".len());
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"USER "))
}

/// A line of the client that the log only reports. After USER it is PASS; inside AUTH it is a
/// response.
fn suppressed(talk: &mut TranscriptBuilder, is_name_sent: bool) {
    talk.client_speaks();
    let named = |name: &str| Piece::Hole(Hole::Named(name.to_owned()));
    let pieces = if talk.expects_response() {
        vec![named("response")]
    } else if is_name_sent {
        talk.prose("Thunderbird does not log the next line; after USER it sends PASS");
        vec![Piece::Octets(b"PASS ".to_vec()), named("password")]
    } else {
        talk.prose("Thunderbird does not log the next line");
        vec![Piece::Hole(Hole::Text)]
    };
    talk.row(Side::Client, pieces, LineEnd::Crlf);
}
