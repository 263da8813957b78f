//! The services that are met on a port where POP3 was expected, known by the first octets that they
//! send.

/// A service other than POP3 without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// What it is, as the end of "this is ...".
    pub(crate) name: &'static str,
    pub(crate) hint: &'static str,
    /// TLS, which the client begins, waits on this port.
    pub(crate) is_tls: bool,
    starts: &'static [&'static [u8]],
}

const PORTS: &str = "POP3 is on port 110, over TLS on 995";

const fn service(name: &'static str, starts: &'static [&'static [u8]]) -> Service {
    Service {
        name,
        hint: PORTS,
        is_tls: false,
        starts,
    }
}

/// Each service by its first octets; the case of letters does not matter.
const SERVICES: &[Service] = &[
    // RFC 8446 §5.1: an alert or a handshake record.
    Service {
        hint: "connect with --tls",
        is_tls: true,
        ..service(
            "a port that speaks TLS from the first octet",
            &[b"\x15\x03", b"\x16\x03"],
        )
    },
    // RFC 9051 §7.1.
    Service {
        hint: "POP3 is on port 110, over TLS on 995; IMAP is on 143 and 993",
        ..service(
            "an IMAP server, not POP3",
            &[b"* OK", b"* PREAUTH", b"* BYE"],
        )
    },
    // RFC 5321 §4.2, RFC 959 §4.2.
    Service {
        hint: "POP3 is on port 110, over TLS on 995; SMTP is on 25, 465 and 587",
        ..service(
            "an SMTP or FTP server, not POP3",
            &[b"220 ", b"220-", b"250 ", b"250-", b"421 ", b"554 "],
        )
    },
    // RFC 3977 §5.1.
    service(
        "a news server (NNTP), not POP3",
        &[b"200 ", b"201 ", b"400 ", b"502 "],
    ),
    service("an SSH server, not POP3", &[b"SSH-"]),
    service(
        "a web server, not POP3",
        &[b"HTTP/", b"<!DOCTYPE", b"<html"],
    ),
    // RFC 5804 §1.7: capabilities, each a string in quotes, in any order.
    service(
        "a ManageSieve server, not POP3",
        &[
            b"\"IMPLEMENTATION\"",
            b"\"SIEVE\"",
            b"\"SASL\"",
            b"\"STARTTLS\"",
            b"\"VERSION\"",
        ],
    ),
    Service {
        hint: "POP3 is on port 110; a database should not be open to the network",
        ..service(
            "a Redis database, not POP3",
            &[
                b"-ERR unknown command 'CAPA', with args beginning with",
                b"-DENIED Redis",
            ],
        )
    },
    service("a VNC server, not POP3", &[b"RFB 00"]),
    service("an rsync server, not POP3", &[b"@RSYNCD:"]),
    // RFC 854: IAC WILL, WONT, DO or DONT.
    service(
        "a telnet server, not POP3",
        &[b"\xff\xfb", b"\xff\xfc", b"\xff\xfd", b"\xff\xfe"],
    ),
];

/// Other greetings of three digits.
static REPLY_CODES: Service = service("an SMTP, FTP, NNTP or similar server, not POP3", &[]);

impl Service {
    /// Returns the service that greets like this; None when it may be POP3, or is not known.
    pub(crate) fn of_start(first: &[u8]) -> Option<&'static Self> {
        Self::of_line(first).or_else(|| has_reply_code(first).then_some(&REPLY_CODES))
    }

    /// Returns the service with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let mut all = SERVICES.iter().chain([&REPLY_CODES]);
        all.find(|service| service.name == name)
    }

    /// Returns the service that is known by such a line, wherever it occurs: a number alone proves
    /// nothing there.
    pub(crate) fn of_line(first: &[u8]) -> Option<&'static Self> {
        let starts = |start: &&[u8]| {
            first
                .get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        };
        SERVICES
            .iter()
            .find(|service| service.starts.iter().any(starts))
    }
}

/// The reply codes that open a connection, or refuse it at once (RFC 5321 §4.2, RFC 959 §4.2, RFC
/// 3977 §3.2.1). Any number would not do: a recording that begins in the middle of a line may begin
/// with one.
const GREETING_CODES: &[&[u8]] = &[
    b"120", b"200", b"201", b"220", b"400", b"421", b"450", b"451", b"500", b"502", b"503", b"521",
    b"530", b"550", b"554",
];

/// Whether a line starts with a reply code that can greet.
fn has_reply_code(line: &[u8]) -> bool {
    line.split_at_checked(3).is_some_and(|(code, rest)| {
        GREETING_CODES.contains(&code) && matches!(rest, [b' ' | b'-' | b'\r' | b'\n', ..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_belongs_to_one_service() {
        for service in SERVICES {
            for start in service.starts {
                assert_eq!(Service::of_start(start), Some(service));
                let lower = start.to_ascii_lowercase();
                assert_eq!(Service::of_start(&lower), Some(service));
            }
        }
    }

    #[test]
    fn a_reply_code_is_enough_and_a_number_is_not() {
        for line in ["120 ready in 5 minutes\r\n", "530-x", "450\r\n"] {
            assert_eq!(Service::of_start(line.as_bytes()), Some(&REPLY_CODES));
        }
        for line in [
            "",
            "+OK ready\r\n",
            "-ERR no\r\n",
            "12 x",
            "2200",
            "666 x",
            // The ends of `EXPIRE 300 USER` and of `SCRAM-SHA-256 PLAIN`.
            "300 USER\r\n",
            "256 PLAIN\r\n",
            "hello",
        ] {
            assert_eq!(Service::of_start(line.as_bytes()), None);
        }
    }
}
