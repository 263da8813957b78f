//! Predicates for the rules of several files: how a reply starts, how its data stopped, how the
//! connection ended.

use super::words::{after_status, two_numbers};
use super::{Body, Context, ExchangeSeen, LineRole, LineSeen};
use crate::base::service::Service;
use crate::pop3::command::Command;
use crate::pop3::tracker::{LineEnd, SentCommand, Side};
use crate::reading::dialogue::{EventAt, EventKind, Exchange};
use crate::transcript::event::Party;

/// What is wrong with the start of a status line or greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartFault {
    Tls,
    Empty,
    OtherProtocol,
    Lowercase,
    Echo,
    CapaWithoutStatus,
    OutOfOrder,
    Malformed,
    Missing,
}

/// What is wrong with the start of this line; None if nothing is.
pub(super) fn fault(seen: &LineSeen<'_>, context: &Context) -> Option<StartFault> {
    if !matches!(seen.role, LineRole::Greeting | LineRole::Status) {
        return None;
    }
    let text = seen.text;
    let has_indicator = after_status(text).is_some();
    Some(match text {
        [] if seen.has_holes => return None,
        [] if seen.end == LineEnd::None => return None,
        _ if seen.is_tls_record() => StartFault::Tls,
        [] => StartFault::Empty,
        _ if text.starts_with(b"+OK") && has_indicator => return None,
        _ if text.starts_with(b"-ERR") && has_indicator => return None,
        _ if has_indicator => StartFault::Lowercase,
        // It was cut off, or continues with a hole.
        _ if b"+OK".starts_with(text) || b"-ERR".starts_with(text) => {
            if seen.end == LineEnd::None || seen.has_holes {
                return None;
            }
            StartFault::Malformed
        }
        _ if seen.role == LineRole::Greeting && Service::of_start(text).is_some() => {
            StartFault::OtherProtocol
        }
        _ if is_echo(seen.sent, seen.text) => StartFault::Echo,
        _ if seen.verb() == "CAPA" => StartFault::CapaWithoutStatus,
        _ if is_out_of_order(seen, context) => StartFault::OutOfOrder,
        [b'+' | b'-', ..] => StartFault::Malformed,
        _ if starts_with_any(&text.to_ascii_uppercase(), &["OK", "ERR"]) => StartFault::Malformed,
        _ => StartFault::Missing,
    })
}

/// Whether this is the greeting of another protocol, wherever the recording begins.
pub(super) fn is_foreign_greeting(exchange: &Exchange) -> bool {
    let line = exchange.status_line.as_ref();
    exchange.is_greeting && line.is_some_and(|line| Service::of_start(line.head()).is_some())
}

pub(super) fn starts_with_any(text: &[u8], starts: &[&str]) -> bool {
    starts
        .iter()
        .any(|start| text.starts_with(start.as_bytes()))
}

/// Whether the reply to one command contains the numbers that a later command asked for.
fn is_out_of_order(seen: &LineSeen<'_>, context: &Context) -> bool {
    let is_list = |verb: &str| matches!(verb, "STAT" | "LIST");
    !context.recording.is_out_of_step
        && !is_list(seen.verb())
        && (context.commands.waiting.has_later("STAT")
            || context.commands.waiting.has_later("LIST"))
        && two_numbers(seen.text).is_some()
}

/// Whether a status line begins with the command that it answers.
pub(super) fn is_echo(sent: Option<&SentCommand>, text: &[u8]) -> bool {
    let Some(sent) = sent else { return false };
    let verb = sent.verb();
    let Some((head, rest)) = text.split_at_checked(verb.len()) else {
        return false;
    };
    !verb.is_empty()
        && head.eq_ignore_ascii_case(verb.as_bytes())
        && matches!(rest.first(), None | Some(b' ' | b'+' | b'-'))
}

/// How the data of a reply stopped without its terminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataEnd {
    /// A text line ends with a dot: the terminator may be glued to it.
    Glued,
    /// The last octet is a dot alone on its line.
    DotWithoutEnd,
    /// The last line is a dot and spaces.
    Padded,
    Open,
}

/// How a message without a terminator stopped.
pub(super) fn stop(ended: &ExchangeSeen<'_>) -> Option<DataEnd> {
    let data = ended.data()?;
    if ended.has_gap() || data.terminator.is_some() || !ended.is_ok() || data.side == Side::Client {
        return None;
    }
    let Some(body) = ended.body else {
        return Some(DataEnd::Open);
    };
    let line = body.last_line.as_slice();
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    Some(match text {
        b"." | b".\r" => DataEnd::DotWithoutEnd,
        [b'.', blanks @ ..] if blanks.iter().all(|octet| matches!(octet, b' ' | b'\t')) => {
            DataEnd::Padded
        }
        [.., b'.'] if line.len() < 120 => DataEnd::Glued,
        _ => DataEnd::Open,
    })
}

/// Whether a message without an end is followed by the reply to the next command. A message may
/// contain such lines; but here the client sent its next command, this one line came, and then the
/// connection closed.
pub(super) fn is_answered_inside(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let is_end = matches!(context.now.event, Some(EventKind::Closed));
    let Some(body) = message(ended).filter(|_| is_end && stop(ended) == Some(DataEnd::Open)) else {
        return false;
    };
    let is_next =
        context.commands.waiting.len() == 2 && body.last.row == context.commands.last_row + 1;
    let is_status = body.last_line.starts_with(b"+OK") || body.last_line.starts_with(b"-ERR");
    let line = body.last_line.trim_ascii_end();
    is_next && is_status && !body.is_cut && after_status(line).is_some()
}

pub(super) fn message<'a>(ended: &'a ExchangeSeen<'_>) -> Option<&'a Body> {
    ended.body.filter(|_| ended.is(Command::fetches_message))
}

pub(super) fn is_redis(seen: &LineSeen<'_>) -> bool {
    let is_first = matches!(
        seen.role,
        LineRole::Status | LineRole::Greeting | LineRole::Unrequested
    );
    is_first && memchr::memmem::find(seen.text, b"with args beginning with:").is_some()
}

/// Whether a large message stopped after its first few octets.
pub(super) fn is_stall(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let data = ended.data().filter(|data| data.terminator.is_none());
    let listed = context.message_of(ended).and_then(|message| message.size);
    let is_message = ended.is(Command::fetches_message) && !ended.has_gap();
    is_message
        && data.zip(listed).is_some_and(|(data, size)| {
            data.octets <= 4500 && size > data.octets.saturating_add(1000)
        })
}

/// Whether the event ends the connection without the client's intent.
pub(super) fn is_end(event: &EventAt) -> bool {
    let is_server = event.kind == EventKind::Closed && event.said().closer() != Some(Party::Client);
    is_server || event.kind == EventKind::Lost
}

/// Whether the end of the connection ended the exchange, without the client's intent. What a client
/// sends to a server that turned it away is the client's mistake.
pub(super) fn is_cut(context: &Context) -> bool {
    matches!(context.now.event, Some(EventKind::Closed | EventKind::Lost))
        && !context.now.is_closed_by_client()
        && !context.greeting.is_refusal
        && (context.session.is_greeted || context.recording.is_piece())
}
