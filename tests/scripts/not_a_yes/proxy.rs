//! The proxy in front of another service.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use poptalk::modes::proxy::{ProxyOptions, RelayOutcome};
use poptalk::pop3::tracker::Side;

use super::SERVICES;
use crate::servers::proxy::{Proxied, target};
use crate::support::{serve, text};

#[test]
fn the_proxy_sends_nothing_of_a_client_to_another_service() {
    for (service, greeting, name) in SERVICES {
        for is_stls in [false, true] {
            let (address, server) = serve(move |peer| {
                peer.say(greeting);
                peer.rest()
            });
            let proxied = Proxied::with(ProxyOptions {
                is_stls,
                // The two that wait for the client get nothing, and the client is not left waiting.
                idle: Duration::from_millis(if greeting.is_empty() { 200 } else { 60_000 }),
                ..ProxyOptions::new(target(address, false))
            });
            // This client does not wait for the greeting.
            let mut client = TcpStream::connect(proxied.proxy.address()).unwrap();
            client
                .write_all(b"USER alice\r\nPASS wonderland\r\n")
                .unwrap();
            let report = proxied.report();
            let what = format!("{service}, STLS {is_stls}: {report}");
            assert_eq!(text(&server.join().unwrap()), "", "{what}");
            if greeting.ends_with('\n') || (!is_stls && !greeting.is_empty()) {
                assert!(
                    matches!(report.outcome, RelayOutcome::OtherService(_)),
                    "{what}"
                );
                assert!(what.contains(name), "{what}");
            }
            // What came before the end is on record, but for the secret.
            let sent = text(&proxied.transcript().octets(Side::Client));
            if !sent.is_empty() || greeting.is_empty() && !is_stls {
                assert_eq!(sent, "USER alice\r\nPASS \r\n", "{what}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_proxy_in_front_of_another_service_says_so_and_ends_with_1() {
    use std::io::Read as _;
    use std::process::Stdio;

    use crate::support::{Home, ready, terminate};

    let (address, server) = serve(move |peer| {
        peer.say("* OK IMAP4rev1 ready\r\n");
        peer.rest()
    });
    let home = Home::new();
    let args = ["proxy", &address.to_string(), "--listen", "127.0.0.1:0"];
    let piped = home
        .poptalk(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let (proxy, port) = ready(piped.unwrap());
    let mut client = TcpStream::connect(port).unwrap();
    let mut came = Vec::new();
    client.read_to_end(&mut came).unwrap();
    assert_eq!(text(&came), "* OK IMAP4rev1 ready\r\n");
    assert_eq!(text(&server.join().unwrap()), "");
    terminate(&proxy);
    let output = proxy.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let words = text(&output.stderr);
    assert_eq!(
        words.matches("this is an IMAP server").count(),
        1,
        "{words}"
    );
}
