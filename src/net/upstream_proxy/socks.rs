//! SOCKS version 5 (RFC 1928), with a user and a password (RFC 1929).

// An address as a value; there is no socket here.
use core::net::IpAddr;

use zeroize::Zeroizing;

use super::{ProxyError, ProxyKind, ProxyLogin, ProxyStep, VARIABLE, stranger};
use crate::net::target::Target;

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
/// The version of the talk about user and password (RFC 1929 §2).
const LOGIN_VERSION: u8 = 1;

/// What the codes of a reply mean (RFC 1928 §6), and what to do.
const REPLIES: &[(u8, &str, &str)] = &[
    (1, "general failure of the proxy", "see the proxy's log"),
    (
        2,
        "its rules forbid this connection",
        "many proxies allow only some ports; ask its administrator",
    ),
    (
        3,
        "it can't reach the server's network",
        "check the host name; the proxy may have no IPv6",
    ),
    (
        4,
        "it can't reach the server, or can't find its name",
        "check the host name; the proxy looks it up",
    ),
    (
        5,
        "the server refused the connection",
        "nothing listens there; POP3 is on port 110, over TLS on 995 (--tls)",
    ),
    (
        6,
        "the time to live (TTL) expired on the way to the server",
        "the route to the server is broken; try again later",
    ),
    (
        7,
        "it does not support CONNECT",
        "use a proxy that supports CONNECT",
    ),
    (
        8,
        "it does not support this type of address",
        "give a host name instead of the address",
    ),
];

#[derive(Debug)]
enum SocksState {
    Start,
    Method,
    MethodSent,
    /// The verdict on user and password follows.
    Verdict,
    VerdictSent,
    /// The head of the reply follows: version, code, reserved, kind of address.
    Head,
    HeadSent,
    Length,
    /// The address and the port follow; they are not needed.
    Rest,
}

#[derive(Debug)]
pub(crate) struct SocksNegotiation {
    state: SocksState,
    login: Option<ProxyLogin>,
    request: Vec<u8>,
}

impl SocksNegotiation {
    pub(super) fn new(login: Option<ProxyLogin>, target: &Target) -> Result<Self, ProxyError> {
        // RFC 1928 §4: version, command, reserved, kind of address, address, port.
        let mut request = vec![VERSION, CONNECT, 0];
        match target.host.parse() {
            Ok(IpAddr::V4(four)) => {
                request.push(1);
                request.extend_from_slice(&four.octets());
            }
            Ok(IpAddr::V6(six)) => {
                request.push(4);
                request.extend_from_slice(&six.octets());
            }
            // Not looked up here: the proxy may know names that we don't.
            Err(_) => {
                let Ok(length) = u8::try_from(target.host.len()) else {
                    return Err(ProxyError::new(
                        "the host name is longer than the 255 octets that SOCKS allows",
                        "give its address instead",
                    ));
                };
                request.extend_from_slice(&[3, length]);
                request.extend_from_slice(target.host.as_bytes());
            }
        }
        request.extend_from_slice(&target.port.to_be_bytes());
        Ok(Self {
            state: SocksState::Start,
            login,
            request,
        })
    }

    pub(super) fn next(&mut self, got: &[u8]) -> Result<ProxyStep, ProxyError> {
        let (state, step) = match (&self.state, got) {
            (SocksState::Start, _) => {
                // RFC 1928 §3: version, number of methods, methods.
                let methods: &[u8] = match self.login {
                    None => &[VERSION, 1, NO_LOGIN],
                    Some(_) => &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD],
                };
                let octets = Zeroizing::new(methods.to_vec());
                (SocksState::MethodSent, ProxyStep::Send(octets))
            }
            (SocksState::MethodSent, _) => (SocksState::Method, ProxyStep::Read(2)),
            (SocksState::Method, [VERSION, method]) => self.chosen(*method)?,
            (SocksState::Method, other) => return Err(stranger(other, ProxyKind::Socks5)),
            (SocksState::VerdictSent, _) => (SocksState::Verdict, ProxyStep::Read(2)),
            // RFC 1929 §2: any status but 0 is a refusal. Some proxies put 5 for the version.
            (SocksState::Verdict, [_, 0]) => self.ask(),
            (SocksState::Verdict, _) => {
                return Err(ProxyError::new(
                    "the proxy rejected the user name or the password",
                    format!("check USER@ in --proxy, and the variable {VARIABLE}"),
                ));
            }
            (SocksState::HeadSent, _) => (SocksState::Head, ProxyStep::Read(4)),
            (SocksState::Head, [VERSION, 0, _, kind]) => after_head(*kind)?,
            (SocksState::Head, [VERSION, code, ..]) => return Err(refusal(*code)),
            // One octet: a proxy that echoes what it received must not make us show a password.
            (SocksState::Head, other) => {
                return Err(stranger(
                    other.get(..1).unwrap_or_default(),
                    ProxyKind::Socks5,
                ));
            }
            (SocksState::Length, [length, ..]) => {
                (SocksState::Rest, ProxyStep::Read(usize::from(*length) + 2))
            }
            (SocksState::Length, []) => (SocksState::Length, ProxyStep::Read(1)),
            (SocksState::Rest, _) => (SocksState::Rest, ProxyStep::Open),
        };
        self.state = state;
        Ok(step)
    }

    /// Continues with the method that the proxy chose (RFC 1928 §3).
    fn chosen(&self, method: u8) -> Result<(SocksState, ProxyStep), ProxyError> {
        let login =
            || format!("write USER@ before the proxy's host, and set {VARIABLE} to the password");
        match method {
            NO_LOGIN => Ok(self.ask()),
            USER_AND_PASSWORD => match self.credentials() {
                Some(octets) => Ok((SocksState::VerdictSent, ProxyStep::Send(octets))),
                None => Err(ProxyError::new(
                    "the proxy requires a user name and a password",
                    login(),
                )),
            },
            NO_METHOD if self.login.is_none() => Err(ProxyError::new(
                "the proxy accepts no connection without a login",
                login(),
            )),
            method => Err(ProxyError::new(
                format!(
                    "the proxy requires a login method that poptalk does not support (method {method})"
                ),
                "poptalk supports only two methods: no login, or a user name and password (RFC 1929)",
            )),
        }
    }

    fn ask(&self) -> (SocksState, ProxyStep) {
        let octets = Zeroizing::new(self.request.clone());
        (SocksState::HeadSent, ProxyStep::Send(octets))
    }

    /// RFC 1929 §2: version, length, user, length, password.
    fn credentials(&self) -> Option<Zeroizing<Vec<u8>>> {
        let login = self.login.as_ref()?;
        let head = [LOGIN_VERSION, u8::try_from(login.user.len()).ok()?];
        let length = [u8::try_from(login.password.len()).ok()?];
        let octets = [&head, login.user.as_bytes(), &length, &login.password].concat();
        Some(Zeroizing::new(octets))
    }
}

/// What is to be read after the head of a reply, by its kind of address (RFC 1928 §5); the port has
/// two octets.
fn after_head(kind: u8) -> Result<(SocksState, ProxyStep), ProxyError> {
    match kind {
        1 => Ok((SocksState::Rest, ProxyStep::Read(4 + 2))),
        3 => Ok((SocksState::Length, ProxyStep::Read(1))),
        4 => Ok((SocksState::Rest, ProxyStep::Read(16 + 2))),
        kind => Err(ProxyError::new(
            format!("unknown type of address in the proxy's reply ({kind})"),
            "check the host and the port of the proxy",
        )),
    }
}

fn refusal(code: u8) -> ProxyError {
    let (what, hint) = REPLIES
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or_else(
            || ("its code is not defined in RFC 1928", "see the proxy's log"),
            |(_, what, hint)| (*what, *hint),
        );
    ProxyError::new(
        format!("the proxy refused the connection: {what} (SOCKS reply {code})"),
        hint,
    )
    .about_target()
}
