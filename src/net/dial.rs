//! Connects to a host: all its addresses in turn, with a short wait for each.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::target::Target;

/// How long an address is tried while there is another one behind it.
const SHORT_WAIT: Duration = Duration::from_secs(3);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("no address for `{host}`: {error}")]
    Resolve {
        /// The name as typed.
        host: String,
        /// What the resolver said.
        error: String,
    },
    /// None of the addresses answered.
    #[error("could not connect to {}", list(attempts))]
    Connect {
        /// Each address that was tried, and what came of it.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
}

impl DialError {
    /// What to try next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "check the spelling of the host name",
            Self::Connect { attempts } => {
                let refused = |(_, error): &(SocketAddr, io::Error)| {
                    error.kind() == io::ErrorKind::ConnectionRefused
                };
                if attempts.iter().all(refused) {
                    "nothing listens there; POP3 is on port 110, over TLS on 995 (--tls)"
                } else {
                    "a firewall may swallow the packets; POP3 is on port 110, over TLS on 995 (--tls)"
                }
            }
        }
    }
}

fn list(attempts: &[(SocketAddr, io::Error)]) -> String {
    let shown: Vec<String> = attempts
        .iter()
        .map(|(address, error)| format!("{address}: {}", plain(error)))
        .collect();
    shown.join("; ")
}

/// The text of an I/O error without the number of the operating system.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// Connects to the first address of the target that answers, IPv6 and IPv4 in turn as the resolver prefers them.
///
/// `wait` is the time for each address; while others follow, at most three seconds.
///
/// Errors: the name has no address, or no address answered; all of them are told.
pub fn dial(target: &Target, wait: Duration) -> Result<(TcpStream, SocketAddr), DialError> {
    let addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map(interleave)
        .map_err(|error| DialError::Resolve {
            host: target.host.clone(),
            error: plain(&error),
        })?;
    let mut attempts = Vec::new();
    let count = addresses.len();
    for (index, address) in addresses.into_iter().enumerate() {
        let wait = if index + 1 < count {
            wait.min(SHORT_WAIT)
        } else {
            wait
        };
        match TcpStream::connect_timeout(&address, wait) {
            Ok(socket) => return Ok((socket, address)),
            Err(error) => attempts.push((address, error)),
        }
    }
    Err(DialError::Connect { attempts })
}

/// The first address, then the first of the other family, and so on, so that one broken family costs one wait.
fn interleave(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (mut six, mut four): (Vec<_>, Vec<_>) = addresses.partition(SocketAddr::is_ipv6);
    six.dedup();
    four.dedup();
    let mut mixed = Vec::new();
    let mut families = [six.into_iter(), four.into_iter()];
    loop {
        let before = mixed.len();
        for family in &mut families {
            mixed.extend(family.next());
        }
        if mixed.len() == before {
            return mixed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().ok();
        let four = ["192.0.2.1:110", "192.0.2.2:110"];
        let all = ["[2001:db8::1]:110", four[0], four[1]];
        let mixed = interleave([four[0], four[1], all[0]].into_iter().filter_map(address));
        assert_eq!(
            mixed,
            all.into_iter().filter_map(address).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_port_without_listener_is_told_with_its_address() {
        let target = Target {
            host: "127.0.0.1".to_owned(),
            port: 1,
            is_tls: false,
        };
        let error = dial(&target, Duration::from_secs(5))
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("could not connect to 127.0.0.1:1: connection refused".to_owned())
        );
    }
}
