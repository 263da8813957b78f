//! Each attack on STLS, for everybody who may meet it: what was put there in clear is refused or
//! told, and nobody believes it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};
use poptalk::modes::options::seconds;
use poptalk::modes::proxy::ProxyOptions;

use crate::servers::proxy::{Proxied, target};
use crate::support::terminal::{Look, Terminal};
use crate::support::{Home, LIMIT, Peer, read, serve_each, text};

/// Who meets an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// `--stls --login`, with lines behind.
    Login,
    /// STLS as one of the lines.
    Lines,
    /// `--stls --keep-going`, and the login on standard input.
    Script,
    /// `--stls --pipeline`, and the same.
    Pipeline,
    /// A person, with `--stls --login`.
    Console,
    Replay,
    Check,
    /// A proxy that says STLS itself, with a client that logs in.
    ProxyStls,
    /// A proxy whose client says STLS, and logs in where it is on.
    ClientStls,
}

const ALL: [Who; 9] = [
    Who::Login,
    Who::Lines,
    Who::Script,
    Who::Pipeline,
    Who::Console,
    Who::Replay,
    Who::Check,
    Who::ProxyStls,
    Who::ClientStls,
];

/// What is done to a client.
struct Attack {
    greeting: &'static str,
    capa: &'static str,
    stls: &'static str,
    /// Said when the handshake begins; empty: nothing, and the connection is closed.
    hello: &'static str,
    /// What everybody tells of it: one of these.
    told: &'static [&'static str],
    /// Replies are awaited in vain.
    is_silent: bool,
}

const NONE: Attack = Attack {
    greeting: "+OK ready\r\n",
    capa: "+OK\r\nUSER\r\nSTLS\r\n.\r\n",
    stls: "-ERR no\r\n",
    hello: "",
    told: &[],
    is_silent: false,
};

/// Speaks to whoever it is, in clear; gives what came.
fn attack(attack: &Attack, peer: &mut Peer) -> Vec<u8> {
    peer.say(attack.greeting);
    let mut all = Vec::new();
    loop {
        let line = peer.hear();
        all.extend_from_slice(&line);
        match text(&line).trim_end() {
            "" if line.is_empty() => return all,
            "STLS" if attack.is_silent => {}
            "STLS" => {
                peer.say(attack.stls);
                if attack.stls.ends_with("begin\r\n") && attack.stls.starts_with("+OK") {
                    // The ClientHello has come when its first octets have.
                    all.extend(peer.take(5));
                    if attack.hello.is_empty() {
                        return all;
                    }
                    peer.say(attack.hello);
                }
            }
            "CAPA" => peer.say(attack.capa),
            "QUIT" => {
                peer.say("+OK bye\r\n");
                return all;
            }
            // Who believes what came in clear gets on.
            line if line.starts_with("USER") || line.starts_with("PASS") => {
                peer.say("+OK believed\r\n");
            }
            _ => peer.say("-ERR what\r\n"),
        }
    }
}

/// Lets everybody meet the attack.
fn everybody(attacked: &'static Attack) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs = ALL.map(|who| scope.spawn(move || meet(who, attacked).err()));
        runs.into_iter()
            .filter_map(|run| run.join().unwrap())
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn meet(who: Who, attacked: &'static Attack) -> Result<(), String> {
    // More connections than anybody makes.
    let (address, server) = serve_each(30, move |peer| attack(attacked, peer));
    let home = Home::new();
    let timeout = match who {
        _ if attacked.is_silent => "1",
        // It asks for much that this server never answers.
        Who::Check => "2",
        _ => "20",
    };
    let (code, words) = run(who, &home, address, timeout);
    let mut sent = String::new();
    // The client has gone: what it sent is there at once, but for a connection that is still being
    // read.
    sent.push_str(&text(&server.join().unwrap()));
    while let Some(more) = server.next_within(Duration::from_millis(if who == Who::Check {
        300
    } else {
        0
    })) {
        sent.push_str(&text(&more));
    }
    let tell = |what: &str| {
        Err(format!(
            "=== {who:?}: {what}\nexit {code:?}\n{words}\nsent: {sent}"
        ))
    };
    for file in home
        .files()
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "pop3"))
    {
        let log = std::fs::read_to_string(file).unwrap();
        read(file);
        if log.contains("\n* tls TLS") && !file.ends_with("recording.pop3") {
            return tell("it takes this for TLS");
        }
    }
    // `check` sends names, and passwords that are wrong, on purpose.
    let secrets: &[&str] = match who {
        Who::Check => &["wonderland", "AGFsaWNlAHdvbmRlcmxhbmQ"],
        _ => &[
            "wonderland",
            "alice",
            "USER",
            "PASS",
            "AUTH",
            "YWxpY2U",
            "AGFsaWNl",
        ],
    };
    if let Some(secret) = secrets.iter().find(|secret| sent.contains(**secret)) {
        return tell(&format!("`{secret}` was sent in clear"));
    }
    if words.contains(" tls> ") || words.contains("panicked") {
        return tell("it says that TLS is on, or panics");
    }
    // A person leaves when they like, and a proxy is asked by its client; `check` judges.
    if code == Some(0) && !matches!(who, Who::Console | Who::Check) {
        return tell("it ends well");
    }
    if !attacked.told.iter().any(|told| words.contains(told)) {
        return tell("it tells nothing of it");
    }
    Ok(())
}

const RECORDING: &str = "S: +OK ready\nC: STLS\nS: +OK begin\n* tls TLSv1.3 X verified CN=h\nC: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n";

/// Runs one of them; gives the exit code and all that it says.
fn run(who: Who, home: &Home, address: SocketAddr, timeout: &str) -> (Option<i32>, String) {
    // Another spelling of 127.0.0.1, which is not taken for this machine: what is sent there is to
    // be kept secret.
    let host = format!("127.1:{}", address.port());
    let log = home.path().join("log");
    std::fs::create_dir(&log).unwrap();
    let options = ["--timeout", timeout, "--log", log.to_str().unwrap()];
    let recording = home.path().join("recording.pop3");
    // That a password may go out in clear does not take back that there is to be TLS.
    let login = ["--stls", "-u", "alice", "--login", "--allow-plaintext"];
    let host = host.as_str();
    let (args, input): (Vec<&str>, &str) = match who {
        Who::Login => ([&[host][..], &login, &["-cSTAT"]].concat(), ""),
        Who::Lines => (
            vec![host, "-cSTLS", "-cUSER alice", "-cPASS wonderland"],
            "",
        ),
        Who::Script => (
            vec![host, "--stls", "--keep-going"],
            "USER alice\nPASS wonderland\n",
        ),
        Who::Pipeline => (
            vec![host, "--stls", "--pipeline"],
            "USER alice\nPASS wonderland\n",
        ),
        Who::Replay => {
            std::fs::write(&recording, RECORDING).unwrap();
            (
                vec!["replay", recording.to_str().unwrap(), "--to", host],
                "",
            )
        }
        Who::Check => (vec!["check", host, "-u", "alice", "-v"], ""),
        Who::Console => {
            let args = [&[host][..], &login, &options].concat();
            return person(Terminal::with(
                home,
                &args,
                &[("POPTALK_PASSWORD", "wonderland")],
            ));
        }
        Who::ProxyStls | Who::ClientStls => return behind_proxy(who, address, timeout),
    };
    let mut command = home.poptalk(&[&args[..], &options].concat());
    command
        .env("POPTALK_PASSWORD", "wonderland")
        .stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have enough before the end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        text(&output.stderr) + &text(&output.stdout),
    )
}

/// Somebody who says no when asked, gives up a reply that does not come, and leaves.
fn person(mut terminal: Terminal) -> (Option<i32>, String) {
    let start = Instant::now();
    let mut looks = 0;
    while start.elapsed() < LIMIT {
        let is_there = |screen: &str| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            last.ends_with('>') || last.ends_with("[y/N]")
        };
        match terminal.look(is_there, Duration::from_millis(50)) {
            Look::There(screen) if screen.trim_end().ends_with("[y/N]") => terminal.enter("n"),
            Look::There(_) => terminal.enter(":quit"),
            Look::Over => break,
            Look::NotYet => looks += 1,
        }
        if looks == 60 {
            terminal.press("\x03");
            looks = 0;
        }
    }
    let (code, screen) = terminal.end_both(LIMIT);
    (code.map(|code| code as i32), screen)
}

/// A client behind a proxy. The code is 0 where it was let in.
fn behind_proxy(who: Who, address: SocketAddr, timeout: &str) -> (Option<i32>, String) {
    let proxied = Proxied::with(ProxyOptions {
        is_stls: who == Who::ProxyStls,
        idle: seconds(timeout).unwrap(),
        ..ProxyOptions::new(target(address, false))
    });
    let stream = TcpStream::connect(proxied.proxy.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut said = String::new();
    let mut ask = |line: &str| {
        let _ = (&stream).write_all(line.as_bytes());
        let mut reply = String::new();
        let _ = reader.read_line(&mut reply);
        said.push_str(&reply);
        reply
    };
    let greeting = ask("");
    let mut is_in = false;
    if who == Who::ProxyStls && greeting.starts_with("+OK") {
        ask("USER alice\r\n");
        is_in = ask("PASS wonderland\r\n").starts_with("+OK");
    } else if who == Who::ClientStls && ask("STLS\r\n").starts_with("+OK") {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        context.set_verify(SslVerifyMode::NONE);
        let ssl = Ssl::new(&context.build()).unwrap();
        is_in = SslStream::new(ssl, stream.try_clone().unwrap())
            .unwrap()
            .connect()
            .is_ok();
    }
    drop((reader, stream));
    let report = proxied.report().to_string();
    let logs: String = proxied
        .files()
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    (Some(i32::from(!is_in)), said + &report + &logs)
}

#[test]
fn response_injection_in_the_segment_of_the_ok() {
    everybody(&Attack {
        stls: "+OK begin\r\n+OK logged in\r\n+OK 1 100\r\n",
        told: &[
            "between STLS and the TLS handshake",
            "cleartext octets from the server before TLS",
            "octets before the TLS handshake",
            "stls-response-injection",
        ],
        ..NONE
    });
}

#[test]
fn half_a_line_injected_behind_the_ok() {
    everybody(&Attack {
        stls: "+OK begin\r\n+O",
        told: &[
            "between STLS and the TLS handshake",
            "cleartext octets from the server before TLS",
            "octets before the TLS handshake",
            "stls-response-injection",
        ],
        ..NONE
    });
}

#[test]
fn response_injection_in_a_segment_of_its_own() {
    everybody(&Attack {
        stls: "+OK begin\r\n",
        hello: "+OK logged in\r\n+OK 1 100\r\n",
        told: &[
            "continued in cleartext",
            "TLS failed",
            "stls-ok-no-handshake",
        ],
        ..NONE
    });
}

#[test]
fn a_handshake_that_is_broken_off() {
    everybody(&Attack {
        stls: "+OK begin\r\n",
        told: &["the TLS handshake", "TLS failed", "stls-ok-no-handshake"],
        ..NONE
    });
}

#[test]
fn stripped_stls() {
    everybody(&Attack {
        capa: "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n",
        stls: "-ERR unknown command\r\n",
        told: &["-ERR", "skipped 07-stls: the server does not announce STLS"],
        ..NONE
    });
}

#[test]
fn stls_that_is_announced_and_refused() {
    everybody(&Attack {
        stls: "-ERR [SYS/TEMP] later\r\n",
        told: &["-ERR", "the server refused STLS"],
        ..NONE
    });
}

#[test]
fn stls_that_is_answered_by_something_else() {
    for stls in ["+ begin\r\n", "OK begin\r\n", "begin\r\n", "* PREAUTH\r\n"] {
        let attack = Attack {
            stls,
            told: &["begin", "PREAUTH", "status-", "TLS failed"],
            ..NONE
        };
        everybody(Box::leak(Box::new(attack)));
    }
}

#[test]
fn a_greeting_that_holds_the_replies() {
    everybody(&Attack {
        greeting: "+OK ready\r\n+OK begin\r\n+OK logged in\r\n",
        is_silent: true,
        told: &[
            "no reply for 1 s",
            "awaiting the reply",
            "timed out waiting for",
            "no reply came in time",
            "clear",
            "timed out",
            "greeting-extra-data",
        ],
        ..NONE
    });
}

#[test]
fn a_greeting_of_somebody_who_is_logged_in_already() {
    for greeting in [
        "+OK PREAUTH alice\r\n",
        "+OK alice has 3 messages (3000 octets)\r\n",
        "+ YWxpY2U=\r\n",
    ] {
        let attack = Attack {
            greeting,
            told: &[
                "-ERR",
                "the server refused STLS",
                "skipped",
                "the greeting is -ERR",
            ],
            ..NONE
        };
        everybody(Box::leak(Box::new(attack)));
    }
}

#[test]
fn a_referral_to_another_server() {
    everybody(&Attack {
        stls: "-ERR [REFERRAL] pop3://mail.example.net/\r\n",
        told: &["REFERRAL"],
        ..NONE
    });
}
