//! Timing, ends of connections, and other services on the port.

use std::time::Duration;

use super::context::Unsolicited;
use super::predicates::{StartFault, fault};
use super::predicates::{is_cut, is_end, is_redis, is_stall};
use super::{Check, Context, ExchangeSeen, LineRole, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::command::Command;
use crate::pop3::tracker::{Side, Status};
use crate::reading::dialogue::EventKind;

/// Whether a command is not in the table, or is an empty line.
fn is_unknown(ended: &ExchangeSeen<'_>) -> bool {
    let sent = ended.exchange.sent.as_ref();
    sent.is_some_and(|sent| sent.command().is_none()) && !ended.exchange.is_greeting
}

/// Whether the server closes because of an earlier refusal, and not because of this command.
fn is_excused(context: &Context) -> bool {
    context.is_after_oversize() || context.is_after_errors()
}

/// Whether a command that takes no argument has one.
fn has_surplus(ended: &ExchangeSeen<'_>) -> bool {
    ended.is(Command::takes_no_argument) && ended.has_arguments()
}

/// A refusal that took longer, in milliseconds, was delayed deliberately. Many servers, including
/// ours, wait for a second; a limit of one second would report that in one run and not in the next.
const TARPIT_MS: u64 = 1500;

/// How long a client should wait for the reply to a login before the server is to blame.
const LOGIN_WAIT: Duration = Duration::from_secs(60);

/// Whether the reply to a login did not come in a time for which a server may hold a refusal back.
/// Seen: Dovecot takes 15 s and more for an address with many failed logins.
fn is_held_back(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let waited = context.now.waited;
    ended.is(Command::logs_in)
        && ended.exchange.status.is_none()
        && waited.is_some_and(|waited| waited < LOGIN_WAIT)
}

pub(super) const RULES: &[Rule] = &[
    // No RFC gives a limit, but clients give up eventually.
    Rule {
        id: "greeting-delayed",
        level: Should,
        source: "in no RFC",
        says: "the greeting should arrive within two seconds",
        hint: "the server may be overloaded, or be waiting for DNS or ident: check its resolver",
        check: &[Check::Line(|seen, context| {
            let is_late = seen.role == LineRole::Greeting && context.now.gap_ms > 2000;
            is_late.then(|| seen.spot(format!("the greeting took {} ms", context.now.gap_ms)))
        })],
    },
    // Redis, a database without a greeting, also answers -ERR and +OK.
    Rule {
        id: "redis-lookalike",
        level: Must,
        source: "seen: Redis",
        says: "Redis also answers +OK and -ERR",
        hint: "this is the wrong port, and the database should not be publicly reachable",
        check: &[Check::Line(|seen, _| {
            seen.when(is_redis(seen), "this is a Redis database")
        })],
    },
    // The specification, §2: a receiver expects the header on each connection, or on none.
    Rule {
        id: "proxy-header-unexpected",
        level: Should,
        source: "PROXY protocol §2",
        says: "a PROXY protocol header should go only to a server that expects one",
        hint: "the server takes the header for a command: connect without --proxy-protocol, or to the port for load balancers",
        check: &[Check::Line(|seen, context| {
            let is_negative = seen.text.starts_with(b"-ERR");
            seen.when(
                is_negative && context.unsolicited(seen) == Some(Unsolicited::ToHeader),
                "a refusal follows the greeting, and no command was sent, only the header",
            )
        })],
    },
    // RFC 8314 §3.1: a TLS record instead of text.
    Rule {
        id: "tls-on-plain-port",
        level: Must,
        source: "RFC 8314 §3.1",
        says: "a reply must be text, not a TLS record",
        hint: "this port speaks TLS from the first octet: connect with --tls",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::Tls),
                "the server sent a TLS record instead of a reply",
            )
        })],
    },
    // RFC 8314 §6: programs between client and server may change what passes.
    Rule {
        id: "greeting-rewritten-by-proxy",
        level: Should,
        source: "seen: virus scanners and firewalls",
        says: "the greeting should come from the server itself",
        hint: "a virus scanner or firewall may intercept the connection: exclude this host, or use port 995",
        check: &[Check::Line(|seen, _| {
            let text = seen
                .plain()
                .filter(|_| seen.role == LineRole::Greeting)?
                .to_ascii_lowercase();
            let words = [
                "avast",
                "avg ",
                "kaspersky",
                "p3scan",
                "proxy",
                "****",
                "xxxx",
            ];
            let is_other = words
                .iter()
                .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some());
            seen.when(
                is_other,
                "the greeting appears to come from an intermediary",
            )
        })],
    },
    // RFC 1939 §3: an unknown command is answered with -ERR; closing is not provided for.
    Rule {
        id: "unknown-command-closes",
        level: Must,
        source: "RFC 1939 §3",
        says: "the session must continue after an unknown command",
        hint: "clients try commands to see what works: the server must not close after the first unknown one",
        check: &[
            Check::Event(|event, context| {
                let last = context.last_if(|last| last.command.is_none() && !last.is_greeting)?;
                let is_refused =
                    last.status == Some(Status::Negative) && context.commands.waiting.is_empty();
                // A server that has continued once closes for a different reason: too many of them.
                let is_first = context.refusals.unknown < 2
                    && !context.greeting.is_refusal
                    && !context.recording.is_explained
                    && !last.is_oversize
                    && !context.is_after_errors();
                (is_end(event) && is_refused && is_first).then(|| {
                    Site::at(
                        event.place,
                        "the server closed the connection after -ERR to an unknown command",
                    )
                })
            }),
            Check::Exchange(|ended, context| {
                let is_silent = is_unknown(ended)
                    && ended.exchange.status_line.is_none()
                    && is_cut(context)
                    && !context.is_after_refused_option();
                let is_whole = !ended.is_oversize() && !ended.is_garbled();
                ended.command_when(
                    is_silent && is_whole && !is_excused(context),
                    "the server closed the connection instead of answering an unknown command",
                )
            }),
        ],
    },
    // RFC 1939 §3: an unknown command is answered.
    Rule {
        id: "unknown-command-silent",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must answer an unknown command",
        hint: "the server, or a filter in front of it, may have dropped the command",
        check: &[Check::Exchange(|ended, context| {
            let is_silent =
                is_unknown(ended) && ended.exchange.status.is_none() && !ended.is_garbled();
            ended.command_when(
                is_silent && context.now.event == Some(EventKind::TimedOut),
                "the server did not answer an unknown command",
            )
        })],
    },
    // RFC 1939 §3: a command with a surplus argument is answered with -ERR.
    Rule {
        id: "server-crashes-on-args",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command with a surplus argument must get -ERR",
        hint: "the server may have crashed on the argument: update it",
        check: &[Check::Exchange(|ended, context| {
            let is_silent =
                has_surplus(ended) && ended.exchange.status.is_none() && ended.verb != "QUIT";
            ended.command_when(
                is_silent && is_cut(context),
                "the server closed the connection after a command with a surplus argument",
            )
        })],
    },
    // RFC 1939 §3: every command is answered.
    Rule {
        id: "reply-timed-out",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must answer every command",
        hint: "the server may be stuck: check its log",
        check: &[Check::Exchange(|ended, context| {
            let is_open =
                ended.exchange.status.is_none() && context.now.event == Some(EventKind::TimedOut);
            let is_known = ended.exchange.command.is_some()
                && !is_unknown(ended)
                && !ended.is_garbled()
                && context.now.gap_ms <= 60_000
                && (context.session.is_greeted || context.recording.is_piece());
            // Pipelined commands have their own rule.
            let before = context.last.as_ref().map_or(0, |last| last.row);
            let row = ended
                .exchange
                .command
                .as_ref()
                .map_or(0, |line| line.place.row);
            let is_first = context
                .last
                .as_ref()
                .is_none_or(|last| last.is_greeting || last.status.is_some())
                && row > before;
            ended.command_when(
                is_open && is_known && is_first && !is_held_back(ended, context),
                "the server did not answer",
            )
        })],
    },
    // A server may close the connection on a command that is too long.
    Rule {
        id: "oversize-command-reset",
        level: Info,
        source: "RFC 2449 §4",
        says: "a server may close the connection if a command is far too long",
        hint: "this is a good defence: keep commands within 255 octets",
        check: &[
            Check::Exchange(|ended, context| {
                let is_long = ended.is_oversize() || context.is_after_oversize();
                ended.command_when(
                    is_long && ended.exchange.status.is_none() && is_cut(context),
                    "the server closed the connection after a long command",
                )
            }),
            // Seen: nginx refuses the line first. It is a matter of chance whether the next command
            // crosses the close.
            Check::Event(|event, context| {
                let is_refused = context.is_after_oversize() && context.commands.waiting.is_empty();
                let what = "the server closed the connection after it refused a long command";
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
        ],
    },
    // An idle connection may be lost without notice.
    Rule {
        id: "nat-idle-drop",
        level: Should,
        source: "seen: NAT and firewalls",
        says: "an idle connection should stay open",
        hint: "a firewall or NAT may drop idle connections: send NOOP every 30 seconds",
        check: &[Check::Exchange(|ended, context| {
            let is_gone = matches!(
                context.now.event,
                Some(EventKind::TimedOut | EventKind::Lost)
            ) && !context.now.is_closed_by_client();
            let is_open = ended.exchange.status.is_none() && ended.exchange.command.is_some();
            ended.command_when(
                is_gone && is_open && context.now.gap_ms > 60_000,
                "the first command after a pause was not answered",
            )
        })],
    },
    // A tarpit, an overloaded disk, or a slow scanner.
    Rule {
        id: "slow-drip",
        level: Should,
        source: "in no RFC",
        says: "a reply should arrive faster than 100 octets a second",
        hint: "a tarpit, an overloaded disk or a slow virus scanner can cause this: ask the administrator",
        check: &[Check::Exchange(|ended, _| {
            let body = ended
                .body
                .filter(|body| body.took_ms > 10_000 && !body.has_holes)?;
            let octets = ended
                .data()
                .filter(|data| data.side == Side::Server)?
                .octets;
            let is_slow = octets.saturating_mul(1000) / body.took_ms.max(1) < 100;
            is_slow.then(|| {
                ended.spot(format!(
                    "the server sent {octets} octets in {} s",
                    body.took_ms / 1000
                ))
            })
        })],
    },
    // Small replies arrive and large ones do not: the network loses large packets.
    Rule {
        id: "stall-large-data",
        level: Must,
        source: "seen: path MTU black holes",
        says: "a large reply must arrive just as a small one does",
        hint: "the network may lose large packets (VPN, filtered ICMP): lower the MTU",
        check: &[Check::Exchange(|ended, context| {
            ended.when(
                is_stall(ended, context) && context.now.event == Some(EventKind::TimedOut),
                "the message stopped arriving after a few octets",
            )
        })],
    },
    // RFC 1939 §6: the server closes; a reset may discard the last reply.
    Rule {
        id: "rst-instead-of-fin",
        level: Info,
        source: "seen at the end of sessions",
        says: "a session should end with an orderly close, not a reset",
        hint: "the server may have closed with unread commands, or a firewall may have reset the connection",
        check: &[Check::Event(|event, context| {
            let is_reset = event.kind == EventKind::Lost && context.has_quit();
            is_reset.then(|| Site::at(event.place, "the connection was reset after QUIT"))
        })],
    },
    // RFC 1939 §3: a reply is complete.
    Rule {
        id: "connection-cut-mid-reply",
        level: Must,
        source: "RFC 1939 §3",
        says: "the connection must stay open until the reply is complete",
        hint: "the server may have crashed, or a proxy may have a limit: do not delete this message",
        check: &[Check::Exchange(|ended, context| {
            let is_line_cut =
                ended.exchange.status.is_none() && ended.exchange.status_line.is_some();
            let is_data_cut = ended.is_ok() && !ended.is_complete() && !ended.has_gap();
            let is_other =
                super::predicates::stop(ended) == Some(super::predicates::DataEnd::DotWithoutEnd);
            let is_upload = ended.data().is_some_and(|data| data.side == Side::Client);
            ended.when(
                (is_line_cut || is_data_cut)
                    && is_cut(context)
                    && !is_other
                    && !is_upload
                    && !super::predicates::is_answered_inside(ended, context),
                "the connection closed in the middle of a reply",
            )
        })],
    },
    // RFC 1939 §3: the server answers before it closes.
    Rule {
        id: "closed-before-reply",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must answer a command before it closes the connection",
        hint: "the server may have crashed or been stopped: check its log",
        check: &[Check::Exchange(|ended, context| {
            let is_silent = ended.exchange.status_line.is_none()
                && is_cut(context)
                && ended.exchange.command.is_some();
            // What was injected after STLS must not be answered (RFC 2595 §4).
            let is_other = ended.verb == "QUIT"
                || context.is_after_refused_option()
                || context.is_after_errors()
                || context.is_answered_in_message()
                || (context.connection.is_after_stls && !context.session.tls.is_on())
                || is_unknown(ended)
                || ended.is_garbled()
                || has_surplus(ended)
                || context.now.gap_ms > 60_000;
            let is_long = ended.is_oversize() || context.is_after_oversize();
            // After QUIT, or another command that was not answered, nothing is expected.
            let is_first = context
                .last
                .as_ref()
                .is_none_or(|last| last.status.is_some() && last.verb != "QUIT");
            ended.command_when(
                is_silent && !is_other && !is_long && is_first,
                "the server closed the connection instead of answering",
            )
        })],
    },
    // RFC 1939 §3: a server closes after QUIT, or if the client is idle for long.
    Rule {
        id: "closed-without-quit",
        level: Should,
        source: "RFC 1939 §3, §6",
        says: "the server should close the connection only after QUIT or ten idle minutes",
        hint: "the server may have been stopped, or may have a short idle time-out: check its log",
        check: &[Check::Event(|event, context| {
            let last = context
                .last_if(|last| last.verb != "QUIT" && last.status == Some(Status::Positive))?;
            let is_open = context.session.is_transaction()
                && context.commands.waiting.is_empty()
                && last.command.is_some()
                && last.is_complete
                && !context.farewell.has_given_up
                && !context.recording.is_lost;
            (is_end(event) && is_open).then(|| {
                Site::at(
                    event.place,
                    "the server closed the connection before the client sent QUIT",
                )
            })
        })],
    },
    // RFC 1939 §3: a command that the server does not support gets -ERR, and the session continues.
    // Seen: proxies and old servers that close on the first command of an extension.
    Rule {
        id: "closed-after-refusal",
        level: Should,
        source: "RFC 1939 §3",
        says: "the session should continue after an optional command is refused",
        hint: "clients ask what a server supports before login: the server should answer -ERR and wait for the next command",
        check: &[
            Check::Event(|event, context| {
                let is_refused =
                    context.is_after_refused_option() && context.commands.waiting.is_empty();
                let what =
                    "the server closed the connection right after it refused an optional command";
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
            // The next command may have crossed the close.
            Check::Exchange(|ended, context| {
                let is_silent =
                    ended.exchange.status_line.is_none() && ended.exchange.command.is_some();
                ended.command_when(
                    is_silent && is_cut(context) && context.is_after_refused_option(),
                    "the server closed the connection after it refused the previous command",
                )
            }),
        ],
    },
    // No RFC says how many errors a server must tolerate.
    // Seen: solid-pop3d closes at the fifth, nginx at "too many invalid commands".
    Rule {
        id: "closed-after-errors",
        level: Info,
        source: "seen: nginx, solid-pop3d",
        says: "a server may close the connection after it refuses several commands",
        hint: "this is a defence against scanners: check the previous commands, and connect again for the rest",
        check: &[
            Check::Event(|event, context| {
                let is_refused = context.is_after_errors() && context.commands.waiting.is_empty();
                let what = format!(
                    "the server closed the connection after {} refused commands",
                    context.refusals.count
                );
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
            // The next command may have crossed the close.
            Check::Exchange(|ended, context| {
                let is_silent =
                    ended.exchange.status_line.is_none() && ended.exchange.command.is_some();
                let what = "the server closed the connection after several refused commands";
                ended.command_when(
                    is_silent && is_cut(context) && context.is_after_errors(),
                    what,
                )
            }),
        ],
    },
    // RFC 1939 §4: after a failed login the server may close.
    Rule {
        id: "closed-after-failed-login",
        level: Info,
        source: "RFC 1939 §4",
        says: "a server may close the connection after a failed login",
        hint: "connect again for the next attempt",
        check: &[Check::Event(|event, context| {
            let last = context.last_if(|last| last.is(Command::logs_in))?;
            let is_failed = last.status == Some(Status::Negative)
                && context.commands.waiting.is_empty()
                && !context.is_after_refused_option();
            (is_end(event) && is_failed).then(|| {
                Site::at(
                    event.place,
                    "the server closed the connection after a failed login",
                )
            })
        })],
    },
    // Clients give up on slow replies.
    Rule {
        id: "slow-reply",
        level: Info,
        source: "in no RFC",
        says: "a reply should arrive within ten seconds",
        hint: "the server may be overloaded, or be opening a large mailbox",
        check: &[Check::Exchange(|ended, _| {
            let took = ended.exchange.reply_ms.filter(|took| *took > 10_000)?;
            let is_other = ended.verb == "QUIT" || ended.is(Command::logs_in);
            (!is_other).then(|| ended.spot(format!("the reply took {} s", took / 1000)))
        })],
    },
    // Most servers delay all failed logins. A server that delays only existing users reveals their
    // names.
    Rule {
        id: "tarpit",
        level: Info,
        source: "seen: Dovecot, Courier",
        says: "a failed login may be answered slowly",
        hint: "wait before the next attempt: a delay only for existing users reveals their names (`check --samples` measures this)",
        check: &[
            Check::Exchange(|ended, _| {
                let is_login = ended.is(Command::logs_in) && ended.is_err();
                let took = ended
                    .exchange
                    .reply_ms
                    .filter(|took| is_login && *took > TARPIT_MS)?;
                Some(ended.spot(format!("the refusal took {took} ms")))
            }),
            Check::Exchange(|ended, context| {
                let waited = context
                    .now
                    .waited
                    .filter(|_| is_held_back(ended, context))?;
                let what = format!("no reply to the login within {} s", waited.as_secs_f64());
                ended.command_when(true, &what)
            }),
        ],
    },
];
