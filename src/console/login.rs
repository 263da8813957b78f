//! `:login`, `:auth` and `:apop`: logs in, and shows how each line is made before it goes out.

use zeroize::Zeroizing;

use super::Console;
use super::editor::{Input, know};
use super::terminal;
use super::view::shown;
use crate::net::engine::Order;
use crate::password;
use crate::sasl::{self, Credentials, Exchange, Mechanism, Turn};
use crate::style::Paint;
use crate::tracker::{State, Status};

/// What stands for a secret.
const HIDDEN: &str = "••••••";

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the strongest way that is offered.
    Best,
    /// By the mechanism that is named first.
    Sasl,
    /// By APOP.
    Apop,
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
                word => return Err(format!("`{word}` is one word too much")),
            }
        }
        Ok(wanted)
    }
}

impl Console {
    /// Logs in as the command line asked.
    pub(super) fn log_in_as_planned(&mut self) {
        self.login_by_word("", Way::Best);
    }

    /// Carries out `:login`, `:auth` and `:apop`.
    pub(super) fn login_by_word(&mut self, text: &str, way: Way) {
        if let Err(why) = self.log_in(text, way) {
            self.screen.note(Paint::Warning, &why);
        }
    }

    fn log_in(&mut self, text: &str, way: Way) -> Result<(), String> {
        let wanted = Wanted::read(text, way)?;
        if self
            .standing()
            .is_none_or(|now| now.ending.is_some() || now.state != State::Authorization)
        {
            return Err(
                "a login is possible only when connected and not logged in (RFC 1939 §4)"
                    .to_owned(),
            );
        }
        let named = match (way, &wanted.mechanism) {
            (Way::Sasl, None) => return Err("which mechanism? `:auth MECHANISM [USER]`".to_owned()),
            (Way::Sasl, Some(name)) => Some(Mechanism::named(name).ok_or_else(|| {
                format!(
                    "poptalk can't compute {name}; type `AUTH {name}` and the responses by hand"
                )
            })?),
            _ => None,
        };
        if way == Way::Best && know(&self.knowledge).learnt.capabilities.is_empty() {
            self.say("CAPA", "CAPA");
        }
        let binding = shown(&self.shown)
            .tls
            .as_ref()
            .and_then(|facts| facts.end_point.clone());
        let (mechanism, stamp) = {
            let learnt = &know(&self.knowledge).learnt;
            let best = Mechanism::strongest(&learnt.mechanisms, binding.is_some());
            (
                named.or(best.filter(|_| way == Way::Best)),
                learnt.timestamp.clone(),
            )
        };
        let is_tls = self.standing().is_some_and(|now| now.is_tls);
        // Without TLS a digest is better than a password that everybody can read.
        let mechanism =
            mechanism.filter(|row| named.is_some() || is_tls || !row.is_plain || stamp.is_none());
        let is_plain = mechanism.map_or(way == Way::Best && stamp.is_none(), |row| row.is_plain);
        if is_plain && !is_tls && !wanted.is_dry && !self.may_send_in_clear() {
            return Err("not sent".to_owned());
        }
        let user = self.user(&wanted, mechanism)?;
        let wants_secret = mechanism.is_none_or(Mechanism::wants_secret);
        let secret = if wants_secret {
            self.secret(&user)?
        } else {
            Zeroizing::default()
        };
        match (mechanism, stamp) {
            (Some(mechanism), _) => {
                let credentials = Credentials {
                    user,
                    secret,
                    host: self.target().host.clone(),
                    port: self.target().port,
                    nonce: nonce()?,
                    binding,
                };
                self.sasl(mechanism, credentials, &wanted)
            }
            (None, Some(stamp)) => {
                self.apop(&user, &secret, &stamp, wanted.is_dry);
                Ok(())
            }
            (None, None) if way == Way::Apop => {
                Err("the greeting has no timestamp of the form `<text@text>`, so there is no APOP (RFC 1939 §7)".to_owned())
            }
            (None, None) => {
                self.user_and_pass(&user, &secret, wanted.is_dry);
                Ok(())
            }
        }
    }

    fn user(&mut self, wanted: &Wanted, mechanism: Option<&Mechanism>) -> Result<String, String> {
        let known = know(&self.knowledge).learnt.user.clone();
        let named = wanted
            .user
            .clone()
            .or_else(|| self.plan.args.user.clone())
            .or(known);
        if let Some(user) = named.or_else(|| {
            mechanism
                .filter(|row| !row.wants_secret())
                .map(|_| String::new())
        }) {
            return Ok(user);
        }
        match self.read("user name: ", "") {
            Input::Line(user) if !user.trim().is_empty() => Ok(user.trim().to_owned()),
            _ => Err("no user name, nothing sent".to_owned()),
        }
    }

    fn secret(&mut self, user: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let prompt = format!("password of {user} (not shown): ");
        let mut ask = || terminal::ask_unseen(&prompt);
        let found = password::find(
            &self.plan.args.password,
            &self.target().host,
            user,
            Some(&mut ask),
        );
        let secret = found.map_err(|error| error.to_string())?;
        if let Some(connection) = &self.connection {
            connection.order(Order::Remember("password", secret.clone()));
        }
        Ok(secret)
    }

    fn may_send_in_clear(&mut self) -> bool {
        if self.plan.args.allow_plaintext {
            return true;
        }
        self.screen.note(
            Paint::Warning,
            "there is no TLS: everybody on the way can read the password (`stls` begins it)",
        );
        matches!(self.read("send it all the same? [y/N] ", ""), Input::Line(answer) if answer.trim_start().to_ascii_lowercase().starts_with('y'))
    }

    /// Shows a line as it may be seen, sends it as it is, and waits for the answer.
    fn say(&mut self, shown_as: &str, line: &str) {
        self.screen.print(&format!("{shown_as}\n"));
        self.send(line.as_bytes());
        self.await_reply();
    }

    fn explain(&self, parts: &[(&'static str, String)]) {
        for (label, text) in parts {
            self.screen.note(Paint::Note, &format!("{label}: {text}"));
        }
    }

    fn sasl(
        &mut self,
        mechanism: &'static Mechanism,
        credentials: Credentials,
        wanted: &Wanted,
    ) -> Result<(), String> {
        let name = mechanism.name;
        self.screen
            .note(Paint::Note, &format!("AUTH {name} ({})", mechanism.source));
        let mut exchange = Exchange::new(mechanism, credentials);
        let first = exchange.initial().map_err(|error| error.to_string())?;
        let is_one_line = first
            .as_ref()
            .is_some_and(|turn| !wanted.is_two_lines && sasl::fits(name, &turn.text(true)));
        if wanted.is_dry {
            self.explain_dry(name, first.as_ref(), is_one_line);
            return Ok(());
        }
        let mut waiting = None;
        match first {
            Some(turn) if is_one_line => {
                self.explain(&turn.parts);
                self.say(
                    &format!("AUTH {name} {HIDDEN}"),
                    &format!("AUTH {name} {}", *turn.text(true)),
                );
            }
            first => {
                waiting = first;
                self.say(&format!("AUTH {name}"), &format!("AUTH {name}"));
            }
        }
        while self
            .standing()
            .is_some_and(|now| now.is_owed && now.ending.is_none())
        {
            let challenge = std::mem::take(&mut shown(&self.shown).challenge);
            let turn = match waiting.take() {
                Some(turn) => Ok(turn),
                None => exchange.answer(&challenge),
            };
            match turn {
                Ok(turn) => {
                    self.explain(&turn.parts);
                    let text = turn.text(false);
                    self.say(
                        if text.is_empty() {
                            "(an empty line)"
                        } else {
                            HIDDEN
                        },
                        &text,
                    );
                }
                Err(error) => {
                    self.say("*", "*");
                    return Err(format!("cancelled: {error}"));
                }
            }
        }
        let is_in = self
            .standing()
            .is_some_and(|now| now.state == State::Transaction);
        if is_in && exchange.is_verified() == Some(false) {
            return Err("logged in, but the server never proved that it knows the password: it may be an impostor (RFC 5802 §3)".to_owned());
        }
        Ok(())
    }

    fn explain_dry(&self, name: &str, first: Option<&Turn>, is_one_line: bool) {
        match first {
            Some(turn) => {
                self.explain(&turn.parts);
                let lines = if is_one_line { format!("AUTH {name} {HIDDEN}") } else { format!("AUTH {name}, and behind `+ ` {HIDDEN}") };
                self.screen.note(Paint::Note, &format!("would send: {lines}   (base64 of what it is made of)"));
            }
            None => self.screen.note(
                Paint::Note,
                &format!("would send: AUTH {name}; the server speaks first, and each answer is made of its challenge"),
            ),
        }
    }

    fn apop(&mut self, user: &str, secret: &[u8], stamp: &[u8], is_dry: bool) {
        let stamp_text = String::from_utf8_lossy(stamp).into_owned();
        self.explain(&[
            ("made of", format!("{user} and a digest")),
            ("digest", format!("MD5 of {stamp_text}{HIDDEN}, the greeting's timestamp and the password, 32 hexadecimal digits")),
        ]);
        let shown_as = format!("APOP {user} {HIDDEN}");
        if is_dry {
            self.screen
                .note(Paint::Note, &format!("would send: {shown_as}"));
        } else {
            let digest = sasl::apop(stamp, secret);
            self.say(&shown_as, &format!("APOP {user} {}", *digest));
        }
    }

    fn user_and_pass(&mut self, user: &str, secret: &[u8], is_dry: bool) {
        if is_dry {
            self.screen.note(
                Paint::Note,
                &format!("would send: USER {user}, then PASS {HIDDEN}"),
            );
            return;
        }
        self.say(&format!("USER {user}"), &format!("USER {user}"));
        if self
            .standing()
            .is_some_and(|now| now.last_status == Some(Status::Positive))
        {
            let mut line = Zeroizing::new(b"PASS ".to_vec());
            line.extend_from_slice(secret);
            self.screen.print(&format!("PASS {HIDDEN}\n"));
            self.send(&line);
            self.await_reply();
        }
    }
}

/// Text that was never used before: 144 random bits in base64 without a comma.
fn nonce() -> Result<String, String> {
    use base64::Engine as _;
    let mut octets = [0; 18];
    getrandom::fill(&mut octets).map_err(|error| format!("no random numbers: {error}"))?;
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
