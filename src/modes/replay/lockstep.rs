//! The cues of a recording in lock-step: each row goes out when the answers recorded before it have
//! come.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use super::unsent;
use super::{Departure, Limit, Options, Replay, ReplayError, cue};
use crate::base::exit::Exit;
use crate::base::lock::lock;
use crate::net::engine::{CLOSE_WAIT, CloseReason, Greeting, NEVER, Request, Snapshot};
use crate::pop3::tracker::{LineEnd, State};
use crate::servers::player::{Answer, Cue, CueAction};
use crate::transcript::Piece;

/// How long to wait for lines that the recording has, although they are unsolicited.
const UNASKED: Duration = Duration::from_secs(1);

/// How long to wait for the rest of a reply whose first line was unsolicited.
const REST_OF_INJECTED: Duration = Duration::from_millis(300);

/// How many octets of rows that wait for nothing go out together: their replies must fit into the
/// buffers between us.
const JOINED_MAX: usize = 512;

/// Whether the end of the session was reached, and then the exit code of a session that failed.
type SessionFlow = ControlFlow<Option<Exit>>;

/// Lines that are sent with STLS, before the handshake.
#[derive(Default)]
struct Injection {
    /// The last row is STLS, as far as an injected line can be written with it, however fast the
    /// server is.
    ends_in_stls: bool,
    /// A line was injected, and the server has sent nothing inside TLS since.
    is_unheard: bool,
    was_seen: bool,
}

impl Replay<'_> {
    /// Plays until the recording or the session ends. Returns the exit code of a session that
    /// failed.
    ///
    /// Errors: the file can't be read, a row can't be filled, or the server is not one for POP3.
    pub(super) fn run(
        &mut self,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Option<Exit>, ReplayError> {
        let mut awaited = None;
        let mut injection = Injection::default();
        while let Some(cue) = cue(&mut self.player, self.path)? {
            self.in_hand = unsent::label(&cue.action).map(|label| (cue.row, label));
            let answers = (cue.answers, cue.lines);
            let waits_for_nothing = awaited.replace(answers) == Some(answers);
            if waits_for_nothing && self.can_join(&cue, &injection) {
                self.join(&cue, &mut injection)?;
                continue;
            }
            self.send_outgoing();
            let now = self.wait_for_answers(&cue);
            progress(now.answers);
            if let ControlFlow::Break(exit) = self.judge_answers(&now)? {
                return Ok(exit);
            }
            if let ControlFlow::Break(exit) = self.settle(&cue, &now, &mut injection) {
                return Ok(exit);
            }
            match cue.action {
                CueAction::Close { is_late } => {
                    if let ControlFlow::Break(exit) = self.close(&now, is_late) {
                        return Ok(exit);
                    }
                }
                CueAction::Send { .. } => self.send(&cue, &now, &mut injection)?,
            }
        }
        self.send_outgoing();
        self.in_hand = None;
        Ok(None)
    }

    /// Whether a row that waits for nothing can go out together with those before it.
    fn can_join(&self, cue: &Cue, injection: &Injection) -> bool {
        self.options.pace.is_none()
            && self.outgoing.len() < JOINED_MAX
            && match &cue.action {
                CueAction::Send {
                    pieces,
                    end,
                    is_injected: true,
                    ..
                } => injection.ends_in_stls && plain_line(pieces, *end).is_some(),
                CueAction::Send { is_response, .. } => !is_response,
                CueAction::Close { .. } => false,
            }
    }

    fn join(&mut self, cue: &Cue, injection: &mut Injection) -> Result<(), ReplayError> {
        let CueAction::Send {
            pieces,
            end,
            is_response,
            is_injected,
        } = &cue.action
        else {
            return Ok(());
        };
        injection.is_unheard |= is_injected;
        injection.was_seen |= is_injected;
        let octets = self.fill(cue.row, pieces, *end, *is_response)?;
        self.outgoing.extend_from_slice(&octets);
        self.note_sent();
        Ok(())
    }

    /// Waits for the answers that were recorded before a cue, or until it is clear that they will
    /// not come.
    fn wait_for_answers(&mut self, cue: &Cue) -> Snapshot {
        let options = self.options;
        let awaited = cue.answers + self.cancelled;
        self.wait(&|now| {
            // An answer that the recording has, and that will not come.
            let is_all = now.outstanding == 0 && now.state != State::Greeting && !is_leaving(now);
            is_other(now, options)
                || now.answers + silences(now) >= awaited
                || is_all
                || now.is_owed
        })
    }

    /// Whether the session continues after the answers that have come.
    fn judge_answers(&mut self, now: &Snapshot) -> Result<SessionFlow, ReplayError> {
        match self.played.limit {
            Some(Limit::Time) => return Ok(SessionFlow::Break(Some(Exit::TimedOut))),
            Some(Limit::Octets) => return Ok(SessionFlow::Break(Some(Exit::NoConnection))),
            None => {}
        }
        let mistake = now.greeting.mistake();
        if let Some(mistake) = mistake.filter(|_| is_other(now, self.options)) {
            return Err(ReplayError::NotPop3(mistake));
        }
        self.compare();
        // More time-outs than were recorded.
        if silences(now) > self.silences {
            return Ok(SessionFlow::Break(Some(Exit::TimedOut)));
        }
        if self.played.departure.is_some() && !self.options.keep_going {
            return Ok(SessionFlow::Break(None));
        }
        Ok(match failure(now) {
            Some(failure) => SessionFlow::Break(Some(failure)),
            None => SessionFlow::Continue(()),
        })
    }

    /// Waits for unsolicited lines. Returns whether the session is fit for the next row.
    fn settle(&mut self, cue: &Cue, now: &Snapshot, injection: &mut Injection) -> SessionFlow {
        // A probe has no such lines, and leaves out commands whose replies it has.
        let may_be_unasked = self.played.departure.is_none() && !self.options.answers_only;
        if may_be_unasked && now.lines < cue.lines {
            self.connection.wait(UNASKED, |now| now.lines >= cue.lines);
        }
        if injection.is_unheard && now.is_tls {
            injection.is_unheard = false;
            self.listen_inside_tls(now.lines);
        }
        if !injection.was_seen && self.is_out_of_step(now) {
            self.connection.order(Request::CloseOutOfStep);
            return SessionFlow::Break(None);
        }
        if self.connection.snapshot().ending.is_some() {
            return SessionFlow::Break(None);
        }
        // A password that went through TLS does not go out in cleartext, even if STLS is refused
        // now.
        if cue.needs_tls && !now.is_tls {
            return SessionFlow::Break(self.played.departure.is_none().then_some(Exit::Tls));
        }
        SessionFlow::Continue(())
    }

    /// The recorded connection was closed here.
    fn close(&self, now: &Snapshot, is_late: bool) -> SessionFlow {
        if now.state == State::Update && self.options.leaves_at_once {
            return SessionFlow::Break(None);
        }
        if now.state == State::Update {
            self.connection.take_leave();
        } else if is_late {
            let now = self.connection.wait(CLOSE_WAIT, |_| false);
            return SessionFlow::Break(failure(&now));
        }
        SessionFlow::Continue(())
    }

    /// Makes a row the next to go out, unless it is to be left out.
    fn send(
        &mut self,
        cue: &Cue,
        now: &Snapshot,
        injection: &mut Injection,
    ) -> Result<(), ReplayError> {
        let CueAction::Send {
            ref pieces,
            end,
            is_response,
            is_injected,
        } = cue.action
        else {
            return Ok(());
        };
        if self.options.answers_only && self.is_left_out(cue, pieces, is_response, now) {
            return Ok(());
        }
        if self.options.answers_only && now.is_owed && !is_response {
            self.cancel_exchange(now);
        }
        self.pause(cue.after_ms);
        if is_injected && let Some(line) = plain_line(pieces, end) {
            *injection = Injection {
                ends_in_stls: false,
                is_unheard: true,
                was_seen: true,
            };
            self.connection.order(Request::Inject(line));
            return Ok(());
        }
        injection.ends_in_stls = !is_injected;
        self.outgoing = self.fill(cue.row, pieces, end, is_response)?;
        self.note_sent();
        Ok(())
    }

    /// Ends a SASL exchange that a probe did not expect (RFC 5034 §4): its next command would be
    /// taken for a response, and recorded as one.
    fn cancel_exchange(&mut self, now: &Snapshot) {
        self.cancelled += 1;
        let before = (now.answers, silences(now));
        self.connection
            .order(Request::Send(b"*\r\n".to_vec().into()));
        self.wait(&|now| (now.answers, silences(now)) != before || now.ending.is_some());
    }

    /// Whether a probe leaves a row out: an answer that the server has not asked for, or a command
    /// without its login or use.
    fn is_left_out(
        &mut self,
        cue: &Cue,
        pieces: &[Piece],
        is_response: bool,
        now: &Snapshot,
    ) -> bool {
        if is_response {
            return !now.is_owed;
        }
        if cue.is_logged_in && now.state == State::Authorization && !unsent::is_login(pieces) {
            let label = self.in_hand.take().map(|(_, label)| label);
            self.played.unsent.extend(label);
            return true;
        }
        unsent::would_only_fail(pieces, &lock(&self.answers))
    }

    /// Reads on inside TLS for a while: a reply to what was injected must not be taken for the
    /// reply to the next command.
    fn listen_inside_tls(&self, lines: u64) {
        let now = self.connection.wait(UNASKED, |now| now.lines > lines);
        if now.lines > lines {
            self.connection.wait(REST_OF_INJECTED, |_| false);
        }
    }

    fn note_sent(&mut self) {
        let label = self.in_hand.take().map(|(_, label)| label);
        self.played.last_sent = label.or(self.played.last_sent.take());
    }

    fn send_outgoing(&mut self) {
        let octets = std::mem::take(&mut self.outgoing);
        if !octets.is_empty() {
            self.connection.order(Request::Send(octets));
        }
    }

    fn wait(&mut self, is_enough: &dyn Fn(&Snapshot) -> bool) -> Snapshot {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let longest = self.options.until.map_or(NEVER, left);
        let now = self.connection.wait(longest, is_enough);
        if matches!(now.ending, Some(CloseReason::TooMuch(_))) {
            self.played.limit = Some(Limit::Octets);
        } else if self
            .options
            .until
            .is_some_and(|until| left(until).is_zero())
        {
            self.played.limit = Some(Limit::Time);
        }
        now
    }

    fn compare(&mut self) {
        let mut answers = lock(&self.answers);
        while self.played.departure.is_none()
            && let Some(live) = answers.answers.front().copied()
            && let Some((row, recorded)) = self.player.answer()
        {
            answers.answers.pop_front();
            if live == recorded {
                self.silences += u64::from(live == Answer::Silence);
            } else {
                self.played.departure = Some(Departure {
                    row,
                    recorded,
                    live,
                });
            }
        }
    }

    fn pause(&self, after_ms: u64) {
        if let Some(pace) = self.options.pace {
            let pause = Duration::from_millis(after_ms).div_f64(pace.speed);
            thread::sleep(pause.min(pace.longest));
        }
    }
}

/// A line without holes, and its end. What was hidden in a recording is not sent where anyone on
/// the network path can read it.
fn plain_line(pieces: &[Piece], end: LineEnd) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Octets(octets) => line.extend_from_slice(octets),
            Piece::Hole(_) => return None,
        }
    }
    line.extend_from_slice(end.octets());
    Some(line)
}

/// Whether the server is a different service, to which nothing is sent. A greeting that is only odd
/// may be what was recorded; probes have no such recording.
fn is_other(now: &Snapshot, options: &Options) -> bool {
    match now.greeting {
        Greeting::Other(_) => true,
        Greeting::Odd => options.answers_only,
        Greeting::Awaited | Greeting::Pop3 => false,
    }
}

/// How many times there was no answer.
fn silences(now: &Snapshot) -> u64 {
    now.timeouts + u64::from(now.is_kept_open)
}

/// Whether the server may still close, or be too late for it.
fn is_leaving(now: &Snapshot) -> bool {
    now.state == State::Update && now.ending.is_none() && !now.is_kept_open
}

fn failure(now: &Snapshot) -> Option<Exit> {
    match &now.ending {
        Some(CloseReason::TlsFailed) => Some(Exit::Tls),
        Some(CloseReason::Lost(..) | CloseReason::Injected | CloseReason::TooMuch(_)) => {
            Some(Exit::NoConnection)
        }
        _ => None,
    }
}
