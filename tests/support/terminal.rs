//! The program in a pseudo-terminal: keys go in, a screen and the raw octets come out.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::support::{Home, LIMIT};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// What a terminal has received so far.
struct Got {
    screen: vt100::Parser,
    raw: Vec<u8>,
    is_over: bool,
}

/// The result of one look at the screen.
pub(crate) enum Look {
    /// The screen is as wanted; this is its text.
    There(String),
    NotYet,
    /// The program has ended.
    Over,
}

/// The program running in a terminal.
pub(crate) struct Terminal {
    got: Arc<(Mutex<Got>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// The terminal's modes before the program started.
    before: String,
}

impl Terminal {
    pub(crate) fn new(home: &Home, args: &[&str]) -> Self {
        Self::with(home, args, &[])
    }

    /// Opens a terminal with room for a whole session.
    pub(crate) fn tall(home: &Home, args: &[&str]) -> Self {
        Self::open(home, args, &[], (100, COLUMNS))
    }

    /// Opens a terminal with room for two columns of text.
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
        for (name, folder) in home.settings() {
            command.env(name, folder);
        }
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

    /// Waits until the screen is as wanted, and returns its text.
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

    /// Waits until the last line with text is this prompt.
    pub(crate) fn prompt(&self, wanted: &str) -> String {
        self.wait(wanted, |screen| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            last.trim_end() == wanted
        })
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.press_octets(keys.as_bytes());
    }

    /// Types any octets, also invalid UTF-8.
    pub(crate) fn press_octets(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line and waits for the prompt after its reply.
    pub(crate) fn line(&mut self, line: &str, prompt: &str) -> String {
        let mark = self.raw().len();
        self.press(&format!("{line}\r"));
        // Once the typed line has ended on the screen, the prompt is a new one.
        self.wait_raw(mark, b"\n");
        self.prompt(prompt)
    }

    /// Looks at the screen once; if it is not as wanted, waits up to a moment for more output.
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

    /// Types a line, and waits until the line or the program has ended.
    pub(crate) fn enter(&mut self, line: &str) {
        let mark = self.raw().len();
        self.press(&format!("{line}\r"));
        let got = self.got.0.lock().unwrap();
        let is_open = |got: &mut Got| !got.is_over && !got.raw[mark..].contains(&b'\n');
        drop(self.got.1.wait_timeout_while(got, LIMIT, is_open).unwrap());
    }

    /// Waits for octets after the first `mark` ones.
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

    /// Waits for octets. Returns false if the program ends without them.
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

    /// Returns the process id of the program.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the program to end, and returns the text of the screen.
    pub(crate) fn end_screen(mut self) -> String {
        let (code, screen) = self.over(LIMIT);
        assert!(code.is_some(), "the program does not end: {screen}");
        screen
    }

    /// Waits up to `limit` for the end. Returns the exit code, if it came, and the screen's text.
    pub(crate) fn end_both(mut self, limit: Duration) -> (Option<u32>, String) {
        self.over(limit)
    }

    /// Does the same, but keeps the terminal.
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

    /// Returns the terminal's modes now, and before the program started.
    pub(crate) fn modes(&self) -> (String, &str) {
        (modes(self.master.as_ref()), &self.before)
    }

    /// Waits for the program to end. Returns the exit code and the raw output.
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
        // The program has ended already, unless the test has failed.
        let _ = self.child.kill();
    }
}
