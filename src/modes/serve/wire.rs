//! A socket with a deadline: no read and no write goes on behind it, however slowly the octets come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The socket of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Arc<TcpStream>,
    /// None: no deadline.
    deadline: Option<Instant>,
}

impl Wire {
    pub(super) fn new(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            deadline: None,
        }
    }

    /// Sets the deadline to some time from now; one that the clock can't tell is none.
    pub(super) fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now().checked_add(time);
    }

    /// Says that nothing more will be sent, and reads until the client has closed as well, at most for `time` and `most` octets.
    /// Closing with octets unread would be a reset, which can take the last reply away from the client.
    pub(super) fn linger(&mut self, time: Duration, most: usize) {
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
pub(super) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Read for Wire {
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

impl Write for Wire {
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
