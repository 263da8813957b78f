//! Reads the name of a server as typed: a host, `host:port`, `[address]:port`, or a URL.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::base::error::Explain;
use crate::base::loopback::is_loopback;
use crate::base::percent;
use crate::net::proxy_protocol::HeaderSettings;

/// Host and port, and whether TLS starts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A host name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// TLS from the first octet (RFC 8314 §3.1).
    pub is_tls: bool,
}

/// The port of POP3 (RFC 1939 §3).
pub(crate) const PORT: u16 = 110;
/// The port of POP3 over TLS (RFC 8314 §3.1).
pub(crate) const TLS_PORT: u16 = 995;

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where to connect, apart from what the server is called, and how the connection begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSettings {
    /// The host or address to connect to in place of the target's, and its port if it differs
    /// (`--connect-to`).
    pub connect_to: Option<(String, Option<u16>)>,
    /// Addresses for hosts that are not looked up (`--resolve`); the first one that fits counts.
    pub resolve: Vec<Resolved>,
    /// Use only addresses of this version (`-4`, `-6`).
    pub version: Option<IpVersion>,
    /// The header of the PROXY protocol to begin each connection with (`--proxy-protocol`).
    pub header: Option<HeaderSettings>,
}

/// The address of a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    host: String,
    port: u16,
    address: IpAddr,
}

impl Resolved {
    fn is_for(&self, target: &Target) -> bool {
        self.port == target.port && self.host.eq_ignore_ascii_case(&target.host)
    }
}

/// A version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

impl IpVersion {
    pub(crate) fn fits(self, address: &SocketAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl AddressSettings {
    /// Returns where a connection to `target` goes. Its names, in TLS too, stay those of `target`.
    pub(crate) fn place(&self, target: &Target) -> Target {
        let named = self.resolve.iter().find(|named| named.is_for(target));
        let (host, port) = match (&self.connect_to, named) {
            (Some((host, port)), _) => (host.clone(), port.unwrap_or(target.port)),
            (None, Some(named)) => (named.address.to_string(), target.port),
            (None, None) => return target.clone(),
        };
        Target {
            host,
            port,
            is_tls: target.is_tls,
        }
    }

    /// Returns the host that is not this machine: the target's or the one in its place. None if
    /// both are, because an address of this machine for a remote name is probably a tunnel.
    pub(crate) fn remote_host(&self, target: &Target) -> Option<String> {
        let hosts = [target.host.clone(), self.place(target).host];
        hosts.into_iter().find(|host| !is_loopback(host))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) target: Target,
    pub(crate) user: Option<String>,
}

/// Why a text names no target. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("unsupported URL scheme `{0}://`; use `pop3://` or `pop3s://`")]
    Scheme(String),
    #[error("the host name is missing")]
    NoHost,
    /// A user before something that is not a URL.
    #[error("a host name cannot contain `@`")]
    At,
    #[error("the URL contains a password, which others may be able to read")]
    Password,
    #[error("user in the URL: {NO_NAME}")]
    User,
    #[error("expected a port from 1 to 65535 after `:`")]
    Port,
    #[error("expected `]` after the address")]
    Bracket,
    /// A URL continues after its host.
    #[error("a POP3 URL ends after the host: it has no path and no query (RFC 2384 §3)")]
    Path,
    #[error("two ports: {0} and {1}")]
    TwoPorts(u16, u16),
}

impl Explain for TargetError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::At => "name the user with -u, or in a URL: pop3://USER@HOST",
            Self::Password => {
                "write only USER@; poptalk asks for the password, or reads it as the options say"
            }
            Self::Path => "give pop3://[USER@]HOST; `-c 'retr 1'` fetches message 1",
            Self::User => "write the user name as it is sent, without a line end",
            _ => "give HOST, HOST:PORT, [ADDRESS]:PORT or a URL: pop3://[USER@]HOST",
        };
        Some(hint.into())
    }
}

const NO_NAME: &str = "a control character would end the line";

/// A user name that fits into a line.
pub(crate) fn user_name(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err(NO_NAME.to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Reads the name that a certificate must be for: a host name or an IP address.
///
/// Errors: what is wrong, as a sentence.
pub(crate) fn tls_name(text: &str) -> Result<String, String> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    // OpenSSL verifies no name if it is empty, and accepts each subdomain if it starts with a dot.
    let is_name = !text.is_empty() && !text.starts_with('.') && text.bytes().all(fits);
    match is_name || text.parse::<IpAddr>().is_ok() {
        // RFC 6066 §3: SNI has no final dot.
        true => Ok(text.strip_suffix('.').unwrap_or(text).to_owned()),
        false => Err("expected a host name in ASCII, or an IP address without brackets".to_owned()),
    }
}

/// Reads where to connect in place of a server: `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`, a
/// host name or an IP address.
///
/// Errors: what is wrong, as a sentence.
pub(crate) fn connect_to(text: &str) -> Result<(String, Option<u16>), String> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.:%".contains(&octet);
    let is_address = |host: &str| {
        let (address, _zone) = host.split_once('%').unwrap_or((host, ""));
        address.parse::<Ipv6Addr>().is_ok()
    };
    let read = split_port(text).ok().filter(|(host, port)| {
        let is_host = !host.is_empty() && host.bytes().all(fits);
        is_host && (!host.contains(':') || is_address(host)) && *port != Some(0)
    });
    read.map(|(host, port)| (host.to_owned(), port))
        .ok_or_else(|| {
            "expected a host name or an IP address, optionally with `:PORT` (IPv6: `[ADDRESS]:PORT`)"
                .to_owned()
        })
}

/// Reads `HOST:PORT:ADDRESS`; brackets around the address may be omitted.
///
/// Errors: what is wrong, as a sentence.
pub(crate) fn resolve(text: &str) -> Result<Resolved, String> {
    let read = || {
        let (host, rest) = text.split_once(':')?;
        let (port, address) = rest.split_once(':')?;
        let bare = address
            .strip_prefix('[')
            .and_then(|address| address.strip_suffix(']'));
        Some(Resolved {
            host: tls_name(host).ok()?,
            port: port.parse().ok().filter(|port| *port != 0)?,
            address: bare.unwrap_or(address).parse().ok()?,
        })
    };
    read().ok_or_else(|| {
        "expected HOST:PORT:ADDRESS, such as pop.example.org:995:192.0.2.7".to_owned()
    })
}

/// Reads the source of a PROXY protocol header: `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
///
/// Errors: what is wrong, as a sentence.
pub(crate) fn proxy_source(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    let read = split_port(text).ok();
    read.and_then(|(address, port)| Some((address.parse().ok()?, port)))
        .ok_or_else(|| {
            "expected an IP address, optionally with `:PORT` (IPv6: `[ADDRESS]:PORT`)".to_owned()
        })
}

/// Reads a target. `port` was given apart; `is_tls` asks for TLS from the first octet.
pub(crate) fn parse(text: &str, port: Option<u16>, is_tls: bool) -> Result<Named, TargetError> {
    let is_scheme = |word: &str| word.bytes().all(|octet| octet.is_ascii_alphanumeric());
    let (scheme, rest) = match text.split_once("://").filter(|(word, _)| is_scheme(word)) {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    let is_tls = match scheme.as_deref() {
        None => is_tls,
        Some("pop3" | "pop") => is_tls,
        Some("pop3s" | "pops") => true,
        Some(other) => return Err(TargetError::Scheme(other.to_owned())),
    };
    // RFC 2384 §3: a URL may name a user and end in a slash. For curl a path is a message number;
    // to drop it would mislead.
    let rest = match scheme {
        Some(_) => {
            let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (rest, path) = rest.split_at(host_end);
            if !matches!(path, "" | "/") {
                return Err(TargetError::Path);
            }
            rest
        }
        None => rest,
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some(_) if scheme.is_none() => return Err(TargetError::At),
        Some((user, host)) => (url_user(user)?, host),
        None => (None, rest),
    };
    let (host, own_port) =
        split_port(rest).map_err(|_| match rest.starts_with('[') && !rest.contains(']') {
            true => TargetError::Bracket,
            false => TargetError::Port,
        })?;
    if host.is_empty() {
        return Err(TargetError::NoHost);
    }
    let port = match (own_port, port) {
        (Some(own), Some(other)) if own != other => {
            return Err(TargetError::TwoPorts(own, other));
        }
        (own, other) => own.or(other),
    };
    // 995 is the port of TLS: there nothing else makes sense.
    let is_tls = is_tls || (scheme.is_none() && port == Some(TLS_PORT));
    let port = port.unwrap_or(if is_tls { TLS_PORT } else { PORT });
    let target = Target {
        host: host.to_owned(),
        port,
        is_tls,
    };
    Ok(Named { target, user })
}

/// The user of a URL (RFC 2384 §3). The login method after a `;` is not ours to read: the caller
/// decides it.
fn url_user(text: &str) -> Result<Option<String>, TargetError> {
    if text.contains(':') {
        return Err(TargetError::Password);
    }
    let user = text.split(';').next().unwrap_or_default();
    let (user, _) = percent::decode(user.as_bytes());
    let user = user_name(&String::from_utf8_lossy(&user)).map_err(|_| TargetError::User)?;
    Ok(Some(user).filter(|user| !user.is_empty()))
}

/// Splits `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; the port is None without one.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| format!("`{text}` has no `]`"))?;
        (host, after.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            // More than one colon: an IPv6 address without brackets.
            Some((_, after)) if after.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = port.map(|port| port.parse().map_err(|_| format!("`{port}` is not a port")));
    Ok((host, port.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::{
        AddressSettings, Target, TargetError, connect_to, parse, proxy_source, resolve, tls_name,
    };

    fn read(text: &str) -> String {
        parse(text, None, false).map_or_else(
            |error| error.to_string(),
            |named| {
                let user = named.user.map_or(String::new(), |user| format!(" {user}"));
                let tls = if named.target.is_tls { "tls" } else { "clear" };
                format!("{} {tls}{user}", named.target)
            },
        )
    }

    #[test]
    fn a_server_is_called_in_many_ways() {
        for (text, meant) in [
            ("pop.example.org", "pop.example.org:110 clear"),
            ("pop.example.org:1100", "pop.example.org:1100 clear"),
            ("pop.example.org:995", "pop.example.org:995 tls"),
            ("::1", "[::1]:110 clear"),
            ("[2001:db8::1]:995", "[2001:db8::1]:995 tls"),
            ("pop://pop.example.org:8110", "pop.example.org:8110 clear"),
            ("pop3s://alice@host/", "host:995 tls alice"),
            ("pops://a%40b;AUTH=*@host:995/", "host:995 tls a@b"),
            ("pop3://100%25%zz%@host", "host:110 clear 100%%zz%"),
            ("pop3://;auth=APOP@host", "host:110 clear"),
        ] {
            assert_eq!(read(text), meant);
        }
    }

    #[test]
    fn a_name_that_would_switch_verification_off_is_an_error() {
        for right in [
            "pop.example.org",
            "a_b-c.example.",
            "192.0.2.1",
            "2001:db8::1",
        ] {
            assert_eq!(tls_name(right).as_deref(), Ok(right.trim_end_matches('.')));
        }
        for wrong in [
            "",
            ".",
            ".example.org",
            "*.example.org",
            "pop.example.org:995",
            "[::1]",
            "a b",
            "a\0b",
            "é.example",
        ] {
            assert!(tls_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_to_connect_to_has_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:1110", "192.0.2.1", Some(1110)),
            ("mx_1.example.org:995", "mx_1.example.org", Some(995)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[fe80::1%eth0]:110", "fe80::1%eth0", Some(110)),
        ] {
            assert_eq!(connect_to(text), Ok((host.to_owned(), port)));
        }
        for wrong in [
            "",
            ":110",
            "host:0",
            "host:99999",
            "host:1:2",
            "[::1",
            "pop3://host",
            "alice@host",
            "a b",
        ] {
            assert!(connect_to(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_given_for_a_host_and_a_port() {
        let of = |text| resolve(text).map(|named| (named.host, named.port, named.address));
        let v6 = "2001:db8::1".parse().unwrap();
        for (text, address) in [
            ("pop.example.org:995:192.0.2.7", [192, 0, 2, 7].into()),
            ("pop.example.org:995:[2001:db8::1]", v6),
            ("pop.example.org:995:2001:db8::1", v6),
        ] {
            assert_eq!(of(text), Ok(("pop.example.org".to_owned(), 995, address)));
        }
        for wrong in [
            "",
            "pop.example.org",
            "pop.example.org:995",
            "pop.example.org:995:",
            "pop.example.org:0:192.0.2.7",
            ":995:192.0.2.7",
            "pop.example.org:pop3s:192.0.2.7",
            "pop.example.org:995:pop.example.net",
            "pop.example.org:995:[::1",
            "*:995:192.0.2.7",
        ] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_source_is_an_address_and_perhaps_a_port() {
        for (text, address, port) in [
            ("203.0.113.7", "203.0.113.7", None),
            ("203.0.113.7:4711", "203.0.113.7", Some(4711)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:0", "2001:db8::1", Some(0)),
        ] {
            assert_eq!(proxy_source(text), Ok((address.parse().unwrap(), port)));
        }
        for wrong in [
            "",
            "host",
            ":1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "fe80::1%1",
        ] {
            assert!(proxy_source(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_given_address_is_for_its_host_and_port_only() {
        let target = |host: &str, port| Target {
            host: host.to_owned(),
            port,
            is_tls: false,
        };
        let given = AddressSettings {
            resolve: vec![
                resolve("pop.example.org:110:192.0.2.7").unwrap(),
                resolve("pop.example.org:110:192.0.2.8").unwrap(),
            ],
            ..AddressSettings::default()
        };
        let place = |host, port| given.place(&target(host, port)).to_string();
        assert_eq!(place("POP.example.org", 110), "192.0.2.7:110");
        assert_eq!(place("pop.example.org", 995), "pop.example.org:995");
        assert_eq!(place("mail.example.org", 110), "mail.example.org:110");
        let both = AddressSettings {
            connect_to: Some(("192.0.2.1".to_owned(), None)),
            ..given
        };
        let place = both.place(&target("pop.example.org", 110));
        assert_eq!(place.to_string(), "192.0.2.1:110");
    }

    #[test]
    fn a_server_is_this_machine_only_by_name_and_by_address() {
        let target = |host: &str| Target {
            host: host.to_owned(),
            port: 110,
            is_tls: false,
        };
        let to = |host: &str| AddressSettings {
            connect_to: Some((host.to_owned(), None)),
            ..AddressSettings::default()
        };
        let (here, there) = (target("localhost"), target("pop.example.org"));
        let none = AddressSettings::default();
        assert_eq!(none.remote_host(&here), None);
        assert_eq!(to("::1").remote_host(&here), None);
        for (addresses, target, remote) in [
            (none, &there, "pop.example.org"),
            (to("127.0.0.1"), &there, "pop.example.org"),
            (to("192.0.2.1"), &here, "192.0.2.1"),
        ] {
            assert_eq!(addresses.remote_host(target).as_deref(), Some(remote));
        }
    }

    #[test]
    fn what_is_no_server_is_told_and_never_repeated() {
        for (text, error) in [
            ("imap://x", TargetError::Scheme("imap".to_owned())),
            ("host:seven", TargetError::Port),
            ("pop3://host:geheim", TargetError::Port),
            ("[::1]:x", TargetError::Port),
            ("[::1", TargetError::Bracket),
            (":110", TargetError::NoHost),
            ("pop3://alice@", TargetError::NoHost),
            ("pop3://alice:geheim@host", TargetError::Password),
            ("alice:geheim@host:110", TargetError::At),
            ("pop3:alice:geheim@host", TargetError::At),
            ("alice:geheim@host://x", TargetError::At),
            ("pop3://host/1", TargetError::Path),
            ("pop3://host/%0d%0a/875", TargetError::Path),
            ("pop3://host?1", TargetError::Path),
            ("pop3://host/a@b", TargetError::Path),
            ("pop3://al%0dice@host", TargetError::User),
            ("pop3://al%00ice@host", TargetError::User),
        ] {
            let told = read(text);
            assert_eq!(told, error.to_string(), "{text}");
            assert!(!told.contains("geheim"));
        }
        assert_eq!(
            parse("h:1", Some(2), false),
            Err(TargetError::TwoPorts(1, 2))
        );
    }
}
