//! Plays the client's rows of a transcript to a server, in lock-step as they were recorded, which gives a new transcript.

mod error;
mod fill;
mod played;
mod scan;
mod spare;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::base::exit::Exit;
use crate::base::files;
use crate::modes::answers::{ServerAnswers, hear};
use crate::modes::plan::{self, Failure, Plan};
use crate::net::engine::{
    CLOSE_WAIT, CloseReason, Connection, Greeting, Notice, Observer, OpenError, Request, Snapshot,
};
use crate::pop3::sasl::{Mechanism, SaslExchange};
use crate::pop3::tracker::{LineEnd, State};
use crate::reading::server_leg::{self, ServerLeg};
use crate::servers::player::{Answer, Cue, CueAction, Player};
use crate::transcript::Piece;
use crate::transcript::recorder::Seen;
use crate::transcript::text::{self, Reader};

pub use error::ReplayError;
pub use played::{Departure, Limit, Played};
pub use scan::Preview;

/// How long to wait for lines that the recording has although nobody had asked for them.
const UNASKED: Duration = Duration::from_secs(1);

/// How long to wait for the rest of a reply whose first line nobody had asked for.
const REST_OF_INJECTED: Duration = Duration::from_millis(300);

/// How long to wait for what is still on its way, where a reply cannot be the one to its command. A server that writes a line
/// in two parts may hold the second back until the first is acknowledged, which takes up to 40 ms.
pub const SETTLE: Duration = Duration::from_millis(100);

/// How many octets of rows that wait for nothing go out together: their replies must fit into the buffers between us.
const JOINED_MAX: usize = 512;

/// Longer than anybody waits; the reply's own time-out strikes first.
const NEVER: Duration = Duration::from_secs(1 << 32);

/// How to play.
#[derive(Clone, Default)]
pub struct Options {
    /// Go on where the conversation leaves the recording.
    pub keep_going: bool,
    /// The recording tells of a handshake that failed, or whoever asks judges that as well.
    pub expects_tls_failure: bool,
    /// Stop at this moment, whatever is still to come.
    pub until: Option<Instant>,
    /// A line of the client inside AUTH is sent only where the server has asked for it: elsewhere it would be a command.
    pub answers_only: bool,
    /// The server is known to keep sessions that are over: it is not waited for behind QUIT.
    pub leaves_at_once: bool,
    /// The server is known to refuse CAPA: probes do not ask again, unless inside TLS.
    pub has_no_capa: bool,
    /// How long to wait for more where a reply cannot be the one to its command, and [`Options::answers_only`] is set.
    pub settle: Duration,
    /// Wait so after each reply to a login: the server is known to answer too often, or a refusal must not be missed.
    pub is_wary: bool,
    /// Keep the recorded pauses.
    pub pace: Option<ReplayPace>,
    /// What stands for `{{name}}` in a client row.
    pub values: HashMap<String, String>,
    /// The password of everybody.
    pub password: Option<String>,
    /// Send each hole as its name in braces, for a server that takes anything.
    pub sends_names: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values and password may be secret.
        f.debug_struct("Options")
            .field("keep_going", &self.keep_going)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// How recorded pauses are kept.
#[derive(Debug, Clone, Copy)]
pub struct ReplayPace {
    /// How many times faster than recorded.
    pub speed: f64,
    /// The longest pause.
    pub longest: Duration,
}

/// The items of a transcript.
///
/// Errors: the file can't be opened.
fn read(path: &Path) -> Result<Reader<BufReader<File>>, ReplayError> {
    let file = files::read(path).map_err(|error| ReplayError::Read(path.to_owned(), error))?;
    Ok(Reader::new(BufReader::with_capacity(64 * 1024, file)))
}

/// Of a transcript that a proxy made, what passed between it and the server, in a file for the while; see [`ServerLeg`].
///
/// Errors: it can't be read, or nothing can be written.
pub fn server_leg(path: &Path) -> Result<Option<NamedTempFile>, ReplayError> {
    let broken = |error| ReplayError::Parse(path.to_owned(), error);
    if !server_leg::is_proxied(read(path)?).map_err(broken)? {
        return Ok(None);
    }
    let failed = |error| ReplayError::Read(path.to_owned(), error);
    let mut out = BufWriter::new(NamedTempFile::new().map_err(failed)?);
    let mut text = Vec::new();
    for item in ServerLeg::new(read(path)?) {
        text.clear();
        text::print_item(&mut text, &item.map_err(broken)?);
        out.write_all(&text).map_err(failed)?;
    }
    let file = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(Some(file))
}

type FilePlayer = Player<Reader<BufReader<File>>>;

fn cue(player: &mut FilePlayer, path: &Path) -> Result<Option<Cue>, ReplayError> {
    player
        .cue()
        .map_err(|error| ReplayError::Parse(path.to_owned(), error))
}

/// Plays a transcript to the server of the plan; `progress` is told how many answers have come.
///
/// Errors: the file can't be read, there is no connection, or a secret that must be sent is not to be had. A conversation
/// that leaves the recording is no error.
pub fn play(
    path: &Path,
    plan: &Plan,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Played, ReplayError> {
    let mut heard = ServerAnswers {
        keeps_answers: true,
        ..ServerAnswers::default()
    };
    heard.session.is_capa_refused = options.has_no_capa;
    let heard = Arc::new(Mutex::new(heard));
    let observer = Box::new(ReplayListener(Arc::clone(&heard)));
    let mut log = None;
    let mut trouble = None;
    let opened = plan.open(true, observer, &mut |told| match told {
        Ok(path) => log = path,
        Err(why) => trouble = Some(why),
    });
    let connection = match (opened, &log) {
        (Ok(connection), _) => connection,
        // That there is no TLS may be what was recorded; the new transcript tells.
        (Err(failure @ Failure::Open(OpenError::Tls(_))), Some(log))
            if options.expects_tls_failure =>
        {
            return Ok(Played {
                log: log.clone(),
                departure: None,
                failure: Some(Exit::Tls),
                no_tls: Some(failure),
                limit: None,
                unsent: Vec::new(),
                rest_row: None,
                last_sent: None,
                is_out_of_step: false,
                not_pop3: None,
            });
        }
        (Err(failure), _) => return Err(failure.into()),
    };
    let Some(log) = log else {
        let why = io::Error::other(trouble.unwrap_or_default());
        return Err(Failure::Log(PathBuf::from("(state folder)"), why).into());
    };
    let mut player = Player::new(read(path)?);
    for (verbs, shape) in plan.args.shapes() {
        for verb in verbs {
            player.set_shape(verb, shape);
        }
    }
    let mut replay = Replay {
        plan,
        options,
        connection,
        heard: Arc::clone(&heard),
        path,
        player,
        user: plan.args.user.clone(),
        mechanism: None,
        exchange: None,
        departure: None,
        silences: 0,
        outgoing: Zeroizing::default(),
        limit: None,
        unsent: Vec::new(),
        rest_row: None,
        in_hand: None,
        last_sent: None,
        vain_waits: 0,
    };
    let result = replay.run(progress);
    replay.note_rest();
    let unsent = std::mem::take(&mut replay.unsent);
    let (departure, limit) = (replay.departure, replay.limit);
    let (rest_row, last_sent) = (replay.rest_row, replay.last_sent.take());
    let end = replay.connection.close();
    let mut why = None;
    let exit = plan::kept(Exit::Well, &end, Some(&log), &mut |what| {
        why = Some(what.to_owned());
    });
    if exit != Exit::Well && result.is_ok() {
        // With half of it there is nothing to compare.
        let why = why.or(hear(&heard).log_failure.take());
        let why = io::Error::other(why.unwrap_or_default());
        return Err(Failure::Log(log, why).into());
    }
    let (failure, not_pop3) = match result {
        Err(ReplayError::NotPop3(mistake)) if options.answers_only => {
            (Some(Exit::Refused), Some(mistake))
        }
        result => (result?, None),
    };
    Ok(Played {
        log,
        departure,
        failure,
        no_tls: None,
        limit,
        unsent,
        rest_row,
        last_sent,
        is_out_of_step: matches!(end.ending, Some(CloseReason::OutOfStep)),
        not_pop3,
    })
}

struct Replay<'a> {
    plan: &'a Plan,
    options: &'a Options,
    connection: Connection,
    heard: Arc<Mutex<ServerAnswers>>,
    path: &'a Path,
    player: FilePlayer,
    /// Who logs in, as far as a row or an option has told.
    user: Option<String>,
    /// The mechanism of the last AUTH.
    mechanism: Option<&'static Mechanism>,
    exchange: Option<SaslExchange>,
    departure: Option<Departure>,
    /// Time-outs that the recording has as well.
    silences: u64,
    /// Rows that wait for nothing and go out together: so what was pipelined is pipelined, however fast the server is.
    outgoing: Zeroizing<Vec<u8>>,
    limit: Option<Limit>,
    /// The commands that were not sent for want of a session or a login.
    unsent: Vec<String>,
    /// The first row that was not sent because the session ended.
    rest_row: Option<usize>,
    /// The command whose turn it is, with its row, until it is sent.
    in_hand: Option<(usize, String)>,
    last_sent: Option<String>,
    /// How often nothing came behind a reply without status indicator.
    vain_waits: u64,
}

impl Replay<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(u64)) -> Result<Option<Exit>, ReplayError> {
        let mut awaited = None;
        // An injected line that is written with STLS goes out before the handshake, however fast the server is.
        let (mut ends_in_stls, mut has_injected, mut was_injected) = (false, false, false);
        while let Some(cue) = cue(&mut self.player, self.path)? {
            self.in_hand = spare::label(&cue.action).map(|label| (cue.row, label));
            let is_joined = awaited == Some((cue.answers, cue.lines))
                && self.options.pace.is_none()
                && self.outgoing.len() < JOINED_MAX
                && match &cue.action {
                    CueAction::Send {
                        pieces,
                        end,
                        is_injected: true,
                        ..
                    } => ends_in_stls && plain_line(pieces, *end).is_some(),
                    CueAction::Send { is_response, .. } => !is_response,
                    CueAction::Close { .. } => false,
                };
            awaited = Some((cue.answers, cue.lines));
            if let (
                true,
                CueAction::Send {
                    pieces,
                    end,
                    is_response,
                    is_injected,
                },
            ) = (is_joined, &cue.action)
            {
                has_injected |= is_injected;
                was_injected |= is_injected;
                let octets = self.fill(cue.row, pieces, *end, *is_response)?;
                self.outgoing.extend_from_slice(&octets);
                self.note_sent();
                continue;
            }
            self.send_outgoing();
            let now = self.wait(&|now| {
                // An answer that the recording has, and that will not come.
                let is_all =
                    now.outstanding == 0 && now.state != State::Greeting && !is_leaving(now);
                is_other(now, self.options)
                    || now.answers + silences(now) >= cue.answers
                    || is_all
                    || now.is_owed
            });
            progress(now.answers);
            match self.limit {
                Some(Limit::Time) => return Ok(Some(Exit::TimedOut)),
                Some(Limit::Octets) => return Ok(Some(Exit::NoConnection)),
                None => {}
            }
            if let Some(mistake) = now
                .greeting
                .mistake()
                .filter(|_| is_other(&now, self.options))
            {
                return Err(ReplayError::NotPop3(mistake));
            }
            self.compare();
            // More time-outs than were recorded.
            if silences(&now) > self.silences {
                return Ok(Some(Exit::TimedOut));
            }
            if self.departure.is_some() && !self.options.keep_going {
                return Ok(None);
            }
            if let Some(failure) = failure(&now) {
                return Ok(Some(failure));
            }
            // A probe has no such lines, and leaves out commands whose replies it has.
            let may_be_unasked = self.departure.is_none() && !self.options.answers_only;
            if may_be_unasked && now.lines < cue.lines {
                self.connection.wait(UNASKED, |now| now.lines >= cue.lines);
            }
            if has_injected && now.is_tls {
                has_injected = false;
                self.listen_inside_tls(now.lines);
            }
            if !was_injected && self.is_out_of_step(&now) {
                self.connection.order(Request::CloseOutOfStep);
                return Ok(None);
            }
            if self.connection.standing().ending.is_some() {
                return Ok(None);
            }
            // A password that went through TLS does not go out in clear, whoever refuses STLS now.
            if cue.needs_tls && !now.is_tls {
                return Ok(self.departure.is_none().then_some(Exit::Tls));
            }
            match cue.action {
                CueAction::Close { is_late } => {
                    if now.state == State::Update && self.options.leaves_at_once {
                        return Ok(None);
                    } else if now.state == State::Update {
                        self.connection.take_leave();
                    } else if is_late {
                        let now = self.connection.wait(CLOSE_WAIT, |_| false);
                        return Ok(failure(&now));
                    }
                }
                CueAction::Send {
                    ref pieces,
                    end,
                    is_response,
                    is_injected,
                } => {
                    if is_response && self.options.answers_only && !now.is_owed {
                        continue;
                    }
                    if self.options.answers_only && !is_response {
                        if cue.is_logged_in
                            && now.state == State::Authorization
                            && !spare::is_login(pieces)
                        {
                            let label = self.in_hand.take().map(|(_, label)| label);
                            self.unsent.extend(label);
                            continue;
                        }
                        if spare::is_spared(pieces, &hear(&self.heard)) {
                            continue;
                        }
                    }
                    self.pause(cue.after_ms);
                    if is_injected && let Some(line) = plain_line(pieces, end) {
                        (ends_in_stls, has_injected, was_injected) = (false, true, true);
                        self.connection.order(Request::Inject(line));
                        continue;
                    }
                    ends_in_stls = !is_injected;
                    self.outgoing = self.fill(cue.row, pieces, end, is_response)?;
                    self.note_sent();
                }
            }
        }
        self.send_outgoing();
        self.in_hand = None;
        Ok(None)
    }

    /// Reads on inside TLS for a while: a reply to what was injected must not be taken for that to the next command.
    fn listen_inside_tls(&self, lines: u64) {
        let now = self.connection.wait(UNASKED, |now| now.lines > lines);
        if now.lines > lines {
            self.connection.wait(REST_OF_INJECTED, |_| false);
        }
    }

    fn note_sent(&mut self) {
        let label = self.in_hand.take().map(|(_, label)| label);
        self.last_sent = label.or(self.last_sent.take());
    }

    fn send_outgoing(&mut self) {
        let octets = std::mem::take(&mut self.outgoing);
        if !octets.is_empty() {
            self.connection.order(Request::Send(octets));
        }
    }

    /// Waits, and notes the limit that strikes first.
    fn wait(&mut self, is_enough: &dyn Fn(&Snapshot) -> bool) -> Snapshot {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let longest = self.options.until.map_or(NEVER, left);
        let now = self.connection.wait(longest, is_enough);
        if matches!(now.ending, Some(CloseReason::TooMuch(_))) {
            self.limit = Some(Limit::Octets);
        } else if self
            .options
            .until
            .is_some_and(|until| left(until).is_zero())
        {
            self.limit = Some(Limit::Time);
        }
        now
    }

    /// Compares the answers that have come with the recorded ones.
    fn compare(&mut self) {
        let mut heard = hear(&self.heard);
        while self.departure.is_none()
            && let Some(live) = heard.answers.front().copied()
            && let Some((row, recorded)) = self.player.answer()
        {
            heard.answers.pop_front();
            if live == recorded {
                self.silences += u64::from(live == Answer::Silence);
            } else {
                self.departure = Some(Departure {
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

/// A line without holes, and its end. What was hidden in a recording is not sent where everybody on the way may read it.
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

/// Whether the server is something else, and nothing is to be sent to it. A greeting that is only odd may be what was recorded;
/// probes have no such recording.
fn is_other(now: &Snapshot, options: &Options) -> bool {
    match now.greeting {
        Greeting::Other(_) => true,
        Greeting::Odd => options.answers_only,
        Greeting::Awaited | Greeting::Pop3 => false,
    }
}

/// How many times nothing came.
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

/// Learns, and shows nothing.
struct ReplayListener(Arc<Mutex<ServerAnswers>>);

impl Observer for ReplayListener {
    fn on_octets(&mut self, _: &[u8]) {}

    fn on_step(&mut self, seen: Seen) {
        hear(&self.0).see(&seen);
    }

    fn on_notice(&mut self, news: Notice) {
        hear(&self.0).hear_of(&news);
    }

    fn on_idle(&mut self, _: &Snapshot) {}
}
