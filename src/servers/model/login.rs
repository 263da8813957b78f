//! The end of every login: the lock on the maildrop, or the reason for a refusal.

use crate::servers::maildrop::Closed;

use super::Model;
use super::locked_maildrop::Opened;
use super::reply::Reply;
use super::reply_texts::{self, Text};

/// Accounts of the practice server whose login is refused even with the right password, so that
/// each code can be seen (RFC 2449 §8.1, RFC 3206 §4): the user, the code, the text.
pub(super) const REFUSALS: [(&str, &str, &Text); 4] = [
    ("busy", "[IN-USE]", &reply_texts::IN_USE),
    ("hasty", "[LOGIN-DELAY]", &reply_texts::REFUSED_AS_LATE),
    ("ill", "[SYS/TEMP]", &reply_texts::REFUSED_AS_ILL),
    ("closed", "[SYS/PERM]", &reply_texts::REFUSED_AS_CLOSED),
];

/// The seconds of LOGIN-DELAY (RFC 2449 §6.5). They depend on the user: only one user is ever
/// refused.
pub(super) const LOGIN_DELAY: u32 = 300;

/// Ends every login: for the user who has been authenticated, or for none.
pub(super) fn log_in_as(model: &mut Model, user: Option<&[u8]>) -> Reply {
    let Some(user) = user else {
        model.summary.failed_logins = model.summary.failed_logins.saturating_add(1);
        // RFC 3206 §4: with AUTH-RESP-CODE announced, each refusal of a name or password has the
        // code.
        return model
            .err(&reply_texts::WRONG_LOGIN, &[])
            .with_code("[AUTH]");
    };
    if let Some((_, code, text)) = REFUSALS.iter().find(|(name, ..)| name.as_bytes() == user)
        && user != model.account.user.as_bytes()
    {
        return model.err(text, &[&LOGIN_DELAY]).with_code(code);
    }
    // RFC 1939 §4: no login without the exclusive lock. RFC 2449 §8.1.1: the code means that the
    // password was right.
    let lock = match model.maildrop.lock() {
        Ok(lock) => lock,
        Err(Closed::InUse) => return model.err(&reply_texts::IN_USE, &[]).with_code("[IN-USE]"),
        Err(Closed::Unreadable) => {
            return model
                .err(&reply_texts::UNREADABLE, &[])
                .with_code("[SYS/TEMP]");
        }
    };
    model.opened = Some(Opened::new(lock));
    model.summary.has_logged_in = true;
    total(model)
}

pub(super) fn total(model: &Model) -> Reply {
    match model.opened.as_ref().map(Opened::total).unwrap_or_default() {
        (1, octets) => model.ok(&reply_texts::ONE_MESSAGE, &[&octets]),
        (count, octets) => model.ok(&reply_texts::MESSAGES, &[&count, &octets]),
    }
}
