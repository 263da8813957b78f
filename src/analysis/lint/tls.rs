//! RFC 8314, RFC 8997, RFC 7817: TLS and certificates, as the events tell of them.

use super::{Check, Context, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::session::Phase;
use crate::reading::dialogue::{EventAt, EventKind};
use crate::transcript::event::{self, Trust};

/// Why a certificate is not trusted, or a handshake fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Expired,
    Name,
    Untrusted,
    Weak,
    Version,
}

/// The words of each reason, in our own sentences and in those of the TLS library.
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
        ],
    ),
];

/// What the event says against the certificate; the subject of it, behind that, may have any words.
fn doubts(event: &EventAt) -> Option<String> {
    match event.said() {
        event::Event::TlsStarted { trust, .. } => match trust? {
            Trust::Unverified(why) => Some(why),
            Trust::Verified | Trust::Unknown => None,
        },
        _ => (event.kind == EventKind::TlsFailed).then(|| event.text.clone()),
    }
}

pub(super) fn reason(text: &str) -> Option<Reason> {
    let is_old = [
        "TLS version",
        "alert 70",
        "protocol version",
        "unsupported protocol",
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
    let all = doubts(event).filter(|text| self::reason(text) != Some(Reason::Version))?;
    // A certificate may be bad in several ways.
    let fits = |text: &str| {
        let mut rows = WORDS.iter().filter(|(of, _)| *of == reason);
        rows.any(|(_, words)| words.iter().any(|word| text.contains(word)))
    };
    // Each rule shows its own reason, where the event has several.
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
        says: "the certificate is valid today",
        hint: "renew it, and make the mail server read it again: often only the web server does",
        check: &[Check::Event(|event, _| doubted(event, Reason::Expired))],
    },
    // RFC 7817 §3: the certificate names the host that the user gave.
    Rule {
        id: "tls-cert-name-mismatch",
        level: Security,
        source: "RFC 7817 §3",
        says: "the certificate is for the name that the client used",
        hint: "use the provider's name of the host, or put this name into the certificate",
        check: &[Check::Event(|event, _| doubted(event, Reason::Name))],
    },
    // RFC 8314 §5.3: the certificate leads to an authority that clients trust.
    Rule {
        id: "tls-cert-untrusted",
        level: Security,
        source: "RFC 8314 §5.3, §5.4",
        says: "the certificate leads to an authority that clients know",
        hint: "the server needs a certificate of an authority that clients know, with the whole chain; who looks gives the right one with --ca FILE, or goes on with --insecure; a virus scanner on this machine may stand between",
        check: &[Check::Event(|event, _| doubted(event, Reason::Untrusted))],
    },
    // RFC 9325 §4: keys and signatures of today.
    Rule {
        id: "tls-cert-weak",
        level: Should,
        source: "RFC 7817, RFC 9325 §4",
        says: "the certificate is signed in a way that is safe today",
        hint: "have a new certificate issued",
        check: &[Check::Event(|event, _| doubted(event, Reason::Weak))],
    },
    // RFC 7817: who goes on without a check talks to anybody.
    Rule {
        id: "tls-unverified",
        level: Security,
        source: "RFC 8314 §5.3, RFC 7817",
        says: "the certificate is checked",
        hint: "give the authority's certificate with --ca in place of --insecure",
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
        says: "TLS is of version 1.2 or later",
        hint: "update the server, or switch TLS 1.2 and 1.3 on",
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
    // RFC 9325 §4.1: no cipher suites without encryption, for export, or with RC4 and the like.
    Rule {
        id: "tls-weak-cipher",
        level: Security,
        source: "RFC 9325 §4.1",
        says: "the cipher suite is not a broken one",
        hint: "switch this suite off at the server",
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
        says: "who gets the server's key later can't read this session",
        hint: "switch on suites with ECDHE, and TLS 1.3",
        check: &[Check::Event(|event, _| {
            let (_, suite) = agreed(event)?;
            (suite.starts_with("TLS_RSA_") && !suite.contains("RC4") && !suite.contains("DES"))
                .then(|| spot(event))
        })],
    },
    // RFC 8314 §3.4: a side that closes says so inside TLS first, so that nobody can cut the end off unseen.
    Rule {
        id: "tls-no-close-notify",
        level: Info,
        source: "RFC 8314 §3.4",
        says: "the end of TLS is announced",
        hint: "common, and of no harm behind QUIT; elsewhere somebody may have cut the end off",
        check: &[Check::Event(|event, _| {
            event.said().is_without_close_notify().then(|| spot(event))
        })],
    },
    // RFC 8314 §3: on a port for TLS a handshake succeeds.
    Rule {
        id: "tls-handshake-failed",
        level: Must,
        source: "RFC 8314 §3",
        says: "the handshake succeeds",
        hint: "the port may not speak TLS, or has no certificate: the server's log says more",
        check: &[Check::Event(|event, known| {
            let is_failed = event.kind == EventKind::TlsFailed && !known.session.tls.is_by_stls();
            (is_failed && doubt(event).is_none() && !is_plain(event)).then(|| spot(event))
        })],
    },
    // RFC 8314 §3.1: on port 995 TLS begins with the first octet.
    Rule {
        id: "plain-on-tls-port",
        level: Must,
        source: "RFC 8314 §3.1",
        says: "port 995 speaks TLS from the first octet",
        hint: "TLS is not on at this port: type STLS on a connection in clear, or set the port right",
        check: &[Check::Event(|event, known| {
            (event.kind == EventKind::TlsFailed
                && is_plain(event)
                && !known.session.tls.is_by_stls())
            .then(|| spot(event))
        })],
    },
    // RFC 8314 §3, §4: a server has TLS, from the first octet or by STLS.
    Rule {
        id: "no-tls-offered",
        level: Should,
        source: "RFC 8314 §3, §4",
        says: "a server that is reached in clear offers STLS",
        hint: "set TLS up, at best on port 995",
        check: &[
            Check::Exchange(|ended, known| {
                let is_first = ended.verb == "CAPA"
                    && ended.is_ok()
                    && ended.is_complete()
                    && known.session.phase() == Phase::First;
                let is_open = known.is_in_clear()
                    && !known.listing.has_holes
                    && is_first
                    && !was_offered(known);
                ended.when(
                    is_open && !super::words::has_tag(&known.listing.capabilities, "STLS"),
                    "no STLS in the list",
                )
            }),
            // Seen: popa3d has neither CAPA nor STLS.
            Check::Exchange(|ended, known| {
                let is_refused = ended.verb == "STLS" && ended.is_err() && ended.code().is_none();
                let is_open = known.is_in_clear() && known.session.is_authorization();
                let is_untold =
                    known.session.is_capa_refused && known.session.last_announced().is_none();
                ended.when(
                    is_refused && is_open && is_untold,
                    "STLS is refused, and so is CAPA",
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
        "in clear",
        "POP3 without",
        "wrong version number",
        "unexpected TLS packet",
        "+OK",
    ]
    .iter()
    .any(|word| event.text.contains(word))
}

fn was_offered(known: &Context) -> bool {
    Phase::ALL
        .into_iter()
        .filter_map(|phase| known.session.announced(phase))
        .any(|lines| super::words::has_tag(lines, "STLS"))
}
