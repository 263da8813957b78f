//! Has a proxy connect to the server; what comes out is a connection like any other.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::wire;
use crate::base::io_error::plain;
use crate::net::target::Target;
use crate::net::upstream_proxy::{Negotiation, Proxy, ProxyError, ProxyStep};

/// Asks the proxy, on a connection to it, to connect to `target`; `wait` is for the whole
/// handshake.
///
/// Errors: the proxy refuses, breaks the protocol, closes, or takes too long.
pub(super) fn pass(
    socket: &mut TcpStream,
    proxy: &Proxy,
    target: &Target,
    wait: Duration,
) -> Result<(), ProxyError> {
    let due = Instant::now() + wait;
    let mut talk = Negotiation::new(proxy, target)?;
    let mut got = Vec::new();
    loop {
        match talk.next(&got)? {
            ProxyStep::Open => break,
            ProxyStep::Send(octets) => {
                got.clear();
                wire::write(socket, &octets, due).map_err(|error| broken(&error, wait))?;
            }
            ProxyStep::Read(count) => {
                got.resize(count, 0);
                wire::read(socket, &mut got, due).map_err(|error| broken(&error, wait))?;
            }
        }
    }
    let reset = socket
        .set_read_timeout(None)
        .and_then(|()| socket.set_write_timeout(None));
    reset.map_err(|error| broken(&error, wait))
}

fn broken(error: &io::Error, wait: Duration) -> ProxyError {
    match error.kind() {
        ErrorKind::UnexpectedEof => ProxyError::new(
            "the proxy closed the connection before the tunnel was open",
            "check the host and the port of the proxy; its log may say more",
        ),
        ErrorKind::TimedOut => ProxyError::new(
            format!("the proxy did not connect within {} s", wait.as_secs_f64()),
            "check the host and the port of the proxy, or wait longer with --timeout",
        ),
        _ => ProxyError::new(
            format!("lost the connection to the proxy: {}", plain(error)),
            "check the host and the port of the proxy; its log may say more",
        ),
    }
}
