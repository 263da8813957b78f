//! Our servers and clients that mean no good: slow, silent, endless, many. Memory and connections
//! are bounded, and who behaves is served all the while. `POPTALK_CONNECTIONS=10000` tries so many
//! one after the other.

#![allow(clippy::print_stderr, reason = "the figures are for who looks at them")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use poptalk::net::listener::MOST_CONNECTIONS;

use crate::support::{Home, LIMIT, listening};

/// How many connections one after the other.
fn connections() -> usize {
    let given = std::env::var("POPTALK_CONNECTIONS");
    given.map_or(1000, |given| given.parse().unwrap())
}

/// How many times more than in the usual run.
fn scale() -> usize {
    connections().div_ceil(1000)
}

/// How much memory a server may take more than when it began, in KiB.
const MEMORY: u64 = 48 * 1024;

/// The kinds of servers.
const KINDS: [Kind; 4] = [Kind::Model, Kind::Strict, Kind::Loose, Kind::Proxy];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Strict,
    Loose,
    Proxy,
}

/// A server of ours in a process of its own.
struct Server {
    kind: Kind,
    child: Child,
    address: String,
    /// What it prints, line by line.
    lines: Receiver<String>,
    home: Home,
    behind: Option<Box<Server>>,
    before: u64,
}

impl Server {
    fn new(kind: Kind) -> Self {
        Self::with(kind, &[])
    }

    fn with(kind: Kind, more: &[&str]) -> Self {
        let home = Home::new();
        let behind = (kind == Kind::Proxy).then(|| Box::new(Self::new(Kind::Model)));
        let file = home.path().join("recorded.pop3");
        let list: String = (1..=2000)
            .map(|number| format!("S: {number} 1200\n"))
            .collect();
        let recording = format!(
            "S: +OK ready\nC: CAPA\nS: +OK\nS: UIDL\nS: .\nC: LIST\nS: +OK\n{list}S: .\nC: QUIT\nS: +OK bye\n"
        );
        std::fs::write(&file, recording).unwrap();
        let file = file.to_str().unwrap();
        let logs = home.path().join("logs");
        let mut args = match kind {
            Kind::Model => vec!["serve"],
            Kind::Strict => vec!["serve", file],
            Kind::Loose => vec!["serve", "--any-order", file],
            Kind::Proxy => vec!["proxy", &behind.as_ref().unwrap().address],
        };
        args.extend(["--listen", "127.0.0.1:0", "--log", logs.to_str().unwrap()]);
        args.extend(more);
        let (child, address, out) = listening(&mut home.poptalk(&args));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                let _ = sender.send(line.unwrap_or_default());
            }
        });
        let mut server = Self {
            kind,
            child,
            address,
            lines,
            home,
            behind,
            before: 0,
        };
        // Once before anything is measured.
        server.behaves();
        server.before = server.memory("VmHWM");
        server
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// What a client that behaves gets.
    fn behaves(&self) {
        let mut client = self.connect();
        client.write_all(b"CAPA\r\n").unwrap();
        if matches!(self.kind, Kind::Strict | Kind::Loose) {
            client.write_all(b"LIST\r\n").unwrap();
        }
        client.write_all(b"QUIT\r\n").unwrap();
        let all = rest(client);
        assert!(all.starts_with("+OK "), "{:?}: {all}", self.kind);
        assert!(all.contains("\r\nUIDL\r\n"), "{:?}: {all}", self.kind);
        let last = all.trim_end().lines().last().unwrap_or_default();
        assert!(last.starts_with("+OK"), "{:?}: {all}", self.kind);
    }

    /// A number of `/proc/PID/status`, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Waits until it has no more files open than in the beginning: a connection leaves nothing
    /// behind. What is left of those that are over is cleared away with the next one.
    fn is_back_to(&self, files: usize) {
        let start = Instant::now();
        while self.open_files() > files {
            assert!(
                start.elapsed() < LIMIT,
                "{:?}: {}",
                self.kind,
                self.open_files()
            );
            // As long as the others are not over, it may be one too many.
            let mut client = self.connect();
            let _ = client.write_all(b"QUIT\r\n");
            let _ = rest(client);
        }
    }

    /// It took little memory so far, and still serves.
    fn is_well(&self, what: &str) {
        self.behaves();
        let most = self.memory("VmHWM") - self.before;
        eprintln!("{what}, {:?}: {most} KiB more", self.kind);
        assert!(most < MEMORY, "{what}, {:?}: {most} KiB", self.kind);
    }

    fn transcripts(&self) -> Vec<PathBuf> {
        let mut files = self.home.files();
        files.retain(|file| file.parent().is_some_and(|folder| folder.ends_with("logs")));
        files
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that comes up to the end, however the end comes.
fn rest(mut client: TcpStream) -> String {
    let mut all = Vec::new();
    if let Err(error) = client.read_to_end(&mut all) {
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "it goes on");
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_client_that_sends_an_octet_at_a_time_is_served() {
    for kind in KINDS {
        let server = Server::new(kind);
        let files = server.open_files();
        let mut client = server.connect();
        let lines: &[u8] = match kind {
            Kind::Strict | Kind::Loose => b"CAPA\r\nLIST\r\nQUIT\r\n",
            Kind::Model | Kind::Proxy => {
                b"CAPA\r\nUSER alice\r\nPASS wonderland\r\nLIST\r\nQUIT\r\n"
            }
        };
        for octet in lines {
            client.write_all(&[*octet]).unwrap();
        }
        let mut client = BufReader::new(client);
        let mut all = Vec::new();
        // And that reads an octet at a time.
        let mut octet = [0];
        while client.get_mut().read(&mut octet).unwrap() == 1 {
            all.push(octet[0]);
        }
        let all = String::from_utf8_lossy(&all);
        assert_eq!(all.matches("\r\n.\r\n").count(), 2, "{kind:?}: {all}");
        drop(client);
        server.is_back_to(files);
        server.is_well("slow");
    }
}

#[test]
fn a_client_that_says_nothing_is_left_after_a_while_and_nobody_waits_for_it() {
    std::thread::scope(|scope| {
        for kind in KINDS {
            scope.spawn(move || is_left(kind));
        }
    });
}

fn is_left(kind: Kind) {
    let limit = match kind {
        Kind::Proxy => "--timeout",
        _ => "--autologout",
    };
    // Long enough for one who behaves, on a machine that is busy.
    let server = Server::with(kind, &[limit, "4"]);
    let files = server.open_files();
    let mut silent: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    // Half a command is none.
    for client in &mut silent[..10] {
        client.write_all(b"CAP").unwrap();
    }
    server.behaves();
    for client in silent {
        let said = rest(client);
        assert!(said.starts_with("+OK"), "{kind:?}: {said}");
    }
    server.is_back_to(files);
    server.is_well("silent");
}

#[test]
fn a_line_without_an_end_costs_no_memory() {
    for kind in KINDS {
        for is_verb in [false, true] {
            let server = Server::new(kind);
            let files = server.open_files();
            let mut client = server.connect();
            let mut other = client.try_clone().unwrap();
            // What is answered is read, or each waits for the other.
            let reader =
                std::thread::spawn(move || std::io::copy(&mut other, &mut std::io::sink()));
            let block = vec![b'A'; 1 << 20];
            if is_verb {
                let _ = client.write_all(b"CAPA ");
            }
            for _ in 0..10 * scale() {
                // It may have been enough.
                if client.write_all(&block).is_err() {
                    break;
                }
            }
            server.is_well("endless line");
            let _ = client.shutdown(Shutdown::Both);
            let _ = reader.join().unwrap();
            drop(client);
            server.is_back_to(files);
        }
    }
}

#[test]
fn a_client_that_asks_on_and_on_and_never_reads_costs_no_memory() {
    for kind in KINDS {
        let all: [&str; 4] = ["RETR 4\r\n", "\r\n", "CAPA\r\n", "LIST\r\n"];
        for line in all.into_iter().take(if scale() > 1 { 4 } else { 2 }) {
            let server = Server::new(kind);
            let files = server.open_files();
            let client = server.connect();
            let mut writer = client.try_clone().unwrap();
            let writer = std::thread::spawn(move || {
                let _ = writer.write_all(b"USER alice\r\nPASS wonderland\r\n");
                let lines = line.repeat(1000);
                for _ in 0..100 {
                    if writer.write_all(lines.as_bytes()).is_err() {
                        return;
                    }
                }
            });
            for _ in 0..3 {
                server.behaves();
            }
            server.is_well("endless pipeline");
            let _ = client.shutdown(Shutdown::Both);
            writer.join().unwrap();
            drop(client);
            server.is_back_to(files);
            server.is_well("endless pipeline");
        }
    }
}

#[test]
fn connections_one_after_the_other_leave_nothing_behind() {
    for kind in KINDS {
        let server = Server::new(kind);
        let files = server.open_files();
        let memory = server.memory("VmRSS");
        for index in 0..connections() / KINDS.len() {
            match index % 5 {
                // As it should be.
                0 => server.behaves(),
                // Gone at once.
                1 => drop(server.connect()),
                // Reset: what came was not read.
                2 => {
                    let client = server.connect();
                    client.peek(&mut [0]).unwrap();
                }
                // It sends no more, and gets all its replies.
                3 => {
                    let mut client = server.connect();
                    client.write_all(b"CAPA\r\n").unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    let all = rest(client);
                    assert!(all.ends_with("\r\n.\r\n"), "{kind:?}: {all}");
                }
                // In the middle of a command.
                _ => {
                    let mut client = server.connect();
                    client.write_all(b"CAPA\r\nLI").unwrap();
                }
            }
        }
        server.is_back_to(files);
        let grown = server.memory("VmRSS").saturating_sub(memory);
        eprintln!("one after the other, {kind:?}: {grown} KiB more");
        assert!(grown < 8 * 1024, "{kind:?}: {grown} KiB");
        // Each is told, and has left its transcript.
        for number in 0..connections() / KINDS.len() {
            let told = server.lines.recv_timeout(LIMIT);
            assert!(told.is_ok(), "{kind:?}: only {number} are told");
        }
        for file in server.transcripts().iter().take(100) {
            crate::support::read(file);
        }
        server.is_well("one after the other");
    }
}

#[test]
fn of_500_clients_at_once_half_are_held_and_the_others_are_told() {
    for kind in KINDS {
        let server = Server::new(kind);
        let files = server.open_files();
        // Some say something before they know.
        let mut clients: Vec<BufReader<TcpStream>> = (0..500)
            .map(|index| {
                let mut client = server.connect();
                if index % 2 == 0 {
                    let _ = client.write_all(b"CAPA\r\n");
                }
                BufReader::new(client)
            })
            .collect();
        let mut greeted = 0;
        for client in &mut clients {
            let mut line = String::new();
            client.read_line(&mut line).unwrap();
            if line.starts_with("+OK") {
                greeted += 1;
            } else {
                let refusal = "-ERR [SYS/TEMP] too many connections; try again later\r\n";
                assert_eq!(line, refusal, "{kind:?}");
            }
        }
        // One or two that are over may still have been counted, also in the server behind a proxy.
        assert!(
            (MOST_CONNECTIONS - 5..=MOST_CONNECTIONS).contains(&greeted),
            "{kind:?}: {greeted}"
        );
        drop(clients);
        server.is_back_to(files);
        server.is_well("500 at once");
        if let Some(behind) = &server.behind {
            behind.is_well("500 at once, behind the proxy");
        }
    }
}

#[test]
fn who_listens_for_others_than_this_machine_is_told_so() {
    for (address, is_told) in [
        ("127.0.0.1:0", false),
        ("[::1]:0", false),
        ("0.0.0.0:0", true),
    ] {
        for args in [&["serve"][..], &["proxy", "127.0.0.1:1", "--no-log"]] {
            let home = Home::new();
            let args = [args, &["--listen", address]].concat();
            let mut child = home
                .poptalk(&args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            out.read_line(&mut line).unwrap();
            let _ = child.kill();
            let mut told = String::new();
            let mut errors = child.stderr.take().unwrap();
            errors.read_to_string(&mut told).unwrap();
            child.wait().unwrap();
            // A machine may have no IPv6.
            if line.is_empty() && address.starts_with('[') {
                continue;
            }
            assert!(line.starts_with("ready "), "{line}{told}");
            assert_eq!(
                told.contains("which other machines may reach"),
                is_told,
                "{told}"
            );
        }
    }
}
