//! RFC 3206: AUTH, SYS/TEMP and SYS/PERM.

use super::{Check, Rule};
use crate::analysis::finding::Level::{Info, Should};
use crate::pop3::command::Command;

pub(super) const RULES: &[Rule] = &[
    // RFC 3206 §6: with AUTH-RESP-CODE every refusal of credentials carries [AUTH].
    Rule {
        id: "resp-code-auth-missing",
        level: Should,
        source: "RFC 3206 §6",
        says: "a server with AUTH-RESP-CODE should send [AUTH] when it refuses credentials",
        hint: "clients cannot distinguish a wrong password from a server problem: send the code",
        check: &[Check::Exchange(|ended, context| {
            let is_login = ended.is(Command::logs_in) && ended.has_credentials();
            // PASS is refused for a different reason if USER is missing or was refused.
            let is_asked =
                ended.verb != "PASS" || context.is_after("USER") && !context.is_after_refusal();
            let is_promised = context.announces("AUTH-RESP-CODE") == Some(true);
            let is_refused =
                ended.is_err() && ended.code().is_none() && !context.session.is_transaction();
            ended.when(
                is_login && is_asked && is_promised && is_refused,
                "the server refused a login without sending [AUTH]",
            )
        })],
    },
    // RFC 3206 §4: problems on the server.
    Rule {
        id: "server-trouble",
        level: Info,
        source: "RFC 3206 §4",
        says: "a response code with SYS reports a problem on the server",
        hint: "the password is not the problem: wait after SYS/TEMP, or ask the administrator after SYS/PERM",
        check: &[Check::Exchange(|ended, _| {
            let code = ended
                .code()
                .filter(|code| code.starts_with("SYS") && ended.is_err())?;
            Some(ended.spot(format!("the server reported [{code}]")))
        })],
    },
];
