//! `poptalk replay FILE...`: plays the client's rows again, and compares what came with what was
//! recorded.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;

use super::shared::{ComparisonArgs, FormatArgs, LogFolderArgs};
use crate::analysis::diff::{self, Compared, DiffSummary, Recording};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::figures;
use crate::base::files;
use crate::base::lock::lock;
use crate::base::plural::counted;
use crate::base::say;
use crate::base::stdio;
use crate::modes::options::{BodiesArgs, CredentialArgs, LimitArgs, ShapeArgs, seconds};
use crate::modes::plan::{AddressArgs, MAX_SIZE, Plan, SessionArgs, TlsArgs};
use crate::modes::replay::{self, Limit, Options, Played, Preview, ReplayError, ReplayPace};
use crate::modes::report;
use crate::modes::report::differences::DifferencePrinter;
use crate::modes::report::findings::{Format, Judged};
use crate::modes::rewrite;
use crate::modes::serve::{ServeOptions, Server};
use crate::net::target::{self, AddressSettings, Target};
use crate::net::tls::TlsSettings;
use crate::servers::Account;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk replay recording.pop3           on the server that it names
  poptalk replay recording.pop3 --to localhost:1110
  poptalk replay tests/*.pop3 --to practice -j 4 --format junit
  poptalk replay recording.pop3 --update  record the server's new replies in it";

/// What the head of a transcript calls the practice server.
const PRACTICE: &str = "practice";

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("user", |arg| arg.help("User name to log in with, where the recording hides it")),
    mut_arg("timeout", |arg| arg.help("Seconds to wait for a connection, and for each reply [default: 15, and 60]")),
)]
pub(crate) struct ReplayArgs {
    /// Transcripts to play
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Server to play on: HOST, HOST:PORT, a URL, or `practice` [default: the recorded one]
    #[arg(long, value_name = "HOST")]
    to: Option<String>,

    /// Use TLS from the first octet, whatever was recorded
    #[arg(long, conflicts_with = "clear")]
    tls: bool,

    /// Start without TLS, whatever was recorded
    #[arg(long)]
    clear: bool,

    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    tls_args: TlsArgs,

    #[command(flatten)]
    credentials: CredentialArgs,

    /// Send VALUE for the hole `{{NAME}}`
    #[arg(long, value_name = "NAME=VALUE", value_parser = value)]
    set: Vec<(String, String)>,

    /// Send each hole as its name in braces, for servers such as `poptalk serve FILE`
    #[arg(long)]
    send_names: bool,

    /// Allow commands that change the maildrop on a server other than this machine
    #[arg(long)]
    allow_changes: bool,

    /// Continue after the server's replies diverge from the recording
    #[arg(long)]
    keep_going: bool,

    /// Keep the recorded pauses
    #[arg(long)]
    timing: bool,

    /// With --timing: play this many times faster
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor, requires = "timing")]
    speed: f64,

    /// With --timing: limit each pause
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "timing")]
    max_pause: Option<Duration>,

    /// Play this many files at the same time
    #[arg(short = 'j', long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,

    /// Rewrite each file with the new replies, keeping holes, prose and head
    #[arg(long)]
    update: bool,

    #[command(flatten)]
    folder: LogFolderArgs,

    #[command(flatten)]
    data: BodiesArgs,

    #[command(flatten)]
    comparison: ComparisonArgs,

    #[command(flatten)]
    shapes: ShapeArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    report: FormatArgs,
}

fn value(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if value.contains(['\r', '\n']) {
        return Err("a value is part of a line: it can't contain CR or LF");
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn factor(text: &str) -> Result<f64, &'static str> {
    let factor: f64 = text.parse().map_err(|_| "expected a number")?;
    match factor.is_finite() && factor > 0.0 {
        true => Ok(factor),
        false => Err("expected a number above zero"),
    }
}

struct Done {
    exit: Exit,
    text: Vec<u8>,
    judged: Option<Judged>,
    is_alike: bool,
}

impl Done {
    fn with(exit: Exit) -> Self {
        Self {
            exit,
            text: Vec::new(),
            judged: None,
            is_alike: false,
        }
    }
}

/// Plays the files.
///
/// Errors: a file can't be read, or there is no folder for what is new.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit, Error> {
    args.folder.made()?;
    let jobs = args.files.iter().map(|file| Job::new(file));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    if args.update
        && let Some(job) = jobs.iter().find(|job| job.leg.is_some())
    {
        let what = format!(
            "{} was recorded by a proxy and can't be updated",
            job.file.display()
        );
        return Err(Error::usage(what).with_hint("replay it without --update"));
    }
    let bar = bar(jobs.iter().map(|job| job.preview.answers).sum());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Done>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..usize::from(args.jobs).min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else {
                        return;
                    };
                    let result = one(args, job, &bar);
                    let mut done = lock(&done);
                    if let Some(place) = done.get_mut(index) {
                        *place = Some(result);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let done: Vec<Done> = done.into_iter().flatten().collect();
    Ok(print(args, &done))
}

fn bar(answers: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(answers), stdio::progress());
    // Without a style of its own it looks otherwise, but works.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} replies, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn print(args: &ReplayArgs, done: &[Done]) -> Exit {
    let mut out = stdio::output();
    let mut result = match args.report.format {
        Format::Text => done.iter().try_for_each(|one| out.write_all(&one.text)),
        format => {
            let judged: Vec<Judged> = done.iter().filter_map(|one| one.judged.clone()).collect();
            format.print(&mut out, &judged, None)
        }
    };
    if args.report.format == Format::Text && done.len() > 1 {
        let alike = done.iter().filter(|one| one.is_alike).count();
        result = result.and_then(|()| {
            writeln!(
                out,
                "{} files: {alike} as recorded, {} not",
                done.len(),
                done.len().saturating_sub(alike)
            )
        });
    }
    let worst = done.iter().map(|one| one.exit).max();
    say::written(&result, worst.unwrap_or(Exit::Well))
}

struct Job<'a> {
    file: &'a Path,
    /// Of a recording of the proxy, what passed between it and the server.
    leg: Option<NamedTempFile>,
    preview: Preview,
}

impl<'a> Job<'a> {
    fn new(file: &'a Path) -> Result<Self, ReplayError> {
        let leg = replay::server_leg(file)?;
        let preview = Preview::of(leg.as_ref().map_or(file, NamedTempFile::path))?;
        Ok(Self { file, leg, preview })
    }

    fn path(&self) -> &Path {
        self.leg.as_ref().map_or(self.file, NamedTempFile::path)
    }
}

fn one(args: &ReplayArgs, job: &Job<'_>, bar: &ProgressBar) -> Done {
    let preview = &job.preview;
    let before = bar.position();
    let mut seen = 0;
    let mut progress = |answers: u64| {
        bar.inc(answers.saturating_sub(seen));
        seen = seen.max(answers);
    };
    let result = play(args, job, &mut progress);
    if args.jobs == 1 {
        bar.set_position(before + preview.answers);
    }
    match result {
        Ok(played) => judge(args, job, &played),
        Err(error) => {
            bar.suspend(|| error.say());
            Done::with(error.exit)
        }
    }
}

fn play(args: &ReplayArgs, job: &Job<'_>, progress: &mut dyn FnMut(u64)) -> Result<Played, Error> {
    let (file, preview) = (job.file, &job.preview);
    let to = args.to.as_deref().or(preview.server.as_deref());
    let Some(to) = to else {
        let what = format!("{}: the recording does not name its server", file.display());
        return Err(Error::usage(what).with_hint("give --to HOST"));
    };
    let is_tls = args.tls || (preview.is_tls && !args.clear);
    let mut serving = None;
    let mut credentials = args.credentials.clone();
    let mut settings = args.tls_args.clone().settings();
    let addresses = args.address.clone().settings();
    let target = if to == PRACTICE {
        check_practice(&addresses)?;
        let (server, target) = practice(is_tls, &mut settings)?;
        serving = Some(server);
        target
    } else {
        let named = target::parse(to, None, is_tls)?;
        credentials.user = credentials.user.or(named.user);
        Target {
            is_tls: named.target.is_tls && !args.clear,
            ..named.target
        }
    };
    may_change(args, job, &addresses, &target)?;
    let plan = Plan {
        server: if serving.is_some() {
            PRACTICE.to_owned()
        } else {
            target.to_string()
        },
        file_name: format!("replay-{}", target.host),
        addresses,
        tls: settings,
        args: SessionArgs {
            log: args.folder.log.clone(),
            credentials,
            data: args.data.clone(),
            shapes: args.shapes.over(&preview.shapes),
            limits: args.limits.clone(),
            ..SessionArgs::default()
        },
        ..Plan::to(target)
    };
    let values: HashMap<String, String> = args.set.iter().cloned().collect();
    let options = Options {
        keep_going: args.keep_going,
        expects_tls_failure: preview.has_tls_failure,
        pace: args.timing.then(|| ReplayPace {
            speed: args.speed,
            longest: args.max_pause.unwrap_or(Duration::MAX),
        }),
        values,
        sends_names: args.send_names,
        // The practice server's password is public, so there is no prompt.
        password: serving.is_some().then(|| Account::practice().password),
        ..Options::default()
    };
    Ok(replay::play(job.path(), &plan, &options, progress)?)
}

/// Errors: the recording changes the maildrop, and the server is not this machine.
fn may_change(
    args: &ReplayArgs,
    job: &Job<'_>,
    addresses: &AddressSettings,
    target: &Target,
) -> Result<(), Error> {
    let Some((row, verb)) = job.preview.change.as_ref().filter(|_| !args.allow_changes) else {
        return Ok(());
    };
    let Some(host) = addresses.remote_host(target) else {
        return Ok(());
    };
    let what = format!(
        "row {row} of {}: `{verb}` may change the maildrop, and {host} is not this machine",
        job.file.display()
    );
    Err(Error::usage(what).with_hint("--allow-changes plays it anyway"))
}

/// Errors: an option is for a server elsewhere.
fn check_practice(addresses: &AddressSettings) -> Result<(), Error> {
    let options = [
        ("--connect-to", addresses.connect_to.is_some()),
        ("--resolve", !addresses.resolve.is_empty()),
        ("--proxy-protocol", addresses.header.is_some()),
    ];
    let Some((option, _)) = options.into_iter().find(|(_, is_given)| *is_given) else {
        return Ok(());
    };
    let what = format!("{option} can't be used with the practice server, which starts here");
    Err(Error::usage(what).with_hint(format!("omit {option}, or give --to HOST")))
}

fn practice(is_tls: bool, settings: &mut TlsSettings) -> Result<(Server, Target), Error> {
    let server = Server::start(ServeOptions::practice(is_tls), |_| {})?;
    settings.own_pem = server.tls_settings().own_pem;
    let target = server.target(is_tls);
    Ok((server, target))
}

/// Compares the new transcript with the recording, and brings the recording up to date where that
/// was asked for.
fn judge(args: &ReplayArgs, job: &Job<'_>, played: &Played) -> Done {
    let file = job.file;
    if played.limit == Some(Limit::Octets) {
        let most = figures::size(args.limits.max_size.unwrap_or(MAX_SIZE));
        let what = format!("{}: the server sent more than {most}", file.display());
        say::error(&what, Some(report::MORE_HINT));
    }
    let mut done = Done::with(played.failure.unwrap_or(Exit::Well));
    if let Err(error) = compare(args, job, played, &mut done) {
        error.say();
        done.exit = error.exit;
        return done;
    }
    if args.update && done.exit <= Exit::Refused {
        match rewrite::file(file, &played.log) {
            Ok(true) => {
                let _ = writeln!(done.text, "{}: updated", file.display());
            }
            Ok(false) => {}
            Err(why) => {
                let what = format!("{}: {why}", file.display());
                say::error(&what, Some("the file was left unchanged"));
                done.exit = Exit::Usage;
            }
        }
    }
    done
}

/// Compares the new transcript with the recording, and says how the replay ended.
fn compare(
    args: &ReplayArgs,
    job: &Job<'_>,
    played: &Played,
    done: &mut Done,
) -> Result<(), Error> {
    let summary = differences(args, job, played, done)?;
    done.is_alike = summary.different == 0 && played.departure.is_none();
    if done.is_alike {
        // An end that has an exit code of its own, but that was recorded, too.
        done.exit = Exit::Well;
        // What is alike needs no other word.
        done.text.clear();
    } else if done.exit == Exit::Well {
        done.exit = Exit::Refused;
    }
    let end = match played.failure {
        _ if done.is_alike => "",
        Some(Exit::NoConnection) => "; the connection was lost",
        Some(Exit::TimedOut) => "; timed out waiting for a reply",
        Some(Exit::Tls) => "; TLS failed",
        _ => "",
    };
    let text = format!(
        "{}: {}{end} ({})",
        job.file.display(),
        verdict(played, &summary),
        files::shorten(&played.log)
    );
    let _ = writeln!(done.text, "{}", say::for_output(&text));
    Ok(())
}

/// Prints where the new transcript differs from the recording, and keeps the findings.
fn differences(
    args: &ReplayArgs,
    job: &Job<'_>,
    played: &Played,
    done: &mut Done,
) -> Result<DiffSummary, Error> {
    let (file, preview) = (job.file, &job.preview);
    let open = |path: &Path| -> Result<Recording<File>, Error> {
        let opened = || Ok(Recording::new(File::open(path)?, File::open(path)?));
        opened().map_err(|error| Error::about(path.display(), &error))
    };
    let (mut old, mut new) = (open(job.path())?, open(&played.log)?);
    let options = args.comparison.options();
    let mut judged = Judged::of_two(file, &played.log);
    let mut printer = DifferencePrinter::for_stdout(&mut done.text, false);
    let mut greetings = 0;
    let mut summary = diff::compare(&mut old, &mut new, &options, &mut |compared| {
        // A piece of a session has no greeting to compare that of now with.
        if let Compared::Differs(change) = &compared
            && preview.is_piece
            && change.old.is_none()
            && change.name == "greeting"
        {
            greetings += 1;
            return;
        }
        // Into memory, which does not fail.
        let _ = printer.emit(&compared);
        if let Compared::Differs(change) = compared {
            judged.add(change.findings);
        }
    })
    .map_err(|unreadable| Error::usage(unreadable.to_string()))?;
    summary.different -= greetings;
    let _ = printer.fold();
    done.judged = Some(judged);
    Ok(summary)
}

fn verdict(played: &Played, summary: &DiffSummary) -> String {
    match (&played.departure, summary.different) {
        (Some(departure), _) => format!(
            "diverged from the recording at row {}: {} was recorded, {} was received",
            departure.row,
            departure.recorded.start(),
            departure.live.start()
        ),
        (None, 0) => format!("as recorded, {}", counted(summary.alike, "exchange")),
        (None, different) => format!(
            "{different} of {} exchanges differ",
            different + summary.alike
        ),
    }
}
