//! The program in a pseudo-terminal: keys in, a screen and the raw octets out.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::support::{Home, LIMIT};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// What a terminal has got so far.
struct Got {
    screen: vt100::Parser,
    raw: Vec<u8>,
    is_over: bool,
}

/// What a glance at the screen tells.
pub(crate) enum Look {
    /// It is as wanted.
    There(String),
    NotYet,
    /// The program has ended.
    Over,
}

/// The program in a terminal.
pub(crate) struct Terminal {
    got: Arc<(Mutex<Got>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// The modes of the terminal before the program.
    before: String,
}

impl Terminal {
    pub(crate) fn new(home: &Home, args: &[&str]) -> Self {
        Self::with(home, args, &[])
    }

    /// A terminal with room for a whole session.
    pub(crate) fn tall(home: &Home, args: &[&str]) -> Self {
        Self::open(home, args, &[], (100, COLUMNS))
    }

    /// A terminal on which two columns have room.
    pub(crate) fn wide(home: &Home, args: &[&str]) -> Self {
        Self::open(home, args, &[], (ROWS, 170))
    }

    pub(crate) fn with(home: &Home, args: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::open(home, args, settings, (ROWS, COLUMNS))
    }

    pub(crate) fn open(
        home: &Home,
        args: &[&str],
        settings: &[(&str, &str)],
        (rows, columns): (u16, u16),
    ) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_poptalk"));
        command.args(args);
        command.env_clear();
        command.env("HOME", home.path());
        command.env("TERM", "xterm");
        for (name, value) in settings {
            command.env(name, value);
        }
        let before = modes(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen =
            vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 1000);
        let got = Arc::new((
            Mutex::new(Got {
                screen,
                raw: Vec::new(),
                is_over: false,
            }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&got);
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            loop {
                let count = reader.read(&mut octets).unwrap_or(0);
                let mut got = shared.0.lock().unwrap();
                got.screen.process(&octets[..count]);
                got.raw.extend_from_slice(&octets[..count]);
                got.is_over = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self {
            got,
            keys,
            child,
            master: pair.master,
            before,
        }
    }

    /// Waits until the screen is as wanted, and gives back its text.
    pub(crate) fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut got = self.got.0.lock().unwrap();
        loop {
            let contents = got.screen.screen().contents();
            if is_there(&contents) {
                return contents;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(
                !left.is_zero() && !got.is_over,
                "no {what} on the screen:\n{contents}"
            );
            got = self.got.1.wait_timeout(got, left).unwrap().0;
        }
    }

    pub(crate) fn see(&self, wanted: &str) -> String {
        self.wait(wanted, |screen| screen.contains(wanted))
    }

    /// Waits for a prompt on the last line that holds text.
    pub(crate) fn prompt(&self, wanted: &str) -> String {
        self.wait(wanted, |screen| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            last.trim_end() == wanted
        })
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.press_octets(keys.as_bytes());
    }

    /// Types any octets.
    pub(crate) fn press_octets(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line and waits for the prompt behind its reply.
    pub(crate) fn line(&mut self, line: &str, prompt: &str) -> String {
        let mark = self.raw().len();
        self.press(&format!("{line}\r"));
        // The line that was typed has ended, so that the prompt is a new one.
        self.wait_raw(mark, b"\n");
        self.prompt(prompt)
    }

    /// Waits a moment for the screen to be as wanted.
    pub(crate) fn look(&self, is_there: impl Fn(&str) -> bool, moment: Duration) -> Look {
        let got = self.got.0.lock().unwrap();
        let contents = got.screen.screen().contents();
        if got.is_over {
            return Look::Over;
        }
        if is_there(&contents) {
            return Look::There(contents);
        }
        drop(self.got.1.wait_timeout(got, moment).unwrap());
        Look::NotYet
    }

    /// Types a line, and waits until it has ended on the screen or the program has.
    pub(crate) fn enter(&mut self, line: &str) {
        let mark = self.raw().len();
        self.press(&format!("{line}\r"));
        let got = self.got.0.lock().unwrap();
        let is_open = |got: &mut Got| !got.is_over && !got.raw[mark..].contains(&b'\n');
        drop(self.got.1.wait_timeout_while(got, LIMIT, is_open).unwrap());
    }

    /// Waits for octets behind the first `mark` ones.
    pub(crate) fn wait_raw(&self, mark: usize, wanted: &[u8]) {
        let start = Instant::now();
        let mut got = self.got.0.lock().unwrap();
        while !got.raw[mark..]
            .windows(wanted.len())
            .any(|window| window == wanted)
        {
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(!left.is_zero() && !got.is_over, "no {wanted:?} came");
            got = self.got.1.wait_timeout(got, left).unwrap().0;
        }
    }

    /// Waits for octets; false when the program has ended without them.
    pub(crate) fn has_come(&self, wanted: &[u8]) -> bool {
        let mut got = self.got.0.lock().unwrap();
        loop {
            let is_there = got.raw.windows(wanted.len()).any(|window| window == wanted);
            if is_there || got.is_over {
                return is_there;
            }
            let (next, wait) = self.got.1.wait_timeout(got, LIMIT).unwrap();
            assert!(!wait.timed_out(), "no {wanted:?} and no end came");
            got = next;
        }
    }

    pub(crate) fn raw(&self) -> Vec<u8> {
        self.got.0.lock().unwrap().raw.clone()
    }

    /// The number of the program's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the program to end, and gives back what is on the screen then.
    pub(crate) fn end_screen(mut self) -> String {
        let (code, screen) = self.over(LIMIT);
        assert!(code.is_some(), "the program does not end: {screen}");
        screen
    }

    /// Waits so long for the program to end; gives its exit code, if it did, and what is on the screen then.
    pub(crate) fn end_both(mut self, limit: Duration) -> (Option<u32>, String) {
        self.over(limit)
    }

    /// The same, and the terminal can still be looked at.
    pub(crate) fn over(&mut self, limit: Duration) -> (Option<u32>, String) {
        let (lock, changed) = &*self.got;
        let got = lock.lock().unwrap();
        let (got, _) = changed
            .wait_timeout_while(got, limit, |got| !got.is_over)
            .unwrap();
        let (is_over, screen) = (got.is_over, got.screen.screen().contents());
        drop(got);
        let code = is_over.then(|| self.child.wait().unwrap().exit_code());
        (code, screen)
    }

    /// The modes of the terminal now, and before the program.
    pub(crate) fn modes(&self) -> (String, &str) {
        (modes(self.master.as_ref()), &self.before)
    }

    /// Waits for the program to end.
    pub(crate) fn end(mut self) -> (u32, Vec<u8>) {
        let (code, screen) = self.over(LIMIT);
        let code = code.unwrap_or_else(|| panic!("the program does not end: {screen}"));
        (code, self.raw())
    }
}

#[cfg(unix)]
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

#[cfg(not(unix))]
fn modes(_: &dyn MasterPty) -> String {
    String::new()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
    }
}
