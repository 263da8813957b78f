//! Certificates with one thing wrong, and the servers that show them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVersion};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509Extension, X509NameBuilder};

use crate::support::LIMIT;

pub(super) type Key = PKey<Private>;

/// A certificate with its key.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) certificate: X509,
    pub(super) key: Key,
}

/// What a certificate is to be like.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) common_name: &'static str,
    /// Its host names.
    pub(super) names: &'static [&'static str],
    /// The first and the last day, `YYYYMMDD`.
    pub(super) days: (&'static str, &'static str),
    pub(super) digest: fn() -> MessageDigest,
    pub(super) key: fn() -> Key,
    /// Whether it is an authority's; the most authorities that may follow it.
    pub(super) authority: Option<Option<u32>>,
    /// More extensions: their number, whether critical, and their value (DER).
    pub(super) extensions: &'static [(&'static str, bool, &'static [u8])],
    pub(super) is_for_clients: bool,
    pub(super) is_for_signing: bool,
    /// The octets of its serial number: more than 20 are one error that OpenSSL forgives.
    pub(super) serial: usize,
}

pub(super) const LEAF: Wanted = Wanted {
    common_name: "localhost",
    names: &["localhost"],
    days: ("20200101", "20491231"),
    digest: MessageDigest::sha256,
    key: curve,
    authority: None,
    extensions: &[],
    is_for_clients: false,
    is_for_signing: false,
    serial: 1,
};

pub(super) const ROOT: Wanted = Wanted {
    common_name: "root",
    names: &[],
    authority: Some(None),
    ..LEAF
};

pub(super) const BETWEEN: Wanted = Wanted {
    common_name: "between",
    ..ROOT
};

/// A key on P-256: fast to make.
pub(super) fn curve() -> Key {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A key that is too short.
pub(super) fn short() -> Key {
    PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap()
}

fn day(day: &str) -> Asn1Time {
    Asn1Time::from_str(&format!("{day}000000Z")).unwrap()
}

/// A subject alternative name (DER) with these host names: `openssl` takes no NUL in them.
fn names(names: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.extend([0x82, u8::try_from(name.len()).unwrap()]);
        list.extend(name.bytes());
    }
    [&[0x30, u8::try_from(list.len()).unwrap()], &list[..]].concat()
}

fn extension(number: &str, is_critical: bool, value: &[u8]) -> X509Extension {
    let number = Asn1Object::from_str(number).unwrap();
    let value = Asn1OctetString::new_from_bytes(value).unwrap();
    X509Extension::new_from_der(&number, is_critical, &value).unwrap()
}

/// Makes a certificate, signed by `issuer` or by itself.
pub(super) fn make(wanted: Wanted, issuer: Option<&Made>) -> Made {
    let key = (wanted.key)();
    let mut name = X509NameBuilder::new().unwrap();
    let entry = [wanted.common_name];
    name.append_entry_by_nid(Nid::COMMONNAME, entry[0]).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_slice(&vec![7; wanted.serial]).unwrap();
    let serial = serial.to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    let issuer_name = issuer.map_or(&*name, |issuer| issuer.certificate.subject_name());
    builder.set_issuer_name(issuer_name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&day(wanted.days.0)).unwrap();
    builder.set_not_after(&day(wanted.days.1)).unwrap();
    let mut extensions = Vec::new();
    if let Some(length) = wanted.authority {
        let mut constraints = BasicConstraints::new();
        constraints.critical().ca();
        length.map(|length| constraints.pathlen(length));
        extensions.push(constraints.build().unwrap());
    }
    if !wanted.names.is_empty() {
        extensions.push(extension("2.5.29.17", false, &names(wanted.names)));
    }
    if wanted.is_for_clients {
        extensions.push(ExtendedKeyUsage::new().client_auth().build().unwrap());
    }
    if wanted.is_for_signing {
        extensions.push(KeyUsage::new().key_cert_sign().build().unwrap());
    }
    let given = wanted.extensions.iter();
    extensions.extend(given.map(|(number, critical, value)| extension(number, *critical, value)));
    for extension in extensions {
        builder.append_extension(extension).unwrap();
    }
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    builder.sign(signer, (wanted.digest)()).unwrap();
    Made {
        certificate: builder.build(),
        key,
    }
}

/// The TLS of a server that shows this chain, its own certificate first.
pub(super) fn context(chain: &[Made], version: Option<SslVersion>) -> SslContextBuilder {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    // The old versions, keys and digests that the client is to refuse.
    context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    context.set_certificate(&chain[0].certificate).unwrap();
    context.set_private_key(&chain[0].key).unwrap();
    for more in &chain[1..] {
        let more = more.certificate.clone();
        context.add_extra_chain_cert(more).unwrap();
    }
    let least = version.unwrap_or(SslVersion::TLS1);
    context.set_min_proto_version(Some(least)).unwrap();
    context.set_max_proto_version(version).unwrap();
    context
}

/// What a server does after its `+OK` to STLS.
pub(super) enum After {
    Tls(SslContext),
    /// It sends these octets.
    Octets(&'static [u8]),
}

/// Starts a server for some connections, one after the other; gives its port.
pub(super) fn serve(after: After, connections: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (socket, _) = listener.accept().unwrap();
            // The client may close whenever it likes.
            let _ = talk(socket, &after);
        }
    });
    port
}

fn talk(mut socket: TcpStream, after: &After) -> std::io::Result<()> {
    socket.set_read_timeout(Some(LIMIT))?;
    socket.write_all(b"+OK ready\r\n")?;
    let mut line = String::new();
    BufReader::new(socket.try_clone()?).read_line(&mut line)?;
    socket.write_all(b"+OK begin TLS\r\n")?;
    match after {
        After::Octets(octets) => {
            // Octets before the client's hello would count as injected.
            socket.read_exact(&mut [0; 5])?;
            socket.write_all(octets)?;
            std::io::copy(&mut socket, &mut std::io::sink())?;
        }
        After::Tls(context) => {
            let mut rest = socket.try_clone()?;
            let mut stream = SslStream::new(Ssl::new(context)?, socket)?;
            let _ = stream.accept();
            // To the client's end, as it may not have read an alert yet.
            std::io::copy(&mut rest, &mut std::io::sink())?;
        }
    }
    Ok(())
}
