//! A reply that begins with neither `+OK` nor `-ERR`.

use super::{Context, Explained, Part, quoted, reply, said, texts};

/// A kind of line that was met where a status indicator was due.
struct Kind {
    /// How it begins; compared without regard to case.
    starts: &'static [&'static str],
    what: &'static str,
    next: &'static str,
}

const OTHER_PORT: &str = "check host and port: POP3 is on 110, or 995 with TLS.";
const ASK_AGAIN: &str =
    "QUIT and connect again; if it stays, show the transcript to the administrator.";

/// Other services, by the start of their greetings and replies.
const SERVICES: &[Kind] = &[
    Kind {
        starts: &["* OK", "* PREAUTH", "* BYE", "* BAD", "* NO"],
        what: "IMAP servers speak like this",
        next: OTHER_PORT,
    },
    Kind {
        starts: &[
            "220 ", "220-", "221 ", "250 ", "250-", "421 ", "500 ", "502 ", "530 ", "554 ",
        ],
        what: "SMTP and FTP servers speak like this, in numbers",
        next: OTHER_PORT,
    },
    Kind {
        starts: &["200 ", "201 ", "400 ", "480 "],
        what: "news servers (NNTP) speak like this, in numbers",
        next: OTHER_PORT,
    },
    Kind {
        starts: &["SSH-"],
        what: "SSH servers greet like this",
        next: OTHER_PORT,
    },
    Kind {
        starts: &["HTTP/", "<!DOCTYPE", "<html"],
        what: "web servers speak like this",
        next: OTHER_PORT,
    },
];

/// Explains a line that has no status indicator; None where it may be a word of the protocol and no reply at all.
pub(super) fn explain(line: &str, context: &Context) -> Option<Explained> {
    let is_reply = context.verb.is_some() || context.state.is_some();
    let first = line.split_whitespace().next().unwrap_or_default();
    let kind = SERVICES.iter().find(|kind| {
        kind.starts.iter().any(|start| {
            line.get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        })
    });
    let has_sign = first.starts_with(['+', '-']);
    let is_near = ["OK", "ERR", "ERROR"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(first));
    if !(is_reply || has_sign || is_near || kind.is_some() || line.is_empty()) {
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
    let (what, next) = match kind {
        Some(kind) => (format!(" {}.", super::capital(kind.what)), kind.next),
        None => (String::new(), ASK_AGAIN),
    };
    let shown = if line.is_empty() {
        "an empty line".to_owned()
    } else {
        quoted(first)
    };
    let mut parts: Vec<Part> = vec![said(
        format!("{shown}: neither +OK nor -ERR, so it is not a status of POP3"),
        &format!(
            "A reply begins with one of these two, in upper case, and then a blank or the end of the line.{what} {reading}"
        ),
        next,
        "RFC 1939 §3",
    )];
    if let Some(found) = texts::find_line(line) {
        parts.push(reply::known_text(line, &found));
    }
    Some(Explained {
        parts,
        is_known: true,
    })
}
