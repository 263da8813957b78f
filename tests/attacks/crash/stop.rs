//! The program is stopped, by Ctrl-Z or by a signal, and goes on: the shell has the terminal as it
//! was, and then we have it again.

use poptalk::pop3::tracker::Side;

use super::console::{End, Session};
use super::{maildrop, send};
use crate::support::{Home, serve, text};

/// Runs the program as a job of a shell that says how the terminal is. Lines that the shell gets it
/// carries out.
const SHELL: &str = r#"set -m; before=$(stty -g)
"$0" "$@"; code=$?
while test $code -gt 128; do
  test "$(stty -g)" = "$before" && echo "as it was" || echo "otherwise"
  read -r answer
  fg >/dev/null; code=$?
done
test "$(stty -g)" = "$before" && echo "all is as it was""#;

fn stopped(how: &str, in_pager: bool) {
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let home = Home::new();
    let address = address.to_string();
    let log = home.path().join("log.pop3");
    let program = [
        "sh",
        "-c",
        SHELL,
        env!("CARGO_BIN_EXE_poptalk"),
        &address,
        "--log",
        log.to_str().unwrap(),
    ];
    let mut session = Session::start(&home, &program, End::Not, 0);
    assert!(session.prompt("auth>"));
    assert!(session.line("user alice", "auth>"));
    for _ in 0..3 {
        if in_pager {
            session.press("retr 1\r");
            assert!(session.see("q back"));
        } else {
            session.press("noop 5");
            assert!(session.prompt("auth> noop 5"));
        }
        let mark = session.mark();
        match how {
            "Ctrl-Z" => session.press("\x1a"),
            signal => {
                let shell = session.process();
                let children = format!("/proc/{shell}/task/{shell}/children");
                let child = std::fs::read_to_string(children).unwrap();
                let child: u32 = child.trim().parse().unwrap();
                send(signal, child);
            }
        }
        assert!(session.came(mark, "as it was"), "{how}");
        // The shell reads a line in the modes that it had.
        assert_eq!(session.now(), session.at_start(), "{how}");
        let mark = session.mark();
        session.press("go on\r");
        if in_pager {
            assert!(session.came(mark, "q back"), "{how}");
            session.press("G");
            assert!(session.see("row 200799"), "{how}");
            session.press("q");
            assert!(session.prompt("auth>"), "{how}");
        } else {
            assert!(session.came(mark, "auth> "), "{how}");
            assert!(session.prompt("auth> noop 5"), "{how}");
            assert!(session.line("", "auth>"), "{how}");
        }
    }
    session.press(":quit\r");
    assert!(session.see("all is as it was"));
    session.end(End::Not);
    let line = if in_pager { "retr 1\r\n" } else { "noop 5\r\n" };
    let sent = format!("user alice\r\n{}", line.repeat(3));
    assert_eq!(text(&server.join().unwrap()), sent);
    let kept = crate::support::read(&log).octets(Side::Client);
    assert_eq!(text(&kept), sent);
}

#[test]
fn ctrl_z_at_the_prompt_gives_the_terminal_back_and_fg_takes_it_again() {
    stopped("Ctrl-Z", false);
}

#[test]
fn a_signal_at_the_prompt_gives_the_terminal_back_and_fg_takes_it_again() {
    stopped("TSTP", false);
}

#[test]
fn ctrl_z_in_the_pager_gives_the_terminal_back_and_fg_takes_it_again() {
    stopped("Ctrl-Z", true);
}

#[test]
fn a_signal_in_the_pager_gives_the_terminal_back_and_fg_takes_it_again() {
    stopped("TSTP", true);
}

/// `show` in its pager, with the recording as a file or on standard input, ended or stopped and
/// ended by a signal.
#[test]
fn the_pager_of_show_gives_the_terminal_back_too() {
    let home = Home::new();
    let file = home.path().join("long.pop3");
    let rows: String = (0..200).map(|row| format!("S: row {row}\n")).collect();
    std::fs::write(&file, format!("C: RETR 1\nS: +OK\n{rows}S: .\n")).unwrap();
    for call in [
        "exec \"$0\" show \"$1\"",
        "exec \"$0\" show /dev/stdin <\"$1\"",
    ] {
        for signal in ["TERM", "HUP"] {
            let poptalk = env!("CARGO_BIN_EXE_poptalk");
            let program = ["sh", "-c", call, poptalk, file.to_str().unwrap()];
            let session = Session::start(&home, &program, End::Not, 0);
            assert!(session.see("q back"), "{call}");
            send(signal, session.process());
            let (code, _) = session.end(End::By(signal));
            assert_eq!(code, if signal == "TERM" { 143 } else { 129 }, "{call}");
        }
    }
}
