//! Where output goes: a path that ends in a slash is a folder, folders are made, and what is made
//! is for its owner alone.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Home, text};

const RECORDING: &str = "transcripts/real/courier-session.pop3";

/// Command lines, and the files that they make in the home; `*` stands for a date.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("import auto {root}/tests/recordings/import/curl-7.88.1-v.txt -o {home}/new/er/", &["new/er/curl-7.88.1-v.pop3"]),
    ("import auto {root}/tests/recordings/import/curl-7.88.1-v.txt -o {home}/new/er/it.pop3", &["new/er/it.pop3"]),
    ("import auto {root}/tests/recordings/import/pcap-tcpdump-4.99.3-ethernet.pcap --port 21100 -o {home}/new/er/",
        &["new/er/pcap-tcpdump-4.99.3-ethernet-1.pop3", "new/er/pcap-tcpdump-4.99.3-ethernet-2.pop3"]),
    ("redact {file} -o {home}/new/er/", &["new/er/courier-session.pop3"]),
    ("redact {file} -o {home}/new/er/it.pop3", &["new/er/it.pop3"]),
    ("show {file} --html {home}/new/er/", &["new/er/courier-session.html"]),
    ("show {file} --svg {home}/new/er/", &["new/er/courier-session.svg"]),
    ("show {file} --svg {home}/new/er/it.svg", &["new/er/it.svg"]),
    ("show {file} --messages {home}/new/er/", &["new/er/0002.eml"]),
    ("practice -c quit --log {home}/new/er/", &["new/er/*-practice.pop3"]),
    ("practice -c quit --log {home}/new/er/it.pop3", &["new/er/it.pop3"]),
    ("replay {root}/transcripts/probes/greeting.pop3 --to practice --log {home}/new/er/", &["new/er/*.pop3"]),
    ("check 127.0.0.1:1 --log {home}/new/er/", &[]),
];

fn run(home: &Home, args: &str) -> std::process::Output {
    let args = args
        .replace("{file}", "{root}/transcripts/real/courier-session.pop3")
        .replace("{home}", &home.path().display().to_string())
        .replace("{root}", env!("CARGO_MANIFEST_DIR"));
    let words: Vec<&str> = args.split(' ').collect();
    home.script(&words, b"")
}

/// Whether a file is what a name with one star says.
fn is_like(path: &Path, name: &str) -> bool {
    let path = path.display().to_string();
    match name.split_once('*') {
        Some((start, end)) => path.contains(start) && path.ends_with(end),
        None => path.ends_with(name),
    }
}

#[test]
fn a_folder_for_output_is_made_with_those_above_it() {
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(RECORDING)
            .is_file()
    );
    for (args, files) in CASES {
        let home = Home::new();
        let output = run(&home, args);
        let said = text(&output.stderr);
        assert_ne!(output.status.code(), Some(2), "{args}: {said}");
        let made = home.files();
        for name in *files {
            let path = made.iter().find(|path| is_like(path, name));
            let path = path.unwrap_or_else(|| panic!("{args}: no {name} in {made:?}"));
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{args}");
        }
        for folder in ["new", "new/er"] {
            let mode = home
                .path()
                .join(folder)
                .metadata()
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o700, "{args}");
        }
    }
}

#[test]
fn a_file_where_a_folder_should_be_is_called_a_file() {
    for (args, _) in CASES {
        for (at, what) in [
            ("new", "/new` is a file, not a folder"),
            ("new/er", ": a file, not a folder"),
        ] {
            // The second is about paths that name the folder itself.
            if at == "new/er" && !args.contains("new/er/it") || at == "new" {
                let home = Home::new();
                let file = home.path().join(at);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, "evidence").unwrap();
                let output = run(&home, args);
                let said = text(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{args}: {said}");
                assert!(said.contains(what), "{args}: {said}");
                assert_eq!(
                    std::fs::read_to_string(&file).unwrap(),
                    "evidence",
                    "{args}"
                );
            }
        }
    }
}

#[test]
fn a_port_alone_is_an_address_to_listen_on() {
    let home = Home::new();
    let out = |args: &[&str]| {
        let output = home.script(args, b"");
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = out(&["serve", "1110"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("hint: --listen gives the port"), "{said}");
    for args in [
        &["serve", "--listen", "nowhere"][..],
        &["serve", "--tls-listen", "127.0.0.1"],
        &["proxy", "127.0.0.1", "--listen", "65536"],
        &["proxy", "127.0.0.1", "--tls-listen", ""],
    ] {
        let (code, said) = out(args);
        assert_eq!(code, Some(2), "{args:?}");
        assert!(said.contains("port"), "{args:?}: {said}");
    }
    for args in [
        &["serve", "--listen", ":0"][..],
        &["serve", "--port", "0"],
        &["proxy", "127.0.0.1:1", "--listen", "0"],
    ] {
        let (mut server, address) = crate::support::started(&mut home.poptalk(args));
        assert!(address.starts_with("127.0.0.1:"), "{args:?}: {address}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
