//! RFC 1939, the base protocol: greeting, status lines, and what comes unasked.

use super::context::Unsolicited;
use super::predicates::{StartFault, fault};
use super::{Check, Context, LineRole, LineSeen, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::command::Command;
use crate::pop3::tracker::LineEnd;
use crate::reading::dialogue::EventKind;

/// What two replies to one command are.
const TWICE: &str = "one more status line than commands";

/// The `-ERR` behind a reply, when `is_known` that the server went on, or that it did not.
fn parting(known: &Context, is_known: bool, what: &str) -> Option<Site> {
    let (place, text) = known.farewell.parting.as_ref().filter(|_| is_known)?;
    Some(Site {
        place: *place,
        octets: text.clone(),
        what: what.to_owned(),
    })
}

/// Whether a line is the client's own, sent back: its line end and length are not the server's.
fn is_of_echo(heard: &LineSeen<'_>, known: &Context) -> bool {
    fault(heard, known) == Some(StartFault::Echo) || known.is_echoed(heard)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §4: the server sends one line of greeting as soon as the connection stands; the client waits for it.
    Rule {
        id: "no-greeting",
        level: Must,
        source: "RFC 1939 §4",
        says: "the server speaks first, with one line of greeting",
        hint: "check port and service: a port for TLS waits for the client (connect with --tls), and so does a web server",
        check: &[
            Check::Exchange(|ended, _| {
                let what =
                    "the first line answers a command: the server sent no greeting before it";
                ended.when(ended.exchange.has_no_greeting, what)
            }),
            // A late greeting makes one line more than there are commands.
            Check::Event(|event, known| {
                let is_end = event.kind == EventKind::Closed && known.commands.waiting.is_empty();
                let place = known.recording.first_reply.filter(|_| is_end)?;
                Some(Site::at(
                    place,
                    "as many replies as commands, and no greeting",
                ))
            }),
            Check::Event(|event, known| {
                use crate::reading::dialogue::EventKind::{Closed, Lost, TimedOut};
                let is_end = matches!(event.kind, Closed | Lost | TimedOut);
                let is_silent = known.session.state == Some(crate::pop3::tracker::State::Greeting)
                    && !known.session.is_greeted;
                // Who leaves did not wait, or not for long enough.
                let is_ours = known.now.is_closed_by_client();
                (is_end && is_silent && !is_ours)
                    .then(|| super::Site::at(event.place, "the server sent no greeting"))
            }),
        ],
    },
    // RFC 1939 §4: the greeting is a positive response. Servers refuse with -ERR all the same, when they are full or shut.
    Rule {
        id: "greeting-err",
        level: Must,
        source: "RFC 1939 §4",
        says: "the greeting is a positive response",
        hint: "the server refuses this address, or everybody: wait, try from another address, or read its log",
        check: &[Check::Line(|heard, known| {
            // Where the client spoke first, it may be the reply.
            let is_err = heard.role == LineRole::Greeting
                && known.commands.waiting.is_empty()
                && heard.text.to_ascii_uppercase().starts_with(b"-ERR");
            let is_redis = super::predicates::is_redis(heard);
            heard.when(is_err && !is_redis, "the greeting is -ERR")
        })],
    },
    // RFC 1939 §3, §4: a greeting begins with `+OK`; these first words are those of other protocols.
    Rule {
        id: "greeting-wrong-protocol",
        level: Must,
        source: "RFC 1939 §3",
        says: "a POP3 server greets with +OK; other words are those of another service",
        hint: "POP3 is on port 110, over TLS on 995; check the port, and where it is forwarded to",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::OtherProtocol),
                "another service answers",
            )
        })],
    },
    // RFC 1939 §4: the greeting is one line; the client speaks next.
    Rule {
        id: "greeting-extra-data",
        level: Must,
        source: "RFC 1939 §4",
        says: "the greeting is one line, and the client speaks next",
        hint: "do not send a password: somebody may have put replies there before they were asked for",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::WithGreeting),
                "more than one line of greeting",
            )
        })],
    },
    // RFC 1939 §3: all responses end with a CRLF pair.
    Rule {
        id: "bare-lf",
        level: Must,
        source: "RFC 1939 §3",
        says: "lines of the server end with CRLF",
        hint: "the server prints LF alone: it must send CRLF behind every line",
        check: &[Check::Line(|heard, _| {
            let is_bare =
                heard.role.is_servers() && heard.end == LineEnd::Lf && !heard.is_tls_record();
            heard.when(is_bare, "the line ends with LF alone")
        })],
    },
    // RFC 1939 §3: CR is sent as part of a CRLF pair only.
    Rule {
        id: "bare-cr",
        level: Should,
        source: "RFC 1939 §3",
        says: "a CR stands only in front of an LF",
        hint: "the server takes CR for a line end, or cuts lines: it must send CRLF",
        check: &[Check::Line(|heard, _| {
            let line = heard.text.strip_suffix(b"\r").unwrap_or(heard.text);
            let is_bare =
                heard.role.is_servers() && heard.plain().is_some() && line.contains(&b'\r');
            heard.when(is_bare, "a CR inside the line")
        })],
    },
    // RFC 1939 §3: one CRLF ends a line. CR CR LF comes from adding CRLF to a line that has one.
    Rule {
        id: "crcrlf",
        level: Must,
        source: "RFC 1939 §3",
        says: "a line ends with CRLF, not with CR CR LF",
        hint: "the server adds CRLF to lines that end with CRLF already: it must store or convert line ends once",
        check: &[
            Check::Line(|heard, known| {
                let is_double = heard.role.is_servers()
                    && heard.end == LineEnd::Crlf
                    && heard.text.ends_with(b"\r")
                    && !is_of_echo(heard, known);
                heard.when(is_double, "the line ends with CR CR LF")
            }),
            Check::Exchange(|ended, _| ended.body?.cr_crlf.clone()),
        ],
    },
    // RFC 1939 §3: responses may be up to 512 characters long, the terminating CRLF among them.
    Rule {
        id: "status-over-512",
        level: Should,
        source: "RFC 1939 §3, RFC 2449 §4",
        says: "the first line of a reply has at most 512 octets, CRLF included",
        hint: "the server repeats what the client sent, or has a long banner: shorten it",
        check: &[Check::Line(|heard, known| {
            let is_first = matches!(
                heard.role,
                LineRole::Greeting | LineRole::Status | LineRole::Unrequested
            );
            let is_other = known.is_data(heard) || is_of_echo(heard, known);
            let is_long = is_first && !heard.has_holes && heard.octets > 512 && !is_other;
            is_long.then(|| heard.spot(format!("the line has {} octets", heard.octets)))
        })],
    },
    // RFC 1939 §3: servers MUST send the status indicators in upper case.
    Rule {
        id: "status-lowercase",
        level: Must,
        source: "RFC 1939 §3",
        says: "+OK and -ERR are in upper case",
        hint: "clients that compare octets take this for no reply at all: the server must send upper case",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Lowercase),
                "the status indicator is not in upper case",
            )
        })],
    },
    // RFC 1939 §3: there are two status indicators, `+OK` and `-ERR`, with a blank or the line end behind them.
    Rule {
        id: "status-malformed",
        level: Must,
        source: "RFC 1939 §3",
        says: "a reply begins with +OK or -ERR, and a blank or the line end follows",
        hint: "the server's reply is nearly a status line: it must send exactly +OK or -ERR",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Malformed),
                "neither +OK nor -ERR",
            )
        })],
    },
    // RFC 1939 §3: every response begins with a status indicator.
    Rule {
        id: "status-missing",
        level: Must,
        source: "RFC 1939 §3",
        says: "every reply begins with a status indicator",
        hint: "the reply is out of step or has no status: connect anew, and look for a message that was not dot-stuffed",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Missing),
                "the reply has no status indicator",
            )
        })],
    },
    // RFC 1939 §3: an empty line is no response.
    Rule {
        id: "status-empty",
        level: Must,
        source: "RFC 1939 §3",
        says: "an empty line is no reply",
        hint: "the server failed while it answered: try again on a new connection, and look at the message that was asked for",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Empty),
                "an empty line in place of a reply",
            )
        })],
    },
    // RFC 1939 §3: one response for each command.
    Rule {
        id: "status-twice",
        level: Must,
        source: "RFC 1939 §3",
        says: "each command gets one status line",
        hint: "server and proxy both answer, or the server answers twice: replies do not fit the commands any more",
        check: &[
            Check::Line(|heard, known| {
                heard.when(known.odd(heard) == Some(Unsolicited::StatusTwice), TWICE)
            }),
            // Two behind one another are told apart by what follows.
            Check::Line(|heard, known| {
                let goes_on = matches!(heard.role, LineRole::Command | LineRole::Unrequested);
                parting(known, goes_on, TWICE)
            }),
            Check::Event(|event, known| {
                let is_left = event.kind == EventKind::Closed && known.now.is_closed_by_client();
                parting(known, is_left, TWICE)
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
    // RFC 1939 §5, §7: with a number LIST and UIDL are answered by one line.
    Rule {
        id: "single-answered-multi",
        level: Must,
        source: "RFC 1939 §5, §7",
        says: "LIST and UIDL with a number are answered by one line",
        hint: "the server takes this argument for none, be it 0 or any number, and sends the whole listing: it must answer with one line",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::ListingOfSingle),
                "a listing although one message was asked for",
            )
        })],
    },
    // RFC 1939 §3: only some positive replies are of several lines; -ERR is always one line.
    Rule {
        id: "err-multiline",
        level: Must,
        source: "RFC 1939 §3",
        says: "an error is one line",
        hint: "clients take the second line for the next reply: the server must say all in one line",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::BehindError),
                "another line behind -ERR",
            )
        })],
    },
    // RFC 1939 §3: client and server exchange commands and responses; the server sends nothing of its own accord.
    Rule {
        id: "unsolicited-data",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server sends only what was asked for",
        hint: "the session is out of step: look at the reply before it",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::Other),
                "nothing was asked",
            )
        })],
    },
    // RFC 1939 §6: after the reply to QUIT the server closes.
    Rule {
        id: "data-after-quit",
        level: Should,
        source: "RFC 1939 §6",
        says: "nothing comes behind the reply to QUIT",
        hint: "harmless mostly: a server that answers commands behind QUIT, or a proxy that adds a line",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::BehindQuit),
                "the server goes on behind its reply to QUIT",
            )
        })],
    },
    // RFC 1939 §3: after ten minutes without a command the server closes, without sending any response.
    Rule {
        id: "autologout-talks",
        level: Info,
        source: "RFC 1939 §3",
        says: "a server that loses its patience closes without a word",
        hint: "friendly, but a client may take the line for the reply to its next command",
        check: &[
            Check::Line(|heard, known| {
                heard.when(
                    known.odd(heard) == Some(Unsolicited::Autologout),
                    "a line before the server gives up waiting",
                )
            }),
            Check::Event(|event, known| {
                let is_end = super::predicates::is_end(event);
                parting(known, is_end, "a line before the server hangs up")
            }),
        ],
    },
    // RFC 1939 §3: the autologout timer runs for at least ten minutes.
    Rule {
        id: "autologout-early",
        level: Must,
        source: "RFC 1939 §3",
        says: "a session may be idle for ten minutes",
        hint: "raise the server's time limit; until then a client sends NOOP every half minute",
        check: &[Check::Line(|heard, known| {
            let is_early = known.odd(heard) == Some(Unsolicited::Autologout)
                && known.session.is_transaction()
                && known.now.gap_ms < 600_000;
            is_early.then(|| heard.spot(format!("given up after {} s", known.now.gap_ms / 1000)))
        })],
    },
    // RFC 1939 §3: a reply begins with the status indicator, not with the command.
    Rule {
        id: "input-echoed",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server does not send the command back",
        hint: "the server sends back what it reads, perhaps only a line that is too long for it, or a terminal server does: an echo of PASS would show the password",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Echo),
                "the reply begins with the command",
            )
        })],
    },
];
