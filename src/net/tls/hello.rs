//! Listens to a handshake, since the library tells neither version nor cipher suite.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mio::net::TcpStream;
use tls_parser::{
    TlsCipherSuite, TlsExtension, TlsMessage, TlsMessageHandshake, TlsRecordType, TlsVersion,
    parse_tls_message_handshake, parse_tls_raw_record, parse_tls_server_hello_extensions,
};

/// The most octets of a handshake that are kept.
const TAPPED_MAX: usize = 64 * 1024;

/// A socket whose received octets are kept until [`Tap::stop`].
#[derive(Debug)]
pub struct Tap {
    socket: TcpStream,
    tapped: Option<Tapped>,
}

/// What a tap has heard; it outlives a handshake that failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tapped(Arc<Mutex<Vec<u8>>>);

impl Tapped {
    /// The octets so far.
    pub(super) fn octets(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The octets so far; they are forgotten here.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tap {
    pub(super) fn new(socket: TcpStream) -> (Self, Tapped) {
        let tapped = Tapped::default();
        (
            Self {
                socket,
                tapped: Some(tapped.clone()),
            },
            tapped,
        )
    }

    /// Keeps nothing from now on.
    pub(super) fn stop(&mut self) {
        self.tapped = None;
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl Read for Tap {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(octets)?;
        if let Some(tapped) = &self.tapped {
            let mut kept = tapped.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = TAPPED_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(octets.get(..count.min(room)).unwrap_or_default());
        }
        Ok(count)
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

/// The version and the cipher suite that the ServerHello in the octets of a handshake chose.
pub(super) fn version_and_cipher(octets: &[u8]) -> (String, String) {
    let mut messages = Vec::new();
    let mut rest = octets;
    while let Ok((behind, record)) = parse_tls_raw_record(rest) {
        if record.hdr.record_type == TlsRecordType::Handshake {
            messages.extend_from_slice(record.data);
        }
        rest = behind;
    }
    let mut found = (String::from("TLS"), String::from("(cipher not seen)"));
    let mut rest = messages.as_slice();
    // The last ServerHello counts: the one before may ask to try again (RFC 8446 §4.1.4).
    while let Ok((behind, message)) = parse_tls_message_handshake(rest) {
        if let TlsMessage::Handshake(TlsMessageHandshake::ServerHello(hello)) = message {
            let mut version = hello.version;
            let extensions = hello.ext.map(parse_tls_server_hello_extensions);
            for extension in extensions
                .and_then(Result::ok)
                .map(|(_, all)| all)
                .unwrap_or_default()
            {
                if let TlsExtension::SupportedVersions(versions) = extension {
                    version = versions.first().copied().unwrap_or(version);
                }
            }
            let cipher = TlsCipherSuite::from_id(hello.cipher.0).map_or_else(
                || format!("cipher 0x{:04x}", hello.cipher.0),
                |known| known.name.to_owned(),
            );
            found = (version_name(version), cipher);
        }
        rest = behind;
    }
    found
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
    use super::version_and_cipher;

    #[test]
    fn odd_octets_give_no_version_and_no_panic() {
        for octets in [
            &b""[..],
            b"+OK ready\r\n",
            b"\x16\x03\x01",
            b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        ] {
            assert_eq!(version_and_cipher(octets).0, "TLS");
        }
    }
}
