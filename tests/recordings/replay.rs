//! Transcripts played again: at the server that plays them, at the practice server, and at one that
//! has changed.

use std::path::{Path, PathBuf};
use std::process::Output;

use poptalk::modes::replay::Preview;
use poptalk::modes::serve::{ServeOptions, ServedRecording, Server};
use poptalk::pop3::tracker::Side;
use poptalk::servers::Maildrop;
use poptalk::servers::messages;
use poptalk::servers::script::Pace;
use poptalk::transcript::file::Destination;

use crate::support::{Home, read, text};

/// Every transcript of a folder of the project.
fn transcripts(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pop3"))
        .collect();
    found.sort();
    found
}

fn play(path: &Path) -> Server {
    let recording = ServedRecording {
        path: path.to_owned(),
        pace: Pace::default(),
        index: None,
    };
    let options = ServeOptions {
        recording: Some(recording),
        ..ServeOptions::default()
    };
    Server::start(options, |_| {}).unwrap()
}

fn replay(home: &Home, args: &[&str]) -> Output {
    let args = [&["replay"], args].concat();
    home.script(&args, b"")
}

/// Records a session on the practice server into a file; gives its path.
fn record(home: &Home, name: &str, args: &[&str], lines: &[&str]) -> String {
    let path = home.path().join(name).to_str().unwrap().to_owned();
    let mut all = vec!["practice", "--keep-going", "--log", &path];
    all.extend(args);
    let lines = lines.join("\n") + "\n";
    let mut program = home.poptalk(&all);
    program.env("POPTALK_PASSWORD", "wonderland");
    drop(program);
    home.script(&all, lines.as_bytes());
    path
}

const LINES: [&str; 13] = [
    "capa",
    "user alice",
    "pass wonderland",
    "stat",
    "list",
    "uidl",
    "retr 1",
    "retr 3",
    "top 6 2",
    "dele 2",
    "list 99",
    "rset",
    "quit",
];

/// Serves a transcript and replays it against that; gives what was not as recorded.
fn served_and_replayed(path: &Path) -> Option<String> {
    let home = Home::new();
    let serving = play(path);
    let preview = Preview::of(path).unwrap();
    // Where the handshake failed, no TLS is what fails it now.
    let is_tls = preview.is_tls && !preview.has_tls_failure;
    let address = match serving.tls_address() {
        Some(address) if is_tls => address,
        _ => serving.address(),
    };
    let address = address.to_string();
    let pem = home.path().join("ca.pem");
    std::fs::write(&pem, serving.certificate_pem()).unwrap();
    let (file, pem) = (path.to_str().unwrap(), pem.to_str().unwrap());
    let args = [
        file,
        "--to",
        &address,
        "--send-names",
        "--ca",
        pem,
        "--timeout",
        // Where the recording waited in vain, so does the replay.
        if std::fs::read_to_string(path)
            .unwrap()
            .contains("\n* timeout")
        {
            "4"
        } else {
            "30"
        },
    ];
    let output = replay(&home, &args);
    (output.status.code() != Some(0)).then(|| {
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        format!("{file}: {:?} {out}{err}", output.status.code())
    })
}

/// Serves and replays each; some at a time.
fn all_served_and_replayed(paths: &[PathBuf]) {
    let some = |paths: &[PathBuf]| -> Vec<String> {
        let wrong = paths.iter().filter_map(|path| served_and_replayed(path));
        wrong.collect()
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = paths
            .chunks(paths.len().div_ceil(8))
            .map(|paths| scope.spawn(move || some(paths)))
            .collect();
        let wrong = runs.into_iter().map(|run| run.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_a_transcript_serves_replays_clean_against_it() {
    let folders = ["commands", "diff", "lint", "probes", "show", "replay"];
    let mut paths: Vec<PathBuf> = folders.iter().flat_map(|name| transcripts(name)).collect();
    // Made by hand to be shown: no server could have sent it.
    paths.retain(|path| !path.ends_with("show/hostile.pop3"));
    // A server that waits for the client; what is served always greets.
    paths.retain(|path| !path.ends_with("probes/silence.pop3"));
    // A replay sends nothing to a server of another protocol.
    for name in [
        "greeting-wrong-protocol",
        "redis-lookalike",
        "tls-on-plain-port",
    ] {
        paths.retain(|path| !path.ends_with(format!("lint/{name}.bad.pop3")));
    }
    assert!(paths.len() > 450);
    all_served_and_replayed(&paths);
}

#[test]
fn what_was_imported_is_shown_and_replays_clean_against_itself() {
    let mut paths = transcripts("../tests/recordings/import");
    // Without a greeting or a login no client gets on; a connection that failed has no rows.
    paths.retain(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let first = text.lines().find(|line| line.starts_with(['C', 'S']));
        // The log does not say what became of the handshake.
        let has_lost_tls = text.contains("\nC: STLS") && !text.contains("\n* tls");
        first.is_some_and(|row| !row.contains("{{...}}")) && text.contains("\nC") && !has_lost_tls
    });
    assert!(paths.len() > 40);
    for path in &paths {
        let shown = Home::new().script(&["show", path.to_str().unwrap()], b"");
        assert_eq!(shown.status.code(), Some(0), "{}", path.display());
        assert!(shown.stdout.len() > 100, "{}", path.display());
    }
    all_served_and_replayed(&paths);
}

#[test]
fn a_session_on_the_practice_server_replays_as_recorded() {
    let home = Home::new();
    let plain = record(&home, "plain.pop3", &[], &LINES);
    let tls = record(&home, "tls.pop3", &["--tls"], &LINES);
    let stls = record(&home, "stls.pop3", &["--stls"], &LINES);
    let output = replay(&home, &[&plain, &tls, &stls, "-j", "3"]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.ends_with("3 files: 3 as recorded, 0 not\n"), "{said}");
    assert_eq!(
        said.matches("as recorded, 14 exchanges").count(),
        1,
        "{said}"
    );
}

#[test]
fn sasl_and_apop_are_computed_anew() {
    let home = Home::new();
    let secret = home.path().join("secret");
    std::fs::write(&secret, "wonderland\n").unwrap();
    let source = ["-u", "alice", "--password-file", secret.to_str().unwrap()];
    for (index, word) in [
        ":auth scram-sha-256",
        ":auth scram-sha-256-plus --two-lines",
        ":auth cram-md5",
        ":auth plain",
        ":apop",
    ]
    .into_iter()
    .enumerate()
    {
        let args = [&["--tls"], source.as_slice()].concat();
        let path = record(
            &home,
            &format!("{index}.pop3"),
            &args,
            &[word, "stat", "quit"],
        );
        let output = replay(&home, &[&path, "-u", "alice"]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{word}: {told}");
    }
}

#[test]
fn where_the_conversation_leaves_the_recording_it_ends() {
    let home = Home::new();
    let path = record(&home, "a.pop3", &[], &LINES);
    let maildrop = Maildrop::new(messages::practice().into_iter().take(1).collect());
    let options = ServeOptions {
        maildrop,
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let address = serving.address().to_string();
    let args = [
        path.as_str(),
        "--to",
        &address,
        "--set",
        "password=wonderland",
    ];
    let output = replay(&home, &args);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(
        said.contains("diverged from the recording at row "),
        "{said}"
    );
    assert!(
        said.contains("+OK was recorded, -ERR was received"),
        "{said}"
    );
    let output = replay(
        &home,
        &[&args[..], &["--keep-going", "--format", "junit"]].concat(),
    );
    let junit = text(&output.stdout);
    assert!(
        junit.starts_with("<?xml") && junit.contains("<failure"),
        "{junit}"
    );
    let output = replay(&home, &[&args[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.to_string().contains("\"row\""), "{json}");
}

#[test]
fn nothing_is_changed_at_a_server_that_is_not_this_machine() {
    let home = Home::new();
    let path = record(&home, "a.pop3", &[], &LINES);
    let output = replay(&home, &[&path, "--to", "pop.example.invalid"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("`DELE` may change the maildrop"), "{told}");
    assert!(told.contains("hint: --allow-changes"), "{told}");
}

#[test]
fn an_update_keeps_prose_holes_and_head() {
    let home = Home::new();
    let path = home.path().join("own.pop3");
    let own = "#!pop3 1\nserver: practice\nnote: made by hand\n\n# What STAT says.\nS: +OK {{..}}\nC: USER alice\nS: +OK old text\nC: PASS {{password}}\n\n# All of it.\nS: +OK {{..}}\nC: CAPA\nS: +OK {{..}}\nS: TOP\nS: {{...}}\nS: .\nC: STAT\nS: +OK 9 {{..}}\nC: QUIT\nS: +OK {{..}}\n* closed by server\n";
    std::fs::write(&path, own).unwrap();
    let file = path.to_str().unwrap();
    let output = replay(&home, &[file, "--update", "--level", "text"]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains("updated"), "{said}");
    let now = std::fs::read_to_string(&path).unwrap();
    let without_times = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(": ") {
            Some((start, rest)) if start.starts_with(['S', 'C']) => {
                format!("{}: {rest}", &start[..1])
            }
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let mut expected = own.replace("S: +OK old text", "S: +OK send PASS");
    // What happened besides octets is told as well.
    let connected = now
        .lines()
        .find(|line| line.starts_with("* connected"))
        .unwrap();
    expected = expected.replace(
        "S: +OK {{..}}\nC: USER",
        &format!("S: +OK {{{{..}}}}\n{connected}\nC: USER"),
    );
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&without_times(&now)), lines(&expected), "{now}");
    let output = replay(&home, &[file, "--update", "--level", "text"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_line_that_the_recording_does_not_have_ends_the_playing() {
    let home = Home::new();
    let path = home.path().join("short.pop3");
    std::fs::write(
        &path,
        "S: +OK hello\nC: USER {{name}}\nS: +OK\nC: QUIT\nS: +OK bye\n",
    )
    .unwrap();
    let serving = play(&path);
    let address = serving.address().to_string();
    let output = home.script(&[&address, "--keep-going"], b"USER anybody\nSTAT\n");
    assert_eq!(
        text(&output.stdout),
        "+OK hello\r\n+OK\r\n-ERR the recording continues with `QUIT` (row 4)\r\n"
    );
}

#[test]
fn a_visit_is_recorded() {
    let home = Home::new();
    let folder = home.path().join("visits");
    std::fs::create_dir(&folder).unwrap();
    let options = ServeOptions {
        log: poptalk::transcript::file::Destination::Path(folder.clone()),
        ..ServeOptions::default()
    };
    let serving = Server::start(options, |_| {}).unwrap();
    let address = serving.address().to_string();
    home.script(
        &[&address, "--no-log"],
        b"user alice\npass wonderland\nquit\n",
    );
    drop(serving);
    let found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(found.len(), 1);
    let said = text(&read(&found[0]).octets(Side::Client));
    assert_eq!(said, "user alice\r\npass \r\nquit\r\n");
}

#[test]
fn loosely_each_command_gets_its_reply_in_any_order() {
    let home = Home::new();
    let path = record(&home, "all.pop3", &[], &LINES);
    let mut child = home
        .poptalk(&["serve", &path, "--any-order", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut ready).unwrap();
    let address = ready.split(' ').nth(1).unwrap();
    let lines = "auth plain AGEAYg==\nuidl 3\nlist 1\nretr 3\ntop 3 0\nnoop\nstat\nretr 8\nquit\n";
    let output = home.script(&[address, "--no-log", "--keep-going"], lines.as_bytes());
    child.kill().unwrap();
    child.wait().unwrap();
    let said = text(&output.stdout);
    let message = &messages::practice()[2];
    assert!(
        said.contains(&format!("+OK 3 {}\r\n", message.unique_id())),
        "{said}"
    );
    assert!(said.contains(&format!("+OK 1 {}\r\n", messages::practice()[0].size())));
    assert!(said.contains(&format!("+OK {} octets\r\n", message.size())));
    assert!(
        said.ends_with("-ERR not in the recording\r\n+OK 9 messages left\r\n"),
        "{said}"
    );
}

#[test]
fn message_data_is_left_out_of_visits_and_replays_where_asked() {
    let home = Home::new();
    let path = record(
        &home,
        "a.pop3",
        &[],
        &["user alice", "pass wonderland", "retr 1", "quit"],
    );
    let visits = home.path().join("visits");
    let options = ServeOptions {
        log: Destination::Path(visits.clone()),
        bodies: "elide=1".parse().unwrap(),
        ..ServeOptions::default()
    };
    std::fs::create_dir(&visits).unwrap();
    let serving = Server::start(options, |_| {}).unwrap();
    let replays = home.path().join("replays");
    let args = [
        path.as_str(),
        "--to",
        &serving.address().to_string(),
        "--set",
        "password=wonderland",
        "--bodies",
        "elide",
        "--log",
        replays.to_str().unwrap(),
    ];
    let output = replay(&home, &args);
    let told = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    drop(serving);
    for (folder, kept) in [(visits, 1), (replays, 0)] {
        let mut files = std::fs::read_dir(folder).unwrap();
        let file = std::fs::read_to_string(files.next().unwrap().unwrap().path()).unwrap();
        assert!(
            !file.contains("you have fetched a message by hand"),
            "{file}"
        );
        assert!(file.contains("S: {{...}}\n# cut: "), "{file}");
        assert_eq!(file.matches("S: From: ").count(), kept, "{file}");
    }
}

#[test]
fn a_value_is_no_way_to_smuggle_a_command() {
    let home = Home::new();
    let file = home.path().join("a.pop3");
    std::fs::write(&file, "S: +OK\nC: USER {{user}}\nS: +OK\n").unwrap();
    let output = home.script(
        &[
            "replay",
            file.to_str().unwrap(),
            "--set",
            "user=a\r\nDELE 1",
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("CR or LF"));
}
