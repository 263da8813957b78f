//! Hides secrets: by the place where they stand, and by value when they come back.

mod place;
mod sasl;
mod values;

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::command::{Command, Kind, Words};
use crate::event::Malformed;
use crate::tracker::{Role, Side};
use crate::transcript::{Hole, Piece};
pub use place::{Place, is_stray_response, place, typing_errors};

use place::argument_place;
use sasl::{names_in, secret_in};
use values::Values;

/// A secret shorter than this many octets is hidden only where it stands: by value it would be found everywhere.
pub const VALUE_MIN: usize = 4;

/// A secret longer than this many octets is remembered by its start.
const VALUE_MAX: usize = 4096;

/// How many octets of a line that were handed out are kept: what they say decides about what follows.
const BEFORE_MAX: usize = 96;

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
    /// What the client wrote before the secret that is being learnt.
    before_secret: Vec<u8>,
    /// The end of what was handed out of the server line that is going on.
    before: Vec<u8>,
    malformed: Vec<Malformed>,
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
            before_secret: Vec::new(),
            before: Vec::new(),
            malformed: Vec::new(),
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
            self.values.add(hole, secret, &self.before_secret);
        }
    }

    /// Whether a secret was too short to be hidden by value; said once.
    pub fn take_short(&mut self) -> bool {
        std::mem::take(&mut self.has_short)
    }

    /// Returns what was malformed of the secret in the line that was hidden last, as far as it has come.
    pub fn take_malformed(&mut self) -> Vec<Malformed> {
        std::mem::take(&mut self.malformed)
    }

    /// The pieces of the rest of a server line that was cut. A start of a secret that is long enough to help is hidden, too.
    #[must_use]
    pub fn hide_rest(&self, rest: &[u8]) -> Vec<Piece> {
        let pieces = self.hide_values(rest, &self.before);
        let is_open = matches!(pieces.last(), Some(Piece::Octets(_)));
        match is_open && rest.len() >= VALUE_MIN && self.values.is_start(rest, &self.before) {
            true => vec![Piece::Hole(Hole::Named("secret".to_owned()))],
            false => pieces,
        }
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
                self.malformed.clear();
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
                    let mut pieces = self.hide_arguments(open, role);
                    pieces.push(Piece::Hole(Hole::Named(hole.to_owned())));
                    return pieces;
                }
                return self.hide_arguments(octets, role);
            } else if self.rest_is_secret {
                return Vec::new();
            }
            return self.hide_values(octets, b"");
        }
        let before = match first {
            true => Vec::new(),
            false => std::mem::take(&mut self.before),
        };
        let pieces = self.hide_values(octets, &before);
        self.before = before;
        self.before.extend_from_slice(octets);
        let long = self.before.len().saturating_sub(BEFORE_MAX);
        self.before.drain(..long);
        pieces
    }

    /// The pieces of a client line. The verb of a command says what the line is, and is no secret.
    fn hide_arguments(&self, line: &[u8], role: Role) -> Vec<Piece> {
        let row = Command::of_line(line).filter(|_| role == Role::Command);
        let mut words = Words::of(line);
        words
            .by_ref()
            .take(row.map_or(0, Command::verb_words))
            .count();
        // The blank after the verb belongs to it.
        let end = match line.get(words.offset()) {
            Some(blank) if row.is_some() && blank.is_ascii_whitespace() => words.offset() + 1,
            _ => words.offset(),
        };
        let (verb, rest) = line.split_at(end.min(line.len()));
        let mut pieces = vec![Piece::Octets(verb.to_vec())];
        for piece in self.hide_values(rest, verb) {
            match (pieces.last_mut(), piece) {
                (Some(Piece::Octets(before)), Piece::Octets(octets)) => before.extend(octets),
                (_, piece) => pieces.push(piece),
            }
        }
        pieces.retain(|piece| !matches!(piece, Piece::Octets(octets) if octets.is_empty()));
        pieces
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
            Piece::Octets(octets) => self.hide_values(&octets, b""),
            hole @ Piece::Hole(_) => vec![hole],
        });
        hidden.collect()
    }

    /// The pieces of a line without names: whole words become holes that have a secret inside which was left as a part of a name.
    /// `is_kept` says of a word that it stands for a name.
    #[must_use]
    pub fn hide_words(&self, pieces: Vec<Piece>, is_kept: fn(&[u8]) -> bool) -> Vec<Piece> {
        if self.is_keeping {
            return pieces;
        }
        let hidden = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Octets(octets) => {
                let mut found = self.values.found_in_words(&octets);
                found.retain(|(range, _)| {
                    let word = octets.get(range.clone()).unwrap_or_default();
                    !is_kept(word) && Command::of_line(word).is_none()
                });
                with_holes(&octets, found)
            }
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
        self.learn_names(line, role, found);
        if role == Role::Command {
            self.values.forget_sasl_names();
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
        self.malformed = self.malformed_in(line, role, from, hole);
        if hole == "response" {
            self.learn_sasl_names(secret);
        }
        let before = line.get(..from).unwrap_or_default();
        let long = before.len().saturating_sub(BEFORE_MAX / 2);
        self.before_secret = before.get(long..).unwrap_or_default().to_vec();
        self.learn_secret(line, from, hole);
        self.before_secret.clear();
    }

    /// The names that a client line shows.
    fn learn_names(&mut self, line: &[u8], role: Role, found: Option<Place>) {
        let open = line.get(..found.map_or(line.len(), |place| place.from));
        let open = open.unwrap_or_default();
        let row = Command::of_line(open).filter(|_| role == Role::Command);
        let index = row.and_then(|row| row.args.iter().position(|arg| arg.kind == Kind::Name));
        let mut words = Words::of(open);
        match (row, index) {
            (Some(row), Some(index)) => {
                words.by_ref().take(row.verb_words() + index).count();
            }
            // `LOGIN name password` of IMAP, and misspelt verbs.
            (None, _) if found.is_some_and(|place| place.hole != "response") => {
                words.next();
            }
            _ => return,
        }
        let start = words.offset();
        words.for_each(|word| self.values.add_name(word));
        // A name of several words.
        let all = open.get(start..).unwrap_or_default().trim_ascii();
        self.values.add_name(all);
    }

    /// The names in a SASL response.
    fn learn_sasl_names(&mut self, response: &[u8]) {
        if let Ok(decoded) = STANDARD.decode(response.trim_ascii()) {
            let decoded = Zeroizing::new(decoded);
            for name in names_in(&self.mechanism, self.responses + 1, &decoded) {
                self.values.add_sasl_name(name);
            }
        }
    }

    /// What is malformed of a secret whose place is certain.
    fn malformed_in(
        &self,
        line: &[u8],
        role: Role,
        from: usize,
        hole: &'static str,
    ) -> Vec<Malformed> {
        let secret = line.get(from..).unwrap_or_default();
        if role == Role::Response {
            return Malformed::of_response(secret).into_iter().collect();
        }
        let row = Command::of_line(line);
        let is_certain =
            row.and_then(|row| argument_place(row, line)) == Some(Place { from, hole });
        match hole {
            _ if !is_certain => Vec::new(),
            "password" => Malformed::of_password(secret).collect(),
            "digest" => Malformed::of_digest(secret).into_iter().collect(),
            "response" => {
                let octets = line.len() + "\r\n".len();
                Malformed::of_initial_response(secret, &self.mechanism, octets).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Remembers a secret in every form in which it may come back.
    fn learn_secret(&mut self, line: &[u8], from: usize, hole: &'static str) {
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
                self.remember(hole, secret_in(&self.mechanism, self.responses, &decoded));
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
            self.remember(hole, secret_in(&mechanism, 2, &decoded));
        }
    }

    /// The pieces of octets that come after `before` on their line.
    fn hide_values(&self, octets: &[u8], before: &[u8]) -> Vec<Piece> {
        if before.is_empty() {
            return with_holes(octets, self.values.found(octets));
        }
        let line = Zeroizing::new([before, octets].concat());
        let found = self.values.found(&line).into_iter();
        let found = found.filter(|(range, _)| range.end > before.len());
        let found = found.map(|(range, hole)| {
            let start = range.start.saturating_sub(before.len());
            (start..range.end - before.len(), hole)
        });
        with_holes(octets, found.collect())
    }
}

/// The pieces of octets with holes at these places, which may overlap.
fn with_holes(octets: &[u8], mut found: Vec<(Range<usize>, &'static str)>) -> Vec<Piece> {
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

#[cfg(test)]
mod tests;
