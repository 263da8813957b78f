//! Builds login lines: the SASL mechanisms and APOP, step by step, with an explanation of each
//! step.

mod scram;
pub mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use scram::Scram;

/// A mechanism of RFC 5034's AUTH that poptalk can carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mechanism {
    /// Its name, upper case.
    pub name: &'static str,
    /// Anyone who reads the line has the secret.
    pub is_plain: bool,
    /// The client speaks first: an initial response is allowed (RFC 5034 §4).
    pub(crate) is_client_first: bool,
    /// It uses a token instead of a password.
    pub(crate) wants_token: bool,
    pub(crate) source: &'static str,
}

const fn row(
    name: &'static str,
    is_plain: bool,
    is_client_first: bool,
    source: &'static str,
) -> Mechanism {
    Mechanism {
        name,
        is_plain,
        is_client_first,
        wants_token: false,
        source,
    }
}

/// The mechanisms, strongest first. Those with a token are used only if requested by name.
pub const MECHANISMS: &[Mechanism] = &[
    row("SCRAM-SHA-256-PLUS", false, true, "RFC 7677"),
    row("SCRAM-SHA-1-PLUS", false, true, "RFC 5802"),
    row("SCRAM-SHA-256", false, true, "RFC 7677"),
    row("SCRAM-SHA-1", false, true, "RFC 5802"),
    row("CRAM-MD5", false, false, "RFC 2195"),
    row("PLAIN", true, true, "RFC 4616"),
    row("LOGIN", true, false, "draft-murchison-sasl-login"),
    Mechanism {
        wants_token: true,
        ..row("OAUTHBEARER", true, true, "RFC 7628")
    },
    Mechanism {
        wants_token: true,
        ..row("XOAUTH2", true, true, "Google's and Microsoft's own")
    },
    row("EXTERNAL", false, true, "RFC 4422, appendix A"),
    row("ANONYMOUS", false, true, "RFC 4505"),
];

impl Mechanism {
    /// The mechanism of this name, without regard to case.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        MECHANISMS
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
    }

    /// The announced mechanisms that work with a password, strongest first; those with channel
    /// binding only if a binding is available.
    pub(crate) fn offered(
        announced: &[String],
        has_binding: bool,
    ) -> impl Iterator<Item = &'static Self> {
        let is_announced = |row: &&Self| {
            announced
                .iter()
                .any(|name| name.eq_ignore_ascii_case(row.name))
        };
        MECHANISMS
            .iter()
            .filter(|row| !row.wants_token && !matches!(row.name, "EXTERNAL" | "ANONYMOUS"))
            .filter(move |row| has_binding || !row.name.ends_with("-PLUS"))
            .filter(is_announced)
    }

    pub(crate) fn wants_secret(&self) -> bool {
        !matches!(self.name, "EXTERNAL" | "ANONYMOUS")
    }
}

/// The credentials and the data of one exchange.
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password or token.
    pub secret: Zeroizing<Vec<u8>>,
    /// The host, for OAUTHBEARER.
    pub host: String,
    /// The port, for OAUTHBEARER.
    pub port: u16,
    /// Text that was never used before, printable ASCII without a comma.
    pub nonce: String,
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    pub binding: Option<Vec<u8>>,
    /// The server listed its mechanisms, none of them with channel binding.
    pub is_plus_missing: bool,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Credentials {{ user: {:?}, secret: (hidden) }}",
            self.user
        )
    }
}

/// One step of the client: what to send, and how it was built.
pub struct Turn {
    /// How it was built: labels with values that may be shown. No secret, no digest and no base64
    /// of one.
    pub parts: Vec<(&'static str, String)>,
    /// What to send, before base64.
    pub response: Zeroizing<Vec<u8>>,
}

impl Turn {
    fn new(response: impl Into<Vec<u8>>, parts: &[(&'static str, &str)]) -> Self {
        let parts = parts
            .iter()
            .map(|(label, text)| (*label, (*text).to_owned()))
            .collect();
        Self {
            parts,
            response: Zeroizing::new(response.into()),
        }
    }

    /// The text of the line to send: base64; `=` if an initial response is empty (RFC 5034 §4).
    #[must_use]
    pub fn text(&self, is_initial: bool) -> Zeroizing<String> {
        if self.response.is_empty() && is_initial {
            return Zeroizing::new("=".to_owned());
        }
        Zeroizing::new(STANDARD.encode(&*self.response))
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turn {{ parts: {:?}, response: (hidden) }}", self.parts)
    }
}

/// Why an exchange cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The challenge is not base64 (RFC 5034 §4).
    #[error("the challenge is not base64")]
    NotBase64,
    /// The server sent more than the mechanism defines.
    #[error("the server sent another challenge after {0} was complete")]
    TooLong(&'static str),
    /// A SCRAM challenge violates RFC 5802 §5.
    #[error("the server's {0}")]
    Scram(&'static str),
    /// The server sent an error.
    #[error("the server reported: {0}")]
    Told(String),
    /// The server does not know the password: it may be an impostor (RFC 5802 §3).
    #[error(
        "the server's signature is wrong: it does not know the password, so it may be an impostor"
    )]
    Impostor,
    /// A `-PLUS` mechanism without a certificate to bind to.
    #[error("the connection has no certificate to bind the login to (RFC 5929 §4)")]
    NoBinding,
    /// The name, password or token contains an octet that separates the fields of this mechanism.
    #[error("the {0} contains {1}, which ends a field in {2}")]
    Separator(&'static str, &'static str, &'static str),
    /// The password cannot be prepared as RFC 4013 requires.
    #[error("the name or password contains characters that SCRAM forbids (RFC 4013)")]
    Forbidden,
}

impl SaslError {
    /// Whether the reason is this mechanism, so that a different one may work: not a server that
    /// breaks the rules or does not know the password, which may be an impostor.
    pub(crate) fn leaves_other_ways(&self) -> bool {
        matches!(
            self,
            Self::Told(_) | Self::NoBinding | Self::Separator(..) | Self::Forbidden
        )
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NotBase64 => "the octets are in the transcript; another mechanism may work",
            Self::TooLong(_) | Self::Scram(_) => {
                "the server breaks this mechanism's rules; try a different mechanism"
            }
            Self::Told(_) => "`:why` explains the refusal that follows",
            Self::Impostor => "do not send anything more until you know which server this is",
            Self::NoBinding => "log in inside TLS, or use the mechanism without -PLUS",
            Self::Separator(..) => "use a different mechanism",
            Self::Forbidden => "PLAIN inside TLS, or USER and PASS, accept any character",
        }
    }
}

/// One exchange, on the client's side.
pub struct SaslExchange {
    mechanism: &'static Mechanism,
    credentials: Credentials,
    scram: Option<Scram>,
    step: usize,
}

impl SaslExchange {
    /// Creates an exchange that has not begun.
    #[must_use]
    pub fn new(mechanism: &'static Mechanism, credentials: Credentials) -> Self {
        let scram = mechanism
            .name
            .starts_with("SCRAM-")
            .then(|| Scram::new(mechanism.name, &credentials));
        Self {
            mechanism,
            credentials,
            scram,
            step: 0,
        }
    }

    /// Returns the first response, if the client speaks first in this mechanism.
    ///
    /// Errors: the name cannot be used in this mechanism.
    pub fn initial(&mut self) -> Result<Option<Turn>, SaslError> {
        if self.mechanism.is_client_first {
            self.next(b"").map(Some)
        } else {
            Ok(None)
        }
    }

    /// Returns the response to a challenge (the text after `+ `, base64).
    ///
    /// Errors: the challenge violates the mechanism; the client then cancels with `*`.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Turn, SaslError> {
        let decoded = STANDARD
            .decode(challenge)
            .map_err(|_| SaslError::NotBase64)?;
        self.next(&decoded)
    }

    fn next(&mut self, challenge: &[u8]) -> Result<Turn, SaslError> {
        let step = self.step;
        self.step += 1;
        let Credentials {
            user,
            secret,
            host,
            port,
            ..
        } = &self.credentials;
        let join = |parts: &[&[u8]]| parts.concat();
        let over = Err(SaslError::TooLong(self.mechanism.name));
        if let Some(scram) = &mut self.scram {
            return scram.next(&self.credentials, challenge);
        }
        self.check_separators()?;
        Ok(match (self.mechanism.name, step) {
            ("PLAIN", 0) => Turn::new(
                join(&[b"\0", user.as_bytes(), b"\0", secret]),
                &[("parts", &format!("(authzid, empty) NUL {user} NUL ••••••"))],
            ),
            ("LOGIN", 0) => Turn::new(user.as_bytes(), &[("parts", user)]),
            ("LOGIN", 1) => Turn::new(secret.as_slice(), &[("parts", "••••••, the password")]),
            ("CRAM-MD5", 0) => Turn::new(
                format!("{user} {}", hex(&hmac::<Hmac<Md5>>(secret, challenge))),
                &[
                    ("hash", "HMAC-MD5, key ••••••, over the challenge"),
                    (
                        "parts",
                        &format!("{user} SP (the hash, 32 hexadecimal digits)"),
                    ),
                ],
            ),
            ("XOAUTH2", 0) => Turn::new(
                join(&[
                    b"user=",
                    user.as_bytes(),
                    b"\x01auth=Bearer ",
                    secret,
                    b"\x01\x01",
                ]),
                &[("parts", &format!("user={user} ^A auth=Bearer •••••• ^A ^A"))],
            ),
            ("OAUTHBEARER", 0) => {
                let open = format!(
                    "n,a={},\x01host={host}\x01port={port}\x01auth=Bearer ",
                    scram::name(user)
                );
                let shown = format!(
                    "n,a={user}, ^A host={host} ^A port={port} ^A auth=Bearer •••••• ^A ^A"
                );
                Turn::new(
                    join(&[open.as_bytes(), secret, b"\x01\x01"]),
                    &[("parts", &shown)],
                )
            }
            // The challenge holds the error as JSON; the response only ends the exchange.
            ("XOAUTH2", 1) => Turn::new(
                "",
                &[(
                    "refused",
                    "the challenge describes the error; an empty line ends the exchange",
                )],
            ),
            ("OAUTHBEARER", 1) => Turn::new(
                "\x01",
                &[(
                    "refused",
                    "the challenge describes the error; ^A ends the exchange",
                )],
            ),
            ("EXTERNAL" | "ANONYMOUS", 0) => Turn::new(user.as_bytes(), &[("parts", user)]),
            _ => return over,
        })
    }

    /// RFC 4616 §2: no NUL within a field. The OAuth mechanisms end fields with ^A (RFC 7628 §3.1).
    fn check_separators(&self) -> Result<(), SaslError> {
        let name = self.mechanism.name;
        let (separator, called) = match name {
            "PLAIN" => (0, "NUL"),
            "XOAUTH2" | "OAUTHBEARER" => (1, "^A"),
            _ => return Ok(()),
        };
        let Credentials { user, secret, .. } = &self.credentials;
        if memchr::memchr(separator, user.as_bytes()).is_some() {
            return Err(SaslError::Separator("name", called, name));
        }
        if memchr::memchr(separator, secret).is_some() {
            return Err(SaslError::Separator("password or token", called, name));
        }
        Ok(())
    }

    /// Whether the server has proved that it knows the password; None for a mechanism without such
    /// a proof.
    #[must_use]
    pub fn is_verified(&self) -> Option<bool> {
        self.scram.as_ref().map(Scram::is_verified)
    }
}

/// Whether a text is base64 (RFC 4648 §4), padding included.
pub(crate) fn is_base64(text: &[u8]) -> bool {
    STANDARD.decode(text).is_ok()
}

/// The timestamp of a greeting, with its angle brackets (RFC 1939 §7): `<`, text with an `@`, `>`,
/// all visible ASCII.
///
/// A timestamp of any other form is refused: a server could choose it so that digests reveal the
/// password (CVE-2007-1558).
#[must_use]
pub fn timestamp(greeting: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b'<', greeting)?;
    let length = memchr::memchr(b'>', greeting.get(start..)?)?;
    let stamp = greeting.get(start..=start + length)?;
    let inner = stamp.get(1..stamp.len() - 1)?;
    let is_plain = inner
        .iter()
        .all(|octet| octet.is_ascii_graphic() && !b"<>".contains(octet));
    let has_sides = inner
        .split(|octet| *octet == b'@')
        .filter(|side| !side.is_empty())
        .count()
        == 2;
    (is_plain && has_sides).then_some(stamp)
}

/// The digest of APOP: MD5 of the timestamp and the password, 32 hexadecimal digits (RFC 1939 §7).
#[must_use]
pub fn apop(timestamp: &[u8], secret: &[u8]) -> Zeroizing<String> {
    let mut md5 = Md5::new();
    md5.update(timestamp);
    md5.update(secret);
    Zeroizing::new(hex(&md5.finalize()))
}

/// Whether `AUTH` with this initial response fits into 255 octets, including CRLF (RFC 5034 §4).
pub(crate) fn fits(mechanism: &str, text: &str) -> bool {
    "AUTH ".len() + mechanism.len() + " ".len() + text.len() + "\r\n".len() <= 255
}

/// The HMAC of a text; the key may have any length (RFC 2104 §2).
fn hmac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests;
