//! Asks a server what the probes ask, each on a connection of its own, and judges the transcripts by the rules.

pub mod across;
pub mod session;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::exit::Exit;
use crate::figures;
use crate::finding::{Finding, Level};
use crate::lint::{self, Lint};
use crate::net::mistake::Mistake;
use crate::replay::{self, Limit, Options, ReplayError};
use crate::sasl;
use crate::session::{Failure, Plan};
use crate::text::{self, Reader};
use crate::tracker::Status;
use crate::transcript::Item;
use session::Session;

/// How many logins of one run fail on purpose at most. Where the password that is given is wrong, one more does.
pub const FAILED_LOGINS: usize = 5;

/// How much of a server one probe takes when nothing else is said, in octets: a reply without end is not waited for.
pub const OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// How much all probes of a run take, in octets of their transcripts, where one takes `most`.
#[must_use]
pub fn octets_of_a_run(most: u64) -> u64 {
    most.saturating_mul(4)
}

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
    /// The same, on a connection in clear to this machine, and a server that agrees to STLS.
    ClearLogin,
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
    "greeting",
    "capabilities",
    "strange-lines",
    "too-early",
    "early-noop",
    "long-line",
    "longest-line",
    "auth",
    "lang",
    "utf8",
    "stls",
    "unknown-user",
    "wrong-password",
    "session",
    "deletion",
    "pipelining",
    "pipelining-login",
    "stls-late",
    "argument",
    "sasl",
    "sasl-initial",
    "sasl-cancel",
    "apop",
    "stls-injection"
];

/// The probe of a name.
#[must_use]
pub fn probe(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.name == name)
}

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
            Some("clear login") => Need::ClearLogin,
            _ => Need::Nothing,
        }
    }

    /// The capability that the server must announce for it, and an argument of that.
    #[must_use]
    pub fn capability(&self) -> Option<String> {
        self.head("capability")
    }

    /// Whether the greeting must have a timestamp for it (RFC 1939 §7).
    #[must_use]
    pub fn needs_timestamp(&self) -> bool {
        self.head("greeting").as_deref() == Some("timestamp")
    }

    /// How many logins of it fail.
    #[must_use]
    pub fn failed_logins(&self) -> usize {
        let count = self.head("fails");
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Whether a failed handshake is the server's right, so that nothing was tested.
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
    /// It was played.
    Played(Box<Run>),
    /// It was not played, for this reason.
    Skipped(String),
    /// It could not be played.
    Failed(ReplayError),
}

/// A probe that was played.
#[derive(Debug)]
pub struct Run {
    /// The transcript.
    pub log: PathBuf,
    /// What was found in it.
    pub findings: Vec<Finding>,
    /// What it tells to the rules over several sessions.
    pub session: Session,
    /// It ended before its time: how, and the exit code for it.
    pub early: Option<(String, Exit)>,
    /// What it is for could not be tested, and why.
    pub untested: Option<String>,
    /// There is no TLS, where it should be from the first octet.
    pub no_tls: Option<Failure>,
    /// The server is not POP3: nothing was sent to it.
    pub not_pop3: Option<Mistake>,
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
    /// The server is on this machine.
    pub is_here: bool,
    /// When all of it ends.
    pub until: Instant,
    /// How many octets one probe takes.
    pub most: u64,
    /// How many octets may still come.
    pub octets_left: u64,
    /// What has been learnt: so many times the server did not close behind QUIT.
    pub kept_open: u64,
    /// What has been learnt: a greeting had a timestamp.
    pub has_timestamp: bool,
    /// What has been learnt: every capability that was announced, in one of the phases.
    pub capabilities: Vec<String>,
    /// What has been learnt: the login of a probe did not come about, and why.
    pub no_login: Option<String>,
}

impl Check<'_> {
    /// Whether logins are inside TLS that STLS begins.
    fn begins_tls(&self) -> bool {
        !self.plan.target.is_tls && announces(&self.capabilities, "STLS")
    }

    /// Why a probe is not to be played; None: it is.
    fn unfit(&self, probe: &Probe) -> Option<String> {
        let has_user = self.plan.args.user.is_some();
        let is_clear = !self.plan.target.is_tls;
        let lacks = |capability: &String| !announces(&self.capabilities, capability);
        let unfit = match probe.need() {
            Need::Stls | Need::ClearLogin if !is_clear => "TLS is on from the first octet",
            Need::Stls | Need::ClearLogin if !announces(&self.capabilities, "STLS") => {
                "the server does not announce STLS"
            }
            Need::User | Need::Login | Need::ClearLogin if !has_user => "it needs a user: -u NAME",
            // One try is enough: more might lock the account.
            Need::Login | Need::ClearLogin if self.no_login.is_some() => {
                let why = self.no_login.as_deref().unwrap_or_default();
                return Some(format!("the login did not come about: {why}"));
            }
            Need::Login
                if is_clear
                    && !announces(&self.capabilities, "STLS")
                    && !self.may_send_in_clear =>
            {
                "the password would go out in clear; --allow-plaintext sends it"
            }
            // Whoever has TLS need not send a password without.
            Need::ClearLogin if !self.is_here => {
                "the password would go out in clear, and the server has TLS"
            }
            _ if probe.needs_timestamp() && !self.has_timestamp => "the greeting has no timestamp",
            // What the server said in clear does not count inside TLS.
            _ if probe.needs_timestamp() && self.begins_tls() && !self.is_here => {
                "the greeting came in clear; port 995 with --tls has it inside TLS"
            }
            _ => {
                return probe
                    .capability()
                    .filter(lacks)
                    .map(|capability| format!("the server does not announce {capability}"));
            }
        };
        Some(unfit.to_owned())
    }

    /// Plays one probe and judges it by the rules that `wants` takes.
    pub fn play(&mut self, probe: &Probe, wants: &dyn Fn(&lint::Rule) -> bool) -> Outcome {
        if let Some(why) = self.unfit(probe) {
            return Outcome::Skipped(why);
        }
        let is_inside_stls =
            probe.need() == Need::Login && self.begins_tls() && !probe.needs_timestamp();
        let text = match is_inside_stls {
            true => with_stls(probe.text),
            false => probe.text.to_owned(),
        };
        let path = self.folder.join(format!("{}.pop3", probe.name));
        if let Err(error) = std::fs::write(&path, text) {
            return Outcome::Failed(ReplayError::Read(path, error));
        }
        let mut plan = self.plan.clone();
        plan.file_name = format!("check-{}-{}", probe.name, self.plan.target.host);
        let user = self.plan.args.user.clone().unwrap_or_default();
        let most = self.octets_left.min(self.most);
        plan.args.max_size = Some(most);
        let options = Options {
            keep_going: true,
            expects_tls_failure: true,
            until: Some(self.until),
            answers_only: true,
            leaves_at_once: self.kept_open >= 2,
            values: HashMap::from([("user".to_owned(), user)]),
            password: self.password.clone(),
            ..Options::default()
        };
        let played = match replay::play(&path, &plan, &options, &mut |_| {}) {
            Ok(played) => played,
            Err(error) => return Outcome::Failed(error),
        };
        let read = || Some(BufReader::new(File::open(&played.log).ok()?));
        // We wrote it ourselves a moment ago.
        let session = read()
            .and_then(|file| Session::read(file).ok())
            .unwrap_or_default();
        let octets = std::fs::metadata(&played.log).map_or(0, |data| data.len());
        self.octets_left = self.octets_left.saturating_sub(octets);
        let greeting = session.greeting.as_deref().unwrap_or_default();
        self.has_timestamp |= sasl::timestamp(greeting.as_bytes()).is_some();
        for line in &session.capabilities {
            if !self.capabilities.contains(line) {
                self.capabilities.push(line.clone());
            }
        }
        let mut early = early(played.failure, played.limit, most);
        let mut untested = None;
        if probe.may_fail_tls() {
            if probe.need() == Need::Stls && !session.has_tls {
                untested = Some(untested_without_tls(&session, early.as_ref()));
            }
            early = early.filter(|(_, exit)| *exit != Exit::Tls);
        }
        if probe.need() == Need::Login && probe.failed_logins() == 0 && !session.has_login {
            self.no_login = Some(no_login(&session, early.as_ref()));
        }
        // What the probe does wrong, it does on purpose.
        let is_kept = |id: &str| id == "quit-keeps-open";
        let lint =
            Lint::with(|rule| (wants(rule) || is_kept(rule.id)) && !lint::is_about_client(rule));
        let findings = read().and_then(|file| lint::judge(&mut Reader::new(file), lint).ok());
        let mut findings = findings.unwrap_or_default();
        self.kept_open += u64::from(findings.iter().any(|finding| is_kept(finding.id)));
        findings.retain(|finding| lint::rule(finding.id).is_some_and(wants));
        if untested.is_some() {
            // A server may well close on a command that an attacker could have put there.
            findings.retain(|finding| finding.level == Level::Security);
        }
        Outcome::Played(Box::new(Run {
            findings,
            session,
            early,
            untested,
            no_tls: played.no_tls,
            not_pop3: played.not_pop3,
            log: played.log,
        }))
    }
}

/// How a probe ended before its time, and the exit code for it.
fn early(failure: Option<Exit>, limit: Option<Limit>, most: u64) -> Option<(String, Exit)> {
    let exit = match (failure?, limit) {
        (_, Some(_)) => Exit::TimedOut,
        (failure, None) => failure,
    };
    let why = match (limit, exit) {
        (Some(Limit::Time), _) => "the time limit is reached".to_owned(),
        (Some(Limit::Octets), _) => format!("more than {} came", figures::size(most)),
        (None, Exit::Tls) => "TLS failed".to_owned(),
        (None, Exit::Refused) => "this is not a POP3 server".to_owned(),
        (None, Exit::TimedOut) => "no reply came in time".to_owned(),
        (None, _) => "the connection was lost".to_owned(),
    };
    Some((why, exit))
}

/// Why a probe tested nothing that needs a TLS handshake.
fn untested_without_tls(session: &Session, early: Option<&(String, Exit)>) -> String {
    let cleartext = said_before_tls(session);
    let why = match (&session.stls_refusal, &session.tls_failure, early) {
        (Some(reply), ..) => format!("STLS was refused: {}", shown_reply(reply)),
        (_, Some(failure), _) if cleartext.is_some() => {
            format!("{failure}; {}", cleartext.unwrap_or_default())
        }
        (_, Some(failure), _) => failure.clone(),
        (_, _, Some((why, _))) => why.clone(),
        _ => "the connection ended before the TLS handshake".to_owned(),
    };
    format!("not tested: {why}")
}

/// What the server said in cleartext in place of the handshake, which is why there is no TLS.
fn said_before_tls(session: &Session) -> Option<String> {
    let said = session.cleartext.as_ref()?;
    Some(format!(
        "the server said in cleartext: {}",
        shown_reply(said)
    ))
}

/// A reply of the server as it may be printed.
fn shown_reply(reply: &str) -> String {
    let mut shown = String::new();
    crate::visible::escape(reply.as_bytes(), &mut shown);
    shown
}

/// Why a login did not come about.
fn no_login(session: &Session, early: Option<&(String, Exit)>) -> String {
    match (&session.login, early) {
        (Some((Status::Negative, reply)), _) => {
            format!("{} (is the password right?)", shown_reply(reply))
        }
        (Some((Status::Malformed, _)), _) => "the reply to PASS is neither +OK nor -ERR".to_owned(),
        (_, Some((_, Exit::Tls))) if session.cleartext.is_some() => {
            let said = said_before_tls(session).unwrap_or_default();
            format!("TLS failed; {said}")
        }
        (_, Some((_, Exit::Tls))) => {
            "TLS failed; --ca FILE names who may sign, --insecure goes on without".to_owned()
        }
        (_, Some((why, _))) => why.clone(),
        _ => "PASS was not answered".to_owned(),
    }
}

/// Whether a capability is among those that were announced; with a second word, whether it has this argument. Any case.
fn announces(lines: &[String], wanted: &str) -> bool {
    let mut wanted = wanted.split(' ');
    let (tag, argument) = (wanted.next().unwrap_or_default(), wanted.next());
    lines.iter().any(|line| {
        let mut words = line.split(' ');
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(tag))
            && argument.is_none_or(|argument| words.any(|word| word.eq_ignore_ascii_case(argument)))
    })
}

/// A probe that begins TLS behind the greeting.
fn with_stls(text: &str) -> String {
    let greeting = "S: +OK {{..}}\n";
    let stls = "S: +OK {{..}}\nC: STLS\nS: +OK {{..}}\n* tls {{..}}\n";
    text.replacen(greeting, stls, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Effect};
    use crate::lint::catalogue::{self, Seen};
    use crate::lint::known::NOBODY;
    use crate::tracker::Side;
    use crate::transcript::Piece;

    #[test]
    fn every_probe_is_a_transcript_that_tells_what_it_is_for() {
        for probe in PROBES {
            let parsed = text::parse(probe.text.as_bytes());
            assert!(parsed.is_ok(), "{}: {parsed:?}", probe.name);
            assert!(probe.about().len() > 20, "{}", probe.name);
        }
        let failed: usize = PROBES.iter().map(Probe::failed_logins).sum();
        assert_eq!(failed, FAILED_LOGINS);
        let why = match catalogue::seen("ban-after-failures") {
            Seen::Not(why) => why,
            _ => "",
        };
        assert!(
            why.contains(&format!("makes {FAILED_LOGINS} at most")),
            "{why}"
        );
        let longest = probe("longest-line").unwrap();
        assert!(longest.text.contains(&format!("C: USER {NOBODY}\n")));
        let heads = ["needs", "capability", "fails", "may", "greeting"];
        for probe in PROBES {
            let items = text::parse(probe.text.as_bytes())
                .unwrap()
                .items
                .into_iter();
            let names = items.filter_map(|item| match item {
                Item::Head { name, .. } => Some(name),
                _ => None,
            });
            assert!(
                names.into_iter().all(|name| heads.contains(&name.as_str())),
                "{}",
                probe.name
            );
        }
    }

    /// RFC 1939 §6: without QUIT nothing is removed; RFC 2449 §6.7: with EXPIRE 0 QUIT removes what was fetched.
    #[test]
    fn no_probe_can_delete_anything() {
        for probe in PROBES {
            let transcript = text::parse(probe.text.as_bytes()).unwrap();
            let (mut can_delete, mut is_in) = (false, false);
            for row in transcript.rows().filter(|row| row.side == Side::Client) {
                let Some(Piece::Octets(line)) = row.pieces.first() else {
                    continue;
                };
                let row = Command::of_line(line);
                match row.map(|command| (command.effect, command.verb)) {
                    Some((Effect::Login, _)) => is_in = true,
                    Some((Effect::Delete, _) | (_, "RETR" | "TOP")) => can_delete |= is_in,
                    Some((Effect::Quit, _)) => assert!(!can_delete, "{} may delete", probe.name),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn capabilities_are_looked_up_by_word() {
        let lines = ["SASL CRAM-MD5 plain".to_owned(), "PIPELINING".to_owned()];
        assert!(announces(&lines, "SASL PLAIN") && announces(&lines, "pipelining"));
        assert!(
            !announces(&lines, "SASL LOGIN")
                && !announces(&lines, "PIPE")
                && !announces(&lines, "UTF8")
        );
    }
}
