//! Lines that are typed: where they go, what they open, and what a terminal can send besides keys.

use poptalk::pop3::tracker::Side;

use crate::support::terminal::Terminal;
use crate::support::{Home, serve, serve_each, started, text};

#[test]
fn an_octet_that_is_not_utf_8_costs_its_line_and_not_the_session() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.press_octets(b"caf\xe9 x\r");
    // The rest of what was pasted is gone as well, with its Enter.
    terminal.see("it contained an invalid UTF-8 octet; Enter clears it");
    terminal.wait("the line again", |screen| {
        screen.matches("> caf").count() == 2
    });
    terminal.press("x\r");
    terminal.prompt("auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass wonderland", "trans>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    let sent = text(&home.transcript().octets(Side::Client));
    assert!(sent.starts_with("user alice\r\n"), "{sent}");
}

#[test]
fn ctrl_c_erases_the_hint_and_the_line() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.press("user");
    terminal.see("user name");
    terminal.press("\x03");
    let screen = terminal.prompt("auth>");
    assert!(screen.contains("auth> user\n"), "{screen}");
    terminal.line(":state", "auth>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(home.transcript().octets(Side::Client), b"quit\r\n");
}

#[test]
fn tls_is_too_late_after_login() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    let screen = terminal.line(":tls", "auth>");
    assert!(
        screen.contains("begins TLS, if CAPA announces it"),
        "{screen}"
    );
    terminal.line("user alice", "auth>");
    terminal.line("pass wonderland", "trans>");
    terminal.line(":tls", "trans>");
    terminal.see("STLS, which works before login");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_terminal_that_can_not_edit_sends_any_octets() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let settings = &[("TERM", "dumb")];
    let mut terminal = Terminal::with(&home, &[&address.to_string()], settings);
    terminal.prompt("auth>");
    terminal.press_octets(b"caf\xe9 x\n");
    terminal.see("+OK");
    terminal.press(":quit\n");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(server.join().unwrap(), b"caf\xe9 x\r\n");
}

#[test]
fn what_is_pasted_in_brackets_is_lines_and_its_password_is_masked() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.press_octets(b"\x1b[200~user alice\rpass wonderland\x1b[201~");
    terminal.press("\r");
    terminal.see("+OK send PASS");
    terminal.press("\r");
    terminal.prompt("trans>");
    terminal.press("quit\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    // The welcome tells it, once.
    assert_eq!(
        text(&raw).matches("wonderland").count(),
        1,
        "{}",
        text(&raw)
    );
    let sent = text(&home.transcript().octets(Side::Client));
    assert_eq!(sent, "user alice\r\npass \r\nquit\r\n");
}

#[test]
fn ctrl_d_twice_leaves_without_an_answer() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass Geheim-77", "trans>");
    terminal.line("dele 1", "trans +1 del>");
    terminal.press("\x04");
    terminal.see("leave without QUIT? [y/N]");
    terminal.press("\x04");
    assert_eq!(terminal.end().0, 0);
    assert!(!text(&server.join().unwrap()).contains("QUIT"));
}

#[test]
fn a_line_that_was_not_sent_is_in_the_history_and_the_prompt_is_empty() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.line(":close", "closed>");
    terminal.line("capa", "closed>");
    terminal.see("the Up key brings the line back");
    // A secret is in no history, and so not brought back.
    terminal.line("pass wonderland", "closed>");
    terminal.line("", "closed>");
    terminal.wait("a note for each line", |screen| {
        let note = "not connected, so nothing was sent; `:open` reconnects";
        screen.matches(note).count() == 3
    });
    terminal.line(":open", "auth>");
    terminal.press("\x1b[A\x1b[A");
    terminal.wait("the line", |screen| {
        let last = screen.trim_end().lines().last().unwrap_or_default();
        last.starts_with("auth> capa")
    });
    terminal.press("\r");
    terminal.see("+OK capabilities follow");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    for file in home.files() {
        assert!(!text(&std::fs::read(file).unwrap()).contains("wonderland"));
    }
}

#[test]
fn a_question_mark_asks_for_help_with_or_without_a_blank() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let mut terminal = Terminal::tall(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    for line in ["?noop", "? NOOP", "?NOOP"] {
        let screen = terminal.line(line, "auth>");
        let help = screen.rsplit(&format!("> {line}\n")).next().unwrap();
        assert!(help.starts_with("NOOP  do nothing"), "{screen}");
    }
    let screen = terminal.line("?rter", "auth>");
    assert!(screen.contains("hint: did you mean `?retr`?"), "{screen}");
    terminal.line("??", "auth>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(text(&server.join().unwrap()), "?\r\nquit\r\n");
}

#[test]
fn f1_at_an_empty_prompt_opens_the_pager() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.press("\x1bOP");
    terminal.see("help  lines 1-23 of");
    terminal.press("q");
    terminal.prompt("auth>");
    // A line that is no command is kept.
    terminal.press("xfoo 1\x1bOP");
    terminal.see("`xfoo` is not a POP3 command");
    terminal.prompt("auth> xfoo 1");
    terminal.press("\x15quit\r");
    assert_eq!(terminal.end().0, 0);
}

/// Types lines at the practice server: the last one opens the pager, with this text in it.
fn is_paged(lines: &[&str], size: (u16, u16), wanted: &str) {
    let home = Home::new();
    let mut terminal = Terminal::open(&home, &["practice"], &[], size);
    terminal.prompt("auth>");
    let (last, lines) = lines.split_last().unwrap();
    for line in lines {
        terminal.enter(line);
        terminal.wait("prompt", |screen| screen.trim_end().ends_with('>'));
    }
    terminal.press(&format!("{last}\r"));
    terminal.wait(wanted, |screen| {
        screen.contains(wanted) && screen.contains("q back")
    });
    terminal.press("q");
    terminal.wait("prompt", |screen| screen.trim_end().ends_with('>'));
}

#[test]
fn what_one_command_prints_is_paged_by_rows_of_the_screen() {
    let login = ["user alice", "pass wonderland"];
    let typed = |lines: &[&'static str]| [&login, lines].concat();
    // Few lines, and one of them fills a hundred rows.
    is_paged(&typed(&[":view 8"]), (40, 120), "message 8  lines 1-");
    let octets = "0000  54 6f 3a 20 41 6c";
    is_paged(&typed(&[":hex on", "retr 9"]), (24, 80), octets);
    is_paged(&["capa", ":caps"], (24, 80), "capabilities  lines 1-");
    is_paged(&["stls", ":tls"], (10, 80), "TLS  lines 1-");
    is_paged(&["stat", ":why"], (8, 80), "why  lines 1-");
    is_paged(&["?retr"], (24, 80), "help  lines 1-");
}

/// The server's own certificate, which no authority has signed; in TLS 1.2 it is not encrypted.
#[test]
fn a_handshake_that_failed_is_explained_and_shown() {
    for (version, wanted) in [
        ("1.2", "fingerprint  SHA-256"),
        ("1.3", "TLS 1.3 encrypts the certificate"),
    ] {
        let home = Home::new();
        let mut server = home.poptalk(&["serve", "--listen", "127.0.0.1:0"]);
        let (mut server, address) = started(&mut server);
        let mut terminal = Terminal::tall(&home, &[&address, "--tls-max", version]);
        terminal.prompt("auth>");
        terminal.line("stls", "closed>");
        terminal.see("lint: security tls-cert-untrusted (RFC");
        let screen = terminal.see("`:why` explains what went wrong");
        let reason = "the server's certificate is self-signed";
        assert_eq!(screen.matches(reason).count(), 1, "{screen}");
        let screen = terminal.line(":why", "closed>");
        assert!(
            screen.contains(&format!("TLS failed: {reason}")),
            "{screen}"
        );
        assert!(!screen.contains("the server accepts"), "{screen}");
        let screen = terminal.line(":tls", "closed>");
        assert!(
            screen.contains(&format!("TLS FAILED: {reason}")),
            "{screen}"
        );
        assert!(screen.contains(wanted), "{screen}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

#[test]
fn the_first_refusal_of_a_session_mentions_why() {
    for args in [&["practice"][..], &["practice", "--plain"]] {
        let home = Home::new();
        let mut terminal = Terminal::tall(&home, args);
        terminal.prompt("auth>");
        terminal.line("noop", "auth>");
        terminal.line("stat", "auth>");
        terminal.line(":close", "closed>");
        terminal.line(":open", "auth>");
        let screen = terminal.line("stat", "auth>");
        let mentioned = screen.matches("`:why` explains what went wrong").count();
        assert_eq!(mentioned, 1, "{screen}");
    }
    let output = Home::new().script(&["practice"], b"stat\nnoop\n");
    assert!(!text(&output.stderr).contains(":why"));
}

#[test]
fn control_characters_that_are_typed_or_recalled_do_not_drive_the_terminal() {
    let home = Home::new();
    let folder = home.path().join(".local/state/poptalk");
    std::fs::create_dir_all(&folder).unwrap();
    let history = folder.join("history");
    std::fs::write(&history, "#V2\nnoop\nnoop \x1b]0;old\x07\n").unwrap();
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("echo \x16\x1b]0;new\x16\x07 end");
    terminal.see("auth> echo 0;new end   is sent as echo ^[]0;new^G end");
    // In the middle of the line, too; the cursor is where the editor counts it.
    terminal.press("\x1b[D\x1b[D\x1b[Dthe ");
    terminal.see("auth> echo 0;new the end   is sent as echo ^[]0;new^G the end");
    terminal.line("", "auth>");
    // A masked line has no hint that would show it.
    terminal.line("pass \x16\x1b]0;hush\x16\x07", "trans>");
    // Up: what is older than the line before the secret one.
    terminal.press("\x1b[A");
    terminal.see("trans> noop   do nothing");
    terminal.press("\x15quit\r");
    let (_, raw) = terminal.end();
    let raw = text(&raw);
    assert!(!raw.contains("\x1b]") && !raw.contains('\x07'), "{raw:?}");
    let sent = "echo \x1b]0;new\x07 the end\r\npass \x1b]0;hush\x07\r\nquit\r\n";
    assert_eq!(text(&server.join().unwrap()), sent);
    let kept = std::fs::read_to_string(history).unwrap();
    assert!(
        !kept.contains('\x1b') && kept.contains("noop\n"),
        "{kept:?}"
    );
}

#[test]
fn a_secret_that_was_typed_without_a_connection_is_hidden_and_masked_from_then_on() {
    let home = Home::new();
    let mut greetings = ["+OK ready\r\n", "+OK Zebra77Quux\r\n"].into_iter();
    let (address, _server) = serve_each(2, move |peer| {
        peer.say(greetings.next().unwrap());
        while !peer.hear().is_empty() {}
    });
    let mut terminal = Terminal::tall(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line(":close", "closed>");
    terminal.line("pass Zebra77Quux", "closed>");
    terminal.line(":open", "auth>");
    for line in [":multi Zebra77Quux", ":Zebra77Quux", "? Zebra77Quux"] {
        terminal.line(line, "auth>");
    }
    terminal.press(":quit\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    let raw = text(&raw);
    assert!(raw.contains("Zeb") && !raw.contains("Zebr"), "{raw}");
    for file in home.files() {
        let text = text(&std::fs::read(&file).unwrap());
        assert!(!text.contains("Zebra77"), "{}: {text}", file.display());
    }
}
