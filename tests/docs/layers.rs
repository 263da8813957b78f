//! The rooms look only downwards, and the files of a room import each other in one direction.

mod graph;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use graph::{Edge, Graph};

/// The rooms from the bottom, as in `src/lib.rs`: a file uses its own room and those before it.
const ROOMS: &[&str] = &[
    "base",
    "pop3",
    "transcript",
    "reading",
    "analysis",
    "servers",
    "net",
    "modes",
    "cli",
];

/// Every file of a folder, by its path from there, with its text.
fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            // The fuzzing crate has its own target folder.
            if !path.ends_with("fuzz/target") {
                files(&path, &format!("{name}/"), found);
            }
        } else if name.ends_with(".rs") {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

pub(super) fn folder(name: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    files(&folder, "", &mut found);
    assert!(found.len() > 20);
    found
}

fn room(module: &str) -> Option<usize> {
    let name = module.split("::").next()?;
    ROOMS.iter().position(|room| *room == name)
}

/// The imports that lead upwards, in words.
fn upward(graph: &Graph) -> Vec<String> {
    let is_upward = |edge: &&Edge| room(&edge.to) > room(&edge.from);
    let found = graph.edges.iter().filter(is_upward);
    found
        .map(|edge| format!("{} uses {}", edge.from, edge.to))
        .collect()
}

#[test]
fn no_file_stands_outside_the_rooms() {
    for path in folder("src").keys().filter(|path| !path.contains('/')) {
        assert!(matches!(path.as_str(), "main.rs" | "lib.rs"), "src/{path}");
    }
    let mut rooms: Vec<String> = folder("src")
        .into_keys()
        .filter_map(|path| Some(path.split_once('/')?.0.to_owned()))
        .collect();
    rooms.dedup();
    let mut known = ROOMS.to_vec();
    known.sort_unstable();
    assert_eq!(rooms, known);
}

#[test]
fn no_file_imports_from_a_room_above_its_own() {
    let found = upward(&Graph::of(&folder("src")));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = Graph::of(&folder("src")).circles();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_import_is_seen_however_it_is_written() {
    let tree = |text: &str| {
        BTreeMap::from([
            ("base/mod.rs".to_owned(), "pub mod low;".to_owned()),
            ("base/low.rs".to_owned(), text.to_owned()),
            (
                "net/mod.rs".to_owned(),
                "pub mod high;\npub use high::Thing;".to_owned(),
            ),
            ("net/high.rs".to_owned(), "pub struct Thing;".to_owned()),
        ])
    };
    for text in [
        "use crate::net::high;",
        "use crate::{base, net::high};",
        "use crate::{\n    base,\n    net::{self, high::Thing},\n};",
        "use super::super::net::high::Thing;",
        "pub use crate::net::Thing;",
        "fn x() { crate::net::high::run() }",
        "#[cfg(test)]\nmod tests {\n    use super::super::super::net::high;\n}",
    ] {
        assert!(!upward(&Graph::of(&tree(text))).is_empty(), "{text}");
    }
    for text in [
        "// use crate::net::high;",
        "/// See [`crate::net::high`].\nfn x() {}",
        "const X: &str = \"crate::net::high\";",
    ] {
        assert!(upward(&Graph::of(&tree(text))).is_empty(), "{text}");
    }
}

#[test]
fn a_circle_is_seen_through_a_re_export() {
    let tree = BTreeMap::from([
        (
            "net/mod.rs".to_owned(),
            "mod a;\nmod b;\npub use a::A;".to_owned(),
        ),
        (
            "net/a.rs".to_owned(),
            "use super::b;\npub struct A;".to_owned(),
        ),
        ("net/b.rs".to_owned(), "use super::A;".to_owned()),
    ]);
    assert_eq!(Graph::of(&tree).circles(), [["net::a", "net::b"]]);
}

#[test]
fn below_the_edge_there_is_no_socket_file_clock_or_printing() {
    // The recorder writes into whatever it is given; it opens nothing.
    let forbidden = [
        "std::net",
        "std::fs",
        "Instant::now",
        "SystemTime::now",
        "println!",
        "owo_colors",
    ];
    // Where the files of transcripts and maildrops are, and what all of the program prints through.
    let edge = [
        "base/",
        "net/",
        "modes/",
        "cli/",
        "transcript/file.rs",
        "servers/mailbox",
    ];
    for (path, text) in folder("src") {
        if edge.iter().any(|start| path.starts_with(start)) || path.contains("tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in forbidden {
            assert!(!code.contains(word), "{path} uses {word}");
        }
    }
}

#[test]
fn only_the_edge_of_a_subcommand_knows_clap() {
    for (path, text) in folder("src") {
        if !path.starts_with("cli/") && !path.starts_with("modes/") && path.contains('/') {
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains("clap::"), "{path} uses clap");
        }
    }
}

#[test]
fn a_file_of_more_than_600_lines_is_two() {
    for name in ["src", "tests"] {
        for (path, text) in folder(name) {
            let lines = text.lines().count();
            assert!(lines <= 600, "{name}/{path} has {lines} lines");
        }
    }
}

/// Ways to standard output and standard error that have no place outside `base/stdio.rs`: the
/// macros panic when the reader has gone, and the handles let errors get lost.
const WAYS_OUT: &[&str] = &[
    "print!(",
    "println!(",
    "dbg!(",
    "stdout()",
    "stderr()",
    "io::Stdout",
    "io::Stderr",
    "clippy::print_",
    "clippy::dbg_macro",
    "/dev/std",
    "/dev/fd",
    "/dev/tty",
    // Of clap.
    ".print()",
    "print_help",
    "print_long_help",
    "Cli::parse()",
];

#[test]
fn only_one_file_writes_to_standard_output_and_standard_error() {
    for (path, text) in folder("src") {
        if path == "base/stdio.rs" {
            continue;
        }
        for (row, line) in (1..).zip(text.lines()) {
            if line.trim_start().starts_with("//") {
                continue;
            }
            // `use_stderr` and the like only ask.
            for way in WAYS_OUT {
                let is_word =
                    |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let is_used = line
                    .match_indices(way)
                    .any(|(at, _)| !way.starts_with(char::is_alphanumeric) || is_word(at));
                assert!(
                    !is_used,
                    "src/{path}:{row} has `{way}`: use base::stdio or base::say"
                );
            }
        }
    }
}
