//! The transcript can't be written: the disk is full, there is a limit, the folder is no folder,
//! the file is taken away. It is told once, the session goes on, and the exit code says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use poptalk::pop3::tracker::Side;

use crate::support::terminal::Terminal;
use crate::support::{Home, LIMIT, Peer, read, ready, serve, text};

/// What is told of a transcript that failed.
const TOLD: &str = "can no longer be written";

/// How a shell is to treat the signal for a file that is too large: as it is, and ignored.
const SIGNALS: [&str; 2] = ["", "trap '' XFSZ;"];

/// A message that no small limit has room for, as a reply.
fn long_reply() -> String {
    let lines: String = (0..4000)
        .map(|number| format!("line {number} of a message that is too long\r\n"))
        .collect();
    format!("+OK\r\n{lines}.\r\n")
}

/// Answers RETR with the long message, all else with one line.
fn maildrop(peer: &mut Peer) -> Vec<u8> {
    peer.answer(|line| match line {
        line if line.starts_with("RETR") => long_reply(),
        _ => "+OK\r\n".into(),
    })
}

/// The program in a shell that lets a file have 8 KiB at most.
fn limited(home: &Home, signal: &str, args: &[&str]) -> Command {
    let program = home.poptalk(&[]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{signal} ulimit -f 16; exec \"$0\" \"$@\""));
    command.arg(program.get_program()).args(args);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The file is full, and holds the start of what the server said.
fn is_start(path: &Path, said: &str) {
    let octets = read(path).octets(Side::Server);
    let size = std::fs::metadata(path).unwrap().len();
    assert!(size >= 4096, "{size}");
    let kept = text(&octets);
    // The last row may be cut, and a row at the end of a file needs no line end.
    let kept = kept.trim_end();
    assert!(said.starts_with(kept), "{} octets", kept.len());
}

#[test]
fn a_script_goes_on_without_its_transcript_and_the_exit_code_says_so() {
    for signal in SIGNALS {
        let home = Home::new();
        let (address, server) = serve(maildrop);
        let log = home.path().join("log.pop3");
        let address = address.to_string();
        let args = ["--log", log.to_str().unwrap(), "-c", "RETR 1", "-c", "STAT"];
        let args = [&[address.as_str()][..], &args].concat();
        let output = limited(&home, signal, &args).output().unwrap();
        server.join().unwrap();
        let said = format!("+OK ready\r\n{}+OK\r\n", long_reply());
        assert_eq!(text(&output.stdout), said);
        let told = text(&output.stderr);
        assert_eq!(told.matches(TOLD).count(), 1, "{told}");
        assert_eq!(output.status.code(), Some(2), "{:?}", output.status);
        is_start(&log, &said);
    }
}

#[test]
fn what_the_server_refused_comes_before_the_transcript() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(|_| "-ERR no\r\n".into()));
    let args = [&address.to_string(), "--log", "/dev/full", "-c", "NOOP"];
    let output = home.script(&args, b"");
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_console_goes_on_without_its_transcript() {
    let home = Home::new();
    let (address, server) = serve(maildrop);
    let mut terminal = Terminal::tall(&home, &[&address.to_string(), "--log", "/dev/full"]);
    terminal.prompt("auth>");
    let screen = terminal.line("NOOP", "auth>");
    assert_eq!(screen.matches(TOLD).count(), 1, "{screen}");
    let screen = terminal.line("STAT", "auth>");
    assert_eq!(screen.matches(TOLD).count(), 1, "{screen}");
    terminal.press(":quit\r");
    assert_eq!(terminal.end().0, 2);
    assert_eq!(text(&server.join().unwrap()), "NOOP\r\nSTAT\r\n");
}

#[test]
fn a_transcript_that_is_taken_away_is_missed_at_the_end() {
    let home = Home::new();
    let folder = home.path().join("logs");
    let log = folder.join("log.pop3");
    std::fs::create_dir(&folder).unwrap();
    let (gone, address, server) = {
        let folder = folder.clone();
        let (address, server) = serve(move |peer| {
            let mut is_gone = false;
            peer.answer(|_| {
                if !std::mem::replace(&mut is_gone, true) {
                    std::fs::remove_dir_all(&folder).unwrap();
                }
                "+OK\r\n".into()
            })
        });
        (log.to_str().unwrap().to_owned(), address, server)
    };
    let args = [
        &address.to_string(),
        "--log",
        &gone,
        "-c",
        "NOOP",
        "-c",
        "STAT",
    ];
    let output = home.script(&args, b"");
    assert_eq!(text(&server.join().unwrap()), "NOOP\r\nSTAT\r\n");
    let told = text(&output.stderr);
    assert_eq!(told.matches("no longer exists").count(), 1, "{told}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn where_no_transcript_was_named_and_none_can_be_made_that_is_told_and_is_no_failure() {
    let home = Home::new();
    // The state folder can't be made below a file.
    std::fs::write(home.path().join(".local"), "no folder").unwrap();
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let output = home.script(&[&address.to_string(), "-c", "STAT"], b"");
    server.join().unwrap();
    let told = text(&output.stderr);
    assert_eq!(told.matches("no transcript: ").count(), 1, "{told}");
    assert_eq!(output.status.code(), Some(0));

    // One that was asked for is not done without.
    let below = home.path().join(".local/log.pop3");
    let output = home.script(&["127.0.0.1:1", "--log", below.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_replay_whose_transcript_fails_is_not_compared() {
    for signal in SIGNALS {
        let home = Home::new();
        let recorded = home.path().join("recorded.pop3");
        let rows = long_reply().replace("\r\n", "\nS: ");
        let rows = rows.strip_suffix("\nS: ").unwrap();
        std::fs::write(
            &recorded,
            format!("S: +OK ready\nC: RETR 1\nS: {rows}\nC: STAT\nS: +OK\n"),
        )
        .unwrap();
        let (address, server) = serve(maildrop);
        let address = address.to_string();
        let log = home.path().join("logs");
        let args = [
            "replay",
            recorded.to_str().unwrap(),
            "--to",
            &address,
            "--log",
            log.to_str().unwrap(),
        ];
        let output = limited(&home, signal, &args).output().unwrap();
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(2), "{:?}", output.status);
        let told = text(&output.stderr);
        assert!(told.contains("transcript "), "{told}");
        assert_eq!(text(&output.stdout), "");
    }
}

/// Fetches a message that is longer than the limit, twice, and leaves.
fn fetch(address: &str) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let line = b"USER alice\r\nPASS wonderland\r\nRETR 4\r\nRETR 4\r\nQUIT\r\n";
    client.write_all(line).unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert!(all.len() > 40_000, "{}", text(&all));
    assert!(all.ends_with(b"left\r\n"), "{}", all.len());
}

#[test]
fn servers_go_on_without_transcripts_and_the_exit_code_says_so() {
    for signal in SIGNALS {
        let home = Home::new();
        let logs = home.path().join("logs");
        let listen = ["--listen", "127.0.0.1:0", "--log", logs.to_str().unwrap()];
        let args = [&["serve"][..], &listen].concat();
        let (server, address) = ready(limited(&home, signal, &args).spawn().unwrap());
        fetch(&address);
        fetch(&address);

        let logs = home.path().join("logs of the proxy");
        let listen = ["--listen", "127.0.0.1:0", "--log", logs.to_str().unwrap()];
        let args = [&["proxy", address.as_str()][..], &listen].concat();
        let (proxy, between) = ready(limited(&home, signal, &args).spawn().unwrap());
        fetch(&between);

        for (mut child, visits) in [(proxy, 1), (server, 3)] {
            crate::attacks::crash::send("TERM", child.id());
            let mut told = String::new();
            let mut errors = child.stderr.take().unwrap();
            errors.read_to_string(&mut told).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(told.matches(TOLD).count(), visits, "{told}");
            assert_eq!((status.code(), status.signal()), (Some(2), None), "{told}");
        }
        for file in home.files() {
            read(&file);
        }
    }
}

#[test]
fn visits_are_served_when_the_folder_for_transcripts_is_no_folder_any_more() {
    let home = Home::new();
    let logs = home.path().join("logs");
    let args = ["--listen", "127.0.0.1:0", "--log", logs.to_str().unwrap()];
    let mut command = home.poptalk(&[&["serve"][..], &args].concat());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut server, address) = ready(command.stdin(Stdio::null()).spawn().unwrap());
    fetch(&address);
    // Only its removal is missed: it is made anew for the next visit.
    std::fs::remove_dir_all(&logs).unwrap();
    fetch(&address);
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 1);
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::write(&logs, "no folder").unwrap();
    fetch(&address);
    crate::attacks::crash::send("TERM", server.id());
    let mut told = String::new();
    let mut errors = server.stderr.take().unwrap();
    errors.read_to_string(&mut told).unwrap();
    assert_eq!(told.matches("no transcript: ").count(), 1, "{told}");
    assert_eq!(server.wait().unwrap().code(), Some(2));
}
