//! Reads a typed line: octets for the server, a console command, or a question.

use std::borrow::Cow;

use crate::base::edit_distance::typing_errors;

/// A console command, which poptalk itself carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleCommand {
    /// Its word, after the colon.
    pub word: &'static str,
    /// Its arguments, as help shows them.
    pub args: &'static str,
    /// What it does, one line.
    pub help: &'static str,
    pub(crate) in_scripts: bool,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    Pass,
    Login,
    Auth,
    Apop,
    Page,
    View,
    Save,
    Log,
    Open,
    Close,
    Send,
    Multi,
    Single,
    Hex,
    Time,
    Lint,
    State,
    Tls,
    Why,
    Caps,
    Quit,
    Hint,
    Lesson,
    Next,
    Skip,
    Restart,
    Diagnose,
}

impl ConsoleCommand {
    const fn does(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

/// A command of the console alone.
const fn interactive(word: &'static str, args: &'static str, action: Action) -> ConsoleCommand {
    ConsoleCommand {
        word,
        args,
        help: "",
        in_scripts: false,
        action,
    }
}

/// A command that scripts have, too.
const fn scripted(word: &'static str, args: &'static str, action: Action) -> ConsoleCommand {
    ConsoleCommand {
        in_scripts: true,
        ..interactive(word, args, action)
    }
}

/// Every console command.
pub const CONSOLE_COMMANDS: &[ConsoleCommand] = &[
    scripted("help", "[COMMAND]", Action::Help)
        .does("show this list, or explain a POP3 command (`?retr`, F1)"),
    scripted("pass", "", Action::Pass)
        .does("send PASS, with the password from an option or from a hidden prompt"),
    scripted("login", "[USER] [--dry]", Action::Login)
        .does("log in with the strongest mechanism offered, and explain each line"),
    scripted(
        "auth",
        "MECHANISM [USER] [--dry] [--two-lines]",
        Action::Auth,
    )
    .does("log in with this mechanism; --dry only explains"),
    scripted("apop", "[USER] [--dry]", Action::Apop)
        .does("log in with APOP, and show how the digest is made"),
    interactive("page", "", Action::Page).does("show the last multi-line reply again in the pager"),
    interactive("view", "N", Action::View)
        .does("fetch message N and show it decoded: headers, parts, text"),
    interactive("save", "N[.PART] FILE", Action::Save)
        .does("save message N to FILE, without dot-stuffing; or one part of it, decoded"),
    scripted("log", "[FILE|off]", Action::Log)
        .does("show the transcript's path, switch to FILE, or stop recording"),
    interactive("open", "[HOST[:PORT]] [--trust [SHA256:HEX]]", Action::Open).does(
        "connect again, or to a different server; --trust accepts a certificate for this session",
    ),
    scripted("close", "", Action::Close)
        .does("close the connection without QUIT: nothing is deleted"),
    scripted("send", "TEXT", Action::Send)
        .does(r"send exact octets without adding CRLF (escapes: \r \n \t \0 \xHH \\)"),
    scripted("multi", "VERB", Action::Multi)
        .does("treat replies to VERB as multi-line (ended by a lone dot)"),
    scripted("single", "VERB", Action::Single).does("treat replies to VERB as one line"),
    interactive("hex", "[on|off]", Action::Hex).does("also show each line as octets"),
    interactive("time", "[on|off]", Action::Time).does("show how long each reply took"),
    interactive("lint", "[on|off]", Action::Lint)
        .does("report the rules that a reply breaks, on the line below it"),
    interactive("state", "", Action::State)
        .does("show the session state, TLS, deletions and pending replies"),
    interactive("why", "", Action::Why).does("explain the last reply"),
    interactive("caps", "", Action::Caps)
        .does("compare the CAPA replies before TLS, inside TLS and after login"),
    interactive("tls", "", Action::Tls)
        .does("show the TLS details: version, cipher, key exchange, certificates and any problem"),
    scripted("quit", "", Action::Quit)
        .does("exit poptalk (asks first if deletions are not committed)"),
    interactive("hint", "", Action::Hint).does("in a lesson: show a hint, more detailed each time"),
    interactive("lesson", "", Action::Lesson).does("in a lesson: show the task again"),
    interactive("next", "", Action::Next).does("in a solved lesson: go to the next one (or Enter)"),
    interactive("skip", "", Action::Skip)
        .does("in a lesson: go to the next one without solving it"),
    interactive("restart", "", Action::Restart).does("in a lesson: start over, with all the mail"),
    interactive("diagnose", "ID", Action::Diagnose)
        .does("in a lesson: name what is wrong with the server"),
];

/// The console command that was probably meant by an unknown word, allowing for typing errors.
pub(crate) fn meant(word: &[u8]) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let errors = |command: &&ConsoleCommand| typing_errors(&word, command.word.as_bytes());
    let near = CONSOLE_COMMANDS.iter().min_by_key(errors)?;
    (word.len() > 2 && errors(&near) <= errors_allowed(&word)).then_some(near.word)
}

/// The most typing errors at which this word may still be meant for a different one: in a short
/// word, two leave nothing.
pub(crate) fn errors_allowed(word: &[u8]) -> usize {
    if word.len() > 4 { 2 } else { 1 }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypedLine<'a> {
    /// These octets and CRLF go to the server.
    Wire(Cow<'a, [u8]>),
    /// A console command, with the text after its word.
    ConsoleCommand(&'static ConsoleCommand, &'a [u8]),
    /// A colon and a word that is not in the table.
    Unknown(&'a [u8]),
    /// Help on this topic; an empty one asks for the list.
    Help(&'a [u8]),
}

/// Reads a typed line (octets, without line end). With `is_raw` everything goes to the server.
pub(crate) fn read(line: &[u8], is_raw: bool) -> TypedLine<'_> {
    if is_raw {
        return TypedLine::Wire(Cow::Borrowed(line));
    }
    match line {
        // If doubled, the first octet is for the server.
        [b':', b':', ..] | [b'?', b'?', ..] => {
            TypedLine::Wire(Cow::Borrowed(line.get(1..).unwrap_or_default()))
        }
        [b':', rest @ ..] => {
            let end = rest
                .iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(rest.len());
            let (word, args) = rest.split_at(end);
            match CONSOLE_COMMANDS
                .iter()
                .find(|command| command.word.as_bytes().eq_ignore_ascii_case(word))
            {
                Some(command) => {
                    TypedLine::ConsoleCommand(command, args.get(1..).unwrap_or_default())
                }
                None => TypedLine::Unknown(word),
            }
        }
        [b'?', topic @ ..] => TypedLine::Help(topic.trim_ascii()),
        _ => TypedLine::Wire(Cow::Borrowed(line)),
    }
}

/// The octets that the argument of `:send` describes.
///
/// Errors: the position of an unknown escape, in octets from 0.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut octets = Vec::new();
    let mut at = 0;
    while let Some(octet) = text.get(at) {
        if *octet != b'\\' {
            octets.push(*octet);
            at += 1;
            continue;
        }
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (octet, width) = match text.get(at + 1).ok_or(at)? {
            b'r' => (b'\r', 2),
            b'n' => (b'\n', 2),
            b't' => (b'\t', 2),
            b'0' => (b'\0', 2),
            b'\\' => (b'\\', 2),
            b'x' => {
                let digits = text
                    .get(at + 2..at + 4)
                    .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                (digits.and_then(hex).ok_or(at)?, 4)
            }
            _ => return Err(at),
        };
        octets.push(octet);
        at += width;
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(line: &[u8]) -> Option<Vec<u8>> {
        match read(line, false) {
            TypedLine::Wire(octets) => Some(octets.into_owned()),
            _ => None,
        }
    }

    #[test]
    fn everything_but_colon_and_question_mark_goes_out_as_typed() {
        for line in [
            &b"list"[..],
            b"",
            b" USER x",
            b"Q",
            b"C",
            b"K",
            b"\xff\xfb\x01",
            b" ?list",
            b"PASS a b#c",
        ] {
            assert_eq!(wire(line).as_deref(), Some(line));
        }
        assert_eq!(wire(b"::x").as_deref(), Some(&b":x"[..]));
        assert_eq!(wire(b"??").as_deref(), Some(&b"?"[..]));
        assert_eq!(wire(b"??retr").as_deref(), Some(&b"?retr"[..]));
        assert_eq!(
            read(b"?retr", true),
            TypedLine::Wire(Cow::Borrowed(b"?retr"))
        );
        assert_eq!(
            read(b":quit", true),
            TypedLine::Wire(Cow::Borrowed(b":quit"))
        );
    }

    #[test]
    fn a_word_to_poptalk_is_known_by_its_row() {
        assert!(matches!(
            read(b":LOG a b", false),
            TypedLine::ConsoleCommand(
                ConsoleCommand {
                    action: Action::Log,
                    ..
                },
                b"a b"
            )
        ));
        assert_eq!(read(b":nonsense 1", false), TypedLine::Unknown(b"nonsense"));
        assert_eq!(meant(b"qiut"), Some("quit"));
        assert_eq!(meant(b"nonsense"), None);
        assert_eq!(meant(b"foo"), None);
        assert_eq!(meant(b"loggin"), Some("login"));
    }

    #[test]
    fn a_line_that_starts_with_a_question_mark_asks_for_help() {
        for line in [&b"?retr"[..], b"? retr", b"?\tretr", b"?  retr "] {
            assert_eq!(read(line, false), TypedLine::Help(b"retr"));
        }
        assert_eq!(read(b"?RETR", false), TypedLine::Help(b"RETR"));
        assert_eq!(read(b"?:view", false), TypedLine::Help(b":view"));
        assert_eq!(read(b"?", false), TypedLine::Help(b""));
        assert_eq!(read(b"? ", false), TypedLine::Help(b""));
    }

    #[test]
    fn escapes_of_send() {
        assert_eq!(
            unescape(br"NOOP\r\n\x00\\").as_deref(),
            Ok(&b"NOOP\r\n\0\\"[..])
        );
        assert_eq!(unescape(br"ab\q"), Err(2));
        assert_eq!(unescape(br"\x4"), Err(0));
        assert_eq!(unescape(br"\x+4"), Err(0));
        assert_eq!(unescape(br"\"), Err(0));
    }
}
