//! Ends that nobody plans: signals, FIFOs where files are expected, links.

#![cfg(target_os = "linux")]

mod random;
mod unread;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use poptalk::modes::serve::{LoginThrottle, ServeOptions, Server};
use poptalk::pop3::tracker::Side;
use poptalk::transcript::Item;
use poptalk::transcript::recorder::Recorder;
use poptalk::transcript::secret::Hider;

use super::crash::{end, send};
use crate::support::{Home, LIMIT, listening, read, text};

fn make_fifo(path: &std::path::Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_check_that_is_ended_by_a_signal_leaves_nothing_in_the_folder_for_temporary_files() {
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let home = Home::new();
        let temporary = home.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let mut check = home
            .poptalk(&["check", &address])
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (_connection, _) = silent.accept().unwrap();
        let files = || std::fs::read_dir(&temporary).unwrap().count();
        assert_eq!(files(), 1, "its probes are there");
        let sent = Command::new("kill")
            .args([signal, &check.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(check.wait().unwrap().code(), None, "{signal} ended it");
        assert_eq!(files(), 0, "{signal}");
    }
}

#[test]
fn a_server_does_not_wait_for_a_fifo() {
    let home = Home::new();
    let fifo = home.path().join("fifo");
    make_fifo(&fifo);
    let fifo = fifo.display().to_string();
    for args in [&["serve", &fifo][..], &["serve", "--mailbox", &fifo]] {
        let output = home.poptalk(args).stdin(Stdio::null()).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.contains("it is not a regular file"),
            "{args:?}: {said}"
        );
    }
}

/// A certificate may come from a FIFO (`--cert <(command)`), and a command that never ends must not
/// keep the server from being ended.
#[test]
fn a_server_that_waits_for_its_certificate_is_ended_by_a_signal() {
    let home = Home::new();
    let fifo = home.path().join("fifo");
    make_fifo(&fifo);
    let path = fifo.display().to_string();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--cert",
        &path,
        "--key",
        &path,
    ];
    let child = home.poptalk(&args).stdin(Stdio::null()).spawn().unwrap();
    // It opens once the server waits for it; it stays open, and nothing comes.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    let deadline = std::time::Instant::now() + LIMIT;
    let writer = loop {
        match rustix::fs::open(&fifo, flags, Mode::empty()) {
            Ok(writer) => break writer,
            Err(error) => assert_eq!(error, Errno::NXIO),
        }
        assert!(std::time::Instant::now() < deadline, "the FIFO is not read");
        std::thread::yield_now();
    };
    send("TERM", child.id());
    end(child);
    drop(writer);
}

#[test]
fn an_update_through_a_link_changes_what_the_link_names() {
    let home = Home::new();
    let [file, link] = ["file.pop3", "link.pop3"].map(|name| home.path().join(name));
    std::fs::write(&file, "S: +OK old\nC: QUIT\nS: +OK old\n").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let args = ["replay", "link.pop3", "--to", "practice", "--update"];
    let args = args.map(|arg| arg.replace("link.pop3", &link.display().to_string()));
    let output = home.script(&args.each_ref().map(String::as_str), b"");
    let said = text(&output.stderr);
    assert!(link.symlink_metadata().unwrap().is_symlink(), "{said}");
    let now = std::fs::read_to_string(&file).unwrap();
    assert!(!now.contains("old"), "{said}\n{now}");
}

/// The refusal of a wrong password waits, and another session goes on meanwhile.
#[test]
fn a_wrong_password_is_refused_after_the_pause() {
    let brake = LoginThrottle {
        pause: Duration::from_secs(3600),
        tries: 3,
    };
    let options = ServeOptions {
        brake,
        ..ServeOptions::default()
    };
    let server = Server::start(options, |_| {}).unwrap();
    let connect = || {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        stream
    };
    let mut guessing = connect();
    guessing.get_mut().write_all(b"USER alice\r\n").unwrap();
    guessing.read_line(&mut String::new()).unwrap();
    guessing.get_mut().write_all(b"PASS wrong\r\n").unwrap();
    let mut other = connect();
    let session = b"USER alice\r\nPASS wonderland\r\nQUIT\r\n";
    other.get_mut().write_all(session).unwrap();
    let mut came = String::new();
    other.read_to_string(&mut came).unwrap();
    assert_eq!(came.matches("+OK").count(), 3, "{came}");
    guessing.get_mut().set_nonblocking(true).unwrap();
    let refusal = guessing.read_line(&mut String::new());
    assert_eq!(refusal.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn guessing_is_slowed_down_and_ended() {
    let server = Server::start(
        ServeOptions {
            brake: LoginThrottle {
                pause: Duration::from_millis(1),
                tries: 3,
            },
            ..ServeOptions::default()
        },
        |_| {},
    )
    .unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let tries = "USER alice\r\nPASS wrong\r\n".repeat(9);
    stream.write_all(tries.as_bytes()).unwrap();
    let mut came = String::new();
    stream.read_to_string(&mut came).unwrap();
    assert_eq!(came.matches("-ERR [AUTH] ").count(), 3, "{came}");
}

#[test]
fn a_recording_that_is_served_does_not_use_commands_from_before_tls() {
    let home = Home::new();
    let path = home.path().join("stls.pop3");
    std::fs::write(
        &path,
        "S: +OK\nC: STLS\nS: +OK\n* tls TLSv1.3 x\nC: USER mrose\nS: +OK\n",
    )
    .unwrap();
    let path = path.display().to_string();
    for way in [&["serve", &path][..], &["serve", &path, "--loose"]] {
        let args = [way, &["--listen", "127.0.0.1:0"]].concat();
        let (mut server, address, mut out) = listening(&mut home.poptalk(&args));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(b"STLS\r\nUSER mrose\r\n").unwrap();
        let mut came = String::new();
        stream.read_to_string(&mut came).unwrap();
        assert!(came.ends_with("+OK\r\n"), "{came}");
        let mut said = String::new();
        out.read_line(&mut said).unwrap();
        assert!(said.contains("cleartext commands after STLS"), "{said}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

/// The times of a session come from a clock that never goes back (`Instant`), whatever is done to
/// the time of day. Should it once, no row has a time below zero, and the clock is believed again
/// when it is where it was.
#[test]
fn a_clock_that_goes_back_makes_no_time_below_zero() {
    let home = Home::new();
    let path = home.path().join("x.pop3");
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(std::fs::File::create(&path).unwrap())), &[]);
    let talk: [(Side, &[u8], u64); 5] = [
        (Side::Server, b"+OK\r\n", 5000),
        (Side::Client, b"RETR 1\r\n", 1000),
        (Side::Server, b"+OK\r\nx\r\n", 0),
        (Side::Server, b"y\r\n.\r\n", 4999),
        (Side::Client, b"QUIT\r\n", 5007),
    ];
    for (side, octets, now_ms) in talk {
        recorder.feed(side, octets, now_ms, &mut |_| {});
    }
    recorder.event(
        &poptalk::transcript::event::Event::TlsFailed("x".to_owned()),
        2,
    );
    let transcript = read(&path);
    let times = transcript.items.iter().filter_map(|item| match item {
        Item::Row(row) => Some(row.after_ms),
        _ => None,
    });
    assert_eq!(times.collect::<Vec<_>>(), [5000, 0, 0, 0, 0, 0, 7]);
    let event = Item::Event("tls failed: x @0".to_owned());
    assert!(transcript.items.contains(&event));
}
