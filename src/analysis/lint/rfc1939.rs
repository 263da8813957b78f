//! RFC 1939, the base protocol: greeting, status lines, and unsolicited lines.

use super::context::Unsolicited;
use super::predicates::{StartFault, fault};
use super::{Check, Context, LineRole, LineSeen, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::command::Command;
use crate::pop3::tracker::LineEnd;
use crate::reading::dialogue::EventKind;

/// Two replies to one command.
const TWICE: &str = "the server sent one more status line than the client sent commands";

/// The `-ERR` after a reply, once `is_known` that the server continued, or that it did not.
fn parting(context: &Context, is_known: bool, what: &str) -> Option<Site> {
    let (place, text) = context.farewell.parting.as_ref().filter(|_| is_known)?;
    Some(Site {
        place: *place,
        octets: text.clone(),
        what: what.to_owned(),
    })
}

/// Whether a line is an echo of the client's: then the server did not choose its line end and
/// length.
fn is_of_echo(seen: &LineSeen<'_>, context: &Context) -> bool {
    fault(seen, context) == Some(StartFault::Echo) || context.is_echoed(seen)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §4: the server sends one line of greeting as soon as the connection is open; the
    // client waits for it.
    Rule {
        id: "no-greeting",
        level: Must,
        source: "RFC 1939 §4",
        says: "the server must speak first, with a one-line greeting",
        hint: "check the port and the service: TLS ports (connect with --tls) and web servers wait for the client",
        check: &[
            Check::Exchange(|ended, _| {
                let what =
                    "the first line answers a command: the server sent no greeting before it";
                ended.when(ended.exchange.has_no_greeting, what)
            }),
            // With a late greeting, there is one line more than there are commands.
            Check::Event(|event, context| {
                let is_end = event.kind == EventKind::Closed && context.commands.waiting.is_empty();
                let place = context.recording.first_reply.filter(|_| is_end)?;
                Some(Site::at(
                    place,
                    "the server sent as many replies as the client sent commands, so it sent no greeting",
                ))
            }),
            Check::Event(|event, context| {
                use crate::reading::dialogue::EventKind::{Closed, Lost, TimedOut};
                let is_end = matches!(event.kind, Closed | Lost | TimedOut);
                let is_silent = context.session.state
                    == Some(crate::pop3::tracker::State::Greeting)
                    && !context.session.is_greeted;
                // A client that closes did not wait, or not long enough.
                let is_ours = context.now.is_closed_by_client();
                (is_end && is_silent && !is_ours)
                    .then(|| super::Site::at(event.place, "the server sent no greeting"))
            }),
        ],
    },
    // RFC 1939 §4: the greeting is a positive response. Servers that are full or closed send -ERR
    // anyway.
    Rule {
        id: "greeting-err",
        level: Must,
        source: "RFC 1939 §4",
        says: "the greeting must be a positive response",
        hint: "the server may refuse this address or all clients: wait, try a different address, or read its log",
        check: &[Check::Line(|seen, context| {
            // If the client spoke first, this may be its reply.
            let is_err = seen.role == LineRole::Greeting
                && context.commands.waiting.is_empty()
                && seen.text.to_ascii_uppercase().starts_with(b"-ERR");
            let is_redis = super::predicates::is_redis(seen);
            seen.when(is_err && !is_redis, "the greeting is -ERR")
        })],
    },
    // RFC 1939 §3, §4: a greeting begins with `+OK`; these first words belong to other protocols.
    Rule {
        id: "greeting-wrong-protocol",
        level: Must,
        source: "RFC 1939 §3",
        says: "the greeting of a POP3 server must begin with +OK",
        hint: "POP3 uses port 110, or 995 with TLS: check the port and where it is forwarded",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::OtherProtocol),
                "a different service answered",
            )
        })],
    },
    // RFC 1939 §4: the greeting is one line; the client speaks next.
    Rule {
        id: "greeting-extra-data",
        level: Must,
        source: "RFC 1939 §4",
        says: "the greeting must be one line, and the client speaks next",
        hint: "do not send a password: an attacker may have injected replies to commands not yet sent",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::WithGreeting),
                "the greeting has more than one line",
            )
        })],
    },
    // RFC 1939 §3: all responses end with a CRLF pair.
    Rule {
        id: "bare-lf",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must end its lines with CRLF",
        hint: "the server must send CRLF after every line, not LF alone",
        check: &[Check::Line(|seen, _| {
            let is_bare =
                seen.role.is_servers() && seen.end == LineEnd::Lf && !seen.is_tls_record();
            seen.when(is_bare, "the line ends with LF alone")
        })],
    },
    // RFC 1939 §3: CR is sent as part of a CRLF pair only.
    Rule {
        id: "bare-cr",
        level: Should,
        source: "RFC 1939 §3",
        says: "a CR should appear only as part of CRLF",
        hint: "the server may use CR as a line end or split lines: it must end each line with CRLF",
        check: &[Check::Line(|seen, _| {
            let line = seen.text.strip_suffix(b"\r").unwrap_or(seen.text);
            let is_bare = seen.role.is_servers() && seen.plain().is_some() && line.contains(&b'\r');
            seen.when(is_bare, "the line contains a CR that is not part of CRLF")
        })],
    },
    // RFC 1939 §3: one CRLF ends a line. CR CR LF comes from adding CRLF to a line that has one.
    Rule {
        id: "crcrlf",
        level: Must,
        source: "RFC 1939 §3",
        says: "a line must end with CRLF, not with CR CR LF",
        hint: "the server probably converts line ends twice: it must convert them only once",
        check: &[
            Check::Line(|seen, context| {
                let is_double = seen.role.is_servers()
                    && seen.end == LineEnd::Crlf
                    && seen.text.ends_with(b"\r")
                    && !is_of_echo(seen, context);
                seen.when(is_double, "the line ends with CR CR LF")
            }),
            Check::Exchange(|ended, _| ended.body?.cr_crlf.clone()),
        ],
    },
    // RFC 1939 §3: responses may be up to 512 characters long, the terminating CRLF among them.
    Rule {
        id: "status-over-512",
        level: Should,
        source: "RFC 1939 §3, RFC 2449 §4",
        says: "the first line of a reply should have at most 512 octets, including CRLF",
        hint: "the server may repeat the client's input or have a long banner: shorten the line",
        check: &[Check::Line(|seen, context| {
            let is_first = matches!(
                seen.role,
                LineRole::Greeting | LineRole::Status | LineRole::Unrequested
            );
            let is_other = context.is_data(seen) || is_of_echo(seen, context);
            let is_long = is_first && !seen.has_holes && seen.octets > 512 && !is_other;
            is_long.then(|| seen.spot(format!("the line has {} octets", seen.octets)))
        })],
    },
    // RFC 1939 §3: servers MUST send the status indicators in upper case.
    Rule {
        id: "status-lowercase",
        level: Must,
        source: "RFC 1939 §3",
        says: "+OK and -ERR must be in upper case",
        hint: "some clients do not recognise a lower-case reply: the server must send upper case",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Lowercase),
                "the status indicator is not in upper case",
            )
        })],
    },
    // RFC 1939 §3: there are two status indicators, `+OK` and `-ERR`, followed by a space or the
    // line end.
    Rule {
        id: "status-malformed",
        level: Must,
        source: "RFC 1939 §3",
        says: "a reply must begin with +OK or -ERR, followed by a space or the line end",
        hint: "this is almost a status line: the server must send exactly +OK or -ERR",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Malformed),
                "the reply begins with neither +OK nor -ERR",
            )
        })],
    },
    // RFC 1939 §3: every response begins with a status indicator.
    Rule {
        id: "status-missing",
        level: Must,
        source: "RFC 1939 §3",
        says: "every reply must begin with a status indicator",
        hint: "replies may no longer match commands: connect again, and look for a message without dot-stuffing",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Missing),
                "the reply has no status indicator",
            )
        })],
    },
    // RFC 1939 §3: an empty line is not a response.
    Rule {
        id: "status-empty",
        level: Must,
        source: "RFC 1939 §3",
        says: "a reply must not be an empty line",
        hint: "the server may have failed while answering: examine the requested message on a new connection",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Empty),
                "the server sent an empty line instead of a reply",
            )
        })],
    },
    // RFC 1939 §3: one response for each command.
    Rule {
        id: "status-twice",
        level: Must,
        source: "RFC 1939 §3",
        says: "each command must get exactly one status line",
        hint: "the server may answer twice, or a proxy may also answer: later replies may not match the commands",
        check: &[
            Check::Line(|seen, context| {
                seen.when(
                    context.unsolicited(seen) == Some(Unsolicited::StatusTwice),
                    TWICE,
                )
            }),
            // What follows shows which of two consecutive lines is surplus.
            Check::Line(|seen, context| {
                let goes_on = matches!(seen.role, LineRole::Command | LineRole::Unrequested);
                parting(context, goes_on, TWICE)
            }),
            Check::Event(|event, context| {
                let is_left = event.kind == EventKind::Closed && context.now.is_closed_by_client();
                parting(context, is_left, TWICE)
            }),
            Check::Exchange(|ended, _| {
                let body = ended.body.filter(|_| ended.is(Command::fetches_message))?;
                let what = "the data begins with a status line";
                body.first_line.starts_with(b"+OK").then(|| super::Site {
                    place: body.first.unwrap_or_default(),
                    octets: body.first_line.trim_ascii_end().to_vec(),
                    what: what.to_owned(),
                })
            }),
        ],
    },
    // RFC 1939 §5, §7: LIST and UIDL with a number are answered with one line.
    Rule {
        id: "single-answered-multi",
        level: Must,
        source: "RFC 1939 §5, §7",
        says: "LIST or UIDL with a message number must get a one-line reply",
        hint: "the server ignores the argument and sends the whole listing: it must answer with one line",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::ListingOfSingle),
                "the server sent a listing although the client asked for one message",
            )
        })],
    },
    // RFC 1939 §3: only some positive replies have several lines; -ERR is always one line.
    Rule {
        id: "err-multiline",
        level: Must,
        source: "RFC 1939 §3",
        says: "an error reply must be one line",
        hint: "clients read the second line as the next reply: the server must send a single line",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::AfterError),
                "another line follows -ERR",
            )
        })],
    },
    // RFC 1939 §3: client and server exchange commands and responses; the server sends nothing
    // unasked.
    Rule {
        id: "unsolicited-data",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must send only what the client asked for",
        hint: "replies may no longer match commands: look at the previous reply",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::Other),
                "the server sent a line that no command asked for",
            )
        })],
    },
    // RFC 1939 §6: after the reply to QUIT the server closes.
    Rule {
        id: "data-after-quit",
        level: Should,
        source: "RFC 1939 §6",
        says: "nothing should follow the reply to QUIT",
        hint: "usually harmless: the server may answer commands sent after QUIT, or a proxy may add a line",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::AfterQuit),
                "the server sent another line after its reply to QUIT",
            )
        })],
    },
    // RFC 1939 §3: after ten minutes without a command the server closes, without sending any
    // response.
    Rule {
        id: "autologout-talks",
        level: Info,
        source: "RFC 1939 §3",
        says: "a server should close an idle session without sending a reply",
        hint: "the line is well meant, but a client may read it as the reply to its next command",
        check: &[
            Check::Line(|seen, context| {
                seen.when(
                    context.unsolicited(seen) == Some(Unsolicited::Autologout),
                    "the server sent a line before it closed the idle session",
                )
            }),
            Check::Event(|event, context| {
                let is_end = super::predicates::is_end(event);
                parting(
                    context,
                    is_end,
                    "the server sent a line before it closed the connection",
                )
            }),
        ],
    },
    // RFC 1939 §3: the autologout timer runs for at least ten minutes.
    Rule {
        id: "autologout-early",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must let a session be idle for at least ten minutes",
        hint: "raise the server's idle time-out, and send NOOP every 30 seconds until then",
        check: &[Check::Line(|seen, context| {
            let is_early = context.unsolicited(seen) == Some(Unsolicited::Autologout)
                && context.session.is_transaction()
                && context.now.gap_ms < 600_000;
            is_early.then(|| {
                seen.spot(format!(
                    "the server ended the session after {} s without a command",
                    context.now.gap_ms / 1000
                ))
            })
        })],
    },
    // RFC 1939 §3: a reply begins with the status indicator, not with the command.
    Rule {
        id: "input-echoed",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must not echo the command",
        hint: "the server, or a terminal server in front of it, echoes some or all input: an echo of PASS would reveal the password",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Echo),
                "the reply begins with the command",
            )
        })],
    },
];
