//! Judges a session by the rules while it continues; what is found is kept until the reply has been
//! shown.

use std::time::Instant;

use crate::analysis::finding::{Finding, Level};
use crate::analysis::lint::Lint;
use crate::modes::learn::Watched;
use crate::pop3::tracker::LineEnd;
use crate::reading::dialogue::Place;
use crate::transcript::event::{Event, EventKind};
use crate::transcript::recorder::RecordedStep;
use crate::transcript::{Item, Piece, Row};

#[derive(Debug)]
pub(super) struct LiveLint {
    lint: Lint,
    row: usize,
    before: Instant,
    found: Vec<Finding>,
    watched: Option<Watched>,
}

impl LiveLint {
    /// A judge of a connection to `place`, host and port; it also advances the goals of a lesson.
    pub(super) fn new(place: &str, watched: Option<Watched>) -> Self {
        if let Some(watched) = &watched {
            watched.goals().begin_session();
        }
        let mut judge = Self {
            watched,
            lint: Lint::new(),
            row: 0,
            before: Instant::now(),
            found: Vec::new(),
        };
        judge.event(&Event::connected(place));
        judge
    }

    pub(super) fn see(&mut self, seen: &RecordedStep) {
        let (side, pieces, end) = match seen {
            RecordedStep::Line {
                side, pieces, end, ..
            } => (*side, pieces.clone(), *end),
            RecordedStep::Data { side, octets } => {
                (*side, vec![Piece::Octets(octets.clone())], LineEnd::None)
            }
            RecordedStep::Injected { octets, .. } => {
                let side = crate::pop3::tracker::Side::Server;
                (side, vec![Piece::Octets(octets.clone())], LineEnd::None)
            }
            RecordedStep::Malformed(malformed) => {
                return self.event(&Event::Malformed(*malformed));
            }
            _ => return,
        };
        let now = Instant::now();
        let after = now.saturating_duration_since(std::mem::replace(&mut self.before, now));
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.feed(&Item::Row(Row::new(side, after_ms, pieces, end)));
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.feed(&Item::Event(event.to_string()));
    }

    /// What was found since, for people: one line each, what is only worth knowing left out.
    pub(super) fn take(&mut self) -> Vec<String> {
        let found = self.found.drain(..);
        let found = found.filter(|one| one.level > Level::Info);
        found
            .map(|one| {
                let (level, id) = (one.level.name(), one.id);
                // What happened to TLS is on the screen already.
                match EventKind::of(&one.message) {
                    EventKind::TlsStarted | EventKind::TlsFailed => {
                        format!("lint: {level} {id} ({})", one.source)
                    }
                    _ => format!("lint: {level} {id}: {} ({})", one.message, one.source),
                }
            })
            .collect()
    }

    fn feed(&mut self, item: &Item) {
        self.row += 1;
        let place = Place {
            row: self.row,
            offset: 0,
        };
        if let Some(watched) = &self.watched {
            watched.feed(place, item);
        }
        let found = &mut self.found;
        self.lint
            .feed(place, item, &mut |finding| found.push(finding));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop3::tracker::Side;
    use crate::transcript::recorder::Recorder;
    use crate::transcript::secret::Hider;

    /// The answer to a header that we sent is not extra data of the server's.
    #[test]
    fn an_answer_to_the_header_is_judged_as_in_the_file() {
        let mut judge = LiveLint::new("192.0.2.1:110", None);
        let mut recorder = Recorder::new(Hider::new(false));
        judge.event(&Event::ProxyProtocol("v1 192.0.2.7:4000".to_owned()));
        let text = b"+OK ready\r\n-ERR unknown command\r\n";
        recorder.feed(Side::Server, text, 0, &mut |seen| judge.see(&seen));
        let found = judge.take().concat();
        assert!(found.contains("should proxy-header-unexpected"), "{found}");
        assert!(!found.contains("greeting-extra-data"), "{found}");
    }

    #[test]
    fn what_is_wrong_is_told_when_it_has_come() {
        let mut judge = LiveLint::new("192.0.2.1:110", None);
        let mut recorder = Recorder::new(Hider::new(false));
        let mut talk =
            |side, text: &[u8]| recorder.feed(side, text, 0, &mut |seen| judge.see(&seen));
        talk(Side::Server, b"+OK ready\r\n");
        talk(Side::Client, b"noop\r\n");
        talk(Side::Server, b"+ok\r\n");
        let want =
            "lint: must status-lowercase: the status indicator is not in upper case (RFC 1939 §3)";
        assert_eq!(judge.take(), [want]);
        assert!(judge.take().is_empty());
        let mut talk =
            |side, text: &[u8]| recorder.feed(side, text, 0, &mut |seen| judge.see(&seen));
        talk(Side::Client, b"user a\r\npass wonderland\r\n");
        assert!(judge.take().concat().contains("security password-in-clear"));
        let why = "the server's certificate is self-signed";
        judge.event(&Event::TlsFailed(why.to_owned()));
        let found = judge.take().concat();
        assert!(
            found.contains("security tls-cert-untrusted (RFC 8314"),
            "{found}"
        );
        assert!(!found.contains("self-signed"), "{found}");
    }
}
