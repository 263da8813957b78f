//! RFC 1939, commands and states: what is allowed where, message numbers, APOP.

use super::input::ExchangeSeen;
use super::predicates::starts_with_any;
use super::words::{code, field, number};
use super::{Check, Context, LineRole, Rule};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::command::Command;

/// Whether the words of a refusal are about the session or the command, and so not about a name.
fn is_about_session(status: &[u8]) -> bool {
    let text = status.to_ascii_lowercase();
    ["already", "logged in", "command"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
}

/// Whether a server that says this does not support the login command, or has disabled it.
pub(super) fn is_missing_login(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let is_login = matches!(ended.verb, "USER" | "APOP") && !context.has_user();
    let text = ended.status.to_ascii_lowercase();
    // "No such user" is about the name.
    let is_about_command = ["command", "not implemented", "not supported", "unsupported"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some());
    is_login && ended.is_err() && ended.code().is_none() && is_about_command
}

/// Whether no way to log in is left after this command is refused.
fn is_shut(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let lacks = |verb| ended.verb == verb || context.login.missing.contains(&verb);
    let has_sasl = context
        .parameters("SASL")
        .is_some_and(|names| !names.is_empty())
        || !context.login.auth_listed.is_empty();
    // Without TLS, a server may want STLS first.
    let wants_tls = !context.session.tls.is_on() && context.announces("STLS") != Some(false);
    let is_user_listed = context.announces("USER") != Some(false);
    let has_other = has_sasl || wants_tls || is_user_listed;
    lacks("USER") && (lacks("APOP") || context.greeting.timestamp().is_none()) && !has_other
}

/// The message that LIST or UIDL answered for when asked about a number beyond 32 bits. A server
/// that sends one text for every number does not truncate numbers, so RETR proves nothing.
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
        says: "an unknown command must get -ERR",
        hint: "this may not be a mail server: honeypots, captive portals and echo services accept any command",
        check: &[Check::Exchange(|ended, _| {
            let sent = ended.exchange.sent.as_ref()?;
            // Private verbs begin with X.
            let is_nonsense = sent.command().is_none()
                && !sent.verb().is_empty()
                && !sent.verb().starts_with('X');
            ended.when(
                is_nonsense && ended.is_ok(),
                "the server answered +OK to a command that does not exist",
            )
        })],
    },
    // RFC 1939 §3: the server MUST answer a command in the wrong state with a negative status.
    Rule {
        id: "wrong-state-accepted",
        level: Must,
        source: "RFC 1939 §3, RFC 6856 §2",
        says: "a command in the wrong state must get -ERR",
        hint: "the server must check the state of the session before it carries out a command",
        check: &[Check::Exchange(|ended, context| {
            let row = ended.exchange.sent.as_ref()?.command()?;
            let is_allowed = match context.session.state? {
                crate::pop3::tracker::State::Authorization => row.states.authorization,
                crate::pop3::tracker::State::Transaction => row.states.transaction,
                _ => true,
            };
            // These have their own rules.
            let is_own = row.fetches_message()
                || matches!(row.verb, "STLS" | "NOOP")
                || row.verb == "AUTH" && ended.mechanism().is_some();
            // RFC 6856 §2: UTF8 is permitted in the AUTHORIZATION state only.
            let what = match row.verb {
                "UTF8" => "the server answered +OK to UTF8 after login",
                _ => "the server answered +OK to a command in the wrong state",
            };
            ended.when(ended.is_ok() && !is_allowed && !is_own, what)
        })],
    },
    // RFC 1939 §3, §5: NOOP belongs to the TRANSACTION state.
    Rule {
        id: "noop-before-login",
        level: Info,
        source: "RFC 1939 §5",
        says: "NOOP is allowed only in the TRANSACTION state",
        hint: "harmless, but other servers answer NOOP before login with -ERR",
        check: &[Check::Exchange(|ended, context| {
            let is_early =
                ended.verb == "NOOP" && ended.is_ok() && context.session.is_authorization();
            ended.when(is_early, "the server accepted NOOP before login")
        })],
    },
    // RFC 1939 §4, §5: messages are available only after login.
    Rule {
        id: "mail-before-login",
        level: Security,
        source: "RFC 1939 §5",
        says: "the server must not send messages before login",
        hint: "the server gives mail to strangers: take it off the network",
        check: &[Check::Exchange(|ended, context| {
            let is_mail = ended.is(Command::fetches_message);
            ended.when(
                is_mail && ended.is_ok() && context.session.is_authorization(),
                "the server sent a message before login",
            )
        })],
    },
    // RFC 1939 §3: keywords are case-insensitive.
    Rule {
        id: "case-sensitive-commands",
        level: Must,
        source: "RFC 1939 §3",
        says: "the server must accept commands in lower case",
        hint: "the server must ignore case in keywords",
        check: &[Check::Exchange(|ended, context| {
            let is_upper = !ended.command.iter().any(u8::is_ascii_lowercase);
            let was_refused = context.refusals.in_lower.contains(&ended.verb);
            let is_broken = ended.is_ok() && is_upper && was_refused && !ended.has_arguments();
            ended.when(
                is_broken && !ended.verb.is_empty(),
                "the server accepted this command, but refused it in lower case",
            )
        })],
    },
    // RFC 1939 §5: every server supports STAT, LIST, NOOP and RSET.
    Rule {
        id: "required-command-refused",
        level: Must,
        source: "RFC 1939 §5",
        says: "STAT, LIST, NOOP and RSET must work in the TRANSACTION state",
        hint: "every server must support these commands: check the server's log",
        check: &[Check::Exchange(|ended, context| {
            let is_required = ended.is(Command::works_in_any_maildrop) && !ended.has_arguments();
            let is_trouble = ended.code().is_some_and(|code| code.starts_with("SYS"));
            let is_lower = ended.command.iter().any(u8::is_ascii_lowercase);
            let is_broken = is_required
                && ended.is_err()
                && context.session.is_transaction()
                && !is_trouble
                && !is_lower;
            ended.when(
                is_broken,
                "the server refused a command that every server must support",
            )
        })],
    },
    // RFC 1939 §7: the timestamp has the form of a message-id.
    Rule {
        id: "apop-timestamp-malformed",
        level: Should,
        source: "RFC 1939 §7, CVE-2007-1558",
        says: "the timestamp in the greeting should have the form of a message-id",
        hint: "do not use APOP here: a malformed timestamp lets an attacker recover parts of the password",
        check: &[Check::Line(|seen, _| {
            let text = seen.plain().filter(|_| seen.role == LineRole::Greeting)?;
            let has_brackets = text.contains(&b'<') && text.contains(&b'>');
            let is_html = starts_with_any(text, &["<"]);
            let is_odd = has_brackets && !is_html && crate::pop3::sasl::timestamp(text).is_none();
            seen.when(is_odd, "the text in angle brackets is not a message-id")
        })],
    },
    // RFC 1939 §7: a server that sends a timestamp supports APOP.
    Rule {
        id: "apop-offered-fails",
        level: Info,
        source: "RFC 1939 §7",
        says: "a server with a timestamp in its greeting should support APOP",
        hint: "a server that stores only password hashes cannot support APOP: it should not send a timestamp",
        check: &[Check::Exchange(|ended, context| {
            let is_login =
                ended.is(Command::logs_in) && ended.is_ok() && !context.session.is_transaction();
            ended.when(
                is_login && ended.verb != "APOP" && context.refusals.verbs.contains("APOP"),
                "the server refused APOP, but accepted a different login",
            )
        })],
    },
    // RFC 1939 §4: a POP3 server must support at least one authentication mechanism.
    // Seen: INetSim on its TLS port, where USER is an unknown command.
    Rule {
        id: "no-login-offered",
        level: Should,
        source: "RFC 1939 §4",
        says: "the server should support at least one login method",
        hint: "no login is possible on this port: enable USER, APOP or a SASL mechanism, or close the port",
        check: &[Check::Exchange(|ended, context| {
            let is_refused = is_missing_login(ended, context) && context.session.is_authorization();
            let is_whole = context.session.is_greeted && !context.recording.is_piece();
            ended.when(
                is_refused && is_whole && is_shut(ended, context),
                "the server refused USER and offers neither APOP nor SASL",
            )
        })],
    },
    // RFC 1939 §3: commands end with CRLF. A server that also accepts LF is kind to people who type
    // into netcat.
    Rule {
        id: "lf-command-taken",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command should end with CRLF",
        hint: "harmless on this server, but others wait for the CR: send CRLF",
        check: &[Check::Exchange(|ended, _| {
            let is_answered = ended.is_bare_lf() && ended.exchange.status.is_some();
            ended.command_when(
                is_answered,
                "the server answered a command that ends with LF alone",
            )
        })],
    },
    // Seen: solid-pop3d, Twisted, pydummy.
    Rule {
        id: "lf-command-unanswered",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command that ends with LF alone is incomplete",
        hint: "the client must send CRLF: tools such as netcat send LF alone by default",
        check: &[Check::Exchange(|ended, context| {
            let is_silent = ended.is_bare_lf() && ended.exchange.status_line.is_none();
            let is_over = context.now.event.is_some() && !context.now.is_closed_by_client();
            ended.command_when(
                is_silent && is_over,
                "the server did not answer a command that ends with LF alone",
            )
        })],
    },
    // RFC 1939 §3: keywords and arguments are printable ASCII. In C, an octet 0 ends a string.
    // Seen: Courier reads no further than the octet 0, and takes the next line for the rest.
    Rule {
        id: "nul-command-unanswered",
        level: Info,
        source: "RFC 1939 §3",
        says: "a command with a NUL octet may be lost",
        hint: "the client is at fault, but the server should answer -ERR so that later replies match their commands",
        check: &[Check::Exchange(|ended, context| {
            let is_silent = ended.command.contains(&0) && ended.exchange.status_line.is_none();
            let is_over = context.now.event.is_some() && !context.now.is_closed_by_client();
            ended.command_when(
                is_silent && is_over && !ended.is_bare_lf(),
                "the server did not answer a command with a NUL octet",
            )
        })],
    },
    // RFC 1939 §13: a reply to USER that depends on the name reveals who has an account.
    Rule {
        id: "user-enumeration-text",
        level: Security,
        source: "RFC 1939 §13",
        says: "the reply to USER should not reveal whether the name exists",
        hint: "the server should answer every USER with +OK, and refuse the login at PASS",
        check: &[Check::Exchange(|ended, context| {
            // Without TLS, USER may be refused as a whole.
            let is_offered = context
                .announces("USER")
                .unwrap_or(context.session.tls.is_on());
            let is_bare = ended.verb == "USER" && ended.is_err() && code(ended.status).is_none();
            // After a USER, the server may accept only PASS (RFC 1939 §7).
            let is_early = context.session.is_authorization()
                && !context.has_user()
                && !is_about_session(ended.status);
            // A name that was accepted before is refused for a different reason.
            let is_new = ended
                .name()
                .is_some_and(|name| !context.login.names.contains(&name));
            ended.when(
                is_bare && is_offered && is_early && is_new,
                "the server answered USER with -ERR",
            )
        })],
    },
    // RFC 1939 §4: messages are numbered from 1.
    Rule {
        id: "number-zero-accepted",
        level: Must,
        source: "RFC 1939 §4",
        says: "the first message must be number 1",
        hint: "the server may be off by one: DELE 0 may delete message 1",
        check: &[Check::Exchange(|ended, _| {
            ended.when(
                ended.number() == Some(0) && ended.is_ok(),
                "the server accepted message number 0",
            )
        })],
    },
    // RFC 1939 §5: a message number refers to a message of the maildrop.
    Rule {
        id: "number-wraps",
        level: Must,
        source: "RFC 1939 §5",
        says: "a number of more than 32 bits must not refer to a message",
        hint: "the server truncates message numbers: DELE may delete a different message",
        check: &[Check::Exchange(|ended, _| {
            let message = wrapped(ended)?;
            Some(ended.spot(format!(
                "the server read a number of more than 32 bits as message {message}"
            )))
        })],
    },
    // RFC 1939 §5: a message number may not be greater than the number of messages.
    Rule {
        id: "number-out-of-range-accepted",
        level: Must,
        source: "RFC 1939 §5",
        says: "a number greater than the number of messages must get -ERR",
        hint: "the server must check the number against its count of messages",
        check: &[Check::Exchange(|ended, context| {
            let message = ended.number()?;
            // No maildrop has that many.
            let is_huge = message > u64::from(u32::MAX);
            // For a number that wraps, RETR sends an existing message: `number-wraps` reports that.
            if is_huge && !ended.is(Command::lists_messages) {
                return None;
            }
            let is_beyond = context.counts.messages.is_some_and(|count| message > count)
                && !context.maildrop.is_partial;
            ended.when(
                (is_beyond || is_huge) && ended.is_ok() && wrapped(ended).is_none(),
                "the server accepted the number of a message that does not exist",
            )
        })],
    },
    // RFC 1939 §3: numbers consist of digits only, and LIST takes one number.
    Rule {
        id: "number-garbage-accepted",
        level: Info,
        source: "RFC 1939 §3",
        says: "a message number should consist only of digits",
        hint: "harmless, but a server that accepts such numbers hides bugs in clients",
        check: &[Check::Exchange(|ended, _| {
            let is_message = ended.is(|row| row.names_message() && row.args.len() == 1);
            let mut words = ended.arguments();
            let is_garbage =
                words.next().is_some_and(|word| number(word).is_none()) || words.next().is_some();
            ended.when(
                is_message && is_garbage && ended.is_ok(),
                "the server accepted a malformed message number",
            )
        })],
    },
];
