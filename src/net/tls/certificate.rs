//! Reads from a certificate what people want to know of it.

use std::net::IpAddr;
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::der::asn1::Ia5String;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

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
    valid: (SystemTime, SystemTime),
}

impl Certificate {
    /// Reads a certificate (DER); None when it is not X.509.
    pub(crate) fn of_der(der: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let inner = parsed.tbs_certificate();
        let names = inner
            .get_extension::<SubjectAltName>()
            .ok()
            .flatten()
            .map(|(_, names)| names.0);
        let validity = inner.validity();
        let day = |time: &x509_cert::time::Time| {
            let date = time.to_date_time();
            format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        };
        Some(Self {
            subject: inner.subject().to_string(),
            issuer: inner.issuer().to_string(),
            names: names.iter().flatten().filter_map(name).collect(),
            hosts: names.iter().flatten().filter_map(host_name).collect(),
            addresses: names.iter().flatten().filter_map(address).collect(),
            services: names.iter().flatten().filter_map(service).collect(),
            not_before: day(&validity.not_before),
            not_after: day(&validity.not_after),
            key: key(inner.subject_public_key_info()),
            signature: signature(&parsed.signature_algorithm().oid.to_string()).to_owned(),
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
        for text in texts.chain(&mut self.names) {
            *text = hide(text);
        }
    }

    /// Everything about it, for people who want to know.
    pub(crate) fn details(&self) -> Vec<String> {
        let names = match self.names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        let issuer = match &self.issuer {
            issuer if *issuer == self.subject => "itself",
            issuer => issuer,
        };
        vec![
            format!("subject      {}", self.subject),
            format!("names        {names}"),
            format!("issuer       {issuer}"),
            format!("valid        {} to {}", self.not_before, self.not_after),
            format!("key          {}", self.key),
            format!("signature    {}", self.signature),
            format!("fingerprint  SHA-256 {}", self.fingerprint),
        ]
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

    /// All that is wrong with the certificate itself, regardless of its issuer: its dates, its names
    /// for this host, its signature.
    pub(crate) fn own_faults(&self, host: &str, now: SystemTime) -> Vec<String> {
        let is_early = now < self.valid.0;
        let early = || format!("the certificate is not valid before {}", self.not_before);
        let late = || format!("the certificate expired on {}", self.not_after);
        let is_unsafe = self.signature.ends_with(UNSAFE);
        let faults = [
            is_early.then(early),
            (now > self.valid.1).then(late),
            (!self.is_for(host)).then(|| format!("the certificate is not for `{host}`")),
            is_unsafe.then(|| format!("the certificate was signed with {}", self.signature)),
        ];
        faults.into_iter().flatten().collect()
    }
}

fn key(key: &SubjectPublicKeyInfoOwned) -> String {
    let bits = key.subject_public_key.bit_len();
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match key.algorithm.oid.to_string().as_str() {
        // The modulus is nearly all of the key: what is around it is less than 64 octets.
        "1.2.840.113549.1.1.1" => format!("RSA, {} bits", bits / 1024 * 1024),
        "1.2.840.10045.2.1" => match curve.map(|curve| curve.to_string()).as_deref() {
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

/// What is said of a signature that an attacker might forge (RFC 9155 and its like).
const UNSAFE: &str = ": no longer safe";

fn signature(oid: &str) -> &str {
    match oid {
        "1.2.840.113549.1.1.4" => "MD5 with RSA: no longer safe",
        "1.2.840.113549.1.1.5" => "SHA-1 with RSA: no longer safe",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
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
    }
}

fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

fn name(name: &GeneralName) -> Option<String> {
    host_name(name).or_else(|| address(name).map(|address| address.to_string()))
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

    #[test]
    fn an_address_is_compared_with_addresses_only() {
        let hosts = vec!["*.0.0.1".to_owned(), "127.0.0.1".to_owned()];
        let mut certificate = Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
            key: String::new(),
            signature: String::new(),
            fingerprint: String::new(),
            services: Vec::new(),
            hosts,
            addresses: vec!["::1".parse().unwrap()],
            valid: (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
        };
        assert!(!certificate.is_for("127.0.0.1"));
        assert!(certificate.is_for("0:0::1") && certificate.is_for("[::1]"));
        certificate.addresses.push("127.0.0.1".parse().unwrap());
        assert!(certificate.is_for("127.0.0.1"));
    }

    #[test]
    fn a_secret_in_a_name_is_hidden_and_the_name_still_fits() {
        let hosts = vec!["geheim99.example".to_owned()];
        let mut certificate = Certificate {
            subject: "CN=geheim99.example".to_owned(),
            issuer: "O=geheim99".to_owned(),
            names: hosts.clone(),
            not_before: String::new(),
            not_after: String::new(),
            key: String::new(),
            signature: String::new(),
            fingerprint: String::new(),
            services: Vec::new(),
            hosts,
            addresses: Vec::new(),
            valid: (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
        };
        certificate.hide(&|text| text.replace("geheim99", "{{password}}"));
        let details = certificate.details().join("\n");
        assert!(!details.contains("geheim99"), "{details}");
        assert_eq!(certificate.subject, "CN={{password}}.example");
        assert!(certificate.is_for("geheim99.example"));
    }

    #[test]
    fn what_is_no_certificate_gives_none() {
        assert_eq!(Certificate::of_der(b"\x30\x82\xff\xff"), None);
        assert_eq!(Certificate::of_der(b""), None);
    }
}
