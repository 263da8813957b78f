//! Recordings of real servers (`transcripts/real/`): each has exactly the findings that its head
//! names. With POPTALK_BLESS=1 the heads are rewritten; read the difference.

use std::path::{Path, PathBuf};

use poptalk::analysis::lint::{Lint, judge};
use poptalk::transcript::Item;
use poptalk::transcript::text::{self, Reader};

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/real");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5);
    files
}

fn head(octets: &[u8], wanted: &str) -> String {
    let items = text::parse(octets).unwrap().items.into_iter();
    let mut heads = items.filter_map(|item| match item {
        Item::Head { name, text } if name == wanted => Some(text),
        _ => None,
    });
    heads.next().unwrap_or_default()
}

fn findings(octets: &[u8]) -> String {
    let found = judge(&mut Reader::new(octets), Lint::new()).unwrap();
    let mut ids: Vec<&str> = found.iter().map(|finding| finding.id).collect();
    ids.sort_unstable();
    ids.dedup();
    // On loopback the password goes in clear on purpose.
    ids.join(" ")
}

#[test]
fn each_recording_has_the_findings_that_it_names() {
    for path in recordings() {
        let octets = std::fs::read(&path).unwrap();
        let (named, found) = (head(&octets, "findings"), findings(&octets));
        if std::env::var_os("POPTALK_BLESS").is_some() {
            let text = String::from_utf8(octets).unwrap();
            let text = text.replacen(
                &format!("findings: {named}\n"),
                &format!("findings: {found}\n"),
                1,
            );
            std::fs::write(&path, text).unwrap();
            continue;
        }
        assert_eq!(named, found, "{}", path.display());
        assert!(!head(&octets, "software").is_empty(), "{}", path.display());
        assert!(
            !String::from_utf8(octets).unwrap().contains("secret"),
            "{}",
            path.display()
        );
    }
}

/// What the authors of the rules saw on real servers before there was this program.
#[test]
fn what_was_seen_before_is_seen_again() {
    for (name, id) in [
        ("dovecot-first-dot", "unstuffed-first-octet"),
        ("courier-pipelined", "pipelining-drops-at-login"),
        ("mailutils-session", "capa-malformed-tag"),
        ("mailutils-session", "dele-twice-ok"),
        ("popa-session", "uidl-duplicate"),
    ] {
        let recordings = recordings();
        let mut paths = recordings.iter();
        let path = paths
            .find(|path| path.file_stem().is_some_and(|stem| stem == name))
            .unwrap();
        let found = findings(&std::fs::read(path).unwrap());
        assert!(found.split(' ').any(|one| one == id), "{name}: {found}");
    }
}
