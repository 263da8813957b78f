//! Hides secrets: by the place where they stand, and by value when they come back.

mod values;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::command::{Command, Kind, Words};
use crate::tracker::{Role, Side};
use crate::transcript::{Hole, Piece};
use values::Values;

/// A secret shorter than this many octets is hidden only where it stands: by value it would be found everywhere.
pub const VALUE_MIN: usize = 4;

/// A secret longer than this many octets is remembered by its start.
const VALUE_MAX: usize = 4096;

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

fn argument_place(row: &Command, line: &[u8]) -> Option<Place> {
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

/// Hides the secrets of one connection.
pub struct Hider {
    is_keeping: bool,
    values: Values,
    /// The SASL mechanism of the exchange that is going on, upper case, and how many responses were seen.
    mechanism: Vec<u8>,
    responses: usize,
    /// AUTH was the last command that is known.
    follows_auth: bool,
    /// The rest of the current client line is secret.
    rest_is_secret: bool,
    has_short: bool,
}

impl std::fmt::Debug for Hider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hider({} values (hidden))", self.values.len())
    }
}

impl Hider {
    /// Hides; or nothing at all when `is_keeping` (`--keep-secrets`).
    #[must_use]
    pub fn new(is_keeping: bool) -> Self {
        Self {
            is_keeping,
            values: Values::default(),
            mechanism: Vec::new(),
            responses: 0,
            follows_auth: false,
            rest_is_secret: false,
            has_short: false,
        }
    }

    /// Remembers a secret, to be hidden wherever it comes back. `hole` names what stands for it.
    pub fn remember(&mut self, hole: &'static str, secret: &[u8]) {
        let secret = secret.get(..VALUE_MAX).unwrap_or(secret);
        if secret.len() < VALUE_MIN {
            self.has_short |= !secret.is_empty();
            return;
        }
        if !self.is_keeping {
            self.values.add(hole, secret);
        }
    }

    /// Whether a secret was too short to be hidden by value; said once.
    pub fn take_short(&mut self) -> bool {
        std::mem::take(&mut self.has_short)
    }

    /// The pieces of a line, or of a part of one (octets without line end), secrets replaced by holes.
    ///
    /// `first`: the line starts here. `is_guessed` as in [`place`].
    pub fn hide(
        &mut self,
        side: Side,
        role: Role,
        octets: &[u8],
        first: bool,
        is_guessed: bool,
    ) -> Vec<Piece> {
        if self.is_keeping || role == Role::Terminator {
            return vec![Piece::Octets(octets.to_vec())];
        }
        if side == Side::Client {
            if first {
                self.rest_is_secret = false;
                let is_stray = is_guessed
                    && self.follows_auth
                    && role == Role::Command
                    && is_stray_response(octets);
                let found = match is_stray {
                    true => place(octets, Role::Response, is_guessed),
                    false => place(octets, role, is_guessed),
                };
                self.learn(octets, if is_stray { Role::Response } else { role }, found);
                if let Some(Place { from, hole }) = found {
                    self.rest_is_secret = true;
                    let (open, _) = octets.split_at(from.min(octets.len()));
                    let mut pieces = self.hide_values(open);
                    pieces.push(Piece::Hole(Hole::Named(hole.to_owned())));
                    return pieces;
                }
            } else if self.rest_is_secret {
                return Vec::new();
            }
        }
        self.hide_values(octets)
    }

    /// Like [`Hider::hide`] for a line that has holes already: what they stand for is not known, and is not remembered.
    pub fn hide_pieces(
        &mut self,
        side: Side,
        role: Role,
        pieces: Vec<Piece>,
        first: bool,
        is_guessed: bool,
    ) -> Vec<Piece> {
        let octets: &[u8] = match pieces.as_slice() {
            [] => b"",
            [Piece::Octets(octets)] => octets,
            _ => return self.hide_holed(side, role, pieces, first, is_guessed),
        };
        self.hide(side, role, octets, first, is_guessed)
    }

    fn hide_holed(
        &mut self,
        side: Side,
        role: Role,
        pieces: Vec<Piece>,
        first: bool,
        is_guessed: bool,
    ) -> Vec<Piece> {
        if self.is_keeping {
            return pieces;
        }
        let line = flat(&pieces);
        let found = (side == Side::Client && first)
            .then(|| place(&line, role, is_guessed))
            .flatten();
        if side == Side::Client && first {
            self.rest_is_secret = found.is_some();
            // With holes in it a line tells the mechanism, and no secret.
            self.learn(&line, role, None);
            self.responses += usize::from(role == Role::Response || found.is_some());
        } else if side == Side::Client && self.rest_is_secret {
            return Vec::new();
        }
        let Some(Place { from, hole }) = found else {
            return self.hide_values_in(pieces);
        };
        let (open, secret) = split(pieces, from);
        let mut open = self.hide_values_in(open);
        open.push(match secret.into_iter().next() {
            Some(Piece::Hole(Hole::Named(name))) => Piece::Hole(Hole::Named(name)),
            _ => Piece::Hole(Hole::Named(hole.to_owned())),
        });
        open
    }

    /// The pieces with what was remembered replaced by holes; by value only.
    #[must_use]
    pub fn hide_values_in(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        if self.is_keeping {
            return pieces;
        }
        let hidden = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Octets(octets) => self.hide_values(&octets),
            hole @ Piece::Hole(_) => vec![hole],
        });
        hidden.collect()
    }

    /// How many octets at the end of a part of a line may be the start of a secret: they must wait for what follows.
    #[must_use]
    pub fn unsure_tail(&self, octets: &[u8]) -> usize {
        self.values.unsure_tail(octets)
    }

    /// Remembers what a client line tells.
    fn learn(&mut self, line: &[u8], role: Role, found: Option<Place>) {
        if role == Role::Command {
            let mut words = Words::of(line);
            // A response that was found behind another verb was meant for AUTH.
            let is_meant = found.is_some_and(|place| place.hole == "response");
            let is_auth = words
                .next()
                .is_some_and(|verb| is_meant || verb.eq_ignore_ascii_case(b"AUTH"));
            self.mechanism = words
                .next()
                .filter(|_| is_auth)
                .unwrap_or_default()
                .to_ascii_uppercase();
            self.responses = 0;
            self.follows_auth = is_auth || self.follows_auth && Command::of_line(line).is_none();
        }
        let Some(Place { from, hole }) = found else {
            return;
        };
        let secret = line.get(from..).unwrap_or_default();
        self.remember(hole, secret);
        // A password typed with blanks around it, or a sign before it, comes back without them.
        self.remember(hole, secret.trim_ascii());
        let is_sign = |octet: &u8| octet.is_ascii_whitespace() || b":=".contains(octet);
        let sign = secret.iter().take_while(|octet| is_sign(octet)).count();
        self.remember(hole, secret.get(sign..).unwrap_or_default());
        // So does one whose verb had a letter too many.
        let is_glued = from
            .checked_sub(1)
            .and_then(|at| line.get(at))
            .is_some_and(|octet| !octet.is_ascii_whitespace());
        if let Some(blank) = secret
            .iter()
            .position(u8::is_ascii_whitespace)
            .filter(|_| is_glued)
        {
            self.remember(hole, secret.get(blank..).unwrap_or_default().trim_ascii());
        }
        self.learn_last_word(hole, secret);
        if hole == "response" {
            self.responses += 1;
            if let Ok(decoded) = STANDARD.decode(secret.trim_ascii()) {
                let decoded = Zeroizing::new(decoded);
                self.remember(hole, sasl_secret(&self.mechanism, self.responses, &decoded));
            }
        }
    }

    /// A response is one word. Where there are more, the verb was guessed (`AUHT PLAIN response`), or a password stands in clear:
    /// the last word is the secret, and it may come back alone.
    fn learn_last_word(&mut self, hole: &'static str, secret: &[u8]) {
        let mut words = Words::of(secret).collect::<Vec<_>>().into_iter().rev();
        let (Some(last), Some(before)) = (words.next(), words.next()) else {
            return;
        };
        if hole != "response" && STANDARD.decode(last).is_err() {
            return;
        }
        self.remember(hole, last);
        if let Ok(decoded) = STANDARD.decode(last) {
            let decoded = Zeroizing::new(decoded);
            let mechanism = before.to_ascii_uppercase();
            self.remember(hole, sasl_secret(&mechanism, 2, &decoded));
        }
    }

    fn hide_values(&self, octets: &[u8]) -> Vec<Piece> {
        let mut found = self.values.found(octets);
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut pieces = Vec::new();
        let mut at = 0;
        for (range, hole) in found {
            if range.end <= at {
                continue;
            }
            if range.start >= at {
                pieces.push(Piece::Octets(
                    octets.get(at..range.start).unwrap_or_default().to_vec(),
                ));
                pieces.push(Piece::Hole(Hole::Named(hole.to_owned())));
            }
            at = range.end;
        }
        pieces.push(Piece::Octets(octets.get(at..).unwrap_or_default().to_vec()));
        pieces.retain(|piece| !matches!(piece, Piece::Octets(octets) if octets.is_empty()));
        pieces
    }
}

/// What stands for a hole where only octets will do: in no verb, no name and no base64, and too long to be two typing errors.
const STAND_IN: &[u8] = &[0x1a; 8];

/// The octets of a line (without line end), with octets that nobody types for each hole.
#[must_use]
pub fn flat(pieces: &[Piece]) -> Vec<u8> {
    let mut line = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Octets(octets) => line.extend_from_slice(octets),
            Piece::Hole(_) => line.extend_from_slice(STAND_IN),
        }
    }
    line
}

/// The pieces before and behind an octet offset of [`flat`].
fn split(pieces: Vec<Piece>, at: usize) -> (Vec<Piece>, Vec<Piece>) {
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    let mut passed = 0;
    for piece in pieces {
        let length = match &piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Hole(_) => STAND_IN.len(),
        };
        match piece {
            piece if passed >= at => behind.push(piece),
            Piece::Octets(mut octets) if passed + length > at => {
                let rest = octets.split_off(at - passed);
                before.push(Piece::Octets(octets));
                behind.push(Piece::Octets(rest));
            }
            piece => before.push(piece),
        }
        passed += length;
    }
    (before, behind)
}

/// The secret in a decoded SASL response, by mechanism; `count` is 1 for the first response of the exchange.
fn sasl_secret<'a>(mechanism: &[u8], count: usize, decoded: &'a [u8]) -> &'a [u8] {
    let behind = |mark: &[u8]| {
        memchr::memmem::rfind(decoded, mark).map_or(decoded, |at| {
            decoded.get(at + mark.len()..).unwrap_or_default()
        })
    };
    match mechanism {
        b"PLAIN" => behind(b"\0"),
        b"LOGIN" if count == 1 => b"", // the name
        b"XOAUTH2" | b"OAUTHBEARER" => {
            let token = behind(b"auth=Bearer ");
            token.split(|octet| *octet == 1).next().unwrap_or_default()
        }
        b"CRAM-MD5" | b"CRAM-SHA1" | b"CRAM-SHA256" => behind(b" "),
        _ if mechanism.starts_with(b"SCRAM-") => match memchr::memmem::rfind(decoded, b",p=") {
            Some(at) => decoded.get(at + 3..).unwrap_or_default(),
            None => b"", // the first message: name and nonce
        },
        _ => decoded,
    }
}

#[cfg(test)]
mod tests;
