//! What a wrong command line or file is answered: the golden is `tests/docs/cli/errors.txt`, one
//! block a situation. With POPTALK_BLESS=1 it is rewritten.

use std::fmt::Write;
use std::path::Path;

use crate::support::{Home, text};

/// The files of the folder in which the commands run.
const FILES: &[(&str, &str)] = &[
    (
        "a.pop3",
        "#!pop3 1\nserver: 192.0.2.1:110\n\nS: +OK\nC: QUIT\nS: +OK\n",
    ),
    (
        "change.pop3",
        "#!pop3 1\nserver: 192.0.2.1:110\n\nS: +OK\nC: DELE 1\nS: +OK\n",
    ),
    ("nowhere.pop3", "#!pop3 1\n\nS: +OK\nC: QUIT\nS: +OK\n"),
    (
        "refused.pop3",
        "#!pop3 1\nserver: 127.0.0.1:1\n\nS: +OK\nC: QUIT\nS: +OK\n",
    ),
    ("escape.pop3", "#!pop3 1\n\nS: +OK \\q\n"),
    ("secret.pop3", "#!pop3 1\n\nS: +OK\nC: PASS {{password\n"),
    ("empty.pop3", ""),
    ("junk.pem", "not a certificate\n"),
    ("junk.log", "nothing of POP3\nin it\n"),
    ("imap.log", "* OK IMAP4rev1 ready\r\n"),
    ("folder/lesson.pop3", "#!pop3 1\n\nS: +OK\n"),
    ("bare/notes.txt", "no lesson\n"),
];

/// Command lines, each as it is typed after `poptalk`; none of them reaches a network.
const SITUATIONS: &[&str] = &[
    // connect
    "--tls",
    "lnit a.pop3",
    "http://127.0.0.1",
    "127.0.0.1 0",
    "127.0.0.1:99999",
    "--stls pop3s://127.0.0.1",
    "--proxy ftp://127.0.0.1 127.0.0.1",
    "--ca none.pem 127.0.0.1",
    "--ca junk.pem 127.0.0.1",
    "--tls-name .example.org --tls 127.0.0.1",
    "--connect-to alice@127.0.0.1 127.0.0.1",
    "--resolve pop.example.org:192.0.2.7 pop.example.org",
    "--tls --ca-only /no/such.pem pop.example.org",
    "--connect-to 127.0.0.1:1 -u alice@example.org",
    "--no-log -c capa --connect-to 127.0.0.1:1 pop.example.org",
    "--proxy-protocol v3 127.0.0.1",
    "--proxy-source 203.0.113.7 127.0.0.1",
    "--proxy-protocol v1 --proxy-source host:1 127.0.0.1",
    "--proxy-protocol v1 --no-log -c capa --proxy socks5://127.0.0.1:1 pop.example.org",
    "-4 -6 127.0.0.1",
    "-6 --proxy socks5://127.0.0.1:1 127.0.0.1",
    "-6 --no-log -c capa 127.0.0.1:1",
    "-4 --no-log -c capa ::1",
    "-u alice",
    "-u alice@example.org --proxy socks5://127.0.0.1:1",
    "--no-log -c capa 127.0.0.1:1",
    "--log a.pop3 -c capa --timeout 0 127.0.0.1:1",
    // practice
    "practice --fault bare-fl",
    "practice --fault nothing",
    "practice --no-log -c :nothing",
    "practice --no-log -c retr",
    "practice -c quit --log a.pop3",
    // learn
    "learn",
    "learn nothing",
    "learn lok",
    "learn a.pop3",
    "learn bare",
    "learn --check folder",
    // serve
    "serve none.pop3",
    "serve 1110",
    "serve escape.pop3",
    "serve --any-order escape.pop3",
    "serve --mailbox none",
    "serve --mailbox bare",
    "serve --log a.pop3",
    "serve --listen 127.0.0.1",
    "serve --listen 192.0.2.1:0",
    "serve --fault nothing",
    "serve --connections 0",
    "serve --cert junk.pem",
    "serve --cert none.pem --key junk.pem",
    "serve --listen 0 --cert junk.pem --key junk.pem",
    "serve --client-ca none.pem",
    "serve --listen 0 --cert-out folder",
    // proxy
    "proxy http://127.0.0.1",
    "proxy pop3://alice@127.0.0.1",
    "proxy --stls pop3s://127.0.0.1",
    "proxy --ca none.pem 127.0.0.1",
    "proxy --cert none.pem --key none.pem 127.0.0.1",
    "proxy --log a.pop3 127.0.0.1",
    "proxy --listen 192.0.2.1:0 127.0.0.1",
    "proxy --listen-cert none.pem --listen-key junk.pem 127.0.0.1",
    "proxy --listen 0 --listen-cert junk.pem --listen-key junk.pem 127.0.0.1",
    "proxy --listen 0 --cert-out folder --no-log 127.0.0.1",
    // replay
    "replay none.pop3",
    "replay nowhere.pop3",
    "replay escape.pop3",
    "replay refused.pop3",
    "replay change.pop3",
    "replay a.pop3 --to practice --connect-to 127.0.0.1:1",
    "replay a.pop3 --to practice --proxy-protocol v2",
    "replay refused.pop3 -6",
    "replay a.pop3 --to http://127.0.0.1",
    "replay a.pop3 --set name",
    "replay a.pop3 --log a.pop3",
    "replay a.pop3 --speed 0 --timing",
    // show
    "show none.pop3",
    "show folder",
    "show escape.pop3",
    "show a.pop3 --messages a.pop3",
    "show a.pop3 --svg a.pop3",
    "show a.pop3 --html a.pop3/page.html",
    // diff
    "diff none.pop3 a.pop3",
    "diff none.pop3 nothing.pop3",
    "diff a.pop3 escape.pop3",
    "diff a.pop3 --level word a.pop3",
    // check
    "check http://127.0.0.1",
    "check --only greeting-nothing 127.0.0.1",
    "check --log a.pop3 127.0.0.1",
    "check -u alice --password-file none 127.0.0.1:1",
    "check 127.0.0.1:1",
    "check -6 127.0.0.1",
    // lint
    "lint none.pop3",
    "lint folder",
    "lint empty.pop3",
    "lint escape.pop3 secret.pop3",
    "lint --only nothing a.pop3",
    // import
    "import nothing a.pop3",
    "import auto none.log",
    "import auto junk.log",
    "import auto imap.log",
    "import lines junk.log",
    "import lines --client ( --server x junk.log",
    "import rawlog --client x junk.log",
    "import rawlog junk.log",
    "import pcap junk.log",
    // redact
    "redact none.pop3",
    "redact escape.pop3 -o new.pop3",
    "redact a.pop3 -o a.pop3",
    "redact a.pop3 -o a.pop3/new.pop3",
    "redact a.pop3 --secret-file none.txt",
    "redact a.pop3 --bodies some",
    // the others
    "explain nothing of the kind",
    "completions nothing",
    "man nothing",
    "man --dir a.pop3",
];

/// Runs a command line in a folder with the files, and gives what it says on standard error and how
/// it ends.
fn block(situation: &str) -> String {
    let home = Home::new();
    for (name, content) in FILES {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let args: Vec<&str> = situation.split(' ').collect();
    let output = home
        .poptalk(&args)
        .current_dir(home.path())
        .env("COLUMNS", "80")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stderr).replace(home.path().to_str().unwrap(), "HOME");
    let exit = output.status.code();
    let mut block = format!("$ poptalk {situation}\n{said}");
    writeln!(block, "exit {}", exit.map_or(-1, |code| code)).unwrap();
    block
}

#[test]
fn a_wrong_command_line_or_file_is_answered_as_before() {
    let half = SITUATIONS.len() / 2;
    let (first, second) = SITUATIONS.split_at(half);
    let blocks = |list: &[&str]| list.iter().map(|one| block(one)).collect::<Vec<_>>();
    let blocks = std::thread::scope(|scope| {
        let other = scope.spawn(|| blocks(second));
        [blocks(first), other.join().unwrap()].concat()
    });
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs/cli/errors.txt");
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&golden, blocks.join("\n")).unwrap();
    }
    let golden = std::fs::read_to_string(&golden).unwrap_or_default();
    // Block by block, so that a failure shows the situation; what clap says has blank lines of its
    // own.
    let mut rest = golden.as_str();
    for block in &blocks {
        let next = rest.find("\n\n$ ").map_or(rest.len(), |at| at + 1);
        let (want, behind) = rest.split_at(next);
        assert_eq!(block, want, "run with POPTALK_BLESS=1");
        rest = behind.strip_prefix('\n').unwrap_or(behind);
    }
    assert_eq!(rest, "", "run with POPTALK_BLESS=1");
}
