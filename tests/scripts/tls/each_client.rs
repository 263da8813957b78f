//! Every client checks the server when nothing else is said.

use std::time::Duration;

use poptalk::modes::proxy::{ProxyOptions, RelayOutcome};
use poptalk::net::target::Target;
use poptalk::net::tls::TlsSettings;

use super::*;
use crate::servers::proxy::Proxied;
use crate::support::terminal::{Look, Terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Console,
    Lines,
    Script,
    Replay,
    Check,
    Proxy,
}

const ALL: [Who; 6] = [
    Who::Console,
    Who::Lines,
    Who::Script,
    Who::Replay,
    Who::Check,
    Who::Proxy,
];

/// What is wrong with a server, and what is told of it; None: it is accepted.
struct Row {
    odd: Odd,
    is_self_signed: bool,
    is_authority_known: bool,
    told: Option<&'static str>,
}

const FINE: Row = Row {
    odd: GOOD,
    is_self_signed: false,
    is_authority_known: true,
    told: None,
};

const ROWS: &[Row] = &[
    FINE,
    Row {
        odd: Odd {
            days: (-20, -2),
            ..GOOD
        },
        told: Some("certificate or an authority's has expired"),
        ..FINE
    },
    Row {
        odd: Odd {
            days: (2, 20),
            ..GOOD
        },
        told: Some("not valid yet"),
        ..FINE
    },
    Row {
        is_self_signed: true,
        is_authority_known: false,
        told: Some("self-signed"),
        ..FINE
    },
    Row {
        odd: Odd {
            name: "pop.example.org",
            ..GOOD
        },
        told: Some("not for the name `localhost`"),
        ..FINE
    },
    Row {
        is_authority_known: false,
        told: Some("unknown issuer: this machine does not trust the authority"),
        ..FINE
    },
    // RFC 7817 §3: the subject's name counts where there is no other.
    Row {
        odd: Odd {
            is_old: true,
            ..GOOD
        },
        ..FINE
    },
    Row {
        odd: Odd {
            name: "pop.example.org",
            is_old: true,
            ..GOOD
        },
        told: Some("not for the name `localhost`"),
        ..FINE
    },
];

/// Meets a server; gives the exit code and all that was said.
fn meet(who: Who, port: u16, ca: &str) -> (i32, String) {
    let home = Home::new();
    let host = format!("localhost:{port}");
    let host = host.as_str();
    let recording = home.path().join("recording.pop3");
    std::fs::write(&recording, "S: +OK ready\nC: NOOP\nS: +OK\n").unwrap();
    let options = ["--tls", "--ca", ca, "--timeout", "20"];
    let (args, input): (Vec<&str>, &[u8]) = match who {
        Who::Lines => (vec![host, "--no-log", "-cNOOP"], b""),
        Who::Script => (vec![host, "--no-log"], b"NOOP\n"),
        Who::Replay => (
            vec!["replay", recording.to_str().unwrap(), "--to", host],
            b"",
        ),
        Who::Check => (vec!["check", host, "--time-limit", "0.1"], b""),
        Who::Console => {
            let args = [&[host, "--no-log"][..], &options].concat();
            let mut terminal = Terminal::wide(&home, &args);
            let is_asked = |screen: &str| screen.trim_end().ends_with("[y/N]");
            let is_open = |screen: &str| screen.trim_end().ends_with("auth tls>");
            let is_prompt = |screen: &str| is_asked(screen) || is_open(screen);
            loop {
                match terminal.look(is_prompt, Duration::from_millis(50)) {
                    Look::There(screen) if is_asked(&screen) => terminal.enter("n"),
                    Look::There(_) => terminal.enter(":quit"),
                    Look::Over => break,
                    Look::NotYet => {}
                }
            }
            let (code, screen) = terminal.end_both(LIMIT);
            return (code.map_or(-1, |code| code as i32), screen);
        }
        Who::Proxy => return behind_proxy(port, ca),
    };
    let output = home.script(&[&args[..], &options].concat(), input);
    let said = text(&output.stderr) + &text(&output.stdout);
    (output.status.code().unwrap_or(-1), said)
}

/// The code is that of a program that would end as the connection does.
fn behind_proxy(port: u16, ca: &str) -> (i32, String) {
    let proxied = Proxied::with(ProxyOptions {
        server_tls: TlsSettings {
            ca: Some(ca.into()),
            ..TlsSettings::default()
        },
        ..ProxyOptions::new(Target {
            host: "localhost".to_owned(),
            port,
            is_tls: true,
        })
    });
    let home = Home::new();
    let address = proxied.proxy.address().to_string();
    let output = home.script(&[&address, "--no-log", "-cNOOP"], b"");
    let report = proxied.report();
    let code = match &report.outcome {
        RelayOutcome::NoServer(_) => 4,
        _ => output.status.code().unwrap_or(-1),
    };
    (code, report.to_string() + &text(&output.stdout))
}

#[test]
fn every_client_checks_the_server() {
    let other = Odd {
        name: "another authority",
        ..AUTHORITY
    };
    let (known, unknown) = (make(AUTHORITY, None), make(other, None));
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, known.certificate.to_pem().unwrap()).unwrap();
    let ca = ca.to_str().unwrap();
    let try_row = |row: &Row| -> Vec<String> {
        let issuer = if row.is_authority_known {
            &known
        } else {
            &unknown
        };
        // More connections than all of them make.
        let made = make(row.odd, (!row.is_self_signed).then_some(issuer));
        let port = serve(made, None, 40).port();
        let wrong = ALL.map(|who| {
            let (code, said) = meet(who, port, ca);
            let is_right = match row.told {
                None => code != 4 && !said.contains("certificate"),
                Some(told) => code == 4 && said.contains(told),
            };
            (!is_right).then(|| format!("=== {who:?}, {:?}: exit {code}\n{said}", row.told))
        });
        wrong.into_iter().flatten().collect()
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let try_row = &try_row;
        let runs: Vec<_> = ROWS
            .iter()
            .map(|row| scope.spawn(move || try_row(row)))
            .collect();
        let wrong = runs.into_iter().flat_map(|run| run.join().unwrap());
        wrong.collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
