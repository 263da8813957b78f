//! Why a probe ended early, or tested nothing, in words.

use super::session::Session;
use crate::base::exit::Exit;
use crate::base::figures;
use crate::base::say::shown;
use crate::base::tls_fault;
use crate::modes::replay::{Limit, Played};
use crate::pop3::tracker::Status;

/// Why the rest was not tested.
pub(crate) const TIME_LIMIT: &str = "the time limit was reached (--time-limit sets a longer one)";

const NAMED_MAX: usize = 12;

/// Returns how a session ended before its probe was done; None if it was played to its purpose.
/// `most`: how many octets it was allowed to take.
pub(super) fn early(played: &Played, session: &Session, most: u64) -> Option<String> {
    let after = played.last_sent.as_ref();
    let after = after.map_or(String::new(), |last| format!(" after `{}`", shown(last)));
    let is_all = played.unsent.is_empty();
    Some(match (played.limit, played.failure) {
        (Some(Limit::Time), _) => TIME_LIMIT.to_owned(),
        (Some(Limit::Octets), _) => format!("the server sent more than {}", figures::size(most)),
        (None, Some(Exit::Tls)) => "TLS failed".to_owned(),
        (None, Some(Exit::Refused)) => "this is not a POP3 server".to_owned(),
        (None, Some(Exit::TimedOut)) => format!("no reply came in time{after}"),
        // A session that was played to its purpose may end in any way.
        _ if is_all => return None,
        _ if played.is_out_of_step => format!("the replies are out of step{after}"),
        (None, Some(_)) => format!("the connection was lost{after}"),
        (None, None) => match &session.login {
            Some((Status::Negative, reply)) => {
                format!("the login was refused: {}", shown(reply))
            }
            _ => format!("the server closed the connection{after}"),
        },
    })
}

pub(super) fn untested(unsent: &[String], session: &Session) -> String {
    let is_refused = matches!(session.login, Some((Status::Negative, _)));
    if is_refused && unsent.len() > NAMED_MAX {
        return "not tested: commands that need a login".to_owned();
    }
    let named = unsent.get(..NAMED_MAX).unwrap_or(unsent);
    let more = match unsent.len().saturating_sub(named.len()) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let named = named.iter().map(|command| shown(command));
    let named = named.collect::<Vec<_>>().join(", ");
    format!("not tested: {named}{more}")
}

/// Why a probe could not test anything that needs a TLS handshake.
pub(super) fn untested_without_tls(session: &Session, early: Option<&str>) -> String {
    let cleartext = said_before_tls(session);
    let why = match (&session.stls_refusal, &session.tls_failure, early) {
        (Some(reply), ..) => format!("STLS was refused: {}", shown(reply)),
        (_, Some(failure), _) if cleartext.is_some() => {
            format!("{failure}; {}", cleartext.unwrap_or_default())
        }
        (_, Some(failure), _) => failure.clone(),
        (_, _, Some(why)) => why.to_owned(),
        _ => "the connection ended before the TLS handshake".to_owned(),
    };
    format!("not tested: {why}")
}

/// Why TLS failed, with what to do if that is known.
fn why_no_tls(session: &Session) -> String {
    let Some(failure) = &session.tls_failure else {
        return "TLS failed".to_owned();
    };
    let why = failure.strip_prefix("tls failed: ").unwrap_or(failure);
    match tls_fault::of_sentence(why) {
        Some(fault) => format!("TLS failed: {why}; {}", fault.hint()),
        None => format!("TLS failed: {why}"),
    }
}

/// The server's cleartext in place of the handshake, which is why TLS failed.
fn said_before_tls(session: &Session) -> Option<String> {
    let said = session.cleartext.as_ref()?;
    Some(format!("the server said in cleartext: {}", shown(said)))
}

pub(super) fn no_login(session: &Session, early: Option<&str>, is_tls: bool) -> String {
    if let Some(reply) = &session.stls_refusal {
        return format!("STLS was refused: {}", shown(reply));
    }
    if let (Some(reply), None) = (&session.user_refusal, &session.login) {
        return format!("USER was refused: {}", shown(reply));
    }
    match (&session.login, early) {
        (Some((Status::Negative, reply)), _) if session.user_refusal.is_some() => {
            format!("USER was refused, and so was PASS: {}", shown(reply))
        }
        (Some((Status::Negative, reply)), _) => {
            format!("{} (is the password right?)", shown(reply))
        }
        (Some((Status::Malformed, _)), _) => "the reply to PASS is neither +OK nor -ERR".to_owned(),
        _ if is_tls => match said_before_tls(session) {
            Some(said) => format!("TLS failed; {said}"),
            None => why_no_tls(session),
        },
        _ if session.is_login_contradicted => "PASS got two different replies".to_owned(),
        (_, Some(why)) => why.to_owned(),
        _ => "PASS was not answered".to_owned(),
    }
}
