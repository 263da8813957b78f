//! The texts that servers send after the status indicator, as far as they are public: one row each,
//! with its source.
//!
//! A row is a whole text. A text that only resembles a row, or contains its words, gets a hint and
//! never the name of a server.

mod common;
mod free;
mod hints;
mod meanings;
mod more;
mod pattern;

use crate::pop3::tracker::Status;

pub(crate) use meanings::Meaning;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TextOrigin {
    /// Its name; empty for words in common use.
    pub(crate) who: &'static str,
    /// Where and when the texts were found.
    pub(crate) source: &'static str,
    /// Whether it is a client that prints the text as if it came from a server.
    pub(crate) is_client: bool,
    /// Whole lines, status indicator included, in the notation of `pattern.rs`. For a named origin,
    /// case and punctuation count; for a nameless one, case, a final `.` or `!`, and a known
    /// response code are ignored.
    pub(crate) texts: &'static [(&'static str, &'static Meaning)],
}

impl TextOrigin {
    fn is_common(&self) -> bool {
        self.who.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownText {
    pub(crate) meaning: &'static Meaning,
    /// Everything seen to send it; a nameless origin means common wording.
    pub(crate) origins: Vec<&'static TextOrigin>,
}

impl KnownText {
    /// Whether only clients are known to print it.
    pub(crate) fn is_of_client(&self) -> bool {
        self.origins.iter().all(|origin| origin.is_client)
    }
}

pub(crate) fn origins() -> impl Iterator<Item = &'static TextOrigin> {
    [common::ORIGINS, free::ORIGINS, more::ORIGINS]
        .into_iter()
        .flatten()
        .copied()
}

fn split(line: &str) -> (Option<Status>, &str) {
    if let Some(text) = line.strip_prefix("+OK ") {
        return (Some(Status::Positive), text);
    }
    if let Some(text) = line.strip_prefix("-ERR ") {
        return (Some(Status::Negative), text);
    }
    (None, line)
}

/// Returns the rows that match the whole text. `text` includes the response code, `bare` omits it
/// if the code is known. Without a sign, the text may have any status; `from_wire` excludes the
/// texts of clients.
pub(crate) fn find(
    text: &str,
    bare: &str,
    sign: Option<Status>,
    from_wire: bool,
) -> Option<KnownText> {
    let mut rows = Vec::new();
    for origin in origins().filter(|origin| !(from_wire && origin.is_client)) {
        for (line, meaning) in origin.texts {
            let (row_sign, row_text) = split(line);
            let is_meant = match sign {
                Some(sign) => row_sign == Some(sign),
                None => true,
            };
            let fits = if origin.is_common() {
                [text, bare].iter().any(|text| {
                    pattern::is_whole(row_text, text, true)
                        || pattern::is_whole(row_text, text.trim_end_matches(['.', '!']), true)
                })
            } else {
                pattern::is_whole(row_text, text, false)
            };
            if is_meant && fits {
                rows.push((pattern::weight(row_text), origin, *meaning));
            }
        }
    }
    // The most literal row is the most specific, and a row of a named origin is more specific than
    // a common one.
    let best = rows
        .iter()
        .max_by_key(|(weight, origin, _)| (*weight, !origin.is_common()))?;
    let meaning = best.2;
    Some(KnownText {
        meaning,
        origins: rows
            .iter()
            .filter(|(_, _, other)| std::ptr::eq(*other, meaning))
            .map(|(_, origin, _)| *origin)
            .collect(),
    })
}

/// Returns the meaning of a whole line that has no valid status indicator, but was seen.
pub(crate) fn find_line(line: &str) -> Option<KnownText> {
    let (origin, (_, meaning)) = origins()
        .filter(|origin| !origin.is_client)
        .flat_map(|origin| origin.texts.iter().map(move |row| (origin, row)))
        .find(|(_, (row, _))| split(row).0.is_none() && pattern::is_whole(row, line, false))?;
    Some(KnownText {
        meaning,
        origins: vec![origin],
    })
}

/// Returns what a refusal that matches no row often means: by a row that differs only in case, code
/// or punctuation, else by its words.
pub(crate) fn hint(text: &str) -> Option<&'static Meaning> {
    let text = without_code(text).trim_end_matches(['.', '!']);
    let near = origins()
        .filter(|origin| !origin.is_client)
        .flat_map(|origin| origin.texts)
        .find(|(line, _)| {
            let (sign, row) = split(line);
            let row = without_code(row).trim_end_matches(['.', '!']);
            sign == Some(Status::Negative)
                && pattern::weight(row) > 5
                && pattern::is_whole(row, text, true)
        })
        .map(|(_, meaning)| *meaning)
        .filter(|meaning| is_shared(meaning));
    near.or_else(|| hints::hint(text))
}

/// Whether texts of several origins have this meaning; the meaning of a single server's text is too
/// specific for a hint.
fn is_shared(meaning: &'static Meaning) -> bool {
    let has = |origin: &&TextOrigin| {
        origin
            .texts
            .iter()
            .any(|(_, other)| std::ptr::eq(*other, meaning))
    };
    origins().filter(has).count() > 1
}

/// A text, or a row's text, without the brackets at its start.
fn without_code(text: &str) -> &str {
    let text = text.strip_prefix("{?").unwrap_or(text);
    let Some(inner) = text.strip_prefix('[') else {
        return text;
    };
    match inner.split_once(']') {
        Some((_, rest)) => rest.trim_start().trim_start_matches('}'),
        None => text,
    }
}

/// Whether a pattern matches the whole text.
pub(super) fn is_whole(pattern: &str, text: &str) -> bool {
    pattern::is_whole(pattern, text, false)
}

/// An example line for a row, with all optional parts or none.
#[cfg(test)]
pub(crate) fn example(row: &str, with_optional: bool) -> String {
    pattern::example(row, with_optional)
}

/// Whether `text` contains `part`, ignoring ASCII case.
pub(super) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes()
        .windows(part.len().max(1))
        .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests;
