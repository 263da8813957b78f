//! The practice server on the network, seen by a client that only sends and expects octets.

#[cfg(not(any(windows, target_vendor = "apple")))]
mod tls;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use poptalk::base::error::Explain;
use poptalk::modes::serve::{ServeEvent, ServeOptions, Server, VisitOutcome};
use poptalk::net::listener::ListenError;
use poptalk::net::server_certificate::ServerCertificate;
use poptalk::servers::{Ending, Maildrop, Message, messages};

use crate::support::{Home, LIMIT};

/// A server, and what it tells.
struct Served {
    serving: Server,
    events: Receiver<ServeEvent>,
}

impl Served {
    fn with(options: ServeOptions) -> Self {
        let (sender, events) = mpsc::channel();
        let serving = Server::start(options, move |event| drop(sender.send(event))).unwrap();
        Self { serving, events }
    }

    fn new() -> Self {
        Self::with(ServeOptions::default())
    }

    /// One whose maildrop holds three small messages.
    fn small() -> Self {
        let messages = ["one\r\n", "two\r\n", "three\r\n"];
        let messages = messages.map(|text| Message::new(text, text.trim_end()));
        Self::with(ServeOptions {
            maildrop: Maildrop::new(messages.into()),
            ..ServeOptions::default()
        })
    }

    fn client(&self) -> Client<TcpStream> {
        let mut client = Client::new(connect(self.serving.address()));
        assert!(
            client
                .line()
                .starts_with("+OK poptalk practice server ready <")
        );
        client
    }

    fn event(&self) -> ServeEvent {
        self.events.recv_timeout(LIMIT).unwrap()
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A client on any stream.
struct Client<S>(BufReader<S>);

impl<S: Read + Write> Client<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).unwrap();
    }

    fn octets(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        line
    }

    /// The next line without its end; empty at the end.
    fn line(&mut self) -> String {
        let octets = self.octets();
        assert!(octets.is_empty() || octets.ends_with(b"\r\n"));
        String::from_utf8_lossy(&octets).trim_end().to_owned()
    }

    fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        self.line()
    }

    /// The data lines that follow a status line.
    fn data(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        loop {
            let line = self.octets();
            assert!(line.ends_with(b"\r\n"), "the connection ended in the data");
            if line == b".\r\n" {
                return data;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    fn log_in(&mut self) {
        assert_eq!(self.say("USER alice"), "+OK send PASS");
        assert!(self.say("PASS wonderland").starts_with("+OK "));
    }

    /// What is still to come, up to the end.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[test]
fn a_session_goes_from_greeting_to_close() {
    let served = Served::new();
    let mut client = served.client();
    client.log_in();
    for (number, message) in (1..).zip(messages::practice()) {
        let size = message.size();
        assert_eq!(
            client.say(&format!("RETR {number}")),
            format!("+OK {size} octets")
        );
        assert!(client.data() == message.octets(), "message {number}");
    }
    assert_eq!(client.say("DELE 2"), "+OK message 2 deleted");
    assert_eq!(client.say("QUIT"), "+OK 8 messages left");
    assert_eq!(client.rest(), "");
    let event = served.event();
    assert_eq!(event.outcome, VisitOutcome::Ended);
    let ending = Ending::Updated {
        deleted: 1,
        left: 8,
    };
    assert_eq!(event.summary.ending, Some(ending));
    assert_eq!(
        event.to_string(),
        format!(
            "{}: 13 commands, logged in, QUIT, 1 deleted, 8 left",
            event.peer
        )
    );
}

#[test]
fn second_session_gets_in_use_until_the_first_is_gone() {
    let served = Served::small();
    let mut first = served.client();
    first.log_in();
    let mut second = served.client();
    second.say("USER alice");
    assert!(second.say("PASS wonderland").starts_with("-ERR [IN-USE] "));
    drop(first);
    assert_eq!(served.event().outcome, VisitOutcome::HungUp);
    second.log_in();
}

#[test]
fn hanging_up_keeps_the_mail() {
    let served = Served::small();
    let mut client = served.client();
    client.log_in();
    assert_eq!(client.say("DELE 1"), "+OK message 1 deleted");
    drop(client);
    let event = served.event();
    assert!(
        event
            .to_string()
            .ends_with("disconnected without QUIT, nothing deleted")
    );
    let mut client = served.client();
    client.log_in();
    assert_eq!(client.say("STAT"), "+OK 3 17");
}

#[test]
fn every_greeting_has_its_own_timestamp() {
    let served = Served::small();
    let mut seen: Vec<String> = (0..20)
        .map(|_| Client::new(connect(served.serving.address())).line())
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20);
}

#[test]
fn commands_in_one_packet_are_answered_in_order() {
    let served = Served::small();
    let mut client = served.client();
    client.send("USER alice\r\nPASS wonderland\r\nNOOP\r\nNOOP\r\nSTAT\r\nRETR 2\r\nQUIT\r\n");
    assert_eq!(
        client.rest(),
        "+OK send PASS\r\n+OK 3 messages (17 octets)\r\n+OK still here\r\n+OK still here\r\n\
         +OK 3 17\r\n+OK 5 octets\r\ntwo\r\n.\r\n+OK 3 messages left\r\n"
    );
}

#[test]
fn the_last_reply_arrives_although_the_client_goes_on_sending() {
    let served = Served::small();
    let mut client = served.client();
    client.log_in();
    client.send("QUIT\r\n");
    // Unread at the close, these would cause a reset, which takes the reply away.
    client.send("NOOP\r\n".repeat(10_000));
    assert_eq!(client.rest(), "+OK 3 messages left\r\n");
}

#[test]
fn a_client_that_has_closed_its_half_still_gets_its_replies() {
    let served = Served::new();
    let mut client = served.client();
    client.send("USER alice\r\nPASS wonderland\r\nRETR 7\r\n");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    let rest = client.rest();
    assert!(rest.len() > 2_000_000 && rest.ends_with("\r\n.\r\n"));
    assert_eq!(served.event().outcome, VisitOutcome::HungUp);
}

#[test]
fn a_silent_client_is_logged_out_without_a_word() {
    let served = Served::with(ServeOptions {
        autologout: Duration::from_secs(1),
        ..ServeOptions::default()
    });
    let mut client = served.client();
    assert_eq!(client.rest(), "");
    assert_eq!(served.event().outcome, VisitOutcome::TimedOut);
}

#[test]
fn octets_without_a_line_end_do_not_put_off_the_autologout() {
    let served = Served::with(ServeOptions {
        autologout: Duration::from_secs(1),
        ..ServeOptions::default()
    });
    let client = served.client();
    let mut stream = client.0.into_inner();
    while stream.write_all(&[b'A'; 4096]).is_ok() {}
    assert_eq!(served.event().outcome, VisitOutcome::TimedOut);
}

#[test]
fn one_connection_too_many_is_refused() {
    let served = Served::with(ServeOptions {
        most_connections: 2,
        ..ServeOptions::default()
    });
    let first = served.client();
    let _second = served.client();
    let mut third = Client::new(connect(served.serving.address()));
    assert!(
        third
            .line()
            .starts_with("-ERR [SYS/TEMP] too many connections")
    );
    assert_eq!(served.event().outcome, VisitOutcome::Refused);
    drop(first);
    assert_eq!(served.event().outcome, VisitOutcome::HungUp);
}

#[test]
fn stopping_waits_for_no_client() {
    let served = Served::new();
    let address = served.serving.address();
    let mut idle = served.client();
    // This one sends ahead and does not read.
    let mut busy = served.client();
    busy.send("USER alice\r\nPASS wonderland\r\n");
    busy.send("RETR 7\r\n".repeat(10_000));
    let _unread = connect(address);
    // And this one is in the middle of a line.
    let mut typing = served.client();
    typing.send("US");
    let Served { serving, events } = served;
    drop(serving);
    assert_eq!(idle.rest(), "");
    assert!(TcpStream::connect(address).is_err());
    let stopped = events
        .iter()
        .filter(|event| event.outcome == VisitOutcome::Stopped)
        .count();
    assert!((3..=4).contains(&stopped), "{stopped}");
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_hint() {
    let served = Served::small();
    let options = ServeOptions {
        listen: served.serving.address(),
        ..ServeOptions::default()
    };
    let error = Server::start(options, |_| ()).err().unwrap();
    assert!(matches!(error, ListenError::Address { .. }));
    assert!(error.hint().unwrap().contains("port 0"));
}

#[test]
fn a_certificate_that_is_none_is_an_error() {
    let given = |certificate: &[u8], key: &[u8]| {
        let options = ServeOptions {
            certificate: ServerCertificate::Given {
                certificate: certificate.to_vec(),
                key: key.to_vec(),
            },
            ..ServeOptions::default()
        };
        Server::start(options, |_| ()).err().unwrap().to_string()
    };
    assert_eq!(
        given(b"", b""),
        "cannot use this certificate for TLS: it contains no certificate"
    );
    assert!(
        given(b"-----BEGIN CERTIFICATE-----\nx", b"")
            .starts_with("cannot use this certificate for TLS: ")
    );
}

#[test]
fn the_command_tells_where_it_listens_and_who_came() {
    let home = Home::new();
    let pem = home.path().join("ca.pem");
    let mut child = home
        .poptalk(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--tls-listen",
            "127.0.0.1:0",
        ])
        .args(["--user", "bob", "--password", "s p", "--cert-out"])
        .arg(&pem)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let words: Vec<&str> = line.trim_end().splitn(5, ' ').collect();
    let ["ready", address, "tls", tls_address, rest] = words[..] else {
        panic!("`{line}`");
    };
    let address: SocketAddr = address.parse().unwrap();
    assert_eq!(rest, "user bob password s p, 9 messages");
    assert!(tls_address.parse::<SocketAddr>().is_ok());
    assert!(
        std::fs::read_to_string(&pem)
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );

    let mut client = Client::new(connect(address));
    client.line();
    assert_eq!(client.say("USER bob"), "+OK send PASS");
    assert!(client.say("PASS s p").starts_with("+OK 9 messages"));
    assert_eq!(client.say("QUIT"), "+OK 9 messages left");
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(
        line.ends_with(": 3 commands, logged in, QUIT, 0 deleted, 9 left\n"),
        "{line}"
    );

    let mut open = Client::new(connect(address));
    open.line();
    #[cfg(unix)]
    {
        let mut kill = std::process::Command::new("kill");
        assert!(kill.arg(child.id().to_string()).status().unwrap().success());
        line.clear();
        out.read_line(&mut line).unwrap();
        assert!(line.ends_with("server stopped\n"), "{line}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    #[cfg(not(unix))]
    child.kill().unwrap();
}
