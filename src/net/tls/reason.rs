//! Says in a sentence why a handshake failed, or why a certificate is not to be trusted.

use std::time::SystemTime;

use super::hello::is_text;
use super::registry::alert_name;
use super::{Certificate, TlsError, TlsSettings, TlsVerdict};
use crate::net::wrong_service;

const USE_ITS_NAME: &str = "give the name that the certificate is for as HOST, or with --tls-name if it is the right one; --insecure continues anyway";

/// What the library says, what we say, and what to do.
const REASONS: &[(&str, &str, &str)] = &[
    (
        "self-signed certificate in certificate chain",
        "the certificate was signed by an authority that this machine does not trust",
        "give the authority's certificate with --ca FILE, or continue with --insecure",
    ),
    (
        "self-signed certificate",
        "the server's certificate is self-signed",
        "give that certificate with --ca FILE if you know that it is the server's, or continue with --insecure",
    ),
    (
        "unable to get local issuer certificate",
        "this machine does not know the authority that signed the certificate, or the server omits an intermediate certificate",
        "give the missing certificate with --ca FILE, or continue with --insecure",
    ),
    (
        "unable to get issuer certificate",
        "this machine does not know the authority that signed the certificate",
        "give the authority's certificate with --ca FILE, or continue with --insecure",
    ),
    (
        "unable to verify the first certificate",
        "the server omits the certificate of the authority that signed its certificate",
        "give the missing certificate with --ca FILE, or continue with --insecure",
    ),
    (
        "certificate has expired",
        "the server's certificate has expired",
        "the administrator must renew the certificate and restart the server; --insecure continues anyway",
    ),
    (
        "certificate is not yet valid",
        "the server's certificate is not valid yet",
        "check the clock of this machine; --insecure continues anyway",
    ),
    (
        "ostname mismatch",
        "the server's certificate is not for the name `{host}`",
        USE_ITS_NAME,
    ),
    (
        "IP address mismatch",
        "the server's certificate is not for the address `{host}`",
        USE_ITS_NAME,
    ),
    (
        "too weak",
        "the server's certificate is signed with an algorithm that is no longer safe",
        "the administrator must have a new certificate issued; --insecure continues anyway",
    ),
    (
        "certificate signature failure",
        "the certificate was not signed by the authority that it names",
        "the trusted authority of that name has a different key; give the right certificate with --ca FILE, or continue with --insecure",
    ),
    (
        "excessive message size",
        "the server sends too many certificates",
        "the administrator must shorten the chain to the server's certificate and its issuers",
    ),
    (
        "unsupported protocol",
        "the server offers only a TLS version that is no longer safe",
        "the server must support TLS 1.2 or later (RFC 8314 §4)",
    ),
];

/// What the library says of a connection that ends in the handshake, and what we say.
const ENDS: &[(&str, &str)] = &[
    (
        "unexpected EOF",
        "the server closed the connection during the TLS handshake",
    ),
    (
        "reset by peer",
        "the connection was reset during the TLS handshake",
    ),
];

/// The alert of a server that supports no version offered (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

pub(in crate::net) fn hint(is_stls: bool) -> &'static str {
    match is_stls {
        true => "see the server's log; port 995 with --tls may work",
        false => "the port may not speak TLS; try without --tls, or type STLS",
    }
}

/// Whether the library's `text` says that it refused the server's certificate.
pub(super) fn is_about_trust(text: &str) -> bool {
    text.contains("certificate verify failed")
}

/// The sentence for a handshake that failed with the library's `text` after `received` octets had
/// come.
pub(super) fn of_failure(text: &str, received: &[u8], host: &str, is_stls: bool) -> TlsError {
    if let Some(mistake) = wrong_service::in_tls(received, is_stls) {
        return mistake.into();
    }
    for (sign, what, hint) in REASONS {
        if text.contains(sign) {
            return TlsError::new(what.replace("{host}", host)).with_hint(*hint);
        }
    }
    if let Some(code) = alert(received) {
        let hint = if code == PROTOCOL_VERSION {
            "the server supports none of the TLS versions offered; it must support TLS 1.2 or later (RFC 8314 §4)"
        } else {
            "see the server's log"
        };
        let name = alert_name(code).map_or_else(String::new, |name| format!(" ({name})"));
        let what = format!("the server aborted the TLS handshake: alert {code}{name}");
        return TlsError::new(what).with_hint(hint);
    }
    let what = if received.is_empty() && !text.contains("reset by peer") {
        "the server closed the connection during the TLS handshake".to_owned()
    } else if is_text(received) {
        "the server's answer to the TLS handshake is not TLS".to_owned()
    } else if let Some((_, what)) = ENDS.iter().find(|(sign, _)| text.contains(sign)) {
        (*what).to_owned()
    } else {
        format!("the TLS handshake failed: {}", words(text))
    };
    TlsError::new(what).with_hint(hint(is_stls))
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
    let hint = if names.iter().any(|name| name == host) {
        USE_ITS_NAME.to_owned()
    } else {
        format!(
            "`{host}` comes from DNS without DNSSEC, so an attacker may have forged it; if it is right, give it as HOST"
        )
    };
    let what = format!(
        "the server's certificate is for none of {}",
        shown.join(", ")
    );
    TlsError::new(what).with_hint(hint)
}

/// The sentence for a certificate that is not the one that `--pin` names.
pub(super) fn of_pin(certificate: Option<&Certificate>) -> TlsError {
    let found = match certificate {
        Some(certificate) => format!("its SHA-256 is {}", certificate.fingerprint),
        None => "the server sent none that could be read".to_owned(),
    };
    TlsError::new(format!("the server's certificate is not the pinned one: {found}")).with_hint(
        "someone may be intercepting the connection; pin the new certificate only if its owner confirms it",
    )
}

fn alert(received: &[u8]) -> Option<u8> {
    match received {
        [0x15, 3, _, 0, 2, 2, code, ..] => Some(*code),
        _ => None,
    }
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
        return TlsVerdict::Refuted("the server sent no certificate".to_owned());
    };
    let mut faults = Vec::new();
    if let Some(read) = Certificate::of_der(der) {
        let fitting = settings.choices().iter().find(|name| read.is_for(name));
        faults = read.own_faults(fitting.map_or(host, String::as_str), SystemTime::now());
    }
    match issuer(der, chain, settings) {
        TlsVerdict::Refuted(issuer) => faults.push(issuer),
        issuer if faults.is_empty() => return issuer,
        _ => {}
    }
    TlsVerdict::Refuted(faults.join("; "))
}

/// What is known of the issuer.
#[cfg(not(any(windows, target_vendor = "apple")))]
fn issuer(der: &[u8], chain: &[Vec<u8>], settings: &TlsSettings) -> TlsVerdict {
    use openssl::stack::Stack;
    use openssl::x509::{X509, X509StoreContext, X509VerifyResult};

    let check = || -> Result<X509VerifyResult, openssl::error::ErrorStack> {
        let leaf = X509::from_der(der)?;
        let store = super::made::authorities(settings)?;
        let mut others = Stack::new()?;
        for other in chain.iter().skip(1) {
            others.push(X509::from_der(other)?)?;
        }
        X509StoreContext::new()?.init(&store, &leaf, &others, |context| {
            context.verify_cert()?;
            Ok(context.error())
        })
    };
    match check() {
        Ok(X509VerifyResult::OK) => TlsVerdict::Verified,
        // The dates were reported already.
        Ok(result) if result.error_string().contains("expired") => TlsVerdict::Verified,
        Ok(result) if MISSING_ISSUER.contains(&result.as_raw()) && chain.is_empty() => {
            TlsVerdict::Unknown(HIDDEN_CHAIN.to_owned())
        }
        Ok(result) => TlsVerdict::Refuted(result.error_string().to_owned()),
        Err(error) => TlsVerdict::Refuted(error.to_string()),
    }
}

/// OpenSSL's codes for an issuer that was not found: `UNABLE_TO_GET_ISSUER_CERT`,
/// `UNABLE_TO_GET_ISSUER_CERT_LOCALLY`, `UNABLE_TO_VERIFY_LEAF_SIGNATURE`.
#[cfg(not(any(windows, target_vendor = "apple")))]
const MISSING_ISSUER: [i32; 3] = [2, 20, 21];

/// The certificates between the server's own and an authority come encrypted.
#[cfg(not(any(windows, target_vendor = "apple")))]
const HIDDEN_CHAIN: &str =
    "its issuer is not an authority here, and TLS 1.3 hides the certificates between";

/// Elsewhere the system's library does not report its verdict.
#[cfg(any(windows, target_vendor = "apple"))]
fn issuer(_: &[u8], _: &[Vec<u8>], _: &TlsSettings) -> TlsVerdict {
    TlsVerdict::Unknown("its issuer was not checked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::of_failure;

    #[test]
    fn what_the_server_sent_counts_more_than_the_library() {
        let told = of_failure(
            "wrong version number",
            b"+OK ready\r\n",
            "pop.example.org",
            false,
        );
        assert_eq!(told.what, "this port speaks POP3 in cleartext, not TLS");
        let told = of_failure(
            "tlsv1 alert",
            b"\x15\x03\x01\x00\x02\x02\x46",
            "pop.example.org",
            false,
        );
        assert!(told.what.contains("alert 70"), "{told:?}");
        let told = of_failure(
            "x (hostname mismatch)",
            b"\x16\x03\x03",
            "pop.example.org",
            false,
        );
        assert_eq!(
            told.what,
            "the server's certificate is not for the name `pop.example.org`"
        );
        assert!(of_failure("eof", b"", "h", false).what.contains("closed"));
        let text = "error:0A0000F4:SSL routines:state:unexpected message:../a.c:396:, error:x";
        assert_eq!(
            of_failure(text, b"\x16\x03\x03", "h", false).what,
            "the TLS handshake failed: unexpected message"
        );
    }
}
