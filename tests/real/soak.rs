//! Random sessions of legal and illegal commands, for as long as one likes, against the practice
//! server and Dovecot. What comes is compared with a small model of a maildrop that shares nothing
//! with our servers; `poptalk serve` must not grow.
//!
//! `POPTALK_SOAK=3600` is an hour for each; without it, 20 seconds.

#![allow(clippy::print_stderr, reason = "the figures are for who looks at them")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::real::dovecot::Dovecot;
use crate::support::{Dice, Home, LIMIT, text};

/// How long.
fn time() -> Duration {
    let given = std::env::var("POPTALK_SOAK");
    Duration::from_secs(given.map_or(20, |given| given.parse().unwrap()))
}

/// A message as a client gets it.
#[derive(Debug, Clone)]
struct Message {
    octets: Vec<u8>,
    unique_id: String,
}

impl Message {
    /// The header, the blank line, and some lines of the body (RFC 1939 §7).
    fn top(&self, lines: usize) -> Vec<u8> {
        let mut top = Vec::new();
        let mut left = None;
        for line in self.octets.split_inclusive(|octet| *octet == b'\n') {
            match &mut left {
                None if line == b"\r\n" => left = Some(lines),
                None => {}
                Some(0) => break,
                Some(left) => *left -= 1,
            }
            top.extend_from_slice(line);
        }
        top
    }
}

/// What is in the maildrop between two sessions, and who may open it.
struct Maildrop {
    user: &'static str,
    password: &'static str,
    messages: Vec<Message>,
}

/// What a reply must be.
#[derive(Debug, PartialEq)]
enum Expected {
    Ok,
    /// `+OK` and this text, with perhaps more behind a space.
    Says(String),
    /// `+OK` and these data lines.
    Data(Vec<u8>),
    /// `+OK` and any data lines.
    SomeData,
    Err,
    /// The server may say what it likes.
    Either,
}

/// A session as the model has it.
struct Model<'a> {
    maildrop: &'a mut Maildrop,
    /// What USER said, while PASS may follow.
    user: Option<String>,
    is_open: bool,
    deleted: BTreeSet<usize>,
    is_over: bool,
}

impl Model<'_> {
    /// The place of a message that is there, of an argument.
    fn find(&self, number: Option<&str>) -> Option<usize> {
        let at = number?.parse::<usize>().ok()?.checked_sub(1)?;
        (at < self.maildrop.messages.len() && !self.deleted.contains(&at)).then_some(at)
    }

    fn left(&self) -> Vec<(usize, &Message)> {
        let all = self.maildrop.messages.iter().enumerate();
        all.filter(|(at, _)| !self.deleted.contains(at)).collect()
    }

    fn listing(&self, verb: &str, only: Option<usize>) -> String {
        let line = |at: usize, message: &Message| match verb {
            "LIST" => format!("{} {}", at + 1, message.octets.len()),
            _ => format!("{} {}", at + 1, message.unique_id),
        };
        match only {
            Some(at) => line(at, &self.maildrop.messages[at]),
            None => {
                let left = self.left();
                let lines = left.iter().map(|(at, message)| line(*at, message) + "\r\n");
                lines.collect()
            }
        }
    }

    /// What the reply to a line must be, and what the line changes.
    fn take(&mut self, line: &str) -> Expected {
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let (first, second) = (words.next(), words.next());
        let user = self.user.take();
        match (verb.as_str(), self.is_open) {
            ("CAPA", _) => Expected::SomeData,
            ("QUIT", is_open) => {
                self.is_over = true;
                if is_open {
                    let mut at = 0;
                    let deleted = std::mem::take(&mut self.deleted);
                    self.maildrop.messages.retain(|_| {
                        at += 1;
                        !deleted.contains(&(at - 1))
                    });
                }
                Expected::Ok
            }
            ("USER", false) => {
                let Some(name) = first else {
                    return Expected::Err;
                };
                self.user = Some(name.to_owned());
                // Whether a server tells who has no maildrop is its own choice (RFC 1939 §7).
                if name == self.maildrop.user {
                    Expected::Ok
                } else {
                    Expected::Either
                }
            }
            ("PASS", false) => {
                let is_right = user.as_deref() == Some(self.maildrop.user)
                    && line.get(5..) == Some(self.maildrop.password);
                self.is_open = is_right;
                if is_right {
                    Expected::Ok
                } else {
                    Expected::Err
                }
            }
            (_, false) => Expected::Err,
            ("STAT", true) => {
                let left = self.left();
                let octets: usize = left.iter().map(|(_, message)| message.octets.len()).sum();
                Expected::Says(format!("{} {octets}", left.len()))
            }
            ("LIST" | "UIDL", true) if first.is_none() => {
                Expected::Data(self.listing(&verb, None).into_bytes())
            }
            ("LIST" | "UIDL", true) => match self.find(first) {
                Some(at) => Expected::Says(self.listing(&verb, Some(at))),
                None => Expected::Err,
            },
            ("RETR", true) => match self.find(first) {
                Some(at) => Expected::Data(self.maildrop.messages[at].octets.clone()),
                None => Expected::Err,
            },
            ("TOP", true) => match (self.find(first), second.and_then(|n| n.parse().ok())) {
                (Some(at), Some(lines)) => Expected::Data(self.maildrop.messages[at].top(lines)),
                _ => Expected::Err,
            },
            ("DELE", true) => match self.find(first) {
                Some(at) => {
                    self.deleted.insert(at);
                    Expected::Ok
                }
                None => Expected::Err,
            },
            ("RSET", true) => {
                self.deleted.clear();
                Expected::Ok
            }
            ("NOOP", true) => Expected::Ok,
            _ => Expected::Err,
        }
    }
}

/// A connection, line by line.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(port: u16) -> Self {
        let start = Instant::now();
        loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(LIMIT)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    return Self(BufReader::new(stream));
                }
                // All ports of the machine are in use for the moment.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                    assert!(start.elapsed() < 2 * LIMIT, "{error}");
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn say(&mut self, octets: &str) {
        self.0.get_mut().write_all(octets.as_bytes()).unwrap();
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\r\n"), "{:?}", text(&line));
        line
    }

    fn data(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        loop {
            let line = self.line();
            if line == b".\r\n" {
                return data;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// Reads a reply; whether it is what was expected.
    fn hear(&mut self, line: &str, expected: &Expected) {
        let status = text(&self.line());
        let status = status.trim_end();
        let wrong = || panic!("{line:?}: {status:?}, expected {expected:.300?}");
        let is_positive = status.starts_with("+OK");
        assert!(
            is_positive || status.starts_with("-ERR"),
            "{line}: {status}"
        );
        match expected {
            Expected::Either => {}
            Expected::Ok if is_positive => {}
            Expected::Err if !is_positive => {}
            Expected::Says(says) if is_positive => {
                let said = status.strip_prefix("+OK ").unwrap_or_default();
                let rest = said.strip_prefix(says.as_str());
                if rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with(' ')) {
                    wrong();
                }
            }
            Expected::SomeData if is_positive => drop(self.data()),
            Expected::Data(data) if is_positive => {
                let came = self.data();
                assert!(
                    came == *data,
                    "{line:?}: {} octets, expected {}",
                    came.len(),
                    data.len()
                );
            }
            _ => wrong(),
        }
    }
}

/// Reads what a maildrop holds, by RETR and UIDL alone.
fn look(port: u16, user: &'static str, password: &'static str) -> Maildrop {
    let mut client = Client::new(port);
    client.line();
    for line in [format!("USER {user}"), format!("PASS {password}")] {
        client.say(&format!("{line}\r\n"));
        client.hear(&line, &Expected::Ok);
    }
    client.say("UIDL\r\n");
    client.line();
    let listing = text(&client.data());
    let mut messages = Vec::new();
    for line in listing.lines() {
        let (number, unique_id) = line.split_once(' ').unwrap();
        client.say(&format!("RETR {number}\r\n"));
        client.line();
        messages.push(Message {
            octets: client.data(),
            unique_id: unique_id.to_owned(),
        });
    }
    client.say("QUIT\r\n");
    client.hear("QUIT", &Expected::Ok);
    Maildrop {
        user,
        password,
        messages,
    }
}

/// A line that a server must refuse in any state, or by its arguments.
fn illegal(dice: &mut Dice) -> String {
    let lines = [
        "XFOO",
        "XFOO 1 2",
        "RETR",
        "DELE",
        "TOP",
        "TOP 1",
        "RETR 0",
        "DELE 0",
        "LIST 0",
        "UIDL 0",
        "RETR 999",
        "LIST 999",
        "UIDL 999",
        "DELE 999",
        "TOP 999 1",
        "RETR abc",
        "DELE -1",
        "TOP 1 -1",
        "RETR 1x",
        "PASS",
        "RETR 99999999999999999999999",
        "LIST 18446744073709551617",
        "STATT",
        "STAT\u{e9}",
    ];
    lines[dice.roll(lines.len())].to_owned()
}

/// A line; many are in the right state.
fn any(dice: &mut Dice, messages: usize) -> String {
    let number = 1 + dice.roll(messages + 1);
    let line = match dice.roll(14) {
        0 => "STAT".to_owned(),
        1 => "LIST".to_owned(),
        2 => "UIDL".to_owned(),
        3 => format!("LIST {number}"),
        4 => format!("UIDL {number}"),
        5 => format!("RETR {number}"),
        6 | 7 => format!("TOP {number} {}", [0, 1, 2, 10, 100_000][dice.roll(5)]),
        8 | 9 => format!("DELE {number}"),
        10 => "RSET".to_owned(),
        11 => "CAPA".to_owned(),
        _ => "NOOP".to_owned(),
    };
    if dice.roll(4) == 0 {
        line.to_ascii_lowercase()
    } else {
        line
    }
}

/// How many sessions and commands there were.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    sessions: u64,
    commands: u64,
    refused: u64,
    deleted: u64,
    /// Connections that ended before a greeting.
    dropped: u64,
}

/// Holds one session.
fn session(port: u16, maildrop: &mut Maildrop, dice: &mut Dice, counts: &mut Counts) {
    let mut client = Client::new(port);
    // Dovecot drops some when one of its login processes ends; ours may drop none.
    if !client.0.fill_buf().is_ok_and(|octets| !octets.is_empty()) {
        counts.dropped += 1;
        return;
    }
    client.line();
    let before = maildrop.messages.len();
    let (user, password) = (maildrop.user, maildrop.password);
    let mut model = Model {
        maildrop,
        user: None,
        is_open: false,
        deleted: BTreeSet::new(),
        is_over: false,
    };
    // Servers end a session with many lines that they must refuse; so few they bear.
    let mut patience = 3;
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..dice.roll(3) {
        lines.push(match dice.roll(4) {
            0 => "CAPA".to_owned(),
            1 => format!("USER {}", ["nobody", user][dice.roll(2)]),
            _ if patience > 0 => {
                patience -= 1;
                if dice.roll(2) == 0 {
                    illegal(dice)
                } else {
                    "STAT".to_owned()
                }
            }
            _ => "CAPA".to_owned(),
        });
    }
    let logs_in = dice.roll(10) > 0;
    let login = lines.len();
    if logs_in {
        lines.extend([format!("USER {user}"), format!("PASS {password}")]);
        let mut patience = 8;
        for _ in 0..dice.roll(25) {
            let is_legal = dice.roll(5) > 0 || patience == 0;
            patience -= usize::from(!is_legal);
            lines.push(if is_legal {
                any(dice, before)
            } else {
                illegal(dice)
            });
        }
    }
    // Deletions are for good while enough is left, and now and then.
    let end = dice.roll(8);
    let commits = before > 4 && dice.roll(200) == 0;
    if logs_in && !commits && end < 5 {
        lines.push("RSET".to_owned());
    }
    if end < 5 || commits {
        lines.push("QUIT".to_owned());
    }
    let mut next = 0;
    while next < lines.len() {
        // Some at once, but what the state hangs on alone.
        let count = if next < login + 2 {
            1
        } else {
            1 + dice.roll(4)
        };
        let burst = &lines[next..(next + count).min(lines.len())];
        client.say(
            &burst
                .iter()
                .map(|line| format!("{line}\r\n"))
                .collect::<String>(),
        );
        for line in burst {
            let expected = model.take(line);
            if expected == Expected::Err {
                counts.refused += 1;
            }
            counts.commands += 1;
            client.hear(line, &expected);
        }
        next += burst.len();
    }
    counts.sessions += 1;
    let is_over = model.is_over;
    counts.deleted += (before - maildrop.messages.len()) as u64;
    if is_over {
        let mut rest = Vec::new();
        let _ = client.0.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", text(&rest));
        return;
    }
    match end {
        // It waits until the server has let go of the maildrop.
        5 => client.0.get_ref().shutdown(Shutdown::Write).unwrap(),
        6 => client.say("STA"),
        _ => client.say("RETR 1\r\nRETR 1\r\n"),
    }
    let stream = client.0.into_inner();
    let _ = stream.shutdown(Shutdown::Write);
    let mut sink = std::io::sink();
    let _ = std::io::copy(&mut &stream, &mut sink);
}

fn soak(name: &str, port: u16, maildrop: &mut Maildrop, mut each: impl FnMut(u64)) -> Counts {
    let mut dice = Dice::default();
    let mut counts = Counts::default();
    let start = Instant::now();
    while start.elapsed() < time() {
        session(port, maildrop, &mut dice, &mut counts);
        each(counts.sessions);
    }
    eprintln!(
        "{name}: {counts:?}, {} messages left",
        maildrop.messages.len()
    );
    counts
}

#[test]
#[ignore = "takes its time, 20 s at least"]
fn the_practice_server_agrees_with_the_model_and_does_not_grow() {
    let home = Home::new();
    let mut child = home
        .poptalk(&["serve", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let port = line.split([' ', ':']).nth(2).unwrap().parse().unwrap();
    let reader = std::thread::spawn(move || out.lines().count());
    let status = format!("/proc/{}/status", child.id());
    let memory = || -> u64 {
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let folder = format!("/proc/{}/fd", child.id());
    let files = || std::fs::read_dir(&folder).unwrap().count();
    let mut maildrop = look(port, "alice", "wonderland");
    let mut warm = (0, 0);
    let counts = soak("poptalk serve", port, &mut maildrop, |sessions| {
        if sessions == 200 {
            warm = (memory(), files());
        }
    });
    let end = (memory(), files());
    eprintln!("poptalk serve: {warm:?} KiB and files after 200 sessions, {end:?} at the end");
    assert!(counts.sessions > 200);
    assert_eq!(counts.dropped, 0);
    assert!(end.0 < warm.0 + 4 * 1024, "{warm:?} {end:?}");
    assert!(end.1 <= warm.1 + 2, "{warm:?} {end:?}");
    crate::real::soak::end(&child);
    assert!(child.wait().unwrap().success());
    assert_eq!(reader.join().unwrap() as u64, counts.sessions + 1);
}

/// Ends a server as an administrator would.
fn end(child: &std::process::Child) {
    let _ = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status();
}

#[test]
#[ignore = "needs Dovecot, and takes its time, 20 s at least"]
fn dovecot_agrees_with_the_model() {
    let dovecot = Dovecot::start();
    let mut maildrop = look(dovecot.port, "alice", "secret");
    let counts = soak("Dovecot", dovecot.port, &mut maildrop, |_| {});
    assert!(counts.sessions > 20);
    assert!(counts.dropped < counts.sessions / 100, "{counts:?}");
}
