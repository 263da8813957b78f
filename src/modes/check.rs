//! Asks a server what the probes ask, each on a connection of its own, and judges the transcripts by the rules.

pub mod cross_session;
mod playing;
mod reasons;
mod rest;
pub(crate) mod session;

use crate::transcript::text;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::analysis::finding::Finding;
use crate::modes::plan::{Failure, Plan};
use crate::modes::replay::ReplayError;
use crate::net::wrong_service::Mistake;
use crate::transcript::Item;
pub(crate) use reasons::TIME_LIMIT;
use session::Session;

/// After this many sessions in a row whose greeting is `-ERR`, the rest of the probes is left out: no password goes to such a server.
const REFUSED_SESSIONS_MAX: u64 = 2;

/// How many logins of one run fail on purpose at most. Where the password that is given is wrong, one more does.
pub const FAILED_LOGINS: usize = 5;

/// How much of a server one probe takes when nothing else is said, in octets: a reply without end is not waited for.
pub(crate) const OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// How much all probes of a run take, in octets of their transcripts, where one takes `most`.
pub(crate) fn octets_of_a_run(most: u64) -> u64 {
    most.saturating_mul(4)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// A server that agrees to STLS, and a connection in clear.
    Stls,
    /// A server that does not announce STLS, and a connection in clear.
    NoStls,
    Silence,
    User,
    Login,
    /// The same, on an unencrypted connection, and a server that agrees to STLS.
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
            text: include_str!(concat!("../../transcripts/probes/", $name, ".pop3")),
        }),*]
    };
}

/// Every probe, in the order in which they are played.
pub const PROBES: &[Probe] = probes![
    "greeting",
    "capabilities",
    "silence",
    "strange-lines",
    "too-early",
    "early-noop",
    "long-line",
    "auth",
    "lang",
    "utf8",
    "stls",
    "stls-unlisted",
    "control-octets",
    "unknown-user",
    "wrong-password",
    "longest-line",
    "session",
    "numbers",
    "number-garbage",
    "deletion",
    "late",
    "last",
    "utf8-session",
    "pipelining",
    "pipelining-login",
    "stls-late",
    "argument",
    "sasl",
    "sasl-initial",
    "sasl-cancel",
    "apop",
    "lf-command",
    "nul-command",
    "capa-mid-login",
    "missing-argument",
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

    pub(crate) fn need(&self) -> Need {
        match self.head("needs").as_deref() {
            Some("stls") => Need::Stls,
            Some("no stls") => Need::NoStls,
            Some("silence") => Need::Silence,
            Some("user") => Need::User,
            Some("login") => Need::Login,
            Some("clear login") => Need::ClearLogin,
            _ => Need::Nothing,
        }
    }

    /// The capability that the server must announce for it, and an argument of that.
    pub(crate) fn capability(&self) -> Option<String> {
        self.head("capability")
    }

    /// Whether that capability counts only where it is announced before the login: a server behind another one may list its own later.
    pub(crate) fn needs_it_before_login(&self) -> bool {
        self.head("announced").as_deref() == Some("before the login")
    }

    /// What becomes of its CAPA at a server that refuses it.
    pub(crate) fn without_capa(&self) -> WithoutCapa {
        match self.head("without-capa").as_deref() {
            Some("skip") => WithoutCapa::Skip,
            Some("send") => WithoutCapa::Send,
            _ => WithoutCapa::Spare,
        }
    }

    /// Whether the greeting must have a timestamp for it (RFC 1939 §7).
    pub(crate) fn needs_timestamp(&self) -> bool {
        self.head("greeting").as_deref() == Some("timestamp")
    }

    pub(crate) fn failed_logins(&self) -> usize {
        let count = self.head("fails");
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// How long it waits for a reply at most, where silence is an answer.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let seconds = self.head("patience")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Whether a failed handshake is the server's right, so that nothing was tested.
    pub(crate) fn may_fail_tls(&self) -> bool {
        self.head("may").as_deref() == Some("fail tls")
    }

    /// Whether it may fetch a message, which a server that keeps flags then marks as read.
    pub(crate) fn fetches(&self) -> bool {
        let is_fetch = |line: &str| line.starts_with("C: RETR ");
        self.need() == Need::Login && self.text.lines().any(is_fetch)
    }

    /// Its first line of prose: what it is for.
    pub(crate) fn about(&self) -> String {
        let transcript = text::parse(self.text.as_bytes()).unwrap_or_default();
        let prose = transcript.items.into_iter().filter_map(|item| match item {
            Item::Prose(prose) if !prose.starts_with('!') => Some(prose.trim().to_owned()),
            _ => None,
        });
        prose.collect::<Vec<_>>().join(" ")
    }
}

/// What becomes of the CAPA of a probe where the server refuses that command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutCapa {
    /// It is not sent: each refusal may count towards an end of the session.
    Spare,
    /// It is sent: the probe is about the line, not about the list.
    Send,
    /// The probe is left out: it is about CAPA.
    Skip,
}

#[derive(Debug)]
pub(crate) enum ProbeOutcome {
    /// It was played, in several sessions where one ended before its time.
    Played(Vec<ProbeRun>),
    Skipped(String),
    Failed(ReplayError),
}

#[derive(Debug)]
pub(crate) struct ProbeRun {
    pub(crate) log: PathBuf,
    pub(crate) findings: Vec<Finding>,
    pub(crate) session: Session,
    /// It ended before its time: how, and what was not tested for that.
    pub(crate) early: Option<String>,
    /// It ended before its time, and the rest was done in the next one.
    pub(crate) note: Option<String>,
    /// What it is for could not be tested, and why.
    pub(crate) untested: Option<String>,
    /// There is no TLS, where it should be from the first octet.
    pub(crate) no_tls: Option<Failure>,
    /// The server is not POP3: nothing was sent to it.
    pub(crate) not_pop3: Option<Mistake>,
}

pub(crate) struct CheckPlan<'a> {
    /// The server, and where the password comes from. Its transcripts go into a folder.
    pub(crate) plan: &'a Plan,
    /// Where the probes are written to be played.
    pub(crate) folder: &'a Path,
    /// Whether the password may be sent without TLS.
    pub(crate) may_send_in_clear: bool,
    /// The password of the user, for the probes that need one.
    pub(crate) password: Option<String>,
    /// Whether the password may be sent without TLS although the server has TLS: that was asked for.
    pub(crate) allows_plaintext: bool,
    /// How long to wait for what is still on its way, where a reply cannot be the one to its command.
    pub(crate) settle: Duration,
    pub(crate) until: Instant,
    pub(crate) most: u64,
    /// What has been learnt: the server does not greet.
    pub(crate) is_silent: bool,
    pub(crate) octets_left: u64,
    /// What has been learnt: so many times the server did not close behind QUIT.
    pub(crate) kept_open: u64,
    /// What CAPA listed in sessions without a login.
    pub(crate) before_login: Vec<String>,
    /// USER was refused where a login was wanted, so the password was not tried.
    pub(crate) is_user_refused: bool,
    /// The highest count of messages that STAT gave; None: it was not asked.
    pub(crate) messages: Option<u64>,
    /// How many sessions in a row began with `-ERR`, and what it said.
    pub(crate) refused_sessions: (u64, String),
    /// What has been learnt: the server answers a command twice now and then.
    pub(crate) answers_twice: bool,
    /// What has been learnt: USER was answered `+OK` for a name that nobody has.
    pub(crate) takes_nobody: bool,
    /// What has been learnt: a greeting had a timestamp.
    pub(crate) has_timestamp: bool,
    /// What has been learnt: every capability that was announced, in one of the phases.
    pub(crate) capabilities: Vec<String>,
    /// What has been learnt: CAPA was refused, and never answered.
    pub(crate) has_no_capa: bool,
    /// What has been learnt: the login of a probe did not come about, and why.
    pub(crate) no_login: Option<String>,
}

impl CheckPlan<'_> {
    /// Whether logins are inside TLS that STLS begins.
    fn begins_tls(&self) -> bool {
        !self.plan.target.is_tls && announces(&self.capabilities, "STLS")
    }

    /// Why a probe is not to be played; None: it is.
    fn unfit(&self, probe: &Probe) -> Option<String> {
        if probe.need() == Need::Silence && !self.is_silent {
            return Some("the server greets".to_owned());
        }
        let (refused, text) = &self.refused_sessions;
        if *refused >= REFUSED_SESSIONS_MAX {
            let text = reasons::shown_reply(text);
            return Some(format!("the server refuses sessions: {text}"));
        }
        if self.has_no_capa && probe.without_capa() == WithoutCapa::Skip {
            return Some("CAPA is refused".to_owned());
        }
        let is_late = |capability: &String| {
            announces(&self.capabilities, capability) && !announces(&self.before_login, capability)
        };
        let capability = probe.capability().filter(is_late);
        if let Some(capability) = capability.filter(|_| probe.needs_it_before_login()) {
            let why = format!("the server does not announce {capability} before the login");
            return Some(why);
        }
        // APOP is a login of its own.
        let may_log_in = self.no_login.is_none()
            || self.is_user_refused && probe.needs_timestamp() && self.has_timestamp;
        let has_user = self.plan.user().is_some();
        let is_clear = !self.plan.target.is_tls;
        let lacks = |capability: &String| !announces(&self.capabilities, capability);
        let unfit = match probe.need() {
            Need::Stls | Need::ClearLogin if !is_clear => "TLS is on from the first octet",
            Need::Stls | Need::ClearLogin if !announces(&self.capabilities, "STLS") => {
                "the server does not announce STLS"
            }
            Need::NoStls if !is_clear => "TLS is on from the first octet",
            Need::NoStls if announces(&self.capabilities, "STLS") => {
                "the server announces STLS, and another probe uses it"
            }
            Need::User | Need::Login | Need::ClearLogin if !has_user => "it needs a user: -u NAME",
            // One try is enough: more might lock the account.
            Need::Login | Need::ClearLogin if !may_log_in => {
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
            // An address of this machine may be a tunnel to a different one.
            Need::ClearLogin if !self.allows_plaintext => {
                "the password would go out unencrypted, and the server has TLS; --allow-plaintext sends it"
            }
            _ if probe.needs_timestamp() && !self.has_timestamp => "the greeting has no timestamp",
            // What the server said in clear does not count inside TLS.
            _ if probe.needs_timestamp() && self.begins_tls() && !self.allows_plaintext => {
                "the greeting came unencrypted, and the server has TLS; use port 995 with --tls, or --allow-plaintext"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lint::context::NOBODY;
    use crate::pop3::command::{Command, Effect};
    use crate::pop3::tracker::Side;
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
        let nobody = probe("unknown-user").unwrap();
        assert!(nobody.text.contains(&format!("C: USER {NOBODY}\n")));
        let place = |name| PROBES.iter().position(|probe| probe.name == name);
        assert!(place("unknown-user") < place("longest-line"));
        let heads = [
            "needs",
            "capability",
            "fails",
            "may",
            "greeting",
            "patience",
            "announced",
            "without-capa",
        ];
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
                match row.map(|command| (command.effect, command.fetches_message())) {
                    Some((Effect::Login, _)) => is_in = true,
                    Some((Effect::Delete, _) | (_, true)) => can_delete |= is_in,
                    Some((Effect::Quit, _)) => assert!(!can_delete, "{} may delete", probe.name),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_probe_that_fetches_is_known() {
        let fetches = |name| probe(name).unwrap().fetches();
        assert!(fetches("session") && fetches("numbers"));
        // Before the login nothing is fetched, and TOP marks nothing.
        assert!(!fetches("too-early") && !fetches("sasl") && !fetches("pipelining"));
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
