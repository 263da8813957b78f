//! Faults over a socket: what the table says is seen by who connects, nothing hangs, and the
//! options name them.

use std::net::SocketAddr;
use std::path::Path;

use poptalk::analysis::lint::{Lint, judge};
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::servers::fault::{self, Fault};
use poptalk::servers::{Maildrop, Message};
use poptalk::transcript::text::Reader;

use crate::support::{Home, text};

fn maildrop() -> Maildrop {
    let message = |subject: &str, body: &str| {
        let head = "From: Bob <bob@example.org>\r\nDate: Mon, 23 Nov 2026 09:12:44 +0100\r\n";
        let octets = format!("{head}Subject: {subject}\r\n\r\n{body}\r\n");
        Message::new(octets.as_bytes(), subject)
    };
    Maildrop::new(vec![
        message("one", "A line.\r\n.signature\r\nThe end"),
        message("two", "Short"),
        message("three", "To be deleted"),
    ])
}

/// Plays the fault's session at a server that has it; gives the rules that its transcript breaks.
fn found(fault: &'static Fault) -> Vec<&'static str> {
    let options = ServeOptions {
        maildrop: maildrop(),
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        faults: vec![fault],
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, serving.certificate_pem()).unwrap();
    let log = home.path().join("log.pop3");
    let (ca, log) = (ca.to_str().unwrap(), log.to_str().unwrap());
    let address = match fault.is_clear {
        true => serving.address().to_string(),
        false => serving.tls_address().unwrap().to_string(),
    };
    let mut args = vec![
        address.as_str(),
        "--keep-going",
        "--timeout",
        "10",
        "--ca",
        ca,
        "--log",
        log,
    ];
    if !fault.is_clear {
        args.push("--tls");
    }
    // What stands on one line of the table is sent together.
    if fault.session().iter().any(|line| line.contains('\n')) {
        args.push("--pipeline");
    }
    let lines: String = fault
        .session()
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    home.script(&args, lines.as_bytes());
    let transcript = std::fs::read(log).unwrap();
    let findings = judge(&mut Reader::new(&transcript[..]), Lint::new()).unwrap();
    findings.iter().map(|finding| finding.id).collect()
}

/// Faults that show here only to who waits longer, or sends what a script does not.
const LEFT_OUT: &[&str] = &[
    // They take longer.
    "greeting-delayed",
    "quit-slow",
    "slow-drip",
    "slow-reply",
    "tarpit",
    // The digest is for another greeting.
    "apop-offered-fails",
    // A script says nothing before the greeting.
    "redis-lookalike",
    // What a script sends together may come in parts.
    "pipelining-drops",
    "pipelining-drops-at-login",
    // A script sends nothing between STLS and the handshake.
    "stls-command-injection",
    // On this machine nobody listens in.
    "no-tls-offered",
    "neither-capa-nor-stls",
    // A script sends CRLF.
    "lf-command-ignored",
];

#[test]
fn each_fault_is_found_by_who_connects() {
    let faults: Vec<&'static Fault> = fault::all()
        .filter(|fault| !LEFT_OUT.contains(&fault.name))
        .collect();
    assert!(faults.len() > 160);
    let some = |faults: &[&'static Fault]| -> Vec<String> {
        // The next line may cross the end of the connection, and hide what ended it: rarely, and
        // not three times.
        let is_seen =
            |fault: &Fault, found: &[&str]| fault.finds().iter().all(|id| found.contains(id));
        let wrong = faults.iter().filter_map(|fault| {
            let mut found = found(fault);
            for _ in 0..2 {
                if !is_seen(fault, &found) {
                    found = self::found(fault);
                }
            }
            (!is_seen(fault, &found)).then(|| format!("{}: only {found:?}", fault.name))
        });
        wrong.collect()
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = faults
            .chunks(faults.len().div_ceil(8))
            .map(|faults| scope.spawn(move || some(faults)))
            .collect();
        let wrong = runs.into_iter().map(|run| run.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn faults_are_named_and_a_wrong_name_is_told() {
    let home = Home::new();
    let output = home.script(&["serve", "--list-faults"], b"");
    let list = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(list.lines().count(), fault::all().count());
    assert!(list.contains("dele-still-listed "), "{list}");
    for (args, want) in [
        (
            ["practice", "--fault", "bare-fl"],
            "did you mean `bare-lf`?",
        ),
        (
            ["serve", "--fault", "nothing-like-it"],
            "`poptalk serve --list-faults` lists them all",
        ),
    ] {
        let output = home.script(&args, b"");
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(want),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn the_practice_server_and_a_recording_can_have_faults() {
    let home = Home::new();
    let args = [
        "practice",
        "--fault",
        "dele-still-listed",
        "--fault",
        "bare-lf",
    ];
    let output = home.script(
        &args,
        b"user alice\npass wonderland\ndele 2\nlist 2\nquit\n",
    );
    let said = text(&output.stdout);
    assert!(
        said.contains("+OK message deleted\n") && said.contains("+OK 2 "),
        "{said}"
    );
    assert!(!said.contains("+OK message deleted\r\n"), "{said}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/commands/STAT.pop3");
    let options = ServeOptions {
        recording: Some(poptalk::modes::serve::ServedRecording {
            path,
            pace: poptalk::servers::script::Pace::default(),
            index: None,
        }),
        faults: vec![fault::named("stat-malformed").unwrap()],
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let output = home.script(&[&serving.address().to_string()], b"STAT\n");
    assert!(
        text(&output.stdout).contains("there are 3 messages"),
        "{}",
        text(&output.stdout)
    );
}
