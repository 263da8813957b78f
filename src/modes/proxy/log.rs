//! What is written about one connection, and shown of it while it continues.

use std::time::Instant;

use jiff::Timestamp;

use super::{ProxyEvent, ProxyShared};
use crate::base::escape;
use crate::modes::server::Arrival;
use crate::pop3::tracker::{CutAt, LineEnd, Side, State, Tracker};
use crate::transcript::event::Event;
use crate::transcript::file;
use crate::transcript::recorder::{RecordedStep, Recorder};
use crate::transcript::secret::Hider;
use crate::transcript::{Hole, Piece};

/// A shown line that is longer is shown in parts of about this many octets.
const SHOWN_MAX: usize = 8 * 1024;

pub(super) struct RelayLog<'a> {
    shared: &'a ProxyShared,
    peer: String,
    recorder: Recorder,
    start: Instant,
    view: Option<RelayView>,
    pub(super) commands: u64,
    pub(super) has_logged_in: bool,
    pub(super) octets: u64,
    passed: u64,
}

impl<'a> RelayLog<'a> {
    /// Opens the transcript of a client's connection. If it can't be made, the connection goes
    /// without one.
    pub(super) fn new(shared: &'a ProxyShared, arrival: &Arrival) -> Self {
        let now = Timestamp::now();
        let peer = arrival.client.to_string();
        let mut recorder =
            Recorder::new(Hider::sharing(shared.options.is_keeping, &shared.secrets));
        recorder.set_bodies(shared.options.bodies);
        match file::open(&shared.options.log, &format!("proxy-{peer}"), now) {
            Ok(None) => {}
            Ok(Some(log)) => {
                let head = file::head(
                    &shared.options.target.to_string(),
                    now,
                    shared.options.is_keeping,
                );
                recorder.set_file(Some(Box::new(log.file)), &head);
            }
            Err(error) => shared.logs.lose_all(&peer, &error),
        }
        recorder.event(&arrival.connected, 0);
        let mut log = Self {
            shared,
            recorder,
            start: Instant::now(),
            view: shared.options.is_verbose.then(|| RelayView::new(&peer)),
            peer,
            commands: 0,
            has_logged_in: false,
            octets: 0,
            passed: 0,
        };
        if let Some(header) = &arrival.header {
            log.event(header);
        }
        log
    }

    pub(super) fn is_full(&self) -> bool {
        self.passed > self.shared.options.max_size
    }

    pub(super) fn tracker(&self) -> &Tracker {
        self.recorder.tracker()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Records octets before they are handed on. Returns how many of them came between `+OK` to
    /// STLS and the handshake.
    pub(super) fn feed(&mut self, side: Side, octets: &[u8]) -> usize {
        let mut injected = 0;
        self.record(|recorder, now_ms, see| {
            recorder.feed(side, octets, now_ms, &mut |seen| {
                if let RecordedStep::Injected { count, .. } = &seen {
                    injected += count;
                }
                see(seen);
            });
        });
        let count = octets.len() as u64;
        self.passed = self.passed.saturating_add(count);
        if side == Side::Server {
            self.octets = self.octets.saturating_add(count);
        }
        injected
    }

    /// Nothing has come for a while: the start of a line is recorded.
    pub(super) fn flush(&mut self) {
        self.record(|recorder, now_ms, see| recorder.flush(now_ms, see));
    }

    pub(super) fn event(&mut self, event: &Event) {
        let now_ms = self.now_ms();
        self.recorder.event(event, now_ms);
        self.report_failure();
        if let Some(view) = &mut self.view {
            let text = view.event(&event.to_string());
            (self.shared.on_event)(ProxyEvent::Lines(text));
        }
    }

    /// The same on the connection to the server.
    pub(super) fn upstream(&mut self, event: Event) {
        self.event(&Event::Upstream(Box::new(event)));
    }

    /// A text with the names of holes in place of the secrets that are known so far.
    pub(super) fn hide_text(&self, text: &str) -> String {
        self.recorder.hide_text(text)
    }

    /// The client's leg is inside TLS now.
    pub(super) fn tls_started(&mut self, facts: &str) {
        self.event(&Event::own_tls(facts));
        self.recorder.tls_started();
    }

    /// Nothing more will come; what was cut.
    pub(super) fn finish(&mut self) -> CutAt {
        let mut cut = CutAt::Nothing;
        self.record(|recorder, now_ms, see| cut = recorder.finish(now_ms, see));
        if let Some(view) = &mut self.view {
            let text = view.rest();
            if !text.is_empty() {
                (self.shared.on_event)(ProxyEvent::Lines(text));
            }
        }
        cut
    }

    fn record(&mut self, run: impl FnOnce(&mut Recorder, u64, &mut dyn FnMut(RecordedStep))) {
        let now_ms = self.now_ms();
        let mut shown = String::new();
        run(&mut self.recorder, now_ms, &mut |seen| {
            match &seen {
                RecordedStep::CommandSent(_) => self.commands += 1,
                RecordedStep::StateChanged(State::Transaction) => self.has_logged_in = true,
                _ => {}
            }
            if let Some(view) = &mut self.view {
                view.show(&seen, &mut shown);
            }
        });
        self.report_failure();
        if !shown.is_empty() {
            (self.shared.on_event)(ProxyEvent::Lines(shown));
        }
    }

    fn report_failure(&mut self) {
        if let Some(error) = self.recorder.take_failure() {
            self.shared.logs.lose_rest(&self.peer, &error);
        }
    }
}

/// The lines of a connection as text for a screen. A line is shown when it is whole.
struct RelayView {
    peer: String,
    client: Vec<u8>,
    server: Vec<u8>,
}

impl RelayView {
    fn new(peer: &str) -> Self {
        Self {
            peer: peer.to_owned(),
            client: Vec::new(),
            server: Vec::new(),
        }
    }

    fn show(&mut self, seen: &RecordedStep, shown: &mut String) {
        match seen {
            RecordedStep::Line {
                side, pieces, end, ..
            } => {
                for piece in pieces {
                    match piece {
                        Piece::Octets(octets) => self.put(*side, octets, shown),
                        Piece::Hole(Hole::Named(name)) => {
                            self.put(*side, format!("{{{{{name}}}}}").as_bytes(), shown);
                        }
                        Piece::Hole(_) => {}
                    }
                }
                if *end != LineEnd::None {
                    self.end_line(*side, shown);
                }
            }
            RecordedStep::Data { side, octets } => {
                for line in octets.split_inclusive(|octet| *octet == b'\n') {
                    let text = line.strip_suffix(b"\n");
                    self.put(*side, text.unwrap_or(line), shown);
                    if text.is_some() {
                        self.end_line(*side, shown);
                    }
                }
            }
            RecordedStep::Injected { octets, .. } => self.put(Side::Server, octets, shown),
            _ => {}
        }
    }

    fn line(&mut self, side: Side) -> &mut Vec<u8> {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn put(&mut self, side: Side, octets: &[u8], shown: &mut String) {
        self.line(side).extend_from_slice(octets);
        if self.line(side).len() > SHOWN_MAX {
            self.end_line(side, shown);
        }
    }

    fn end_line(&mut self, side: Side, shown: &mut String) {
        let line = std::mem::take(self.line(side));
        let mark = match side {
            Side::Client => 'C',
            Side::Server => 'S',
        };
        shown.push_str(&self.peer);
        shown.extend([' ', mark, ':', ' ']);
        escape::escape(line.strip_suffix(b"\r").unwrap_or(&line), shown);
        shown.push('\n');
    }

    fn event(&mut self, event: &str) -> String {
        let mut text = self.rest();
        text.push_str(&self.peer);
        text.push_str(" * ");
        escape::escape(event.as_bytes(), &mut text);
        text.push('\n');
        text
    }

    /// Lines that have not ended.
    fn rest(&mut self) -> String {
        let mut text = String::new();
        for side in [Side::Client, Side::Server] {
            if !self.line(side).is_empty() {
                self.end_line(side, &mut text);
            }
        }
        text
    }
}
