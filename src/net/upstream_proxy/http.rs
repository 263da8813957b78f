//! The method CONNECT of HTTP (RFC 9110 §9.3.6), with Basic authentication (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{ProxyError, ProxyKind, ProxyLogin, ProxyStep, VARIABLE, stranger};
use crate::base::escape::escaped;
use crate::net::target::Target;

const HEAD_MAX: usize = 16 * 1024;

/// The most octets shown of the proxy's own words.
const REASON_MAX: usize = 80;

/// What the status codes of a refusal mean (RFC 9110 §15), and what to do.
const REPLIES: &[(u16, &str, &str)] = &[
    (
        400,
        "it does not understand the request",
        "check that the port is the proxy's",
    ),
    (
        401,
        "it requires a web login, not a proxy login",
        "it may be a web server, not a proxy",
    ),
    (
        403,
        "its rules forbid this connection",
        "many proxies allow only port 443; ask its administrator",
    ),
    (
        404,
        "it looked for a web page instead of connecting",
        "it may be a web server, not a proxy",
    ),
    (
        405,
        "it does not allow CONNECT",
        "it may be a web server, not a proxy",
    ),
    (429, "it received too many requests", "try again later"),
    (500, "it failed", "see the proxy's log"),
    (
        501,
        "it does not support CONNECT",
        "use a proxy that supports CONNECT",
    ),
    (
        502,
        "it could not connect to the server",
        "check the host name and the port; the proxy looks the name up",
    ),
    (
        503,
        "it is unavailable, or can't find the server",
        "check the host name, or try again later",
    ),
    (
        504,
        "the server did not answer in time",
        "check the host name and the port",
    ),
];

pub(crate) struct HttpNegotiation {
    request: Option<Zeroizing<Vec<u8>>>,
    head: Vec<u8>,
    /// What must not be shown: the password, and its form in the request. Empty without a login.
    secrets: Vec<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for HttpNegotiation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "http::Talk({} octets of a head, (hidden))",
            self.head.len()
        )
    }
}

impl HttpNegotiation {
    pub(super) fn new(login: Option<&ProxyLogin>, target: &Target) -> Self {
        // RFC 9110 §9.3.6: the target is host and port, and so is the Host field.
        let mut request = Zeroizing::new(Vec::with_capacity(1024));
        request.extend_from_slice(
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").as_bytes(),
        );
        let mut secrets = Vec::new();
        if let Some(login) = login {
            let token = token(login);
            request.extend_from_slice(b"Proxy-Authorization: Basic ");
            request.extend_from_slice(&token);
            request.extend_from_slice(b"\r\n");
            secrets = vec![login.password.clone(), token];
        }
        request.extend_from_slice(b"\r\n");
        Self {
            request: Some(request),
            head: Vec::new(),
            secrets,
        }
    }

    pub(super) fn next(&mut self, got: &[u8]) -> Result<ProxyStep, ProxyError> {
        if let Some(request) = self.request.take() {
            return Ok(ProxyStep::Send(request));
        }
        self.head.extend_from_slice(got);
        let start = b"HTTP/1.";
        let is_http = self.head.iter().zip(start).all(|(own, want)| own == want);
        if !is_http {
            return Err(stranger(&self.head, ProxyKind::Http));
        }
        // A bare LF also ends a line (RFC 9112 §2.2).
        if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
            return self.judge();
        }
        if self.head.len() >= HEAD_MAX {
            return Err(ProxyError::new(
                format!("the header of the proxy's reply is longer than {HEAD_MAX} octets"),
                "check the host and the port of the proxy",
            ));
        }
        // One at a time: after the header the server speaks, and those octets are not ours to read.
        Ok(ProxyStep::Read(1))
    }

    /// Reads the status line (RFC 9112 §4).
    fn judge(&self) -> Result<ProxyStep, ProxyError> {
        let line = self.head.split(|octet| *octet == b'\n').next();
        let line = line.unwrap_or_default().trim_ascii_end();
        let mut words = line.splitn(3, |octet| *octet == b' ');
        let _version = words.next();
        let code = words
            .next()
            .filter(|word| word.len() == 3)
            .and_then(|word| std::str::from_utf8(word).ok()?.parse::<u16>().ok());
        let reason = self.reason(words.next().unwrap_or_default());
        match code {
            // RFC 9110 §9.3.6: any 2xx opens the tunnel, whatever fields came with it.
            Some(200..=299) => Ok(ProxyStep::Open),
            Some(407) => {
                let (what, hint) = if self.secrets.is_empty() {
                    (
                        "the proxy requires a user name and a password",
                        format!(
                            "write USER@ before the proxy's host, and set {VARIABLE} to the password"
                        ),
                    )
                } else {
                    (
                        "the proxy rejected the user name or the password",
                        format!(
                            "check USER@ in --proxy, and the variable {VARIABLE}; poptalk supports only Basic authentication"
                        ),
                    )
                };
                Err(ProxyError::new(format!("{what} (HTTP 407{reason})"), hint))
            }
            Some(code) => Err(refusal(code, &reason)),
            None => Err(ProxyError::new(
                format!("the proxy's status line has no code: `{}`", self.safe(line)),
                "check the host and the port of the proxy",
            )),
        }
    }

    /// The proxy's own words with a blank before them; nothing when there are none.
    fn reason(&self, words: &[u8]) -> String {
        if words.is_empty() {
            String::new()
        } else {
            format!(" {}", self.safe(words))
        }
    }

    /// Octets of the proxy as text that may be shown: not too long, and no secret in it.
    fn safe(&self, octets: &[u8]) -> String {
        let holds = |secret: &Zeroizing<Vec<u8>>| {
            !secret.is_empty()
                && octets
                    .windows(secret.len())
                    .any(|part| part == secret.as_slice())
        };
        if self.secrets.iter().any(holds) {
            return "(hidden)".to_owned();
        }
        escaped(octets.get(..REASON_MAX).unwrap_or(octets))
    }
}

/// RFC 7617 §2: user, colon and password in base64.
pub(super) fn token(login: &ProxyLogin) -> Zeroizing<Vec<u8>> {
    let pair = Zeroizing::new([login.user.as_bytes(), b":", &login.password].concat());
    Zeroizing::new(STANDARD.encode(&*pair).into_bytes())
}

fn refusal(code: u16, reason: &str) -> ProxyError {
    let known = REPLIES.iter().find(|(known, ..)| *known == code);
    let (what, hint) = match (known, code) {
        (Some((_, what, hint)), _) => (*what, *hint),
        (None, 300..=399) => (
            "it sent a redirect, which poptalk does not follow",
            "it may be a web server, or require a login in a browser",
        ),
        (None, 500..) => ("it failed", "see the proxy's log"),
        (None, _) => ("unknown reason", "see the proxy's log"),
    };
    ProxyError::new(
        format!("the proxy refused the connection: {what} (HTTP {code}{reason})"),
        hint,
    )
    .about_target()
}
