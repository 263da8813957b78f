//! TLS on each leg of a proxy, and what comes in clear behind STLS.

use poptalk::modes::replay::{Preview, server_leg};
use poptalk::net::tls::TlsSettings;
use poptalk::servers::messages;

use super::*;
use crate::support::Home;

/// The three kinds of a leg.
const KINDS: [&str; 3] = ["clear", "stls", "tls"];

/// The practice server with all that it offers.
fn practice() -> Server {
    let options = ServeOptions {
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ServeOptions::default()
    };
    Server::start(options, |_| {}).unwrap()
}

/// A proxy whose leg to the server is of this kind.
fn before(server: &Server, kind: &str) -> Proxied {
    let address = match kind {
        "tls" => server.tls_address().unwrap(),
        _ => server.address(),
    };
    Proxied::with(ProxyOptions {
        is_stls: kind == "stls",
        server_tls: trusting(server.certificate_pem()),
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ProxyOptions::new(target(address, kind == "tls"))
    })
}

fn trusting(pem: &str) -> TlsSettings {
    TlsSettings {
        own_pem: pem.as_bytes().to_vec(),
        ..TlsSettings::default()
    }
}

#[test]
fn nine_messages_through_every_pair_of_legs() {
    let server = practice();
    let mut want = Vec::new();
    for message in messages::practice() {
        let mut stuffed = Vec::new();
        for line in message.octets().split_inclusive(|octet| *octet == b'\n') {
            stuffed.extend(line.first().filter(|octet| **octet == b'.'));
            stuffed.extend_from_slice(line);
        }
        want.push([&stuffed[..], b".\r\n"].concat());
    }
    for server_kind in KINDS {
        for client_kind in KINDS {
            let legs = format!("client {client_kind}, server {server_kind}");
            let proxied = before(&server, server_kind);
            let home = Home::new();
            let ca = home.path().join("ca.pem");
            std::fs::write(&ca, proxied.proxy.certificate_pem()).unwrap();
            let address = match client_kind {
                "tls" => proxied.proxy.tls_address().unwrap(),
                _ => proxied.proxy.address(),
            };
            let (address, ca) = (address.to_string(), ca.display().to_string());
            let mut args = vec![address.as_str(), "--ca", &ca, "--no-log"];
            match client_kind {
                "tls" => args.push("--tls"),
                "stls" => args.push("--stls"),
                _ => {}
            }
            let mut lines = b"CAPA\nUSER alice\nPASS wonderland\n".to_vec();
            for number in 1..=9 {
                lines.extend(format!("RETR {number}\n").bytes());
            }
            lines.extend(b"QUIT\n");
            let output = home.script(&args, &lines);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{legs}: {}",
                text(&output.stderr)
            );
            let logged_in = b"+OK 9 messages (2044826 octets)\r\n";
            let mut places = output.stdout.windows(logged_in.len());
            let place = places.position(|octets| octets == logged_in).unwrap();
            let mut messages = &output.stdout[place + logged_in.len()..];
            for message in &want {
                let end = messages.iter().position(|octet| *octet == b'\n').unwrap();
                let (status, behind) = messages.split_at(end + 1);
                assert!(status.starts_with(b"+OK "), "{legs}");
                assert!(behind.starts_with(message), "{legs}");
                messages = &behind[message.len()..];
            }
            assert_eq!(text(messages), "+OK 9 messages left\r\n");
            let report = proxied.report();
            assert_eq!(report.outcome, RelayOutcome::ClosedByServer, "{legs}");
            // Where the client asks for STLS in clear, the server's leg gets it as well.
            let is_server_tls = server_kind != "clear" || client_kind == "stls";
            assert_eq!(report.server_tls.is_some(), is_server_tls, "{legs}");
            assert_eq!(
                report.client_tls.is_some(),
                client_kind != "clear",
                "{legs}"
            );

            let transcript = proxied.transcript();
            assert!(transcript.octets(Side::Server) == output.stdout, "{legs}");
            let mut said = text(&lines).replace("wonderland", "").replace('\n', "\r\n");
            if client_kind == "stls" {
                said.insert_str(0, "STLS\r\n");
            }
            assert_eq!(text(&transcript.octets(Side::Client)), said, "{legs}");
            let told = events(&transcript);
            let has = |start: &str| told.iter().any(|event| event.starts_with(start));
            assert_eq!(has("tls TLSv1.3 "), client_kind != "clear", "{legs}");
            assert_eq!(has("upstream tls TLSv1.3 "), is_server_tls, "{legs}");
            assert_eq!(has("upstream C: STLS"), server_kind == "stls", "{legs}");
            let is_ours = server_kind != "clear" && client_kind == "stls";
            assert_eq!(has("the proxy answers STLS"), is_ours, "{legs}");
            // Playing it again begins with the server as the proxy did, not as the client.
            let leg = server_leg(&proxied.file()).unwrap().unwrap();
            let preview = Preview::of(leg.path()).unwrap();
            assert_eq!(preview.is_tls, server_kind == "tls", "{legs}");
            // STLS is among the capabilities where it can be had, and is left where the server
            // names it.
            let is_added = client_kind == "clear" && server_kind != "clear";
            assert_eq!(has("the proxy adds STLS"), is_added, "{legs}");
            let is_named = client_kind == "clear" || (client_kind, server_kind) == ("tls", "clear");
            let names = text(&output.stdout).matches("\r\nSTLS\r\n").count();
            assert_eq!(names, usize::from(is_named), "{legs}");
        }
    }
}

#[test]
fn stls_inside_tls_and_behind_the_login_is_refused() {
    let server = practice();
    let proxied = before(&server, "tls");
    let mut client = proxied.client();
    client
        .write_all(b"USER alice\r\nPASS wonderland\r\nSTAT\r\nSTLS\r\nNOOP\r\nQUIT\r\n")
        .unwrap();
    let all = rest(&mut client);
    let replies: Vec<&str> = all.lines().skip(3).collect();
    assert_eq!(replies[0], "+OK 9 2044826");
    assert_eq!(replies[1], "-ERR STLS comes before the login");
    assert!(
        replies[2].starts_with("+OK") && replies[3].starts_with("+OK"),
        "{all}"
    );
    proxied.report();

    let proxied = before(&server, "clear");
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, proxied.proxy.certificate_pem()).unwrap();
    let address = proxied.proxy.tls_address().unwrap().to_string();
    let ca = ca.display().to_string();
    let args = [&address, "--tls", "--ca", &ca, "--no-log", "--keep-going"];
    let output = home.script(&args, b"STLS\nQUIT\n");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("\n-ERR TLS is on already\r\n+OK "),
        "{shown}"
    );
}

#[test]
fn commands_in_clear_behind_stls_are_never_used() {
    let server = practice();
    // Passed on to the server, and answered by the proxy itself.
    for kind in ["clear", "tls"] {
        let proxied = before(&server, kind);
        let mut client = proxied.client();
        client
            .write_all(b"NOOP\r\nstls\r\nUSER mallory\r\nPASS evil\r\n")
            .unwrap();
        let all = rest(&mut client);
        assert_eq!(all.matches("+OK").count(), 1, "only a greeting: {all}");
        let report = proxied.report();
        assert_eq!(
            report.outcome,
            RelayOutcome::Injected(Side::Client),
            "{kind}"
        );
        assert_eq!(report.client_tls, None);
        let transcript = proxied.transcript();
        let told = events(&transcript);
        let want = "client injected 25 octets before the TLS handshake";
        assert!(told.iter().any(|event| event == want), "{told:?}");
        let said = text(&transcript.octets(Side::Client));
        assert_eq!(said, "NOOP\r\nstls\r\nUSER mallory\r\nPASS \r\n");
    }
}

#[test]
fn stls_that_is_refused_lets_the_commands_behind_it_pass() {
    let (address, server) = serve(|peer| {
        peer.answer(|line| match line {
            "STLS" => "-ERR not today\r\n".to_owned(),
            line => format!("+OK {line}\r\n"),
        })
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(b"STLS\r\nSTAT\r\nNOOP\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let want = "+OK ready\r\n-ERR not today\r\n+OK STAT\r\n+OK NOOP\r\n";
    assert_eq!(rest(&mut client), want);
    assert_eq!(text(&server.join().unwrap()), "STLS\r\nSTAT\r\nNOOP\r\n");
}

#[test]
fn octets_of_the_server_behind_its_agreement_are_never_used() {
    let (address, server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("+OK begin\r\n+OK forged\r\n");
        peer.rest()
    });
    let proxied = Proxied::before(address);
    let mut client = proxied.client();
    client.write_all(b"STLS\r\n").unwrap();
    let all = rest(&mut client);
    assert_eq!(all, "+OK ready\r\n");
    assert_eq!(server.join().unwrap(), b"", "no handshake");
    let report = proxied.report();
    assert_eq!(report.outcome, RelayOutcome::Injected(Side::Server));
    let told = events(&proxied.transcript());
    let want = "injected 12 octets before the TLS handshake";
    assert!(told.iter().any(|event| event == want), "{told:?}");
}

#[test]
fn octets_behind_the_reply_to_the_proxys_own_stls_are_never_used() {
    for greeting in ["+OK ready\r\n+OK forged\r\n", "+OK ready\r\n"] {
        let (address, _server) = serve(move |peer| {
            peer.say(greeting);
            peer.hear();
            peer.say("+OK begin\r\n+OK forged\r\n");
            peer.rest()
        });
        let proxied = Proxied::with(ProxyOptions {
            is_stls: true,
            ..ProxyOptions::new(target(address, false))
        });
        let all = rest(&mut proxied.client());
        assert!(all.starts_with("-ERR [SYS/TEMP] "), "{all}");
        assert!(!all.contains("forged"), "{all}");
        let report = proxied.report();
        assert_eq!(report.outcome, RelayOutcome::Injected(Side::Server));
        let told = events(&proxied.transcript());
        let want = "upstream injected 12 octets before the TLS handshake: +OK forged";
        assert!(told.iter().any(|event| event.starts_with(want)), "{told:?}");
    }
}

#[test]
fn a_server_that_is_not_to_be_trusted_or_refuses_stls_is_no_server() {
    let server = practice();
    let (refusing, _server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        peer.say("-ERR not today\r\n");
        peer.rest()
    });
    let stls = |address| ProxyOptions {
        is_stls: true,
        ..ProxyOptions::new(target(address, false))
    };
    for (options, event) in [
        (
            ProxyOptions::new(target(server.tls_address().unwrap(), true)),
            "upstream tls failed: ",
        ),
        (stls(server.address()), "upstream tls failed: "),
        (stls(refusing), "upstream S: -ERR not today"),
    ] {
        let proxied = Proxied::with(options);
        let all = rest(&mut proxied.client());
        assert!(
            all.starts_with("-ERR [SYS/TEMP] no connection to "),
            "{all}"
        );
        assert_eq!(all.matches('\n').count(), 1);
        assert!(matches!(
            proxied.report().outcome,
            RelayOutcome::NoServer(_)
        ));
        let told = events(&proxied.transcript());
        assert!(told.iter().any(|told| told.starts_with(event)), "{told:?}");
    }
}

#[test]
fn a_client_that_does_not_speak_tls_where_it_should() {
    let server = practice();
    let proxied = before(&server, "clear");
    let address = proxied.proxy.tls_address().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"USER alice\r\n").unwrap();
    let mut alert = Vec::new();
    // An alert, or a reset.
    let _ = client.read_to_end(&mut alert);
    assert!(matches!(
        proxied.report().outcome,
        RelayOutcome::TlsFailed(_)
    ));
    let told = events(&proxied.transcript());
    assert!(told[0].starts_with("tls failed: "), "{told:?}");
}
