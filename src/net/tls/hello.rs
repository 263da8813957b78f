//! Reads a handshake in passing, since the library reports neither version nor cipher suite.

use crate::base::lock::lock;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use tls_parser::{
    NamedGroup, TlsCipherSuite, TlsExtension, TlsMessage, TlsMessageHandshake, TlsRecordType,
    TlsServerHelloContents, TlsVersion, parse_tls_message_handshake, parse_tls_raw_record,
    parse_tls_server_hello_extensions,
};

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
}

impl Default for HelloSeen {
    fn default() -> Self {
        Self {
            version: "TLS".to_owned(),
            cipher: "(cipher not seen)".to_owned(),
            key_exchange: "(not seen)".to_owned(),
            chain: Vec::new(),
        }
    }
}

/// Reads the octets of a handshake: what the ServerHello chose, and the certificates if they are
/// unencrypted.
pub(super) fn listen(octets: &[u8]) -> HelloSeen {
    let mut messages = Vec::new();
    let mut rest = octets;
    while let Ok((after, record)) = parse_tls_raw_record(rest) {
        if record.hdr.record_type == TlsRecordType::Handshake {
            messages.extend_from_slice(record.data);
        }
        rest = after;
    }
    let mut seen = HelloSeen::default();
    let mut rest = messages.as_slice();
    // The last ServerHello counts: the one before may ask to try again (RFC 8446 §4.1.4).
    while let Ok((after, message)) = parse_tls_message_handshake(rest) {
        match message {
            TlsMessage::Handshake(TlsMessageHandshake::ServerHello(hello)) => {
                hear(&mut seen, &hello)
            }
            TlsMessage::Handshake(TlsMessageHandshake::Certificate(certificates)) => {
                let chain = certificates.cert_chain.iter();
                seen.chain = chain.map(|certificate| certificate.data.to_vec()).collect();
            }
            _ => {}
        }
        rest = after;
    }
    seen
}

fn hear(seen: &mut HelloSeen, hello: &TlsServerHelloContents<'_>) {
    let mut version = hello.version;
    let suite = TlsCipherSuite::from_id(hello.cipher.0);
    seen.cipher = suite.map_or_else(
        || format!("cipher 0x{:04x}", hello.cipher.0),
        |known| known.name.to_owned(),
    );
    seen.key_exchange = suite.map_or_else(String::new, |known| {
        format!("{:?}", known.kx).to_uppercase()
    });
    let extensions = hello.ext.map(parse_tls_server_hello_extensions);
    for extension in extensions
        .and_then(Result::ok)
        .map(|(_, all)| all)
        .unwrap_or_default()
    {
        match extension {
            TlsExtension::SupportedVersions(versions) => {
                version = versions.first().copied().unwrap_or(version);
            }
            TlsExtension::KeyShare([high, low, ..]) => {
                let group = NamedGroup(u16::from_be_bytes([*high, *low]));
                seen.key_exchange = format!("{group:?}");
            }
            _ => {}
        }
    }
    seen.version = version_name(version);
}

fn version_name(version: TlsVersion) -> String {
    match version {
        TlsVersion::Tls13 => "TLSv1.3".to_owned(),
        TlsVersion::Tls12 => "TLSv1.2".to_owned(),
        TlsVersion::Tls11 => "TLSv1.1".to_owned(),
        TlsVersion::Tls10 => "TLSv1.0".to_owned(),
        TlsVersion::Ssl30 => "SSLv3".to_owned(),
        TlsVersion(number) => format!("TLS 0x{number:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{HelloSeen, listen};

    #[test]
    fn odd_octets_give_no_version_and_no_panic() {
        for octets in [
            &b""[..],
            b"+OK ready\r\n",
            b"\x16\x03\x01",
            b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        ] {
            assert_eq!(listen(octets), HelloSeen::default());
        }
    }
}
