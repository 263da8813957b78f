//! Secrets that are typed in the console, and given to a script.

use super::{STANDARD, Search, WAYS, all, answer, echoes, lines, secret};
use base64::Engine as _;

use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve_each, text};

/// Repeats whatever it gets, and all forms of the secret when it is asked for it.
pub(super) fn parrot(peer: &mut Peer, secret: &str, greeting: &str) {
    peer.say(greeting);
    let mut owes = 0;
    loop {
        let line = text(&peer.hear());
        if line.is_empty() {
            return;
        }
        let line = line.trim_end();
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let two_lines = line.split(' ').count() == 2 && verb == "auth";
        let said = match verb.as_str() {
            _ if owes > 0 && line != "*" => {
                owes -= 1;
                match owes {
                    0 => format!("-ERR you said {line}\r\n"),
                    _ => format!("+ {}\r\n", STANDARD.encode("Password:")),
                }
            }
            _ if answer(line).is_some() => answer(line).unwrap_or_default().to_owned(),
            "auth" if line.to_ascii_lowercase().starts_with("auth login") => {
                owes = if two_lines { 2 } else { 1 };
                "+ \r\n".to_owned()
            }
            "auth" if two_lines || line.contains("scram") => {
                owes = 1;
                "+ \r\n".to_owned()
            }
            "quit" | "noop" | "user" => format!("+OK {line}\r\n"),
            "capa" => {
                "+OK\r\nUSER\r\nSASL PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER\r\n.\r\n".to_owned()
            }
            "echo" => format!("-ERR {}\r\n", echoes(secret).join(" ")),
            "list" | "uidl" => format!("+OK\r\n1 {}\r\n.\r\n", echoes(secret).join(" ")),
            _ => {
                owes = 0;
                format!("-ERR you said {line}\r\n")
            }
        };
        peer.say(said);
        if verb == "quit" {
            return;
        }
    }
}

/// Waits for a sign, and for the prompt behind it: else keys that edit would be the terminal's own.
fn settle(terminal: &Terminal, mark: usize, sign: &str) {
    terminal.wait_raw(mark, sign.as_bytes());
    let raw = terminal.raw();
    let at = memchr::memmem::find(&raw[mark..], sign.as_bytes()).unwrap();
    terminal.wait_raw(mark + at, b"> \x1b[0m");
}

#[test]
fn what_is_typed_in_the_console() {
    let home = Home::new();
    let mut count = 0_usize;
    let (address, _server) = serve_each(1 + 2 * WAYS.len(), move |peer| {
        let number = count;
        count += 1;
        // What was sent on the connection before is in the greeting of this one.
        let before = number.checked_sub(2).map(|before| before / 2);
        let before = before.filter(|before| WAYS[*before].in_scripts);
        let before = before.map_or_else(String::new, |before| echoes(&secret(before)).join(" "));
        parrot(
            peer,
            &secret(number.saturating_sub(1) / 2),
            &format!("+OK <1.2@x.example> {before}\r\n"),
        );
    });
    let address = address.to_string();
    let mut terminal = Terminal::open(&home, &[&address], &[], (60, 200));
    terminal.prompt("auth>");
    let mut search = Search::default();
    for (number, way) in WAYS.iter().enumerate() {
        let secret = secret(number);
        // Typed line by line, then all at once.
        for at_once in [false, true] {
            let from = terminal.raw().len();
            terminal.press(&format!(":close\r:open {address}\r:zzready\r"));
            settle(&terminal, from, "unknown command `:zzready`");
            let typed = lines(way, &secret);
            if at_once {
                terminal.press(&format!("{}\r", typed.join("\r")));
            }
            for line in typed.iter().filter(|_| !at_once) {
                let mark = terminal.raw().len();
                // A key, a correction, cut and put back.
                terminal.press(&format!("{line}x\x7f\x15\x19\r"));
                settle(&terminal, mark, "\r\n");
            }
            let mark = terminal.raw().len();
            // What is still being asked is answered with no.
            terminal.press("\r:why\r:state\r:zzasked\r");
            settle(&terminal, mark, "`:zzasked`");
            // What poptalk itself was told has never gone out, and does not come back.
            let echo = if way.in_scripts {
                "*\recho\rlist\r"
            } else {
                ""
            };
            terminal.press(echo);
            terminal.press(":why\r\x10\x10\x10\x10\x10\x15:zzover\r");
            settle(&terminal, mark, "unknown command `:zzover`");
            let raw = terminal.raw();
            search.look(way.name, "terminal", &secret, &raw[from..]);
        }
    }
    terminal.press(":quit\ry\r");
    let (_, raw) = terminal.end();
    for (way, secret) in all(WAYS) {
        search.look(&way, "whole terminal", &secret, &raw);
    }
    search.files(&home, &|_| false, &all(WAYS));
    assert!(home.files().len() > WAYS.len());
    let history =
        std::fs::read_to_string(home.path().join(".local/state/poptalk/history")).unwrap();
    assert!(history.contains("user alice"), "{history}");
    search.end("console");
}

#[test]
fn what_a_script_sends() {
    let mut search = Search::default();
    let ways: Vec<_> = WAYS.iter().copied().filter(|way| way.in_scripts).collect();
    let mut count = 0_usize;
    let (address, _server) = serve_each(3 * ways.len(), move |peer| {
        let number = count;
        count += 1;
        parrot(peer, &secret(number / 3), "+OK ready\r\n");
    });
    let address = address.to_string();
    for (number, way) in ways.iter().enumerate() {
        let secret = secret(number);
        let home = Home::new();
        let typed = lines(way, &secret).join("\n") + "\n*\necho\nlist\nquit\n";
        // A script that stops names the line that was refused.
        for extra in [&["--keep-going"][..], &["--keep-going", "--pipeline"], &[]] {
            let output = home.script(
                &[&[address.as_str(), "--timeout", "3"], extra].concat(),
                typed.as_bytes(),
            );
            search.look(
                way.name,
                &format!("stderr {extra:?}"),
                &secret,
                &output.stderr,
            );
        }
        search.files(&home, &|_| false, &[(way.name.to_owned(), secret)]);
        assert_eq!(home.files().len(), 3);
    }
    search.end("scripts");
}
