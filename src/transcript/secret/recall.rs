//! Finds a secret of the run again in a line that is still being typed.

use std::cell::RefCell;

use super::line::{named, with_holes};
use super::store::Secrets;
use super::values::Values;

/// Knows the secrets that the connections of a run have learned.
#[derive(Default)]
pub(crate) struct Recall {
    secrets: Secrets,
    /// The values, and the version of the store that they were taken from: they are used for each
    /// key.
    values: RefCell<(u64, Values)>,
}

impl std::fmt::Debug for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recall((hidden))")
    }
}

impl Recall {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self {
            secrets: secrets.clone(),
            values: RefCell::default(),
        }
    }

    /// Returns the offset in octets at which the first known secret of a line begins, also one of
    /// which only the first octets have been typed so far, four at least.
    pub(crate) fn place(&self, line: &[u8]) -> Option<usize> {
        self.with(|values| values.first_typed(line))
    }

    /// Whether a message may name the verb of a line: what is not a command may be a password.
    pub(crate) fn may_show(&self, verb: &str) -> bool {
        self.with(|values| values.may_show(verb.as_bytes()))
    }

    /// Returns a text with holes in place of the secrets, for a note on the screen.
    pub(crate) fn hide(&self, text: &str) -> String {
        let found = self.with(|values| values.found(text.as_bytes()));
        named(&with_holes(text.as_bytes(), found))
    }

    #[cfg(test)]
    pub(crate) fn learn(&self, line: &str) {
        self.secrets.learn(
            line.as_bytes(),
            &crate::transcript::secret::Guess::default(),
        );
    }

    fn with<T>(&self, read: impl FnOnce(&Values) -> T) -> T {
        let mut known = self.values.borrow_mut();
        let version = self.secrets.version();
        if known.0 != version {
            let (names, secrets) = self.secrets.at_start();
            *known = (version, Values::of(&names, secrets));
        }
        read(&known.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop3::tracker::{Role, Side};
    use crate::transcript::secret::{Guess, Hider};

    fn after(lines: &[&str]) -> Recall {
        let secrets = Secrets::default();
        let mut hider = Hider::sharing(false, &secrets);
        for line in lines {
            hider.hide(Side::Client, Role::Command, line.as_bytes(), true);
        }
        Recall::new(&secrets)
    }

    #[test]
    fn a_secret_that_is_typed_again_is_found_from_its_fourth_octet_on() {
        let recall = after(&["user alice", "pass geheim99", "pass listener7"]);
        for (line, want) in [
            (":multi geheim99", Some(7)),
            ("? GEHEIM99 and more", Some(2)),
            ("xecho gehe", Some(6)),
            ("xecho geh", None),
            ("xecho gehen", None),
            ("xecho Z2VoZWltOTk=", Some(6)),
            // It is a command so far.
            ("list", None),
            ("liste", Some(0)),
            ("user alice", None),
        ] {
            assert_eq!(recall.place(line.as_bytes()), want, "{line}");
        }
        assert_eq!(recall.hide("`geheim99`: no"), "`{{password}}`: no");
    }

    #[test]
    fn what_is_learnt_later_is_known() {
        let secrets = Secrets::default();
        let recall = Recall::new(&secrets);
        assert_eq!(recall.place(b"geheim99"), None);
        secrets.learn(b"pass geheim99", &Guess::default());
        assert_eq!(recall.place(b"geheim99"), Some(0));
        let mut guess = Guess::default();
        guess.note_sent(b"user alice", Role::Command);
        secrets.learn(b"anders77", &guess);
        assert_eq!(recall.place(b"x anders77"), Some(2));
        let mut hider = Hider::sharing(false, &secrets);
        let told = hider.hide_server(b"+OK geheim99 anders77", true);
        assert_eq!(named(&told), "+OK {{password}} {{password}}");
    }

    #[test]
    fn a_name_that_is_also_the_password_is_shown_where_it_is_the_name() {
        let recall = after(&["user alice", "pass alice"]);
        assert_eq!(recall.place(b"user alice"), None);
        assert_eq!(recall.place(b"? pass alice"), Some(7));
    }
}
