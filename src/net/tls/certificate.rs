//! Reads from a certificate what people want to know of it.

use std::time::SystemTime;

use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What people want to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The host names and addresses that it is for (RFC 7817).
    pub names: Vec<String>,
    /// From when it is valid, `YYYY-MM-DD`.
    pub not_before: String,
    /// Until when it is valid, `YYYY-MM-DD`.
    pub not_after: String,
    valid: (SystemTime, SystemTime),
}

impl Certificate {
    /// Reads a certificate (DER); None when it is no X.509.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Option<Self> {
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
            names: names.unwrap_or_default().iter().filter_map(name).collect(),
            not_before: day(&validity.not_before),
            not_after: day(&validity.not_after),
            valid: (
                validity.not_before.to_system_time(),
                validity.not_after.to_system_time(),
            ),
        })
    }

    /// At most two lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut names = self
            .names
            .iter()
            .take(4)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if self.names.len() > 4 {
            names.push_str(&format!(" and {} more", self.names.len() - 4));
        }
        let issuer = if self.issuer == self.subject {
            "itself"
        } else {
            &self.issuer
        };
        vec![
            format!("certificate {} for {names}", self.subject),
            format!(
                "issued by {issuer}, valid {} to {}",
                self.not_before, self.not_after
            ),
        ]
    }

    /// What is wrong with the certificate itself, whoever signed it: its dates, and its names for this host.
    #[must_use]
    pub fn own_fault(&self, host: &str, now: SystemTime) -> Option<String> {
        if now < self.valid.0 {
            Some(format!(
                "the certificate is not valid before {}",
                self.not_before
            ))
        } else if now > self.valid.1 {
            Some(format!("the certificate expired on {}", self.not_after))
        } else if !self.names.iter().any(|name| fits(name, host)) {
            Some(format!("the certificate is not for `{host}`"))
        } else {
            None
        }
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => match octets.as_bytes().len() {
            4 => <[u8; 4]>::try_from(octets.as_bytes())
                .ok()
                .map(|four| std::net::Ipv4Addr::from(four).to_string()),
            16 => <[u8; 16]>::try_from(octets.as_bytes())
                .ok()
                .map(|six| std::net::Ipv6Addr::from(six).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a name of a certificate is for this host; `*` only as the whole first label (RFC 7817 §3).
fn fits(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
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
    }

    #[test]
    fn what_is_no_certificate_gives_none() {
        assert_eq!(Certificate::of_der(b"\x30\x82\xff\xff"), None);
        assert_eq!(Certificate::of_der(b""), None);
    }
}
