//! What a command is for, derived from its columns: rules, servers and screens ask this instead of
//! listing verbs.

use super::{ArgumentKind, Command, DataKind, Effect, Provenance, Shape, States};

impl Command {
    /// Whether the data lines of its reply, or those that the client sends after it, are a message:
    /// it names one message and is multi-line.
    pub(crate) fn carries_message(&self) -> bool {
        let names_one = self
            .args
            .first()
            .is_some_and(|arg| arg.kind == ArgumentKind::Message && !arg.optional);
        self.with_argument == Shape::Upload || (names_one && self.with_argument == Shape::Multi)
    }

    /// Whether its reply is a message, or the top of one (RFC 1939 §5, §7). A vendor's own command
    /// has its own format.
    pub(crate) fn fetches_message(&self) -> bool {
        self.carries_message()
            && self.with_argument == Shape::Multi
            && matches!(self.provenance, Provenance::Required | Provenance::Optional)
    }

    pub(crate) fn names_message(&self) -> bool {
        self.args
            .first()
            .is_some_and(|arg| arg.kind == ArgumentKind::Message)
    }

    /// Whether it lists all messages, or only one if a number is given.
    pub(crate) fn lists_messages(&self) -> bool {
        self.names_message() && self.data == DataKind::Listing
    }

    /// Whether every server supports it without arguments, whatever is in the maildrop.
    pub(crate) fn works_in_any_maildrop(&self) -> bool {
        self.provenance == Provenance::Required
            && self.states == States::TRANSACTION
            && self.args.iter().all(|arg| arg.optional)
    }

    pub(crate) fn takes_no_argument(&self) -> bool {
        self.args.is_empty()
    }

    pub(crate) fn takes_secret(&self) -> bool {
        let mut args = self.args.iter();
        args.any(|arg| matches!(arg.kind, ArgumentKind::Secret(_)))
    }

    /// Whether a positive reply logs the client in; this does not exclude the bare AUTH, which only
    /// lists mechanisms.
    pub(crate) fn logs_in(&self) -> bool {
        self.effect == Effect::Login
    }

    pub(crate) fn names_user(&self) -> bool {
        let is_before_login = self.states == States::AUTHORIZATION;
        is_before_login
            && self
                .args
                .first()
                .is_some_and(|arg| arg.kind == ArgumentKind::Name)
    }

    /// Whether it completes the login of the USER before it, and is useless without one.
    pub(crate) fn completes_user(&self) -> bool {
        // The name in RPOP is that of the user on the client's side (RFC 1225).
        let has_name_only = matches!(self.args, [arg] if arg.kind == ArgumentKind::Name);
        let has_secret_only =
            matches!(self.args, [arg] if matches!(arg.kind, ArgumentKind::Secret(_)));
        self.logs_in() && (has_name_only || has_secret_only)
    }

    /// Whether it is one of the commands of a login.
    pub(crate) fn is_of_login(&self) -> bool {
        self.logs_in() || self.names_user()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_is_for_follows_from_its_columns() {
        let verbs = |is: fn(&Command) -> bool| {
            let rows = Command::all().filter(|row| is(row));
            rows.map(|row| row.verb).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(verbs(Command::fetches_message), "RETR TOP");
        assert_eq!(
            verbs(Command::names_message),
            "LIST RETR DELE TOP UIDL *ENV XSENDER"
        );
        assert_eq!(verbs(Command::lists_messages), "LIST UIDL");
        assert_eq!(verbs(Command::works_in_any_maildrop), "STAT LIST NOOP RSET");
        assert_eq!(verbs(Command::takes_secret), "PASS APOP AUTH");
        assert_eq!(verbs(Command::logs_in), "PASS APOP AUTH RPOP");
        assert_eq!(verbs(Command::names_user), "USER APOP RPOP");
        assert_eq!(verbs(Command::completes_user), "PASS RPOP");
        assert_eq!(verbs(Command::is_of_login), "USER PASS APOP AUTH RPOP");
        assert_eq!(
            verbs(Command::takes_no_argument),
            "STAT NOOP RSET QUIT CAPA STLS UTF8 LAST XTND XMIT HELP STARTTLS"
        );
    }
}
