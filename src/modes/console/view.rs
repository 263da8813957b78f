//! Shows a conversation on the screen while it happens, and keeps the last long reply for the
//! pager.

mod reply;

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hex;
use super::knowledge::SharedKnowledge;
use super::live_lint::LiveLint;
use super::screen::Screen;
use super::spool::Spool;
use super::terminal;
use crate::base::escape;
use crate::base::lock::lock;
use crate::base::style::Paint;
use crate::modes::learn::Watched;
use crate::modes::report;
use crate::net::engine::{CloseReason, Notice, Observer, Snapshot};
use crate::pop3::stuffing::Unstuffer;
use crate::pop3::tracker::{LineEnd, Role, SentCommand, Side, State, Status};
use crate::transcript::Piece;
use crate::transcript::event::Event;
use crate::transcript::recorder::RecordedStep;
use crate::transcript::secret;
pub(crate) use reply::{LastReply, Mode, SharedShown, Shown, summary};

/// Data lines wait so long for the rest of a reply: if all fits on the screen it is shown at once,
/// else the pager opens.
const PATIENCE: Duration = Duration::from_millis(150);

pub(crate) struct ReplyView {
    screen: Arc<Screen>,
    knowledge: SharedKnowledge,
    shared: SharedShown,
    has_pager: bool,
    status: Vec<u8>,
    /// Data that was not shown yet, and when its first octet came.
    held: Vec<u8>,
    held_since: Instant,
    rows: usize,
    unstuffer: Unstuffer,
    since: Instant,
    was_unrequested: bool,
    judge: LiveLint,
}

impl ReplyView {
    /// Shows on `screen` a connection to `place`, host and port; long replies go to a pager when
    /// there is one. The goals of a lesson are judged too.
    pub(crate) fn new(
        screen: Arc<Screen>,
        knowledge: SharedKnowledge,
        shared: SharedShown,
        has_pager: bool,
        place: &str,
        watched: Option<Watched>,
    ) -> Self {
        let now = Instant::now();
        Self {
            screen,
            knowledge,
            shared,
            has_pager,
            status: Vec::new(),
            held: Vec::new(),
            held_since: now,
            rows: 0,
            unstuffer: Unstuffer::default(),
            since: now,
            was_unrequested: false,
            judge: LiveLint::new(place, watched),
        }
    }

    fn line(&mut self, role: Role, pieces: &[Piece], first: bool, end: LineEnd) {
        let unrequested = role == Role::Unrequested;
        if unrequested && !self.was_unrequested && first {
            self.screen.note("unrequested:");
        }
        self.was_unrequested = unrequested;
        let mut text = String::new();
        for piece in pieces {
            show(piece, &mut text);
        }
        let style = self.screen.style;
        let paint = match role {
            Role::Terminator => Paint::Note,
            Role::Continuation => Paint::Challenge,
            _ if !first => Paint::Plain,
            Role::Greeting | Role::Status => match Status::of_line(text.as_bytes()) {
                Status::Positive => Paint::Positive,
                Status::Negative => Paint::Negative,
                Status::Malformed => Paint::Plain,
            },
            _ => Paint::Plain,
        };
        let word = text.find(' ').unwrap_or(text.len());
        let (indicator, rest) = text.split_at(word);
        let newline = if end == LineEnd::None { "" } else { "\n" };
        self.screen
            .print(&format!("{}{rest}{newline}", style.paint(paint, indicator)));
        if role == Role::Continuation && first && end != LineEnd::None {
            self.challenge(pieces);
        }
        if lock(&self.shared).is_hex {
            let octets: Vec<u8> = octets_of(pieces).chain(end.octets()).copied().collect();
            self.hex(&octets);
        }
    }

    /// Shows what the base64 of a challenge says.
    fn challenge(&self, pieces: &[Piece]) {
        let octets = Piece::head(pieces).get(1..).unwrap_or_default();
        let octets = octets.trim_ascii();
        if let Ok(decoded) = STANDARD.decode(octets)
            && !decoded.is_empty()
        {
            self.screen
                .note(&format!("says: {}", String::from_utf8_lossy(&decoded)));
        }
    }

    fn hex(&self, octets: &[u8]) {
        for row in hex::rows(octets).take(hex::ROWS_MAX) {
            self.screen.note(&row);
        }
    }

    /// Keeps a status line for `:why`.
    fn keep_status(&self, role: Role, pieces: &[Piece], first: bool) {
        if role == Role::Continuation {
            return;
        }
        let state = lock(&self.knowledge).session.state;
        let mut shared = lock(&self.shared);
        if first {
            shared.last = Some(LastReply {
                line: String::new(),
                verb: None,
                state: if role == Role::Greeting {
                    Some(State::Greeting)
                } else {
                    state
                },
            });
        }
        let Some(last) = &mut shared.last else { return };
        for piece in pieces {
            // The start says it all; an endless line is not to be kept.
            if last.line.len() <= 1024 {
                show(piece, &mut last.line);
            }
        }
    }

    /// Keeps a line of the client for the guess of what comes next, and when it was sent.
    fn note_sent(&mut self, role: Role, pieces: &[Piece], first: bool) {
        if first {
            let line = secret::flat(pieces);
            lock(&self.knowledge).guess.note_sent(&line, role);
        }
        let has_hole = pieces.iter().any(|piece| matches!(piece, Piece::Hole(_)));
        lock(&self.shared).was_secret = has_hole;
        self.since = Instant::now();
    }

    fn note_status(&mut self, pieces: &[Piece], first: bool) {
        let line = secret::flat(pieces);
        lock(&self.knowledge).guess.note_status(&line, first);
        if !first {
            return;
        }
        self.status.clear();
        self.status.extend(octets_of(pieces));
    }

    fn keep_verb(&self, sent: &SentCommand) {
        if let Some(last) = &mut lock(&self.shared).last {
            let recall = &lock(&self.knowledge).recall;
            let is_open = |verb: &String| !verb.is_empty() && recall.may_show(verb);
            last.verb = Some(sent.verb()).filter(is_open);
        }
    }

    fn start_data(&mut self, sent: &SentCommand) {
        let mut title = sent.verb();
        if !sent.arguments().is_empty() {
            title.push(' ');
            escape::escape(sent.arguments(), &mut title);
        }
        self.held.clear();
        let mut shared = lock(&self.shared);
        shared.spool = match Spool::new() {
            Ok(spool) => Some(Arc::new(spool)),
            Err(error) => {
                self.screen
                    .warn(&format!("no pager for this reply: {error}"));
                None
            }
        };
        if let Some(spool) = &shared.spool {
            self.status.extend_from_slice(b"\r\n");
            spool.append(&self.status);
        }
        self.rows = rows_of(&self.status, terminal::size().0, shared.is_hex);
        shared.mode = shared.next_mode;
        shared.is_whole = false;
        shared.head = self.status.len() as u64;
        shared.title = title;
        shared.lines = 0;
        shared.octets = 0;
        shared.stuffed = 0;
        self.unstuffer = Unstuffer::default();
        shared.took = None;
    }

    fn data(&mut self, octets: &[u8]) {
        let mut shared = lock(&self.shared);
        if shared.took.is_some() {
            return;
        }
        shared.octets += octets.len() as u64;
        shared.stuffed += self.unstuffer.count(octets);
        shared.lines += memchr::memchr_iter(b'\n', octets).count() as u64;
        // It says so once, and the pager says where the text ends.
        let error = shared.spool.as_ref().and_then(|spool| spool.append(octets));
        if let Some(error) = error {
            self.screen
                .warn(&format!("the pager can't keep the rest: {error}"));
        }
        if shared.mode != Mode::Screen {
            return;
        }
        let can_page = self.has_pager && shared.spool.is_some();
        let is_hex = shared.is_hex;
        // The terminator and the prompt; the octets of the one, and the time.
        let below = 2 + usize::from(is_hex) + usize::from(shared.is_timed);
        drop(shared);
        if self.held.is_empty() {
            self.held_since = Instant::now();
        }
        self.held.extend_from_slice(octets);
        let (columns, rows) = terminal::size();
        if can_page && self.rows + rows_of(&self.held, columns, is_hex) + below > rows {
            self.held.clear();
            lock(&self.shared).mode = Mode::WantsPager;
        } else if !can_page {
            self.show_held(false);
        }
    }

    fn end_data(&mut self, pieces: &[Piece], first: bool, end: LineEnd) {
        let is_shown = {
            let mut shared = lock(&self.shared);
            if let Some(spool) = shared.spool.as_ref().filter(|_| shared.took.is_none()) {
                spool.append(b".\r\n");
                spool.finish();
            }
            shared.took.get_or_insert(self.since.elapsed());
            shared.is_whole = true;
            shared.mode == Mode::Screen
        };
        if is_shown {
            self.show_held(true);
            self.line(Role::Terminator, pieces, first, end);
        }
    }

    /// Shows data that was held; a line whose end has not come only when `is_all`.
    fn show_held(&mut self, is_all: bool) {
        let upto = match memchr::memrchr(b'\n', &self.held) {
            _ if is_all => self.held.len(),
            Some(lf) => lf + 1,
            None => return,
        };
        let rest = self.held.split_off(upto);
        let held = std::mem::replace(&mut self.held, rest);
        let is_hex = lock(&self.shared).is_hex;
        self.rows += rows_of(&held, terminal::size().0, is_hex);
        let mut text = String::new();
        for line in held.split_inclusive(|octet| *octet == b'\n') {
            let bare = bare(line);
            escape::escape(bare.unwrap_or(line), &mut text);
            if bare.is_some() {
                text.push('\n');
            }
            if is_hex {
                self.screen.print(&text);
                self.hex(line);
                text.clear();
            }
        }
        if !text.is_empty() {
            self.screen.print(&text);
        }
    }

    fn end_reply(&mut self, sent: Option<&SentCommand>) {
        let took = self.since.elapsed();
        let mut shared = lock(&self.shared);
        if shared.mode != Mode::Screen || (shared.spool.is_some() && shared.took.is_none()) {
            shared.finish(took);
        }
        let is_timed = shared.is_timed;
        let muted = (shared.mode == Mode::Muted).then(|| summary(&shared));
        if shared.mode == Mode::Muted {
            shared.mode = Mode::Screen;
        }
        drop(shared);
        if let Some(summary) = muted {
            self.screen.note(&summary);
        } else if is_timed && sent.is_some() {
            self.screen.note(&format!("{} ms", took.as_millis()));
        }
        self.show_findings();
    }

    /// Mentions `:why`, after the first refusal of a console session.
    fn mention_why(&self) {
        if !std::mem::replace(&mut lock(&self.shared).is_why_known, true) {
            self.screen.note("`:why` explains what went wrong");
        }
    }

    /// Says which rules were broken, unless the pager has the screen.
    fn show_findings(&mut self) {
        let shared = lock(&self.shared);
        if matches!(shared.mode, Mode::WantsPager | Mode::Paged) {
            return;
        }
        let is_lenient = shared.is_lenient;
        drop(shared);
        for line in self.judge.take() {
            if !is_lenient {
                self.screen.note(&line);
            }
        }
    }
}

/// How many rows of the screen the lines of a reply fill, with their octets under them if `is_hex`.
fn rows_of(lines: &[u8], columns: usize, is_hex: bool) -> usize {
    let mut text = String::new();
    let rows = lines.split_inclusive(|octet| *octet == b'\n').map(|line| {
        text.clear();
        escape::escape(bare(line).unwrap_or(line), &mut text);
        let dump = if is_hex { hex::rows_of(line.len()) } else { 0 };
        terminal::rows_of(&text, columns).max(1) + dump
    });
    rows.sum()
}

/// The octets of a line, without its holes.
fn octets_of(pieces: &[Piece]) -> impl Iterator<Item = &u8> {
    pieces.iter().flat_map(|piece| match piece {
        Piece::Octets(octets) => octets.as_slice(),
        Piece::Hole(_) => b"",
    })
}

fn show(piece: &Piece, out: &mut String) {
    match piece {
        Piece::Octets(octets) => escape::escape(octets, out),
        Piece::Hole(_) => out.push_str("••••••"),
    }
}

/// A line without its line end; None where that has not come.
fn bare(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b"\r\n")
        .or_else(|| line.strip_suffix(b"\n"))
}

impl Observer for ReplyView {
    fn on_octets(&mut self, _: &[u8]) {}

    fn on_step(&mut self, seen: RecordedStep) {
        if let Some(step) = seen.as_step() {
            lock(&self.knowledge).session.apply(&step);
        }
        self.judge.see(&seen);
        match seen {
            RecordedStep::Line {
                side: Side::Client,
                role,
                pieces,
                first,
                ..
            } => self.note_sent(role, &pieces, first),
            RecordedStep::Line {
                role: Role::Terminator,
                pieces,
                first,
                end,
                ..
            } => self.end_data(&pieces, first, end),
            RecordedStep::Line {
                role,
                pieces,
                first,
                end,
                ..
            } => {
                if role == Role::Status {
                    self.note_status(&pieces, first);
                }
                self.keep_status(role, &pieces, first);
                self.line(role, &pieces, first, end);
                if role == Role::Unrequested && end != LineEnd::None {
                    self.show_findings();
                }
            }
            RecordedStep::Data {
                side: Side::Server,
                octets,
            } => self.data(&octets),
            RecordedStep::Data { .. }
            | RecordedStep::CommandSent(_)
            | RecordedStep::StateChanged(_) => {}
            RecordedStep::Injected { octets, .. } => {
                let text = escape::escaped(&octets);
                let text = format!("received before the TLS handshake: {text}");
                self.screen.warn(&text);
            }
            RecordedStep::DataStarted(sent) => {
                self.keep_verb(&sent);
                self.start_data(&sent);
            }
            RecordedStep::ReplyEnded(sent, status) => {
                if let Some(sent) = &sent {
                    self.keep_verb(sent);
                }
                self.end_reply(sent.as_ref());
                if status == Status::Negative {
                    self.mention_why();
                }
            }
            RecordedStep::Challenged | RecordedStep::TlsAgreed | RecordedStep::Malformed(_) => {}
        }
    }

    fn on_notice(&mut self, news: Notice) {
        if let Notice::Tls(facts) = &news {
            lock(&self.shared).tls = Some(facts.clone());
            lock(&self.knowledge).session.tls_started();
        }
        if matches!(news, Notice::Ended(_)) {
            self.show_held(true);
            let mut shared = lock(&self.shared);
            if shared.spool.is_some() && shared.took.is_none() {
                shared.finish(self.since.elapsed());
            }
        }
        if matches!(news, Notice::Ended(CloseReason::ByClient)) {
            return;
        }
        for (paint, text) in report::lines(&news) {
            self.screen.line(paint, &text);
        }
        match &news {
            Notice::HeaderSent(header) => {
                self.judge.event(&Event::ProxyProtocol(header.to_string()));
            }
            Notice::Tls(facts) => self.judge.event(&facts.event()),
            Notice::TlsFailed(error) => {
                lock(&self.shared).tls_failure = Some(error.clone());
                self.judge.event(&Event::TlsFailed(error.what.clone()));
            }
            Notice::TimedOut(limit, ..) | Notice::KeptOpen(limit) => {
                self.judge.event(&Event::TimedOut(*limit));
            }
            Notice::Ended(ending) => {
                for event in ending.reason().into_iter().chain([ending.event()]) {
                    self.judge.event(&event);
                }
            }
            Notice::Unannounced => self.judge.event(&Event::EndedWithoutCloseNotify),
            _ => {}
        }
        self.show_findings();
        if let Notice::TlsFailed(error) = news {
            if error.is_untrusted {
                self.screen
                    .note("`:open --trust` shows the certificate and asks whether to trust it");
            }
            self.mention_why();
        }
    }

    fn on_idle(&mut self, snapshot: &Snapshot) {
        if !self.held.is_empty() && self.held_since.elapsed() >= PATIENCE {
            self.show_held(true);
        }
        self.show_findings();
        let mut knowledge = lock(&self.knowledge);
        knowledge.is_open = snapshot.ending.is_none();
        knowledge.expects_response = snapshot.expects_response;
        if snapshot.state == State::Greeting {
            self.since = snapshot.quiet_since;
        }
    }
}
