//! Between a client and a server: every octet arrives and is recorded, with TLS on either leg, and
//! each end is told.

mod clients;
mod legs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use poptalk::modes::proxy::{self, ConnectionReport, ProxyEvent, ProxyOptions, RelayOutcome};
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::net::target::{AddressSettings, IpVersion, Target};
use poptalk::pop3::tracker::Side;
use poptalk::transcript::file::Destination;
use poptalk::transcript::{Item, Transcript};

use crate::support::{LIMIT, read, serve, text};

/// A proxy with a folder for its transcripts, and what it tells.
pub(crate) struct Proxied {
    pub(crate) proxy: Server,
    events: Receiver<ProxyEvent>,
    folder: tempfile::TempDir,
}

pub(crate) fn target(address: SocketAddr, is_tls: bool) -> Target {
    Target {
        host: address.ip().to_string(),
        port: address.port(),
        is_tls,
    }
}

impl Proxied {
    pub(crate) fn with(options: ProxyOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel();
        let options = ProxyOptions {
            log: Destination::Path(folder.path().to_owned()),
            ..options
        };
        let proxy = proxy::start(options, move |event| drop(sender.send(event))).unwrap();
        Self {
            proxy,
            events,
            folder,
        }
    }

    fn before(address: SocketAddr) -> Self {
        Self::with(ProxyOptions::new(target(address, false)))
    }

    pub(crate) fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// What the next connection to end has been; its transcript is complete then.
    pub(crate) fn report(&self) -> ConnectionReport {
        loop {
            if let ProxyEvent::Ended(report) = self.events.recv_timeout(LIMIT).unwrap() {
                return report;
            }
        }
    }

    /// The only transcript's file.
    pub(crate) fn file(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.folder.path()).unwrap();
        files.next().unwrap().unwrap().path()
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    pub(crate) fn transcripts(&self) -> Vec<Transcript> {
        self.files().iter().map(|file| read(file)).collect()
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let mut all = self.transcripts();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

/// The events of a transcript without the first one, which names a port that changes.
pub(crate) fn events(transcript: &Transcript) -> Vec<String> {
    let events = transcript.items.iter().filter_map(|item| match item {
        Item::Event(event) => Some(event.clone()),
        _ => None,
    });
    events.skip(1).collect()
}

pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    text(&rest)
}

#[test]
fn a_client_that_waits_for_nothing_gets_every_reply() {
    let server = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let proxied = Proxied::before(server.address());
    let mut lines = b"CAPA\r\nUSER alice\r\nPASS wonderland\r\n".to_vec();
    for number in 1..=9 {
        lines.extend(format!("RETR {number}\r\nLIST {number}\r\nXFOO \x00\u{e9}\r\n").bytes());
    }
    lines.extend(b"\r\nNOOP\nQUIT\r\n");
    // Straight, and through the proxy: the same but for the timestamp of the greeting.
    let [straight, through] = [server.address(), proxied.proxy.address()].map(|address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(&lines).unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        octets
    });
    let behind_greeting = |octets: &[u8]| {
        let end = octets.iter().position(|octet| *octet == b'\n').unwrap();
        octets[end..].to_vec()
    };
    assert!(behind_greeting(&straight) == behind_greeting(&through));
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::ClosedByServer, "{report}");
    assert_eq!(report.octets as usize, through.len());
    assert!(report.has_logged_in);
    let transcript = proxied.transcript();
    assert!(transcript.octets(Side::Server) == through);
    let hidden = text(&lines).replace("wonderland", "");
    assert_eq!(text(&transcript.octets(Side::Client)), hidden);
}

#[test]
fn octets_that_are_no_pop3_pass_in_both_directions() {
    let noise: Vec<u8> = {
        let mut dice = crate::support::Dice::default();
        (0..300_000).map(|_| dice.octet()).collect()
    };
    let want = noise.clone();
    let said = noise.clone();
    let (address, server) = serve(move |peer| {
        // Nothing of a client goes out before the first line of a greeting, whatever that is.
        let greeting = said.iter().position(|octet| *octet == b'\n').unwrap() + 1;
        peer.say(&said[..greeting]);
        let heard = peer.take(said.len() as u64);
        peer.say(&said[greeting..]);
        heard
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(&noise).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut came = Vec::new();
    client.read_to_end(&mut came).unwrap();
    assert!(came == want);
    assert!(server.join().unwrap() == want);
    proxied.report();
    let transcript = proxied.transcript();
    assert!(transcript.octets(Side::Server) == want);
    // In noise, too, lines of a client may look as if they held a secret.
    assert!(transcript.octets(Side::Client).len() > want.len() - 4096);
}

#[test]
fn a_client_that_closes_its_half_gets_the_replies_to_what_it_sent() {
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        let heard = peer.rest();
        peer.say("+OK late\r\n");
        heard
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(b"STAT\r\nQUI").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), "+OK ready\r\n+OK late\r\n");
    assert_eq!(text(&server.join().unwrap()), "STAT\r\nQUI");
    assert_eq!(proxied.report().outcome, RelayOutcome::ClosedByClient);
    let transcript = proxied.transcript();
    assert_eq!(text(&transcript.octets(Side::Client)), "STAT\r\nQUI");
    assert_eq!(events(&transcript).last().unwrap(), "closed by client");
}

#[test]
fn a_server_that_closes_in_the_middle_of_a_message() {
    let (address, _) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK here it comes\r\nhalf a li");
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(b"RETR 1\r\n").unwrap();
    let all = "+OK ready\r\n+OK here it comes\r\nhalf a li";
    assert_eq!(rest(&mut client), all);
    drop(client);
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::ClosedByServer);
    let transcript = proxied.transcript();
    assert_eq!(text(&transcript.octets(Side::Server)), all);
    let want = "closed by server in the middle of a multi-line reply";
    assert_eq!(events(&transcript).last().unwrap(), want);
}

#[test]
fn a_server_that_is_not_there() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let proxied = Proxied::before(nobody);
    let mut client = proxied.client();
    let said = rest(&mut client);
    let why = format!("could not connect to {nobody}: connection refused");
    assert_eq!(
        said,
        format!("-ERR [SYS/TEMP] no connection to {nobody}: {why}\r\n")
    );
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::NoServer(why.clone()));
    assert!(report.to_string().ends_with(&why), "{report}");
    let transcript = proxied.transcript();
    assert_eq!(events(&transcript), [why.as_str(), "closed by proxy"]);
    assert_eq!(text(&transcript.octets(Side::Server)), said);
}

#[test]
fn a_server_without_an_address_of_the_wanted_version() {
    let proxied = Proxied::with(ProxyOptions {
        addresses: AddressSettings {
            version: Some(IpVersion::V6),
            ..AddressSettings::default()
        },
        ..ProxyOptions::new(target(SocketAddr::from(([127, 0, 0, 1], 1)), false))
    });
    let said = rest(&mut proxied.client());
    let why = "no address for `127.0.0.1`: it is an IPv4 address, which -6 excludes";
    assert_eq!(
        said,
        format!("-ERR [SYS/TEMP] no connection to 127.0.0.1:1: {why}\r\n")
    );
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::NoServer(why.to_owned()));
    assert_eq!(events(&proxied.transcript()), [why, "closed by proxy"]);
}

#[test]
fn a_client_that_does_not_read_stops_the_server_and_not_the_memory() {
    const MUCH: usize = 64 << 20;
    let (sent, at) = mpsc::channel();
    let (address, server) = serve(move |peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK\r\n");
        let stream = peer.stream();
        stream.set_nonblocking(true).unwrap();
        let block = [&[b'y'; 998][..], b"\r\n"].concat().repeat(64);
        let mut count = 0;
        let mut is_told = false;
        // Until nothing more has been taken for a while; then the client is let go.
        while count < MUCH {
            match (&*stream).write(&block[..block.len().min(MUCH - count)]) {
                Ok(more) => count += more,
                Err(_) if is_told => std::thread::yield_now(),
                Err(_) => {
                    stream.set_nonblocking(false).unwrap();
                    stream
                        .set_write_timeout(Some(Duration::from_secs(1)))
                        .unwrap();
                    match (&*stream).write(&block[..1]) {
                        Ok(more) => {
                            count += more;
                            stream.set_nonblocking(true).unwrap();
                        }
                        Err(_) => {
                            is_told = true;
                            sent.send(count).unwrap();
                            stream.set_write_timeout(None).unwrap();
                        }
                    }
                }
            }
        }
        drop(sent);
        count
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(b"RETR 1\r\n").unwrap();
    // The system buffers on both legs, and ours.
    let stuck = at.recv_timeout(LIMIT).unwrap();
    assert!(stuck < MUCH / 2, "{stuck} octets were taken");
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert_eq!(server.join().unwrap(), MUCH);
    assert_eq!(all.len(), MUCH + "+OK ready\r\n+OK\r\n".len());
}

#[test]
fn fifty_clients_at_the_same_time() {
    let server = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let proxied = Proxied::before(server.address());
    // All are greeted before the first goes on.
    let mut clients: Vec<_> = (0..50)
        .map(|_| {
            let mut reader = BufReader::new(proxied.client());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with("+OK "));
            reader
        })
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        write!(client.get_mut(), "XME {number}\r\nCAPA\r\nQUIT\r\n").unwrap();
    }
    for client in &mut clients {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert!(
            text(&all).ends_with("\r\n.\r\n+OK bye\r\n"),
            "{}",
            text(&all)
        );
    }
    for _ in 0..50 {
        assert_eq!(proxied.report().outcome, RelayOutcome::ClosedByServer);
    }
    let mut said: Vec<String> = proxied
        .transcripts()
        .iter()
        .map(|transcript| text(&transcript.octets(Side::Client)))
        .collect();
    let mut want: Vec<String> = (0..50)
        .map(|number| format!("XME {number}\r\nCAPA\r\nQUIT\r\n"))
        .collect();
    said.sort();
    want.sort();
    assert_eq!(said, want);
}

#[test]
fn one_client_too_many_is_refused() {
    let server = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let proxied = Proxied::with(ProxyOptions {
        most_connections: 1,
        ..ProxyOptions::new(target(server.address(), false))
    });
    let mut first = BufReader::new(proxied.client());
    let mut greeting = String::new();
    first.read_line(&mut greeting).unwrap();
    let mut second = proxied.client();
    assert!(rest(&mut second).starts_with("-ERR [SYS/TEMP] too many connections"));
    assert_eq!(proxied.report().outcome, RelayOutcome::Refused);
    first.get_mut().write_all(b"QUIT\r\n").unwrap();
    assert_eq!(proxied.report().outcome, RelayOutcome::ClosedByServer);
}

#[test]
fn silence_of_both_sides_has_an_end() {
    let (address, _server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.rest()
    });
    let proxied = Proxied::with(ProxyOptions {
        idle: Duration::from_secs(1),
        ..ProxyOptions::new(target(address, false))
    });
    let mut client = proxied.client();
    assert_eq!(rest(&mut client), "+OK ready\r\n");
    assert_eq!(proxied.report().outcome, RelayOutcome::TimedOut);
    let told = events(&proxied.transcript());
    assert_eq!(&told[1..], ["timeout after 1 s", "closed by proxy"]);
}

#[test]
fn a_proxy_that_is_stopped_closes_its_connections_and_transcripts() {
    let server = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let Proxied {
        proxy,
        events: told,
        folder,
    } = Proxied::before(server.address());
    let mut client = BufReader::new(TcpStream::connect(proxy.address()).unwrap());
    let mut greeting = String::new();
    client.read_line(&mut greeting).unwrap();
    drop(proxy);
    assert_eq!(client.read_line(&mut greeting).unwrap_or(0), 0);
    let ended = told.iter().find_map(|event| match event {
        ProxyEvent::Ended(report) => Some(report.outcome),
        _ => None,
    });
    assert_eq!(ended, Some(RelayOutcome::Stopped));
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let transcript = read(&file.unwrap().path());
    assert_eq!(text(&transcript.octets(Side::Server)), greeting);
    assert_eq!(events(&transcript).last().unwrap(), "closed by proxy");
}

#[cfg(unix)]
#[test]
fn the_program_shows_the_lines_hides_secrets_and_ends_by_a_signal() {
    let server = Server::start(ServeOptions::default(), |_| {}).unwrap();
    let home = crate::support::Home::new();
    let address = server.address().to_string();
    let args = ["proxy", &address, "--listen", "127.0.0.1:0", "-v"];
    let args = [&args[..], &["--bodies", "elide"]].concat();
    let mut child = home
        .poptalk(&args)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    out.read_line(&mut ready).unwrap();
    let proxy = ready.split(' ').nth(1).unwrap();
    assert!(
        ready.contains(&format!(" for {address}, transcripts in ")),
        "{ready}"
    );
    let mut client = TcpStream::connect(proxy).unwrap();
    let me = client.local_addr().unwrap();
    client
        .write_all(b"USER alice\r\nPASS wonderland\r\nRETR 1\r\nX\x1b[2J\r\nQUIT\r\n")
        .unwrap();
    let all = rest(&mut client);
    let mut shown = String::new();
    loop {
        let start = shown.len();
        assert_ne!(out.read_line(&mut shown).unwrap(), 0, "{shown}");
        if shown[start..].contains(", logged in, ") {
            break;
        }
    }
    crate::support::terminate(&child);
    assert!(child.wait().unwrap().success());
    for want in [
        format!("{me}: connected\n"),
        format!("{me} * connected upstream {address}\n"),
        format!("{me} C: USER alice\n{me} C: PASS {{{{password}}}}\n"),
        format!("{me} S: Hello Alice,\n"),
        format!("{me} C: X^[[2J\n"),
        format!(
            "{me}: 5 commands, logged in, {} octets, closed by server\n",
            all.len()
        ),
    ] {
        assert!(shown.contains(&want), "{want} is not in {shown}");
    }
    let file = std::fs::read_to_string(&home.files()[0]).unwrap();
    assert!(!file.contains("wonderland") && !shown.contains("wonderland"));
    assert!(!file.contains("Hello Alice") && file.contains("C: RETR 1\n"));
}
