//! A certificate that cannot be verified: shown, asked about, and trusted for one session.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::support::Home;
use crate::support::terminal::Terminal;

const ASKED: &str = "trust this certificate for this session? [y/N]";

/// A practice server with TLS; the console that it is for asks about its certificate.
struct Untrusted {
    home: Home,
    server: Child,
    address: String,
}

impl Untrusted {
    fn start(is_tls: bool) -> Self {
        let home = Home::new();
        let any = "127.0.0.1:0";
        let mut server = home.poptalk(&["serve", "--listen", any, "--tls-listen", any]);
        let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(server.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        // `ready ADDRESS tls ADDRESS ...`
        let word = if is_tls { 3 } else { 1 };
        let address = line.split(' ').nth(word).unwrap().to_owned();
        Self {
            home,
            server,
            address,
        }
    }

    fn transcripts(&self) -> Vec<String> {
        let folder = self.home.path().join(".local/state/poptalk");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut paths: Vec<_> = files.map(|file| file.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "pop3"));
        paths.sort();
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
        paths.iter().map(read).collect()
    }
}

impl Drop for Untrusted {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// The last fingerprint on a screen, as `--pin` takes it.
fn fingerprint(screen: &str) -> String {
    let (_, after) = screen.rsplit_once("fingerprint  SHA-256").unwrap();
    let is_hex = |sign: char| sign.is_ascii_hexdigit() || sign == ':';
    let words = after.split_whitespace();
    let digits: String = words.take_while(|word| word.chars().all(is_hex)).collect();
    format!("SHA256:{digits}")
}

#[test]
fn a_certificate_that_you_trust_is_trusted_until_poptalk_ends() {
    let peer = Untrusted::start(true);
    let mut terminal = Terminal::tall(&peer.home, &[&peer.address, "--tls"]);
    let screen = terminal.see(ASKED);
    assert!(screen.contains("self-signed"), "{screen}");
    assert!(screen.contains("subject      CN=localhost"), "{screen}");
    let pin = fingerprint(&screen);
    let screen = terminal.line("y", "auth tls>");
    assert!(screen.contains(", pinned"), "{screen}");
    terminal.line(":close", "closed>");
    let screen = terminal.line(":open", "auth tls>");
    assert_eq!(screen.matches(ASKED).count(), 1, "{screen}");
    let screen = terminal.line(":tls", "auth tls>");
    assert!(
        screen.contains("pinned: it has the fingerprint"),
        "{screen}"
    );
    assert_eq!(fingerprint(&screen), pin);
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);

    let transcripts = peer.transcripts();
    let with = |words: &str| transcripts.iter().filter(|one| one.contains(words)).count();
    assert_eq!(
        with("* tls failed: the server's certificate is self-signed"),
        1
    );
    assert_eq!(
        with(" unverified (the server's certificate is self-signed) CN=localhost"),
        1
    );
    assert_eq!(with(" pinned CN=localhost"), 2);
    assert_eq!(transcripts.len(), 4);
}

#[test]
fn a_certificate_that_you_do_not_trust_ends_the_session() {
    let peer = Untrusted::start(true);
    let mut terminal = Terminal::tall(&peer.home, &[&peer.address, "--tls"]);
    terminal.see(ASKED);
    terminal.press("\r");
    assert_eq!(terminal.end().0, 4);
}

#[test]
fn after_a_refused_stls_the_certificate_can_be_fetched_and_trusted() {
    let peer = Untrusted::start(false);
    let mut terminal = Terminal::tall(&peer.home, &[&peer.address]);
    terminal.prompt("auth>");
    terminal.line("stls", "closed>");
    terminal.see("`:open --trust` shows the certificate");
    let screen = terminal.line(":open --trust", ASKED);
    let pin = fingerprint(&screen);
    terminal.line("n", "closed>");
    // The handshake that failed is known better now.
    let screen = terminal.line(":tls", "closed>");
    assert_eq!(screen.matches("fingerprint  SHA-256").count(), 2);
    assert_eq!(fingerprint(&screen), pin);

    let wrong = format!(":open --trust SHA256:{}", "00".repeat(32));
    terminal.line(&wrong, "auth>");
    let screen = terminal.line("stls", "closed>");
    assert!(
        screen.contains("does not match the pinned fingerprint"),
        "{screen}"
    );
    let screen = terminal.line(":open --trust sha256:12", "closed>");
    assert!(screen.contains("64 hexadecimal digits"), "{screen}");
    terminal.line(&format!(":open --trust {pin}"), "auth>");
    terminal.line("stls", "auth tls>");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);
}

/// What was trusted at one server says nothing about the next.
#[test]
fn a_different_server_is_not_trusted_for_it() {
    let peer = Untrusted::start(true);
    let mut terminal = Terminal::tall(&peer.home, &[&peer.address, "--tls"]);
    terminal.see(ASKED);
    terminal.line("y", "auth tls>");
    terminal.line(":close", "closed>");
    let port = peer.address.rsplit(':').next().unwrap();
    let screen = terminal.line(&format!(":open localhost:{port}"), ASKED);
    assert_eq!(screen.matches(ASKED).count(), 2, "{screen}");
    terminal.line("n", "closed>");
    terminal.press(":quit\r");
    assert_eq!(terminal.end().0, 0);
}
