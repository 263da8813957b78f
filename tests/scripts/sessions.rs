//! Scripts: what goes out, what comes out, and how the program ends.

use std::io::Read;
use std::process::Stdio;

use poptalk::pop3::tracker::Side;

use crate::support::{Dice, Home, read, serve, text};

/// Lines of any octets but LF, of every length up to 600, many with a start that other tools eat.
fn odd_lines(count: usize) -> Vec<Vec<u8>> {
    let mut dice = Dice::default();
    let starts: [&[u8]; 12] = [
        b"",
        b"Q",
        b"C",
        b"R",
        b"K",
        b"k",
        b"::",
        b"??",
        b" ",
        b".",
        b"\xff\xfb\x01",
        b"\r",
    ];
    (0..count)
        .map(|index| {
            let mut line = starts[index % starts.len()].to_vec();
            let length = match index % 5 {
                0 => 0,
                1 => 600,
                _ => dice.roll(80),
            };
            line.extend((0..length).map(|_| match dice.octet() {
                b'\n' => b'n',
                octet => octet,
            }));
            line
        })
        .collect()
}

/// Sends lines as a script to a server that keeps every octet, and gives back what it got.
fn received(lines: &[Vec<u8>], args: &[&str]) -> Vec<u8> {
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".to_owned()));
    let input: Vec<u8> = lines
        .iter()
        .flat_map(|line| [line.as_slice(), b"\r\n"].concat())
        .collect();
    let address = address.to_string();
    let output = Home::new().script(&[&[address.as_str()], args].concat(), &input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    server.join().unwrap()
}

#[test]
fn every_line_arrives_octet_for_octet() {
    let lines = odd_lines(10_000);
    let want: Vec<u8> = lines
        .iter()
        .flat_map(|line| [line.as_slice(), b"\r\n"].concat())
        .collect();
    // `--single` for what a random line might spell.
    assert!(received(&lines, &["--raw", "--no-log"]) == want);
}

#[test]
fn without_raw_only_the_doubled_signs_lose_one() {
    let mut lines = odd_lines(10_000);
    lines.retain(|line| match line.as_slice() {
        [b':', next, ..] => *next == b':',
        [b'?', next, ..] => *next == b'?',
        line => line != b":" && line != b"?",
    });
    let strip = |line: &Vec<u8>| match line.as_slice() {
        [b':', b':', ..] | [b'?', b'?', ..] => line[1..].to_vec(),
        line => line.to_vec(),
    };
    let want: Vec<u8> = lines
        .iter()
        .flat_map(|line| [strip(line).as_slice(), b"\r\n"].concat())
        .collect();
    assert!(received(&lines, &[]) == want);
}

#[test]
fn replies_come_out_octet_for_octet_and_nothing_else_does() {
    let odd = b"+OK\r\n\x1b[2J\xff\r\n..x\r\n\r\n.\r\n";
    let (address, server) = serve(move |peer| {
        peer.say("+OK hi\r\n");
        peer.hear();
        peer.say(odd);
        peer.hear();
        peer.say("+OK bye\r\n");
    });
    let home = Home::new();
    let output = home.script(&[&address.to_string()], b"RETR 1\nQUIT\n");
    server.join().unwrap();
    assert_eq!(
        output.stdout,
        [b"+OK hi\r\n", &odd[..], b"+OK bye\r\n"].concat()
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(home.transcript().octets(Side::Server), output.stdout);
    assert_eq!(
        home.transcript().octets(Side::Client),
        b"RETR 1\r\nQUIT\r\n"
    );
}

#[test]
fn it_stops_at_the_first_err_unless_told_otherwise() {
    for (args, sent, code) in [
        (&[][..], "NO\r\n", 1),
        (&["--keep-going"], "NO\r\nSTAT\r\n", 1),
    ] {
        let (address, server) = serve(|peer| {
            peer.answer(|line| {
                if line == "NO" {
                    "-ERR no\r\n".into()
                } else {
                    "+OK 0 0\r\n".into()
                }
            })
        });
        let address = address.to_string();
        let output = Home::new().script(
            &[&[address.as_str(), "-c", "NO", "-c", "STAT"], args].concat(),
            b"",
        );
        assert_eq!(text(&server.join().unwrap()), sent);
        assert_eq!(output.status.code(), Some(code));
    }
}

#[test]
fn the_lack_of_quit_is_told_and_quit_is_not_sent() {
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let output = Home::new().script(
        &[
            &address.to_string(),
            "-c",
            "USER a",
            "-c",
            "PASS geheim",
            "-c",
            "DELE 1",
        ],
        b"",
    );
    assert_eq!(
        text(&server.join().unwrap()),
        "USER a\r\nPASS geheim\r\nDELE 1\r\n"
    );
    assert!(
        text(&output.stderr).contains("without QUIT: kept 1 message marked for deletion"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn each_end_has_its_exit_code() {
    let code = |args: &[&str]| Home::new().script(args, b"STAT\n").status.code();
    assert_eq!(code(&["127.0.0.1:1"]), Some(3), "nobody listens");
    assert_eq!(code(&["imap://x"]), Some(2), "no such scheme");
    assert_eq!(code(&["--no-such-option"]), Some(2), "no such option");
    assert_eq!(
        code(&["127.0.0.1:1", "--ca", "/no/such/file"]),
        Some(2),
        "no such file"
    );

    let (lost, server) = serve(|peer| {
        peer.say("+OK\r\n");
        peer.hear();
        peer.say("+O");
    });
    assert_eq!(
        code(&[&lost.to_string()]),
        Some(3),
        "lost in the middle of a line"
    );
    server.join().unwrap();

    let (silent, server) = serve(|peer| {
        peer.say("+OK\r\n");
        peer.rest();
    });
    assert_eq!(
        code(&[&silent.to_string(), "--timeout", "0.3"]),
        Some(5),
        "no reply"
    );
    server.join().unwrap();

    let (plain, server) = serve(|peer| peer.answer(|_| "-ERR\r\n".into()));
    let output = Home::new().script(&[&plain.to_string(), "--tls"], b"");
    assert_eq!(output.status.code(), Some(4), "no TLS there");
    assert!(
        text(&output.stderr).contains("speaks POP3 in clear"),
        "{}",
        text(&output.stderr)
    );
    drop(server);

    let (refusing, server) = serve(|peer| {
        peer.say("-ERR too many connections\r\n");
        peer.rest();
    });
    assert_eq!(
        code(&[&refusing.to_string()]),
        Some(1),
        "refused in the greeting"
    );
    server.join().unwrap();
}

#[test]
fn another_protocol_is_called_by_its_name() {
    for (greeting, name) in [
        (&b"* OK IMAP4rev1 ready\r\n"[..], "IMAP"),
        (b"220 mx ESMTP\r\n", "SMTP"),
        (b"SSH-2.0-OpenSSH_9\r\n", "SSH"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "--tls"),
    ] {
        let (address, server) = serve(move |peer| {
            peer.say(greeting);
        });
        let output = Home::new().script(&[&address.to_string(), "--timeout", "5"], b"");
        server.join().unwrap();
        assert!(
            text(&output.stderr).contains(name),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn octets_before_the_handshake_end_the_session() {
    let (address, server) = serve(|peer| {
        peer.say("+OK\r\n");
        peer.hear();
        peer.say("+OK begin\r\n+OK injected\r\n");
        peer.rest()
    });
    let home = Home::new();
    let output = home.script(&[&address.to_string(), "--stls", "-c", "USER a"], b"");
    let sent = server.join().unwrap();
    assert!(!sent.windows(4).any(|window| window == b"USER"));
    assert_ne!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("between STLS and the TLS handshake"),
        "{}",
        text(&output.stderr)
    );
    let file = home.files().remove(0);
    let file = std::fs::read_to_string(file).unwrap();
    assert!(
        file.contains("* injected 14 octets before the TLS handshake\nS: +OK injected\n"),
        "{file}"
    );
}

#[test]
fn an_unknown_verb_takes_one_line_and_what_else_comes_is_shown() {
    let (address, server) = serve(|peer| {
        peer.say("+OK\r\n");
        peer.hear();
        peer.say("+OK\r\nmore\r\n");
        peer.hear();
        peer.say("+OK bye\r\n");
    });
    let output = Home::new().script(&[&address.to_string(), "-c", "XFOO", "-c", "QUIT"], b"");
    server.join().unwrap();
    assert_eq!(text(&output.stdout), "+OK\r\n+OK\r\nmore\r\n+OK bye\r\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn with_pipeline_nothing_is_sent_behind_stls_auth_or_quit() {
    let (address, server) = serve(|peer| {
        peer.say("+OK\r\n");
        let first = [peer.hear(), peer.hear(), peer.hear()].concat();
        // Nothing more may come before the answer to AUTH.
        peer.say("+OK\r\n+OK 0 0\r\n");
        peer.stream().set_nonblocking(true).unwrap();
        let early = peer.hear();
        peer.stream().set_nonblocking(false).unwrap();
        peer.say("-ERR no\r\n");
        let last = peer.hear();
        peer.say("+OK bye\r\n");
        (first, early, last)
    });
    let args = [
        &address.to_string(),
        "--pipeline",
        "--keep-going",
        "-c",
        "NOOP",
        "-c",
        "STAT",
        "-c",
        "AUTH X =",
        "-c",
        "QUIT",
    ];
    let output = Home::new().script(&args, b"");
    let (first, early, last) = server.join().unwrap();
    assert_eq!(text(&first), "NOOP\r\nSTAT\r\nAUTH X =\r\n");
    assert_eq!(
        (text(&early), text(&last)),
        (String::new(), "QUIT\r\n".to_owned())
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn no_secret_is_in_any_file_or_on_standard_error() {
    let home = Home::new();
    let secret = "Geheim-77";
    let digest = "0123456789abcdef0123456789abcdef";
    let response = "AGFsaWNlAEdlaGVpbS03Nw==";
    let (address, server) = serve(move |peer| {
        peer.answer(|line| match line {
            // An echo, plain, in another case, and in base64.
            "PASS Geheim-77" => format!("-ERR got {line} GEHEIM-77 {response}\r\n"),
            line if line.starts_with("APOP") => format!("-ERR {line}\r\n"),
            "AUTH PLAIN" => "+ \r\n".into(),
            _ => "-ERR what?\r\n".into(),
        })
    });
    let lines = [
        "USER alice".to_owned(),
        format!("PASS {secret}"),
        format!("PAS {secret}"),
        format!("PASS{secret}"),
        format!("APOP alice {digest}"),
        format!("AUTH PLAIN {response}"),
        "AUTH PLAIN".to_owned(),
        response.to_owned(),
        format!("XECHO {secret}"),
        "QUIT".to_owned(),
    ];
    let output = home.script(
        &[&address.to_string(), "--keep-going"],
        (lines.join("\n") + "\n").as_bytes(),
    );
    let sent = server.join().unwrap();
    assert_eq!(
        text(&sent),
        lines.join("\r\n") + "\r\n",
        "the server got all of it"
    );
    assert!(!home.files().is_empty());
    let mut all = text(&output.stderr);
    for file in home.files() {
        all += &std::fs::read_to_string(file).unwrap();
    }
    for hidden in [
        secret,
        &secret.to_lowercase(),
        digest,
        response,
        "R2VoZWltLTc3",
    ] {
        assert!(
            !all.to_lowercase().contains(&hidden.to_lowercase()),
            "{hidden} in {all}"
        );
    }
    assert!(
        all.contains(": PASS {{password}}\n") && all.contains("APOP alice {{digest}}\n"),
        "{all}"
    );
}

#[test]
fn killed_at_any_moment_the_file_holds_every_line_that_came_out() {
    let mut dice = Dice::default();
    for round in 0..50 {
        let (address, server) = serve(|peer| {
            peer.say("+OK\r\n");
            peer.hear();
            let mut data = String::from("+OK\r\n");
            for number in 0..200_000 {
                data += &format!("line {number} of a message that is long enough\r\n");
            }
            peer.say(data + ".\r\n");
        });
        let home = Home::new();
        let file = home.path().join("killed.pop3");
        let mut child = home
            .poptalk(&[
                &address.to_string(),
                "-c",
                "RETR 1",
                "--log",
                file.to_str().unwrap(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut shown = vec![0; 1 + dice.roll(2_000_000)];
        stdout.read_exact(&mut shown).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What was in the pipe had come out, too.
        stdout.read_to_end(&mut shown).unwrap();
        drop(server);
        let whole = shown
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |at| at + 1);
        let octets = read(&file).octets(Side::Server);
        assert!(
            octets.starts_with(&shown[..whole]),
            "round {round}: {} octets shown, {} in the file",
            whole,
            octets.len()
        );
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let (address, server) = serve(|peer| {
        peer.say("+OK\r\n");
        peer.hear();
        peer.say("+OK\r\n");
        for _ in 0..100_000 {
            peer.say("a line of the message\r\n");
        }
    });
    let mut child = Home::new()
        .poptalk(&[&address.to_string(), "--no-log", "-c", "RETR 1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    drop(server);
}

#[test]
fn words_to_poptalk_work_in_scripts_and_mistakes_name_the_line() {
    let (address, server) = serve(|peer| {
        peer.answer(|line| {
            if line == "XFOO" {
                "+OK\r\na\r\n.\r\n".into()
            } else {
                "+OK\r\n".into()
            }
        })
    });
    let script = b":multi XFOO\nXFOO\n:send NO\\x4fP\\r\\n\n? RETR\n:close\nNEVER\n";
    let output = Home::new().script(&[&address.to_string()], script);
    assert_eq!(text(&server.join().unwrap()), "XFOO\r\nNOOP\r\n");
    assert!(
        text(&output.stderr).contains("RETR msg"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0));

    for (script, told) in [
        (
            &b"NOOP\n:nonsense\n"[..],
            "line 2: unknown command `:nonsense`",
        ),
        (b":send \\q\n", "line 1: unknown escape at octet 1"),
        (
            b":page\n",
            "line 1: `:page` works only in the interactive console",
        ),
        (b":pass\n", "line 1: no password\n"),
    ] {
        let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
        let output = Home::new().script(&[&address.to_string()], script);
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(told),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_transcript_is_never_overwritten() {
    let home = Home::new();
    let file = home.path().join("kept.pop3");
    std::fs::write(&file, "evidence").unwrap();
    let output = home.script(&["127.0.0.1:1", "--log", file.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "evidence");
}

#[test]
fn every_address_of_a_name_is_tried() {
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    // Where the name stands for an IPv6 address too, nobody listens there.
    let name = format!("localhost:{}", address.port());
    let output = Home::new().script(&[&name, "-c", "QUIT"], b"");
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_once_and_the_session_goes_on() {
    let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
    let args = [
        &address.to_string(),
        "--log",
        "/dev/full",
        "-c",
        "NOOP",
        "-c",
        "STAT",
    ];
    let output = Home::new().script(&args, b"");
    assert_eq!(text(&server.join().unwrap()), "NOOP\r\nSTAT\r\n");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert_eq!(
        told.matches("can no longer be written").count(),
        1,
        "{told}"
    );
}

#[test]
fn a_script_needs_no_password_in_it() {
    let netrc = "machine 127.0.0.1 login bob password other\nmachine 127.0.0.1 login alice password Geheim-77\n";
    for source in ["command", "file", "variable", "netrc"] {
        let (address, server) = serve(|peer| peer.answer(|_| "+OK\r\n".into()));
        let home = Home::new();
        let file = home.path().join("secret");
        std::fs::write(&file, "Geheim-77\nmore\n").unwrap();
        std::fs::write(home.path().join(".netrc"), netrc).unwrap();
        let file = file.to_str().unwrap().to_owned();
        let address = address.to_string();
        let log = home.path().join("log.pop3");
        let mut args = vec![
            address.as_str(),
            "-c",
            "user alice",
            "-c",
            ":pass",
            "-c",
            "quit",
        ];
        args.extend(["--log", log.to_str().unwrap()]);
        let print = if cfg!(windows) { "type" } else { "cat" };
        let command = format!("{print} \"{file}\"");
        match source {
            "command" => args.extend(["--password-command", &command]),
            "file" => args.extend(["--password-file", &file]),
            _ => {}
        }
        let mut program = home.poptalk(&args);
        if source == "variable" {
            program.env("POPTALK_PASSWORD", "Geheim-77");
        }
        let output = program.stdin(Stdio::null()).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{source}: {}",
            text(&output.stderr)
        );
        assert_eq!(
            text(&server.join().unwrap()),
            "user alice\r\nPASS Geheim-77\r\nquit\r\n",
            "{source}"
        );
        assert_eq!(
            text(&read(&log).octets(Side::Client)),
            "user alice\r\nPASS \r\nquit\r\n"
        );
    }
}
