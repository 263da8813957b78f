//! Reads what a person calls a server: a host, `host:port`, `[address]:port`, or a URL.

use crate::percent;

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
pub const PORT: u16 = 110;
/// The port of POP3 over TLS (RFC 8314 §3.1).
pub const TLS_PORT: u16 = 995;

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads a target. `port` was given apart; `is_tls` asks for TLS from the first octet.
///
/// Errors: a sentence that says what is wrong.
pub fn parse(text: &str, port: Option<u16>, is_tls: bool) -> Result<Target, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    let is_tls = match scheme.as_deref() {
        None => is_tls,
        Some("pop3" | "pop") => is_tls,
        Some("pop3s" | "pops") => true,
        Some(other) => {
            return Err(format!(
                "`{other}://` is no scheme of POP3; `pop3://` and `pop3s://` are"
            ));
        }
    };
    // RFC 2384: a URL may name a user and end in a slash.
    let rest = if scheme.is_some() {
        rest.split(['/', '?', '#']).next().unwrap_or(rest)
    } else {
        rest
    };
    let rest = match rest.rsplit_once('@').filter(|_| scheme.is_some()) {
        Some((user, _)) if user.contains(':') => {
            return Err(
                "a password in the URL, where every user of this machine can read it".to_owned(),
            );
        }
        Some((_, host)) => host,
        None => rest,
    };
    let (host, own_port) = split_port(rest)?;
    if host.is_empty() {
        return Err(format!("no host in `{text}`"));
    }
    let port = match (own_port, port) {
        (Some(own), Some(other)) if own != other => {
            return Err(format!("two ports: {own} and {other}"));
        }
        (own, other) => own.or(other),
    };
    // 995 is the port of TLS: there nothing else makes sense.
    let is_tls = is_tls || (scheme.is_none() && port == Some(TLS_PORT));
    let port = port.unwrap_or(if is_tls { TLS_PORT } else { PORT });
    Ok(Target {
        host: host.to_owned(),
        port,
        is_tls,
    })
}

/// The user whom a URL names (RFC 2384 §3). The way to log in, behind a `;`, is left out: who connects says it.
#[must_use]
pub fn user(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let (user, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let user = user.split([';', ':']).next()?;
    let (user, _) = percent::decode(user.as_bytes());
    Some(String::from_utf8_lossy(&user).into_owned()).filter(|user| !user.is_empty())
}

/// Splits `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; the port is None when there is none.
///
/// Errors: a sentence that says what is wrong.
pub fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest
            .split_once(']')
            .ok_or_else(|| format!("`{text}` has no `]`"))?;
        (host, behind.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            // More than one colon: an IPv6 address without brackets.
            Some((_, behind)) if behind.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = port.map(|port| port.parse().map_err(|_| format!("`{port}` is no port")));
    Ok((host, port.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn read(text: &str) -> String {
        parse(text, None, false).map_or_else(
            |why| why,
            |t| format!("{t} {}", if t.is_tls { "tls" } else { "clear" }),
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
            ("pop3s://alice@pop.example.org/", "pop.example.org:995 tls"),
            ("pop://pop.example.org:8110", "pop.example.org:8110 clear"),
        ] {
            assert_eq!(read(text), meant);
        }
    }

    #[test]
    fn a_url_names_a_user() {
        for (text, user) in [
            ("pop3://alice@pop.example.org", Some("alice")),
            ("pops://a%40b;AUTH=*@host:995/", Some("a@b")),
            ("pop3://100%25%zz%@host", Some("100%%zz%")),
            ("pop3://;auth=APOP@host", None),
            ("pop3://host/a@b", None),
            ("alice@host", None),
        ] {
            assert_eq!(super::user(text).as_deref(), user, "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_told() {
        assert_eq!(
            read("imap://x"),
            "`imap://` is no scheme of POP3; `pop3://` and `pop3s://` are"
        );
        assert_eq!(read("host:seven"), "`seven` is no port");
        assert_eq!(read(":110"), "no host in `:110`");
        assert_eq!(read("pop3://alice@"), "no host in `pop3://alice@`");
        let told = read("pop3://alice:geheim@host");
        assert!(told.starts_with("a password in the URL"), "{told}");
        assert_eq!(
            parse("h:1", Some(2), false),
            Err("two ports: 1 and 2".to_owned())
        );
    }
}
