//! Clients that others wrote, through the proxy, at a Dovecot: every octet of every message, on
//! every pair of legs. What was recorded is then replayed at the same Dovecot. These fail where
//! Dovecot or a client is not installed.

use std::path::Path;
use std::process::Command;

use poptalk::net::tls::TlsSettings;

use super::*;
use crate::real::dovecot::{self, Dovecot};
use crate::support::Home;

/// Has `client` fetch the maildrop in these modes through proxies whose other leg is in clear and
/// inside TLS.
fn fetches_all(client: &str, modes: &[&str]) {
    let dovecot = Dovecot::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/fetch-all.sh");
    let want: Vec<String> = dovecot::messages()
        .iter()
        .map(|message| message.replace('\n', "\r\n"))
        .collect();
    let legs = [
        (dovecot.port, false, false),
        (dovecot.port, false, true),
        (dovecot.tls_port, true, false),
    ];
    for (server_port, is_tls, is_stls) in legs {
        let proxied = Proxied::with(ProxyOptions {
            server_tls: TlsSettings {
                ca: Some(dovecot.ca()),
                ..TlsSettings::default()
            },
            tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            is_stls,
            ..ProxyOptions::new(Target {
                host: "localhost".to_owned(),
                port: server_port,
                is_tls,
            })
        });
        for mode in modes {
            let what = format!("{client}, {mode}, to the server TLS: {is_tls}, STLS: {is_stls}");
            let home = tempfile::tempdir().unwrap();
            let ca = home.path().join("ca.pem");
            std::fs::write(&ca, proxied.proxy.certificate_pem()).unwrap();
            let folder = home.path().join("mail");
            std::fs::create_dir(&folder).unwrap();
            let output = Command::new("bash")
                .arg(&script)
                .args([client, mode])
                .arg(&folder)
                .arg(proxied.proxy.address().port().to_string())
                .arg(proxied.proxy.tls_address().unwrap().port().to_string())
                .arg(&ca)
                .env("PASSWORD", "secret")
                .env("COUNT", want.len().to_string())
                .output()
                .unwrap();
            let said = text(&output.stderr);
            assert!(output.status.success(), "{what}: {said}");
            for (number, message) in (1..).zip(&want) {
                let came = std::fs::read(folder.join(number.to_string())).unwrap();
                // mpop and getmail take the CR of a CRLF away.
                let came = text(&came).replace("\r\n", "\n").replace('\n', "\r\n");
                // Seen: getmail 6.18.11 puts a line of its own in front.
                let came = match client {
                    "getmail" => came.strip_prefix("Return-Path: <unknown>\r\n").unwrap(),
                    _ => &came,
                };
                assert!(came == message, "{what}: message {number}: {came}");
            }
            let report = proxied.report();
            assert_eq!(report.client_tls.is_some(), *mode != "plain", "{what}");
            let is_server_tls = is_tls || is_stls || *mode == "stls";
            assert_eq!(report.server_tls.is_some(), is_server_tls, "{what}");
        }
        for file in proxied.files() {
            let home = Home::new();
            let ca = dovecot.ca();
            let args = [
                "replay",
                file.to_str().unwrap(),
                "--ca",
                ca.to_str().unwrap(),
            ];
            let mut replay = home.poptalk(&[&args[..], &["-u", "alice"]].concat());
            let replayed = replay.env("POPTALK_PASSWORD", "secret").output().unwrap();
            let said = text(&replayed.stdout) + &text(&replayed.stderr);
            assert_eq!(replayed.status.code(), Some(0), "{client}: {said}");
        }
        let transcripts = proxied.transcripts();
        assert_eq!(transcripts.len(), modes.len());
        for transcript in transcripts {
            let server = text(&transcript.octets(Side::Server));
            for message in &want {
                let stuffed = message.replace("\n.", "\n..") + ".\r\n";
                assert!(server.contains(&stuffed), "{client}: {stuffed}");
            }
            assert!(!text(&transcript.octets(Side::Client)).contains("secret"));
        }
    }
}

const ALL: &[&str] = &["plain", "stls", "tls"];

#[test]
#[ignore = "needs Dovecot and curl"]
fn curl_fetches_every_octet() {
    fetches_all("curl", ALL);
}

#[test]
#[ignore = "needs Dovecot and mpop"]
fn mpop_fetches_every_octet() {
    fetches_all("mpop", ALL);
}

#[test]
#[ignore = "needs Dovecot and fetchmail"]
fn fetchmail_fetches_every_octet() {
    fetches_all("fetchmail", ALL);
}

#[test]
#[ignore = "needs Dovecot and getmail"]
fn getmail_fetches_every_octet() {
    fetches_all("getmail", &["plain", "tls"]);
}

#[test]
#[ignore = "needs Dovecot and python3"]
fn poplib_fetches_every_octet() {
    fetches_all("poplib", ALL);
}
