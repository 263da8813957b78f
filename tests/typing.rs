//! What a terminal can send besides keys: octets that are no text, and pasted blocks.

use poptalk::tracker::Side;

use crate::support::{Home, serve, text};
use crate::terminal::Terminal;

#[test]
fn an_octet_that_is_not_utf_8_costs_its_line_and_not_the_session() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.press_octets(b"caf\xe9 x\r");
    // The rest of what was pasted is gone as well.
    terminal.wait("the line again", |screen| {
        screen.matches("> caf").count() == 2
    });
    terminal.press("\r");
    terminal.see("lost an octet that is not UTF-8");
    terminal.line("user alice", "auth>");
    terminal.line("pass wonderland", "trans>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    let sent = text(&home.transcript().octets(Side::Client));
    assert!(sent.starts_with("user alice\r\n"), "{sent}");
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
