//! The server of a mail domain, found in a DNS of the test's own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Output;

use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::net::server_certificate::ServerCertificate;
use simple_dns::rdata::{RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use crate::scripts::upstream_proxy::{practice, socks};
use crate::support::terminal::Terminal;
use crate::support::{Home, serve, serve_each, text};

/// What is asked, and over what.
struct Asked<'a> {
    packet: Packet<'a>,
    is_tcp: bool,
}

impl Asked<'_> {
    fn name(&self) -> String {
        self.packet.questions[0].qname.to_string()
    }

    fn reply(&self, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let mut reply = Packet::new_reply(self.packet.id());
        reply.questions = self.packet.questions.clone();
        change(&mut reply);
        reply.build_bytes_vec().unwrap()
    }

    /// These servers (priority, port, target), if this is what is asked for.
    fn servers(&self, service: &str, servers: &[(u16, u16, &str)]) -> Vec<u8> {
        let name = self.name();
        self.reply(|reply| {
            if !name.starts_with(service) {
                return *reply.rcode_mut() = RCODE::NameError;
            }
            for (priority, port, target) in servers {
                let data = RData::SRV(SRV {
                    priority: *priority,
                    weight: 0,
                    port: *port,
                    target: Name::new_unchecked(target).into_owned(),
                });
                let owner = Name::new_unchecked(&name).into_owned();
                reply
                    .answers
                    .push(ResourceRecord::new(owner, CLASS::IN, 60, data));
            }
        })
    }
}

/// A DNS server over UDP and TCP for the rest of the test; `answer` gives the packets that go back.
fn dns(answer: impl Fn(&Asked<'_>) -> Vec<Vec<u8>> + Send + Sync + 'static) -> String {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        // The same port over TCP may be taken.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap().to_string();
    let answer = std::sync::Arc::new(answer);
    let same = std::sync::Arc::clone(&answer);
    std::thread::spawn(move || {
        let mut octets = [0; 1000];
        while let Ok((count, from)) = udp.recv_from(&mut octets) {
            let packet = Packet::parse(&octets[..count]).unwrap();
            for reply in same(&Asked {
                packet,
                is_tcp: false,
            }) {
                udp.send_to(&reply, from).unwrap();
            }
        }
    });
    std::thread::spawn(move || {
        for socket in tcp.incoming() {
            let mut socket = socket.unwrap();
            let mut length = [0; 2];
            socket.read_exact(&mut length).unwrap();
            let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
            socket.read_exact(&mut octets).unwrap();
            let packet = Packet::parse(&octets).unwrap();
            for reply in answer(&Asked {
                packet,
                is_tcp: true,
            }) {
                let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                socket
                    .write_all(&[&length, reply.as_slice()].concat())
                    .unwrap();
            }
        }
    });
    address
}

fn secure(names: &[&str]) -> Server {
    Server::start(
        ServeOptions {
            certificate: ServerCertificate::SelfSigned(
                names.iter().map(|name| (*name).to_owned()).collect(),
            ),
            tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..ServeOptions::default()
        },
        |_| {},
    )
    .unwrap()
}

fn trust(home: &Home, server: &Server) -> String {
    let file = home.path().join("ca.pem");
    std::fs::write(&file, server.certificate_pem()).unwrap();
    file.display().to_string()
}

fn run(home: &Home, dns: &str, args: &[&str]) -> Output {
    home.script(&[&["--dns", dns, "-c", "quit"], args].concat(), b"")
}

#[test]
fn pop3s_comes_before_pop3_and_is_tls_at_once() {
    let server = secure(&["localhost"]);
    let (tls, plain) = (
        server.tls_address().unwrap().port(),
        server.address().port(),
    );
    let dns = dns(move |asked| {
        let port = if asked.name().starts_with("_pop3s.") {
            tls
        } else {
            plain
        };
        vec![asked.servers("_pop3", &[(0, port, "localhost")])]
    });
    let home = Home::new();
    let ca = trust(&home, &server);
    let output = run(&home, &dns, &["-u", "alice@localhost", "--ca", &ca]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains(&format!(
            "localhost:{tls}, by _pop3s._tcp.localhost SRV: TLS from the first octet"
        )),
        "{told}"
    );
    assert!(
        told.contains(
            "without DNSSEC, so the certificate must be for `localhost` or `_pop3s.localhost`"
        ),
        "{told}"
    );
    assert!(told.contains("verified"), "{told}");
    let file = home
        .files()
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "pop3"))
        .unwrap();
    let file = text(&std::fs::read(file).unwrap());
    assert!(file.contains(&format!("* found localhost:{tls} by _pop3s._tcp.localhost SRV, priority 0, weight 0, DNS without DNSSEC\n")), "{file}");

    // The name alone is not enough: it is signed by nobody who is trusted.
    let output = run(&home, &dns, &["-u", "alice@localhost", "--no-log"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        text(&output.stderr).contains("self-signed"),
        "{}",
        text(&output.stderr)
    );

    // --stls asks for the other one only.
    let output = run(
        &home,
        &dns,
        &["-u", "alice@localhost", "--ca", &ca, "--stls", "--no-log"],
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("_pop3._tcp.localhost SRV: cleartext at first, then STLS")
            && told.contains("verified"),
        "{told}"
    );
}

#[test]
fn pop3_without_tls_ends_before_anything_is_sent() {
    let (server, got) = serve(|peer| {
        peer.answer(|line| {
            if line == "STLS" {
                "-ERR no\r\n"
            } else {
                "+OK\r\n"
            }
            .to_owned()
        })
    });
    let dns = dns(move |asked| vec![asked.servers("_pop3.", &[(0, server.port(), "localhost")])]);
    let output = run(
        &Home::new(),
        &dns,
        &["-u", "alice@localhost", "--keep-going", "--no-log"],
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: no TLS, and only DNS names this server\nhint: give HOST"),
        "{told}"
    );
    assert_eq!(text(&got.join().unwrap()), "STLS\r\n");
}

#[test]
fn servers_are_tried_in_their_order() {
    let server = secure(&["localhost"]);
    let port = server.tls_address().unwrap().port();
    let dns = dns(move |asked| {
        vec![asked.servers(
            "_pop3s",
            &[
                (20, port, "localhost"),
                (10, 1, "localhost"),
                (30, 2, "localhost"),
            ],
        )]
    });
    let home = Home::new();
    let ca = trust(&home, &server);
    let output = run(
        &home,
        &dns,
        &[
            "-u",
            "alice@localhost",
            "--ca",
            &ca,
            "--log",
            home.path().join("x.pop3").to_str().unwrap(),
        ],
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("the first of 3 by priority and weight"),
        "{told}"
    );
    assert!(
        told.contains(":1: connection refused; trying the next server"),
        "{told}"
    );
    let file = text(&std::fs::read(home.path().join("x.pop3")).unwrap());
    assert!(
        file.contains(":1: connection refused\n* connected 127.0.0.1:"),
        "{file}"
    );
}

#[test]
fn what_dns_does_not_have_is_told() {
    let home = Home::new();
    let says = |dns: &str, args: &[&str], code: i32| {
        let output = run(
            &home,
            dns,
            &[&["-u", "alice@example.org", "--no-log"], args].concat(),
        );
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains("hint: give HOST"), "{told}");
        told
    };
    let nothing = dns(|asked| vec![asked.servers("none", &[])]);
    let told = says(&nothing, &[], 3);
    assert!(
        told.contains(
            "DNS has no SRV record `_pop3s._tcp.example.org` or `_pop3._tcp.example.org`"
        ),
        "{told}"
    );
    assert!(!says(&nothing, &["--tls"], 3).contains("`_pop3."));
    let refused = dns(|asked| vec![asked.servers("_pop3", &[(0, 0, "")])]);
    let told = says(&refused, &[], 3);
    assert!(
        told.contains("`example.org` says in DNS that it does not offer POP3 over TLS or POP3"),
        "{told}"
    );
    let failing = dns(|asked| vec![asked.reply(|reply| *reply.rcode_mut() = RCODE::ServerFailure)]);
    assert!(says(&failing, &[], 3).contains("SERVFAIL"));
    let broken = dns(|asked| {
        let mut reply = asked.reply(|_| {});
        reply[7] = 9;
        vec![reply]
    });
    assert!(says(&broken, &[], 3).contains("its answer can't be read"));
    let closing = dns(|asked| {
        if asked.is_tcp {
            return vec![];
        }
        vec![asked.reply(|reply| reply.set_flags(PacketFlag::TRUNCATION))]
    });
    assert!(says(&closing, &[], 3).contains("it closed the connection instead of answering"));
    // The port of a server that has gone.
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    assert!(says(&gone, &[], 3).contains("connection refused"));
    let silent = dns(|_| vec![]);
    assert!(says(&silent, &["--timeout", "0.3"], 3).contains("no answer in time"));
}

#[test]
fn an_address_that_names_no_domain_is_told() {
    let home = Home::new();
    let output = home.script(&["-u", "alice", "-c", "quit"], b"");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("no HOST, and none can be looked up: `alice` has no `@DOMAIN`"),
        "{told}"
    );
    let output = home.script(
        &[
            "-u",
            "a@b.example",
            "--proxy",
            "socks5://127.0.0.1:1",
            "-c",
            "quit",
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("would bypass the proxy"));
}

#[test]
fn strange_answers_are_left_aside_and_long_ones_come_over_tcp() {
    let server = secure(&["localhost"]);
    let port = server.tls_address().unwrap().port();
    let dns = dns(move |asked| {
        let good = asked.servers("_pop3s", &[(0, port, "localhost")]);
        if asked.is_tcp {
            return vec![good];
        }
        let mut other_id = asked.servers("_pop3s", &[(0, 1, "evil.example")]);
        other_id[0] ^= 1;
        let other_question =
            asked.reply(|reply| reply.questions[0].qname = Name::new_unchecked("x.example"));
        let cut = asked.reply(|reply| reply.set_flags(PacketFlag::TRUNCATION));
        vec![b"x".to_vec(), other_id, other_question, cut]
    });
    let home = Home::new();
    let ca = trust(&home, &server);
    let output = run(
        &home,
        &dns,
        &["-u", "alice@localhost", "--ca", &ca, "--no-log"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// Looks `alice@example.org` up through a proxy, and connects to a server with this certificate.
fn through_proxy(
    target: &'static str,
    certificate: ServerCertificate,
    ca: &[u8],
    more: &[&str],
) -> (Option<i32>, String) {
    let options = ServeOptions {
        certificate,
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ServeOptions::default()
    };
    let server = Server::start(options, |_| {}).unwrap();
    let tls = server.tls_address().unwrap();
    let dns = dns(move |asked| {
        // Nothing goes around the proxy.
        assert!(asked.is_tcp);
        vec![asked.servers("_pop3s", &[(0, 995, target)])]
    });
    let dns_address: SocketAddr = dns.parse().unwrap();
    let (proxy, asked) = serve_each(2, move |peer| {
        socks(peer, |asked| {
            Some(if asked.ends_with(":995") {
                tls
            } else {
                dns_address
            })
        })
    });
    let home = Home::new();
    let file = home.path().join("ca.pem");
    let pem = if ca.is_empty() {
        server.certificate_pem().as_bytes()
    } else {
        ca
    };
    std::fs::write(&file, pem).unwrap();
    let url = format!("socks5://{proxy}");
    let args = [
        "-u",
        "alice@example.org",
        "--proxy",
        &url,
        "--ca",
        file.to_str().unwrap(),
        "--no-log",
    ];
    let output = run(&home, &dns, &[&args[..], more].concat());
    assert_eq!(asked.join().unwrap(), dns);
    assert_eq!(asked.join().unwrap(), format!("{target}:995"));
    (output.status.code(), text(&output.stderr))
}

#[test]
fn the_certificate_is_for_the_domain_or_for_a_server_in_it() {
    let of = |names: &[&str]| {
        ServerCertificate::SelfSigned(names.iter().map(|name| (*name).to_owned()).collect())
    };
    for (target, name, code) in [
        ("pop.example.org", "pop.example.org", 0),
        ("pop.example.org", "*.example.org", 0),
        ("pop.example.org", "example.org", 0),
        ("pop.example.org", "other.example.org", 4),
        ("pop.example.org", "*.org", 4),
        // Outside, only the domain vouches for it: the name that DNS told proves nothing.
        ("pop.example.net", "example.org", 0),
        ("pop.example.net", "pop.example.net", 4),
    ] {
        let (seen, told) = through_proxy(target, of(&[name]), b"", &[]);
        assert_eq!(seen, Some(code), "{target} {name}: {told}");
        assert!(
            code == 0
                || told.contains(
                    "the server's certificate is for none of `example.org`, `_pop3s.example.org`"
                ),
            "{told}"
        );
    }
}

#[test]
fn a_name_that_is_given_replaces_those_of_dns() {
    let options = ["--tls-name", "mx.example.com"];
    for (name, code) in [("mx.example.com", 0), ("example.org", 4)] {
        let certificate = ServerCertificate::SelfSigned(vec![name.to_owned()]);
        let (seen, told) = through_proxy("pop.example.org", certificate, b"", &options);
        assert_eq!(seen, Some(code), "{name}: {told}");
        assert!(told.contains("must be for `mx.example.com`\n"), "{told}");
        assert!(
            code == 0 || told.contains("not for the name `mx.example.com`"),
            "{told}"
        );
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
#[test]
fn a_certificate_may_be_for_the_service() {
    use crate::scripts::tls::{GOOD, Odd, make};

    for (service, code) in [
        ("_pop3s.example.org", 0),
        ("_pop3.example.org", 4),
        ("_pop3s.example.net", 4),
    ] {
        let made = make(
            Odd {
                name: "host.example.com",
                service: Some(service),
                ..GOOD
            },
            None,
        );
        let pem = made.certificate.to_pem().unwrap();
        let certificate = ServerCertificate::Given {
            certificate: pem.clone(),
            key: made.key.private_key_to_pem_pkcs8().unwrap(),
        };
        let (seen, told) = through_proxy("pop.example.net", certificate, &pem, &[]);
        assert_eq!(seen, Some(code), "{service}: {told}");
    }
}

#[test]
fn a_person_is_asked_before_a_server_outside_the_domain() {
    let server = practice();
    let port = server.address().port();
    let dns = dns(move |asked| vec![asked.servers("_pop3.", &[(0, port, "localhost")])]);
    let home = Home::new();
    let args = [
        "-u",
        "alice@example.org",
        "--insecure",
        "--no-log",
        "--dns",
        &dns,
    ];
    let mut terminal = Terminal::new(&home, &args);
    terminal.see("connect to `localhost`? [y/N]");
    terminal.press("y\r");
    terminal.prompt("auth tls?>");
    let told = terminal.see("TLS");
    assert!(told.contains("outside `example.org`"), "{told}");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, 0);

    let mut terminal = Terminal::new(&home, &args);
    terminal.see("connect to `localhost`? [y/N]");
    terminal.press("\r");
    terminal.see("not connected");
    assert_eq!(terminal.end().0, 2);
}

#[test]
fn a_server_that_the_proxy_does_not_reach_leaves_the_next_one() {
    let server = secure(&["example.org"]);
    let tls = server.tls_address().unwrap();
    let dns = dns(|asked| {
        vec![asked.servers(
            "_pop3s",
            &[(1, 995, "a.example.org"), (2, 996, "b.example.org")],
        )]
    });
    let dns_address: SocketAddr = dns.parse().unwrap();
    let (proxy, _done) = serve_each(3, move |peer| {
        socks(peer, |asked| match asked {
            "a.example.org:995" => None,
            "b.example.org:996" => Some(tls),
            _ => Some(dns_address),
        })
    });
    let home = Home::new();
    let ca = trust(&home, &server);
    let url = format!("socks5://{proxy}");
    let args = [
        "-u",
        "alice@example.org",
        "--proxy",
        &url,
        "--ca",
        &ca,
        "--no-log",
    ];
    let output = run(&home, &dns, &args);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("a.example.org:995 through socks5://"),
        "{told}"
    );
    assert!(
        told.contains("(SOCKS reply 4); trying the next server"),
        "{told}"
    );
}

#[test]
fn a_person_is_told_that_there_is_no_tls() {
    let (server, _got) = serve(|peer| {
        peer.answer(|line| {
            if line == "STLS" {
                "-ERR no\r\n"
            } else {
                "+OK\r\n"
            }
            .to_owned()
        })
    });
    let dns = dns(move |asked| vec![asked.servers("_pop3.", &[(0, server.port(), "localhost")])]);
    let home = Home::new();
    let args = ["-u", "alice@localhost", "--no-log", "--dns", &dns];
    let mut terminal = Terminal::new(&home, &args);
    terminal.see("no TLS: this session is in cleartext, and only DNS says");
    terminal.prompt("auth>");
    terminal.press("\u{4}");
    terminal.end();
}
