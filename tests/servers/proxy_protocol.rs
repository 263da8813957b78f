//! Headers of the PROXY protocol: our client sends them, our servers require them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use poptalk::modes::proxy::{ProxyOptions, RelayOutcome};
use poptalk::modes::serve::{ServeEvent, ServeOptions, Server, VisitOutcome};
use poptalk::net::proxy_protocol::{HeaderError, HeaderFlaw, HeaderSettings, HeaderVersion};
use poptalk::net::target::AddressSettings;
use poptalk::transcript::file::Destination;
use poptalk::transcript::{Item, Transcript};

use super::proxy::{Proxied, rest, target};
use crate::scripts::upstream_proxy::socks;
use crate::support::{Home, LIMIT, read, serve, text};

/// The client that the headers name. The network is for documentation (RFC 5737).
const CLIENT: &str = "203.0.113.7:4711";

/// A practice server that requires a header, with a folder for its transcripts.
struct Served {
    server: Server,
    events: Receiver<ServeEvent>,
    folder: tempfile::TempDir,
}

impl Served {
    fn with(options: ServeOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel();
        let options = ServeOptions {
            log: Destination::Path(folder.path().to_owned()),
            ..options
        };
        let server = Server::start(options, move |event| drop(sender.send(event))).unwrap();
        Self {
            server,
            events,
            folder,
        }
    }

    fn new() -> Self {
        Self::with(requiring())
    }

    /// What the next connection to end has been; its transcript is complete then.
    fn event(&self) -> ServeEvent {
        self.events.recv_timeout(LIMIT).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    /// The events of the only transcript, without the port of the socket.
    fn recorded(&self) -> Vec<String> {
        let files = self.files();
        assert_eq!(files.len(), 1);
        events(&read(&files[0]))
    }
}

fn requiring() -> ServeOptions {
    ServeOptions {
        header_wait: Some(LIMIT),
        ..ServeOptions::default()
    }
}

fn events(transcript: &Transcript) -> Vec<String> {
    let events = transcript.items.iter().filter_map(|item| match item {
        Item::Event(event) => Some(event.clone()),
        _ => None,
    });
    let without_port = |event: String| match event.split_once("127.0.0.1:") {
        Some((start, _)) if event.starts_with("connected ") => format!("{start}127.0.0.1"),
        _ => event,
    };
    events.map(without_port).collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The example of version 2: from [`CLIENT`] to 192.0.2.1:110.
fn binary() -> Vec<u8> {
    let mut octets = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    octets.extend([203, 0, 113, 7, 192, 0, 2, 1]);
    octets.extend(4711_u16.to_be_bytes());
    octets.extend(110_u16.to_be_bytes());
    octets
}

fn line() -> Vec<u8> {
    b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 110\r\n".to_vec()
}

#[test]
fn the_server_takes_the_address_from_a_script() {
    for version in ["v1", "v2"] {
        let served = Served::new();
        let address = served.server.address().to_string();
        let home = Home::new();
        let header = ["--proxy-protocol", version, "--proxy-source", CLIENT];
        let output = home.script(&[&[address.as_str(), "-cquit"], &header[..]].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let event = served.event();
        assert_eq!(event.peer.to_string(), CLIENT);
        assert_eq!(event.outcome, VisitOutcome::Ended);
        let sent = format!("proxy-protocol {version} {CLIENT} {address}");
        assert_eq!(
            served.recorded(),
            [
                &format!("connected {CLIENT} through 127.0.0.1"),
                &sent,
                "closed by server"
            ]
        );
        let own = events(&home.transcript());
        assert_eq!(own, ["connected 127.0.0.1", &sent, "closed by server"]);
    }
}

/// Its replies to our commands come too late then: the first is to the header.
#[test]
fn a_server_that_answers_the_header_gets_a_hint() {
    let (address, _talk) = serve(|peer| {
        assert!(peer.hear().starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "));
        peer.say("+OK ready\r\n");
        assert_eq!(peer.hear(), b"CAPA\r\n");
        peer.say("-ERR unknown command\r\n");
        peer.rest();
    });
    let address = address.to_string();
    let args = [&address, "--no-log", "-cCAPA", "--proxy-protocol", "v1"];
    let output = Home::new().script(&args, b"");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("may answer the header of --proxy-protocol"),
        "{said}"
    );
}

#[test]
fn a_tls_port_that_closes_after_the_header_gets_a_hint() {
    let (address, _talk) = serve(|peer| {
        assert!(peer.hear().starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "));
    });
    let address = address.to_string();
    let args = [&address, "--no-log", "-cQUIT", "--tls", "--proxy-protocol"];
    let output = Home::new().script(&[&args[..], &["v1"]].concat(), b"");
    assert_eq!(output.status.code(), Some(4));
    let said = text(&output.stderr);
    let hint = "hint: the server may not expect the header of --proxy-protocol";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn check_and_replay_send_it_on_each_connection() {
    let served = Served::new();
    let address = served.server.address().to_string();
    let home = Home::new();
    let recording = home.path().join("recording.pop3");
    std::fs::write(&recording, "S: +OK ready\nC: QUIT\nS: +OK\n").unwrap();
    let recording = recording.to_str().unwrap();
    let log = home.path().join("log");
    let header = ["--proxy-protocol", "v2", "--proxy-source", CLIENT];
    let options = [&header[..], &["--log", log.to_str().unwrap()]].concat();
    for args in [
        &["replay", recording, "--to", &address][..],
        &["check", &address],
    ] {
        let output = home.script(&[args, &options].concat(), b"");
        let code = output.status.code();
        assert!(
            code < Some(2),
            "{args:?} {code:?}: {}",
            text(&output.stderr)
        );
        let mut visits = vec![served.event()];
        visits.extend(served.events.try_iter());
        for visit in visits {
            assert_eq!(visit.peer.to_string(), CLIENT, "{args:?}");
        }
    }
}

#[test]
fn the_header_comes_before_tls() {
    let served = Served::with(ServeOptions {
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..requiring()
    });
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, served.server.certificate_pem()).unwrap();
    let address = served.server.tls_address().unwrap().to_string();
    let args = [&address, "--tls", "--ca", ca.to_str().unwrap(), "-cquit"];
    let header = ["--proxy-protocol", "v2", "--proxy-source", "2001:db8::7"];
    let output = home.script(&[&args[..], &header[..]].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let event = served.event();
    assert_eq!(event.peer.ip().to_string(), "2001:db8::7");
    assert_eq!(event.outcome, VisitOutcome::Ended);
    assert!(event.tls.is_some());
}

#[test]
#[ignore = "needs curl"]
fn the_header_of_curl_is_read_before_tls_and_before_the_greeting() {
    let served = Served::with(ServeOptions {
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..requiring()
    });
    let (plain, tls) = (
        served.server.address(),
        served.server.tls_address().unwrap(),
    );
    for url in [format!("pop3://{plain}/1"), format!("pop3s://{tls}/1")] {
        let curl = std::process::Command::new("curl")
            .args(["-sk", "--haproxy-protocol", "-u", "alice:wonderland", &url])
            .output()
            .unwrap();
        assert!(text(&curl.stdout).contains("\r\nHello Alice,\r\n"), "{url}");
        assert_eq!(served.event().outcome, VisitOutcome::Ended, "{url}");
    }
}

/// Each octet alone, with the commands at once after it.
#[test]
fn a_header_in_pieces_is_read_and_nothing_of_what_follows() {
    for header in [line(), binary()] {
        let served = Served::new();
        let proxied = Proxied::with(ProxyOptions {
            header_wait: Some(LIMIT),
            addresses: sending(HeaderVersion::V1),
            ..ProxyOptions::new(target(served.server.address(), false))
        });
        for address in [served.server.address(), proxied.proxy.address()] {
            let mut stream = connect(address);
            for octet in &header {
                stream.write_all(&[*octet]).unwrap();
            }
            stream.write_all(b"NOOP\r\nQUIT\r\n").unwrap();
            let replies = rest(&mut stream);
            assert_eq!(replies.matches("\r\n").count(), 3, "{replies}");
            let event = served.event();
            assert_eq!(event.peer.to_string(), CLIENT);
            assert!(event.to_string().contains(": 2 commands"), "{event}");
        }
        let report = proxied.report();
        assert_eq!(report.outcome, RelayOutcome::ClosedByServer, "{report}");
        assert!(report.to_string().starts_with(CLIENT), "{report}");
    }
}

fn sending(version: HeaderVersion) -> AddressSettings {
    let source = None;
    AddressSettings {
        header: Some(HeaderSettings { version, source }),
        ..AddressSettings::default()
    }
}

#[test]
fn a_proxy_names_its_client_to_the_server() {
    let served = Served::new();
    let server = served.server.address();
    let proxied = Proxied::with(ProxyOptions {
        addresses: sending(HeaderVersion::V2),
        ..ProxyOptions::new(target(server, false))
    });
    let mut client = proxied.client();
    client.write_all(b"QUIT\r\n").unwrap();
    rest(&mut client);
    let own = client.local_addr().unwrap();
    assert_eq!(served.event().peer, own);
    proxied.report();
    let sent = format!("upstream proxy-protocol v2 {own} {server}");
    assert!(events(&proxied.transcript()).contains(&sent));
}

#[test]
fn a_proxy_between_two_carries_the_address_on() {
    let served = Served::new();
    let server = served.server.address();
    let proxied = Proxied::with(ProxyOptions {
        addresses: sending(HeaderVersion::V1),
        header_wait: Some(LIMIT),
        ..ProxyOptions::new(target(server, false))
    });
    let between = proxied.proxy.address().to_string();
    let header = ["--proxy-protocol", "v2", "--proxy-source", CLIENT];
    let args = [&[between.as_str(), "--no-log", "-cquit"], &header[..]].concat();
    let output = Home::new().script(&args, b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(served.event().peer.to_string(), CLIENT);
    proxied.report();
    assert_eq!(
        events(&proxied.transcript()),
        [
            &format!("connected {CLIENT} through 127.0.0.1"),
            &format!("proxy-protocol v2 {CLIENT} {between}"),
            "connected upstream 127.0.0.1",
            &format!("upstream proxy-protocol v1 {CLIENT} {server}"),
            "closed by server"
        ]
    );
}

#[test]
fn through_a_socks_proxy_the_server_gets_the_header() {
    let served = Served::new();
    let server = served.server.address();
    let (proxy, asked) = serve(move |peer| socks(peer, |_| Some(server)));
    let url = format!("socks5://{proxy}");
    let header = ["--proxy-protocol", "v1", "--proxy-source", CLIENT];
    let args = ["192.0.2.1:110", "--proxy", &url, "--no-log", "-cquit"];
    let output = Home::new().script(&[&args[..], &header[..]].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(asked.join().unwrap(), "192.0.2.1:110");
    assert_eq!(served.event().peer.to_string(), CLIENT);
    let sent = format!("proxy-protocol v1 {CLIENT} 192.0.2.1:110");
    assert!(served.recorded().contains(&sent));
}

#[test]
fn without_addresses_those_of_the_connection_count() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for header in [&b"PROXY UNKNOWN\r\n"[..], local] {
        let served = Served::new();
        let mut stream = connect(served.server.address());
        stream.write_all(&[header, b"QUIT\r\n"].concat()).unwrap();
        assert!(rest(&mut stream).starts_with("+OK "));
        assert_eq!(served.event().peer, stream.local_addr().unwrap());
        let recorded = served.recorded();
        assert_eq!(recorded[0], "connected 127.0.0.1");
        assert!(recorded[1].ends_with(" without addresses"), "{recorded:?}");
    }
}

/// Sends octets and no more, and reads to the end.
fn send_all(address: SocketAddr, octets: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(octets).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest(&mut stream)
}

#[test]
fn what_is_not_a_header_gets_no_greeting() {
    let mut short = binary();
    short[15] = 4;
    let cut = binary().len() - 1;
    for (octets, error, by) in [
        (
            b"CAPA\r\n".to_vec(),
            HeaderError::Flaw(HeaderFlaw::NoHeader),
            "server",
        ),
        (
            b"\x16\x03\x01\x02\0".to_vec(),
            HeaderError::Flaw(HeaderFlaw::Tls),
            "server",
        ),
        (short, HeaderError::Flaw(HeaderFlaw::Short(4)), "server"),
        (
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\nQUIT\r\n".to_vec(),
            HeaderError::Flaw(HeaderFlaw::Line(
                r"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n".to_owned(),
            )),
            "server",
        ),
        (binary()[..cut].to_vec(), HeaderError::Closed(cut), "client"),
    ] {
        let served = Served::new();
        assert_eq!(send_all(served.server.address(), &octets), "");
        let event = served.event();
        assert_eq!(event.outcome, VisitOutcome::NoHeader(error.clone()));
        let failed = format!("proxy-protocol failed: {error}");
        let closed = format!("closed by {by}");
        let recorded = served.recorded();
        assert_eq!(
            recorded,
            ["connected 127.0.0.1", &failed.replace('\\', r"\\"), &closed]
        );

        let proxied = Proxied::with(ProxyOptions {
            header_wait: Some(LIMIT),
            ..ProxyOptions::new(target(served.server.address(), false))
        });
        assert_eq!(send_all(proxied.proxy.address(), &octets), "");
        let report = proxied.report();
        assert_eq!(report.outcome, RelayOutcome::NoHeader(error));
        assert!(served.events.try_recv().is_err(), "the server was reached");
    }
}

#[test]
fn a_client_that_sends_no_header_in_time_is_closed() {
    let wait = Duration::from_millis(20);
    let served = Served::with(ServeOptions {
        header_wait: Some(wait),
        ..ServeOptions::default()
    });
    let proxied = Proxied::with(ProxyOptions {
        header_wait: Some(wait),
        ..ProxyOptions::new(target(served.server.address(), false))
    });
    let mut stream = connect(served.server.address());
    stream.write_all(b"PROXY ").unwrap();
    assert_eq!(rest(&mut stream), "");
    drop(stream);
    let late = HeaderError::Late(wait);
    assert_eq!(served.event().outcome, VisitOutcome::NoHeader(late.clone()));
    let mut stream = connect(proxied.proxy.address());
    assert_eq!(rest(&mut stream), "");
    drop(stream);
    assert_eq!(proxied.report().outcome, RelayOutcome::NoHeader(late));
}

#[test]
fn a_server_ends_while_it_waits_for_a_header() {
    let served = Served::new();
    let proxied = Proxied::with(ProxyOptions {
        header_wait: Some(LIMIT),
        ..ProxyOptions::new(target(served.server.address(), false))
    });
    let mut streams = [served.server.address(), proxied.proxy.address()].map(connect);
    assert!(served.server.stop());
    assert!(proxied.proxy.stop());
    for stream in &mut streams {
        // A connection that was not accepted yet is reset.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
