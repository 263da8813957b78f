//! The server's side of TLS, with OpenSSL: TLS 1.2 and 1.3, with a given certificate or a
//! self-signed one.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    self, AlpnError, HandshakeError, MidHandshakeSslStream, SslAcceptor, SslMethod, SslStream,
    SslVerifyMode,
};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509NameBuilder};

use super::server_certificate::ServerCertificate;

/// For how many days a certificate of our own is valid.
const DAYS: u32 = 365;

/// The list of what we speak, for a client that asks (ALPN): one name, its length in front.
const PROTOCOLS: &[u8] = b"\x04pop3";

/// Turns connections into TLS connections.
pub(crate) struct Acceptor {
    acceptor: SslAcceptor,
    end_point: Option<Vec<u8>>,
}

impl Acceptor {
    /// Takes or makes the certificate, and gives its PEM form back as well. None if TLS is not
    /// available. With a `client_ca` (PEM) clients are asked for a certificate, and one that it did
    /// not issue is refused.
    ///
    /// Errors: the PEM can't be read, or the key belongs to a different certificate.
    pub(crate) fn new(
        certificate: &ServerCertificate,
        client_ca: Option<&[u8]>,
    ) -> Result<Option<(Self, String)>, String> {
        let made = match certificate {
            ServerCertificate::SelfSigned(names) => {
                self_signed(names).map(|(leaf, key)| (vec![leaf], key))
            }
            ServerCertificate::Given { certificate, key } => given(certificate, key),
        };
        made.and_then(|(chain, key)| with(&chain, &key, client_ca))
            .map(Some)
            .map_err(|error| {
                reason(&error).unwrap_or_else(|| "it contains no certificate".to_owned())
            })
    }

    /// The `tls-server-end-point` of the certificate (RFC 5929 §4).
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        self.end_point.clone()
    }

    /// Does the handshake. On a socket that does not block, `wait` is called each time when it
    /// can't continue.
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
        Handshake::of(self.acceptor.accept(stream))
    }
}

pub(crate) enum Handshake<S> {
    Done(Inside<S>),
    Waiting(Half<S>),
    Failed(String),
}

pub(crate) struct Half<S>(MidHandshakeSslStream<S>);

impl<S: Read + Write> Half<S> {
    pub(crate) fn go_on(self) -> Handshake<S> {
        Handshake::of(self.0.handshake())
    }
}

impl<S> Handshake<S> {
    fn of(result: Result<SslStream<S>, HandshakeError<S>>) -> Self {
        match result {
            Ok(stream) => Self::Done(Inside(stream)),
            Err(HandshakeError::WouldBlock(half)) => Self::Waiting(Half(half)),
            Err(HandshakeError::SetupFailure(error)) => {
                Self::Failed(reason(&error).unwrap_or_else(|| error.to_string()))
            }
            Err(HandshakeError::Failure(half)) => {
                let why = half.error().ssl_error().and_then(reason);
                Self::Failed(why.unwrap_or_else(|| "the client closed the connection".to_owned()))
            }
        }
    }
}

/// The hash of a certificate that logins are bound to; its own hash function, SHA-256 in place of
/// the weak ones (RFC 5929 §4.1). None where the algorithm has none.
fn end_point(certificate: &X509) -> Option<Vec<u8>> {
    let signature = certificate.signature_algorithm().object().nid();
    let hash = match signature.signature_algorithms()?.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        Nid::UNDEF => return None,
        hash => MessageDigest::from_nid(hash)?,
    };
    Some(certificate.digest(hash).ok()?.to_vec())
}

fn reason(error: &ErrorStack) -> Option<String> {
    error
        .errors()
        .iter()
        .find_map(|error| error.reason())
        .map(str::to_owned)
}

fn with(
    chain: &[X509],
    key: &PKey<Private>,
    client_ca: Option<&[u8]>,
) -> Result<(Acceptor, String), ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    let mut pem = Vec::new();
    for (index, certificate) in chain.iter().enumerate() {
        if index == 0 {
            builder.set_certificate(certificate)?;
        } else {
            builder.add_extra_chain_cert(certificate.clone())?;
        }
        pem.extend(certificate.to_pem()?);
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    builder.set_alpn_select_callback(|_, offered| {
        ssl::select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK)
    });
    if let Some(client_ca) = client_ca {
        let mut store = X509StoreBuilder::new()?;
        for authority in X509::stack_from_pem(client_ca)? {
            builder.add_client_ca(&authority)?;
            store.add_cert(authority)?;
        }
        builder.set_verify_cert_store(store.build())?;
        // Without FAIL_IF_NO_PEER_CERT: a client without a certificate may log in by other means.
        builder.set_verify(SslVerifyMode::PEER);
    }
    let pem = String::from_utf8_lossy(&pem).into_owned();
    let acceptor = Acceptor {
        acceptor: builder.build(),
        end_point: chain.first().and_then(end_point),
    };
    Ok((acceptor, pem))
}

fn given(certificate: &[u8], key: &[u8]) -> Result<(Vec<X509>, PKey<Private>), ErrorStack> {
    let chain = X509::stack_from_pem(certificate)?;
    if chain.is_empty() {
        return Err(ErrorStack::get());
    }
    Ok((chain, PKey::private_key_from_pem(key)?))
}

/// A certificate for `names`, host names or addresses, that is signed by its own key.
fn self_signed(names: &[String]) -> Result<(X509, PKey<Private>), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;

    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, "poptalk practice server")?;
    if let Some(name) = names.first() {
        subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    }
    let subject = subject.build();

    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?; // counted from 0: X.509 version 3
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    builder.set_not_after(Asn1Time::days_from_now(DAYS)?.as_ref())?;

    // Not an authority: trusting it means trusting this server, and nothing that it might sign.
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let mut alternatives = SubjectAlternativeName::new();
    for name in names {
        if name.parse::<IpAddr>().is_ok() {
            alternatives.ip(name);
        } else {
            alternatives.dns(name);
        }
    }
    let context = builder.x509v3_context(None, None);
    let alternatives = alternatives.build(&context)?;
    let identifier = SubjectKeyIdentifier::new().build(&context)?;
    builder.append_extension(alternatives)?;
    builder.append_extension(identifier)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}

pub(crate) struct Inside<S>(SslStream<S>);

impl<S: Read + Write> Inside<S> {
    pub(crate) fn wire(&mut self) -> &mut S {
        self.0.get_mut()
    }

    /// Version and cipher, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`.
    pub(crate) fn facts(&self) -> String {
        let ssl = self.0.ssl();
        let cipher = ssl.current_cipher();
        let name = cipher
            .and_then(|cipher| cipher.standard_name())
            .unwrap_or("?");
        format!("{} {name}", ssl.version_str())
    }

    /// The names in the client's certificate: the common name, and the part before the `@` of its
    /// mail addresses. Empty without a certificate; one that is not trusted was refused in the
    /// handshake.
    pub(crate) fn client_names(&self) -> Vec<String> {
        let Some(certificate) = self.0.ssl().peer_certificate() else {
            return Vec::new();
        };
        let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        let common = common.filter_map(|entry| entry.data().to_string().ok());
        let mut names: Vec<String> = common.collect();
        for other in certificate.subject_alt_names().iter().flatten() {
            let address = other.email().and_then(|address| address.split('@').next());
            names.extend(address.map(str::to_owned));
        }
        names
    }

    /// RFC 8314 §3.4: sends close_notify, so that the client knows that nothing was cut off.
    pub(crate) fn notify(&mut self) {
        // The client may be gone already; then there is no one to inform.
        let _ = self.0.shutdown();
    }
}

impl<S: Read + Write> Read for Inside<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Read + Write> Write for Inside<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
