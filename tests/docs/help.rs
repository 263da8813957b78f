//! What each command says about itself: the goldens are in `tests/docs/cli/`, one a command. With
//! POPTALK_BLESS=1 they are rewritten.

use std::path::Path;

use crate::support::{Home, text};

/// The help of a command, as on a terminal of 80 columns.
fn help(args: &[&str]) -> String {
    let output = Home::new()
        .poptalk(args)
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    text(&output.stdout)
}

/// The subcommands that the first screen names, and the two that it tells of below.
fn subcommands() -> Vec<String> {
    let help = help(&["--help"]);
    let rows = help.split("\n\n").nth(1).unwrap().lines();
    let mut names: Vec<String> = rows
        .map(|row| row.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect();
    names.extend(["completions".to_owned(), "man".to_owned()]);
    assert!(names.len() > 13, "{names:?}");
    names
}

#[test]
fn the_first_help_fits_one_screen() {
    let help = help(&["--help"]);
    assert!(help.lines().count() <= 24, "{help}");
    assert!(
        help.lines().all(|line| line.chars().count() <= 80),
        "{help}"
    );
    let short = crate::docs::help::help(&["-h"]);
    assert_eq!(help, short);
}

#[test]
fn every_command_has_a_golden_and_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs/cli");
    let mut names = subcommands();
    names.push(String::new());
    for name in names {
        let (said, file) = match name.as_str() {
            "" => (help(&["--help"]), "poptalk.txt".to_owned()),
            name => (help(&[name, "-h"]), format!("{name}.txt")),
        };
        if !name.is_empty() {
            let examples = said.split("Examples:\n").nth(1);
            let examples = examples.unwrap_or_else(|| panic!("{name} has no examples"));
            assert!(
                examples.lines().all(|line| line.starts_with("  poptalk ")),
                "{name}: {examples}"
            );
        }
        assert!(
            said.lines().all(|line| line.chars().count() <= 80),
            "{name}: a line is too long for 80 columns"
        );
        let golden = folder.join(file);
        if std::env::var_os("POPTALK_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&golden, &said).unwrap();
        }
        let want = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, want, "{name}: run with POPTALK_BLESS=1");
    }
}

/// The words that follow this option in the examples of all commands.
fn given(option: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in subcommands() {
        let said = help(&[&name, "-h"]);
        let examples = said.split("Examples:\n").nth(1).unwrap().to_owned();
        let words: Vec<&str> = examples.split_whitespace().collect();
        let pairs = words.windows(2).filter(|pair| pair[0] == option);
        found.extend(pairs.map(|pair| pair[1].to_owned()));
    }
    found
}

#[test]
fn examples_name_rules_and_faults_that_there_are() {
    let rules = given("--only");
    assert!(!rules.is_empty());
    for rule in rules {
        assert!(
            poptalk::analysis::lint::rule(&rule).is_some(),
            "no rule {rule}"
        );
    }
    let faults = given("--fault");
    assert!(!faults.is_empty());
    for fault in faults {
        let named = poptalk::servers::fault::named(&fault);
        assert!(named.is_some(), "no fault {fault}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let folder = home.path().join("man");
    std::fs::create_dir(&folder).unwrap();
    let output = home.script(&["man", "--dir", folder.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for name in subcommands() {
        let page = std::fs::read_to_string(folder.join(format!("poptalk-{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH poptalk-{name} 1")), "{page}");
        let printed = home.script(&["man", &name], b"");
        assert_eq!(text(&printed.stdout), page);
    }
    let page = std::fs::read_to_string(folder.join("poptalk.1")).unwrap();
    assert!(page.contains("poptalk\\-replay"), "{page}");
    let output = home.script(&["man", "nothing"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint: "));
}

#[test]
fn every_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = home.script(&["completions", shell], b"");
        assert_eq!(output.status.code(), Some(0));
        let said = text(&output.stdout);
        for word in ["replay", "--keep-going", "explain"] {
            let word = if shell == "fish" {
                word.trim_start_matches('-')
            } else {
                word
            };
            assert!(said.contains(word), "{shell}: {word}");
        }
    }
}
