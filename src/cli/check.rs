//! `poptalk check HOST`: asks a live server what the probes ask, and judges the answers.

mod printed;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use super::shared::{FormatArgs, LogFolderArgs, RuleArgs};
use crate::analysis::finding::Finding;
use crate::analysis::lint;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::figures;
use crate::base::files;
use crate::base::say;
use crate::base::stdio;
use crate::base::temporary;
use crate::modes::check::cross_session::{self, ACROSS, SAMPLES_MIN, Sessions};
use crate::modes::check::{
    self, CheckPlan, FAILED_LOGINS, Need, OCTETS_MAX, PROBES, Probe, ProbeOutcome, octets_of_a_run,
};
use crate::modes::console::terminal::{self, Interrupts};
use crate::modes::options::{CredentialArgs, LimitArgs, seconds};
use crate::modes::plan::{AddressArgs, Plan, SessionArgs, TlsArgs};
use crate::modes::replay::SETTLE;
use crate::modes::report::findings::{Format, Judged};
use crate::net::password::{self, PasswordError};
use crate::net::target;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk check mail.example.org           without a login
  poptalk check mail.example.org -u alice  with a login; asks for the password
  poptalk check mail.example.org --fail-on security --format json";

/// The most logins of each kind that `--samples` takes.
const SAMPLES_MAX: u8 = 50;

/// How long each reply may take when nothing else is said.
const REPLY: Duration = Duration::from_secs(15);

const MAX_SIZE_HELP: &str = "Limit a session's data, and the total to four times that: octets, or with K, M or G [default: 64M]";

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("user", |arg| arg.help("Log in as USER for the probes that need it (they delete nothing)")),
    mut_arg("timeout", |arg| arg.help("Seconds to wait for a connection and for each reply [default: 15]")),
    mut_arg("max_size", |arg| arg.help(MAX_SIZE_HELP)),
)]
pub(crate) struct CheckArgs {
    /// HOST, HOST:PORT, or a URL: pop3://[USER@]HOST, pop3s://[USER@]HOST
    #[arg(value_name = "HOST", required_unless_present = "list")]
    host: Option<String>,

    /// Use TLS from the first octet, as on port 995
    #[arg(long)]
    tls: bool,

    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    tls_args: TlsArgs,

    #[command(flatten)]
    credentials: CredentialArgs,

    /// Send the password without TLS if the server has none, and in the probes apop and stls-late
    #[arg(long)]
    allow_plaintext: bool,

    /// Compare how long N logins with an unknown user and N with a wrong password take
    #[arg(long, alias = "timing", value_name = "N", requires = "user", value_parser = read_samples)]
    samples: Option<u8>,

    #[command(flatten)]
    rules: RuleArgs,

    /// List the probes and the rules without connecting
    #[arg(long)]
    list: bool,

    /// Also report findings of level info
    #[arg(long)]
    strict: bool,

    /// Show what was seen for each finding
    #[arg(short = 'v', long)]
    verbose: bool,

    #[command(flatten)]
    folder: LogFolderArgs,

    #[command(flatten)]
    limits: LimitArgs,

    /// Stop after this many seconds, even in the middle of a probe
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    time_limit: Duration,

    /// Milliseconds to wait for more where a reply cannot be the one to its command
    #[arg(long, hide = true, value_name = "MS")]
    settle: Option<u64>,

    #[command(flatten)]
    report: FormatArgs,
}

fn read_samples(text: &str) -> Result<u8, String> {
    let is_fit =
        |count: &u8| (SAMPLES_MIN..=usize::from(SAMPLES_MAX)).contains(&usize::from(*count));
    let count = text.parse().ok().filter(is_fit);
    count.ok_or_else(|| format!("give a number from {SAMPLES_MIN} to {SAMPLES_MAX}"))
}

/// Checks a server.
///
/// Errors: the command line is wrong, or there is no password or no folder.
pub(crate) fn run(mut args: CheckArgs) -> Result<Exit, Error> {
    if args.list {
        return Ok(say::written(&printed::list(), Exit::Well));
    }
    let ids = lint::rules().map(|rule| rule.id);
    let ids: Vec<_> = ids.chain(ACROSS.iter().map(|rule| rule.id)).collect();
    args.rules.check(&ids, "poptalk check --list")?;
    let host = args.host.as_deref().unwrap_or_default();
    let named = target::parse(host, None, args.tls)?;
    args.credentials.user = args.credentials.user.or(named.user);
    let target = named.target;
    let args = &args;
    let log = args.folder.or_state_folder()?;
    let folder = files::make_folder(&log)
        .and_then(|()| temporary::TemporaryFolder::new())
        .map_err(|error| {
            Error::about(log.display(), &error)
                .with_hint("with --log, name a folder that can be written to")
        })?;
    let plan = Plan {
        addresses: args.address.clone().settings(),
        tls: args.tls_args.clone().settings(),
        args: SessionArgs {
            log: Some(log.clone()),
            credentials: args.credentials.clone(),
            limits: LimitArgs {
                timeout: Some(args.limits.timeout.unwrap_or(REPLY)),
                max_size: None,
            },
            ..SessionArgs::default()
        },
        ..Plan::to(target)
    };
    let password = password(args, &plan)?;
    let has_line_end = |text: &String| text.contains(['\r', '\n']);
    if password.as_ref().is_some_and(has_line_end) {
        let what = "the password contains CR or LF, which would end the line";
        return Err(Error::usage(what)
            .with_hint("give a password of one line; from a file, poptalk takes the first line"));
    }
    let is_here = plan.addresses.remote_host(&plan.target).is_none();
    let most = args.limits.max_size.unwrap_or(OCTETS_MAX);
    let mut check = CheckPlan {
        password,
        no_login: None,
        may_send_in_clear: args.allow_plaintext || is_here,
        allows_plaintext: args.allow_plaintext,
        has_no_capa: false,
        most,
        octets_left: octets_of_a_run(most),
        kept_open: 0,
        is_silent: false,
        before_login: Vec::new(),
        is_user_refused: false,
        messages: None,
        refused_sessions: (0, String::new()),
        answers_twice: false,
        takes_nobody: false,
        settle: args.settle.map_or(SETTLE, Duration::from_millis),
        has_timestamp: false,
        plan: &plan,
        folder: folder.path(),
        capabilities: Vec::new(),
        // Beyond what a clock can count nothing is limited.
        until: Instant::now()
            .checked_add(args.time_limit)
            .unwrap_or_else(|| Instant::now() + YEAR),
    };
    let run = CheckRun::of(args, &mut check);
    Ok(printed::print(args, &plan, &run, &log))
}

/// The password of the user who was named; a person is asked once, for all probes.
fn password(args: &CheckArgs, plan: &Plan) -> Result<Option<String>, PasswordError> {
    let Some(user) = &args.credentials.user else {
        return Ok(None);
    };
    let prompt = password::prompt(user);
    let mut ask = || Interrupts::during(|it| terminal::ask_unseen(&prompt, it));
    let ask: Option<&mut dyn FnMut() -> _> = match io::stdin().is_terminal() {
        true => Some(&mut ask),
        false => None,
    };
    let found = password::find(args.credentials.sources(), &plan.target.host, user, ask)?;
    Ok(Some(String::from_utf8_lossy(&found).into_owned()))
}

/// What the rules over several sessions are reported under, in place of a probe.
const SEVERAL: &str = "several-sessions";

/// Practically indefinitely.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The probes whose refusals are timed: no such user, and a wrong password.
const TIMED: [&str; 2] = ["unknown-user", "wrong-password"];

/// These, `count` times each, in random order: so a server that grows slow proves nothing.
fn timed(count: u8) -> Vec<&'static Probe> {
    let probes = TIMED.iter().filter_map(|name| check::probe(name));
    let mut all: Vec<(u64, &Probe)> = probes
        .flat_map(|probe| (0..count).map(move |_| (0, probe)))
        .collect();
    for (order, _) in &mut all {
        // Without random numbers the order is the one above: worse, and no reason to stop.
        *order = getrandom::u64().unwrap_or_default();
    }
    all.sort_by_key(|(order, _)| *order);
    all.into_iter().map(|(_, probe)| probe).collect()
}

#[derive(Default)]
struct CheckRun {
    sessions: Sessions,
    judged: Vec<Judged>,
    /// Each rule that found something, once, with the probe in which it did first.
    findings: Vec<(&'static str, Finding)>,
    exit: Option<Exit>,
    /// Not everything could be judged: the exit code, unless something was found.
    gap: Option<Exit>,
    no_login: Option<String>,
    is_empty: bool,
    failure: String,
}

impl CheckRun {
    fn of(args: &CheckArgs, check: &mut CheckPlan<'_>) -> Self {
        let mut run = Self::default();
        let is_announced = stdio::is_error_terminal() && args.report.format == Format::Text;
        let is_wanted = |id: &str| args.rules.wants(id);
        let has_user = args.credentials.user.is_some();
        let failing = match has_user {
            true => FAILED_LOGINS + TIMED.len() * usize::from(args.samples.unwrap_or(0)),
            false => PROBES
                .iter()
                .filter(|probe| probe.need() == Need::Nothing)
                .map(Probe::failed_logins)
                .sum(),
        };
        let more = match has_user {
            true => ", and one more if the password is wrong",
            false => "",
        };
        say::note(&format!(
            "this will cause at most {failing} failed logins{more}"
        ));
        if has_user {
            say::note(
                "this fetches up to 10 messages and deletes none; a server that keeps flags marks these messages as read",
            );
        }
        let timed = args.samples.map(timed).unwrap_or_default();
        let all = PROBES.iter().map(|probe| (probe, false));
        let all: Vec<(&Probe, bool)> = all
            .chain(timed.into_iter().map(|probe| (probe, true)))
            .collect();
        for (number, (probe, is_timed)) in (1..).zip(&all) {
            check.is_silent = run.sessions.are_silent();
            let why = if check.until <= Instant::now() {
                Some(check::TIME_LIMIT.to_owned())
            } else if check.octets_left == 0 {
                let most = figures::size(octets_of_a_run(check.most));
                Some(format!("the server sent more than {most} in all"))
            } else if check.is_silent && probe.need() != Need::Silence {
                Some("the server sends no greeting".to_owned())
            } else {
                None
            };
            if let Some(why) = why {
                run.gap = Some(Exit::TimedOut);
                run.skip(probe, why);
                continue;
            }
            if is_announced {
                say::note(&format!("{number} of {}: {}", all.len(), probe.name));
            }
            run.take(
                probe,
                check.play(probe, &|rule| !is_timed && is_wanted(rule.id)),
            );
            // A server that can't be reached is asked once.
            if run.exit.is_some() {
                break;
            }
        }
        // The server was not judged as far as was asked for.
        run.no_login.clone_from(&check.no_login);
        run.is_empty = check.messages == Some(0);
        run.gap = run
            .gap
            .or(check.no_login.is_some().then_some(Exit::Refused));
        let mut findings = cross_session::across(&run.sessions);
        findings.retain(|finding| is_wanted(finding.id));
        for finding in &findings {
            run.add(SEVERAL, finding);
        }
        let files = run.judged.iter().flat_map(|judged| judged.files.clone());
        let files: Vec<String> = files.collect();
        if !files.is_empty() {
            run.judged.push(Judged {
                probe: Some(SEVERAL),
                files,
                findings,
                ..Judged::default()
            });
        }
        run
    }

    fn skip(&mut self, probe: &Probe, why: String) {
        self.judged.push(Judged {
            probe: Some(probe.name),
            skipped: Some(why),
            ..Judged::default()
        });
    }

    fn take(&mut self, probe: &Probe, outcome: ProbeOutcome) {
        let played = match outcome {
            ProbeOutcome::Skipped(why) => return self.skip(probe, why),
            ProbeOutcome::Failed(error) => {
                // Once where it is the same each time.
                let error = Error::from(error);
                if self.failure != error.what {
                    error.say();
                    self.failure.clone_from(&error.what);
                }
                // A server that was there a moment ago may be busy.
                if self.judged.is_empty() {
                    self.exit = Some(error.exit);
                } else {
                    self.gap = Some(error.exit);
                    self.skip(probe, error.what);
                }
                return;
            }
            ProbeOutcome::Played(played) => played,
        };
        for one in played {
            self.take_session(probe, one);
        }
    }

    fn take_session(&mut self, probe: &Probe, played: check::ProbeRun) {
        let no_tls = played.no_tls.map(Error::from);
        let not_pop3 = played.not_pop3.map(|mistake| {
            Error::usage(mistake.what)
                .with_hint(mistake.hint)
                .with_exit(Exit::Refused)
        });
        for error in no_tls.into_iter().chain(not_pop3) {
            error.say();
            self.exit = Some(error.exit);
        }
        for finding in &played.findings {
            self.add(probe.name, finding);
        }
        let file = played.log.display().to_string();
        // An unsolicited line of a server is not its greeting, and a server without one is not
        // compared.
        if probe.need() != Need::Silence {
            self.sessions.push(probe.name, played.session, file);
        }
        let is_untested = played.untested.is_some();
        let early = played.early.map(|why| format!("it ended early: {why}"));
        self.judged.push(Judged {
            probe: Some(probe.name),
            skipped: played.untested.or(early),
            note: played.note,
            is_untested,
            files: vec![played.log.display().to_string()],
            findings: played.findings,
            ..Judged::default()
        });
    }

    /// Keeps a finding for people, who see each rule once.
    fn add(&mut self, probe: &'static str, finding: &Finding) {
        let mut known = self.findings.iter();
        if !known.any(|(_, known)| known.id == finding.id) {
            self.findings.push((probe, finding.clone()));
        }
    }
}
