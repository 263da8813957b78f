//! The network: connecting, TLS, and one thread that owns the connection.

pub(crate) mod acceptor;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod engine;
pub mod listener;
pub(crate) mod netrc;
pub(crate) mod password;
mod proxy_handshake;
pub mod proxy_protocol;
pub mod server_certificate;
pub(crate) mod shell;
pub(crate) mod srv;
pub mod target;
pub mod tls;
pub(crate) mod upstream_proxy;
pub(crate) mod wire;
pub(crate) mod wrong_service;

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use tls::TlsStream;

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.get_ref().socket,
        }
    }

    /// Whether TLS came to its end without close_notify; to be asked when a read has found the end.
    pub(crate) fn is_unannounced(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().has_ended)
    }

    /// Says goodbye: `close_notify` (RFC 8314 §3.4), then the end of the TCP connection. Errors no
    /// longer matter.
    pub(crate) fn close(&mut self) {
        if let Self::Tls(stream) = self {
            let _ = stream.shutdown();
        }
        let _ = self.socket().shutdown(Shutdown::Both);
    }
}

impl Read for Stream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(octets),
            Self::Tls(stream) => stream.read(octets),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
