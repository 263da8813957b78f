//! Attacks around a session: certificates, proxies, the command line, scripts on a terminal.

#![cfg(not(any(windows, target_vendor = "apple")))]

use std::ffi::OsStr;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};

use super::console::{TALL, type_lines};
use super::{ATTACKS, Attack, Cells, Writer, texts};
use crate::support::terminal::Terminal;
use crate::support::{Home, LIMIT, serve, serve_each, text};

/// A server whose certificate holds these in its subject, its issuer and its names.
fn with_certificate(words: &[&str], connections: usize) -> SocketAddr {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let name = |first: &str| {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", first).unwrap();
        for word in words {
            // A street address has no limit of 64 characters.
            name.append_entry_by_text("street", word).unwrap();
            name.append_entry_by_text("OU", word).unwrap();
        }
        name.build()
    };
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name("localhost")).unwrap();
    builder.set_issuer_name(&name("an authority")).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(9).unwrap())
        .unwrap();
    let mut names = SubjectAlternativeName::new();
    for word in words {
        // Commas and colons are the library's own signs.
        let word = word.replace([',', ':'], ".");
        names.dns(&word).email(&word).uri(&word);
    }
    let names = names.build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_certificate(&builder.build()).unwrap();
    context.set_private_key(&key).unwrap();
    let context = context.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            let mut stream = SslStream::new(Ssl::new(&context).unwrap(), socket).unwrap();
            if stream.accept().is_err() {
                continue;
            }
            let _ = stream.write_all(b"+OK ready\r\n");
            let mut octets = [0; 100];
            while matches!(stream.ssl_read(&mut octets), Ok(1..)) {
                let _ = stream.write_all(b"+OK that is the end\r\n");
            }
        }
    });
    address
}

#[test]
fn a_certificate() {
    let mut cells = Cells::default();
    let all: Vec<_> = texts().filter(|(_, text)| !text.contains('\0')).collect();
    for part in all.chunks(16) {
        let words: Vec<&str> = part.iter().map(|(_, text)| *text).collect();
        let attacks: Vec<Attack> = part.iter().map(|(attack, _)| **attack).collect();
        let home = Home::new();
        let address = with_certificate(&words, 4).to_string();
        let mut terminal = Terminal::open(&home, &[&address, "--tls", "--insecure"], &[], TALL);
        terminal.prompt("auth tls?>");
        type_lines(&mut terminal, &[":tls".to_owned(), ":state".to_owned()]);
        let raw = terminal.raw();
        for field in ["subject", "issuer", "SAN"] {
            cells.look(&format!("{field} in :tls"), &attacks, Writer::Console, &raw);
        }
        terminal.press(":quit\r");
        terminal.end();
        for extra in [&["--insecure"][..], &[]] {
            let args = [&[address.as_str(), "--tls", "-c", "noop"], extra].concat();
            let output = home.script(&args, b"");
            assert_eq!(output.status.success(), !extra.is_empty());
            cells.look(
                "certificate, script",
                &attacks,
                Writer::Pipe,
                &output.stderr,
            );
        }
        let output = home.script(&["check", &address, "--tls", "--insecure", "-v"], b"");
        cells.look("certificate, check", &attacks, Writer::Pipe, &output.stdout);
        let files = home.files();
        let files = files
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "pop3"));
        for file in files {
            let output = home.script(
                &["lint", "--fail-on", "security", file.to_str().unwrap()],
                b"",
            );
            cells.look("certificate, lint", &attacks, Writer::Pipe, &output.stdout);
            cells.look(
                "certificate, file",
                &attacks,
                Writer::Pipe,
                &std::fs::read(file).unwrap(),
            );
        }
    }
    cells.end("certificate");
}

#[test]
fn a_refusal_of_tls_and_of_a_proxy() {
    let mut cells = Cells::default();
    // An HTTP proxy's words are shown, of a SOCKS proxy the first octet, of a refused handshake
    // nothing.
    let mut firsts: Vec<Attack> = ATTACKS.to_vec();
    firsts.dedup_by_key(|attack| attack.octets[0]);
    let socks_from = ATTACKS.len();
    let tls_from = socks_from + firsts.len();
    let (address, _server) = serve_each(tls_from + 1, {
        let (mut number, firsts) = (0, firsts.clone());
        move |peer| {
            if let Some(attack) = ATTACKS.get(number) {
                while peer.hear().len() > 2 {}
                peer.say([b"HTTP/1.1 403 ", attack.octets, b"\r\n\r\n"].concat());
            } else if let Some(attack) = firsts.get(number - ATTACKS.len()) {
                peer.take(3);
                peer.say(attack.octets);
            } else {
                let all: Vec<&[u8]> = ATTACKS.iter().map(|attack| attack.octets).collect();
                peer.say([b"-ERR ", all.concat().as_slice(), b"\r\n"].concat());
            }
            number += 1;
        }
    });
    let address = address.to_string();
    let (http, socks) = (format!("http://{address}"), format!("socks5://{address}"));
    let home = Home::new();
    let mut look = |place: &str, attacks: &[Attack], args: &[&str]| {
        let output = home.script(&[args, &["--no-log", "-c", "noop"]].concat(), b"");
        assert!(!output.status.success(), "{place} {}", text(&output.stderr));
        cells.look(place, attacks, Writer::Pipe, &output.stderr);
    };
    for attack in ATTACKS {
        look(
            "HTTP proxy",
            &[*attack],
            &["pop.example.org", "--proxy", &http],
        );
    }
    for attack in &firsts {
        look(
            "SOCKS proxy",
            &[*attack],
            &["pop.example.org", "--proxy", &socks],
        );
    }
    look("refused handshake", ATTACKS, &[&address, "--tls"]);
    cells.end("refusals");
}

#[test]
fn the_command_line() {
    let mut cells = Cells::default();
    let home = Home::new();
    // A proxy that leads nowhere: no name is looked up.
    let place = ["--proxy", "socks5://127.0.0.1:9", "--no-log", "-c", "noop"];
    let no_nul = ATTACKS
        .iter()
        .filter(|attack| !attack.octets.contains(&0))
        .copied();
    // What is not UTF-8 is refused for that.
    let (good, bad): (Vec<Attack>, Vec<Attack>) =
        no_nul.partition(|attack| std::str::from_utf8(attack.octets).is_ok());
    for attacks in good.chunks(8).chain(bad.chunks(8)) {
        let all: Vec<&[u8]> = attacks.iter().map(|attack| attack.octets).collect();
        let all = all.concat();
        let with = |before: &str, after: &str| [before.as_bytes(), &all, after.as_bytes()].concat();
        let lines: [(&str, &[&[u8]]); 12] = [
            ("host", &[&with("", "")]),
            ("port", &[&with("localhost:", "")]),
            ("URL", &[&with("", "://localhost")]),
            ("URL without host", &[&with("pop3://", "@")]),
            ("option", &[&with("--x", "")]),
            ("value", &[b"localhost", b"--timeout", &with("", "")]),
            (
                "proxy",
                &[b"localhost", b"--proxy", &with("socks5://127.0.0.1:1", "")],
            ),
            ("file to show", &[b"show", &with("/nowhere/", "")]),
            ("files to lint", &[b"lint", &with("/nowhere/", "")]),
            (
                "files to compare",
                &[b"diff", &with("/nowhere/", ""), b"/nowhere"],
            ),
            ("file to replay", &[b"replay", &with("/nowhere/", "")]),
            ("word to explain", &[b"explain", &with("-ERR [", "] x")]),
        ];
        for (what, line) in lines {
            let mut program = home.poptalk(&[]);
            program.args(line.iter().map(|word| OsStr::from_bytes(word)));
            if what == "host" {
                program.args(place);
            }
            let output = program.stdin(std::process::Stdio::null()).output().unwrap();
            cells.look(what, attacks, Writer::Pipe, &output.stderr);
            cells.look(what, attacks, Writer::Pipe, &output.stdout);
        }
        if let Ok(word) = std::str::from_utf8(&all) {
            for line in [
                &[format!("--x{word}").as_str()][..],
                &["localhost", "--timeout", word],
            ] {
                let (_, raw) = Terminal::open(&home, line, &[], TALL).end();
                cells.look("arguments on a terminal", attacks, Writer::Lines, &raw);
            }
        }
    }
    cells.end("command line");
}

#[test]
fn a_script_on_a_terminal() {
    let mut cells = Cells::default();
    let (address, _server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        for attack in ATTACKS {
            peer.hear();
            peer.say([b"+OK ", attack.octets, b"\r\n"].concat());
            peer.hear();
            peer.say([b"+OK\r\n", attack.octets, b"\r\n.\r\n"].concat());
        }
        peer.hear();
        peer.say("+OK \u{1b}]0;Zq7 and no end");
    });
    let home = Home::new();
    let address = address.to_string();
    let lines = "noop\nlist\n".repeat(ATTACKS.len()) + "quit";
    let terminal = Terminal::open(&home, &[&address, "-c", &lines], &[], TALL);
    let (_, raw) = terminal.end();
    cells.look("script on a terminal", ATTACKS, Writer::Lines, &raw);
    cells.look("script on a terminal, data", ATTACKS, Writer::Lines, &[]);
    assert!(text(&raw).contains("^[]0;Zq7 and no end"), "{}", text(&raw));
    cells.end("script");
}
