//! Asks a server what the probes ask, each on a connection of its own, and judges the transcripts by the rules.

pub mod across;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::dialogue::{Part, Parts};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::lint::{self, Lint};
use crate::replay::{self, Options, ReplayError};
use crate::session::Plan;
use crate::text::{self, Reader};
use crate::tracker::{Side, Status};
use crate::transcript::{Item, Piece, Transcript};

/// The most failed logins that one run makes.
pub const FAILED_LOGINS: usize = 2;

/// What a probe needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing but a connection.
    Nothing,
    /// A server that agrees to STLS, and a connection in clear.
    Stls,
    /// A user's name.
    User,
    /// A user's name and password.
    Login,
}

/// A probe: a transcript whose client rows are played.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Its name, as that of its file.
    pub name: &'static str,
    /// The transcript.
    pub text: &'static str,
}

macro_rules! probes {
    ($($name:literal),*) => {
        &[$(Probe {
            name: $name,
            text: include_str!(concat!("../transcripts/probes/", $name, ".pop3")),
        }),*]
    };
}

/// Every probe, in the order in which they are played.
pub const PROBES: &[Probe] = probes![
    "01-greeting",
    "02-capabilities",
    "03-strange-lines",
    "03-too-early",
    "04-long-line",
    "05-auth",
    "06-languages",
    "07-stls",
    "08-unknown-user",
    "09-wrong-password",
    "10-session",
    "11-deletion",
    "12-pipelining",
    "13-stls-injection"
];

impl Probe {
    fn head(&self, wanted: &str) -> Option<String> {
        let transcript = text::parse(self.text.as_bytes()).ok()?;
        transcript.items.into_iter().find_map(|item| match item {
            Item::Head { name, text } if name == wanted => Some(text),
            _ => None,
        })
    }

    /// What it needs.
    #[must_use]
    pub fn need(&self) -> Need {
        match self.head("needs").as_deref() {
            Some("stls") => Need::Stls,
            Some("user") => Need::User,
            Some("login") => Need::Login,
            _ => Need::Nothing,
        }
    }

    /// How many logins of it fail.
    #[must_use]
    pub fn failed_logins(&self) -> usize {
        let count = self.head("fails");
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Whether a server does well that breaks off its handshake.
    #[must_use]
    pub fn may_fail_tls(&self) -> bool {
        self.head("may").as_deref() == Some("fail tls")
    }

    /// Its first line of prose: what it is for.
    #[must_use]
    pub fn about(&self) -> String {
        let transcript = text::parse(self.text.as_bytes()).unwrap_or_default();
        let prose = transcript.items.into_iter().filter_map(|item| match item {
            Item::Prose(prose) if !prose.starts_with('!') => Some(prose.trim().to_owned()),
            _ => None,
        });
        prose.collect::<Vec<_>>().join(" ")
    }
}

/// What came of a probe.
#[derive(Debug)]
pub enum Outcome {
    /// It was played; the transcript, and what was found in it.
    Played(PathBuf, Vec<Finding>),
    /// It was played, and the connection ended in a way that has an exit code.
    Ended(PathBuf, Vec<Finding>, Exit),
    /// It was not played, for this reason.
    Skipped(String),
    /// It could not be played.
    Failed(ReplayError),
}

/// How to check.
pub struct Check<'a> {
    /// The server, and where the password comes from. Its transcripts go into a folder.
    pub plan: &'a Plan,
    /// Where the probes are written to be played.
    pub folder: &'a Path,
    /// Whether the password may be sent without TLS.
    pub may_send_in_clear: bool,
    /// The password of the user, for the probes that need one.
    pub password: Option<String>,
    /// What has been learnt: the server announces STLS.
    pub has_stls: bool,
    /// What has been learnt: the login of a probe did not come about.
    pub has_no_login: bool,
}

impl Check<'_> {
    /// Plays one probe and judges it by the rules that `wants` takes.
    pub fn play(&mut self, probe: &Probe, wants: &dyn Fn(&lint::Rule) -> bool) -> Outcome {
        let user = self.plan.args.user.clone();
        let is_clear = !self.plan.target.is_tls;
        let mut text = probe.text.to_owned();
        match probe.need() {
            Need::Nothing => {}
            Need::Stls if !is_clear => {
                return Outcome::Skipped("TLS is on from the first octet".to_owned());
            }
            Need::Stls if !self.has_stls => {
                return Outcome::Skipped("the server does not announce STLS".to_owned());
            }
            Need::Stls => {}
            Need::User | Need::Login if user.is_none() => {
                return Outcome::Skipped("it needs a user: -u NAME".to_owned());
            }
            Need::User => {}
            // One try is enough: more might lock the account.
            Need::Login if self.has_no_login => {
                let why = "the login did not come about; is the password right?";
                return Outcome::Skipped(why.to_owned());
            }
            Need::Login if is_clear && self.has_stls => text = with_stls(&text),
            Need::Login if is_clear && !self.may_send_in_clear => {
                let why = "the password would go out in clear; --allow-plaintext sends it";
                return Outcome::Skipped(why.to_owned());
            }
            Need::Login => {}
        }
        let path = self.folder.join(format!("{}.pop3", probe.name));
        if let Err(error) = std::fs::write(&path, text) {
            return Outcome::Failed(ReplayError::Read(path, error));
        }
        let mut plan = self.plan.clone();
        plan.file_name = format!("check-{}-{}", probe.name, self.plan.target.host);
        let user = user.unwrap_or_default();
        let options = Options {
            keep_going: true,
            values: HashMap::from([("user".to_owned(), user)]),
            password: self.password.clone(),
            ..Options::default()
        };
        let played = match replay::play(&path, &plan, &options, &mut |_| {}) {
            Ok(played) => played,
            Err(error) => return Outcome::Failed(error),
        };
        self.has_stls |= announces_stls(&played.log);
        self.has_no_login |= probe.need() == Need::Login && !has_login(&played.log);
        let findings = judge(&played.log, wants);
        match played.failure {
            Some(Exit::Tls) if probe.may_fail_tls() => Outcome::Played(played.log, findings),
            Some(exit) => Outcome::Ended(played.log, findings, exit),
            None => Outcome::Played(played.log, findings),
        }
    }
}

/// A probe that begins TLS behind the greeting.
fn with_stls(text: &str) -> String {
    let greeting = "S: +OK {{..}}\n";
    let stls = "S: +OK {{..}}\nC: STLS\nS: +OK {{..}}\n* tls {{..}}\n";
    text.replacen(greeting, stls, 1)
}

/// The findings about the server in a transcript; what the probe does wrong, it does on purpose.
fn judge(path: &Path, wants: &dyn Fn(&lint::Rule) -> bool) -> Vec<Finding> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let lint = Lint::with(|rule| wants(rule) && !lint::is_about_client(rule));
    // We wrote it ourselves a moment ago.
    lint::judge(&mut Reader::new(BufReader::new(file)), lint).unwrap_or_default()
}

/// The rows of the server up to the end of the reply to `command`, of a transcript that is small.
fn reply_to(transcript: &Transcript, command: &str) -> Option<Vec<String>> {
    let line = |pieces: &[Piece]| match pieces {
        [Piece::Octets(octets)] => String::from_utf8_lossy(octets).into_owned(),
        _ => String::new(),
    };
    let mut rows = transcript.rows();
    rows.find(|row| row.side == Side::Client && line(&row.pieces).eq_ignore_ascii_case(command))?;
    let reply: Vec<String> = rows
        .take_while(|row| row.side == Side::Server)
        .map(|row| line(&row.pieces))
        .collect();
    reply
        .first()
        .is_some_and(|status| status.starts_with('+'))
        .then_some(reply)
}

fn read(path: &Path) -> Option<Transcript> {
    text::parse(&std::fs::read(path).ok()?).ok()
}

/// Whether a login succeeds in a transcript.
fn has_login(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut parts = Parts::new(BufReader::new(file)).map_while(Result::ok);
    parts.any(|part| match part {
        Part::Exchange(exchange) => {
            let verb = exchange.sent.as_ref().map(|sent| sent.verb());
            verb.as_deref() == Some("PASS") && exchange.status == Some(Status::Positive)
        }
        _ => false,
    })
}

fn announces_stls(path: &Path) -> bool {
    let reply = read(path).and_then(|transcript| reply_to(&transcript, "CAPA"));
    reply.is_some_and(|lines| lines.iter().any(|line| line.eq_ignore_ascii_case("STLS")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Effect};

    #[test]
    fn every_probe_is_a_transcript_that_tells_what_it_is_for() {
        for probe in PROBES {
            let parsed = text::parse(probe.text.as_bytes());
            assert!(parsed.is_ok(), "{}: {parsed:?}", probe.name);
            assert!(probe.about().len() > 20, "{}", probe.name);
        }
        let failed: usize = PROBES.iter().map(Probe::failed_logins).sum();
        assert_eq!(failed, FAILED_LOGINS);
    }

    /// RFC 1939 §6: without QUIT nothing is removed.
    #[test]
    fn no_probe_can_delete_anything() {
        for probe in PROBES {
            let transcript = text::parse(probe.text.as_bytes()).unwrap();
            let mut marked = false;
            for row in transcript.rows().filter(|row| row.side == Side::Client) {
                let Some(Piece::Octets(line)) = row.pieces.first() else {
                    continue;
                };
                match Command::of_line(line).map(|command| command.effect) {
                    Some(Effect::Delete) => marked = true,
                    Some(Effect::Quit) => assert!(!marked, "{} may delete", probe.name),
                    _ => {}
                }
            }
        }
    }
}
