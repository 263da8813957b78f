//! RFC 1939, multi-line data: stuffing, line ends and terminators.

use super::context::Unsolicited;
use super::input::ExchangeSeen;
use super::predicates::{DataEnd, is_answered_inside, message, stop};
use super::{Check, Context, Rule};
use crate::analysis::finding::Level::{Must, Should};
use crate::pop3::command::Command;
use crate::reading::dialogue::EventKind;

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §3: a multi-line reply ends with CRLF, a dot, CRLF.
    Rule {
        id: "missing-terminator",
        level: Must,
        source: "RFC 1939 §3",
        says: "a multi-line reply must end with a line that contains only a dot",
        hint: "the server sent only part of the reply, or answered a multi-line command with one line: retry on a new connection",
        check: &[Check::Exchange(|ended, context| {
            let is_late = context.now.event == Some(EventKind::TimedOut) && ended.verb != "CAPA";
            let is_open =
                stop(ended) == Some(DataEnd::Open) && !super::predicates::is_stall(ended, context);
            if is_answered_inside(ended, context) {
                let what = "the last line of the message is the reply to the next command";
                return Some(ended.body?.last_spot(what));
            }
            if is_late && stop(ended) == Some(DataEnd::Glued) && is_whole(ended, context) {
                let what = "the message has as many octets as LIST says, but no terminator";
                return Some(ended.body?.last_spot(what));
            }
            if ended.lacks_terminator() {
                let what = "the listing contains the status line of the next reply";
                return Some(ended.spot(what));
            }
            ended.when(is_late && is_open, "the reply never ended")
        })],
    },
    // RFC 1939 §3: the terminator is a line of its own.
    Rule {
        id: "terminator-glued",
        level: Must,
        source: "RFC 1939 §3",
        says: "the dot that ends a reply must be on a line of its own",
        hint: "the message does not end with CRLF: the server must add CRLF before the dot",
        check: &[Check::Exchange(|ended, context| {
            let is_glued = stop(ended) == Some(DataEnd::Glued)
                && context.now.event == Some(EventKind::TimedOut)
                && !is_whole(ended, context);
            let body = ended.body.filter(|_| is_glued)?;
            Some(body.last_spot("the last line ends with a dot, and nothing follows"))
        })],
    },
    // RFC 1939 §3: the terminator ends with CRLF, like every line.
    Rule {
        id: "terminator-no-crlf",
        level: Must,
        source: "RFC 1939 §3",
        says: "CRLF must follow the dot that ends a reply",
        hint: "the server must send CRLF after the dot",
        check: &[Check::Exchange(|ended, context| {
            // More may have come after the end of the recording.
            let body = ended.body.filter(|_| {
                stop(ended) == Some(DataEnd::DotWithoutEnd) && context.now.event.is_some()
            })?;
            Some(body.last_spot("no CRLF follows the dot"))
        })],
    },
    // RFC 1939 §3: the terminator is a dot and CRLF, without spaces.
    Rule {
        id: "terminator-padded",
        level: Must,
        source: "RFC 1939 §3",
        says: "CRLF must immediately follow the dot that ends a reply",
        hint: "strict clients wait indefinitely: the server must send the dot alone",
        check: &[Check::Exchange(|ended, context| {
            let body = ended.body.filter(|body| {
                let is_whole = !body.is_cut || context.now.event.is_some();
                stop(ended) == Some(DataEnd::Padded) && is_whole
            })?;
            Some(body.last_spot("spaces follow the dot"))
        })],
    },
    // RFC 1939 §3: a line that begins with the termination octet is sent with that octet doubled.
    Rule {
        id: "unstuffed-dot-line",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must double a dot at the start of a data line",
        hint: "clients may drop the dot, or end the message here and misread later replies: the server must double the dot",
        check: &[
            Check::Exchange(|ended, _| {
                let body = ended
                    .body
                    .filter(|_| ended.verb != "TOP" && !is_padded(ended))?;
                body.single_dot.clone()
            }),
            Check::Line(|seen, context| {
                let last = context.last_if(|last| last.verb == "RETR" && last.lines != Some(0))?;
                let is_mail = context.unsolicited(seen) == Some(Unsolicited::AfterMessage)
                    && !last.is_greeting;
                seen.when(is_mail, "the message continues after its terminator")
            }),
        ],
    },
    // RFC 1939 §3: the first line of the data is a line like any other.
    Rule {
        id: "unstuffed-first-octet",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must also double a dot at the very start of a message",
        hint: "the server probably checks for dots only after LF, so a sender can forge replies: update the server",
        check: &[
            Check::Exchange(|ended, _| {
                let body = ended.body.filter(|_| !is_padded(ended))?;
                body.first_dot.clone()
            }),
            Check::Line(|seen, context| {
                let last = context.last.as_ref()?;
                let is_empty = last.is(Command::fetches_message) && last.lines == Some(0);
                let is_mail = context.unsolicited(seen) == Some(Unsolicited::AfterMessage);
                seen.when(
                    is_empty && is_mail,
                    "the first line of the message is a terminator, but the message continues",
                )
            }),
        ],
    },
    // RFC 1939 §3: TOP is a multi-line reply, stuffed like every other.
    Rule {
        id: "top-unstuffed",
        level: Must,
        source: "RFC 1939 §3",
        says: "TOP must dot-stuff its lines as RETR does",
        hint: "the server dot-stuffs replies to RETR but not those to TOP: update the server",
        check: &[
            Check::Exchange(|ended, _| {
                let body = ended
                    .body
                    .filter(|_| ended.verb == "TOP" && !is_padded(ended))?;
                body.single_dot.clone()
            }),
            Check::Line(|seen, context| {
                let last = context.last_if(|last| last.verb == "TOP" && last.lines != Some(0))?;
                let is_mail = context.unsolicited(seen) == Some(Unsolicited::AfterMessage)
                    && !last.is_greeting;
                seen.when(is_mail, "the data continues after its terminator")
            }),
        ],
    },
    // RFC 1939 §3: only CRLF ends a line; a reader that also accepts LF ends the message elsewhere.
    Rule {
        id: "unstuffed-after-bare-lf",
        level: Should,
        source: "RFC 1939 §3",
        says: "all line ends in a message should be CRLF, so that clients agree on where it ends",
        hint: "the server should store lines with CRLF, and double each dot that follows an LF",
        check: &[Check::Exchange(|ended, _| ended.body?.lf_dot.clone())],
    },
    // RFC 1939 §3, RFC 5322 §2.3: lines of a message end with CRLF.
    Rule {
        id: "bare-lf-in-message",
        level: Should,
        source: "RFC 1939 §3",
        says: "the lines of a message should end with CRLF",
        hint: "the server probably stores lines with LF and sends them unchanged: it should send CRLF",
        check: &[Check::Exchange(|ended, _| message(ended)?.bare_lf.clone())],
    },
    // RFC 1939 §3: an error is reported in the status line, before any data.
    Rule {
        id: "err-after-ok",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must report an error before the data, not after it",
        hint: "the server failed in the middle of the message: do not use this copy, and do not delete the original",
        check: &[Check::Exchange(|ended, context| {
            let body = message(ended)?;
            let is_error = body.last_line.starts_with(b"-ERR ")
                && !is_answered_inside(ended, context)
                && !is_whole(ended, context);
            is_error.then(|| body.last_spot("the data ends with -ERR"))
        })],
    },
];

/// Whether as many octets came as LIST counted, or STAT if there is only one message, so that the
/// last line belongs to the message.
fn is_whole(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let Some(data) = ended.data().filter(|_| ended.verb == "RETR") else {
        return false;
    };
    let message = context.message_of(ended);
    let listed = message.and_then(|message| message.size);
    listed == Some(data.message_octets) || context.counts.stat == Some((1, data.message_octets))
}

/// Whether the single dot belongs to a terminator with spaces.
fn is_padded(ended: &ExchangeSeen<'_>) -> bool {
    stop(ended) == Some(DataEnd::Padded)
}
