//! A server probed and judged: the faultless practice server, one that is silent, one that is not
//! there.

use std::collections::BTreeSet;
use std::sync::mpsc;

use poptalk::analysis::lint::{self, Lint};
use poptalk::modes::check::PROBES;
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::servers::{Maildrop, fault, messages};
use poptalk::transcript::text::Reader;

use crate::support::{Home, serve, serve_each, text};

/// Checks the practice server with all that it needs; gives its exit code and what it said.
fn check(args: &[&str]) -> (Option<i32>, String, Vec<bool>) {
    let (sender, events) = mpsc::channel();
    let maildrop = Maildrop::new(messages::practice());
    let options = ServeOptions {
        maildrop: maildrop.clone(),
        ..ServeOptions::default()
    };
    let serving = Server::start(options, move |event| drop(sender.send(event))).unwrap();
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, serving.certificate_pem()).unwrap();
    let address = serving.address().to_string();
    let all = [
        "check",
        &address,
        "-u",
        "alice",
        "--ca",
        ca.to_str().unwrap(),
    ];
    let output = home
        .poptalk(&[&all[..], args].concat())
        .env("POPTALK_PASSWORD", "wonderland")
        .output()
        .unwrap();
    drop(serving);
    // Nothing was deleted.
    assert_eq!(maildrop.count(), 9);
    let said = text(&output.stdout) + &text(&output.stderr);
    for file in home.files() {
        let file = text(&std::fs::read(file).unwrap());
        // A message may have the word; no line of the client's has.
        let mut sent = file.lines().filter(|line| line.starts_with('C'));
        assert!(!sent.any(|line| line.contains("wonderland")));
    }
    let logged_in = events.iter().map(|event| event.summary.has_logged_in);
    (output.status.code(), said, logged_in.collect())
}

#[test]
fn the_faultless_practice_server_breaks_no_must_and_nothing_of_security() {
    let (code, said, logged_in) = check(&["-v", "--allow-plaintext"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains("breaks a") && !said.contains("security"),
        "{said}"
    );
    // The practice server refuses STLS where a command was injected after it.
    let all = PROBES.len();
    // Without a second way into TLS, `stls-unlisted` has nothing to try either.
    assert!(
        said.contains(&format!("{} of {all} probes", all - 3)),
        "{said}"
    );
    let skipped = "skipped    stls-injection: not tested: STLS was refused: -ERR ";
    assert!(said.contains(skipped), "{said}");
    assert_eq!(logged_in.len(), all - 2);
    assert_eq!(logged_in.iter().filter(|logged_in| **logged_in).count(), 15);
}

#[test]
fn programs_get_json_or_junit() {
    let (code, said, _) = check(&["--format", "json", "--allow-plaintext"]);
    assert_eq!(code, Some(0));
    // What stands on standard error comes behind.
    let mut values = serde_json::Deserializer::from_str(&said).into_iter();
    let json: serde_json::Value = values.next().unwrap().unwrap();
    let judged = json["judged"].as_array().unwrap();
    // Each probe, and what several sessions tell together.
    assert_eq!(judged.len(), PROBES.len() + 1, "{said}");
    assert!(judged.iter().all(|one| one["verdict"] == "pass"
        || one["verdict"] == "info"
        || one["probe"] == "silence"
        || one["probe"] == "stls-injection"
        || one["probe"] == "stls-unlisted"));
    // What several probes found is told once, and each of them is named.
    let all = |field: &str| {
        let lists = judged.iter().filter_map(|one| one[field].as_array());
        lists.flatten().cloned().collect::<Vec<_>>()
    };
    let (findings, repeats) = (all("findings"), all("repeats"));
    let ids: BTreeSet<&str> = findings
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    assert_eq!(ids.len(), findings.len(), "{said}");
    assert!(!repeats.is_empty(), "{said}");
    assert!(repeats.iter().all(|id| ids.contains(id.as_str().unwrap())));
    let places = findings.iter().filter_map(|one| one["more"].as_array());
    let probes = places.flatten().filter(|place| place["probe"].is_string());
    assert!(probes.count() >= repeats.len(), "{said}");
    let (code, said, _) = check(&["--format", "junit", "--fail-on", "info"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("<?xml"), "{said}");
}

#[test]
fn only_the_wanted_rules_and_those_there_are() {
    let (code, said, _) = check(&["--only", "greeting-err"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0 with findings"), "{said}");
    let (code, said, _) = check(&["--only", "no-such-rule"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("unknown rule `no-such-rule`"), "{said}");
}

#[test]
fn the_list_names_what_marks_mail_as_read() {
    let output = Home::new().script(&["check", "--list"], b"");
    let said = text(&output.stdout);
    let of = |name: &str| said.lines().find(|line| line.starts_with(name));
    assert!(
        of("  session ")
            .unwrap()
            .ends_with("(may mark mail as read)"),
        "{said}"
    );
    assert!(!of("  pipelining ").unwrap().contains("mark"), "{said}");
}

#[test]
fn without_a_user_what_needs_one_is_skipped() {
    let serving = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let home = Home::new();
    let address = serving.address().to_string();
    let output = home.script(
        &["check", &address, "--insecure", "--fail-on", "security"],
        b"",
    );
    let said = text(&output.stdout);
    // One line a reason, not one a probe.
    let reason = "this probe needs a user name: -u NAME";
    let mut lines = said.lines().filter(|line| line.contains(reason));
    let line = lines.next().unwrap();
    assert!(
        line.starts_with("skipped wrong-password, session, "),
        "{said}"
    );
    assert_eq!(lines.next(), None, "{said}");
    assert!(
        said.contains(&format!("15 of {} probes", PROBES.len())),
        "{said}"
    );
}

#[test]
fn a_server_that_is_not_there_has_the_exit_code_for_it() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let home = Home::new();
    let output = home.script(&["check", &address], b"");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).matches("error:").count(), 1);
}

#[test]
fn a_silent_server_ends_at_the_time_limit() {
    let (address, server) = serve(|peer| peer.rest());
    let home = Home::new();
    // It may well greet later.
    let limits = ["--timeout", "20", "--time-limit", "0.1"];
    let output = home.script(
        &[&["check", &address.to_string()], &limits[..]].concat(),
        b"",
    );
    let said = text(&output.stdout);
    assert!(!said.contains("no-greeting"), "{said}");
    assert_eq!(output.status.code(), Some(5), "{said}");
    drop(server);
}

#[test]
fn a_silent_server_is_waited_for_twice_and_asked_once() {
    let (address, server) = serve_each(3, |peer| peer.rest());
    let home = Home::new();
    let args = ["check", &address.to_string(), "--timeout", "0.2"];
    let output = home.script(&args, b"");
    let said = text(&output.stdout);
    assert!(
        said.contains("no-greeting: the server sent no greeting"),
        "{said}"
    );
    let skipped = "stls-injection: the server sends no greeting";
    assert!(
        said.contains(skipped) && said.contains(&format!(": 3 of {} probes", PROBES.len())),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    drop(server);
}

#[test]
fn a_password_that_does_not_fit_into_a_line_is_refused_before_anything_is_sent() {
    let home = Home::new();
    let file = home.path().join("password");
    std::fs::write(&file, "won\rderland\n").unwrap();
    let file = file.to_str().unwrap();
    let args = [
        "check",
        "127.0.0.1:1",
        "-u",
        "alice",
        "--password-file",
        file,
    ];
    let output = home.script(&args, b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the password contains CR or LF"), "{said}");
    assert!(!said.contains("derland"), "{said}");
}

/// Checks a server with a fault; gives what was said.
fn check_with(name: &str, more: &[&str]) -> String {
    let options = ServeOptions {
        faults: vec![fault::named(name).unwrap()],
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, serving.certificate_pem()).unwrap();
    let address = serving.address().to_string();
    let args = [
        "check",
        &address,
        "-u",
        "alice",
        "--strict",
        "--allow-plaintext",
        "--ca",
        ca.to_str().unwrap(),
    ];
    let patience = match more.contains(&"--timeout") {
        true => &[][..],
        false => &["--timeout", "5"],
    };
    let mut program = home.poptalk(&[&args[..], patience, more].concat());
    let output = program.env("POPTALK_PASSWORD", "wonderland").output();
    let output = output.unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn faults_of_a_live_server_are_found() {
    let wanted = [
        // What several sessions tell.
        ("accepts-any-password", "accepts-any-password"),
        // It deletes at QUIT, and the probe leaves without.
        ("retr-deletes", "maildrop-changes"),
        // What one tells, of each part of the table.
        ("greeting-extra-data", "greeting-extra-data"),
        ("bare-lf", "bare-lf"),
        ("terminator-padded", "terminator-padded"),
        ("status-lowercase", "status-lowercase"),
        ("capa-malformed-tag", "capa-malformed-tag"),
        ("stat-list-mismatch", "stat-list-mismatch"),
        ("list-number-gap", "list-number-gap"),
        ("uidl-duplicate", "uidl-duplicate"),
        ("uidl-n-format", "uidl-n-format"),
        ("top-zero-is-all", "top-zero-is-all"),
        ("number-garbage-accepted", "number-garbage-accepted"),
        ("dele-ignored", "dele-still-listed"),
        ("dele-twice-ok", "dele-twice-ok"),
        ("rset-incomplete", "rset-incomplete"),
        ("case-sensitive-commands", "case-sensitive-commands"),
        ("resp-code-on-user", "resp-code-on-user"),
        ("stls-response-injection", "stls-response-injection"),
        ("control-bytes", "control-bytes"),
        ("unknown-command-ok", "unknown-command-ok"),
        ("lang-reply-without-tag", "lang-reply-without-tag"),
        ("sasl-probe-unsupported", "sasl-probe-unsupported"),
        ("sasl-ir-rejected", "sasl-ir-rejected"),
        ("apop-offered-fails", "apop-offered-fails"),
        ("stls-in-transaction", "stls-in-transaction"),
        ("pipelining-drops-at-login", "pipelining-drops-at-login"),
        ("top-unstuffed", "top-unstuffed"),
        (
            "number-out-of-range-accepted",
            "number-out-of-range-accepted",
        ),
        ("no-login-offered", "no-login-offered"),
        ("stls-refused-later", "stls-refused-later"),
        ("login-delay-not-enforced", "login-delay-not-enforced"),
        ("messages-come-and-go", "uidl-comes-back"),
        ("messages-come-and-go", "maildrop-varies"),
        ("utf8-accepted-late", "wrong-state-accepted"),
        ("auth-lists-late", "wrong-state-accepted"),
        ("auth-lists-more", "capa-hides-working"),
        ("control-octets-echoed", "control-bytes-echoed"),
        ("lf-command-ignored", "lf-command-unanswered"),
        ("nul-command-ignored", "nul-command-unanswered"),
        ("last-disagrees", "last-disagrees"),
        ("invalid-utf8-status", "invalid-utf8-status"),
        ("redis-lookalike", "redis-lookalike"),
        ("missing-terminator", "missing-terminator"),
        ("top-marks-seen", "top-marks-seen"),
        ("top-adds-blank-line", "extra-blank-line-before-end"),
        ("top-doubles-dots-again", "double-stuffed"),
        ("dele-still-named", "dele-still-listed"),
    ];
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = wanted
            .chunks(5)
            .map(|some| {
                scope.spawn(move || {
                    // On a machine that is very busy two seconds are short: then it is looked at
                    // again.
                    let said = some.iter().map(|(name, id)| {
                        let is_found = |said: &String| said.contains(&format!("  {id}: "));
                        let said = Some(check_with(name, &[])).filter(is_found);
                        let said = said.unwrap_or_else(|| check_with(name, &["--timeout", "10"]));
                        (name, id, said)
                    });
                    let wrong = said.filter(|(_, id, said)| !said.contains(&format!("  {id}: ")));
                    let wrong = wrong.map(|(name, id, said)| format!("{name}: no {id} in\n{said}"));
                    wrong.collect::<Vec<_>>()
                })
            })
            .collect();
        let wrong = runs.into_iter().map(|run| run.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_server_that_is_slow_is_found_by_who_waits() {
    // One session is enough, and the first one shows it.
    let said = check_with(
        "greeting-delayed",
        &["--timeout", "20", "--time-limit", "8"],
    );
    assert!(said.contains("  greeting-delayed: "), "{said}");
    assert!(
        said.contains("the time limit was reached (--time-limit"),
        "{said}"
    );
}

#[test]
fn what_check_does_not_find_says_why() {
    for name in ["pipelining-undeclared", "sasl-ir-server-first-accepted"] {
        let fault = fault::named(name).unwrap();
        assert!(fault.beyond_check.len() > 20, "{name}");
        let said = check_with(name, &[]);
        let is_found = fault
            .finds()
            .iter()
            .any(|id| said.contains(&format!("  {id}: ")));
        assert!(
            !is_found,
            "{name} is found: it needs no reason any more\n{said}"
        );
    }
}

#[test]
fn how_long_refusals_take_is_compared_on_request() {
    let said = check_with("user-enumeration-timing", &["--samples", "5", "-v"]);
    assert!(
        said.contains("this will cause at most 15 failed logins"),
        "{said}"
    );
    assert!(said.contains("  user-enumeration-timing: "), "{said}");
    assert!(said.contains("fail       several-sessions"), "{said}");
    let (code, said, logged_in) = check(&["--samples", "4"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("give a number from 5 to 50"), "{said}");
    assert!(logged_in.is_empty());
}

#[test]
fn a_wrong_password_is_tried_once_and_told() {
    let (sender, events) = mpsc::channel();
    let serving = Server::start(ServeOptions::default(), move |event| {
        drop(sender.send(event))
    });
    let serving = serving.unwrap();
    let home = Home::new();
    let address = serving.address().to_string();
    let output = home
        .poptalk(&["check", &address, "-u", "alice", "--insecure"])
        .env("POPTALK_PASSWORD", "wrong")
        .output()
        .unwrap();
    drop(serving);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let skipped = said
        .lines()
        .filter(|line| line.contains("the login failed: -ERR [AUTH]"));
    let skipped: Vec<&str> = skipped.collect();
    assert_eq!(skipped.len(), 1, "{said}");
    assert_eq!(
        skipped[0].split(": ").next().unwrap().split(", ").count(),
        15,
        "{said}"
    );
    let line = "no login as alice: -ERR [AUTH] ";
    let is_said = said
        .lines()
        .any(|one| one.starts_with(line) && one.ends_with("(is the password right?)"));
    assert!(is_said, "{said}");
    assert!(events.iter().all(|event| !event.summary.has_logged_in));
}

/// Whether the probe `stls-injection` finds something at a server with this fault, run by run.
fn injections(fault: &str, runs: usize) -> Vec<bool> {
    let options = ServeOptions {
        faults: vec![fault::named(fault).unwrap()],
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let home = Home::new();
    let probe = home.path().join("probe.pop3");
    std::fs::write(
        &probe,
        poptalk::modes::check::probe("stls-injection").unwrap().text,
    )
    .unwrap();
    let (probe, to) = (probe.to_str().unwrap(), serving.address().to_string());
    let play = &|number: usize| {
        let log = home.path().join(format!("run-{number}"));
        let folder = log.to_str().unwrap();
        let args = ["--insecure", "--keep-going", "--log", folder];
        home.script(&[&["replay", probe, "--to", &to], &args[..]].concat(), b"");
        let file = std::fs::read_dir(&log).unwrap().next().unwrap().unwrap();
        let file = std::fs::read_to_string(file.path()).unwrap();
        assert!(file.contains("\n* tls TLS"), "{file}");
        assert!(file.contains(": STLS\nC: CAPA\nS"), "{file}");
        // QUIT has a reply of its own.
        let reply = file.split("QUIT\n").nth(1).unwrap();
        assert!(reply.starts_with('S') && reply.contains(": +OK"), "{file}");
        let found = lint::judge(&mut Reader::new(file.as_bytes()), Lint::new()).unwrap();
        found.iter().any(|one| one.id == "stls-command-injection")
    };
    std::thread::scope(|scope| {
        let runs = (0..runs).map(|number| scope.spawn(move || play(number)));
        let runs: Vec<_> = runs.collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn an_injected_command_is_found_each_time_and_its_absence_as_well() {
    let found = injections("stls-command-injection", 50);
    assert_eq!(found, [true; 50]);
    let found = injections("stls-discards-leftover", 50);
    assert_eq!(found, [false; 50]);
    let said = check_with(
        "stls-command-injection",
        &["--only", "stls-command-injection"],
    );
    assert!(said.contains("  stls-command-injection: "), "{said}");
    let said = check_with("stls-discards-leftover", &["-v"]);
    assert!(said.contains("pass       stls-injection\n"), "{said}");
}

#[test]
fn a_server_that_refuses_sessions_gets_no_password() {
    let (address, server) = serve_each(2, |peer| {
        peer.say("-ERR [SYS/TEMP] too many connections\r\n");
        peer.answer(|_| "-ERR go away\r\n".to_owned())
    });
    let address = address.to_string();
    let output = Home::new()
        .poptalk(&["check", &address, "-u", "alice", "--allow-plaintext"])
        .env("POPTALK_PASSWORD", "wonderland")
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let why = "the server refuses connections: -ERR [SYS/TEMP] too many connections";
    assert!(said.contains(why), "{said}");
    for _ in 0..2 {
        assert!(!text(&server.join().unwrap()).contains("PASS"));
    }
}
