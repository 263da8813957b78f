//! Reads and writes a number of octets before a moment: a peer that sends one octet a minute gains no time by it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Fills the whole buffer.
///
/// Errors: `UnexpectedEof` when the peer closes before, `TimedOut` at the moment `due`, and what the system says.
pub(super) fn read(socket: &mut TcpStream, buffer: &mut [u8], due: Instant) -> io::Result<()> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(room) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(timed(error)),
        }
    }
    Ok(())
}

/// Sends all octets.
///
/// Errors: `TimedOut` at the moment `due`, and what the system says.
pub(super) fn write(socket: &mut TcpStream, octets: &[u8], due: Instant) -> io::Result<()> {
    let mut sent = 0;
    while let Some(rest) = octets.get(sent..).filter(|rest| !rest.is_empty()) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_write_timeout(Some(left))?;
        match socket.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(timed(error)),
        }
    }
    Ok(())
}

/// A wait that ran out has one name, whatever the system calls it.
pub(super) fn timed(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock {
        ErrorKind::TimedOut.into()
    } else {
        error
    }
}
