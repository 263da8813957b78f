//! The person's own pager (`$PAGER`), fed with safe text while the reply is still coming.

use std::io::{self, Write};
use std::process::{Child, Stdio};
#[cfg(unix)]
use std::sync::Arc;

use super::POLL_EVERY;
use super::spool::Spool;
use super::terminal;
use crate::base::escape;
use crate::pop3::tracker::LineEnd;

/// As much is written to the pager at once.
const BLOCK: usize = 64 * 1024;

/// Options for less where the person has set none: small letters find capitals too, and the prompt
/// says where one is.
const LESS: &str = "-iM";

/// Shows a spool in `$PAGER`; returns whether there is one, and it worked.
pub(super) fn page_in_own(spool: &Spool) -> bool {
    let program = std::env::var("PAGER").ok();
    let program = program.filter(|pager| !pager.trim().is_empty());
    program.is_some_and(|program| page(&program, spool).is_ok())
}

/// Shows a spool in `program`, a command for the shell, until the person leaves it.
///
/// Errors: it can't be started or is not there, or the spool can't be read.
fn page(program: &str, spool: &Spool) -> io::Result<()> {
    // Ctrl-C is the pager's: it stops a search there. It is spent on a flag that no one reads; were
    // it ignored, the program that is started would inherit that.
    #[cfg(unix)]
    let flag = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(false.into()));
    let result = terminal::lent(|| start(program).and_then(|child| run(child, spool)));
    #[cfg(unix)]
    if let Ok(flag) = flag {
        signal_hook::low_level::unregister(flag);
    }
    result
}

fn start(program: &str) -> io::Result<Child> {
    let mut command = crate::net::shell::command(program);
    command.stdin(Stdio::piped());
    // It is not to run commands or write files because of what a server sent.
    command.env("LESSSECURE", "1");
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    command.spawn()
}

fn run(mut child: Child, spool: &Spool) -> io::Result<()> {
    let fed = feed(&mut child, spool);
    // Its input ends here.
    drop(child.stdin.take());
    let status = child.wait()?;
    match status.code() {
        // What a shell says when it can't run a program.
        Some(code @ (126 | 127)) => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("the shell could not run it (exit code {code})"),
        )),
        _ => fed,
    }
}

/// Writes all lines to the pager; ends when it was left.
fn feed(child: &mut Child, spool: &Spool) -> io::Result<()> {
    let mut line = 0;
    let mut column = 0;
    let mut text = String::new();
    loop {
        let progress = spool.progress();
        let upto = progress.settled();
        let mut lines = spool.lines(line)?;
        while line < upto
            && let Some(read) = lines.read()?
        {
            line += 1;
            let has_ended = read.end != LineEnd::None;
            column = escape::escape_within(&read.into_shown(), column..usize::MAX, &mut text);
            if has_ended || line == progress.lines && progress.is_finished {
                text.push('\n');
                column = 0;
            }
            if text.len() >= BLOCK && !write(child, &mut text)? {
                return Ok(());
            }
        }
        if !write(child, &mut text)? || progress.is_finished {
            return Ok(());
        }
        let _ = spool.wait(progress.octets, POLL_EVERY);
        if child.try_wait()?.is_some() {
            return Ok(());
        }
    }
}

/// Writes what there is; false when the pager was left.
fn write(child: &mut Child, text: &mut String) -> io::Result<bool> {
    let Some(pipe) = &mut child.stdin else {
        return Ok(false);
    };
    let written = pipe.write_all(text.as_bytes());
    text.clear();
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn spool(octets: &[u8]) -> Spool {
        let spool = Spool::new().unwrap();
        assert!(spool.append(octets).is_none());
        spool
    }

    /// What a pager that copies its input has got.
    fn paged(spool: &Spool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("got");
        page(&format!("cat > {}", file.display()), spool).unwrap();
        std::fs::read_to_string(file).unwrap()
    }

    #[test]
    fn it_gets_safe_text() {
        let spool = spool(b"+OK\r\n\x1b]0;x\x07\r\nbare\n\tno end");
        spool.finish();
        let text = "+OK\n^[]0;x^G\nbare^J\n        no end\n";
        assert_eq!(paged(&spool), text);
    }

    #[test]
    fn a_line_that_was_cut_is_one_line() {
        let line = "x\t".repeat(10_000);
        let spool = spool(format!("{line}\r\nnext\r\n").as_bytes());
        spool.finish();
        assert_eq!(paged(&spool), line.replace('\t', "       ") + "\nnext\n");
    }

    #[test]
    fn it_is_fed_while_more_is_coming() {
        let spool = Spool::new().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for octet in b"one\r\ntwo\r\n" {
                    spool.append(&[*octet]);
                    std::thread::yield_now();
                }
                spool.finish();
            });
            assert_eq!(paged(&spool), "one\ntwo\n");
        });
    }

    #[test]
    fn it_may_be_left_early() {
        let much = spool(&b"line\r\n".repeat(100_000));
        // Nothing more will come, and no one says so.
        page("head -n 1 > /dev/null", &much).unwrap();
        let little = spool(b"line\r\n");
        page("true", &little).unwrap();
    }

    #[test]
    fn a_pager_that_is_not_there_is_an_error() {
        let spool = spool(b"line\r\n");
        spool.finish();
        assert!(page("no-such-pager-anywhere 2>/dev/null", &spool).is_err());
    }
}
