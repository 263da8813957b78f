//! The words of a line: status, response code, numbers, capability tags.

use crate::pop3::command::Words;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The text after `+OK` or `-ERR` and a space.
pub(super) fn after_status(line: &[u8]) -> Option<&[u8]> {
    let start = |word: &str| {
        let (head, rest) = line.split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
    };
    let rest = start("+OK").or_else(|| start("-ERR"))?;
    match rest.split_first() {
        None => Some(rest),
        Some((b' ', rest)) => Some(rest),
        Some(_) => None,
    }
}

/// The response code in brackets at the start of a status line's text, in upper case.
pub(super) fn code(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(after_status(line)?).ok()?;
    let (code, _) = text.strip_prefix('[')?.split_once(']')?;
    Some(code.to_ascii_uppercase())
}

pub(super) fn number(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Two numbers at the start of a text, separated by exactly one space, and what follows.
pub(super) fn two_numbers(text: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (first, rest) = field(text);
    let (second, rest) = field(rest.strip_prefix(b" ")?);
    Some((number(first)?, number(second)?, rest))
}

/// The octets up to the next space, and the rest including that space.
pub(super) fn field(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|octet| *octet == b' ')
        .unwrap_or(text.len());
    text.split_at(end)
}

pub(super) fn has_tag(lines: &[String], tag: &str) -> bool {
    lines
        .iter()
        .any(|line| tag_of(line).eq_ignore_ascii_case(tag))
}

pub(super) fn tag_of(line: &str) -> &str {
    line.split_ascii_whitespace().next().unwrap_or_default()
}

pub(super) fn digest(octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    octets.hash(&mut hasher);
    hasher.finish()
}

/// The words in some octets, for rules that look at more than two.
pub(super) fn words(octets: &[u8]) -> Vec<&[u8]> {
    Words::of(octets).collect()
}
