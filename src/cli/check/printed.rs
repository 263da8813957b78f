//! What `check` prints: its report, and the list of probes and rules.

use std::io::{self, Write};
use std::path::Path;

use owo_colors::Stream;

use super::{CheckArgs, CheckRun, RuleArgs, SEVERAL};
use crate::analysis::finding::{Finding, Level};
use crate::analysis::lint;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::plural::counted;
use crate::base::say;
use crate::base::say::shown;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Paint, Style};
use crate::modes::check::cross_session::ACROSS;
use crate::modes::check::{Need, PROBES};
use crate::modes::plan::Plan;
use crate::modes::report::findings::{self, Format, Judged, Verdict};

pub(super) fn print(args: &CheckArgs, plan: &Plan, run: &CheckRun, log: &Path) -> Exit {
    let mut out = stdio::output();
    let judged = findings::grouped(&run.judged);
    let result = match args.report.format {
        Format::Text => people(args, plan, run, &judged, log, &mut out),
        format => format.print(&mut out, &judged, run.no_login.as_deref()),
    };
    let found = run.findings.iter().map(|(_, finding)| finding);
    let is_failure = args.rules.is_failure(found);
    let exit = match (run.exit, is_failure) {
        (Some(exit), _) => exit,
        (None, true) => Exit::Refused,
        (None, false) => run.gap.unwrap_or(Exit::Well),
    };
    say::written(&result, exit)
}

fn people(
    args: &CheckArgs,
    plan: &Plan,
    run: &CheckRun,
    judged: &[Judged],
    log: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = Style::new(ColorChoice::Auto, Stream::Stdout);
    let groups = [
        (Level::Security, "security", Paint::Negative),
        (Level::Must, "breaks a MUST", Paint::Negative),
        (Level::Should, "breaks a SHOULD", Paint::Warning),
        (Level::Info, "worth knowing", Paint::Note),
    ];
    for (level, title, paint) in groups {
        let found = run.findings.iter();
        let mut found = found
            .filter(|(_, finding)| finding.level == level)
            .peekable();
        if level == Level::Info && !args.strict && !args.verbose {
            let more = found.count();
            if more > 0 {
                let more = counted(more, "more finding");
                writeln!(out, "{more} worth knowing, shown with --strict")?;
            }
        } else if found.peek().is_some() {
            writeln!(out, "{}", style.paint(paint, title))?;
            for (probe, finding) in found {
                one_finding(probe, finding, args.verbose, out)?;
            }
        }
    }
    if run.is_empty {
        let what = "the maildrop is empty: tests that need a message were skipped";
        writeln!(out, "{}", say::for_output(what))?;
    }
    if let Some(why) = &run.no_login {
        let user = args.credentials.user.as_deref().unwrap_or_default();
        let text = format!("no login as {}: {}", shown(user), shown(why));
        writeln!(out, "{}", say::for_output(&text))?;
    }
    probes(judged, args.verbose, out)?;
    summary(args, plan, run, judged, log, out)
}

fn one_finding(
    probe: &str,
    finding: &Finding,
    is_verbose: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = format!("  {}: {}", finding.id, shown(&finding.message_for_people()));
    writeln!(out, "{}", say::for_output(&text))?;
    if let Some(hint) = &finding.hint {
        let text = format!("    hint: {}", shown(hint));
        writeln!(out, "{}", say::for_output(&text))?;
    }
    if !is_verbose {
        return Ok(());
    }
    let row = finding
        .row
        .map_or(String::new(), |row| format!(", row {row}"));
    writeln!(
        out,
        "    {}; seen in {probe}{row}: {}",
        finding.source,
        shown(&finding.octets)
    )?;
    for sight in &finding.more {
        let row = sight
            .row
            .map_or(String::new(), |row| format!("row {row}: "));
        match &sight.file {
            Some(file) => {
                writeln!(out, "    {}: {}", shown(file), shown(&sight.octets))?;
            }
            None => {
                let seen = sight.message.as_ref().unwrap_or(&sight.octets);
                writeln!(out, "    and {row}{}", shown(seen))?;
            }
        }
    }
    Ok(())
}

/// Each probe with its verdict, or only those that were skipped or stopped.
fn probes(judged: &[Judged], is_verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    if !is_verbose {
        for (why, probes, is_played) in gaps(judged) {
            let skipped = if is_played { "" } else { "skipped " };
            let text = format!("{skipped}{}: {}", probes.join(", "), shown(why));
            writeln!(out, "{}", say::for_output(&text))?;
        }
        return Ok(());
    }
    for judged in judged {
        let probe = judged.probe.unwrap_or_default();
        let why = judged.skipped.as_deref().or(judged.note.as_deref());
        let why = why.map(shown);
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        let text = format!("{:<10} {probe}{why}", judged.verdict().name());
        writeln!(out, "{}", say::for_output(&text))?;
    }
    Ok(())
}

/// The last lines: how many probes were played and how they ended, and where their transcripts are.
fn summary(
    args: &CheckArgs,
    plan: &Plan,
    run: &CheckRun,
    judged: &[Judged],
    log: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    let verdicts = verdicts(judged);
    let count = |wanted| verdicts.iter().filter(|one| **one == wanted).count();
    let counts = Verdict::ALL.map(|verdict| (count(verdict), verdict.name()));
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, name)| format!("{count} {name}"));
    let counts: Vec<String> = counts.collect();
    let rest = match counts.as_slice() {
        [] => String::new(),
        counts => format!(" ({})", counts.join(", ")),
    };
    let text = format!(
        "{}: {} of {} probes{rest}, {} about servers, {} with findings",
        plan.target,
        verdicts.len() - count(Verdict::Skipped),
        PROBES.len(),
        counted(judging_rules(&args.rules), "rule"),
        run.findings.len()
    );
    writeln!(out, "{}", say::for_output(&text))?;
    if verdicts.len() > count(Verdict::Skipped) {
        let text = format!("transcripts in {}", shown(&files::shorten(log)));
        writeln!(out, "{}", say::for_output(&text))?;
    }
    Ok(())
}

/// How many rules judge the server.
fn judging_rules(wanted: &RuleArgs) -> usize {
    let rules = lint::rules().filter(|rule| !lint::is_about_client(rule));
    let rules = rules
        .map(|rule| rule.id)
        .chain(ACROSS.iter().map(|rule| rule.id));
    rules.filter(|id| wanted.wants(id)).count()
}

/// The verdict of each probe: the worst of its sessions.
fn verdicts(judged: &[Judged]) -> Vec<Verdict> {
    let rank = |verdict| match verdict {
        Verdict::Skipped => 0,
        Verdict::Pass => 1,
        Verdict::Info => 2,
        Verdict::NonStrict => 3,
        Verdict::Fail => 4,
    };
    let mut found: Vec<(&str, Verdict)> = Vec::new();
    for one in judged.iter().filter(|one| one.probe != Some(SEVERAL)) {
        let (name, verdict) = (one.probe.unwrap_or_default(), one.verdict());
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, worst)) if rank(verdict) > rank(*worst) => *worst = verdict,
            Some(_) => {}
            None => found.push((name, verdict)),
        }
    }
    found.into_iter().map(|(_, verdict)| verdict).collect()
}

/// The reasons for which probes were skipped or stopped, each once with the names of its probes,
/// and whether these were played in part.
fn gaps(judged: &[Judged]) -> Vec<(&str, Vec<&'static str>, bool)> {
    let mut gaps: Vec<(&str, Vec<&'static str>, bool)> = Vec::new();
    for one in judged {
        let (Some(why), Some(probe)) = (one.skipped.as_deref(), one.probe) else {
            continue;
        };
        let is_played = !one.files.is_empty() && !one.is_untested;
        let mut known = gaps.iter_mut();
        match known.find(|(reason, _, played)| (*reason, *played) == (why, is_played)) {
            Some((_, probes, _)) => probes.push(probe),
            None => gaps.push((why, vec![probe], is_played)),
        }
    }
    gaps
}

const ACROSS_NOTE: &str = " (over several sessions)";

pub(super) fn list() -> io::Result<()> {
    let mut out = stdio::output();
    writeln!(out, "probes")?;
    for probe in PROBES {
        let need = match probe.need() {
            Need::Nothing => "",
            Need::Stls => "   (in cleartext, where STLS is announced)",
            Need::NoStls => "   (in cleartext, where STLS is not announced)",
            Need::Silence => "   (if no greeting arrives)",
            Need::User => "   (-u)",
            Need::Login => "   (-u and a password)",
            Need::ClearLogin => {
                "   (-u, a password and --allow-plaintext, where STLS is announced)"
            }
        };
        let need = match probe.needs_timestamp() {
            true => {
                "   (-u and a password; in cleartext, where STLS is announced, also --allow-plaintext)"
            }
            false => need,
        };
        let fetches = match probe.fetches() {
            true => "   (may mark mail as read)",
            false => "",
        };
        writeln!(out, "  {:<18} {}{need}{fetches}", probe.name, probe.about())?;
    }
    writeln!(out, "rules")?;
    let rules = lint::rules().filter(|rule| !lint::is_about_client(rule));
    let rules = rules.map(|rule| (rule.id, rule.level, rule.source, rule.says, ""));
    let across = ACROSS.iter();
    let across = across.map(|rule| (rule.id, rule.level, rule.source, rule.says, ACROSS_NOTE));
    for (id, level, source, says, note) in rules.chain(across) {
        let level = level.name();
        writeln!(out, "  {id:<34} {level:<8} {source}: {says}{note}")?;
    }
    Ok(())
}
