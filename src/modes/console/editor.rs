//! The line editor: what Tab offers, what is hinted, and F1.

use super::knowledge::{Knowledge, SharedKnowledge};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor as Rustyline,
    Event, EventContext, EventHandler, GraphemeClusterMode, Helper, KeyCode, KeyEvent, Modifiers,
    RepeatCount,
};

use super::drawn::{Pen, has_controls};
use super::screen::Screen;
use super::terminal;
use crate::analysis::console_input::{self, CONSOLE_COMMANDS, TypedLine};
use crate::analysis::help;
use crate::base::files;
use crate::base::lock::lock;
use crate::base::say;
use crate::base::style::{Paint, Style};
use crate::pop3::command::{ArgumentKind, Command, Words};
use crate::transcript::file;

const HISTORY: usize = 1000;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Line(String),
    /// A line with octets that are not UTF-8: it can be sent, but not edited.
    Octets(Vec<u8>),
    /// A line that lost an octet which is not UTF-8: `read` has called `warn`.
    Damaged,
    Interrupted,
    /// Ctrl-D on an empty line, or the terminal is gone.
    End,
}

/// F1 was pressed, and the help does not fit above the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LongHelp {
    pub(crate) text: String,
    pub(crate) line: String,
}

pub(crate) struct Editor {
    rustyline: Rustyline<Assistant, FileHistory>,
    history: Option<PathBuf>,
    drawn: Arc<Mutex<String>>,
    /// Help that F1 asked for, too long to be shown above the prompt.
    long_help: Arc<Mutex<Option<String>>>,
    /// The line at which Ctrl-C was pressed.
    interrupted: Arc<Mutex<Option<String>>>,
}

impl Editor {
    /// An editor on the terminal, with the history of former sessions.
    ///
    /// Errors: the terminal can't be used so.
    pub(crate) fn new(
        knowledge: SharedKnowledge,
        screen: &Arc<Screen>,
    ) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .auto_add_history(false)
            .history_ignore_space(false)
            // A pasted text is lines, one after the other, as in telnet.
            .bracketed_paste(false)
            .completion_type(CompletionType::List)
            // Always: without colours the library would not mask either. What NO_COLOR forbids is
            // left out below.
            .color_mode(ColorMode::Forced)
            .build();
        let mode = config.grapheme_cluster_mode();
        let mut rustyline = Rustyline::with_config(config)?;
        rustyline.set_max_history_size(HISTORY)?;
        let style = screen.style;
        let long_help = Arc::default();
        let f1 = HelpKey {
            knowledge: Arc::clone(&knowledge),
            screen: Arc::clone(screen),
            long_help: Arc::clone(&long_help),
        };
        let drawn = Arc::default();
        rustyline.set_helper(Some(Assistant {
            knowledge,
            style,
            drawn: Arc::clone(&drawn),
            mode,
        }));
        let f1 = EventHandler::Conditional(Box::new(f1));
        rustyline.bind_sequence(KeyEvent(KeyCode::F(1), Modifiers::NONE), f1);
        let interrupted = Arc::default();
        let interrupt = EventHandler::Conditional(Box::new(InterruptKey(Arc::clone(&interrupted))));
        rustyline.bind_sequence(KeyEvent::ctrl('C'), interrupt);
        #[cfg(unix)]
        rustyline.bind_sequence(
            KeyEvent::ctrl('Z'),
            EventHandler::Conditional(Box::new(StopKey)),
        );
        // NUL is an octet like any other.
        rustyline.bind_sequence(KeyEvent::ctrl('@'), Cmd::SelfInsert(1, '\0'));
        screen.serve(rustyline.create_external_printer()?);
        let history = file::state_folder()
            .ok()
            .map(|folder| folder.join("history"));
        if let Some(path) = &history {
            // The first start has no history.
            let _ = rustyline.load_history(path);
            clean(&mut rustyline, path);
        }
        Ok(Self {
            rustyline,
            history,
            drawn,
            long_help,
            interrupted,
        })
    }

    /// Asks for a line, with `given` in it already. `warn` is called as soon as the line can no
    /// longer be sent.
    ///
    /// Errors: help is to be shown first, and the line to be asked for again.
    pub(crate) fn read(
        &mut self,
        prompt: &str,
        style: Style,
        given: &str,
        warn: &dyn Fn(),
    ) -> Result<Input, LongHelp> {
        let painted = style.paint(Paint::Prompt, prompt);
        let mut given = given.to_owned();
        let mut is_damaged = false;
        loop {
            let result = self
                .rustyline
                .readline_with_initial(&(prompt.to_owned(), painted.clone()), (&given, ""));
            // Where a signal ends the program, there is nothing more to do here.
            #[cfg(unix)]
            drop(super::terminal::changing());
            let help = lock(&self.long_help).take();
            let interrupted = lock(&self.interrupted).take();
            if let (Ok(line), Some(text)) = (&result, help) {
                let line = line.clone();
                return Err(LongHelp { text, line });
            }
            return Ok(match result {
                Ok(line) if interrupted.as_ref() == Some(&line) => Input::Interrupted,
                Ok(_) if is_damaged => Input::Damaged,
                Ok(line) => Input::Line(line),
                Err(ReadlineError::Interrupted) => Input::Interrupted,
                // The library drops an octet that is not UTF-8, and with it the line and what was
                // typed ahead, also an Enter. The line continues with what was drawn: the rest of a
                // password is still to be masked, and not to be sent alone.
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    if !std::mem::replace(&mut is_damaged, true) {
                        warn();
                    }
                    given.clone_from(&lock(&self.drawn));
                    continue;
                }
                Err(_) => Input::End,
            });
        }
    }

    /// Adds a line to the history, unless it has control characters; the caller has seen to it that
    /// it holds no secret.
    pub(crate) fn remember(&mut self, line: &str) {
        if has_controls(line) {
            return;
        }
        let is_new = self.rustyline.add_history_entry(line).unwrap_or(false);
        if let Some(path) = self.history.as_ref().filter(|_| is_new) {
            if let Some(folder) = path.parent() {
                let _ = files::make_folder(folder);
            }
            // A history that can't be kept is not a reason to stop.
            let _ = self.rustyline.append_history(path);
        }
    }
}

/// Takes lines with control characters out of the history, and out of its file: they could drive
/// whatever shows it.
fn clean(rustyline: &mut Rustyline<Assistant, FileHistory>, path: &Path) {
    let history = rustyline.history();
    if !history.iter().any(|line| has_controls(line)) {
        return;
    }
    let lines = history.iter().filter(|line| !has_controls(line));
    let lines: Vec<String> = lines.cloned().collect();
    // Nothing here fails in memory; a file that can't be written is cleaned the next time.
    let _ = rustyline.clear_history();
    for line in &lines {
        let _ = rustyline.add_history_entry(line);
    }
    let _ = rustyline.save_history(path);
}

struct Assistant {
    knowledge: SharedKnowledge,
    style: Style,
    mode: GraphemeClusterMode,
    drawn: Arc<Mutex<String>>,
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..pos).unwrap_or(line);
        Ok(candidates(typed, &lock(&self.knowledge)))
    }
}

/// The offset of the word at the end of `typed`, and what could complete it.
fn candidates(typed: &str, knowledge: &Knowledge) -> (usize, Vec<String>) {
    if knowledge.expects_response || knowledge.secret_from(typed).is_some() {
        return (typed.len(), Vec::new());
    }
    let start = typed.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let (before, word) = typed.split_at(start);
    let letters = word.trim_start_matches('?');
    let is_lower = letters.chars().next().is_none_or(char::is_lowercase)
        && before
            .chars()
            .next()
            .is_none_or(|first| !first.is_ascii_uppercase());
    let cased = |text: &str| match is_lower {
        true => text.to_ascii_lowercase(),
        false => text.to_owned(),
    };
    let now = knowledge.states();
    let mut found: Vec<String> = match before.trim() {
        "" if word.starts_with(':') => CONSOLE_COMMANDS
            .iter()
            .map(|own| format!(":{}", own.word))
            .collect(),
        "" if word.starts_with('?') => Command::all()
            .map(|row| format!("?{}", cased(row.verb)))
            .collect(),
        "" => Command::all()
            .filter(|row| {
                (row.states.authorization && now.authorization)
                    || (row.states.transaction && now.transaction)
            })
            .map(|row| cased(row.verb))
            .collect(),
        "?" | ":help" => Command::all().map(|row| cased(row.verb)).collect(),
        _ => arguments(before, knowledge),
    };
    let start_of = |text: &String| {
        text.get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    // What a server announces is drawn as it is. Mechanisms and languages are visible ASCII (RFC
    // 4422 §3.1, RFC 5646 §2.1).
    let is_visible = |text: &String| text.bytes().all(|octet| octet.is_ascii_graphic());
    found.retain(|text| start_of(text) && is_visible(text));
    found.dedup();
    (start, found)
}

/// What the next argument after `before` could be.
fn arguments(before: &str, knowledge: &Knowledge) -> Vec<String> {
    let Some(row) = Command::of_line(before.as_bytes()) else {
        return Vec::new();
    };
    let index = Words::of(before.as_bytes())
        .count()
        .saturating_sub(row.verb_words());
    let session = &knowledge.session;
    match row.args.get(index).map(|arg| arg.kind) {
        Some(ArgumentKind::Message) => session
            .messages()
            .map(|number| number.to_string())
            .collect(),
        Some(ArgumentKind::Mechanism) => session.mechanisms.clone(),
        Some(ArgumentKind::Language) => session
            .languages
            .iter()
            .cloned()
            .chain(["*".to_owned()])
            .collect(),
        _ => Vec::new(),
    }
}

struct Syntax(String);

impl Hint for Syntax {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Syntax;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Syntax> {
        let mut knowledge = lock(&self.knowledge);
        knowledge.typed(line);
        if has_controls(line) {
            let is_open = line
                .split('\n')
                .all(|line| knowledge.secret_from(line).is_none());
            // The whole line, for it can't be drawn with all that is in it.
            return is_open.then(|| Syntax(format!("   is sent as {}", say::shown(line))));
        }
        if pos < line.len() || knowledge.expects_response {
            return None;
        }
        syntax_hint(line).map(Syntax)
    }
}

/// The arguments that are still to be typed, and what the command does while only its verb is
/// there.
fn syntax_hint(line: &str) -> Option<String> {
    let row = Command::of_line(line.as_bytes())?;
    let words = Words::of(line.as_bytes()).count();
    let typed = words.checked_sub(row.verb_words())?;
    let has_gap = line.ends_with([' ', '\t']);
    if typed > 0 && !has_gap {
        return None;
    }
    let mut hint: String = row
        .args
        .iter()
        .skip(typed)
        .map(|arg| match arg.optional {
            true => format!(" [{}]", arg.name),
            false => format!(" {}", arg.name),
        })
        .collect();
    if typed == 0 {
        hint.push_str(&format!("   {}", row.help));
    }
    if has_gap {
        hint = hint.trim_start().to_owned();
    }
    (!hint.is_empty()).then_some(hint)
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        line.clone_into(&mut lock(&self.drawn));
        let knowledge = lock(&self.knowledge);
        // A terminal that brackets what is pasted can put several lines into one.
        let mut pen = Pen::new(self.mode);
        let lines: Vec<Cow<'_, str>> = line
            .split('\n')
            .map(|line| pen.line(line, knowledge.secret_from(line)))
            .collect();
        if lines.iter().all(|line| matches!(line, Cow::Borrowed(_))) {
            return Cow::Borrowed(line);
        }
        Cow::Owned(lines.join("\n"))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.style.paint(Paint::Note, hint))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        // `highlight` draws everything that is typed; else the library would echo the key itself.
        !matches!(kind, CmdKind::MoveCursor)
    }
}

/// F1: help for the command being typed. The line stays as it is: what fits is shown above it; for
/// what does not, the line ends here and is given back to the editor after the pager.
struct HelpKey {
    knowledge: SharedKnowledge,
    screen: Arc<Screen>,
    long_help: Arc<Mutex<Option<String>>>,
}

impl HelpKey {
    fn text(&self, line: &str) -> String {
        let width = super::terminal::size().0;
        match (
            Command::of_line(line.as_bytes()),
            console_input::read(line.as_bytes(), false),
        ) {
            (Some(row), _) => help::short(row, width),
            (None, TypedLine::Help(topic)) if !topic.is_empty() => {
                help::topic(&String::from_utf8_lossy(topic), width)
            }
            (None, TypedLine::ConsoleCommand(own, _)) => {
                help::topic(&format!(":{}", own.word), width)
            }
            (None, TypedLine::Unknown(word)) => {
                help::topic(&format!(":{}", String::from_utf8_lossy(word)), width)
            }
            (None, _) => self.text_of_unknown(line, width),
        }
    }
}

impl HelpKey {
    /// The list of what can be typed; for a word that is not a command and not a secret, only that
    /// it is unknown.
    fn text_of_unknown(&self, line: &str, width: usize) -> String {
        let knowledge = lock(&self.knowledge);
        let is_secret = knowledge.expects_response || knowledge.secret_from(line).is_some();
        match line.split_whitespace().next() {
            Some(word) if !is_secret => help::topic(word, width),
            _ => help::overview(Some(knowledge.states())),
        }
    }
}

impl ConditionalEventHandler for HelpKey {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        let text = self.text(context.line());
        if terminal::fits(&text) {
            self.screen.print(&text);
            return Some(Cmd::Noop);
        }
        *lock(&self.long_help) = Some(text);
        Some(Cmd::AcceptLine)
    }
}

/// Ctrl-C: the library would leave the hint on the screen, which Enter erases.
struct InterruptKey(Arc<Mutex<Option<String>>>);

impl ConditionalEventHandler for InterruptKey {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        *lock(&self.0) = Some(context.line().to_owned());
        Some(Cmd::AcceptLine)
    }
}

/// Ctrl-Z: the library would give the terminal back as it is between two prompts, without its echo.
#[cfg(unix)]
struct StopKey;

#[cfg(unix)]
impl ConditionalEventHandler for StopKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        super::terminal::suspend();
        Some(Cmd::Repaint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::style::ColorChoice;
    use crate::pop3::tracker::State;

    fn knowledge(state: State) -> Knowledge {
        let mut knowledge = Knowledge {
            is_open: true,
            ..Knowledge::default()
        };
        knowledge.session.state = Some(state);
        knowledge.session.listed.extend([1, 2, 12]);
        knowledge.session.mechanisms.push("CRAM-MD5".to_owned());
        knowledge
    }

    #[test]
    fn verbs_of_this_state_are_offered_in_the_case_that_is_typed() {
        let trans = knowledge(State::Transaction);
        assert_eq!(candidates("re", &trans).1, ["retr"]);
        assert_eq!(candidates("RS", &trans).1, ["RSET"]);
        assert!(candidates("us", &trans).1.is_empty());
        assert_eq!(
            candidates("us", &knowledge(State::Authorization)).1,
            ["user"]
        );
    }

    #[test]
    fn arguments_are_offered_by_their_kind() {
        let trans = knowledge(State::Transaction);
        assert_eq!(
            candidates("retr 1", &trans),
            (5, vec!["1".to_owned(), "12".to_owned()])
        );
        assert_eq!(candidates("top 1 ", &trans).1, Vec::<String>::new());
        assert_eq!(
            candidates("auth c", &knowledge(State::Authorization)).1,
            ["CRAM-MD5"]
        );
        assert!(candidates(":lo", &trans).1.contains(&":log".to_owned()));
        assert_eq!(candidates("?ret", &trans), (0, vec!["?retr".to_owned()]));
        assert_eq!(candidates("?RSE", &trans).1, ["?RSET"]);
    }

    #[test]
    fn the_hint_is_what_is_still_to_be_typed() {
        assert!(syntax_hint("retr").is_some_and(|hint| hint.starts_with(" msg ")));
        assert_eq!(syntax_hint("top 1 ").as_deref(), Some("n"));
        assert_eq!(syntax_hint("top 1 2"), None);
        assert_eq!(syntax_hint("xfoo"), None);
    }

    #[test]
    fn f1_says_that_it_does_not_know_a_word() {
        let style = Style::new(ColorChoice::Never, owo_colors::Stream::Stdout);
        let mut key = HelpKey {
            knowledge: Arc::new(Mutex::new(knowledge(State::Authorization))),
            screen: Screen::new(style),
            long_help: Arc::default(),
        };
        for line in ["xfoo 1", ":xfoo"] {
            assert!(key.text(line).contains("xfoo` is not a POP3 command"));
        }
        assert!(key.text("").starts_with("POP3 commands"));
        key.knowledge = Arc::default();
        lock(&key.knowledge).expects_response = true;
        assert!(!key.text("geheim").contains("geheim"));
    }

    #[test]
    fn nothing_secret_is_offered_or_left_unmasked() {
        let auth = knowledge(State::Authorization);
        assert_eq!(auth.secret_from("pass geheim"), Some(5));
        assert_eq!(auth.secret_from("pas geheim"), Some(4));
        assert_eq!(auth.secret_from(":auth plain alice"), None);
        assert_eq!(auth.secret_from(r":send PASS geheim\r\n"), Some(11));
        assert_eq!(auth.secret_from(r":SEND USER a\r\nPASS geheim"), Some(21));
        assert_eq!(auth.secret_from(r":send NOOP\r\n"), None);
        assert_eq!(candidates("pass st", &auth).1, Vec::<String>::new());
        let known = Knowledge::default();
        known.recall.learn("pass geheim99");
        assert_eq!(known.secret_from(":multi geheim99"), Some(7));
        let owed = Knowledge {
            expects_response: true,
            ..Knowledge::default()
        };
        assert_eq!(owed.secret_from("stat"), Some(0));
    }
}
