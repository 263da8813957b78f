//! What somebody between can do to a client that begins TLS by STLS ("Why TLS is better without
//! STARTTLS", 2021): whatever was put there in clear is told or refused, and never believed.

#[cfg(not(any(windows, target_vendor = "apple")))]
mod each_client;

use poptalk::modes::serve::{ServeOptions, Server};

use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve, serve_each, text};

/// How a meeting went.
#[derive(Debug)]
struct Met {
    /// All that the client sent.
    sent: String,
    code: Option<i32>,
    out: String,
    words: String,
    log: String,
}

impl Met {
    /// Neither a name nor a password left, and the end was no success.
    fn nothing_leaked(&self) {
        for secret in ["alice", "wonderland", "USER", "PASS", "AUTH", "YWxpY2U"] {
            assert!(!self.sent.contains(secret), "{self:?}");
        }
        assert_ne!(self.code, Some(0), "{self:?}");
    }
}

fn meet(args: &[&str], talk: impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static) -> Met {
    let (address, server) = serve(talk);
    let home = Home::new();
    let log = home.path().join("log.pop3");
    let address = address.to_string();
    let place = ["--timeout", "5", "--log", log.to_str().unwrap()];
    let output = home
        .poptalk(&[&[address.as_str()], args, &place].concat())
        .env("POPTALK_PASSWORD", "wonderland")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    Met {
        sent: text(&server.join().unwrap()),
        code: output.status.code(),
        out: text(&output.stdout),
        words: text(&output.stderr),
        log: std::fs::read_to_string(log).unwrap(),
    }
}

const BY_STLS: [&str; 5] = ["--stls", "-u", "alice", "--login", "-cSTAT"];

/// Answers the line before STLS with what `capa` says to CAPA, and STLS with `stls`.
fn answers(
    capa: &'static str,
    stls: &'static str,
) -> impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static {
    move |peer| {
        peer.answer(|line| match line {
            "CAPA" => capa.to_owned(),
            "STLS" => stls.to_owned(),
            // Octets of a handshake are no line; who believed what came in clear would go on with
            // one.
            _ => "+OK believed\r\n".to_owned(),
        })
    }
}

#[test]
fn data_in_the_segment_of_the_ok_to_stls_ends_the_session() {
    for args in [
        &BY_STLS[..],
        &["-cSTLS", "-cUSER alice", "-cPASS wonderland"],
    ] {
        let met = meet(args, answers("-ERR\r\n", "+OK begin\r\n+OK injected\r\n"));
        met.nothing_leaked();
        assert!(
            met.words.contains("between STLS and the TLS handshake"),
            "{met:?}"
        );
        assert!(met.log.contains("* injected 14 octets"), "{met:?}");
    }
}

#[test]
fn an_answer_in_clear_to_the_handshake_ends_the_session() {
    let met = meet(&BY_STLS, |peer| {
        peer.say("+OK ready\r\n");
        let mut all = peer.hear();
        peer.say("+OK begin\r\n");
        // The ClientHello has come when its first octets have.
        all.extend(peer.take(5));
        peer.say("+OK logged in\r\n+OK 1 100\r\n");
        all.extend(peer.rest());
        all
    });
    met.nothing_leaked();
    assert_eq!(met.code, Some(4), "{met:?}");
    assert!(!met.out.contains("logged in"), "{met:?}");
    // It is shown and recorded all the same.
    for said in ["+OK logged in", "+OK 1 100"] {
        let shown = format!("poptalk: the server said in cleartext: {said}\n");
        assert!(met.words.contains(&shown), "{met:?}");
    }
    let rows = "+OK logged in\nS: +OK 1 100\n* tls failed: ";
    assert!(met.log.contains(rows), "{met:?}");
}

// Seen: Courier 1.0.16, whose session cache could not be written.
const COURIER: &str = "-ERR STARTTLS failed: couriersslimapcache: Permission denied\r\n";

/// Agrees to STLS, and says in cleartext why there is no TLS.
fn courier(peer: &mut Peer) -> Vec<u8> {
    peer.say("+OK ready\r\n");
    let mut all = Vec::new();
    loop {
        let line = peer.hear();
        all.extend_from_slice(&line);
        match text(&line).trim_end() {
            "" => return all,
            "STLS" => break,
            "CAPA" => peer.say("+OK\r\nUSER\r\nSTLS\r\n.\r\n"),
            _ => peer.say("-ERR no\r\n"),
        }
    }
    peer.say("+OK begin\r\n");
    all.extend(peer.take(5));
    peer.say(COURIER);
    all.extend(peer.rest());
    all
}

#[test]
fn the_reason_that_comes_in_place_of_the_handshake_is_shown() {
    let reason = "-ERR STARTTLS failed: couriersslimapcache: Permission denied";
    let met = meet(&BY_STLS, courier);
    met.nothing_leaked();
    assert!(
        met.words.contains(&format!("cleartext: {reason}\n")),
        "{met:?}"
    );
    assert!(
        met.log.contains("Permission denied\n* tls failed: "),
        "{met:?}"
    );
    assert!(!met.out.contains("STARTTLS"), "{met:?}");
}

#[test]
fn a_person_sees_the_reason_that_comes_in_place_of_the_handshake() {
    let (address, _server) = serve(courier);
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &[&address.to_string(), "--stls"]);
    terminal.see("the server said in cleartext: -ERR STARTTLS failed: couriersslimapcache");
    terminal.prompt("closed>");
    terminal.press(":quit\r");
    terminal.end();
}

#[test]
fn check_quotes_the_reason_and_advises_no_certificate() {
    let (address, _server) = serve_each(60, courier);
    let home = Home::new();
    let address = address.to_string();
    let output = home
        .poptalk(&["check", "-u", "alice", "--timeout", "5", &address])
        .env("POPTALK_PASSWORD", "geheim-77")
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("stls-ok-no-handshake"), "{said}");
    assert!(!said.contains("stls-response-injection"), "{said}");
    assert!(
        said.contains("TLS failed; the server said in cleartext: -ERR STARTTLS failed"),
        "{said}"
    );
    assert!(
        !said.contains("--insecure") && !said.contains("--ca"),
        "{said}"
    );
}

#[test]
fn replies_inside_the_greeting_are_no_replies() {
    // The second line would be the reply to STLS if lines were only counted; the third that to the
    // login.
    let met = meet(&BY_STLS, |peer| {
        peer.say("+OK ready\r\n+OK begin\r\n+OK logged in\r\n");
        peer.rest()
    });
    met.nothing_leaked();
}

#[test]
fn a_greeting_that_says_one_is_logged_in_changes_nothing() {
    let met = meet(&BY_STLS, |peer| {
        peer.say("+OK alice has 3 messages (3000 octets)\r\n");
        let mut all = peer.hear();
        peer.say("-ERR only before the login\r\n");
        all.extend(peer.rest());
        all
    });
    met.nothing_leaked();
    assert!(met.sent.starts_with("STLS\r\n"), "{met:?}");
}

#[test]
fn a_refused_stls_is_no_reason_to_go_on_in_clear() {
    for refusal in ["-ERR unknown command\r\n", "-ERR [SYS/TEMP] later\r\n"] {
        let met = meet(&BY_STLS, answers("+OK\r\nUSER\r\n.\r\n", refusal));
        met.nothing_leaked();
    }
}

#[test]
fn capabilities_without_stls_are_no_reason_to_go_on_in_clear() {
    let met = meet(
        &BY_STLS,
        answers("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n", "-ERR\r\n"),
    );
    met.nothing_leaked();
}

#[test]
fn a_refusal_that_names_another_server_is_not_followed() {
    let met = meet(
        &BY_STLS,
        answers("-ERR\r\n", "-ERR [REFERRAL] pop3://mail.example.net/\r\n"),
    );
    met.nothing_leaked();
    assert_eq!(met.log.matches("* connected").count(), 1, "{met:?}");
}

/// RFC 2595 §4: what was learnt in clear is forgotten.
#[test]
fn capabilities_are_asked_anew_inside_tls() {
    let serving = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let home = Home::new();
    let log = home.path().join("log.pop3");
    let output = home
        .poptalk(&[
            &serving.address().to_string(),
            "--insecure",
            "--log",
            log.to_str().unwrap(),
        ])
        .args(["-cCAPA"])
        .args(BY_STLS)
        .args(["-cQUIT"])
        .env("POPTALK_PASSWORD", "wonderland")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let log = std::fs::read_to_string(log).unwrap();
    let (_, inside) = log.split_once("* tls ").unwrap();
    assert!(inside.contains("CAPA\n"), "{log}");
}

/// Plays a recording with STLS, and checks, at a server that announces STLS and refuses it.
#[test]
fn neither_replay_nor_check_goes_on_in_clear() {
    let home = Home::new();
    let recording = home.path().join("recording.pop3");
    let rows = "S: +OK ready\nC: STLS\nS: +OK begin\n* tls TLSv1.3 X verified CN=h\nC: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
    std::fs::write(&recording, rows).unwrap();
    let recording = recording.to_str().unwrap();
    let runs: [&[&str]; 2] = [
        &["replay", recording, "--keep-going", "--to"],
        &["check", "-u", "alice", "--timeout", "5"],
    ];
    for args in runs {
        // More connections than either makes.
        let (address, server) = serve_each(30, |peer: &mut Peer| {
            peer.answer(|line| match line {
                "CAPA" => "+OK\r\nUSER\r\nSTLS\r\n.\r\n".to_owned(),
                "USER alice" => "+OK\r\n".to_owned(),
                _ => "-ERR no\r\n".to_owned(),
            })
        });
        let output = home
            .poptalk(&[args, &[&address.to_string()]].concat())
            .env("POPTALK_PASSWORD", "wonderland")
            .output()
            .unwrap();
        assert_ne!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut connections = 0;
        // The program has ended: what it said is there, or a connection is still being read.
        while connections < if args[0] == "replay" { 1 } else { 10 } {
            let sent = text(&server.join().unwrap());
            assert!(!sent.contains("wonderland"), "{args:?}: {sent}");
            connections += 1;
        }
    }
}
