//! The console: a person types, every octet goes to the server; a person reads, and every octet
//! came from it.

mod commands;
mod drawn;
pub(crate) mod editor;
mod explain;
pub(crate) mod external_pager;
mod hex;
mod knowledge;
mod lesson;
pub(crate) mod lines;
mod live_lint;
mod login;
mod masking;
mod message;
pub(crate) mod pager;
mod paging;
mod plain;
mod prompt;
mod quit;
pub(crate) mod screen;
pub mod spool;
pub(crate) mod terminal;
mod trust;
pub(crate) mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use owo_colors::Stream;

use crate::analysis::console_input::{self, TypedLine};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::lock::lock;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Paint, Style};
use crate::modes::learn::course::Course;
use crate::modes::options::{ColorArgs, ScreenArgs};
use crate::modes::plan::{Failure, Plan};
use crate::modes::report;
use crate::net::engine::{Connection, Snapshot};
use crate::net::target::Target;
use crate::net::wrong_service::SILENT_HINT;
use crate::pop3::tracker::{Awaited, State};
use crate::transcript::secret::Recall;
use editor::{Editor, Input};
use knowledge::{Knowledge, SharedKnowledge};
use screen::Screen;
use terminal::{Interrupts, Quiet};
use view::{Mode, ReplyView, SharedShown};

/// How often Ctrl-C, the keyboard and a pager are looked at while a reply is awaited.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// After this much silence, a line that was typed ahead gets the prompt back.
const SILENCE: Duration = Duration::from_secs(2);

/// Holds the session, or those of a course, whose server each lesson restarts; of the plan only the
/// options count then.
pub(crate) fn run(plan: Plan, course: Option<Course>) -> Exit {
    let ScreenArgs {
        plain: is_plain,
        style: ColorArgs { color },
    } = plan.args.screen;
    let color = if is_plain { ColorChoice::Never } else { color };
    let style = Style::new(color, Stream::Stdout);
    let screen = Screen::new(style);
    let interrupts = Interrupts::listen();
    let knowledge = SharedKnowledge::default();
    let lines = match Keyboard::new(&knowledge, &screen, is_plain) {
        Ok(lines) => lines,
        Err(error) => {
            say::error(
                &format!("the terminal can't be used: {error}"),
                Some("give commands with -c, or a script on standard input"),
            );
            return Exit::Usage;
        }
    };
    let _quiet = Quiet::start();
    let again = Arc::clone(&screen);
    terminal::on_return(move || again.note("resumed"));
    let mut console = Console {
        plan,
        screen,
        knowledge,
        shown: SharedShown::default(),
        interrupts,
        keyboard: lines,
        connection: None,
        log: None,
        has_lost_log: false,
        wants_tls: false,
        has_stopped_showing: false,
        typed_ahead: String::new(),
        course,
    };
    let exit = console.talk();
    console.close_quietly();
    console.screen.finish();
    match exit {
        Exit::Well if console.has_lost_log => Exit::Usage,
        exit => exit,
    }
}

struct Console {
    plan: Plan,
    screen: Arc<Screen>,
    knowledge: SharedKnowledge,
    shown: SharedShown,
    interrupts: Interrupts,
    keyboard: Keyboard,
    connection: Option<Connection>,
    log: Option<PathBuf>,
    has_lost_log: bool,
    /// TLS was asked for on a connection before this one, to the same server.
    wants_tls: bool,
    /// Ctrl-C was pressed once during the reply that is coming.
    has_stopped_showing: bool,
    /// What was typed after the key that left the pager: it is meant for the prompt.
    typed_ahead: String,
    course: Option<Course>,
}

/// Where lines come from: an editor, or a terminal that can't be used for one.
enum Keyboard {
    Editor(Box<Editor>),
    Plain,
}

enum AfterLine {
    Go,
    Leave(Exit),
}

impl Keyboard {
    fn new(
        knowledge: &SharedKnowledge,
        screen: &Arc<Screen>,
        is_plain: bool,
    ) -> Result<Self, rustyline::error::ReadlineError> {
        if is_plain || !terminal::can_edit() || !stdio::is_output_terminal() {
            return Ok(Self::Plain);
        }
        let editor = Editor::new(Arc::clone(knowledge), screen)?;
        Ok(Self::Editor(Box::new(editor)))
    }
}

impl Console {
    fn talk(&mut self) -> Exit {
        if let Err(exit) = self.begin() {
            return exit;
        }
        loop {
            self.await_reply();
            if self.has_said_goodbye() {
                if self.course.is_none() {
                    return Exit::Well;
                }
                self.show_session_over();
            }
            self.show_goals();
            let input = self.ask();
            if let AfterLine::Leave(exit) = self.take(input) {
                return exit;
            }
        }
    }

    /// Connects, to the server of the plan or to that of the first lesson.
    fn begin(&mut self) -> Result<(), Exit> {
        if let Some(welcome) = &self.plan.welcome {
            self.screen.print(&format!("{welcome}\n"));
        }
        if matches!(self.keyboard, Keyboard::Plain) {
            self.screen
                .warn("this terminal echoes what you type; use :pass to enter a password");
        }
        if self.course.is_some() {
            self.begin_lesson()?;
        } else {
            self.open_first()?;
        }
        self.begin_as_planned();
        Ok(())
    }

    /// Connects. If the certificate cannot be verified and you agree to trust it, connects again.
    fn open_first(&mut self) -> Result<(), Exit> {
        while let Err(failure) = terminal::ending_on_interrupt(|| self.open()) {
            let is_untrusted = failure.is_untrusted();
            self.remember_failure(&failure);
            let error = Error::from(failure);
            error.say();
            self.plan.forget_taken_log();
            if !is_untrusted || !self.trust_if_agreed() {
                return Err(error.exit);
            }
        }
        Ok(())
    }

    fn take(&mut self, input: Input) -> AfterLine {
        match input {
            Input::Line(line) if line.is_empty() && self.is_lesson_solved() => {
                return self.next_lesson();
            }
            Input::Line(line) if line.is_empty() && !self.is_open() => self.show_way_on(),
            Input::Line(line) => return self.take_line(&line),
            Input::Octets(line) => self.send_as_typed(&line),
            Input::Damaged => self.screen.note("not sent"),
            Input::Interrupted => self.interrupt_at_prompt(),
            Input::End => return self.leave(),
        }
        AfterLine::Go
    }

    fn take_line(&mut self, line: &str) -> AfterLine {
        match console_input::read(line.as_bytes(), self.plan.args.raw) {
            TypedLine::Wire(octets) if self.is_open() => {
                if self.may_send_typed(&octets) {
                    self.send(&octets);
                    self.remember(line);
                }
            }
            TypedLine::Wire(octets) => self.type_at_closed(line, &octets),
            TypedLine::Help(topic) => {
                self.remember(line);
                let topic = String::from_utf8_lossy(topic);
                let topic = lock(&self.knowledge).recall.hide(&topic);
                self.help(&topic);
            }
            TypedLine::Unknown(word) => {
                let meant = console_input::meant(word);
                let meant =
                    meant.map_or(String::new(), |meant| format!("did you mean `:{meant}`? "));
                let word = String::from_utf8_lossy(word);
                let word = lock(&self.knowledge).recall.hide(&word);
                let text = format!(
                    "unknown command `:{word}`; {meant}`:help` lists the commands, `::{word}` sends it to the server"
                );
                self.screen.warn(&text);
            }
            TypedLine::ConsoleCommand(own, args) => {
                self.remember(line);
                return self.own(own, args);
            }
        }
        AfterLine::Go
    }

    /// Connects as planned, and reports where the transcript is.
    fn open(&mut self) -> Result<(), Failure> {
        let style = self.screen.style;
        let has_pager = self.has_pager();
        *lock(&self.knowledge) = Knowledge {
            recall: Recall::new(&self.plan.secrets),
            stls: (!self.plan.target.is_tls).then(|| self.plan.tls.clone()),
            ..Knowledge::default()
        };
        lock(&self.shown).forget_reply();
        let view = ReplyView::new(
            Arc::clone(&self.screen),
            Arc::clone(&self.knowledge),
            Arc::clone(&self.shown),
            has_pager,
            &format!("{}:{}", self.plan.target.host, self.plan.target.port),
            self.course.as_ref().map(|course| course.watched.clone()),
        );
        let (mut path, mut why) = (None, None);
        let screen = Arc::clone(&self.screen);
        let is_keeping = self.plan.args.secrets.keep_secrets;
        let opened = self.plan.open(false, Box::new(view), &mut |place| match place {
            Ok(found) => {
                let place = found.as_ref().map_or("no transcript".to_owned(), |path| format!("transcript {}", say::shown(&files::shorten(path))));
                let help = "? help   :quit leave";
                let is_wide = place.chars().count() + help.len() + 5 > terminal::size().0;
                let between = if is_wide { "\n" } else { "     " };
                for line in format!("{place}{between}{help}").lines() {
                    screen.print(&format!("{}\n", style.paint(Paint::Note, line)));
                }
                if is_keeping {
                    screen.warn("secrets appear in cleartext on the screen and in the transcript (--keep-secrets)");
                }
                path = found;
            }
            Err(error) => why = Some(error),
        });
        if let Some(why) = why {
            self.screen.warn(&format!("no transcript: {why}"));
        }
        self.log = path;
        self.connection = Some(opened?);
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }

    /// The server that this is about: the one that was reached.
    fn target(&self) -> &Target {
        self.connection
            .as_ref()
            .map_or(&self.plan.target, Connection::target)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let mut now = self.connection.as_ref().map(Connection::snapshot)?;
        now.is_tls_asked |= self.wants_tls;
        Some(now)
    }

    fn send(&mut self, line: &[u8]) {
        self.has_stopped_showing = false;
        lock(&self.knowledge).is_inside_line = false;
        if let Some(connection) = &self.connection {
            connection.send_line(line);
        }
    }

    /// Puts a line that was sent into the history, unless it held a secret.
    fn remember(&mut self, line: &str) {
        let Keyboard::Editor(editor) = &mut self.keyboard else {
            return;
        };
        // The recorder knows best what is secret; it has seen the line when the order is carried
        // out.
        if let Some(connection) = &self.connection {
            connection.wait(POLL_EVERY, |_| true);
        }
        let was_secret = std::mem::take(&mut lock(&self.shown).was_secret);
        if !line.is_empty() && !was_secret && lock(&self.knowledge).secret_from(line).is_none() {
            editor.remember(line);
        }
    }

    /// Puts a line that was not sent into the history, unless it holds a secret; returns whether it
    /// is there.
    fn remember_unsent(&mut self, line: &str) -> bool {
        let Keyboard::Editor(editor) = &mut self.keyboard else {
            return false;
        };
        let is_open = lock(&self.knowledge).secret_from(line).is_none();
        if is_open {
            editor.remember(line);
        }
        is_open
    }

    /// Waits until the server has answered; opens the pager for a long reply; Ctrl-C and Enter end
    /// the wait.
    fn await_reply(&mut self) {
        loop {
            let Some(connection) = &self.connection else {
                return;
            };
            let wants_pager = || lock(&self.shown).mode == Mode::WantsPager;
            let now = connection.wait(POLL_EVERY, |now| {
                is_idle(now) || wants_pager() || self.interrupts.is_pressed()
            });
            if wants_pager() {
                self.page();
                // Most often the rest is a moment away; the prompt need not mention it.
                if let Some(connection) = &self.connection {
                    connection.wait(POLL_EVERY, is_idle);
                }
                return;
            }
            if now.ending.is_some() || is_idle(&now) {
                return;
            }
            if self.interrupts.take() {
                self.interrupt(&now);
                return;
            }
            if now.quiet_since.elapsed() > SILENCE && terminal::is_input_waiting(Duration::ZERO) {
                self.show_awaited(&now);
                return;
            }
        }
    }

    /// Ctrl-C while a reply is coming: the first stops showing it, the second closes.
    fn interrupt(&mut self, now: &Snapshot) {
        if self.has_stopped_showing {
            self.screen
                .warn("closing the connection; `:open` reconnects");
            self.close();
            return;
        }
        self.has_stopped_showing = true;
        let mut state = lock(&self.shown);
        let is_long = state.spool.is_some() && state.took.is_none();
        if is_long {
            state.mode = Mode::Muted;
        }
        drop(state);
        if is_long {
            self.screen.note(
                "display stopped; the rest is still recorded. Press Ctrl-C again to disconnect",
            );
        }
        self.show_awaited(now);
    }

    fn interrupt_at_prompt(&mut self) {
        let is_waiting = |now: &Snapshot| now.ending.is_none() && !is_idle(now);
        if let Some(now) = self.snapshot().filter(is_waiting) {
            self.interrupt(&now);
        }
    }

    fn show_awaited(&self, now: &Snapshot) {
        if let Some(awaited) = &now.awaited {
            let last = report::octets(&now.last_octets);
            self.screen.note(&format!(
                "awaiting {}, last octets {last}",
                report::awaiting(awaited)
            ));
            let is_silent = now.last_octets.is_empty() && !now.is_tls;
            if *awaited == Awaited::Greeting && is_silent {
                self.screen.note(&format!("hint: {SILENT_HINT}"));
            }
        }
    }
}

fn is_idle(now: &Snapshot) -> bool {
    !now.is_after && (now.is_owed || (now.outstanding == 0 && now.state != State::Greeting))
}
