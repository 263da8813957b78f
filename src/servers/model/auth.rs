//! AUTH: the SASL exchange within POP3 (RFC 5034).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::pop3::sasl::Mechanism;
use crate::pop3::sasl::server::{self as sasl, AuthContext, Identity, SaslVerdict, Verifier};

use super::login::log_in_as;
use super::reply::{Reply, ReplyData};
use super::{Model, TlsOffer, reply_texts};

/// AUTH without an argument, which lists the mechanisms one per line: not in any RFC, but common.
pub(super) fn list(model: &Model) -> Reply {
    let lines = offered(model);
    model
        .ok(&reply_texts::MECHANISMS_FOLLOW, &[])
        .with_data(ReplyData::Lines(lines.map(str::to_owned).collect()))
}

/// The names of the mechanisms that are offered now.
pub(super) fn offered(model: &Model) -> impl Iterator<Item = &'static str> + use<> {
    sasl::offered(model.tls == TlsOffer::On, &known(model, String::new()))
        .into_iter()
        .map(|row| row.name)
}

fn known(model: &Model, nonce: String) -> AuthContext {
    let account = &model.account;
    AuthContext {
        users: account.users().map(str::to_owned).collect(),
        password: Zeroizing::new(account.password.clone()),
        is_anonymous_allowed: account.is_practice,
        certified: model.secured.client_names.clone(),
        binding: model.secured.end_point.clone(),
        nonce,
        host: "practice.example".to_owned(),
    }
}

pub(super) fn auth(model: &mut Model, args: &[&[u8]]) -> Reply {
    let name = String::from_utf8_lossy(args.first().copied().unwrap_or_default());
    let Some(mechanism) = Mechanism::named(&name) else {
        return model.err(&reply_texts::NO_SUCH_MECHANISM, &[]);
    };
    if !offered(model).any(|offered| offered == mechanism.name) {
        return match mechanism.is_plain {
            true => model.err(&reply_texts::MECHANISM_NEEDS_TLS, &[&mechanism.name]),
            false => model.err(&reply_texts::NO_SUCH_MECHANISM, &[]),
        };
    }
    let initial = match args.get(1).copied() {
        None => None,
        // RFC 5034 §4: an empty initial response.
        Some(b"=") => Some(Vec::new()),
        Some(text) => match STANDARD.decode(text) {
            Ok(initial) => Some(initial),
            Err(_) => return model.err(&reply_texts::NOT_BASE64, &[]),
        },
    };
    let nonce = model.nonce();
    let mut verifier = Verifier::new(mechanism, known(model, nonce));
    let verdict = verifier.begin(initial.as_deref());
    judge(model, verifier, verdict)
}

pub(super) fn respond(model: &mut Model, mut verifier: Verifier, line: &[u8]) -> Reply {
    if line == b"*" {
        return model.err(&reply_texts::CANCELLED, &[]);
    }
    let Ok(response) = STANDARD.decode(line).map(Zeroizing::new) else {
        return model.err(&reply_texts::NOT_BASE64, &[]);
    };
    let verdict = verifier.answer(&response);
    judge(model, verifier, verdict)
}

fn judge(model: &mut Model, verifier: Verifier, verdict: SaslVerdict) -> Reply {
    match verdict {
        SaslVerdict::Challenge(challenge) => {
            model.exchange = Some(verifier);
            Reply::challenge(STANDARD.encode(challenge))
        }
        SaslVerdict::Right(Identity::User(name)) => log_in_as(model, Some(name.as_bytes())),
        SaslVerdict::Right(Identity::Anonymous) => {
            let name = model.account.user.clone();
            log_in_as(model, Some(name.as_bytes()))
        }
        SaslVerdict::Wrong => log_in_as(model, None),
        SaslVerdict::Broken(what) => model.err(&reply_texts::BROKEN_EXCHANGE, &[&what]),
    }
}
