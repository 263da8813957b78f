//! Servers that send too slowly, or too much.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::sync::mpsc;
use std::time::Duration;

use poptalk::base::files;
use poptalk::modes::proxy::{ProxyOptions, RelayOutcome};
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::transcript::Transcript;
use poptalk::transcript::file::Destination;

use crate::servers::proxy::{Proxied, events, target};
use crate::support::terminal::Terminal;
use crate::support::{Home, LIMIT, Peer, read, serve, serve_each, text};

/// Sends one octet after the other, with a pause before each; ends when the other side is gone.
fn drip(peer: &mut Peer, pause: Duration, octets: impl IntoIterator<Item = u8>) {
    peer.stream().set_read_timeout(Some(pause)).unwrap();
    for octet in octets {
        peer.take(1);
        if peer.stream().write_all(&[octet]).is_err() {
            return;
        }
    }
}

/// Sends octets without an end.
fn flood(peer: &mut Peer, octets: &[u8]) {
    let block = octets.repeat(64 * 1024 / octets.len());
    while peer.stream().write_all(&block).is_ok() {}
}

fn noop(home: &Home, address: SocketAddr, options: &[&str]) -> Output {
    let log = home.path().join("log.pop3");
    let address = address.to_string();
    let args = [&address, "--log", log.to_str().unwrap(), "-c", "noop"];
    home.script(&[&args, options].concat(), b"")
}

fn last_events(transcript: &Transcript) -> Vec<String> {
    let events = events(transcript);
    events[events.len() - 2..].to_vec()
}

#[test]
fn a_greeting_and_a_status_line_that_drip_in_gain_no_time() {
    for start in ["", "+OK ready\r\n"] {
        let (address, server) = serve(move |peer| {
            peer.say(start);
            drip(peer, Duration::from_millis(5), std::iter::repeat(b'+'));
        });
        let home = Home::new();
        let output = noop(&home, address, &["--timeout", "0.3"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{said}");
        let awaited = if start.is_empty() { "greeting" } else { "NOOP" };
        assert!(said.contains("no reply for 0.3 s, awaiting the "), "{said}");
        assert!(said.contains(awaited), "{said}");
        let events = events(&home.transcript());
        assert!(events.contains(&"timeout after 0.3 s".into()), "{events:?}");
        server.join().unwrap();
    }
}

#[test]
fn data_that_drips_in_has_all_the_time() {
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK\r\n");
        drip(
            peer,
            Duration::from_millis(50),
            [b'x'; 80].into_iter().chain(*b"\r\n.\r\n"),
        );
        peer.stream().set_read_timeout(Some(LIMIT)).unwrap();
        peer.hear();
    });
    let home = Home::new();
    let output = noop(&home, address, &["--timeout", "3", "--multi", "noop"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    server.join().unwrap();
}

#[test]
fn a_script_stores_no_more_than_it_was_told() {
    let home = Home::new();
    for (start, octets) in [
        ("", "x"),
        ("+OK ready\r\n", "x"),
        ("+OK ready\r\n", "+OK\r\n"),
    ] {
        let (address, server) = serve(move |peer| {
            peer.say(start);
            flood(peer, octets.as_bytes());
        });
        let output = noop(&home, address, &["--max-size", "1M", "--multi", "noop"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        let wanted = "error: the server sent more than 1 MiB; closed\nhint: --max-size SIZE";
        assert!(said.contains(wanted), "{said}");
        let log = home.path().join("log.pop3");
        let length = log.metadata().unwrap().len();
        assert!((1 << 20..3 << 20).contains(&length), "{length}");
        let ends = ["more than 1 MiB came from the server", "closed by client"];
        assert_eq!(last_events(&home.transcript()), ends);
        std::fs::remove_file(log).unwrap();
        server.join().unwrap();
    }
}

#[test]
fn a_console_keeps_no_more_of_a_message_than_it_was_told() {
    let home = Home::new();
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK\r\n");
        flood(peer, b"0123456789\r\n");
    });
    let mut terminal = Terminal::new(&home, &[&address.to_string(), "--max-size", "256K"]);
    terminal.prompt("auth>");
    terminal.press("retr 1\r");
    terminal.wait("the end of what comes", |screen| {
        screen.contains("q back") && !screen.contains("receiving")
    });
    terminal.press("q");
    terminal.see("the server sent more than 256 KiB; closed");
    terminal.press(":quit\r");
    assert_eq!(terminal.end().0, 3);
    let ends = ["more than 256 KiB came from the server", "closed by client"];
    assert_eq!(last_events(&home.transcript()), ends);
    server.join().unwrap();
}

#[test]
fn a_replay_and_a_check_take_no_more_than_they_were_told() {
    let talk = |peer: &mut Peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        flood(peer, b"x");
    };
    let home = Home::new();
    let recording = home.path().join("recording.pop3");
    std::fs::write(&recording, "S: +OK ready\nC: NOOP\nS: +OK\n").unwrap();
    let (address, server) = serve(talk);
    let (address, path) = (address.to_string(), recording.to_str().unwrap());
    let output = home.script(
        &["replay", path, "--to", &address, "--max-size", "64k"],
        b"",
    );
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("recording.pop3: the server sent more than 64 KiB"),
        "{said}"
    );
    server.join().unwrap();

    let (address, _server) = serve_each(100, talk);
    let output = home.script(&["check", &address.to_string(), "--max-size", "64k"], b"");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("sent more than 64 KiB"), "{said}");
    assert!(
        said.contains("the server sent more than 256 KiB in all"),
        "{said}"
    );
    assert!(matches!(output.status.code(), Some(1 | 5)), "{said}");
}

#[test]
fn a_proxy_passes_no_more_than_it_was_told() {
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        flood(peer, b"x");
    });
    let proxied = Proxied::with(ProxyOptions {
        max_size: 64 << 10,
        ..ProxyOptions::new(target(address, false))
    });
    let mut client = proxied.client();
    crate::servers::proxy::rest(&mut client);
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::TooMuch);
    let ends = [
        "more than 64 KiB have passed (--max-size)",
        "closed by proxy",
    ];
    assert_eq!(last_events(&proxied.transcript()), ends);
    server.join().unwrap();
}

#[test]
fn the_transcripts_of_all_visits_take_no_more_room_than_they_were_given() {
    let home = Home::new();
    let folder = home.path().join("visits");
    files::make_folder(&folder).unwrap();
    let (tell, ended) = mpsc::channel();
    let options = ServeOptions {
        log: Destination::Folder(folder.clone()),
        max_size: 16 << 10,
        ..ServeOptions::default()
    };
    let server = Server::start(options, move |event| drop(tell.send(event))).unwrap();
    for _ in 0..3 {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let lines = [b"NOOP\r\n".repeat(500), b"QUIT\r\n".to_vec()].concat();
        client.write_all(&lines).unwrap();
        let mut came = String::new();
        client.read_to_string(&mut came).unwrap();
        assert_eq!(came.lines().count(), 502, "it is served all the same");
        ended.recv_timeout(LIMIT).unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "there is no room for a second one");
    let path = files[0].path();
    let size = path.metadata().unwrap().len();
    assert!((1000..=16 << 10).contains(&size), "{size}");
    assert!(read(&path).items.len() > 20);
    assert!(!server.stop(), "the transcripts are not whole");
}
