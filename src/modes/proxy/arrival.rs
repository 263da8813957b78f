//! The header that a client of the proxy may have to send first.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Poll};

use super::{ProxyShared, RelayOutcome};
use crate::base::io_error::plain;
use crate::net::proxy_protocol::{Header, HeaderError, HeaderProgress, HeaderReader};

/// Reads the header of a client, and nothing of what follows.
///
/// Errors: it did not come within `wait`, or the proxy was stopped.
pub(super) fn receive(
    shared: &ProxyShared,
    poll: &mut Poll,
    client: &mut TcpStream,
    wait: Duration,
) -> Result<Header, RelayOutcome> {
    let deadline = Instant::now() + wait;
    let mut events = Events::with_capacity(8);
    let mut reader = HeaderReader::new();
    let failed = |error| Err(RelayOutcome::NoHeader(error));
    loop {
        match reader.read(client) {
            Ok(HeaderProgress::Done(header)) => return Ok(header),
            Ok(HeaderProgress::More) => continue,
            Ok(HeaderProgress::Blocked) => {}
            Err(error) => return failed(error),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return failed(HeaderError::Late(wait));
        }
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(RelayOutcome::Lost(plain(&error)));
            }
            _ => {}
        }
        if shared.is_stopping() {
            return Err(RelayOutcome::Stopped);
        }
    }
}
