//! An option is declared once, in a struct that is flattened where it is needed; so it reads the
//! same words everywhere.

use std::collections::BTreeMap;

use regex::Regex;

use super::layers::folder;

/// Declarations of an option that has the name of a shared one and means something else: the
/// option, its file, the reason.
const APART: &[(&str, &str, &str)] = &[
    (
        "allow-plaintext",
        "cli/check.rs",
        "it also allows probes that send the password in cleartext where TLS is offered",
    ),
    (
        "cert",
        "cli/serve.rs",
        "the certificate of a server; a client shows its own",
    ),
    ("key", "cli/serve.rs", "as --cert"),
    (
        "keep-going",
        "cli/replay.rs",
        "past a difference from the recording; a script goes past a refusal",
    ),
    ("list", "cli/lint.rs", "names rules"),
    ("list", "cli/check.rs", "names probes too"),
    (
        "log",
        "modes/plan.rs",
        "one session has one file; the others need a folder",
    ),
    (
        "max-size",
        "cli/serve.rs",
        "the size of all transcripts together",
    ),
    ("max-size", "cli/proxy.rs", "what both sides send together"),
    (
        "timeout",
        "cli/proxy.rs",
        "the time without an octet either way; it has no reply to wait for",
    ),
    (
        "timing",
        "cli/serve.rs",
        "the server's pauses, and it needs a file",
    ),
    ("tls", "cli/check.rs", "its probes try STLS themselves"),
    (
        "tls",
        "cli/replay.rs",
        "it overrides the recording, as --clear does",
    ),
    (
        "to",
        "cli/explain.rs",
        "a command; that of replay is a server",
    ),
    (
        "user",
        "cli/serve.rs",
        "the account of a server, which has a default",
    ),
    (
        "verbose",
        "cli/proxy.rs",
        "lines as they pass; check shows evidence",
    ),
];

/// Each long option of the argument structs, with its files: one for each declaration.
fn declared() -> BTreeMap<String, Vec<String>> {
    let argument = Regex::new(r"(?s)#\[arg\((.*?)\)\]\s*(?:pub(?:\([^)]*\))? )?(\w+):").unwrap();
    let long = Regex::new(r#"(?:^|,)\s*long(?:\s*=\s*"([^"]+)")?\s*(?:,|$)"#).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in folder("src") {
        for one in argument.captures_iter(&text) {
            let Some(long) = long.captures(&one[1]) else {
                continue;
            };
            let name = match long.get(1) {
                Some(name) => name.as_str().to_owned(),
                None => one[2].replace('_', "-"),
            };
            found.entry(name).or_default().push(path.clone());
        }
    }
    assert!(found.len() > 70, "{found:?}");
    found
}

#[test]
fn an_option_is_declared_once() {
    let mut declared = declared();
    for (option, file, _) in APART {
        let places = declared.get_mut(*option);
        let places = places.unwrap_or_else(|| panic!("--{option} is not declared"));
        assert!(
            places.len() > 1,
            "--{option} is declared once now: take {file} from the list"
        );
        let at = places.iter().position(|place| place == file);
        let at = at.unwrap_or_else(|| panic!("{file} does not declare --{option}"));
        places.remove(at);
    }
    for (option, places) in declared {
        assert!(
            places.len() == 1,
            "--{option} is declared in {}: flatten one struct where it is needed",
            places.join(" and ")
        );
    }
}
