//! `poptalk lint`: what it prints, how it ends, and that the practice server is without fault.

use std::path::Path;

use poptalk::analysis::finding::Level;
use poptalk::analysis::lint::{Lint, judge};
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::transcript::text::Reader;

use crate::support::terminal::Terminal;
use crate::support::{Home, serve, text};

fn witness(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts/lint")
        .join(name);
    path.display().to_string()
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let home = Home::new();
    let all: Vec<&str> = std::iter::once("lint")
        .chain(args.iter().copied())
        .collect();
    let output = home.script(&all, b"");
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Plays lines at the practice server and gives the findings of the transcript that matter.
fn faults(kind: &str, lines: &[&str]) -> Vec<String> {
    let options = ServeOptions {
        tls_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, serving.certificate_pem()).unwrap();
    let address = match kind {
        "tls" => serving.tls_address().unwrap().to_string(),
        _ => serving.address().to_string(),
    };
    let log = home.path().join("session.pop3").display().to_string();
    let mut args = vec![address.as_str(), "--keep-going", "--log", &log];
    match kind {
        "tls" => args.extend(["--tls", "--ca", ca.to_str().unwrap()]),
        "stls" => args.extend(["--stls", "--ca", ca.to_str().unwrap()]),
        _ => {}
    }
    let input = lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let output = home.script(&args, input.as_bytes());
    let transcript =
        std::fs::read(&log).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let found = judge(&mut Reader::new(&transcript[..]), Lint::new()).unwrap();
    let found = found.iter().filter(|one| one.level > Level::Info);
    found
        .map(|one| format!("{kind} row {:?} {}: {}", one.row, one.id, one.message))
        .collect()
}

#[test]
fn the_practice_server_is_without_fault() {
    let mut session = vec![
        "CAPA",
        "USER alice",
        "CAPA",
        "PASS wrong",
        "USER alice",
        "PASS wonderland",
        "CAPA",
        "STAT",
        "LIST",
        "UIDL",
        "LIST 1",
        "UIDL 2",
        "LIST 99",
        "LIST 0",
        "RETR 0",
        "NOOP",
        "LANG",
        "LANG de",
        "XYZZY",
        "TOP 99 0",
        "STLS",
        "AUTH",
    ];
    let each: Vec<String> = (1..=9)
        .flat_map(|number| {
            [
                format!("TOP {number} 0"),
                format!("RETR {number}"),
                format!("TOP {number} 2"),
                format!("TOP {number} 999999"),
            ]
        })
        .collect();
    session.extend(each.iter().map(String::as_str));
    session.extend([
        "DELE 2", "DELE 2", "STAT", "LIST", "UIDL", "RETR 2", "RSET", "STAT", "LIST", "noop",
        "DELE 3", "QUIT",
    ]);
    for kind in ["clear", "stls", "tls"] {
        let lines: Vec<&str> = session
            .iter()
            .copied()
            .filter(|line| kind != "clear" || *line != "STLS")
            .collect();
        let mut faults = faults(kind, &lines);
        // What this client does on purpose is no fault of the server.
        faults.retain(|one| !one.contains(" client-"));
        assert_eq!(faults, Vec::<String>::new());
    }
}

#[test]
fn the_exit_code_tells_whether_something_was_found() {
    let (good, bad) = (
        witness("status-lowercase.good.pop3"),
        witness("status-lowercase.bad.pop3"),
    );
    let (code, out, _) = run(&[&good]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let (code, out, _) = run(&[&good, &bad]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with(&format!("{bad}:")), "{out}");
    assert!(
        out.contains(": must status-lowercase: ")
            && out.contains("\n  | +ok\n")
            && out.contains("\n  hint: "),
        "{out}"
    );
    let (code, ..) = run(&[&bad, "--fail-on", "security"]);
    assert_eq!(code, Some(0));
    let (code, out, _) = run(&[&bad, "--only", "bare-lf"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
}

#[test]
fn mistakes_on_the_command_line_say_what_to_do() {
    let (code, _, said) = run(&["no-such-file.pop3"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no-such-file.pop3") && said.contains("hint: "),
        "{said}"
    );
    let (code, _, said) = run(&["x.pop3", "--only", "status-lower"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `status-lowercase`?"), "{said}");
    let home = Home::new();
    let path = home.path().join("broken.pop3");
    std::fs::write(&path, "S: +OK \\q\n").unwrap();
    let (code, _, said) = run(&[path.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("row 1") && said.contains("unknown escape"),
        "{said}"
    );
}

#[test]
fn an_empty_file_is_not_called_clean() {
    let home = Home::new();
    let path = home.path().join("empty.pop3");
    std::fs::write(&path, "").unwrap();
    let (code, out, said) = run(&[path.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.contains("the file is empty"), "{said}");
}

#[test]
fn a_text_file_is_not_a_transcript() {
    let home = Home::new();
    let path = home.path().join("notes.md");
    let path = path.to_str().unwrap();
    for text in ["# Notes\n\nPOP3 is old.\n", "\n", "hello"] {
        std::fs::write(path, text).unwrap();
        for args in [
            &["lint", path][..],
            &["replay", path],
            &["serve", path],
            &["serve", path, "--any-order"],
        ] {
            let output = home.script(args, b"");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
            assert!(said.contains("not a transcript"), "{args:?}: {said}");
        }
        let output = home.script(&["show", path], b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.starts_with("warning: "), "{said}");
    }
    // A recording that is cut.
    for text in [
        "#!po",
        "#!pop3 1\n",
        "server: x\n",
        "* connected 192.0.2.7:110\n",
    ] {
        std::fs::write(path, text).unwrap();
        for args in [["lint", path], ["show", path]] {
            let output = home.script(&args, b"");
            assert_eq!(output.status.code(), Some(0), "{args:?}: {text}");
            assert!(output.stderr.is_empty(), "{args:?}: {text}");
        }
    }
}

#[test]
fn programs_get_json_and_junit() {
    let bad = witness("status-lowercase.bad.pop3");
    let (code, out, _) = run(&[&bad, "--format", "json"]);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let finding = &json["judged"][0]["findings"][0];
    assert_eq!(finding["id"], "status-lowercase");
    assert_eq!(finding["octets"], "+ok");
    assert!(finding["offset"].as_u64().is_some_and(|offset| offset > 0));
    let (_, out, _) = run(&[&bad, "--format", "junit"]);
    assert!(
        out.contains("<testsuite") && out.contains("status-lowercase"),
        "{out}"
    );
}

#[test]
fn every_rule_is_listed() {
    let (code, out, _) = run(&["--list"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        out.lines().count(),
        poptalk::analysis::lint::rules().count()
    );
    assert!(out.lines().any(|line| line.starts_with("bare-lf ")
        && line.contains("must")
        && line.contains("RFC 1939 §3")));
}

#[test]
fn a_rule_that_is_broken_is_told_once_under_the_reply() {
    let home = Home::new();
    let (address, server) = serve(|peer| {
        peer.answer(|line| match line {
            "noop" => "+ok\r\n".into(),
            "rset" => "+OK\n".into(),
            _ => "+OK bye\r\n".into(),
        })
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    let screen = terminal.line("noop", "auth>");
    assert!(screen.contains("lint: must status-lowercase: "), "{screen}");
    terminal.line("noop", "auth>");
    terminal.line(":lint off", "auth>");
    let screen = terminal.line("rset", "auth>");
    assert!(!screen.contains("bare-lf"), "{screen}");
    assert_eq!(screen.matches("status-lowercase").count(), 1, "{screen}");
    terminal.press("quit\r");
    terminal.end();
    assert_eq!(
        text(&server.join().unwrap()),
        "noop\r\nnoop\r\nrset\r\nquit\r\n"
    );
}
