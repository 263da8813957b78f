//! The secrets that may come back, and where they are in a line: as they are, in base64, in
//! hexadecimal digits, in percent-encoding, with character references of HTML.
//!
//! A secret that is the user's name, or a part of it, is special: the transcript shows the name,
//! and a hole in the middle of the name would say what the secret is. Such a secret is hidden only
//! where it is said to be one (`PASS alice`, `password: alice`, inside a whole SASL response).
//! Elsewhere the text stays as it would stay with any other password.

mod entities;
mod index;
mod said;
mod value;
mod words;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use zeroize::Zeroizing;

use super::{VALUE_MAX, VALUE_MIN};
use crate::base::percent;
use crate::pop3::command::Command;
use index::ValueIndex;
pub(super) use said::decode;
use said::word_around;
use value::{Encoding, SecretForm, Value};

#[derive(Clone)]
pub(in crate::transcript::secret) struct Secret {
    pub(in crate::transcript::secret) hole: &'static str,
    pub(in crate::transcript::secret) octets: Zeroizing<Vec<u8>>,
    /// What the client wrote before it on its line.
    pub(in crate::transcript::secret) before: Zeroizing<Vec<u8>>,
    /// The user whose it is, in lower case; empty when no name was said.
    pub(in crate::transcript::secret) user: Vec<u8>,
    pub(in crate::transcript::secret) is_given: bool,
}

/// How many secrets that were typed on a connection are remembered, the latest ones.
const VALUES_MAX: usize = 64;

const TAIL_MAX: usize = 4 * VALUE_MAX;

const NAMES_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Values {
    /// Those that options gave: they are never forgotten.
    given: Vec<Value>,
    typed: VecDeque<Value>,
    /// How many that were typed on earlier connections are remembered beside those of this one.
    earlier: usize,
    count: u64,
    /// Where they begin, in text of lower case and in base64.
    plain: ValueIndex,
    base64: ValueIndex,
    /// The names that a client line showed, in lower case.
    names: VecDeque<Zeroizing<Vec<u8>>>,
    /// The names inside the SASL exchange that is in progress, in lower case. The transcript does
    /// not show them, so a password that was typed in their place by mistake must stay hidden
    /// afterwards.
    sasl_names: Vec<Zeroizing<Vec<u8>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretFound {
    pub(super) range: Range<usize>,
    pub(super) hole: &'static str,
    /// Only the start of the secret is known: the octets after it may continue with it.
    pub(super) is_cut: bool,
}

pub(super) struct SearchedText<'a> {
    octets: &'a [u8],
    lower: Zeroizing<Vec<u8>>,
    /// See [`base64_digit`].
    digits: Zeroizing<Vec<u8>>,
}

impl<'a> SearchedText<'a> {
    fn of(octets: &'a [u8]) -> Self {
        Self {
            octets,
            lower: Zeroizing::new(octets.to_ascii_lowercase()),
            digits: Zeroizing::new(octets.iter().copied().map(base64_digit).collect()),
        }
    }

    fn searched(&self, coat: Encoding) -> &[u8] {
        match coat {
            Encoding::Plain => &self.lower,
            Encoding::Base64(_) => &self.digits,
        }
    }
}

/// A digit of base64 as in its first alphabet: `-` and `_` of the other one (RFC 4648 §5) are `+`
/// and `/`.
fn base64_digit(octet: u8) -> u8 {
    match octet {
        b'-' => b'+',
        b'_' => b'/',
        octet => octet,
    }
}

impl Values {
    /// The secrets of a run, whose names were shown.
    pub(super) fn of(names: &[Zeroizing<Vec<u8>>], secrets: Vec<Secret>) -> Self {
        let mut values = Self {
            earlier: secrets.len(),
            ..Self::default()
        };
        for name in names {
            values.add_name(name);
        }
        values.add_all(secrets);
        values
    }

    pub(super) fn add_all(&mut self, secrets: Vec<Secret>) {
        for secret in secrets {
            self.add(secret.hole, &secret.octets, &secret.before, secret.is_given);
        }
    }

    /// Remembers a secret that the client wrote after `before`. Of those that are typed, `is_given`
    /// is false, and beyond this many the oldest is forgotten.
    pub(super) fn add(&mut self, hole: &'static str, secret: &[u8], before: &[u8], is_given: bool) {
        let start = secret.get(..VALUE_MAX).unwrap_or(secret);
        let plain = Zeroizing::new(start.to_ascii_lowercase());
        let mut names = self.names.iter().chain(&self.sasl_names);
        let is_in_name = names.any(|name| is_inside(&plain, name));
        if is_given && let Some(at) = self.typed.iter().position(|value| value.plain == plain) {
            self.given.extend(self.typed.remove(at));
        }
        let mut all = self.given.iter_mut().chain(&mut self.typed);
        if let Some(value) = all.find(|value| value.plain == plain) {
            value.is_in_name |= is_in_name;
            value.is_cut |= secret.len() > VALUE_MAX;
            if value.before.is_empty() {
                value.before = Zeroizing::new(before.to_ascii_lowercase());
            }
            return;
        }
        if !is_given && self.typed.len() >= VALUES_MAX + self.earlier {
            self.forget_oldest();
        }
        self.count += 1;
        let mut value = Value::new(self.count, hole, secret, before);
        value.is_in_name = is_in_name;
        for (number, needle) in value.needles.iter().enumerate() {
            let index = match needle.coat {
                Encoding::Plain => &mut self.plain,
                Encoding::Base64(_) => &mut self.base64,
            };
            index.add(&needle.octets, value.number, number);
        }
        match is_given {
            true => self.given.push(value),
            false => self.typed.push_back(value),
        }
    }

    fn forget_oldest(&mut self) {
        let Some(value) = self.typed.pop_front() else {
            return;
        };
        for needle in &value.needles {
            let index = match needle.coat {
                Encoding::Plain => &mut self.plain,
                Encoding::Base64(_) => &mut self.base64,
            };
            index.remove(&needle.octets, value.number);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.given.iter().chain(&self.typed)
    }

    fn numbered(&self, number: u64) -> Option<&Value> {
        let by_number = |value: &Value| value.number.cmp(&number);
        match self.typed.binary_search_by(by_number) {
            Ok(at) => self.typed.get(at),
            // One that was typed before it was given keeps its number.
            Err(_) => self.given.iter().find(|value| value.number == number),
        }
    }

    /// Where secrets are, said to be secrets or not.
    fn places(&self, octets: &[u8]) -> Vec<(&Value, Range<usize>, SecretForm)> {
        let mut places = Vec::new();
        // Nearly every text has no candidate, and is not copied.
        let mut text = None;
        // What overlaps with itself is found once.
        let mut ends = HashMap::new();
        let mut look = |at, number, needle| {
            if ends.get(&(number, needle)).is_some_and(|end| at < *end) {
                return;
            }
            let text = text.get_or_insert_with(|| SearchedText::of(octets));
            if let Some(value) = self.numbered(number)
                && let Some((range, form)) = value.place(needle, at, text)
            {
                ends.insert((number, needle), range.end);
                places.push((value, range, form));
            }
        };
        let lower = |octet: u8| octet.to_ascii_lowercase();
        self.plain.candidates(octets, lower, &mut look);
        self.base64.candidates(octets, base64_digit, &mut look);
        places
    }

    pub(super) fn add_name(&mut self, name: &[u8]) {
        let name = name.get(..VALUE_MAX).unwrap_or(name);
        // Around base64 of a secret the whole word is hidden: the transcript does not show it.
        let places = self.places(name);
        if places
            .iter()
            .any(|(_, _, form)| matches!(form, SecretForm::Base64(_)))
        {
            return;
        }
        drop(places);
        let name = name.to_ascii_lowercase();
        if name.len() < VALUE_MIN || self.names.iter().any(|known| **known == name) {
            return;
        }
        for value in self.given.iter_mut().chain(&mut self.typed) {
            value.is_in_name |= is_inside(&value.plain, &name);
        }
        if self.names.len() == NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back(Zeroizing::new(name));
    }

    pub(super) fn add_sasl_name(&mut self, name: &[u8]) {
        let name = name.get(..VALUE_MAX).unwrap_or(name).to_ascii_lowercase();
        self.sasl_names.push(Zeroizing::new(name));
    }

    /// The names of the SASL exchange that is in progress, in lower case.
    pub(super) fn sasl_names(&self) -> impl Iterator<Item = &[u8]> {
        self.sasl_names.iter().map(|name| name.as_slice())
    }

    pub(super) fn forget_sasl_names(&mut self) {
        self.sasl_names.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.given.len() + self.typed.len()
    }

    /// How many octets at the end of a part of a line may be the start of a secret: they must wait
    /// for what follows.
    pub(super) fn unsure_tail(&self, octets: &[u8]) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let mut tail = self.start_of_value(octets).max(self.open_end(octets));
        for (mark, cut, decode) in CODES {
            if memchr::memchr(*mark, octets).is_some() {
                let whole = octets.get(..octets.len() - cut(octets)).unwrap_or_default();
                let (decoded, places) = decode(whole);
                let start = decoded.len() - self.start_of_value(&decoded);
                let start = places.get(start).copied().unwrap_or(whole.len());
                tail = tail.max(octets.len() - start);
            }
        }
        match tail {
            0 => 0,
            tail => self.tail_without_cut(octets, tail),
        }
    }

    /// How many octets at the end may be the start of a value.
    fn start_of_value(&self, octets: &[u8]) -> usize {
        let text = SearchedText::of(octets);
        let starts = self.all().map(|value| value.start_in(&text));
        starts.max().unwrap_or(0)
    }

    /// How many octets at the end are a secret that is in a name or is a plain short word, whole,
    /// where the word may still continue: only what follows says whether it is the secret, or the
    /// name, or a longer word.
    fn open_end(&self, octets: &[u8]) -> usize {
        let mut tail = 0;
        for (value, range, _) in self.places(octets) {
            let rest = octets.get(range.end..).unwrap_or_default();
            let is_open = match value.is_in_name {
                true => rest.iter().all(|octet| b"._%+-=".contains(octet)),
                false => value.is_word && rest.is_empty(),
            };
            if is_open {
                tail = tail.max(octets.len() - range.start);
            }
        }
        tail
    }

    /// Whether what is left of a line that was cut, after `before`, may be the start of a secret
    /// that must be hidden.
    pub(super) fn is_start(&self, rest: &[u8], before: &[u8]) -> bool {
        let text = SearchedText::of(rest);
        let is_start = |value: &Value| {
            let length = value.start_in(&text);
            let before = [before, rest.get(..rest.len() - length).unwrap_or_default()].concat();
            length > 0 && (!value.is_in_name || value.is_next(&before))
        };
        self.all().any(is_start)
    }

    /// A tail at least as long as `tail` that does not begin in the middle of a secret: what is
    /// left of it would not be found.
    fn tail_without_cut(&self, octets: &[u8], mut tail: usize) -> usize {
        let mut found = self.found(octets);
        found.sort_by_key(|found| std::cmp::Reverse(found.range.end));
        for SecretFound { range, .. } in found {
            let border = octets.len() - tail;
            if range.start < border && border < range.end {
                tail = octets.len() - range.start;
            }
        }
        // Secrets that overlap without an end are not waited for: all that are whole are hidden
        // now.
        if tail > TAIL_MAX { 0 } else { tail }
    }

    pub(super) fn found(&self, octets: &[u8]) -> Vec<SecretFound> {
        if self.len() == 0 {
            return Vec::new();
        }
        let mut found = self.found_undone(octets);
        for (mark, _, decode) in CODES {
            if memchr::memchr(*mark, octets).is_none() {
                continue;
            }
            let (decoded, places) = decode(octets);
            let place = |at: usize| places.get(at).copied().unwrap_or(octets.len());
            let more = self.found_undone(&decoded).into_iter();
            found.extend(more.map(|one| SecretFound {
                range: place(one.range.start)..place(one.range.end),
                ..one
            }));
        }
        found
    }

    /// The same, but for what must be undone before.
    fn found_undone(&self, octets: &[u8]) -> Vec<SecretFound> {
        let mut found = Vec::new();
        for (value, range, form) in self.places(octets) {
            let is_shown = value.is_in_name
                || matches!(form, SecretForm::Plain)
                    && (words::is_protocol(octets, &range) || value.is_inside_word(octets, &range));
            if !is_shown || value.is_said(octets, &range, form) {
                found.push(SecretFound {
                    range,
                    hole: value.hole,
                    is_cut: value.is_cut,
                });
            }
        }
        found
    }

    /// Where the first secret begins in a line that is being typed. The line may end with the first
    /// octets of one.
    pub(super) fn first_typed(&self, line: &[u8]) -> Option<usize> {
        let text = SearchedText::of(line);
        let begun = |value: &Value| {
            let length = value.start_in(&text);
            let from = line.len().saturating_sub(length);
            let is_open = value.is_in_name && !value.is_next(line.get(..from)?)
                || words::is_protocol(line, &(from..line.len()));
            (length >= VALUE_MIN && !is_open).then_some(from)
        };
        let whole = self.found(line).into_iter().map(|found| found.range.start);
        whole.chain(self.all().filter_map(begun)).min()
    }

    /// Whether a verb may be shown: a known one, or one that no secret is in and that is too long to
    /// be a secret which was not remembered.
    pub(super) fn may_show(&self, verb: &[u8]) -> bool {
        Command::of_line(verb).is_some()
            || verb.len() >= VALUE_MIN
                && self.places(verb).is_empty()
                && self.first_typed(verb).is_none()
    }

    /// Where words are that have a secret inside which [`Values::found`] leaves as it is in a name.
    pub(super) fn found_in_words(&self, octets: &[u8]) -> Vec<SecretFound> {
        let places = self.places(octets).into_iter();
        let found = places.filter(|(value, ..)| value.is_in_name);
        found
            .map(|(value, range, _)| SecretFound {
                range: word_around(octets, range),
                hole: value.hole,
                is_cut: false,
            })
            .collect()
    }
}

/// A code that is undone before a text is searched: the octet without which it is not there, how
/// many octets at the end of a text may be the start of one that is encoded, and the octets with
/// their places.
type Decoding = (u8, fn(&[u8]) -> usize, fn(&[u8]) -> (Vec<u8>, Vec<usize>));

const CODES: &[Decoding] = &[
    (b'%', percent::cut, percent::decode),
    (b'&', entities::cut, entities::decode),
];

/// Whether a secret, blanks and signs around it left out, is inside a name; both in lower case.
fn is_inside(secret: &[u8], name: &[u8]) -> bool {
    let is_sign = |octet: &u8| octet.is_ascii_whitespace() || b":=".contains(octet);
    let start = secret.iter().take_while(|octet| is_sign(octet)).count();
    let secret = secret.get(start..).unwrap_or_default().trim_ascii_end();
    !secret.is_empty() && memchr::memmem::find(name, secret).is_some()
}
