//! Plays the client's rows of a transcript to a server, in lock-step as they were recorded, which gives a new transcript.

mod fill;
mod preview;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::heard::{Heard, hear};
use crate::log;
use crate::net::dial::plain;
use crate::net::engine::{
    Connection, Ending, FAREWELL, Greeting, News, OpenError, Order, Risk, Standing, Watcher,
};
use crate::net::mistake::Mistake;
use crate::password::PasswordError;
use crate::player::{Action, Answer, Cue, Player};
use crate::proxied::{self, ServerLeg};
use crate::recorder::Seen;
use crate::sasl::{Exchange, Mechanism, SaslError};
use crate::session::{self, Failure, Plan};
use crate::text::{self, ParseError, Reader};
use crate::tracker::{LineEnd, State};
use crate::transcript::Piece;

pub use preview::Preview;

/// How long to wait for lines that the recording has although nobody had asked for them.
const UNASKED: Duration = Duration::from_secs(1);

/// How long to wait for the rest of a reply whose first line nobody had asked for.
const REST_OF_INJECTED: Duration = Duration::from_millis(300);

/// How many octets of rows that wait for nothing go out together: their replies must fit into the buffers between us.
const JOINED_MAX: usize = 512;

/// Longer than anybody waits; the reply's own time-out strikes first.
const LONG: Duration = Duration::from_secs(1 << 32);

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
    /// Keep the recorded pauses.
    pub pace: Option<Pace>,
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
pub struct Pace {
    /// How many times faster than recorded.
    pub speed: f64,
    /// The longest pause.
    pub longest: Duration,
}

/// Whether a server is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A replay that came to its end, or as far as the conversation went along with the recording.
#[derive(Debug)]
pub struct Played {
    /// The new transcript.
    pub log: PathBuf,
    /// Where the conversation left the recording.
    pub departure: Option<Departure>,
    /// The connection ended in a way that has an exit code of its own.
    pub failure: Option<Exit>,
    /// Why there is no TLS, where [`Options::expects_tls_failure`] takes that for an answer.
    pub no_tls: Option<Failure>,
    /// It was stopped by a limit of the options.
    pub limit: Option<Limit>,
    /// The server is not POP3, where [`Options::answers_only`] takes that for an answer.
    pub not_pop3: Option<Mistake>,
}

/// A limit that stopped a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The moment has come.
    Time,
    /// The server has sent more than [`crate::session::SessionArgs::max_size`].
    Octets,
}

/// Where a conversation left the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// The recorded row.
    pub row: usize,
    /// What the server said then.
    pub recorded: Answer,
    /// What it says now.
    pub live: Answer,
}

/// Why nothing could be played, or not on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file can't be read.
    #[error("{}: {}", .0.display(), plain(.1))]
    Read(PathBuf, io::Error),
    /// The file breaks the format.
    #[error("row {} column {} of {}: {}", .1.row, .1.column, .0.display(), .1)]
    Parse(PathBuf, ParseError),
    /// No session.
    #[error(transparent)]
    Open(#[from] Failure),
    /// There is no password to be had.
    #[error("row {0}: {1}")]
    Password(usize, PasswordError),
    /// A mechanism can't go on.
    #[error("row {0}: {1}")]
    Sasl(usize, SaslError),
    /// The server is not POP3: nothing was sent to it.
    #[error("{}; nothing was sent", .0.what)]
    NotPop3(Mistake),
    /// A secret would go to a server whose greeting is not POP3's.
    #[error("row {0}: not sent: {risk}", risk = .1.says())]
    Risk(usize, Risk),
    /// There is nothing to be sent in a hole's place.
    #[error("row {0}: nothing is known to send for `{{{{{1}}}}}`")]
    Hole(usize, String),
    /// What a hole needs is not there.
    #[error("row {0}: {1}")]
    Lacks(usize, &'static str, &'static str),
}

impl ReplayError {
    /// The exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Open(failure) => failure.exit(),
            Self::NotPop3(_) | Self::Risk(..) => Exit::Refused,
            _ => Exit::Usage,
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open(failure) => failure.hint(),
            Self::NotPop3(mistake) => Some(mistake.hint.to_owned()),
            Self::Risk(_, risk) => Some(risk.hint().to_owned()),
            Self::Password(_, error) => error.hint().map(str::to_owned),
            Self::Sasl(_, error) => Some(error.hint().to_owned()),
            Self::Hole(_, name) if name.starts_with('.') => {
                Some("a client row with `{{..}}` or `{{...}}` can be served, not played".to_owned())
            }
            Self::Hole(_, name) => Some(format!("give --set {name}=VALUE")),
            Self::Lacks(_, _, hint) => Some((*hint).to_owned()),
            Self::Read(..) => Some("name a transcript, a file that ends in .pop3".to_owned()),
            Self::Parse(..) => None,
        }
    }
}

/// The items of a transcript.
///
/// Errors: the file can't be opened.
fn read(path: &Path) -> Result<Reader<BufReader<File>>, ReplayError> {
    let file = log::read(path).map_err(|error| ReplayError::Read(path.to_owned(), error))?;
    Ok(Reader::new(BufReader::with_capacity(64 * 1024, file)))
}

/// Of a transcript that a proxy made, what passed between it and the server, in a file for the while; see [`ServerLeg`].
///
/// Errors: it can't be read, or nothing can be written.
pub fn server_leg(path: &Path) -> Result<Option<NamedTempFile>, ReplayError> {
    let broken = |error| ReplayError::Parse(path.to_owned(), error);
    if !proxied::is_proxied(read(path)?).map_err(broken)? {
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
    let heard = Arc::new(Mutex::new(Heard {
        keeps_answers: true,
        ..Heard::default()
    }));
    let watcher = Box::new(Listener(Arc::clone(&heard)));
    let mut log = None;
    let mut trouble = None;
    let opened = plan.open(true, watcher, &mut |told| match told {
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
    };
    let result = replay.run(progress);
    let (departure, limit) = (replay.departure, replay.limit);
    let end = replay.connection.close();
    let mut why = None;
    let exit = session::kept(Exit::Well, &end, Some(&log), &mut |what| {
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
        not_pop3,
    })
}

struct Replay<'a> {
    plan: &'a Plan,
    options: &'a Options,
    connection: Connection,
    heard: Arc<Mutex<Heard>>,
    path: &'a Path,
    player: FilePlayer,
    /// Who logs in, as far as a row or an option has told.
    user: Option<String>,
    /// The mechanism of the last AUTH.
    mechanism: Option<&'static Mechanism>,
    exchange: Option<Exchange>,
    departure: Option<Departure>,
    /// Time-outs that the recording has as well.
    silences: u64,
    /// Rows that wait for nothing and go out together: so what was pipelined is pipelined, however fast the server is.
    outgoing: Zeroizing<Vec<u8>>,
    limit: Option<Limit>,
}

impl Replay<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(u64)) -> Result<Option<Exit>, ReplayError> {
        let mut awaited = None;
        // An injected line that is written with STLS goes out before the handshake, however fast the server is.
        let (mut ends_in_stls, mut has_injected) = (false, false);
        while let Some(cue) = cue(&mut self.player, self.path)? {
            let is_joined = awaited == Some((cue.answers, cue.lines))
                && self.options.pace.is_none()
                && self.outgoing.len() < JOINED_MAX
                && match &cue.action {
                    Action::Send {
                        pieces,
                        end,
                        is_injected: true,
                        ..
                    } => ends_in_stls && plain_line(pieces, *end).is_some(),
                    Action::Send { is_response, .. } => !is_response,
                    Action::Close { .. } => false,
                };
            awaited = Some((cue.answers, cue.lines));
            if let (
                true,
                Action::Send {
                    pieces,
                    end,
                    is_response,
                    is_injected,
                },
            ) = (is_joined, &cue.action)
            {
                has_injected |= is_injected;
                let octets = self.fill(cue.row, pieces, *end, *is_response)?;
                self.outgoing.extend_from_slice(&octets);
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
            if self.departure.is_none() && now.lines < cue.lines {
                self.connection.wait(UNASKED, |now| now.lines >= cue.lines);
            }
            if has_injected && now.is_tls {
                has_injected = false;
                self.listen_inside_tls(now.lines);
            }
            if self.connection.standing().ending.is_some() {
                return Ok(None);
            }
            // A password that went through TLS does not go out in clear, whoever refuses STLS now.
            if cue.needs_tls && !now.is_tls {
                return Ok(self.departure.is_none().then_some(Exit::Tls));
            }
            match cue.action {
                Action::Close { is_late } => {
                    if now.state == State::Update && self.options.leaves_at_once {
                        return Ok(None);
                    } else if now.state == State::Update {
                        self.connection.take_leave();
                    } else if is_late {
                        let now = self.connection.wait(FAREWELL, |_| false);
                        return Ok(failure(&now));
                    }
                }
                Action::Send {
                    ref pieces,
                    end,
                    is_response,
                    is_injected,
                } => {
                    if is_response && self.options.answers_only && !now.is_owed {
                        continue;
                    }
                    self.pause(cue.after_ms);
                    if is_injected && let Some(line) = plain_line(pieces, end) {
                        (ends_in_stls, has_injected) = (false, true);
                        self.connection.order(Order::Inject(line));
                        continue;
                    }
                    ends_in_stls = !is_injected;
                    self.outgoing = self.fill(cue.row, pieces, end, is_response)?;
                }
            }
        }
        self.send_outgoing();
        Ok(None)
    }

    /// Reads on inside TLS for a while: a reply to what was injected must not be taken for that to the next command.
    fn listen_inside_tls(&self, lines: u64) {
        let now = self.connection.wait(UNASKED, |now| now.lines > lines);
        if now.lines > lines {
            self.connection.wait(REST_OF_INJECTED, |_| false);
        }
    }

    fn send_outgoing(&mut self) {
        let octets = std::mem::take(&mut self.outgoing);
        if !octets.is_empty() {
            self.connection.order(Order::Send(octets));
        }
    }

    /// Waits, and notes the limit that strikes first.
    fn wait(&mut self, is_enough: &dyn Fn(&Standing) -> bool) -> Standing {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let longest = self.options.until.map_or(LONG, left);
        let now = self.connection.wait(longest, is_enough);
        if matches!(now.ending, Some(Ending::TooMuch(_))) {
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
fn is_other(now: &Standing, options: &Options) -> bool {
    match now.greeting {
        Greeting::Other(_) => true,
        Greeting::Odd => options.answers_only,
        Greeting::Awaited | Greeting::Pop3 => false,
    }
}

/// How many times nothing came.
fn silences(now: &Standing) -> u64 {
    now.timeouts + u64::from(now.is_kept_open)
}

/// Whether the server may still close, or be too late for it.
fn is_leaving(now: &Standing) -> bool {
    now.state == State::Update && now.ending.is_none() && !now.is_kept_open
}

fn failure(now: &Standing) -> Option<Exit> {
    match &now.ending {
        Some(Ending::TlsFailed) => Some(Exit::Tls),
        Some(Ending::Lost(..) | Ending::Injected | Ending::TooMuch(_)) => Some(Exit::NoConnection),
        _ => None,
    }
}

/// Learns, and shows nothing.
struct Listener(Arc<Mutex<Heard>>);

impl Watcher for Listener {
    fn received(&mut self, _: &[u8]) {}

    fn seen(&mut self, seen: Seen) {
        hear(&self.0).see(&seen);
    }

    fn told(&mut self, news: News) {
        hear(&self.0).hear_of(&news);
    }

    fn settled(&mut self, _: &Standing) {}
}
