//! Knows who is on a port by the first octets that come from it, and says the usual mistake in a sentence.

/// A usual mistake, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistake {
    /// What happened, a sentence without full stop.
    pub what: &'static str,
    /// What to do.
    pub hint: &'static str,
}

struct Service {
    starts: &'static [&'static [u8]],
    mistake: Mistake,
}

const TLS_HINT: &str = "connect with --tls";

/// The services that are met on a wrong port, by the first octets that they send.
const SERVICES: &[Service] = &[
    Service {
        starts: &[b"\x15\x03", b"\x16\x03"],
        mistake: Mistake {
            what: "this port speaks TLS from the first octet",
            hint: TLS_HINT,
        },
    },
    Service {
        starts: &[b"* OK", b"* PREAUTH", b"* BYE", b"* CAPABILITY", b". OK"],
        mistake: Mistake {
            what: "this is an IMAP server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995; IMAP is on 143 and 993",
        },
    },
    Service {
        starts: &[b"220 ", b"220-", b"250 ", b"250-", b"421 ", b"554 "],
        mistake: Mistake {
            what: "this is an SMTP or FTP server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995; SMTP is on 25, 465 and 587",
        },
    },
    Service {
        starts: &[b"200 ", b"201 "],
        mistake: Mistake {
            what: "this is a news server (NNTP), not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
    Service {
        starts: &[b"SSH-"],
        mistake: Mistake {
            what: "this is an SSH server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
    Service {
        starts: &[b"HTTP/", b"<!DOCTYPE", b"<html", b"<HTML"],
        mistake: Mistake {
            what: "this is a web server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
    Service {
        starts: &[b"\"IMPLEMENTATION\""],
        mistake: Mistake {
            what: "this is a ManageSieve server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
    Service {
        starts: &[b"-ERR unknown command 'CAPA', with args beginning with"],
        mistake: Mistake {
            what: "this is a Redis database, not POP3",
            hint: "POP3 is on port 110; a database that anyone can reach should be closed",
        },
    },
    Service {
        starts: &[b"RFB 003."],
        mistake: Mistake {
            what: "this is a VNC server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
    Service {
        starts: &[b"\xff\xfb", b"\xff\xfd"],
        mistake: Mistake {
            what: "this is a telnet server, not POP3",
            hint: "POP3 is on port 110, over TLS on 995",
        },
    },
];

/// The mistake that the first octets in clear tell of; None when they may be POP3.
#[must_use]
pub fn in_clear(first: &[u8]) -> Option<Mistake> {
    SERVICES
        .iter()
        .find(|service| service.starts.iter().any(|start| first.starts_with(start)))
        .map(|service| service.mistake)
}

/// The mistake that the first octets tell of when the TLS handshake failed: that at the start, or that behind STLS.
#[must_use]
pub fn in_tls(first: &[u8], is_stls: bool) -> Option<Mistake> {
    let is_pop3 = first.starts_with(b"+") || first.starts_with(b"-ERR");
    if is_pop3 && is_stls {
        return Some(Mistake {
            what: "the server agreed to STLS and went on in clear",
            hint: "tell its postmaster; port 995 with --tls may work",
        });
    }
    if first.starts_with(b"+OK") || first.starts_with(b"-ERR") {
        return Some(Mistake {
            what: "this port speaks POP3 in clear, not TLS",
            hint: "connect without --tls and type STLS, or use port 995",
        });
    }
    in_clear(first).filter(|mistake| mistake.hint != TLS_HINT)
}

/// The mistake of a connection that was closed, or stays silent, without a greeting.
pub const SILENT: Mistake = Mistake {
    what: "no greeting came",
    hint: "a port for TLS waits silently for the client; try --tls",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_is_known_by_its_own_service() {
        for service in SERVICES {
            for start in service.starts {
                assert_eq!(in_clear(start), Some(service.mistake));
            }
        }
        assert_eq!(in_clear(b"+OK ready\r\n"), None);
        assert_eq!(in_clear(b""), None);
    }

    #[test]
    fn a_greeting_inside_the_handshake_is_a_plain_port() {
        let what = |first: &[u8], is_stls| in_tls(first, is_stls).map(|mistake| mistake.what);
        assert!(
            what(b"+OK ready", false).is_some_and(|what| what.contains("speaks POP3 in clear"))
        );
        assert!(what(b"+OK ready", true).is_some_and(|what| what.contains("agreed to STLS")));
        assert!(what(b"* OK IMAP", false).is_some_and(|what| what.contains("IMAP")));
        assert_eq!(what(b"\x15\x03\x03\x00\x02\x02\x28", false), None);
    }
}
