//! `poptalk diff` from outside.

use std::path::PathBuf;
use std::process::Stdio;

use crate::support::terminal::Terminal;
use crate::support::{Home, text};

const OLD: &str =
    "C: STAT\nS: +OK 2 320\nC: RETR 1\nS: +OK\nS: \\x1b[31mred & <b>\nS: .\nC: QUIT\nS: +OK\n";
const NEW: &str = "C: STAT\nS: +OK 2 328\nC: RETR 1\nS: +OK\nS: blue\nS: .\nC: QUIT\nS: +OK\n";

/// Writes a transcript into the home.
fn file(home: &Home, name: &str, content: &str) -> String {
    let path: PathBuf = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// The exit code, standard output and standard error of a comparison of two files.
fn diff(old: &str, new: &str, options: &[&str]) -> (Option<i32>, String, String) {
    let home = Home::new();
    let (old, new) = (file(&home, "a.pop3", old), file(&home, "b.pop3", new));
    let mut args = vec!["diff", &old, &new];
    args.extend(options);
    let output = home.poptalk(&args).output().unwrap();
    let plain = |octets: &[u8]| text(octets).replace(&home.path().display().to_string(), "~");
    (
        output.status.code(),
        plain(&output.stdout),
        plain(&output.stderr),
    )
}

#[test]
fn nothing_differs() {
    let (code, out, errors) = diff(OLD, OLD, &["--level", "octets"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(out, "  3 exchanges alike\n");
}

#[test]
fn differences_are_shown_with_rows_and_the_exit_code_says_so() {
    let (code, out, errors) = diff(OLD, NEW, &[]);
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let want = "\
STAT: `octets` was `320`, is `328`   row 2 | 2
  <    2  S: +OK 2 320
                   ^^^
  >    2  S: +OK 2 328
                   ^^^
RETR 1: 1 line differs   row 5 | 5
  <    5  S: \\x1b[31mred & <b>
  >    5  S: blue
  1 exchange alike
";
    assert_eq!(out, want);
}

#[test]
fn two_columns_have_both_sides_in_one_row() {
    let (_, out, _) = diff(OLD, NEW, &["--side-by-side"]);
    let line = out.lines().find(|line| line.contains("red")).unwrap();
    assert!(line.contains(" |   >    5  S: blue"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 160));
    let home = Home::new();
    let (old, new) = (file(&home, "a.pop3", OLD), file(&home, "b.pop3", NEW));
    let terminal = Terminal::wide(&home, &["diff", &old, &new]);
    terminal.see("|   >    5  S: blue");
    assert_eq!(terminal.end().0, 1);
}

#[test]
fn programs_get_json_or_junit() {
    let (code, out, _) = diff(OLD, NEW, &["--format", "json"]);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let findings = json["judged"][0]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[1]["id"], "diff-data");
    assert_eq!(findings[1]["row"], 5);
    assert_eq!(findings[1]["other_row"], 5);
    let (code, out, _) = diff(OLD, NEW, &["--format", "junit"]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains(
            "<testsuites name=\"poptalk\" tests=\"2\" skipped=\"0\" failures=\"2\" errors=\"0\">"
        ),
        "{out}"
    );
    let (code, out, _) = diff(OLD, OLD, &["--format", "junit"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("tests=\"1\" skipped=\"0\" failures=\"0\""),
        "{out}"
    );
}

#[test]
fn wire_text_in_reports_is_escaped() {
    let old = "C: S\\x1b[2J<&\"'\\x01\nS: +OK\n";
    for format in ["text", "json", "junit"] {
        let (code, out, _) = diff(old, "C: NOOP\nS: +OK\n", &["--format", format]);
        assert_eq!(code, Some(1));
        assert!(!out.replace('\n', "").contains(char::is_control), "{out:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_place() {
    let (code, out, errors) = diff(OLD, "C: STAT\nS: +OK \\q\n", &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let want = "\
error: row 2 column 8 of ~/b.pop3: unknown escape `\\q`
   2 | S: +OK \\q
     |        ^^
hint: write a backslash as `\\\\`
";
    assert_eq!(errors.replace("~\\", "~/"), want);
    let home = Home::new();
    let output = home.poptalk(&["diff", "/none", "/none"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint: "));
    let folder = home.path().display().to_string();
    let output = home.poptalk(&["diff", &folder, &folder]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let home = Home::new();
    let many = |status: &str| format!("C: X\nS: {status} {}\n", "y".repeat(100)).repeat(3000);
    let (old, new) = (
        file(&home, "a.pop3", &many("+OK")),
        file(&home, "b.pop3", &many("-ERR")),
    );
    let mut child = home
        .poptalk(&["diff", &old, &new])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_compared_as_well() {
    let home = Home::new();
    let old = file(&home, "a.pop3", OLD);
    let output = home.script(&["diff", &old, "/dev/stdin"], NEW.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("RETR 1: 1 line differs"));
}
