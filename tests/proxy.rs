//! Between a client and a server: TLS on either leg, all octets of all messages, and what goes wrong.

#![cfg(not(any(windows, target_vendor = "apple")))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use poptalk::log::LogPlace;
use poptalk::net::tls::TlsSettings;
use poptalk::serve::{Outcome, ServeEvent, ServeOptions, Serving, Upstream};
use poptalk::server::messages;
use poptalk::target::Target;
use poptalk::tracker::Side;

use crate::support::{Home, LIMIT, read, serve, text};

/// A proxy before a server, and where its transcripts are.
struct Proxied {
    proxy: Serving,
    events: mpsc::Receiver<ServeEvent>,
    folder: tempfile::TempDir,
}

impl Proxied {
    fn new(target: Target, is_stls: bool, own_pem: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel();
        let options = ServeOptions {
            tls_listen: Some("127.0.0.1:0".parse().unwrap()),
            upstream: Some(Upstream {
                target,
                is_stls,
                tls: TlsSettings {
                    own_pem: own_pem.as_bytes().to_vec(),
                    ..TlsSettings::default()
                },
                wait: Duration::from_secs(20),
                keeps_secrets: false,
                on_line: None,
            }),
            log: LogPlace::Path(folder.path().to_owned()),
            ..ServeOptions::default()
        };
        let proxy = Serving::start(options, move |event| drop(sender.send(event))).unwrap();
        Self {
            proxy,
            events,
            folder,
        }
    }

    /// Before the practice server, on one kind of leg.
    fn before(server: &Serving, leg: &str) -> Self {
        let address = match leg {
            "tls" => server.tls_address().unwrap(),
            _ => server.address(),
        };
        let target = Target {
            host: address.ip().to_string(),
            port: address.port(),
            is_tls: leg == "tls",
        };
        Self::new(target, leg == "stls", server.certificate_pem().unwrap())
    }

    fn transcripts(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn event(&self) -> ServeEvent {
        self.events.recv_timeout(LIMIT).unwrap()
    }
}

fn practice() -> Serving {
    let options = ServeOptions {
        tls_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..ServeOptions::default()
    };
    Serving::start(options, |_| {}).unwrap()
}

#[test]
fn every_message_through_every_pair_of_legs() {
    let server = practice();
    for upstream in ["clear", "stls", "tls"] {
        for leg in ["clear", "stls", "tls"] {
            let proxied = Proxied::before(&server, upstream);
            let home = Home::new();
            let ca = home.path().join("ca.pem");
            std::fs::write(&ca, proxied.proxy.certificate_pem().unwrap()).unwrap();
            let address = match leg {
                "tls" => proxied.proxy.tls_address().unwrap(),
                _ => proxied.proxy.address(),
            };
            let address = address.to_string();
            let mut args = vec![address.as_str(), "--no-log", "--ca", ca.to_str().unwrap()];
            args.extend(match leg {
                "tls" => &["--tls"][..],
                "stls" => &["--stls"],
                _ => &[],
            });
            let mut lines = "capa\nuser alice\npass wonderland\n".to_owned();
            for number in 1..=9 {
                lines += &format!("retr {number}\n");
            }
            let output = home.script(&args, (lines + "quit\n").as_bytes());
            let what = format!("{leg} to {upstream}");
            assert_eq!(
                output.status.code(),
                Some(0),
                "{what}: {}",
                text(&output.stderr)
            );
            for message in messages::practice() {
                let stuffed = text(message.octets()).replace("\r\n.", "\r\n..");
                let stuffed = match stuffed.starts_with('.') {
                    true => format!(".{stuffed}"),
                    false => stuffed,
                };
                assert!(
                    text(&output.stdout).contains(&format!("{stuffed}.\r\n")),
                    "{what}"
                );
            }
            // Where TLS ends here only on the server's side, the proxy offers it itself.
            let has_stls = text(&output.stdout).contains("\r\nSTLS\r\n");
            let is_left = leg == "tls" && upstream == "clear";
            assert_eq!(has_stls, leg == "clear" || is_left, "{what}");
            proxied.event();
            let found = proxied.transcripts();
            assert_eq!(found.len(), 1, "{what}");
            let transcript = read(&found[0]);
            assert!(transcript.octets(Side::Server) == output.stdout, "{what}");
            let file = std::fs::read_to_string(&found[0]).unwrap();
            assert!(
                !file
                    .lines()
                    .any(|line| line.starts_with('C') && line.contains("wonderland"))
            );
        }
    }
}

#[test]
fn commands_that_do_not_wait_arrive_in_order() {
    let server = practice();
    let proxied = Proxied::before(&server, "tls");
    let mut client = TcpStream::connect(proxied.proxy.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client
        .write_all(b"CAPA\r\nUSER alice\r\nPASS wonderland\r\nSTAT\r\nRETR 7\r\nNOOP\r\nQUIT\r\n")
        .unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    let all = text(&all);
    assert!(
        all.contains("\r\nSTLS\r\n.\r\n+OK send PASS\r\n"),
        "{}",
        &all[..500]
    );
    assert!(all.ends_with("\r\n.\r\n+OK still here\r\n+OK 9 messages left\r\n"));
    assert!(all.len() > 2_000_000);
}

#[test]
fn what_comes_behind_stls_before_the_handshake_is_never_used() {
    let server = practice();
    for upstream in ["clear", "tls"] {
        let proxied = Proxied::before(&server, upstream);
        let client = TcpStream::connect(proxied.proxy.address()).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        (&client).write_all(b"STLS\r\nCAPA\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        assert!(!text(&rest).contains("TOP"), "{upstream}: {}", text(&rest));
        assert!(matches!(proxied.event().outcome, Outcome::Lost(_)));
        // Evidence all the same.
        let transcript = read(&proxied.transcripts()[0]);
        assert_eq!(text(&transcript.octets(Side::Client)), "STLS\r\nCAPA\r\n");
    }
}

#[test]
fn what_the_server_puts_behind_its_agreement_ends_the_connection() {
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK begin\r\n+OK injected\r\n");
        peer.rest()
    });
    let target = Target {
        host: address.ip().to_string(),
        port: address.port(),
        is_tls: false,
    };
    let proxied = Proxied::new(target, false, "");
    let mut client = TcpStream::connect(proxied.proxy.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"STLS\r\n").unwrap();
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all);
    assert!(matches!(
        proxied.event().outcome,
        Outcome::Lost(_) | Outcome::TlsFailed(_)
    ));
    assert_eq!(server.join().unwrap(), b"");
    let file = std::fs::read_to_string(&proxied.transcripts()[0]).unwrap();
    assert!(file.contains("injected"), "{file}");
}

#[test]
fn a_server_that_is_not_there_is_told_to_the_client() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port,
        is_tls: false,
    };
    let proxied = Proxied::new(target, false, "");
    let mut client = TcpStream::connect(proxied.proxy.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert!(text(&all).starts_with("-ERR [SYS/TEMP] "), "{}", text(&all));
    assert!(matches!(proxied.event().outcome, Outcome::Lost(_)));
}

#[test]
fn a_server_that_closes_in_the_middle_is_passed_on() {
    let (address, _) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK\r\nhalf a mess");
    });
    let target = Target {
        host: address.ip().to_string(),
        port: address.port(),
        is_tls: false,
    };
    let proxied = Proxied::new(target, false, "");
    let mut client = TcpStream::connect(proxied.proxy.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"RETR 1\r\n").unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert_eq!(text(&all), "+OK ready\r\n+OK\r\nhalf a mess");
    proxied.event();
    assert_eq!(
        text(&read(&proxied.transcripts()[0]).octets(Side::Server)),
        text(&all)
    );
}

#[test]
fn fifty_at_the_same_time_do_not_hinder_each_other() {
    let server = practice();
    let proxied = Proxied::before(&server, "clear");
    let address = proxied.proxy.address();
    let clients: Vec<_> = (0..50)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = TcpStream::connect(address).unwrap();
                client.set_read_timeout(Some(LIMIT)).unwrap();
                client.write_all(b"CAPA\r\nQUIT\r\n").unwrap();
                let mut all = Vec::new();
                client.read_to_end(&mut all).unwrap();
                text(&all)
            })
        })
        .collect();
    for client in clients {
        let all = client.join().unwrap();
        assert!(all.ends_with(".\r\n+OK bye\r\n"), "{all}");
    }
    for _ in 0..50 {
        proxied.event();
    }
    assert_eq!(proxied.transcripts().len(), 50);
}
