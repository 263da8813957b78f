//! Recognizes a wrong port from the first octets that the server sends, and says so in a sentence.

use crate::base::service::Service;
use crate::base::tls_fault;

/// A common mistake, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongService {
    /// What happened: a sentence without a full stop.
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

impl From<&Service> for WrongService {
    fn from(service: &Service) -> Self {
        Self {
            what: format!("this is {}", service.name),
            hint: service.hint,
        }
    }
}

/// Returns the mistake that the first octets of a failed TLS handshake show, at the start or after
/// STLS.
pub(crate) fn in_tls(first: &[u8], is_stls: bool) -> Option<WrongService> {
    let is_pop3 = first.starts_with(b"+") || first.starts_with(b"-ERR");
    if is_pop3 && is_stls {
        return Some(WrongService {
            what: tls_fault::CLEARTEXT_AFTER_STLS.says.to_owned(),
            hint: tls_fault::CLEARTEXT_AFTER_STLS.next,
        });
    }
    if first.starts_with(b"+OK") || first.starts_with(b"-ERR") {
        return Some(WrongService {
            what: tls_fault::CLEARTEXT.says.to_owned(),
            hint: tls_fault::CLEARTEXT.next,
        });
    }
    Service::of_start(first)
        .filter(|service| !service.is_tls)
        .map(WrongService::from)
}

pub(crate) const MISSING_HEADER: &str =
    "a server that is reached through a load balancer may need --proxy-protocol";

/// What to do about a connection that closes or stays silent without a greeting.
pub(crate) const SILENT_HINT: &str = "TLS ports, web servers and databases wait for the client to speak first: check the port, or try --tls; a server that is reached through a load balancer may need --proxy-protocol";

/// Returns the mistake of a connection that closes or stays silent without a greeting.
pub(crate) fn silent() -> WrongService {
    WrongService {
        what: "the server sent no greeting".to_owned(),
        hint: SILENT_HINT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_inside_the_handshake_is_a_plain_port() {
        let what = |first: &[u8], is_stls| in_tls(first, is_stls).map(|mistake| mistake.what);
        assert!(
            what(b"+OK ready", false).is_some_and(|what| what.contains("speaks POP3 in cleartext"))
        );
        assert!(what(b"+OK ready", true).is_some_and(|what| what.contains("agreed to STLS")));
        assert!(what(b"* OK IMAP", false).is_some_and(|what| what.contains("IMAP")));
        assert_eq!(what(b"\x15\x03\x03\x00\x02\x02\x28", false), None);
    }
}
