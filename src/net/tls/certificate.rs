//! Reads from a certificate what people want to know of it.

use std::net::IpAddr;
use std::time::SystemTime;

use memchr::memmem;
use sha2::{Digest, Sha256};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, Profile, TbsCertificateInner};
use x509_cert::der::Decode;
use x509_cert::der::asn1::{Ia5String, PrintableString, Uint};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::base::tls_fault::{self, TlsFault, Whose};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The subject, as RFC 4514 writes it.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// The host names (dNSName) and addresses (iPAddress) that it is for (RFC 7817), as they are
    /// written in it.
    pub(crate) names: Vec<String>,
    /// From when it is valid, `YYYY-MM-DD`.
    pub(crate) not_before: String,
    /// Until when it is valid, `YYYY-MM-DD`.
    pub(crate) not_after: String,
    /// The kind of its key, with its size in bits where the kind implies it.
    pub(crate) key: String,
    pub(crate) signature: String,
    /// The SHA-256 of the certificate (DER), hexadecimal with colons.
    pub(crate) fingerprint: String,
    /// The services of domains that it is for, such as `_pop3s.example.org` (SRV-ID, RFC 4985).
    pub(crate) services: Vec<String>,
    /// Those of `names` that are host names.
    hosts: Vec<String>,
    /// Those of `names` that are addresses.
    addresses: Vec<IpAddr>,
    /// The subject's common names, where no host name is in `names` (RFC 6125 §6.4.4).
    common_names: Vec<String>,
    /// What it may be used for, where it says so (extended key usage).
    uses: Vec<String>,
    /// Whether `uses` permits TLS servers.
    is_for_servers: bool,
    /// Whether its key usage permits what a TLS server does with its key.
    is_key_for_servers: bool,
    /// Where to ask whether it was revoked. poptalk does not.
    revocation: Vec<String>,
    valid: (SystemTime, SystemTime),
}

impl Certificate {
    /// Reads a certificate (DER); None when it is not X.509.
    pub(crate) fn of_der(der: &[u8]) -> Option<Self> {
        let parsed = CertificateInner::<Lenient>::from_der(der).ok()?;
        let inner = parsed.tbs_certificate();
        let names = extension::<SubjectAltName>(inner).map(|names| names.0);
        let validity = inner.validity();
        let day = |time: &x509_cert::time::Time| {
            let date = time.to_date_time();
            format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        };
        let hosts: Vec<String> = names.iter().flatten().filter_map(host_name).collect();
        let uses = extension::<ExtendedKeyUsage>(inner).map(|uses| uses.0);
        let key_usage = extension::<KeyUsage>(inner);
        Some(Self {
            subject: inner.subject().to_string(),
            issuer: inner.issuer().to_string(),
            common_names: match hosts.is_empty() {
                true => common_names(inner),
                false => Vec::new(),
            },
            uses: uses.iter().flatten().map(use_name).collect(),
            is_for_servers: uses.is_none_or(|uses| uses.iter().any(is_server_use)),
            is_key_for_servers: key_usage.is_none_or(|usage| {
                usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
            }),
            revocation: revocation(inner),
            names: names.iter().flatten().filter_map(name).collect(),
            hosts,
            addresses: names.iter().flatten().filter_map(address).collect(),
            services: names.iter().flatten().filter_map(service).collect(),
            not_before: day(&validity.not_before),
            not_after: day(&validity.not_after),
            key: key(inner.subject_public_key_info()),
            signature: signature(parsed.signature_algorithm()),
            fingerprint: fingerprint(der),
            valid: (
                validity.not_before.to_system_time(),
                validity.not_after.to_system_time(),
            ),
        })
    }

    /// Hides secrets in the names that are shown. A host is still compared with those of the
    /// certificate.
    pub(crate) fn hide(&mut self, hide: &dyn Fn(&str) -> String) {
        let texts = [&mut self.subject, &mut self.issuer].into_iter();
        for text in texts.chain(&mut self.names).chain(&mut self.revocation) {
            *text = hide(text);
        }
    }

    /// Returns the lines of `:tls` for this certificate.
    pub(crate) fn details(&self) -> Vec<String> {
        let names = match self.names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        let issuer = match &self.issuer {
            issuer if *issuer == self.subject => "itself",
            issuer => issuer,
        };
        let mut lines = vec![
            format!("subject      {}", self.subject),
            format!("names        {names}"),
            format!("issuer       {issuer}"),
            format!("valid        {} to {}", self.not_before, self.not_after),
            format!("key          {}", self.key),
            format!("signature    {}", self.signature),
            format!("fingerprint  SHA-256 {}", self.fingerprint),
        ];
        if !self.uses.is_empty() {
            lines.push(format!("use          {}", self.uses.join(", ")));
        }
        if !self.revocation.is_empty() {
            let places = self.revocation.join(", ");
            lines.push(format!("revocation   not checked; {places}"));
        }
        lines
    }

    /// Whether it is for this host. An address is only compared with the addresses in it: a host
    /// name that looks like one, or a wildcard, proves nothing (RFC 6125 §B.2, RFC 9110 §4.3.5).
    pub(crate) fn is_for(&self, host: &str) -> bool {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_) => self.hosts.iter().any(|name| fits(name, host)),
        }
    }

    /// Whether it is for one of these: a name that starts with `_` is an SRV-ID, all others are
    /// hosts or domains.
    pub(crate) fn is_for_any(&self, names: &[String]) -> bool {
        names.iter().any(|wanted| {
            let is_it = |service: &String| service.eq_ignore_ascii_case(wanted);
            if wanted.starts_with('_') {
                self.services.iter().any(is_it)
            } else {
                self.is_for(wanted)
            }
        })
    }

    /// All that is wrong with the server's certificate itself, regardless of its issuer: its dates,
    /// its names for this host, its key, its signature, its use.
    pub(crate) fn own_faults(&self, host: &str, now: SystemTime) -> Vec<String> {
        let mut faults = self.flaws(now);
        if !self.is_key_for_servers && self.is_for_servers {
            faults.push((&tls_fault::WRONG_USE, "its key usage forbids it".to_owned()));
        }
        let of_read = |(fault, detail): (&TlsFault, String)| fault.of_read(Whose::Server, &detail);
        let mut faults: Vec<String> = faults.into_iter().map(of_read).collect();
        if !self.is_for_host(host) {
            faults.push(not_for(host).with(host));
        }
        faults
    }

    /// All that is wrong with an authority's certificate itself. The signature of one that signed
    /// itself proves nothing and is not judged.
    #[cfg(not(any(windows, target_vendor = "apple")))]
    pub(super) fn faults_as_authority(&self, now: SystemTime) -> Vec<String> {
        let is_root = self.subject == self.issuer;
        let of_read = |(fault, detail): (&TlsFault, String)| {
            fault.of_read(Whose::Subject(&self.subject), &detail)
        };
        // A root is trusted for what the machine says, not for what it says of itself.
        let flaws = self.flaws(now).into_iter();
        let flaws = flaws.filter(|(fault, _)| !(is_root && **fault == tls_fault::WRONG_USE));
        flaws.map(of_read).collect()
    }

    /// Whether it has this fault itself.
    pub(super) fn has(&self, fault: &TlsFault, now: SystemTime) -> bool {
        let is_unfit = *fault == tls_fault::WRONG_USE && !self.is_key_for_servers;
        is_unfit || self.flaws(now).iter().any(|(known, _)| *known == fault)
    }

    /// What is wrong with it, whether a server's or an authority's, each with its detail.
    fn flaws(&self, now: SystemTime) -> Vec<(&'static TlsFault, String)> {
        let is_self_issued = self.subject == self.issuer;
        let key = self.key.strip_suffix(UNSAFE);
        let signature = self.signature.strip_suffix(UNSAFE);
        let signature = signature.filter(|_| !is_self_issued);
        let is_unfit = !self.is_for_servers;
        let text = |text: &str| text.to_owned();
        let flaws = [
            (now < self.valid.0).then(|| (&tls_fault::NOT_YET_VALID, self.not_before.clone())),
            (now > self.valid.1).then(|| (&tls_fault::EXPIRED, self.not_after.clone())),
            key.map(|key| (&tls_fault::WEAK_KEY, text(key))),
            signature.map(|signature| (&tls_fault::WEAK_SIGNATURE, text(signature))),
            is_unfit.then(|| {
                (
                    &tls_fault::WRONG_USE,
                    format!("only for {}", self.uses.join(", ")),
                )
            }),
        ];
        flaws.into_iter().flatten().collect()
    }

    /// Whether it is for this host, as the library judges: without a host name among its names, the
    /// common name counts.
    fn is_for_host(&self, host: &str) -> bool {
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_common = || self.common_names.iter().any(|name| fits(name, host));
        self.is_for(host) || (!is_address && is_common())
    }
}

/// The fault of a certificate that is not for this host.
fn not_for(host: &str) -> &'static TlsFault {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(_) => &tls_fault::WRONG_ADDRESS,
        Err(_) => &tls_fault::WRONG_NAME,
    }
}

/// The rules that a certificate must keep to be read: as few as those of TLS libraries. They read
/// serial numbers of any length, which RFC 5280 §4.1.2.2 limits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lenient;

impl Profile for Lenient {
    fn check_serial_number(_: &SerialNumber<Self>) -> x509_cert::der::Result<()> {
        Ok(())
    }
}

type Tbs = TbsCertificateInner<Lenient>;

fn extension<'a, T>(certificate: &'a Tbs) -> Option<T>
where
    T: Decode<'a> + AssociatedOid,
{
    certificate
        .get_extension::<T>()
        .ok()
        .flatten()
        .map(|(_, value)| value)
}

fn key(key: &SubjectPublicKeyInfoOwned) -> String {
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match key.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => match modulus_bits(key.subject_public_key.raw_bytes()) {
            Some(bits) if bits < RSA_SAFE => format!("RSA, {bits} bits{UNSAFE}"),
            Some(bits) => format!("RSA, {bits} bits"),
            None => "RSA".to_owned(),
        },
        "1.2.840.10045.2.1" => match curve.map(|curve| curve.to_string()).as_deref() {
            Some("1.2.840.10045.3.1.1") => format!("EC, P-192{UNSAFE}"),
            Some("1.3.132.0.33") => "EC, P-224".to_owned(),
            Some("1.2.840.10045.3.1.7") => "EC, P-256".to_owned(),
            Some("1.3.132.0.34") => "EC, P-384".to_owned(),
            Some("1.3.132.0.35") => "EC, P-521".to_owned(),
            other => format!("EC, curve {}", other.unwrap_or("not named")),
        },
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        other => format!("algorithm {other}"),
    }
}

/// The fewest bits of a safe RSA key (RFC 9325 §4.5).
const RSA_SAFE: usize = 2048;

/// The size of an RSA key: its modulus comes first (RFC 8017 §A.1.1).
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let numbers = Vec::<Uint>::from_der(key).ok()?;
    let octets = numbers.first()?.as_bytes();
    let first = octets.first()?;
    Some((octets.len() * 8).saturating_sub(first.leading_zeros() as usize))
}

/// What is said of a key or signature that an attacker might forge.
const UNSAFE: &str = ": no longer safe";

fn signature(algorithm: &AlgorithmIdentifierOwned) -> String {
    let oid = algorithm.oid.to_string();
    let known = match oid.as_str() {
        "1.2.840.113549.1.1.2" => "MD2 with RSA: no longer safe",
        "1.2.840.113549.1.1.4" => "MD5 with RSA: no longer safe",
        "1.2.840.113549.1.1.5" => "SHA-1 with RSA: no longer safe",
        "1.2.840.113549.1.1.10" => {
            let parameters = algorithm.parameters.as_ref();
            pss(parameters.map_or(&[], |parameters| parameters.value()))
        }
        "1.2.840.113549.1.1.11" => "SHA-256 with RSA",
        "1.2.840.113549.1.1.12" => "SHA-384 with RSA",
        "1.2.840.113549.1.1.13" => "SHA-512 with RSA",
        "1.2.840.10045.4.1" => "SHA-1 with ECDSA: no longer safe",
        "1.2.840.10045.4.3.2" => "SHA-256 with ECDSA",
        "1.2.840.10045.4.3.3" => "SHA-384 with ECDSA",
        "1.2.840.10045.4.3.4" => "SHA-512 with ECDSA",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => other,
    };
    known.to_owned()
}

/// The digest of such a signature is one of its parameters; SHA-1 where they name none (RFC 4055
/// §3.1).
fn pss(parameters: &[u8]) -> &'static str {
    // SHA-2 and SHA-3: the start of 2.16.840.1.101.3.4.2.
    match memmem::find(parameters, b"\x60\x86\x48\x01\x65\x03\x04\x02") {
        Some(_) => "RSASSA-PSS",
        None => "RSASSA-PSS with SHA-1: no longer safe",
    }
}

fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

/// The common names of the subject.
fn common_names(certificate: &Tbs) -> Vec<String> {
    let parts = certificate.subject().iter();
    let names = parts.filter(|part| part.oid.to_string() == COMMON_NAME);
    let text = |part: &AttributeTypeAndValue| {
        let value = &part.value;
        let utf8 = value.decode_as::<String>().ok();
        let printable = || Some(value.decode_as::<PrintableString>().ok()?.to_string());
        utf8.or_else(printable)
            .or_else(|| Some(value.decode_as::<Ia5String>().ok()?.to_string()))
    };
    names.filter_map(text).collect()
}

/// id-at-commonName (RFC 5280 §A.1).
const COMMON_NAME: &str = "2.5.4.3";

/// Whether a purpose is that of a TLS server (RFC 5280 §4.2.1.12), or of one of long ago (Netscape,
/// Microsoft), as the library judges. anyExtendedKeyUsage is not enough for it.
fn is_server_use(purpose: &ObjectIdentifier) -> bool {
    matches!(
        purpose.to_string().as_str(),
        "1.3.6.1.5.5.7.3.1" | "2.16.840.1.113730.4.1" | "1.3.6.1.4.1.311.10.3.3"
    )
}

fn use_name(purpose: &ObjectIdentifier) -> String {
    match purpose.to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "TLS servers".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "TLS clients".to_owned(),
        "1.3.6.1.5.5.7.3.3" => "code signing".to_owned(),
        "1.3.6.1.5.5.7.3.4" => "email protection".to_owned(),
        "1.3.6.1.5.5.7.3.8" => "time stamping".to_owned(),
        "1.3.6.1.5.5.7.3.9" => "OCSP signing".to_owned(),
        "2.5.29.37.0" => "any purpose".to_owned(),
        other => other.to_owned(),
    }
}

/// Where its authority says whether it was revoked: lists (RFC 5280 §4.2.1.13) and services (RFC
/// 6960 §3.1).
fn revocation(certificate: &Tbs) -> Vec<String> {
    let lists = extension::<CrlDistributionPoints>(certificate);
    let services = extension::<AuthorityInfoAccessSyntax>(certificate);
    let lists =
        lists
            .iter()
            .flat_map(|lists| &lists.0)
            .flat_map(|point| match &point.distribution_point {
                Some(DistributionPointName::FullName(names)) => names.as_slice(),
                _ => &[],
            });
    let services = services.iter().flat_map(|services| &services.0);
    let services = services.filter(|service| service.access_method.to_string() == OCSP);
    let services = services.map(|service| &service.access_location);
    let named = |kind: &'static str| move |place| Some(format!("{kind} {}", uri(place)?));
    lists
        .filter_map(named("CRL"))
        .chain(services.filter_map(named("OCSP")))
        .collect()
}

/// id-ad-ocsp (RFC 6960 §A).
const OCSP: &str = "1.3.6.1.5.5.7.48.1";

fn uri(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(printable(uri.as_str())),
        _ => None,
    }
}

/// A name as it may be shown: control characters as RFC 4514 §2.4 writes them.
fn printable(name: &str) -> String {
    let mut shown = String::new();
    for letter in name.chars() {
        match letter {
            '\\' => shown.push_str("\\\\"),
            letter if letter.is_control() => {
                shown.push_str(&format!("\\{:02x}", u32::from(letter)));
            }
            letter => shown.push(letter),
        }
    }
    shown
}

fn name(name: &GeneralName) -> Option<String> {
    let host = host_name(name).map(|host| printable(&host));
    host.or_else(|| address(name).map(|address| address.to_string()))
}

fn host_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        _ => None,
    }
}

fn address(name: &GeneralName) -> Option<IpAddr> {
    let GeneralName::IpAddress(octets) = name else {
        return None;
    };
    let octets = octets.as_bytes();
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// id-on-dnsSRV (RFC 4985 §2).
const SRV_ID: &str = "1.3.6.1.5.5.7.8.7";

/// The SRV-ID that a name of a certificate is.
fn service(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::OtherName(other) if other.type_id.to_string() == SRV_ID => {
            let text = other.value.decode_as::<Ia5String>().ok()?;
            Some(text.to_string())
        }
        _ => None,
    }
}

/// Whether a name of a certificate is for this host; `*` only as the whole first label (RFC 7817
/// §3), and not for all domains of a top-level one.
fn fits(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => {
            parent.contains('.')
                && host
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        assert!(fits("*.example.org", "pop.example.org"));
        assert!(!fits("*.example.org", "a.pop.example.org"));
        assert!(!fits("*.example.org", "example.org"));
        assert!(fits("POP.example.org", "pop.EXAMPLE.org"));
        assert!(!fits("*.org", "example.org"));
    }

    /// A certificate for these hosts, of which nothing else is known.
    fn certificate(hosts: &[&str]) -> Certificate {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: hosts.clone(),
            not_before: String::new(),
            not_after: String::new(),
            key: String::new(),
            signature: String::new(),
            fingerprint: String::new(),
            services: Vec::new(),
            hosts,
            addresses: Vec::new(),
            common_names: Vec::new(),
            uses: Vec::new(),
            is_for_servers: true,
            is_key_for_servers: true,
            revocation: Vec::new(),
            valid: (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn an_address_is_compared_with_addresses_only() {
        let mut certificate = certificate(&["*.0.0.1", "127.0.0.1"]);
        certificate.addresses.push("::1".parse().unwrap());
        certificate.common_names.push("127.0.0.1".to_owned());
        assert!(!certificate.is_for_host("127.0.0.1"));
        assert!(certificate.is_for("0:0::1") && certificate.is_for("[::1]"));
        certificate.addresses.push("127.0.0.1".parse().unwrap());
        assert!(certificate.is_for("127.0.0.1"));
    }

    #[test]
    fn a_secret_in_a_name_is_hidden_and_the_name_still_fits() {
        let mut certificate = certificate(&["geheim99.example"]);
        certificate.subject = "CN=geheim99.example".to_owned();
        certificate.issuer = "O=geheim99".to_owned();
        certificate.hide(&|text| text.replace("geheim99", "{{password}}"));
        let details = certificate.details().join("\n");
        assert!(!details.contains("geheim99"), "{details}");
        assert_eq!(certificate.subject, "CN={{password}}.example");
        assert!(certificate.is_for("geheim99.example"));
    }

    #[test]
    fn a_digest_that_is_not_named_is_sha_1() {
        let sha_256 = b"\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
        assert!(!pss(sha_256).ends_with(UNSAFE));
        assert!(pss(b"").ends_with(UNSAFE));
    }

    #[test]
    fn a_name_with_control_characters_is_shown_escaped() {
        assert_eq!(printable("a\0b\x1b[2J\\00"), "a\\00b\\1b[2J\\\\00");
        assert!(!fits("localhost\0.example.org", "localhost"));
    }

    #[test]
    fn what_is_no_certificate_gives_none() {
        assert_eq!(Certificate::of_der(b"\x30\x82\xff\xff"), None);
        assert_eq!(Certificate::of_der(b""), None);
    }
}
