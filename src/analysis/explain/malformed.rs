//! A reply that begins with neither `+OK` nor `-ERR`.

use crate::base::service::Service;

use super::known_text::known_text;
use super::{ExplainContext, Explained, ExplainedPart, quoted, said, texts};

const ASK_AGAIN: &str =
    "send QUIT and connect again. If it happens again, show the transcript to the administrator.";

/// Explains a line that has no status indicator; None if it may be a word of the protocol rather
/// than a reply.
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
            "Exchange Online sends an empty line now and then. A client may skip it, wait for more, or report an error."
        }
        Some(b'+') => {
            "A client that checks only the first character takes this for success. Others report \
             an error or wait."
        }
        Some(b'-') => {
            "A client that checks only the first character takes this for a refusal. Others report \
             an error or wait."
        }
        Some(_) => "A client may report an error, or wait for a valid reply.",
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
        format!("{shown}: neither +OK nor -ERR, so not a POP3 status indicator"),
        &format!(
            "A POP3 reply begins with one of these two, in upper case, followed by a space or the \
             line end.{what} {reading}"
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
