//! The handshake with a proxy: its URL, and what is sent to it before the connection to the server
//! is up. No I/O.

mod http;
mod socks;

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::base::error::Explain;
use crate::base::escape::escaped;
use crate::net::target::{self, Target};

pub(crate) const VARIABLE: &str = "POPTALK_PROXY_PASSWORD";

/// The port of a SOCKS proxy (RFC 1928 §3).
const SOCKS_PORT: u16 = 1080;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// SOCKS version 5 (RFC 1928); the proxy looks the host name up.
    Socks5,
    /// The method CONNECT of HTTP (RFC 9110 §9.3.6).
    Http,
}

impl ProxyKind {
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) kind: ProxyKind,
    pub(crate) place: Target,
    pub(crate) login: Option<ProxyLogin>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyLogin {
    pub(crate) user: String,
    pub(crate) password: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ProxyLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (hidden)", self.user)
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self} {:?}", self.login)
    }
}

/// Scheme and place; neither user nor password.
impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.place)
    }
}

/// Why there is no connection through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ProxyError {
    /// What happened, one line, safe to show.
    pub(crate) what: String,
    pub(crate) hint: String,
    /// It is about this server: the proxy may connect to a different one.
    pub(crate) is_about_target: bool,
}

impl Explain for ProxyError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(self.hint.clone().into())
    }
}

impl ProxyError {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            is_about_target: false,
        }
    }

    fn about_target(self) -> Self {
        Self {
            is_about_target: true,
            ..self
        }
    }
}

/// Reads the URL of a proxy. `password` is what the environment has for it.
///
/// Errors: what is wrong, as a sentence; a password in the URL is not repeated.
pub(crate) fn parse(url: &str, password: Option<Zeroizing<Vec<u8>>>) -> Result<Proxy, ProxyError> {
    let form = "write socks5://HOST:PORT or http://HOST:PORT, with USER@ before the host if needed";
    let fail = |what: String| ProxyError::new(format!("--proxy: {what}"), form);
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| fail("it must start with `socks5://` or `http://`".to_owned()))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(ProxyError::new(
            "--proxy: every user of this machine can read the password in the URL",
            format!("write only USER@, and set the variable {VARIABLE} to the password"),
        ));
    }
    let kind = match scheme.to_ascii_lowercase().as_str() {
        // What curl calls socks5h: the name goes to the proxy. Here it always does.
        "socks5" | "socks5h" => ProxyKind::Socks5,
        "http" => ProxyKind::Http,
        "https" => {
            return Err(fail(
                "TLS to the proxy itself is not supported; TLS to the server works through any proxy"
                    .to_owned(),
            ));
        }
        "socks" | "socks4" | "socks4a" => {
            return Err(fail("only SOCKS version 5 is supported".to_owned()));
        }
        other => return Err(fail(format!("unsupported scheme `{other}://`"))),
    };
    if place.contains(['/', '?', '#']) {
        return Err(fail("nothing may follow the port".to_owned()));
    }
    let (host, port) = target::split_port(place).map_err(fail)?;
    let port = match (port, kind) {
        (Some(port), _) => port,
        (None, ProxyKind::Socks5) => SOCKS_PORT,
        (None, ProxyKind::Http) => return Err(fail(format!("no port after `{host}`"))),
    };
    if host.is_empty() {
        return Err(fail("no host".to_owned()));
    }
    let place = Target {
        host: host.to_owned(),
        port,
        is_tls: false,
    };
    let login = match user {
        None | Some("") => None,
        Some(user) => Some(login(kind, user, password)?),
    };
    Ok(Proxy { kind, place, login })
}

fn login(
    kind: ProxyKind,
    user: &str,
    password: Option<Zeroizing<Vec<u8>>>,
) -> Result<ProxyLogin, ProxyError> {
    let fail = |what: &str, hint: &str| Err(ProxyError::new(format!("--proxy: {what}"), hint));
    let Some(user) = unescape(user) else {
        return fail(
            "cannot decode the user name",
            "write special characters as %XX, in UTF-8",
        );
    };
    let Some(password) = password else {
        return Err(ProxyError::new(
            format!("no password for `{user}` at the proxy"),
            format!("set the variable {VARIABLE} to it"),
        ));
    };
    match kind {
        // RFC 1929 §2: each has a length of one octet, which is not 0.
        ProxyKind::Socks5
            if !(1..=255).contains(&user.len()) || !(1..=255).contains(&password.len()) =>
        {
            fail(
                "in SOCKS, the user name and the password have 1 to 255 octets each",
                "ask the proxy's administrator (RFC 1929 §2)",
            )
        }
        // RFC 7617 §2: the first colon ends the user.
        ProxyKind::Http if user.contains(':') => fail(
            "HTTP Basic authentication can't carry a user name with a colon",
            "ask the proxy's administrator (RFC 7617 §2)",
        ),
        _ => Ok(ProxyLogin { user, password }),
    }
}

/// Text with `%XX` for octets (RFC 3986 §2.1); None when it is malformed or not UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            octets.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}

#[derive(PartialEq, Eq)]
pub(crate) enum ProxyStep {
    Send(Zeroizing<Vec<u8>>),
    /// Read just this many octets and no more: what follows may be the server's greeting.
    Read(usize),
    /// The tunnel is open: from the next octet on, the server speaks.
    Open,
}

impl std::fmt::Debug for ProxyStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(octets) => write!(f, "Send({} octets (hidden))", octets.len()),
            Self::Read(count) => write!(f, "Read({count})"),
            Self::Open => f.write_str("Open"),
        }
    }
}

/// The handshake with a proxy until the tunnel is open.
#[derive(Debug)]
pub(crate) enum Negotiation {
    Socks(socks::SocksNegotiation),
    Http(http::HttpNegotiation),
}

impl Negotiation {
    /// Begins the handshake: `proxy` is to connect to `target`.
    ///
    /// Errors: the host can't be sent to a proxy.
    pub(crate) fn new(proxy: &Proxy, target: &Target) -> Result<Self, ProxyError> {
        // A line end in a host would be a line of its own for the proxy.
        if target.host.is_empty() || !target.host.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(ProxyError::new(
                format!(
                    "`{}` can't be sent to a proxy",
                    escaped(target.host.as_bytes())
                ),
                "write the host name in ASCII (`xn--...` for other letters), without spaces",
            ));
        }
        Ok(match proxy.kind {
            ProxyKind::Socks5 => {
                Self::Socks(socks::SocksNegotiation::new(proxy.login.clone(), target)?)
            }
            ProxyKind::Http => Self::Http(http::HttpNegotiation::new(proxy.login.as_ref(), target)),
        })
    }

    /// The next step. `got` is what the last one, a [`ProxyStep::Read`], read; nothing otherwise.
    ///
    /// Errors: the proxy refuses, or breaks the protocol.
    pub(crate) fn next(&mut self, got: &[u8]) -> Result<ProxyStep, ProxyError> {
        match self {
            Self::Socks(talk) => talk.next(got),
            Self::Http(talk) => talk.next(got),
        }
    }
}

/// What the first octets look like if it is not the named kind of proxy.
fn stranger(octets: &[u8], kind: ProxyKind) -> ProxyError {
    let what = format!(
        "the proxy does not speak {}: its reply starts with `{}`",
        match kind {
            ProxyKind::Socks5 => "SOCKS 5",
            ProxyKind::Http => "HTTP",
        },
        escaped(octets)
    );
    let hint = match (octets, kind) {
        ([b'H', ..], ProxyKind::Socks5) => "it looks like an HTTP proxy: try http://",
        ([5, ..], ProxyKind::Http) => "it looks like a SOCKS proxy: try socks5://",
        ([0, ..], ProxyKind::Socks5) => "it looks like SOCKS 4; poptalk speaks version 5",
        ([b'+', ..], _) => "it looks like a POP3 server: connect to it without --proxy",
        ([0x15 | 0x16, 3, ..], _) => "it looks like TLS; poptalk speaks to a proxy in cleartext",
        _ => "check the host and the port of the proxy",
    };
    ProxyError::new(what, hint)
}

#[cfg(test)]
mod tests;
