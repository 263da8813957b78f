//! Faults of what a server offers and accepts: logins, TLS, obsolete and late commands; and of how
//! TOP and RETR send the same message.

use super::FaultAction::{Before, Drop, Edit, Raw, Say};
use super::ServerLineKind::{Data, Greeting, Status, Terminator};
use super::{Fault, on};
use crate::pop3::command::Command;

const UNKNOWN: &str = "-ERR unknown command";

/// RETR, then TOP with all lines, and no LIST before: only the two can be compared.
const BOTH: &str = "CAPA, USER alice, PASS wonderland, RETR 1, TOP 1 99999, QUIT";

const LATE: &str = "USER alice, PASS wonderland, UTF8, AUTH, QUIT";

/// Whether it is the line of the last message and this connection must not show it.
fn is_away(said: &super::Outgoing<'_>) -> bool {
    let is_odd = said.asked.visit % 2 == 1;
    !is_odd && said.asked.args.is_empty() && said.word(0).parse() == Ok(said.asked.count)
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("no-login-offered")
        .says("no login method is offered: no USER, no APOP, no AUTH")
        .steps(&[
            on(Greeting, &[], Say("+OK ready")),
            on(Data, &["CAPA"], Drop).when(|said| matches!(said.word(0), "USER" | "SASL")),
        ])
        .refuse_with(|asked| asked.is_for(Command::is_of_login).then_some(UNKNOWN))
        .typing("CAPA, USER alice, QUIT"),
    Fault::new("neither-capa-nor-stls")
        .says("CAPA and STLS are unknown commands, so logins are unencrypted")
        .finding(&["capa-unsupported", "no-tls-offered"])
        .refuse_with(|asked| matches!(asked.verb.as_str(), "CAPA" | "STLS").then_some(UNKNOWN))
        .typing("CAPA, STLS, USER alice, QUIT")
        .in_clear(),
    Fault::new("stls-refused-later")
        .says("STLS is refused on every second connection")
        .refuse_with(|asked| {
            (asked.verb == "STLS" && asked.visit % 2 == 0).then_some("-ERR TLS is not available")
        })
        .typing("STLS, QUIT")
        .in_clear()
        .because(
            "it shows only across two connections, which `stls-refused-later` of `check` compares",
        ),
    Fault::new("login-delay-not-enforced")
        .says("LOGIN-DELAY 10 is announced, but an immediate second login works")
        .steps(&[
            on(Data, &["CAPA"], Say("LOGIN-DELAY 10")).when(|said| said.word(0) == "LOGIN-DELAY")
        ])
        .typing("CAPA, QUIT")
        .because(
            "it shows only across two logins, which `login-delay-not-enforced` of `check` compares",
        ),
    Fault::new("messages-come-and-go")
        .says("the last message is missing on every second connection")
        .steps(&[
            on(Data, &["LIST", "UIDL"], Drop).when(is_away),
            on(
                Status,
                &["STAT"],
                Edit(|said| {
                    format!(
                        "+OK {} {}",
                        said.asked.count.saturating_sub(1),
                        said.word(2)
                    )
                    .into()
                }),
            )
            .when(|said| said.asked.visit % 2 == 0)
            .where_ok(),
        ])
        .typing("USER alice, PASS wonderland, UIDL, QUIT")
        .because("it shows only across three logins, which `uidl-comes-back` of `check` compares"),
    Fault::new("utf8-accepted-late")
        .says("UTF8 is accepted after login")
        .finding(&["wrong-state-accepted"])
        .steps(
            &[on(Status, &["UTF8"], Say("+OK")).when(|said| said.asked.session.is_transaction())],
        )
        .typing(LATE),
    Fault::new("auth-lists-late")
        .says("AUTH lists its mechanisms even after login")
        .finding(&["wrong-state-accepted"])
        .steps(&[on(Status, &["AUTH"], Raw(b"+OK\r\nCRAM-MD5\r\n.\r\n"))
            .when(|said| said.asked.session.is_transaction() && said.asked.args.is_empty())])
        .typing(LATE),
    Fault::new("auth-lists-more")
        .says("AUTH lists mechanisms that CAPA does not announce")
        .finding(&["capa-hides-working"])
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| said.word(0) == "SASL")])
        .typing("CAPA, AUTH, QUIT"),
    Fault::new("control-octets-echoed")
        .says("the refusal of an unknown command echoes it, control characters included")
        .finding(&["control-bytes-echoed"])
        .steps(&[on(
            Status,
            &[],
            Edit(|said| format!("-ERR unknown command: {}", said.asked.line).into()),
        )
        .when(|said| said.asked.is_nonsense())])
        .typing("FOO\x1b[31mred \x0cpage, QUIT"),
    Fault::new("lf-command-ignored")
        .says("a command that ends with LF alone gets no reply: the server waits for CRLF")
        .finding(&["lf-command-unanswered"])
        .wanting_crlf()
        .typing("CAPA\n"),
    Fault::new("nul-command-ignored")
        .says("a command that contains a NUL gets no reply")
        .steps(&[on(Status, &[], Drop).when(|said| said.asked.line.contains('\0'))])
        .typing("CAPA, QUIT")
        .because("a NUL cannot be typed; the probe `nul-command` of `check` sends one"),
    Fault::new("last-disagrees")
        .says("LAST works, but always says 0, even after a RETR")
        .finding(&["last-works", "last-disagrees"])
        .steps(&[on(Status, &["LAST"], Say("+OK 0")).where_ok()])
        // The inner server does not know LAST.
        .rewriting(|asked| (asked.verb == "LAST").then(|| "NOOP".to_owned()))
        .typing("USER alice, PASS wonderland, RETR 2, LAST, QUIT"),
    Fault::new("retr-adds-blank-line")
        .says("RETR adds an empty line at the end, but TOP does not")
        .finding(&["extra-blank-line-before-end"])
        .steps(&[on(Terminator, &["RETR"], Before(b"\r\n"))])
        .typing(BOTH),
    Fault::new("top-adds-blank-line")
        .says("TOP adds an empty line at the end, but RETR does not")
        .finding(&["extra-blank-line-before-end"])
        .steps(&[on(Terminator, &["TOP"], Before(b"\r\n"))])
        .typing(BOTH),
    Fault::new("retr-doubles-dots-again")
        .says("RETR stuffs a dot twice, but TOP does not")
        .finding(&["double-stuffed"])
        .steps(&[on(Data, &["RETR"], Before(b".")).when(|said| said.text.starts_with(b".."))])
        .typing(BOTH),
    Fault::new("top-doubles-dots-again")
        .says("TOP stuffs a dot twice, but RETR does not")
        .finding(&["double-stuffed"])
        .steps(&[on(Data, &["TOP"], Before(b".")).when(|said| said.text.starts_with(b".."))])
        .typing(BOTH),
    Fault::new("top-changes-body")
        .says("TOP and RETR send different words in a line of the body")
        .finding(&["top-differs-from-retr"])
        .steps(&[
            on(Data, &["TOP"], Say("A line in other words.")).when(|said| said.text == b"A line.")
        ])
        .typing(BOTH),
    Fault::new("dele-still-named")
        .says("LIST with the number of a deleted message gives a size of 0")
        .finding(&["dele-still-listed"])
        .steps(&[on(Status, &["LIST"], Say("+OK 1 0")).when(|said| said.asked.is_about_marked())])
        .typing("USER alice, PASS wonderland, DELE 1, LIST 1, QUIT"),
];
