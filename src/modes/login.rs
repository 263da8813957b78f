//! `:login`, `:auth`, `:apop` and `--login`: logs in, and shows how each line is made before it
//! goes out. The console and scripts differ only in how they ask and report.

mod attempts;
mod error;

use zeroize::Zeroizing;

use crate::modes::plan::Plan;
use crate::net::engine::{Risk, Snapshot, TrustRefusal};
use crate::net::password::PasswordError;
use crate::net::target::Target;
use crate::pop3::sasl::{self, Credentials, Mechanism, SaslExchange, Turn};
use crate::pop3::session::SessionState;
use crate::pop3::tracker::{State, Status};

use attempts::{Attempt, RefusalMeaning, Refused, may_follow, offered};
pub(crate) use attempts::{NextAttempt, TRIES_MAX};
pub(crate) use error::LoginError;

const HIDDEN: &str = "••••••";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Best,
    /// By the mechanism that is named first.
    Sasl,
    Apop,
}

/// The conversation in which a login takes place.
pub(crate) trait LoginHost {
    /// Sends a line and waits for its answer; the screen shows it as `shown_as`. False when nothing
    /// more may be sent.
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool;
    /// Sends CAPA and waits. RFC 2449 is optional: a refusal is not a reason to stop. False when
    /// nothing more may be sent.
    fn ask_capabilities(&mut self) -> bool {
        self.say("CAPA", b"CAPA")
    }
    fn note(&self, text: &str);
    /// The current state; None without a connection.
    fn snapshot(&self) -> Option<Snapshot>;
    fn target(&self) -> Target;
    fn session(&self) -> SessionState;
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    fn binding(&self) -> Option<Vec<u8>>;
    /// The last challenge of the server, base64, without its `+ `.
    fn challenge(&mut self) -> Vec<u8>;
    /// Asks who is to log in; None where no one can be asked.
    fn ask_user(&mut self) -> Option<String>;
    /// The password of a user, from wherever it can be had; from now on it is hidden.
    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError>;
    fn may_send_in_clear(&mut self) -> bool;
    /// Asks whether a secret, or a digest of it, may go out in spite of this.
    fn may_risk(&mut self, risk: Risk) -> bool;
    fn may_try(&mut self, next: &NextAttempt) -> bool;
    /// A refusal is not a reason to stop: the next method is tried. False when the conversation is
    /// not to continue.
    fn goes_on(&mut self) -> bool {
        true
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    mechanism: Option<String>,
    user: Option<String>,
    is_dry: bool,
    is_two_lines: bool,
}

impl Wanted {
    /// Reads it. Errors: an unknown option, or an unexpected word.
    fn read(text: &str, way: Method) -> Result<Self, String> {
        let mut wanted = Self::default();
        for word in text.split_whitespace() {
            match word {
                "--dry" => wanted.is_dry = true,
                "--two-lines" => wanted.is_two_lines = true,
                word if word.starts_with("--") => return Err(format!("unknown option `{word}`")),
                word if way == Method::Sasl && wanted.mechanism.is_none() => {
                    wanted.mechanism = Some(word.to_ascii_uppercase());
                }
                word if wanted.user.is_none() => wanted.user = Some(word.to_owned()),
                // It may be a password, which is asked for and never typed here.
                _ => return Err("unexpected word after the user name".to_owned()),
            }
        }
        Ok(wanted)
    }
}

/// Logs in, as `text` after the word says.
pub(crate) fn log_in(
    talker: &mut impl LoginHost,
    plan: &Plan,
    text: &str,
    way: Method,
) -> Result<(), LoginError> {
    let wanted = Wanted::read(text, way).map_err(LoginError::Usage)?;
    LoginRun {
        talker,
        plan,
        wanted,
        responses: 0,
    }
    .run(way)
}

struct LoginRun<'a, T> {
    talker: &'a mut T,
    plan: &'a Plan,
    wanted: Wanted,
    /// How many responses, digests or passwords were sent in the current attempt.
    responses: usize,
}

impl<T: LoginHost> LoginRun<'_, T> {
    fn run(&mut self, way: Method) -> Result<(), LoginError> {
        let usage = |what: &str| Err(LoginError::Usage(what.to_owned()));
        let is_possible = |now: Snapshot| now.ending.is_none() && now.state == State::Authorization;
        if !self.talker.snapshot().is_some_and(is_possible) {
            return usage(
                "a login is possible only when connected and not logged in (RFC 1939 §4)",
            );
        }
        let risk = self.talker.snapshot().and_then(|now| now.risk());
        if let Some(risk) = risk.filter(|_| !self.wanted.is_dry)
            && !self.talker.may_risk(risk)
        {
            return Err(LoginError::Risk(risk));
        }
        let named = match (way, &self.wanted.mechanism) {
            (Method::Sasl, None) => return usage("which mechanism? `:auth MECHANISM [USER]`"),
            (Method::Sasl, Some(name)) => Some(Mechanism::named(name).ok_or_else(|| {
                LoginError::Usage(format!(
                    "poptalk can't compute {name}; type `AUTH {name}` and the responses by hand"
                ))
            })?),
            _ => None,
        };
        if way == Method::Best
            && self.talker.session().capabilities.is_empty()
            && !self.talker.ask_capabilities()
        {
            return Err(LoginError::Stopped);
        }
        let session = self.talker.session();
        let binding = self.talker.binding();
        let is_tls = self.talker.snapshot().is_some_and(|now| now.is_tls);
        let mut ways = match (named, way) {
            (Some(mechanism), _) => vec![Attempt::Sasl(mechanism)],
            (None, Method::Apop) if session.timestamp.is_some() => vec![Attempt::Apop],
            (None, Method::Apop) if session.has_void_timestamp => {
                return usage(
                    "the greeting's timestamp came before TLS, so it is void, and APOP is impossible (RFC 2595 §4); `:login` uses a different mechanism",
                );
            }
            (None, Method::Apop) => {
                return usage(
                    "the greeting has no timestamp of the form `<text@text>`, so the server does not offer APOP (RFC 1939 §7)",
                );
            }
            (None, _) => offered(&session, binding.is_some(), is_tls),
        }
        .into_iter();
        let Some(first) = ways.next() else {
            return Err(LoginError::Stopped);
        };
        // Asked once is enough.
        let is_allowed = self.plan.args.allow_plaintext || self.wanted.is_dry || risk.is_some();
        if first.is_plain() && !is_tls && !is_allowed && !self.talker.may_send_in_clear() {
            return Err(LoginError::InClear);
        }
        let mechanism = match first {
            Attempt::Sasl(mechanism) => Some(mechanism),
            _ => None,
        };
        let user = self.user(mechanism, session.user.clone())?;
        let secret = match mechanism.is_none_or(Mechanism::wants_secret) {
            true => self.talker.secret(&user)?,
            false => Zeroizing::default(),
        };
        self.try_each(first, ways.collect(), (&user, &secret), (&session, binding))
    }

    /// Tries one method after the other, as long as it is in doubt whether the password was the
    /// reason of a refusal.
    fn try_each(
        &mut self,
        first: Attempt,
        mut others: Vec<Attempt>,
        (user, secret): (&str, &Zeroizing<Vec<u8>>),
        (session, binding): (&SessionState, Option<Vec<u8>>),
    ) -> Result<(), LoginError> {
        let mut attempt = first;
        let mut tried = vec![first.name()];
        loop {
            let refusals = self.talker.snapshot().map_or(0, |now| now.refusals);
            self.responses = 0;
            let result = self.attempt(attempt, (user, secret), (session, binding.clone()));
            let error = match &result {
                Ok(()) | Err(LoginError::Stopped) => None,
                Err(LoginError::Sasl { error, .. }) if error.leaves_other_ways() => Some(error),
                Err(_) => return result,
            };
            let Some(now) = self.talker.snapshot().filter(|_| !self.wanted.is_dry) else {
                return result;
            };
            let is_refused =
                now.refusals > refusals && now.last_refusal == Some(TrustRefusal::Negative);
            if now.state != State::Authorization || !(is_refused || error.is_some()) {
                return result;
            }
            let code = attempts::code(self.talker.session().status_line()).filter(|_| is_refused);
            let refused = Refused {
                attempt,
                code: code.as_deref(),
                responses: self.responses,
                error,
            };
            self.talker.note(&refused.says());
            let is_over = now.ending.is_some() || now.outstanding > 0;
            let verdict = refused.verdict();
            if is_over || matches!(verdict, RefusalMeaning::Wrong | RefusalMeaning::Elsewhere) {
                return result;
            }
            others.retain(|next| may_follow(attempt, *next));
            // The last try of a script is one that needs no certain form of the password at the
            // server.
            let is_plain_safe = (now.is_tls && !now.is_doubtful) || self.plan.args.allow_plaintext;
            let wants_plain = tried.len() + 1 >= TRIES_MAX && is_plain_safe;
            let plain = others
                .iter()
                .position(|next| wants_plain && next.is_plain());
            let index = plain.unwrap_or(0);
            let Some(next) = others.get(index).copied() else {
                self.conclude(&tried, &[]);
                return result;
            };
            let weakens = attempt.is_bound() || (next.is_plain() && !attempt.is_plain());
            let further = NextAttempt {
                name: next.name(),
                refused: tried.len(),
                is_doubtful: verdict == RefusalMeaning::Doubtful,
                is_in_clear: next.is_plain() && !now.is_tls,
                explanation: refused.explains(next),
                gives_up_proof: weakens && now.is_doubtful,
            };
            if !self.talker.may_try(&further) {
                self.conclude(&tried, &others);
                return result;
            }
            if !self.talker.goes_on() {
                return result;
            }
            if let Some(error) = error {
                self.talker.note(&error.to_string());
            }
            tried.push(next.name());
            others.remove(index);
            attempt = next;
        }
    }

    /// Says at the end what is known, so that no one takes the password for wrong without need.
    fn conclude(&self, tried: &[&str], left: &[Attempt]) {
        if tried.len() > 1 {
            self.talker.note(&format!(
                "{} logins were refused ({}): the name or the password may be wrong, but need not be",
                tried.len(),
                tried.join(", ")
            ));
        }
        let left: Vec<String> = left.iter().map(|way| by_hand(way.name())).collect();
        if !left.is_empty() {
            self.talker.note(&format!("not tried: {}", left.join(", ")));
        }
    }

    fn attempt(
        &mut self,
        attempt: Attempt,
        (user, secret): (&str, &Zeroizing<Vec<u8>>),
        (session, binding): (&SessionState, Option<Vec<u8>>),
    ) -> Result<(), LoginError> {
        match (attempt, &session.timestamp) {
            (Attempt::Sasl(mechanism), _) => {
                let target = self.talker.target();
                let is_plus = |name: &String| name.ends_with("-PLUS");
                let credentials = Credentials {
                    user: user.to_owned(),
                    secret: secret.clone(),
                    host: target.host,
                    port: target.port,
                    nonce: nonce()?,
                    binding,
                    // RFC 5802 §6: only of a list that we have seen can it be said that something
                    // is missing.
                    is_plus_missing: !session.mechanisms.is_empty()
                        && !session.mechanisms.iter().any(is_plus),
                };
                self.sasl(mechanism, credentials)
            }
            (Attempt::Apop, Some(stamp)) => self.apop(user, secret, stamp),
            (Attempt::Apop | Attempt::UserAndPass, _) => self.user_and_pass(user, secret),
        }
    }

    fn user(
        &mut self,
        mechanism: Option<&Mechanism>,
        known: Option<String>,
    ) -> Result<String, LoginError> {
        let named = self.wanted.user.clone();
        let given = self.plan.user().map(str::to_owned);
        if let Some(user) = named.or(given).or(known) {
            return Ok(user);
        }
        if mechanism.is_some_and(|row| !row.wants_secret()) {
            return Ok(String::new());
        }
        self.talker.ask_user().ok_or(LoginError::NoUser)
    }

    fn say(&mut self, shown_as: &str, line: &str) -> Result<(), LoginError> {
        match self.talker.say(shown_as, line.as_bytes()) {
            true => Ok(()),
            false => Err(LoginError::Stopped),
        }
    }

    fn explain(&self, parts: &[(&'static str, String)]) {
        for (label, text) in parts {
            self.talker.note(&format!("{label}: {text}"));
        }
    }

    fn sasl(
        &mut self,
        mechanism: &'static Mechanism,
        credentials: Credentials,
    ) -> Result<(), LoginError> {
        let name = mechanism.name;
        self.talker
            .note(&format!("AUTH {name} ({})", mechanism.source));
        let mut exchange = SaslExchange::new(mechanism, credentials);
        let first = exchange.initial().map_err(|error| LoginError::Sasl {
            error,
            was_cancelled: false,
        })?;
        let is_one_line = first
            .as_ref()
            .is_some_and(|turn| !self.wanted.is_two_lines && sasl::fits(name, &turn.text(true)));
        if self.wanted.is_dry {
            self.explain_dry(name, first.as_ref(), is_one_line);
            return Ok(());
        }
        let refusals = self.talker.snapshot().map_or(0, |now| now.refusals);
        let mut waiting = None;
        match first {
            Some(turn) if is_one_line => {
                self.explain(&turn.parts);
                let line = Zeroizing::new(format!("AUTH {name} {}", *turn.text(true)));
                self.responses += 1;
                self.say(&format!("AUTH {name} {HIDDEN}"), &line)?;
            }
            first => {
                waiting = first;
                self.say(&format!("AUTH {name}"), &format!("AUTH {name}"))?;
            }
        }
        let is_owed = |now: Snapshot| now.is_owed && now.ending.is_none();
        while self.talker.snapshot().is_some_and(is_owed) {
            let challenge = self.talker.challenge();
            let turn = match waiting.take() {
                Some(turn) => Ok(turn),
                None => exchange.answer(&challenge),
            };
            match turn {
                Ok(turn) => {
                    self.explain(&turn.parts);
                    let text = turn.text(false);
                    let shown_as = if text.is_empty() {
                        "(an empty line)"
                    } else {
                        HIDDEN
                    };
                    self.responses += 1;
                    self.say(shown_as, &text)?;
                }
                Err(error) => {
                    // What the server says to it does not matter.
                    let _ = self.say("*", "*");
                    return Err(LoginError::Sasl {
                        error,
                        was_cancelled: true,
                    });
                }
            }
        }
        let has_no_challenge = |now: Snapshot| {
            now.refusals > refusals && now.last_refusal == Some(TrustRefusal::NoChallenge)
        };
        if self.talker.snapshot().is_some_and(has_no_challenge) {
            return Err(LoginError::NoChallenge);
        }
        let is_in = |now: Snapshot| now.state == State::Transaction;
        match self.talker.snapshot().is_some_and(is_in) && exchange.is_verified() == Some(false) {
            true => Err(LoginError::Unproved),
            false => Ok(()),
        }
    }

    fn explain_dry(&self, name: &str, first: Option<&Turn>, is_one_line: bool) {
        let Some(turn) = first else {
            self.talker.note(&format!(
                "would send: AUTH {name}; the server speaks first, and each response is computed from its challenge"
            ));
            return;
        };
        self.explain(&turn.parts);
        let lines = match is_one_line {
            true => format!("AUTH {name} {HIDDEN}"),
            false => format!("AUTH {name}, then {HIDDEN} after `+ `"),
        };
        self.talker.note(&format!(
            "would send: {lines}   (base64 of the parts above)"
        ));
    }

    fn apop(&mut self, user: &str, secret: &[u8], stamp: &[u8]) -> Result<(), LoginError> {
        let stamp_text = String::from_utf8_lossy(stamp).into_owned();
        self.explain(&[
            ("parts", format!("{user} and a digest")),
            ("digest", format!("MD5 of {stamp_text}{HIDDEN} (the greeting's timestamp, then the password), as 32 hexadecimal digits")),
        ]);
        let shown_as = format!("APOP {user} {HIDDEN}");
        if self.wanted.is_dry {
            self.talker.note(&format!("would send: {shown_as}"));
            return Ok(());
        }
        let digest = sasl::apop(stamp, secret);
        let line = Zeroizing::new(format!("APOP {user} {}", *digest));
        self.responses += 1;
        self.say(&shown_as, &line)
    }

    fn user_and_pass(&mut self, user: &str, secret: &[u8]) -> Result<(), LoginError> {
        if self.wanted.is_dry {
            self.talker
                .note(&format!("would send: USER {user}, then PASS {HIDDEN}"));
            return Ok(());
        }
        self.say(&format!("USER {user}"), &format!("USER {user}"))?;
        let status = self.talker.snapshot().and_then(|now| now.last_status);
        if status == Some(Status::Malformed) {
            let what = format!(
                "USER: {}, so PASS was not sent",
                TrustRefusal::Malformed.says()
            );
            self.talker.note(&what);
        }
        if status == Some(Status::Positive) {
            let line = Zeroizing::new([b"PASS ", secret].concat());
            self.responses += 1;
            if !self.talker.say(&format!("PASS {HIDDEN}"), &line) {
                return Err(LoginError::Stopped);
            }
        }
        Ok(())
    }
}

/// How the user chooses a method.
fn by_hand(name: &str) -> String {
    match name {
        "APOP" => "`:apop`".to_owned(),
        name if Mechanism::named(name).is_some() => format!("`:auth {name}`"),
        name => name.to_owned(),
    }
}

/// Text that was never used before: 144 random bits in base64, which has no comma.
///
/// Errors: the system has no random numbers.
pub(crate) fn nonce() -> Result<String, LoginError> {
    use base64::Engine as _;
    let mut octets = [0; 18];
    getrandom::fill(&mut octets).map_err(|error| {
        LoginError::Usage(format!("the system provides no random numbers: {error}"))
    })?;
    Ok(base64::engine::general_purpose::STANDARD.encode(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_word() {
        let read = |text, way| {
            Wanted::read(text, way).map(|w| (w.mechanism, w.user, w.is_dry, w.is_two_lines))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("plain alice --dry", Method::Sasl),
            Ok((some("PLAIN"), some("alice"), true, false))
        );
        assert_eq!(
            read("--two-lines plain", Method::Sasl),
            Ok((some("PLAIN"), None, false, true))
        );
        assert_eq!(
            read("alice", Method::Best),
            Ok((None, some("alice"), false, false))
        );
        assert!(read("a b", Method::Apop).is_err() && read("--wet", Method::Best).is_err());
    }
}
