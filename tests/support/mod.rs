//! What the tests share: temporary homes, scripted servers, and ways to run the program.

pub(crate) mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use poptalk::transcript::Transcript;

/// The longest wait for anything. Only a test that hangs reaches it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A temporary home folder for one test.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns a command that runs the program without the machine's settings.
    pub(crate) fn poptalk(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poptalk"));
        command.args(args);
        for (name, folder) in self.settings() {
            command.env(name, folder);
        }
        for name in [
            "XDG_STATE_HOME",
            "XDG_DATA_HOME",
            "PAGER",
            "NO_COLOR",
            "POPTALK_PROXY_PASSWORD",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// The variables that make this folder the home, here and on Windows.
    pub(crate) fn settings(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("HOME", self.path().to_owned()),
            ("USERPROFILE", self.path().to_owned()),
            ("APPDATA", self.path().join("roaming")),
            ("LOCALAPPDATA", self.path().join("local")),
        ]
    }

    /// Runs the program with `input` on standard input, to its end.
    pub(crate) fn script(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .poptalk(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // The program may close its input before the end.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        output
    }

    /// Returns the paths of all files in this home, subfolders included.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found)
                } else {
                    found.push(path)
                }
            }
        }
        let mut found = Vec::new();
        walk(self.path(), &mut found);
        found
    }

    /// Reads the only transcript in this home.
    pub(crate) fn transcript(&self) -> Transcript {
        let mut found = self.files();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "pop3"));
        assert_eq!(found.len(), 1, "{found:?}");
        read(&found[0])
    }
}

/// The processes that have this home, by number.
#[cfg(target_os = "linux")]
pub(crate) fn processes_of(home: &Path) -> Vec<i32> {
    let home = format!("HOME={}\0", home.display());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let of_home = processes.filter_map(|process| {
        // Some belong to other users, and some have ended.
        let settings = std::fs::read(process.path().join("environ")).ok()?;
        let is_of_home = memchr::memmem::find(&settings, home.as_bytes()).is_some();
        let number = process.file_name().to_str()?.parse().ok()?;
        is_of_home.then_some(number)
    });
    of_home.collect()
}

/// A test that fails leaves no program behind: it would hold the output of the tests open.
#[cfg(target_os = "linux")]
impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for process in processes_of(self.path()) {
            if let Some(process) = rustix::process::Pid::from_raw(process) {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Reads a transcript.
pub(crate) fn read(path: &Path) -> Transcript {
    poptalk::transcript::text::parse(&std::fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The server's end of a connection.
pub(crate) struct Peer {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Peer {
    /// Sends octets. The client may be gone already.
    pub(crate) fn say(&mut self, octets: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(octets.as_ref());
    }

    /// Reads the next line with its line end; empty after the client has closed.
    pub(crate) fn hear(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        let _ = self.reader.read_until(b'\n', &mut line);
        line
    }

    /// Greets, and answers each line with `answer` until the client closes. Returns what it sent.
    pub(crate) fn answer(&mut self, mut answer: impl FnMut(&str) -> String) -> Vec<u8> {
        self.say("+OK ready\r\n");
        let mut all = Vec::new();
        loop {
            let line = self.hear();
            if line.is_empty() {
                return all;
            }
            let said = answer(String::from_utf8_lossy(&line).trim_end());
            all.extend_from_slice(&line);
            self.say(said);
        }
    }

    /// Reads `count` octets, or fewer if the client closes.
    pub(crate) fn take(&mut self, count: u64) -> Vec<u8> {
        let mut octets = Vec::new();
        let _ = self.reader.by_ref().take(count).read_to_end(&mut octets);
        octets
    }

    /// Relays between the client and `server` until both have closed.
    pub(crate) fn join(&mut self, server: SocketAddr) {
        let mut there = TcpStream::connect(server).unwrap();
        let (mut from, mut to) = (there.try_clone().unwrap(), self.stream.try_clone().unwrap());
        let back = std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut self.reader, &mut there);
        let _ = there.shutdown(Shutdown::Write);
        let _ = back.join();
    }

    /// Reads the rest, until the client closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest);
        rest
    }

    /// Returns the socket, for what the methods here cannot do.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// A running test server, which returns the results of its talks.
pub(crate) struct Serving<T>(Receiver<T>);

impl<T> Serving<T> {
    /// Waits for the next talk to end, and returns its result.
    pub(crate) fn join(&self) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(LIMIT)
    }

    /// Returns the result of the next talk, if it ends within `moment`.
    pub(crate) fn next_within(&self, moment: Duration) -> Option<T> {
        self.0.recv_timeout(moment).ok()
    }
}

/// Starts a server for one connection on a free loopback port. `talk` is its side.
pub(crate) fn serve<T: Send + 'static>(
    talk: impl FnOnce(&mut Peer) -> T + Send + 'static,
) -> (SocketAddr, Serving<T>) {
    let mut talk = Some(talk);
    serve_each(1, move |peer| talk.take().unwrap()(peer))
}

/// Starts a server for several connections, one after the other, on a free loopback port.
pub(crate) fn serve_each<T: Send + 'static>(
    connections: usize,
    mut talk: impl FnMut(&mut Peer) -> T + Send + 'static,
) -> (SocketAddr, Serving<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, result) = mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let reader = BufReader::new(stream.try_clone().unwrap());
            // A test that does not wait for the result may have ended.
            let _ = sender.send(talk(&mut Peer { reader, stream }));
        }
    });
    (address, Serving(result))
}

/// Returns octets as text, for messages.
pub(crate) fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Pseudo-random numbers (xorshift), the same in every run.
pub(crate) struct Dice(u64);

impl Default for Dice {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Dice {
    /// Returns a number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % sides
    }

    /// Returns any octet.
    pub(crate) fn octet(&mut self) -> u8 {
        self.roll(256) as u8
    }
}

/// Returns the address that our server prints first, and the rest of its output.
fn printed_address(server: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (line.split(' ').nth(1).unwrap().to_owned(), out)
}

fn spawned(server: &mut Command) -> Child {
    let server = server.stdin(Stdio::null()).stdout(Stdio::piped());
    server.stderr(Stdio::null()).spawn().unwrap()
}

/// Starts our server. Returns it, its address, and the rest of its output.
pub(crate) fn listening(server: &mut Command) -> (Child, String, BufReader<ChildStdout>) {
    let mut server = spawned(server);
    let (address, out) = printed_address(&mut server);
    (server, address, out)
}

/// Does the same for a test that does not read the output.
pub(crate) fn started(server: &mut Command) -> (Child, String) {
    ready(spawned(server))
}

/// Asks our server to end, as a service manager does.
#[cfg(unix)]
pub(crate) fn terminate(server: &Child) {
    let killed = Command::new("kill").arg(server.id().to_string()).status();
    assert!(killed.unwrap().success());
}

/// Returns a started server and its address. A thread drains its output, so that it never blocks.
pub(crate) fn ready(mut server: Child) -> (Child, String) {
    let (address, mut out) = printed_address(&mut server);
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (server, address)
}
