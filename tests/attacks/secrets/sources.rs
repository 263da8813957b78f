//! Secrets from every source, and on their way through every other part of the program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use poptalk::modes::proxy::ProxyOptions;
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::servers::Account;
use poptalk::transcript::file::Destination;

use super::console::parrot;
use super::{STANDARD, Search, WAYS, answer, echoes, lines, secret};
use crate::servers::proxy::{Proxied, target};
use crate::support::terminal::Terminal;
use crate::support::{Home, LIMIT, serve_each, text};
use base64::Engine as _;

const SECRET: &str = "Zq7marked-secret";
const GREETING: &str = "+OK <1.2@x.example>\r\n";

/// What poptalk logs in by.
const LOGINS: &[&str] = &[
    ":login",
    ":auth plain",
    ":auth plain --two-lines",
    ":auth plain --dry",
    ":auth login",
    ":auth login --two-lines",
    ":auth cram-md5",
    ":auth xoauth2",
    ":auth oauthbearer",
    ":auth oauthbearer --two-lines",
    ":auth scram-sha-1",
    ":auth scram-sha-256",
    ":apop",
    ":apop --dry",
    ":pass",
];

/// The digests that are as good as the secret: none is to be found either.
fn digest() -> String {
    let digest = poptalk::pop3::sasl::apop(b"<1.2@x.example>", SECRET.as_bytes());
    digest.to_string()
}

fn is_source(path: &std::path::Path) -> bool {
    path.ends_with("secret") || path.ends_with(".netrc")
}

/// A source, its arguments, its variables, and whether it is `~/.netrc`.
type Source = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    bool,
);

#[test]
fn each_source_and_each_login() {
    let mut search = Search::default();
    let sources: [Source; 4] = [
        (
            "command",
            &["--password-command", "cat $HOME/secret"],
            &[],
            false,
        ),
        ("variable", &[], &[("POPTALK_PASSWORD", SECRET)], false),
        ("netrc", &[], &[], true),
        ("file", &["--password-file"], &[], false),
    ];
    for (source, args, settings, has_netrc) in sources {
        let home = Home::new();
        let file = home.path().join("secret");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        if has_netrc {
            let line = format!("machine 127.0.0.1 login alice password {SECRET}\n");
            std::fs::write(home.path().join(".netrc"), line).unwrap();
        }
        let (address, _server) =
            serve_each(LOGINS.len() + 1, |peer| parrot(peer, SECRET, GREETING));
        let address = address.to_string();
        let mut args = [
            &[
                address.as_str(),
                "-u",
                "alice",
                "--allow-plaintext",
                "--keep-going",
            ],
            args,
        ]
        .concat();
        if source == "file" {
            args.push(file.to_str().unwrap());
        }
        for login in LOGINS.iter().chain(&["--login"]) {
            let mut args = args.clone();
            match login.starts_with(':') {
                true => args.extend(["-c", login]),
                false => args.push(login),
            }
            args.extend(["-c", "echo", "-c", "quit"]);
            let mut program = home.poptalk(&args);
            let output = program
                .envs(settings.iter().copied())
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap();
            let what = format!("{source}, {login}");
            search.look(&what, "stderr", SECRET, &output.stderr);
            search.look(&what, "stderr", &digest(), &output.stderr);
        }
        let ways = [
            (source.to_owned(), SECRET.to_owned()),
            (source.to_owned(), digest()),
        ];
        search.files(&home, &is_source, &ways);
    }
    search.end("sources");
}

#[test]
fn what_is_asked_for_and_what_children_get() {
    let mut search = Search::default();
    let home = Home::new();
    std::fs::write(home.path().join("secret"), format!("{SECRET}\n")).unwrap();
    // A pager and a command that keep what they were given.
    let keeps = |name: &str| {
        format!("cat /proc/self/environ /proc/self/cmdline /proc/$PPID/cmdline > $HOME/{name}")
    };
    let pager = format!("{}; cat > /dev/null", keeps("pager"));
    let command = format!("{}; cat $HOME/secret", keeps("command"));
    let (address, _server) = serve_each(3, |peer| {
        peer.say(GREETING);
        loop {
            let line = text(&peer.hear());
            match line.trim_end() {
                "" => return,
                "list" => peer.say(format!("+OK\r\n{}.\r\n", "1 120\r\n".repeat(200))),
                "echo" => peer.say(format!("-ERR {}\r\n", echoes(SECRET).join(" "))),
                line => peer.say(format!("-ERR you said {line}\r\n")),
            }
        }
    });
    let address = address.to_string();
    let url = format!("pop3://alice@{address}");
    let settings = [
        ("PAGER", pager.as_str()),
        ("POPTALK_PASSWORD", SECRET),
        ("POPTALK_PROXY_PASSWORD", SECRET),
    ];
    let mut terminal = Terminal::open(
        &home,
        &[&url, "--password-command", &command],
        &settings,
        (40, 150),
    );
    terminal.prompt("auth>");
    terminal.press(":pass\r");
    terminal.see("you said PASS");
    terminal.press("list\r");
    terminal.see(":page shows it again");
    terminal.press("echo\r:open\r:quit\r");
    let (_, raw) = terminal.end();
    search.look("command", "terminal", SECRET, &raw);
    assert!(home.path().join("pager").exists() && home.path().join("command").exists());

    let mut terminal = Terminal::open(&home, &[&address], &[], (40, 150));
    terminal.prompt("auth>");
    terminal.press(":pass\r");
    terminal.see("not shown");
    terminal.press(&format!("{SECRET}\r"));
    terminal.see("you said PASS");
    terminal.press(":apop alice\r");
    terminal.see("password of alice");
    terminal.press(&format!("{SECRET}\r"));
    terminal.see("you said APOP");
    terminal.press("echo\r:quit\r");
    let (_, raw) = terminal.end();
    search.look("prompt", "terminal", SECRET, &raw);
    search.look("prompt", "terminal", &digest(), &raw);
    // Their parent's arguments are among them.
    for child in ["pager", "command"] {
        let own = std::fs::read(home.path().join(child)).unwrap();
        search.look(child, "environment and arguments", SECRET, &own);
    }
    let is_other = |path: &std::path::Path| {
        is_source(path) || path.ends_with("pager") || path.ends_with("command")
    };
    search.files(
        &home,
        &is_other,
        &[("prompt".to_owned(), SECRET.to_owned())],
    );
    search.end("children");
}

/// Says lines to a server, one after the other, and hears an answer to each.
fn say(address: std::net::SocketAddr, lines: &[String]) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut hear = || reader.read_line(&mut String::new()).unwrap_or(0);
    hear();
    for line in lines {
        let _ = (&stream).write_all(format!("{line}\r\n").as_bytes());
        if hear() == 0 {
            return;
        }
    }
}

/// The ways in which every line is answered, on the wire.
fn on_the_wire() -> impl Iterator<Item = (usize, &'static super::Way)> {
    let is_line = |way: &super::Way| {
        way.in_scripts && !way.name.starts_with(":send") && !way.name.starts_with("what begins")
    };
    WAYS.iter().enumerate().filter(move |(_, way)| is_line(way))
}

#[test]
fn through_the_proxy_and_at_the_server() {
    let mut search = Search::default();
    let numbers: Vec<usize> = on_the_wire().map(|(number, _)| number).collect();
    let mut seen = numbers.clone().into_iter();
    let (address, _server) = serve_each(numbers.len(), move |peer| {
        parrot(peer, &secret(seen.next().unwrap()), GREETING);
    });
    let proxied = Proxied::with(ProxyOptions::new(target(address, false)));
    let home = Home::new();
    let account = Account {
        password: "open sesame".to_owned(),
        ..Account::practice()
    };
    let options = ServeOptions {
        account,
        log: Destination::Path(home.path().to_owned()),
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    for (number, way) in on_the_wire() {
        let secret = secret(number);
        let lines = [
            lines(way, &secret),
            vec!["*".into(), "echo".into(), "list".into(), "quit".into()],
        ]
        .concat();
        say(proxied.proxy.address(), &lines);
        let report = format!("{:?}", proxied.report());
        search.look(way.name, "what the proxy tells", &secret, report.as_bytes());
        say(serving.address(), &lines);
    }
    drop(serving);
    for (number, way) in on_the_wire() {
        for file in proxied.files().iter().chain(&home.files()) {
            search.look(
                way.name,
                "transcripts",
                &secret(number),
                &std::fs::read(file).unwrap(),
            );
        }
    }
    assert!(home.files().len() > 30 && proxied.files().len() > 30);
    search.end("proxy and server");
}

#[test]
fn a_replay_and_a_check() {
    let mut search = Search::default();
    let home = Home::new();
    std::fs::write(home.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let recorded = "S: +OK <1.2@x.example>\nC: USER alice\nS: +OK\nC: PASS {{password}}\nS: -ERR no\nC: APOP alice {{digest}}\n\
        S: -ERR no\nC: AUTH PLAIN {{response}}\nS: -ERR no\nC: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: {{response}}\nS: + UGFzc3dvcmQ6\n\
        C: {{response}}\nS: -ERR no\nC: ECHO\nS: -ERR no\nC: QUIT\nS: +OK\n* closed by server\n";
    let (file, logs) = (home.path().join("a.pop3"), home.path().join("logs"));
    std::fs::write(&file, recorded).unwrap();
    let (address, _server) = serve_each(400, |peer| parrot(peer, SECRET, GREETING));
    let address = address.to_string();
    let path = home.path().join("secret");
    let from = ["--password-file", path.to_str().unwrap(), "-u", "alice"];
    let (file, logs) = (file.to_str().unwrap(), logs.to_str().unwrap());
    for format in ["text", "json", "junit", "html"] {
        let replay = [
            "replay",
            file,
            "--to",
            &address,
            "--keep-going",
            "--log",
            logs,
            "--format",
            format,
        ];
        let check = [
            "check",
            &address,
            "--allow-plaintext",
            "--strict",
            "-v",
            "--log",
            logs,
            "--timeout",
            "20",
            "--format",
            format,
        ];
        for command in [&replay[..], &check] {
            let output = home.script(&[command, &from].concat(), b"");
            let what = format!("{} --format {format}", command[0]);
            assert!(output.stdout.len() > 20, "{what}: {}", text(&output.stderr));
            search.look(&what, "stdout", SECRET, &output.stdout);
            search.look(&what, "stderr", SECRET, &output.stderr);
            search.look(&what, "stdout", &digest(), &output.stdout);
        }
    }
    let update = ["replay", file, "--to", &address, "--keep-going", "--update"];
    let output = home.script(&[&update[..], &from].concat(), b"");
    search.look("replay --update", "stdout", SECRET, &output.stdout);
    let ways = [SECRET.to_owned(), digest()].map(|secret| ("replay and check".to_owned(), secret));
    search.files(&home, &is_source, &ways);
    search.end("replay and check");
}

#[test]
fn recordings_made_elsewhere() {
    let mut search = Search::default();
    let home = Home::new();
    for (number, way) in on_the_wire() {
        let secret = secret(number);
        let (mut curl, mut fetchmail, mut pop3) = (String::new(), String::new(), String::new());
        let mut row = |side: char, line: &str| {
            curl += &format!("{} {line}\n", if side == 'C' { '>' } else { '<' });
            fetchmail += &format!(
                "fetchmail: POP3{} {line}\n",
                if side == 'C' { '>' } else { '<' }
            );
            pop3 += &format!("{side}: {line}\n");
        };
        row('S', "+OK <1.2@x.example>");
        let all = lines(way, &secret);
        let count = all.len();
        for (index, line) in all.iter().enumerate() {
            row('C', line);
            let is_open = index + 1 < count && line.to_ascii_lowercase().starts_with("auth")
                || *line == STANDARD.encode("alice")
                || line == "alice";
            let said = match answer(line) {
                Some(said) => said.trim_end().to_owned(),
                None if is_open => "+ ".to_owned(),
                None => format!("-ERR you said {line}"),
            };
            row('S', &said);
        }
        row('C', "*");
        row('S', "-ERR");
        row('C', "ECHO");
        row('S', &format!("-ERR {}", echoes(&secret).join(" ")));
        row('C', "QUIT");
        row('S', "+OK");
        for (name, content, command) in [
            (
                "curl",
                format!("* Connected to x (127.0.0.1) port 110 (#0)\n{curl}"),
                &["import", "curl"][..],
            ),
            ("fetchmail", fetchmail, &["import", "fetchmail"]),
            ("pop3", pop3, &["redact"]),
        ] {
            let file = home.path().join(name);
            std::fs::write(&file, content).unwrap();
            let output = home.script(&[command, &[file.to_str().unwrap()]].concat(), b"");
            let what = format!("{}, {name}", way.name);
            assert!(
                text(&output.stdout).contains("QUIT"),
                "{what}: {}",
                text(&output.stderr)
            );
            search.look(&what, "stdout", &secret, &output.stdout);
            search.look(&what, "stderr", &secret, &output.stderr);
        }
    }
    search.end("recordings");
}

#[test]
fn a_server_that_knows_the_password_before_it_is_sent() {
    const SECRET: &str = "Zebra77Quux";
    for with_file in [false, true] {
        let (address, _server) = crate::support::serve(|peer| {
            peer.say(format!("+OK ready, last time {SECRET}\r\n"));
            peer.answer(|_| format!("+OK {SECRET}\r\n"))
        });
        let home = crate::support::Home::new();
        let (log, file) = (home.path().join("log.pop3"), home.path().join("password"));
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let (address, log) = (address.to_string(), log.display().to_string());
        let mut program = home.poptalk(&[&address, "--log", &log, "-cnoop", "-cquit"]);
        match with_file {
            true => program.arg("--password-file").arg(&file),
            false => program.env("POPTALK_PASSWORD", SECRET),
        };
        assert!(program.output().unwrap().status.success());
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(
            text.contains(": +OK ready, last time {{password}}"),
            "{text}"
        );
        assert!(!text.contains(SECRET), "{text}");
    }
}
