//! The top of a page: the figures of the recording, and the findings.

use std::io::{self, Write};

use super::{Survey, escaped};
use crate::analysis::finding::Finding;
use crate::analysis::show::timing::Totals;
use crate::base::figures::{count, duration};

pub(super) fn summary(out: &mut dyn Write, survey: &Survey) -> io::Result<()> {
    write!(
        out,
        "<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n<dl>\n"
    )?;
    for (name, text) in &survey.heads {
        writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(text))?;
    }
    for (name, text) in figures(survey.meter.totals()) {
        writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&text))?;
    }
    write!(out, "</dl>\n</section>\n")
}

fn figures(totals: &Totals) -> Vec<(&'static str, String)> {
    let mut exchanges = count(totals.exchanges);
    if totals.refused > 0 {
        exchanges.push_str(&format!(", {} refused", count(totals.refused)));
    }
    if totals.unanswered > 0 {
        let unanswered = count(totals.unanswered);
        exchanges.push_str(&format!(", {unanswered} without a complete reply"));
    }
    let holes = if totals.has_holes {
        ", holes not counted"
    } else {
        ""
    };
    let tls = match totals.tls_ms {
        0 => String::new(),
        ms if totals.is_tls_timed => format!("{} for the TLS handshake, ", duration(ms)),
        ms => format!("{} from STLS to the next command, ", duration(ms)),
    };
    let mut figures = vec![
        ("exchanges", exchanges),
        ("messages fetched", count(totals.messages)),
        (
            "octets",
            format!(
                "{} from the server, {} from the client{holes}",
                count(totals.server_octets),
                count(totals.client_octets)
            ),
        ),
        (
            "time",
            format!(
                "{}: {} to the greeting, {tls}{} waiting for replies, {} transferring data, {} of client pauses",
                duration(totals.all_ms()),
                duration(totals.connect_ms),
                duration(totals.wait_ms),
                duration(totals.transfer_ms),
                duration(totals.idle_ms)
            ),
        ),
    ];
    if let Some((name, ms)) = &totals.slowest {
        figures.push(("slowest", format!("{name}, {}", duration(*ms))));
    }
    figures
}

pub(super) fn list(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    write!(
        out,
        "<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n"
    )?;
    let row = |row| format!("<a href=\"#r{row}\">row {row}</a>");
    items(out, findings, &row)?;
    writeln!(out, "</section>")
}

/// Writes findings as a list; `place` names a row.
pub(super) fn items(
    out: &mut dyn Write,
    findings: &[Finding],
    place: &dyn Fn(usize) -> String,
) -> io::Result<()> {
    if findings.is_empty() {
        return writeln!(out, "<p>No findings.</p>");
    }
    writeln!(out, "<ol class=\"findings\">")?;
    for finding in findings {
        let (level, id) = (finding.level.name(), escaped(finding.id));
        let message = escaped(&finding.message);
        write!(
            out,
            "<li><span class=\"level {level}\">{level}</span> <code>{id}</code>: {message}"
        )?;
        if let Some(row) = finding.row {
            write!(out, " ({})", place(row))?;
        }
        if finding.count > 1 {
            write!(out, ", {} times", finding.count)?;
        }
        if !finding.octets.is_empty() {
            write!(out, "<pre>{}</pre>", escaped(&finding.octets))?;
        }
        let others = finding.other_probes();
        if !others.is_empty() {
            write!(out, "<p>also in {}</p>", escaped(&others.join(", ")))?;
        }
        let files = finding
            .more
            .iter()
            .filter_map(|sight| sight.file.as_deref());
        for file in files {
            write!(out, "<p>seen in {}</p>", escaped(file))?;
        }
        if let Some(hint) = &finding.hint {
            write!(out, "<p>{}</p>", escaped(hint))?;
        }
        if !finding.source.is_empty() {
            write!(out, "<p>{}</p>", escaped(finding.source))?;
        }
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ol>")
}
