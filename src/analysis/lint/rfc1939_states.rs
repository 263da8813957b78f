//! RFC 1939, commands and states: what is allowed where, message numbers, APOP.

use super::input::ExchangeSeen;
use super::predicates::starts_with_any;
use super::words::{code, field, number};
use super::{Check, Context, LineRole, Rule};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::command::Command;

/// Whether a refusal is about the session or the command, by its words, and so not about a name.
fn is_about_session(status: &[u8]) -> bool {
    let text = status.to_ascii_lowercase();
    ["already", "logged in", "command"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
}

/// Whether a server that says this does not have the command for a login, or has it switched off.
pub(super) fn is_missing_login(ended: &ExchangeSeen<'_>, known: &Context) -> bool {
    let is_login = matches!(ended.verb, "USER" | "APOP") && !known.has_user();
    let text = ended.status.to_ascii_lowercase();
    // "No such user" is about the name.
    let is_about_command = ["command", "not implemented", "not supported", "unsupported"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some());
    is_login && ended.is_err() && ended.code().is_none() && is_about_command
}

/// Whether no way to log in is left, when this command is refused.
fn is_shut(ended: &ExchangeSeen<'_>, known: &Context) -> bool {
    let lacks = |verb| ended.verb == verb || known.login.missing.contains(&verb);
    let has_sasl = known
        .parameters("SASL")
        .is_some_and(|names| !names.is_empty())
        || !known.login.auth_listed.is_empty();
    // Without TLS a server may well want STLS first.
    let wants_tls = !known.session.tls.is_on() && known.announces("STLS") != Some(false);
    let is_user_listed = known.announces("USER") != Some(false);
    let has_other = has_sasl || wants_tls || is_user_listed;
    lacks("USER") && (lacks("APOP") || known.greeting.timestamp().is_none()) && !has_other
}

/// The message that LIST or UIDL told of, where one was asked for whose number does not fit 32 bits. A server that gives out one text for
/// every number does not cut numbers off, so what RETR brings shows nothing.
fn wrapped(ended: &ExchangeSeen<'_>) -> Option<u64> {
    let is_listing = ended.is(Command::lists_messages) && ended.is_ok();
    let is_huge = |asked: &u64| *asked > u64::from(u32::MAX);
    let asked = ended
        .number()
        .filter(|asked| is_listing && is_huge(asked))?;
    let came = number(field(ended.text()?).0)?;
    (came < asked).then_some(came)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §3: the server MUST answer a command that it does not know with a negative status.
    Rule {
        id: "unknown-command-ok",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command that does not exist gets -ERR",
        hint: "what says yes to nonsense is no mail server: a trap, a captive portal, or a device that echoes",
        check: &[Check::Exchange(|ended, _| {
            let sent = ended.exchange.sent.as_ref()?;
            // Private verbs begin with X.
            let is_nonsense = sent.command().is_none()
                && !sent.verb().is_empty()
                && !sent.verb().starts_with('X');
            ended.when(
                is_nonsense && ended.is_ok(),
                "+OK to a command that does not exist",
            )
        })],
    },
    // RFC 1939 §3: the server MUST answer a command that does not belong into the state with a negative status.
    Rule {
        id: "wrong-state-accepted",
        level: Must,
        source: "RFC 1939 §3, RFC 6856 §2",
        says: "a command gets -ERR in the wrong state",
        hint: "the server must look at the state of the session before it does what is asked",
        check: &[Check::Exchange(|ended, known| {
            let row = ended.exchange.sent.as_ref()?.command()?;
            let is_allowed = match known.session.state? {
                crate::pop3::tracker::State::Authorization => row.states.authorization,
                crate::pop3::tracker::State::Transaction => row.states.transaction,
                _ => true,
            };
            // These have rules of their own.
            let is_own = row.fetches_message()
                || matches!(row.verb, "STLS" | "NOOP")
                || row.verb == "AUTH" && ended.mechanism().is_some();
            // RFC 6856 §2: UTF8 is permitted in the AUTHORIZATION state only.
            let what = match row.verb {
                "UTF8" => "+OK to UTF8 after the login",
                _ => "+OK in the wrong state",
            };
            ended.when(ended.is_ok() && !is_allowed && !is_own, what)
        })],
    },
    // RFC 1939 §3, §5: NOOP belongs to the TRANSACTION state.
    Rule {
        id: "noop-before-login",
        level: Info,
        source: "RFC 1939 §5",
        says: "NOOP is a command of the TRANSACTION state",
        hint: "harmless; other servers say -ERR to NOOP before the login",
        check: &[Check::Exchange(|ended, known| {
            let is_early =
                ended.verb == "NOOP" && ended.is_ok() && known.session.is_authorization();
            ended.when(is_early, "NOOP works before the login")
        })],
    },
    // RFC 1939 §4, §5: messages are to be had only after the login.
    Rule {
        id: "mail-before-login",
        level: Security,
        source: "RFC 1939 §5",
        says: "nobody gets a message before the login",
        hint: "the server gives mail to strangers: take it off the network",
        check: &[Check::Exchange(|ended, known| {
            let is_mail = ended.is(Command::fetches_message);
            ended.when(
                is_mail && ended.is_ok() && known.session.is_authorization(),
                "a message before the login",
            )
        })],
    },
    // RFC 1939 §3: keywords are case-insensitive.
    Rule {
        id: "case-sensitive-commands",
        level: Must,
        source: "RFC 1939 §3",
        says: "commands may be in lower case",
        hint: "the server must compare keywords without regard to case",
        check: &[Check::Exchange(|ended, known| {
            let is_upper = !ended.command.iter().any(u8::is_ascii_lowercase);
            let was_refused = known.refusals.in_lower.contains(&ended.verb);
            let is_broken = ended.is_ok() && is_upper && was_refused && !ended.has_arguments();
            ended.when(
                is_broken && !ended.verb.is_empty(),
                "the same command in lower case was refused",
            )
        })],
    },
    // RFC 1939 §5: STAT, LIST, NOOP and RSET are in every server.
    Rule {
        id: "required-command-refused",
        level: Must,
        source: "RFC 1939 §5",
        says: "STAT, LIST, NOOP and RSET work in the TRANSACTION state",
        hint: "every server has these commands: the server's log says why they fail",
        check: &[Check::Exchange(|ended, known| {
            let is_required = ended.is(Command::works_in_any_maildrop) && !ended.has_arguments();
            let is_trouble = ended.code().is_some_and(|code| code.starts_with("SYS"));
            let is_lower = ended.command.iter().any(u8::is_ascii_lowercase);
            let is_broken = is_required
                && ended.is_err()
                && known.session.is_transaction()
                && !is_trouble
                && !is_lower;
            ended.when(is_broken, "a command that every server has is refused")
        })],
    },
    // RFC 1939 §7: the timestamp has the form of a message-id.
    Rule {
        id: "apop-timestamp-malformed",
        level: Should,
        source: "RFC 1939 §7, CVE-2007-1558",
        says: "the timestamp of the greeting has the form of a message-id",
        hint: "do not use APOP here: with an odd timestamp an attacker can find out the password",
        check: &[Check::Line(|heard, _| {
            let text = heard.plain().filter(|_| heard.role == LineRole::Greeting)?;
            let has_brackets = text.contains(&b'<') && text.contains(&b'>');
            let is_html = starts_with_any(text, &["<"]);
            let is_odd = has_brackets && !is_html && crate::pop3::sasl::timestamp(text).is_none();
            heard.when(is_odd, "what stands in angle brackets is no message-id")
        })],
    },
    // RFC 1939 §7: a server that shows a timestamp has APOP.
    Rule {
        id: "apop-offered-fails",
        level: Info,
        source: "RFC 1939 §7",
        says: "a timestamp in the greeting means that APOP works",
        hint: "the server stores passwords as hashes only: it should not show a timestamp",
        check: &[Check::Exchange(|ended, known| {
            let is_login =
                ended.is(Command::logs_in) && ended.is_ok() && !known.session.is_transaction();
            ended.when(
                is_login && ended.verb != "APOP" && known.refusals.verbs.contains("APOP"),
                "APOP was refused, and this login works",
            )
        })],
    },
    // RFC 1939 §4: a POP3 server must of course support at least one authentication mechanism.
    // Seen: INetSim on its TLS port, where USER is an unknown command.
    Rule {
        id: "no-login-offered",
        level: Should,
        source: "RFC 1939 §4",
        says: "there is a way to log in",
        hint: "no login is possible on this port: enable USER, APOP or a SASL mechanism, or close the port",
        check: &[Check::Exchange(|ended, known| {
            let is_refused = is_missing_login(ended, known) && known.session.is_authorization();
            let is_whole = known.session.is_greeted && !known.recording.is_piece();
            ended.when(
                is_refused && is_whole && is_shut(ended, known),
                "USER is refused, and neither APOP nor SASL is offered",
            )
        })],
    },
    // RFC 1939 §3: commands end with CRLF. A server that takes LF too is kind to people who type into netcat.
    Rule {
        id: "lf-command-taken",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command ends with CRLF",
        hint: "harmless: the server is lenient; other servers wait for the CR",
        check: &[Check::Exchange(|ended, _| {
            let is_answered = ended.is_bare_lf() && ended.exchange.status.is_some();
            ended.command_when(is_answered, "a command that ends with LF alone is answered")
        })],
    },
    // Seen: solid-pop3d, Twisted, pydummy.
    Rule {
        id: "lf-command-unanswered",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command that ends with LF alone is not complete",
        hint: "the client's fault: it must send CRLF; tools such as netcat send LF alone unless told otherwise",
        check: &[Check::Exchange(|ended, known| {
            let is_silent = ended.is_bare_lf() && ended.exchange.status_line.is_none();
            let is_over = known.now.event.is_some() && !known.now.is_closed_by_client();
            ended.command_when(
                is_silent && is_over,
                "a command that ends with LF alone is not answered",
            )
        })],
    },
    // RFC 1939 §3: keywords and arguments are printable ASCII. In C, an octet 0 ends a text.
    // Seen: Courier reads no further than the octet 0, and takes the next line for the rest.
    Rule {
        id: "nul-command-unanswered",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command with an octet 0 may be lost",
        hint: "the client's fault; a server should still answer -ERR, so that later replies match their commands",
        check: &[Check::Exchange(|ended, known| {
            let is_silent = ended.command.contains(&0) && ended.exchange.status_line.is_none();
            let is_over = known.now.event.is_some() && !known.now.is_closed_by_client();
            ended.command_when(
                is_silent && is_over && !ended.is_bare_lf(),
                "a command with an octet 0 is not answered",
            )
        })],
    },
    // RFC 1939 §13: a reply to USER that depends on the name tells who has an account.
    Rule {
        id: "user-enumeration-text",
        level: Security,
        source: "RFC 1939 §13",
        says: "the reply to USER does not tell whether the name exists",
        hint: "the server should say +OK to every name, and refuse at PASS",
        check: &[Check::Exchange(|ended, known| {
            // Without TLS, USER may be refused as a whole.
            let is_offered = known.announces("USER").unwrap_or(known.session.tls.is_on());
            let is_bare = ended.verb == "USER" && ended.is_err() && code(ended.status).is_none();
            // Behind another USER the server may wait for PASS alone (RFC 1939 §7).
            let is_early = known.session.is_authorization()
                && !known.has_user()
                && !is_about_session(ended.status);
            // A name that was good before is refused for another reason.
            let is_new = ended
                .name()
                .is_some_and(|name| !known.login.names.contains(&name));
            ended.when(is_bare && is_offered && is_early && is_new, "-ERR to USER")
        })],
    },
    // RFC 1939 §4: messages are numbered from 1.
    Rule {
        id: "number-zero-accepted",
        level: Must,
        source: "RFC 1939 §4",
        says: "the first message is number 1",
        hint: "off by one: a DELE 0 may delete message 1",
        check: &[Check::Exchange(|ended, _| {
            ended.when(
                ended.number() == Some(0) && ended.is_ok(),
                "message 0 is accepted",
            )
        })],
    },
    // RFC 1939 §5: a message number refers to a message of the maildrop.
    Rule {
        id: "number-wraps",
        level: Must,
        source: "RFC 1939 §5",
        says: "a number beyond 32 bits is no message",
        hint: "the server cuts numbers off: a DELE may hit another message",
        check: &[Check::Exchange(|ended, _| {
            let message = wrapped(ended)?;
            Some(ended.spot(format!(
                "a number beyond 32 bits is taken for message {message}"
            )))
        })],
    },
    // RFC 1939 §5: a message number may not be greater than the number of messages.
    Rule {
        id: "number-out-of-range-accepted",
        level: Must,
        source: "RFC 1939 §5",
        says: "a number greater than the count of messages gets -ERR",
        hint: "the server must compare the number with its count of messages",
        check: &[Check::Exchange(|ended, known| {
            let message = ended.number()?;
            // No maildrop has that many.
            let is_huge = message > u64::from(u32::MAX);
            // Of a number that wraps RETR sends a message that there is: `number-wraps` is the rule for that.
            if is_huge && !ended.is(Command::lists_messages) {
                return None;
            }
            let is_beyond = known.counts.messages.is_some_and(|count| message > count)
                && !known.maildrop.is_partial;
            ended.when(
                (is_beyond || is_huge) && ended.is_ok() && wrapped(ended).is_none(),
                "there is no message of this number",
            )
        })],
    },
    // RFC 1939 §3: numbers are written with digits only, and LIST takes one of them.
    Rule {
        id: "number-garbage-accepted",
        level: Info,
        source: "RFC 1939 §3",
        says: "a message number is made of digits",
        hint: "harmless; it hides mistakes of clients",
        check: &[Check::Exchange(|ended, _| {
            let is_message = ended.is(|row| row.names_message() && row.args.len() == 1);
            let mut words = ended.arguments();
            let is_garbage =
                words.next().is_some_and(|word| number(word).is_none()) || words.next().is_some();
            ended.when(
                is_message && is_garbage && ended.is_ok(),
                "an odd number is accepted",
            )
        })],
    },
];
