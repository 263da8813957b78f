//! Where the secret of a client line stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::command::{Command, Kind, Words};
use crate::tracker::Role;

/// The secret place of a client line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The octet offset at which the secret starts; it goes to the end of the line.
    pub from: usize,
    /// The name of the hole that stands for it.
    pub hole: &'static str,
}

/// The secret place of a client line (octets without line end): the password, the digest or the response.
///
/// `is_guessed` also finds them behind verbs that are at most two typing errors from those that take a secret, and behind
/// such a verb without the blank (`PAS secret`, `PASSsecret`): right before a login, where nobody types such a verb on purpose.
#[must_use]
pub fn place(line: &[u8], role: Role, is_guessed: bool) -> Option<Place> {
    let found = match role {
        Role::Response => Some(Place {
            from: 0,
            hole: "response",
        }),
        Role::Command => match Command::of_line(line) {
            Some(row) => argument_place(row, line)
                .or_else(|| guessed_place(line).filter(|_| is_guessed && has_too_much(row, line))),
            None if is_guessed => guessed_place(line),
            None => None,
        },
        _ => None,
    }?;
    let secret = line.get(found.from..).unwrap_or_default();
    // An empty response is `=` on the AUTH line and an empty line later; `*` cancels (RFC 5034 §4).
    let is_open = secret.iter().all(u8::is_ascii_whitespace)
        || (found.hole == "response" && matches!(secret, b"*" | b"="));
    (!is_open).then_some(found)
}

/// Whether a line (octets without line end) that is no command looks like a SASL response: one word of base64. Behind an AUTH that
/// was refused it is one, pasted or sent ahead.
#[must_use]
pub fn is_stray_response(line: &[u8]) -> bool {
    let word = line.trim_ascii();
    word.len() >= 8 && Command::of_line(line).is_none() && STANDARD.decode(word).is_ok()
}

/// Whether a line has more words than its command takes: the verb may be another one, misspelt (`RPOP alice DIGEST`).
fn has_too_much(row: &Command, line: &[u8]) -> bool {
    Words::of(line).count() > row.verb_words() + row.args.len()
}

pub(super) fn argument_place(row: &Command, line: &[u8]) -> Option<Place> {
    let at = |arg: &crate::command::Arg| matches!(arg.kind, Kind::Secret(_));
    let index = row.args.iter().position(at)?;
    let Kind::Secret(hole) = row.args.get(index)?.kind else {
        return None;
    };
    let mut words = Words::of(line);
    words.by_ref().take(row.verb_words() + index).count();
    // One blank ends the argument before it; what follows belongs to the secret, more blanks too (RFC 1939 §7, PASS).
    Some(Place {
        from: words.offset() + 1,
        hole,
    })
}

/// What people of other protocols type before a password; in no row of the table.
const FOREIGN: [&[u8]; 3] = [b"PASS", b"PASSWORD", b"PASSWD"];

fn guessed_place(line: &[u8]) -> Option<Place> {
    let mut words = Words::of(line);
    let verb = words.next()?.to_ascii_uppercase();
    let after_verb = words.offset();
    let is_like = |word: &[u8], meant: &[u8]| typing_errors(&word.to_ascii_uppercase(), meant) <= 2;
    // IMAP's `LOGIN name password`, and a password that is announced within the line: `user bob pass secret`.
    let hole = "password";
    if is_like(&verb, b"PASSWORD") {
        let from = after_verb + 1;
        return Some(Place { from, hole });
    }
    if verb == b"LOGIN" && words.clone().next().is_some() {
        words.next();
        let from = words.offset() + 1;
        return Some(Place { from, hole });
    }
    let mut behind = words.clone();
    while let Some(word) = behind.next() {
        let is_announced = FOREIGN.iter().any(|meant| word.eq_ignore_ascii_case(meant));
        if is_announced && behind.clone().next().is_some() {
            let from = behind.offset() + 1;
            return Some(Place { from, hole });
        }
    }
    let secret_rows = Command::all().filter_map(|row| {
        row.args.iter().find_map(|arg| match arg.kind {
            Kind::Secret(hole) => Some((row, hole)),
            _ => None,
        })
    });
    for (row, hole) in secret_rows {
        let meant = row.verb.as_bytes();
        if verb.starts_with(meant) {
            return Some(Place {
                from: after_verb - (verb.len() - meant.len()),
                hole,
            });
        }
        if typing_errors(&verb, meant) <= 2 {
            let place = argument_place(row, line).filter(|place| place.from < line.len());
            return Some(place.unwrap_or(Place {
                from: after_verb + 1,
                hole,
            }));
        }
    }
    None
}

/// How many octets must be put in, left out, changed or swapped with their neighbour to make `b` of `a`.
#[must_use]
pub fn typing_errors(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let cost = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 9);
            let mut best = (cost(&last, j) + usize::from(x != y))
                .min(cost(&last, j + 1) + 1)
                .min(cost(&row, j) + 1);
            if j > 0 && i > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(cost(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
