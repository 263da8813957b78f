//! Through a proxy to the practice server, and proxies that fail in every way.

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use poptalk::modes::serve::{ServeOptions, Server};

use crate::support::{Home, Peer, serve, text};

pub(crate) fn practice() -> Server {
    Server::start(ServeOptions::default(), |_| {}).unwrap()
}

/// A SOCKS proxy without login that leads to where `server` says, or nowhere; it gives what was
/// asked for.
pub(crate) fn socks(peer: &mut Peer, server: impl FnOnce(&str) -> Option<SocketAddr>) -> String {
    assert_eq!(peer.take(3), b"\x05\x01\x00");
    peer.say(b"\x05\x00");
    lead(peer, server)
}

fn lead(peer: &mut Peer, server: impl FnOnce(&str) -> Option<SocketAddr>) -> String {
    let head = peer.take(4);
    assert_eq!(head[..3], *b"\x05\x01\x00");
    let host = match head[3] {
        1 => {
            let four: [u8; 4] = peer.take(4).try_into().unwrap();
            std::net::Ipv4Addr::from(four).to_string()
        }
        _ => {
            let length = peer.take(1)[0];
            text(&peer.take(u64::from(length)))
        }
    };
    let port: [u8; 2] = peer.take(2).try_into().unwrap();
    let asked = format!("{host}:{}", u16::from_be_bytes(port));
    let server = server(&asked);
    let code = if server.is_some() { 0 } else { 4 };
    peer.say([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    if let Some(server) = server {
        peer.join(server);
    }
    asked
}

/// Runs the program with a password for the proxy.
fn run(home: &Home, password: &str, args: &[&str]) -> Output {
    home.poptalk(args)
        .env("POPTALK_PROXY_PASSWORD", password)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Everything that was printed and written.
fn everything(home: &Home, output: &Output) -> String {
    let mut all = text(&output.stdout) + &text(&output.stderr);
    for file in home.files() {
        all += &text(&std::fs::read(file).unwrap());
    }
    all
}

#[test]
fn a_socks_proxy_gets_the_name_and_leads_to_the_server() {
    let practice = practice();
    let server = practice.address();
    let (proxy, asked) = serve(move |peer| socks(peer, |_| Some(server)));
    let home = Home::new();
    let url = format!("socks5://{proxy}");
    let output = run(
        &home,
        "",
        &["pop.no-such-host.example", "--proxy", &url, "-c", "quit"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("+OK poptalk practice server"));
    assert_eq!(asked.join().unwrap(), "pop.no-such-host.example:110");
    let event = format!("* connected pop.no-such-host.example:110 through socks5://{proxy}\n");
    assert!(everything(&home, &output).contains(&event));
}

#[test]
fn a_login_at_a_proxy_is_in_no_file() {
    let practice = practice();
    let server = practice.address();
    let (proxy, got) = serve(move |peer| {
        assert_eq!(peer.take(4), b"\x05\x02\x00\x02");
        peer.say(b"\x05\x02");
        let login = peer.take(2 + 5 + 1 + 9);
        peer.say(b"\x01\x00");
        (login, lead(peer, |_| Some(server)))
    });
    let home = Home::new();
    let url = format!("socks5h://alice@{proxy}");
    let output = run(
        &home,
        "geheim-99",
        &[
            "192.0.2.7",
            "--proxy",
            &url,
            "-c",
            "noop",
            "-c",
            "quit",
            "--keep-going",
        ],
    );
    let (login, asked) = got.join().unwrap();
    assert_eq!(text(&login), "\u{1}\u{5}alice\tgeheim-99");
    assert_eq!(asked, "192.0.2.7:110");
    let all = everything(&home, &output);
    assert!(
        all.contains("through socks5://") && !all.contains("geheim") && !all.contains("alice"),
        "{all}"
    );
}

#[test]
fn an_http_proxy_leads_to_the_server() {
    let practice = practice();
    let server = practice.address();
    let (proxy, got) = serve(move |peer| {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head += &text(&peer.hear());
        }
        // The server's greeting comes at once behind the head.
        peer.say("HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
        peer.join(server);
        head
    });
    let home = Home::new();
    let url = format!("http://alice@{proxy}");
    let output = run(
        &home,
        "geheim-99",
        &[
            "pop.no-such-host.example:8110",
            "--proxy",
            &url,
            "-c",
            "quit",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("+OK poptalk practice server"));
    let head = got.join().unwrap();
    assert!(head.starts_with("CONNECT pop.no-such-host.example:8110 HTTP/1.1\r\nHost: pop.no-such-host.example:8110\r\n"), "{head}");
    assert!(
        head.contains("\r\nProxy-Authorization: Basic YWxpY2U6Z2VoZWltLTk5\r\n"),
        "{head}"
    );
    let all = everything(&home, &output);
    assert!(
        !all.contains("geheim") && !all.contains("YWxpY2U6"),
        "{all}"
    );
}

#[test]
fn tls_and_stls_work_through_a_proxy() {
    use poptalk::net::server_certificate::ServerCertificate;

    let options = ServeOptions {
        certificate: ServerCertificate::SelfSigned(vec!["pop.example.org".to_owned()]),
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ServeOptions::default()
    };
    let practice = Server::start(options, |_| {}).unwrap();
    let (plain, tls) = (practice.address(), practice.tls_address().unwrap());
    let (proxy, _) = crate::support::serve_each(3, move |peer| {
        socks(peer, |asked| {
            Some(if asked.ends_with(":995") { tls } else { plain })
        })
    });
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, practice.certificate_pem()).unwrap();
    let (url, ca) = (format!("socks5://{proxy}"), ca.display().to_string());
    for (host, way, code) in [
        ("pop.example.org", "--tls", 0),
        ("pop.example.org", "--stls", 0),
        ("other.example.org", "--tls", 4),
    ] {
        let args = [
            host, way, "--proxy", &url, "--ca", &ca, "--no-log", "-c", "quit",
        ];
        let output = run(&home, "", &args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            text(&output.stderr)
        );
        assert!(code != 0 || text(&output.stderr).contains("verified"));
    }
}

/// Talks to a proxy of the test's; returns the exit code and what was said.
fn fails(scheme: &str, password: &str, talk: impl FnOnce(&mut Peer) + Send + 'static) -> String {
    let (proxy, _done) = serve(talk);
    let home = Home::new();
    let url = format!("{scheme}{proxy}");
    let output = run(
        &home,
        password,
        &[
            "pop.example.org",
            "--proxy",
            &url,
            "--timeout",
            "20",
            "-c",
            "quit",
        ],
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    let all = everything(&home, &output);
    assert!(password.is_empty() || !all.contains(password), "{all}");
    assert!(!all.contains('\x1b') && all.contains("hint: "), "{all}");
    // It is in the transcript, too.
    assert!(all.contains("* pop.example.org:110 through "), "{all}");
    text(&output.stderr)
}

#[test]
fn a_proxy_that_fails_is_told_what_it_did() {
    let told = fails("socks5://", "", |peer| {
        peer.take(3);
        peer.say(b"\x05\x00");
        peer.take(4 + 1 + 15 + 2);
        peer.say(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00");
    });
    assert!(
        told.contains("the server refused the connection (SOCKS reply 5)"),
        "{told}"
    );
    let told = fails("http://", "", |peer| {
        peer.take(10);
        peer.say("HTTP/1.1 403 No \x1b]0;owned\x07\r\n\r\n");
        peer.rest();
    });
    assert!(told.contains("(HTTP 403 No ^[]0;owned^G)"), "{told}");
    let told = fails("socks5://", "", |peer| {
        peer.take(3);
        peer.say("\x1b[2J\x1b[H");
        peer.rest();
    });
    assert!(
        told.contains("does not speak SOCKS 5: its reply starts with `^[[`"),
        "{told}"
    );
    let told = fails("http://alice@", "geheim-99", |peer| {
        peer.take(10);
        peer.say("HTTP/1.1 407 it was geheim-99 or YWxpY2U6Z2VoZWltLTk5\r\n\r\n");
        peer.rest();
    });
    assert!(
        told.contains("rejected the user name or the password (HTTP 407 (hidden))"),
        "{told}"
    );
}

#[test]
fn a_proxy_that_closes_is_told() {
    let told = fails("socks5://", "", |peer| {
        peer.take(3);
        peer.say(b"\x05");
    });
    assert!(
        told.contains("closed the connection before the tunnel was open"),
        "{told}"
    );
    let told = fails("http://", "", |peer| {
        while peer.hear() != b"\r\n" {}
        peer.say("HTTP/1.1 200 OK\r\nVia");
    });
    assert!(
        told.contains("closed the connection before the tunnel was open"),
        "{told}"
    );
}

#[test]
fn a_proxy_without_end_is_left() {
    let told = fails("http://", "", |peer| {
        while peer.hear() != b"\r\n" {}
        peer.say("HTTP/1.1 200 OK\r\n");
        let line = format!("X: {}\r\n", "x".repeat(1000));
        while std::io::Write::write_all(&mut peer.stream(), line.as_bytes()).is_ok() {}
    });
    assert!(told.contains("is longer than 16384 octets"), "{told}");
}

#[test]
fn a_proxy_that_stalls_runs_into_the_time_out() {
    let (proxy, _done) = serve(move |peer| {
        while peer.hear() != b"\r\n" {}
        peer.say("HTTP/1.1 200 OK\r\nX: ");
        peer.rest();
    });
    let url = format!("http://{proxy}");
    let args = [
        "h",
        "--proxy",
        &url,
        "--timeout",
        "0.3",
        "--no-log",
        "-c",
        "quit",
    ];
    let output = run(&Home::new(), "", &args);
    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stderr);
    assert!(
        told.contains("the proxy did not connect within 0.3 s"),
        "{told}"
    );
}

#[test]
fn a_proxy_that_is_not_there_is_told() {
    let home = Home::new();
    let output = run(
        &home,
        "",
        &[
            "h",
            "--proxy",
            "socks5://127.0.0.1:1",
            "--no-log",
            "-c",
            "quit",
        ],
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        told.contains(
            "proxy socks5://127.0.0.1:1: could not connect to 127.0.0.1:1: connection refused"
        ),
        "{told}"
    );
    assert!(
        told.contains("hint: check the host and the port of --proxy"),
        "{told}"
    );
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    let home = Home::new();
    let output = run(
        &home,
        "",
        &["h", "--proxy", "socks5://alice:geheim@127.0.0.1:1"],
    );
    let all = everything(&home, &output);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        all.contains("POPTALK_PROXY_PASSWORD") && !all.contains("geheim"),
        "{all}"
    );
}

#[test]
fn a_greeting_that_repeats_the_proxys_password_is_not_recorded() {
    let (proxy, _done) = serve(|peer| {
        peer.take(4);
        peer.say(b"\x05\x02");
        peer.take(2 + 1 + 1 + 9);
        peer.say(b"\x01\x00");
        peer.take(4 + 1 + 15 + 2);
        peer.say(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00+OK it was geheim-99, or YTpnZWhlaW0tOTk=\r\n");
        peer.hear();
        peer.say("+OK bye\r\n");
    });
    let home = Home::new();
    let output = run(
        &home,
        "geheim-99",
        &[
            "pop.example.org",
            "--proxy",
            &format!("socks5://a@{proxy}"),
            "-c",
            "quit",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let file = home.files().pop().unwrap();
    let file = text(&std::fs::read(file).unwrap());
    assert!(
        file.contains("{{proxy-password}}")
            && !file.contains("geheim")
            && !file.contains("ZWhlaW0tOT"),
        "{file}"
    );
}
