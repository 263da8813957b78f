//! The reply that is coming, or came last, as the thread that shows it and the one that reads the
//! keyboard both know it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::base::plural::counted;
use crate::modes::console::spool::Spool;
use crate::net::tls::{TlsError, TlsFacts};
use crate::pop3::tracker::State;

/// What both threads know of the reply that is coming, or came last.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) mode: Mode,
    /// Its octets: status line and data lines, as on the wire.
    pub(crate) spool: Option<Arc<Spool>>,
    pub(crate) title: String,
    pub(crate) lines: u64,
    /// The octets of its data, stuffed.
    pub(crate) octets: u64,
    /// The stuffing dots among them.
    pub(crate) stuffed: u64,
    /// How long it took; None while it is coming.
    pub(crate) took: Option<Duration>,
    pub(crate) is_hex: bool,
    pub(crate) is_timed: bool,
    /// Say nothing of rules that are broken.
    pub(crate) is_lenient: bool,
    /// The client's last line held a secret.
    pub(crate) was_secret: bool,
    pub(crate) next_mode: Mode,
    pub(crate) is_whole: bool,
    /// The octets of its status line, line end included.
    pub(crate) head: u64,
    /// The last status line, for `:why`.
    pub(crate) last: Option<LastReply>,
    /// What was agreed when TLS began, for `:tls`.
    pub(crate) tls: Option<Box<TlsFacts>>,
    /// Why TLS failed on this connection, for `:tls` and `:why`.
    pub(crate) tls_failure: Option<TlsError>,
    /// `:why` was mentioned: once a session is enough.
    pub(crate) is_why_known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastReply {
    /// The line as shown: secrets hidden, made safe.
    pub(crate) line: String,
    /// The verb of the command that it answers; none for the greeting, for what came unasked, and
    /// until that is clear.
    pub(crate) verb: Option<String>,
    pub(crate) state: Option<State>,
}

impl Shown {
    /// Nothing more comes of the reply.
    pub(crate) fn finish(&mut self, took: Duration) {
        self.took.get_or_insert(took);
        if let Some(spool) = &self.spool {
            spool.finish();
        }
    }
    /// Forgets the last reply; what was switched on stays on.
    pub(crate) fn forget_reply(&mut self) {
        *self = Self {
            is_hex: self.is_hex,
            is_timed: self.is_timed,
            is_lenient: self.is_lenient,
            is_why_known: self.is_why_known,
            ..Self::default()
        };
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Screen,
    /// It does not fit: the reader of the keyboard is to open the pager.
    WantsPager,
    Paged,
    /// It is recorded and counted, not shown.
    Muted,
}

pub(crate) type SharedShown = Arc<Mutex<Shown>>;

/// What is said of a long reply: lines, octets, time.
pub(crate) fn summary(shown: &Shown) -> String {
    let Shown {
        title,
        lines,
        octets,
        stuffed,
        ..
    } = shown;
    let unstuffed = counted(octets.saturating_sub(*stuffed), "octet");
    let mut size = format!("{}, {unstuffed}", counted(*lines, "line"));
    if *stuffed > 0 {
        size += &format!(" ({octets} with the stuffing dots)");
    }
    match shown.took {
        Some(took) => format!(
            "{title}: {size}, {} ms   :page shows it again",
            took.as_millis()
        ),
        None => format!("{title}: {size} so far; the rest is recorded, not shown   :page shows it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_reply_is_without_its_stuffing_dots() {
        let mut shown = Shown {
            title: "RETR 3".to_owned(),
            lines: 31,
            octets: 994,
            took: Some(Duration::ZERO),
            ..Shown::default()
        };
        assert!(summary(&shown).starts_with("RETR 3: 31 lines, 994 octets, 0 ms"));
        shown.stuffed = 8;
        let wanted = "RETR 3: 31 lines, 986 octets (994 with the stuffing dots), 0 ms";
        assert!(summary(&shown).starts_with(wanted));
    }
}
