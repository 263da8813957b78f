//! Attacks stored in files, and what the commands print of them: on a terminal, into a pipe, into
//! pages and pictures.

use std::path::Path;

use poptalk::pop3::tracker::{LineEnd, Side};
use poptalk::transcript::text;
use poptalk::transcript::{Item, Piece, Row, Transcript};

use super::{ATTACKS, Attack, Cells, Writer, texts};
use crate::support::terminal::Terminal;
use crate::support::{Home, serve_each};

fn row(side: Side, octets: &[u8]) -> Item {
    Item::Row(Row::new(
        side,
        3,
        [Piece::Octets(octets.to_vec())],
        LineEnd::Crlf,
    ))
}

/// A recording with each attack in each place where a peer's octets stand.
fn recording(dress: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (client, server) = (Side::Client, Side::Server);
    let mut items = Vec::new();
    let mut talk = |said: &[u8], reply: &[&[u8]]| {
        items.push(row(client, said));
        items.extend(reply.iter().map(|line| row(server, line)));
    };
    for attack in ATTACKS {
        let octets = &dress(attack.octets);
        talk(b"STAT", &[&[b"+OK ", octets.as_slice()].concat()]);
        talk(
            b"NOOP",
            &[&[&b"-ERR ["[..], octets, b"] ", octets.as_slice()].concat()],
        );
        talk(b"XONE", &[octets]);
        talk(&[b"X", octets.as_slice()].concat(), &[b"-ERR"]);
        talk(
            b"LIST",
            &[b"+OK", octets, &[b"1 ", octets.as_slice()].concat(), b"."],
        );
        talk(
            b"UIDL",
            &[b"+OK", &[b"1 ", octets.as_slice()].concat(), b"."],
        );
        talk(
            b"CAPA",
            &[
                b"+OK",
                octets,
                &[b"SASL ", octets.as_slice()].concat(),
                b".",
            ],
        );
        talk(b"AUTH X", &[&[b"+ ", octets.as_slice()].concat()]);
        talk(b"*", &[b"-ERR"]);
        let head = [b"Subject: ", octets.as_slice()].concat();
        talk(b"RETR 1", &[b"+OK", &head, b"", octets, b"."]);
    }
    let mut transcript = Transcript {
        items: vec![row(server, b"+OK ready")],
    };
    transcript.items.append(&mut items);
    text::print(&transcript).into_bytes()
}

/// Files in each of which attacks stand as they are, where people or programs write: each with the
/// place.
fn raw_files(attacks: &[Attack]) -> Vec<(&'static str, Vec<u8>)> {
    let places: [(&'static str, &str, &str); 5] = [
        ("head", "server: ", "\n\nS: +OK ready\n"),
        ("prose", "S: +OK ready\n# ", "\n"),
        (
            "event",
            "S: +OK ready\n* tls TLSv1.3 ",
            "\nC: NOOP\nS: +OK\n",
        ),
        ("unknown row", "S: +OK ready\n", "\n"),
        ("row", "S: +OK ", "\nC: NOOP\nS: +OK\n"),
    ];
    let file = |before: &str, after: &str| {
        let all = attacks
            .iter()
            .flat_map(|attack| [before.as_bytes(), attack.octets, after.as_bytes()].concat());
        all.collect()
    };
    places
        .map(|(place, before, after)| (place, file(before, after)))
        .to_vec()
}

/// What each command that reads transcripts prints of a file on a terminal.
fn on_terminal(
    cells: &mut Cells,
    place: &str,
    attacks: &[Attack],
    home: &Home,
    file: &str,
    other: &str,
    replays: bool,
) {
    let (nowhere, html) = (home.path().join("mails"), home.path().join("x.html"));
    let commands: [&[&str]; 10] = [
        &["show", file],
        &["show", file, "--times"],
        &["show", file, "--timeline"],
        &["show", file, "--messages", nowhere.to_str().unwrap()],
        &["show", file, "--html", html.to_str().unwrap()],
        &["lint", file],
        &["diff", other, file],
        &["diff", file, other, "--side-by-side"],
        &["redact", file],
        &["replay", file, "--to", "127.0.0.1:9"],
    ];
    for command in commands
        .iter()
        .filter(|command| replays || command[0] != "replay")
    {
        let size = if command.contains(&"--times") {
            (40, 80)
        } else {
            (9000, 150)
        };
        let mut terminal = Terminal::open(home, command, &[], size);
        if command[0] == "show" && terminal.has_come(b"\x1b[?1049h") {
            // What is paged is left; the pager has a test of its own.
            terminal.press(" G\x02gq");
        }
        let (_, raw) = terminal.end();
        let writer = if command[0] == "show" {
            Writer::Console
        } else {
            Writer::Bars
        };
        cells.look(
            &format!("{place}, {}", command.join(" ")),
            attacks,
            writer,
            &raw,
        );
        let _ = std::fs::remove_file(&html);
    }
}

fn write(home: &Home, name: &str, content: &[u8]) -> String {
    let path = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_recording_of_attacks() {
    let mut cells = Cells::default();
    let home = Home::new();
    let file = write(&home, "attacks.pop3", &recording(<[u8]>::to_vec));
    let other = write(
        &home,
        "others.pop3",
        &recording(|octets| [b"Zq7 ", octets].concat()),
    );
    on_terminal(&mut cells, "rows", ATTACKS, &home, &file, &other, true);
    cells.end("recording");
}

#[test]
fn files_with_attacks_as_they_are() {
    let mut cells = Cells::default();
    let home = Home::new();
    let other = write(&home, "other.pop3", b"S: +OK ready\n");
    // A file ends at the first line that breaks the format: those that are text come together, the
    // others one by one.
    let good: Vec<Attack> = texts().map(|(attack, _)| *attack).collect();
    for (place, content) in raw_files(&good) {
        let file = write(&home, &format!("{place}.pop3"), &content);
        on_terminal(&mut cells, place, &good, &home, &file, &other, false);
    }
    for (number, attack) in ATTACKS.iter().enumerate() {
        let attack = &[*attack];
        let files = raw_files(attack);
        let names: Vec<String> = files
            .iter()
            .map(|(place, content)| write(&home, &format!("{number} {place}.pop3"), content))
            .collect();
        let mut args = vec!["lint"];
        args.extend(names.iter().map(String::as_str));
        let output = home.script(&args, b"");
        for (place, _) in &files {
            cells.look(
                &format!("{place} alone, lint"),
                attack,
                Writer::Pipe,
                &output.stderr,
            );
            cells.look(
                &format!("{place} alone, lint"),
                attack,
                Writer::Pipe,
                &output.stdout,
            );
        }
    }
    cells.end("files");
}

#[test]
fn pages_pictures_and_reports_for_programs() {
    let mut cells = Cells::default();
    let home = Home::new();
    let all = recording(<[u8]>::to_vec);
    let file = write(&home, "attacks.pop3", &all);
    let other = write(
        &home,
        "others.pop3",
        &recording(|octets| [b"Zq7 ", octets].concat()),
    );
    let page = home.path().join("page.html");
    let picture = home.path().join("page.svg");
    home.script(&["show", &file, "--html", page.to_str().unwrap()], b"");
    home.script(
        &[
            "show",
            &file,
            "--svg",
            picture.to_str().unwrap(),
            "--rows",
            "9000",
        ],
        b"",
    );
    let page = std::fs::read(page).unwrap();
    crate::recordings::show::check_page(std::str::from_utf8(&page).unwrap());
    cells.look("show --html", ATTACKS, Writer::Pipe, &page);
    let picture = std::fs::read(picture).unwrap();
    crate::recordings::show::check_picture(std::str::from_utf8(&picture).unwrap());
    cells.look("show --svg", ATTACKS, Writer::Pipe, &picture);
    for command in [&["lint", &file][..], &["diff", &file, &other]] {
        for format in ["json", "junit", "html"] {
            let output = home.script(&[command, &["--format", format]].concat(), b"");
            let what = format!("{} --format {format}", command[0]);
            cells.look(&what, ATTACKS, Writer::Pipe, &output.stdout);
            let report = std::str::from_utf8(&output.stdout).unwrap();
            assert!(report.len() > 1000, "{what}");
            match format {
                "json" => drop(serde_json::from_str::<serde_json::Value>(report).unwrap()),
                "html" => crate::recordings::show::check_page(report),
                _ => well_formed(report),
            }
        }
    }
    cells.end("documents");
}

/// Well-formed XML without anything but elements and text.
fn well_formed(report: &str) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(report);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                let ours = ["testsuites", "testsuite", "testcase", "failure"];
                assert!(ours.contains(&name.as_str()), "{name}");
                assert!(tag.attributes().all(|attribute| attribute.is_ok()));
            }
            Event::Eof => return,
            _ => {}
        }
    }
}

#[test]
fn a_server_that_is_checked_and_replayed() {
    let mut cells = Cells::default();
    // All attacks in whatever is asked for.
    let (address, _server) = serve_each(60, |peer| {
        let joined = |before: &[u8], after: &[u8]| {
            let all = ATTACKS
                .iter()
                .map(|attack| [before, attack.octets, after].concat());
            all.collect::<Vec<_>>().concat()
        };
        let one_line = joined(b" ", b"");
        peer.say([b"+OK", one_line.as_slice(), b"\r\n"].concat());
        loop {
            let line = peer.hear();
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_slice() {
                b"" => return,
                b"CAPA" | b"RETR" | b"TOP " => {
                    peer.say([b"+OK\r\n", joined(b"", b"\r\n").as_slice(), b".\r\n"].concat());
                }
                b"LIST" | b"UIDL" if line.len() < 7 => {
                    peer.say(
                        [
                            b"+OK\r\n1 120\r\n",
                            joined(b"2 ", b"\r\n").as_slice(),
                            b".\r\n",
                        ]
                        .concat(),
                    );
                }
                b"QUIT" => {
                    peer.say("+OK\r\n");
                    return;
                }
                b"USER" | b"PASS" | b"STAT" | b"NOOP" => {
                    peer.say([b"+OK 1 120", one_line.as_slice(), b"\r\n"].concat());
                }
                _ => peer.say([b"-ERR [X", one_line.as_slice(), b"]\r\n"].concat()),
            }
        }
    });
    let home = Home::new();
    let secret = write(&home, "secret", b"Zq7marked-secret\n");
    let address = address.to_string();
    let check = [
        "check",
        &address,
        "-u",
        "alice",
        "--password-file",
        &secret,
        "--timeout",
        "20",
    ];
    for more in [&["--verbose"][..], &["--strict"]] {
        let terminal = Terminal::open(&home, &[&check[..], more].concat(), &[], (9000, 150));
        let (_, raw) = terminal.end();
        cells.look("check", ATTACKS, Writer::Bars, &raw);
    }
    for format in ["json", "junit", "html"] {
        let output = home.script(&[&check[..], &["--format", format]].concat(), b"");
        cells.look(
            &format!("check --format {format}"),
            ATTACKS,
            Writer::Pipe,
            &output.stdout,
        );
        if format == "html" {
            crate::recordings::show::check_page(std::str::from_utf8(&output.stdout).unwrap());
        }
    }
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/show/fetch.pop3");
    let replay = [
        "replay",
        recorded.to_str().unwrap(),
        "--to",
        &address,
        "--password-file",
        &secret,
    ];
    for size in [(9000, 150), (9000, 200)] {
        let terminal = Terminal::open(&home, &replay, &[], size);
        let (_, raw) = terminal.end();
        cells.look("replay", ATTACKS, Writer::Bars, &raw);
    }
    cells.end("check and replay");
}
