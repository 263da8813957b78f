//! A Maildir or an mbox file is served: nothing in it is changed unless that was allowed, and then
//! each message is either there or gone, also when the program is killed while it removes some.
//! `POPTALK_MOMENTS=500` kills it so often.

mod streams;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use crate::support::{Dice, Home, LIMIT, started};

/// The kinds of mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Maildir,
    Mbox,
}

const KINDS: [Kind; 2] = [Kind::Maildir, Kind::Mbox];

/// A message of a mailbox; LF line ends.
fn message(number: usize) -> String {
    let body = format!("line of message {number}\n").repeat(1 + number % 40);
    format!("From: bob@example.org\nSubject: {number}\n\n.\n{body}")
}

/// What an mbox file has for a message.
fn mbox(number: usize) -> String {
    format!(
        "From bob@example.org Thu Nov 26 17:00:00 2026\n{}\n",
        message(number)
    )
}

/// Makes a mailbox of so many messages.
fn make(home: &Home, kind: Kind, count: usize) -> PathBuf {
    let path = home.path().join("mailbox");
    match kind {
        Kind::Maildir => {
            for folder in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(path.join(folder)).unwrap();
            }
            for number in 0..count {
                std::fs::write(file(&path, number), message(number)).unwrap();
            }
            std::fs::write(path.join("tmp/1.unfinished"), "half").unwrap();
        }
        Kind::Mbox => {
            let all: String = (0..count).map(mbox).collect();
            std::fs::write(&path, all).unwrap();
        }
    }
    path
}

/// The file of a message in a Maildir.
fn file(path: &Path, number: usize) -> PathBuf {
    path.join(match number % 3 {
        0 => format!("new/{:010}.M1P1.host", number),
        _ => format!("cur/{:010}.M1P1.host:2,S", number),
    })
}

/// All that is below a path: contents, and when it was changed.
fn all(path: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let changed = path.metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            found.insert(path, (Vec::new(), changed));
        } else {
            let octets = std::fs::read(&path).unwrap();
            found.insert(path, (octets, changed));
        }
    }
    found
}

/// A server of a mailbox.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn new(home: &Home, path: &Path, may_delete: bool) -> Self {
        let mut args = vec![
            "serve",
            "--mailbox",
            path.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ];
        args.extend(["--password", "geheim77"]);
        if may_delete {
            args.push("--allow-delete");
        }
        let (child, address) = started(&mut home.poptalk(&args));
        Self { child, address }
    }

    /// Logs in, once the session before has let go of the maildrop.
    fn log_in(&self) -> Client {
        let start = Instant::now();
        loop {
            let stream = TcpStream::connect(&self.address).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut client = Client(BufReader::new(stream));
            client.line();
            client.ask("USER alice");
            client.send("PASS geheim77");
            let status = client.line();
            if status.starts_with("+OK") {
                return client;
            }
            assert!(status.starts_with("-ERR [IN-USE]"), "{status}");
            assert!(start.elapsed() < LIMIT, "{status}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn send(&mut self, line: &str) {
        self.0
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .unwrap();
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        let status = self.line();
        assert!(status.starts_with("+OK"), "{line}: {status}");
        status
    }

    fn data(&mut self) -> String {
        let mut data = String::new();
        loop {
            let line = self.line();
            if line == ".\r\n" {
                return data;
            }
            data += line.strip_prefix('.').unwrap_or(&line);
        }
    }

    /// The numbers in the subjects of all messages.
    fn numbers(&mut self) -> Vec<usize> {
        let count = self.ask("STAT");
        let count: usize = count.split(' ').nth(1).unwrap().parse().unwrap();
        (1..=count)
            .map(|at| {
                self.ask(&format!("RETR {at}"));
                let octets = self.data();
                let subject = octets.lines().nth(1).unwrap();
                let number = subject.strip_prefix("Subject: ").unwrap().parse().unwrap();
                assert_eq!(octets, message(number).replace('\n', "\r\n"));
                number
            })
            .collect()
    }
}

#[test]
fn nothing_in_a_mailbox_is_changed_and_what_is_deleted_comes_back() {
    for kind in KINDS {
        let home = Home::new();
        let path = make(&home, kind, 9);
        let before = all(&path);
        let server = Server::new(&home, &path, false);
        let mut client = server.log_in();
        assert_eq!(client.numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8], "{kind:?}");
        for number in 1..=8 {
            client.ask(&format!("DELE {number}"));
        }
        assert_eq!(client.ask("QUIT"), "+OK 1 message left\r\n");
        assert_eq!(server.log_in().numbers(), [8], "{kind:?}");
        drop(server);
        assert_eq!(all(&path), before, "{kind:?}");
        let server = Server::new(&home, &path, false);
        assert_eq!(server.log_in().numbers().len(), 9);
    }
}

#[test]
fn what_is_deleted_is_gone_where_that_was_allowed_and_nothing_else() {
    for kind in KINDS {
        let home = Home::new();
        let path = make(&home, kind, 9);
        if kind == Kind::Mbox {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        }
        let server = Server::new(&home, &path, true);
        let mut client = server.log_in();
        client.ask("UIDL");
        let before = client.data();
        for number in [1, 4, 9] {
            client.ask(&format!("DELE {number}"));
        }
        // What is delivered meanwhile is kept.
        match kind {
            Kind::Maildir => std::fs::write(file(&path, 9), message(9)).unwrap(),
            Kind::Mbox => {
                let mut file = std::fs::OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .unwrap();
                file.write_all(mbox(9).as_bytes()).unwrap();
            }
        }
        client.ask("QUIT");
        let mut client = server.log_in();
        assert_eq!(client.numbers(), [1, 2, 4, 5, 6, 7, 9], "{kind:?}");
        // The unique-ids last.
        client.ask("UIDL");
        let after = client.data();
        for line in after.lines().take(6) {
            let (_, id) = line.split_once(' ').unwrap();
            assert!(before.contains(id), "{id}");
        }
        // Hanging up deletes nothing.
        client.ask("DELE 1");
        drop(client);
        if kind == Kind::Mbox {
            let left: String = [1, 2, 4, 5, 6, 7, 9].into_iter().map(mbox).collect();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
            let others = std::fs::read_dir(home.path()).unwrap().count();
            assert_eq!(others, 1, "nothing is left beside it");
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
        } else {
            assert!(path.join("tmp/1.unfinished").exists());
        }
    }
}

#[test]
fn what_can_not_be_removed_is_told() {
    let home = Home::new();
    let path = make(&home, Kind::Mbox, 3);
    let server = Server::new(&home, &path, true);
    let mut client = server.log_in();
    client.ask("DELE 1");
    let refusal = "-ERR [SYS/TEMP] some deleted messages not removed\r\n";
    let before = std::fs::read(&path).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    file.lock().unwrap();
    client.send("QUIT");
    assert_eq!(client.line(), refusal);
    drop((client, file));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let mut client = server.log_in();
    client.ask("DELE 1");
    std::fs::rename(&path, home.path().join("elsewhere")).unwrap();
    client.send("QUIT");
    assert_eq!(client.line(), refusal);
    drop(client);
    let mut stream = BufReader::new(TcpStream::connect(&server.address).unwrap());
    let mut said = String::new();
    let lines = b"USER alice\r\nPASS geheim77\r\nQUIT\r\n";
    stream.get_mut().write_all(lines).unwrap();
    std::io::Read::read_to_string(&mut stream, &mut said).unwrap();
    assert!(
        said.contains("-ERR [SYS/TEMP] the maildrop cannot be read"),
        "{said}"
    );
}

/// Waits for something, and looks all the time: it is soon over.
fn wait(is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < LIMIT);
        std::hint::spin_loop();
    }
}

#[test]
fn killed_while_it_removes_each_message_is_there_or_gone() {
    let moments = std::env::var("POPTALK_MOMENTS");
    let moments = moments.map_or(30, |moments| moments.parse().unwrap());
    let mut dice = Dice::default();
    for round in 0..moments {
        let kind = KINDS[round % 2];
        let home = Home::new();
        let count = 50;
        let path = make(&home, kind, count);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let deleted: Vec<usize> = (0..count).filter(|_| dice.roll(2) == 0).collect();
        let mut server = Server::new(&home, &path, true);
        let mut client = server.log_in();
        for number in &deleted {
            client.ask(&format!("DELE {}", number + 1));
        }
        let after: String = (0..count)
            .filter(|number| !deleted.contains(number))
            .map(mbox)
            .collect();
        // The moment: so many files are gone, or so much is written beside the file.
        let moment = dice.roll(deleted.len().max(1));
        let most = dice.roll(after.len().max(1)) as u64;
        client.send("QUIT");
        match kind {
            Kind::Maildir => {
                let last = deleted.get(moment).map(|number| file(&path, *number));
                wait(|| last.as_ref().is_none_or(|last| !last.exists()));
            }
            Kind::Mbox => wait(|| {
                let beside = std::fs::read_dir(home.path()).unwrap().any(|entry| {
                    let entry = entry.unwrap();
                    entry.file_name() != "mailbox"
                        && entry.metadata().is_ok_and(|found| found.len() >= most)
                });
                beside || std::fs::read_to_string(&path).unwrap() != before
            }),
        }
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        match kind {
            Kind::Maildir => {
                for number in 0..count {
                    match std::fs::read_to_string(file(&path, number)) {
                        Ok(found) => assert_eq!(found, message(number), "round {round}"),
                        Err(_) => assert!(deleted.contains(&number), "round {round}: {number}"),
                    }
                }
            }
            Kind::Mbox => {
                let now = std::fs::read_to_string(&path).unwrap();
                assert!(
                    now == before || now == after,
                    "round {round}: {}",
                    now.len()
                );
            }
        }
        // What is left is served.
        let server = Server::new(&home, &path, true);
        let left = server.log_in().numbers();
        let kept = (0..count).filter(|number| !deleted.contains(number));
        assert!(
            kept.clone().all(|number| left.contains(&number)),
            "round {round}"
        );
    }
}

#[test]
fn what_is_no_mailbox_is_told() {
    let home = Home::new();
    std::fs::write(home.path().join("letter"), "Dear Alice\n").unwrap();
    std::fs::create_dir(home.path().join("folder")).unwrap();
    for (name, told) in [
        ("letter", "it does not begin with `From `"),
        ("folder", "not a Maildir: the folder has no `cur`"),
        ("nothing", "No such file"),
    ] {
        let path = home.path().join(name);
        let output = home.script(&["serve", "--mailbox", path.to_str().unwrap()], b"");
        let errors = crate::support::text(&output.stderr);
        assert!(
            errors.to_lowercase().contains(&told.to_lowercase()),
            "{errors}"
        );
        assert_eq!(output.status.code(), Some(2));
    }
}
