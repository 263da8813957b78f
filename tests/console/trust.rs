//! A certificate that cannot be verified: shown, asked about, and trusted for one session.

use std::io::{BufRead, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;

use crate::support::Home;
use crate::support::terminal::Terminal;

const ASKED: &str = "trust this certificate until poptalk ends? [y/N]";

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
    // Wide enough for a fingerprint that is typed.
    let mut terminal = Terminal::open(&peer.home, &[&peer.address], &[], (100, 160));
    terminal.prompt("auth>");
    terminal.line("stls", "closed>");
    terminal.see("`:open --trust` shows the certificate");
    let screen = terminal.line(":open --trust", ASKED);
    let pin = fingerprint(&screen);
    terminal.line("n", "closed>");
    // The handshake that failed is known better now.
    let screen = terminal.line(":tls", "closed>");
    assert!(screen.contains("fetched afterwards"), "{screen}");
    assert_eq!(fingerprint(&screen), pin);

    let wrong = format!(":open --trust SHA256:{}", "00".repeat(32));
    terminal.press(&format!("{wrong}\r"));
    terminal.see("does not match the pinned fingerprint");
    terminal.prompt("closed>");
    let screen = terminal.line(":open --trust sha256:12", "closed>");
    assert!(screen.contains("64 hexadecimal digits"), "{screen}");
    // TLS was asked for, so STLS follows.
    let screen = terminal.line(&format!(":open --trust {pin}"), "auth tls>");
    assert!(screen.contains("pinned"), "{screen}");
    let screen = terminal.line(":state", "auth tls>");
    assert!(screen.contains("TLS, certificate pinned"), "{screen}");
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

/// A line that was typed before the certificate is on the screen is not an answer.
#[test]
fn what_is_typed_before_the_question_does_not_answer_it() {
    let peer = Untrusted::start(true);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (accepted, connected) = channel();
    let (go, wait) = channel::<()>();
    let server = peer.address.clone();
    std::thread::spawn(move || {
        for (index, client) in listener.incoming().flatten().enumerate() {
            accepted.send(()).unwrap();
            if index == 1 {
                wait.recv().unwrap();
            }
            let server = TcpStream::connect(&server).unwrap();
            relay(&client, &server);
        }
    });
    let mut terminal = Terminal::tall(&peer.home, &[&address, "--tls"]);
    connected.recv().unwrap();
    // The second connection fetches the certificate.
    connected.recv().unwrap();
    terminal.press("y\r");
    go.send(()).unwrap();
    terminal.prompt(ASKED);
    terminal.press("\r");
    assert_eq!(terminal.end().0, 4);
}

/// Passes octets on in both directions until both sides have closed.
fn relay(client: &TcpStream, server: &TcpStream) {
    let copy = |from: &TcpStream, to: &TcpStream| {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    copy(client, server);
    copy(server, client);
}

/// A client certificate names you, so it goes only to a server that is trusted.
#[test]
#[cfg(not(any(windows, target_vendor = "apple")))]
fn the_client_certificate_is_not_shown_to_an_untrusted_server() {
    use std::io::{Read as _, Write as _};

    use crate::scripts::tls::{GOOD, make};
    use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion};

    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let own = make(GOOD, None);
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate(&own.certificate).unwrap();
        context.set_private_key(&own.key).unwrap();
        context.set_max_proto_version(Some(version)).unwrap();
        context.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        let context = context.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let (names, named) = channel();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut stream = SslStream::new(Ssl::new(&context).unwrap(), client).unwrap();
                if stream.accept().is_ok() {
                    names
                        .send(stream.ssl().peer_certificate().is_some())
                        .unwrap();
                    let _ = stream.write_all(b"+OK ready\r\n");
                    let _ = stream.read(&mut [0; 100]);
                }
            }
        });
        let home = Home::new();
        let client = make(GOOD, None);
        let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        std::fs::write(&cert, client.certificate.to_pem().unwrap()).unwrap();
        std::fs::write(&key, client.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let files = [
            "--cert",
            cert.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
        ];
        let args = [&[address.as_str(), "--tls"][..], &files].concat();
        let mut terminal = Terminal::tall(&home, &args);
        terminal.see(ASKED);
        assert!(!named.recv().unwrap(), "it was shown before the question");
        terminal.line("y", "auth tls>");
        assert!(named.recv().unwrap(), "it is shown after the question");
        terminal.press(":quit\r");
        assert_eq!(terminal.end().0, 0);
    }
}

/// Nothing has begun yet that Ctrl-C could end instead of the program.
#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_connection_that_is_not_made() {
    use std::io::Read as _;

    // A server that accepts and never answers the handshake.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut terminal = Terminal::tall(&Home::new(), &[&address, "--tls"]);
    let mut hello = [0; 1];
    let (mut client, _) = listener.accept().unwrap();
    client.read_exact(&mut hello).unwrap();
    terminal.press("\x03");
    assert_eq!(terminal.end().0, 130);
}
