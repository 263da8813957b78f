//! Script mode: lines from standard input or the command line, in lock-step; replies on standard output, octet for octet.

mod lines;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::command::{Command, Effect, Shape};
use crate::exit::Exit;
use crate::heard::{Heard, hear};
use crate::help;
use crate::log;
use crate::login::{self, LoginError, Talker, Told, Way};
use crate::net::dial::plain;
use crate::net::engine::{Connection, Ending, News, Order, Standing, Turns, Watcher};
use crate::password::{self, PasswordError};
use crate::recorder::Seen;
use crate::report;
use crate::session::{self, Plan};
use crate::stdio;
use crate::target::Target;
use crate::tracker::{Cut, State};
use crate::typed::{self, Action, Own, Typed};
use crate::visible;
use lines::{Event, Lines};

/// With `--pipeline`, how many commands may be on their way. Replies are read all the while, so a server is never stuck with them.
const WINDOW: usize = 1000;

/// How many octets of lines are handed to the connection together, and how many may wait there.
const GATHERED_MAX: usize = 16 * 1024;
const QUEUED_MAX: usize = 64 * 1024;

/// Longer than anybody waits; the reply's own time-out strikes first.
const LONG: Duration = Duration::from_secs(1 << 32);

/// Runs a script to its end.
#[must_use]
pub fn run(plan: &Plan) -> Exit {
    let is_pipe_closed = Arc::new(AtomicBool::new(false));
    let is_full = Arc::new(AtomicBool::new(false));
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (lines, sender) = Lines::new(&plan.args.lines);
    let watcher = Box::new(Printer {
        safe: stdio::is_output_terminal().then(visible::Lines::default),
        is_pipe_closed: Arc::clone(&is_pipe_closed),
        is_full: Arc::clone(&is_full),
        heard: Arc::clone(&heard),
        lines: sender.clone(),
    });
    let mut place = None;
    let opened = plan.open(true, watcher, &mut |told| match told {
        Ok(path) => {
            if let (Some(path), None) = (&path, &plan.args.log) {
                report::note(&format!("transcript {}", log::shorten(path)));
            }
            place = path;
        }
        Err(why) => report::warning(&format!("no transcript: {why}")),
    });
    if plan.args.keep_secrets {
        report::warning(
            "secrets are kept in clear, on the screen and in the transcript (--keep-secrets)",
        );
    }
    let connection = match opened {
        Ok(connection) => connection,
        Err(failure) => {
            report::error(&failure.to_string(), failure.hint().as_deref());
            return failure.exit();
        }
    };
    if let Err(error) = lines.start(sender) {
        report::error(&format!("standard input: {}", plain(&error)), None);
        return Exit::Usage;
    }
    let mut script = Script {
        plan,
        connection,
        is_pipe_closed,
        is_full,
        heard,
        has_quit: false,
        refusals: 0,
        was_refused: false,
        early_end: None,
        log: place,
        gathered: Zeroizing::default(),
    };
    let exit = match script.play(lines) {
        Ok(()) => script.leave(),
        Err(exit) => exit,
    };
    let end = script.connection.close();
    session::kept(exit, &end, script.log.as_deref(), &mut report::warning)
}

struct Script<'a> {
    plan: &'a Plan,
    connection: Connection,
    is_pipe_closed: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
    has_quit: bool,
    /// How many refusals were looked at.
    refusals: u64,
    /// Whether one of them counts.
    was_refused: bool,
    heard: Arc<Mutex<Heard>>,
    /// Why a login could not go on.
    early_end: Option<Exit>,
    log: Option<std::path::PathBuf>,
    /// Lines that are handed to the connection when no more are here.
    gathered: Zeroizing<Vec<u8>>,
}

impl Script<'_> {
    fn play(&mut self, mut lines: Lines) -> Result<(), Exit> {
        self.wait(|now| now.state != State::Greeting)?;
        if self.plan.is_stls {
            self.send(b"STLS")?;
            // Whatever the reply was, and with --keep-going too.
            if !self.connection.standing().is_tls {
                return Err(self.has_no_tls());
            }
        }
        if self.plan.args.login {
            self.log_in("", Way::Best, "--login")?;
        }
        let mut number = 0;
        loop {
            let Some(line) = lines.ready() else {
                // Nothing more is here: what was gathered goes out before more is waited for.
                self.hand_over(0)?;
                match lines.wait() {
                    Some(Event::Octets(_) | Event::End) => continue,
                    Some(Event::Failed(error)) => {
                        report::error(&format!("standard input: {}", plain(&error)), None);
                        return Err(Exit::Usage);
                    }
                    Some(Event::ConnectionEnded) => return self.wait(|_| true),
                    None => return self.drain(),
                }
            };
            number += 1;
            let typed = typed::read(lines.line(line), self.plan.args.raw);
            if !matches!(typed, Typed::Wire(_)) {
                self.drain()?;
            }
            match typed {
                Typed::Wire(octets) => self.gather(&octets)?,
                Typed::Help(b"") => report::own(&help::overview(None)),
                Typed::Help(topic) => {
                    report::own(&help::topic(&String::from_utf8_lossy(topic), 80))
                }
                Typed::NotOwn(word) => {
                    let meant = typed::meant(word);
                    let meant =
                        meant.map_or(String::new(), |meant| format!("did you mean `:{meant}`? "));
                    let word = String::from_utf8_lossy(word);
                    let hint = format!(
                        "{meant}`::{word}` sends it to the server; `:help` lists the commands"
                    );
                    report::error(&format!("line {number}: no command `:{word}`"), Some(&hint));
                    return Err(Exit::Usage);
                }
                Typed::Own(own, args) => {
                    if !self.own(own, args, number)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes a line that is sent when its turn comes.
    fn gather(&mut self, line: &[u8]) -> Result<(), Exit> {
        let row = Command::of_line(line);
        if row.is_some_and(|row| row.effect == Effect::Tls) {
            // What the line is depends on what was answered before.
            self.settle()?;
            let now = self.connection.standing();
            if !now.expects_response && !now.is_tls {
                return self.start_tls(line);
            }
        }
        self.has_quit = row.is_some_and(|row| row.effect == Effect::Quit);
        self.push(line);
        if self.gathered.len() >= GATHERED_MAX {
            self.hand_over(GATHERED_MAX)?;
        }
        Ok(())
    }

    fn push(&mut self, line: &[u8]) {
        self.gathered.extend_from_slice(line);
        self.gathered.extend_from_slice(b"\r\n");
    }

    /// Hands the gathered lines to the connection, once there is room for them; `low` as in [`Turns`].
    fn hand_over(&mut self, low: usize) -> Result<(), Exit> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.wait(|now| now.queued < QUEUED_MAX)?;
        let lines = std::mem::take(&mut self.gathered);
        let turns = Turns {
            window: if self.plan.args.pipeline { WINDOW } else { 1 },
            refusals: self.most_refusals(),
            low,
        };
        self.connection.order(Order::SendInTurn(lines, turns));
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

    /// Carries out a command to poptalk; returns whether the script goes on.
    fn own(&mut self, own: &Own, args: &[u8], number: usize) -> Result<bool, Exit> {
        let usage = |what: &str, hint: &str| {
            report::error(&format!("line {number}: {what}"), Some(hint));
            Exit::Usage
        };
        if !own.in_scripts {
            return Err(usage(
                &format!("`:{}` needs a person", own.word),
                "it works in the console",
            ));
        }
        let text = String::from_utf8_lossy(args.trim_ascii()).into_owned();
        match own.action {
            Action::Help if text.is_empty() => report::own(&help::overview(None)),
            Action::Help => report::own(&help::topic(&text, 80)),
            Action::Quit | Action::Close => return Ok(false),
            Action::Multi | Action::Single if text.is_empty() => {
                return Err(usage("no verb", &format!("`:{} VERB`", own.word)));
            }
            Action::Multi => self.connection.order(Order::SetShape(text, Shape::Multi)),
            Action::Single => self.connection.order(Order::SetShape(text, Shape::Single)),
            Action::Send => match typed::unescape(args) {
                Ok(octets) => {
                    self.connection.order(Order::Send(Zeroizing::new(octets)));
                    self.wait(is_settled)?;
                }
                Err(at) => {
                    return Err(usage(
                        &format!("unknown escape at octet {} of the text", at + 1),
                        r"`\r \n \t \0 \xHH \\` are known",
                    ));
                }
            },
            Action::Log => self
                .set_log(&text)
                .map_err(|why| usage(&why, "name another file"))?,
            Action::Pass => {
                let user = hear(&self.heard).learnt.user.clone().unwrap_or_default();
                let host = &self.connection.target().host;
                let line = session::pass_line(self.plan, host, &user, None).map_err(|error| {
                    usage(&error.to_string(), error.hint().unwrap_or("see --help"))
                })?;
                self.send(&line)?;
            }
            Action::Login => self.log_in(&text, Way::Best, &format!("line {number}"))?,
            Action::Auth => self.log_in(&text, Way::Sasl, &format!("line {number}"))?,
            Action::Apop => self.log_in(&text, Way::Apop, &format!("line {number}"))?,
            Action::Page
            | Action::View
            | Action::Save
            | Action::Open
            | Action::Hex
            | Action::Time
            | Action::Lint
            | Action::State
            | Action::Tls
            | Action::Why
            | Action::Caps
            | Action::Hint
            | Action::Lesson
            | Action::Next
            | Action::Skip
            | Action::Restart
            | Action::Diagnose => {}
        }
        Ok(true)
    }

    /// Logs in; `place` is where that was asked for.
    fn log_in(&mut self, text: &str, way: Way, place: &str) -> Result<(), Exit> {
        let plan = self.plan;
        self.wait(is_settled)?;
        let Err(error) = login::log_in(self, plan, text, way) else {
            return Ok(());
        };
        if let Some(exit) = self.early_end.take() {
            return Err(exit);
        }
        report::error(&format!("{place}: {error}"), error.hint());
        Err(match error {
            LoginError::Unproved | LoginError::Sasl { .. } => Exit::Refused,
            _ => Exit::Usage,
        })
    }

    fn set_log(&mut self, text: &str) -> Result<(), String> {
        match text {
            "" => match &self.log {
                Some(path) => report::note(&format!("transcript {}", path.display())),
                None => report::note("no transcript is written"),
            },
            "off" => {
                self.connection.order(Order::SetFile(None, Vec::new()));
                self.log = None;
            }
            path => {
                let path = Path::new(path).to_owned();
                self.log = session::log_elsewhere(&self.connection, self.plan, path)
                    .map_err(|why| format!("transcript {text}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Sends a line when it may be sent, and in lock-step waits for its reply.
    fn send(&mut self, line: &[u8]) -> Result<(), Exit> {
        self.gather(line)?;
        self.drain()
    }

    /// Sends STLS, and waits for it also with --pipeline: nothing may be sent behind it. What the script says then was meant
    /// for the inside of TLS, so it does not go on in clear (RFC 8314 §4) but with --keep-going.
    fn start_tls(&mut self, line: &[u8]) -> Result<(), Exit> {
        self.push(line);
        self.settle()?;
        match self.connection.standing().is_tls || self.plan.args.keep_going {
            true => Ok(()),
            false => Err(self.has_no_tls()),
        }
    }

    fn has_no_tls(&self) -> Exit {
        let (what, hint) = match self.plan.found {
            Some(_) => (
                "no TLS with a server that only DNS told of",
                "give HOST to go on in clear",
            ),
            None => (
                "no TLS: the server did not agree to STLS",
                "nothing more was sent; without STLS the session is in clear",
            ),
        };
        report::error(what, Some(hint));
        Exit::Refused
    }

    /// Waits, and ends the script where it must not go on.
    fn wait(&mut self, is_enough: impl Fn(&Standing) -> bool) -> Result<(), Exit> {
        let is_pipe_closed = Arc::clone(&self.is_pipe_closed);
        // Behind a refusal that ends the script no line has its turn any more.
        let refusals = self.most_refusals();
        let now = self.connection.wait(LONG, |now| {
            is_enough(now)
                || now.timeouts > 0
                || now.refusals > refusals
                || is_pipe_closed.load(Ordering::Relaxed)
        });
        self.check(&now)
    }

    fn check(&mut self, now: &Standing) -> Result<(), Exit> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Exit::Usage);
        }
        if self.is_pipe_closed.load(Ordering::Relaxed) {
            return Err(Exit::Well);
        }
        if now.timeouts > 0 {
            return Err(Exit::TimedOut);
        }
        if now.refusals > self.refusals {
            self.refusals = now.refusals;
            self.was_refused = true;
            if !self.plan.args.keep_going {
                return Err(Exit::Refused);
            }
        }
        match &now.ending {
            Some(Ending::TlsFailed) => Err(Exit::Tls),
            Some(ending) => {
                // Lines that wait, in the queue or before it, were not sent: QUIT may be among them.
                let has_quit = self.has_quit && now.queued == 0 && !now.is_behind;
                let is_usual = *ending == Ending::ByServer(Cut::Nothing);
                // QUIT may be answered by something else than `+OK`, and obeyed.
                if has_quit && (is_usual || now.state == State::Update) {
                    return Ok(());
                }
                // An end that nothing is amiss with was not told.
                if is_usual && now.state != State::Greeting {
                    report::error("the server closed the connection before QUIT", None);
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
        let now = self.connection.standing();
        if now.state == State::Update {
            self.connection.take_leave();
        } else if now.marked > 0 {
            report::warning(&format!(
                "the script ended without QUIT: {} marked for deletion stay",
                messages(now.marked)
            ));
        } else if !self.has_quit {
            report::note("the script ended without QUIT");
        }
        if self.was_refused {
            Exit::Refused
        } else {
            Exit::Well
        }
    }
}

/// `1 message`, `2 messages`.
#[must_use]
pub fn messages(count: usize) -> String {
    format!("{count} message{}", if count == 1 { "" } else { "s" })
}

fn is_settled(now: &Standing) -> bool {
    now.is_owed || now.outstanding == 0
}

impl Talker for Script<'_> {
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool {
        report::note(&format!("sending: {shown_as}"));
        let sent = self.send(line);
        let sent = sent.and_then(|()| self.settle());
        self.early_end = sent.err();
        self.early_end.is_none()
    }

    fn ask_capabilities(&mut self) -> bool {
        let was_refused = self.was_refused;
        let may_go_on = self.say("CAPA", b"CAPA");
        if self.early_end == Some(Exit::Refused) {
            self.was_refused = was_refused;
            self.early_end = None;
            return true;
        }
        may_go_on
    }

    fn note(&self, text: &str) {
        report::note(text);
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.connection.standing())
    }

    fn target(&self) -> Target {
        self.connection.target().clone()
    }

    fn told(&self) -> Told {
        let heard = hear(&self.heard);
        Told {
            binding: heard.binding.clone(),
            ..Told::from(&heard.learnt)
        }
    }

    fn challenge(&mut self) -> Vec<u8> {
        std::mem::take(&mut hear(&self.heard).learnt.challenge)
    }

    fn ask_user(&mut self) -> Option<String> {
        None
    }

    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let secret = password::find(
            &self.plan.args.password,
            &self.connection.target().host,
            user,
            None,
        )?;
        let order = Order::Remember("password", secret.clone());
        self.connection.order(order);
        Ok(secret)
    }

    fn may_send_in_clear(&mut self) -> bool {
        false
    }
}

/// Prints the server's octets, and poptalk's own words elsewhere.
struct Printer {
    /// On a terminal what would drive it is made visible; nobody reads the octets there.
    safe: Option<visible::Lines>,
    is_pipe_closed: Arc<AtomicBool>,
    /// It can't be written to, and not because nobody reads.
    is_full: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    /// Where it is told that the connection has ended.
    lines: SyncSender<Event>,
}

impl Printer {
    fn print(&self, octets: &[u8]) {
        if let Err(error) = stdio::print(octets) {
            if error.kind() != ErrorKind::BrokenPipe && !self.is_full.swap(true, Ordering::Relaxed)
            {
                report::error(
                    &format!("standard output: {}", plain(&error)),
                    Some("the transcript holds what came; write the replies elsewhere"),
                );
            }
            self.is_pipe_closed.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        // Also when a panic ends the thread of the connection: standard input may be silent for ever.
        let _ = self.lines.try_send(Event::ConnectionEnded);
    }
}

impl Watcher for Printer {
    fn received(&mut self, octets: &[u8]) {
        let Some(lines) = &mut self.safe else {
            return self.print(octets);
        };
        let mut text = String::new();
        lines.feed(octets, &mut text);
        self.print(text.as_bytes());
    }

    fn seen(&mut self, seen: Seen) {
        hear(&self.heard).see(&seen);
    }

    fn told(&mut self, news: News) {
        if let (News::Ended(_), Some(lines)) = (&news, &mut self.safe) {
            let mut text = String::new();
            lines.finish(&mut text);
            self.print(text.as_bytes());
        }
        if matches!(news, News::Ended(_)) {
            // Where there is no room lines are there, and whoever takes them finds the end.
            let _ = self.lines.try_send(Event::ConnectionEnded);
        }
        hear(&self.heard).hear_of(&news);
        // The usual end is no news to a script.
        if !matches!(news, News::Ended(Ending::ByServer(Cut::Nothing))) {
            report::news(&news);
        }
    }

    fn wants_more(&self) -> bool {
        !self.is_pipe_closed.load(Ordering::Relaxed)
    }

    fn settled(&mut self, _: &Standing) {}
}
