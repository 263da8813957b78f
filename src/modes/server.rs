//! A running server of ours, whatever it serves: where it listens, its certificate, its clients, and
//! how it ends.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::io_error::plain;
use crate::base::say;
use crate::net::listener::Listener;
use crate::net::proxy_protocol::Header;
use crate::net::target::Target;
use crate::net::tls::TlsSettings;
use crate::transcript::event::Event;

/// A running server. Dropped, it closes its ports and connections and waits until all of its
/// threads are done; what was marked in an open session is not deleted.
pub struct Server {
    pub(crate) listener: Listener,
    pub(crate) certificate_pem: String,
    pub(crate) logs: Arc<LogHealth>,
}

impl Server {
    /// The address for cleartext and STLS, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// The address for TLS from the first octet, with the port that was taken.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.listener.tls_address
    }

    /// The certificate that clients see, in PEM form.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns where this machine reaches it: unencrypted, or by TLS from the first octet where it
    /// listens for that.
    pub(crate) fn target(&self, is_tls: bool) -> Target {
        let address = self.tls_address().filter(|_| is_tls);
        let address = address.unwrap_or(self.address());
        Target {
            host: address.ip().to_string(),
            port: address.port(),
            is_tls,
        }
    }

    /// Returns how a client in this process checks it: the certificate was made a moment ago.
    pub(crate) fn tls_settings(&self) -> TlsSettings {
        TlsSettings {
            own_pem: self.certificate_pem().into(),
            ..TlsSettings::default()
        }
    }

    /// Ends it, as dropping it does; returns whether each connection left a whole transcript where
    /// it was to leave one.
    #[must_use]
    pub fn stop(self) -> bool {
        drop(self.listener);
        !self.logs.has_lost.load(Ordering::SeqCst)
    }
}

/// The address of a client, and the events that record its arrival.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The client: the one that the header names, or the one at the other end of the socket.
    pub(crate) client: SocketAddr,
    pub(crate) connected: Event,
    /// The header, where one came.
    pub(crate) header: Option<Event>,
}

impl Arrival {
    /// `peer` is the other end of the socket.
    pub(crate) fn new(peer: SocketAddr, header: Option<Header>) -> Self {
        let named = header.as_ref().and_then(Header::source);
        Self {
            client: named.unwrap_or(peer),
            connected: match named {
                Some(client) => Event::connected(format_args!("{client} through {peer}")),
                None => Event::connected(peer),
            },
            header: header.map(|header| Event::ProxyProtocol(header.to_string())),
        }
    }
}

/// Whether each connection of a server has left a whole transcript.
#[derive(Debug, Default)]
pub(crate) struct LogHealth {
    has_lost: AtomicBool,
}

impl LogHealth {
    /// Warns that a connection has no transcript.
    pub(crate) fn lose_all(&self, peer: impl Display, error: &io::Error) {
        self.warn(&format!("{peer}: no transcript: {}", plain(error)));
    }

    /// Warns that the transcript of a connection ends too early.
    pub(crate) fn lose_rest(&self, peer: impl Display, error: &io::Error) {
        let why = plain(error);
        self.warn(&format!(
            "{peer}: the transcript can no longer be written: {why}"
        ));
    }

    fn warn(&self, what: &str) {
        self.has_lost.store(true, Ordering::SeqCst);
        say::warning(what);
    }
}
