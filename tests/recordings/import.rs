//! `poptalk import` on recordings of real programs (`tests/recordings/import/`), each with the
//! transcript that it becomes. With POPTALK_BLESS=1 the transcripts are rewritten.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use poptalk::reading::import::{Format, Options, Source, import};

use crate::support::{Home, text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/import")
}

/// The recordings: each with its format, by the first word of the name; of a rawlog both files.
fn recordings() -> Vec<(Format, String, Vec<PathBuf>)> {
    let mut stems = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|end| end != "pop3" && end != "md" && end != "log")
        {
            stems.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    let recordings = stems.into_iter().map(|stem| {
        let format = Format::from_str(stem.split('-').next().unwrap(), false).unwrap();
        let files = ["in", "out", "txt", "pcap"]
            .iter()
            .map(|end| folder().join(format!("{stem}.{end}")))
            .filter(|path| path.exists())
            .collect();
        (format, stem, files)
    });
    recordings.collect()
}

#[test]
fn each_recording_becomes_the_transcript_beside_it() {
    let recordings = recordings();
    assert!(recordings.len() > 20);
    for (format, stem, files) in recordings {
        let read: Vec<(String, Vec<u8>)> = files
            .iter()
            .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
            .collect();
        let sources: Vec<Source<'_>> = read
            .iter()
            .map(|(name, octets)| Source { name, octets })
            .collect();
        for source in &sources {
            assert_eq!(Format::recognize(source), Some(format), "{}", source.name);
        }
        let options = Options {
            ports: vec![21100],
            ..Options::default()
        };
        let made = import(format, &sources, &options).unwrap_or_else(|problem| panic!("{problem}"));
        for (number, made) in (1..).zip(&made) {
            let golden = folder().join(format!("{stem}-{number}.pop3"));
            poptalk::transcript::text::parse(&made.text)
                .unwrap_or_else(|error| panic!("{stem}: {error}"));
            if std::env::var_os("POPTALK_BLESS").is_some() {
                std::fs::write(&golden, &made.text).unwrap();
            }
            let want = std::fs::read(&golden).unwrap();
            assert_eq!(
                text(&made.text),
                text(&want),
                "{stem}: run with POPTALK_BLESS=1"
            );
        }
        assert!(
            !folder()
                .join(format!("{stem}-{}.pop3", made.len() + 1))
                .exists(),
            "{stem}"
        );
    }
}

#[test]
fn no_secret_of_a_recording_is_in_its_transcript() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "pop3") {
            let made = std::fs::read_to_string(&path).unwrap();
            for key in ["AGFsaWNl", "Resumption PSK", "Master-Key"] {
                assert!(!made.contains(key), "{}: {key}", path.display());
            }
            for line in made.lines().filter(|line| line.starts_with('C')) {
                for secret in ["wonderland", "secret", "wrong", "YWxpY2Ug"] {
                    assert!(!line.contains(secret), "{}: {line}", path.display());
                }
            }
        }
    }
}

/// Expects a file that only its owner can read, where the system has such permissions.
fn expect_private(path: &Path) {
    let found = path.metadata().unwrap();
    assert!(found.is_file());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }
}

/// What the rules say of each sample. `findings.md` has them all: each is to be read, and none is
/// false.
#[test]
fn the_findings_of_each_recording_are_known() {
    let mut found = String::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "pop3"))
        .collect();
    paths.sort();
    let home = Home::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let output = home.script(&["lint", path.to_str().unwrap()], b"");
        let said = text(&output.stdout);
        let lines = said.lines().filter(|line| line.starts_with('/'));
        for line in lines {
            let (_, finding) = line.split_once(".pop3:").unwrap();
            found += &format!("{name}:{finding}\n");
        }
    }
    let golden = folder().join("findings.md");
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    assert_eq!(
        found,
        std::fs::read_to_string(&golden).unwrap(),
        "run with POPTALK_BLESS=1"
    );
}

#[test]
fn several_connections_give_several_files_for_their_owner_alone() {
    let home = Home::new();
    let capture = folder().join("pcap-tcpdump-4.99.3-ethernet.pcap");
    let capture = capture.to_str().unwrap();
    let out = home.path().join("out.pop3");
    let args = ["import", "auto", capture, "--port", "21100"];
    let output = home.script(&args, b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint: give a folder for the transcripts: -o FOLDER/"));
    let args = [&args[..], &["-o", out.to_str().unwrap()]].concat();
    let output = home.script(&args, b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for number in 1..=2 {
        let path = home.path().join(format!("out-{number}.pop3"));
        expect_private(&path);
    }
    let output = home.script(&args, b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("nothing is overwritten"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_recording_that_was_compressed_is_read_or_its_program_named() {
    let home = Home::new();
    let plain = std::fs::read(folder().join("curl-7.88.1-v.txt")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, &plain).unwrap();
    let packed = packer.finish().unwrap();
    let path = home.path().join("x.txt.gz");
    let import = |octets: &[u8], output: &[&str]| {
        std::fs::write(&path, octets).unwrap();
        home.script(
            &[&["import", "auto", path.to_str().unwrap()], output].concat(),
            b"",
        )
    };
    let want = std::fs::read(folder().join("curl-7.88.1-v-1.pop3")).unwrap();
    let output = import(&packed, &[]);
    assert_eq!(
        text(&output.stdout).lines().count(),
        text(&want).lines().count()
    );
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let to = home.path().to_str().unwrap();
    assert_eq!(import(&packed, &["-o", to]).status.code(), Some(0));
    assert!(home.path().join("x.pop3").exists());
    let output = import(&packed[..packed.len() - 20], &[]);
    let said = text(&output.stderr);
    assert!(
        said.contains("the end of the gzip data is missing or damaged"),
        "{said}"
    );
    assert!(text(&output.stdout).contains("S: +OK"));
    let output = import(b"\x28\xb5\x2f\xfd...", &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains(
            "x.txt.gz: compressed by zstd, which poptalk can't read\nhint: unpack it first: zstd -d FILE"
        ),
        "{said}"
    );
}

#[test]
fn errors_say_where_what_and_what_next() {
    let home = Home::new();
    let log = home.path().join("x.in");
    std::fs::write(&log, "1795426782.965677 STAT\r\n\x1b]0;x\x07\r\n").unwrap();
    let other = home.path().join("x.out");
    std::fs::write(&other, "1795426782.965677 +OK\r\n").unwrap();
    let (log, other) = (log.to_str().unwrap(), other.to_str().unwrap());
    for (args, want) in [
        (
            &["import", "rawlog", log][..],
            "x.in: the other side's file is missing\nhint: give both files",
        ),
        (&["import", "rawlog", log, other], "error: line 2 of "),
        (
            &["import", "auto", "-"],
            "error: standard input: unknown format, not one of s_client, gnutls_cli, telnet",
        ),
        (
            &["import", "curl", "-"],
            "error: standard input: no `> ` and `< ` lines\nhint: record with",
        ),
        (
            &["import", "pcap", "-"],
            "error: standard input: not a pcap or pcapng capture\nhint: ",
        ),
        (
            &["import", "lines", "-"],
            "error: lines needs --client and --server\nhint: poptalk import lines --client ",
        ),
        (
            &["import", "lines", "--client", "(", "--server", "(.*)", "-"],
            "error: `(` is not a regular expression: unclosed group\nhint: ",
        ),
        (
            &["import", "lines", "--client", "^C", "--server", "(.*)", "-"],
            "error: `^C` needs one group around what was sent, as in `^C: (.*)$`\nhint: ",
        ),
        (
            &["import", "wireshark", "-"],
            "expected one of auto, s_client, gnutls_cli, telnet",
        ),
    ] {
        let output = home.script(args, b"\x1b[31mnothing\r\n");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(want), "{said}");
        assert!(!said.contains('\x1b'), "{said}");
    }
}

#[test]
fn redact_hides_and_leaves_nothing_half_done() {
    let home = Home::new();
    let file = home.path().join("kept.pop3");
    std::fs::write(&file, "S: +OK\nC: PASS geheim12\nS: +OK my-token\n").unwrap();
    let secrets = home.path().join("secrets");
    std::fs::write(&secrets, "my-token\r\nabc\n").unwrap();
    let (file, secrets) = (file.to_str().unwrap(), secrets.to_str().unwrap());
    let output = home.script(&["redact", file, "--secret-file", secrets], b"");
    let want = "#!pop3 1\nredacted: secrets\n\nS: +OK\nC: PASS {{password}}\nS: +OK {{secret}}\n";
    assert_eq!(text(&output.stdout), want);
    assert!(text(&output.stderr).starts_with("warning: a secret shorter than four octets"));
    let out = home.path().join("out.pop3");
    let to = out.to_str().unwrap();
    let output = home.script(&["redact", file, "-o", to], b"");
    assert_eq!(output.status.code(), Some(0));
    expect_private(&out);
    let output = home.script(&["redact", file, "-o", to], b"");
    assert_eq!(output.status.code(), Some(2));
    std::fs::remove_file(&out).unwrap();
    let output = home.script(&["redact", "-", "-o", to], b"S: +OK\nS: \\q\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("row 2 column 4 of -: unknown escape"));
    assert!(!out.exists());
}

#[test]
fn bodies_are_left_out_while_recording() {
    let home = Home::new();
    let args = [
        "practice",
        "--bodies",
        "elide=2",
        "-c",
        "user alice",
        "-c",
        "pass wonderland",
        "-c",
        "retr 1",
    ];
    let output = home.script(&args, b"");
    assert!(text(&output.stdout).contains("you have fetched a message by hand"));
    let files = home.files();
    let log = files
        .iter()
        .find(|path| path.extension().is_some_and(|end| end == "pop3"))
        .unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("S: To: Alice <alice@example.org>\nS: {{...}}\n# cut: 15 lines, 528 octets, "),
        "{log}"
    );
    assert!(!log.contains("Subject"), "{log}");
}
