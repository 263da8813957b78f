//! Findings for people and for programs.

use std::io::{self, Write};
use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use crate::analysis::finding::{Finding, Level, Occurrence};
use crate::base::escape;
use crate::base::say::shown;
use crate::base::style::{Paint, Style};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Junit,
    Html,
}

impl Format {
    /// Prints a report for programs, as a page, or nothing as text: what people read is different
    /// in each mode. `no_login` says why the login failed, for JSON.
    ///
    /// Errors: `out` can't be written.
    pub(crate) fn print(
        self,
        out: &mut dyn Write,
        judged: &[Judged],
        no_login: Option<&str>,
    ) -> io::Result<()> {
        match self {
            Self::Text => Ok(()),
            Self::Json => json(out, judged, no_login),
            Self::Junit => junit(out, judged),
            Self::Html => html(out, judged),
        }
    }
}

/// The most findings of a comparison that are kept for a report; the rest is counted.
const FINDINGS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Judged {
    /// The probe of `check` that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probe: Option<&'static str>,
    /// Why nothing, or not all of it, was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
    /// What else to know about it: its session ended early, and the next entry has the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// What was judged: the name of a file, or of several; none where the probe was not played.
    pub(crate) files: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    /// It was played, and what it is for could not be tested.
    #[serde(skip)]
    pub(crate) is_untested: bool,
    /// The rules whose findings an earlier entry reports, and the worst level of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) repeats: Vec<&'static str>,
    /// The worst level of what an earlier entry reports.
    #[serde(skip)]
    pub(crate) repeated: Option<Level>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) beyond: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Pass,
    Info,
    /// It breaks a SHOULD.
    NonStrict,
    /// It breaks a MUST, it can cause harm, or two recordings differ.
    Fail,
    Skipped,
}

impl Verdict {
    /// All, in the order in which they are counted for people.
    pub(crate) const ALL: [Self; 5] = [
        Self::Pass,
        Self::NonStrict,
        Self::Fail,
        Self::Info,
        Self::Skipped,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Info => "info",
            Self::NonStrict => "non-strict",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

impl Judged {
    /// A comparison of two files, in which nothing was found yet.
    pub(crate) fn of_two(old: &Path, new: &Path) -> Self {
        Self {
            files: [old, new].map(|path| path.display().to_string()).into(),
            ..Self::default()
        }
    }

    /// The verdict: what the worst finding makes it.
    pub(crate) fn verdict(&self) -> Verdict {
        let own = self.findings.iter().map(|finding| finding.level).max();
        match own.max(self.repeated) {
            None if self.files.is_empty() || self.is_untested => Verdict::Skipped,
            None => Verdict::Pass,
            Some(Level::Info) => Verdict::Info,
            Some(Level::Should) => Verdict::NonStrict,
            Some(Level::Difference | Level::Must | Level::Security) => Verdict::Fail,
        }
    }

    /// Adds findings as long as there is room for them.
    pub(crate) fn add(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding);
            } else {
                self.beyond += 1;
            }
        }
    }

    fn name(&self) -> String {
        match self.probe {
            Some(probe) => probe.to_owned(),
            None => self.files.join(" and "),
        }
    }
}

/// Findings for people, one paragraph each: file and row, level, id, message, how often; the row as
/// evidence, hint, source.
pub(crate) fn text(out: &mut dyn Write, judged: &Judged, style: Style) -> io::Result<()> {
    let file = judged.files.first().map_or("", String::as_str);
    for finding in &judged.findings {
        let row = finding.row.map(|row| format!(":{row}")).unwrap_or_default();
        let paint = match finding.level {
            Level::Info => Paint::Note,
            Level::Difference | Level::Should => Paint::Warning,
            Level::Must | Level::Security => Paint::Negative,
        };
        let level = style.paint(paint, finding.level.name());
        let place = shown(&format!("{file}{row}"));
        let id = finding.id;
        let count = match finding.count {
            0 | 1 => String::new(),
            count => format!(" ({count} times)"),
        };
        writeln!(
            out,
            "{place}: {level} {id}: {}{count}",
            shown(&finding.message_for_people())
        )?;
        if !finding.octets.is_empty() {
            writeln!(out, "  | {}", shown(&finding.octets))?;
        }
        for sight in &finding.more {
            let row = sight.row.map(|row| format!(" (row {row})"));
            let row = row.unwrap_or_default();
            writeln!(out, "  | {}{row}", shown(&sight.octets))?;
        }
        if let Some(hint) = &finding.hint {
            writeln!(out, "  hint: {}", shown(hint))?;
        }
        if !finding.source.is_empty() {
            writeln!(out, "  source: {}", finding.source)?;
        }
    }
    Ok(())
}

/// The same with each finding once, where it was found first, and a list of where else it was
/// found.
pub(crate) fn grouped(judged: &[Judged]) -> Vec<Judged> {
    let mut grouped: Vec<Judged> = Vec::new();
    for one in judged {
        let mut one = one.clone();
        let findings = std::mem::take(&mut one.findings);
        for finding in findings {
            let before = grouped.iter_mut().flat_map(|entry| &mut entry.findings);
            let Some(first) = before.into_iter().find(|first| first.id == finding.id) else {
                one.findings.push(finding);
                continue;
            };
            one.repeats.push(finding.id);
            if !is_of_server(finding.id) {
                one.repeated = one.repeated.max(Some(finding.level));
            }
            let row = finding.row;
            let here = Occurrence {
                probe: one.probe,
                row,
                octets: finding.octets,
                ..Occurrence::default()
            };
            let more = finding.more.into_iter().map(|sight| Occurrence {
                probe: one.probe,
                ..sight
            });
            first.more.extend(std::iter::once(here).chain(more));
        }
        grouped.push(one);
    }
    grouped
}

/// Whether a rule is about the server's certificate or its choice of TLS: these are the same on each
/// connection, so they do not count against every probe.
fn is_of_server(rule: &str) -> bool {
    let parts = ["cert-", "old-version", "weak-cipher", "no-forward-secrecy"];
    let rest = rule.strip_prefix("tls-");
    rest.is_some_and(|rest| parts.iter().any(|part| rest.starts_with(part)))
}

/// Everything judged as one JSON object, `{"judged": [...]}`, and a line end. `no_login`: why a
/// login that was wanted failed.
pub(crate) fn json(
    out: &mut dyn Write,
    judged: &[Judged],
    no_login: Option<&str>,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Entry<'a> {
        verdict: Verdict,
        #[serde(flatten)]
        judged: &'a Judged,
    }
    #[derive(Serialize)]
    struct Report<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        no_login: Option<&'a str>,
        judged: Vec<Entry<'a>>,
    }
    let entries = judged.iter().map(|judged| Entry {
        verdict: judged.verdict(),
        judged,
    });
    let judged = entries.collect();
    let text = serde_json::to_string_pretty(&Report { no_login, judged })?;
    // JSON escapes C0; what else could drive a terminal, or is not seen, may be written as an
    // escape (RFC 8259 §7).
    for c in text.chars() {
        if c == '\x7f' || escape::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        } else {
            write!(out, "{c}")?;
        }
    }
    writeln!(out)
}

/// Everything judged as JUnit XML: a suite for what was judged, a failed case for each finding, one
/// case that passes where there is none, and one that is skipped, with the reason, for a probe that
/// was not played.
pub(crate) fn junit(out: &mut dyn Write, judged: &[Judged]) -> io::Result<()> {
    let mut report = Report::new("poptalk");
    report.add_test_suites(judged.iter().map(suite));
    let xml = report.to_string().map_err(io::Error::other)?;
    out.write_all(xml.as_bytes())
}

fn suite(one: &Judged) -> TestSuite {
    let name = shown(&one.name());
    let case = |title: &str, status| {
        let mut case = TestCase::new(title, status);
        case.set_classname(name.as_str());
        case
    };
    let mut suite = TestSuite::new(name.as_str());
    if one.verdict() == Verdict::Skipped {
        let mut status = TestCaseStatus::skipped();
        status.set_message(shown(one.skipped.as_deref().unwrap_or_default()));
        suite.add_test_case(case("not played", status));
    } else if one.findings.is_empty() {
        let title = match one.repeats.as_slice() {
            [] => "nothing found".to_owned(),
            ids => format!("nothing new: {}", ids.join(", ")),
        };
        suite.add_test_case(case(&title, TestCaseStatus::success()));
    }
    for finding in &one.findings {
        let title = format!("{} row {}", finding.id, rows(finding));
        suite.add_test_case(case(&title, status(finding)));
    }
    suite
}

/// A finding of level info passes.
fn status(finding: &Finding) -> TestCaseStatus {
    if !finding.level.is_failure() {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(finding.level.name());
    status.set_message(shown(&finding.message));
    let more = shown(&details(finding));
    if !more.is_empty() {
        status.set_description(more);
    }
    status
}

/// The hint of a finding, its source, and where else it was found.
fn details(finding: &Finding) -> String {
    let hint = finding.hint.iter().map(|hint| format!("hint: {hint}"));
    let source = (!finding.source.is_empty()).then(|| format!("source: {}", finding.source));
    let others = finding.other_probes();
    let others = (!others.is_empty()).then(|| format!("also in: {}", others.join(", ")));
    let files = finding.more.iter();
    let files = files.filter_map(|sight| sight.file.as_deref());
    let files = files.map(|file| format!("seen in {file}"));
    let details: Vec<String> = hint.chain(source).chain(others).chain(files).collect();
    details.join("; ")
}

pub(crate) fn html(out: &mut dyn Write, judged: &[Judged]) -> io::Result<()> {
    let title = |one: &Judged| {
        let why = one.skipped.clone();
        let repeats =
            (!one.repeats.is_empty()).then(|| format!("again: {}", one.repeats.join(", ")));
        let notes: Vec<String> = why.into_iter().chain(repeats).collect();
        let verdict = one.verdict().name();
        match notes.as_slice() {
            [] => format!("{}: {verdict}", one.name()),
            notes => format!("{}: {verdict} ({})", one.name(), notes.join("; ")),
        }
    };
    // What was found again is in the title.
    let findings = |one: &'_ Judged| !one.findings.is_empty() || one.repeats.is_empty();
    let mut parts = judged.iter().map(|one| {
        let findings = findings(one).then_some(one.findings.as_slice());
        (title(one), findings)
    });
    crate::analysis::show::html::report(out, "What poptalk found", &mut parts)
}

/// The rows of a finding, for people: `12`, or `12|14` of a difference.
fn rows(finding: &Finding) -> String {
    let row = |row: Option<usize>| row.map_or_else(|| "-".to_owned(), |row| row.to_string());
    match finding.other_row {
        Some(_) => format!("{}|{}", row(finding.row), row(finding.other_row)),
        None => row(finding.row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged() -> Judged {
        let finding = |id, level, hint: Option<&str>, source| Finding {
            id,
            level,
            row: Some(14),
            other_row: None,
            offset: Some(300),
            octets: ".hidden".to_owned(),
            count: if level == Level::Must { 2 } else { 1 },
            more: Vec::new(),
            message: "a dot \u{1b}[2J & <b>".to_owned(),
            hint: hint.map(str::to_owned),
            source,
        };
        Judged {
            files: vec!["a.pop3".to_owned()],
            findings: vec![
                finding(
                    "dot-stuffing",
                    Level::Must,
                    Some("double it"),
                    "RFC 1939 §3",
                ),
                finding("late", Level::Info, None, ""),
            ],
            ..Judged::default()
        }
    }

    fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_written_as_people_write_it() {
        let mut judged = judged();
        for finding in &mut judged.findings {
            finding.message = "tls failed: no".to_owned();
        }
        let mut out = Vec::new();
        let style = Style::new(
            crate::base::style::ColorChoice::Never,
            owo_colors::Stream::Stdout,
        );
        text(&mut out, &judged, style).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.matches("TLS failed: no").count(), 2, "{out}");
        assert!(!out.contains("tls failed"), "{out}");
    }

    #[test]
    fn people_read_place_level_and_what_to_do() {
        let style = Style::new(
            crate::base::style::ColorChoice::Never,
            owo_colors::Stream::Stdout,
        );
        let want = "\
a.pop3:14: must dot-stuffing: a dot ^[[2J & <b> (2 times)
  | .hidden
  hint: double it
  source: RFC 1939 §3
a.pop3:14: info late: a dot ^[[2J & <b>
  | .hidden
";
        assert_eq!(printed(|out| text(out, &judged(), style)), want);
    }

    #[test]
    fn what_several_probes_found_is_told_once_with_each_place() {
        let sight = |probe, row, octets: &str| Occurrence {
            probe,
            row: Some(row),
            octets: octets.to_owned(),
            ..Occurrence::default()
        };
        let mut first = Judged {
            probe: Some("greeting"),
            ..judged()
        };
        first.findings[0].more = vec![sight(None, 20, ".other")];
        let mut second = Judged {
            probe: Some("session"),
            ..first.clone()
        };
        second.findings[1].id = "early";
        let untold = Judged {
            probe: Some("auth"),
            ..Judged::default()
        };
        let grouped = grouped(&[first, untold, second]);
        let ids = |one: &Judged| one.findings.iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(&grouped[0]), ["dot-stuffing", "late"]);
        assert_eq!(ids(&grouped[2]), ["early"]);
        assert_eq!(grouped[2].repeats, ["dot-stuffing"]);
        let verdicts: Vec<Verdict> = grouped.iter().map(Judged::verdict).collect();
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Skipped, Verdict::Fail]);
        assert_eq!(
            grouped[0].findings[0].more,
            [
                sight(None, 20, ".other"),
                sight(Some("session"), 14, ".hidden"),
                sight(Some("session"), 20, ".other"),
            ]
        );
        assert!(grouped[0].findings[1].more.is_empty());
    }

    #[test]
    fn build_servers_and_pages_get_each_finding_once() {
        let of = |probe| Judged {
            probe: Some(probe),
            ..judged()
        };
        let grouped = grouped(&[of("greeting"), of("session"), of("late")]);
        let out = printed(|out| junit(out, &grouped));
        assert!(
            out.contains("tests=\"4\" skipped=\"0\" failures=\"1\""),
            "{out}"
        );
        assert_eq!(out.matches("<failure ").count(), 1, "{out}");
        assert!(out.contains("; also in: session, late<"), "{out}");
        let rest = "name=\"nothing new: dot-stuffing, late\" classname=\"late\"";
        assert!(out.contains(rest), "{out}");
        let out = printed(|out| html(out, &grouped));
        assert_eq!(out.matches("<code>dot-stuffing</code>").count(), 1, "{out}");
        assert!(out.contains("<p>also in session, late</p>"), "{out}");
        let title = "<h2>late: fail (again: dot-stuffing, late)</h2>";
        assert!(out.contains(title), "{out}");
        assert_eq!(out.matches("No findings.").count(), 0, "{out}");
    }

    #[test]
    fn a_certificate_does_not_count_against_each_probe() {
        let of = |probe, id| {
            let mut one = judged();
            one.probe = Some(probe);
            one.findings.truncate(1);
            one.findings[0].id = id;
            one
        };
        let untrusted = "tls-cert-untrusted";
        let verdicts = |id| {
            let grouped = grouped(&[of("greeting", id), of("session", id)]);
            grouped.iter().map(Judged::verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(untrusted), [Verdict::Fail, Verdict::Pass]);
        assert_eq!(
            verdicts("tls-handshake-failed"),
            [Verdict::Fail, Verdict::Fail]
        );
    }

    #[test]
    fn programs_read_the_same_findings() {
        let out = printed(|out| json(out, &[judged()], None));
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        let finding = &value["judged"][0]["findings"][0];
        assert_eq!(finding["level"], "must");
        assert_eq!(finding["row"], 14);
        assert_eq!(finding["source"], "RFC 1939 §3");
        assert!(!out.contains('\u{1b}'));
        let out = printed(|out| junit(out, &[judged()]));
        assert!(
            out.contains("tests=\"2\" skipped=\"0\" failures=\"1\""),
            "{out}"
        );
        assert!(out.contains("a dot ^[[2J &amp; &lt;b&gt;"), "{out}");
        assert!(
            out.contains("hint: double it; source: RFC 1939 §3"),
            "{out}"
        );
        let out = printed(|out| html(out, &[judged()]));
        assert!(
            out.contains(
                "a dot ^[[2J &amp; &lt;b&gt; (row 14), 2 times<pre>.hidden</pre><p>double it</p>"
            ),
            "{out}"
        );
        assert!(
            out.ends_with("</html>\n") && !out.contains('\u{1b}'),
            "{out}"
        );
    }
}
