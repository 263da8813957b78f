//! A login that is refused although the password may be right: the next way is tried, or it is said
//! why not.

use std::process::{Output, Stdio};

use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::servers::fault;

use super::{LoginServer, SECRET};
use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve, text};

const STAMP: &str = "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n";

/// Greets with `greeting` and answers each line; an empty answer closes.
fn talk(
    greeting: &'static str,
    answer: fn(&str) -> &'static str,
) -> impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static {
    move |peer| {
        peer.say(greeting);
        let mut all = Vec::new();
        loop {
            let line = peer.hear();
            all.extend_from_slice(&line);
            match answer(text(&line).trim_end()) {
                "" => return all,
                said => peer.say(said),
            }
        }
    }
}

/// How a script's `--login` went: all that was sent, the exit code, standard error.
fn log_in(
    args: &[&str],
    talk: impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static,
) -> (String, Option<i32>, String) {
    let (address, server) = serve(talk);
    let home = Home::new();
    let address = address.to_string();
    let all = [
        &[address.as_str(), "-u", "alice", "--login", "-cquit"],
        args,
    ]
    .concat();
    let output = run(&home, &all);
    let words = text(&output.stderr);
    (text(&server.join().unwrap()), output.status.code(), words)
}

fn run(home: &Home, args: &[&str]) -> Output {
    let mut program = home.poptalk(args);
    program.env("POPTALK_PASSWORD", SECRET).stdin(Stdio::null());
    program.output().unwrap()
}

// Seen: Twisted and voidpop greet with a timestamp and refuse APOP.
fn without_apop(line: &str) -> &'static str {
    match line.split(' ').next().unwrap_or_default() {
        "" => "",
        "USER" | "PASS" | "quit" => "+OK\r\n",
        _ => "-ERR [AUTH] no\r\n",
    }
}

#[test]
fn a_refused_apop_gives_no_password_away_unasked() {
    let (sent, code, words) = log_in(&[], talk(STAMP, without_apop));
    assert_eq!(code, Some(1), "{words}");
    assert!(
        sent.contains("APOP alice ") && !sent.contains("PASS"),
        "{sent}"
    );
    assert!(
        words.contains("the password may still be right: many servers greet"),
        "{words}"
    );
    assert!(words.contains("USER and PASS is not tried: "), "{words}");
}

#[test]
fn a_refused_apop_is_followed_by_user_and_pass_where_that_is_allowed() {
    let (sent, code, words) = log_in(&["--allow-plaintext"], talk(STAMP, without_apop));
    assert_eq!(code, Some(0), "{words}");
    assert!(
        sent.ends_with(&format!("PASS {SECRET}\r\nquit\r\n")),
        "{sent}"
    );
    assert!(
        words.contains("trying USER and PASS, login 2 of at most 3"),
        "{words}"
    );
}

#[test]
fn no_script_tries_more_than_three_ways() {
    let (sent, code, words) = log_in(
        &[],
        talk(STAMP, |line| match line {
            "" => "",
            "CAPA" => "+OK\r\nSASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5\r\nUSER\r\n.\r\n",
            _ => "-ERR no\r\n",
        }),
    );
    assert_eq!(code, Some(1), "{words}");
    assert_eq!(sent.matches("AUTH ").count(), 3, "{sent}");
    assert!(!sent.contains("APOP") && !sent.contains("USER"), "{sent}");
    assert!(
        words.contains("3 logins were refused (SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5)"),
        "{words}"
    );
    assert!(
        words.contains("not tried: `:apop`, USER and PASS"),
        "{words}"
    );
}

/// A server whose replies to credentials, and to the response of CRAM-MD5, are this.
fn refusing(reply: &'static str) -> (String, Option<i32>, String) {
    log_in(&["--allow-plaintext"], move |peer: &mut Peer| {
        peer.say("+OK ready\r\n");
        let mut all = Vec::new();
        loop {
            let line = peer.hear();
            all.extend_from_slice(&line);
            match text(&line).trim_end() {
                "" => return all,
                "CAPA" => peer.say("+OK\r\nSASL CRAM-MD5 PLAIN\r\nUSER\r\n.\r\n"),
                "AUTH CRAM-MD5" => peer.say("+ PDFAaD4=\r\n"),
                _ => peer.say(reply),
            }
        }
    })
}

#[test]
fn what_the_server_says_of_the_password_ends_it() {
    // Of CRAM-MD5 it proves nothing: the server may have only a hash.
    let (sent, code, words) = refusing("-ERR [AUTH] no\r\n");
    assert_eq!(
        (code, sent.matches("AUTH ").count()),
        (Some(1), 2),
        "{words}"
    );
    assert!(
        words.contains("CRAM-MD5: the password may still be right"),
        "{words}"
    );
    assert!(
        words.contains("PLAIN: the server says that the name or the password is wrong"),
        "{words}"
    );
    let (sent, _, words) = refusing("-ERR [IN-USE] later\r\n");
    assert_eq!(sent.matches("AUTH ").count(), 1, "{words}");
    assert!(
        words.contains("this says nothing about the password"),
        "{words}"
    );
}

#[test]
fn a_server_that_had_the_password_itself_gets_no_more_logins() {
    let (sent, code, words) = refusing("-ERR no\r\n");
    assert_eq!(
        (code, sent.matches("AUTH ").count()),
        (Some(1), 2),
        "{words}"
    );
    assert!(!sent.contains("USER"), "{sent}");
    assert!(
        words.contains("PLAIN: the server received the password itself"),
        "{words}"
    );
    assert!(words.contains("not tried: USER and PASS"), "{words}");
}

/// A practice server that offers the forms of SCRAM with a binding, and refuses them.
fn without_plus() -> LoginServer {
    LoginServer::with(ServeOptions {
        faults: vec![fault::named("scram-plus-refused").unwrap()],
        ..LoginServer::options(None)
    })
}

#[test]
fn a_refused_binding_is_followed_by_the_same_mechanism_without_it() {
    let server = without_plus();
    for kind in ["stls", "tls"] {
        let (output, home) = server.run(kind, &["--login"], &["stat", "quit"], SECRET);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert!(
            words.contains("SCRAM-SHA-256-PLUS: the channel binding may be the reason"),
            "{words}"
        );
        assert!(
            words.contains("trying SCRAM-SHA-256, login 2 of at most 3"),
            "{words}"
        );
        // RFC 5802 §6: the server offered a binding, so `y,,` would end it.
        assert!(words.contains("parts: n,, n=alice,r="), "{words}");
        super::check_hidden(kind, &output, &home);
    }
}

// Seen: Dovecot 2.3 with passwords in SHA512-CRYPT lists SCRAM and CRAM-MD5, and can do neither.
#[test]
fn the_third_try_needs_no_form_of_the_password_at_the_server() {
    let server = LoginServer::with(ServeOptions {
        faults: vec![fault::named("digests-refused").unwrap()],
        ..LoginServer::options(None)
    });
    let (output, home) = server.run("stls", &["--login"], &["stat", "quit"], SECRET);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(
        words.contains("trying PLAIN, login 3 of at most 3"),
        "{words}"
    );
    super::check_hidden("stls", &output, &home);
    // Without TLS the password stays here.
    let (output, _) = server.run("clear", &["--login"], &["stat", "quit"], SECRET);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.contains("3 logins were refused (SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5)"),
        "{words}"
    );
}

/// Whoever sits between, with a certificate of their own, can refuse the binding that would show
/// them.
#[test]
fn no_script_gives_up_the_binding_with_a_server_that_is_not_verified() {
    let server = without_plus();
    let address = server.serving.tls_address().unwrap().to_string();
    let home = Home::new();
    let args = [
        &address,
        "--tls",
        "--insecure",
        "-u",
        "alice",
        "--login",
        "-cquit",
    ];
    let output = run(&home, &args);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(words.matches("sending: AUTH").count(), 1, "{words}");
    assert!(
        words.contains("SCRAM-SHA-256 is not tried: this server's certificate"),
        "{words}"
    );
}

#[test]
fn a_person_is_asked_before_each_further_login() {
    let server = without_plus();
    let (address, ca) = (
        server.serving.tls_address().unwrap().to_string(),
        server.path("ca.pem"),
    );
    let args = [&address, "--tls", "--ca", &ca, "-u", "alice", "--login"];
    for (answer, prompt) in [("y\r", "trans tls>"), ("\r", "auth tls>")] {
        let home = Home::new();
        let size = (100, 160);
        let mut terminal = Terminal::open(&home, &args, &[("POPTALK_PASSWORD", SECRET)], size);
        terminal.see("A refusal counts as one more failed login. [y/N]");
        terminal.press(answer);
        let screen = terminal.prompt(prompt);
        assert_eq!(
            screen.contains("not tried: `:auth SCRAM-SHA-256`"),
            answer == "\r",
            "{screen}"
        );
        terminal.press(":quit\r");
        terminal.end();
    }
}

#[test]
fn a_person_is_warned_before_the_password_goes_out_in_cleartext() {
    let (address, server) = serve(talk(STAMP, without_apop));
    let home = Home::new();
    let args = [&address.to_string(), "-u", "alice", "--login"];
    let mut terminal = Terminal::open(&home, &args, &[("POPTALK_PASSWORD", SECRET)], (100, 160));
    terminal.see("an attacker may have sent the refusal");
    terminal.see("try USER and PASS?");
    terminal.press("n\r");
    terminal.prompt("auth>");
    terminal.press("quit\r");
    terminal.end();
    assert!(!text(&server.join().unwrap()).contains("PASS"));
}

#[test]
fn the_timestamp_of_before_tls_is_void() {
    let server = LoginServer::new(None);
    let (output, _) = server.run("stls", &[], &[":apop", "quit"], SECRET);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("came before TLS, so it is void"), "{words}");
    // A server without a timestamp never had one.
    let (_, _, words) = log_in(&["-c:apop"], talk("+OK ready\r\n", without_apop));
    assert!(!words.contains("void"), "{words}");
    let serving = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let home = Home::new();
    let output = run(
        &home,
        &[
            &serving.address().to_string(),
            "-u",
            "alice",
            "-c:apop --dry",
        ],
    );
    assert!(
        text(&output.stderr).contains("would send: APOP alice"),
        "{output:?}"
    );
}
