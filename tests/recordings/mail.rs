//! A mail of each shape, viewed: `mail/NAME.eml` looks as in `mail/NAME.txt`. With POPTALK_BLESS=1
//! the latter are rewritten.

use std::path::Path;

use poptalk::analysis::mail::{part, readable};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/mail")
}

/// The messages by name; line ends are CRLF, as on the wire.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut message = Vec::new();
            for line in std::fs::read(&path)
                .unwrap()
                .split_inclusive(|octet| *octet == b'\n')
            {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                message.extend_from_slice(text);
                message.extend_from_slice(if text.len() < line.len() {
                    b"\r\n"
                } else {
                    b""
                });
            }
            found.push((name, message));
        }
    }
    found.sort();
    assert!(found.len() >= 25);
    found
}

#[test]
fn each_shape_looks_as_expected() {
    for (name, message) in corpus() {
        let text = readable(&message);
        let path = folder().join(format!("{name}.txt"));
        if std::env::var_os("POPTALK_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{name}; POPTALK_BLESS=1 rewrites it");
    }
}

#[test]
fn nothing_of_a_message_can_drive_the_terminal() {
    for (name, message) in corpus() {
        let text = readable(&message);
        let odd = text.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(odd, None, "{name}: {text:?}");
    }
}

#[test]
fn every_part_that_is_listed_can_be_saved() {
    for (name, message) in corpus() {
        for line in readable(&message).lines() {
            let Some(listed) = line.strip_prefix("Part     ") else {
                continue;
            };
            let number = listed.split(' ').next().unwrap().parse().unwrap();
            let size = listed
                .rsplit_once(", ")
                .and_then(|(_, size)| size.strip_suffix(" octets"));
            let saved = part(&message, number).map(|octets| octets.len().to_string());
            assert_eq!(saved.as_deref(), size, "{name}, part {number}");
        }
    }
}
