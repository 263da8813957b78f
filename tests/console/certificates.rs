//! What poptalk says of wrong certificates and of servers without a common TLS version: the golden
//! is `tests/console/certificates.txt`. With POPTALK_BLESS=1 it is rewritten.
//!
//! Each situation is a session in a terminal, which types `stls` and `:tls`, once strictly and once
//! with `--insecure`. The golden has what the screen shows, the rows of the transcript, and the
//! explanation of each sentence.

mod made;
mod situations;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::Regex;

use crate::support::terminal::Terminal;
use crate::support::{Home, text};
use made::serve;
use situations::{Situation, late_judge, situations};

/// The defaults of OpenSSL, whatever those of the machine are.
const OPENSSL_CONF: &str = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n\
    system_default = defaults\n[defaults]\nCipherString = DEFAULT:@SECLEVEL=2\n";

/// What one session showed, and the rows about TLS in its transcript.
struct Session {
    screen: String,
    rows: Vec<String>,
}

/// Starts the console in a terminal, and types `stls`.
fn console(home: &Home, situation: &Situation, port: u16, is_insecure: bool) -> Terminal {
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(path("openssl.cnf"), OPENSSL_CONF).unwrap();
    std::fs::write(path("none.pem"), "").unwrap();
    let (host, log) = (format!("{}:{port}", situation.host), path("log.pop3"));
    let mut args = vec![host.as_str(), "--log", &log];
    let ca = path("ca.pem");
    if let Some(authority) = &situation.authority {
        std::fs::write(&ca, authority.to_pem().unwrap()).unwrap();
        args.extend(["--ca", &ca]);
    }
    args.extend(situation.args);
    if is_insecure {
        args.push("--insecure");
    }
    let settings = [
        ("OPENSSL_CONF", path("openssl.cnf")),
        ("SSL_CERT_FILE", path("none.pem")),
        ("SSL_CERT_DIR", path("none")),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, at)| (*name, &**at)).collect();
    let mut terminal = Terminal::open(home, &args, &settings, (200, 250));
    terminal.prompt("auth>");
    terminal.enter("stls");
    terminal
}

/// Types `stls` and `:tls`.
fn session(situation: &Situation, port: u16, is_insecure: bool) -> Session {
    let home = Home::new();
    let mut terminal = console(&home, situation, port, is_insecure);
    let is_prompt = |screen: &str| screen.trim_end().ends_with('>');
    terminal.wait("prompt", is_prompt);
    if !situation.is_long {
        terminal.enter(":tls");
        terminal.wait("prompt", is_prompt);
    }
    terminal.enter(":quit");
    let screen = terminal.end_screen();
    let (_, screen) = screen.split_once("auth> stls\n").unwrap();
    let log = std::fs::read_to_string(home.path().join("log.pop3")).unwrap();
    let rows = log.lines().filter(|row| row.starts_with("* tls"));
    let (screen, _) = screen.split_once("> :quit").unwrap();
    let (screen, _) = screen.rsplit_once('\n').unwrap();
    Session {
        screen: masked(screen, port),
        rows: rows.map(|row| masked(row, port)).collect(),
    }
}

/// What differs from run to run, masked.
fn masked(said: &str, port: u16) -> String {
    let said = said.replace(&port.to_string(), "PORT");
    let said = Regex::new(r"SHA-256 [0-9a-f:]{95}")
        .unwrap()
        .replace_all(&said, "SHA-256 ...")
        .into_owned();
    let said = Regex::new(r"(?m) @\d+$")
        .unwrap()
        .replace_all(&said, "")
        .into_owned();
    let lines = said.lines().map(str::trim_end);
    let lines: Vec<&str> = lines.filter(|line| !USUAL.contains(line)).collect();
    lines.join("\n")
}

/// What `:tls` says of a certificate that is right, and other lines that are the same everywhere.
const USUAL: &[&str] = &[
    "  no application protocol agreed (ALPN)",
    "    names        localhost",
    "    valid        2020-01-01 to 2049-12-31",
    "    key          EC, P-256",
    "    signature    SHA-256 with ECDSA",
    "    fingerprint  SHA-256 ...",
    "  `:why` explains what went wrong",
    "+OK begin TLS",
];

/// The sentences that a session's rows have.
fn sentences(rows: &[String]) -> Vec<String> {
    let why = Regex::new(r"^\* tls (?:failed: (.*)|\S+ \S+ unverified \((.*)\) CN=.*)$").unwrap();
    let found = rows.iter().filter_map(|row| why.captures(row));
    let found = found.flat_map(|row| {
        row.iter()
            .skip(1)
            .flatten()
            .map(|part| part.as_str().to_owned())
            .collect::<Vec<_>>()
    });
    found
        .flat_map(|all| all.split("; ").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The block of a situation in the golden; its sentences are added to `said`.
fn block(situation: &Situation, said: &Mutex<BTreeSet<String>>) -> String {
    let mut block = format!("## {}\n", situation.name);
    let port = serve(situation.after(), 2);
    for is_insecure in [false, true] {
        let session = session(situation, port, is_insecure);
        let mut all = situation.args.join(" ");
        all.push_str(if is_insecure { " --insecure" } else { "" });
        writeln!(
            block,
            "\n$ poptalk {} {}\n{}",
            situation.host,
            all.trim(),
            session.screen
        )
        .unwrap();
        writeln!(block, "{}", session.rows.join("\n")).unwrap();
        said.lock().unwrap().extend(sentences(&session.rows));
    }
    block
}

/// What `poptalk explain` says to a sentence.
fn explanation(sentence: &str) -> String {
    let home = Home::new();
    let output = home.poptalk(&["explain", sentence]).output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{sentence}: {said}");
    assert!(said.contains("  next: "), "{sentence}: {said}");
    format!("$ poptalk explain '{sentence}'\n{said}")
}

#[test]
fn each_wrong_certificate_and_old_version_is_explained() {
    let situations = situations();
    let said = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    let blocks = Mutex::new(vec![String::new(); situations.len()]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, situation)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    situations.get(at).map(|situation| (at, situation))
                } {
                    let block = block(situation, &said);
                    blocks.lock().unwrap()[at] = block;
                }
            });
        }
    });
    let mut blocks = blocks.into_inner().unwrap();
    blocks.extend(
        said.into_inner()
            .unwrap()
            .iter()
            .map(|sentence| explanation(sentence)),
    );
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/certificates.txt");
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&golden, blocks.join("\n")).unwrap();
    }
    let golden = std::fs::read_to_string(&golden).unwrap_or_default();
    for block in &blocks {
        assert!(golden.contains(block), "run with POPTALK_BLESS=1:\n{block}");
    }
    assert_eq!(golden, blocks.join("\n"), "run with POPTALK_BLESS=1");
}

/// In TLS 1.3 the server judges the client's certificate when the client believes that TLS is on.
#[test]
fn a_client_certificate_is_missed_after_the_handshake() {
    let home = Home::new();
    let situation = late_judge();
    let port = serve(situation.after(), 1);
    let mut terminal = console(&home, &situation, port, false);
    let lost = "connection lost: the server requires an acceptable client certificate: alert 116";
    terminal.see(lost);
    terminal.enter(":quit");
    terminal.end_screen();
    let log = std::fs::read_to_string(home.path().join("log.pop3")).unwrap();
    let row = log.lines().find(|row| row.starts_with("* connection lost"));
    assert!(explanation(row.unwrap()).contains("--cert FILE"), "{log}");
}
