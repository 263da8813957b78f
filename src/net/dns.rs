//! Asks DNS servers for SRV records: over UDP, or over TCP if the answer is too long or goes
//! through a proxy.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::dial::dial_through;
use super::wire;
use crate::base::error::Explain;
use crate::base::exit::Exit;
use crate::base::io_error::plain;
use crate::net::srv::{self, AnswerError, DnsAnswer};
use crate::net::target::Target;
use crate::net::upstream_proxy::Proxy;

/// The port of DNS (RFC 1035 §4.2).
const PORT: u16 = 53;

/// The most octets read of an answer over UDP; a query without EDNS gets 512 at most (RFC 1035
/// §4.2.1).
const UDP_MAX: usize = 4096;

/// How often each server is asked over UDP: packets get lost.
const ROUNDS: u32 = 2;

const ANSWER_WAIT: Duration = Duration::from_secs(5);

const SERVERS_MAX: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct DnsError {
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Explain for DnsError {
    fn exit(&self) -> Exit {
        Exit::NoConnection
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(self.hint.clone().into())
    }
}

fn fail<T>(what: impl Into<String>, hint: impl Into<String>) -> Result<T, DnsError> {
    Err(DnsError {
        what: what.into(),
        hint: hint.into(),
    })
}

/// Reads the address of a DNS server: `ADDR`, `ADDR:PORT` or `[ADDR]:PORT`.
///
/// Errors: what is wrong, as a sentence.
pub(crate) fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = address.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT));
    }
    text.parse()
        .map_err(|_| "expected an IP address, optionally with a port".to_owned())
}

/// The system's DNS servers.
///
/// Errors: its list can't be read, or is empty.
#[cfg(not(windows))]
pub(crate) fn servers() -> Result<Vec<SocketAddr>, DnsError> {
    match std::fs::read_to_string("/etc/resolv.conf") {
        Ok(text) => Ok(listed(&text)),
        // resolv.conf(5): without the file, and without a server in it, the one on this machine is
        // asked.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(listed("")),
        Err(error) => fail(
            format!("/etc/resolv.conf: {}", plain(&error)),
            "name a DNS server with --dns ADDRESS, or give HOST",
        ),
    }
}

#[cfg(windows)]
pub(crate) fn servers() -> Result<Vec<SocketAddr>, DnsError> {
    const HINT: &str = "name a DNS server with --dns ADDRESS, or give HOST";
    let mut adapters = match ipconfig::get_adapters() {
        Ok(adapters) => adapters,
        Err(error) => return fail(format!("the list of network adapters: {error}"), HINT),
    };
    adapters.retain(|adapter| adapter.oper_status() == ipconfig::OperStatus::IfOperStatusUp);
    // Windows prefers the adapter with the lowest metric.
    adapters.sort_by_key(|adapter| adapter.ipv4_metric().min(adapter.ipv6_metric()));
    let found = of_adapters(adapters.iter().flat_map(ipconfig::Adapter::dns_servers));
    match found.is_empty() {
        true => fail("no network adapter has a DNS server", HINT),
        false => Ok(found),
    }
}

/// The servers that can be asked, of those that the adapters name.
///
/// Windows names fec0:0:0:ffff::1 to ::3 where an adapter has none; an address of one link is of no
/// use without the adapter.
#[cfg(any(windows, test))]
fn of_adapters<'a>(named: impl Iterator<Item = &'a IpAddr>) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in named {
        let is_local = match address {
            IpAddr::V4(address) => address.is_unspecified(),
            IpAddr::V6(address) => matches!(address.segments(), [0xfe80..=0xfeff, ..]),
        };
        let server = SocketAddr::new(*address, PORT);
        if !is_local && !found.contains(&server) {
            found.push(server);
        }
    }
    found.truncate(SERVERS_MAX);
    found
}

/// The servers of the text of a resolv.conf(5).
#[cfg(any(not(windows), test))]
fn listed(text: &str) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let is_server = words.next() == Some("nameserver");
            is_server.then(|| words.next()?.parse::<IpAddr>().ok())?
        })
        .map(|address| SocketAddr::new(address, PORT))
        .take(SERVERS_MAX)
        .collect();
    if found.is_empty() {
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    found
}

/// Asks the servers in turn for the SRV records of `name` until one answers; `wait` is for all of
/// it.
///
/// With a proxy, the proxy connects to them and UDP is not used: nothing bypasses it.
///
/// Errors: no server gave an answer; says what each one did.
pub(crate) fn ask(
    servers: &[SocketAddr],
    name: &str,
    wait: Duration,
    proxy: Option<&Proxy>,
) -> Result<DnsAnswer, DnsError> {
    let due = Instant::now() + wait;
    let left = || due.saturating_duration_since(Instant::now());
    let rounds = if proxy.is_some() { 1 } else { ROUNDS };
    let mut tries_left = rounds * u32::try_from(servers.len()).unwrap_or(u32::MAX);
    let mut failures: Vec<String> = Vec::new();
    for server in servers.iter().cycle().take(servers.len() * rounds as usize) {
        // Time that a server leaves of its share goes to the others.
        let share = left() / tries_left.max(1);
        tries_left = tries_left.saturating_sub(1);
        let result = match proxy {
            Some(_) => over_tcp(*server, name, share, proxy),
            None => match over_udp(*server, name, share.min(ANSWER_WAIT)) {
                Ok(DnsAnswer::Truncated) => over_tcp(*server, name, left(), None),
                result => result,
            },
        };
        let why = match result {
            Ok(DnsAnswer::Truncated) => "its answer over TCP is also truncated".to_owned(),
            Ok(answer) => return Ok(answer),
            Err(why) => why,
        };
        let line = format!("{server}: {why}");
        if !failures.contains(&line) {
            failures.push(line);
        }
    }
    fail(
        format!("no answer from DNS for `{name}`: {}", failures.join("; ")),
        "give HOST, or a different DNS server with --dns ADDRESS",
    )
}

/// A query with an unpredictable id, so that an attacker cannot answer it.
fn query(name: &str) -> Result<(u16, Vec<u8>), String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id)
        .map_err(|error| format!("the system provides no random numbers: {error}"))?;
    let id = u16::from_be_bytes(id);
    Ok((id, srv::query(id, name)?))
}

fn words(error: io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "it closed the connection instead of answering".to_owned(),
        _ => plain(&error),
    }
}

fn over_udp(server: SocketAddr, name: &str, wait: Duration) -> Result<DnsAnswer, String> {
    let due = Instant::now() + wait;
    // The system chooses a new port for each query, which is harder to guess than the id alone (RFC
    // 5452 §9.2).
    let own = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(own).map_err(words)?;
    // Connected: the system drops what comes from elsewhere.
    socket.connect(server).map_err(words)?;
    let (id, query) = query(name)?;
    socket.send(&query).map_err(words)?;
    let mut buffer = [0; UDP_MAX];
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(words(ErrorKind::TimedOut.into()));
        }
        socket.set_read_timeout(Some(left)).map_err(words)?;
        let count = match socket.recv(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(words(error)),
        };
        match srv::read(buffer.get(..count).unwrap_or_default(), id, name) {
            Err(AnswerError::NotOurs) => {}
            result => return result.map_err(|error| error.to_string()),
        }
    }
}

fn over_tcp(
    server: SocketAddr,
    name: &str,
    wait: Duration,
    proxy: Option<&Proxy>,
) -> Result<DnsAnswer, String> {
    let due = Instant::now() + wait;
    if wait.is_zero() {
        return Err(words(ErrorKind::TimedOut.into()));
    }
    let Some(proxy) = proxy else {
        let mut socket = TcpStream::connect_timeout(&server, wait).map_err(words)?;
        return on_stream(&mut socket, name, due);
    };
    let target = Target {
        host: server.ip().to_string(),
        port: server.port(),
        is_tls: false,
    };
    let mut socket = dial_through(proxy, &target, wait).map_err(|error| error.to_string())?;
    on_stream(&mut socket, name, Instant::now() + wait)
}

/// RFC 1035 §4.2.2: over TCP, two octets with the length come before query and answer.
fn on_stream(socket: &mut TcpStream, name: &str, due: Instant) -> Result<DnsAnswer, String> {
    let (id, query) = query(name)?;
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
    let octets = [&length.to_be_bytes(), query.as_slice()].concat();
    wire::write(socket, &octets, due).map_err(words)?;
    let mut length = [0; 2];
    wire::read(socket, &mut length, due).map_err(words)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    wire::read(socket, &mut answer, due).map_err(words)?;
    srv::read(&answer, id, name).map_err(|error| error.to_string())
}

/// Returns a random number from 0 to `most`, both included.
pub(crate) fn chance(most: u32) -> u32 {
    // Without random numbers the first server is as good as any.
    let number = getrandom::u64().unwrap_or(0) % (u64::from(most) + 1);
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dns_server_is_an_address() {
        let read = |text| server(text).map(|address| address.to_string());
        assert_eq!(read("192.0.2.1"), Ok("192.0.2.1:53".to_owned()));
        assert_eq!(read("192.0.2.1:5353"), Ok("192.0.2.1:5353".to_owned()));
        assert_eq!(read("2001:db8::1"), Ok("[2001:db8::1]:53".to_owned()));
        assert_eq!(read("[2001:db8::1]"), Ok("[2001:db8::1]:53".to_owned()));
        assert_eq!(read("[2001:db8::1]:54"), Ok("[2001:db8::1]:54".to_owned()));
        assert!(read("dns.example").is_err() && read("").is_err() && read("1.2.3.4:x").is_err());
    }

    #[test]
    fn the_system_lists_its_servers() {
        let text = "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1 x\n\tnameserver\t2001:db8::1\n\
            nameserver nonsense\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let found: Vec<String> = listed(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
        assert_eq!(
            listed("options edns0\n"),
            [SocketAddr::from(([127, 0, 0, 1], 53))]
        );
    }

    #[test]
    fn adapters_name_servers_that_are_not_there() {
        let named = [
            "fec0:0:0:ffff::1",
            "192.0.2.1",
            "fe80::1",
            "2001:db8::1",
            "192.0.2.1",
            "0.0.0.0",
            "192.0.2.2",
            "192.0.2.3",
        ];
        let named = named.map(|address| address.parse().unwrap());
        let found = of_adapters(named.iter());
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
        assert!(of_adapters(named.iter().take(1)).is_empty());
    }

    #[test]
    fn chance_stays_within_its_bounds() {
        assert!((0..100).all(|_| chance(2) <= 2));
        assert_eq!(chance(0), 0);
    }
}
