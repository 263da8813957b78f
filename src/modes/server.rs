//! A running server of ours, whatever it serves: where it listens, its certificate, and how it
//! ends.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::io_error::plain;
use crate::base::say;
use crate::net::listener::Listener;
use crate::net::target::Target;
use crate::net::tls::TlsSettings;

/// A running server. Dropped, it closes its ports and connections and waits until all of its
/// threads are done; what was marked in an open session is not deleted.
pub struct Server {
    pub(crate) listener: Listener,
    pub(crate) certificate_pem: Option<String>,
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

    /// The certificate that clients see, in PEM form; None without TLS for them.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate_pem.as_deref()
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
            own_pem: self.certificate_pem().unwrap_or_default().into(),
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
