//! Against other real servers from Debian, each started for a connection as inetd does it, by
//! `tests/servers/inetd.sh`. These fail where a server can't be had.

#![cfg(unix)]

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::support::{Home, text};

/// A server that starts with each connection.
struct Server {
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Server {
    fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mail")).unwrap();
        std::fs::write(folder.path().join("mail/alice"), MAILBOX).unwrap();
        let prepared = script("prepare", name, folder.path()).status().unwrap();
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert!(prepared.success(), "is {name} to be had? {log}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let path = folder.path().to_owned();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let input = OwnedFd::from(stream.unwrap());
                let output = input.try_clone().unwrap();
                let mut server = script("serve", name, &path);
                let mut server = server.stdin(input).stdout(output).spawn().unwrap();
                thread::spawn(move || server.wait());
            }
        });
        Self { address, folder }
    }

    fn run(&self, home: &Home, args: &[&str]) -> Output {
        let mut program = home.poptalk(args);
        program.env("POPTALK_PASSWORD", "secret");
        program.stdin(Stdio::null()).output().unwrap()
    }
}

const MAILBOX: &str = "\
From bob Mon Jan  5 10:00:00 2026
From: bob@example.org
Subject: dots

.
..
>From here
end

From bob Mon Jan  5 10:00:01 2026
From: bob@example.org
Subject: short

hello

";

fn script(what: &str, name: &str, folder: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/inetd.sh");
    let mut command = Command::new("bash");
    command.arg(script).args([what, name]).arg(folder);
    command
}

/// A session, its replay, and what `check` finds.
fn try_out(name: &'static str) -> String {
    let (server, home) = (Server::new(name), Home::new());
    let address = server.address.to_string();
    let recording = home.path().join("session.pop3");
    let recording = recording.to_str().unwrap();
    let mut lines = Vec::new();
    for line in [
        "user alice",
        ":pass",
        "stat",
        "list",
        "retr 1",
        "top 2 0",
        "quit",
    ] {
        lines.extend(["-c", line]);
    }
    // Mailutils writes fields of its own into the messages when it leaves them for the first time.
    for args in [&[&address, "--no-log"][..], &[&address, "--log", recording]] {
        let output = server.run(&home, &[args, &lines].concat());
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(said.contains("\r\n..\r\n...\r\n"), "{said}");
        assert!(said.contains("\r\nend\r\n"), "{said}");
    }
    let output = server.run(&home, &["replay", recording, "--to", &address]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let args = ["check", &address, "-u", "alice", "--timeout", "5"];
    let output = server.run(&home, &args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mailbox = std::fs::read_to_string(server.folder.path().join("mail/alice")).unwrap();
    let is_own = |line: &&str| !line.starts_with("X-") && !line.starts_with("Status: ");
    let kept: String = mailbox.split_inclusive('\n').filter(is_own).collect();
    assert_eq!(kept, MAILBOX);
    text(&output.stdout)
}

#[test]
#[ignore = "needs Mailutils and root"]
fn mailutils() {
    let found = try_out("mailutils");
    for rule in ["capa-malformed-tag", "dele-twice-ok"] {
        assert!(found.contains(rule), "{rule}: {found}");
    }
}

#[test]
#[ignore = "needs popa3d and root"]
fn popa3d() {
    // Its unique-ids are made of a few fields of the header, and these messages have none of them.
    let found = try_out("popa3d");
    assert!(found.contains("uidl-shared-by-different"), "{found}");
}
