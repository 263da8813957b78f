//! Explains a reply line: its status indicator, its response code, its text.

use super::known_text::known_text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    ExplainContext, Explained, ExplainedPart, capital, codes, malformed, quoted, said, servers,
    texts,
};
use crate::pop3::command::{Command, Effect, Shape};
use crate::pop3::tracker::{State, Status};

/// Explains a reply line; None if the text has no status indicator.
pub(super) fn explain(line: &str, context: &ExplainContext) -> Option<Explained> {
    let (word, rest) = match line.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim()),
        None => (line, ""),
    };
    // RFC 5034 §4: a challenge is base64, which `OK` with a space is not; RFC 1082 prints `+ OK`
    // for `+OK`.
    if word == "+" && rest.split_whitespace().next() != Some("OK") {
        return Some(challenge(rest));
    }
    let sign = match word.to_ascii_uppercase().as_str() {
        "+OK" => Status::Positive,
        "-ERR" => Status::Negative,
        _ => return malformed::explain(line, context),
    };
    let code = code_of(rest);
    let explained_code = code.map(|(code, _)| explain_code(code, Some(sign), context));
    let has_known_code = matches!(explained_code, Some((_, true)));
    let bare = match code {
        Some((_, text)) if has_known_code => text,
        _ => rest,
    };
    let found = texts::find(rest, bare, Some(sign), context.state.is_some());
    let is_of_client = found.as_ref().is_some_and(texts::KnownText::is_of_client);
    let mut parts = Vec::new();
    if !is_of_client {
        parts.push(indicator(word, sign, rest, context));
    }
    // Known text in brackets may only look like a code.
    if let Some((part, is_known)) = explained_code
        && (is_known || found.is_none())
    {
        parts.push(part);
    }
    let known = match found {
        Some(found) => Some(known_text(bare, &found)),
        None => positive_text(bare, rest, sign, context),
    };
    let is_known = rest.is_empty() || has_known_code || known.is_some();
    match known {
        Some(part) => parts.push(part),
        // The code is the explanation; and without text there is nothing to explain.
        None if has_known_code || bare.is_empty() => {}
        None => parts.push(match (sign, texts::hint(rest)) {
            (Status::Negative, Some(meaning)) => hinted(bare, meaning),
            _ => unknown_text(bare),
        }),
    }
    Some(Explained { parts, is_known })
}

/// The text in brackets at the start of a text, and the rest.
fn code_of(text: &str) -> Option<(&str, &str)> {
    let (code, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((code, rest.trim_start()))
}

/// Explains a response code, and returns whether it is known. Without a sign, the code is not part
/// of a reply.
pub(super) fn explain_code(
    code: &str,
    sign: Option<Status>,
    context: &ExplainContext,
) -> (ExplainedPart, bool) {
    let shown = quoted(&format!("[{code}]"));
    // RFC 2449 §8: a code consists of levels without spaces, and only with RESP-CODES is a bracket
    // certainly a code.
    let is_certain = context.has_codes == Some(true);
    let doubt = match context.has_codes {
        _ if sign.is_none() => "",
        Some(true) => "",
        Some(false) => " CAPA does not list RESP-CODES, so this may be ordinary text.",
        None => " It is certain to be a response code only if CAPA lists RESP-CODES.",
    };
    let Some((row, levels)) = codes::find(code) else {
        let cause = if code.contains(' ') || code.is_empty() {
            "A response code is never empty and has no spaces, so this is ordinary text."
        } else if is_certain {
            "poptalk does not know this response code. A program may ignore it, and you can read \
             the text after it."
        } else {
            "poptalk does not know this response code. It may not be one at all: any text may \
             begin with a bracket."
        };
        let title = if is_certain && !code.contains(' ') {
            format!("{shown}: an unknown response code")
        } else {
            format!("{shown}: text in brackets")
        };
        return (said(title, cause, "", "RFC 2449 §8"), false);
    };
    let looks = if is_certain || sign.is_none() {
        ""
    } else {
        "looks like "
    };
    let mut cause = capital(row.cause);
    let details: Vec<&str> = code.split('/').skip(levels).collect();
    if row.levels == ["REFERRAL"] {
        if !details.is_empty() {
            cause.push_str(&format!(" Here: {}.", quoted(&details.join("/"))));
        }
    } else if !details.is_empty() {
        cause.push_str(&format!(
            " The detail {} is unknown and may be ignored.",
            quoted(&details.join("/"))
        ));
    }
    cause.push_str(doubt);
    cause.push_str(&misplaced(row, sign, context));
    let title = format!("{shown}: {looks}`{}`, {}", row.name(), row.means);
    (said(title, &cause, row.next, row.source), true)
}

/// A sentence about a code in the wrong place.
fn misplaced(row: &codes::ResponseCode, sign: Option<Status>, context: &ExplainContext) -> String {
    if let Some(sign) = sign
        && sign != row.sign
    {
        let right = if row.sign == Status::Positive {
            "+OK"
        } else {
            "-ERR"
        };
        return format!(" It belongs after {right}, not here.");
    }
    match context.verb.as_deref() {
        // RFC 3206 §5, RFC 2449 §8.1.1: a server with a code for USER reveals to strangers which
        // names exist.
        Some("USER") if row.on.contains(&"PASS") => {
            " In reply to USER it reveals to strangers which names exist. It belongs in the reply \
             to PASS."
                .to_owned()
        }
        Some(verb) if !row.on.is_empty() && !row.on.contains(&verb) => {
            format!(
                " It belongs in replies to {}, not to {}.",
                row.on.join(" or "),
                quoted(verb)
            )
        }
        _ => String::new(),
    }
}

/// Explains positive text that is a server's greeting, or numbers.
fn positive_text(
    bare: &str,
    rest: &str,
    sign: Status,
    context: &ExplainContext,
) -> Option<ExplainedPart> {
    if sign != Status::Positive {
        return None;
    }
    let row = servers::of_text(rest).or_else(|| servers::of_text(bare));
    row.map(|row| alike(bare, row))
        .or_else(|| numbers(bare, context.command()))
}

/// Explains a text that matches no row, but whose words often mean something.
fn hinted(text: &str, meaning: &texts::Meaning) -> ExplainedPart {
    said(
        format!("{}: poptalk does not know this exact text", quoted(text)),
        &format!(
            "Such words often mean: {}. Here they may mean something else.",
            meaning.means
        ),
        meaning.next,
        "",
    )
}

/// Explains a greeting or IMPLEMENTATION line with the wording of a known server.
pub(super) fn alike(text: &str, row: &servers::Profile) -> ExplainedPart {
    said(
        format!("{}: worded like {}", quoted(text), row.name),
        &format!(
            "Any server can use the same words. If the server is {}, expect this: {}",
            row.name, row.expect
        ),
        row.next,
        row.source,
    )
}

pub(super) fn profile(row: &servers::Profile) -> ExplainedPart {
    said(
        format!("{}: what to expect", row.name),
        row.expect,
        row.next,
        row.source,
    )
}

/// Explains numbers at the start of a positive text by the fields of the command's row.
fn numbers(text: &str, command: Option<&Command>) -> Option<ExplainedPart> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_number = |word: &&str| word.bytes().all(|octet| octet.is_ascii_digit());
    words.first().filter(|word| is_number(word))?;
    let title = quoted(text);
    let Some(row) = command else {
        let next = words.get(1).is_some_and(is_number);
        let cause = if next {
            "After STAT, two numbers are the count of messages and their octets in total. After \
             LIST n, they are the message number and its octets."
        } else {
            "After UIDL n, the first number is the message number. After RETR and other commands, \
             it is only text for people."
        };
        return Some(said(
            format!("{title}: numbers"),
            cause,
            "",
            "RFC 1939 §5, §7",
        ));
    };
    if row.fields.is_empty() || words.len() < row.fields.len() {
        let cause = format!(
            "After {}, a number is only text for people: clients must not rely on it.",
            row.verb
        );
        return Some(said(
            format!("{title}: ordinary text"),
            &cause,
            "",
            row.source,
        ));
    }
    let fields: Vec<String> = row
        .fields
        .iter()
        .zip(&words)
        .map(|(name, word)| format!("{name} {}", quoted(word)))
        .collect();
    let cause = format!(
        "After {}: {}. Any text that follows is for people.",
        row.verb,
        fields.join(", ")
    );
    Some(said(
        format!("{title}: the answer itself"),
        &cause,
        "",
        row.source,
    ))
}

fn unknown_text(text: &str) -> ExplainedPart {
    said(
        format!("{}: poptalk does not know this text", quoted(text)),
        "A server may write anything here, in any language. poptalk does not guess: take the text literally.",
        "look for these words in the provider's help pages, or ask the administrator.",
        "RFC 1939 §3",
    )
}

fn indicator(word: &str, sign: Status, rest: &str, context: &ExplainContext) -> ExplainedPart {
    let row = context.command();
    let (title, mut cause) = match sign {
        Status::Positive => ("the server accepts", positive(row, rest, context)),
        _ => ("the server refuses", negative(row, rest, context)),
    };
    let to = match (row, &context.verb, context.state) {
        (Some(row), ..) => format!(" to {}", row.verb),
        (None, Some(verb), _) => format!(" to {}", quoted(verb)),
        (None, None, Some(State::Greeting)) => " (the greeting)".to_owned(),
        (None, None, _) => String::new(),
    };
    // RFC 1939 §3: the indicators are sent in upper case.
    let is_exact = !word.bytes().any(|octet| octet.is_ascii_lowercase());
    let title = match (is_exact, sign) {
        (true, _) => title,
        (false, Status::Positive) => "meant as +OK, but in the wrong case",
        (false, _) => "meant as -ERR, but in the wrong case",
    };
    if !is_exact {
        cause.insert_str(
            0,
            "A server must send this in upper case. A strict client may report an error or wait. \
             Read as intended: ",
        );
    }
    said(
        format!("{}{to}: {title}", quoted(word)),
        &cause,
        "",
        "RFC 1939 §3",
    )
}

fn positive(row: Option<&Command>, rest: &str, context: &ExplainContext) -> String {
    let Some(row) = row else {
        return match context.state {
            _ if rest.is_empty() && context.state != Some(State::Greeting) => {
                "The command was accepted.".to_owned()
            }
            Some(State::Greeting) => {
                "The server is ready. The next step is to log in, preferably after STLS.".to_owned()
            }
            _ => "The command was accepted. Any text after the status indicator is for people."
                .to_owned(),
        };
    };
    let effect = match row.effect {
        Effect::Login if context.is_tls == Some(false) && matches!(row.verb, "PASS" | "AUTH") => {
            "The login succeeded. It was not encrypted, so anyone on the network path could have \
             read it."
        }
        Effect::Login => "The login succeeded, and the maildrop is open.",
        Effect::Delete => {
            "The message is marked as deleted. Nothing is deleted before QUIT, and RSET removes \
             the mark."
        }
        Effect::Reset => "No message is marked as deleted any longer.",
        Effect::Quit if context.state == Some(State::Transaction) => {
            "The marked messages are deleted, and the session is over."
        }
        Effect::Quit => "The session is over, and nothing was deleted.",
        Effect::Tls => "The TLS handshake comes next.",
        // RFC 1939 §7, §13: the reply to USER proves nothing.
        Effect::Nothing if row.verb == "USER" => {
            "The server noted the name. That does not prove that the user exists."
        }
        Effect::Nothing => "The command was accepted.",
    };
    let more = match (row.bare, row.with_argument) {
        (Shape::Multi, Shape::Multi) => " The data follows, up to a line with a lone dot.",
        (Shape::Multi, _) => " Without an argument, data follows, up to a line with a lone dot.",
        (_, Shape::Multi) => " Data follows, up to a line with a lone dot.",
        _ => "",
    };
    format!("{effect}{more}")
}

fn negative(row: Option<&Command>, rest: &str, context: &ExplainContext) -> String {
    let mut text = match (row, context.state) {
        (None, Some(State::Greeting)) if context.verb.is_none() => {
            return "The server refuses this connection, and may close it now.".to_owned();
        }
        _ => "The command was refused or failed. This line is the whole reply.".to_owned(),
    };
    if let (Some(row), Some(state)) = (row, context.state) {
        let is_allowed = match state {
            State::Authorization => row.states.authorization,
            State::Transaction => row.states.transaction,
            State::Greeting | State::Update => true,
        };
        if !is_allowed {
            let place = if row.states.authorization {
                "before login"
            } else {
                "after login"
            };
            text.push_str(&format!(
                " {} is allowed only {place}. That may be the reason.",
                row.verb
            ));
        }
    }
    if context.is_tls == Some(false) && row.is_some_and(|row| row.verb == "PASS") {
        text.push_str(" Without TLS, the password crossed the network unencrypted.");
    }
    if rest.is_empty() {
        text.push_str(" The server gives no reason.");
    }
    text
}

/// Explains a challenge inside AUTH (RFC 5034 §4).
fn challenge(data: &str) -> Explained {
    let (what, next) = if data.is_empty() {
        (
            "The challenge is empty: the client sends first.",
            "send the response in base64, or `*` to cancel.",
        )
    } else {
        (
            "The challenge should be base64. The mechanism defines the response.",
            "respond in base64, or send `*` to cancel.",
        )
    };
    let mut parts = vec![said(
        "`+`: the server waits for a SASL response".to_owned(),
        what,
        next,
        "RFC 5034 §4",
    )];
    if data.is_empty() {
        return Explained {
            parts,
            is_known: true,
        };
    }
    let decoded = STANDARD
        .decode(data)
        .ok()
        .and_then(|octets| String::from_utf8(octets).ok())
        .filter(|text| !text.contains(|c: char| c.is_control() && c != '\0'));
    let is_known = decoded.is_some();
    parts.push(match decoded {
        // RFC 7628 §3.2.3: a failure arrives as JSON in a challenge.
        Some(text) if text.starts_with('{') => said(
            format!("{}: the token was refused", quoted(&text)),
            "The server reports the failure of an OAuth login as JSON in a challenge. It sends \
             `-ERR` only after one more line from the client.",
            "send an empty line for XOAUTH2, or `AQ==` for OAUTHBEARER. Then get a new token.",
            "RFC 7628 §3.2.3",
        ),
        Some(text) => said(
            format!(
                "{}: the challenge, decoded",
                quoted(text.trim_end_matches('\0'))
            ),
            "With LOGIN, it asks for the name or the password. With CRAM-MD5 and SCRAM, the client \
             computes its response from it.",
            "",
            "RFC 5034 §4",
        ),
        None => said(
            format!("{}: a challenge that is not text", quoted(data)),
            "It is either not base64, or binary data for the mechanism, as with NTLM and GSSAPI.",
            "",
            "RFC 5034 §4",
        ),
    });
    Explained { parts, is_known }
}
