//! The PROXY protocol of HAProxy, versions 1 and 2: a header that comes before everything else on a
//! TCP connection and names the client that a load balancer connects for.
//!
//! Source: <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, called "the
//! specification" here.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ppp::{PartialResult, v1, v2};

use super::wire::is_late;
use crate::base::io_error::plain;

/// How long a client may take for its header by default. The specification (§2) asks for at least
/// three seconds, so that a lost packet can be sent again.
pub(crate) const HEADER_WAIT: Duration = Duration::from_secs(10);

/// The shortest header in octets: `PROXY UNKNOWN` with its line end.
const SHORTEST: usize = 15;

/// The longest line of version 1 in octets, line end included (§2.1).
const V1_MAX: usize = 107;

/// The octets of version 2 up to and including its length (§2.2).
const V2_FIXED: usize = 16;

/// The longest header of version 2 that is read, in octets. It may have 64 KiB; a certificate of
/// the client, the longest thing in use, takes a few.
const V2_MAX: usize = 16 * 1024;

/// A version of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl fmt::Display for HeaderVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// Source and destination of a connection, both IPv4 or both IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Endpoints {
    source: SocketAddr,
    destination: SocketAddr,
}

impl Endpoints {
    /// A header has one family for both. As in HAProxy, an IPv4 address beside one of IPv6 becomes
    /// `::ffff:a.b.c.d`, so that each pair can be expressed.
    fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        // Neither a zone nor a flow label has a place in the header.
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (source, destination) = (plain(source), plain(destination));
        if source.is_ipv4() == destination.is_ipv4() {
            return Self {
                source,
                destination,
            };
        }
        let mapped = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
            IpAddr::V6(_) => address,
        };
        Self {
            source: mapped(source),
            destination: mapped(destination),
        }
    }
}

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    version: HeaderVersion,
    /// None: the connection is the sender's own, or is not one of TCP over IP. Those of the socket
    /// count then (§2.1, §2.2).
    endpoints: Option<Endpoints>,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.endpoints {
            Some(Endpoints {
                source,
                destination,
            }) => write!(f, "{} {source} {destination}", self.version),
            None => write!(f, "{} without addresses", self.version),
        }
    }
}

impl Header {
    /// Returns the address of the client, if the header names it.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        let source = self.endpoints?.source;
        Some(SocketAddr::new(source.ip().to_canonical(), source.port()))
    }

    /// Returns the header as it is sent.
    pub(crate) fn octets(&self) -> io::Result<Vec<u8>> {
        let pair = self
            .endpoints
            .map(|endpoints| (endpoints.source, endpoints.destination));
        match (self.version, pair) {
            (HeaderVersion::V1, pair) => {
                let addresses = pair.map_or(v1::Addresses::Unknown, v1::Addresses::from);
                Ok(addresses.to_string().into_bytes())
            }
            (HeaderVersion::V2, Some(pair)) => {
                let command = v2::Version::Two | v2::Command::Proxy;
                v2::Builder::with_addresses(command, v2::Protocol::Stream, pair).build()
            }
            (HeaderVersion::V2, None) => {
                let command = v2::Version::Two | v2::Command::Local;
                let family = v2::AddressFamily::Unspecified | v2::Protocol::Unspecified;
                v2::Builder::new(command, family).build()
            }
        }
    }
}

/// Which header a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSettings {
    /// Its version (`--proxy-protocol`).
    pub version: HeaderVersion,
    /// The source that it names in place of the client's own address, and its port if it differs
    /// (`--proxy-source`).
    pub source: Option<(IpAddr, Option<u16>)>,
}

impl HeaderSettings {
    /// Returns the header for a connection of `client` to `destination`.
    pub(crate) fn header(&self, client: SocketAddr, destination: SocketAddr) -> Header {
        let source = self.source.map_or(client, |(ip, port)| {
            SocketAddr::new(ip, port.unwrap_or(client.port()))
        });
        Header {
            version: self.version,
            endpoints: Some(Endpoints::new(source, destination)),
        }
    }
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFlaw {
    /// The first octets are not those of a header.
    #[error("the client sent something else instead of a header")]
    NoHeader,
    /// They begin a TLS handshake.
    #[error("the client began a TLS handshake instead of sending a header")]
    Tls,
    /// The line of version 1 with its line end, escaped.
    #[error("malformed header `{0}`")]
    Line(String),
    /// The line of version 1 does not end in time.
    #[error("a v1 header of more than {V1_MAX} octets")]
    LongLine,
    /// The 13th octet of version 2.
    #[error("malformed v2 header: version and command are {0:#04x}")]
    Command(u8),
    /// The 14th octet of version 2.
    #[error("malformed v2 header: address family and protocol are {0:#04x}")]
    Family(u8),
    /// The length of version 2.
    #[error("malformed v2 header: {0} octets are too few for its addresses")]
    Short(usize),
    /// The header of version 2 is not read; its length in octets.
    #[error("a v2 header of {0} octets; at most {V2_MAX} are read")]
    Long(usize),
}

/// Why no usable header arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not a header.
    #[error(transparent)]
    Flaw(#[from] HeaderFlaw),
    /// The client closed after this many octets.
    #[error("the client closed after {0} octets of a header")]
    Closed(usize),
    /// It was not complete after this time.
    #[error("no complete header came within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// The connection broke; the text is the system's.
    #[error("connection lost: {0}")]
    Lost(String),
}

impl HeaderError {
    /// Whether the client ended the connection.
    pub(crate) fn is_by_client(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Lost(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parsed {
    Whole(Header),
    /// At least this many octets are missing.
    Incomplete(usize),
}

/// Reads what has come so far of a header.
fn parse(octets: &[u8]) -> Result<Parsed, HeaderFlaw> {
    let begins_as = |start: &[u8]| octets.iter().zip(start).all(|(octet, due)| octet == due);
    // The library waits for a whole header before it refuses a wrong start, which may never come.
    if octets.is_empty() {
        Ok(Parsed::Incomplete(SHORTEST))
    } else if begins_as(v2::PROTOCOL_PREFIX) {
        parse_v2(octets)
    } else if begins_as(b"PROXY ") {
        parse_v1(octets)
    } else if octets.first() == Some(&0x16) {
        Err(HeaderFlaw::Tls)
    } else {
        Err(HeaderFlaw::NoHeader)
    }
}

fn parse_v1(octets: &[u8]) -> Result<Parsed, HeaderFlaw> {
    let Some(lf) = memchr::memchr(b'\n', octets) else {
        // The library takes some cuts of a header, such as one before its last port, for an error.
        let missing = match octets {
            _ if octets.len() >= V1_MAX => return Err(HeaderFlaw::LongLine),
            _ if octets.len() < SHORTEST => SHORTEST - octets.len(),
            [.., b'\r'] => 1,
            _ => 2.min(V1_MAX - octets.len()),
        };
        return Ok(Parsed::Incomplete(missing));
    };
    let line = octets.get(..=lf).unwrap_or(octets);
    let flaw = || HeaderFlaw::Line(line.escape_ascii().to_string());
    let header = v1::Header::try_from(line).map_err(|_| flaw())?;
    // The library ends at the first CR.
    if header.header.len() != line.len() {
        return Err(flaw());
    }
    let endpoints = match header.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(pair) => Some(Endpoints::new(
            (pair.source_address, pair.source_port).into(),
            (pair.destination_address, pair.destination_port).into(),
        )),
        v1::Addresses::Tcp6(pair) => Some(Endpoints::new(
            (pair.source_address, pair.source_port).into(),
            (pair.destination_address, pair.destination_port).into(),
        )),
    };
    Ok(Parsed::Whole(Header {
        version: HeaderVersion::V1,
        endpoints,
    }))
}

fn parse_v2(octets: &[u8]) -> Result<Parsed, HeaderFlaw> {
    let Some(&[command, family, high, low]) = octets.get(v2::PROTOCOL_PREFIX.len()..V2_FIXED)
    else {
        return Ok(Parsed::Incomplete(V2_FIXED.saturating_sub(octets.len())));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let whole = V2_FIXED + length;
    let result = v2::Header::try_from(octets);
    let header = match result {
        Ok(header) => header,
        Err(error) if error.is_incomplete() && whole > V2_MAX => {
            return Err(HeaderFlaw::Long(whole));
        }
        Err(error) if error.is_incomplete() => {
            return Ok(Parsed::Incomplete(whole.saturating_sub(octets.len())));
        }
        Err(v2::ParseError::Version(_) | v2::ParseError::Command(_)) => {
            return Err(HeaderFlaw::Command(command));
        }
        Err(v2::ParseError::AddressFamily(_) | v2::ParseError::Protocol(_)) => {
            return Err(HeaderFlaw::Family(family));
        }
        Err(_) => return Err(HeaderFlaw::Short(length)),
    };
    // Sockets of Unix and datagrams cannot be this connection.
    let is_meant = header.command == v2::Command::Proxy && header.protocol == v2::Protocol::Stream;
    let endpoints = match header.addresses {
        v2::Addresses::IPv4(pair) if is_meant => Some(Endpoints::new(
            (pair.source_address, pair.source_port).into(),
            (pair.destination_address, pair.destination_port).into(),
        )),
        v2::Addresses::IPv6(pair) if is_meant => Some(Endpoints::new(
            (pair.source_address, pair.source_port).into(),
            (pair.destination_address, pair.destination_port).into(),
        )),
        _ => None,
    };
    Ok(Parsed::Whole(Header {
        version: HeaderVersion::V2,
        endpoints,
    }))
}

/// How far a header was read.
#[derive(Debug)]
pub(crate) enum HeaderProgress {
    Done(Header),
    More,
    /// Nothing came: the socket would block, or its time is up.
    Blocked,
}

/// Reads a header, piece by piece, and not one octet of what follows: that belongs to TLS or POP3.
#[derive(Debug)]
pub(crate) struct HeaderReader {
    octets: Vec<u8>,
    wanted: usize,
}

impl HeaderReader {
    pub(crate) fn new() -> Self {
        Self {
            octets: Vec::new(),
            wanted: SHORTEST,
        }
    }

    /// Reads from `client` once.
    ///
    /// Errors: what was read is not a header, or the client has closed.
    pub(crate) fn read(&mut self, client: &mut impl Read) -> Result<HeaderProgress, HeaderError> {
        let mut buffer = [0; 1024];
        let room = self.wanted.min(buffer.len());
        let count = match client.read(buffer.get_mut(..room).unwrap_or_default()) {
            Ok(0) => return Err(HeaderError::Closed(self.octets.len())),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return Ok(HeaderProgress::More);
            }
            Err(error) if is_late(&error) => return Ok(HeaderProgress::Blocked),
            Err(error) => return Err(HeaderError::Lost(plain(&error))),
        };
        self.octets
            .extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(match parse(&self.octets)? {
            Parsed::Whole(header) => HeaderProgress::Done(header),
            Parsed::Incomplete(missing) => {
                self.wanted = missing;
                HeaderProgress::More
            }
        })
    }
}

/// Reads a header from a connection that blocks; `wait` is the time that the connection allows.
///
/// Errors: there is no header.
pub(crate) fn read(client: &mut impl Read, wait: Duration) -> Result<Header, HeaderError> {
    let mut reader = HeaderReader::new();
    loop {
        match reader.read(client)? {
            HeaderProgress::Done(header) => return Ok(header),
            HeaderProgress::More => {}
            HeaderProgress::Blocked => return Err(HeaderError::Late(wait)),
        }
    }
}

#[cfg(test)]
mod tests;
