//! The command table: the one place that knows a POP3 command. Completion, hints, help, the length
//! of a reply, what is hidden and what is compared are all derived from a row.

mod extensions;
mod historic;
mod private;
mod purpose;
mod rfc1939;
mod shape;

pub use shape::Shape;

/// One POP3 command: its syntax, where it is allowed, the shape of its reply, and what a learner
/// should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// The keyword in upper case; two words with one space if the second one decides the reply
    /// (`XTND XMIT`).
    pub verb: &'static str,
    pub(crate) args: &'static [Arg],
    /// Where the protocol allows it.
    pub states: States,
    /// The shape of a positive reply to the verb alone.
    pub(crate) bare: Shape,
    /// The shape of a positive reply to the verb with at least one argument.
    pub(crate) with_argument: Shape,
    /// What a positive reply changes in the session; a listing, such as that of the bare `AUTH`,
    /// changes nothing.
    pub(crate) effect: Effect,
    /// Whether another command may be sent before this one is answered (RFC 2449 §6.6).
    pub(crate) pipelines: bool,
    /// The fields of a positive status line, in order, and of each line of a listing; used for
    /// comparison.
    pub(crate) fields: &'static [&'static str],
    /// What the data of its multi-line reply, or the message that it sends, is; used for
    /// comparison.
    pub(crate) data: DataKind,
    pub(crate) provenance: Provenance,
    /// The document and section that define it.
    pub source: &'static str,
    /// What it does, in one line of at most 60 characters, lower case, no full stop.
    pub help: &'static str,
    /// What a learner should know: paragraphs of text, separated by blank lines; the caller wraps
    /// them.
    pub(crate) about: &'static str,
    /// An exchange as a transcript (`transcripts/commands/`).
    pub(crate) example: &'static str,
}

/// The columns of a command that gets one line, changes nothing and takes no arguments. A row names
/// what differs.
const SINGLE: Command = Command {
    verb: "",
    args: &[],
    states: States::BOTH,
    bare: Shape::Single,
    with_argument: Shape::Single,
    effect: Effect::Nothing,
    pipelines: true,
    fields: &[],
    data: DataKind::Nothing,
    provenance: Provenance::Optional,
    source: "",
    help: "",
    about: "",
    example: "",
};

/// As `SINGLE`, but a multi-line reply follows, whatever the arguments.
const MULTI: Command = Command {
    bare: Shape::Multi,
    with_argument: Shape::Multi,
    ..SINGLE
};

/// The SASL mechanisms with a single response: no challenge follows (RFC 4422 §5).
pub(crate) const ONE_STEP_MECHANISMS: &[&str] =
    &["PLAIN", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arg {
    /// Its name in the syntax, from the RFC.
    pub(crate) name: &'static str,
    pub(crate) kind: ArgumentKind,
    pub(crate) optional: bool,
}

impl Arg {
    const fn required(name: &'static str, kind: ArgumentKind) -> Self {
        Self {
            name,
            kind,
            optional: false,
        }
    }

    const fn optional(name: &'static str, kind: ArgumentKind) -> Self {
        Self {
            optional: true,
            ..Self::required(name, kind)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    /// A message number (RFC 1939 §4).
    Message,
    /// A count of lines (RFC 1939 §7, TOP).
    Lines,
    Name,
    /// The name of a SASL mechanism (RFC 5034 §4).
    Mechanism,
    /// A language tag or `*` (RFC 6856 §3.1).
    Language,
    /// Secret: never shown, kept or stored. It runs to the end of the line; the text is the name of
    /// the hole that replaces it.
    Secret(&'static str),
    Text,
}

/// The states of a session in which a command is allowed (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States {
    /// Before login.
    pub authorization: bool,
    /// After login.
    pub transaction: bool,
}

impl States {
    /// Only before login.
    pub(crate) const AUTHORIZATION: Self = Self {
        authorization: true,
        transaction: false,
    };
    /// Only after login.
    pub(crate) const TRANSACTION: Self = Self {
        authorization: false,
        transaction: true,
    };
    /// In both states.
    pub(crate) const BOTH: Self = Self {
        authorization: true,
        transaction: true,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DataKind {
    Nothing,
    /// Lines in which every octet counts, in order: a message.
    Lines,
    /// A listing: each line begins with the fields of the row; text after them has no meaning.
    Listing,
    /// Lines whose order and case have no meaning (RFC 2449 §3).
    Set,
    /// Text for people, or in a format known only to the vendor.
    Free,
}

/// What a positive reply changes in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that needs tracking.
    Nothing,
    /// The session enters the TRANSACTION state.
    Login,
    Delete,
    Reset,
    /// The session ends; in the TRANSACTION state the marked messages are removed.
    Quit,
    /// The TLS handshake comes next (RFC 2595 §4).
    Tls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    Required,
    /// Servers may have it; usually a capability announces it.
    Optional,
    /// From an older document; rarely seen today.
    Historic,
    /// Specific to one vendor, in no current RFC.
    Private,
    /// A command of other protocols that people type here; its row says so.
    Foreign,
}

impl Command {
    /// Every command that poptalk knows, in the order in which a learner meets them.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [
            rfc1939::ROWS,
            extensions::ROWS,
            historic::ROWS,
            private::ROWS,
        ]
        .into_iter()
        .flatten()
    }

    /// The row for a client line (octets, with or without its line end), even with arguments.
    ///
    /// The verb is compared without regard to case (RFC 1939 §3); spaces before it are ignored.
    /// None for a verb that is not in the table.
    pub(crate) fn of_line(line: &[u8]) -> Option<&'static Self> {
        let words = Words::of(line);
        let mut words = words.take(2);
        let first = words.next()?;
        let second = words.next().unwrap_or_default();
        Self::all()
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
    pub(crate) fn named(verb: &str) -> Option<&'static Self> {
        Self::all().find(|row| row.verb.eq_ignore_ascii_case(verb))
    }

    pub(crate) fn verb_words(&self) -> usize {
        self.verb.split(' ').count()
    }

    /// The shape of a positive reply to this command, as typed in `line`.
    pub(crate) fn shape(&self, line: &[u8]) -> Shape {
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

/// The words of a line of octets: runs without spaces, in order. The line end is not a word.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    /// The octet offset at which the search for the next word starts.
    pub(crate) fn offset(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(line: &[u8]) -> Option<&'static str> {
        Command::of_line(line).map(|row| row.verb)
    }

    fn row(verb: &str) -> &'static Command {
        Command::named(verb).unwrap_or_else(|| panic!("no row for {verb}"))
    }

    /// The rows of an example: who speaks (`C` or `S`) and the text; prose, events and blank lines
    /// are left out.
    fn spoken(example: &str) -> Vec<(char, &str)> {
        let mut rows = Vec::new();
        for line in example.lines() {
            if let Some(text) = line.strip_prefix("C:") {
                rows.push(('C', text.strip_prefix(' ').unwrap_or(text)));
            } else if let Some(text) = line.strip_prefix("S:") {
                rows.push(('S', text.strip_prefix(' ').unwrap_or(text)));
            } else {
                assert!(
                    line.is_empty() || line.starts_with('#') || line.starts_with("* "),
                    "not a row: `{line}`"
                );
            }
        }
        rows
    }

    /// Reads one exchange off the front of an example, in the shape that the table tells.
    fn exchange(rows: &mut std::slice::Iter<'_, (char, &str)>) -> Option<()> {
        let &(who, line) = rows.next()?;
        assert_eq!(who, 'C', "the server speaks unasked: `{line}`");
        let sent = Command::of_line(line.as_bytes()).unwrap();
        let shape = sent.shape(line.as_bytes());
        let mut status = next(rows, 'S');
        while shape == Shape::Sasl && (status.starts_with("+ ") || status == r"+\s") {
            next(rows, 'C');
            status = next(rows, 'S');
        }
        if status == "+OK" || status.starts_with("+OK ") {
            match shape {
                Shape::Multi => data(rows, 'S'),
                Shape::Upload => {
                    data(rows, 'C');
                    next(rows, 'S');
                }
                _ => {}
            }
        } else {
            assert!(status.starts_with("-ERR "), "no status line: `{status}`");
        }
        Some(())
    }

    fn next<'a>(rows: &mut std::slice::Iter<'_, (char, &'a str)>, from: char) -> &'a str {
        let &(who, text) = rows.next().unwrap();
        assert_eq!(who, from, "the wrong side speaks: `{text}`");
        text
    }

    fn data(rows: &mut std::slice::Iter<'_, (char, &str)>, from: char) {
        loop {
            let line = next(rows, from);
            if line == "." {
                return;
            }
            assert!(
                !line.starts_with('.') || line.starts_with(".."),
                "a line that starts with one dot: `{line}`"
            );
        }
    }

    #[test]
    fn every_verb_is_unique_and_in_upper_case() {
        let mut verbs: Vec<_> = Command::all().map(|row| row.verb).collect();
        for verb in &verbs {
            assert_eq!(*verb, verb.to_ascii_uppercase());
            let words: Vec<_> = verb.split(' ').collect();
            assert!(words.len() <= 2 && words.iter().all(|word| !word.is_empty()));
            assert!(verb.bytes().all(|octet| matches!(octet, b' '..=b'~')));
        }
        verbs.sort_unstable();
        let count = verbs.len();
        verbs.dedup();
        assert_eq!(verbs.len(), count);
    }

    #[test]
    fn what_data_is_stands_where_there_is_data() {
        for row in Command::all() {
            let has_data = [row.bare, row.with_argument]
                .iter()
                .any(|shape| matches!(shape, Shape::Multi | Shape::Upload));
            assert_eq!(has_data, row.data != DataKind::Nothing, "{}", row.verb);
            assert!(
                row.data != DataKind::Listing || !row.fields.is_empty(),
                "{}",
                row.verb
            );
        }
    }

    #[test]
    fn every_help_is_a_short_line() {
        for row in Command::all() {
            let help = row.help;
            assert!(
                (1..=60).contains(&help.chars().count()),
                "{}: `{help}`",
                row.verb
            );
            let first = help.chars().next();
            assert!(
                first.is_some_and(|first| first.is_ascii_lowercase()),
                "{}: `{help}`",
                row.verb
            );
            assert!(!help.ends_with('.'), "{}: `{help}`", row.verb);
            assert!(!row.source.is_empty(), "{}: no source", row.verb);
            assert!(!help.contains(char::is_control), "{}: `{help}`", row.verb);
        }
    }

    #[test]
    fn every_about_is_two_to_five_paragraphs() {
        for row in Command::all() {
            let paragraphs: Vec<_> = row.about.split("\n\n").collect();
            assert!((2..=5).contains(&paragraphs.len()), "{}", row.verb);
            for text in paragraphs {
                assert!(!text.is_empty() && text.trim() == text, "{}", row.verb);
                // A line break inside a paragraph is for who shows it; two blanks are a slip at the
                // end of a source line.
                assert!(!text.contains(char::is_control), "{}: `{text}`", row.verb);
                assert!(!text.contains("  "), "{}: `{text}`", row.verb);
                assert!(text.ends_with('.'), "{}: `{text}`", row.verb);
                assert_eq!(text.matches('`').count() % 2, 0, "{}: `{text}`", row.verb);
            }
        }
    }

    #[test]
    fn every_example_shows_its_command_in_its_shape() {
        for row in Command::all() {
            let rows = spoken(row.example);
            let first = rows.iter().find(|(who, _)| *who == 'C').unwrap().1;
            assert_eq!(verb_of(first.as_bytes()), Some(row.verb), "`{first}`");
            let mut rest = rows.iter();
            while exchange(&mut rest).is_some() {}
        }
    }

    #[test]
    fn every_example_is_written_as_the_recorder_would() {
        for row in Command::all() {
            assert!(row.example.ends_with('\n') && !row.example.ends_with("\n\n"));
            for line in row.example.lines() {
                assert!(!line.contains(char::is_control), "{}: `{line}`", row.verb);
                assert_eq!(line.trim_end(), line, "{}: `{line}`", row.verb);
            }
            for (who, text) in spoken(row.example) {
                assert!(!text.replace(r"\s", "").contains('\\'), "`{text}`");
                // The text of a secret stands in no example: its place has the hole of its name.
                let line = text.as_bytes();
                let sent = Command::of_line(line).filter(|_| who == 'C');
                for (index, arg) in sent.map_or(&[][..], |row| row.args).iter().enumerate() {
                    if let ArgumentKind::Secret(hole) = arg.kind
                        && let Some(word) = text.split(' ').nth(index + 1)
                    {
                        assert_eq!(word, format!("{{{{{hole}}}}}"), "{}", row.verb);
                    }
                }
            }
        }
    }

    #[test]
    fn only_what_every_server_must_have_is_required() {
        // RFC 1939 §5 and §6; a login of some kind is required, but none by name (§4).
        let required: Vec<_> = Command::all()
            .filter(|row| row.provenance == Provenance::Required)
            .map(|row| row.verb)
            .collect();
        assert_eq!(
            required,
            ["STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT"]
        );
    }

    #[test]
    fn a_secret_is_the_last_argument() {
        for row in Command::all() {
            let is_secret = |arg: &Arg| matches!(arg.kind, ArgumentKind::Secret(_));
            let after = row.args.iter().skip_while(|arg| !is_secret(arg));
            assert!(after.count() <= 1, "{}", row.verb);
        }
        let holes: Vec<_> = Command::all()
            .flat_map(|row| row.args)
            .filter_map(|arg| match arg.kind {
                ArgumentKind::Secret(hole) => Some(hole),
                _ => None,
            })
            .collect();
        assert_eq!(holes, ["password", "digest", "response"]);
    }

    #[test]
    fn an_optional_argument_is_not_followed_by_a_required_one() {
        for row in Command::all() {
            let after = row.args.iter().skip_while(|arg| !arg.optional);
            assert!(after.clone().all(|arg| arg.optional), "{}", row.verb);
        }
    }

    #[test]
    fn only_what_changes_the_stream_is_waited_for() {
        let waits: Vec<_> = Command::all()
            .filter(|row| !row.pipelines)
            .map(|row| row.verb)
            .collect();
        assert_eq!(
            waits,
            ["QUIT", "STLS", "AUTH", "XTND XMIT", "HELP", "STARTTLS"]
        );
    }

    #[test]
    fn a_line_is_found_by_its_verb_in_any_case() {
        assert_eq!(verb_of(b"list"), Some("LIST"));
        assert_eq!(verb_of(b"  List 1\r\n"), Some("LIST"));
        assert_eq!(verb_of(b"xtnd xmit"), Some("XTND XMIT"));
        assert_eq!(verb_of(b"XTND  Xlst Subject"), Some("XTND XLST"));
        assert_eq!(verb_of(b"XTND foo"), Some("XTND"));
        assert_eq!(verb_of(b"xtnd"), Some("XTND"));
        assert_eq!(verb_of(b"*env 1"), Some("*ENV"));
        assert_eq!(verb_of(b"PASS xmit"), Some("PASS"));
    }

    #[test]
    fn a_line_without_a_known_verb_has_no_row() {
        for line in [
            &b"FOO"[..],
            b"",
            b" ",
            b"\r\n",
            b"LISTS",
            b"LIS",
            b"XMIT",
            b"LIST\0",
            b"\xff\xfe\x00\x1b[31m",
        ] {
            assert_eq!(verb_of(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn the_line_that_was_sent_decides_the_shape() {
        for (line, shape) in [
            (&b"LIST"[..], Shape::Multi),
            (b"LIST \r\n", Shape::Multi),
            (b"list 1", Shape::Single),
            (b"UIDL", Shape::Multi),
            (b"UIDL 1", Shape::Single),
            (b"LANG", Shape::Multi),
            (b"LANG *", Shape::Single),
            (b"AUTH", Shape::Multi),
            (b"AUTH PLAIN", Shape::Sasl),
            (b"AUTH PLAIN AGE=", Shape::Sasl),
            (b"RETR 1", Shape::Multi),
            (b"STAT", Shape::Single),
            (b"XTND XMIT", Shape::Upload),
            (b"XTND BBOARDS", Shape::Multi),
            (b"HELP", Shape::Unknown),
        ] {
            let sent = Command::of_line(line).unwrap();
            assert_eq!(sent.shape(line), shape, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn the_syntax_names_the_arguments() {
        assert_eq!(row("STAT").syntax(), "STAT");
        assert_eq!(row("list").syntax(), "LIST [msg]");
        assert_eq!(row("TOP").syntax(), "TOP msg n");
        assert_eq!(row("PASS").syntax(), "PASS string");
        assert_eq!(row("APOP").syntax(), "APOP name digest");
        assert_eq!(row("AUTH").syntax(), "AUTH mechanism [initial-response]");
        assert_eq!(row("xtnd xlst").syntax(), "XTND XLST header [msg]");
    }

    #[test]
    fn words_are_told_apart_by_blanks_and_line_ends() {
        let words: Vec<_> = Words::of(b" \tTOP  1\t0 \r\n").collect();
        assert_eq!(words, [&b"TOP"[..], b"1", b"0"]);
        let mut words = Words::of(b"PASS a b");
        words.next();
        assert_eq!(words.offset(), 4);
    }
}
