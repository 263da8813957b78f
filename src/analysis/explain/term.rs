//! Explains a word of the protocol: a command, a capability, a response code, a mechanism, a
//! server's name. A word can be more than one of these.

use super::known_text::known_text;
use super::{
    ExplainContext, Explained, ExplainedPart, capabilities, codes, mechanisms, quoted, reply, said,
    servers, texts,
};
use crate::pop3::command::Command;

pub(super) fn explain(text: &str, context: &ExplainContext) -> Explained {
    let mut parts = Vec::new();
    if let Some(code) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let (part, is_known) = reply::explain_code(code, None, context);
        return Explained {
            parts: vec![part],
            is_known,
        };
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let first = words.first().copied().unwrap_or_default();
    parts.extend(command(text, &words).map(ExplainedPart::Command));
    if let Some(row) = capabilities::find(first).filter(|row| takes(row, &words)) {
        parts.push(capability(row, &words));
        parts.extend(row_of_implementation(row, text));
        if row.tag == "SASL" {
            let known = words.iter().skip(1).filter_map(|name| mechanism(name));
            parts.extend(known);
        }
    }
    if let [word] = words.as_slice() {
        if codes::find(word).is_some() {
            parts.push(reply::explain_code(word, None, context).0);
        }
        parts.extend(mechanism(word));
        if word
            .get(..7)
            .is_some_and(|head| head.eq_ignore_ascii_case("recent:"))
        {
            parts.push(said(
                format!("{}: Gmail's recent mode", quoted(word)),
                "As a prefix to the user name, `recent:` makes every session show the mail of the \
                 last 30 days, fetched or not.",
                "use it when several programs fetch from one account.",
                "Gmail help; Stack Overflow 4530781",
            ));
        }
    }
    parts.extend(servers::named(text).map(reply::profile));
    if parts.is_empty() {
        let found = texts::find(text, text, None, false);
        parts.extend(found.map(|found| known_text(text, &found)));
        parts.extend(servers::of_text(text).map(|row| reply::alike(text, row)));
    }
    let is_known = !parts.is_empty();
    if !is_known {
        parts.push(unknown(text, &words));
    }
    Explained { parts, is_known }
}

/// The command in a text that consists of a command with its arguments; not for a sentence that
/// happens to begin with a verb.
fn command(text: &str, words: &[&str]) -> Option<&'static Command> {
    Command::of_line(text.as_bytes()).filter(|row| words.len() <= row.verb_words() + row.args.len())
}

/// Whether a line can be this capability: only one with parameters has words after the tag.
fn takes(row: &capabilities::Capability, words: &[&str]) -> bool {
    words.len() == 1 || !row.params.is_empty()
}

fn capability(row: &capabilities::Capability, words: &[&str]) -> ExplainedPart {
    let line = [row.tag, row.params].join(" ");
    let mut means = row.means.to_owned();
    for (value, says) in row.values {
        if words
            .iter()
            .skip(1)
            .any(|word| word.eq_ignore_ascii_case(value))
        {
            means.push(' ');
            means.push_str(says);
        }
    }
    for change in [row.tls, row.login] {
        if !change.is_empty() {
            means.push(' ');
            means.push_str(change);
        }
    }
    said(
        format!("`{}`: a capability", line.trim()),
        &means,
        "",
        row.source,
    )
}

fn row_of_implementation(row: &capabilities::Capability, text: &str) -> Option<ExplainedPart> {
    (row.tag == "IMPLEMENTATION")
        .then(|| servers::of_text(text))
        .flatten()
        .map(|row| reply::alike(text, row))
}

fn mechanism(name: &str) -> Option<ExplainedPart> {
    let row = mechanisms::find(name)?;
    Some(said(
        format!("`{}`: a SASL mechanism", row.name),
        row.means,
        row.next,
        row.source,
    ))
}

fn unknown(text: &str, words: &[&str]) -> ExplainedPart {
    // RFC 2449 §6: private tags begin with X.
    let is_private =
        words.len() == 1 && text.len() > 1 && text.starts_with(['X', 'x']) && text.is_ascii();
    let cause = if is_private {
        "poptalk knows no command, capability, response code or mechanism with this name. Names \
         that start with X are private: only their author can explain them."
    } else {
        "poptalk knows no command, capability, response code, mechanism or common text like this, \
         and does not guess."
    };
    said(
        format!("{}: unknown", quoted(text)),
        cause,
        "if this is part of a reply or of a message of poptalk's, give all of it: a reply begins with \
         +OK or -ERR.",
        "",
    )
}
