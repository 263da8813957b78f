//! The transcript of a visit, when the server keeps one.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use super::ServerShared;
use crate::modes::server::Arrival;
use crate::pop3::tracker::Side;
use crate::transcript::event::Event;
use crate::transcript::file::{self, Destination};
use crate::transcript::recorder::Recorder;
use crate::transcript::secret::Hider;

/// What is written about one connection; without a folder, nothing.
pub(super) struct VisitLog<'a> {
    shared: &'a ServerShared,
    peer: String,
    recorder: Option<Recorder>,
    start: Instant,
}

impl<'a> VisitLog<'a> {
    /// Opens the transcript of a client's visit. If it can't be made, the visit goes without one.
    pub(super) fn new(shared: &'a ServerShared, arrival: &Arrival) -> Self {
        let now = Timestamp::now();
        let peer = arrival.client.to_string();
        let place = match shared.room.is_full() {
            true => &Destination::Nowhere,
            false => &shared.options.log,
        };
        let log = match file::open(place, &format!("visit-{peer}"), now) {
            Ok(log) => log,
            Err(error) => {
                shared.logs.lose_all(&peer, &error);
                None
            }
        };
        let recorder = log.map(|log| {
            let mut recorder = Recorder::new(Hider::sharing(false, &shared.secrets));
            recorder.set_bodies(shared.options.bodies);
            let head = file::head("poptalk serve", now, false);
            let file = Counted {
                file: log.file,
                room: Arc::clone(&shared.room),
            };
            recorder.set_file(Some(Box::new(file)), &head);
            recorder.event(&arrival.connected, 0);
            if let Some(header) = &arrival.header {
                recorder.event(header, 0);
            }
            recorder
        });
        Self {
            shared,
            peer,
            recorder,
            start: Instant::now(),
        }
    }

    /// Records octets before they are sent, or before they are worked on.
    pub(super) fn feed(&mut self, side: Side, octets: &[u8]) {
        self.record(|recorder, now_ms| recorder.feed(side, octets, now_ms, &mut |_| {}));
    }

    pub(super) fn tls_started(&mut self, facts: &str) {
        self.record(|recorder, now_ms| {
            recorder.event(&Event::own_tls(facts), now_ms);
            recorder.tls_started();
        });
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.record(|recorder, now_ms| recorder.event(event, now_ms));
    }

    /// The connection has ended, as `event` says.
    pub(super) fn finish(&mut self, event: &Event) {
        self.record(|recorder, now_ms| {
            recorder.finish(now_ms, &mut |_| {});
            recorder.event(event, now_ms);
        });
    }

    fn record(&mut self, run: impl FnOnce(&mut Recorder, u64)) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let now_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        run(recorder, now_ms);
        // Reported once: the recorder writes no more.
        if let Some(error) = recorder.take_failure() {
            self.shared.logs.lose_rest(&self.peer, &error);
        }
    }
}

/// The room for the transcripts of all visits.
#[derive(Debug)]
pub(super) struct Room(AtomicU64);

impl Room {
    pub(super) fn of(octets: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(octets)))
    }

    fn is_full(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// Takes room for this many octets. Where there is too little, no visit gets any from then on.
    fn take(&self, octets: usize) -> bool {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(octets))
            });
        before.is_ok_and(|before| before >= octets)
    }
}

/// A transcript that takes up room. Without room it ends before the octets that do not fit, with a
/// whole row.
struct Counted {
    file: File,
    room: Arc<Room>,
}

impl Write for Counted {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !self.room.take(octets.len()) {
            return Err(io::Error::other(
                "the transcripts of all visits have reached --max-size; no more are written",
            ));
        }
        self.file.write_all(octets)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
