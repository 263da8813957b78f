//! Faults of what a server offers and accepts: logins, TLS, obsolete and late commands; and of how
//! TOP and RETR send the same message.

use super::Does::{Before, Drop, Edit, Say};
use super::ServerLineKind::{Data, Greeting, Status, Terminator};
use super::{Fault, FaultStep};
use crate::pop3::command::Command;

const UNKNOWN: &str = "-ERR unknown command";

/// RETR, then TOP with all lines, and no LIST before: only the two can be compared.
const BOTH: &[&str] = &[
    "CAPA",
    "USER alice",
    "PASS wonderland",
    "RETR 1",
    "TOP 1 99999",
    "QUIT",
];

const LATE: &[&str] = &["USER alice", "PASS wonderland", "UTF8", "AUTH", "QUIT"];

/// Whether it is the line of the last message and this connection must not show it.
fn is_away(said: &super::Outgoing<'_>) -> bool {
    let is_odd = said.asked.visit % 2 == 1;
    !is_odd && said.asked.args.is_empty() && said.word(0).parse() == Ok(said.asked.count)
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "no-login-offered",
        "no login method is offered: no USER, no APOP, no AUTH",
        &["no-login-offered"],
        &[
            FaultStep::new(Greeting, &[], Say("+OK ready")),
            FaultStep::new(Data, &["CAPA"], Drop)
                .when(|said| matches!(said.word(0), "USER" | "SASL")),
        ],
    )
    .refusing(|asked| asked.is_for(Command::is_of_login).then_some(UNKNOWN))
    .typing(&["CAPA", "USER alice", "QUIT"]),
    Fault::new(
        "neither-capa-nor-stls",
        "CAPA and STLS are unknown commands, so logins are unencrypted",
        &["capa-unsupported", "no-tls-offered"],
        &[],
    )
    .refusing(|asked| matches!(asked.verb.as_str(), "CAPA" | "STLS").then_some(UNKNOWN))
    .typing(&["CAPA", "STLS", "USER alice", "QUIT"])
    .in_clear(),
    Fault::new(
        "stls-refused-later",
        "STLS is refused on every second connection",
        &[],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "STLS" && asked.visit % 2 == 0).then_some("-ERR TLS is not available")
    })
    .typing(&["STLS", "QUIT"])
    .in_clear()
    .because(
        "it shows only across two connections, which `stls-refused-later` of `check` compares",
    ),
    Fault::new(
        "login-delay-not-enforced",
        "LOGIN-DELAY 10 is announced, but an immediate second login works",
        &[],
        &[FaultStep::new(Data, &["CAPA"], Say("LOGIN-DELAY 10"))
            .when(|said| said.word(0) == "LOGIN-DELAY")],
    )
    .typing(&["CAPA", "QUIT"])
    .because(
        "it shows only across two logins, which `login-delay-not-enforced` of `check` compares",
    ),
    Fault::new(
        "messages-come-and-go",
        "the last message is missing on every second connection",
        &[],
        &[
            FaultStep::new(Data, &["LIST", "UIDL"], Drop).when(is_away),
            FaultStep::new(
                Status,
                &["STAT"],
                Edit(|said, out| {
                    let count = said.asked.count.saturating_sub(1);
                    out.extend_from_slice(format!("+OK {count} {}\r\n", said.word(2)).as_bytes());
                }),
            )
            .when(|said| said.asked.visit % 2 == 0)
            .where_ok(),
        ],
    )
    .typing(&["USER alice", "PASS wonderland", "UIDL", "QUIT"])
    .because("it shows only across three logins, which `uidl-comes-back` of `check` compares"),
    Fault::new(
        "utf8-accepted-late",
        "UTF8 is accepted after login",
        &["wrong-state-accepted"],
        &[FaultStep::new(Status, &["UTF8"], Say("+OK"))
            .when(|said| said.asked.session.is_transaction())],
    )
    .typing(LATE),
    Fault::new(
        "auth-lists-late",
        "AUTH lists its mechanisms even after login",
        &["wrong-state-accepted"],
        &[FaultStep::new(
            Status,
            &["AUTH"],
            super::Does::Raw(b"+OK\r\nCRAM-MD5\r\n.\r\n"),
        )
        .when(|said| said.asked.session.is_transaction() && said.asked.args.is_empty())],
    )
    .typing(LATE),
    Fault::new(
        "auth-lists-more",
        "AUTH lists mechanisms that CAPA does not announce",
        &["capa-hides-working"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| said.word(0) == "SASL")],
    )
    .typing(&["CAPA", "AUTH", "QUIT"]),
    Fault::new(
        "control-octets-echoed",
        "the refusal of an unknown command echoes it, control characters included",
        &["control-bytes-echoed"],
        &[FaultStep::new(
            Status,
            &[],
            Edit(|said, out| {
                out.extend_from_slice(b"-ERR unknown command: ");
                out.extend_from_slice(said.asked.line.as_bytes());
                out.extend_from_slice(b"\r\n");
            }),
        )
        .when(|said| said.asked.is_nonsense())],
    )
    .typing(&["FOO\x1b[31mred \x0cpage", "QUIT"]),
    Fault::new(
        "lf-command-ignored",
        "a command that ends with LF alone gets no reply: the server waits for CRLF",
        &["lf-command-unanswered"],
        &[],
    )
    .wanting_crlf()
    .typing(&["CAPA\n"]),
    Fault::new(
        "nul-command-ignored",
        "a command that contains a NUL gets no reply",
        &[],
        &[FaultStep::new(Status, &[], Drop).when(|said| said.asked.line.contains('\0'))],
    )
    .typing(&["CAPA", "QUIT"])
    .because("a NUL cannot be typed; the probe `nul-command` of `check` sends one"),
    Fault::new(
        "last-disagrees",
        "LAST works, but always says 0, even after a RETR",
        &["last-works", "last-disagrees"],
        &[FaultStep::new(Status, &["LAST"], Say("+OK 0")).where_ok()],
    )
    // The inner server does not know LAST.
    .hearing(|asked| (asked.verb == "LAST").then(|| "NOOP".to_owned()))
    .typing(&["USER alice", "PASS wonderland", "RETR 2", "LAST", "QUIT"]),
    Fault::new(
        "retr-adds-blank-line",
        "RETR adds an empty line at the end, but TOP does not",
        &["extra-blank-line-before-end"],
        &[FaultStep::new(Terminator, &["RETR"], Before(b"\r\n"))],
    )
    .typing(BOTH),
    Fault::new(
        "top-adds-blank-line",
        "TOP adds an empty line at the end, but RETR does not",
        &["extra-blank-line-before-end"],
        &[FaultStep::new(Terminator, &["TOP"], Before(b"\r\n"))],
    )
    .typing(BOTH),
    Fault::new(
        "retr-doubles-dots-again",
        "RETR stuffs a dot twice, but TOP does not",
        &["double-stuffed"],
        &[FaultStep::new(Data, &["RETR"], Before(b".")).when(|said| said.text.starts_with(b".."))],
    )
    .typing(BOTH),
    Fault::new(
        "top-doubles-dots-again",
        "TOP stuffs a dot twice, but RETR does not",
        &["double-stuffed"],
        &[FaultStep::new(Data, &["TOP"], Before(b".")).when(|said| said.text.starts_with(b".."))],
    )
    .typing(BOTH),
    Fault::new(
        "top-changes-body",
        "TOP and RETR send different words in a line of the body",
        &["top-differs-from-retr"],
        &[
            FaultStep::new(Data, &["TOP"], Say("A line in other words."))
                .when(|said| said.text == b"A line."),
        ],
    )
    .typing(BOTH),
    Fault::new(
        "dele-still-named",
        "LIST with the number of a deleted message gives a size of 0",
        &["dele-still-listed"],
        &[FaultStep::new(Status, &["LIST"], Say("+OK 1 0"))
            .when(|said| said.asked.is_about_marked())],
    )
    .typing(&["USER alice", "PASS wonderland", "DELE 1", "LIST 1", "QUIT"]),
];
