//! The server's certificate and key, made or given, and what is read from a certificate.

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::der::pem::{LineEnding, encode_string};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// How long a certificate of our own is valid.
const VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// RFC 5280 §A.1: a common name has at most 64 characters (ub-common-name).
const COMMON_NAME_MAX: usize = 64;

/// The type of a common name (id-at-commonName).
const COMMON_NAME: &str = "2.5.4.3";

pub(super) struct Credential {
    /// The server's own certificate first.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Credential {
    /// Makes a certificate for `names`, host names or addresses, that is signed by its own key.
    ///
    /// Errors: a name is neither.
    pub(super) fn self_signed(names: &[String]) -> Result<Self, String> {
        if let Some(name) = names.iter().find(|name| !name.is_ascii()) {
            return Err(format!("`{name}` is neither a host name nor an address"));
        }
        let failed = |error: rcgen::Error| error.to_string();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        let mut add = |kind, value| params.distinguished_name.push(kind, value);
        add(DnType::OrganizationName, "poptalk practice server");
        if let Some(name) = names.first().filter(|name| name.len() <= COMMON_NAME_MAX) {
            add(DnType::CommonName, name);
        }
        // Not an authority: trusting it means trusting this server, and nothing that it might sign.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        params.not_before = now.into();
        params.not_after = (now + VALID).into();
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            chain: vec![certificate.into()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// Reads a certificate, perhaps with others of its chain after it, and its key.
    ///
    /// Errors: what is wrong with either.
    pub(super) fn given(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            let is_encrypted = memchr::memmem::find(key, b"ENCRYPTED").is_some();
            match error {
                _ if is_encrypted => "the key is encrypted; `openssl pkey` decrypts it",
                pem::Error::NoItemsFound => "the file of the key contains no private key",
                _ => "the key is not valid PEM",
            }
        })?;
        Ok(Self { chain, key })
    }

    /// The certificates in PEM form.
    pub(super) fn pem(&self) -> Result<String, String> {
        let encode = |certificate: &CertificateDer<'_>| {
            encode_string("CERTIFICATE", LineEnding::LF, certificate)
        };
        let encoded: Result<String, _> = self.chain.iter().map(encode).collect();
        encoded.map_err(|error| error.to_string())
    }

    /// The hash of the certificate that logins are bound to; its own hash function, SHA-256 in
    /// place of the weak ones (RFC 5929 §4.1). None where the algorithm has none.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        let der = self.chain.first()?;
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        match parsed.signature_algorithm().oid.to_string().as_str() {
            // MD5 with RSA, SHA-1 with RSA, DSA and ECDSA
            "1.2.840.113549.1.1.4"
            | "1.2.840.113549.1.1.5"
            | "1.2.840.10040.4.3"
            | "1.2.840.10045.4.1"
            // SHA-256
            | "1.2.840.113549.1.1.11"
            | "2.16.840.1.101.3.4.3.2"
            | "1.2.840.10045.4.3.2" => Some(Sha256::digest(der).to_vec()),
            "1.2.840.113549.1.1.14" | "2.16.840.1.101.3.4.3.1" | "1.2.840.10045.4.3.1" => {
                Some(Sha224::digest(der).to_vec())
            }
            "1.2.840.113549.1.1.12" | "2.16.840.1.101.3.4.3.3" | "1.2.840.10045.4.3.3" => {
                Some(Sha384::digest(der).to_vec())
            }
            "1.2.840.113549.1.1.13" | "2.16.840.1.101.3.4.3.4" | "1.2.840.10045.4.3.4" => {
                Some(Sha512::digest(der).to_vec())
            }
            _ => None,
        }
    }

    /// The form that rustls wants.
    ///
    /// Errors: the key can't be used, or belongs to a different certificate.
    pub(super) fn certified(self, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
        let unsupported = |_| {
            "this kind of key is not supported; RSA with 2048 to 4096 bits, EC with P-256 or P-384 \
             and Ed25519 are"
        };
        let key = provider.key_provider.load_private_key(self.key);
        let key = key.map_err(unsupported)?;
        // `CertifiedKey::keys_match` wants X.509 version 3; clients may be more lenient.
        let own = key.public_key();
        let own = own.and_then(|der| SubjectPublicKeyInfoOwned::from_der(&der).ok());
        let leaf = self.chain.first().ok_or(NO_CERTIFICATE)?;
        let leaf = x509_cert::Certificate::from_der(leaf)
            .map_err(|_| "its first certificate is not valid X.509")?;
        let shown = leaf.tbs_certificate().subject_public_key_info();
        if own.is_some_and(|own| own.subject_public_key != shown.subject_public_key) {
            return Err("the key belongs to a different certificate".to_owned());
        }
        Ok(CertifiedKey::new(self.chain, key))
    }
}

const NO_CERTIFICATE: &str = "it contains no certificate";

/// Reads the certificates of a PEM file.
///
/// Errors: it is damaged, or contains none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(NO_CERTIFICATE.to_owned()),
        Ok(found) => Ok(found),
        Err(_) => Err("it is not valid PEM".to_owned()),
    }
}

/// The names of a user in a certificate.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let inner = parsed.tbs_certificate();
    let subject = inner.subject().iter();
    let common = subject.filter(|entry| entry.oid.to_string() == COMMON_NAME);
    let common = common.filter_map(|entry| {
        let text = DirectoryString::from_der(&entry.value.to_der().ok()?).ok()?;
        Some(text.value().into_owned())
    });
    let mut names: Vec<String> = common.collect();
    let others = inner.get_extension::<SubjectAltName>().ok().flatten();
    for other in others.iter().flat_map(|(_, others)| &others.0) {
        if let GeneralName::Rfc822Name(address) = other {
            names.extend(address.as_str().split('@').next().map(str::to_owned));
        }
    }
    names
}
