//! The secrets that may come back, and where they stand in a line: as they are, in base64, in percent-encoding.

use std::collections::VecDeque;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{VALUE_MAX, VALUE_MIN};
use crate::percent;

/// How many secrets are remembered, the latest ones.
const VALUES_MAX: usize = 64;

/// The most octets that wait for what follows.
const TAIL_MAX: usize = 4 * VALUE_MAX;

/// What is remembered of one connection.
#[derive(Default)]
pub(super) struct Values(VecDeque<Value>);

/// A secret that may come back.
struct Value {
    hole: &'static str,
    /// The secret, lower case, and what is the same of its base64 wherever it stands in a base64 text.
    plain: Zeroizing<Vec<u8>>,
    encoded: Vec<Zeroizing<Vec<u8>>>,
}

impl Values {
    /// Remembers a secret; beyond so many the oldest is forgotten.
    pub(super) fn add(&mut self, hole: &'static str, secret: &[u8]) {
        let plain = Zeroizing::new(secret.to_ascii_lowercase());
        if self.0.iter().any(|value| value.plain == plain) {
            return;
        }
        if self.0.len() == VALUES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Value {
            hole,
            plain,
            encoded: cores(secret),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many octets at the end of a part of a line may be the start of a secret: they must wait for what follows.
    #[must_use]
    pub(super) fn unsure_tail(&self, octets: &[u8]) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let mut tail = self.start_of_value(octets);
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
        let plain = self.0.iter().filter_map(|value| starts(&value.plain, true));
        let encoded = self.0.iter().flat_map(|value| &value.encoded);
        plain
            .chain(encoded.filter_map(|core| starts(core, false)))
            .max()
            .unwrap_or(0)
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
        if self.0.is_empty() {
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
        for value in &self.0 {
            for at in memchr::memmem::find_iter(&lower, value.plain.as_slice()) {
                found.push((at..at + value.plain.len(), value.hole));
            }
            for core in &value.encoded {
                for at in memchr::memmem::find_iter(octets, core.as_slice()) {
                    found.push((base64_run(octets, at..at + core.len()), value.hole));
                }
            }
        }
        found
    }
}

/// What the base64 of any text with `secret` in it has in common, for the three places at which `secret` can stand in a group.
fn cores(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
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
            cores.push(Zeroizing::new(core.to_vec()));
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
