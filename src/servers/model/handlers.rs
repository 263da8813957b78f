//! The commands that the server handles, one row each. States and arguments come from the command
//! table.

use super::login::{LOGIN_DELAY, log_in_as, total};
use std::sync::Arc;

use crate::pop3::command::Command;
use crate::pop3::sasl;
use crate::servers::maildrop::{Message, StoreFailure};

use super::locked_maildrop::{Missing, Opened, decimal};
use super::reply::{ListingKind, Reply, ReplyData};
use super::reply_texts::{self, Language, Text};
use super::{Ending, Model, ServerPhase, TlsOffer, auth};

/// Answers a command. State, number of arguments and line end are already checked.
pub(super) type Handler = fn(&mut Model, &[&[u8]]) -> Reply;

pub(super) const ROWS: &[(&str, Handler)] = &[
    ("USER", user),
    ("PASS", pass),
    ("APOP", apop),
    ("AUTH", auth::auth),
    ("STLS", stls),
    ("UTF8", utf8),
    ("LANG", lang),
    ("CAPA", capa),
    ("STAT", stat),
    ("LIST", list),
    ("UIDL", uidl),
    ("RETR", retr),
    ("TOP", top),
    ("DELE", dele),
    ("NOOP", noop),
    ("RSET", rset),
    ("QUIT", quit),
];

/// The handler of a verb, and its row in the command table. RFC 1939 §3: case does not matter.
pub(super) fn handler(verb: &[u8]) -> Option<(Handler, &'static Command)> {
    let mut rows = ROWS.iter();
    let (name, serve) = rows.find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(verb))?;
    Some((*serve, Command::named(name)?))
}

/// The refusal of a verb that has no handler.
const DECLINED: &[(&str, &Text)] = &[
    ("", &reply_texts::EMPTY),
    ("HELP", &reply_texts::HELP_IS_FOREIGN),
    ("?", &reply_texts::HELP_IS_FOREIGN),
    ("STARTTLS", &reply_texts::STARTTLS_IS_FOREIGN),
];

/// The refusal of a line without a handler; `rest` is the text after the space that ends the verb.
pub(super) fn declined(verb: &[u8], rest: Option<&[u8]>) -> &'static Text {
    if verb.is_empty() && rest.is_some() {
        return &reply_texts::SPACE_FIRST;
    }
    DECLINED
        .iter()
        .find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(verb))
        .map_or(&reply_texts::UNKNOWN, |(_, text)| text)
}

/// RFC 2449 §6, RFC 3206 §6, RFC 6856 §2: the capabilities that are always announced, in this
/// order. STLS is announced only while it is allowed.
///
/// `UTF8` has no argument `USER`: names and passwords are compared octet by octet, not prepared
/// (RFC 6856 §2.3).
const CAPABILITIES: [&str; 10] = [
    "TOP",
    "UIDL",
    "USER",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "UTF8",
    "LANG",
    "EXPIRE NEVER",
    "IMPLEMENTATION poptalk",
];

fn first<'a>(args: &[&'a [u8]]) -> &'a [u8] {
    args.first().copied().unwrap_or_default()
}

/// RFC 1939 §13: the reply is the same whether or not the name exists.
fn user(model: &mut Model, args: &[&[u8]]) -> Reply {
    if std::str::from_utf8(first(args)).is_err() {
        return model.err(&reply_texts::NOT_UTF8, &[]);
    }
    model.user = Some(first(args).to_vec());
    model.ok(&reply_texts::SEND_PASS, &[])
}

fn pass(model: &mut Model, args: &[&[u8]]) -> Reply {
    let Some(user) = model.user.take() else {
        return model.err(&reply_texts::SEND_USER_FIRST, &[]);
    };
    let account = &model.account;
    let is_known = account.knows(&user) && first(args) == account.password.as_bytes();
    log_in_as(model, is_known.then_some(user.as_slice()))
}

/// RFC 1939 §7: the digest is that of the timestamp, including the angle brackets, followed by the
/// password.
fn apop(model: &mut Model, args: &[&[u8]]) -> Reply {
    let digest = sasl::apop(
        model.timestamp.as_bytes(),
        model.account.password.as_bytes(),
    );
    let is_known = model.account.knows(first(args)) && args.get(1) == Some(&digest.as_bytes());
    log_in_as(model, is_known.then_some(first(args)))
}

fn stls(model: &mut Model, _: &[&[u8]]) -> Reply {
    match model.tls {
        TlsOffer::Unavailable => return model.err(&reply_texts::NO_TLS, &[]),
        TlsOffer::On => return model.err(&reply_texts::TLS_IS_ON, &[]),
        TlsOffer::Offered => {}
    }
    // RFC 6856 §2.1: no STLS after UTF8.
    if model.is_utf8 {
        return model.err(&reply_texts::STLS_AFTER_UTF8, &[]);
    }
    // RFC 2595 §4: no cleartext may follow STLS. If it were used inside TLS, an attacker could
    // insert a command into the protected session (CVE-2011-0411 and similar).
    if model.has_input() {
        model.phase = ServerPhase::Over;
        model.summary.ending = Some(Ending::Injected);
        return model.err(&reply_texts::INJECTED, &[]);
    }
    model.phase = ServerPhase::Handshake;
    model.ok(&reply_texts::BEGIN_TLS, &[])
}

fn utf8(model: &mut Model, _: &[&[u8]]) -> Reply {
    model.is_utf8 = true;
    model.ok(&reply_texts::UTF8_ON, &[])
}

/// RFC 6856 §3: the reply to a change is already in the new language.
fn lang(model: &mut Model, args: &[&[u8]]) -> Reply {
    let Some(range) = args.first() else {
        let lines = Language::ALL.map(|(_, tag, name)| format!("{tag} {name}"));
        return model
            .ok(&reply_texts::LANGUAGES_FOLLOW, &[])
            .with_data(ReplyData::Lines(lines.into()));
    };
    let Some((language, tag)) = Language::matching(range) else {
        return model.err(&reply_texts::NO_SUCH_LANGUAGE, &[]);
    };
    model.language = language;
    model.ok(&reply_texts::LANGUAGE_CHANGED, &[&tag])
}

fn capa(model: &mut Model, _: &[&[u8]]) -> Reply {
    let mut lines = CAPABILITIES.map(str::to_owned).to_vec();
    if model.account.is_practice {
        // RFC 2449 §6.5: before login the largest delay of all users, then that of this user.
        lines.push(match &model.opened {
            None => format!("LOGIN-DELAY {LOGIN_DELAY} USER"),
            Some(_) => "LOGIN-DELAY 0".to_owned(),
        });
    }
    // RFC 5034 §3: in both states, although AUTH is allowed in only one of them.
    let mechanisms: Vec<&str> = auth::offered(model).collect();
    lines.push(format!("SASL {}", mechanisms.join(" ")));
    // RFC 2595 §4: only while it is allowed.
    if model.tls == TlsOffer::Offered && model.opened.is_none() && !model.is_utf8 {
        lines.push("STLS".to_owned());
    }
    model
        .ok(&reply_texts::CAPABILITIES_FOLLOW, &[])
        .with_data(ReplyData::Lines(lines))
}

fn stat(model: &mut Model, _: &[&[u8]]) -> Reply {
    let (count, octets) = model.opened.as_ref().map(Opened::total).unwrap_or_default();
    Reply::positive(format!("{count} {octets}"))
}

fn list(model: &mut Model, args: &[&[u8]]) -> Reply {
    listing(model, args, ListingKind::Size)
}

fn uidl(model: &mut Model, args: &[&[u8]]) -> Reply {
    listing(model, args, ListingKind::UniqueId)
}

fn listing(model: &Model, args: &[&[u8]], listing: ListingKind) -> Reply {
    if let Some(digits) = args.first() {
        return with_message(model, digits, |number, message| {
            Reply::positive(listing.line(number, message))
        });
    }
    let reply = match listing {
        ListingKind::Size => total(model),
        ListingKind::UniqueId => model.ok(&reply_texts::UNIQUE_IDS_FOLLOW, &[]),
    };
    reply.with_data(ReplyData::Listing(listing, 1))
}

fn retr(model: &mut Model, args: &[&[u8]]) -> Reply {
    with_message(model, first(args), |number, message| {
        let reply = model.ok(&reply_texts::OCTETS, &[&message.size()]);
        with_octets(model, reply, number, ReplyData::of(message, None))
    })
}

fn top(model: &mut Model, args: &[&[u8]]) -> Reply {
    let Some(lines) = args.get(1).copied().and_then(decimal) else {
        return model.err(&reply_texts::NOT_A_NUMBER, &[]);
    };
    with_message(model, first(args), |number, message| {
        let reply = model.ok(&reply_texts::TOP_FOLLOWS, &[&number]);
        with_octets(model, reply, number, ReplyData::of(message, Some(lines)))
    })
}

/// The reply with the octets of a message, or a refusal: after `+OK`, only closing the connection
/// can show that they are missing.
fn with_octets(
    model: &Model,
    reply: Reply,
    number: usize,
    data: Result<ReplyData, StoreFailure>,
) -> Reply {
    match data {
        Ok(data) => reply.with_data(data),
        // RFC 3206 §4: another session may find it again, or a different message in its place.
        Err(StoreFailure) => model
            .err(&reply_texts::MESSAGE_UNREADABLE, &[&number])
            .with_code("[SYS/TEMP]"),
    }
}

fn dele(model: &mut Model, args: &[&[u8]]) -> Reply {
    let mut found = None;
    let reply = with_message(model, first(args), |number, _| {
        found = Some(number);
        model.ok(&reply_texts::DELETED, &[&number])
    });
    if let (Some(number), Some(opened)) = (found, &mut model.opened) {
        opened.mark(number);
    }
    reply
}

/// The reply that `make` gives for the message with the number `digits`, or a refusal.
fn with_message(
    model: &Model,
    digits: &[u8],
    make: impl FnOnce(usize, &Arc<Message>) -> Reply,
) -> Reply {
    let found = model
        .opened
        .as_ref()
        .map_or(Err(Missing::Unknown), |opened| opened.find(digits));
    match found {
        Ok((number, message)) => make(number, message),
        Err(Missing::NotANumber) => model.err(&reply_texts::NOT_A_NUMBER, &[]),
        Err(Missing::Unknown) => model.err(&reply_texts::NO_SUCH_MESSAGE, &[]),
        Err(Missing::Deleted(number)) => model.err(&reply_texts::DELETED_MESSAGE, &[&number]),
    }
}

fn noop(model: &mut Model, _: &[&[u8]]) -> Reply {
    model.ok(&reply_texts::STILL_HERE, &[])
}

fn rset(model: &mut Model, _: &[&[u8]]) -> Reply {
    if let Some(opened) = &mut model.opened {
        opened.reset();
    }
    total(model)
}

/// RFC 1939 §6: only QUIT in the TRANSACTION state updates the maildrop. The lock is released
/// before the reply is sent, so that a client that has read it can log in again at once.
fn quit(model: &mut Model, _: &[&[u8]]) -> Reply {
    model.phase = ServerPhase::Over;
    let Some(opened) = model.opened.take() else {
        model.summary.ending = Some(Ending::Quit);
        return model.ok(&reply_texts::BYE, &[]);
    };
    let (deleted, left, is_done) = opened.commit();
    model.summary.ending = Some(Ending::Updated { deleted, left });
    if !is_done {
        // RFC 1939 §6: the server may say that some messages are still there.
        return model
            .err(&reply_texts::NOT_REMOVED, &[])
            .with_code("[SYS/TEMP]");
    }
    match left {
        1 => model.ok(&reply_texts::ONE_LEFT, &[]),
        left => model.ok(&reply_texts::LEFT, &[&left]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_command_table() {
        for (verb, _) in ROWS {
            assert!(handler(verb.as_bytes()).is_some(), "{verb}");
        }
    }

    #[test]
    fn every_command_of_the_rfcs_in_force_is_served_or_declined() {
        use crate::pop3::command::Provenance;
        for command in Command::all() {
            let is_current = matches!(
                command.provenance,
                Provenance::Required | Provenance::Optional
            );
            let verb = command.verb.as_bytes();
            let is_declined = DECLINED.iter().any(|(word, _)| *word == command.verb);
            let is_served = handler(verb).is_some();
            assert!(!(is_served && is_declined), "{}", command.verb);
            assert!(!is_current || is_served || is_declined, "{}", command.verb);
        }
    }
}
