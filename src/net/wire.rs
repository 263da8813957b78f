//! A socket with a deadline: no read or write continues after it, so a peer that sends one octet a
//! minute gains no time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct SocketWire<S> {
    socket: S,
    /// None: no deadline.
    deadline: Option<Instant>,
}

impl<S: Deref<Target = TcpStream>> SocketWire<S> {
    pub(crate) fn new(socket: S, deadline: Option<Instant>) -> Self {
        Self { socket, deadline }
    }

    /// Sets the deadline to some time from now; one beyond the clock's range counts as none.
    pub(crate) fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now().checked_add(time);
    }

    /// Says that nothing more will be sent, and reads until the client has closed as well, at most
    /// for `time` and `most` octets. Closing with octets unread would be a reset, which can take
    /// the last reply away from the client.
    pub(crate) fn linger(&mut self, time: Duration, most: usize) {
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        self.allow(time);
        let mut buffer = [0; 4096];
        let mut count = 0;
        while count < most {
            match self.read(&mut buffer) {
                Ok(read) if read > 0 => count += read,
                _ => return,
            }
        }
    }

    /// The time that is left; None without a deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::WouldBlock.into()),
            left => Ok(Some(left)),
        }
    }
}

/// Whether an error means that the deadline has passed. Systems have two names for it.
pub(crate) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl<S: Deref<Target = TcpStream>> Read for SocketWire<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(self.left()?)?;
            match (&*self.socket).read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl<S: Deref<Target = TcpStream>> Write for SocketWire<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            self.socket.set_write_timeout(self.left()?)?;
            match (&*self.socket).write(octets) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fills the whole buffer.
///
/// Errors: `UnexpectedEof` when the peer closes before, `TimedOut` at the moment `due`, and what
/// the system says.
pub(super) fn read(socket: &TcpStream, buffer: &mut [u8], due: Instant) -> io::Result<()> {
    SocketWire::new(socket, Some(due))
        .read_exact(buffer)
        .map_err(timed)
}

/// Sends all octets.
///
/// Errors: `TimedOut` at the moment `due`, and what the system says.
pub(super) fn write(socket: &TcpStream, octets: &[u8], due: Instant) -> io::Result<()> {
    SocketWire::new(socket, Some(due))
        .write_all(octets)
        .map_err(timed)
}

/// A wait that ran out has one name, whatever the system calls it.
fn timed(error: io::Error) -> io::Error {
    if is_late(&error) {
        ErrorKind::TimedOut.into()
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn octets_that_drip_in_gain_no_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"xy").unwrap();
        let (mut one, later) = ([0], Instant::now() + Duration::from_secs(60));
        read(&own, &mut one, later).unwrap();
        assert_eq!(&one, b"x");
        // One is there, and the moment is over.
        let error = read(&own, &mut one, Instant::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(peer);
        let error = read(&own, &mut [0; 2], later).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
