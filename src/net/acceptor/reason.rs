//! Why TLS with a client failed, in a short sentence.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::base::io_error::plain;

pub(super) const CLOSED: &str = "the client closed the connection";

/// What the socket says during a handshake.
pub(super) fn of_wire(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::BrokenPipe
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::UnexpectedEof => CLOSED.to_owned(),
        _ => plain(error),
    }
}

pub(super) fn of(error: &Error) -> String {
    let text = match error {
        Error::AlertReceived(alert) => return of_alert(*alert),
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::PeerIncompatible(what) => of_incompatible(what),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "the client sent something that is not TLS",
        Error::InvalidMessage(_) => "the client sent a malformed TLS message",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the client sent a TLS message out of order"
        }
        Error::PeerMisbehaved(_) => "the client broke the rules of TLS",
        Error::DecryptError => "a TLS record of the client cannot be decrypted",
        Error::PeerSentOversizedRecord => "the client sent a TLS record that is too long",
        Error::FailedToGetCurrentTime => "the clock cannot be read",
        Error::FailedToGetRandomBytes => "the system gives no random numbers",
        _ => "TLS cannot continue",
    };
    text.to_owned()
}

/// Whether the client is of TLS 1.1 or older: such clients send no signature_algorithms (RFC 5246
/// §7.4.1.4.1), which rustls misses first.
pub(super) fn is_by_age(error: &Error) -> bool {
    let wants = PeerIncompatible::SignatureAlgorithmsExtensionRequired;
    *error == Error::PeerIncompatible(wants)
}

fn of_alert(alert: AlertDescription) -> String {
    let says = match alert {
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => return CLOSED.to_owned(),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => "the client does not trust the certificate",
        AlertDescription::CertificateExpired => "the client says that the certificate has expired",
        AlertDescription::CertificateRevoked => "the client says that the certificate was revoked",
        AlertDescription::ProtocolVersion => "the client does not accept the version of TLS",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the client does not accept the cipher or the key"
        }
        _ => "the client ended TLS",
    };
    format!("{says} (alert {})", name(alert))
}

/// The name in RFC 8446 §6, such as `unknown_ca`.
pub(super) fn name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else {
        return u8::from(alert).to_string();
    };
    let mut made = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if was_lower && c.is_ascii_uppercase() {
            made.push('_');
        }
        was_lower = c.is_ascii_lowercase();
        made.push(c.to_ascii_lowercase());
    }
    made
}

fn of_incompatible(what: &PeerIncompatible) -> &'static str {
    match what {
        PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the client offers neither TLS 1.2 nor TLS 1.3"
        }
        PeerIncompatible::NoCipherSuitesInCommon => "the client offers no cipher that we have",
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::KeyShareExtensionRequired
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::UncompressedEcPointsRequired => {
            "the client offers no key exchange that we have"
        }
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "the client accepts no signature that our key can make"
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "the client's certificate makes no signature that we can verify"
        }
        PeerIncompatible::NullCompressionRequired => "the client insists on compression",
        _ => "the client offers no TLS that we have",
    }
}

/// What is wrong with a client's certificate.
fn of_certificate(error: &CertificateError) -> &'static str {
    #[allow(
        deprecated,
        reason = "which of the two comes is up to the version of rustls"
    )]
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the client's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the client's certificate is not valid yet"
        }
        CertificateError::UnknownIssuer => {
            "the client's certificate was issued by a different authority"
        }
        CertificateError::BadSignature => "the signature with the client's certificate is wrong",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the client's certificate is not for clients of TLS"
        }
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the client's certificate has a signature that we cannot verify"
        }
        // webpki's own words.
        CertificateError::Other(other) => match other.to_string().as_str() {
            "UnsupportedCertVersion" => "the client's certificate is not of X.509 version 3",
            "CaUsedAsEndEntity" => "the client's certificate is that of an authority",
            _ => "the client's certificate cannot be verified",
        },
        _ => "the client's certificate cannot be verified",
    }
}
