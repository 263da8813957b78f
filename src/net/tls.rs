//! The client's side of TLS: the handshake, what was agreed, and why it fails.

mod certificate;
mod hello;
mod reason;

use std::path::{Path, PathBuf};

use mio::net::TcpStream;
use native_tls::{HandshakeError, TlsConnector};

use super::mistake::{self, Mistake};
pub use certificate::Certificate;
use hello::Tap;

/// A connection inside TLS.
pub type TlsStream = native_tls::TlsStream<Tap>;

/// How the server is to be checked.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Go on although the certificate is not to be trusted (`--insecure`).
    pub is_insecure: bool,
    /// A PEM file of certificates to trust besides those of the system (`--ca`).
    pub ca: Option<PathBuf>,
    /// Certificates (PEM) to trust besides those of the system: that of our own practice server.
    pub own_pem: Vec<u8>,
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3` and so on.
    pub version: String,
    /// The IANA name of the cipher suite.
    pub cipher: String,
    /// The server's own certificate, where it could be read.
    pub certificate: Option<Certificate>,
    /// Why the certificate is not to be trusted; None when it was verified.
    pub doubt: Option<String>,
}

impl TlsFacts {
    /// The event text of a transcript: version, cipher, verified or why not, subject.
    #[must_use]
    pub fn event(&self) -> String {
        let verdict = match &self.doubt {
            None => "verified".to_owned(),
            Some(doubt) => format!("unverified ({doubt})"),
        };
        let subject = self
            .certificate
            .as_ref()
            .map_or("", |certificate| &certificate.subject);
        format!("tls {} {} {verdict} {subject}", self.version, self.cipher)
            .trim_end()
            .to_owned()
    }

    /// At most three lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let verdict = match &self.doubt {
            None => "certificate verified".to_owned(),
            Some(doubt) => format!("NOT VERIFIED: {doubt}; goes on because of --insecure"),
        };
        let mut lines = vec![format!("{} {}, {verdict}", self.version, self.cipher)];
        if let Some(certificate) = &self.certificate {
            lines.extend(certificate.lines());
        }
        lines
    }
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TlsError {
    /// What happened, one line.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<Mistake> for TlsError {
    fn from(mistake: Mistake) -> Self {
        Self {
            what: mistake.what.to_owned(),
            hint: Some(mistake.hint.to_owned()),
        }
    }
}

/// Does the handshake on a connected socket that does not block.
///
/// `wait` is called each time the handshake can't go on; it returns when the socket may have become ready.
///
/// Errors: the handshake failed, the certificate is not to be trusted, or `wait` gave up.
pub fn handshake(
    socket: TcpStream,
    host: &str,
    settings: &TlsSettings,
    wait: &mut dyn FnMut() -> Result<(), TlsError>,
) -> Result<(TlsStream, TlsFacts), TlsError> {
    let connector = connector(settings)?;
    let (tap, tapped) = Tap::new(socket);
    let mut attempt = connector.connect(host, tap);
    let mut stream = loop {
        match attempt {
            Ok(stream) => break stream,
            Err(HandshakeError::Failure(error)) => {
                return Err(reason::of_failure(
                    &error.to_string(),
                    &tapped.octets(),
                    host,
                ));
            }
            Err(HandshakeError::WouldBlock(half)) => {
                wait()?;
                attempt = half.handshake();
            }
        }
    };
    stream.get_mut().stop();
    let (version, cipher) = hello::version_and_cipher(&tapped.take());
    let der = stream
        .peer_certificate()
        .ok()
        .flatten()
        .and_then(|leaf| leaf.to_der().ok());
    let certificate = der.as_deref().and_then(Certificate::of_der);
    let doubt = settings
        .is_insecure
        .then(|| reason::doubt(der.as_deref(), host, settings))
        .flatten();
    Ok((
        stream,
        TlsFacts {
            version,
            cipher,
            certificate,
            doubt,
        },
    ))
}

fn connector(settings: &TlsSettings) -> Result<TlsConnector, TlsError> {
    let mut builder = TlsConnector::builder();
    builder
        .danger_accept_invalid_certs(settings.is_insecure)
        .danger_accept_invalid_hostnames(settings.is_insecure)
        .request_alpns(&["pop3"]);
    let given = settings
        .ca
        .as_deref()
        .map(read_ca)
        .transpose()?
        .unwrap_or_default();
    let own = native_tls::Certificate::stack_from_pem(&settings.own_pem).unwrap_or_default();
    for certificate in given.into_iter().chain(own) {
        builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| TlsError {
        what: error.to_string(),
        hint: None,
    })
}

/// Reads the certificates of a PEM file.
///
/// Errors: the file can't be read, or holds no certificate.
pub fn read_ca(path: &Path) -> Result<Vec<native_tls::Certificate>, TlsError> {
    let fail = |what: String| TlsError {
        what: format!("--ca {}: {what}", path.display()),
        hint: Some("give a file with certificates in PEM form".to_owned()),
    };
    let pem = std::fs::read(path).map_err(|error| fail(super::dial::plain(&error)))?;
    let found =
        native_tls::Certificate::stack_from_pem(&pem).map_err(|error| fail(error.to_string()))?;
    if found.is_empty() {
        return Err(fail("no certificate in it".to_owned()));
    }
    Ok(found)
}
