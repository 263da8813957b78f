//! Plays each probe to a server on a separate connection, and judges the transcripts by the rules.

pub mod cross_session;
mod playing;
mod reasons;
mod rest;
pub(crate) mod session;

use crate::transcript::text;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::analysis::finding::Finding;
use crate::base::say::shown;
use crate::modes::plan::{Failure, Plan};
use crate::modes::replay::ReplayError;
use crate::net::wrong_service::WrongService;
use crate::transcript::Item;
pub(crate) use reasons::TIME_LIMIT;
use session::Session;

/// After this many consecutive sessions whose greeting is `-ERR`, the remaining probes are skipped:
/// no password goes to such a server.
const REFUSED_SESSIONS_MAX: u64 = 2;

/// How many logins of one run fail on purpose at most. If the given password is wrong, one more
/// fails.
pub const FAILED_LOGINS: usize = 5;

/// How many octets one probe accepts from a server by default: it does not wait for a reply without
/// end.
pub(crate) const OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// How many octets all transcripts of a run may have, if one probe may take `most`.
pub(crate) fn octets_of_a_run(most: u64) -> u64 {
    most.saturating_mul(4)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// A server that agrees to STLS, and a connection without TLS.
    Stls,
    /// A server that does not announce STLS, and a connection without TLS.
    NoStls,
    Silence,
    User,
    Login,
    /// The same, on a connection without TLS, and a server that agrees to STLS.
    ClearLogin,
}

/// A probe: a transcript whose client rows are played.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Its name, which is also its file's.
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

/// The probe with this name.
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

    /// The capability that the server must announce for it, and perhaps an argument of that.
    pub(crate) fn capability(&self) -> Option<String> {
        self.head("capability")
    }

    /// Whether that capability must be announced before login: a server behind a proxy may list its
    /// own only later.
    pub(crate) fn needs_it_before_login(&self) -> bool {
        self.head("announced").as_deref() == Some("before the login")
    }

    /// What to do with its CAPA at a server that refuses CAPA.
    pub(crate) fn without_capa(&self) -> WithoutCapa {
        match self.head("without-capa").as_deref() {
            Some("skip") => WithoutCapa::Skip,
            Some("send") => WithoutCapa::Send,
            _ => WithoutCapa::Spare,
        }
    }

    /// Whether it needs a timestamp in the greeting (RFC 1939 §7).
    pub(crate) fn needs_timestamp(&self) -> bool {
        self.head("greeting").as_deref() == Some("timestamp")
    }

    pub(crate) fn failed_logins(&self) -> usize {
        let count = self.head("fails");
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// How long it waits for a reply at most, if silence is an answer.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let seconds = self.head("patience")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Whether the server may fail the handshake, so that nothing was tested.
    pub(crate) fn may_fail_tls(&self) -> bool {
        self.head("may").as_deref() == Some("fail tls")
    }

    /// Whether it may fetch a message, which a server that keeps flags then marks as read.
    pub(crate) fn fetches(&self) -> bool {
        let is_fetch = |line: &str| line.starts_with("C: RETR ");
        self.need() == Need::Login && self.text.lines().any(is_fetch)
    }

    /// Its prose: what it is for.
    pub(crate) fn about(&self) -> String {
        let transcript = text::parse(self.text.as_bytes()).unwrap_or_default();
        let prose = transcript.items.into_iter().filter_map(|item| match item {
            Item::Prose(prose) if !prose.starts_with('!') => Some(prose.trim().to_owned()),
            _ => None,
        });
        prose.collect::<Vec<_>>().join(" ")
    }
}

/// What to do with the CAPA of a probe at a server that refuses CAPA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutCapa {
    /// Do not send it: each refusal may count towards the end of the session.
    Spare,
    /// Send it: the probe is about the line, not about the list.
    Send,
    /// Skip the probe: it is about CAPA.
    Skip,
}

#[derive(Debug)]
pub(crate) enum ProbeOutcome {
    /// It was played, in several sessions if one ended early.
    Played(Vec<ProbeRun>),
    Skipped(String),
    Failed(ReplayError),
}

#[derive(Debug)]
pub(crate) struct ProbeRun {
    pub(crate) log: PathBuf,
    pub(crate) findings: Vec<Finding>,
    pub(crate) session: Session,
    /// It ended early: how, and what was therefore not tested.
    pub(crate) early: Option<String>,
    /// It ended early, and the rest was done in the next session.
    pub(crate) note: Option<String>,
    /// What it is for could not be tested, and why.
    pub(crate) untested: Option<String>,
    /// TLS failed, although it should be active from the first octet.
    pub(crate) no_tls: Option<Failure>,
    /// The server is not a POP3 server: nothing was sent to it.
    pub(crate) not_pop3: Option<WrongService>,
}

pub(crate) struct CheckPlan<'a> {
    /// The server, and where the password comes from. The transcripts go into a folder.
    pub(crate) plan: &'a Plan,
    /// Where the probes are written to be played.
    pub(crate) folder: &'a Path,
    /// Whether the password may be sent without TLS.
    pub(crate) may_send_in_clear: bool,
    /// The password of the user, for the probes that need one.
    pub(crate) password: Option<String>,
    /// Whether the password may be sent without TLS even if the server has TLS: the user asked for
    /// it.
    pub(crate) allows_plaintext: bool,
    /// How long to wait for octets still on their way, if a reply cannot belong to its command.
    pub(crate) settle: Duration,
    pub(crate) until: Instant,
    pub(crate) most: u64,
    /// Learned: the server does not greet.
    pub(crate) is_silent: bool,
    pub(crate) octets_left: u64,
    /// Learned: how many times the server did not close after QUIT.
    pub(crate) kept_open: u64,
    /// What CAPA listed in sessions without a login.
    pub(crate) before_login: Vec<String>,
    /// USER was refused before a login, so the password was not tried.
    pub(crate) is_user_refused: bool,
    /// The highest message count from STAT; None: it was not asked.
    pub(crate) messages: Option<u64>,
    /// How many consecutive sessions began with `-ERR`, and the text.
    pub(crate) refused_sessions: (u64, String),
    /// Learned: the server sometimes answers a command twice.
    pub(crate) answers_twice: bool,
    /// Learned: USER was answered with `+OK` for a name that does not exist.
    pub(crate) takes_nobody: bool,
    /// Learned: a greeting had a timestamp.
    pub(crate) has_timestamp: bool,
    /// Learned: every capability that was announced, in any phase.
    pub(crate) capabilities: Vec<String>,
    /// Learned: CAPA was refused, and never answered.
    pub(crate) has_no_capa: bool,
    /// Learned: the login of a probe failed, and why.
    pub(crate) no_login: Option<String>,
}

impl CheckPlan<'_> {
    /// Whether logins are inside TLS that STLS starts.
    fn begins_tls(&self) -> bool {
        !self.plan.target.is_tls && announces(&self.capabilities, "STLS")
    }

    /// Why a probe cannot be played; None: it can.
    fn unfit(&self, probe: &Probe) -> Option<String> {
        if probe.need() == Need::Silence && !self.is_silent {
            return Some("the server sends a greeting".to_owned());
        }
        let (refused, text) = &self.refused_sessions;
        if *refused >= REFUSED_SESSIONS_MAX {
            let text = shown(text);
            return Some(format!("the server refuses connections: {text}"));
        }
        if self.has_no_capa && probe.without_capa() == WithoutCapa::Skip {
            return Some("CAPA is refused".to_owned());
        }
        let is_late = |capability: &String| {
            announces(&self.capabilities, capability) && !announces(&self.before_login, capability)
        };
        let capability = probe.capability().filter(is_late);
        if let Some(capability) = capability.filter(|_| probe.needs_it_before_login()) {
            let why = format!("the server does not announce {capability} before login");
            return Some(why);
        }
        // APOP is a separate login.
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
                "the server announces STLS, so a different probe covers this"
            }
            Need::User | Need::Login | Need::ClearLogin if !has_user => {
                "this probe needs a user name: -u NAME"
            }
            // One attempt is enough: more might lock the account.
            Need::Login | Need::ClearLogin if !may_log_in => {
                let why = self.no_login.as_deref().unwrap_or_default();
                return Some(format!("the login failed: {why}"));
            }
            Need::Login
                if is_clear
                    && !announces(&self.capabilities, "STLS")
                    && !self.may_send_in_clear =>
            {
                "the password would be sent in cleartext; --allow-plaintext sends it anyway"
            }
            // An address of this machine may be a tunnel to a different one.
            Need::ClearLogin if !self.allows_plaintext => {
                "the password would be sent in cleartext, although the server offers TLS; --allow-plaintext sends it anyway"
            }
            _ if probe.needs_timestamp() && !self.has_timestamp => "the greeting has no timestamp",
            // Cleartext from the server does not count inside TLS.
            _ if probe.needs_timestamp() && self.begins_tls() && !self.allows_plaintext => {
                "the greeting came in cleartext, although the server offers TLS; use port 995 with --tls, or --allow-plaintext"
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

/// Whether a capability was announced; with a second word, whether it has this argument. Case does
/// not matter.
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

    /// RFC 1939 §6: without QUIT nothing is removed; RFC 2449 §6.7: with EXPIRE 0 QUIT removes what
    /// was fetched.
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
