//! The console in a real pseudo-terminal: what is on the screen, and which octets went to the
//! terminal.

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use poptalk::pop3::tracker::Side;
use poptalk::transcript::Item;

use crate::support::terminal::Terminal;
use crate::support::{Home, LIMIT, read, serve, text};

/// Answers like a maildrop of two messages.
fn maildrop(line: &str) -> String {
    let verb = line
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    match verb.as_str() {
        "LIST" => "+OK\r\n1 120\r\n2 200\r\n.\r\n".into(),
        "STAT" => "+OK 2 320\r\n".into(),
        "CAPA" => "+OK\r\nTOP\r\nSASL PLAIN CRAM-MD5\r\n.\r\n".into(),
        "ECHO" | "PAS" => format!("-ERR you said {line}\r\n"),
        "AUTH" => "+ VXNlcm5hbWU6\r\n".into(),
        _ => "+OK\r\n".into(),
    }
}

#[test]
fn a_session_is_typed_as_in_telnet() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass wonderland", "trans>");
    terminal.line("list", "trans>");
    terminal.line("dele 2", "trans +1 del>");
    terminal.line("rset", "trans>");
    terminal.press("quit\r");
    let (code, _) = terminal.end();
    assert_eq!(code, 0);
    let sent = "user alice\r\npass wonderland\r\nlist\r\ndele 2\r\nrset\r\nquit\r\n";
    assert_eq!(text(&server.join().unwrap()), sent);
    let recorded = home.transcript().octets(Side::Client);
    assert_eq!(text(&recorded), sent.replace("wonderland", ""));
}

#[test]
fn a_password_is_never_on_the_screen_in_the_history_or_in_a_file() {
    for settings in [&[][..], &[("NO_COLOR", "1")]] {
        let home = Home::new();
        let (address, server) = serve(|peer| peer.answer(maildrop));
        let mut terminal = Terminal::with(&home, &[&address.to_string()], settings);
        terminal.prompt("auth>");
        terminal.line("user alice", "auth>");
        terminal.line("pas Geheim-77", "auth>");
        terminal.see("-ERR you said pas ••••••");
        // Typed key by key, corrected, cut and put back.
        for key in [
            "pass Gehxeim-77",
            "\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x7f",
            "\x05",
            "\x15",
            "\x19",
        ] {
            terminal.press(key);
        }
        terminal.line("", "trans>");
        terminal.line("echo", "trans>");
        terminal.press(":pass\r");
        terminal.see("password");
        terminal.line("Geheim-77", "trans>");
        terminal.line("apop alice 0123456789abcdef0123456789abcdef", "trans>");
        terminal.line("AUTH PLAIN AGFsaWNlAEdlaGVpbS03Nw==", "sasl>");
        terminal.line("*", "trans>");
        terminal.line("auth login", "sasl>");
        terminal.line("R2VoZWltLTc3", "trans>");
        terminal.press("\x04");
        let (_, raw) = terminal.end();
        let sent = text(&server.join().unwrap());
        assert_eq!(sent.matches("Geheim-77").count(), 3, "{sent}");
        let mut all = text(&raw);
        for file in home.files() {
            all += &text(&std::fs::read(file).unwrap());
        }
        for hidden in [
            "Geheim-77",
            "R2VoZWltLTc3",
            "Gehxeim",
            "0123456789abcdef",
            "AGFsaWNl",
        ] {
            assert!(!all.contains(hidden), "{hidden} in {all}");
        }
        let history = home
            .files()
            .into_iter()
            .find(|path| path.ends_with("history"));
        let history = std::fs::read_to_string(history.unwrap()).unwrap();
        assert!(
            history.contains("user alice") && !history.contains("\npas"),
            "{history}"
        );
    }
}

#[test]
fn colours_tell_ok_from_err_and_can_be_forbidden() {
    let is_coloured = |settings: &[(&str, &str)], args: &[&str]| {
        let home = Home::new();
        let (address, server) = serve(|peer| peer.answer(maildrop));
        let address = address.to_string();
        let mut terminal = Terminal::with(&home, &[&[address.as_str()], args].concat(), settings);
        terminal.prompt("auth>");
        terminal.line("pas x", "auth>");
        terminal.press("quit\r");
        let (_, raw) = terminal.end();
        server.join().unwrap();
        let raw = text(&raw);
        (raw.contains("\x1b[32m+OK"), raw.contains("\x1b[31m-ERR"))
    };
    assert_eq!(is_coloured(&[], &[]), (true, true));
    assert_eq!(is_coloured(&[("NO_COLOR", "1")], &[]), (false, false));
    assert_eq!(is_coloured(&[], &["--color", "never"]), (false, false));
    assert_eq!(
        is_coloured(&[("NO_COLOR", "1")], &["--color", "always"]),
        (true, true)
    );
}

#[test]
fn a_server_that_gives_up_is_seen_at_once_and_the_line_goes_to_the_history() {
    let home = Home::new();
    let (tell, told) = std::sync::mpsc::channel();
    let (address, server) = serve(move |peer| {
        peer.say("+OK ready\r\n");
        told.recv().unwrap();
        peer.say("-ERR idle for too long\r\n");
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("user ali");
    terminal.prompt("auth> user ali");
    tell.send(()).unwrap();
    server.join().unwrap();
    let screen = terminal.wait("the end above the line", |screen| {
        let last = screen.trim_end().lines().last().unwrap_or_default();
        screen.contains("closed by server") && last.contains("user ali")
    });
    let place = |what: &str| screen.find(what).unwrap();
    assert!(place("-ERR idle for too long") < place("closed by server"));
    assert!(place("closed by server") < screen.rfind("user ali").unwrap());
    terminal.press("ce\r");
    terminal.see("not connected, so nothing was sent; `:open` reconnects");
    terminal.prompt("closed>");
    terminal.press("\x1b[A");
    terminal.prompt("closed> user alice");
    terminal.press("\x15\x04");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn pasted_lines_are_sent_one_after_the_other() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("user alice\rpass Geheim-77\rstat\rquit\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    assert_eq!(
        text(&server.join().unwrap()),
        "user alice\r\npass Geheim-77\r\nstat\r\nquit\r\n"
    );
    assert!(!text(&raw).contains("Geheim"));
}

#[test]
fn tab_completes_and_f1_helps_without_touching_the_line() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line("capa", "auth>");
    terminal.press("au\t cram\t");
    terminal.wait("the mechanism", |screen| {
        screen.trim_end().ends_with("auth CRAM-MD5")
    });
    terminal.press("\x15retr\x1bOP");
    let screen = terminal.wait("help", |screen| screen.contains("RFC 1939 §5"));
    assert!(screen.contains("RETR msg"), "{screen}");
    terminal.wait("the line", |screen| {
        screen
            .trim_end()
            .lines()
            .last()
            .unwrap_or_default()
            .starts_with("auth> retr")
    });
    terminal.press("\x15");
    terminal.press("quit\r");
    terminal.end();
    assert_eq!(text(&server.join().unwrap()), "capa\r\nquit\r\n");
}

#[test]
fn uncommitted_deletions_are_asked_about() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass Geheim-77", "trans>");
    terminal.line("dele 1", "trans +1 del>");
    terminal.press("\x04");
    terminal.see("leave without QUIT? [y/N]");
    terminal.line("n", "trans +1 del>");
    terminal.press(":quit\r");
    terminal.see("1 message marked for deletion");
    terminal.press("y\r");
    assert_eq!(terminal.end().0, 0);
    assert!(!text(&server.join().unwrap()).contains("QUIT"));
}

#[test]
fn a_long_reply_opens_the_pager_and_q_comes_back() {
    let home = Home::new();
    let (address, server) = serve(|peer| {
        peer.answer(|line| match line {
            "retr 4" => {
                let lines: String = (1..=800)
                    .map(|number| format!("line {number}\r\n"))
                    .collect();
                format!("+OK 8000 octets\r\n{lines}.\r\n")
            }
            line => maildrop(line),
        })
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("retr 4\r");
    terminal.wait("the first screen", |screen| {
        screen.contains("line 20") && !screen.contains("line 30")
    });
    terminal.press("G");
    terminal.see("line 800");
    terminal.press("/line 77\r");
    terminal.see("line 77");
    terminal.press("q");
    let screen = terminal.prompt("auth>");
    assert!(
        screen.contains("RETR 4: 800 lines, 7892 octets"),
        "{screen}"
    );
    terminal.press(":page\r");
    terminal.see("line 20");
    terminal.press("q");
    terminal.prompt("auth>");
    terminal.line("list", "auth>");
    terminal.press(":page\r");
    // A reply that fitted on the screen is complete, too.
    terminal.see("  end ");
    terminal.press("q");
    terminal.prompt("auth>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    server.join().unwrap();
}

/// A reply that does not fit on the screen.
fn long_reply() -> String {
    format!("+OK\r\n{}.\r\n", "line\r\n".repeat(800))
}

#[test]
fn what_happens_while_the_pager_is_open_is_told_behind_it() {
    let home = Home::new();
    let (tell, told) = std::sync::mpsc::channel();
    let (address, server) = serve(move |peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say(long_reply());
        told.recv().unwrap();
        peer.say("-ERR idle for too long\r\n");
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("retr 1\r");
    terminal.see("q back");
    tell.send(()).unwrap();
    server.join().unwrap();
    let start = Instant::now();
    // What is in the file is told next.
    while !home.files().iter().any(|path| {
        std::fs::read(path).is_ok_and(|file| text(&file).contains("* closed by server"))
    }) {
        assert!(start.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    terminal.press("G");
    let screen = terminal.see("  end ");
    assert!(!screen.contains("idle"), "{screen}");
    terminal.press("q");
    let screen = terminal.prompt("closed>");
    assert!(screen.contains("-ERR idle for too long"), "{screen}");
    assert!(screen.contains("closed by server"), "{screen}");
    terminal.press("\x04");
    terminal.end();
}

#[test]
#[cfg(unix)]
fn a_program_that_is_ended_in_the_pager_gives_the_terminal_back() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(|_| long_reply()));
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("retr 1\r");
    terminal.see("q back");
    let process = terminal.process().to_string();
    let kill = std::process::Command::new("kill").arg(process).status();
    assert!(kill.unwrap().success());
    let (_, raw) = terminal.end();
    server.join().unwrap();
    let raw = text(&raw);
    // The alternate screen is left, and the cursor is seen.
    let left = raw.rfind("\x1b[?1049l").unwrap();
    assert!(raw[left..].contains("\x1b[?25h"), "{:?}", &raw[left..]);
}

#[test]
fn what_is_typed_behind_the_q_of_the_pager_is_not_lost() {
    let home = Home::new();
    let (address, server) = serve(|peer| {
        peer.answer(|line| match line {
            "retr 1" => long_reply(),
            _ => "+OK\r\n".into(),
        })
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("retr 1\r");
    terminal.see("q back");
    terminal.press("qpass secret\rnoop\r");
    terminal.prompt("auth> pass ••••••");
    terminal.press("\r");
    terminal.see("trans> noop");
    terminal.press("\r");
    terminal.prompt("trans>");
    terminal.press("quit\r");
    terminal.end();
    let sent = "retr 1\r\npass secret\r\nnoop\r\nquit\r\n";
    assert_eq!(text(&server.join().unwrap()), sent);
}

#[test]
fn ctrl_c_stops_showing_a_long_reply_and_the_rest_is_recorded() {
    let home = Home::new();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (heard, hears) = std::sync::mpsc::channel();
    let (address, server) = serve(move |peer| {
        peer.answer(|line| match line {
            "slow" => {
                heard.send(()).unwrap();
                told.recv().unwrap();
                "+OK\r\n".into()
            }
            line => maildrop(line),
        })
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("slow\r");
    hears.recv().unwrap();
    terminal.press("\x03");
    terminal.see("awaiting the reply to SLOW");
    terminal.prompt("auth …>");
    tell.send(()).unwrap();
    terminal.line("stat", "auth>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(text(&server.join().unwrap()), "slow\r\nstat\r\nquit\r\n");
}

#[test]
fn words_to_poptalk_are_carried_out_and_not_sent() {
    let home = Home::new();
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let mut terminal = Terminal::tall(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.line(":hex on", "auth>");
    let screen = terminal.line("stat", "auth>");
    assert!(
        screen.contains("0000  2b 4f 4b 20 32 20 33 32 30 0d 0a "),
        "{screen}"
    );
    terminal.line(":hex off", "auth>");
    terminal.line(":time on", "auth>");
    let screen = terminal.line("stat", "auth>");
    assert!(
        screen.lines().rev().nth(1).unwrap().ends_with(" ms"),
        "{screen}"
    );
    terminal.line(":multi xfoo", "auth>");
    terminal.line(r":send NO\x4fP\r\n", "auth>");
    let screen = terminal.line(":state", "auth>");
    assert!(
        screen.contains("AUTHORIZATION (not logged in); no TLS"),
        "{screen}"
    );
    let file = home.path().join("second.pop3");
    terminal.line(&format!(":log {}", file.display()), "auth>");
    terminal.line("::x", "auth>");
    let screen = terminal.line(":nonsense", "auth>");
    assert!(screen.contains("unknown command `:nonsense`"), "{screen}");
    terminal.line(":close", "closed>");
    assert_eq!(
        text(&server.join().unwrap()),
        "stat\r\nstat\r\nNOOP\r\n:x\r\n"
    );
    let (address, server) = serve(|peer| peer.answer(maildrop));
    let screen = terminal.line(&format!(":open {address}"), "auth>");
    assert!(screen.contains("transcript ~"), "{screen}");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(text(&server.join().unwrap()), "quit\r\n");
    assert_eq!(text(&read(&file).octets(Side::Client)), ":x\r\n");
}

#[test]
fn stls_typed_by_hand_upgrades_in_place() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["practice"]);
    terminal.prompt("auth>");
    let screen = terminal.line("stls", "auth tls>");
    assert!(screen.contains(", verified"), "{screen}");
    terminal.line("user alice", "auth tls>");
    terminal.line("pass wonderland", "trans tls>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    let events: Vec<String> = home
        .transcript()
        .items
        .into_iter()
        .filter_map(|item| match item {
            Item::Event(text) => Some(text),
            _ => None,
        })
        .collect();
    assert!(events[1].starts_with("tls TLSv1.3 TLS_"), "{events:?}");
    assert!(events[1].contains(" verified "), "{events:?}");
    assert_eq!(events[2], "closed by server");
}

#[test]
fn a_reply_without_end_gives_the_prompt_back_on_ctrl_c_and_tells_what_is_awaited() {
    let home = Home::new();
    let (heard, hears) = std::sync::mpsc::channel();
    let (address, server) = serve(move |peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK\r\n1 2\r\n.");
        heard.send(()).unwrap();
        peer.rest()
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string()]);
    terminal.prompt("auth>");
    terminal.press("list\r");
    hears.recv().unwrap();
    terminal.see("1 2");
    terminal.press("\x03");
    terminal.see("awaiting CRLF . CRLF, the end of the reply to LIST, last octets 32 0d 0a 2e");
    terminal.prompt("auth …>");
    terminal.press("\x03");
    terminal.see("closing the connection; `:open` reconnects");
    terminal.prompt("closed>");
    assert_eq!(text(&server.join().unwrap()), "");
    terminal.press(":quit\r");
    terminal.end();
    // The dot that may have been the end is in the file.
    assert!(
        home.transcript()
            .octets(Side::Server)
            .ends_with(b"1 2\r\n.")
    );
}

#[test]
fn a_login_is_shown_line_by_line_and_nothing_secret_of_it() {
    let home = Home::new();
    let (address, server) = serve(|peer| {
        peer.say("+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n");
        let mut all = Vec::new();
        for said in ["-ERR\r\n", "+ \r\n", "-ERR [AUTH] no\r\n", "+OK in\r\n"] {
            all.push(text(&peer.hear()));
            peer.say(said);
        }
        peer.rest();
        all
    });
    let address = address.to_string();
    let file = home.path().join("secret");
    std::fs::write(&file, "tanstaaf\n").unwrap();
    let args = [
        &address,
        "--password-file",
        file.to_str().unwrap(),
        "-u",
        "mrose",
    ];
    let mut terminal = Terminal::tall(&home, &args);
    terminal.prompt("auth>");
    let screen = terminal.line(":auth plain --dry", "auth>");
    assert!(screen.contains("would send: AUTH PLAIN ••••••"), "{screen}");
    terminal.line("capa", "auth>");
    // Without TLS a password in clear is asked about; no is the answer of an empty line.
    terminal.press(":auth plain --two-lines\r");
    terminal.see("send it anyway? [y/N]");
    terminal.line("n", "auth>");
    terminal.see("not sent");
    terminal.press(":auth plain --two-lines\r");
    terminal.wait("the question again", |screen| {
        screen.matches("[y/N]").count() == 2
    });
    terminal.line("y", "auth>");
    terminal.line(":apop", "trans>");
    terminal.press("\x04");
    let (_, raw) = terminal.end();
    let sent = server.join().unwrap();
    let want = [
        "capa\r\n",
        "AUTH PLAIN\r\n",
        "AG1yb3NlAHRhbnN0YWFm\r\n",
        "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
    ];
    assert_eq!(sent, want);
    let log = home
        .files()
        .into_iter()
        .find(|path| path.extension().is_some());
    let all = text(&raw) + &std::fs::read_to_string(log.unwrap()).unwrap();
    for hidden in ["tanstaaf", "AG1yb3Nl", "c4c9334b"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
}

#[test]
fn messages_are_saved_octet_for_octet_and_viewed_decoded() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["practice"]);
    terminal.prompt("auth>");
    terminal.line("user alice", "auth>");
    terminal.line("pass wonderland", "trans>");
    let messages = poptalk::servers::messages::practice();
    for number in [3, 7, 8] {
        let file = home.path().join(format!("{number}.eml"));
        terminal.line(&format!(":save {number} {}", file.display()), "trans>");
        terminal.see(&format!(
            "{} octets in ",
            messages[number - 1].octets().len()
        ));
        assert!(std::fs::read(&file).unwrap() == messages[number - 1].octets());
        // It is mail, and no one else may read it.
        #[cfg(unix)]
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // A second time nothing is overwritten, and nothing is fetched again.
        terminal.line(&format!(":save {number} {}", file.display()), "trans>");
        terminal.see("file exists");
    }
    let screen = terminal.line(":view 6", "trans>");
    assert!(screen.contains("image/png"), "{screen}");
    let picture = home.path().join("picture.png");
    terminal.line(&format!(":save 6.4 {}", picture.display()), "trans>");
    terminal.see("octets in");
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG\r\n"));
    let nested = home.path().join("new/er/3.eml");
    terminal.line(&format!(":save 3 {}", nested.display()), "trans>");
    terminal.see("created the folder");
    let screen = terminal.line(":view 99", "trans>");
    assert!(!screen.contains("incomplete"), "{screen}");
    terminal.press("quit\r");
    terminal.end();
    let sent = text(&home.transcript().octets(Side::Client));
    assert_eq!(sent.matches("RETR").count(), 6, "{sent}");
}
