//! Ends that nobody plans: signals, FIFOs where files are expected, links.

#![cfg(unix)]

use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use poptalk::serve::{Brake, ServeOptions, Serving};

use crate::support::{Home, LIMIT, listening, text};

fn make_fifo(path: &std::path::Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_check_that_is_ended_by_a_signal_leaves_nothing_in_the_folder_for_temporary_files() {
    for signal in ["-TERM", "-INT"] {
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

#[test]
fn guessing_is_slowed_down_and_ended() {
    let server = Serving::start(
        ServeOptions {
            brake: Brake {
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
        assert!(said.contains("commands behind STLS"), "{said}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
