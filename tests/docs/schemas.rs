//! What programs read, against the schemas in `tests/docs/schemas/`. The checkers are xmllint and
//! Python's jsonschema; these fail where they are not installed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use poptalk::modes::serve::{ServeOptions, Server};

use crate::support::{Home, text};

fn schema(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/docs/schemas")
        .join(name)
}

/// What the checker of a format says about a text; None where it has nothing against it.
fn complaint(format: &str, report: &[u8]) -> Option<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(report).unwrap();
    let mut checker = match format {
        "junit" => {
            let mut checker = Command::new("xmllint");
            checker
                .args(["--noout", "--schema"])
                .arg(schema("junit.xsd"));
            checker
        }
        "html" => {
            let mut checker = Command::new("xmllint");
            checker.arg("--noout");
            checker
        }
        _ => {
            let mut checker = Command::new("python3");
            checker.args(["-m", "jsonschema", "-i"]);
            checker
        }
    };
    checker.arg(file.path());
    if format == "json" {
        checker.arg(schema("findings.json"));
    }
    let output = checker.stdin(Stdio::null()).output().unwrap();
    (!output.status.success()).then(|| text(&output.stdout) + &text(&output.stderr))
}

/// The reports of every command that has them: with findings and without, and of a hostile
/// recording.
fn reports(format: &str) -> Vec<(String, Vec<u8>)> {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let file = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let (good, bad) = (
        file("lint/bare-lf.good.pop3"),
        file("lint/bare-lf.bad.pop3"),
    );
    let (before, after) = (file("diff/before.pop3"), file("diff/after.pop3"));
    let hostile = file("show/hostile.pop3");
    let fails = file("replay/fails.pop3");
    let serving = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let address = serving.address().to_string();
    let runs: [&[&str]; 8] = [
        &["lint", &good],
        &["lint", &good, &bad, &hostile],
        &["diff", &before, &after],
        &["diff", &before, &before],
        &["diff", &before, &hostile],
        &["replay", &fails, "--set", "user=alice"],
        &["check", &address],
        &["check", &address, "--only", "bare-lf"],
    ];
    let runs = runs.iter().map(|args| {
        let output = home.script(&[args, &["--format", format][..]].concat(), b"");
        assert!(
            output.stdout.len() > 20,
            "{args:?}: {}",
            text(&output.stderr)
        );
        (args.join(" "), output.stdout)
    });
    runs.collect()
}

#[test]
#[ignore = "needs xmllint"]
fn junit_reports_keep_to_the_schema() {
    for (what, report) in reports("junit") {
        assert_eq!(
            complaint("junit", &report),
            None,
            "{what}: {}",
            text(&report)
        );
    }
    assert!(complaint("junit", b"<testsuites><testcase/></testsuites>").is_some());
}

#[test]
#[ignore = "needs xmllint"]
fn pages_are_well_formed() {
    for (what, report) in reports("html") {
        let page = text(&report);
        assert_eq!(complaint("html", &report), None, "{what}: {page}");
        assert!(page.starts_with("<!DOCTYPE html>") && !page.contains('\u{1b}'));
    }
    assert!(complaint("html", b"<html><p></html>").is_some());
}

#[test]
#[ignore = "needs python3-jsonschema"]
fn json_reports_keep_to_the_schema() {
    for (what, report) in reports("json") {
        assert_eq!(
            complaint("json", &report),
            None,
            "{what}: {}",
            text(&report)
        );
    }
    assert!(complaint("json", b"{\"judged\": [{\"files\": []}]}").is_some());
}
