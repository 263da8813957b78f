//! The leg to the client, and what waits to be sent on a leg.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream as Socket;
use mio::{Events, Poll};

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

/// Waits for the sockets during a handshake.
pub(super) fn patience<'w>(
    poll: &'w mut Poll,
    events: &'w mut Events,
    wait: Duration,
    is_stopping: &'w AtomicBool,
) -> impl FnMut() -> Result<(), String> + 'w {
    let end = Instant::now() + wait;
    move || {
        if Instant::now() > end || is_stopping.load(Ordering::SeqCst) {
            return Err("not done in time".to_owned());
        }
        // A failed wait is tried again until the time is up.
        let _ = poll.poll(events, Some(super::GLANCE));
        Ok(())
    }
}
