//! `:login`, `:auth`, `:apop` and `--login`: logs in, and shows how each line is made before it goes out. The console and
//! scripts differ only in how they ask and tell.

use zeroize::Zeroizing;

use crate::learnt::Learnt;
use crate::net::engine::{Refusal, Risk, Standing};
use crate::password::PasswordError;
use crate::sasl::{self, Credentials, Exchange, Mechanism, SaslError, Turn};
use crate::session::Plan;
use crate::target::Target;
use crate::tracker::{State, Status};

/// What stands for a secret.
const HIDDEN: &str = "••••••";

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the strongest way that is offered.
    Best,
    /// By the mechanism that is named first.
    Sasl,
    /// By APOP.
    Apop,
}

/// What the server has told so far, as far as a login needs it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Whether CAPA was answered.
    pub has_capabilities: bool,
    /// The mechanisms that it announced, upper case.
    pub mechanisms: Vec<String>,
    /// The greeting's timestamp, for APOP (RFC 1939 §7).
    pub timestamp: Option<Vec<u8>>,
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    pub binding: Option<Vec<u8>>,
    /// The name that was given to USER last.
    pub user: Option<String>,
}

impl From<&Learnt> for Told {
    fn from(learnt: &Learnt) -> Self {
        Self {
            has_capabilities: !learnt.capabilities.is_empty(),
            mechanisms: learnt.mechanisms.clone(),
            timestamp: learnt.timestamp.clone(),
            binding: None,
            user: learnt.user.clone(),
        }
    }
}

/// Why there was no login, or none to rely on.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The line to poptalk can't be understood, or does not fit this moment.
    #[error("{0}")]
    Usage(String),
    /// A password would go out in clear.
    #[error("not sent: there is no TLS, and everybody on the way could read the password")]
    InClear,
    /// A secret would go where it should not, unasked.
    #[error("not sent: {}", .0.says())]
    Risk(Risk),
    /// `+OK` to AUTH before any credentials were sent.
    #[error("not logged in: {}", Refusal::NoChallenge.says())]
    NoChallenge,
    /// There is no password to be had.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Who is to log in is not known.
    #[error("no user name, so no login was sent")]
    NoUser,
    /// The mechanism can't go on.
    #[error("{}{error}", if *.was_cancelled { "cancelled: " } else { "" })]
    Sasl {
        /// Why.
        error: SaslError,
        /// The server was told so by `*`.
        was_cancelled: bool,
    },
    /// Logged in by SCRAM, without the server's signature (RFC 5802 §3).
    #[error(
        "logged in, but the server never proved that it knows the password: it may be an impostor (RFC 5802 §3)"
    )]
    Unproved,
    /// The conversation has ended, or is not to go on.
    #[error("the login ended early")]
    Stopped,
}

impl LoginError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InClear => {
                Some("`stls` or --tls begins TLS; --allow-plaintext sends it all the same")
            }
            Self::Risk(risk) => Some(risk.hint()),
            Self::Password(error) => error.hint(),
            Self::NoUser => {
                Some("name the user by -u, in a URL (pop3://USER@HOST), or behind `:login`")
            }
            Self::Sasl { error, .. } => Some(error.hint()),
            Self::Unproved => {
                Some("change nothing until you know who this is; `:tls` shows the certificate")
            }
            Self::NoChallenge | Self::Usage(_) | Self::Stopped => None,
        }
    }
}

/// Who holds the conversation in which a login takes place.
pub trait Talker {
    /// Sends a line and waits for its answer; on the screen it stands as `shown_as`. False when nothing more may be sent.
    fn say(&mut self, shown_as: &str, line: &[u8]) -> bool;
    /// Sends CAPA and waits. RFC 2449 is optional: a refusal is no reason to stop. False when nothing more may be sent.
    fn ask_capabilities(&mut self) -> bool {
        self.say("CAPA", b"CAPA")
    }
    /// Tells the person something.
    fn note(&self, text: &str);
    /// How things are; None without a connection.
    fn standing(&self) -> Option<Standing>;
    /// The server that was reached.
    fn target(&self) -> Target;
    /// What the server has told.
    fn told(&self) -> Told;
    /// The last challenge of the server, base64, without its `+ `.
    fn challenge(&mut self) -> Vec<u8>;
    /// Asks who is to log in; None where nobody can be asked.
    fn ask_user(&mut self) -> Option<String>;
    /// The password of a user, from wherever it can be had; from now on it is hidden.
    ///
    /// Errors: it can't be had.
    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError>;
    /// Asks whether a password may go out in clear.
    fn may_send_in_clear(&mut self) -> bool;
    /// Asks whether a secret, or a digest of it, may go out in spite of this.
    fn may_risk(&mut self, risk: Risk) -> bool;
}

/// What was typed behind the word.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    mechanism: Option<String>,
    user: Option<String>,
    is_dry: bool,
    is_two_lines: bool,
}

impl Wanted {
    /// Reads it. Errors: an option that is not known, or a word too much.
    fn read(text: &str, way: Way) -> Result<Self, String> {
        let mut wanted = Self::default();
        for word in text.split_whitespace() {
            match word {
                "--dry" => wanted.is_dry = true,
                "--two-lines" => wanted.is_two_lines = true,
                word if word.starts_with("--") => return Err(format!("no option `{word}`")),
                word if way == Way::Sasl && wanted.mechanism.is_none() => {
                    wanted.mechanism = Some(word.to_ascii_uppercase());
                }
                word if wanted.user.is_none() => wanted.user = Some(word.to_owned()),
                // It may be a password, which is asked for and never typed here.
                _ => return Err("one word too much behind the user".to_owned()),
            }
        }
        Ok(wanted)
    }
}

/// Logs in, as `text` behind the word says.
///
/// Errors: why not.
pub fn log_in(
    talker: &mut impl Talker,
    plan: &Plan,
    text: &str,
    way: Way,
) -> Result<(), LoginError> {
    let wanted = Wanted::read(text, way).map_err(LoginError::Usage)?;
    Login {
        talker,
        plan,
        wanted,
    }
    .run(way)
}

struct Login<'a, T> {
    talker: &'a mut T,
    plan: &'a Plan,
    wanted: Wanted,
}

impl<T: Talker> Login<'_, T> {
    fn run(&mut self, way: Way) -> Result<(), LoginError> {
        let usage = |what: &str| Err(LoginError::Usage(what.to_owned()));
        let is_possible = |now: Standing| now.ending.is_none() && now.state == State::Authorization;
        if !self.talker.standing().is_some_and(is_possible) {
            return usage(
                "a login is possible only when connected and not logged in (RFC 1939 §4)",
            );
        }
        let risk = self.talker.standing().and_then(|now| now.risk());
        if let Some(risk) = risk.filter(|_| !self.wanted.is_dry)
            && !self.talker.may_risk(risk)
        {
            return Err(LoginError::Risk(risk));
        }
        let named = match (way, &self.wanted.mechanism) {
            (Way::Sasl, None) => return usage("which mechanism? `:auth MECHANISM [USER]`"),
            (Way::Sasl, Some(name)) => Some(Mechanism::named(name).ok_or_else(|| {
                LoginError::Usage(format!(
                    "poptalk can't compute {name}; type `AUTH {name}` and the responses by hand"
                ))
            })?),
            _ => None,
        };
        if way == Way::Best
            && !self.talker.told().has_capabilities
            && !self.talker.ask_capabilities()
        {
            return Err(LoginError::Stopped);
        }
        let told = self.talker.told();
        let best = Mechanism::strongest(&told.mechanisms, told.binding.is_some());
        let mechanism = named.or(best.filter(|_| way == Way::Best));
        let is_tls = self.talker.standing().is_some_and(|now| now.is_tls);
        let stamp = told.timestamp;
        // Without TLS a digest is better than a password that everybody can read.
        let mechanism =
            mechanism.filter(|row| named.is_some() || is_tls || !row.is_plain || stamp.is_none());
        let is_plain = mechanism.map_or(way == Way::Best && stamp.is_none(), |row| row.is_plain);
        // Asked once is enough.
        let is_allowed = self.plan.args.allow_plaintext || self.wanted.is_dry || risk.is_some();
        if is_plain && !is_tls && !is_allowed && !self.talker.may_send_in_clear() {
            return Err(LoginError::InClear);
        }
        let user = self.user(mechanism, told.user)?;
        let secret = match mechanism.is_none_or(Mechanism::wants_secret) {
            true => self.talker.secret(&user)?,
            false => Zeroizing::default(),
        };
        match (mechanism, stamp) {
            (Some(mechanism), _) => {
                let target = self.talker.target();
                let is_plus = |name: &String| name.ends_with("-PLUS");
                let credentials = Credentials {
                    user,
                    secret,
                    host: target.host,
                    port: target.port,
                    nonce: nonce()?,
                    binding: told.binding,
                    // RFC 5802 §6: only of a list that we have seen can it be said that something is missing.
                    is_plus_missing: !told.mechanisms.is_empty()
                        && !told.mechanisms.iter().any(is_plus),
                };
                self.sasl(mechanism, credentials)
            }
            (None, Some(stamp)) => self.apop(&user, &secret, &stamp),
            (None, None) if way == Way::Apop => usage(
                "the greeting has no timestamp of the form `<text@text>`, so there is no APOP (RFC 1939 §7)",
            ),
            (None, None) => self.user_and_pass(&user, &secret),
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
        let mut exchange = Exchange::new(mechanism, credentials);
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
        let refusals = self.talker.standing().map_or(0, |now| now.refusals);
        let mut waiting = None;
        match first {
            Some(turn) if is_one_line => {
                self.explain(&turn.parts);
                let line = Zeroizing::new(format!("AUTH {name} {}", *turn.text(true)));
                self.say(&format!("AUTH {name} {HIDDEN}"), &line)?;
            }
            first => {
                waiting = first;
                self.say(&format!("AUTH {name}"), &format!("AUTH {name}"))?;
            }
        }
        let is_owed = |now: Standing| now.is_owed && now.ending.is_none();
        while self.talker.standing().is_some_and(is_owed) {
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
        let has_no_challenge = |now: Standing| {
            now.refusals > refusals && now.last_refusal == Some(Refusal::NoChallenge)
        };
        if self.talker.standing().is_some_and(has_no_challenge) {
            return Err(LoginError::NoChallenge);
        }
        let is_in = |now: Standing| now.state == State::Transaction;
        match self.talker.standing().is_some_and(is_in) && exchange.is_verified() == Some(false) {
            true => Err(LoginError::Unproved),
            false => Ok(()),
        }
    }

    fn explain_dry(&self, name: &str, first: Option<&Turn>, is_one_line: bool) {
        let Some(turn) = first else {
            self.talker.note(&format!(
                "would send: AUTH {name}; the server speaks first, and each answer is made of its challenge"
            ));
            return;
        };
        self.explain(&turn.parts);
        let lines = match is_one_line {
            true => format!("AUTH {name} {HIDDEN}"),
            false => format!("AUTH {name}, and behind `+ ` {HIDDEN}"),
        };
        self.talker.note(&format!(
            "would send: {lines}   (base64 of what it is made of)"
        ));
    }

    fn apop(&mut self, user: &str, secret: &[u8], stamp: &[u8]) -> Result<(), LoginError> {
        let stamp_text = String::from_utf8_lossy(stamp).into_owned();
        self.explain(&[
            ("made of", format!("{user} and a digest")),
            ("digest", format!("MD5 of {stamp_text}{HIDDEN}, the greeting's timestamp and the password, 32 hexadecimal digits")),
        ]);
        let shown_as = format!("APOP {user} {HIDDEN}");
        if self.wanted.is_dry {
            self.talker.note(&format!("would send: {shown_as}"));
            return Ok(());
        }
        let digest = sasl::apop(stamp, secret);
        let line = Zeroizing::new(format!("APOP {user} {}", *digest));
        self.say(&shown_as, &line)
    }

    fn user_and_pass(&mut self, user: &str, secret: &[u8]) -> Result<(), LoginError> {
        if self.wanted.is_dry {
            self.talker
                .note(&format!("would send: USER {user}, then PASS {HIDDEN}"));
            return Ok(());
        }
        self.say(&format!("USER {user}"), &format!("USER {user}"))?;
        let status = self.talker.standing().and_then(|now| now.last_status);
        if status == Some(Status::Malformed) {
            let what = format!("USER: {}, so PASS is not sent", Refusal::Malformed.says());
            self.talker.note(&what);
        }
        if status == Some(Status::Positive) {
            let line = Zeroizing::new([b"PASS ", secret].concat());
            if !self.talker.say(&format!("PASS {HIDDEN}"), &line) {
                return Err(LoginError::Stopped);
            }
        }
        Ok(())
    }
}

/// Text that was never used before: 144 random bits in base64, which has no comma.
///
/// Errors: the system has no random numbers.
pub fn nonce() -> Result<String, LoginError> {
    use base64::Engine as _;
    let mut octets = [0; 18];
    getrandom::fill(&mut octets)
        .map_err(|error| LoginError::Usage(format!("no random numbers: {error}")))?;
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
            read("plain alice --dry", Way::Sasl),
            Ok((some("PLAIN"), some("alice"), true, false))
        );
        assert_eq!(
            read("--two-lines plain", Way::Sasl),
            Ok((some("PLAIN"), None, false, true))
        );
        assert_eq!(
            read("alice", Way::Best),
            Ok((None, some("alice"), false, false))
        );
        assert!(read("a b", Way::Apop).is_err() && read("--wet", Way::Best).is_err());
    }
}
