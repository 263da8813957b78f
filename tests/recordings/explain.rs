//! `poptalk explain` from outside.

use crate::support::terminal::Terminal;
use crate::support::{Home, serve, text};

/// The exit code, standard output and standard error.
fn explain(args: &[&str]) -> (Option<i32>, String, String) {
    let home = Home::new();
    let args: Vec<&str> = std::iter::once("explain")
        .chain(args.iter().copied())
        .collect();
    let output = home.poptalk(&args).output().unwrap();
    assert!(home.files().is_empty());
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_reply_is_explained_whole_or_in_words() {
    let (code, whole, errors) = explain(&["-ERR [IN-USE] Mailbox in use"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(whole.contains("the credentials were right"));
    assert!(whole.contains("GNU Mailutils pop3d") && whole.contains("source: RFC 2449 §8.1.2"));
    let (_, words, _) = explain(&["-ERR", "[IN-USE]", "Mailbox", "in", "use"]);
    assert_eq!(words, whole);
}

#[test]
fn an_unknown_text_ends_with_1() {
    let (code, out, errors) = explain(&["-ERR no herring today"]);
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    assert!(out.contains("poptalk does not know this text"));
    assert_eq!(explain(&["wibble"]).0, Some(1));
    assert_eq!(explain(&["+OK"]).0, Some(0));
    assert_eq!(explain(&[]).0, Some(2));
}

#[test]
fn the_command_that_was_answered_says_more() {
    let (_, out, _) = explain(&["--to", "user", "-ERR [AUTH] no"]);
    assert!(out.contains("reveals to strangers"), "{out}");
}

#[test]
fn what_it_prints_is_safe_and_narrow() {
    let long = "x".repeat(3000);
    for said in [
        "-ERR \u{1b}[31m \u{7}bell",
        "+OK [\u{1b}] \u{8}\u{8}",
        long.as_str(),
    ] {
        let (_, out, _) = explain(&[said]);
        assert!(!out.replace('\n', "").contains(char::is_control), "{out:?}");
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }
}

#[test]
fn the_console_explains_the_last_reply_and_compares_capabilities() {
    let home = Home::new();
    let mut asked = 0;
    let (address, server) = serve(move |peer| {
        peer.answer(|line| match line {
            "capa" => {
                asked += 1;
                let more = if asked == 1 {
                    "USER\r\n"
                } else {
                    "PIPELINING\r\n"
                };
                format!("+OK\r\nRESP-CODES\r\n{more}.\r\n")
            }
            "pass wrong-one" => "-ERR [AUTH] not wrong-one\r\n".into(),
            _ => "+OK\r\n".into(),
        })
    });
    let mut terminal = Terminal::tall(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line(":caps", "auth>");
    terminal.see("`capa` asks for it");
    terminal.line(":why", "auth>");
    terminal.see("(the greeting): the server accepts");
    terminal.line("capa", "auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass wrong-one", "auth>");
    terminal.line(":why", "auth>");
    let screen = terminal.see("the credentials were refused");
    assert!(screen.contains("to PASS: the server refuses"), "{screen}");
    assert!(
        screen.contains("`[AUTH]`: `AUTH`, the credentials were refused"),
        "{screen}"
    );
    terminal.line("pass right-one", "trans>");
    terminal.line("capa", "trans>");
    terminal.line(":caps", "trans>");
    terminal.see("after login, compared with before TLS and login:");
    terminal.see("appeared: `PIPELINING`");
    terminal.see("disappeared: `USER`");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    server.join().unwrap();
}
