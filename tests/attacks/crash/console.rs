//! A person's session in a terminal, ended at any moment.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{maildrop, moments, only_transcript, send};
use crate::support::{Dice, Home, LIMIT, serve, text};

/// What a terminal has got so far.
struct Got {
    screen: vt100::Parser,
    raw: Vec<u8>,
    is_over: bool,
}

/// How a program in a terminal is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    By(&'static str),
    /// The terminal is closed: nobody holds its other end any more.
    Closed,
    Not,
}

/// A program in a terminal, which ends when so many octets have come.
pub(super) struct Session {
    got: Arc<(Mutex<Got>, Condvar)>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// The modes of the terminal at the start.
    modes: String,
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

impl Session {
    pub(super) fn start(home: &Home, program: &[&str], how: End, moment: usize) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = modes(pair.master.as_ref());
        let mut command = CommandBuilder::new(program[0]);
        command.args(&program[1..]);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap());
        command.env("HOME", home.path());
        command.env("TERM", "xterm");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let process = child.process_id().unwrap();
        let got = Got {
            screen: vt100::Parser::new(
                size.rows.try_into().unwrap(),
                size.cols.try_into().unwrap(),
                0,
            ),
            raw: Vec::new(),
            is_over: false,
        };
        let got = Arc::new((Mutex::new(got), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&got);
        std::thread::spawn(move || {
            let mut how = Some(how).filter(|how| *how != End::Not);
            let mut octets = [0; 4096];
            loop {
                let so_far = shared.0.lock().unwrap().raw.len();
                let room = match how {
                    Some(_) => octets.len().min(moment - so_far),
                    None => octets.len(),
                };
                let count = reader.read(&mut octets[..room]).unwrap_or(0);
                let mut is_over = count == 0;
                if how.is_some() && so_far + count == moment {
                    match how.take() {
                        Some(End::By(signal)) => send(signal, process),
                        // This end goes with this thread.
                        _ => is_over = true,
                    }
                }
                let mut got = shared.0.lock().unwrap();
                got.screen.process(&octets[..count]);
                got.raw.extend_from_slice(&octets[..count]);
                got.is_over = is_over;
                shared.1.notify_all();
                if is_over {
                    return;
                }
            }
        });
        Self {
            got,
            keys: Some(pair.master.take_writer().unwrap()),
            child,
            master: Some(pair.master),
            modes,
        }
    }

    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.0.lock().unwrap()
    }

    /// Waits until the screen is as wanted; false when it ended before.
    pub(super) fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) -> bool {
        let start = Instant::now();
        let mut got = self.got();
        loop {
            let contents = got.screen.screen().contents();
            if is_there(&contents) {
                return true;
            }
            if got.is_over {
                return false;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "no {what} on the screen:\n{contents}");
            got = self.got.1.wait_timeout(got, left).unwrap().0;
        }
    }

    pub(super) fn see(&self, wanted: &str) -> bool {
        self.wait(wanted, |screen| screen.contains(wanted))
    }

    /// Waits for the last line with text.
    pub(super) fn prompt(&self, wanted: &str) -> bool {
        self.wait(wanted, |screen| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            last.trim_end() == wanted
        })
    }

    /// Types; the terminal may be gone.
    pub(super) fn press(&mut self, keys: &str) {
        if let Some(to) = &mut self.keys {
            let _ = to.write_all(keys.as_bytes()).and_then(|()| to.flush());
        }
    }

    /// Types a line, and waits for the prompt behind its reply.
    pub(super) fn line(&mut self, line: &str, prompt: &str) -> bool {
        let mark = self.mark();
        self.press(&format!("{line}\r"));
        // The line that was typed has ended, so that the prompt is a new one.
        self.came(mark, "\n") && self.prompt(prompt)
    }

    /// How much has come so far.
    pub(super) fn mark(&self) -> usize {
        self.got().raw.len()
    }

    /// Waits for text behind the first `mark` octets; false when it ended before.
    pub(super) fn came(&self, mark: usize, wanted: &str) -> bool {
        let start = Instant::now();
        let mut got = self.got();
        loop {
            let new = &got.raw[mark..];
            if new
                .windows(wanted.len())
                .any(|part| part == wanted.as_bytes())
            {
                return true;
            }
            if got.is_over {
                return false;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "no {wanted:?} came: {}", text(new));
            got = self.got.1.wait_timeout(got, left).unwrap().0;
        }
    }

    pub(super) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(super) fn now(&self) -> String {
        modes(self.master.as_deref().unwrap())
    }

    pub(super) fn at_start(&self) -> &str {
        &self.modes
    }

    /// Waits for the end: the exit code, and all that came.
    pub(super) fn end(mut self, how: End) -> (u32, Vec<u8>) {
        if how == End::Closed {
            // The reader closes its end when the moment has come.
            let got = self.got.0.lock().unwrap();
            let wait = self
                .got
                .1
                .wait_timeout_while(got, LIMIT, |got| !got.is_over);
            drop(wait.unwrap());
            self.keys = None;
            self.master = None;
        }
        let (sender, ended) = std::sync::mpsc::channel();
        let mut child = self.child;
        std::thread::spawn(move || sender.send(child.wait().unwrap().exit_code()));
        let code = ended.recv_timeout(LIMIT).expect("the program goes on");
        let (lock, changed) = &*self.got;
        let (got, wait) = changed
            .wait_timeout_while(lock.lock().unwrap(), LIMIT, |got| !got.is_over)
            .unwrap();
        assert!(!wait.timed_out(), "the terminal is still open");
        if let (Some(master), true) = (&self.master, how != End::By("KILL")) {
            assert_eq!(modes(master.as_ref()), self.modes, "{how:?}");
            assert!(!got.screen.screen().alternate_screen(), "{how:?}");
            assert!(!got.screen.screen().hide_cursor(), "{how:?}");
        }
        (code, got.raw.clone())
    }
}

/// The numbers of the rows in octets; what drives a terminal in between does not matter.
fn numbers(octets: &[u8]) -> HashSet<String> {
    let all = text(octets);
    let parts = all.split("row ").skip(1);
    parts
        .filter_map(|part| part.split_once(" is whole"))
        .map(|(number, _)| number.to_owned())
        .filter(|number| number.len() == 6)
        .collect()
}

/// A session with the pager, a search in it, marks and a password; it goes on as far as the program
/// is there.
fn talk(session: &mut Session) -> bool {
    session.prompt("auth>")
        && session.line("user alice", "auth>")
        && session.line("pass geheim77", "trans>")
        && session.line("list", "trans>")
        && {
            session.press("retr 1\r");
            // All of it: a search tells what was not found so far.
            session.see("q back") && session.see(" of 802 ")
        }
        && {
            session.press("G/200700\r");
            session.see("row 200700")
        }
        && {
            session.press("q");
            session.prompt("trans>")
        }
        && session.line("dele 1", "trans +1 del>")
        && {
            session.press(":pass\r");
            session.see("(not shown)")
        }
        && session.line("geheim77", "trans>")
        && session.line("uidl 2", "trans>")
        && session.line("noop", "trans>")
        && session.line("dele 1", "trans +1 del>")
}

/// One session with the end that was asked for; the octets that came.
fn hold(how: End, moment: usize) -> usize {
    let (address, server) = serve(|peer| {
        peer.answer(|line| match line {
            "uidl 2" => "+OK 2 b\r\n".into(),
            line => maildrop(line),
        })
    });
    let home = Home::new();
    let address = address.to_string();
    let program = [
        env!("CARGO_BIN_EXE_poptalk"),
        &address,
        "--log",
        home.path().to_str().unwrap(),
    ];
    let mut session = Session::start(&home, &program, how, moment);
    let is_whole = talk(&mut session);
    let mut how = how;
    if is_whole && how != End::Not {
        // The session took fewer octets than the one that was measured: its moment is now.
        if how == End::Closed {
            how = End::By("HUP");
        }
        if let End::By(signal) = how {
            send(signal, session.process());
        }
    }
    if how == End::Not {
        assert!(is_whole);
        session.press("\x04");
        session.see("leave without QUIT");
        session.press("y\r");
    }
    let (code, raw) = session.end(how);
    server.join().unwrap();
    match how {
        End::Not => assert_eq!(code, 0),
        // By the signal's default action, before a terminal was changed, or by ours.
        End::By("TERM") => assert!([1, 143].contains(&code), "{code}"),
        End::By("HUP") => assert!([1, 129].contains(&code), "{code}"),
        // The end of what is typed may be seen before the signal.
        End::Closed => assert!([0, 1, 129].contains(&code), "{code}"),
        End::By(_) => {}
    }
    let seen = numbers(&raw);
    let kept = only_transcript(home.path()).octets(poptalk::pop3::tracker::Side::Server);
    let lost: Vec<String> = seen.difference(&numbers(&kept)).cloned().collect();
    assert!(lost.is_empty(), "{how:?} {moment}: {lost:?}");
    for file in home.files() {
        let file = text(&std::fs::read(file).unwrap());
        assert!(!file.contains("geheim77"), "{how:?} {moment}");
    }
    raw.len()
}

#[test]
fn a_console_is_ended_at_any_moment() {
    let all = hold(End::Not, 0);
    let mut dice = Dice::default();
    let ends = [
        End::By("TERM"),
        End::By("HUP"),
        End::By("KILL"),
        End::Closed,
    ];
    // Behind the first octets, or there is no transcript yet; before the last ones, which may be
    // fewer another time.
    let (from, upto) = (200, all - 300);
    for round in 0..moments() {
        hold(ends[round % ends.len()], from + dice.roll(upto - from));
    }
}
