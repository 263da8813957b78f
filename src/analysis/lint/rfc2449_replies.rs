//! RFC 2449: status lines, response codes, long commands, pipelining.

use super::input::ExchangeSeen;
use super::predicates::{StartFault, fault};
use super::words::code;
use super::{Check, Context, LineRole, Rule};
use crate::analysis::explain::codes;
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::command::Command;
use crate::reading::dialogue::EventKind;

/// Whether the command was sent before the exchange before it had ended.
pub(super) fn is_ahead(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let row = ended.exchange.command.as_ref().map(|line| line.place.row);
    let last = context.last_if(|last| !last.is_greeting);
    row.zip(last).is_some_and(|(row, last)| row < last.row)
}

/// Whether the command was sent ahead and never answered.
pub(super) fn is_dropped(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let is_open = ended.exchange.status.is_none() && context.now.event == Some(EventKind::TimedOut);
    let was_answered = context.last_if(|last| last.status.is_some()).is_some();
    is_open && was_answered && is_ahead(ended, context)
}

/// The same with PIPELINING announced: only then does the server owe the reply.
fn is_lost(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    is_dropped(ended, context) && context.announces("PIPELINING") == Some(true)
}

/// The longest plausible user name, in octets.
const NAME_MAX: usize = 64;

fn speaks_of_length(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|octet| !octet.is_ascii_alphanumeric());
    let signs = [
        "long", "longer", "length", "size", "exceeds", "overflow", "limit",
    ];
    words.any(|word| signs.iter().any(|sign| sign.as_bytes() == word))
}

fn speaks_of_name(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|octet| !octet.is_ascii_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            b"user" | b"username" | b"name" | b"mailbox" | b"account"
        )
    })
}

fn is_after_login(context: &Context) -> bool {
    context.last_if(|last| last.is(Command::logs_in)).is_some()
}

pub(super) const RULES: &[Rule] = &[
    // RFC 2449 §3: a space follows the status indicator only if text follows it.
    Rule {
        id: "status-trailing-space",
        level: Info,
        source: "RFC 2449 §3",
        says: "a status line should not end with a space",
        hint: "harmless, but the server should send a space only before text",
        check: &[Check::Line(|seen, _| {
            let is_first = matches!(seen.role, LineRole::Greeting | LineRole::Status);
            let is_blank = is_first
                && seen
                    .plain()
                    .is_some_and(|text| text.ends_with(b" ") || text.ends_with(b"\t"));
            seen.when(is_blank, "the line ends with a space")
        })],
    },
    // RFC 2449 §6.4: a server that sends response codes announces RESP-CODES.
    Rule {
        id: "resp-code-without-capa",
        level: Info,
        source: "RFC 2449 §6.4",
        says: "a server that sends response codes should list RESP-CODES",
        hint: "clients may read the code as text: list RESP-CODES",
        check: &[Check::Exchange(|ended, context| {
            let is_code = codes::find(&ended.code()?).is_some();
            ended.when(
                is_code && context.announces("RESP-CODES") == Some(false),
                "the server sent a response code, but CAPA does not list RESP-CODES",
            )
        })],
    },
    // RFC 2449 §8: text that begins with a bracket is a response code.
    Rule {
        id: "resp-code-lookalike",
        level: Info,
        source: "RFC 2449 §8",
        says: "in a reply, text that begins with a bracket should be a response code",
        hint: "harmless, but programs must not read this text as a response code",
        check: &[Check::Line(|seen, _| {
            let is_first = matches!(seen.role, LineRole::Status | LineRole::Greeting);
            let code = code(seen.text).filter(|_| is_first)?;
            seen.when(
                codes::find(&code).is_none(),
                "the text in brackets is not a known response code",
            )
        })],
    },
    // RFC 2449 §8, RFC 3206: each code belongs to some commands, and to -ERR.
    Rule {
        id: "resp-code-misplaced",
        level: Should,
        source: "RFC 2449 §8.1, RFC 3206 §4, §5, RFC 6856 §5",
        says: "a response code should appear only with the status and commands that it is defined for",
        hint: "clients may draw the wrong conclusion: the server must send a different code, or none",
        check: &[Check::Exchange(|ended, _| {
            let (row, _) = codes::find(&ended.code()?)?;
            let is_foreign = !row.source.starts_with("RFC");
            let is_sign = ended.exchange.status == Some(row.sign);
            // In reply to USER it is worse, and has its own rule.
            let is_on = row.on.is_empty()
                || row.on.contains(&ended.verb)
                || ended.verb == "USER"
                || ended.exchange.is_greeting;
            ended.when(
                !(is_foreign || is_sign && is_on),
                "the response code does not belong in this reply",
            )
        })],
    },
    // RFC 2449 §8.1.1, RFC 3206 §5: in reply to USER, these codes reveal whether the name exists.
    Rule {
        id: "resp-code-on-user",
        level: Security,
        source: "RFC 2449 §8.1.1, RFC 3206 §5",
        says: "the reply to USER should not have the response code AUTH or LOGIN-DELAY",
        hint: "the code reveals which accounts exist: the server should wait for PASS",
        check: &[Check::Exchange(|ended, context| {
            let is_told = ended
                .code()
                .is_some_and(|code| matches!(code.as_str(), "AUTH" | "LOGIN-DELAY" | "IN-USE"));
            // Without TLS, USER may be refused as a whole.
            let is_offered = context.session.tls.is_on() || context.announces("USER") == Some(true);
            // Seen: Cyrus refuses a second USER because of the order, with the same code for every
            // name.
            let is_first = context.login.users == 0;
            // No user has a name of such a length, so its refusal reveals nothing about an account.
            let is_plausible = ended
                .arguments()
                .next()
                .is_some_and(|name| name.len() <= NAME_MAX);
            let is_judged = ended.verb == "USER" && is_first && is_plausible && is_offered;
            ended.when(
                is_judged && ended.is_err() && is_told,
                "the reply to USER has a response code about the account",
            )
        })],
    },
    // RFC 2449 §8.1.1: too early for a login.
    Rule {
        id: "login-delay",
        level: Info,
        source: "RFC 2449 §6.5, §8.1.1",
        says: "the server requires a pause between logins",
        hint: "check mail less often: LOGIN-DELAY in CAPA gives the pause in seconds",
        check: &[Check::Exchange(|ended, _| {
            let is_early = ended.code().is_some_and(|code| code == "LOGIN-DELAY")
                && ended.is(Command::logs_in);
            ended.when(
                ended.is_err() && is_early,
                "the server refused the login because it came too soon after the previous one",
            )
        })],
    },
    // RFC 2449 §8.1.2: the maildrop is locked by another session.
    Rule {
        id: "in-use-lingers",
        level: Info,
        source: "RFC 1939 §4, RFC 2449 §8.1.2",
        says: "a lock ends with the session that held it",
        hint: "the password is not the problem: close the other session, or wait until it times out",
        check: &[Check::Exchange(|ended, _| {
            let is_locked =
                ended.code().is_some_and(|code| code == "IN-USE") && ended.is(Command::logs_in);
            ended.when(
                ended.is_err() && is_locked,
                "the server refused the login because the maildrop is locked",
            )
        })],
    },
    // RFC 2449 §4: a server with CAPA takes commands of up to 255 octets.
    Rule {
        id: "command-255-rejected",
        level: Must,
        source: "RFC 2449 §4",
        says: "a server with CAPA must accept commands of up to 255 octets",
        hint: "the server's command buffer may be too small",
        check: &[Check::Exchange(|ended, context| {
            let octets = ended.exchange.command.as_ref()?.octets;
            let has_capa = context.session.last_announced().is_some();
            let is_long = (100..=255).contains(&octets) && ended.verb == "USER" && has_capa;
            // There is no such mailbox either: some servers refuse every unknown name.
            // Seen: Cyrus 3.6 accepts any name except one of such a length: `-ERR [AUTH] Invalid
            // user`.
            let is_name = ended.code().is_some() || ended.text().is_some_and(speaks_of_name);
            let is_length = context.login.takes_nobody && !is_name;
            let is_length = is_length || ended.text().is_some_and(speaks_of_length);
            let is_refused = ended.is_err() && is_length;
            let is_cut = ended.exchange.status_line.is_none() && super::predicates::is_cut(context);
            let what = match is_refused {
                true => "refused",
                false => "closed the connection at",
            };
            (is_long && (is_refused || (is_cut && context.login.takes_nobody)))
                .then(|| ended.spot(format!("the server {what} a command of {octets} octets")))
        })],
    },
    // RFC 2449 §6.6: the server processes the commands in order.
    Rule {
        id: "pipelining-drops",
        level: Must,
        source: "RFC 2449 §6.6",
        says: "a server with PIPELINING must answer every command",
        hint: "the server loses pipelined commands: clients must wait for each reply",
        check: &[Check::Exchange(|ended, context| {
            ended.command_when(
                is_lost(ended, context) && !is_after_login(context),
                "the server did not answer a pipelined command",
            )
        })],
    },
    // RFC 2449 §6.6: that also holds after PASS.
    Rule {
        id: "pipelining-drops-at-login",
        level: Must,
        source: "RFC 2449 §6.6",
        says: "a server with PIPELINING must also answer commands pipelined after PASS",
        hint: "the server's login program may discard its input: clients must wait for the reply to PASS",
        check: &[Check::Exchange(|ended, context| {
            ended.command_when(
                is_lost(ended, context) && is_after_login(context),
                "the server did not answer a command pipelined after PASS",
            )
        })],
    },
    // RFC 2449 §6.6: replies come in the order of the commands.
    Rule {
        id: "pipelining-out-of-order",
        level: Must,
        source: "RFC 2449 §6.6",
        says: "replies must come in the order of the commands",
        hint: "the server may process several commands at once: clients must wait for each reply",
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::OutOfOrder),
                "the reply does not match the command",
            )
        })],
    },
];
