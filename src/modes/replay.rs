//! Plays the client's rows of a transcript to a server, in lock-step as they were recorded, which
//! gives a new transcript.

mod error;
mod fill;
mod lockstep;
mod played;
mod scan;
mod unsent;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::base::exit::Exit;
use crate::base::files;
use crate::base::lock::lock;
use crate::modes::answers::ServerAnswers;
use crate::modes::plan::{self, Failure, Plan};
use crate::net::engine::{CloseReason, Connection, Notice, Observer, OpenError, Snapshot};
use crate::pop3::sasl::{Mechanism, SaslExchange};
use crate::reading::server_leg::{self, ServerLeg};
use crate::servers::player::{Cue, Player};
use crate::transcript::recorder::RecordedStep;
use crate::transcript::text::{self, Reader};

pub(crate) use error::{NAME_A_TRANSCRIPT, ReplayError};
pub(crate) use played::{Departure, Limit, Played};
pub use scan::Preview;

/// How long to wait for what is still on its way, where a reply cannot be the one to its command. A
/// server that writes a line in two parts may hold the second back until the first is acknowledged,
/// which takes up to 40 ms.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Continue after the server's replies diverge from the recording.
    pub(crate) keep_going: bool,
    /// The recording has a failed handshake, or the caller judges that too.
    pub(crate) expects_tls_failure: bool,
    /// Stop at this moment, whatever is still to come.
    pub(crate) until: Option<Instant>,
    /// A line of the client inside AUTH is sent only where the server has asked for it: elsewhere
    /// it would be a command.
    pub(crate) answers_only: bool,
    /// The server is known to keep sessions that are over: it is not waited for after QUIT.
    pub(crate) leaves_at_once: bool,
    /// The server is known to refuse CAPA: probes do not ask again, unless inside TLS.
    pub(crate) has_no_capa: bool,
    /// How long to wait for more where a reply cannot be the one to its command, and
    /// [`Options::answers_only`] is set.
    pub(crate) settle: Duration,
    /// Wait so after each reply to a login: the server is known to answer too often, or a refusal
    /// must not be missed.
    pub(crate) is_wary: bool,
    pub(crate) pace: Option<ReplayPace>,
    /// The value of `{{name}}` in a client row.
    pub(crate) values: HashMap<String, String>,
    /// The password of every user.
    pub(crate) password: Option<String>,
    /// Send each hole as its name in braces, for a server that takes anything.
    pub(crate) sends_names: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayPace {
    /// How many times faster than recorded.
    pub(crate) speed: f64,
    pub(crate) longest: Duration,
}

fn read(path: &Path) -> Result<Reader<BufReader<File>>, ReplayError> {
    let file = files::read(path).map_err(|error| ReplayError::Read(path.to_owned(), error))?;
    Ok(Reader::new(BufReader::with_capacity(64 * 1024, file)))
}

/// Of a transcript that a proxy made, what passed between it and the server, in a temporary file;
/// see [`ServerLeg`].
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

/// Plays a transcript to the server of the plan; `progress` receives the number of answers so far.
///
/// Errors: the file can't be read, there is no connection, or a secret that must be sent is not to
/// be had. A conversation that leaves the recording is not an error.
pub(crate) fn play(
    path: &Path,
    plan: &Plan,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Played, ReplayError> {
    let mut answers = ServerAnswers {
        keeps_answers: true,
        ..ServerAnswers::default()
    };
    answers.session.is_capa_refused = options.has_no_capa;
    let answers = Arc::new(Mutex::new(answers));
    let (connection, log) = match open(plan, options, &answers)? {
        ReplayStart::Connected(connection, log) => (connection, log),
        ReplayStart::NoTls(failure, log) => {
            return Ok(Played {
                log,
                failure: Some(Exit::Tls),
                no_tls: Some(failure),
                ..Played::default()
            });
        }
    };
    let mut player = Player::new(read(path)?);
    for (verb, shape) in plan.args.shapes.iter() {
        player.set_shape(verb, shape);
    }
    let mut replay = Replay {
        plan,
        options,
        connection,
        answers,
        path,
        player,
        user: plan.user().map(str::to_owned),
        mechanism: None,
        exchange: None,
        silences: 0,
        cancelled: 0,
        outgoing: Zeroizing::default(),
        in_hand: None,
        vain_waits: 0,
        played: Played {
            log,
            ..Played::default()
        },
    };
    let result = replay.run(progress);
    replay.note_rest();
    replay.finish(result)
}

enum ReplayStart {
    Connected(Connection, PathBuf),
    /// A missing TLS may be what was recorded; the new transcript shows it.
    NoTls(Failure, PathBuf),
}

/// Connects to the server of the plan.
///
/// Errors: there is no connection, or no transcript of it can be kept.
fn open(
    plan: &Plan,
    options: &Options,
    answers: &Arc<Mutex<ServerAnswers>>,
) -> Result<ReplayStart, ReplayError> {
    let observer = Box::new(ReplayListener(Arc::clone(answers)));
    let mut log = None;
    let mut trouble = None;
    let opened = plan.open(true, observer, &mut |log_place| match log_place {
        Ok(path) => log = path,
        Err(why) => trouble = Some(why),
    });
    match (opened, log) {
        (Ok(connection), Some(log)) => Ok(ReplayStart::Connected(connection, log)),
        (Err(failure @ Failure::Open(OpenError::Tls(_))), Some(log))
            if options.expects_tls_failure =>
        {
            Ok(ReplayStart::NoTls(failure, log))
        }
        (Err(failure), _) => Err(failure.into()),
        (Ok(_), None) => {
            let why = io::Error::other(trouble.unwrap_or_default());
            Err(Failure::Log(PathBuf::from("(state folder)"), why).into())
        }
    }
}

struct Replay<'a> {
    plan: &'a Plan,
    options: &'a Options,
    connection: Connection,
    answers: Arc<Mutex<ServerAnswers>>,
    path: &'a Path,
    player: FilePlayer,
    /// Who logs in, as far as a row or an option has shown.
    user: Option<String>,
    mechanism: Option<&'static Mechanism>,
    exchange: Option<SaslExchange>,
    /// Time-outs that the recording has as well.
    silences: u64,
    /// How many SASL exchanges were cancelled, which the recording does not have.
    cancelled: u64,
    /// Rows that wait for nothing and go out together: so what was pipelined is pipelined, however
    /// fast the server is.
    outgoing: Zeroizing<Vec<u8>>,
    /// The command whose turn it is, with its row, until it is sent.
    in_hand: Option<(usize, String)>,
    /// How often nothing came after a reply without status indicator.
    vain_waits: u64,
    /// What came of it so far.
    played: Played,
}

impl Replay<'_> {
    /// Closes the connection, and gives what came of the replay.
    ///
    /// Errors: those of the replay, or the transcript could not be kept.
    fn finish(self, result: Result<Option<Exit>, ReplayError>) -> Result<Played, ReplayError> {
        let end = self.connection.close();
        let played = self.played;
        let mut why = None;
        let exit = plan::check_transcript_kept(Exit::Well, &end, Some(&played.log), &mut |what| {
            why = Some(what.to_owned());
        });
        if exit != Exit::Well && result.is_ok() {
            // With half of it there is nothing to compare.
            let why = why.or(lock(&self.answers).log_failure.take());
            let why = io::Error::other(why.unwrap_or_default());
            return Err(Failure::Log(played.log, why).into());
        }
        let (failure, not_pop3) = match result {
            Err(ReplayError::NotPop3(mistake)) if self.options.answers_only => {
                (Some(Exit::Refused), Some(mistake))
            }
            result => (result?, None),
        };
        Ok(Played {
            failure,
            is_out_of_step: matches!(end.ending, Some(CloseReason::OutOfStep)),
            not_pop3,
            ..played
        })
    }
}

/// Learns, and shows nothing.
struct ReplayListener(Arc<Mutex<ServerAnswers>>);

impl Observer for ReplayListener {
    fn on_octets(&mut self, _: &[u8]) {}

    fn on_step(&mut self, seen: RecordedStep) {
        lock(&self.0).see(&seen);
    }

    fn on_notice(&mut self, news: Notice) {
        lock(&self.0).on_notice(&news);
    }

    fn on_idle(&mut self, _: &Snapshot) {}
}
