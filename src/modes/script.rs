//! Script mode: lines from standard input or the command line, in lock-step; replies on standard
//! output, octet for octet.

mod lines;
mod login;
mod place;
mod printer;
mod stop;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use crate::analysis::console_input::{self, Action, ConsoleCommand, TypedLine};
use crate::analysis::help;
use crate::base::error::{Error, Explain};
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::io_error::plain;
use crate::base::lock::lock;
use crate::base::plural::counted;
use crate::base::say;
use crate::base::stdio;
use crate::modes::answers::ServerAnswers;
use crate::modes::login::Method;
use crate::modes::plan::{self, NO_TLS, Plan};
use crate::net::engine::{
    CloseReason, Connection, Greeting, NEVER, Pacing, Request, Risk, Snapshot, TrustRefusal,
};
use crate::pop3::command::{Command, Effect, Shape};
use crate::pop3::tracker::{CutAt, State};
use lines::{ScriptEvent, ScriptLines};
use place::PendingLines;
use printer::ScriptPrinter;
use stop::ScriptStop;

/// With `--pipeline`, how many commands may be in flight. Replies are read all the while, so a
/// server is never stuck with them.
const WINDOW: usize = 1000;

/// How many octets of lines are handed to the connection together, and how many may wait there.
const GATHERED_MAX: usize = 16 * 1024;
const QUEUED_MAX: usize = 64 * 1024;

pub(crate) fn run(plan: &Plan) -> Exit {
    let is_pipe_closed = Arc::new(AtomicBool::new(false));
    let is_full = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(Mutex::new(ServerAnswers::default()));
    let (mut lines, sender) = ScriptLines::new(&plan.args.lines);
    let observer = Box::new(ScriptPrinter {
        safe: stdio::is_output_terminal().then(escape::LineEscaper::default),
        is_pipe_closed: Arc::clone(&is_pipe_closed),
        is_full: Arc::clone(&is_full),
        answers: Arc::clone(&answers),
        lines: sender.clone(),
        keeps_going: plan.args.keep_going,
    });
    let (connection, log) = match open(plan, observer) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    if let Err(error) = lines.start(sender) {
        say::error(&format!("standard input: {}", plain(&error)), None);
        return Exit::Usage;
    }
    let mut script = ScriptRun {
        plan,
        connection,
        is_pipe_closed,
        is_full,
        answers,
        has_quit: false,
        refusals: 0,
        was_refused: false,
        has_warned: false,
        was_refused_before: false,
        early_end: None,
        log,
        gathered: Zeroizing::default(),
        waiting: PendingLines::default(),
        place: None,
        stopped: None,
    };
    let exit = match script.play(&mut lines) {
        Ok(()) => script.leave(),
        Err(exit) => exit,
    };
    if let Some(stop) = script.stopped.take() {
        stop.report(script.waiting.count(), &mut lines);
    }
    let end = script.connection.close();
    plan::check_transcript_kept(exit, &end, script.log.as_deref(), &mut say::warning)
}

/// Connects as planned, and says where the transcript is; returns its path with the connection.
fn open(plan: &Plan, observer: Box<ScriptPrinter>) -> Result<(Connection, Option<PathBuf>), Exit> {
    let mut log = None;
    let opened = plan.open(true, observer, &mut |place| match place {
        Ok(path) => {
            if let (Some(path), None) = (&path, &plan.args.log) {
                say::note(&format!("transcript {}", files::shorten(path)));
            }
            log = path;
        }
        Err(why) => say::warning(&format!("no transcript: {why}")),
    });
    if plan.args.secrets.keep_secrets {
        say::warning(
            "secrets appear in cleartext on the screen and in the transcript (--keep-secrets)",
        );
    }
    match opened {
        Ok(connection) => Ok((connection, log)),
        Err(failure) => {
            let error = Error::from(failure);
            error.say();
            Err(error.exit)
        }
    }
}

struct ScriptRun<'a> {
    plan: &'a Plan,
    connection: Connection,
    is_pipe_closed: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
    has_quit: bool,
    refusals: u64,
    was_refused: bool,
    /// A reply without a status indicator was reported.
    has_warned: bool,
    was_refused_before: bool,
    answers: Arc<Mutex<ServerAnswers>>,
    early_end: Option<Exit>,
    log: Option<PathBuf>,
    /// Lines that are handed to the connection when no more are here.
    gathered: Zeroizing<Vec<u8>>,
    waiting: PendingLines,
    /// The option that sends its own lines at the moment, such as `--login`.
    place: Option<String>,
    /// Why the script has stopped, where that is still to be said.
    stopped: Option<ScriptStop>,
}

impl ScriptRun<'_> {
    fn play(&mut self, lines: &mut ScriptLines) -> Result<(), Exit> {
        self.wait(Snapshot::is_greeted)?;
        if self.plan.is_stls {
            self.push(b"STLS", None);
            let sent = self.settle();
            // Whatever the reply was, and with --keep-going too.
            let is_answered = matches!(sent, Ok(()) | Err(Exit::Refused));
            if is_answered && !self.connection.snapshot().is_tls {
                return Err(self.has_no_tls());
            }
            sent?;
        }
        if self.plan.args.login {
            self.log_in("", Method::Best, "--login".to_owned())?;
        }
        let mut number = 0;
        loop {
            let Some(line) = lines.ready() else {
                // No more lines are ready: what was gathered goes out before waiting for more.
                self.hand_over(0)?;
                match lines.wait() {
                    Some(ScriptEvent::Octets(_) | ScriptEvent::End) => continue,
                    Some(ScriptEvent::Failed(error)) => {
                        say::error(&format!("standard input: {}", plain(&error)), None);
                        return Err(Exit::Usage);
                    }
                    Some(ScriptEvent::ConnectionEnded) => return self.wait(|_| true),
                    None => return self.drain(),
                }
            };
            number += 1;
            let typed = console_input::read(lines.line(line), self.plan.args.raw);
            if !matches!(typed, TypedLine::Wire(_)) {
                self.drain()?;
            }
            match typed {
                TypedLine::Wire(octets) => self.gather(&octets, number)?,
                TypedLine::Help(b"") => say::own(&help::overview(None)),
                TypedLine::Help(topic) => {
                    say::own(&help::topic(&String::from_utf8_lossy(topic), 80))
                }
                TypedLine::Unknown(word) => {
                    let meant = console_input::meant(word);
                    let meant =
                        meant.map_or(String::new(), |meant| format!("did you mean `:{meant}`? "));
                    let word = String::from_utf8_lossy(word);
                    let hint = format!(
                        "{meant}`::{word}` sends it to the server; `:help` lists the commands"
                    );
                    say::error(
                        &format!("line {number}: unknown command `:{word}`"),
                        Some(&hint),
                    );
                    return Err(Exit::Usage);
                }
                TypedLine::ConsoleCommand(command, args) => {
                    self.place = Some(format!("line {number}, \":{}\"", command.word));
                    if !self.run_command(command, args, number)? {
                        return Ok(());
                    }
                    self.place = None;
                }
            }
        }
    }

    /// Takes a line that is sent when its turn comes.
    fn gather(&mut self, line: &[u8], number: usize) -> Result<(), Exit> {
        let row = Command::of_line(line);
        if row.is_some_and(|row| row.effect == Effect::Tls) {
            // What the line is depends on what was answered before, and nothing may be sent after
            // it (RFC 2595 §4). What the script says then was meant for the inside of TLS: it
            // continues without TLS only with --keep-going (RFC 8314 §4).
            self.settle()?;
            let now = self.connection.snapshot();
            let begins_tls = !now.expects_response && !now.is_tls;
            self.push(line, Some(number));
            return match begins_tls {
                true => self.settle(),
                false => Ok(()),
            };
        }
        self.guard(line, number)?;
        self.has_quit = row.is_some_and(|row| row.effect == Effect::Quit);
        self.push(line, Some(number));
        if self.gathered.len() >= GATHERED_MAX {
            self.hand_over(GATHERED_MAX)?;
        }
        Ok(())
    }

    /// Ends the script before a secret goes where it should not (RFC 8314 §4).
    fn guard(&mut self, line: &[u8], number: usize) -> Result<(), Exit> {
        if self.risk().is_none() || !plan::sends_secret(line) {
            return Ok(());
        }
        self.drain()?;
        match self.connection.snapshot().expects_response {
            // The exchange that it belongs to was allowed.
            true => Ok(()),
            false => self.keep_secret(&place::name(number, line)),
        }
    }

    /// Returns why a secret may not be sent in the current state.
    fn risk(&self) -> Option<Risk> {
        let risk = self.connection.snapshot().risk();
        risk.filter(|risk| !self.allows(*risk))
    }

    /// Whether an option allows it: without TLS, but never after the greeting of a different
    /// service.
    fn allows(&self, risk: Risk) -> bool {
        risk == Risk::NoTls && self.plan.args.allow_plaintext
    }

    fn keep_secret(&mut self, place: &str) -> Result<(), Exit> {
        let Some(risk) = self.risk() else {
            return Ok(());
        };
        let what = format!("{place}: not sent: {}", risk.says());
        say::error(&what, Some(risk.hint()));
        Err(Exit::Refused)
    }

    /// Adds a line to those that wait; without a number it is not one of the script.
    fn push(&mut self, line: &[u8], number: Option<usize>) {
        self.gathered.extend_from_slice(line);
        self.gathered.extend_from_slice(b"\r\n");
        if let Some(number) = number {
            self.waiting.push(place::name(number, line), line.len() + 2);
        }
    }

    /// Hands the gathered lines to the connection, once there is room for them; `low` as in
    /// [`Pacing`].
    fn hand_over(&mut self, low: usize) -> Result<(), Exit> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.wait(|now| now.queued < QUEUED_MAX)?;
        self.note_sent(&self.connection.snapshot());
        let lines = std::mem::take(&mut self.gathered);
        let turns = Pacing {
            window: if self.plan.args.pipeline { WINDOW } else { 1 },
            refusals: self.most_refusals(),
            low,
        };
        self.connection.order(Request::SendInTurn(lines, turns));
        Ok(())
    }

    /// How many refusals there may be before the script ends.
    fn most_refusals(&self) -> u64 {
        match self.plan.args.keep_going {
            true => u64::MAX,
            false => self.refusals,
        }
    }

    /// Waits until all lines so far are sent and answered.
    fn settle(&mut self) -> Result<(), Exit> {
        self.hand_over(0)?;
        self.wait(|now| now.queued == 0 && is_settled(now))
    }

    /// Waits until all lines so far are sent and, in lock-step, answered.
    fn drain(&mut self) -> Result<(), Exit> {
        self.hand_over(0)?;
        let is_pipelined = self.plan.args.pipeline;
        self.wait(|now| now.queued == 0 && (is_pipelined || is_settled(now)))
    }

    /// Carries out a command to poptalk; returns whether the script continues.
    fn run_command(
        &mut self,
        command: &ConsoleCommand,
        args: &[u8],
        number: usize,
    ) -> Result<bool, Exit> {
        let usage = |what: &str, hint: &str| usage(number, what, hint);
        if !command.in_scripts {
            return Err(usage(
                &format!("`:{}` works only in the interactive console", command.word),
                "remove the line, or type it in the console",
            ));
        }
        let text = String::from_utf8_lossy(args.trim_ascii()).into_owned();
        let place = format!("line {number}, \":{}\"", command.word);
        match command.action {
            Action::Help if text.is_empty() => say::own(&help::overview(None)),
            Action::Help => say::own(&help::topic(&text, 80)),
            Action::Quit | Action::Close => return Ok(false),
            Action::Multi | Action::Single if text.is_empty() => {
                return Err(usage("no verb", &format!("`:{} VERB`", command.word)));
            }
            Action::Multi => self.connection.order(Request::SetShape(text, Shape::Multi)),
            Action::Single => self
                .connection
                .order(Request::SetShape(text, Shape::Single)),
            Action::Send => self.send_octets(args, number)?,
            Action::Log => self
                .set_log(&text)
                .map_err(|why| usage(&why, "name another file"))?,
            Action::Pass => self.send_password(number)?,
            Action::Login => self.log_in(&text, Method::Best, place)?,
            Action::Auth => self.log_in(&text, Method::Sasl, place)?,
            Action::Apop => self.log_in(&text, Method::Apop, place)?,
            // The table keeps the others out of scripts.
            _ => {}
        }
        Ok(true)
    }

    /// `:send`: octets as they are, without a line end of ours.
    fn send_octets(&mut self, text: &[u8], number: usize) -> Result<(), Exit> {
        let octets = console_input::unescape(text).map_err(|at| {
            let what = format!("unknown escape at octet {} of the text", at + 1);
            usage(number, &what, r"the escapes are `\r \n \t \0 \xHH \\`")
        })?;
        let mut lines = octets.split(|octet| *octet == b'\n');
        if self.risk().is_some() && lines.any(|line| plan::sends_secret(line.trim_ascii_end())) {
            self.keep_secret(&format!("line {number}, \":send\""))?;
        }
        self.connection.order(Request::Send(Zeroizing::new(octets)));
        self.wait(is_settled)
    }

    fn send_password(&mut self, number: usize) -> Result<(), Exit> {
        self.keep_secret(&format!("line {number}, \":pass\""))?;
        let user = lock(&self.answers).session.user.clone().unwrap_or_default();
        let host = &self.connection.target().host;
        let line = plan::pass_line(self.plan, host, &user, None).map_err(|error| {
            let hint = error.hint();
            usage(
                number,
                &error.to_string(),
                hint.as_deref().unwrap_or("see --help"),
            )
        })?;
        self.send_now(&line)
    }

    fn set_log(&mut self, text: &str) -> Result<(), String> {
        match text {
            "" => match &self.log {
                Some(path) => say::note(&format!("transcript {}", path.display())),
                None => say::note("no transcript is written"),
            },
            "off" => {
                self.connection.order(Request::SetFile(None, Vec::new()));
                self.log = None;
            }
            path => {
                let path = Path::new(path).to_owned();
                self.log = plan::log_elsewhere(&self.connection, self.plan, path)
                    .map_err(|why| format!("transcript {text}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Sends a line that is not one of the script's, and in lock-step waits for its reply.
    fn send_now(&mut self, line: &[u8]) -> Result<(), Exit> {
        self.has_quit = Command::of_line(line).is_some_and(|row| row.effect == Effect::Quit);
        self.push(line, None);
        self.drain()
    }

    fn note_sent(&mut self, now: &Snapshot) {
        let left = now.queued.saturating_add(self.gathered.len());
        self.waiting.sent_but(left);
    }

    fn has_no_tls(&mut self) -> Exit {
        let (what, hint) = match self.plan.found {
            Some(_) => (
                "no TLS, and only DNS names this server",
                "give HOST to continue in cleartext",
            ),
            None => (
                NO_TLS,
                "nothing more was sent; without STLS the session is in cleartext",
            ),
        };
        self.stopped = None;
        say::error(what, Some(hint));
        Exit::Refused
    }

    /// Waits, and ends the script where it must not continue.
    fn wait(&mut self, is_enough: impl Fn(&Snapshot) -> bool) -> Result<(), Exit> {
        let is_pipe_closed = Arc::clone(&self.is_pipe_closed);
        // After a refusal that ends the script, no further line is sent.
        let refusals = self.most_refusals();
        let now = self.connection.wait(NEVER, |now| {
            is_enough(now)
                || now.timeouts > 0
                || now.refusals > refusals
                || is_pipe_closed.load(Ordering::Relaxed)
        });
        self.check(&now)
    }

    fn check(&mut self, now: &Snapshot) -> Result<(), Exit> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Exit::Usage);
        }
        if self.is_pipe_closed.load(Ordering::Relaxed) {
            return Err(Exit::Well);
        }
        self.note_sent(now);
        if let Greeting::Other(_) = now.greeting {
            self.stopped = self.stop(now);
            return Err(Exit::Refused);
        }
        if now.timeouts > 0 {
            return Err(Exit::TimedOut);
        }
        if now.refusals > self.refusals {
            self.refusals = now.refusals;
            self.was_refused = true;
            // `-ERR` speaks for itself; any other refusal is reported once.
            if self.plan.args.keep_going
                && !self.has_warned
                && now
                    .last_refusal
                    .is_some_and(|why| why != TrustRefusal::Negative)
                && let Some(stop) = self.stop(now)
            {
                self.has_warned = true;
                stop.warn();
            }
            if !self.plan.args.keep_going {
                self.stopped = self.stop(now);
                return Err(Exit::Refused);
            }
        }
        match &now.ending {
            Some(CloseReason::TlsFailed) => Err(Exit::Tls),
            Some(ending) => {
                // Lines that wait, in the queue or before it, were not sent: QUIT may be among
                // them.
                let has_quit = self.has_quit && now.queued == 0 && !now.is_after;
                let is_usual = *ending == CloseReason::ByServer(CutAt::Nothing);
                // A server may answer QUIT with something other than `+OK`, and obey it.
                if has_quit && (is_usual || now.state == State::Update) {
                    return Ok(());
                }
                // A regular end was not reported.
                if is_usual && now.state != State::Greeting {
                    say::error("the server closed the connection before QUIT", None);
                }
                Err(Exit::NoConnection)
            }
            None => Ok(()),
        }
    }

    /// Waits for what is still to come, and says so when QUIT was not sent.
    fn leave(&mut self) -> Exit {
        if let Err(exit) = self.settle() {
            return exit;
        }
        let now = self.connection.snapshot();
        if now.state == State::Update {
            self.connection.take_leave();
        } else if now.marked > 0 {
            say::warning(&format!(
                "script ended without QUIT: kept {} marked for deletion",
                counted(now.marked, "message")
            ));
        } else if !self.has_quit {
            say::note("script ended without QUIT");
        }
        match self.was_refused {
            true => Exit::Refused,
            false => Exit::Well,
        }
    }
}

fn usage(number: usize, what: &str, hint: &str) -> Exit {
    say::error(&format!("line {number}: {what}"), Some(hint));
    Exit::Usage
}

fn is_settled(now: &Snapshot) -> bool {
    now.is_owed || now.outstanding == 0
}
