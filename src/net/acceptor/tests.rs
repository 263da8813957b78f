mod certificates;
mod failures;
mod octets;

use std::cell::RefCell;
use std::rc::Rc;

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use super::*;

/// What is on its way between a client and the server.
#[derive(Default)]
struct Way {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// The client has closed its end.
    is_closed: bool,
    /// How many octets the server can still send.
    room: usize,
    /// The most octets that the server gets at once.
    slice: usize,
}

/// The server's end; it does not block.
#[derive(Clone)]
struct Wire(Rc<RefCell<Way>>);

impl Wire {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(Way {
            room: usize::MAX,
            slice: usize::MAX,
            ..Way::default()
        })))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut way = self.0.borrow_mut();
        let count = buffer.len().min(way.to_server.len()).min(way.slice);
        if count == 0 && !way.is_closed {
            return Err(ErrorKind::WouldBlock.into());
        }
        for (to, from) in buffer.iter_mut().zip(way.to_server.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut way = self.0.borrow_mut();
        let count = octets.len().min(way.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        way.room -= count;
        way.to_client.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Client {
    tls: ClientConnection,
    way: Wire,
    got: Vec<u8>,
}

impl Client {
    fn new(config: ClientConfig) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            tls: ClientConnection::new(Arc::new(config), name).unwrap(),
            way: Wire::new(),
            got: Vec::new(),
        }
    }

    /// Sends all that it can, and takes all that has come.
    fn go(&mut self) {
        let mut way = self.way.0.borrow_mut();
        let came = std::mem::take(&mut way.to_client);
        let mut came = came.as_slice();
        while !came.is_empty() {
            self.tls.read_tls(&mut came).unwrap();
            // What is wrong is an alert to be sent.
            let _ = self.tls.process_new_packets();
            let _ = self.tls.reader().read_to_end(&mut self.got);
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut way.to_server).unwrap();
        }
    }

    /// The handshake from start to end, and the number of waits in it.
    fn meet(&mut self, acceptor: &Acceptor) -> (Result<Inside<Wire>, String>, usize) {
        let mut waits = 0;
        self.go();
        let mut handshake = acceptor.begin(self.way.clone());
        loop {
            self.go();
            match handshake {
                Handshake::Done(inside) => return (Ok(inside), waits),
                Handshake::Failed(why) => return (Err(why), waits),
                Handshake::Waiting(half) => {
                    waits += 1;
                    handshake = half.go_on();
                }
            }
        }
    }

    fn inside(&mut self, acceptor: &Acceptor) -> Inside<Wire> {
        self.meet(acceptor).0.unwrap()
    }

    fn failure(&mut self, acceptor: &Acceptor) -> String {
        self.meet(acceptor).0.err().unwrap()
    }
}

fn own() -> (Acceptor, String) {
    Acceptor::new(&ServerCertificate::default(), None).unwrap()
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in credential::certificates(pem.as_bytes()).unwrap() {
        roots.add(certificate).unwrap();
    }
    roots
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A client that trusts what is in `pem`.
fn config(
    pem: &str,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Made>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(pem));
    match own {
        None => builder.with_no_client_auth(),
        Some(made) => builder
            .with_client_auth_cert(
                credential::certificates(made.pem.as_bytes()).unwrap(),
                PrivateKeyDer::from_pem_slice(made.key_pem().as_bytes()).unwrap(),
            )
            .unwrap(),
    }
}

fn trusting(pem: &str) -> Client {
    Client::new(config(pem, BOTH, None))
}

/// A certificate with its key.
struct Made {
    pem: String,
    params: CertificateParams,
    key: KeyPair,
}

impl Made {
    fn key_pem(&self) -> String {
        encode("PRIVATE KEY", &self.key.serialize_der())
    }

    fn given(&self) -> ServerCertificate {
        ServerCertificate::Given {
            certificate: self.pem.clone().into_bytes(),
            key: self.key_pem().into_bytes(),
        }
    }

    fn acceptor(&self) -> Acceptor {
        Acceptor::new(&self.given(), None).unwrap().0
    }
}

fn encode(label: &str, der: &[u8]) -> String {
    use x509_cert::der::pem::{LineEnding, encode_string};
    encode_string(label, LineEnding::LF, der).unwrap()
}

fn make(
    kind: &'static rcgen::SignatureAlgorithm,
    issuer: Option<&Made>,
    change: impl FnOnce(&mut CertificateParams),
) -> Made {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate_for(kind).unwrap();
    let certificate = match issuer {
        None => params.self_signed(&key).unwrap(),
        Some(made) => {
            let issuer = Issuer::from_params(&made.params, &made.key);
            params.signed_by(&key, &issuer).unwrap()
        }
    };
    Made {
        pem: encode("CERTIFICATE", certificate.der()),
        params,
        key,
    }
}

fn authority(name: &str) -> Made {
    make(&rcgen::PKCS_ECDSA_P256_SHA256, None, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
    })
}

fn user(issuer: &Made, change: impl FnOnce(&mut CertificateParams)) -> Made {
    make(&rcgen::PKCS_ECDSA_P256_SHA256, Some(issuer), |params| {
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.subject_alt_names = vec![SanType::Rfc822Name(
            "wonder.alice@example.org".try_into().unwrap(),
        )];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(params);
    })
}

#[test]
fn both_versions_are_spoken_and_reported_by_the_names_of_iana() {
    let (acceptor, pem) = own();
    for (version, facts) in [
        (&TLS13, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (&TLS12, "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let mut client = Client::new(config(&pem, &[version], None));
        let mut inside = client.inside(&acceptor);
        assert_eq!(inside.facts(), facts);
        assert_eq!(inside.client_names(), [""; 0]);
        inside.write_all(b"+OK ready\r\n").unwrap();
        client.go();
        assert_eq!(client.got, b"+OK ready\r\n");
    }
}

#[test]
fn a_protocol_is_chosen_only_where_the_client_offers_ours() {
    let (acceptor, pem) = own();
    let cases: [(&[&str], Option<&[u8]>); 5] = [
        (&[], None),
        (&["pop3"], Some(b"pop3")),
        (&["imap", "pop3"], Some(b"pop3")),
        (&["imap"], None),
        (&["POP3", "pop3s"], None),
    ];
    for (offered, chosen) in cases {
        let mut config = config(&pem, BOTH, None);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().into()).collect();
        let mut client = Client::new(config);
        let _ = client.inside(&acceptor);
        assert_eq!(client.tls.alpn_protocol(), chosen, "{offered:?}");
    }
}
