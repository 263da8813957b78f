//! Says in a sentence why a handshake failed, or why a certificate cannot be trusted.

use std::time::{Duration, SystemTime};

use super::hello::{self, HelloSeen, is_text};
use super::registry::alert_name;
use super::{Certificate, TlsError, TlsSettings, TlsVerdict, Version};
use crate::base::io_error::plain;
use crate::base::tls_fault::{self, TlsFault, Whose};
use crate::net::wrong_service;

/// The alert of a server that supports no version offered (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

/// The alert of a server that cannot agree with the client (RFC 8446 §6.2).
const HANDSHAKE_FAILURE: u8 = 40;

/// The alerts that say what is wrong with the client's certificate (RFC 8446 §6.2), RFC 5246's
/// no_certificate included.
const OF_CLIENT_CERTIFICATE: &[u8] = &[41, 42, 43, 44, 45, 46, 48, 49, 116];

/// The error of a handshake that the server did not answer in this time.
pub(crate) fn no_answer(limit: Duration) -> TlsError {
    let fault = &tls_fault::NO_ANSWER;
    error_for(fault, &fault.with(&limit.as_secs_f64().to_string()))
}

/// Whether the library's `text` says that it refused the server's certificate.
pub(super) fn is_about_trust(text: &str) -> bool {
    text.contains("certificate verify failed")
}

/// The sentence for a handshake that failed with the library's `text` after `received` octets had
/// come.
pub(super) fn of_failure(
    text: &str,
    received: &[u8],
    host: &str,
    settings: &TlsSettings,
    is_stls: bool,
) -> TlsError {
    if let Some(mistake) = wrong_service::in_tls(received, is_stls) {
        return mistake.into();
    }
    let seen = hello::listen(received);
    if let Some(words) = refused(text) {
        return of_refused(words, &seen, host);
    }
    let text = without_verdict(text);
    if let Some(code) = alert(received, text) {
        return of_alert(code, &seen, settings);
    }
    let plain = |fault: &TlsFault| error_for(fault, fault.says);
    match tls_fault::of_library(text) {
        Some(fault) if *fault == tls_fault::OLD_VERSION => of_version(&seen.version, settings),
        Some(fault) if *fault == tls_fault::WEAK_PROOF => {
            error_for(fault, &fault.with(&seen.version))
        }
        _ if received.is_empty() && !text.contains("reset by peer") && is_silent(text) => {
            plain(&tls_fault::CLOSED)
        }
        _ if is_text(received) => plain(&tls_fault::NOT_TLS),
        Some(fault) if [tls_fault::CLOSED, tls_fault::RESET].contains(fault) => plain(fault),
        // Libraries of other systems have no frame around the words.
        Some(_) => of_refused(text, &seen, host),
        None => error_for(&tls_fault::FAILED, &tls_fault::FAILED.with(words(text))),
    }
}

/// The sentence for options that the library refuses before it begins. What we found wrong with
/// them ourselves passes through.
pub(super) fn of_options(error: TlsError) -> TlsError {
    if !error.what.starts_with("error:") {
        return error;
    }
    let own = [
        &tls_fault::OWN_KEY_MISMATCH,
        &tls_fault::OWN_CERTIFICATE_WEAK,
    ];
    match tls_fault::of_library(&error.what).filter(|fault| own.contains(fault)) {
        Some(fault) => error_for(fault, fault.says),
        None => {
            let fault = &tls_fault::SETTINGS_REFUSED;
            error_for(fault, &fault.with(words(&error.what)))
        }
    }
}

/// Why a connection was lost after the handshake: in our own words if TLS is the reason.
///
/// In TLS 1.3 the client's handshake is complete before the server judges the client's certificate.
pub(in crate::net) fn why_lost(error: &std::io::Error) -> String {
    let text = error.to_string();
    if !text.contains("SSL routines") {
        return plain(error);
    }
    let Some(code) = alert(&[], &text) else {
        return tls_fault::BROKEN.with(words(&text));
    };
    let detail = alert_words(code);
    match OF_CLIENT_CERTIFICATE.contains(&code) {
        true => tls_fault::CLIENT_CERTIFICATE.with(&detail),
        false => tls_fault::ENDED_BY_ALERT.with(&detail),
    }
}

/// The number of an alert, with its name if it has one.
fn alert_words(code: u8) -> String {
    let name = alert_name(code).map_or_else(String::new, |name| format!(" ({name})"));
    format!("{code}{name}")
}

/// Whether the words are those of a connection that ended, and not of a library that did not begin.
fn is_silent(text: &str) -> bool {
    !text.contains("no protocols available")
}

fn error_for(fault: &TlsFault, what: &str) -> TlsError {
    TlsError::new(what).with_hint(fault.hint())
}

/// The library's words for what is wrong with a certificate:
/// `error:...:certificate verify failed:...: (WORDS)`.
fn refused(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("certificate verify failed")?;
    let (_, words) = rest.split_once(" (")?;
    words.strip_suffix(')')
}

/// An error of OpenSSL's without the verdict on the certificate, which native-tls adds to every
/// error, ` (WORDS)`: with `--insecure` it is not the reason.
fn without_verdict(text: &str) -> &str {
    let bare = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("));
    match bare {
        Some((bare, _)) if text.starts_with("error:") => bare,
        _ => text,
    }
}

/// The sentence for a certificate that the library refused with these words.
fn of_refused(words: &str, seen: &HelloSeen, host: &str) -> TlsError {
    let Some(fault) = tls_fault::of_library(words) else {
        return error_for(&tls_fault::REFUSED, &tls_fault::REFUSED.with(words));
    };
    let leaf = seen.chain.first().and_then(|der| Certificate::of_der(der));
    let whose = match leaf {
        _ if words.starts_with("CA certificate") => Whose::Authority,
        _ if words.starts_with("EE certificate") => Whose::Server,
        Some(leaf) if leaf.has(fault, SystemTime::now()) => Whose::Server,
        Some(_) if fault.is_readable() => Whose::Authority,
        _ => Whose::Unknown,
    };
    error_for(fault, &fault.of(whose).replace("{}", host))
}

/// The sentence for an alert of the server, which came after it had `seen` sent.
fn of_alert(code: u8, seen: &HelloSeen, settings: &TlsSettings) -> TlsError {
    let detail = alert_words(code);
    let is_first = *seen == HelloSeen::default();
    let fault = match code {
        PROTOCOL_VERSION => return of_no_version(settings),
        // Of the server's parameters, it is the only one that depends on the client.
        HANDSHAKE_FAILURE if seen.asks_for_certificate => &tls_fault::CLIENT_CERTIFICATE,
        HANDSHAKE_FAILURE if is_first => &tls_fault::NO_CIPHER,
        code if OF_CLIENT_CERTIFICATE.contains(&code) => &tls_fault::CLIENT_CERTIFICATE,
        _ => tls_fault::of_sentence(&tls_fault::ALERT.with(&detail)).unwrap_or(&tls_fault::ALERT),
    };
    error_for(fault, &fault.with(&detail))
}

/// The sentence for a server that answered with a version that was not offered.
fn of_version(version: &str, settings: &TlsSettings) -> TlsError {
    let is_old = !matches!(version, "TLSv1.2" | "TLSv1.3");
    let takes_new = settings.min.is_none_or(|min| min <= Version::Tls12);
    match is_old && takes_new && settings.max.is_none_or(|max| max >= Version::Tls12) {
        true => error_for(
            &tls_fault::OLD_VERSION,
            &tls_fault::OLD_VERSION.with(version),
        ),
        false => of_no_version(settings),
    }
}

/// The sentence for a server that supports no version offered.
fn of_no_version(settings: &TlsSettings) -> TlsError {
    let min = settings.min.unwrap_or(Version::Tls12);
    let max = settings.max.unwrap_or(Version::Tls13);
    let fault = match (min, max) {
        (Version::Tls12, Version::Tls13) => &tls_fault::NO_NEW_VERSION,
        _ => &tls_fault::LIMITED_VERSION,
    };
    let offered = match min == max {
        true => min.words().to_owned(),
        false => format!("{} to {}", min.words(), max.words()),
    };
    error_for(fault, &fault.with(&offered))
}

impl Version {
    fn words(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

/// The words for people in an error of OpenSSL's,
/// `error:CODE:library:function:words:file:line:...`; other text as it is.
fn words(text: &str) -> &str {
    let fields = text.strip_prefix("error:").map(|rest| rest.split(':'));
    let words = fields.and_then(|mut fields| fields.nth(3));
    words.filter(|words| !words.is_empty()).unwrap_or(text)
}

/// The sentence for a certificate that is for none of these names, from the server that DNS called
/// `host`.
pub(super) fn of_names(host: &str, names: &[String]) -> TlsError {
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let fault = &tls_fault::NONE_OF_NAMES;
    let hint = if names.iter().any(|name| name == host) {
        fault.hint()
    } else {
        format!(
            "`{host}` comes from DNS without DNSSEC, so an attacker may have forged it; if it is right, give it as HOST"
        )
    };
    TlsError::new(fault.with(&shown.join(", "))).with_hint(hint)
}

/// The sentence for a certificate that is not the one that `--pin` names.
pub(super) fn of_pin(certificate: Option<&Certificate>) -> TlsError {
    let found = match certificate {
        Some(certificate) => format!("its SHA-256 is {}", certificate.fingerprint),
        None => "the server sent none that could be read".to_owned(),
    };
    let fault = &tls_fault::NOT_PINNED;
    error_for(fault, &fault.with(&found))
}

/// The number of the alert that the server sent: unencrypted, or as OpenSSL says
/// (`... SSL alert number 48`).
fn alert(received: &[u8], text: &str) -> Option<u8> {
    if let [0x15, 3, _, 0, 2, 2, code, ..] = received {
        return Some(*code);
    }
    let (_, rest) = text.split_once("SSL alert number ")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

/// What is to be said of a certificate that was accepted without verification. `chain` is what the
/// server sent, its own certificate first, as far as that could be read.
pub(super) fn verdict(
    der: Option<&[u8]>,
    chain: &[Vec<u8>],
    host: &str,
    settings: &TlsSettings,
) -> TlsVerdict {
    let Some(der) = der else {
        return TlsVerdict::Refuted(vec![tls_fault::NO_CERTIFICATE.says.to_owned()]);
    };
    // What could not be read was not compared with the host.
    let Some(read) = Certificate::of_der(der) else {
        return TlsVerdict::Refuted(vec![tls_fault::UNREADABLE.says.to_owned()]);
    };
    let now = SystemTime::now();
    let fitting = settings.choices().iter().find(|name| read.is_for(name));
    let mut faults = read.own_faults(fitting.map_or(host, String::as_str), now);
    match issuer(der, chain, settings, now) {
        Issuer::Faulty(more) => faults.extend(more),
        Issuer::Verified if faults.is_empty() => return TlsVerdict::Verified,
        Issuer::Unknown(why) if faults.is_empty() => return TlsVerdict::Unknown(why.to_owned()),
        Issuer::Verified | Issuer::Unknown(_) => {}
    }
    TlsVerdict::Refuted(faults)
}

/// All that is wrong with a certificate that the library refused for its `first` fault, as far as the
/// handshake showed the chain.
pub(super) fn all_faults(
    first: &str,
    received: &[u8],
    host: &str,
    settings: &TlsSettings,
) -> String {
    let chain = hello::listen(received).chain;
    let leaf = chain.first().map(Vec::as_slice);
    let verdict = leaf.map(|leaf| verdict(Some(leaf), &chain, host, settings));
    let Some(TlsVerdict::Refuted(mut faults)) = verdict else {
        return first.to_owned();
    };
    let row = tls_fault::of_sentence(first);
    // The library may know a fault that we do not look for.
    if !faults
        .iter()
        .any(|fault| tls_fault::of_sentence(fault) == row)
    {
        faults.insert(0, first.to_owned());
    }
    tls_fault::joined(&faults)
}

/// What is said of a certificate that was accepted without verification, each fault with its hint.
pub(super) fn faults(sentences: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for sentence in sentences {
        lines.push(format!("  {sentence}"));
        let fault = tls_fault::of_sentence(sentence);
        lines.extend(fault.map(|fault| format!("    hint: {}", fault.next)));
    }
    lines
}

/// What is known of the issuer.
enum Issuer {
    #[cfg_attr(
        any(windows, target_vendor = "apple"),
        allow(dead_code, reason = "the system's library does not report its verdict")
    )]
    Verified,
    Unknown(&'static str),
    #[cfg_attr(
        any(windows, target_vendor = "apple"),
        allow(dead_code, reason = "the system's library does not report its verdict")
    )]
    Faulty(Vec<String>),
}

/// Follows the chain to an authority. The library stops at the first fault, so each certificate
/// that it found is judged as well.
#[cfg(not(any(windows, target_vendor = "apple")))]
fn issuer(der: &[u8], sent: &[Vec<u8>], settings: &TlsSettings, now: SystemTime) -> Issuer {
    use openssl::stack::Stack;
    use openssl::x509::{X509, X509StoreContext, X509VerifyResult};

    let check = || -> Result<(X509VerifyResult, Vec<X509>), openssl::error::ErrorStack> {
        let leaf = X509::from_der(der)?;
        let store = super::made::authorities(settings)?;
        let mut others = Stack::new()?;
        for other in sent.iter().skip(1) {
            others.push(X509::from_der(other)?)?;
        }
        X509StoreContext::new()?.init(&store, &leaf, &others, |context| {
            context.verify_cert()?;
            let chain = context.chain().into_iter().flatten();
            Ok((context.error(), chain.map(ToOwned::to_owned).collect()))
        })
    };
    let checked = check();
    let issuer = match checked {
        Ok((result, chain)) => of_chain(&result, &chain, sent.is_empty(), now),
        Err(error) => Issuer::Faulty(vec![tls_fault::REFUSED.with(words(&error.to_string()))]),
    };
    // What OpenSSL still has to say of it would count as an error of the next read.
    drop(openssl::error::ErrorStack::get());
    issuer
}

/// What the `result` and the `chain` that OpenSSL followed say of the issuer.
#[cfg(not(any(windows, target_vendor = "apple")))]
fn of_chain(
    result: &openssl::x509::X509VerifyResult,
    chain: &[openssl::x509::X509],
    is_hidden: bool,
    now: SystemTime,
) -> Issuer {
    if MISSING_ISSUER.contains(&result.as_raw()) && is_hidden {
        return Issuer::Unknown(tls_fault::HIDDEN_ISSUER.says);
    }
    let mut faults = Vec::new();
    for authority in chain.iter().skip(1) {
        let read = authority.to_der().ok();
        let read = read.and_then(|der| Certificate::of_der(&der));
        faults.extend(read.iter().flat_map(|read| read.faults_as_authority(now)));
    }
    let text = result.error_string();
    match tls_fault::of_library(text) {
        _ if *result == openssl::x509::X509VerifyResult::OK => {}
        // The dates were judged above and with the server's certificate; they hide a false
        // signature.
        Some(fault) if [tls_fault::EXPIRED, tls_fault::NOT_YET_VALID].contains(fault) => {
            if chain.windows(2).any(|pair| !is_signed_by_next(pair)) {
                faults.push(tls_fault::FALSE_SIGNATURE.says.to_owned());
            }
        }
        Some(fault) => faults.push(fault.of(Whose::Unknown)),
        None => faults.push(tls_fault::REFUSED.with(text)),
    }
    match faults.is_empty() {
        true => Issuer::Verified,
        false => Issuer::Faulty(faults),
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
fn is_signed_by_next(pair: &[openssl::x509::X509]) -> bool {
    let [signed, signer] = pair else { return true };
    let key = signer.public_key();
    key.is_ok_and(|key| signed.verify(&key).unwrap_or(false))
}

/// OpenSSL's codes for an issuer that was not found: `UNABLE_TO_GET_ISSUER_CERT`,
/// `UNABLE_TO_GET_ISSUER_CERT_LOCALLY`, `UNABLE_TO_VERIFY_LEAF_SIGNATURE`.
#[cfg(not(any(windows, target_vendor = "apple")))]
const MISSING_ISSUER: [i32; 3] = [2, 20, 21];

/// Elsewhere the system's library does not report its verdict.
#[cfg(any(windows, target_vendor = "apple"))]
fn issuer(_: &[u8], _: &[Vec<u8>], _: &TlsSettings, _: SystemTime) -> Issuer {
    Issuer::Unknown(tls_fault::UNCHECKED_ISSUER.says)
}

#[cfg(test)]
mod tests;
