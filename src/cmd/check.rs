//! `poptalk check HOST`: asks a live server what the probes ask, and judges the answers.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use owo_colors::Stream;

use crate::check::across::{self, ACROSS};
use crate::check::{Check, FAILED_LOGINS, Need, Outcome, PROBES, Probe};
use crate::console::terminal;
use crate::exit::Exit;
use crate::finding::{Finding, Level};
use crate::lint;
use crate::log;
use crate::net::dial::plain;
use crate::password::{PasswordArgs, PasswordError};
use crate::replay::is_loopback;
use crate::report;
use crate::report::findings::{self, Format, Judged};
use crate::session::{Plan, SessionArgs, TlsArgs, seconds};
use crate::style::{ColorChoice, Paint, Style};
use crate::target;

/// What stands under the help.
pub const EXAMPLES: &str = "\
Examples:
  poptalk check mail.example.org           without a login
  poptalk check mail.example.org -u alice  with one; it asks for the password
  poptalk check mail.example.org --fail-on security --format json";

/// How long each reply may take when nothing else is said.
const REPLY: Duration = Duration::from_secs(15);

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// HOST, HOST:PORT, or a pop3:// or pop3s:// URL
    #[arg(value_name = "HOST", required_unless_present = "list")]
    host: Option<String>,

    /// TLS from the first octet, as on port 995
    #[arg(long)]
    tls: bool,

    #[command(flatten)]
    tls_args: TlsArgs,

    /// Log in as this user for the probes that need it; they read, and delete nothing
    #[arg(short = 'u', long, value_name = "USER")]
    user: Option<String>,

    #[command(flatten)]
    password: PasswordArgs,

    /// Send the password without TLS, where the server has none
    #[arg(long)]
    allow_plaintext: bool,

    /// Judge by this rule only; may be given many times
    #[arg(long, value_name = "ID")]
    only: Vec<String>,

    /// Name the probes and the rules, and connect to nothing
    #[arg(long)]
    list: bool,

    /// Tell of findings of level info as well
    #[arg(long)]
    strict: bool,

    /// Show what was seen for each finding
    #[arg(short = 'v', long)]
    verbose: bool,

    /// End with 1 for findings of this level and above
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "must")]
    fail_on: Level,

    /// Write the transcripts into this folder [default: the state folder]
    #[arg(long, value_name = "FOLDER")]
    log: Option<PathBuf>,

    /// Seconds to wait for a connection and for each reply [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Begin no further probe after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    time_limit: Duration,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checks a server.
#[must_use]
pub fn run(args: &CheckArgs) -> Exit {
    if args.list {
        return report::written(&list(), Exit::Well);
    }
    if let Some(unknown) = args.only.iter().find(|id| !is_rule(id)) {
        let what = format!("--only: there is no rule `{unknown}`");
        report::error(&what, Some("`poptalk check --list` names every rule"));
        return Exit::Usage;
    }
    let host = args.host.as_deref().unwrap_or_default();
    let target = match target::parse(host, None, args.tls) {
        Ok(target) => target,
        Err(why) => {
            report::error(
                &why,
                Some("give HOST, HOST:PORT, [ADDRESS]:PORT or a pop3:// URL"),
            );
            return Exit::Usage;
        }
    };
    let log = match &args.log {
        Some(folder) => folder.clone(),
        None => match log::state_folder() {
            Ok(folder) => folder,
            Err(error) => {
                report::error(&plain(&error), Some("name a folder with --log"));
                return Exit::Usage;
            }
        },
    };
    let folder = log::make_folder(&log).and_then(|()| tempfile::tempdir());
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) => {
            let what = format!("{}: {}", log.display(), plain(&error));
            report::error(
                &what,
                Some("name a folder that can be written to with --log"),
            );
            return Exit::Usage;
        }
    };
    let plan = Plan {
        server: target.to_string(),
        file_name: target.host.clone(),
        spares: Vec::new(),
        proxy: None,
        found: None,
        tls: args.tls_args.clone().settings(),
        is_stls: false,
        welcome: None,
        args: SessionArgs {
            log: Some(log),
            user: args.user.clone(),
            password: args.password.clone(),
            timeout: Some(args.timeout.unwrap_or(REPLY)),
            ..SessionArgs::default()
        },
        target,
    };
    let password = match password(args, &plan) {
        Ok(password) => password,
        Err(error) => {
            report::error(&error.to_string(), error.hint());
            return Exit::Usage;
        }
    };
    let mut check = Check {
        password,
        has_no_login: false,
        may_send_in_clear: args.allow_plaintext || is_loopback(&plan.target.host),
        plan: &plan,
        folder: folder.path(),
        has_stls: false,
    };
    let run = Run::of(args, &mut check);
    print(args, &plan, &run)
}

/// The password of the user who was named; a person is asked once, for all probes.
fn password(args: &CheckArgs, plan: &Plan) -> Result<Option<String>, PasswordError> {
    let Some(user) = &args.user else {
        return Ok(None);
    };
    let mut ask = || terminal::ask_unseen("password (not shown): ");
    let ask: Option<&mut dyn FnMut() -> _> = if io::stdin().is_terminal() {
        Some(&mut ask)
    } else {
        None
    };
    let found = crate::password::find(&args.password, &plan.target.host, user, ask)?;
    Ok(Some(String::from_utf8_lossy(&found).into_owned()))
}

fn is_rule(id: &str) -> bool {
    lint::rule(id).is_some() || ACROSS.iter().any(|rule| rule.id == id)
}

/// What came of all probes.
#[derive(Default)]
struct Run {
    played: BTreeMap<&'static str, PathBuf>,
    judged: Vec<Judged>,
    /// Each rule that found something, once, with the probe in which it did first.
    findings: Vec<(&'static str, Finding)>,
    skipped: Vec<(&'static str, String)>,
    exit: Option<Exit>,
    /// Why the last probe could not be played.
    failure: String,
    /// A user was named, and could not log in.
    has_no_login: bool,
}

impl Run {
    fn of(args: &CheckArgs, check: &mut Check<'_>) -> Self {
        let mut run = Self::default();
        let start = Instant::now();
        let is_told = io::stderr().is_terminal() && args.format == Format::Text;
        let wants =
            |rule: &lint::Rule| args.only.is_empty() || args.only.iter().any(|id| id == rule.id);
        if args.user.is_some() && args.format == Format::Text {
            report::note(&format!(
                "{FAILED_LOGINS} logins will fail on purpose, no more"
            ));
        }
        for (number, probe) in (1..).zip(PROBES) {
            if start.elapsed() > args.time_limit {
                let why = "the time limit is reached".to_owned();
                run.skipped.push((probe.name, why));
                continue;
            }
            if is_told {
                report::note(&format!("{number} of {}: {}", PROBES.len(), probe.name));
            }
            let outcome = check.play(probe, &wants);
            run.take(probe, outcome);
            // A server that can't be reached is asked once.
            if run.exit.is_some() && run.played.is_empty() {
                break;
            }
        }
        run.has_no_login = check.has_no_login;
        for finding in across::across(&run.played) {
            if args.only.is_empty() || args.only.iter().any(|id| id == finding.id) {
                run.findings.push(("several sessions", finding.clone()));
                if let Some(last) = run.judged.last_mut() {
                    last.findings.push(finding);
                }
            }
        }
        run
    }

    fn take(&mut self, probe: &Probe, outcome: Outcome) {
        let (path, findings) = match outcome {
            Outcome::Skipped(why) => {
                self.skipped.push((probe.name, why));
                return;
            }
            Outcome::Failed(error) => {
                // Once where it is the same each time.
                let failure = error.to_string();
                if self.failure != failure {
                    report::error(&failure, error.hint().as_deref());
                    self.failure = failure;
                }
                self.exit = self.exit.max(Some(error.exit()));
                return;
            }
            Outcome::Played(path, findings) => (path, findings),
            Outcome::Ended(path, findings, exit) => {
                // A server that stays silent is a finding, and the other probes go on.
                let why = match exit {
                    Exit::Tls => "TLS failed",
                    Exit::TimedOut => "no reply came in time",
                    _ => "the connection was lost",
                };
                self.skipped
                    .push((probe.name, format!("it ended early: {why}")));
                (path, findings)
            }
        };
        self.judged.push(Judged {
            files: vec![path.display().to_string()],
            findings: findings.clone(),
            beyond: 0,
        });
        self.played.insert(probe.name, path);
        for finding in findings {
            if !self
                .findings
                .iter()
                .any(|(_, known)| known.id == finding.id)
            {
                self.findings.push((probe.name, finding));
            }
        }
    }
}

fn print(args: &CheckArgs, plan: &Plan, run: &Run) -> Exit {
    let mut out = io::stdout().lock();
    let result = match args.format {
        Format::Text => people(args, plan, run, &mut out),
        Format::Json => findings::json(&mut out, &run.judged),
        Format::Junit => findings::junit(&mut out, &run.judged),
        Format::Html => findings::html(&mut out, &run.judged),
    };
    let is_failure = run
        .findings
        .iter()
        .any(|(_, finding)| finding.level >= args.fail_on);
    let exit = match (run.exit, is_failure) {
        (Some(exit), _) => exit,
        (None, true) => Exit::Refused,
        // The server was not judged as far as was asked for.
        (None, false) if run.has_no_login => Exit::Refused,
        (None, false) => Exit::Well,
    };
    report::written(&result, exit)
}

fn people(args: &CheckArgs, plan: &Plan, run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let style = Style::new(ColorChoice::Auto, Stream::Stdout);
    let groups = [
        (Level::Security, "security", Paint::Negative),
        (Level::Must, "breaks a MUST", Paint::Negative),
        (Level::Should, "breaks a SHOULD", Paint::Warning),
        (Level::Info, "worth knowing", Paint::Note),
    ];
    for (level, title, paint) in groups {
        let mut found = run
            .findings
            .iter()
            .filter(|(_, finding)| finding.level == level);
        if level == Level::Info && !args.strict && !args.verbose {
            let count = found.count();
            if count > 0 {
                writeln!(out, "{count} more are worth knowing (--strict shows them)")?;
            }
            continue;
        }
        let Some(first) = found.next() else {
            continue;
        };
        writeln!(out, "{}", style.paint(paint, title))?;
        for (probe, finding) in std::iter::once(first).chain(found) {
            writeln!(out, "  {}: {}", finding.id, finding.message)?;
            if let Some(hint) = &finding.hint {
                writeln!(out, "    hint: {hint}")?;
            }
            if args.verbose {
                let row = finding
                    .row
                    .map_or(String::new(), |row| format!(", row {row}"));
                writeln!(
                    out,
                    "    {}; seen in {probe}{row}: {}",
                    finding.source, finding.octets
                )?;
            }
        }
    }
    for (probe, why) in &run.skipped {
        writeln!(out, "skipped {probe}: {why}")?;
    }
    let rules = lint::rules()
        .filter(|rule| !lint::is_about_client(rule))
        .count();
    let found = run.findings.len();
    writeln!(
        out,
        "{}: {} of {} probes, {rules} rules, {found} found something",
        plan.target,
        run.played.len(),
        PROBES.len()
    )
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "probes")?;
    for probe in PROBES {
        let need = match probe.need() {
            Need::Nothing => "",
            Need::Stls => "   (in clear, where STLS is announced)",
            Need::User => "   (-u)",
            Need::Login => "   (-u and a password)",
        };
        writeln!(out, "  {:<18} {}{need}", probe.name, probe.about())?;
    }
    writeln!(out, "rules")?;
    for rule in lint::rules().filter(|rule| !lint::is_about_client(rule)) {
        writeln!(
            out,
            "  {:<34} {:<8} {}: {}",
            rule.id,
            rule.level.name(),
            rule.source,
            rule.says
        )?;
    }
    for rule in ACROSS {
        writeln!(
            out,
            "  {:<34} {:<8} {}: {} (over several sessions)",
            rule.id,
            rule.level.name(),
            rule.source,
            rule.says
        )?;
    }
    Ok(())
}
