//! The server's side of TLS, with rustls on every platform: TLS 1.2 and 1.3, with a given
//! certificate or a self-signed one.

mod credential;
mod reason;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{self, Accepted, AcceptedAlert, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, ServerConnection};

use super::server_certificate::ServerCertificate;
use super::wire::is_late;
use credential::Credential;

/// What we speak, for a client that asks (ALPN).
const PROTOCOL: &[u8] = b"pop3";

/// Turns connections into TLS connections.
pub(crate) struct Acceptor {
    settings: Settings,
    end_point: Option<Vec<u8>>,
}

impl Acceptor {
    /// Takes or makes the certificate, and gives its PEM form back as well. With a `client_ca`
    /// (PEM) clients are asked for a certificate, and one that it did not issue is refused.
    ///
    /// Errors: the PEM can't be read, the key is of a kind that is not supported, or it belongs to
    /// a different certificate.
    pub(crate) fn new(
        certificate: &ServerCertificate,
        client_ca: Option<&[u8]>,
    ) -> Result<(Self, String), String> {
        let provider = Arc::new(ring::default_provider());
        let credential = match certificate {
            ServerCertificate::SelfSigned(names) => Credential::self_signed(names),
            ServerCertificate::Given { certificate, key } => Credential::given(certificate, key),
        }?;
        let (pem, end_point) = (credential.pem()?, credential.end_point());
        let resolver = SingleCertAndKey::from(credential.certified(&provider)?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| reason::of(&error))?;
        let builder = match client_ca {
            Some(pem) => builder.with_client_cert_verifier(verifier(pem, provider)?),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_cert_resolver(Arc::new(resolver));
        let settings = Settings::new(config);
        Ok((
            Self {
                settings,
                end_point,
            },
            pem,
        ))
    }

    /// The `tls-server-end-point` of the certificate (RFC 5929 §4).
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        self.end_point.clone()
    }

    /// Does the handshake on a stream that blocks.
    ///
    /// Errors: why it failed; the connection is closed then.
    pub(crate) fn accept<S: Read + Write>(&self, stream: S) -> Result<Inside<S>, String> {
        match self.begin(stream) {
            Handshake::Done(inside) => Ok(inside),
            Handshake::Waiting(_) => Err("timed out".to_owned()),
            Handshake::Failed(why) => Err(why),
        }
    }

    /// Begins the handshake on a stream that may not block.
    pub(crate) fn begin<S: Read + Write>(&self, stream: S) -> Handshake<S> {
        let half = Half {
            wire: stream,
            stage: Stage::Hello(Box::default(), self.settings.clone()),
        };
        half.go_on()
    }
}

/// A client without a certificate is let in: it may log in by other means.
fn verifier(
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let unusable = |why: &str| format!("the clients' authority cannot be used: {why}");
    let mut roots = RootCertStore::empty();
    for authority in credential::certificates(pem).map_err(|why| unusable(&why))? {
        let added = roots.add(authority);
        added.map_err(|_| unusable("it is not valid X.509"))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| unusable(&error.to_string()))
}

/// rustls ends a handshake in which the client offers protocols, and not ours. RFC 7301 §3.2 wants
/// that, but a client may as well know no name for POP3, or a different one. So a client that does
/// not offer ours meets settings without any.
#[derive(Clone)]
struct Settings {
    plain: Arc<ServerConfig>,
    named: Arc<ServerConfig>,
}

impl Settings {
    fn new(plain: ServerConfig) -> Self {
        let mut named = plain.clone();
        named.alpn_protocols = vec![PROTOCOL.to_vec()];
        Self {
            plain: Arc::new(plain),
            named: Arc::new(named),
        }
    }

    fn answer(self, accepted: Accepted) -> Result<ServerConnection, Refusal> {
        let offered = accepted.client_hello().alpn();
        let is_ours = offered.is_some_and(|mut names| names.any(|name| name == PROTOCOL));
        accepted.into_connection(if is_ours { self.named } else { self.plain })
    }
}

/// The alert protocol_version (RFC 8446 §6.2). rustls sends handshake_failure to clients of TLS 1.1,
/// and they look for the fault in their ciphers.
const PROTOCOL_VERSION: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 70];

/// What is wrong with a client's first message, and the alert for it.
type Refusal = (rustls::Error, AcceptedAlert);

pub(crate) enum Handshake<S> {
    Done(Inside<S>),
    Waiting(Half<S>),
    Failed(String),
}

pub(crate) struct Half<S> {
    wire: S,
    stage: Stage,
}

enum Stage {
    /// The client's first message has not come in full.
    Hello(Box<server::Acceptor>, Settings),
    Answered(Box<ServerConnection>),
}

impl<S: Read + Write> Half<S> {
    pub(crate) fn go_on(self) -> Handshake<S> {
        let Self { mut wire, stage } = self;
        let connection = match stage {
            Stage::Answered(connection) => connection,
            Stage::Hello(mut acceptor, settings) => loop {
                let answer = match acceptor.accept() {
                    Ok(None) => None,
                    Ok(Some(accepted)) => Some(settings.clone().answer(accepted)),
                    Err(refusal) => Some(Err(refusal)),
                };
                match answer {
                    Some(Ok(connection)) => break Box::new(connection),
                    Some(Err((error, mut alert))) => {
                        // A client that has gone needs no alert.
                        let _ = match reason::is_by_age(&error) {
                            true => wire.write_all(&PROTOCOL_VERSION),
                            false => alert.write_all(&mut wire),
                        };
                        return Handshake::Failed(reason::of(&error));
                    }
                    None => {}
                }
                match uninterrupted(|| acceptor.read_tls(&mut wire)) {
                    Ok(0) => return Handshake::Failed(reason::CLOSED.to_owned()),
                    Ok(_) => {}
                    Err(error) if is_late(&error) => {
                        let stage = Stage::Hello(acceptor, settings);
                        return Handshake::Waiting(Self { wire, stage });
                    }
                    Err(error) => return Handshake::Failed(reason::of_wire(&error)),
                }
            },
        };
        let mut inside = Inside {
            wire,
            connection,
            taken: 0,
        };
        match inside.shake_hands() {
            Ok(true) => Handshake::Done(inside),
            Ok(false) => Handshake::Waiting(Self {
                wire: inside.wire,
                stage: Stage::Answered(inside.connection),
            }),
            Err(why) => Handshake::Failed(why),
        }
    }
}

fn uninterrupted<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

pub(crate) struct Inside<S> {
    wire: S,
    connection: Box<ServerConnection>,
    /// How many of the caller's octets are encrypted and not all on the wire.
    taken: usize,
}

impl<S: Read + Write> Inside<S> {
    pub(crate) fn wire(&mut self) -> &mut S {
        &mut self.wire
    }

    /// Version and cipher, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`.
    pub(crate) fn facts(&self) -> String {
        let version = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "?",
        };
        let suite = self.connection.negotiated_cipher_suite();
        let name = suite.and_then(|suite| suite.suite().as_str());
        // rustls has a prefix of its own for those of TLS 1.3; IANA does not.
        let name = name.unwrap_or("?").replace("TLS13_", "TLS_");
        format!("{version} {name}")
    }

    /// The names in the client's certificate: the common name, and the part before the `@` of its
    /// mail addresses. Empty without a certificate; one that is not trusted was refused in the
    /// handshake.
    pub(crate) fn client_names(&self) -> Vec<String> {
        let chain = self.connection.peer_certificates().unwrap_or_default();
        chain.first().map(credential::names).unwrap_or_default()
    }

    /// RFC 8314 §3.4: sends close_notify, so that the client knows that nothing was cut off.
    pub(crate) fn notify(&mut self) {
        self.connection.send_close_notify();
        // The client may be gone already; then there is no one to inform.
        let _ = self.send();
    }

    /// Continues the handshake; false when the wire can't.
    fn shake_hands(&mut self) -> Result<bool, String> {
        loop {
            if let Err(error) = self.connection.process_new_packets() {
                // The alert; a client that has gone needs none.
                let _ = self.send();
                return Err(reason::of(&error));
            }
            // What ends the wire is reported by the read: the client may have said why before.
            let is_blocked = matches!(self.send(), Err(error) if is_late(&error));
            if !self.connection.is_handshaking() {
                return Ok(true);
            }
            if is_blocked {
                return Ok(false);
            }
            match self.receive() {
                Ok(0) => return Err(reason::CLOSED.to_owned()),
                Ok(_) => {}
                Err(error) if is_late(&error) => return Ok(false),
                Err(error) => return Err(reason::of_wire(&error)),
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        uninterrupted(|| self.connection.read_tls(&mut self.wire))
    }

    /// Sends all that is encrypted.
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            if uninterrupted(|| self.connection.write_tls(&mut self.wire))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for Inside<S> {
    /// The end of the connection without close_notify counts as the end: many clients never send
    /// one, and QUIT says whether the session was complete.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let processed = self.connection.process_new_packets();
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            // Tickets and alerts. What ends the wire is reported by the read.
            let _ = self.send();
            processed.map_err(|error| io::Error::other(reason::of(&error)))?;
            self.receive()?;
        }
    }
}

impl<S: Read + Write> Write for Inside<S> {
    /// Returns when all of what it took is on the wire. After an error call it again with the same
    /// octets: they may be encrypted already.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.taken == 0 {
            self.send()?;
            self.taken = self.connection.writer().write(octets)?;
        }
        self.send()?;
        Ok(std::mem::take(&mut self.taken).min(octets.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
