//! What `check` says about servers that misbehave in one way: the whole report of each is in
//! `tests/servers/check/`. With POPTALK_BLESS=1 the files are rewritten.

use std::net::SocketAddr;
use std::path::Path;

use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::servers::fault;

use crate::support::{Home, Peer, serve_each, text};

/// More connections than a check makes.
const CONNECTIONS: usize = 200;

const MAILS: [&str; 2] = [
    "Subject: a\r\n\r\none\r\ntwo\r\n",
    "Subject: b\r\n\r\nthree\r\n",
];

/// What a server does with a line.
enum Does {
    Says(String),
    /// Says both, in two writes.
    SaysTwice(String, String),
    /// Says it and closes.
    Closes(String),
}

/// A session of a small server without a fault.
#[derive(Default)]
struct Session {
    has_user: bool,
    is_in: bool,
    refusals: usize,
    marked: [bool; 2],
}

impl Session {
    fn does(&mut self, line: &str) -> Does {
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        if verb == "QUIT" {
            return Does::Closes("+OK bye\r\n".to_owned());
        }
        let arguments: Vec<&str> = words.collect();
        let reply = self.reply(&verb, &arguments);
        Does::Says(reply.unwrap_or_else(|| "-ERR no\r\n".to_owned()))
    }

    /// A positive reply.
    fn reply(&mut self, verb: &str, arguments: &[&str]) -> Option<String> {
        let ok = || Some("+OK\r\n".to_owned());
        match (verb, arguments) {
            ("CAPA", []) => return Some("+OK\r\nTOP\r\nUIDL\r\nUSER\r\n.\r\n".to_owned()),
            ("USER", [_]) if !self.is_in => {
                self.has_user = true;
                return ok();
            }
            ("PASS", [password]) if std::mem::take(&mut self.has_user) => {
                self.is_in = *password == "wonderland";
                return self.is_in.then_some("+OK in\r\n".to_owned());
            }
            _ if !self.is_in => return None,
            _ => {}
        }
        let there = |marked: &[bool; 2]| (0..2).filter(|n| !marked[*n]).collect::<Vec<_>>();
        let left = there(&self.marked);
        let number = |word: &str| {
            let index = word.parse::<usize>().ok()?.checked_sub(1)?;
            left.contains(&index).then_some(index)
        };
        let size = |index: usize| MAILS[index].len();
        let listing = |line: &dyn Fn(usize) -> String| {
            let lines = left.iter().map(|index| line(*index) + "\r\n");
            Some(format!("+OK\r\n{}.\r\n", lines.collect::<String>()))
        };
        let scan = |index| format!("{} {}", index + 1, size(index));
        let unique = |index| format!("{} id{index}", index + 1);
        match (verb, arguments) {
            ("STAT", []) => {
                let octets: usize = left.iter().map(|index| size(*index)).sum();
                Some(format!("+OK {} {octets}\r\n", left.len()))
            }
            ("LIST", []) => listing(&scan),
            ("UIDL", []) => listing(&unique),
            ("LIST", [one]) => number(one).map(|index| format!("+OK {}\r\n", scan(index))),
            ("UIDL", [one]) => number(one).map(|index| format!("+OK {}\r\n", unique(index))),
            ("RETR", [one]) => number(one).map(|index| format!("+OK\r\n{}.\r\n", MAILS[index])),
            ("TOP", [one, lines]) => {
                let (index, lines) = (number(one)?, lines.parse::<usize>().ok()?);
                let (header, body) = MAILS[index].split_once("\r\n\r\n")?;
                let body = body.split_inclusive("\r\n").take(lines);
                let body = body.collect::<String>();
                Some(format!("+OK\r\n{header}\r\n\r\n{body}.\r\n"))
            }
            ("DELE", [one]) => number(one).and_then(|index| {
                self.marked[index] = true;
                ok()
            }),
            ("RSET", []) => {
                self.marked = [false; 2];
                ok()
            }
            ("NOOP", []) => ok(),
            _ => None,
        }
    }
}

/// A server whose sessions do what `change` makes of the line and what a faultless one does with
/// it.
fn server(
    mut change: impl FnMut(&str, &mut Session) -> Option<Does> + Send + 'static,
) -> SocketAddr {
    let (address, _) = serve_each(CONNECTIONS, move |peer: &mut Peer| {
        let mut session = Session::default();
        peer.say("+OK ready\r\n");
        loop {
            let line = peer.hear();
            if line.is_empty() {
                return;
            }
            let line = text(&line).trim_end().to_owned();
            let does = change(&line, &mut session);
            match does.unwrap_or_else(|| session.does(&line)) {
                Does::Says(reply) => peer.say(reply),
                Does::SaysTwice(first, second) => {
                    peer.say(first);
                    peer.say(second);
                }
                Does::Closes(reply) => return peer.say(reply),
            }
        }
    });
    address
}

/// A check of this server, with a password and more arguments.
fn check(address: SocketAddr, password: &str, args: &[&str]) -> String {
    let home = Home::new();
    let host = address.to_string();
    let all = ["check", &host, "-u", "alice"];
    // Long enough for a busy machine.
    let settle = match args.contains(&"--settle") {
        true => &[][..],
        false => &["--settle", "200"],
    };
    let output = home
        .poptalk(&[&all[..], settle, args].concat())
        .env("POPTALK_PASSWORD", password)
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    let code = output.status.code().unwrap();
    // What differs from run to run.
    let said = said.replace(&host, "127.0.0.1:[..]");
    let folder = home.path().display().to_string();
    let lines = said.lines().map(|line| match line {
        _ if line.starts_with("transcripts in ") => "transcripts in [..]".to_owned(),
        _ => line.replace(&folder, "[..]"),
    });
    let lines: Vec<String> = lines.collect();
    format!("{}\nexit code {code}\n", lines.join("\n"))
}

/// The rules of these levels that a report names.
fn found(said: &str, titles: &[&str]) -> Vec<String> {
    let mut is_on = false;
    let mut found = Vec::new();
    for line in said.lines() {
        match line.strip_prefix("  ") {
            Some(rest) if is_on && !rest.starts_with(' ') => {
                found.extend(rest.split(':').next().map(str::to_owned));
            }
            Some(_) => {}
            None => is_on = titles.contains(&line),
        }
    }
    found
}

const SERIOUS: &[&str] = &["security", "breaks a MUST", "breaks a SHOULD"];

fn golden(name: &str, said: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/servers/check/{name}.txt"));
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, said).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(said, want, "{name}: run with POPTALK_BLESS=1");
}

#[test]
fn the_small_server_itself_breaks_nothing() {
    let said = check(server(|_, _| None), "wonderland", &["-v", "--strict"]);
    assert!(found(&said, SERIOUS).is_empty(), "{said}");
    assert!(!said.contains("it ended early"), "{said}");
}

#[test]
fn a_wrong_password_has_a_line_of_its_own() {
    let said = check(server(|_, _| None), "wrong", &["-v", "--strict"]);
    golden("wrong-password", &said);
    let json = check(server(|_, _| None), "wrong", &["--format", "json"]);
    let mut values = serde_json::Deserializer::from_str(&json).into_iter();
    let json: serde_json::Value = values.next().unwrap().unwrap();
    assert_eq!(json["no_login"], "-ERR no (is the password right?)");
}

#[test]
fn a_port_on_which_nothing_listens() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    golden("unreachable-port", &check(address, "wonderland", &["-v"]));
}

/// As solid-pop3d.
#[test]
fn a_server_that_closes_at_the_fifth_refusal() {
    let address = server(|line, session| match session.does(line) {
        Does::Says(reply) if reply.starts_with("-ERR") => {
            session.refusals += 1;
            Some(match session.refusals {
                5 => Does::Closes(reply),
                _ => Does::Says(reply),
            })
        }
        does => Some(does),
    });
    golden(
        "closes-after-five-errors",
        &check(address, "wonderland", &["-v", "--strict"]),
    );
}

/// As pydummy.
#[test]
fn a_refused_name_that_is_asked_for_its_password_all_the_same() {
    let address = server(|line, _| {
        let is_unknown = line.starts_with("USER") && !line.ends_with(" alice");
        is_unknown.then(|| {
            let (no, yes) = ("-ERR no such user\r\n", "+OK password required\r\n");
            Does::SaysTwice(no.to_owned(), yes.to_owned())
        })
    });
    let said = check(address, "wonderland", &["-v", "--strict"]);
    let mut names = found(&said, SERIOUS);
    // Two texts for two names.
    names.retain(|id| id != "user-enumeration-text");
    assert_eq!(names, ["status-twice"], "{said}");
}

#[test]
fn a_server_that_answers_user_twice_is_found_once() {
    let address = server(|line, session| {
        let does = session.does(line);
        match (line.starts_with("USER"), does) {
            (true, Does::Says(reply)) => Some(Does::SaysTwice(reply.clone(), reply)),
            (_, does) => Some(does),
        }
    });
    let said = check(address, "wonderland", &["-v", "--strict"]);
    let names = found(&said, SERIOUS);
    assert_eq!(names, ["status-twice"], "{said}");
    golden("answers-user-twice", &said);
}

/// As INetSim.
#[test]
fn a_server_that_answers_one_number_with_the_whole_listing_is_found_once() {
    let address = server(|line, session| match line {
        "LIST 0" if session.is_in => Some(Does::Says(
            "+OK 2 messages\r\n1 27\r\n2 24\r\n.\r\n".to_owned(),
        )),
        _ => None,
    });
    let said = check(address, "wonderland", &["-v", "--strict"]);
    let names = found(&said, SERIOUS);
    assert_eq!(names, ["single-answered-multi"], "{said}");
    assert!(
        said.contains("the rest of the probe ran on a new connection"),
        "{said}"
    );
}

/// As Twisted and fengtang.
#[test]
fn a_server_that_crashes_at_retr_without_a_number() {
    let address = server(|line, _| (line == "RETR").then(|| Does::Closes(String::new())));
    golden(
        "crashes-at-retr",
        &check(address, "wonderland", &["-v", "--strict"]),
    );
}

#[test]
fn what_comes_after_the_command_that_ends_a_session_is_tested_in_a_new_one() {
    let address = server(|line, session| match line {
        "LIST 0" if session.is_in => Some(Does::Closes(String::new())),
        "LIST 999999999" if session.is_in => Some(Does::Says("+OK 999999999 1\r\n".to_owned())),
        _ => None,
    });
    let said = check(address, "wonderland", &["-v"]);
    let names = found(&said, SERIOUS);
    for id in ["closed-before-reply", "number-out-of-range-accepted"] {
        assert!(names.iter().any(|name| name == id), "{said}");
    }
    let note = "the server closed the connection after `LIST 0`; the rest of the probe ran on a new connection";
    assert!(said.contains(&format!("numbers: {note}")), "{said}");
    assert!(!said.contains("not tested"), "{said}");
    // A server that ends each session is not asked without end, and what is left is named.
    let address = server(|line, session| {
        let is_test = session.is_in && !["STAT", "LIST"].contains(&line);
        is_test.then(|| Does::Closes(String::new()))
    });
    let said = check(address, "wonderland", &["-v"]);
    let rest = "after `LIST 4294967297`; not tested: RETR 4294967297";
    assert!(said.contains(rest), "{said}");
}

/// As nginx: 128 octets are too many for it.
#[test]
fn a_server_that_closes_at_a_line_of_255_octets() {
    let address = server(|line, _| {
        (line.len() > 128).then(|| Does::Closes("-ERR invalid command\r\n".to_owned()))
    });
    let said = check(address, "wonderland", &["--only", "command-255-rejected"]);
    assert_eq!(found(&said, SERIOUS), ["command-255-rejected"], "{said}");
    let address = server(|line, _| (line.len() > 128).then(|| Does::Closes(String::new())));
    let said = check(address, "wonderland", &["--only", "command-255-rejected"]);
    assert_eq!(found(&said, SERIOUS), ["command-255-rejected"], "{said}");
}

/// Faults of each kind: what comes from one run of `check` comes from each.
const FAULTS: &[&str] = &[
    "status-twice",
    "status-missing",
    "single-answered-multi",
    "err-multiline",
    "unsolicited-data",
    "input-echoed",
    "capa-no-status",
    "greeting-extra-data",
    "bare-lf",
    "stat-list-mismatch",
    "list-number-gap",
    "uidl-duplicate",
    "top-zero-is-all",
    "number-wraps",
    "number-garbage-accepted",
    "dele-ignored",
    "closed-after-failed-login",
    "server-crashes-on-args",
    "unknown-command-closes",
    "command-255-rejected",
];

#[test]
fn three_checks_of_a_server_find_the_same() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = FAULTS
            .chunks(3)
            .map(|some| {
                scope.spawn(move || {
                    let different = some.iter().filter_map(|name| differences(name));
                    different.collect::<Vec<_>>()
                })
            })
            .collect();
        let wrong = runs.into_iter().map(|run| run.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The reports of two checks that differ, of three.
fn differences(name: &str) -> Option<String> {
    let named = |name| fault::named(name).unwrap_or_else(|| panic!("no fault {name}"));
    let options = ServeOptions {
        // Without TLS it takes a third of the time.
        faults: vec![named(name), named("no-tls-offered")],
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    // This server sends what it has to say twice in one write.
    let args = ["-v", "--strict", "--timeout", "5", "--settle", "50"];
    let mut reports: Vec<String> = Vec::new();
    for _ in 0..3 {
        reports.push(check(serving.address(), "wonderland", &args));
    }
    assert!(reports[0].contains(" probes ("), "{}", reports[0]);
    reports.dedup();
    (reports.len() > 1).then(|| format!("{name}: {}", reports.join("\nand\n")))
}
