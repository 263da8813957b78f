//! Undoes what mail, forums and shells do to text on its way: UTF-16, quoting with `> `,
//! indentation, Markdown fences.

use std::borrow::Cow;

use super::lines::{numbered, without_cr};

/// The most octets of quoting or indentation in front of a line.
const PREFIX_MAX: usize = 64;

const HEAD: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Unwrapped<'a> {
    pub(super) octets: Cow<'a, [u8]>,
    /// Where lines were left out: the number in the file of each line of the text.
    numbers: Option<Vec<usize>>,
}

impl<'a> Unwrapped<'a> {
    /// The text of a file, in UTF-8 and without byte order mark.
    pub(super) fn plain(octets: &'a [u8]) -> Self {
        Self {
            octets: decoded(octets),
            numbers: None,
        }
    }

    /// The text without quoting, indentation and fences; None when it has none of them.
    pub(super) fn unquoted(octets: &'a [u8]) -> Option<Self> {
        let text = decoded(octets);
        let wrap = Wrap::of(&text)?;
        let mut inner = Vec::with_capacity(text.len());
        let mut numbers = Vec::new();
        let mut is_inside = false;
        for (number, whole) in numbered(&text) {
            let Some(line) = wrap.strip(whole) else {
                continue;
            };
            if wrap.is_fenced && is_fence(line) {
                is_inside = !is_inside;
            } else if is_inside || !wrap.is_fenced {
                inner.extend_from_slice(line);
                inner.push(b'\n');
                numbers.push(number);
            }
        }
        Some(Self {
            octets: Cow::Owned(inner),
            numbers: Some(numbers),
        })
    }

    /// The number in the file of a line of the text.
    pub(super) fn number(&self, line: usize) -> usize {
        let known = self.numbers.as_ref().and_then(|numbers| {
            let at = line.checked_sub(1)?;
            numbers.get(at).copied()
        });
        known.unwrap_or(line)
    }
}

/// What is around each line of a session.
#[derive(Debug)]
struct Wrap {
    prefix: Vec<u8>,
    is_fenced: bool,
}

impl Wrap {
    /// Reads it off the first line that has a status indicator: the rest of the session must look
    /// alike.
    fn of(text: &[u8]) -> Option<Self> {
        let head = text.get(..HEAD).unwrap_or(text);
        let is_status = |line: &[u8]| {
            ["+OK", "-ERR"]
                .iter()
                .any(|status| memchr::memmem::find(line, status.as_bytes()).is_some())
        };
        let (_, first) = numbered(head).find(|(_, line)| is_status(line))?;
        let length = first
            .iter()
            .take(PREFIX_MAX)
            .take_while(|octet| b"> \t|".contains(octet))
            .count();
        let prefix = first.get(..length).unwrap_or_default().to_vec();
        let mut wrap = Self {
            prefix,
            is_fenced: false,
        };
        // The status line is inside a fence when an odd number of fences comes before it.
        let before = numbered(head).take_while(|(_, line)| !is_status(line));
        let fences = before.filter(|(_, line)| wrap.strip(line).is_some_and(is_fence));
        wrap.is_fenced = fences.count() % 2 == 1;
        if wrap.prefix.is_empty() {
            return wrap.is_fenced.then_some(wrap);
        }
        let (mut with, mut without) = (0_usize, 0_usize);
        for (_, line) in numbered(head).filter(|(_, line)| !line.trim_ascii().is_empty()) {
            match wrap.strip(line) {
                Some(_) => with += 1,
                None => without += 1,
            }
        }
        (with >= 2 && with >= without).then_some(wrap)
    }

    /// The line without its prefix; None when it has a different one, so that it is not of the
    /// session.
    fn strip<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        match line.strip_prefix(self.prefix.as_slice()) {
            Some(line) => Some(line),
            None => {
                let (bare, _) = without_cr(line);
                let is_empty = bare.trim_ascii_end() == self.prefix.trim_ascii_end();
                is_empty.then(|| line.get(bare.len()..).unwrap_or_default())
            }
        }
    }
}

fn is_fence(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_mark = [&b"```"[..], b"~~~", b"[code", b"[/code", b"<pre", b"</pre"]
        .iter()
        .any(|mark| line.starts_with(mark));
    is_mark && line.len() <= 32
}

/// Text in UTF-8: a byte order mark is taken off, UTF-16 (as PowerShell's `>` writes it) is
/// decoded.
fn decoded(octets: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = octets.strip_prefix(b"\xef\xbb\xbf") {
        return Cow::Borrowed(rest);
    }
    let looks_wide = |odd: usize| {
        let head = octets.get(..64).unwrap_or(octets);
        let (mut zero, mut text) = (0, 0);
        for pair in head.chunks_exact(2) {
            zero += usize::from(pair.get(odd) == Some(&0));
            text += usize::from(
                pair.get(1 - odd)
                    .is_some_and(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace()),
            );
        }
        zero >= 4 && zero == head.len() / 2 && text == zero
    };
    let (rest, is_little) = if let Some(rest) = octets.strip_prefix(b"\xff\xfe") {
        (rest, true)
    } else if let Some(rest) = octets.strip_prefix(b"\xfe\xff") {
        (rest, false)
    } else if looks_wide(1) {
        (octets, true)
    } else if looks_wide(0) {
        (octets, false)
    } else {
        return Cow::Borrowed(octets);
    };
    let units = rest.chunks_exact(2).map(|pair| match pair {
        [a, b] if is_little => u16::from_le_bytes([*a, *b]),
        [a, b] => u16::from_be_bytes([*a, *b]),
        _ => 0,
    });
    let mut text = String::with_capacity(rest.len() / 2);
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Cow::Owned(text.into_bytes())
}
