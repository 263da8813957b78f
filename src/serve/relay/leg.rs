//! The leg to the client, and what waits to be sent on a leg.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream as Socket;

use crate::serve::tls::Inside;

/// The leg to the client.
pub(super) enum Leg {
    Clear(Socket),
    Tls(Box<Inside<Socket>>),
}

impl Read for Leg {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(octets),
            Self::Tls(inside) => inside.read(octets),
        }
    }
}

impl Write for Leg {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(octets),
            Self::Tls(inside) => inside.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Octets on their way to one side.
#[derive(Default)]
pub(super) struct Outbox {
    octets: Vec<u8>,
    sent: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub(super) fn waiting(&self) -> usize {
        self.octets.len() - self.sent
    }

    /// Sends as much as goes; whether anything went.
    pub(super) fn send(&mut self, to: &mut impl Write) -> io::Result<bool> {
        let mut has_sent = false;
        while let Some(rest) = self.octets.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match to.write(rest) {
                Ok(count) => {
                    self.sent += count;
                    has_sent = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(has_sent),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.octets.clear();
        self.sent = 0;
        Ok(has_sent)
    }
}
