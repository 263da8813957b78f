//! Messages are sent from their files: memory stays where it is, and a file that changes meanwhile
//! is noticed.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::process::{ChildStderr, Stdio};

use super::*;
use crate::support::ready;

const MIB: u64 = 1024 * 1024;

/// Makes a mailbox with one message of a single line without an end, which takes no place on the
/// disk, where it is in the file, and how large it is on the wire.
fn make_large(home: &Home, kind: Kind, octets: u64) -> (PathBuf, PathBuf, u64) {
    let path = make(home, kind, 0);
    let large = match kind {
        Kind::Maildir => path.join("new/1.large"),
        Kind::Mbox => path.clone(),
    };
    let before = match kind {
        Kind::Maildir => "",
        Kind::Mbox => "From bob@example.org Thu Nov 26 17:00:00 2026\n",
    };
    fs::write(&large, before).unwrap();
    let length = before.len() as u64 + octets;
    File::options()
        .write(true)
        .open(&large)
        .unwrap()
        .set_len(length)
        .unwrap();
    (path, large, octets + 2)
}

/// A server of a mailbox, and what it tells on standard error.
fn told(home: &Home, path: &Path) -> (Server, BufReader<ChildStderr>) {
    let args = [
        "serve",
        "--mailbox",
        path.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--password",
        "geheim77",
    ];
    let mut command = home.poptalk(&args);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    let (child, address) = ready(child);
    (Server { child, address }, errors)
}

fn line_of(errors: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    line
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_where_it_is_whatever_the_size_of_a_message() {
    // In KiB; the program alone has some 20 MiB. A hash of an mbox file takes long where nothing is
    // optimized.
    const MOST: u64 = 32 * 1024;
    for (kind, octets) in [(Kind::Maildir, 64 * MIB), (Kind::Mbox, 16 * MIB)] {
        let home = Home::new();
        let (path, _, size) = make_large(&home, kind, octets);
        match kind {
            Kind::Maildir => fs::write(path.join("new/2.small"), message(1)).unwrap(),
            Kind::Mbox => {
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                write!(file, "\n\n{}", mbox(1)).unwrap();
            }
        }
        let server = Server::new(&home, &path, true);
        let mut client = server.log_in();
        assert_eq!(client.ask("RETR 1"), format!("+OK {size} octets\r\n"));
        let copied = std::io::copy(&mut client.0.by_ref().take(size), &mut std::io::sink());
        assert_eq!((copied.unwrap(), client.line().as_str()), (size, ".\r\n"));
        client.ask("DELE 2");
        assert_eq!(client.ask("QUIT"), "+OK 1 message left\r\n");
        let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let peak: u64 = peak.trim().split(' ').next().unwrap().parse().unwrap();
        assert!(peak < MOST, "{kind:?}: {peak} KiB");
    }
}

#[test]
fn a_message_that_has_gone_is_refused_and_the_rest_is_served() {
    let home = Home::new();
    let path = make(&home, Kind::Maildir, 4);
    let (server, mut errors) = told(&home, &path);
    let mut client = server.log_in();
    fs::remove_file(file(&path, 0)).unwrap();
    fs::write(file(&path, 1), message(1) + "more\n").unwrap();
    fs::rename(file(&path, 3), path.join("cur/0000000003.M1P1.host:2,FS")).unwrap();
    for (number, why) in [
        (1, "no such file or directory"),
        (2, "it has changed since login"),
    ] {
        for line in [format!("RETR {number}"), format!("TOP {number} 0")] {
            client.send(&line);
            let start = format!("-ERR [SYS/TEMP] message {number} cannot be read");
            let refusal = client.line();
            assert!(refusal.starts_with(&start), "{refusal}");
            let file = file(&path, number - 1);
            let warning = format!("warning: {}: cannot be served: {why}\n", file.display());
            assert_eq!(line_of(&mut errors), warning);
        }
    }
    for number in [2, 3] {
        client.ask(&format!("RETR {}", number + 1));
        assert_eq!(client.data(), message(number).replace('\n', "\r\n"));
    }
    drop(client);
    assert_eq!(server.log_in().ask("STAT").split(' ').nth(1), Some("3"));
}

#[test]
fn a_message_that_breaks_off_ends_the_connection_without_the_last_dot() {
    let home = Home::new();
    // Far more than there is place between the server and a client that does not read.
    let (path, large, size) = make_large(&home, Kind::Maildir, 64 * MIB);
    let (server, mut errors) = told(&home, &path);
    let mut client = server.log_in();
    assert_eq!(client.ask("RETR 1"), format!("+OK {size} octets\r\n"));
    let file = OpenOptions::new().write(true).open(&large).unwrap();
    file.set_len(MIB).unwrap();
    client.send("QUIT");
    let mut rest = Vec::new();
    // The server closes with a command unread.
    let _ = client.0.read_to_end(&mut rest);
    assert!((rest.len() as u64) < size && !rest.ends_with(b".\r\n"));
    assert!(rest.iter().all(|octet| *octet == 0));
    let why = format!(
        "warning: {}: cannot be served: it has changed since login\n",
        large.display()
    );
    assert_eq!(line_of(&mut errors), why);
    assert_eq!(
        server.log_in().ask("STAT"),
        format!("+OK 1 {}\r\n", MIB + 2)
    );
}
