//! Explains a reply, a response code, a capability, a mechanism or a command. Unknown texts are
//! reported as unknown.
//!
//! A server may write anything after the status indicator, in any language. Only texts that were
//! seen are explained, as a whole, from a table whose rows name their sources. A text that
//! resembles a row gets a hint, never a server's name.

pub(crate) mod capabilities;
pub(crate) mod codes;
pub(crate) mod compare;
mod known_text;
mod malformed;
pub(crate) mod mechanisms;
mod reply;
pub(crate) mod servers;
mod term;
pub(crate) mod texts;
mod tls;

use crate::analysis::help;
use crate::base::escape;
use crate::pop3::command::Command;
use crate::pop3::tracker::State;

/// The most characters of wire text quoted in a title.
const QUOTED: usize = 56;

/// The greatest width of an explanation, in columns.
const WIDEST: usize = 80;

/// The place of a reply in its session. Everything may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExplainContext {
    pub(crate) verb: Option<String>,
    pub(crate) state: Option<State>,
    pub(crate) is_tls: Option<bool>,
    /// Whether CAPA announced RESP-CODES (RFC 2449 §6.4).
    pub(crate) has_codes: Option<bool>,
}

impl ExplainContext {
    fn command(&self) -> Option<&'static Command> {
        self.verb.as_deref().and_then(Command::named)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) title: String,
    pub(crate) cause: String,
    /// What to do; empty if nothing.
    pub(crate) next: String,
    /// The document that defines it, or where it was seen; empty if none.
    pub(crate) source: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExplainedPart {
    Said(Explanation),
    Command(&'static Command),
}

/// The complete explanation of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its parts, outermost first.
    pub(crate) parts: Vec<ExplainedPart>,
    /// Whether the meaning is known; a status indicator alone does not make an unknown text known.
    pub(crate) is_known: bool,
}

impl Explained {
    /// Returns the explanation as lines of at most `width` columns, without control characters
    /// other than LF.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let width = width.clamp(20, WIDEST);
        let mut text = String::new();
        for part in &self.parts {
            if !text.is_empty() {
                text.push('\n');
            }
            match part {
                ExplainedPart::Command(row) => text.push_str(&help::command(row, width)),
                ExplainedPart::Said(said) => {
                    text.push_str(&help::wrap(&said.title, width));
                    let source = match said.source.as_str() {
                        "" => String::new(),
                        source => format!("source: {source}"),
                    };
                    let next = match said.next.as_str() {
                        "" => String::new(),
                        next => format!("next: {next}"),
                    };
                    for paragraph in [&said.cause, &next, &source] {
                        text.push_str(&indented(paragraph, width));
                    }
                }
            }
        }
        text
    }
}

/// Explains a text: a whole reply line, a word of the protocol, or why TLS failed. Surrounding
/// spaces and a line end are ignored.
#[must_use]
pub fn explain(text: &str, context: &ExplainContext) -> Explained {
    let text = text.trim();
    tls::explain(text)
        .or_else(|| reply::explain(text, context))
        .unwrap_or_else(|| term::explain(text, context))
}

/// Explains why there is no TLS: `what` happened in the handshake, and `next` is what to do.
pub(crate) fn why_no_tls(what: &str, next: Option<&str>) -> Explained {
    let closed = "TLS is on only after a complete handshake, so poptalk sent nothing more and \
                  closed the connection. A `+OK` to STLS says only that the server is ready for \
                  the handshake.";
    let (means, source) = tls::meaning(what).unwrap_or(("", "RFC 2595 §4"));
    let proof = match what.contains("certificate") {
        true => {
            "Encryption alone does not prove which server is at the other end: an attacker on the \
             network path can encrypt too. The proof is a certificate that names the server, is \
             valid today, and is signed by an authority that this machine trusts."
        }
        false => "",
    };
    let cause = [means, proof, closed]
        .into_iter()
        .filter(|text| !text.is_empty());
    let cause = cause.collect::<Vec<_>>().join(" ");
    let mut safe = String::new();
    escape::escape(what.as_bytes(), &mut safe);
    let mut to_do = next.unwrap_or_default().to_owned();
    if !to_do.is_empty() {
        to_do.push_str("; ");
    }
    to_do.push_str("`:tls` shows what is known about the handshake");
    Explained {
        parts: vec![said(format!("TLS failed: {safe}"), &cause, &to_do, source)],
        is_known: true,
    }
}

/// A paragraph, indented by two columns; nothing for an empty one.
fn indented(paragraph: &str, width: usize) -> String {
    if paragraph.is_empty() {
        return String::new();
    }
    help::wrap(paragraph, width - 2)
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect()
}

/// Wire text, made safe and short, in backticks.
fn quoted(text: &str) -> String {
    let mut safe = String::new();
    escape::escape(text.as_bytes(), &mut safe);
    let mut short: String = safe.chars().take(QUOTED).collect();
    if short.len() < safe.len() {
        short.push('…');
    }
    format!("`{short}`")
}

fn said(title: String, cause: &str, next: &str, source: &str) -> ExplainedPart {
    ExplainedPart::Said(Explanation {
        title,
        cause: capital(cause),
        next: next.to_owned(),
        source: source.to_owned(),
    })
}

/// The text with a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
