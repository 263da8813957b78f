//! The secrets that may come back, and where they stand in a line: as they are, in base64, in percent-encoding.
//!
//! A secret that is the user's name, or a part of it, is special: the transcript shows the name, and a hole in the middle of the
//! name would say what the secret is. Such a secret is hidden only where it is said to be one (`PASS alice`, `password: alice`,
//! inside a whole SASL response). Elsewhere the text stays as it would stay with any other password.

mod said;

use std::collections::VecDeque;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{VALUE_MAX, VALUE_MIN};
use crate::percent;
use said::{decoded, is_password_next, is_word_end, word_around};

/// How many secrets are remembered, the latest ones.
const VALUES_MAX: usize = 64;

/// The most octets that wait for what follows.
const TAIL_MAX: usize = 4 * VALUE_MAX;

/// How many names are remembered, the latest ones.
const NAMES_MAX: usize = 64;

/// What is remembered of one connection.
#[derive(Default)]
pub(super) struct Values {
    secrets: VecDeque<Value>,
    /// The names that a client line showed, in lower case.
    names: VecDeque<Zeroizing<Vec<u8>>>,
    /// The names inside the SASL exchange that is going on, in lower case. The transcript does not show them, so a password
    /// that was typed in their place by mistake must stay hidden afterwards.
    sasl_names: Vec<Zeroizing<Vec<u8>>>,
}

/// A secret that may come back.
struct Value {
    hole: &'static str,
    /// What the client wrote before it on its line, in lower case.
    before: Zeroizing<Vec<u8>>,
    /// Whether a name is this secret, or has it inside.
    is_in_name: bool,
    /// The secret, lower case, and what is the same of its base64 wherever it stands in a base64 text.
    plain: Zeroizing<Vec<u8>>,
    encoded: Vec<(usize, Zeroizing<Vec<u8>>)>,
}

impl Values {
    /// Remembers a secret that the client wrote after `before`; beyond so many the oldest is forgotten.
    pub(super) fn add(&mut self, hole: &'static str, secret: &[u8], before: &[u8]) {
        let plain = Zeroizing::new(secret.to_ascii_lowercase());
        let mut names = self.names.iter().chain(&self.sasl_names);
        let is_in_name = names.any(|name| is_inside(&plain, name));
        if let Some(value) = self.secrets.iter_mut().find(|value| value.plain == plain) {
            value.is_in_name |= is_in_name;
            if value.before.is_empty() {
                value.before = Zeroizing::new(before.to_ascii_lowercase());
            }
            return;
        }
        if self.secrets.len() == VALUES_MAX {
            self.secrets.pop_front();
        }
        self.secrets.push_back(Value {
            hole,
            before: Zeroizing::new(before.to_ascii_lowercase()),
            is_in_name,
            plain,
            encoded: cores(secret),
        });
    }

    /// Remembers a name that the transcript shows.
    pub(super) fn add_name(&mut self, name: &[u8]) {
        let name = name.get(..VALUE_MAX).unwrap_or(name).to_ascii_lowercase();
        if name.len() < VALUE_MIN || self.names.iter().any(|known| **known == name) {
            return;
        }
        for value in &mut self.secrets {
            value.is_in_name |= is_inside(&value.plain, &name);
        }
        if self.names.len() == NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back(Zeroizing::new(name));
    }

    /// Remembers a name of the SASL exchange that is going on.
    pub(super) fn add_sasl_name(&mut self, name: &[u8]) {
        let name = name.get(..VALUE_MAX).unwrap_or(name).to_ascii_lowercase();
        self.sasl_names.push(Zeroizing::new(name));
    }

    /// A SASL exchange begins or is over.
    pub(super) fn forget_sasl_names(&mut self) {
        self.sasl_names.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// How many octets at the end of a part of a line may be the start of a secret: they must wait for what follows.
    #[must_use]
    pub(super) fn unsure_tail(&self, octets: &[u8]) -> usize {
        if self.secrets.is_empty() {
            return 0;
        }
        let mut tail = self.start_of_value(octets).max(self.open_end(octets));
        if memchr::memchr(b'%', octets).is_some() {
            let cut = percent::cut(octets);
            let whole = octets.get(..octets.len() - cut).unwrap_or_default();
            let (decoded, places) = percent::decode(whole);
            let start = decoded.len() - self.start_of_value(&decoded);
            let start = places.get(start).copied().unwrap_or(whole.len());
            tail = tail.max(octets.len() - start);
        }
        match tail {
            0 => 0,
            tail => self.tail_without_cut(octets, tail),
        }
    }

    /// How many octets at the end may be the start of a value.
    fn start_of_value(&self, octets: &[u8]) -> usize {
        let starts = self.secrets.iter().map(|value| value.start_in(octets));
        starts.max().unwrap_or(0)
    }

    /// How many octets at the end are a secret that is in a name, whole, where the word may still go on: only what follows
    /// says whether it is the secret or the name.
    fn open_end(&self, octets: &[u8]) -> usize {
        let mut tail = 0;
        let lower = octets.to_ascii_lowercase();
        for value in self.secrets.iter().filter(|value| value.is_in_name) {
            for (range, _) in value.places(&lower, octets) {
                let rest = octets.get(range.end..).unwrap_or_default();
                if rest.iter().all(|octet| b"._%+-=".contains(octet)) {
                    tail = tail.max(octets.len() - range.start);
                }
            }
        }
        tail
    }

    /// Whether what is left of a line that was cut, after `before`, may be the start of a secret that must be hidden.
    pub(super) fn is_start(&self, rest: &[u8], before: &[u8]) -> bool {
        let is_start = |value: &Value| {
            let length = value.start_in(rest);
            let before = [before, rest.get(..rest.len() - length).unwrap_or_default()].concat();
            length > 0 && (!value.is_in_name || value.is_next(&before))
        };
        self.secrets.iter().any(is_start)
    }

    /// A tail at least as long as `tail` that does not begin in the middle of a secret: what is left of it would not be found.
    fn tail_without_cut(&self, octets: &[u8], mut tail: usize) -> usize {
        let mut found = self.found(octets);
        found.sort_by_key(|(range, _)| std::cmp::Reverse(range.end));
        for (range, _) in found {
            let border = octets.len() - tail;
            if range.start < border && border < range.end {
                tail = octets.len() - range.start;
            }
        }
        // Secrets that overlap without an end are not waited for: all that are whole are hidden now.
        if tail > TAIL_MAX { 0 } else { tail }
    }

    /// Where secrets stand, in any order.
    pub(super) fn found(&self, octets: &[u8]) -> Vec<(Range<usize>, &'static str)> {
        if self.secrets.is_empty() {
            return Vec::new();
        }
        let mut found = self.found_undone(octets);
        if memchr::memchr(b'%', octets).is_some() {
            let (decoded, places) = percent::decode(octets);
            let place = |at: usize| places.get(at).copied().unwrap_or(octets.len());
            let more = self.found_undone(&decoded).into_iter();
            found.extend(more.map(|(range, hole)| (place(range.start)..place(range.end), hole)));
        }
        found
    }

    /// The same, but for percent-encoding, which must be undone before.
    fn found_undone(&self, octets: &[u8]) -> Vec<(Range<usize>, &'static str)> {
        let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
        let lower = octets.to_ascii_lowercase();
        for value in &self.secrets {
            for (range, form) in value.places(&lower, octets) {
                if !value.is_in_name || value.is_said(octets, &range, form) {
                    found.push((range, value.hole));
                }
            }
        }
        found
    }

    /// Where words stand that have a secret inside which [`Values::found`] leaves as it is in a name.
    pub(super) fn found_in_words(&self, octets: &[u8]) -> Vec<(Range<usize>, &'static str)> {
        let lower = octets.to_ascii_lowercase();
        let values = self.secrets.iter().filter(|value| value.is_in_name);
        let found = values.flat_map(|value| {
            let places = value.places(&lower, octets);
            places
                .into_iter()
                .map(|(range, _)| (word_around(octets, range), value.hole))
        });
        found.collect()
    }
}

/// How a secret stands in a text.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// As it is, in any case.
    Plain,
    /// In base64; the group of four digits from which it can be decoded starts there, or a multiple of four away.
    Base64(usize),
}

impl Value {
    /// Where the secret stands; of base64 the whole run of digits.
    fn places(&self, lower: &[u8], octets: &[u8]) -> Vec<(Range<usize>, Form)> {
        let mut places = Vec::new();
        for at in memchr::memmem::find_iter(lower, self.plain.as_slice()) {
            places.push((at..at + self.plain.len(), Form::Plain));
        }
        for (from, core) in &self.encoded {
            for at in memchr::memmem::find_iter(octets, core.as_slice()) {
                // Four more, so that there is a group before the first one.
                let group = at + 4 - from;
                let run = base64_run(octets, at..at + core.len());
                places.push((run, Form::Base64(group)));
            }
        }
        places
    }

    /// How many octets at the end may be the start of the secret.
    fn start_in(&self, octets: &[u8]) -> usize {
        let starts = |needle: &[u8], is_plain: bool| {
            (1..needle.len().min(octets.len() + 1))
                .rev()
                .find(|length| {
                    let tail = octets.get(octets.len() - length..).unwrap_or_default();
                    let head = needle.get(..*length).unwrap_or_default();
                    if is_plain {
                        tail.eq_ignore_ascii_case(head)
                    } else {
                        tail == head
                    }
                })
        };
        let plain = starts(&self.plain, true);
        let encoded = self.encoded.iter();
        let encoded = encoded.filter_map(|(_, core)| starts(core, false));
        encoded.chain(plain).max().unwrap_or(0)
    }

    /// Whether a place of a secret that is in a name is said to be the secret: it must be hidden there.
    fn is_said(&self, octets: &[u8], place: &Range<usize>, form: Form) -> bool {
        match form {
            Form::Plain => {
                let before = octets.get(..place.start).unwrap_or_default();
                let behind = octets.get(place.end..).unwrap_or_default();
                is_word_end(behind) && self.is_next(before)
            }
            Form::Base64(group) => match decoded(octets, place, group) {
                // NUL and ^A separate the fields of PLAIN and of the mechanisms with a token.
                Some(text) if memchr::memchr2(0, 1, &text).is_none() => {
                    let lower = Zeroizing::new(text.to_ascii_lowercase());
                    let mut places = memchr::memmem::find_iter(&lower, self.plain.as_slice());
                    places.any(|at| {
                        let place = at..at + self.plain.len();
                        self.is_said(&text, &place, Form::Plain)
                    })
                }
                _ => true,
            },
        }
    }

    /// Whether what comes after `before` is said to be this secret.
    fn is_next(&self, before: &[u8]) -> bool {
        is_password_next(before, &self.before)
    }
}

/// Whether a secret, blanks and signs around it left out, stands inside a name; both in lower case.
fn is_inside(secret: &[u8], name: &[u8]) -> bool {
    let is_sign = |octet: &u8| octet.is_ascii_whitespace() || b":=".contains(octet);
    let start = secret.iter().take_while(|octet| is_sign(octet)).count();
    let secret = secret.get(start..).unwrap_or_default().trim_ascii_end();
    !secret.is_empty() && memchr::memmem::find(name, secret).is_some()
}

/// What the base64 of any text with `secret` in it has in common, for the three places at which `secret` can stand in a group; and
/// the digit of its group with which it starts.
fn cores(secret: &[u8]) -> Vec<(usize, Zeroizing<Vec<u8>>)> {
    let mut cores = Vec::new();
    for shift in 0..3 {
        let mut text = Zeroizing::new(vec![0; shift]);
        text.extend_from_slice(secret);
        let encoded = Zeroizing::new(STANDARD.encode(text.as_slice()).into_bytes());
        // Digits that also hold bits of what stands before or behind are left out.
        let from = (shift * 8).div_ceil(6);
        let upto = text.len() * 8 / 6;
        if let Some(core) = encoded
            .get(from..upto)
            .filter(|core| core.len() >= VALUE_MIN)
        {
            cores.push((from, Zeroizing::new(core.to_vec())));
        }
    }
    cores
}

/// The whole run of base64 digits around a place, with its padding.
fn base64_run(octets: &[u8], place: Range<usize>) -> Range<usize> {
    let is_digit = |octet: &&u8| octet.is_ascii_alphanumeric() || b"+/".contains(octet);
    let before = octets.get(..place.start).unwrap_or_default();
    let behind = octets.get(place.end..).unwrap_or_default();
    let start = place.start - before.iter().rev().take_while(is_digit).count();
    let digits = behind.iter().take_while(is_digit).count();
    let padding = behind
        .iter()
        .skip(digits)
        .take_while(|octet| **octet == b'=');
    start..place.end + digits + padding.count()
}
