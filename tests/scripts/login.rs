//! Logging in to the practice server by every mechanism, from scripts and from the console.

#![cfg(not(any(windows, target_vendor = "apple")))]

mod further;

use std::process::{Output, Stdio};

use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::net::server_certificate::ServerCertificate;
use poptalk::servers::Account;

use crate::scripts::tls::{AUTHORITY, GOOD, Made, Odd, make};
use crate::support::terminal::Terminal;
use crate::support::{Home, text};

const SECRET: &str = "Geheim-77/wonder";

/// A server whose account has a password that stands nowhere else, and the files that a client of
/// it needs.
struct LoginServer {
    serving: Server,
    home: Home,
}

impl LoginServer {
    fn new(client_ca: Option<Vec<u8>>) -> Self {
        Self::with(Self::options(client_ca))
    }

    fn options(client_ca: Option<Vec<u8>>) -> ServeOptions {
        ServeOptions {
            tls_listen: Some("127.0.0.1:0".parse().unwrap()),
            certificate: ServerCertificate::default(),
            client_ca,
            account: Account {
                password: SECRET.to_owned(),
                ..Account::practice()
            },
            ..ServeOptions::default()
        }
    }

    fn with(options: ServeOptions) -> Self {
        let home = Home::new();
        let serving = Server::start(options, |_| {}).unwrap();
        let pem = serving.certificate_pem();
        std::fs::write(home.path().join("ca.pem"), pem).unwrap();
        Self { serving, home }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs lines on one kind of connection: `clear`, `stls` or `tls`.
    fn run(&self, kind: &str, args: &[&str], lines: &[&str], secret: &str) -> (Output, Home) {
        let address = match kind {
            "tls" => self.serving.tls_address().unwrap(),
            _ => self.serving.address(),
        };
        let (address, ca) = (address.to_string(), self.path("ca.pem"));
        let mut all = vec![address.as_str(), "-u", "alice"];
        match kind {
            "tls" => all.extend(["--tls", "--ca", &ca]),
            "stls" => all.extend(["--stls", "--ca", &ca]),
            _ => {}
        }
        all.extend(args);
        for line in lines {
            all.extend(["-c", line]);
        }
        let home = Home::new();
        let mut program = home.poptalk(&all);
        program.env("POPTALK_PASSWORD", secret).stdin(Stdio::null());
        (program.output().unwrap(), home)
    }
}

/// What must be nowhere: the secret, and its base64 at the three alignments.
fn hidden() -> [&'static str; 4] {
    [
        SECRET,
        "R2VoZWltLTc3L3dvbmRl",
        "ZWhlaW0tNzcvd29uZGVy",
        "laW0tNzcvd29uZGVy",
    ]
}

fn check_hidden(what: &str, output: &Output, home: &Home) {
    let mut all = text(&output.stderr) + &text(&output.stdout);
    assert!(!home.files().is_empty());
    for file in home.files() {
        all += &std::fs::read_to_string(file).unwrap();
    }
    for hidden in hidden() {
        assert!(!all.contains(hidden), "{what}: {hidden} in {all}");
    }
}

#[test]
fn every_mechanism_in_both_forms_on_each_kind_of_connection() {
    let server = LoginServer::new(None);
    let always = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "ANONYMOUS"];
    let inside = [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "PLAIN",
        "LOGIN",
        "XOAUTH2",
        "OAUTHBEARER",
    ];
    for kind in ["clear", "stls", "tls"] {
        let mut mechanisms = always.to_vec();
        if kind != "clear" {
            mechanisms.extend(inside);
        }
        for mechanism in mechanisms {
            for form in ["", " --two-lines"] {
                let what = format!(":auth {mechanism}{form}");
                let (output, home) = server.run(kind, &[], &[&what, "stat", "quit"], SECRET);
                let told = text(&output.stderr);
                assert_eq!(output.status.code(), Some(0), "{kind} {what}: {told}");
                assert!(told.contains("parts: "), "{kind} {what}: {told}");
                if mechanism.starts_with("SCRAM") {
                    assert!(told.contains("its signature is correct"), "{what}: {told}");
                }
                check_hidden(&what, &output, &home);
            }
        }
        let (output, home) = server.run(kind, &[], &[":auth plain --dry", ":apop --dry"], SECRET);
        assert!(text(&output.stderr).contains("would send: AUTH PLAIN"));
        check_hidden("--dry", &output, &home);
    }
}

#[test]
fn login_takes_the_strongest_that_is_offered() {
    let server = LoginServer::new(None);
    for (kind, mechanism) in [
        ("clear", "SCRAM-SHA-256"),
        ("stls", "SCRAM-SHA-256-PLUS"),
        ("tls", "SCRAM-SHA-256-PLUS"),
    ] {
        let (output, home) = server.run(kind, &["--login"], &["stat", "quit"], SECRET);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(
            told.contains(&format!("sending: AUTH {mechanism} ••••••\n")),
            "{told}"
        );
        assert!(text(&output.stdout).contains("+OK 9 "));
        check_hidden(kind, &output, &home);
        let (output, home) = server.run(kind, &["--login"], &["quit"], "something else");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains("-ERR [AUTH] wrong name or password"));
        assert_eq!(
            home.transcript().rows().last().unwrap().side,
            poptalk::pop3::tracker::Side::Server
        );
    }
}

#[test]
fn nothing_plain_goes_out_in_clear_unasked() {
    let server = LoginServer::new(None);
    let (output, home) = server.run("clear", &[], &[":auth plain", "quit"], SECRET);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("line 1, \":auth\": not sent: there is no TLS"),
        "{told}"
    );
    assert!(
        told.contains("hint: ") && told.contains("--allow-plaintext"),
        "{told}"
    );
    let sent = home
        .transcript()
        .octets(poptalk::pop3::tracker::Side::Client);
    assert_eq!(text(&sent), "");
    let (output, _) = server.run(
        "clear",
        &["--allow-plaintext"],
        &[":auth plain", "quit"],
        SECRET,
    );
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("-ERR PLAIN would send the secret in cleartext; send STLS first"),
        "{said}"
    );
}

#[test]
fn a_url_names_who_logs_in_and_no_line_of_its_own() {
    let server = LoginServer::new(None);
    let address = server.serving.tls_address().unwrap();
    let (ca, home) = (server.path("ca.pem"), Home::new());
    let log_in = |user: &str| {
        let url = format!("pop3s://{user}@{address}/");
        let lines = ["-c", ":auth plain", "-c", "quit"];
        home.poptalk(&[&["--ca", &ca, "--no-log", &url], &lines[..]].concat())
            .env("POPTALK_PASSWORD", SECRET)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = log_in("%61lice;AUTH=*");
    assert!(text(&output.stdout).contains("+OK 9 "), "{output:?}");
    let output = log_in("alice%0D%0ADELE%201");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "", "nothing was sent");
    // The one who was named before is not told to another server.
    let home = Home::new();
    let address = server.serving.address();
    let start = format!("pop3://carol@{address}");
    let mut terminal = Terminal::tall(&home, &[&start]);
    for (open, user) in [
        (String::new(), "carol"),
        (format!(":open pop3://bob@{address}"), "bob"),
    ] {
        terminal.prompt("auth>");
        if !open.is_empty() {
            terminal.press(&format!(":close\r{open}\r"));
        }
        terminal.prompt("auth>");
        terminal.press(":login\r");
        terminal.see(&format!("password of {user}"));
        // Ctrl-C gives the prompt back.
        terminal.press("\u{3}");
    }
    terminal.prompt("auth>");
    terminal.press(&format!(":close\r:open {address}\r"));
    terminal.prompt("auth>");
    terminal.press(":login\r");
    terminal.see("user name:");
    terminal.press("\r");
    terminal.prompt("auth>");
    terminal.press(":quit\r");
    terminal.end();
    // Nor is somebody in what has no scheme, and a password least of all.
    let output = home.script(&["alice:geheimnis@127.0.0.1:1"], b"");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!text(&output.stderr).contains("geheimnis"), "{output:?}");
    let check = home.script(&["check", "pop3://al%00ice@127.0.0.1:1"], b"");
    assert_eq!(check.status.code(), Some(2), "{check:?}");
}

#[test]
fn a_certificate_of_the_clients_logs_it_in() {
    let authority = make(AUTHORITY, None);
    let server = LoginServer::new(Some(authority.certificate.to_pem().unwrap()));
    let write = |name: &str, made: &Made| {
        let pem = made.certificate.to_pem().unwrap();
        std::fs::write(server.path(&format!("{name}.pem")), pem).unwrap();
        let key = made.key.private_key_to_pem_pkcs8().unwrap();
        std::fs::write(server.path(&format!("{name}.key")), key).unwrap();
    };
    let named = |name| Odd { name, ..GOOD };
    write("alice", &make(named("alice"), Some(&authority)));
    write("bob", &make(named("bob"), Some(&authority)));
    write("stranger", &make(named("alice"), None));
    let log_in = |who: &str, kind: &str| {
        let (cert, key) = (
            server.path(&format!("{who}.pem")),
            server.path(&format!("{who}.key")),
        );
        let args = ["--cert", cert.as_str(), "--key", key.as_str()];
        let (output, _) = server.run(kind, &args, &[":auth external", "stat", "quit"], SECRET);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    for kind in ["stls", "tls"] {
        let (code, said, told) = log_in("alice", kind);
        assert_eq!(code, Some(0), "{kind}: {said}{told}");
        assert!(said.contains("+OK 9 "));
        let (code, said, _) = log_in("bob", kind);
        assert_eq!((code, said.contains("-ERR [AUTH]")), (Some(1), true));
        // TLS 1.3 tells the client of the refusal only when it reads.
        let (code, said, told) = log_in("stranger", kind);
        assert!(matches!(code, Some(3 | 4)), "{code:?} {said}{told}");
    }
    let (output, _) = server.run("tls", &[], &[":auth external", "quit"], SECRET);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("-ERR no such mechanism"));
}

#[test]
fn the_prompt_tells_of_tls_that_is_not_to_be_relied_on() {
    let server = LoginServer::new(None);
    let address = server.serving.tls_address().unwrap().to_string();
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &[&address, "--tls", "--insecure"]);
    terminal.prompt("auth tls?>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
    let events: Vec<String> = home
        .transcript()
        .items
        .iter()
        .filter_map(|item| match item {
            poptalk::transcript::Item::Event(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let is_told = |event: &String| event.starts_with("tls ") && event.contains(" unverified ");
    assert!(events.iter().any(is_told), "{events:?}");
}
