//! The reader of standard output or standard error goes away: every subcommand, either stream,
//! after each of the first lines. No program may panic, and none may hang: a watchdog ends one that
//! does.

#![cfg(not(any(windows, target_vendor = "apple")))]

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use poptalk::modes::serve::{ServeOptions, Server};
use portable_pty::{PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Home, LIMIT};

/// How the program, or the visitor of a server, connects.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Security {
    Clear,
    Stls,
    Tls,
}

use Security::{Clear, Stls, Tls};

/// What the program waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// For nothing: it ends by itself.
    Ends,
    /// For visitors, until a signal ends it.
    Serves,
    /// For a person: its standard input is a terminal.
    Console,
}

use Kind::{Console, Ends, Serves};

/// A command line and its exit code while both streams are read. `{..}` stands for what a cell
/// makes for itself.
struct Case {
    name: &'static str,
    kind: Kind,
    securities: &'static [Security],
    exit: i32,
    args: &'static str,
}

const fn case(
    name: &'static str,
    kind: Kind,
    securities: &'static [Security],
    exit: i32,
    args: &'static str,
) -> Case {
    Case {
        name,
        kind,
        securities,
        exit,
        args,
    }
}

const ALL: &[Security] = &[Clear, Stls, Tls];
const NONE: &[Security] = &[Clear];
const LOGIN: &str = "{to} --login -u alice --password-file {home}/password --allow-plaintext --no-log -c stat -c list -c quit";

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("connect", Ends, ALL, 0, LOGIN),
    case("connect --pipeline", Ends, ALL, 1, "{to} --pipeline --keep-going -c capa -c list -c noop -c quit"),
    case("connect, refused", Ends, NONE, 3, "127.0.0.1:1 -c quit"),
    case("connect, bad TLS", Ends, &[Tls], 4, "{tls} --tls -c quit"),
    case("connect, found by DNS", Ends, NONE, 3, "-u alice@example.test --dns 127.0.0.1:1 --timeout 1 -c quit"),
    case("practice", Ends, ALL, 0, "practice {flags} -c capa -c user␣alice -c pass␣wonderland -c quit"),
    case("practice, console", Console, ALL, 0, "practice {flags}"),
    case("learn, console", Console, NONE, 0, "learn"),
    case("learn --list", Ends, NONE, 0, "learn --list"),
    case("learn --check", Ends, NONE, 0, "learn --check 1"),
    case("serve", Serves, ALL, 2, "serve --listen 127.0.0.1:0 --tls-listen 127.0.0.1:0 --mailbox {home}/mbox --log {home}/logs"),
    case("serve FILE", Serves, NONE, 0, "serve --listen 127.0.0.1:0 {root}/transcripts/real/dovecot-first-dot.pop3"),
    case("serve --list-faults", Ends, NONE, 0, "serve --list-faults"),
    case("proxy", Serves, ALL, 2, "proxy {to} --listen 127.0.0.1:0 -v --keep-secrets --log {home}/logs"),
    case("replay", Ends, ALL, 0, "replay {recording} {recording} --to {address} --insecure -u alice --password-file {home}/password"),
    case("replay, refused", Ends, NONE, 3, "replay {recording} {recording} -j 2 --to 127.0.0.1:1"),
    case("diff", Ends, NONE, 1, "diff {root}/transcripts/real/courier-session.pop3 {root}/transcripts/real/dovecot-first-dot.pop3"),
    case("diff, a wrong file", Ends, NONE, 2, "diff {root}/Cargo.toml {root}/none"),
    case("lint", Ends, NONE, 1, "lint {root}/transcripts/lint/unstuffed-dot-line.bad.pop3 {root}/transcripts/real/courier-session.pop3"),
    case("lint --format junit", Ends, NONE, 1, "lint --format junit {root}/transcripts/lint/unstuffed-dot-line.bad.pop3"),
    case("lint --list", Ends, NONE, 0, "lint --list"),
    case("check", Ends, &[Clear, Tls], 1, "check {address} {flags} --insecure -u alice --password-file {home}/password --log {home}/logs"),
    case("check --list", Ends, NONE, 0, "check --list"),
    case("show", Ends, NONE, 0, "show {root}/transcripts/real/courier-session.pop3"),
    case("show --timeline", Ends, NONE, 0, "show --timeline {root}/transcripts/real/courier-session.pop3"),
    case("show --messages", Ends, NONE, 0, "show --messages {home}/mails {root}/transcripts/real/courier-session.pop3"),
    case("redact", Ends, NONE, 0, "redact {root}/transcripts/real/courier-session.pop3"),
    case("import", Ends, NONE, 0, "import auto {root}/tests/recordings/import/curl-7.88.1-v.txt"),
    case("import -o", Ends, NONE, 0, "import auto {root}/tests/recordings/import/pcap-tcpdump-4.99.3-ethernet.pcap --port 21100 -o {home}/made.pop3"),
    case("import, a wrong file", Ends, NONE, 2, "import auto {root}/Cargo.toml"),
    case("explain", Ends, NONE, 0, "explain RETR"),
    case("explain, unknown", Ends, NONE, 1, "explain nothing-that-is-known"),
    case("completions", Ends, NONE, 0, "completions bash"),
    case("man", Ends, NONE, 0, "man"),
    case("--help", Ends, NONE, 0, "--help"),
    case("serve --help", Ends, NONE, 0, "serve --help"),
    case("--version", Ends, NONE, 0, "--version"),
    case("a wrong option", Ends, NONE, 2, "practice --wrong"),
    case("a wrong word", Ends, NONE, 2, "practise --wrong"),
];

/// The stream whose reader goes away.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaving {
    Neither,
    Output,
    Error,
}

/// What a cell of the matrix needs of its own.
struct Scene {
    home: Home,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        let write = |name, text| std::fs::write(home.path().join(name), text).unwrap();
        write("password", "wonderland\n");
        write("mbox", "From a Mon Nov 23 08:40:12 2026\nSubject: x\n\nx\n");
        let options = ServeOptions {
            tls_listen: Some("127.0.0.1:0".parse().unwrap()),
            ..ServeOptions::default()
        };
        let server = Server::start(options, |_| {}).unwrap();
        Self { home, server }
    }

    fn words(&self, args: &str, security: Security) -> Vec<String> {
        let clear = self.server.address().to_string();
        let tls = self.server.tls_address().unwrap().to_string();
        let (address, flags) = match security {
            Clear => (&clear, ""),
            Stls => (&clear, " --stls"),
            Tls => (&tls, " --tls"),
        };
        let trust = if security == Clear { "" } else { " --insecure" };
        let args = args
            .replace("{to}", &format!("{address}{flags}{trust}"))
            .replace("{address}", address)
            .replace("{flags}", flags)
            .replace("{tls}", &tls)
            .replace(
                "{recording}",
                &format!("{}/recording.pop3", self.home.path().display()),
            )
            .replace("{home}", &self.home.path().display().to_string())
            .replace("{root}", env!("CARGO_MANIFEST_DIR"));
        let words = args.split_ascii_whitespace();
        words.map(|word| word.replace('␣', " ")).collect()
    }

    fn command(&self, words: &[String]) -> Command {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.home.poptalk(&words)
    }

    /// Runs a session to its end.
    fn visit(&self, words: &[String]) {
        let mut visitor = self.command(words);
        let quiet = visitor.stdin(Stdio::null()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).status().unwrap();
    }
}

/// Reads lines, all or so many; the reader is gone after them. The first one is handed on.
fn read(reader: PipeReader, most: Option<usize>, first: &Sender<String>) -> String {
    let mut reader = BufReader::new(reader);
    let mut all = Vec::new();
    let mut count = 0;
    while most.is_none_or(|most| count < most) {
        let start = all.len();
        if reader.read_until(b'\n', &mut all).unwrap_or(0) == 0 {
            break;
        }
        if count == 0 {
            // Most programs have nothing to hand on.
            let _ = first.send(String::from_utf8_lossy(&all[start..]).into_owned());
        }
        count += 1;
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// A pipe whose reader is gone after so many lines, and what it has read.
fn pipe(
    most: Option<usize>,
    first: Sender<String>,
) -> (PipeWriter, Option<thread::JoinHandle<String>>) {
    let (reader, writer) = std::io::pipe().unwrap();
    // With no line to read it is gone before the program starts.
    let thread = (most != Some(0)).then(|| thread::spawn(move || read(reader, most, &first)));
    (writer, thread)
}

/// Visits a server where it says that it is; `count` times.
fn visit(scene: &Scene, ready: &Receiver<String>, security: Security, count: usize) {
    let Ok(line) = ready.recv_timeout(LIMIT) else {
        return;
    };
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, flags) = match security {
        Clear => (words[1], ""),
        Stls => (words[1], " --stls --insecure"),
        Tls => (
            *words
                .get(3)
                .filter(|_| words[2] == "tls")
                .unwrap_or(&words[1]),
            " --tls --insecure",
        ),
    };
    // A transcript that can't be written gives the threads something to say.
    let logs = scene.home.path().join("logs");
    if logs.is_dir() {
        std::fs::remove_dir_all(&logs).unwrap();
        std::fs::write(&logs, "").unwrap();
    }
    let flags = if words.contains(&"tls") { flags } else { "" };
    let visit = format!("{address}{flags} --no-log -c capa -c quit");
    for _ in 0..count {
        scene.visit(&scene.words(&visit, Clear));
    }
}

/// Runs a cell; returns the exit code, or what was wrong.
fn run(case: &Case, security: Security, leaving: Leaving, lines: usize) -> Result<i32, String> {
    let scene = Scene::new();
    if case.args.contains("{recording}") {
        let record =
            "{to} -c user␣alice -c pass␣wonderland -c stat -c list -c quit --log {recording}";
        scene.visit(&scene.words(record, security));
    }
    let most = |stream| (leaving == stream).then_some(lines);
    let ((ready, address), (unused, _)) = (mpsc::channel(), mpsc::channel());
    let (out, out_reader) = pipe(most(Leaving::Output), ready);
    let (err, err_reader) = pipe(most(Leaving::Error), unused);
    let mut keyboard = None;
    let input = match case.kind {
        Console => {
            let pair = native_pty_system().openpty(PtySize::default()).unwrap();
            let terminal = pair.master.tty_name().unwrap();
            let terminal = File::options()
                .read(true)
                .write(true)
                .open(terminal)
                .unwrap();
            let mut keys = pair.master.take_writer().unwrap();
            keys.write_all(b"capa\nstat\nquit\n\x04\x04").unwrap();
            keyboard = Some((pair, keys));
            Stdio::from(terminal)
        }
        Ends | Serves => Stdio::null(),
    };
    let mut command = scene.command(&scene.words(case.args, security));
    let mut child = command
        .stdin(input)
        .stdout(out)
        .stderr(err)
        .spawn()
        .unwrap();
    // It holds an end of each pipe.
    drop(command);
    let pid = Pid::from_child(&child);
    let (over, is_over) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let hangs = is_over.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = kill_process(pid, Signal::KILL);
        }
        hangs
    });
    if case.kind == Serves {
        visit(&scene, &address, security, lines.max(3));
        if leaving != Leaving::Output {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
    let status = child.wait().unwrap();
    drop(over);
    drop(keyboard);
    let hangs = watchdog.join().unwrap();
    let texts = [out_reader, err_reader].map(|reader| reader.map(|reader| reader.join().unwrap()));
    let said = texts.into_iter().flatten().collect::<String>();
    let wrong = |what: &str| {
        format!(
            "{} {security:?}, {leaving:?} {lines}: {what}\n{said}",
            case.name
        )
    };
    if hangs {
        return Err(wrong("it hangs"));
    }
    let code = status.code().ok_or_else(|| wrong("a signal ends it"))?;
    if said.contains("panicked at") || code == 101 {
        return Err(wrong("it panics"));
    }
    // A closed pipe is a quiet end; messages are nothing that anything depends on.
    let may_end_early = leaving == Leaving::Output && code == 0;
    if code != case.exit && !may_end_early {
        return Err(wrong(&format!("exit {code}, not {}", case.exit)));
    }
    Ok(code)
}

/// The lines after which a reader leaves, for each stream; and a run in which none does.
fn cells() -> Vec<(Leaving, usize)> {
    let leaving = [Leaving::Error, Leaving::Output].into_iter();
    let leaving = leaving.flat_map(|stream| (0..4).map(move |lines| (stream, lines)));
    std::iter::once((Leaving::Neither, 0))
        .chain(leaving)
        .collect()
}

/// A sample; with the variable POPTALK_MATRIX all of it, and a table of the exit codes.
#[test]
#[allow(clippy::print_stdout, reason = "the table of the whole matrix")]
fn a_reader_that_goes_away_ends_nothing_badly() {
    let is_whole = std::env::var_os("POPTALK_MATRIX").is_some();
    // No axis of the matrix can be divided by it.
    let step = if is_whole { 1 } else { 11 };
    let rows = CASES.iter().flat_map(|case| {
        case.securities
            .iter()
            .map(move |security| (case, *security))
    });
    let rows: Vec<_> = rows.collect();
    let all = rows.iter().enumerate();
    let all = all.flat_map(|(row, _)| {
        cells()
            .into_iter()
            .enumerate()
            .map(move |(column, cell)| (row, column, cell))
    });
    let jobs: Vec<_> = all.step_by(step).collect();
    let (next, results) = (
        AtomicUsize::new(0),
        Mutex::new(vec![["-"; 9].map(str::to_owned); rows.len()]),
    );
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(&(row, column, (leaving, lines))) =
                    jobs.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    let (case, security) = rows[row];
                    let text = match run(case, security, leaving, lines) {
                        Ok(code) => code.to_string(),
                        Err(what) => {
                            wrong.lock().unwrap().push(what);
                            "!".to_owned()
                        }
                    };
                    results.lock().unwrap()[row][column] = text;
                }
            });
        }
    });
    if is_whole {
        println!(
            "exit codes: nobody leaves | standard error is left after 0, 1, 2, 3 lines | standard output"
        );
        for ((case, security), codes) in rows.iter().zip(results.into_inner().unwrap()) {
            let security = if case.securities.len() > 1 {
                format!("{security:?}")
            } else {
                String::new()
            };
            println!(
                "{:<24}{security:<6}{} | {} | {}",
                case.name,
                codes[0],
                codes[1..5].join(" "),
                codes[5..].join(" ")
            );
        }
    }
    println!("{} cells", jobs.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {} cells\n{}",
        wrong.len(),
        jobs.len(),
        wrong.join("\n")
    );
}
