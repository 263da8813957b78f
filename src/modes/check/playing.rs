//! Plays and judges a probe, in a new session if one ends early.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use super::rest::{self, with_stls};
use super::session::Session;
use super::{CheckPlan, Need, Probe, ProbeOutcome, ProbeRun, WithoutCapa, reasons};
use crate::analysis::finding::Level;
use crate::analysis::lint::{self, Lint, NAMES};
use crate::base::exit::Exit;
use crate::modes::replay::{self, Options, Played, ReplayError};
use crate::pop3::sasl;
use crate::pop3::tracker::Status;
use crate::transcript::text::Reader;

/// The maximum number of sessions for one probe: a server that ends each of them is not asked
/// without end.
const SESSIONS_MAX: usize = 4;

struct ProbeSession {
    run: ProbeRun,
    /// Why it ended early.
    why: Option<String>,
    what: String,
    /// The rest of the probe, for a new connection.
    rest: Option<String>,
}

impl CheckPlan<'_> {
    /// Plays one probe and judges it by the rules that `wants` selects.
    pub(crate) fn play(
        &mut self,
        probe: &Probe,
        wants: &dyn Fn(&lint::Rule) -> bool,
    ) -> ProbeOutcome {
        if let Some(why) = self.unfit(probe) {
            return ProbeOutcome::Skipped(why);
        }
        let is_inside_stls =
            probe.need() == Need::Login && self.begins_tls() && !probe.needs_timestamp();
        let mut text = match is_inside_stls {
            true => with_stls(probe.text),
            false => probe.text.to_owned(),
        };
        let mut runs: Vec<ProbeRun> = Vec::new();
        loop {
            let is_first = runs.is_empty();
            let mut part = match self.part(probe, &text, runs.len(), wants) {
                Ok(part) => part,
                Err(error) if is_first => return ProbeOutcome::Failed(error),
                Err(error) => {
                    // What was planned for this session is not done.
                    if let Some(before) = runs.last_mut() {
                        let why = before.note.take().unwrap_or_default();
                        before.early = Some(format!("{why}; then: {error}"));
                    }
                    return ProbeOutcome::Played(runs);
                }
            };
            let is_more = runs.len() + 1 < SESSIONS_MAX
                && self.octets_left > 0
                && Instant::now() < self.until;
            let rest = part.rest.take().filter(|_| is_more);
            match (part.why, &rest) {
                (Some(why), Some(_)) => {
                    part.run.note = Some(format!(
                        "{why}; the rest of the probe ran on a new connection"
                    ));
                }
                (why, _) => {
                    let what = Some(part.what).filter(|what| !what.is_empty());
                    let early: Vec<String> = why.into_iter().chain(what).collect();
                    part.run.early = (!early.is_empty()).then(|| early.join("; "));
                }
            }
            runs.push(part.run);
            match rest {
                Some(rest) => text = rest,
                None => return ProbeOutcome::Played(runs),
            }
        }
    }

    /// Plays one session of a probe; `before`: how many it has had.
    fn part(
        &mut self,
        probe: &Probe,
        text: &str,
        before: usize,
        wants: &dyn Fn(&lint::Rule) -> bool,
    ) -> Result<ProbeSession, ReplayError> {
        let path = self.folder.join(format!("{}.pop3", probe.name));
        std::fs::write(&path, text).map_err(|error| ReplayError::Read(path.clone(), error))?;
        let mut plan = self.plan.clone();
        let rest = match before {
            0 => String::new(),
            number => format!("rest-{number}-"),
        };
        plan.file_name = format!("check-{}-{rest}{}", probe.name, self.plan.target.host);
        if let Some(patience) = probe.patience() {
            let usual = plan.args.limits.timeout.unwrap_or(patience);
            plan.args.limits.timeout = Some(usual.min(patience));
        }
        let user = self.plan.user().unwrap_or_default().to_owned();
        let most = self.octets_left.min(self.most);
        plan.args.limits.max_size = Some(most);
        let options = Options {
            keep_going: true,
            expects_tls_failure: true,
            until: Some(self.until),
            answers_only: true,
            settle: self.settle,
            // A second reply to USER must not be taken for the reply to a wrong password.
            is_wary: self.answers_twice || probe.failed_logins() > 0,
            leaves_at_once: self.kept_open >= 2,
            has_no_capa: self.has_no_capa && probe.without_capa() != WithoutCapa::Send,
            values: HashMap::from([("user".to_owned(), user)]),
            password: self.password.clone(),
            ..Options::default()
        };
        let played = replay::play(&path, &plan, &options, &mut |_| {})?;
        let read = || Some(BufReader::new(File::open(&played.log).ok()?));
        // We wrote it ourselves a moment ago.
        let session = read()
            .and_then(|file| Session::read(file).ok())
            .unwrap_or_default();
        self.learn(&session, &played);
        let mut why = reasons::early(&played, &session, most);
        let mut untested = None;
        if probe.may_fail_tls() {
            if probe.need() == Need::Stls && !session.has_tls {
                untested = Some(reasons::untested_without_tls(&session, why.as_deref()));
            }
            why = why.filter(|_| played.failure != Some(Exit::Tls));
        }
        let has_failed = probe.need() == Need::Login && probe.failed_logins() == 0;
        if has_failed && before == 0 && !session.has_login {
            let is_tls = played.failure == Some(Exit::Tls);
            self.is_user_refused = session.user_refusal.is_some() && session.login.is_none();
            self.no_login = Some(reasons::no_login(&session, why.as_deref(), is_tls));
        }
        // A probe that waits for silence is then complete.
        let is_silence = probe.patience().is_some()
            && played.limit.is_none()
            && played.failure == Some(Exit::TimedOut);
        why = why.filter(|_| !is_silence);
        let what = match played.unsent.as_slice() {
            _ if is_silence => String::new(),
            [] => String::new(),
            unsent => reasons::untested(unsent, &session),
        };
        let rest = played
            .rest_row
            .filter(|_| is_continued(probe, &played, &session));
        let rest = rest.and_then(|row| rest::of(text, row));
        // What the probe does wrong, it does on purpose.
        let is_kept = |id: &str| id == "quit-keeps-open" || NAMES.contains(&id);
        let mut lint =
            Lint::with(|rule| (wants(rule) || is_kept(rule.id)) && !lint::is_about_client(rule));
        lint.assume_user_is_taken(self.takes_nobody);
        let findings = read().and_then(|file| lint::judge(&mut Reader::new(file), lint).ok());
        let mut findings = findings.unwrap_or_default();
        let has = |wanted| findings.iter().any(|finding| finding.id == wanted);
        self.kept_open += u64::from(has("quit-keeps-open"));
        self.answers_twice |= has("status-twice");
        findings.retain(|finding| lint::rule(finding.id).is_some_and(wants));
        if untested.is_some() {
            // A server may well close at a command that an attacker could have inserted.
            findings.retain(|finding| finding.level == Level::Security);
        }
        let run = ProbeRun {
            findings,
            session,
            early: None,
            note: None,
            untested,
            no_tls: played.no_tls,
            not_pop3: played.not_pop3,
            log: played.log,
        };
        Ok(ProbeSession {
            run,
            why,
            what,
            rest,
        })
    }

    fn learn(&mut self, session: &Session, played: &Played) {
        let octets = std::fs::metadata(&played.log).map_or(0, |data| data.len());
        self.octets_left = self.octets_left.saturating_sub(octets);
        let greeting = session.greeting.as_deref().unwrap_or_default();
        match Status::of_line(greeting.as_bytes()) {
            Status::Negative => {
                self.refused_sessions.0 += 1;
                self.refused_sessions.1 = greeting.to_owned();
            }
            _ => self.refused_sessions.0 = 0,
        }
        self.has_timestamp |= sasl::timestamp(greeting.as_bytes()).is_some();
        self.has_no_capa |= session.is_capa_refused && self.capabilities.is_empty();
        self.has_no_capa &= session.capabilities.is_empty();
        self.takes_nobody |= session.takes_nobody;
        self.answers_twice |= played.is_out_of_step;
        self.messages = self.messages.max(session.count);
        for line in session.capabilities.iter().filter(|_| !session.has_login) {
            if !self.before_login.contains(line) {
                self.before_login.push(line.clone());
            }
        }
        for line in &session.capabilities {
            if !self.capabilities.contains(line) {
                self.capabilities.push(line.clone());
            }
        }
    }
}

/// Whether the rest of a probe is worth a new connection.
fn is_continued(probe: &Probe, played: &Played, session: &Session) -> bool {
    let has_ended = matches!(played.failure, None | Some(Exit::NoConnection));
    let needs_login = matches!(probe.need(), Need::Login | Need::ClearLogin);
    // A login that is meant to fail is tried only once.
    let has_failed = probe.failed_logins() > 0 && session.login.is_some();
    has_ended
        && played.limit.is_none()
        && played.last_sent.is_some()
        && session.greeting.is_some()
        && !has_failed
        && (session.has_login || !needs_login)
}
