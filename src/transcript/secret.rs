//! Hides secrets: by their place in a line, and by value when they come back.

mod guess;
mod line;
mod place;
mod recall;
mod sasl;
mod store;
mod values;

use zeroize::Zeroizing;

use crate::base::escape::is_hidden;
use crate::pop3::command::{ArgumentKind, Command, Words};
use crate::pop3::tracker::{Role, Side};
use crate::transcript::event::Malformed;
use crate::transcript::{Hole, Piece};
pub(crate) use guess::{Guess, is_response};
pub(crate) use line::flat;
pub(crate) use place::{SecretPlace, place};
pub(crate) use recall::Recall;
pub(crate) use store::Secrets;

use line::{joined, named, split, with_holes};
use place::argument_place;
use sasl::{names_in, secret_in, unquoted};
use values::Secret;
use values::{SecretFound, Values, decode};

/// A secret shorter than this many octets is hidden only where it is: by value it would be found
/// everywhere.
pub const VALUE_MIN: usize = 4;

/// A secret longer than this many octets is remembered by its start.
const VALUE_MAX: usize = 4096;

/// How many octets of a line that were handed out are kept: what they say decides about what
/// follows.
const BEFORE_MAX: usize = 96;

/// Hides the secrets of one connection.
#[derive(Default)]
pub struct Hider {
    is_keeping: bool,
    values: Values,
    /// Where other connections find what is learned here.
    store: Option<Secrets>,
    /// The user who was named last, in lower case.
    user: Vec<u8>,
    /// The SASL mechanism of the exchange that is in progress, upper case, and how many responses
    /// were seen.
    mechanism: Vec<u8>,
    responses: usize,
    guess: Guess,
    /// The rest of the current client line is secret.
    rest_is_secret: bool,
    has_short: bool,
    /// What the client wrote before the secret that is being learned.
    before_secret: Vec<u8>,
    /// The end of what was handed out of the server line that is in progress.
    before: Vec<u8>,
    /// It ended with a secret of which only the start is known: what comes next may continue with
    /// it.
    is_in_secret: bool,
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
            ..Self::default()
        }
    }

    /// The same; what other connections with this store have learned is hidden from the start, or
    /// where its user is named.
    pub(crate) fn sharing(is_keeping: bool, secrets: &Secrets) -> Self {
        let mut hider = Self::new(is_keeping);
        if is_keeping {
            return hider;
        }
        let (names, known) = secrets.at_start();
        hider.values = Values::of(&names, known);
        hider.store = Some(secrets.clone());
        hider
    }

    /// The same values for the same conversation, from its start.
    pub(crate) fn again(self) -> Self {
        Self {
            values: self.values,
            store: self.store,
            ..Self::new(self.is_keeping)
        }
    }

    fn add_known(&mut self, known: Vec<Secret>) {
        self.values.add_all(known);
    }

    fn name_user(&mut self, name: &[u8]) {
        let Some(store) = self.store.clone() else {
            return;
        };
        let name = name.get(..VALUE_MAX).unwrap_or(name).to_ascii_lowercase();
        store.add_name(&name);
        if !name.is_empty() && self.user != name {
            self.add_known(store.of_user(&name));
            self.user = name;
        }
    }

    /// Remembers a secret that an option or a prompt gave, to be hidden wherever it comes back; it
    /// is never forgotten. `hole` names what represents it.
    pub(crate) fn remember(&mut self, hole: &'static str, secret: &[u8]) {
        self.remember_as(hole, secret, true);
    }

    fn remember_as(&mut self, hole: &'static str, secret: &[u8], is_given: bool) {
        if secret.len() < VALUE_MIN {
            self.has_short |= !secret.is_empty();
        } else if !self.is_keeping {
            self.values.add(hole, secret, &self.before_secret, is_given);
            if let Some(store) = &self.store {
                let kept = secret.get(..=VALUE_MAX).unwrap_or(secret);
                store.add(Secret {
                    hole,
                    octets: Zeroizing::new(kept.to_vec()),
                    before: Zeroizing::new(self.before_secret.clone()),
                    user: self.user.clone(),
                    is_given,
                });
            }
        }
    }

    fn remember_typed(&mut self, hole: &'static str, secret: &[u8]) {
        self.remember_as(hole, secret, false);
    }

    /// Whether a secret was too short to be hidden by value; said once.
    pub(crate) fn take_short(&mut self) -> bool {
        std::mem::take(&mut self.has_short)
    }

    /// Whether there is anything to hide by value.
    pub(crate) fn has_values(&self) -> bool {
        self.values.len() > 0
    }

    /// Returns what was malformed of the secret in the line that was hidden last, as far as it has
    /// come.
    pub(crate) fn take_malformed(&mut self) -> Vec<Malformed> {
        std::mem::take(&mut self.malformed)
    }

    /// The pieces of the rest of a server line that was cut. A start of a secret that is long
    /// enough to help is hidden, too.
    pub(crate) fn hide_rest(&self, rest: &[u8]) -> Vec<Piece> {
        let pieces = self.hide_values(rest, &self.before);
        let is_open = matches!(pieces.last(), Some(Piece::Octets(_)));
        match is_open && rest.len() >= VALUE_MIN && self.values.is_start(rest, &self.before) {
            true => vec![Piece::Hole(Hole::Named("secret".to_owned()))],
            false => pieces,
        }
    }

    /// The pieces of a line, or of a part of one (octets without line end), secrets replaced by
    /// holes. `first`: the line starts here.
    pub(crate) fn hide(
        &mut self,
        side: Side,
        role: Role,
        octets: &[u8],
        first: bool,
    ) -> Vec<Piece> {
        if self.is_keeping || role == Role::Terminator {
            return vec![Piece::Octets(octets.to_vec())];
        }
        if side == Side::Server {
            if role == Role::Status {
                self.guess.note_status(octets, first);
            }
            return self.hide_server(octets, first);
        }
        if !first {
            return match self.rest_is_secret {
                true => Vec::new(),
                false => self.hide_values(octets, b""),
            };
        }
        self.rest_is_secret = false;
        self.malformed.clear();
        let found = self.guess.place(octets, role);
        let is_stray = found.is_some_and(|place| Guess::is_stray(octets, place));
        self.learn(octets, if is_stray { Role::Response } else { role }, found);
        self.guess.note_sent(octets, role);
        let Some(SecretPlace { from, hole }) = found else {
            return self.hide_arguments(octets, role);
        };
        self.rest_is_secret = true;
        let (open, _) = octets.split_at(from.min(octets.len()));
        let mut pieces = self.hide_arguments(open, role);
        pieces.push(Piece::Hole(Hole::Named(hole.to_owned())));
        pieces
    }

    /// The pieces of a part of a line of the server: of its reply, or of its data.
    pub(crate) fn hide_server(&mut self, octets: &[u8], first: bool) -> Vec<Piece> {
        if self.is_keeping {
            return vec![Piece::Octets(octets.to_vec())];
        }
        let before = match first {
            true => Vec::new(),
            false => std::mem::take(&mut self.before),
        };
        let in_secret = match std::mem::take(&mut self.is_in_secret) && !first {
            true => octets.iter().position(u8::is_ascii_whitespace),
            false => Some(0),
        };
        let (_, open) = octets.split_at(in_secret.unwrap_or(octets.len()));
        // A status indicator is never hidden.
        let indicators = [&b"+OK"[..], b"-ERR"].into_iter();
        let indicator = indicators.filter(|word| first && open.starts_with(word));
        let (indicator, open) = open.split_at(indicator.map(<[u8]>::len).sum());
        let (pieces, is_in_secret) = match indicator {
            b"" => self.hide_open(open, &before),
            indicator => self.hide_open(open, indicator),
        };
        let pieces = joined(indicator, pieces);
        self.is_in_secret = is_in_secret || in_secret.is_none();
        self.before = before;
        self.before.extend_from_slice(octets);
        let long = self.before.len().saturating_sub(BEFORE_MAX);
        self.before.drain(..long);
        pieces
    }

    /// The pieces of a client line. The verb of a command says what the line is, and is not a
    /// secret.
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
        joined(verb, self.hide_values(rest, verb))
    }

    /// Like [`Hider::hide`] for a line that has holes already: what they represent is not known,
    /// and is not remembered.
    pub(crate) fn hide_pieces(
        &mut self,
        side: Side,
        role: Role,
        pieces: Vec<Piece>,
        first: bool,
    ) -> Vec<Piece> {
        if let [] | [Piece::Octets(_)] = pieces.as_slice() {
            return self.hide(side, role, Piece::head(&pieces), first);
        }
        if self.is_keeping {
            return pieces;
        }
        let line = flat(&pieces);
        let is_start = side == Side::Client && first;
        let found = is_start.then(|| self.guess.place(&line, role)).flatten();
        if is_start {
            self.rest_is_secret = found.is_some();
            // With holes in it a line shows names and the mechanism, and no secret.
            self.learn_names(&line, role, found);
            self.learn_secrets(&line, role, None);
            self.responses += usize::from(role == Role::Response || found.is_some());
            self.guess.note_sent(&line, role);
        } else if side == Side::Client && self.rest_is_secret {
            return Vec::new();
        } else if side == Side::Server && role == Role::Status {
            self.guess.note_status(&line, first);
        }
        let hide = |pieces: Vec<Piece>| {
            let mut pieces = pieces.into_iter();
            match pieces.next() {
                Some(Piece::Octets(octets)) if is_start => {
                    let mut hidden = self.hide_arguments(&octets, role);
                    hidden.extend(self.hide_values_in(pieces.collect()));
                    hidden
                }
                first => self.hide_values_in(first.into_iter().chain(pieces).collect()),
            }
        };
        let Some(SecretPlace { from, hole }) = found else {
            return hide(pieces);
        };
        let (open, secret) = split(pieces, from);
        let mut open = hide(open);
        open.push(match secret.into_iter().next() {
            Some(Piece::Hole(Hole::Named(name))) => Piece::Hole(Hole::Named(name)),
            _ => Piece::Hole(Hole::Named(hole.to_owned())),
        });
        open
    }

    /// The pieces with what was remembered replaced by holes; by value only.
    pub(crate) fn hide_values_in(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        if self.is_keeping {
            return pieces;
        }
        let hidden = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Octets(octets) => self.hide_values(&octets, b""),
            hole @ Piece::Hole(_) => vec![hole],
        });
        hidden.collect()
    }

    /// A text of poptalk's own or of a certificate, with the names of holes in place of what was
    /// remembered.
    pub(crate) fn hide_text(&self, text: &str) -> String {
        named(&self.hide_values_in(vec![Piece::Octets(text.as_bytes().to_vec())]))
    }

    /// Whether a message may name the verb of a line: what is not a command may be a password.
    pub(crate) fn may_show(&self, verb: &str) -> bool {
        self.is_keeping || self.values.may_show(verb.as_bytes())
    }

    /// The pieces of a line without names: whole words become holes that have a secret inside which
    /// was left as a part of a name. `is_kept` says of a word that it represents a name.
    pub(crate) fn hide_words(&self, pieces: Vec<Piece>, is_kept: fn(&[u8]) -> bool) -> Vec<Piece> {
        if self.is_keeping {
            return pieces;
        }
        let hidden = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Octets(octets) => {
                let mut found = self.values.found_in_words(&octets);
                found.retain(|found| {
                    let word = octets.get(found.range.clone()).unwrap_or_default();
                    !is_kept(word) && Command::of_line(word).is_none()
                });
                with_holes(&octets, found)
            }
            hole @ Piece::Hole(_) => vec![hole],
        });
        hidden.collect()
    }

    /// How many octets at the end of a part of a line may be the start of a secret: they must wait
    /// for what follows.
    pub(crate) fn unsure_tail(&self, octets: &[u8]) -> usize {
        self.values.unsure_tail(octets)
    }

    fn learn(&mut self, line: &[u8], role: Role, found: Option<SecretPlace>) {
        self.learn_names(line, role, found);
        self.learn_secrets(line, role, found);
    }

    fn learn_secrets(&mut self, line: &[u8], role: Role, found: Option<SecretPlace>) {
        if role == Role::Command {
            self.values.forget_sasl_names();
            let mut words = Words::of(line);
            // A response that was found after another verb was meant for AUTH.
            let is_meant = found.is_some_and(|place| place.hole == "response");
            let verb = words.next();
            let is_auth = is_meant || verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"));
            self.mechanism = words
                .next()
                .filter(|_| is_auth)
                .unwrap_or_default()
                .to_ascii_uppercase();
            self.responses = 0;
        }
        let Some(SecretPlace { from, hole }) = found else {
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

    fn learn_names(&mut self, line: &[u8], role: Role, found: Option<SecretPlace>) {
        let open = line.get(..found.map_or(line.len(), |place| place.from));
        let open = open.unwrap_or_default();
        let row = Command::of_line(open).filter(|_| role == Role::Command);
        let index = row.and_then(|row| {
            row.args
                .iter()
                .position(|arg| arg.kind == ArgumentKind::Name)
        });
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
        self.name_user(all);
    }

    /// The names in the responses of the SASL exchange that is in progress, in lower case.
    pub(crate) fn sasl_names(&self) -> impl Iterator<Item = &[u8]> {
        self.values.sasl_names()
    }

    fn learn_sasl_names(&mut self, response: &[u8]) {
        if let Some(decoded) = decode(response) {
            for name in names_in(&self.mechanism, self.responses + 1, &decoded) {
                self.values.add_sasl_name(name);
                self.name_user(name);
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
            row.and_then(|row| argument_place(row, line)) == Some(SecretPlace { from, hole });
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
        self.remember_typed(hole, secret);
        // A password typed with blanks around it, a sign before it, or in quotes comes back without
        // them.
        self.remember_typed(hole, secret.trim_ascii());
        self.remember_typed(hole, without_blanks(secret));
        self.remember_typed(hole, unquoted(secret));
        let is_sign = |octet: &u8| octet.is_ascii_whitespace() || b":=".contains(octet);
        let sign = secret.iter().take_while(|octet| is_sign(octet)).count();
        self.remember_typed(hole, secret.get(sign..).unwrap_or_default());
        // So does one whose verb had a letter too many.
        let before = from.checked_sub(1).and_then(|at| line.get(at));
        let is_glued = before.is_some_and(|octet| !octet.is_ascii_whitespace());
        if let Some(blank) = secret
            .iter()
            .position(u8::is_ascii_whitespace)
            .filter(|_| is_glued)
        {
            self.remember_typed(hole, secret.get(blank..).unwrap_or_default().trim_ascii());
        }
        // A whole line that is a secret may have its verb glued to it.
        if let Some(place) = place(line, Role::Command, true).filter(|place| place.from > from) {
            self.remember_typed(hole, line.get(place.from..).unwrap_or_default());
        }
        for word in Words::of(secret).filter(|word| looks_random(word)) {
            self.remember_typed(hole, word);
        }
        self.learn_last_word(hole, secret);
        if hole == "response" {
            self.responses += 1;
            if let Some(decoded) = decode(secret) {
                self.remember_typed(hole, secret_in(&self.mechanism, self.responses, &decoded));
            }
        }
    }

    /// A response is one word. Where there are more, the verb was guessed (`AUHT PLAIN response`),
    /// or a password is in cleartext: the last word is the secret, and it may come back alone.
    fn learn_last_word(&mut self, hole: &'static str, secret: &[u8]) {
        let mut words = Words::of(secret).collect::<Vec<_>>().into_iter().rev();
        let (Some(last), Some(before)) = (words.next(), words.next()) else {
            return;
        };
        let is_padded = last.len() % 4 == 0;
        let decoded = decode(last).filter(|_| is_padded);
        if hole != "response" && decoded.is_none() {
            return;
        }
        self.remember_typed(hole, last);
        if let Some(decoded) = decoded {
            let mechanism = before.to_ascii_uppercase();
            self.remember_typed(hole, secret_in(&mechanism, 2, &decoded));
        }
    }

    /// The pieces of octets that come after `before` on their line.
    fn hide_values(&self, octets: &[u8], before: &[u8]) -> Vec<Piece> {
        self.hide_open(octets, before).0
    }

    /// The same; and whether they end with a secret of which only the start is known.
    fn hide_open(&self, octets: &[u8], before: &[u8]) -> (Vec<Piece>, bool) {
        let found = match before {
            b"" => self.values.found(octets),
            before => {
                let line = Zeroizing::new([before, octets].concat());
                let mut found = self.values.found(&line);
                found.retain(|found| found.range.end > before.len());
                for SecretFound { range, .. } in &mut found {
                    range.start = range.start.saturating_sub(before.len());
                    range.end -= before.len();
                }
                found
            }
        };
        let is_at_end = |found: &SecretFound| found.is_cut && found.range.end == octets.len();
        let is_in_secret = found.iter().any(is_at_end);
        (with_holes(octets, found), is_in_secret)
    }
}

/// A secret without the blanks around it that are not ASCII, as a no-break space.
fn without_blanks(secret: &[u8]) -> &[u8] {
    let is_blank = |c: char| c.is_whitespace() || is_hidden(c);
    std::str::from_utf8(secret).map_or(secret, |text| text.trim_matches(is_blank).as_bytes())
}

/// Whether a word of a password of several words would not be found by chance in what a server
/// says.
fn looks_random(word: &[u8]) -> bool {
    let has_letter = word.iter().any(u8::is_ascii_alphabetic);
    let has_other = word.iter().any(|octet| !octet.is_ascii_alphabetic());
    word.len() >= 8 && has_letter && has_other
}

#[cfg(test)]
mod tests;
