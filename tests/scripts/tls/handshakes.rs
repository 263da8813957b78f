//! Servers whose TLS is odd, and whose certificate is right: how it begins, what comes in the
//! middle, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use openssl::ssl::{NameType, SslContextBuilder};
use poptalk::modes::proxy::{ProxyOptions, RelayOutcome};
use poptalk::net::target::Target;

use super::*;
use crate::servers::proxy::Proxied;
use crate::support::{Dice, Peer, serve as serve_in_clear};

/// A certificate for `localhost` and the file of who issued it.
struct Trusted {
    home: Home,
    authority: Made,
    own: Made,
}

impl Trusted {
    fn new() -> Self {
        let authority = make(AUTHORITY, None);
        let own = make(GOOD, Some(&authority));
        let home = Home::new();
        let pem = authority.certificate.to_pem().unwrap();
        std::fs::write(home.path().join("ca.pem"), pem).unwrap();
        Self {
            home,
            authority,
            own,
        }
    }

    fn ca(&self) -> String {
        self.home.path().join("ca.pem").display().to_string()
    }

    fn context(&self) -> SslContextBuilder {
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate(&self.own.certificate).unwrap();
        context.set_private_key(&self.own.key).unwrap();
        context
    }

    /// Serves each connection with what `talk` says behind the handshake; the sockets are closed as
    /// they are.
    fn serve(
        &self,
        context: SslContextBuilder,
        talk: fn(&mut SslStream<std::net::TcpStream>),
    ) -> u16 {
        let context = context.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                let mut stream = SslStream::new(Ssl::new(&context).unwrap(), socket).unwrap();
                if stream.accept().is_ok() {
                    talk(&mut stream);
                }
            }
        });
        port
    }

    /// Plays lines; gives the exit code, what was told, and the transcript.
    fn play(&self, port: u16, args: &[&str]) -> (i32, String, String) {
        let log = Home::new();
        let log = log.path().join("log.pop3");
        std::fs::create_dir_all(log.parent().unwrap()).unwrap();
        let (host, ca) = (format!("localhost:{port}"), self.ca());
        let all = ["--tls", "--ca", &ca, "--log", log.to_str().unwrap()];
        let output = self
            .home
            .script(&[&[host.as_str()], &all[..], args].concat(), b"");
        let code = output.status.code().unwrap_or(-1);
        let log = std::fs::read_to_string(log).unwrap();
        (code, text(&output.stderr), log)
    }
}

/// The next line, without its end.
fn hear(stream: &mut SslStream<std::net::TcpStream>) -> String {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\n") && matches!(stream.read(&mut octet), Ok(1)) {
        line.push(octet[0]);
    }
    text(&line).trim_end().to_owned()
}

fn say(stream: &mut SslStream<std::net::TcpStream>, line: &str) {
    // The client may have gone.
    let _ = stream.write_all(line.as_bytes());
}

/// Greets and says `+OK` to each line, up to QUIT.
fn answer(stream: &mut SslStream<std::net::TcpStream>) {
    say(stream, "+OK ready\r\n");
    loop {
        let line = hear(stream);
        say(stream, "+OK\r\n");
        if line.is_empty() || line == "QUIT" {
            return;
        }
    }
}

#[test]
fn the_name_for_tls_is_sent_and_verified_instead_of_the_host() {
    let mut trusted = Trusted::new();
    let odd = Odd {
        name: "pop.example.org",
        ..GOOD
    };
    trusted.own = make(odd, Some(&trusted.authority));
    let mut context = trusted.context();
    let (sender, asked) = std::sync::mpsc::channel();
    context.set_servername_callback(move |ssl, _| {
        let name = ssl.servername(NameType::HOST_NAME).map(str::to_owned);
        sender.send(name).unwrap();
        Ok(())
    });
    let port = trusted.serve(context, answer);
    for (name, code, told) in [
        ("pop.example.org", 0, "verified"),
        (
            "other.example.org",
            4,
            "not for the name `other.example.org`",
        ),
    ] {
        let (seen, words, _) = trusted.play(port, &["--tls-name", name, "-cQUIT"]);
        assert_eq!(seen, code, "{words}");
        assert!(words.contains(told), "{words}");
        assert_eq!(asked.recv_timeout(LIMIT).unwrap().as_deref(), Some(name));
    }
    // The hint after the first error leads to the option.
    let (seen, words, _) = trusted.play(port, &["-cQUIT"]);
    assert_eq!(seen, 4, "{words}");
    assert!(words.contains("not for the name `localhost`"), "{words}");
    assert!(words.contains("--tls-name"), "{words}");
    assert_eq!(
        asked.recv_timeout(LIMIT).unwrap().as_deref(),
        Some("localhost")
    );
    let args = ["--tls-name", "other.example.org", "--insecure", "-cQUIT"];
    let (seen, words, _) = trusted.play(port, &args);
    assert_eq!(seen, 0, "{words}");
    assert!(
        words.contains("not for the name `other.example.org`"),
        "{words}"
    );
}

const UNANNOUNCED: &str = "* ended TLS without close_notify";

#[test]
fn an_end_without_close_notify_is_told_once() {
    let trusted = Trusted::new();
    let port = trusted.serve(trusted.context(), answer);
    for version in ["1.2", "1.3"] {
        let (code, told, log) = trusted.play(port, &["--tls-max", version, "-cNOOP", "-cQUIT"]);
        assert_eq!(code, 0, "{told}");
        assert_eq!(told.matches("without close_notify").count(), 1, "{told}");
        assert!(!told.contains("error"), "{told}");
        let end = format!("* closed by server\n{UNANNOUNCED}\n");
        assert!(log.ends_with(&end), "{log}");
    }
}

#[test]
fn an_end_with_close_notify_is_not_told() {
    let trusted = Trusted::new();
    let port = trusted.serve(trusted.context(), |stream| {
        answer(stream);
        stream.shutdown().unwrap();
    });
    let (code, told, log) = trusted.play(port, &["-cQUIT"]);
    assert_eq!(code, 0, "{told}");
    assert!(!told.contains("close_notify"), "{told}");
    assert!(log.ends_with("* closed by server\n"), "{log}");
}

#[test]
fn a_message_that_is_cut_off_without_close_notify_is_a_loss() {
    let trusted = Trusted::new();
    let cut = |stream: &mut SslStream<std::net::TcpStream>| {
        say(stream, "+OK ready\r\n");
        hear(stream);
        say(stream, "+OK\r\nFrom: Bob\r\n");
    };
    let port = trusted.serve(trusted.context(), cut);
    let (code, told, log) = trusted.play(port, &["-cRETR 1", "-cQUIT"]);
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("in the middle of a multi-line reply") && told.contains("close_notify"),
        "{told}"
    );
    assert!(log.ends_with(&format!("{UNANNOUNCED}\n")), "{log}");
}

#[test]
fn a_proxy_records_an_end_without_close_notify() {
    let trusted = Trusted::new();
    let port = trusted.serve(trusted.context(), answer);
    let proxied = Proxied::with(ProxyOptions {
        server_tls: poptalk::net::tls::TlsSettings {
            ca: Some(trusted.ca().into()),
            ..Default::default()
        },
        ..ProxyOptions::new(Target {
            host: "localhost".to_owned(),
            port,
            is_tls: true,
        })
    });
    let address = proxied.proxy.address().to_string();
    trusted.home.script(&[&address, "--no-log", "-cQUIT"], b"");
    assert_eq!(proxied.report().outcome, RelayOutcome::ClosedByServer);
    let log = std::fs::read_to_string(proxied.file()).unwrap();
    assert!(
        log.ends_with("* closed by server\n* upstream ended TLS without close_notify\n"),
        "{log}"
    );
}

#[test]
fn two_sessions_in_turn_where_tickets_are_given() {
    let trusted = Trusted::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut context = trusted.context();
        context.set_max_proto_version(Some(version)).unwrap();
        context.set_session_id_context(b"pop3").unwrap();
        let port = trusted.serve(context, answer);
        for _ in 0..2 {
            let (code, told, log) = trusted.play(port, &["-cNOOP", "-cQUIT"]);
            assert_eq!(code, 0, "{told}");
            assert!(log.contains(" verified CN=localhost"), "{log}");
        }
    }
}

#[test]
fn servers_of_tls_1_0_and_1_1_are_refused() {
    let trusted = Trusted::new();
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let mut context = trusted.context();
        context.set_cipher_list("DEFAULT:@SECLEVEL=0").unwrap();
        context
            .set_min_proto_version(Some(SslVersion::TLS1))
            .unwrap();
        context.set_max_proto_version(Some(version)).unwrap();
        let port = trusted.serve(context, answer);
        let (code, told, log) = trusted.play(port, &["-cNOOP"]);
        assert_eq!(code, 4, "{told}");
        assert!(told.contains("TLS 1.2 or later"), "{told}");
        assert!(log.contains("* tls failed: "), "{log}");
    }
}

/// OpenSSL's own words have a code, a file and a line.
#[test]
fn a_key_that_is_not_the_certificate_s_is_an_error_in_our_words() {
    let trusted = Trusted::new();
    let port = trusted.serve(trusted.context(), answer);
    let path = |name: &str| trusted.home.path().join(name).display().to_string();
    let other = trusted.authority.key.private_key_to_pem_pkcs8().unwrap();
    std::fs::write(path("own.pem"), trusted.own.certificate.to_pem().unwrap()).unwrap();
    std::fs::write(path("other.key"), other).unwrap();
    let args = ["--cert", &path("own.pem"), "--key", &path("other.key")];
    let (code, told, log) = trusted.play(port, &[&args[..], &["-cNOOP"]].concat());
    let why = "the key of --key does not belong to the certificate of --cert";
    assert_eq!(code, 4, "{told}");
    assert!(told.contains(why) && told.contains("hint: "), "{told}");
    assert!(log.contains(&format!("* tls failed: {why}")), "{log}");
}

#[test]
fn a_long_chain_is_read_and_one_without_end_is_refused() {
    let trusted = Trusted::new();
    for (count, is_read) in [(60, true), (2000, false)] {
        let mut context = trusted.context();
        for _ in 0..count {
            let more = trusted.authority.certificate.clone();
            context.add_extra_chain_cert(more).unwrap();
        }
        let port = trusted.serve(context, answer);
        for version in ["1.2", "1.3"] {
            let (code, told, _) = trusted.play(port, &["--tls-max", version, "-cNOOP", "-cQUIT"]);
            assert_eq!(
                code,
                if is_read { 0 } else { 4 },
                "{count}, {version}: {told}"
            );
            assert!(is_read || told.contains("hint: "), "{told}");
            let is_ours = !told.contains("error:0") && !told.contains("routines");
            assert!(is_ours, "the library's words: {told}");
        }
    }
}

#[test]
fn garbage_in_the_handshake_is_refused() {
    let mut dice = Dice::default();
    let noise: Vec<u8> = (0..2000).map(|_| dice.octet()).collect();
    let trusted = Trusted::new();
    for start in [
        &b""[..],
        b"\x16\x03\x03\x07\x00",
        b"\x16\x03\x03\x00\x04\x02\xff\xff\xff",
        b"\x16\x03\x03\xff\xff",
        b"\x17\x03\x03\x00\x10",
        b"\x14\x03\x03\x00\x01\x01",
        b"\x15\x03\x03\x00\x02\x01\x00",
        b"\x80\x80\x01",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let answer = [start, &noise].concat();
        let (address, server) = serve_in_clear(move |peer: &mut Peer| {
            peer.take(5);
            peer.say(answer);
            peer.rest();
        });
        let (code, told, log) = trusted.play(address.port(), &["--timeout", "5", "-cNOOP"]);
        let start = start.escape_ascii();
        assert_eq!(code, 4, "{start}: {told}");
        assert!(
            told.contains("error: ") && told.contains("hint: "),
            "{start}: {told}"
        );
        let is_ours = !told.contains("error:0") && !told.contains("routines");
        assert!(is_ours, "{start}, the library's words: {told}");
        assert!(log.contains("* tls failed: "), "{start}: {log}");
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_stalls_in_the_handshake_ends_at_the_time_limit() {
    let trusted = Trusted::new();
    let (address, _server) = serve_in_clear(|peer: &mut Peer| {
        peer.say(b"\x16\x03\x03");
        peer.rest();
    });
    let (code, told, log) = trusted.play(address.port(), &["--timeout", "0.3", "-cNOOP"]);
    assert_eq!(code, 4, "{told}");
    let why = "no answer to the TLS handshake within 0.3 s";
    assert!(told.contains(why) && log.contains(why), "{told}");
}

/// The library that our own servers use does not ask for it; its program does, where it is
/// installed.
#[test]
fn a_server_that_renegotiates_is_followed() {
    let trusted = Trusted::new();
    let path = |name: &str| trusted.home.path().join(name).display().to_string();
    let key = trusted.own.key.private_key_to_pem_pkcs8().unwrap();
    std::fs::write(path("own.pem"), trusted.own.certificate.to_pem().unwrap()).unwrap();
    std::fs::write(path("own.key"), key).unwrap();
    let mut command = Command::new("openssl");
    command.args([
        "s_server",
        "-tls1_2",
        "-crlf",
        "-naccept",
        "1",
        "-accept",
        "127.0.0.1:0",
    ]);
    command.args(["-cert", &path("own.pem"), "-key", &path("own.key")]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut server) = command.spawn() else {
        return;
    };
    let mut keys = server.stdin.take().unwrap();
    let mut screen = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut see =
        move |what: &str| screen.find(|line| line.as_ref().is_ok_and(|line| line.contains(what)));
    let port = see("ACCEPT 127.0.0.1:").unwrap().unwrap();
    let port = port.rsplit(':').next().unwrap().trim().parse().unwrap();
    let typist = std::thread::spawn(move || {
        keys.write_all(b"+OK ready\n").unwrap();
        see("NOOP");
        // HelloRequest, which the client answers, and behind it the reply.
        keys.write_all(b"r\n").unwrap();
        see("SSL_do_handshake -> 1");
        keys.write_all(b"+OK renegotiated\n").unwrap();
        see("QUIT");
        keys.write_all(b"+OK bye\n").unwrap();
    });
    let (code, told, log) = trusted.play(port, &["-cNOOP", "-cQUIT"]);
    typist.join().unwrap();
    let _ = server.kill();
    let _ = server.wait();
    assert_eq!(code, 0, "{told}\n{log}");
    assert!(log.contains("+OK renegotiated\n"), "{log}");
}
