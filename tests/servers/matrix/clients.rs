//! Each client of a cell, run to its end: what it said, its exit code, and its transcripts.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use poptalk::modes::check::{PROBES, Probe};
use poptalk::modes::proxy::{self, ProxyEvent, ProxyOptions};
use poptalk::net::server_certificate::ServerCertificate;
use poptalk::net::target::Target;
use poptalk::net::tls::TlsSettings;
use poptalk::pop3::tracker::{LineEnd, Side};
use poptalk::servers::{Next, Secured};
use poptalk::transcript::file::Destination;
use poptalk::transcript::{Item, Piece, Row, Transcript};

use super::peer::{certificates, maildrop, model};
use super::table::Client;
use crate::support::terminal::{Look, Terminal};
use crate::support::{Home, LIMIT, text};

/// How long a screen is waited for before it is thought over.
const LOOK: Duration = Duration::from_millis(50);

/// How a client went.
#[derive(Debug, Default)]
pub(crate) struct Came {
    /// The exit code of the program.
    pub(crate) code: i32,
    /// What it said of its own: standard error, the screen, or the findings and differences.
    pub(crate) words: String,
    /// Standard output.
    pub(crate) out: Vec<u8>,
    /// Its transcripts, in the order of the connections.
    pub(crate) logs: Vec<Vec<u8>>,
}

/// What a client is to do.
pub(crate) struct Task<'a> {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) lines: &'a [&'a str],
    /// The seconds of `--timeout`.
    pub(crate) timeout: &'a str,
    /// The server has made its trouble: nothing more comes where that is silence.
    pub(crate) has_happened: &'a AtomicBool,
    /// Nothing comes behind it: a person gives up. None: a person who does not know of it waits a
    /// while.
    pub(crate) is_silence: Option<bool>,
}

impl Task<'_> {
    pub(crate) fn run(&self) -> Came {
        let home = Home::new();
        let ca = home.path().join("ca.pem");
        std::fs::write(&ca, certificates().0.certificate.to_pem().unwrap()).unwrap();
        let folder = home.path().join("logs");
        std::fs::create_dir(&folder).unwrap();
        let host = format!("localhost:{}", self.address.port());
        let (ca, log) = (ca.to_str().unwrap(), folder.to_str().unwrap());
        let options = ["--timeout", self.timeout, "--ca", ca, "--log", log];
        let with = |args: &[&str]| home.poptalk(&[args, &options].concat());
        let input: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let mut came = match self.client {
            Client::Console => {
                let terminal = Terminal::tall(&home, &[&[host.as_str()][..], &options].concat());
                self.type_lines(terminal)
            }
            Client::Lines => {
                let lines = self.lines.iter().flat_map(|line| line.lines());
                let mut command = with(&[&host]);
                command.args(lines.map(|line| format!("-c{line}")));
                run(command, b"")
            }
            Client::Script => run(with(&[&host, "--keep-going"]), input.as_bytes()),
            Client::Replay => {
                let recording = home.path().join("recording.pop3");
                std::fs::write(&recording, record(self.lines)).unwrap();
                let recording = recording.to_str().unwrap();
                run(with(&["replay", recording, "--to", &host]), b"")
            }
            Client::Check => {
                let mut command = with(&[
                    "check",
                    &host,
                    "-u",
                    "alice",
                    "--time-limit",
                    "150",
                    "--allow-plaintext",
                ]);
                command.env("POPTALK_PASSWORD", "wonderland");
                run_for(LIMIT * 3, command, b"")
            }
            Client::Upstream | Client::Downstream => panic!("a proxy is no program here"),
        };
        came.logs = logs(&folder);
        came
    }

    /// Types the lines, each at a prompt, and leaves.
    fn type_lines(&self, mut terminal: Terminal) -> Came {
        let lines = self.lines.iter().flat_map(|line| line.lines());
        let lines: Vec<&str> = lines.chain([":quit"]).collect();
        let mut lines = lines.into_iter();
        let (mut has_interrupted, mut looks, mut patience) = (false, 0, 60);
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let at_prompt = |screen: &str| {
                let last = screen.trim_end().lines().last().unwrap_or_default();
                last.trim_end().ends_with('>') || last.starts_with("closed>")
            };
            let is_asked = |screen: &str| screen.trim_end().ends_with("[y/N]");
            let looked = terminal.look(|screen| at_prompt(screen) || is_asked(screen), LOOK);
            match looked {
                Look::There(screen) if is_asked(&screen) => {
                    (has_interrupted, looks) = (false, 0);
                    terminal.enter("n");
                }
                Look::There(screen) => {
                    let is_closed = screen
                        .trim_end()
                        .lines()
                        .last()
                        .unwrap()
                        .starts_with("closed>");
                    // A line that could not be sent stands there again.
                    let line = if is_closed {
                        Some("\x15:quit")
                    } else {
                        lines.next()
                    };
                    let Some(line) = line else { break };
                    (has_interrupted, looks) = (false, 0);
                    terminal.enter(line);
                }
                Look::Over => break,
                Look::NotYet => {
                    looks += 1;
                    let gives_up = match self.is_silence {
                        Some(is_silence) => is_silence && self.has_happened.load(Ordering::SeqCst),
                        None => looks > patience,
                    };
                    if gives_up && !has_interrupted {
                        (has_interrupted, patience) = (true, 6);
                        terminal.press("\x03");
                    }
                }
            }
        }
        let (code, screen) = terminal.end_both(LIMIT.saturating_sub(start.elapsed()));
        Came {
            code: code.map_or(-1, |code| code as i32),
            words: screen,
            ..Came::default()
        }
    }
}

/// The transcripts of a folder, in the order of their names.
pub(crate) fn logs(folder: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // Behind the time, which may be that of the same second; those of a check in the order of the
    // probes.
    files.sort_by_key(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let is_of = |probe: &&Probe| name.contains(&format!("-check-{}-", probe.name));
        let probe = PROBES
            .iter()
            .filter(is_of)
            .max_by_key(|probe| probe.name.len());
        let probe = probe.and_then(|probe| PROBES.iter().position(|one| one.name == probe.name));
        (probe, name.clone().split_off(21))
    });
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// Runs a program to its end, which comes in time or is a fault: the code is -1 then.
fn run(command: Command, input: &[u8]) -> Came {
    run_for(LIMIT, command, input)
}

/// The same with a limit of its own: a check has many sessions.
fn run_for(limit: Duration, mut command: Command, input: &[u8]) -> Came {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // The program may have enough before the end.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let collect = |mut stream: Box<dyn Read + Send>| {
        let (sender, all) = mpsc::channel();
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = stream.read_to_end(&mut octets);
            let _ = sender.send(octets);
        });
        all
    };
    let out = collect(Box::new(child.stdout.take().unwrap()));
    let err = collect(Box::new(child.stderr.take().unwrap()));
    let (out, err) = (out.recv_timeout(limit), err.recv_timeout(limit));
    let is_hanging = out.is_err() || err.is_err();
    if is_hanging {
        let _ = child.kill();
    }
    let code = child.wait().unwrap().code();
    Came {
        code: if is_hanging { -1 } else { code.unwrap_or(-2) },
        words: text(&err.unwrap_or_default()),
        out: out.unwrap_or_default(),
        logs: Vec::new(),
    }
}

/// The lines, recorded at a server without trouble or fault.
pub(crate) fn record(lines: &[&str]) -> String {
    let mut peer = model(maildrop(), Vec::new());
    let mut items = vec![Item::Prose("!pop3 1".to_owned()), Item::Blank];
    let row = |side, line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Item::Row(Row::new(
            side,
            0,
            [Piece::Octets(line.to_vec())],
            LineEnd::Crlf,
        ))
    };
    let mut lines = lines.iter();
    loop {
        let mut out = Vec::new();
        let wish = peer.next(&mut out);
        items.extend(
            out.split_inclusive(|octet| *octet == b'\n')
                .map(|line| row(Side::Server, line)),
        );
        match wish {
            Next::Again | Next::Wait(_) => {}
            Next::Close => {
                items.push(Item::Event("closed by server".to_owned()));
                break;
            }
            Next::StartTls => {
                items.push(Item::Event(
                    "tls TLSv1.3 X verified CN=localhost".to_owned(),
                ));
                peer.tls_started(Secured::default());
            }
            Next::Read => {
                let Some(line) = lines.next() else { break };
                for line in line.lines() {
                    items.push(row(Side::Client, line.as_bytes()));
                    peer.push(format!("{line}\r\n").as_bytes());
                }
            }
        }
    }
    poptalk::transcript::text::print(&Transcript { items })
}

/// A proxy in front of a server while `talk` talks through it. The code is 0; the words are what it
/// reports.
pub(crate) fn through_proxy(server: SocketAddr, idle: &str, talk: impl FnOnce(SocketAddr)) -> Came {
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, certificates().0.certificate.to_pem().unwrap()).unwrap();
    let folder = home.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    let (sender, events) = mpsc::channel();
    let own = &certificates().1;
    let target = Target {
        host: "localhost".to_owned(),
        port: server.port(),
        is_tls: false,
    };
    let options = ProxyOptions {
        log: Destination::Path(folder.clone()),
        idle: poptalk::modes::options::seconds(idle).unwrap(),
        certificate: ServerCertificate::Given {
            certificate: own.certificate.to_pem().unwrap(),
            key: own.key.private_key_to_pem_pkcs8().unwrap(),
        },
        server_tls: TlsSettings {
            ca: Some(ca),
            ..TlsSettings::default()
        },
        ..ProxyOptions::new(target)
    };
    let proxy = proxy::start(options, move |event| drop(sender.send(event))).unwrap();
    talk(proxy.address());
    let mut came = Came::default();
    loop {
        match events.recv_timeout(LIMIT) {
            Ok(ProxyEvent::Ended(report)) => {
                came.words = report.to_string();
                break;
            }
            Ok(_) => {}
            Err(_) => {
                came.code = -1;
                break;
            }
        }
    }
    drop(proxy);
    came.logs = logs(&folder);
    came
}
