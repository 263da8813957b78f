//! One leg of a connection: its socket, in cleartext or inside TLS, and what is still to be sent on
//! it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::base::io_error::plain;
use crate::net::acceptor::Inside;
use crate::net::tls::{self, TlsStream};

/// So much may wait to be sent on a leg, in octets, before no more is read for it from the other
/// one.
pub(super) const WAITING_MAX: usize = 256 * 1024;

pub(super) enum LegStream {
    Plain(TcpStream),
    /// Inside TLS, where we are the server.
    Client(Box<Inside<TcpStream>>),
    /// Inside TLS, where we are the client.
    Server(Box<TlsStream>),
    /// Closed, or in the hands of a handshake.
    None,
}

pub(super) enum ReadOutcome {
    Octets(usize),
    Nothing,
    End,
    /// The connection broke; why.
    Broken(String),
}

pub(super) struct Leg {
    pub(super) stream: LegStream,
    /// It may be that something can be read: edge-triggered, so true until a read would block.
    pub(super) is_readable: bool,
    /// It may be that something can be sent.
    pub(super) is_writable: bool,
    pub(super) has_ended: bool,
    pub(super) is_shut: bool,
    /// What is to be sent, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// The end or fault after what was read last. The system reports a reset only once.
    ending: Option<ReadOutcome>,
}

impl Leg {
    pub(super) fn new(stream: LegStream) -> Self {
        Self {
            stream,
            is_readable: true,
            is_writable: true,
            has_ended: false,
            is_shut: false,
            out: Vec::new(),
            sent: 0,
            ending: None,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream, LegStream::Client(_) | LegStream::Server(_))
    }

    /// Whether the server has ended TLS without close_notify.
    pub(super) fn is_unannounced(&self) -> bool {
        let LegStream::Server(stream) = &self.stream else {
            return false;
        };
        self.has_ended && stream.get_ref().has_ended
    }

    /// Something has happened on the socket. Inside TLS a read may have waited for a chance to
    /// send, and the other way round.
    pub(super) fn wake(&mut self) {
        self.is_readable = true;
        self.is_writable = true;
    }

    pub(super) fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting() < WAITING_MAX
    }

    /// Takes octets that are not to be sent before [`Leg::send`].
    pub(super) fn keep(&mut self, octets: &[u8]) {
        if self.sent > 0 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        self.out.extend_from_slice(octets);
    }

    /// The last line of what waits is not sent.
    pub(super) fn drop_last_line(&mut self) {
        let waiting = self.out.get(self.sent..).unwrap_or_default();
        let line = waiting.strip_suffix(b"\n").unwrap_or(waiting);
        let start = memchr::memrchr(b'\n', line).map_or(0, |lf| lf + 1);
        self.out.truncate(self.sent + start);
    }

    /// Takes octets to be sent. What can be sent at once is not copied.
    pub(super) fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut rest = octets;
        while self.waiting() == 0 && self.is_writable && !rest.is_empty() {
            let count = self.write_once(rest)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        if !rest.is_empty() {
            self.keep(rest);
        }
        Ok(())
    }

    /// Sends what waits, as much as goes; returns whether any went.
    pub(super) fn send(&mut self) -> io::Result<bool> {
        let before = self.waiting();
        while self.waiting() > 0 && self.is_writable {
            let out = std::mem::take(&mut self.out);
            let result = self.write_once(out.get(self.sent..).unwrap_or_default());
            self.out = out;
            self.sent += result?;
        }
        if self.waiting() == 0 {
            self.forget();
        }
        Ok(self.waiting() < before)
    }

    pub(super) fn forget(&mut self) {
        self.out.clear();
        self.sent = 0;
        // After a long message that the other end was slow to take the room is given back.
        self.out.shrink_to(WAITING_MAX);
    }

    /// Writes as much as goes at once; 0 when it would block.
    fn write_once(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            let result = match &mut self.stream {
                LegStream::Plain(stream) => stream.write(octets),
                LegStream::Client(stream) => stream.write(octets),
                LegStream::Server(stream) => stream.write(octets),
                LegStream::None => Err(ErrorKind::NotConnected.into()),
            };
            match result {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_writable = false;
                    return Ok(0);
                }
                result => return result,
            }
        }
    }

    /// Reads until `buffer` is full or nothing more has come. An end or a fault after octets is
    /// reported by the next read.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        if let Some(came) = self.ending.take() {
            self.has_ended = true;
            return came;
        }
        let mut count = 0;
        while self.is_readable
            && !self.has_ended
            && let Some(room) = buffer.get_mut(count..).filter(|room| !room.is_empty())
        {
            let result = match &mut self.stream {
                LegStream::Plain(stream) => stream.read(room),
                LegStream::Client(stream) => stream.read(room),
                LegStream::Server(stream) => stream.read(room),
                LegStream::None => Ok(0),
            };
            match result {
                Ok(more) if more > 0 => count += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Ok(_) => return self.end(count, ReadOutcome::End),
                Err(error) => {
                    let came = match tls::is_end(&error) {
                        true => ReadOutcome::End,
                        false => ReadOutcome::Broken(plain(&error)),
                    };
                    return self.end(count, came);
                }
            }
        }
        if count > 0 {
            ReadOutcome::Octets(count)
        } else {
            ReadOutcome::Nothing
        }
    }

    /// The other end sends no more; after octets, the next read reports it.
    fn end(&mut self, count: usize, came: ReadOutcome) -> ReadOutcome {
        if count == 0 {
            self.has_ended = true;
            return came;
        }
        self.ending = Some(came);
        ReadOutcome::Octets(count)
    }

    /// Says that we send no more: close_notify (RFC 8314 §3.4), then the end of our half of the TCP
    /// connection.
    pub(super) fn shut(&mut self) {
        if std::mem::replace(&mut self.is_shut, true) {
            return;
        }
        // A peer that is gone needs no notice.
        let _ = match &mut self.stream {
            LegStream::Plain(socket) => socket.shutdown(Shutdown::Write),
            LegStream::Client(stream) => {
                stream.notify();
                stream.wire().shutdown(Shutdown::Write)
            }
            LegStream::Server(stream) => {
                let _ = stream.shutdown();
                stream.get_ref().socket.shutdown(Shutdown::Write)
            }
            LegStream::None => Ok(()),
        };
    }

    /// Closes both halves. What has come and was not read makes it a reset.
    pub(super) fn close(&mut self) {
        self.shut();
        self.stream = LegStream::None;
    }
}
