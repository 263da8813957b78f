//! The rows: certificates first, then chains, then handshakes.

use super::{FaultKind, TlsFault};

const NONE: TlsFault = TlsFault {
    library: &[],
    says: "",
    says_with_detail: "",
    means: "",
    next: "",
    insecure_accepts: false,
    kind: FaultKind::Handshake,
    source: "",
};

const UNTRUSTED: TlsFault = TlsFault {
    kind: FaultKind::Untrusted,
    ..NONE
};

// What Windows calls them (winerror.h); the words are those of its language.
const CERT_E_EXPIRED: &str = "os error -2146762495";
const CERT_E_UNTRUSTEDROOT: &str = "os error -2146762487";
const CERT_E_CHAINING: &str = "os error -2146762486";
const CERT_E_REVOKED: &str = "os error -2146762484";
const CERT_E_CN_NO_MATCH: &str = "os error -2146762481";
const CERT_E_WRONG_USAGE: &str = "os error -2146762480";

pub(super) const ALL: &[&TlsFault] = &[
    &EXPIRED,
    &NOT_YET_VALID,
    &NOT_VALID_TODAY,
    &WEAK_KEY,
    &WEAK_SIGNATURE,
    &WRONG_USE,
    &WRONG_NAME,
    &WRONG_ADDRESS,
    &NONE_OF_NAMES,
    &NOT_PINNED,
    &NO_CERTIFICATE,
    &UNREADABLE,
    &SELF_SIGNED_IN_CHAIN,
    &SELF_SIGNED,
    &UNKNOWN_ISSUER,
    &NOT_TRUSTED,
    &HIDDEN_ISSUER,
    &UNCHECKED_ISSUER,
    &FALSE_SIGNATURE,
    &REVOKED,
    &NOT_AN_AUTHORITY,
    &PATH_TOO_LONG,
    &CHAIN_TOO_LONG,
    &TOO_MANY_CERTIFICATES,
    &NAME_NOT_PERMITTED,
    &CRITICAL_EXTENSION,
    &REFUSED,
    &OLD_VERSION,
    &NO_NEW_VERSION,
    &LIMITED_VERSION,
    &NO_VERSION,
    &NO_CIPHER,
    &UNSAFE_FOR_SERVER,
    &UNKNOWN_NAME,
    &NO_PROTOCOL,
    &CLIENT_CERTIFICATE,
    &ALERT,
    &SHORT_DH,
    &WEAK_PROOF,
    &OLD_RENEGOTIATION,
    &CLEARTEXT,
    &CLEARTEXT_AFTER_STLS,
    &NOT_TLS,
    &CLOSED,
    &RESET,
    &NO_ANSWER,
    &FAILED,
    &ENDED_BY_ALERT,
    &BROKEN,
    &OWN_KEY_MISMATCH,
    &OWN_CERTIFICATE_WEAK,
    &SETTINGS_REFUSED,
];

pub(crate) const EXPIRED: TlsFault = TlsFault {
    library: &["certificate has expired"],
    says: "{who} has expired",
    says_with_detail: "{who} expired on {}",
    means: "Its last valid day is over, by the clock of this machine.",
    next: "the administrator must renew it and make the mail server load it",
    insecure_accepts: true,
    kind: FaultKind::Expired,
    source: "RFC 5280 §4.1.2.5",
};

pub(crate) const NOT_YET_VALID: TlsFault = TlsFault {
    library: &["certificate is not yet valid"],
    says: "{who} is not valid yet",
    says_with_detail: "{who} is not valid before {}",
    means: "Its first valid day is in the future, by the clock of this machine.",
    next: "check the clock of this machine; if it is right, the administrator must install a certificate that is valid now",
    insecure_accepts: true,
    kind: FaultKind::Expired,
    source: "RFC 5280 §4.1.2.5",
};

pub(crate) const NOT_VALID_TODAY: TlsFault = TlsFault {
    library: &[CERT_E_EXPIRED],
    says: "{who} has expired or is not valid yet",
    means: "The system does not say which.",
    next: "check the clock of this machine; if it is right, the administrator must install a certificate that is valid now",
    insecure_accepts: true,
    kind: FaultKind::Expired,
    source: "RFC 5280 §4.1.2.5",
    ..NONE
};

pub(crate) const WEAK_KEY: TlsFault = TlsFault {
    library: &["certificate key too weak"],
    says: "{who} has a key that is no longer safe",
    says_with_detail: "{who} has a key that is no longer safe ({})",
    means: "The key is so short that an attacker may find its secret part.",
    next: "the administrator must have a certificate issued for a new key, RSA of 2048 bits or more, or EC P-256",
    insecure_accepts: true,
    kind: FaultKind::Weak,
    source: "RFC 9325 §4.5",
};

pub(crate) const WEAK_SIGNATURE: TlsFault = TlsFault {
    library: &["signature digest algorithm too weak", "md too weak"],
    says: "{who} is signed with an algorithm that is no longer safe",
    says_with_detail: "{who} is signed with an algorithm that is no longer safe ({})",
    means: "An attacker may be able to forge a certificate that has the same digest.",
    next: "the administrator must have a new certificate issued, signed with SHA-256 or better",
    insecure_accepts: true,
    kind: FaultKind::Weak,
    source: "RFC 9325 §4.5",
};

pub(crate) const WRONG_USE: TlsFault = TlsFault {
    library: &[
        "unsuitable certificate purpose",
        "unsupported certificate purpose",
        CERT_E_WRONG_USAGE,
    ],
    says: "{who} is not meant for servers",
    says_with_detail: "{who} is not meant for servers ({})",
    means: "Its key usage or extended key usage permits other things, and not TLS servers (serverAuth).",
    next: "the administrator must have a certificate issued for a TLS server (serverAuth)",
    insecure_accepts: true,
    kind: FaultKind::Untrusted,
    source: "RFC 5280 §4.2.1.12",
};

const USE_ITS_NAME: &str =
    "give the name that the certificate is for as HOST, or with --tls-name if it is the right one";

const OTHER_NAMES: &str =
    "Either it is for other names of this server, or this is a different server.";

pub(crate) const WRONG_NAME: TlsFault = TlsFault {
    library: &["ostname mismatch", CERT_E_CN_NO_MATCH],
    says: "the server's certificate is not for the name `{}`",
    means: OTHER_NAMES,
    next: USE_ITS_NAME,
    insecure_accepts: true,
    kind: FaultKind::Name,
    source: "RFC 7817 §3",
    ..NONE
};

pub(crate) const WRONG_ADDRESS: TlsFault = TlsFault {
    library: &["IP address mismatch"],
    says: "the server's certificate is not for the address `{}`",
    means: "Few certificates are for an address: most are for host names.",
    next: USE_ITS_NAME,
    insecure_accepts: true,
    kind: FaultKind::Name,
    source: "RFC 7817 §3, RFC 9525 §6",
    ..NONE
};

pub(crate) const NONE_OF_NAMES: TlsFault = TlsFault {
    says: "the server's certificate is for none of {}",
    means: OTHER_NAMES,
    next: USE_ITS_NAME,
    insecure_accepts: true,
    kind: FaultKind::Name,
    source: "RFC 6186 §4, RFC 7817 §3",
    ..NONE
};

pub(crate) const NOT_PINNED: TlsFault = TlsFault {
    says: "the server's certificate does not match the pinned fingerprint: {}",
    means: "Its SHA-256 differs from the pinned one: it was renewed, or an attacker is in between.",
    next: "someone may be intercepting the connection; pin the new certificate only if its owner confirms it",
    source: "RFC 7469 §2.6",
    ..UNTRUSTED
};

pub(crate) const NO_CERTIFICATE: TlsFault = TlsFault {
    says: "the server sent no certificate",
    means: "Nothing proves which server is at the other end.",
    next: "the administrator must install a certificate",
    source: "RFC 8446 §4.4.2",
    ..UNTRUSTED
};

pub(crate) const UNREADABLE: TlsFault = TlsFault {
    says: "the server's certificate could not be read",
    means: "It is not valid X.509, so its names and dates are unknown.",
    next: "the administrator must have a new certificate issued",
    source: "RFC 5280 §4.1",
    ..UNTRUSTED
};

pub(crate) const SELF_SIGNED_IN_CHAIN: TlsFault = TlsFault {
    library: &[
        "self-signed certificate in certificate chain",
        "self signed certificate in certificate chain",
        CERT_E_UNTRUSTEDROOT,
    ],
    says: "the certificate was signed by an authority that this machine does not trust",
    means: "The chain ends in a root certificate that the server sent and this machine does not know.",
    next: "if you know the authority, give its certificate with --ca FILE",
    insecure_accepts: true,
    source: "RFC 5280 §6.1",
    ..UNTRUSTED
};

pub(crate) const SELF_SIGNED: TlsFault = TlsFault {
    library: &["self-signed certificate", "self signed certificate"],
    says: "the server's certificate is self-signed",
    means: "No authority vouches for it, so an attacker could have made it.",
    next: "give that certificate with --ca FILE if you know that it is the server's",
    insecure_accepts: true,
    source: "RFC 5280 §3.2, RFC 8314 §5.3",
    ..UNTRUSTED
};

pub(crate) const UNKNOWN_ISSUER: TlsFault = TlsFault {
    library: &[
        "unable to get local issuer certificate",
        "unable to get issuer certificate",
        "unable to verify the first certificate",
        CERT_E_CHAINING,
    ],
    says: "unknown issuer: this machine does not trust the authority, or the server omits an intermediate certificate",
    means: "No chain leads from the server's certificate to an authority that this machine trusts.",
    next: "the administrator must install the certificate with its intermediate ones; give the certificate of an authority of your own with --ca FILE",
    insecure_accepts: true,
    source: "RFC 5280 §6.1, RFC 8446 §4.4.2",
    ..UNTRUSTED
};

pub(crate) const NOT_TRUSTED: TlsFault = TlsFault {
    // macOS says no more (errSecNotTrusted).
    library: &["certificate was not trusted"],
    says: "this machine does not trust the server's certificate",
    means: "The system does not say whether its issuer, its dates, its names or its key are the reason.",
    next: "look at it in `:tls`, with --tls-max 1.2; if you know its authority, give that certificate with --ca FILE",
    insecure_accepts: true,
    source: "RFC 5280 §6.1",
    ..UNTRUSTED
};

pub(crate) const HIDDEN_ISSUER: TlsFault = TlsFault {
    says: "its issuer is not a trusted authority, and TLS 1.3 hides any certificates in between",
    means: "With --insecure only the server's own certificate can be read, which has no fault.",
    next: "without --insecure the whole chain is verified",
    source: "RFC 8446 §4.4.2",
    ..UNTRUSTED
};

pub(crate) const UNCHECKED_ISSUER: TlsFault = TlsFault {
    says: "its issuer was not checked",
    means: "With --insecure the TLS library of this system does not report on the issuer.",
    next: "without --insecure the whole chain is verified",
    source: "RFC 5280 §6.1",
    ..UNTRUSTED
};

pub(crate) const FALSE_SIGNATURE: TlsFault = TlsFault {
    library: &["certificate signature failure"],
    says: "the certificate was not signed by the authority that it names",
    means: "The trusted authority of that name has a different key, or the certificate was forged.",
    next: "give the right certificate of the authority with --ca FILE",
    insecure_accepts: true,
    source: "RFC 5280 §6.1.3",
    ..UNTRUSTED
};

pub(crate) const REVOKED: TlsFault = TlsFault {
    library: &["certificate revoked", CERT_E_REVOKED],
    says: "{who} was revoked",
    means: "Its authority has declared it invalid, often because its key was stolen. poptalk itself does not check for revocation: this verdict is the system's.",
    next: "the administrator must have a new certificate issued for a new key",
    source: "RFC 5280 §3.3",
    ..UNTRUSTED
};

pub(crate) const NOT_AN_AUTHORITY: TlsFault = TlsFault {
    library: &[
        "invalid CA certificate",
        "invalid non-CA certificate",
        "key usage does not include certificate signing",
    ],
    says: "the chain leads through a certificate that is not an authority's",
    means: "Only a certificate that says CA:TRUE may sign others: anyone can buy one that does not.",
    next: "the administrator must have the certificate issued by an authority",
    insecure_accepts: true,
    source: "RFC 5280 §4.2.1.9",
    ..UNTRUSTED
};

pub(crate) const PATH_TOO_LONG: TlsFault = TlsFault {
    library: &["path length constraint exceeded"],
    says: "the chain is longer than one of its authorities allows",
    means: "An authority limits how many others may follow it (pathLenConstraint), and more do.",
    next: "the administrator must have the certificate issued by an authority that may issue it",
    insecure_accepts: true,
    source: "RFC 5280 §4.2.1.9",
    ..UNTRUSTED
};

const SHORTEN: &str =
    "the administrator must shorten the chain to the server's certificate and its issuers";

pub(crate) const CHAIN_TOO_LONG: TlsFault = TlsFault {
    library: &["certificate chain too long"],
    says: "the chain from the server's certificate to an authority is too long",
    means: "The TLS library follows 100 certificates at most.",
    next: SHORTEN,
    source: "OpenSSL: SSL_CTX_set_verify_depth",
    ..UNTRUSTED
};

pub(crate) const TOO_MANY_CERTIFICATES: TlsFault = TlsFault {
    library: &["excessive message size"],
    says: "the server sends too many certificates",
    means: "The TLS library takes 100 KiB of certificates at most.",
    next: SHORTEN,
    source: "OpenSSL: SSL_CTX_set_max_cert_list",
    ..UNTRUSTED
};

pub(crate) const NAME_NOT_PERMITTED: TlsFault = TlsFault {
    library: &["permitted subtree violation", "excluded subtree violation"],
    says: "an authority in the chain may not issue certificates for the server's names",
    means: "Its own certificate limits the names (name constraints).",
    next: "the administrator must have the certificate issued by a different authority",
    insecure_accepts: true,
    source: "RFC 5280 §4.2.1.10",
    ..UNTRUSTED
};

pub(crate) const CRITICAL_EXTENSION: TlsFault = TlsFault {
    library: &["unhandled critical extension"],
    says: "{who} has a critical extension that this machine does not know",
    means: "A client must refuse what it does not know if the certificate calls it critical.",
    next: "the administrator must have a certificate issued without the extension",
    insecure_accepts: true,
    source: "RFC 5280 §4.2",
    ..UNTRUSTED
};

pub(crate) const REFUSED: TlsFault = TlsFault {
    says: "the TLS library refuses the server's certificate: `{}`",
    means: "The words are the library's own.",
    next: "show them to the administrator; --tls-max 1.2 shows the certificate in `:tls`",
    insecure_accepts: true,
    source: "OpenSSL: X509_verify_cert",
    ..UNTRUSTED
};

const NEW_VERSION: &str = "the server must support TLS 1.2 or later (RFC 8314 §4)";

pub(crate) const OLD_VERSION: TlsFault = TlsFault {
    library: &["unsupported protocol", "wrong ssl version"],
    says: "the server offers only a TLS version that is no longer safe: {}",
    means: "It answered with a version that was not offered.",
    next: NEW_VERSION,
    kind: FaultKind::Version,
    source: "RFC 8314 §4, RFC 8996, RFC 8997",
    ..NONE
};

pub(crate) const NO_NEW_VERSION: TlsFault = TlsFault {
    says: "the server supports neither TLS 1.2 nor TLS 1.3: alert 70 (protocol_version)",
    means: "It supports only versions that are no longer safe.",
    next: NEW_VERSION,
    kind: FaultKind::Version,
    source: "RFC 8446 §6.2, RFC 8314 §4, RFC 8996",
    ..NONE
};

pub(crate) const LIMITED_VERSION: TlsFault = TlsFault {
    says: "the server does not support {}, and --tls-min or --tls-max rules other versions out",
    means: "The limit is poptalk's; the server may support TLS 1.2 or 1.3.",
    next: "omit --tls-min and --tls-max, or give the server's version",
    kind: FaultKind::Client,
    source: "RFC 8446 §4.2.1",
    ..NONE
};

pub(crate) const NO_VERSION: TlsFault = TlsFault {
    library: &["no protocols available"],
    says: "this machine supports none of the TLS versions from --tls-min to --tls-max",
    means: "The TLS library rules out TLS 1.0 and 1.1, or --tls-min is above --tls-max.",
    next: "omit --tls-min and --tls-max, or allow TLS 1.2 or 1.3",
    kind: FaultKind::Client,
    source: "OpenSSL: SSL_CTX_set_security_level",
    ..NONE
};

pub(crate) const NO_CIPHER: TlsFault = TlsFault {
    says: "the server accepts none of the cipher suites, groups and signatures offered: alert 40 (handshake_failure)",
    means: "It allows only old or rare algorithms, or has no certificate that fits those offered.",
    next: "see the server's log; the administrator must allow current cipher suites, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, and install a certificate",
    source: "RFC 8446 §6.2, RFC 9325 §4.2",
    ..NONE
};

pub(crate) const UNSAFE_FOR_SERVER: TlsFault = TlsFault {
    says: "the server aborted the TLS handshake: alert 71 (insufficient_security)",
    means: "It demands safer cipher suites than poptalk offered.",
    next: "see the server's log, and update the TLS library of this machine",
    source: "RFC 8446 §6.2",
    ..NONE
};

pub(crate) const UNKNOWN_NAME: TlsFault = TlsFault {
    says: "the server aborted the TLS handshake: alert 112 (unrecognized_name)",
    means: "It has no certificate for the name that poptalk asked for (SNI).",
    next: "give a name that the server has as HOST or with --tls-name",
    source: "RFC 6066 §3",
    ..NONE
};

pub(crate) const NO_PROTOCOL: TlsFault = TlsFault {
    says: "the server aborted the TLS handshake: alert 120 (no_application_protocol)",
    means: "It does not list the application protocol `pop3` (ALPN), which poptalk asks for.",
    next: "the port may be a different service's; otherwise the administrator must allow `pop3` in ALPN",
    source: "RFC 7301 §3.2",
    ..NONE
};

pub(crate) const CLIENT_CERTIFICATE: TlsFault = TlsFault {
    says: "the server requires an acceptable client certificate: alert {}",
    means: "It got none from poptalk (--cert, --key), or one that it refuses.",
    next: "give a certificate that the server accepts with --cert FILE and --key FILE; see the server's log",
    source: "RFC 8446 §4.4.2.4, §6.2",
    ..NONE
};

pub(crate) const ALERT: TlsFault = TlsFault {
    says: "the server aborted the TLS handshake: alert {}",
    means: "The alert is the server's reason, which its log may explain.",
    next: "see the server's log",
    source: "RFC 8446 §6.2",
    ..NONE
};

pub(crate) const SHORT_DH: TlsFault = TlsFault {
    library: &["dh key too small"],
    says: "the server's Diffie-Hellman group is too short and no longer safe",
    means: "An attacker may compute the key of the session.",
    next: "the administrator must enable ECDHE, or use a group of 2048 bits or more",
    source: "RFC 9325 §4.5",
    ..NONE
};

pub(crate) const WEAK_PROOF: TlsFault = TlsFault {
    library: &["wrong signature type", "legacy sigalg disallowed"],
    says: "the server signs the handshake with an algorithm that is no longer safe ({})",
    means: "TLS 1.0 and 1.1 sign with MD5 and SHA-1, which current libraries refuse.",
    next: "the administrator must enable TLS 1.2 or 1.3 with SHA-256",
    kind: FaultKind::Version,
    source: "RFC 8996, RFC 9155 §4",
    ..NONE
};

pub(crate) const OLD_RENEGOTIATION: TlsFault = TlsFault {
    library: &["unsafe legacy renegotiation disabled"],
    says: "the server does not support secure renegotiation",
    means: "An attacker could put octets before the client's.",
    next: "the administrator must update the server's TLS library (RFC 5746)",
    source: "RFC 5746 §4.1",
    ..NONE
};

pub(crate) const CLEARTEXT: TlsFault = TlsFault {
    says: "this port speaks POP3 in cleartext, not TLS",
    means: "The server sent a POP3 reply where TLS was to begin.",
    next: "connect without --tls and type STLS, or use port 995",
    kind: FaultKind::Cleartext,
    source: "RFC 8314 §3",
    ..NONE
};

pub(crate) const CLEARTEXT_AFTER_STLS: TlsFault = TlsFault {
    says: "the server agreed to STLS and continued in cleartext",
    means: "After its `+OK` to STLS the server sent a POP3 reply where TLS was to begin.",
    next: "report this to the server's administrator; port 995 with --tls may work",
    kind: FaultKind::Cleartext,
    source: "RFC 2595 §4",
    ..NONE
};

pub(crate) const NOT_TLS: TlsFault = TlsFault {
    says: "the server's answer to the TLS handshake is not TLS",
    means: "The first octets are not those of a TLS record.",
    next: BOTH_WAYS,
    source: "RFC 8446 §5.1",
    ..NONE
};

/// The faults of a server that did not answer as TLS does: it may expect something else first.
pub(crate) const UNANSWERED: &[&TlsFault] = &[&NOT_TLS, &CLOSED, &RESET, &NO_ANSWER];

const BOTH_WAYS: &str = "see the server's log, or try the other way into TLS: port 995 with --tls, or port 110 with --stls";

pub(crate) const CLOSED: TlsFault = TlsFault {
    library: &["unexpected EOF", "unexpected eof"],
    says: "the server closed the connection during the TLS handshake",
    means: "It gave no reason. It may not speak TLS on this port, or have no certificate.",
    next: BOTH_WAYS,
    source: "RFC 8446 §6.1",
    ..NONE
};

pub(crate) const RESET: TlsFault = TlsFault {
    library: &["reset by peer"],
    says: "the connection was reset during the TLS handshake",
    means: "The server or a firewall ended the connection without a reason.",
    next: BOTH_WAYS,
    source: "RFC 9293 §3.5.2",
    ..NONE
};

pub(crate) const NO_ANSWER: TlsFault = TlsFault {
    says: "no answer to the TLS handshake within {} s",
    means: "The server accepted the connection and then stayed silent.",
    next: BOTH_WAYS,
    source: "RFC 8446 §4.1",
    ..NONE
};

pub(crate) const FAILED: TlsFault = TlsFault {
    says: "the TLS handshake failed: `{}`",
    means: "The words are those of the TLS library.",
    next: "see the server's log",
    source: "OpenSSL: SSL_connect",
    ..NONE
};

pub(crate) const ENDED_BY_ALERT: TlsFault = TlsFault {
    says: "the server ended TLS: alert {}",
    means: "After the handshake the server sent an alert, which is its reason.",
    next: "see the server's log",
    source: "RFC 8446 §6.2",
    ..NONE
};

pub(crate) const BROKEN: TlsFault = TlsFault {
    says: "TLS broke: `{}`",
    means: "Octets were damaged or are not TLS. The words are those of the TLS library.",
    next: "connect again; if it happens again, a device on the path may be changing the data",
    source: "OpenSSL: SSL_read",
    ..NONE
};

pub(crate) const OWN_KEY_MISMATCH: TlsFault = TlsFault {
    library: &["key values mismatch", "key type mismatch"],
    says: "the key of --key does not belong to the certificate of --cert",
    means: "A certificate is used with the key that it was issued for.",
    next: "give the two files that were made together",
    kind: FaultKind::Client,
    source: "RFC 8446 §4.4.3",
    ..NONE
};

pub(crate) const OWN_CERTIFICATE_WEAK: TlsFault = TlsFault {
    library: &["ee key too small"],
    says: "the certificate of --cert has a key that is no longer safe",
    means: "The TLS library of this machine refuses to show it.",
    next: "have a certificate issued for a new key, RSA of 2048 bits or more, or EC P-256",
    kind: FaultKind::Client,
    source: "RFC 9325 §4.5",
    ..NONE
};

pub(crate) const SETTINGS_REFUSED: TlsFault = TlsFault {
    says: "the TLS library refuses the options: `{}`",
    means: "The words are the library's own.",
    next: "check --cert, --key, --ca, --tls-min and --tls-max",
    kind: FaultKind::Client,
    source: "OpenSSL: SSL_CTX_new",
    ..NONE
};
