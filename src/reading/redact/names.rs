//! Stable pseudonyms for user names and mail addresses: the first that is met is `user-1`.

use crate::pop3::command::{ArgumentKind, Command, Words};
use crate::pop3::tracker::Role;
use crate::transcript::Piece;

/// How many names are remembered; those that come later are all `user-0`.
const NAMES_MAX: usize = 10_000;

/// A name shorter than this many octets is replaced only where it is used as a name.
const VALUE_MIN: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those that stood in a line, in order.
    shown: Vec<Vec<u8>>,
    /// Those that a response carried. They get a number when they appear in a line: what was
    /// redacted before has no others.
    carried: Vec<Vec<u8>>,
}

impl Names {
    pub(super) fn replace(&mut self, pieces: Vec<Piece>, role: Role, first: bool) -> Vec<Piece> {
        let mut is_first = first;
        let replaced = pieces.into_iter().map(|piece| {
            let starts = std::mem::take(&mut is_first);
            match piece {
                Piece::Octets(octets) => Piece::Octets(match role {
                    Role::Command if starts => self.in_command(octets),
                    Role::Greeting | Role::Status | Role::Unrequested => {
                        self.in_status(&octets, role)
                    }
                    _ => octets,
                }),
                hole @ Piece::Hole(_) => hole,
            }
        });
        replaced.collect()
    }

    /// Remembers a name that a response carries, in lower case.
    pub(super) fn meet(&mut self, name: &[u8]) {
        let is_new = !self.carried.iter().any(|known| known == name);
        if name.len() >= VALUE_MIN && is_new && self.carried.len() < NAMES_MAX {
            self.carried.push(name.to_vec());
        }
    }

    fn pseudonym(&mut self, name: &[u8]) -> Vec<u8> {
        let name = name.to_ascii_lowercase();
        let known = self.position(&name);
        let number = match known {
            Some(index) => index + 1,
            None if self.shown.len() == NAMES_MAX => 0,
            None => {
                self.shown.push(name);
                self.shown.len()
            }
        };
        format!("user-{number}").into_bytes()
    }

    /// The name that a command carries. The last argument runs to the end of the line.
    fn in_command(&mut self, line: Vec<u8>) -> Vec<u8> {
        let Some((from, upto)) = name_place(&line) else {
            return line;
        };
        let name = self.pseudonym(line.get(from..upto).unwrap_or_default());
        let mut replaced = line.get(..from).unwrap_or_default().to_vec();
        replaced.extend_from_slice(&name);
        replaced.extend_from_slice(line.get(upto..).unwrap_or_default());
        replaced
    }

    /// Mail addresses, and names that were met. A greeting's `<1896.6971@host>` is a timestamp (RFC
    /// 1939 §7).
    fn in_status(&mut self, line: &[u8], role: Role) -> Vec<u8> {
        let mut replaced = Vec::new();
        let mut rest = line;
        while !rest.is_empty() {
            let outside = rest.iter().position(is_word).unwrap_or(rest.len());
            let (gap, after) = rest.split_at(outside);
            let length = after.iter().position(|octet| !is_word(octet));
            let (word, after) = after.split_at(length.unwrap_or(after.len()));
            rest = after;
            replaced.extend_from_slice(gap);
            let is_timestamp = gap.ends_with(b"<") && role == Role::Greeting;
            // A full stop after a name belongs to the sentence.
            let core = word
                .iter()
                .rposition(|octet| !b".-".contains(octet))
                .map_or(0, |last| last + 1);
            let (core, tail) = word.split_at(core);
            if !is_timestamp && (is_address(core) || is_pseudonym(core) || self.is_known(core)) {
                let name = self.pseudonym(core);
                replaced.extend_from_slice(&name);
            } else {
                replaced.extend_from_slice(core);
            }
            replaced.extend_from_slice(tail);
        }
        replaced
    }

    fn is_known(&self, word: &[u8]) -> bool {
        let word = word.to_ascii_lowercase();
        let is_met = self.position(&word).is_some() || self.carried.contains(&word);
        word.len() >= VALUE_MIN && is_met
    }

    /// The index of a name in lower case. The local part of an address counts as the address:
    /// servers say either.
    fn position(&self, name: &[u8]) -> Option<usize> {
        let is_local = |known: &Vec<u8>| {
            let rest = known.strip_prefix(name).filter(|_| name.len() >= VALUE_MIN);
            rest.is_some_and(|rest| rest.starts_with(b"@"))
        };
        let whole = self.shown.iter().position(|known| known == name);
        whole.or_else(|| self.shown.iter().position(is_local))
    }
}

/// The place of the name in the line of a command.
fn name_place(line: &[u8]) -> Option<(usize, usize)> {
    let row = Command::of_line(line)?;
    let index = row
        .args
        .iter()
        .position(|arg| arg.kind == ArgumentKind::Name)?;
    let mut words = Words::of(line);
    words.by_ref().take(row.verb_words() + index).count();
    let before = words.offset();
    let word = words.next()?;
    let upto = if index + 1 == row.args.len() {
        line.trim_ascii_end().len()
    } else {
        words.offset()
    };
    let from = words.offset() - word.len();
    (before < from && from < upto).then_some((from, upto))
}

/// What an address or a name is made of.
fn is_word(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || !octet.is_ascii() || b"._%+-=@".contains(octet)
}

/// Whether a name was replaced already: it counts as the name that it replaced.
pub(super) fn is_pseudonym(word: &[u8]) -> bool {
    word.strip_prefix(b"user-")
        .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

fn is_address(word: &[u8]) -> bool {
    let mut parts = word.split(|octet| *octet == b'@');
    let is_full = |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty());
    is_full(parts.next()) && is_full(parts.next()) && parts.next().is_none()
}
