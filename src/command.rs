//! The command table: the one place that knows a POP3 command. Completion, hint, help, the length of a reply, what is
//! hidden and what is compared all derive from a row.

mod rows;

pub use rows::COMMANDS;

/// One POP3 command: what it looks like, where it is allowed, what its reply looks like, and what a learner should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// The keyword in upper case; two words with one space where the second one decides the reply (`XTND XMIT`).
    pub verb: &'static str,
    /// The arguments in order.
    pub args: &'static [Arg],
    /// Where the protocol allows it.
    pub states: States,
    /// The shape of a positive reply to the verb alone.
    pub bare: Shape,
    /// The shape of a positive reply to the verb with at least one argument.
    pub with_argument: Shape,
    /// What a positive reply changes for the session.
    pub effect: Effect,
    /// Whether another command may be sent before this one is answered (RFC 2449 §6.6).
    pub pipelines: bool,
    /// The fields of a positive status line, in order, and of each line of a listing; what a comparison looks at.
    pub fields: &'static [&'static str],
    /// Where it comes from and whether servers have it.
    pub standing: Standing,
    /// The document and section that define it.
    pub source: &'static str,
    /// What it does, in one line of at most 60 characters, lower case, no full stop.
    pub help: &'static str,
    /// What a learner should know: paragraphs of text, separated by blank lines, to be wrapped by who shows them.
    pub about: &'static str,
    /// An exchange as a transcript (`transcripts/commands/`).
    pub example: &'static str,
}

/// The SASL mechanisms whose initial response says everything: no challenge follows (RFC 4422 §5).
pub const ONE_STEP_MECHANISMS: &[&str] =
    &["PLAIN", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"];

/// One argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// The word for it in the syntax, as the RFC calls it.
    pub name: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// Whether the command is complete without it.
    pub optional: bool,
}

/// What an argument stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message number (RFC 1939 §4).
    Message,
    /// A count of lines (RFC 1939 §7, TOP).
    Lines,
    /// The name of a mailbox or user.
    Name,
    /// The name of a SASL mechanism (RFC 5034 §4).
    Mechanism,
    /// A language tag or `*` (RFC 6856 §3.1).
    Language,
    /// Secret: never shown, kept or stored. It runs to the end of the line; the text is the name of the hole that stands for it.
    Secret(&'static str),
    /// Anything else.
    Text,
}

/// The states of a session in which a command is allowed (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States {
    /// Before the login.
    pub authorization: bool,
    /// After the login.
    pub transaction: bool,
}

impl States {
    /// Only before the login.
    pub const AUTHORIZATION: Self = Self {
        authorization: true,
        transaction: false,
    };
    /// Only after the login.
    pub const TRANSACTION: Self = Self {
        authorization: false,
        transaction: true,
    };
    /// In both states.
    pub const BOTH: Self = Self {
        authorization: true,
        transaction: true,
    };
}

/// How a positive reply goes on after its status line. A negative reply is always one line (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One status line.
    Single,
    /// A status line, data lines, and a line with one dot.
    Multi,
    /// Challenges and responses (RFC 5034 §4), then one status line.
    Sasl,
    /// One status line, then the client sends a message that ends with one dot, then one more status line.
    Upload,
    /// Not known: taken as one line, and nothing waits for more.
    Unknown,
}

/// What a positive reply changes for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that must be followed.
    Nothing,
    /// The session enters the TRANSACTION state.
    Login,
    /// The message is marked as deleted.
    Delete,
    /// No message is marked any more.
    Reset,
    /// The session ends; from TRANSACTION the marked messages go.
    Quit,
    /// The TLS handshake comes next (RFC 2595 §4).
    Tls,
}

/// Where a command comes from and whether servers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every server must have it.
    Required,
    /// Servers may have it; usually a capability says so.
    Optional,
    /// From an older document; rarely seen today.
    Historic,
    /// Made up by one vendor, in no RFC of today.
    Private,
}

impl Command {
    /// The row for a client line (octets, with or without its line end), with the arguments behind the verb.
    ///
    /// The verb is compared without regard to case (RFC 1939 §3), blanks before it are passed over. None for a verb that is not in the table.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<&'static Self> {
        let words = Words::of(line);
        let mut words = words.take(2);
        let first = words.next()?;
        let second = words.next().unwrap_or_default();
        COMMANDS
            .iter()
            .filter(|row| {
                let mut verb = row.verb.split(' ');
                verb.next()
                    .is_some_and(|word| word.as_bytes().eq_ignore_ascii_case(first))
                    && verb
                        .next()
                        .is_none_or(|word| word.as_bytes().eq_ignore_ascii_case(second))
            })
            .max_by_key(|row| row.verb.len())
    }

    /// The row whose verb is `verb`, without regard to case.
    #[must_use]
    pub fn named(verb: &str) -> Option<&'static Self> {
        COMMANDS
            .iter()
            .find(|row| row.verb.eq_ignore_ascii_case(verb))
    }

    /// How many words the verb has.
    #[must_use]
    pub fn verb_words(&self) -> usize {
        self.verb.split(' ').count()
    }

    /// The shape of a positive reply to this command, as typed in `line`.
    #[must_use]
    pub fn shape(&self, line: &[u8]) -> Shape {
        if Words::of(line).count() > self.verb_words() {
            self.with_argument
        } else {
            self.bare
        }
    }

    /// The syntax: the verb and its arguments, optional ones in brackets (`LIST [msg]`).
    #[must_use]
    pub fn syntax(&self) -> String {
        let mut syntax = String::from(self.verb);
        for arg in self.args {
            let (open, close) = if arg.optional { (" [", "]") } else { (" ", "") };
            syntax.push_str(open);
            syntax.push_str(arg.name);
            syntax.push_str(close);
        }
        syntax
    }
}

/// The words of a line of octets: runs without blank, in order. The line end is no word.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of `line`.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    /// The octet offset at which the next word is looked for.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
        let rest = self.line.get(self.at..)?;
        let start = self.at + rest.iter().position(|octet| !blank(octet))?;
        let word = self.line.get(start..)?;
        let length = word.iter().position(blank).unwrap_or(word.len());
        self.at = start + length;
        self.line.get(start..self.at)
    }
}
