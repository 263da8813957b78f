//! The reply that is coming, or came last, as the thread that shows it and the one that reads the keyboard both know it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::plural::counted;
use crate::modes::console::spool::Spool;
use crate::net::tls::{TlsError, TlsFacts};
use crate::pop3::tracker::State;

/// What both threads know of the reply that is coming, or came last.
#[derive(Debug, Default)]
pub struct Shown {
    /// What is done with its data.
    pub mode: Mode,
    /// Its octets: status line and data lines, as on the wire.
    pub spool: Option<Arc<Spool>>,
    /// The command that it answers.
    pub title: String,
    /// Its data lines.
    pub lines: u64,
    /// The octets of its data, stuffed.
    pub octets: u64,
    /// How long it took; None while it is coming.
    pub took: Option<Duration>,
    /// Show each line also as octets.
    pub is_hex: bool,
    /// Show how long each reply took.
    pub is_timed: bool,
    /// Say nothing of rules that are broken.
    pub is_lenient: bool,
    /// The client's last line held a secret.
    pub was_secret: bool,
    /// What is to be done with the data of the next reply.
    pub next_mode: Mode,
    /// Its terminator has come.
    pub is_whole: bool,
    /// The octets of its status line, line end included.
    pub head: u64,
    /// The last status line, for `:why`.
    pub last: Option<LastReply>,
    /// What was agreed when TLS began, for `:tls`.
    pub tls: Option<Box<TlsFacts>>,
    /// Why TLS failed on this connection, for `:tls` and `:why`.
    pub tls_failure: Option<TlsError>,
    /// `:why` was mentioned: once a session is enough.
    pub is_why_known: bool,
}

/// A status line, and what it was said to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReply {
    /// The line as shown: secrets hidden, made safe.
    pub line: String,
    /// The verb of the command that it answers; none for the greeting, for what came unasked, and until that is clear.
    pub verb: Option<String>,
    /// The state in which it came.
    pub state: Option<State>,
}

impl Shown {
    /// Forgets the last reply; what was switched on stays on.
    pub fn forget_reply(&mut self) {
        *self = Self {
            is_hex: self.is_hex,
            is_timed: self.is_timed,
            is_lenient: self.is_lenient,
            is_why_known: self.is_why_known,
            ..Self::default()
        };
    }
}

/// What is done with the data of the reply that is coming.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It goes to the screen.
    #[default]
    Screen,
    /// It does not fit: whoever reads the keyboard is to open the pager.
    WantsPager,
    /// The pager shows it.
    Paged,
    /// It is recorded and counted, not shown.
    Muted,
}

/// State shared by the two threads.
pub type SharedShown = Arc<Mutex<Shown>>;

/// Locks it.
pub fn shown(shared: &SharedShown) -> MutexGuard<'_, Shown> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is said of a long reply: lines, octets, time.
#[must_use]
pub fn summary(shown: &Shown) -> String {
    let Shown {
        title,
        lines,
        octets,
        ..
    } = shown;
    let size = format!("{}, {}", counted(*lines, "line"), counted(*octets, "octet"));
    match shown.took {
        Some(took) => format!(
            "{title}: {size}, {} ms   :page shows it again",
            took.as_millis()
        ),
        None => format!("{title}: {size} so far; the rest is recorded, not shown   :page shows it"),
    }
}
