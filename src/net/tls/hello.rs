//! Reads a handshake in passing, since the library reports neither version nor cipher suite.

use crate::base::lock::lock;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use nom::bytes::complete::take;
use nom::combinator::{complete, iterator, opt};
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u24};
use nom::{IResult, Parser};

use super::registry::{group_name, suite_key_exchange, suite_name};

const TAPPED_MAX: usize = 64 * 1024;

/// The most octets of cleartext that are taken in place of a handshake.
const SAID_MAX: usize = 8 * 1024;

/// How long the rest of a line may take that came in place of a handshake.
const LINE_WAIT: Duration = Duration::from_secs(1);

/// A socket whose received octets are kept until [`Tap::stop`].
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) socket: TcpStream,
    tapped: Option<Tapped>,
    /// The TCP connection was read to its end. After close_notify nothing more is read (RFC 8314
    /// §3.4), so an end of TLS that finds this was not announced; libraries do not distinguish the
    /// two.
    pub(crate) has_ended: bool,
    /// Whether cleartext in place of a handshake is read to the end of its line.
    reads_text: bool,
    text: Option<EarlyCleartext>,
}

/// Cleartext in place of a handshake, read ahead of the library: it gives up after five octets, and
/// the line that says why there is no TLS would be lost.
#[derive(Debug)]
struct EarlyCleartext {
    /// What the library has not taken yet.
    ahead: Vec<u8>,
    count: usize,
    is_line: bool,
    since: Instant,
}

/// What a tap has seen; it outlives a failed handshake.
type Tapped = Arc<Mutex<Vec<u8>>>;

impl Tap {
    /// `reads_text`: cleartext in place of a handshake is read to the end of its line, 8 KiB at
    /// most.
    pub(super) fn new(socket: TcpStream, reads_text: bool) -> (Self, Tapped) {
        let tapped = Tapped::default();
        let tap = Self {
            socket,
            tapped: Some(Arc::clone(&tapped)),
            has_ended: false,
            reads_text,
            text: None,
        };
        (tap, tapped)
    }

    pub(super) fn stop(&mut self) {
        self.tapped = None;
        self.reads_text = false;
    }

    fn read_socket(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(octets)?;
        self.has_ended |= count == 0 && !octets.is_empty();
        if let Some(tapped) = &self.tapped {
            let mut kept = lock(tapped);
            let room = TAPPED_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(octets.get(..count.min(room)).unwrap_or_default());
        }
        Ok(count)
    }

    /// Reads the line that has begun.
    ///
    /// Errors: its end has not come yet.
    fn read_line(&mut self, text: &mut EarlyCleartext) -> io::Result<()> {
        let mut buffer = [0; 1024];
        loop {
            let room = SAID_MAX.saturating_sub(text.count).min(buffer.len());
            let Some(room) = buffer.get_mut(..room).filter(|room| !room.is_empty()) else {
                return Ok(());
            };
            match self.read_socket(room) {
                Ok(0) => return Ok(()),
                Ok(count) => text.push(room.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_over = text.is_line || text.since.elapsed() >= LINE_WAIT;
                    return if is_over { Ok(()) } else { Err(error) };
                }
                // The next read finds the end.
                Err(_) => return Ok(()),
            }
        }
    }
}

impl EarlyCleartext {
    fn push(&mut self, octets: &[u8]) {
        self.ahead.extend_from_slice(octets);
        self.count += octets.len();
        self.is_line = octets.last() == Some(&b'\n');
    }

    fn give(&mut self, octets: &mut [u8]) -> usize {
        let count = self.ahead.len().min(octets.len());
        for (place, octet) in octets.iter_mut().zip(self.ahead.drain(..count)) {
            *place = octet;
        }
        count
    }
}

/// Whether octets in place of a handshake are not those of TLS: no record begins so (RFC 8446
/// §5.1).
pub(super) fn is_text(octets: &[u8]) -> bool {
    octets
        .first()
        .is_some_and(|octet| !matches!(octet, 0x14..=0x18))
}

impl Read for Tap {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        if let Some(mut text) = self.text.take() {
            let read = self.read_line(&mut text);
            let count = read.map(|()| text.give(octets));
            self.text = Some(text);
            return match count {
                Ok(0) => self.read_socket(octets),
                count => count,
            };
        }
        let count = self.read_socket(octets)?;
        let come = octets.get(..count).unwrap_or_default();
        if !std::mem::take(&mut self.reads_text) || !is_text(come) {
            return Ok(count);
        }
        let mut text = EarlyCleartext {
            ahead: Vec::new(),
            count: 0,
            is_line: false,
            since: Instant::now(),
        };
        text.push(come);
        self.text = Some(text);
        self.read(octets)
    }
}

impl Write for Tap {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct HelloSeen {
    pub(super) version: String,
    pub(super) cipher: String,
    pub(super) key_exchange: String,
    /// The certificates (DER), the server's own first; empty in TLS 1.3, which encrypts them.
    pub(super) chain: Vec<Vec<u8>>,
    /// Whether it asks the client for a certificate; unknown in TLS 1.3.
    pub(super) asks_for_certificate: bool,
}

impl Default for HelloSeen {
    fn default() -> Self {
        Self {
            version: "TLS".to_owned(),
            cipher: "(cipher not seen)".to_owned(),
            key_exchange: "(not seen)".to_owned(),
            chain: Vec::new(),
            asks_for_certificate: false,
        }
    }
}

const HANDSHAKE_RECORD: u8 = 22;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// The kind of curve that is given by its number (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;

/// Reads the octets of a handshake: what the ServerHello chose, and the certificates if they are
/// unencrypted.
pub(super) fn listen(octets: &[u8]) -> HelloSeen {
    let mut messages = Vec::new();
    for (kind, content) in iterator(octets, record) {
        if kind == HANDSHAKE_RECORD {
            messages.extend_from_slice(content);
        }
    }
    let mut seen = HelloSeen::default();
    // The last ServerHello counts: the one before may ask to try again (RFC 8446 §4.1.4).
    for (kind, body) in iterator(messages.as_slice(), message) {
        match kind {
            SERVER_HELLO => {
                if let Ok((_, hello)) = server_hello(body) {
                    seen.add_hello(&hello);
                }
            }
            CERTIFICATE => {
                if let Ok((_, list)) = vector24(body) {
                    seen.chain = iterator(list, vector24).map(<[u8]>::to_vec).collect();
                }
            }
            CERTIFICATE_REQUEST => seen.asks_for_certificate = true,
            SERVER_KEY_EXCHANGE => seen.add_curve(body),
            // The handshake's later messages are encrypted.
            SERVER_HELLO_DONE => break,
            _ => {}
        }
    }
    seen
}

impl HelloSeen {
    fn add_hello(&mut self, hello: &ServerHello<'_>) {
        let mut version = hello.version;
        self.cipher = suite_name(hello.suite);
        self.key_exchange = suite_key_exchange(hello.suite)
            .unwrap_or_default()
            .to_owned();
        for (kind, content) in iterator(hello.extensions, extension) {
            match (kind, content) {
                (SUPPORTED_VERSIONS, [high, low, ..]) => {
                    version = u16::from_be_bytes([*high, *low]);
                }
                (KEY_SHARE, [high, low, ..]) => {
                    self.key_exchange = group_name(u16::from_be_bytes([*high, *low]));
                }
                _ => {}
            }
        }
        self.version = version_name(version);
    }

    /// Before TLS 1.3, only the ServerKeyExchange message names the curve (RFC 8422 §5.4).
    fn add_curve(&mut self, body: &[u8]) {
        if let [NAMED_CURVE, high, low, ..] = body
            && self.key_exchange == "ECDHE"
        {
            let group = group_name(u16::from_be_bytes([*high, *low]));
            self.key_exchange = format!("ECDHE {group}");
        }
    }
}

struct ServerHello<'a> {
    version: u16,
    suite: u16,
    extensions: &'a [u8],
}

/// A record: its type and its content (RFC 8446 §5.1).
fn record(octets: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (rest, (kind, _, content)) = (be_u8, be_u16, length_data(be_u16)).parse(octets)?;
    Ok((rest, (kind, content)))
}

/// A message of the handshake: its type and its body (RFC 8446 §4).
fn message(octets: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    (be_u8, vector24).parse(octets)
}

/// RFC 5246 §7.4.1.3, RFC 8446 §4.1.3.
fn server_hello(octets: &[u8]) -> IResult<&[u8], ServerHello<'_>> {
    let session = length_data(be_u8);
    let (rest, (version, _, _, suite, _)) =
        (be_u16, take(32_usize), session, be_u16, be_u8).parse(octets)?;
    let (rest, extensions) = opt(complete(length_data(be_u16))).parse(rest)?;
    let hello = ServerHello {
        version,
        suite,
        extensions: extensions.unwrap_or_default(),
    };
    Ok((rest, hello))
}

/// An extension: its type and its content (RFC 8446 §4.2).
fn extension(octets: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    (be_u16, length_data(be_u16)).parse(octets)
}

fn vector24(octets: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u24).parse(octets)
}

fn version_name(version: u16) -> String {
    match version {
        0x0304 => "TLSv1.3".to_owned(),
        0x0303 => "TLSv1.2".to_owned(),
        0x0302 => "TLSv1.1".to_owned(),
        0x0301 => "TLSv1.0".to_owned(),
        0x0300 => "SSLv3".to_owned(),
        number => format!("TLS 0x{number:04x}"),
    }
}

#[cfg(test)]
mod tests;
