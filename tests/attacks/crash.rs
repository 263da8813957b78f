//! The program is ended, stopped, or has no room, at any moment of a session: what was on the
//! screen is in the transcript, and the terminal is as it was.
//!
//! A moment is a count of octets that were seen. `POPTALK_MOMENTS=500` tries so many for each kind
//! of session.

mod console;
mod disk;
mod stop;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use poptalk::pop3::tracker::Side;
use poptalk::transcript::{Item, Transcript};

use crate::support::{Dice, Home, LIMIT, Peer, read, serve, started, text};

/// How many moments of each kind of session are tried.
fn moments() -> usize {
    let given = std::env::var("POPTALK_MOMENTS");
    given.map_or(40, |given| given.parse().unwrap())
}

/// Sends a signal to a process, which may be gone.
pub(crate) fn send(signal: &str, process: u32) {
    let _ = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap();
}

/// Rows with a number each.
fn rows(from: usize, count: usize) -> String {
    (from..from + count)
        .map(|number| format!("row {number:06} is whole\r\n"))
        .collect()
}

/// Replies of many rows, all of them different.
fn maildrop(line: &str) -> String {
    match line.split(' ').next().unwrap_or_default() {
        "list" => format!("+OK\r\n{}.\r\n", rows(100_000, 15)),
        "retr" => format!("+OK\r\n{}.\r\n", rows(200_000, 800)),
        "uidl" => format!("+OK\r\n{}.\r\n", rows(300_000, 60)),
        _ => "+OK\r\n".into(),
    }
}

/// The start of octets that ends with a line end.
fn whole_lines(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet == b'\n');
    &octets[..end.map_or(0, |at| at + 1)]
}

/// The only file of a folder that ends in `.pop3`, read as strictly as can be; nothing of it is
/// unknown.
fn only_transcript(folder: &Path) -> Transcript {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "pop3"));
    assert_eq!(found.len(), 1, "{found:?}");
    strictly(&found[0])
}

/// Reads a transcript. Its last line may be cut: then it may be anything.
fn strictly(path: &Path) -> Transcript {
    let file = std::fs::read(path).unwrap();
    let transcript = read(path);
    let is_cut = !file.ends_with(b"\n");
    let whole = transcript.items.len() - usize::from(is_cut);
    for item in &transcript.items[..whole] {
        assert!(!matches!(item, Item::Unknown(_)), "{item:?}");
    }
    transcript
}

/// What was seen of the server is in the transcript.
fn holds(transcript: &Transcript, seen: &[u8], what: &str) {
    let whole = whole_lines(seen);
    let kept = transcript.octets(Side::Server);
    assert!(
        kept.starts_with(whole),
        "{what}: {} octets seen, {} in the file",
        whole.len(),
        kept.len()
    );
}

/// Waits for a process to end, for a minute at most.
pub(crate) fn end(mut child: Child) -> ExitStatus {
    let process = child.id();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait()));
    ended
        .recv_timeout(LIMIT)
        .unwrap_or_else(|_| panic!("process {process} goes on"))
        .unwrap()
}

#[test]
fn a_script_is_ended_by_a_signal_at_any_moment() {
    let mut dice = Dice::default();
    for round in 0..moments() {
        let signal = ["KILL", "TERM", "HUP"][round % 3];
        let (address, server) = serve(|peer| peer.answer(maildrop));
        let home = Home::new();
        let address = address.to_string();
        let lines = ["list", "uidl", "retr 1", "retr 2"].map(|line| ["-c", line]);
        let log = home.path().to_str().unwrap();
        let args = [&[address.as_str(), "--log", log], lines.as_flattened()].concat();
        let mut child = home
            .poptalk(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut seen = vec![0; 1 + dice.roll(34_000)];
        stdout.read_exact(&mut seen).unwrap();
        send(signal, child.id());
        // What was in the pipe had come out, too.
        stdout.read_to_end(&mut seen).unwrap();
        let status = end(child);
        server.join().unwrap();
        let what = format!("round {round}, {signal}, {status}");
        assert!(status.signal().is_some() || status.success(), "{what}");
        holds(&only_transcript(home.path()), &seen, &what);
    }
}

#[test]
fn nobody_reads_the_replies_from_any_moment_on() {
    let mut dice = Dice::default();
    for round in 0..moments() {
        let (address, server) = serve(|peer| peer.answer(maildrop));
        let home = Home::new();
        let args = [
            &address.to_string(),
            "--log",
            home.path().to_str().unwrap(),
            "-c",
            "uidl",
            "-c",
            "retr 1",
            "-c",
            "retr 2",
        ];
        let mut child = home
            .poptalk(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut seen = vec![0; 1 + dice.roll(34_000)];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut seen).unwrap();
        drop(stdout);
        let mut told = String::new();
        let mut errors = child.stderr.take().unwrap();
        errors.read_to_string(&mut told).unwrap();
        let status = end(child);
        server.join().unwrap();
        // It may have been through with it.
        let told = told.replace("poptalk: script ended without QUIT\n", "");
        assert_eq!((status.code(), told.as_str()), (Some(0), ""));
        let what = format!("round {round}");
        holds(&only_transcript(home.path()), &seen, &what);
    }
}

#[test]
fn a_replay_is_ended_by_a_signal_at_any_moment() {
    let mut dice = Dice::default();
    let home = Home::new();
    let recorded = home.path().join("recorded.pop3");
    let mut recording = String::from("S: +OK ready\n");
    for line in ["list", "uidl", "retr 1", "retr 2"] {
        let reply = maildrop(line).replace("\r\n", "\nS: ");
        let reply = reply.strip_suffix("\nS: ").unwrap();
        recording += &format!("C: {line}\nS: {reply}\n");
    }
    std::fs::write(&recorded, recording).unwrap();
    for round in 0..moments() {
        let signal = ["KILL", "TERM", "HUP"][round % 3];
        let moment = dice.roll(34_000);
        let (is_time, time) = mpsc::channel();
        // So many octets are sent, then all waits for the end.
        let (address, server) = serve(move |peer: &mut Peer| {
            let mut left = moment;
            let mut said = String::from("+OK ready\r\n");
            loop {
                let count = said.len().min(left);
                peer.say(&said[..count]);
                left -= count;
                if left == 0 {
                    let _ = is_time.send(());
                    return peer.rest();
                }
                let line = peer.hear();
                if line.is_empty() {
                    return line;
                }
                said = maildrop(String::from_utf8_lossy(&line).trim_end());
            }
        });
        let logs = home.path().join(format!("logs of round {round}"));
        let args = [
            "replay",
            recorded.to_str().unwrap(),
            "--to",
            &address.to_string(),
            "--log",
            logs.to_str().unwrap(),
        ];
        let child = home
            .poptalk(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The server may have nothing more to say before.
        let _ = time.recv_timeout(LIMIT);
        send(signal, child.id());
        let status = end(child);
        server.join().unwrap();
        assert!(status.signal().is_some() || status.success(), "{status}");
        let kept = only_transcript(&logs).octets(Side::Server);
        let mut all = String::from("+OK ready\r\n");
        for line in ["list", "uidl", "retr 1", "retr 2"] {
            all += &maildrop(line);
        }
        let kept = text(&kept);
        assert!(all.starts_with(kept.trim_end()), "round {round}");
    }
}

#[test]
fn servers_are_ended_by_a_signal_at_any_moment() {
    let mut dice = Dice::default();
    for round in 0..moments() {
        let signal = ["KILL", "TERM", "HUP"][round % 3];
        let home = Home::new();
        let logs = home.path().join("logs");
        let listen = ["--listen", "127.0.0.1:0", "--log", logs.to_str().unwrap()];
        let is_proxy = dice.roll(2) == 0;
        let (behind, child, address) = if is_proxy {
            let (address, behind) = serve(|peer| peer.answer(maildrop));
            let address = address.to_string();
            let (child, address) =
                started(&mut home.poptalk(&[&["proxy", address.as_str()][..], &listen].concat()));
            (Some(behind), child, address)
        } else {
            let (child, address) = started(&mut home.poptalk(&[&["serve"][..], &listen].concat()));
            (None, child, address)
        };
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let lines: &[u8] = if is_proxy {
            b"list\r\nuidl\r\nretr 1\r\nretr 2\r\n"
        } else {
            b"user alice\r\npass wonderland\r\nretr 4\r\nretr 4\r\n"
        };
        client.write_all(lines).unwrap();
        let mut seen = vec![0; 1 + dice.roll(34_000)];
        client.read_exact(&mut seen).unwrap();
        send(signal, child.id());
        // A connection that breaks is an end like any other.
        let _ = client.read_to_end(&mut seen);
        let status = end(child);
        let what = format!("round {round}, proxy: {is_proxy}, {signal}, {status}");
        match signal {
            "TERM" => assert_eq!(status.code(), Some(0), "{what}"),
            _ => assert!(status.signal().is_some(), "{what}"),
        }
        drop(client);
        if let Some(behind) = behind {
            behind.join().unwrap();
        }
        holds(&only_transcript(&logs), &seen, &what);
    }
}
