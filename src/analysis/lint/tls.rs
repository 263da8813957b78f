//! RFC 8314, RFC 8997, RFC 7817: TLS and certificates, as the events report them.

use super::{Check, Context, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::session::Phase;
use crate::reading::dialogue::{EventAt, EventKind};
use crate::transcript::event::{self, Trust};

/// Why a certificate is not trusted, or a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Expired,
    Name,
    Untrusted,
    Weak,
    Version,
    /// A limit of the client's own: the server is not to blame.
    Limit,
}

/// The words of each reason, in our own texts and in those of the TLS library.
const WORDS: &[(Reason, &[&str])] = &[
    (
        Reason::Expired,
        &["expired", "not valid yet", "not yet valid"],
    ),
    (
        Reason::Name,
        &[
            "for another name",
            "for none of",
            "not for",
            "mismatch",
            "does not match the expected",
        ],
    ),
    (Reason::Weak, &["no longer safe", "too weak"]),
    (
        Reason::Untrusted,
        &[
            "signed by itself",
            "self-signed",
            "authority",
            "leaves out",
            "unknown CA",
            "issuer is unknown",
            "not trust",
            "the chain ",
            "too many certificates",
            "may not issue",
            "not meant for servers",
            "critical extension",
            "was revoked",
            "refuses the server's certificate",
            "certificate could not be read",
            "sent no certificate",
            "not the pinned one",
        ],
    ),
];

/// What the event says against the certificate. The certificate's subject, which follows, may
/// contain any words.
fn doubts(event: &EventAt) -> Option<String> {
    match event.said() {
        event::Event::TlsStarted { trust, .. } => match trust? {
            Trust::Unverified(why) => Some(why),
            Trust::Verified | Trust::Pinned | Trust::Unknown => None,
        },
        _ => (event.kind == EventKind::TlsFailed).then(|| event.text.clone()),
    }
}

pub(super) fn reason(text: &str) -> Option<Reason> {
    if text.contains("--tls-m") {
        return Some(Reason::Limit);
    }
    // It is about the handshake, not about the certificate.
    if text.contains("Diffie-Hellman") {
        return None;
    }
    let is_old = [
        "TLS version",
        "alert 70",
        "protocol version",
        "unsupported protocol",
        "signs the handshake",
    ];
    if is_old.iter().any(|word| text.contains(word)) {
        return Some(Reason::Version);
    }
    let fits = |(_, words): &&(Reason, &[&str])| words.iter().any(|word| text.contains(word));
    WORDS.iter().find(fits).map(|(reason, _)| *reason)
}

fn doubt(event: &EventAt) -> Option<Reason> {
    reason(&doubts(event)?)
}

fn doubted(event: &EventAt, reason: Reason) -> Option<Site> {
    let is_of_version =
        |text: &String| matches!(self::reason(text), Some(Reason::Version | Reason::Limit));
    let all = doubts(event).filter(|text| !is_of_version(text))?;
    // A certificate may have several faults.
    let fits = |text: &str| {
        let mut rows = WORDS.iter().filter(|(of, _)| *of == reason);
        rows.any(|(_, words)| words.iter().any(|word| text.contains(word)))
    };
    // Each rule shows only its own reason if the event has several.
    let own: Vec<&str> = all.split("; ").filter(|part| fits(part)).collect();
    let is_told = event.kind == EventKind::TlsStarted && !own.is_empty();
    fits(&all).then(|| match is_told {
        true => Site::at(event.place, event.text.replacen(&all, &own.join("; "), 1)),
        false => spot(event),
    })
}

fn spot(event: &EventAt) -> Site {
    Site::at(event.place, event.text.clone())
}

fn agreed(event: &EventAt) -> Option<(String, String)> {
    match event.said() {
        event::Event::TlsStarted {
            version, cipher, ..
        } => Some((version, cipher)),
        _ => None,
    }
}

pub(super) const RULES: &[Rule] = &[
    // RFC 5280 §4.1.2.5: a certificate has a first and a last day.
    Rule {
        id: "tls-cert-expired",
        level: Security,
        source: "RFC 5280 §4.1.2.5, RFC 7817",
        says: "the certificate must be valid at the time of the connection",
        hint: "renew the certificate, and make the mail server reload it: often only the web server does",
        check: &[Check::Event(|event, _| doubted(event, Reason::Expired))],
    },
    // RFC 7817 §3: the certificate names the host that the user gave.
    Rule {
        id: "tls-cert-name-mismatch",
        level: Security,
        source: "RFC 7817 §3",
        says: "the certificate must cover the name that the client used",
        hint: "use the provider's host name, or add this name to the certificate",
        check: &[Check::Event(|event, _| doubted(event, Reason::Name))],
    },
    // RFC 8314 §5.3: the certificate leads to an authority that clients trust.
    Rule {
        id: "tls-cert-untrusted",
        level: Security,
        source: "RFC 8314 §5.3, §5.4",
        says: "the certificate chain must lead to an authority that clients trust",
        hint: "install a certificate from a trusted authority with its whole chain, or trust this one with --ca FILE; --insecure trusts any (a local virus scanner can also cause this)",
        check: &[Check::Event(|event, _| doubted(event, Reason::Untrusted))],
    },
    // RFC 9325 §4: current keys and signatures.
    Rule {
        id: "tls-cert-weak",
        level: Should,
        source: "RFC 7817, RFC 9325 §4",
        says: "the certificate's key and signature should be considered safe",
        hint: "have a new certificate issued",
        check: &[Check::Event(|event, _| doubted(event, Reason::Weak))],
    },
    // RFC 7817: a client that does not verify the certificate may be talking to anyone.
    Rule {
        id: "tls-unverified",
        level: Security,
        source: "RFC 8314 §5.3, RFC 7817",
        says: "the client should verify the certificate",
        hint: "use --ca with the authority's certificate instead of --insecure",
        check: &[Check::Event(|event, _| {
            let is_open = event.kind == EventKind::TlsStarted && doubts(event).is_some();
            (is_open && doubt(event).is_none()).then(|| spot(event))
        })],
    },
    // RFC 8314 §4, RFC 8997: TLS 1.2 or later.
    Rule {
        id: "tls-old-version",
        level: Security,
        source: "RFC 8314 §4, RFC 8997",
        says: "the TLS version must be 1.2 or later",
        hint: "update the server, or enable TLS 1.2 and 1.3",
        check: &[Check::Event(|event, _| {
            let is_old = agreed(event).is_some_and(|(word, _)| {
                matches!(
                    word.as_str(),
                    "TLSv1" | "TLSv1.0" | "TLSv1.1" | "SSLv3" | "SSLv2"
                )
            });
            (is_old || doubt(event) == Some(Reason::Version)).then(|| spot(event))
        })],
    },
    // RFC 9325 §4.1: no cipher suites without encryption, for export, or with RC4 and similar
    // ciphers.
    Rule {
        id: "tls-weak-cipher",
        level: Security,
        source: "RFC 9325 §4.1",
        says: "the server must not use a cipher suite that is known to be broken",
        hint: "disable this suite on the server",
        check: &[Check::Event(|event, _| {
            let (_, suite) = agreed(event)?;
            let is_broken = ["NULL", "EXPORT", "RC4", "DES", "MD5", "anon"]
                .iter()
                .any(|word| suite.contains(word));
            is_broken.then(|| spot(event))
        })],
    },
    // RFC 9325 §4.1: suites with forward secrecy.
    Rule {
        id: "tls-no-forward-secrecy",
        level: Should,
        source: "RFC 9325 §4.1",
        says: "an attacker who later gets the server's key should not be able to read this session",
        hint: "enable ECDHE suites and TLS 1.3",
        check: &[Check::Event(|event, _| {
            let (_, suite) = agreed(event)?;
            (suite.starts_with("TLS_RSA_") && !suite.contains("RC4") && !suite.contains("DES"))
                .then(|| spot(event))
        })],
    },
    // RFC 8314 §3.4: a side that closes first says so inside TLS, so that no attacker can cut off
    // the end unnoticed.
    Rule {
        id: "tls-no-close-notify",
        level: Info,
        source: "RFC 8314 §3.4",
        says: "each side should announce the end of TLS before it closes the connection",
        hint: "common and harmless after QUIT, but elsewhere an attacker may have cut off data",
        check: &[Check::Event(|event, _| {
            event.said().is_without_close_notify().then(|| spot(event))
        })],
    },
    // RFC 8314 §3: on a TLS port the handshake succeeds.
    Rule {
        id: "tls-handshake-failed",
        level: Must,
        source: "RFC 8314 §3",
        says: "the TLS handshake must succeed",
        hint: "the port may not speak TLS, or the server has no certificate: check its log",
        check: &[Check::Event(|event, context| {
            let is_failed = event.kind == EventKind::TlsFailed && !context.session.tls.is_by_stls();
            (is_failed && doubt(event).is_none() && !is_plain(event)).then(|| spot(event))
        })],
    },
    // RFC 8314 §3.1: on port 995 TLS begins with the first octet.
    Rule {
        id: "plain-on-tls-port",
        level: Must,
        source: "RFC 8314 §3.1",
        says: "a server on port 995 must speak TLS from the first octet",
        hint: "this port does not speak TLS at first: connect without --tls and send STLS, or correct the port",
        check: &[Check::Event(|event, context| {
            (event.kind == EventKind::TlsFailed
                && is_plain(event)
                && !context.session.tls.is_by_stls())
            .then(|| spot(event))
        })],
    },
    // RFC 8314 §3, §4: a server offers TLS, from the first octet or with STLS.
    Rule {
        id: "no-tls-offered",
        level: Should,
        source: "RFC 8314 §3, §4",
        says: "a server that accepts unencrypted connections should offer STLS",
        hint: "set up TLS, preferably on port 995",
        check: &[
            Check::Exchange(|ended, context| {
                let is_first = ended.verb == "CAPA"
                    && ended.is_ok()
                    && ended.is_complete()
                    && context.session.phase() == Phase::First;
                let is_open = context.is_in_clear()
                    && !context.listing.has_holes
                    && is_first
                    && !was_offered(context);
                ended.when(
                    is_open && !super::words::has_tag(&context.listing.capabilities, "STLS"),
                    "CAPA does not list STLS",
                )
            }),
            // Seen: popa3d supports neither CAPA nor STLS.
            Check::Exchange(|ended, context| {
                let is_refused = ended.verb == "STLS" && ended.is_err() && ended.code().is_none();
                let is_open = context.is_in_clear() && context.session.is_authorization();
                let is_untold =
                    context.session.is_capa_refused && context.session.last_announced().is_none();
                ended.when(
                    is_refused && is_open && is_untold,
                    "the server refused both STLS and CAPA",
                )
            }),
        ],
    },
];

/// Whether the server answered a handshake with text.
fn is_plain(event: &EventAt) -> bool {
    [
        "something else",
        "without TLS",
        " clear",
        "POP3 without",
        "wrong version number",
        "unexpected TLS packet",
        "+OK",
    ]
    .iter()
    .any(|word| event.text.contains(word))
}

fn was_offered(context: &Context) -> bool {
    Phase::ALL
        .into_iter()
        .filter_map(|phase| context.session.announced(phase))
        .any(|lines| super::words::has_tag(lines, "STLS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tls_fault;

    /// What poptalk says of a certificate is a finding about the certificate, and not that the
    /// server does not support TLS.
    #[test]
    fn each_sentence_about_a_certificate_has_its_reason() {
        let whose = tls_fault::Whose::Unknown;
        for fault in tls_fault::all().filter(|fault| fault.is_excused) {
            let sentences = [fault.of(whose), fault.of_read(whose, "x")];
            for sentence in sentences {
                let found = reason(&sentence);
                let is_about =
                    found.is_some_and(|found| !matches!(found, Reason::Version | Reason::Limit));
                assert!(is_about, "{sentence}: {found:?}");
            }
        }
        let limited = tls_fault::LIMITED_VERSION.with("TLS 1.2");
        assert_eq!(reason(&limited), Some(Reason::Limit));
        let weak = tls_fault::WEAK_KEY.of(whose);
        assert_eq!(reason(&weak), Some(Reason::Weak));
        let unfit = tls_fault::WRONG_USE.of(whose);
        assert_eq!(reason(&unfit), Some(Reason::Untrusted));
        for fault in [
            &tls_fault::OLD_VERSION,
            &tls_fault::WEAK_PROOF,
            &tls_fault::NO_NEW_VERSION,
        ] {
            assert_eq!(reason(&fault.with("TLSv1.0")), Some(Reason::Version));
        }
    }
}
