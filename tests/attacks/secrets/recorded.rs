//! Secrets on their way through the recorder, cut anywhere; and what is no secret, which stays as
//! it is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use poptalk::pop3::tracker::Side;
use poptalk::transcript::Piece;
use poptalk::transcript::recorder::{RecordedStep, Recorder};
use poptalk::transcript::secret::Hider;

use super::{STANDARD, Search, WAYS, answer, echoes, lines, secret};
use base64::Engine as _;

/// A file in memory.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Memory {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a way says on the wire, and what is answered.
fn wire(way: &super::Way, secret: &str) -> Vec<(Side, Vec<u8>)> {
    let mut talk = Vec::new();
    for line in lines(way, secret) {
        let sent = match line.strip_prefix(":send ") {
            Some(text) => poptalk::analysis::console_input::unescape(text.as_bytes()).unwrap(),
            None => format!("{}\r\n", line.strip_prefix(':').unwrap_or(&line)).into_bytes(),
        };
        let is_whole = sent.ends_with(b"\n");
        talk.push((Side::Client, sent));
        if is_whole {
            let word = line.split(' ').nth(1).unwrap_or_default();
            let is_open = line.starts_with("auth") && line.split(' ').count() == 2
                || way.name.contains("SCRAM") && word.contains("scram");
            let said = match line.as_str() {
                line if answer(line).is_some() => answer(line).unwrap_or_default().to_owned(),
                _ if is_open => "+ \r\n".to_owned(),
                line if line == "alice"
                    || line == STANDARD.encode("alice")
                    || way.name.contains("with a name") && line.starts_with("auth") =>
                {
                    "+ UGFzc3dvcmQ6\r\n".to_owned()
                }
                line => format!("-ERR you said {line}\r\n"),
            };
            talk.push((Side::Server, said.into_bytes()));
        }
    }
    // An exchange that is still open ends with this.
    talk.push((Side::Client, b"*\r\n".to_vec()));
    talk.push((Side::Server, b"-ERR\r\n".to_vec()));
    talk
}

#[test]
fn an_echo_that_is_cut_at_every_octet() {
    // Each third place for each way, in turn; with the variable POPTALK_MATRIX all of them.
    let step = match std::env::var_os("POPTALK_MATRIX") {
        Some(_) => 1,
        None => 3,
    };
    let mut search = Search::default();
    for (number, way) in WAYS.iter().enumerate().filter(|(_, way)| way.in_scripts) {
        let secret = secret(number);
        let talk = wire(way, &secret);
        for echo in echoes(&secret) {
            let echo = format!("-ERR see {echo} there\r\n").into_bytes();
            for cut in (1..echo.len()).filter(|cut| (cut + number) % step == 0) {
                // With a pause in the middle, in which what is there is shown.
                let file = Memory::default();
                let mut recorder = Recorder::new(Hider::new(false));
                recorder.set_file(Some(Box::new(file.clone())), &[("server", "x".to_owned())]);
                let mut shown = Vec::new();
                let mut see = |seen: RecordedStep| {
                    if let RecordedStep::Line { pieces, .. } = seen {
                        for piece in pieces {
                            if let Piece::Octets(octets) = piece {
                                shown.extend(octets);
                            }
                        }
                    }
                };
                recorder.feed(Side::Server, b"+OK ready\r\n", 0, &mut see);
                for (side, octets) in &talk {
                    recorder.feed(*side, octets, 1, &mut see);
                }
                recorder.feed(Side::Client, b"echo\r\n", 2, &mut see);
                recorder.feed(Side::Server, &echo[..cut], 3, &mut see);
                if cut % 2 == 0 {
                    recorder.flush(300, &mut see);
                }
                recorder.feed(Side::Server, &echo[cut..], 301, &mut see);
                recorder.finish(400, &mut see);
                search.look(
                    way.name,
                    &format!("file, cut at {cut}"),
                    &secret,
                    &file.0.lock().unwrap(),
                );
                search.look(way.name, &format!("screen, cut at {cut}"), &secret, &shown);
            }
        }
    }
    search.end("recorder");
}

/// A name, a password that is in it or has it inside, and how the server repeats the two.
type Alike = (&'static str, &'static str);

const ALIKE: &[Alike] = &[
    ("alice", "alice"),
    ("alice@example.org", "alice"),
    ("alice@example.org", "Alice@Example.org"),
    ("alice@example.org", "example"),
    ("malicent", "alice"),
    ("alice", "alice1"),
];

/// Ways to say a name and a password, and lines with which a server repeats them: `{n}` is the
/// name, `{p}` the password.
const LOGINS: &[&[&str]] = &[
    &["user {n}", "pass {p}"],
    &["pass {p}", "user {n}"],
    &["auth plain {b:\0{n}\0{p}}"],
    &["auth plain", "{b:\0{n}\0{p}}"],
    &["auth login", "{b:{n}}", "{b:{p}}"],
];

const REPEATED: &[&str] = &[
    "+OK mailbox \"{n}\" has 2 messages",
    "+OK {n}",
    "-ERR you said user {n}, PASS {p}",
    "-ERR password: {p}",
    "-ERR got {b:\0{n}\0{p}}",
    "-ERR got {b:{n}} of {n}",
    "-ERR PASS {p}.",
];

fn filled(pattern: &str, (name, password): (&str, &str)) -> String {
    let text = pattern.replace("{n}", name).replace("{p}", password);
    match text.split_once("{b:") {
        None => text,
        Some((before, rest)) => {
            let (inner, behind) = rest.split_once('}').unwrap();
            format!("{before}{}{behind}", STANDARD.encode(inner))
        }
    }
}

/// What is recorded of a login and of a line that repeats it, in two parts; the rows of the line
/// put together.
fn recorded(login: &[&str], repeated: &str, pair: (&str, &str), at: usize) -> String {
    let file = Memory::default();
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(file.clone())), &[]);
    let see = &mut |_| {};
    recorder.feed(Side::Server, b"+OK\r\n", 0, see);
    for line in login {
        recorder.feed(
            Side::Client,
            format!("{}\r\n", filled(line, pair)).as_bytes(),
            0,
            see,
        );
        let answer: &[u8] = match login[0].starts_with("auth") && line != login.last().unwrap() {
            true => b"+ \r\n",
            false => b"-ERR\r\n",
        };
        recorder.feed(Side::Server, answer, 0, see);
    }
    recorder.feed(Side::Client, b"echo\r\n", 0, see);
    let line = format!("{}\r\n", filled(repeated, pair));
    recorder.feed(Side::Server, &line.as_bytes()[..at], 0, see);
    recorder.flush(0, see);
    recorder.feed(Side::Server, &line.as_bytes()[at..], 0, see);
    recorder.finish(0, see);
    let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
    text.replace("\\-\nS: ", "").replace("\\-\nS:\n", "\n")
}

#[test]
fn a_password_that_is_in_the_name_is_recorded_as_any_other_one() {
    let mut wrong = Vec::new();
    let mut cells = 0;
    for pair in ALIKE {
        // Nothing in what is recorded depends on which password it was.
        let other = (pair.0, "Zq7unlike");
        for login in LOGINS {
            for repeated in REPEATED {
                let want = recorded(login, repeated, other, 0);
                let line = filled(repeated, *pair);
                // Inside base64 it depends on the cut how much of the text's start is shown.
                let run = repeated.find("{b:").map(|start| {
                    let length = line[start..].find(' ').unwrap_or(line.len() - start);
                    start + 1..start + length
                });
                let is_outside = |at: &usize| run.as_ref().is_none_or(|run| !run.contains(at));
                for at in (0..line.len() + 2).filter(is_outside) {
                    let got = recorded(login, repeated, *pair, at);
                    cells += 1;
                    if got != want {
                        wrong.push(format!("{pair:?} {login:?} cut {at}:\n{got}\nnot\n{want}"));
                        break;
                    }
                }
            }
        }
    }
    let count = format!("name is password: {cells} cells\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout(), count.as_bytes());
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(4)].join("\n")
    );
}

/// Transcripts of this project without secrets in them: of real servers, of other programs, of this
/// one.
fn without_secrets() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let transcripts = [
        "commands", "diff", "faults", "probes", "real", "replay", "show",
    ];
    let folders = transcripts.map(|name| root.join("transcripts").join(name));
    for folder in folders
        .iter()
        .chain([&root.join("tests/recordings/import")])
    {
        for entry in std::fs::read_dir(folder).unwrap() {
            found.push(entry.unwrap().path());
        }
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "pop3"));
    // One has a name of two words, to attack who looks at it, the other a password of its own.
    let others = ["show/hostile.pop3", "probes/unknown-user.pop3"];
    found.retain(|path| !others.iter().any(|other| path.ends_with(other)));
    found.sort();
    found
}

#[test]
fn what_is_no_secret_is_not_hidden() {
    let mut hidden = Vec::new();
    let files = without_secrets();
    assert!(files.len() >= 300, "{}", files.len());
    for path in &files {
        let before = crate::support::read(path);
        let file = Memory::default();
        let mut recorder = Recorder::new(Hider::new(false));
        recorder.set_file(Some(Box::new(file.clone())), &[]);
        let mut holes = 0;
        for row in before.rows() {
            // What was hidden once stays a hole; the recorder knows nothing of it, and gets other
            // octets there.
            let mut octets = Vec::new();
            for piece in &row.pieces {
                match piece {
                    Piece::Octets(piece) => octets.extend_from_slice(piece),
                    Piece::Hole(_) if row.side == Side::Client => {
                        holes += 1;
                        octets.extend_from_slice(b"=");
                    }
                    Piece::Hole(_) => octets.extend_from_slice(b"="),
                }
            }
            octets.extend_from_slice(row.end.octets());
            recorder.feed(row.side, &octets, 0, &mut |_| {});
        }
        recorder.finish(0, &mut |_| {});
        let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
        let after = text.matches("{{").count();
        if after > holes {
            hidden.push(format!(
                "{}: {after} holes, {holes} before\n{text}",
                path.display()
            ));
        }
    }
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
}
