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
        says: "a server with AUTH-RESP-CODE says [AUTH] when it refuses credentials",
        hint: "clients can't tell a wrong password from trouble of the server: send the code",
        check: &[Check::Exchange(|ended, known| {
            let is_login = ended.is(Command::logs_in) && ended.has_credentials();
            // PASS without USER is refused for another reason, and so it is where USER was refused.
            let is_asked =
                ended.verb != "PASS" || known.is_behind("USER") && !known.is_behind_refusal();
            let is_promised = known.announces("AUTH-RESP-CODE") == Some(true);
            let is_refused =
                ended.is_err() && ended.code().is_none() && !known.session.is_transaction();
            ended.when(
                is_login && is_asked && is_promised && is_refused,
                "a login is refused without [AUTH]",
            )
        })],
    },
    // RFC 3206 §4: trouble of the server's own.
    Rule {
        id: "server-trouble",
        level: Info,
        source: "RFC 3206 §4",
        says: "SYS says that the server has trouble of its own",
        hint: "SYS/TEMP passes by itself; SYS/PERM needs the administrator; the password is not to blame",
        check: &[Check::Exchange(|ended, _| {
            let code = ended
                .code()
                .filter(|code| code.starts_with("SYS") && ended.is_err())?;
            Some(ended.spot(format!("[{code}]")))
        })],
    },
];
