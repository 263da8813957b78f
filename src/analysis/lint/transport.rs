//! Time, ends of connections, and other services on the port.

use super::predicates::{StartFault, fault};
use super::predicates::{is_cut, is_end, is_redis, is_stall};
use super::{Check, Context, ExchangeSeen, LineRole, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::command::Command;
use crate::pop3::tracker::{Side, Status};
use crate::reading::dialogue::EventKind;

/// Whether a command is none of the table, or an empty line.
fn is_unknown(ended: &ExchangeSeen<'_>) -> bool {
    let sent = ended.exchange.sent.as_ref();
    sent.is_some_and(|sent| sent.command().is_none()) && !ended.exchange.is_greeting
}

/// Whether the server closes for what was refused before, and not for this command.
fn is_excused(known: &Context) -> bool {
    known.is_behind_oversize() || known.is_behind_errors()
}

/// Whether a command that takes no argument has one.
fn has_surplus(ended: &ExchangeSeen<'_>) -> bool {
    ended.is(Command::takes_no_argument) && ended.has_arguments()
}

/// A refusal that took longer, in milliseconds, was slowed down on purpose. Many servers, ours too, wait for a second; a limit
/// at the second would find that in one run and not in the next.
const TARPIT_MS: u64 = 1500;

pub(super) const RULES: &[Rule] = &[
    // No RFC gives a time; clients give up after some.
    Rule {
        id: "greeting-delayed",
        level: Should,
        source: "in no RFC",
        says: "the greeting comes within two seconds",
        hint: "the server looks up the name of the client, asks for ident, or is overloaded: mend its resolver",
        check: &[Check::Line(|heard, known| {
            let is_late = heard.role == LineRole::Greeting && known.now.gap_ms > 2000;
            is_late.then(|| heard.spot(format!("the greeting took {} ms", known.now.gap_ms)))
        })],
    },
    // A database that has no greeting answers -ERR and +OK as well.
    Rule {
        id: "redis-lookalike",
        level: Must,
        source: "seen: Redis",
        says: "+OK and -ERR are words of Redis too",
        hint: "wrong port; and a database that anyone can reach should be closed",
        check: &[Check::Line(|heard, _| {
            heard.when(is_redis(heard), "this is a Redis database")
        })],
    },
    // RFC 8314 §3.1: a TLS record in place of text.
    Rule {
        id: "tls-on-plain-port",
        level: Must,
        source: "RFC 8314 §3.1",
        says: "a reply is text, not a TLS record",
        hint: "this port speaks TLS from the first octet: connect with --tls",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::Tls),
                "a TLS record in place of a reply",
            )
        })],
    },
    // RFC 8314 §6: between client and server there are programs that change what passes.
    Rule {
        id: "greeting-rewritten-by-proxy",
        level: Should,
        source: "seen: virus scanners and firewalls",
        says: "the greeting is the server's own",
        hint: "a mail shield or firewall sits between: exclude this host, or use port 995",
        check: &[Check::Line(|heard, _| {
            let text = heard
                .plain()
                .filter(|_| heard.role == LineRole::Greeting)?
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
            heard.when(is_other, "the greeting of a program between")
        })],
    },
    // RFC 1939 §3: an unknown command is answered with -ERR; closing is not foreseen.
    Rule {
        id: "unknown-command-closes",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server goes on after a command that it does not know",
        hint: "clients try what a server can: a rule against scanners must not close at once",
        check: &[
            Check::Event(|event, known| {
                let last = known.last_if(|last| last.command.is_none() && !last.is_greeting)?;
                let is_refused =
                    last.status == Some(Status::Negative) && known.commands.waiting.is_empty();
                // Who has gone on once closes for another reason: too many of them.
                let is_first = known.refusals.unknown < 2
                    && !known.greeting.is_refusal
                    && !known.recording.is_explained
                    && !last.is_oversize
                    && !known.is_behind_errors();
                (is_end(event) && is_refused && is_first)
                    .then(|| Site::at(event.place, "closed behind -ERR to an unknown command"))
            }),
            Check::Exchange(|ended, known| {
                let is_silent = is_unknown(ended)
                    && ended.exchange.status_line.is_none()
                    && is_cut(known)
                    && !known.is_behind_refused_option();
                let is_whole = !ended.is_oversize() && !ended.is_garbled();
                ended.command_when(
                    is_silent && is_whole && !is_excused(known),
                    "closed instead of sending a reply to an unknown command",
                )
            }),
        ],
    },
    // RFC 1939 §3: an unknown command is answered.
    Rule {
        id: "unknown-command-silent",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command that the server does not know is answered",
        hint: "the server, or a filter in front of it, drops the command",
        check: &[Check::Exchange(|ended, known| {
            let is_silent =
                is_unknown(ended) && ended.exchange.status.is_none() && !ended.is_garbled();
            ended.command_when(
                is_silent && known.now.event == Some(EventKind::TimedOut),
                "no reply to an unknown command",
            )
        })],
    },
    // RFC 1939 §3: a command with an argument too many is answered with -ERR.
    Rule {
        id: "server-crashes-on-args",
        level: Must,
        source: "RFC 1939 §3",
        says: "an argument too many gets -ERR",
        hint: "the server fails at the argument: update it",
        check: &[Check::Exchange(|ended, known| {
            let is_silent =
                has_surplus(ended) && ended.exchange.status.is_none() && ended.verb != "QUIT";
            ended.command_when(is_silent && is_cut(known), "closed at an argument too many")
        })],
    },
    // RFC 1939 §3: every command is answered.
    Rule {
        id: "reply-timed-out",
        level: Must,
        source: "RFC 1939 §3",
        says: "every command is answered",
        hint: "the server hangs: its log says more",
        check: &[Check::Exchange(|ended, known| {
            let is_open =
                ended.exchange.status.is_none() && known.now.event == Some(EventKind::TimedOut);
            let is_known = ended.exchange.command.is_some()
                && !is_unknown(ended)
                && !ended.is_garbled()
                && known.now.gap_ms <= 60_000
                && (known.session.is_greeted || known.recording.is_piece());
            // What was sent ahead is another rule's.
            let before = known.last.as_ref().map_or(0, |last| last.row);
            let row = ended
                .exchange
                .command
                .as_ref()
                .map_or(0, |line| line.place.row);
            let is_first = known
                .last
                .as_ref()
                .is_none_or(|last| last.is_greeting || last.status.is_some())
                && row > before;
            ended.command_when(is_open && is_known && is_first, "no reply")
        })],
    },
    // A command that is too long may be cut off with the connection.
    Rule {
        id: "oversize-command-reset",
        level: Info,
        source: "RFC 2449 §4",
        says: "a server may close when a command is far too long",
        hint: "a good defence; keep commands below 255 octets",
        check: &[
            Check::Exchange(|ended, known| {
                let is_long = ended.is_oversize() || known.is_behind_oversize();
                ended.command_when(
                    is_long && ended.exchange.status.is_none() && is_cut(known),
                    "closed at a long command",
                )
            }),
            // Seen: nginx refuses the line first. Whether the next command crosses the close is chance.
            Check::Event(|event, known| {
                let is_refused = known.is_behind_oversize() && known.commands.waiting.is_empty();
                let what = "closed after a long command was refused";
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
        ],
    },
    // A connection that was idle may be gone without notice.
    Rule {
        id: "nat-idle-drop",
        level: Should,
        source: "seen: NAT and firewalls",
        says: "a connection that is idle stays",
        hint: "a firewall or NAT forgets the connection: send NOOP every half minute",
        check: &[Check::Exchange(|ended, known| {
            let is_gone = matches!(known.now.event, Some(EventKind::TimedOut | EventKind::Lost))
                && !known.now.is_closed_by_client();
            let is_open = ended.exchange.status.is_none() && ended.exchange.command.is_some();
            ended.command_when(
                is_gone && is_open && known.now.gap_ms > 60_000,
                "no reply to the first command after a pause",
            )
        })],
    },
    // A tarpit, an overloaded disk, or a scanner that trickles.
    Rule {
        id: "slow-drip",
        level: Should,
        source: "in no RFC",
        says: "a reply comes faster than 100 octets a second",
        hint: "a tarpit, an overloaded disk, or a virus scanner that trickles: ask the administrator",
        check: &[Check::Exchange(|ended, _| {
            let body = ended
                .body
                .filter(|body| body.took_ms > 10_000 && !body.has_holes)?;
            let octets = ended
                .data()
                .filter(|data| data.side == Side::Server)?
                .octets;
            let is_slow = octets.saturating_mul(1000) / body.took_ms.max(1) < 100;
            is_slow.then(|| ended.spot(format!("{octets} octets in {} s", body.took_ms / 1000)))
        })],
    },
    // Small replies pass, large ones do not: the path loses large packets.
    Rule {
        id: "stall-large-data",
        level: Must,
        source: "seen: path MTU black holes",
        says: "a large reply comes as small ones do",
        hint: "large packets get lost on the way (VPN, ICMP filtered): lower the MTU",
        check: &[Check::Exchange(|ended, known| {
            ended.when(
                is_stall(ended, known) && known.now.event == Some(EventKind::TimedOut),
                "the message stops after a few octets",
            )
        })],
    },
    // RFC 1939 §6: the server closes; a reset may take the last reply away.
    Rule {
        id: "rst-instead-of-fin",
        level: Info,
        source: "seen at the end of sessions",
        says: "a session ends with a close, not with a reset",
        hint: "the server closes with unread commands in its buffer, or a firewall does it",
        check: &[Check::Event(|event, known| {
            let is_reset = event.kind == EventKind::Lost && known.has_quit();
            is_reset.then(|| Site::at(event.place, "a reset behind QUIT"))
        })],
    },
    // RFC 1939 §3: a reply is whole.
    Rule {
        id: "connection-cut-mid-reply",
        level: Must,
        source: "RFC 1939 §3",
        says: "the connection stays until the reply is whole",
        hint: "the server crashed, or a proxy has a limit: do not delete this message",
        check: &[Check::Exchange(|ended, known| {
            let is_line_cut =
                ended.exchange.status.is_none() && ended.exchange.status_line.is_some();
            let is_data_cut = ended.is_ok() && !ended.is_complete() && !ended.has_gap();
            let is_other =
                super::predicates::stop(ended) == Some(super::predicates::DataEnd::DotWithoutEnd);
            let is_upload = ended.data().is_some_and(|data| data.side == Side::Client);
            ended.when(
                (is_line_cut || is_data_cut)
                    && is_cut(known)
                    && !is_other
                    && !is_upload
                    && !super::predicates::is_answered_inside(ended, known),
                "closed in the middle of a reply",
            )
        })],
    },
    // RFC 1939 §3: the server answers before it closes.
    Rule {
        id: "closed-before-reply",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command is answered before the connection is closed",
        hint: "the server crashed or was stopped: its log says more",
        check: &[Check::Exchange(|ended, known| {
            let is_silent = ended.exchange.status_line.is_none()
                && is_cut(known)
                && ended.exchange.command.is_some();
            // What was injected behind STLS is not to be answered (RFC 2595 §4).
            let is_other = ended.verb == "QUIT"
                || known.is_behind_refused_option()
                || known.is_behind_errors()
                || known.is_answered_in_message()
                || (known.connection.is_behind_stls && !known.session.tls.is_on())
                || is_unknown(ended)
                || ended.is_garbled()
                || has_surplus(ended)
                || known.now.gap_ms > 60_000;
            let is_long = ended.is_oversize() || known.is_behind_oversize();
            // Behind QUIT, and behind another one that was not answered, nothing is expected.
            let is_first = known
                .last
                .as_ref()
                .is_none_or(|last| last.status.is_some() && last.verb != "QUIT");
            ended.command_when(
                is_silent && !is_other && !is_long && is_first,
                "closed instead of sending a reply",
            )
        })],
    },
    // RFC 1939 §3: a server closes when the client is idle for long, or behind QUIT.
    Rule {
        id: "closed-without-quit",
        level: Should,
        source: "RFC 1939 §3, §6",
        says: "the server closes behind QUIT, or when nothing came for ten minutes",
        hint: "the server was stopped, or loses its patience early: its log says more",
        check: &[Check::Event(|event, known| {
            let last = known
                .last_if(|last| last.verb != "QUIT" && last.status == Some(Status::Positive))?;
            let is_open = known.session.is_transaction()
                && known.commands.waiting.is_empty()
                && last.command.is_some()
                && last.is_complete
                && !known.farewell.has_given_up
                && !known.recording.is_lost;
            (is_end(event) && is_open)
                .then(|| Site::at(event.place, "closed, and nobody had asked for it"))
        })],
    },
    // RFC 1939 §3: a command that the server does not have gets -ERR, and the session goes on.
    // Seen: proxies and old servers that hang up at the first word of an extension.
    Rule {
        id: "closed-after-refusal",
        level: Should,
        source: "RFC 1939 §3",
        says: "the session goes on after an optional command was refused",
        hint: "clients ask what a server can do before they log in: the server should say -ERR and wait for the next command",
        check: &[
            Check::Event(|event, known| {
                let is_refused =
                    known.is_behind_refused_option() && known.commands.waiting.is_empty();
                let what = "closed right after an optional command was refused";
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
            // The next command may have crossed the close.
            Check::Exchange(|ended, known| {
                let is_silent =
                    ended.exchange.status_line.is_none() && ended.exchange.command.is_some();
                ended.command_when(
                    is_silent && is_cut(known) && known.is_behind_refused_option(),
                    "closed after the command before it was refused",
                )
            }),
        ],
    },
    // No RFC says how many errors a server must bear.
    // Seen: solid-pop3d closes at the fifth, nginx at "too many invalid commands".
    Rule {
        id: "closed-after-errors",
        level: Info,
        source: "seen: nginx, solid-pop3d",
        says: "a server may close after several commands that it refused",
        hint: "a defence against scanners: look at the commands before, and connect again for the rest",
        check: &[
            Check::Event(|event, known| {
                let is_refused = known.is_behind_errors() && known.commands.waiting.is_empty();
                let what = format!("closed after {} refused commands", known.refusals.count);
                (is_end(event) && is_refused).then(|| Site::at(event.place, what))
            }),
            // The next command may have crossed the close.
            Check::Exchange(|ended, known| {
                let is_silent =
                    ended.exchange.status_line.is_none() && ended.exchange.command.is_some();
                let what = "closed after several refused commands";
                ended.command_when(is_silent && is_cut(known) && known.is_behind_errors(), what)
            }),
        ],
    },
    // RFC 1939 §4: after a failed login the server may close.
    Rule {
        id: "closed-after-failed-login",
        level: Info,
        source: "RFC 1939 §4",
        says: "a server may close after a login that failed",
        hint: "connect anew for the next try",
        check: &[Check::Event(|event, known| {
            let last = known.last_if(|last| last.is(Command::logs_in))?;
            let is_failed = last.status == Some(Status::Negative)
                && known.commands.waiting.is_empty()
                && !known.is_behind_refused_option();
            (is_end(event) && is_failed)
                .then(|| Site::at(event.place, "closed behind a login that failed"))
        })],
    },
    // A reply that takes long makes clients give up.
    Rule {
        id: "slow-reply",
        level: Info,
        source: "in no RFC",
        says: "a reply comes within ten seconds",
        hint: "the server is overloaded, or opens a large mailbox",
        check: &[Check::Exchange(|ended, _| {
            let took = ended.exchange.reply_ms.filter(|took| *took > 10_000)?;
            let is_other = ended.verb == "QUIT" || ended.is(Command::logs_in);
            (!is_other).then(|| ended.spot(format!("the reply took {} s", took / 1000)))
        })],
    },
    // Most servers slow all failed logins down. One that does so for existing users only gives their names away.
    Rule {
        id: "tarpit",
        level: Info,
        source: "seen: Dovecot, Courier",
        says: "a login that failed may be answered slowly",
        hint: "wait before the next try; if only existing users are refused slowly, the delay gives their names away (check --samples measures it)",
        check: &[Check::Exchange(|ended, _| {
            let is_login = ended.is(Command::logs_in) && ended.is_err();
            let took = ended
                .exchange
                .reply_ms
                .filter(|took| is_login && *took > TARPIT_MS)?;
            Some(ended.spot(format!("the refusal took {took} ms")))
        })],
    },
];
