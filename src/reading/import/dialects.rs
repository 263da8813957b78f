//! Logs in which a mark says which side sent a line: a row for each program. `marked` reads them
//! all.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Format;

/// How a log writes the octets of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As they are, without their line end.
    Plain,
    /// As they are; where the log's lines have a CR, it is the wire's.
    WithCr,
    /// As a string literal of Python, Ruby or JavaScript, without line end when the client sends
    /// it.
    Literal,
    /// With `[nl]` for each line end but the last.
    Nl,
    /// With `<EOL>` for each line end.
    Eol,
}

/// What a line that is not of either side says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// The server: groups `host`, `port`, and `tls` if TLS comes first.
    Server,
    /// The connection is up: groups as for `Server`.
    Connected,
    /// TLS is on: groups `version`, `cipher`.
    Tls,
    /// The handshake failed: group `why`.
    TlsFailed,
    LoginLeftOut,
    ClosedByClient,
}

#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) format: Format,
    /// The program, for the head `imported`.
    pub(super) program: &'static str,
    /// A line that only such a log has.
    sign: &'static str,
    /// The lines of the client and the server. Groups: `line` (the octets), `t` (a time), `id`
    /// (which connection).
    client: &'static str,
    server: &'static str,
    pub(super) coding: Coding,
    /// A line without a mark inside a multi-line reply is the server's.
    pub(super) is_continued: bool,
    pub(super) lacks_data: bool,
    /// The program is a mail client or a server that may leave the login out of the log.
    pub(super) hides_login: bool,
    notes: &'static [(Note, &'static str)],
    skip: &'static str,
}

const BASE: Dialect = Dialect {
    format: Format::Lines,
    program: "",
    sign: "",
    client: "",
    server: "",
    coding: Coding::Plain,
    is_continued: false,
    lacks_data: false,
    hides_login: false,
    notes: &[],
    skip: "",
};

/// A log of which the user gives the marks.
pub(super) const BY_MARKS: Dialect = Dialect {
    program: "lines by their marks",
    is_continued: true,
    lacks_data: true,
    ..BASE
};

/// What `{t}` in a pattern means: a date and a time, in brackets or not, or nothing.
const STAMP: &str =
    r"(?:\[?(?P<t>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?UTC|Z)?)\]?[ :-]*)?";

/// The first row whose sign a log has is its own: the more particular come first.
#[rustfmt::skip]
const DIALECTS: &[Dialect] = &[
    Dialect {
        format: Format::Hmailserver,
        program: "hMailServer's log",
        hides_login: true,
        sign: r#"^"POP3D"\t"#,
        client: r#"^"POP3D"\t\d+\t(?P<id>\d+)\t"(?P<t>[^"]*)"\t"[^"]*"\t"RECEIVED: (?P<line>.*)"$"#,
        server: r#"^"POP3D"\t\d+\t(?P<id>\d+)\t"(?P<t>[^"]*)"\t"[^"]*"\t"SENT: (?P<line>.*)"$"#,
        coding: Coding::Nl,
        lacks_data: true,
        skip: r#"^"(?:[A-Z0-9]+)"\t"#,
        ..BASE
    },
    Dialect {
        format: Format::Hmailserver,
        program: "hMailServer's log of fetching from another server",
        hides_login: true,
        sign: r#"^"POP3C"\t"#,
        client: r#"^"POP3C"\t\d+\t(?P<id>\d+)\t"(?P<t>[^"]*)"\t"[^"]*"\t"SENT: (?P<line>.*)"$"#,
        server: r#"^"POP3C"\t\d+\t(?P<id>\d+)\t"(?P<t>[^"]*)"\t"[^"]*"\t"RECEIVED: (?P<line>.*)"$"#,
        coding: Coding::Nl,
        lacks_data: true,
        skip: r#"^"(?:[A-Z0-9]+)"\t"#,
        ..BASE
    },
    Dialect {
        format: Format::Davmail,
        program: "DavMail's log",
        hides_login: true,
        sign: r"\[PopConnection-",
        client: r"^(?P<t>[-\d]+ [\d:,]+) +\w+ +\[(?P<id>PopConnection-[^\]]*)\] davmail +- < ?(?P<line>.*)$",
        server: r"^(?P<t>[-\d]+ [\d:,]+) +\w+ +\[(?P<id>PopConnection-[^\]]*)\] davmail +- > ?(?P<line>.*)$",
        lacks_data: true,
        ..BASE
    },
    Dialect {
        format: Format::NetPop3,
        program: "Perl's Net::POP3 with Debug",
        sign: r"^[\w:]+=GLOB\(0x[0-9a-f]+\)(?:>>>|<<<)",
        client: r"^[\w:]+=GLOB\((?P<id>0x[0-9a-f]+)\)>>> ?(?P<line>.*)$",
        server: r"^[\w:]+=GLOB\((?P<id>0x[0-9a-f]+)\)<<< ?(?P<line>.*)$",
        lacks_data: true,
        skip: r"^[\w:]+>>> ",
        ..BASE
    },
    Dialect {
        format: Format::Poplib,
        program: "Python's poplib, debug level 2",
        sign: r"^\*put\* ",
        client: r#"^\*put\* b?['"](?P<line>.*)['"]$"#,
        server: r#"^\*get\* b?['"](?P<line>.*)['"]$"#,
        coding: Coding::Literal,
        skip: r"^\*(?:cmd|resp|stat|welcome)\* ",
        ..BASE
    },
    Dialect {
        format: Format::Poplib,
        program: "Python's poplib, debug level 1, which shows no line of the server",
        sign: r"^\*cmd\* ",
        client: r#"^\*cmd\* b?['"](?P<line>.*)['"]$"#,
        server: r#"^\*get\* b?['"](?P<line>.*)['"]$"#,
        coding: Coding::Literal,
        skip: r"^\*(?:resp|stat|welcome)\* ",
        ..BASE
    },
    Dialect {
        format: Format::Ruby,
        program: "Ruby's Net::POP3 with set_debug_output",
        sign: r#"^(?:-> "[+-]|<- "[A-Za-z]{3,4}\b.*\\r\\n"$|POP session started: )"#,
        client: r#"^<- "(?P<line>.*)"$"#,
        server: r#"^-> "(?P<line>.*)"$"#,
        coding: Coding::Literal,
        lacks_data: true,
        notes: &[(Note::Connected, r"^POP session started: (?P<host>.+):(?P<port>\d+) \(")],
        skip: r"^(?:reading message\.\.\.|read message \()",
        ..BASE
    },
    Dialect {
        format: Format::NodePoplib,
        program: "node-poplib with debug",
        sign: r"^(?:Server: '[+-]|Client: ')",
        client: r"^Client: '(?P<line>.*)'$",
        server: r"^Server: '(?P<line>.*)'$",
        coding: Coding::Literal,
        ..BASE
    },
    Dialect {
        format: Format::Mutt,
        program: "mutt's or NeoMutt's debug log",
        hides_login: true,
        sign: r"^(?:\[[-\d]+ [\d:]+\](?:<\d+>)? (?:\w+\(\) )?)\d+[<>] ",
        client: r"^\[(?P<t>[-\d]+ [\d:]+)\](?:<\d+>)? (?:\w+\(\) )?\d*> (?P<line>.*)$",
        server: r"^\[(?P<t>[-\d]+ [\d:]+)\](?:<\d+>)? (?:\w+\(\) )?\d+< (?P<line>.*)$",
        notes: &[
            (Note::Connected, r"\](?:<\d+>)? (?:\w+\(\) )?Connected to (?P<host>\S+):(?P<port>\d+) on fd"),
            (Note::Tls, r"SSL/TLS connection using (?P<version>[\w.]+) \((?P<cipher>[^)]*)\)"),
            (Note::Tls, r"(?P<version>TLS ?[\d.]+) connection using (?P<cipher>\S+)"),
            (Note::TlsFailed, r"(?P<why>Could not negotiate TLS connection)"),
        ],
        skip: r"^\[[-\d]+ [\d:]+\]",
        ..BASE
    },
    Dialect {
        format: Format::Mpop,
        program: "mpop --debug",
        hides_login: true,
        sign: r"^<-- (?:\+OK|-ERR)",
        client: r"^--> ?(?P<line>.*)$",
        server: r"^<-- ?(?P<line>.*)$",
        notes: &[
            (Note::Server, r"^host += (?P<host>.*)$"),
            (Note::Server, r"^port += (?P<port>\d+)$"),
            (Note::Tls, r"^ +\((?P<version>TLS[\d.]+)\)-.*-\((?P<cipher>[^()]*)\)$"),
        ],
        skip: r"^(?:[\w ]+ += |TLS (?:session|certificate) |    )",
        ..BASE
    },
    Dialect {
        format: Format::Claws,
        program: "the network log of Claws Mail or Sylpheed",
        hides_login: true,
        sign: r"^(?:\[[\d:]+\] ?|\* )POP3?[<>] ",
        client: r"^(?:\[(?P<t>[\d:]+)\] ?|\* )POP3?> ?(?P<line>.*)$",
        server: r"^(?:\[(?P<t>[\d:]+)\] ?|\* )POP3?< ?(?P<line>.*)$",
        lacks_data: true,
        notes: &[(Note::Server, r"onnecting to POP3 server: (?P<host>\S+?):(?P<port>\d+)")],
        ..BASE
    },
    Dialect {
        format: Format::Outlook,
        program: "the POP3 log of Outlook or Outlook Express",
        hides_login: true,
        sign: r"POP3: [\d:]+ \[(?:rx|tx)\]",
        client: r"POP3: (?P<t>[\d:]+) \[tx\] ?(?P<line>.*)$",
        server: r"POP3: (?P<t>[\d:]+) \[rx\] ?(?P<line>.*)$",
        lacks_data: true,
        ..BASE
    },
    Dialect {
        format: Format::Yam,
        program: "YAM's log",
        hides_login: true,
        sign: r"^(?:SERVER|CLIENT)\[\d+\]: ",
        client: r"^CLIENT\[\d+\]: (?P<line>.*)$",
        server: r"^SERVER\[\d+\]: (?P<line>.*)$",
        ..BASE
    },
    Dialect {
        format: Format::Indy,
        program: "Indy's TIdLogFile",
        sign: r"^(?:Recv|Sent) .*<EOL>$",
        client: r"^Sent (?P<t>.*?): (?P<line>.*)$",
        server: r"^Recv (?P<t>.*?): (?P<line>.*)$",
        coding: Coding::Eol,
        notes: &[(Note::ClosedByClient, r"^Stat .*Disconnected\.")],
        skip: r"^Stat ",
        ..BASE
    },
    Dialect {
        format: Format::Indy,
        program: "a log with `S:` for sent and `R:` for received, as Delphi programs write it",
        sign: r"^R: ?(?:\+OK|-ERR)",
        client: r"^S: ?(?P<line>.*)$",
        server: r"^R: ?(?P<line>.*)$",
        is_continued: true,
        ..BASE
    },
    Dialect {
        format: Format::Javamail,
        program: "JavaMail's or Jakarta Mail's debug log",
        hides_login: true,
        sign: r"^DEBUG(?: POP3)?: ",
        client: r"^C: ?(?P<line>.*)$",
        server: r"^S: ?(?P<line>.*)$",
        is_continued: true,
        notes: &[
            (Note::Server, r#"^DEBUG POP3: connecting to host "(?P<host>[^"]*)", port (?P<port>\d+), isSSL (?:(?P<tls>true)|false)"#),
            (Note::LoginLeftOut, r"^DEBUG POP3: authentication command trace suppressed"),
        ],
        skip: r"^DEBUG(?: POP3)?: (?:setDebug|getProvider|mail\.pop3|streamCache|authentication command (?:succeeded|failed))",
        ..BASE
    },
    Dialect {
        format: Format::Wormly,
        program: "Wormly's POP3 test",
        hides_login: true,
        sign: r"^S:(?:\+OK|-ERR)",
        client: r"^C: ?(?P<line>.*)$",
        server: r"^S:(?P<line>.*)$",
        ..BASE
    },
    Dialect {
        format: Format::Mailkit,
        program: "MailKit ProtocolLogger",
        sign: r"^{t}Connected to pops?3?s?://",
        client: r"^{t}C: ?(?P<line>.*)$",
        server: r"^{t}S: ?(?P<line>.*)$",
        coding: Coding::WithCr,
        notes: &[
            (Note::Connected, r"^{t}Connected to pop(?:3?(?P<tls>s)|3?)://(?P<host>\[[^\]]*\]|[^:/?]*)(?::(?P<port>\d+))?"),
        ],
        ..BASE
    },
    Dialect {
        format: Format::Arrows,
        program: "a log with arrows",
        sign: r"^{t}(?:<-|<<<?|<=) ?(?:\+OK|-ERR)",
        client: r"^{t}(?:->|>>>?|=>) ?(?P<line>.*)$",
        server: r"^{t}(?:<-|<<<?|<=) ?(?P<line>.*)$",
        is_continued: true,
        ..BASE
    },
    Dialect {
        format: Format::Arrows,
        program: "a server's log with arrows",
        sign: r"^{t}(?:->|>>>?|=>) ?(?:\+OK|-ERR)",
        client: r"^{t}(?:<-|<<<?|<=) ?(?P<line>.*)$",
        server: r"^{t}(?:->|>>>?|=>) ?(?P<line>.*)$",
        is_continued: true,
        ..BASE
    },
    Dialect {
        format: Format::Arrows,
        program: "a log with `client` and `server` before each line",
        sign: r"^{t}(?i:\[?(?:server|srv)\]? ?[>:]|\[(?:server|srv)\]) ?(?:\+OK|-ERR)",
        client: r"^{t}(?i:\[?(?:client|clt|cli)\]? ?[>:]|\[(?:client|clt|cli)\]) ?(?P<line>.*)$",
        server: r"^{t}(?i:\[?(?:server|srv)\]? ?[>:]|\[(?:server|srv)\]) ?(?P<line>.*)$",
        is_continued: true,
        ..BASE
    },
    Dialect {
        format: Format::Mailkit,
        program: "a log with `C: ` and `S: `, as MailKit's ProtocolLogger writes it",
        sign: r"^{t}S: (?:\+OK|-ERR)",
        client: r"^{t}C: ?(?P<line>.*)$",
        server: r"^{t}S: ?(?P<line>.*)$",
        coding: Coding::WithCr,
        is_continued: true,
        ..BASE
    },
];

#[derive(Debug)]
pub(super) struct ReadyDialect {
    pub(super) dialect: &'static Dialect,
    pub(super) sign: Regex,
    pub(super) client: Regex,
    pub(super) server: Regex,
    pub(super) notes: Vec<(Note, Regex)>,
    pub(super) skip: Option<Regex>,
}

static READY: LazyLock<Vec<ReadyDialect>> =
    LazyLock::new(|| DIALECTS.iter().filter_map(ready).collect());

/// A pattern over octets; `.` is any octet but LF.
fn pattern(text: &str) -> Option<Regex> {
    let text = text.replace("{t}", STAMP);
    Regex::new(&format!("(?-u){text}")).ok()
}

fn ready(dialect: &'static Dialect) -> Option<ReadyDialect> {
    let notes = dialect
        .notes
        .iter()
        .map(|(note, text)| Some((*note, pattern(text)?)));
    Some(ReadyDialect {
        dialect,
        sign: pattern(&format!("(?m){}", dialect.sign.replace('$', "\r?$")))?,
        client: pattern(dialect.client)?,
        server: pattern(dialect.server)?,
        notes: notes.collect::<Option<_>>()?,
        skip: match dialect.skip {
            "" => None,
            skip => Some(pattern(skip)?),
        },
    })
}

impl ReadyDialect {
    pub(super) fn has_sign(&self, text: &[u8]) -> bool {
        self.sign.is_match(text)
    }
}

/// The row whose sign a text has; of one format only, where it is named.
pub(super) fn of_text(text: &[u8], format: Option<Format>) -> Option<&'static ReadyDialect> {
    let rows = READY.iter();
    let mut rows = rows.filter(|row| format.is_none_or(|format| row.dialect.format == format));
    rows.find(|row| row.has_sign(text))
}

/// The last row of a format, which asks for least.
pub(super) fn of_format(format: Format) -> Option<&'static ReadyDialect> {
    READY.iter().rfind(|row| row.dialect.format == format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_patterns_that_hold_a_line() {
        assert_eq!(READY.len(), DIALECTS.len());
        for row in READY.iter() {
            for side in [&row.client, &row.server] {
                assert!(
                    side.capture_names().any(|name| name == Some("line")),
                    "{:?}",
                    row.dialect
                );
            }
        }
    }
}
