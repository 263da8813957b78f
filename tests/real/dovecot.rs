//! Against a real Dovecot, started by `tests/servers/dovecot.sh`. These fail where Dovecot is not
//! installed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use poptalk::pop3::tracker::Side;

use crate::support::terminal::Terminal;
use crate::support::{Home, read, text};

/// A running Dovecot with its folder; ended with it.
pub(crate) struct Dovecot {
    folder: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    /// There a PROXY protocol header comes first.
    proxy_port: u16,
}

/// The messages in its maildrop: name and text, LF line ends.
pub(crate) fn messages() -> Vec<String> {
    let head = |subject: &str| {
        format!("From: Bob <bob@example.org>\nTo: alice@example.net\nSubject: {subject}\n\n")
    };
    let long: String = (1..=800)
        .map(|number| format!("This is line {number} of a long message.\n"))
        .collect();
    vec![
        head("hello") + "Hello Alice,\n\nall is well.\n",
        head("dots") + ".\n..\n.x\nend\n",
        head("gr\u{fc}\u{df}e") + "\u{2709} caf\u{e9}\n",
        head("long") + &long,
        head("escapes") + "\x1b]0;title\x07 \x1b[31mred\x1b[0m\n",
    ]
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Dovecot {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("messages");
        std::fs::create_dir(&mail).unwrap();
        for (number, message) in messages().iter().enumerate() {
            std::fs::write(mail.join(format!("{number}.eml")), message).unwrap();
        }
        let [port, tls_port, proxy_port] = [(); 3].map(|()| free_port());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/dovecot.sh");
        let mut child = Command::new("bash")
            .arg(script)
            .arg(folder.path())
            .args([port, tls_port, proxy_port].map(|port| port.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "is dovecot-pop3d installed?");
        Self {
            folder,
            child,
            port,
            tls_port,
            proxy_port,
        }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

/// The thirteen steps of the guide, typed by hand at a logged-out prompt.
fn thirteen_steps(terminal: &mut Terminal, tls: &str) {
    let auth = format!("auth{tls}>");
    let trans = format!("trans{tls}>");
    terminal.prompt(&auth);
    terminal.line("user alice", &auth);
    terminal.line("pass secret", &trans);
    let screen = terminal.line("stat", &trans);
    assert!(screen.contains("+OK 5 "), "{screen}");
    terminal.line("list", &trans);
    let screen = terminal.line("top 1 0", &trans);
    assert!(screen.contains("Subject: hello"), "{screen}");
    terminal.press("retr 4\r");
    terminal.see("This is line 3 of a long message");
    terminal.press("G");
    terminal.see("This is line 800");
    terminal.press("q");
    terminal.prompt(&trans);
    terminal.line("dele 1", &format!("trans{tls} +1 del>"));
    terminal.line("rset", &trans);
    terminal.press("quit\r");
}

#[test]
#[ignore = "needs Dovecot"]
fn the_thirteen_steps_on_each_kind_of_port() {
    let dovecot = Dovecot::start();
    let ca = dovecot.ca();
    let (plain, tls) = (
        format!("localhost:{}", dovecot.port),
        format!("localhost:{}", dovecot.tls_port),
    );
    let ca = ca.to_str().unwrap();
    for (args, has_stls, tls) in [
        (&[plain.as_str()][..], false, ""),
        (&[plain.as_str(), "--ca", ca], true, " tls"),
        (&[tls.as_str(), "--tls", "--ca", ca], false, " tls"),
    ] {
        let home = Home::new();
        let mut terminal = Terminal::new(&home, args);
        if has_stls {
            terminal.prompt("auth>");
            terminal.line("capa", "auth>");
            let screen = terminal.line("stls", "auth tls>");
            assert!(screen.contains(", verified"), "{screen}");
        }
        thirteen_steps(&mut terminal, tls);
        assert_eq!(terminal.end().0, 0);
        let octets = text(&home.transcript().octets(Side::Server));
        assert!(octets.contains("This is line 800 of a long message.\r\n.\r\n"));
        assert!(!text(&home.transcript().octets(Side::Client)).contains("secret"));
    }
}

#[test]
#[ignore = "needs Dovecot"]
fn every_message_comes_out_octet_for_octet() {
    let dovecot = Dovecot::start();
    let home = Home::new();
    let file = home.path().join("all.pop3");
    let lines = "user alice\npass secret\nretr 1\nretr 2\nretr 3\nretr 4\nretr 5\nquit\n";
    let args = [
        &format!("127.0.0.1:{}", dovecot.port),
        "--log",
        file.to_str().unwrap(),
    ];
    let output = home.script(&args, lines.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for message in messages() {
        let stuffed = message.replace("\n.", "\n..").replace('\n', "\r\n");
        assert!(
            text(&output.stdout).contains(&(stuffed + ".\r\n")),
            "{message}"
        );
    }
    assert!(read(&file).octets(Side::Server) == output.stdout);
}

#[test]
#[ignore = "needs Dovecot"]
fn the_source_of_a_header_is_the_client() {
    let dovecot = Dovecot::start();
    let log = || std::fs::read_to_string(dovecot.folder.path().join("log")).unwrap();
    let address = format!("127.0.0.1:{}", dovecot.proxy_port);
    let lines = [
        "--allow-plaintext",
        "-cuser alice",
        "-cpass secret",
        "-cquit",
    ];
    let run = |header: &[&str]| {
        let ca = dovecot.ca();
        let args = [&address, "--ca", ca.to_str().unwrap(), "--no-log"];
        let output = Home::new().script(&[&args[..], header, &lines].concat(), b"");
        (output.status.code(), text(&output.stderr))
    };
    for (version, source, tls) in [
        ("v1", "203.0.113.7:4711", None),
        ("v2", "203.0.113.8:4711", None),
        ("v2", "203.0.113.9:4711", Some("--stls")),
        ("v1", "[2001:db8::7]:4711", None),
        ("v2", "[2001:db8::8]:4711", None),
    ] {
        let header = ["--proxy-protocol", version, "--proxy-source", source];
        let header: Vec<&str> = header.into_iter().chain(tls).collect();
        let (code, told) = run(&header);
        assert_eq!(code, Some(0), "{header:?}: {told}");
        let ip = source.parse::<std::net::SocketAddr>().unwrap().ip();
        let log = log();
        assert!(log.contains(&format!("rip={ip}, ")), "{header:?}: {log}");
    }
    // Without a header there is no greeting.
    let (code, told) = run(&[]);
    assert_ne!(code, Some(0), "{told}");
    assert!(told.contains("the server sent no greeting"), "{told}");
}

#[test]
#[ignore = "needs Dovecot"]
fn a_certificate_that_is_not_to_be_trusted_is_told_why() {
    let dovecot = Dovecot::start();
    let tls = dovecot.tls_port.to_string();
    let told = |host: &str, args: &[&str]| {
        let output = Home::new().script(
            &[&[host, tls.as_str(), "--tls", "-c", "QUIT"], args].concat(),
            b"",
        );
        (output.status.code(), text(&output.stderr))
    };
    let (code, words) = told("localhost", &[]);
    assert_eq!(code, Some(4));
    assert!(
        words.contains("authority that this machine does not trust")
            || words.contains("this machine does not trust the authority"),
        "{words}"
    );
    let ca = dovecot.ca();
    let (code, words) = told("127.0.0.2", &["--ca", ca.to_str().unwrap()]);
    assert_ne!(code, Some(0), "{words}");
    let (code, words) = told("localhost", &["--insecure"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("NOT VERIFIED"), "{words}");
}

#[test]
#[ignore = "needs Dovecot"]
fn a_wrong_password_ends_a_script_with_1() {
    let dovecot = Dovecot::start();
    let address = format!("127.0.0.1:{}", dovecot.port);
    let output = Home::new().script(&[&address], b"user alice\npass wrong\nstat\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("-ERR [AUTH]"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
#[ignore = "needs Dovecot"]
fn every_mechanism_logs_in_on_each_kind_of_port() {
    let dovecot = Dovecot::start();
    let ca = dovecot.ca();
    let ca = ca.to_str().unwrap();
    let (plain, tls) = (
        format!("localhost:{}", dovecot.port),
        format!("localhost:{}", dovecot.tls_port),
    );
    let secret = dovecot.folder.path().join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    let given = [
        "--password-file",
        secret.to_str().unwrap(),
        "--allow-plaintext",
        "-u",
        "alice",
    ];
    for (args, tls) in [
        (vec![plain.as_str()], ""),
        (vec![plain.as_str(), "--stls", "--ca", ca], " tls"),
        (vec![tls.as_str(), "--tls", "--ca", ca], " tls"),
    ] {
        let mut words: Vec<String> = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
            .map(|name| format!(":auth {name} --two-lines"))
            .into();
        words.extend(
            ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"]
                .map(|name| format!(":auth {name}")),
        );
        words.push(":login".to_owned());
        // The timestamp of a greeting before TLS is void inside it (RFC 2595 §4).
        if args.len() != 4 {
            words.push(":apop".to_owned());
        }
        for word in words {
            let home = Home::new();
            let mut terminal = Terminal::tall(&home, &[&args[..], &given[..]].concat());
            terminal.prompt(&format!("auth{tls}>"));
            let screen = terminal.line(&word, &format!("trans{tls}>"));
            assert!(screen.contains("parts: "), "{word}: {screen}");
            terminal.press("quit\r");
            let (code, raw) = terminal.end();
            assert_eq!(code, 0);
            let mut all = text(&raw);
            for file in home.files() {
                all += &std::fs::read_to_string(file).unwrap();
            }
            // The password, and the base64 of it alone and behind `alice` and NULs.
            for hidden in [":secret", " secret", "c2VjcmV0", "AGFsaWNlAHNlY3JldA"] {
                assert!(!all.contains(hidden), "{word}: {hidden} in {all}");
            }
        }
    }
}

#[test]
#[ignore = "needs Dovecot"]
fn a_wrong_password_is_refused_and_explained() {
    let dovecot = Dovecot::start();
    let secret = dovecot.folder.path().join("wrong");
    std::fs::write(&secret, "wrong password\n").unwrap();
    let address = format!("127.0.0.1:{}", dovecot.port);
    let home = Home::new();
    let args = [
        &address,
        "--password-file",
        secret.to_str().unwrap(),
        "-u",
        "alice",
    ];
    let mut terminal = Terminal::tall(&home, &args);
    terminal.prompt("auth>");
    terminal.line(":auth scram-sha-256 --dry", "auth>");
    let screen = terminal.line(":auth scram-sha-256", "auth>");
    assert!(screen.contains("-ERR [AUTH]"), "{screen}");
    let screen = terminal.line(":why", "auth>");
    assert!(screen.contains("[AUTH]"), "{screen}");
    terminal.press("quit\r");
    terminal.end();
}

#[test]
#[ignore = "needs Dovecot"]
fn what_is_recorded_on_dovecot_replays_on_dovecot() {
    let dovecot = Dovecot::start();
    let home = Home::new();
    let ca = dovecot.ca();
    let ca = ca.to_str().unwrap();
    let secret = dovecot.folder.path().join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    let source = ["-u", "alice", "--password-file", secret.to_str().unwrap()];
    let plain = format!("localhost:{}", dovecot.port);
    let tls = format!("localhost:{}", dovecot.tls_port);
    let by_hand = "capa\nuser alice\npass secret\nstat\nlist\nuidl\nretr 1\ntop 2 3\ndele 1\nlist 99\nrset\nquit\n";
    let by_scram = ":auth scram-sha-256\nlist\nquit\n";
    let by_apop = ":apop\nstat\nquit\n";
    let ways: [(&[&str], &str); 6] = [
        (&[plain.as_str()], by_hand),
        (&[plain.as_str(), "--stls", "--ca", ca], by_hand),
        (&[tls.as_str(), "--tls", "--ca", ca], by_hand),
        (&[plain.as_str()], by_scram),
        (&[tls.as_str(), "--tls", "--ca", ca], by_scram),
        (&[plain.as_str()], by_apop),
    ];
    for (index, (args, lines)) in ways.into_iter().enumerate() {
        let file = home.path().join(format!("{index}.pop3"));
        let file = file.to_str().unwrap();
        let all = [args, &source, &["--keep-going", "--log", file]].concat();
        home.script(&all, lines.as_bytes());
        let replayed = [&["replay", file, "--ca", ca], &source[..]].concat();
        let output = home.script(&replayed, b"");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{lines}: {said}");
        assert!(said.contains("as recorded"), "{said}");
        let secret = ["cretsecret", "c2VjcmV0"];
        for path in home.files() {
            let file = std::fs::read_to_string(path).unwrap();
            assert!(!secret.iter().any(|secret| file.contains(secret)));
        }
    }
}

#[test]
#[ignore = "needs Dovecot"]
fn dovecot_breaks_the_rules_that_it_is_known_to_break() {
    let dovecot = Dovecot::start();
    let ca = dovecot.ca();
    let address = format!("localhost:{}", dovecot.port);
    let home = Home::new();
    let log = home.path().join("session.pop3");
    let script = "CAPA\nUSER alice\nPASS secret\nCAPA\nSTAT\nLIST\nUIDL\nLIST 1\nUIDL 2\nLIST 99\nLIST 0\n\
                  LIST 4294967297\nTOP 1 0\nRETR 1\nTOP 2 1\nRETR 2\nRETR 3\nTOP 4 99999999\nRETR 4\nRETR 5\nXYZZY\n\
                  NOOP\nnoop\nDELE 1\nDELE 1\nSTAT\nLIST\nRETR 1\nRSET\nSTAT\nLIST\nQUIT\n";
    let args = [
        address.as_str(),
        "--stls",
        "--ca",
        ca.to_str().unwrap(),
        "--keep-going",
        "--log",
        log.to_str().unwrap(),
    ];
    let output = home.script(&args, script.as_bytes());
    let transcript =
        std::fs::read(&log).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let mut reader = poptalk::transcript::text::Reader::new(&transcript[..]);
    let found =
        poptalk::analysis::lint::judge(&mut reader, poptalk::analysis::lint::Lint::new()).unwrap();
    let found: Vec<String> = found
        .iter()
        .map(|one| format!("{} {}", one.level.name(), one.id))
        .collect();
    let known = [
        "info capa-unregistered-tag", // it lists CAPA itself
        "must capa-differs-after-login",
        "info status-trailing-space",
        "info eight-bit-headers",
    ];
    assert_eq!(found, known);
}
