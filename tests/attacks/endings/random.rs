//! Programs that a signal ends at a moment that nobody chose: transcripts that can be read are all
//! that stays behind.
//!
//! POPTALK_MATRIX=1 plays more rounds; the moments come from the same seed each time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use poptalk::modes::check;
use poptalk::modes::serve::{ServeEvent, ServeOptions, Server};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::terminal::Terminal;
use crate::support::{Dice, Home, LIMIT, processes_of, read, started};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Program {
    Console,
    Check,
    Serve,
    Proxy,
    Diff,
}

const SIGNALS: [Signal; 4] = [Signal::KILL, Signal::TERM, Signal::HUP, Signal::INT];

const LINES: &[&str] = &[
    "user alice",
    "pass wonderland",
    "list",
    "retr 4",
    "q",
    "dele 1",
    "capa",
    "quit",
];

/// A program's home, with a folder for temporary files in it.
struct Scene {
    home: Home,
    temporary: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        let temporary = home.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        Self { home, temporary }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.poptalk(args);
        command
            .env("TMPDIR", &self.temporary)
            .env("POPTALK_PASSWORD", "wonderland")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// The processes that have this home.
    fn processes(&self) -> Vec<String> {
        let numbers = processes_of(self.home.path());
        numbers
            .iter()
            .map(|number| std::fs::read_to_string(format!("/proc/{number}/cmdline")))
            .map(Result::unwrap_or_default)
            .collect()
    }

    /// Looks at what is left.
    fn judge(&self, what: &str, may_leave_probes: bool) {
        let left = self.processes();
        assert!(left.is_empty(), "{what}: {left:?}");
        for path in self.home.files() {
            if path.starts_with(&self.temporary) {
                // Nobody can clean up behind SIGKILL. What it leaves is poptalk's own text.
                let probe = path.file_stem().and_then(|name| name.to_str());
                let is_probe = probe.is_some_and(|name| check::probe(name).is_some());
                assert!(may_leave_probes && is_probe, "{what}: {}", path.display());
            } else if path.extension().is_some_and(|ending| ending == "pop3") {
                read(&path);
            }
        }
        let folders = std::fs::read_dir(&self.temporary).unwrap().count();
        assert!(may_leave_probes || folders == 0, "{what}: {folders}");
    }
}

fn send(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    kill_process(process.unwrap(), signal).unwrap();
}

/// Whether a signal was ignored when the tests began, as a shell's `&` does with INT: the programs
/// inherit that.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask & 1 << (signal.as_raw() - 1) != 0
}

/// Ends a program by a signal, and waits for that.
pub(super) fn end(mut child: Child, signal: Signal, what: &str) -> Option<i32> {
    let process = child.id();
    send(process, signal);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait().unwrap().code()));
    let has_ended = told.recv_timeout(LIMIT);
    if has_ended.is_err() {
        send(process, Signal::KILL);
    }
    has_ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Stops a program and lets it go on, or not.
fn nap(process: u32, dice: &mut Dice) {
    if dice.roll(2) == 0 {
        send(process, Signal::TSTP);
        send(process, Signal::CONT);
    }
}

/// Some lines of a session.
fn some(dice: &mut Dice) -> &'static [&'static str] {
    LINES.get(..dice.roll(LINES.len() + 1)).unwrap()
}

/// Visits a server with some lines; their replies are not waited for.
fn visit(address: &str, dice: &mut Dice) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    for line in some(dice) {
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    stream
}

fn play(program: Program, signal: Signal, dice: &mut Dice) {
    let what = format!("{program:?} {signal:?}");
    let scene = Scene::new();
    let logs = scene.home.path().join("logs").display().to_string();
    let (tell, ended) = mpsc::channel();
    let serving = Server::start(ServeOptions::default(), move |event: ServeEvent| {
        let _ = tell.send(event);
    });
    let serving = serving.unwrap();
    let server = serving.address().to_string();
    match program {
        Program::Console => {
            let settings = [("TMPDIR", scene.temporary.to_str().unwrap())];
            let mut terminal = Terminal::with(&scene.home, &[&server], &settings);
            if dice.roll(4) > 0 {
                terminal.prompt("auth>");
            }
            for line in some(dice) {
                terminal.press(&format!("{line}\r"));
            }
            nap(terminal.process(), dice);
            send(terminal.process(), signal);
            if signal == Signal::INT {
                // It may only have cleared the line, or closed the connection.
                send(terminal.process(), Signal::TERM);
            }
            let (code, screen) = terminal.over(LIMIT);
            assert!(code.is_some(), "{what}: {screen}");
            let (now, before) = terminal.modes();
            assert!(
                signal == Signal::KILL || now == before,
                "{what}: {now}, {before}"
            );
        }
        Program::Check => {
            let args = ["check", &server, "-u", "alice", "--log", &logs];
            let child = scene.command(&args).spawn().unwrap();
            for _ in 0..dice.roll(8) {
                ended.recv_timeout(LIMIT).unwrap();
            }
            nap(child.id(), dice);
            let _ = end(child, signal, &what);
        }
        Program::Serve | Program::Proxy => {
            let args: &[&str] = match program {
                Program::Serve => &["serve"],
                _ => &["proxy", &server],
            };
            let options = ["--listen", "127.0.0.1:0", "--log", &logs];
            let (child, address) = started(&mut scene.command(&[args, &options].concat()));
            let _visits = [visit(&address, dice), visit(&address, dice)];
            nap(child.id(), dice);
            let _ = end(child, signal, &what);
        }
        Program::Diff => {
            let file = scene.home.path().join("recording.pop3");
            let row = "C: NOOP\nS: +OK\n".repeat(1000);
            std::fs::write(&file, &row).unwrap();
            let args = ["diff", "/dev/stdin", file.to_str().unwrap()];
            let mut command = scene.command(&args);
            let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let part = row.as_bytes().get(..dice.roll(row.len())).unwrap();
            input.write_all(part).unwrap();
            nap(child.id(), dice);
            let _ = end(child, signal, &what);
        }
    }
    scene.judge(&what, (program, signal) == (Program::Check, Signal::KILL));
}

/// Closes the terminal of a console.
fn hang_up(dice: &mut Dice) {
    let scene = Scene::new();
    let serving = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_poptalk"));
    command.arg(serving.address().to_string());
    command.env_clear();
    command.env("HOME", scene.home.path());
    command.env("TERM", "xterm");
    command.env("TMPDIR", &scene.temporary);
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut screen = pair.master.try_clone_reader().unwrap();
    let mut keys = pair.master.take_writer().unwrap();
    if dice.roll(4) > 0 {
        let (mut came, mut octets) = (Vec::new(), [0; 1024]);
        while memchr::memmem::find(&came, b"auth>").is_none() {
            let count = screen.read(&mut octets).unwrap();
            came.extend_from_slice(octets.get(..count).unwrap());
        }
    }
    for line in some(dice) {
        keys.write_all(format!("{line}\r").as_bytes()).unwrap();
    }
    nap(child.process_id().unwrap(), dice);
    let mut killer = child.clone_killer();
    drop((keys, screen, pair.master));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait().is_ok()));
    let has_ended = told.recv_timeout(LIMIT);
    if has_ended.is_err() {
        let _ = killer.kill();
    }
    assert_eq!(has_ended, Ok(true), "a console without a terminal");
    scene.judge("a console without a terminal", false);
}

#[test]
fn a_console_whose_terminal_is_closed_at_any_moment_ends_and_leaves_whole_transcripts() {
    let mut dice = Dice::default();
    for _ in 0..8 {
        hang_up(&mut dice);
    }
}

#[test]
fn a_program_that_is_ended_at_any_moment_leaves_whole_transcripts_and_nothing_else() {
    let rounds = match std::env::var_os("POPTALK_MATRIX") {
        Some(_) => 20,
        None => 3,
    };
    let mut dice = Dice::default();
    let programs = [
        Program::Console,
        Program::Check,
        Program::Serve,
        Program::Proxy,
        Program::Diff,
    ];
    for _ in 0..rounds {
        for program in programs {
            for signal in SIGNALS.into_iter().filter(|signal| !is_ignored(*signal)) {
                play(program, signal, &mut dice);
            }
        }
    }
}
