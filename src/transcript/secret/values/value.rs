//! One secret: every form in which it is looked for, and where it is in a text.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::said::{decoded, is_password_next, is_word_end};
use super::{SearchedText, VALUE_MAX, VALUE_MIN};

/// A text that has this many octets of a long secret is that secret, as far as they agree. A file
/// made to be slow could have the start of many secrets at each octet.
const SURE: usize = 256;

/// A secret of letters only, shorter than this, is also a part of ordinary words. A hole there
/// would say what the secret is.
const WORD_MAX: usize = 8;

pub(super) struct Value {
    pub(super) number: u64,
    pub(super) hole: &'static str,
    /// What the client wrote before it on its line, in lower case.
    pub(super) before: Zeroizing<Vec<u8>>,
    pub(super) is_in_name: bool,
    pub(super) is_cut: bool,
    /// Whether it is a plain short word: letters of ASCII only.
    pub(super) is_word: bool,
    /// The secret, lower case.
    pub(super) plain: Zeroizing<Vec<u8>>,
    pub(super) needles: Vec<Needle>,
}

pub(super) struct Needle {
    pub(super) coat: Encoding,
    pub(super) octets: Zeroizing<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The secret as it is, or in hexadecimal digits; in any case.
    Plain,
    /// What all base64 with the secret inside has in common; the digit of its group of four with
    /// which it starts.
    Base64(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum SecretForm {
    /// As it is, in any case, or in hexadecimal digits.
    Plain,
    /// In base64; the group of four digits from which it can be decoded starts there, or a multiple
    /// of four away.
    Base64(usize),
}

impl Value {
    pub(super) fn new(number: u64, hole: &'static str, secret: &[u8], before: &[u8]) -> Self {
        let is_cut = secret.len() > VALUE_MAX;
        let secret = secret.get(..VALUE_MAX).unwrap_or(secret);
        let plain = Zeroizing::new(secret.to_ascii_lowercase());
        let needle = |octets| Needle {
            coat: Encoding::Plain,
            octets,
        };
        let mut needles = vec![needle(plain.clone())];
        // Some servers change the case before they encode.
        let upper = Zeroizing::new(secret.to_ascii_uppercase());
        let mut texts = vec![secret];
        texts.extend(
            [&upper[..], &plain]
                .into_iter()
                .filter(|text| *text != secret),
        );
        for text in texts {
            needles.push(needle(hexadecimal(text)));
            needles.extend(cores(text));
        }
        Self {
            number,
            hole,
            before: Zeroizing::new(before.to_ascii_lowercase()),
            is_in_name: false,
            is_cut,
            is_word: plain.len() < WORD_MAX && plain.iter().all(u8::is_ascii_lowercase),
            plain,
            needles,
        }
    }

    /// Where the secret is, if the needle is at `at`; of base64 the whole run of digits.
    pub(super) fn place(
        &self,
        needle: usize,
        at: usize,
        text: &SearchedText<'_>,
    ) -> Option<(Range<usize>, SecretForm)> {
        let Needle { coat, octets } = self.needles.get(needle)?;
        let searched = text.searched(*coat);
        let rest = searched.get(at..)?;
        if !rest.starts_with(octets.get(..SURE).unwrap_or(octets)) {
            return None;
        }
        let same = octets.iter().zip(rest).take_while(|(a, b)| a == b);
        let end = at + same.count();
        let is_whole = end - at == octets.len() && !self.is_cut;
        match coat {
            Encoding::Plain if is_whole => Some((at..end, SecretForm::Plain)),
            // What comes after its start is not known, but belongs to it.
            Encoding::Plain => Some((at..end + run(text.octets, end), SecretForm::Plain)),
            Encoding::Base64(from) => {
                let run = base64_run(searched, at..end);
                // Four more, so that there is a group before the first one.
                Some((run, SecretForm::Base64(at + 4 - from)))
            }
        }
    }

    /// How many octets at the end may be the start of the secret.
    pub(super) fn start_in(&self, text: &SearchedText<'_>) -> usize {
        let starts = self.needles.iter().map(|needle| {
            let searched = text.searched(needle.coat);
            let longest = needle.octets.len().min(searched.len() + 1);
            let is_start = |length: &usize| {
                let tail = searched.get(searched.len() - length..);
                tail == needle.octets.get(..*length)
            };
            (1..longest).rev().find(is_start).unwrap_or(0)
        });
        starts.max().unwrap_or(0)
    }

    /// Whether a place of a plain short word is in the middle of a longer one: `capa` in
    /// `Capability`. Beside a digit, a sign or a letter that is not ASCII it is a word of its own.
    pub(super) fn is_inside_word(&self, octets: &[u8], place: &Range<usize>) -> bool {
        let is_letter = |at: Option<usize>| {
            let octet = at.and_then(|at| octets.get(at));
            octet.is_some_and(u8::is_ascii_alphabetic)
        };
        self.is_word
            && place.len() == self.plain.len()
            && (is_letter(place.start.checked_sub(1)) || is_letter(Some(place.end)))
    }

    /// Whether a place of a secret that is in a name is said to be the secret: it must be hidden
    /// there.
    pub(super) fn is_said(&self, octets: &[u8], place: &Range<usize>, form: SecretForm) -> bool {
        match form {
            SecretForm::Plain => {
                let before = octets.get(..place.start).unwrap_or_default();
                let after = octets.get(place.end..).unwrap_or_default();
                is_word_end(after) && self.is_next(before)
            }
            SecretForm::Base64(group) => match decoded(octets, place, group) {
                // NUL and ^A separate the fields of PLAIN and of the mechanisms with a token.
                Some(text) if memchr::memchr2(0, 1, &text).is_none() => {
                    let lower = Zeroizing::new(text.to_ascii_lowercase());
                    let mut places = memchr::memmem::find_iter(&lower, self.plain.as_slice());
                    places.any(|at| {
                        let place = at..at + self.plain.len();
                        self.is_said(&text, &place, SecretForm::Plain)
                    })
                }
                _ => true,
            },
        }
    }

    /// Whether what comes after `before` is said to be this secret.
    pub(super) fn is_next(&self, before: &[u8]) -> bool {
        is_password_next(before, &self.before)
    }
}

fn hexadecimal(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let digit = |four: u8| b"0123456789abcdef".get(usize::from(four)).copied();
    let octets = text.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    Zeroizing::new(octets.filter_map(digit).collect())
}

/// How many octets without a blank there are from `at` on.
fn run(octets: &[u8], at: usize) -> usize {
    let rest = octets.get(at..).unwrap_or_default();
    let end = rest.iter().position(u8::is_ascii_whitespace);
    end.unwrap_or(rest.len())
}

/// What the base64 of any text with `secret` in it has in common, for the three places that
/// `secret` can have in a group.
fn cores(secret: &[u8]) -> Vec<Needle> {
    let mut cores = Vec::new();
    for shift in 0..3 {
        let mut text = Zeroizing::new(vec![0; shift]);
        text.extend_from_slice(secret);
        let encoded = Zeroizing::new(STANDARD.encode(text.as_slice()).into_bytes());
        // Digits that also hold bits of what comes before or after are left out.
        let from = (shift * 8).div_ceil(6);
        let upto = text.len() * 8 / 6;
        if let Some(core) = encoded
            .get(from..upto)
            .filter(|core| core.len() >= VALUE_MIN)
        {
            cores.push(Needle {
                coat: Encoding::Base64(from),
                octets: Zeroizing::new(core.to_vec()),
            });
        }
    }
    cores
}

/// The whole run of base64 digits around a place, with its padding.
fn base64_run(digits: &[u8], place: Range<usize>) -> Range<usize> {
    let is_digit = |octet: &&u8| octet.is_ascii_alphanumeric() || b"+/".contains(octet);
    let before = digits.get(..place.start).unwrap_or_default();
    let after = digits.get(place.end..).unwrap_or_default();
    let start = place.start - before.iter().rev().take_while(is_digit).count();
    let digits = after.iter().take_while(is_digit).count();
    let padding = after
        .iter()
        .skip(digits)
        .take_while(|octet| **octet == b'=');
    start..place.end + digits + padding.count()
}
