//! The client's side of TLS: the handshake, what was agreed, and why it fails.

mod certificate;
mod hello;
mod made;
pub(crate) mod reason;
mod registry;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use mio::net::TcpStream;
use native_tls::HandshakeError;
use sha2::{Digest, Sha256};

use super::wrong_service::{MISSING_HEADER, WrongService};
use crate::base::error::Explain;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::lock::lock;
use crate::base::tls_fault;
use crate::transcript::event::{Event, Trust};
pub(crate) use certificate::Certificate;
use hello::Tap;
pub(crate) use made::prepare;

/// How many lines that a server said in place of a handshake are shown, and how many octets of
/// each.
const SAID_LINES: usize = 5;
/// How many characters of a line are shown in [`TlsFacts::brief`].
const BRIEF_MAX: usize = 200;
const SAID_SHOWN: usize = 512;

const UNEXPECTED_HEADER: &str =
    "the server may not expect the header of --proxy-protocol: omit the option";

pub(crate) type TlsStream = native_tls::TlsStream<Tap>;

/// How the server is to be checked.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Continue even if the certificate cannot be verified (`--insecure`).
    pub is_insecure: bool,
    /// A PEM file of certificates to trust (`--ca`, `--ca-only`).
    pub ca: Option<PathBuf>,
    /// Trust only `ca`, and none of the system's authorities (`--ca-only`).
    pub is_ca_only: bool,
    /// Certificates (PEM) to trust in addition to the system's: that of our own practice server.
    pub own_pem: Vec<u8>,
    /// The lowest version to agree to (`--tls-min`); None: what the library takes for safe.
    pub min: Option<Version>,
    /// The highest version to agree to (`--tls-max`).
    pub max: Option<Version>,
    /// The name to ask the server for (SNI) and to verify, in place of the host and of
    /// [`TlsSettings::names`] (`--tls-name`).
    pub name: Option<String>,
    /// What the certificate may be for, where that is not just the host that was typed: hosts,
    /// domains, and SRV-IDs, which start with `_`. Empty: the host.
    pub names: Vec<String>,
    /// The SHA-256 of the certificate (DER) that the server must have (`--pin`). It replaces the
    /// verification by authorities.
    pub pin: Option<[u8; 32]>,
    /// A certificate and its key (PEM files, PKCS #8) to show to the server (`--cert`, `--key`).
    pub own_certificate: Option<(PathBuf, PathBuf)>,
}

impl TlsSettings {
    /// Whether the library skips verification: `--insecure` accepts any certificate, and a pin is
    /// compared after the handshake.
    fn skips_verification(&self) -> bool {
        self.is_insecure || self.pin.is_some()
    }

    /// Returns the names to choose from; empty where there is only one, which the library verifies.
    fn choices(&self) -> &[String] {
        match self.name {
            Some(_) => &[],
            None => &self.names,
        }
    }

    /// Whether the certificate is for one of the names, where there are names to choose from.
    fn accepts(&self, certificate: Option<&Certificate>) -> bool {
        let names = self.choices();
        let is_named = |certificate: &Certificate| certificate.is_for_any(names);
        self.skips_verification() || names.is_empty() || certificate.is_some_and(is_named)
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.0: no longer safe (RFC 8996).
    Tls10,
    /// TLS 1.1: no longer safe (RFC 8996).
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl From<Version> for native_tls::Protocol {
    fn from(version: Version) -> Self {
        match version {
            Version::Tls10 => Self::Tlsv10,
            Version::Tls11 => Self::Tlsv11,
            Version::Tls12 => Self::Tlsv12,
            Version::Tls13 => Self::Tlsv13,
        }
    }
}

/// What is known of a certificate that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsVerdict {
    Verified,
    /// It is the one that was pinned; who signed it does not count.
    Pinned,
    /// Nothing is wrong with the certificate itself; why its issuer could not be checked.
    Unknown(String),
    /// Why it cannot be trusted: a sentence for each fault.
    Refuted(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3` and so on.
    pub(crate) version: String,
    /// The IANA name of the cipher suite.
    pub(crate) cipher: String,
    /// The server's own certificate, where it could be read.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) verdict: TlsVerdict,
    /// How the key was agreed: the named group, or the kind of exchange with its curve.
    pub(crate) key_exchange: String,
    /// The application protocol that was agreed (ALPN); None when the server took no part.
    pub(crate) protocol: Option<String>,
    /// The certificates that the server sent, its own first; in TLS 1.3 only its own can be read.
    pub(crate) chain: Vec<Certificate>,
    /// What binds a login to this connection (`tls-server-end-point`, RFC 5929 §4), where it is
    /// defined.
    pub(crate) end_point: Option<Vec<u8>>,
}

impl TlsFacts {
    /// The event of a transcript: version, cipher, verified or why not, subject.
    pub(crate) fn event(&self) -> Event {
        let trust = match &self.verdict {
            TlsVerdict::Verified => Trust::Verified,
            TlsVerdict::Pinned => Trust::Pinned,
            TlsVerdict::Unknown(_) => Trust::Unknown,
            TlsVerdict::Refuted(faults) => Trust::Unverified(tls_fault::joined(faults)),
        };
        let subject = self.certificate.as_ref();
        let subject = subject.map_or("", |certificate| &certificate.subject);
        Event::TlsStarted {
            version: self.version.to_string(),
            cipher: self.cipher.to_string(),
            trust: Some(trust),
            subject: subject.trim_end().to_owned(),
        }
    }

    /// Hides secrets: an attacker who knows one can have a certificate made with it.
    pub(crate) fn hide(&mut self, hide: &dyn Fn(&str) -> String) {
        for certificate in self.certificate.iter_mut().chain(&mut self.chain) {
            certificate.hide(hide);
        }
        match &mut self.verdict {
            TlsVerdict::Verified | TlsVerdict::Pinned => {}
            TlsVerdict::Unknown(why) => *why = hide(why),
            TlsVerdict::Refuted(faults) => faults.iter_mut().for_each(|fault| *fault = hide(fault)),
        }
    }

    /// Whether anyone on the network path may be at the other end.
    pub(crate) fn is_doubtful(&self) -> bool {
        !matches!(self.verdict, TlsVerdict::Verified | TlsVerdict::Pinned)
    }

    pub(crate) fn details(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{} {}, key exchange {}",
                self.version, self.cipher, self.key_exchange
            ),
            match &self.protocol {
                Some(protocol) => format!("application protocol `{protocol}` (ALPN)"),
                None => "no application protocol agreed (ALPN)".to_owned(),
            },
        ];
        lines.extend(self.judged_chain());
        if let TlsVerdict::Unknown(_) = self.verdict {
            lines.push("hint: without --insecure the whole chain is verified".to_owned());
        }
        lines
    }

    /// What to know of the server's own certificate before you trust it, in a few short lines: the
    /// fingerprint and the faults must not leave the screen.
    pub(crate) fn brief(&self) -> Vec<String> {
        let details = self.certificate.iter().flat_map(Certificate::details);
        let cut = |line: String| match line.char_indices().nth(BRIEF_MAX) {
            Some((end, _)) => format!("{} ...", line.get(..end).unwrap_or_default()),
            None => line,
        };
        let lines = details.chain(self.judgement());
        lines.map(cut).collect()
    }

    /// The certificates that were seen, and what is known of the server's own.
    fn judged_chain(&self) -> Vec<String> {
        let mut lines = certificates(&self.chain);
        if self.version == "TLSv1.3" {
            lines.push(
                "TLS 1.3 encrypts any other certificates of the chain; --tls-max 1.2 shows them"
                    .to_owned(),
            );
        }
        lines.extend(self.judgement());
        lines
    }

    fn judgement(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.verdict {
            TlsVerdict::Verified => {
                let what = "verified: name, dates and issuer; revocation was not checked";
                lines.push(what.to_owned());
            }
            TlsVerdict::Pinned => {
                let what =
                    "pinned: it has the fingerprint that you trust; nothing else was verified";
                lines.push(what.to_owned());
            }
            TlsVerdict::Unknown(why) => {
                lines.push(format!("NOT VERIFIED, perhaps valid: {why}"));
            }
            TlsVerdict::Refuted(why) => {
                lines.push("NOT VERIFIED".to_owned());
                lines.extend(reason::faults(why));
            }
        }
        lines
    }

    /// One line for people; [`TlsFacts::details`] has the rest.
    pub(crate) fn line(&self) -> String {
        let certificate = self.certificate.as_ref().map_or_else(
            || "a certificate that could not be read".to_owned(),
            |certificate| {
                format!(
                    "{}, valid to {}",
                    certificate.subject, certificate.not_after
                )
            },
        );
        let verdict = match &self.verdict {
            TlsVerdict::Verified => "verified".to_owned(),
            TlsVerdict::Pinned => "pinned".to_owned(),
            TlsVerdict::Unknown(why) => format!("NOT VERIFIED, perhaps valid: {why}"),
            TlsVerdict::Refuted(faults) => {
                let why = tls_fault::joined(faults);
                format!("NOT VERIFIED: {why}; continuing because of --insecure")
            }
        };
        format!("{} {}, {certificate}, {verdict}", self.version, self.cipher)
    }
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TlsError {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// The server's certificate could not be verified, and no pin refused it.
    pub(crate) is_untrusted: bool,
    /// What the server sent of the handshake before it failed.
    pub(crate) seen: Option<Box<FailedHandshake>>,
    /// The server's certificate on a later connection.
    pub(crate) fetched: Option<Box<Certificate>>,
}

impl Explain for TlsError {
    fn exit(&self) -> Exit {
        Exit::Tls
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        self.hint.clone().map(Cow::Owned)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedHandshake {
    /// `TLSv1.3` and so on, where the server chose one.
    pub(crate) version: Option<String>,
    /// The certificates that were sent unencrypted, the server's own first.
    pub(crate) chain: Vec<Certificate>,
    /// What the server said in cleartext after its `+OK` to STLS, line ends included, 8 KiB at
    /// most. It is for people only: an attacker on the network path can have written it.
    pub(crate) said: Vec<u8>,
}

impl FailedHandshake {
    fn of_octets(octets: &[u8], is_stls: bool) -> Option<Box<Self>> {
        let seen = hello::listen(octets);
        let chain = seen.chain.iter();
        let version = (seen != hello::HelloSeen::default()).then_some(seen.version);
        let is_said = is_stls && hello::is_text(octets);
        Some(Box::new(Self {
            version,
            chain: chain.filter_map(|der| Certificate::of_der(der)).collect(),
            said: octets.iter().copied().filter(|_| is_said).collect(),
        }))
        .filter(|broken| broken.version.is_some() || is_said)
    }
}

impl TlsError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            is_untrusted: false,
            seen: None,
            fetched: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Hides secrets, except in what the server said.
    pub(crate) fn hide(&mut self, hide: &dyn Fn(&str) -> String) {
        self.what = hide(&self.what);
        self.hint = self.hint.as_deref().map(hide);
        let seen = self.seen.iter_mut().flat_map(|seen| &mut seen.chain);
        for certificate in seen.chain(self.fetched.as_deref_mut()) {
            certificate.hide(hide);
        }
    }

    /// Whether the handshake showed a certificate, and it was not this one.
    pub(crate) fn has_shown_other(&self, certificate: &Certificate) -> bool {
        let shown = self.seen.as_ref().and_then(|seen| seen.chain.first());
        shown.is_some_and(|shown| shown.fingerprint != certificate.fingerprint)
    }

    /// Adds what the PROXY protocol may have to do with it, where TLS was to begin at once.
    /// `has_header`: the connection began with a header.
    pub(crate) fn at_once(mut self, has_header: bool) -> Self {
        let fault = tls_fault::of_sentence(&self.what);
        if fault.is_some_and(|fault| tls_fault::UNANSWERED.contains(&fault)) {
            let hint = self.hint.unwrap_or_default();
            self.hint = Some(match has_header {
                true => format!("{UNEXPECTED_HEADER}; {hint}"),
                false => format!("{hint}; {MISSING_HEADER}"),
            });
        }
        self
    }

    /// Returns the lines that the server said in cleartext in place of the handshake, each as it
    /// may be printed. The transcript has them all; these are the first.
    pub(crate) fn said(&self) -> Vec<String> {
        let said = self.seen.as_ref().map_or(&b""[..], |seen| &seen.said);
        let lines = said.split_inclusive(|octet| *octet == b'\n');
        let shown = lines.take(SAID_LINES).map(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let shown = escape::escaped(line.get(..SAID_SHOWN).unwrap_or(line));
            let more = if line.len() > SAID_SHOWN { " ..." } else { "" };
            format!("the server said in cleartext: {shown}{more}")
        });
        shown.collect()
    }

    pub(crate) fn details(&self) -> Vec<String> {
        let mut lines = vec![format!("TLS FAILED: {}", self.what)];
        lines.extend(self.hint.as_ref().map(|hint| format!("hint: {hint}")));
        lines.extend(self.said());
        let Some((seen, version)) = self
            .seen
            .as_ref()
            .and_then(|seen| Some((seen, seen.version.as_deref()?)))
        else {
            return lines;
        };
        lines.push(format!("the server chose {version}"));
        lines.extend(certificates(&seen.chain));
        if let Some(fetched) = &self.fetched {
            lines.push("fetched afterwards, on a connection of its own".to_owned());
            lines.extend(certificates(std::slice::from_ref(fetched)));
        } else if seen.chain.is_empty() && version == "TLSv1.3" {
            lines.push(
                "TLS 1.3 encrypts the certificate, and the TLS library does not return one that it refused; `:open --trust` fetches it, --tls-max 1.2 shows it here"
                    .to_owned(),
            );
        }
        lines
    }
}

/// Certificates with all that there is to say of each, the server's own first.
fn certificates(chain: &[Certificate]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, certificate) in chain.iter().enumerate() {
        lines.push(if index == 0 {
            "the server's certificate".to_owned()
        } else {
            format!("the server also sent, {index}")
        });
        let details = certificate.details().into_iter();
        lines.extend(details.map(|line| format!("  {line}")));
    }
    lines
}

impl From<WrongService> for TlsError {
    fn from(mistake: WrongService) -> Self {
        Self::new(mistake.what).with_hint(mistake.hint)
    }
}

/// Does the handshake on a connected socket that does not block.
///
/// `is_stls`: the server agreed to it by STLS; otherwise TLS begins at once. `wait` is called each
/// time the handshake can't continue; it returns when the socket may have become ready.
///
/// Errors: the handshake failed, the certificate is not to be trusted, or `wait` gave up.
pub(crate) fn handshake(
    socket: TcpStream,
    host: &str,
    settings: &TlsSettings,
    is_stls: bool,
    wait: &mut dyn FnMut() -> Result<(), TlsError>,
) -> Result<(TlsStream, TlsFacts), TlsError> {
    let host = settings.name.as_deref().unwrap_or(host);
    let connector = made::connector(settings).map_err(reason::of_options)?;
    let (tap, tapped) = Tap::new(socket, is_stls);
    let seen = || lock(&tapped).clone();
    let mut attempt = connector.connect(host, tap);
    let mut stream = loop {
        match attempt {
            Ok(stream) => break stream,
            Err(HandshakeError::Failure(error)) => {
                // With what came of the handshake.
                let octets = seen();
                let text = error.to_string();
                let error = reason::of_failure(&text, &octets, host, settings, is_stls);
                let is_untrusted = reason::is_about_trust(&text);
                return Err(TlsError {
                    seen: FailedHandshake::of_octets(&octets, is_stls),
                    is_untrusted,
                    what: match is_untrusted {
                        true => reason::all_faults(&error.what, &octets, host, settings),
                        false => error.what,
                    },
                    ..error
                });
            }
            Err(HandshakeError::WouldBlock(half)) => {
                // What was said before the time was up stays known.
                wait().map_err(|error| TlsError {
                    seen: FailedHandshake::of_octets(&seen(), is_stls),
                    ..error
                })?;
                attempt = half.handshake();
            }
        }
    };
    stream.get_mut().stop();
    let seen = hello::listen(&std::mem::take(&mut *lock(&tapped)));
    let leaf = stream.peer_certificate().ok().flatten();
    let der = leaf.and_then(|leaf| leaf.to_der().ok());
    let certificate = der.as_deref().and_then(Certificate::of_der);
    if let Some(error) = refusal(der.as_deref(), certificate.as_ref(), host, settings) {
        let _ = stream.shutdown();
        let failed = FailedHandshake {
            version: Some(seen.version),
            chain: certificate.into_iter().collect(),
            said: Vec::new(),
        };
        return Err(TlsError {
            seen: Some(Box::new(failed)),
            ..error
        });
    }
    let verdict = match (settings.pin, settings.is_insecure) {
        (Some(_), _) => TlsVerdict::Pinned,
        (None, true) => reason::verdict(der.as_deref(), &seen.chain, host, settings),
        (None, false) => TlsVerdict::Verified,
    };
    let chain = seen.chain.iter();
    let mut chain: Vec<Certificate> = chain.filter_map(|der| Certificate::of_der(der)).collect();
    if chain.is_empty() {
        chain.extend(certificate.clone());
    }
    let protocol = stream.negotiated_alpn().ok().flatten();
    let facts = TlsFacts {
        version: seen.version,
        cipher: seen.cipher,
        certificate,
        verdict,
        key_exchange: seen.key_exchange,
        protocol: protocol.map(|name| name.escape_ascii().to_string()),
        chain,
        end_point: stream.tls_server_end_point().ok().flatten(),
    };
    Ok((stream, facts))
}

/// Why a certificate is refused after the handshake; None when it is accepted.
fn refusal(
    der: Option<&[u8]>,
    certificate: Option<&Certificate>,
    host: &str,
    settings: &TlsSettings,
) -> Option<TlsError> {
    match settings.pin {
        Some(pin) if der.map(Sha256::digest).is_none_or(|found| found[..] != pin) => {
            Some(reason::of_pin(certificate))
        }
        _ if settings.accepts(certificate) => None,
        _ => Some(TlsError {
            is_untrusted: true,
            ..reason::of_names(host, settings.choices())
        }),
    }
}

/// Whether an error is no more than the end of the TCP connection inside TLS; OpenSSL's words. Most
/// clients of POP3 end so.
pub(crate) fn is_end(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::UnexpectedEof
        || error.to_string().contains("unexpected eof")
}

/// Reads a certificate and its key.
///
/// Errors: a file can't be read, or the two are not a certificate and key in PEM form (the key as
/// PKCS #8).
pub(crate) fn read_identity(
    certificate: &Path,
    key: &Path,
) -> Result<native_tls::Identity, TlsError> {
    let hint = "give --cert and --key as PEM, the key as PKCS #8 (`openssl pkcs8 -topk8 -nodes`)";
    let fail = |path: &Path, what: String| {
        TlsError::new(format!("{}: {what}", path.display())).with_hint(hint)
    };
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| fail(path, crate::base::io_error::plain(&error)))
    };
    let (certificate_pem, key_pem) = (read(certificate)?, zeroize::Zeroizing::new(read(key)?));
    native_tls::Identity::from_pkcs8(&certificate_pem, &key_pem)
        .map_err(|error| fail(certificate, error.to_string()))
}

/// Reads the certificates of a PEM file.
///
/// Errors: the file can't be read, or holds no certificate.
pub(crate) fn read_ca(path: &Path) -> Result<Vec<native_tls::Certificate>, TlsError> {
    let fail = |what: String| {
        TlsError::new(format!("{}: {what}", path.display()))
            .with_hint("give a file with certificates in PEM form")
    };
    let pem = std::fs::read(path).map_err(|error| fail(crate::base::io_error::plain(&error)))?;
    let found =
        native_tls::Certificate::stack_from_pem(&pem).map_err(|error| fail(error.to_string()))?;
    if found.is_empty() {
        return Err(fail("it contains no certificate".to_owned()));
    }
    Ok(found)
}
