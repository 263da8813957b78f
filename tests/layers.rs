//! The layers look only downwards. A file that imports from a layer above its own fails here.

use std::fs;
use std::path::Path;

/// The layers from the bottom; a module may use those of its own layer and of the layers below.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "facts",
        &[
            "command", "visible", "exit", "percent", "service", "figures",
        ],
    ),
    ("core", &["tracker", "stuffing"]),
    ("tape", &["transcript", "text", "event", "secret", "bodies"]),
    ("recorder", &["recorder"]),
    (
        "reading",
        &[
            "dialogue", "follow", "proxied", "learnt", "typed", "help", "explain", "target",
            "netrc", "sasl", "mail", "srv", "tunnel", "redact", "import",
        ],
    ),
    ("judges", &["finding", "diff", "lint", "goal", "show"]),
    ("players", &["server", "player"]),
    (
        "edge",
        &[
            "stdio",
            "style",
            "regular",
            "log",
            "twice",
            "temporary",
            "password",
            "shell",
            "net",
            "report",
            "session",
            "login",
            "heard",
            "replay",
            "update",
            "check",
            "learn",
            "script",
            "console",
            "mailbox",
            "serve",
            "proxy",
        ],
    ),
    ("cmd", &["cmd"]),
    ("arguments", &["cli", "main", "lib"]),
];

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` is in no layer: name it in tests/layers.rs"))
}

/// Every source file with the top module that it belongs to.
fn files(folder: &Path, top: Option<&str>, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let top = top.unwrap_or(&stem);
        if path.is_dir() {
            // The fuzzing crate has its own target folder.
            if !path.ends_with("fuzz/target") {
                files(&path, Some(top), found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((top.to_owned(), path.display().to_string()));
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        None,
        &mut found,
    );
    assert!(found.len() > 20);
    found
}

#[test]
fn no_file_imports_from_a_layer_above_its_own() {
    for (module, path) in sources() {
        let own = layer(&module);
        let text = fs::read_to_string(&path).unwrap();
        for part in text.split("crate::").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if !name.is_empty() {
                assert!(
                    layer(&name) <= own,
                    "{path} is {} and uses {name}",
                    LAYERS[own].0
                );
            }
        }
    }
}

#[test]
fn below_the_edge_there_is_no_socket_file_clock_or_printing() {
    let edge = layer("net");
    // The recorder writes into whatever it is given; it opens nothing.
    let forbidden = [
        "std::net",
        "std::fs",
        "Instant::now",
        "SystemTime::now",
        "println!",
        "owo_colors",
    ];
    for (module, path) in sources()
        .into_iter()
        .filter(|(module, _)| layer(module) < edge)
    {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in forbidden {
            assert!(
                !code.contains(word) || path.contains("tests"),
                "{path} ({module}) uses {word}"
            );
        }
    }
}

#[test]
fn a_file_of_more_than_600_lines_is_two() {
    let mut files_of_tests = Vec::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    files(&tests, Some("tests"), &mut files_of_tests);
    for (_, path) in sources().into_iter().chain(files_of_tests) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{path} has {lines} lines");
    }
}

/// Ways to standard output and standard error that have no place outside `src/stdio.rs`: the macros panic when the reader has
/// gone, and the handles let errors get lost.
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
    for (_, path) in sources() {
        let path = Path::new(&path);
        if path.ends_with("src/stdio.rs") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
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
                    "{}:{row} has `{way}`: use crate::stdio or crate::report",
                    path.display()
                );
            }
        }
    }
}
