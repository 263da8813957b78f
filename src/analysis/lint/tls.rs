//! RFC 8314, RFC 8997, RFC 7817: TLS and certificates, as the events report them.

use super::{Check, Context, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::base::tls_fault::{self, FaultKind};
use crate::pop3::session::Phase;
use crate::reading::dialogue::{EventAt, EventKind};
use crate::transcript::event::{self, Trust};

/// Fragments for each kind, in the texts of other programs and of earlier versions of poptalk.
const FRAGMENTS: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::Expired,
        &["expired", "not valid yet", "not yet valid"],
    ),
    (
        FaultKind::Name,
        &[
            "for another name",
            "for none of",
            "not for",
            "mismatch",
            "does not match the expected",
        ],
    ),
    (FaultKind::Weak, &["no longer safe", "too weak"]),
    (
        FaultKind::Untrusted,
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

/// Fragments of the texts about a server that answered a handshake with text.
const CLEARTEXT: &[&str] = &[
    "something else",
    "without TLS",
    " clear",
    "POP3 without",
    "wrong version number",
    "unexpected TLS packet",
    "+OK",
];

/// Fragments of the texts about a version of TLS that is no longer safe.
const OLD_VERSION: &[&str] = &[
    "TLS version",
    "alert 70",
    "protocol version",
    "unsupported protocol",
    "signs the handshake",
];

/// Returns each sentence of the event against the certificate or the handshake. The certificate's
/// subject, which follows, may contain any words.
fn sentences(event: &EventAt) -> Vec<String> {
    match event.said() {
        event::Event::TlsStarted {
            trust: Some(Trust::Unverified(why)),
            ..
        } => tls_fault::sentences(&why).map(str::to_owned).collect(),
        event::Event::TlsFailed(why) => vec![why],
        _ => Vec::new(),
    }
}

/// What a sentence is about. Only that of another program, or of an earlier version of poptalk, may
/// be about several things.
fn kinds(sentence: &str) -> Vec<FaultKind> {
    if let Some(fault) = tls_fault::of_sentence(sentence) {
        return vec![fault.kind];
    }
    let has = |words: &[&str]| words.iter().any(|word| sentence.contains(word));
    // It is about the handshake, not about the certificate.
    if sentence.contains("Diffie-Hellman") {
        return vec![FaultKind::Handshake];
    }
    if sentence.contains("--tls-m") {
        return vec![FaultKind::Client];
    }
    if has(OLD_VERSION) {
        return vec![FaultKind::Version];
    }
    let fits = FRAGMENTS.iter().filter(|(_, words)| has(words));
    let mut kinds: Vec<FaultKind> = fits.map(|(kind, _)| *kind).collect();
    if has(CLEARTEXT) {
        kinds.push(FaultKind::Cleartext);
    }
    if kinds.is_empty() {
        kinds.push(FaultKind::Handshake);
    }
    kinds
}

/// Whether a handshake failed for a reason that is neither the certificate nor the version of TLS.
pub(super) fn is_failed_handshake(event: &EventAt) -> bool {
    let is_of_handshake =
        |kind: &FaultKind| matches!(kind, FaultKind::Handshake | FaultKind::Cleartext);
    let sentences = sentences(event);
    let mut kinds = sentences.iter().flat_map(|sentence| kinds(sentence));
    event.kind == EventKind::TlsFailed && kinds.all(|kind| is_of_handshake(&kind))
}

/// The place of an event that has a fault of this kind. A certificate may have several faults: each
/// rule shows only its own.
fn broken(event: &EventAt, kind: FaultKind) -> Option<Site> {
    let all = sentences(event);
    let fits = |sentence: &&String| kinds(sentence).contains(&kind);
    let own: Vec<&str> = all.iter().filter(fits).map(String::as_str).collect();
    let shown = || {
        let (all, own) = (tls_fault::joined(&all), tls_fault::joined(&own));
        Site::at(event.place, event.text.replacen(&all, &own, 1))
    };
    (!own.is_empty()).then(shown)
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
        check: &[Check::Event(|event, _| broken(event, FaultKind::Expired))],
    },
    // RFC 7817 §3: the certificate names the host that the user gave.
    Rule {
        id: "tls-cert-name-mismatch",
        level: Security,
        source: "RFC 7817 §3",
        says: "the certificate must cover the name that the client used",
        hint: "use the provider's host name, or add this name to the certificate",
        check: &[Check::Event(|event, _| broken(event, FaultKind::Name))],
    },
    // RFC 8314 §5.3: the certificate leads to an authority that clients trust.
    Rule {
        id: "tls-cert-untrusted",
        level: Security,
        source: "RFC 8314 §5.3, §5.4",
        says: "the certificate chain must lead to an authority that clients trust",
        hint: "install a certificate from a trusted authority with its whole chain, or trust this one with --ca FILE; --insecure trusts any (a local virus scanner can also cause this)",
        check: &[Check::Event(|event, _| broken(event, FaultKind::Untrusted))],
    },
    // RFC 9325 §4: current keys and signatures.
    Rule {
        id: "tls-cert-weak",
        level: Should,
        source: "RFC 7817, RFC 9325 §4",
        says: "the certificate's key and signature should be considered safe",
        hint: "have a new certificate issued",
        check: &[Check::Event(|event, _| broken(event, FaultKind::Weak))],
    },
    // RFC 7817: a client that does not verify the certificate may be talking to anyone.
    Rule {
        id: "tls-unverified",
        level: Security,
        source: "RFC 8314 §5.3, RFC 7817",
        says: "the client should verify the certificate",
        hint: "use --ca with the authority's certificate instead of --insecure",
        check: &[Check::Event(|event, _| {
            let is_on = event.kind == EventKind::TlsStarted;
            is_on.then(|| broken(event, FaultKind::Handshake)).flatten()
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
            let site = is_old.then(|| spot(event));
            site.or_else(|| broken(event, FaultKind::Version))
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
            let site = is_failed.then(|| broken(event, FaultKind::Handshake));
            site.flatten()
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
            let is_failed = event.kind == EventKind::TlsFailed && !context.session.tls.is_by_stls();
            let site = is_failed.then(|| broken(event, FaultKind::Cleartext));
            site.flatten()
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

fn was_offered(context: &Context) -> bool {
    Phase::ALL
        .into_iter()
        .filter_map(|phase| context.session.announced(phase))
        .any(|lines| super::words::has_tag(lines, "STLS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::finding::Finding;
    use crate::analysis::lint::Lint;
    use crate::base::tls_fault::{TlsFault, Whose};
    use crate::reading::dialogue::Place;
    use crate::transcript::Item;

    /// The rules about TLS that this event breaks, as a lint of the whole session says.
    fn broken_by(event: event::Event) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut lint = Lint::new();
        for event in [event::Event::connected("192.0.2.1:995"), event] {
            let item = Item::Event(event.to_string());
            lint.feed(Place::default(), &item, &mut |one| found.push(one));
        }
        found.retain(|one| one.id.starts_with("tls-") || one.id == "plain-on-tls-port");
        found
    }

    fn started(sentences: &[String]) -> event::Event {
        event::Event::TlsStarted {
            version: "TLSv1.2".to_owned(),
            cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned(),
            trust: Some(Trust::Unverified(tls_fault::joined(sentences))),
            subject: "CN=localhost".to_owned(),
        }
    }

    fn rule(kind: FaultKind) -> Option<&'static str> {
        match kind {
            FaultKind::Expired => Some("tls-cert-expired"),
            FaultKind::Name => Some("tls-cert-name-mismatch"),
            FaultKind::Untrusted => Some("tls-cert-untrusted"),
            FaultKind::Weak => Some("tls-cert-weak"),
            FaultKind::Version => Some("tls-old-version"),
            FaultKind::Client => None,
            FaultKind::Cleartext => Some("plain-on-tls-port"),
            FaultKind::Handshake => Some("tls-handshake-failed"),
        }
    }

    fn sentences_of(row: &TlsFault) -> [String; 3] {
        [
            row.example(),
            row.of_read(Whose::Unknown, "x"),
            row.of_read(Whose::Subject("CN=a; b) c"), "x"),
        ]
    }

    /// What poptalk says of a certificate is a finding about the certificate, and not that the
    /// server does not support TLS.
    #[test]
    fn each_fault_breaks_the_rule_of_its_kind() {
        for row in tls_fault::all() {
            for sentence in sentences_of(row) {
                let ids = |event| {
                    broken_by(event)
                        .iter()
                        .map(|one| one.id)
                        .collect::<Vec<_>>()
                };
                let failed = ids(event::Event::TlsFailed(sentence.clone()));
                let expected: Vec<_> = rule(row.kind).into_iter().collect();
                assert_eq!(failed, expected, "{sentence}");
                if row.insecure_accepts {
                    assert_eq!(
                        ids(started(std::slice::from_ref(&sentence))),
                        expected,
                        "{sentence}"
                    );
                }
            }
        }
    }

    /// The subject contains a sentence of poptalk's and the end of the reason.
    #[test]
    fn a_subject_cannot_add_a_fault() {
        let subject = "CN=x; the server's certificate was revoked) CN=y";
        let late = tls_fault::EXPIRED.of_read(Whose::Subject(subject), "2021-01-01");
        let weak = tls_fault::WEAK_KEY.of_read(Whose::Server, "RSA of 1024 bits");
        let found = broken_by(started(&[late.clone(), weak.clone()]));
        let found = found.iter().map(|one| (one.id, one.message.as_str()));
        let whole = |sentence: &str| started(&[sentence.to_owned()]).to_string();
        let (late, weak) = (whole(&late), whole(&weak));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [("tls-cert-expired", &late[..]), ("tls-cert-weak", &weak)]
        );
    }
}
