//! A reply that begins with neither `+OK` nor `-ERR`.

use crate::base::service::Service;

use super::known_text::known_text;
use super::{ExplainContext, Explained, ExplainedPart, quoted, said, texts};

const ASK_AGAIN: &str =
    "QUIT and connect again; if it stays, show the transcript to the administrator.";

/// Explains a line that has no status indicator; None where it may be a word of the protocol and no reply at all.
pub(super) fn explain(line: &str, context: &ExplainContext) -> Option<Explained> {
    let is_reply = context.verb.is_some() || context.state.is_some();
    let first = line.split_whitespace().next().unwrap_or_default();
    let service = Service::of_start(line.as_bytes());
    let has_sign = first.starts_with(['+', '-']);
    let is_near = ["OK", "ERR", "ERROR"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(first));
    if !(is_reply || has_sign || is_near || service.is_some() || line.is_empty()) {
        return None;
    }
    let reading = match first.bytes().next() {
        None => {
            "An empty line was seen now and then from Exchange Online. A client may skip it, wait for more, or report an error."
        }
        Some(b'+') => {
            "A client that looks at the first character alone takes it for a yes; another reports an error, or waits."
        }
        Some(b'-') => {
            "A client that looks at the first character alone takes it for a no; another reports an error, or waits."
        }
        Some(_) => "A client reports an error, or waits for a reply that it can read.",
    };
    let (what, next) = match service {
        Some(service) => {
            let name = service.name.trim_end_matches(", not POP3");
            (
                format!(" {} begins like this.", super::capital(name)),
                service.hint,
            )
        }
        None => (String::new(), ASK_AGAIN),
    };
    let shown = if line.is_empty() {
        "an empty line".to_owned()
    } else {
        quoted(first)
    };
    let mut parts: Vec<ExplainedPart> = vec![said(
        format!("{shown}: neither +OK nor -ERR, so it is not a status of POP3"),
        &format!(
            "A reply begins with one of these two, in upper case, and then a blank or the end of the line.{what} {reading}"
        ),
        next,
        "RFC 1939 §3",
    )];
    if let Some(found) = texts::find_line(line) {
        parts.push(known_text(line, &found));
    }
    Some(Explained {
        parts,
        is_known: true,
    })
}
