//! Servers that send too slowly.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use crate::proxy::events;
use crate::support::{Home, LIMIT, Peer, serve, text};

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

fn noop(home: &Home, address: SocketAddr, options: &[&str]) -> Output {
    let log = home.path().join("log.pop3");
    let address = address.to_string();
    let args = [&address, "--log", log.to_str().unwrap(), "-c", "noop"];
    home.script(&[&args, options].concat(), b"")
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
            *b"0123456789012345678901\r\n.\r\n",
        );
        peer.stream().set_read_timeout(Some(LIMIT)).unwrap();
        peer.hear();
    });
    let home = Home::new();
    let output = noop(&home, address, &["--timeout", "1", "--multi", "noop"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    server.join().unwrap();
}
