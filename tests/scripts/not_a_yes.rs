//! Nothing but a POP3 reply is a yes: other services on the port, replies without an indicator,
//! STLS that is refused.

mod proxy;

use std::process::Stdio;

use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve, serve_each, started, text};

/// What a run printed, and what the server got.
#[derive(Debug)]
struct Ran {
    sent: String,
    code: Option<i32>,
    out: String,
    words: String,
}

impl Ran {
    /// The lines of standard error that are no hint.
    fn sentences(&self) -> Vec<&str> {
        let lines = self.words.lines();
        lines
            .filter(|line| line.starts_with("error: ") || line.starts_with("warning: "))
            .collect()
    }
}

fn run(args: &[&str], talk: impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static) -> Ran {
    let (address, server) = serve(talk);
    let home = Home::new();
    let address = address.to_string();
    let place = |arg: &&str| match *arg {
        "HOST" => address.clone(),
        arg => arg.replace("HOME", &home.path().display().to_string()),
    };
    let recording = "S: +OK\nC: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
    std::fs::write(home.path().join("recording.pop3"), recording).unwrap();
    let args: Vec<String> = args.iter().map(place).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = home
        .poptalk(&args)
        .env("POPTALK_PASSWORD", "wonderland")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        sent: text(&server.join().unwrap()),
        code: output.status.code(),
        out: text(&output.stdout),
        words: text(&output.stderr),
    }
}

/// Runs lines at a server that answers each with what `answer` gives.
fn lines(args: &[&str], answer: impl FnMut(&str) -> String + Send + 'static) -> Ran {
    let args = [&["HOST", "--no-log"], args].concat();
    run(&args, move |peer| peer.answer(answer))
}

/// Other services: how they greet, and what poptalk calls them.
const SERVICES: &[(&str, &str, &str)] = &[
    (
        "SMTP",
        "220 mail.example.org ESMTP\r\n",
        "an SMTP or FTP server",
    ),
    (
        "FTP",
        "220-Welcome\r\n220 ready\r\n",
        "an SMTP or FTP server",
    ),
    ("IMAP", "* OK IMAP4rev1 ready\r\n", "an IMAP server"),
    (
        "NNTP",
        "200 news.example.org ready\r\n",
        "a news server (NNTP)",
    ),
    (
        "ManageSieve",
        "\"IMPLEMENTATION\" \"x\"\r\nOK\r\n",
        "a ManageSieve server",
    ),
    ("SSH", "SSH-2.0-OpenSSH_9.6\r\n", "an SSH server"),
    // These two wait for the client.
    ("HTTP", "", "awaiting the greeting"),
    ("Redis", "", "awaiting the greeting"),
    ("TLS", "\x15\x03\x01", "speaks TLS from the first octet"),
];

const MODES: &[(&str, &[&str])] = &[
    (
        "script",
        &["HOST", "--no-log", "-cuser alice", "-cpass wonderland"],
    ),
    (
        "keep going",
        &[
            "HOST",
            "--no-log",
            "--keep-going",
            "-cuser alice",
            "-c:pass",
        ],
    ),
    (
        "pipeline",
        &[
            "HOST",
            "--no-log",
            "--pipeline",
            "-cuser alice",
            "-cpass wonderland",
        ],
    ),
    ("stls", &["HOST", "--no-log", "--stls", "-cstat"]),
    (
        "login",
        &[
            "HOST",
            "--no-log",
            "--login",
            "-ualice",
            "--allow-plaintext",
            "-cstat",
        ],
    ),
    (
        "auth",
        &[
            "HOST",
            "--no-log",
            "-ualice",
            "--allow-plaintext",
            "-c:auth plain",
        ],
    ),
    (
        "replay",
        &[
            "replay",
            "HOME/recording.pop3",
            "--keep-going",
            "--update",
            "--to",
            "HOST",
        ],
    ),
    ("check", &["check", "-ualice", "HOST"]),
];

#[test]
fn another_service_gets_nothing() {
    for (service, greeting, name) in SERVICES {
        for (mode, args) in MODES {
            let waits = greeting.is_empty();
            if waits && *mode == "check" {
                continue; // It asks twice; see below.
            }
            let args = [args, &["--timeout", if waits { "0.2" } else { "10" }][..]].concat();
            let ran = run(&args, move |peer| {
                peer.say(greeting);
                peer.rest()
            });
            let what = format!("{service}, {mode}: {ran:?}");
            assert_eq!(ran.sent, "", "{what}");
            assert_eq!(ran.code, Some(if waits { 5 } else { 1 }), "{what}");
            // A replay says so in its comparison.
            if !(waits && *mode == "replay") {
                let sentences = ran.sentences();
                assert_eq!(sentences.len(), 1, "{what}");
                assert!(sentences[0].contains(name), "{what}");
            }
        }
    }
}

#[test]
fn check_sends_nothing_to_a_service_that_waits_for_the_client() {
    let (address, server) = serve_each(2, |peer| peer.rest());
    let address = address.to_string();
    let output = Home::new()
        .poptalk(&["check", "--timeout", "0.2", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for _ in 0..2 {
        assert_eq!(text(&server.join().unwrap()), "");
    }
}

#[test]
fn a_greeting_that_is_none_ends_a_script_and_gets_no_secret() {
    // The second is a slow server's banner in front of its greeting.
    for greeting in [
        "hello\r\n",
        "Welcome\r\nto this\r\n+OK ready\r\n",
        "\r\n",
        "+hello\r\n",
    ] {
        for args in [
            &["HOST", "--no-log", "-cuser alice"][..],
            &[
                "HOST",
                "--no-log",
                "--login",
                "-ualice",
                "--allow-plaintext",
            ],
            &["HOST", "--no-log", "--stls", "-cquit"],
        ] {
            let ran = run(args, move |peer| {
                peer.say(greeting);
                peer.rest()
            });
            assert_eq!((ran.sent.as_str(), ran.code), ("", Some(1)), "{ran:?}");
            assert!(ran.words.contains("is not a POP3 greeting"), "{ran:?}");
        }
        let ran = run(
            &[
                "HOST",
                "--no-log",
                "--keep-going",
                "--allow-plaintext",
                "-cuser alice",
                "-c:pass",
            ],
            move |peer| {
                peer.say(greeting);
                let mut sent = peer.hear();
                peer.say("+OK\r\n");
                sent.extend(peer.rest());
                sent
            },
        );
        assert_eq!(ran.sent, "user alice\r\n", "{ran:?}");
        assert_eq!(ran.code, Some(1), "{ran:?}");
    }
}

#[test]
fn a_reply_without_an_indicator_is_no_yes() {
    for reply in [
        "foo",
        "",
        "+yes",
        "+ERR no inbox",
        "oops",
        "-NO",
        "OK",
        "* OK",
    ] {
        for (args, sent) in [
            (&["-cstat", "-cnoop"][..], "stat\r\n"),
            (&["--pipeline", "-cretr 1"], "retr 1\r\n"),
            (&["--keep-going", "-cstat", "-cnoop"], "stat\r\nnoop\r\n"),
        ] {
            let ran = lines(args, move |_| format!("{reply}\r\n"));
            assert_eq!(
                (ran.sent.as_str(), ran.code),
                (sent, Some(1)),
                "{reply}: {ran:?}"
            );
            if args[0] != "--keep-going" {
                assert!(
                    ran.words.contains("neither +OK nor -ERR"),
                    "{reply}: {ran:?}"
                );
            }
        }
        let ran = lines(
            &["--login", "-ualice", "--allow-plaintext", "-cstat"],
            move |line| match line {
                "CAPA" => "-ERR\r\n".to_owned(),
                _ => format!("{reply}\r\n"),
            },
        );
        assert_eq!(ran.sent, "CAPA\r\nUSER alice\r\n", "{ran:?}");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.words.contains("--login, USER: the reply is neither"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_recording_with_plus_err_ends_a_script() {
    let home = Home::new();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/plus-err.pop3"
    );
    for (args, out) in [
        (
            &[][..],
            "+OK Welcome\r\n+OK\r\n+ERR Server error: no inbox\r\n",
        ),
        (
            &["--keep-going"],
            "+OK Welcome\r\n+OK\r\n+ERR Server error: no inbox\r\n+OK bye\r\n",
        ),
    ] {
        let (mut server, address) =
            started(&mut home.poptalk(&["serve", file, "--listen", "127.0.0.1:0"]));
        let lines = ["--no-log", "-cUSER alice", "-cPASS abcd", "-cQUIT"];
        let output = home
            .poptalk(&[&[address.as_str()], args, &lines[..]].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let _ = server.kill();
        let _ = server.wait();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(text(&output.stdout), out);
        let words = text(&output.stderr);
        assert!(!words.contains("abcd"), "{words}");
        if args.is_empty() {
            let why = "line 2, \"PASS\": the reply is neither +OK nor -ERR; 1 line not sent";
            assert!(words.contains(why), "{words}");
        }
    }
}

/// Seen: curl's test server, which lists what it has for a mechanism that it lacks.
#[test]
fn ok_in_place_of_a_challenge_is_no_login() {
    let answer = |line: &str| match line {
        "CAPA" => "+OK\r\nSASL CRAM-MD5\r\n.\r\n".to_owned(),
        line if line.starts_with("AUTH") || line.starts_with("auth") => {
            "+OK\r\nPLAIN\r\n.\r\n".to_owned()
        }
        _ => "+OK 1 1\r\n".to_owned(),
    };
    for (args, sent) in [
        (
            &["-ualice", "--allow-plaintext", "-c:auth login", "-cstat"][..],
            "AUTH LOGIN\r\n",
        ),
        (
            &["-ualice", "-c:auth cram-md5", "-cstat"],
            "AUTH CRAM-MD5\r\n",
        ),
        (
            &[
                "-ualice",
                "--allow-plaintext",
                "-c:auth plain --two-lines",
                "-cstat",
            ],
            "AUTH PLAIN\r\n",
        ),
        (
            &["-ualice", "--login", "-cstat"],
            "CAPA\r\nAUTH CRAM-MD5\r\n",
        ),
        (
            &["-ualice", "--keep-going", "-c:auth cram-md5", "-cstat"],
            "AUTH CRAM-MD5\r\n",
        ),
        (&["-cauth login", "-cYWxpY2U="], "auth login\r\n"),
    ] {
        let ran = lines(args, answer);
        assert_eq!((ran.sent.as_str(), ran.code), (sent, Some(1)), "{ran:?}");
        assert!(
            ran.words.contains("before any credentials were sent"),
            "{ran:?}"
        );
    }
}

/// Refuses STLS, and would agree to everything else.
fn without_tls(line: &str) -> String {
    match line {
        "stls" | "STLS" => "-ERR no TLS here\r\n",
        "CAPA" => "+OK\r\nSASL CRAM-MD5 PLAIN\r\n.\r\n",
        _ => "+OK\r\n",
    }
    .to_owned()
}

#[test]
fn no_secret_goes_out_where_stls_was_asked_for_and_refused() {
    for line in [
        ":pass",
        "pass wonderland",
        "pas wonderland",
        ":login alice",
        ":apop alice",
        ":auth cram-md5 alice",
        ":auth plain alice",
        "APOP alice 00112233445566778899aabbccddeeff",
        "auth plain",
        "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=",
        r":send PASS wonderland\r\n",
    ] {
        let asked = format!("-c{line}");
        let ran = lines(
            &["--keep-going", "-cstls", "-cuser alice", &asked, "-cquit"],
            without_tls,
        );
        assert_eq!(ran.sent, "stls\r\nuser alice\r\n", "{line}: {ran:?}");
        assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
        let why = "not sent: TLS is not on, although STLS asked for it";
        assert!(ran.words.contains(why), "{line}: {ran:?}");
        assert!(!ran.words.contains("wonderland"), "{line}: {ran:?}");
    }
    let ran = lines(
        &[
            "--keep-going",
            "--allow-plaintext",
            "-cstls",
            "-cuser alice",
            "-c:pass",
            "-cquit",
        ],
        without_tls,
    );
    assert!(ran.sent.contains("PASS wonderland\r\n"), "{ran:?}");
}

#[test]
fn a_refused_stls_is_named_in_every_mode() {
    for args in [
        &["--stls", "-cstat"][..],
        &["--stls", "--keep-going", "-cstat"],
        &["--stls", "--pipeline", "-cstat"],
        &["--stls", "--login", "-ualice"],
        &["-cstls", "-cstat"],
    ] {
        let ran = lines(args, without_tls);
        assert!(ran.sent.eq_ignore_ascii_case("stls\r\n"), "{ran:?}");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let sentences = ran.sentences();
        assert_eq!(sentences.len(), 1, "{ran:?}");
        assert!(
            sentences[0].contains("no TLS: the server did not agree to STLS"),
            "{ran:?}"
        );
    }
}

#[test]
fn injected_replies_are_not_printed() {
    let ran = lines(&["--stls", "-cuser a", "-cpass b", "-cstat"], |_| {
        "+OK begin\r\n+OK user\r\n+OK pass\r\n+OK 7 7\r\n".to_owned()
    });
    assert_eq!(ran.out, "+OK ready\r\n+OK begin\r\n", "{ran:?}");
    assert_eq!(
        (ran.sent.as_str(), ran.code),
        ("STLS\r\n", Some(3)),
        "{ran:?}"
    );
}

#[test]
fn a_script_says_where_and_why_it_stopped() {
    let answer = |line: &str| match line {
        "list 99" | "pass wonderland" => "-ERR no\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    };
    for (args, why) in [
        (
            &[
                "-cuser a",
                "-cnoop",
                "-cnoop",
                "-clist 99",
                "-cdele 1",
                "-cquit",
            ][..],
            "error: line 4, \"list 99\": refused; 2 lines not sent (--keep-going continues)\n",
        ),
        (
            &["-cuser a", "-cpass wonderland", "-cquit"],
            "error: line 2, \"PASS\": refused; 1 line not sent (--keep-going continues)\n",
        ),
        (&["-clist 99"], "error: line 1, \"list 99\": refused\n"),
    ] {
        let ran = lines(args, answer);
        assert!(ran.words.contains(why), "{ran:?}");
        assert_eq!(ran.code, Some(1));
    }
    let (address, _server) = serve(move |peer| peer.answer(answer));
    let address = address.to_string();
    let output = Home::new().script(&[&address, "--no-log"], b"noop\nlist 99\nquit\nnoop\nrset");
    let words = text(&output.stderr);
    let why = "line 2, \"list 99\": refused; 3 lines not sent (--keep-going continues)\n";
    assert!(words.contains(why), "{words}");
}

#[test]
fn the_console_asks_before_a_secret_goes_where_it_should_not() {
    let greetings = ["* OK IMAP4rev1 ready\r\n", "hello\r\n", "+OK ready\r\n"];
    for greeting in greetings {
        let (address, server) = serve(move |peer| {
            peer.say(greeting);
            let mut all = Vec::new();
            loop {
                let line = peer.hear();
                if line.is_empty() {
                    return all;
                }
                all.extend_from_slice(&line);
                peer.say(match line.as_slice() {
                    b"stls\r\n" => "-ERR no\r\n",
                    _ => "+OK\r\n",
                });
            }
        });
        let address = address.to_string();
        let home = Home::new();
        let mut terminal = Terminal::tall(&home, &[&address, "--no-log"]);
        terminal.prompt("auth>");
        if greeting.starts_with('+') {
            terminal.line("stls", "auth>");
        }
        for line in [
            "pass wonderland",
            ":pass",
            ":login alice",
            ":apop alice",
            "AUTH PLAIN",
        ] {
            terminal.line(line, "send it anyway? [y/N]");
            terminal.line("n", "auth>");
        }
        terminal.line("pass wonderland", "send it anyway? [y/N]");
        terminal.line("y", "trans>");
        terminal.enter(":quit");
        drop(terminal);
        let sent = text(&server.join().unwrap());
        let sent = sent.strip_prefix("stls\r\n").unwrap_or(&sent);
        assert_eq!(sent.matches("pass").count(), 1, "{sent}");
        assert!(!sent.contains("AUTH") && !sent.contains("APOP"), "{sent}");
    }
}
