//! Clients that connect to a different address than that of HOST, which still names the server.

use std::path::Path;

use poptalk::transcript::{Item, Transcript};

use super::upstream_proxy::{practice, socks};
use crate::support::{Home, read, serve, started, text};

/// A name that has no address.
const HOST: &str = "pop.no-such-host.example";

/// The server of the head, and the first event.
fn place(transcript: &Transcript) -> (String, String) {
    let server = transcript.items.iter().find_map(|item| match item {
        Item::Head { name, text } if name == "server" => Some(text.clone()),
        _ => None,
    });
    let event = transcript.items.iter().find_map(|item| match item {
        Item::Event(event) => Some(event.clone()),
        _ => None,
    });
    (server.unwrap(), event.unwrap())
}

fn transcripts(folder: &Path) -> Vec<Transcript> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file()).collect();
    assert!(!files.is_empty());
    files.iter().map(|path| read(path)).collect()
}

#[test]
fn a_script_finds_the_password_of_the_host() {
    let practice = practice();
    let address = practice.address().to_string();
    let home = Home::new();
    let netrc = format!(
        "machine 127.0.0.1 login alice password other\nmachine {HOST} login alice password wonderland\n"
    );
    std::fs::write(home.path().join(".netrc"), netrc).unwrap();
    let log = home.path().join("log.pop3");
    let to = [
        HOST,
        "--connect-to",
        &address,
        "--log",
        log.to_str().unwrap(),
    ];
    let lines = ["--allow-plaintext", "-cuser alice", "-c:pass", "-cquit"];
    let output = home.script(&[&to[..], &lines].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (server, event) = place(&read(&log));
    assert_eq!(server, format!("{HOST}:110"));
    assert_eq!(event, format!("connected {address}"));
}

#[test]
fn every_other_client_connects_to_the_address_too() {
    let practice = practice();
    let address = practice.address().to_string();
    let home = Home::new();
    let log = home.path().join("log");
    let options = ["--connect-to", &address, "--log", log.to_str().unwrap()];
    let recording = home.path().join("recording.pop3");
    std::fs::write(&recording, "S: +OK ready\nC: QUIT\nS: +OK\n").unwrap();
    let recording = recording.to_str().unwrap();
    for args in [&["replay", recording, "--to", HOST][..], &["check", HOST]] {
        let output = home.script(&[args, &options].concat(), b"");
        let code = output.status.code();
        assert!(
            code < Some(2),
            "{args:?} {code:?}: {}",
            text(&output.stderr)
        );
        for transcript in transcripts(&log) {
            let (server, event) = place(&transcript);
            assert_eq!(server, format!("{HOST}:110"));
            assert_eq!(event, format!("connected {address}"));
        }
        std::fs::remove_dir_all(&log).unwrap();
    }
    let proxy = ["proxy", HOST, "--listen", "127.0.0.1:0"];
    let (mut proxy, between) = started(&mut home.poptalk(&[&proxy, &options[..]].concat()));
    let output = home.script(&[&between, "--no-log", "-cquit"], b"");
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let all = transcripts(&log);
    assert_eq!(place(&all[0]).0, format!("{HOST}:110"));
    let upstream = Item::Event(format!("connected upstream {address}"));
    assert!(all[0].items.contains(&upstream));
}

#[test]
fn a_given_address_is_used_in_place_of_a_look_up() {
    let practice = practice();
    let address = practice.address();
    let (host, port) = (HOST, address.port().to_string());
    let home = Home::new();
    let given = format!("{host}:{port}:{}", address.ip());
    let output = home.script(&[host, &port, "--resolve", &given, "-cquit"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (server, event) = place(&home.transcript());
    assert_eq!(server, format!("{HOST}:{port}"));
    assert_eq!(event, format!("connected {address}"));
}

#[test]
fn a_proxy_gets_the_address_in_place_of_the_host() {
    let practice = practice();
    let server = practice.address();
    let (proxy, asked) = serve(move |peer| socks(peer, |_| Some(server)));
    let home = Home::new();
    let url = format!("socks5://{proxy}");
    let args = [HOST, "--connect-to", "192.0.2.7:1110", "--proxy", &url];
    let output = home.script(&[&args[..], &["-cquit"]].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(asked.join().unwrap(), "192.0.2.7:1110");
    let (server, event) = place(&home.transcript());
    assert_eq!(server, format!("{HOST}:110"));
    assert_eq!(event, format!("connected 192.0.2.7:1110 through {url}"));
}

/// The name of this machine for an address elsewhere gives no leave to change the maildrop there.
#[test]
fn a_recording_that_deletes_is_not_played_elsewhere_as_localhost() {
    let home = Home::new();
    let recording = home.path().join("recording.pop3");
    std::fs::write(&recording, "S: +OK ready\nC: DELE 1\nS: +OK\n").unwrap();
    let args = ["replay", recording.to_str().unwrap(), "--to", "localhost"];
    let output = home.script(&[&args[..], &["--connect-to", "192.0.2.1"]].concat(), b"");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("192.0.2.1 is not this machine"), "{told}");
}
