//! Connects to a host: all its addresses in turn, with a short wait for each; or has a proxy do so.
//! A connection may begin with a header of the PROXY protocol.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::proxy_handshake::pass;
use super::wire;
use crate::base::io_error::plain;
use crate::net::proxy_protocol::{Header, HeaderSettings};
use crate::net::target::{AddressSettings, IpVersion, Target};
use crate::net::upstream_proxy::{Proxy, ProxyError};
use crate::transcript::event::Event;

/// How long an address is tried while others follow.
const SHORT_WAIT: Duration = Duration::from_secs(3);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("{}", self.event())]
    Resolve {
        /// The name as typed.
        host: String,
        error: String,
    },
    /// The host has addresses, but none of the version that was asked for.
    #[error("{}", self.event())]
    Excluded {
        /// The name as typed.
        host: String,
        version: IpVersion,
    },
    #[error("{}", self.event())]
    Connect {
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    #[error("proxy {proxy}: {error}")]
    NoProxy {
        /// Its URL, without a user.
        proxy: String,
        error: Box<DialError>,
    },
    /// The proxy does not connect to the server.
    #[error("{target} through {proxy}: {error}")]
    Proxy {
        target: String,
        /// The proxy's URL, without a user.
        proxy: String,
        error: ProxyError,
    },
    /// The header of the PROXY protocol has no address to name.
    #[error("{}", self.event())]
    NoDestination {
        /// The name as typed.
        host: String,
    },
    /// The header of the PROXY protocol could not be sent.
    #[error("{}", self.event())]
    Header { place: String, error: io::Error },
    #[error("{}", each(.0))]
    All(Vec<DialError>),
}

impl DialError {
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Resolve { host, error } => Event::NoAddress(format!("`{host}`: {error}")),
            Self::Excluded { host, version } if host.parse::<IpAddr>().is_ok() => {
                let is = match version {
                    IpVersion::V4 => "an IPv6 address, which -4 excludes",
                    IpVersion::V6 => "an IPv4 address, which -6 excludes",
                };
                Event::NoAddress(format!("`{host}`: it is {is}"))
            }
            Self::Excluded { host, version } => {
                let only = match version {
                    IpVersion::V4 => "it has only IPv6 addresses, which -4 excludes",
                    IpVersion::V6 => "it has only IPv4 addresses, which -6 excludes",
                };
                Event::NoAddress(format!("`{host}`: {only}"))
            }
            Self::Connect { attempts } => Event::NotReached(list(attempts)),
            Self::NoDestination { host } => Event::NoAddress(format!(
                "`{host}`: only the proxy looks it up, but a PROXY protocol header names it"
            )),
            Self::Header { place, error } => Event::NotReached(format!(
                "{place}: the PROXY protocol header was not sent: {}",
                plain(error)
            )),
            Self::NoProxy { .. } | Self::Proxy { .. } | Self::All(_) => {
                Event::Other(self.to_string())
            }
        }
    }

    pub(crate) fn last(&self) -> &Self {
        match self {
            Self::All(errors) => errors.last().map_or(self, Self::last),
            other => other,
        }
    }

    /// The proxy fails, whichever the server is.
    fn is_about_proxy(&self) -> bool {
        match self {
            Self::NoProxy { .. } => true,
            Self::Proxy { error, .. } => !error.is_about_target,
            _ => false,
        }
    }

    pub(crate) fn hint(&self) -> &str {
        match self {
            Self::NoProxy { .. } => "check the host and the port of --proxy",
            Self::Proxy { error, .. } => &error.hint,
            Self::All(errors) => errors.last().map_or("", Self::hint),
            Self::NoDestination { .. } => "give the server's address with --connect-to",
            Self::Header { .. } => {
                "check the host and the port; the server may have closed at once"
            }
            Self::Resolve { .. } => "check the spelling of the host name",
            Self::Excluded { version, .. } => match version {
                IpVersion::V4 => "omit -4, or name a host that has an IPv4 address",
                IpVersion::V6 => "omit -6, or name a host that has an IPv6 address",
            },
            Self::Connect { attempts } => {
                let are_all = |kind| attempts.iter().all(|(_, error)| error.kind() == kind);
                if are_all(io::ErrorKind::ConnectionRefused) {
                    "nothing listens there; POP3 is on port 110, over TLS on 995 (--tls)"
                } else if are_all(io::ErrorKind::ConnectionReset) {
                    "each connection is reset at once: the server may be too busy, or a filter on the network path may block it"
                } else {
                    "a firewall may drop the packets; POP3 is on port 110, over TLS on 995 (--tls)"
                }
            }
        }
    }
}

fn each(errors: &[DialError]) -> String {
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

fn list(attempts: &[(SocketAddr, io::Error)]) -> String {
    let shown: Vec<String> = attempts
        .iter()
        .map(|(address, error)| format!("{address}: {}", plain(error)))
        .collect();
    shown.join("; ")
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) target: &'a Target,
    /// Other servers for the same thing, to be tried in this order when there is no connection to
    /// the first.
    pub(crate) spares: &'a [Target],
    pub(crate) proxy: Option<&'a Proxy>,
    pub(crate) addresses: &'a AddressSettings,
}

#[derive(Debug)]
pub(crate) struct Dialled {
    /// The connection. It blocks, and has no time-outs.
    pub(crate) socket: TcpStream,
    pub(crate) target: Target,
    /// The server's address; through a proxy, the target that the proxy received, and which proxy.
    pub(crate) place: String,
    /// What was sent already.
    pub(crate) header: Option<Header>,
}

/// Connects to the first server of the route that answers; `wait` is as in [`dial`], and once more
/// for the handshake with a proxy.
///
/// `emit` is called with each failure that another try follows.
///
/// Errors: no server was reached; lists every attempt.
pub(crate) fn reach(
    route: Route<'_>,
    wait: Duration,
    emit: &mut dyn FnMut(&DialError),
) -> Result<Dialled, DialError> {
    let mut errors = Vec::new();
    let mut targets = std::iter::once(route.target).chain(route.spares).peekable();
    while let Some(target) = targets.next() {
        let place = route.addresses.place(target);
        let result = connect(route, &place, wait);
        let error = match result {
            Ok((socket, place, header)) => {
                return Ok(Dialled {
                    socket,
                    target: target.clone(),
                    place,
                    header,
                });
            }
            Err(error) => error,
        };
        let is_last = targets.peek().is_none() || error.is_about_proxy();
        if !is_last {
            emit(&error);
        }
        errors.push(error);
        if is_last {
            break;
        }
    }
    match errors.len() {
        1 => Err(errors.remove(0)),
        _ => Err(DialError::All(errors)),
    }
}

/// Connects to `place`, which is described as in [`Dialled`], and sends the header.
fn connect(
    route: Route<'_>,
    place: &Target,
    wait: Duration,
) -> Result<(TcpStream, String, Option<Header>), DialError> {
    let settings = route.addresses.header.as_ref();
    let Some(proxy) = route.proxy else {
        let (socket, address) = dial(place, route.addresses.version, wait)?;
        let header = settings.map(|settings| introduce(&socket, settings, None, address, wait));
        return Ok((socket, address.to_string(), header.transpose()?));
    };
    // The other end of the socket is the proxy; the server has a different address.
    let destination = settings.map(|settings| match place.host.parse::<IpAddr>() {
        Ok(ip) => Ok((settings, SocketAddr::new(ip, place.port))),
        Err(_) => Err(DialError::NoDestination {
            host: place.host.clone(),
        }),
    });
    let destination = destination.transpose()?;
    let socket = dial_through(proxy, place, wait)?;
    let header =
        destination.map(|(settings, address)| introduce(&socket, settings, None, address, wait));
    Ok((
        socket,
        format!("{place} through {proxy}"),
        header.transpose()?,
    ))
}

/// Sends the header of the PROXY protocol on a new connection to `destination`. `client` is the
/// source to name; None: the local address of `socket`.
///
/// Errors: the header could not be written.
pub(crate) fn introduce(
    socket: &TcpStream,
    settings: &HeaderSettings,
    client: Option<SocketAddr>,
    destination: SocketAddr,
    wait: Duration,
) -> Result<Header, DialError> {
    let send = || {
        let client = client.map_or_else(|| socket.local_addr(), Ok)?;
        let header = settings.header(client, destination);
        wire::write(socket, &header.octets()?, Instant::now() + wait)?;
        socket.set_write_timeout(None)?;
        Ok(header)
    };
    send().map_err(|error| DialError::Header {
        place: destination.to_string(),
        error,
    })
}

/// Has a proxy connect to a target.
///
/// Errors: no connection to the proxy, or the proxy does not connect.
pub(crate) fn dial_through(
    proxy: &Proxy,
    target: &Target,
    wait: Duration,
) -> Result<TcpStream, DialError> {
    let (mut socket, _) = dial(&proxy.place, None, wait).map_err(|error| DialError::NoProxy {
        proxy: proxy.to_string(),
        error: Box::new(error),
    })?;
    pass(&mut socket, proxy, target, wait).map_err(|error| DialError::Proxy {
        target: target.to_string(),
        proxy: proxy.to_string(),
        error,
    })?;
    Ok(socket)
}

/// Connects to the first address of the target that answers, IPv6 and IPv4 in turn as the resolver
/// prefers them.
///
/// With a `version`, only its addresses are tried. `wait` is the time for each address; while
/// others follow, at most three seconds.
///
/// Errors: the name has no address, none of this version, or no address answered; lists all of
/// them.
pub(crate) fn dial(
    target: &Target,
    version: Option<IpVersion>,
    wait: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let mut addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map(interleave)
        .map_err(|error| DialError::Resolve {
            host: target.host.clone(),
            error: plain(&error),
        })?;
    if let Some(version) = version {
        let has_some = !addresses.is_empty();
        addresses.retain(|address| version.fits(address));
        if has_some && addresses.is_empty() {
            let host = target.host.clone();
            return Err(DialError::Excluded { host, version });
        }
    }
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

/// The first address, then the first of the other family, and so on, so that one broken family
/// costs one wait.
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
        let error = dial(&target, None, Duration::from_secs(5))
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("could not connect to 127.0.0.1:1: connection refused".to_owned())
        );
    }

    #[test]
    fn a_server_keeps_its_name_where_another_address_replaces_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target {
            host: "pop.no-such-host.example".to_owned(),
            port: address.port(),
            is_tls: false,
        };
        let reached = |connect_to: (&str, Option<u16>)| {
            let route = Route {
                target: &target,
                spares: &[],
                proxy: None,
                addresses: &AddressSettings {
                    connect_to: Some((connect_to.0.to_owned(), connect_to.1)),
                    version: Some(IpVersion::V4),
                    ..AddressSettings::default()
                },
            };
            reach(route, Duration::from_secs(5), &mut |_| ())
        };
        for port in [None, Some(address.port())] {
            let dialled = reached(("127.0.0.1", port)).unwrap();
            assert_eq!(dialled.target, target);
            assert_eq!(dialled.place, address.to_string());
        }
        let error = reached(("127.0.0.1", Some(1))).map(|_| ());
        assert_eq!(
            error.map_err(|error| error.to_string()),
            Err("could not connect to 127.0.0.1:1: connection refused".to_owned())
        );
    }

    /// An address needs no look-up, so this holds on a machine without IPv6 too.
    #[test]
    fn a_host_without_an_address_of_the_version_is_an_error() {
        for (host, version, only, hint) in [
            (
                "127.0.0.1",
                IpVersion::V6,
                "an IPv4 address, which -6",
                "omit -6",
            ),
            ("::1", IpVersion::V4, "an IPv6 address, which -4", "omit -4"),
        ] {
            let target = Target {
                host: host.to_owned(),
                port: 1,
                is_tls: false,
            };
            let error = dial(&target, Some(version), Duration::from_secs(5)).unwrap_err();
            let told = format!("no address for `{host}`: it is {only} excludes");
            assert_eq!(error.to_string(), told);
            assert!(error.hint().starts_with(hint), "{}", error.hint());
        }
    }

    /// `localhost` has addresses of both versions on most machines, and on each one of IPv4.
    #[test]
    fn no_address_of_the_other_version_is_tried() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target {
            host: "localhost".to_owned(),
            port: address.port(),
            is_tls: false,
        };
        let reached = |version| dial(&target, Some(version), Duration::from_secs(5));
        assert_eq!(reached(IpVersion::V4).unwrap().1, address);
        match reached(IpVersion::V6) {
            // A different program may listen there.
            Ok((_, address)) => assert!(address.is_ipv6()),
            Err(DialError::Connect { attempts }) => {
                assert!(attempts.iter().all(|(address, _)| address.is_ipv6()));
            }
            Err(error) => assert!(matches!(error, DialError::Excluded { .. }), "{error}"),
        }
    }

    #[test]
    fn a_connection_that_is_reset_at_once_is_no_firewall_that_swallows() {
        let hint = |kind: io::ErrorKind| {
            let address = SocketAddr::from(([192, 0, 2, 1], 110));
            let attempts = vec![(address, kind.into())];
            DialError::Connect { attempts }.hint().to_owned()
        };
        assert!(hint(io::ErrorKind::ConnectionReset).contains("each connection is reset at once"));
        assert!(hint(io::ErrorKind::ConnectionRefused).contains("nothing listens"));
        assert!(hint(io::ErrorKind::TimedOut).contains("firewall"));
    }
}
