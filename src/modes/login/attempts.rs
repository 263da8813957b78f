//! The order in which login methods are tried, and what a refusal says about the password.

use crate::pop3::sasl::{Mechanism, SaslError};
use crate::pop3::session::SessionState;

/// A script tries no more methods than this: each refusal counts as a failed login, and servers
/// lock accounts for those.
pub(crate) const TRIES_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// AUTH with this mechanism (RFC 5034).
    Sasl(&'static Mechanism),
    /// APOP (RFC 1939 §7).
    Apop,
    /// USER and PASS (RFC 1939 §7).
    UserAndPass,
}

impl Attempt {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sasl(row) => row.name,
            Self::Apop => "APOP",
            Self::UserAndPass => "USER and PASS",
        }
    }

    /// Whether a reader of the lines has the password.
    pub(super) fn is_plain(self) -> bool {
        match self {
            Self::Sasl(row) => row.is_plain,
            Self::Apop => false,
            Self::UserAndPass => true,
        }
    }

    /// Whether it is bound to the TLS connection (RFC 5802 §6).
    pub(super) fn is_bound(self) -> bool {
        matches!(self, Self::Sasl(row) if row.name.ends_with("-PLUS"))
    }

    fn is_scram(self) -> bool {
        matches!(self, Self::Sasl(row) if row.name.starts_with("SCRAM-"))
    }

    /// How many responses are sent until the server can judge the password.
    fn responses(self) -> usize {
        match self {
            Self::Sasl(row) if row.name == "LOGIN" => 2,
            _ if self.is_scram() => 2,
            _ => 1,
        }
    }
}

/// Returns the methods with a password that the server offers, in the order to try them.
pub(super) fn offered(session: &SessionState, has_binding: bool, is_tls: bool) -> Vec<Attempt> {
    let mechanisms = Mechanism::offered(&session.mechanisms, has_binding);
    let mut ways: Vec<Attempt> = mechanisms.map(Attempt::Sasl).collect();
    if session.timestamp.is_some() {
        // Without TLS a digest is better than a password that anyone on the network path can read.
        let plain = ways.iter().position(|way| !is_tls && way.is_plain());
        ways.insert(plain.unwrap_or(ways.len()), Attempt::Apop);
    }
    // RFC 2449 §6.2: a list without USER says that USER is not supported. Where nothing else is
    // offered it is tried anyway.
    if offers_user(&session.capabilities) || ways.is_empty() {
        ways.push(Attempt::UserAndPass);
    }
    ways
}

/// Whether USER and PASS may be supported: announced, or nothing is announced (RFC 2449 §6.2).
fn offers_user(capabilities: &[String]) -> bool {
    let tags = capabilities.iter();
    let mut tags = tags.filter_map(|line| line.split_ascii_whitespace().next());
    capabilities.is_empty() || tags.any(|tag| tag.eq_ignore_ascii_case("USER"))
}

/// Whether this may follow a refused method: no second binding after one was refused.
pub(super) fn may_follow(refused: Attempt, next: Attempt) -> bool {
    !(refused.is_bound() && next.is_bound())
}

/// A further try, after a refusal that leaves doubt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NextAttempt {
    pub(crate) name: &'static str,
    pub(crate) refused: usize,
    /// The refusal says more about the password than about the mechanism.
    pub(crate) is_doubtful: bool,
    /// The password would go out where anyone on the network path can read it.
    pub(crate) is_in_clear: bool,
    /// Why it is this one, where that would surprise.
    pub(crate) explanation: Option<&'static str>,
    /// It is weaker than what was refused, by a server that was not verified: a binding or a digest
    /// is given up.
    pub(crate) gives_up_proof: bool,
}

impl NextAttempt {
    /// Returns what is against it: a sentence without a full stop.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        if self.is_in_clear {
            return Some(
                "the next method sends the password unencrypted: anyone on the network path can read it, and an attacker may have sent the refusal of the digest",
            );
        }
        self.gives_up_proof.then_some(
            "this server's certificate was not verified, and an attacker on the network path could refuse a safe method to get an unsafe one",
        )
    }
}

#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) attempt: Attempt,
    /// The response code of the reply, upper case (RFC 2449 §8).
    pub(super) code: Option<&'a str>,
    pub(super) responses: usize,
    pub(super) error: Option<&'a SaslError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalMeaning {
    /// The name or the password is wrong: the server says so, and could judge it.
    Wrong,
    /// The server received the password itself, and refuses without a reason.
    Doubtful,
    /// The mechanism is as likely a reason as the password.
    Unclear,
    /// The server could not judge the password, or had none to judge.
    Nothing,
    /// The reason is a different one, and would apply to every other method.
    Elsewhere,
}

impl Refused<'_> {
    /// Returns what it says about the password.
    ///
    /// `[AUTH]` alone proves nothing: RFC 3206 §4 gives it for every trouble with credentials.
    /// Cyrus sends it for a type of binding that it does not support, and Dovecot for a digest when
    /// it stores only a hash of the password.
    pub(super) fn verdict(&self) -> RefusalMeaning {
        if let Some("IN-USE" | "LOGIN-DELAY" | "SYS/TEMP") = self.code {
            return RefusalMeaning::Elsewhere;
        }
        match self.error {
            // RFC 5802 §7.
            Some(SaslError::Told(why))
                if matches!(why.as_str(), "invalid-proof" | "unknown-user") =>
            {
                return RefusalMeaning::Wrong;
            }
            Some(SaslError::Told(_)) => return RefusalMeaning::Unclear,
            Some(_) => return RefusalMeaning::Nothing,
            None => {}
        }
        if self.responses < self.attempt.responses() {
            return match self.attempt.is_bound() || self.attempt.is_scram() {
                // The name was sent, at least.
                true if self.responses > 0 => RefusalMeaning::Unclear,
                _ => RefusalMeaning::Nothing,
            };
        }
        // The password itself, or a proof that the server has made a challenge for.
        let is_judged = self.attempt.is_plain() || self.attempt.is_scram();
        match self.code {
            Some("AUTH") if is_judged && !self.attempt.is_bound() => RefusalMeaning::Wrong,
            _ if self.attempt.is_plain() => RefusalMeaning::Doubtful,
            _ => RefusalMeaning::Unclear,
        }
    }

    pub(super) fn says(&self) -> String {
        let name = self.attempt.name();
        match self.verdict() {
            RefusalMeaning::Wrong => {
                format!("{name}: the server says that the name or the password is wrong")
            }
            RefusalMeaning::Doubtful => format!(
                "{name}: the server received the password itself and refused it: the name or the password may be wrong, or logins are not allowed now"
            ),
            RefusalMeaning::Nothing => {
                format!("{name}: no password was sent, so this says nothing about yours")
            }
            RefusalMeaning::Elsewhere => format!(
                "{name}: refused for a different reason ([{}]): this says nothing about the password",
                self.code.unwrap_or_default()
            ),
            RefusalMeaning::Unclear if self.attempt.is_bound() => format!(
                "{name}: the channel binding may be the reason, not the password: some servers support only `tls-unique`, poptalk only `tls-server-end-point` (RFC 5929)"
            ),
            RefusalMeaning::Unclear if self.attempt == Attempt::Apop => format!(
                "{name}: the password may still be right: many servers greet with a timestamp but can't do APOP, which requires them to store the password itself (RFC 1939 §7)"
            ),
            RefusalMeaning::Unclear => format!(
                "{name}: the password may still be right: the server may store it in a form that this mechanism can't use"
            ),
        }
    }

    /// Returns why the next method is this one, where that would surprise.
    pub(super) fn explains(&self, next: Attempt) -> Option<&'static str> {
        let is_unbound = self.attempt.is_bound() && next.is_scram();
        is_unbound.then_some(
            "no channel binding this time, marked by `n,,`; `y,,` would claim that the server offers none, and a server that does must treat that as an attack (RFC 5802 §6)",
        )
    }
}

/// The response code at the start of a status line's text, upper case (RFC 2449 §8).
pub(super) fn code(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line.strip_prefix(b"-ERR ")?).ok()?;
    let (code, _) = text.strip_prefix('[')?.split_once(']')?;
    Some(code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(mechanisms: &[&str], timestamp: Option<&str>) -> SessionState {
        let mut session = SessionState::default();
        session.mechanisms = mechanisms.iter().map(|name| (*name).to_owned()).collect();
        session.timestamp = timestamp.map(|stamp| stamp.as_bytes().to_vec());
        session
    }

    fn names(session: &SessionState, is_tls: bool) -> Vec<&'static str> {
        let ways = offered(session, true, is_tls).into_iter();
        ways.map(Attempt::name).collect()
    }

    fn sasl(name: &str) -> Attempt {
        Attempt::Sasl(Mechanism::named(name).unwrap())
    }

    fn verdict(attempt: Attempt, code: Option<&str>, responses: usize) -> RefusalMeaning {
        Refused {
            attempt,
            code,
            responses,
            error: None,
        }
        .verdict()
    }

    #[test]
    fn the_strongest_comes_first_and_a_digest_before_cleartext() {
        let stamp = Some("<1@h>");
        let all = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2"];
        let strongest = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
        assert_eq!(
            names(&session(&all, stamp), true),
            [&strongest[..], &["PLAIN", "APOP", "USER and PASS"]].concat()
        );
        assert_eq!(
            names(&session(&all, stamp), false),
            [&strongest[..], &["APOP", "PLAIN", "USER and PASS"]].concat()
        );
        assert_eq!(names(&session(&[], None), false), ["USER and PASS"]);
    }

    #[test]
    fn a_list_without_user_has_no_user() {
        let offer = |lines: &[&str], mechanisms: &[&str]| {
            let mut session = session(mechanisms, None);
            session.capabilities = lines.iter().map(|line| (*line).to_owned()).collect();
            session
        };
        assert_eq!(
            names(&offer(&["TOP", "SASL PLAIN"], &["PLAIN"]), true),
            ["PLAIN"]
        );
        let with_user = offer(&["user", "SASL PLAIN"], &["PLAIN"]);
        assert_eq!(names(&with_user, true), ["PLAIN", "USER and PASS"]);
        // Nothing else is offered.
        assert_eq!(names(&offer(&["TOP"], &[]), true), ["USER and PASS"]);
    }

    #[test]
    fn a_code_proves_a_wrong_password_only_where_the_server_could_judge_it() {
        let auth = Some("AUTH");
        assert_eq!(
            verdict(sasl("SCRAM-SHA-256-PLUS"), auth, 1),
            RefusalMeaning::Unclear
        );
        assert_eq!(
            verdict(sasl("SCRAM-SHA-256-PLUS"), auth, 2),
            RefusalMeaning::Unclear
        );
        assert_eq!(verdict(Attempt::Apop, auth, 1), RefusalMeaning::Unclear);
        assert_eq!(verdict(sasl("CRAM-MD5"), auth, 1), RefusalMeaning::Unclear);
        assert_eq!(
            verdict(sasl("SCRAM-SHA-256"), auth, 1),
            RefusalMeaning::Unclear
        );
        for (attempt, responses) in [
            (sasl("SCRAM-SHA-256"), 2),
            (sasl("PLAIN"), 1),
            (sasl("LOGIN"), 2),
            (Attempt::UserAndPass, 1),
        ] {
            assert_eq!(
                verdict(attempt, auth, responses),
                RefusalMeaning::Wrong,
                "{attempt:?}"
            );
        }
    }

    #[test]
    fn a_refusal_without_a_code_leaves_doubt() {
        assert_eq!(verdict(sasl("CRAM-MD5"), None, 1), RefusalMeaning::Unclear);
        assert_eq!(verdict(sasl("CRAM-MD5"), None, 0), RefusalMeaning::Nothing);
        assert_eq!(verdict(sasl("PLAIN"), None, 0), RefusalMeaning::Nothing);
        assert_eq!(verdict(sasl("LOGIN"), None, 1), RefusalMeaning::Nothing);
        assert_eq!(verdict(sasl("PLAIN"), None, 1), RefusalMeaning::Doubtful);
        assert_eq!(
            verdict(Attempt::UserAndPass, None, 1),
            RefusalMeaning::Doubtful
        );
        assert_eq!(
            verdict(sasl("PLAIN"), Some("IN-USE"), 1),
            RefusalMeaning::Elsewhere
        );
    }

    #[test]
    fn what_scram_says_itself_counts() {
        let said = |why: &str| {
            let error = SaslError::Told(why.to_owned());
            let refused = Refused {
                attempt: sasl("SCRAM-SHA-256"),
                code: None,
                responses: 2,
                error: Some(&error),
            };
            refused.verdict()
        };
        assert_eq!(said("invalid-proof"), RefusalMeaning::Wrong);
        assert_eq!(said("other-error"), RefusalMeaning::Unclear);
    }

    #[test]
    fn no_binding_follows_a_binding() {
        let (one, other) = (sasl("SCRAM-SHA-256-PLUS"), sasl("SCRAM-SHA-1-PLUS"));
        assert!(!may_follow(one, other) && may_follow(one, sasl("SCRAM-SHA-256")));
    }

    #[test]
    fn the_code_of_a_reply() {
        assert_eq!(code(b"-ERR [auth] no").as_deref(), Some("AUTH"));
        for line in [
            &b"-ERR no"[..],
            b"+OK [AUTH] yes",
            b"-ERR [AUTH",
            b"",
            b"-ERR \xff[AUTH]",
        ] {
            assert_eq!(code(line), None, "{}", line.escape_ascii());
        }
    }
}
