//! README.md and GUIDE.md show only what happens: their console blocks are run, and their sessions
//! are typed in a terminal. The tables there and below `transcripts/` come from the code: with
//! POPTALK_BLESS=1 they are rewritten. Links lead somewhere.

use std::path::{Path, PathBuf};

use poptalk::analysis::console_input::CONSOLE_COMMANDS;
use poptalk::base::exit::Exit;
use poptalk::pop3::command::Command;
use poptalk::servers::fault;

use super::coverage::{self, Coverage};
use crate::support::Home;
use crate::support::terminal::Terminal;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(super) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

#[test]
fn console_blocks_print_what_they_show() {
    let home = Home::new();
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("poptalk", Path::new(env!("CARGO_BIN_EXE_poptalk")))
        .env("HOME", home.path().to_str().unwrap())
        .case("README.md")
        .case("GUIDE.md");
    cases.run();
}

#[test]
fn a_false_line_in_a_console_block_is_noticed() {
    let home = Home::new();
    let block = "```console\n$ poptalk --version\npoptalk 0.1.0\n\n```\n";
    let is_well = |text: &str| {
        let file = home.path().join("block.md");
        std::fs::write(&file, text).unwrap();
        std::panic::catch_unwind(|| {
            let cases = trycmd::TestCases::new();
            cases
                .register_bin("poptalk", Path::new(env!("CARGO_BIN_EXE_poptalk")))
                .case(file.to_str().unwrap());
            cases.run();
        })
        .is_ok()
    };
    assert!(is_well(block));
    assert!(!is_well(&block.replace("0.1.0", "0.1.1")));
}

#[test]
#[should_panic(expected = "shown: +OK 8 messages")]
fn a_false_line_in_a_session_is_noticed() {
    let session = blocks(&read("README.md"), "```text session").remove(0);
    type_session(&session.replace("+OK 9 messages", "+OK 8 messages"));
}

/// The blocks of a Markdown file that begin with this fence.
fn blocks(text: &str, fence: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&format!("\n{fence}\n")) {
        let (block, after) = after.split_once("\n```").unwrap();
        found.push(block.to_owned());
        rest = after;
    }
    found
}

/// Whether a line of a document is what the screen shows; `[..]` is any text.
fn fits(shown: &str, line: &str) -> bool {
    let mut parts = shown.split("[..]");
    let Some(rest) = line.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    let mut rest = rest;
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Types a session as a document shows it, and compares the screen with it. `(...)` is the pager,
/// which `q` leaves.
fn type_session(block: &str) {
    let mut lines = block.lines();
    let command = lines.next().unwrap().strip_prefix("$ poptalk ").unwrap();
    let home = Home::new();
    let args: Vec<&str> = command.split(' ').collect();
    let mut terminal = Terminal::tall(&home, &args);
    let shown: Vec<&str> = lines.collect();
    let prompts = shown.iter().filter_map(|line| {
        let (prompt, typed) = line.split_once("> ")?;
        prompt
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " +?…".contains(c))
            .then_some((prompt, typed))
    });
    for (prompt, typed) in prompts {
        terminal.prompt(&format!("{prompt}>"));
        let (typed, pages) = match typed.split_once("   (") {
            Some((typed, _)) => (typed, true),
            None => (typed, false),
        };
        // A masked word is the password of the practice server.
        terminal.press(&format!("{}\r", typed.replace("••••••••••", "wonderland")));
        if pages {
            // All of the message has come once the pager says which part of it is shown.
            terminal.wait("the whole message", |screen| {
                screen.contains("q back") && !screen.contains("receiving")
            });
            terminal.press("q");
        }
    }
    let screen = terminal.end_screen();
    let screen: Vec<&str> = screen.trim_end().lines().map(str::trim_end).collect();
    let shown: Vec<&str> = shown
        .iter()
        .map(|line| line.split("   (").next().unwrap())
        .collect();
    assert_eq!(screen.len(), shown.len(), "{}", screen.join("\n"));
    for (shown, line) in shown.iter().zip(screen) {
        assert!(fits(shown, line), "shown: {shown}\nseen:  {line}");
    }
}

#[test]
fn sessions_look_as_they_are_shown() {
    let sessions: Vec<String> = ["README.md", "GUIDE.md"]
        .iter()
        .flat_map(|name| blocks(&read(name), "```text session"))
        .collect();
    assert!(sessions.len() >= 2);
    for session in sessions {
        type_session(&session);
    }
}

/// Compares the part between two marks of a document with what the code says, or rewrites it.
fn generated(document: &str, mark: &str, want: &str) {
    let path = root().join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        format!("<!-- {mark} -->\n"),
        format!("<!-- end of {mark} -->"),
    );
    let (before, rest) = text.split_once(&start).unwrap();
    let (found, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{start}{want}{end}{after}")).unwrap();
    } else {
        assert!(
            found == want,
            "`{mark}` in {document} differs from the code: run with POPTALK_BLESS=1"
        );
    }
}

/// The text of a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn the_documents_list_commands_exit_codes_tls_failures_and_formats() {
    let mut own = String::from("| command | does |\n|---|---|\n");
    for row in CONSOLE_COMMANDS {
        let call = format!(":{} {}", row.word, row.args);
        own += &format!("| `{}` | {} |\n", cell(call.trim()), cell(row.help));
    }
    generated("GUIDE.md", "console commands", &own);
    let mut codes = String::from("| exit code | means |\n|---|---|\n");
    for exit in Exit::ALL {
        codes += &format!("| {} | {} |\n", exit as u8, exit.says());
    }
    generated("GUIDE.md", "exit codes", &codes);
    let mut faults = String::from("| message | means | next step |\n|---|---|---|\n");
    for fault in poptalk::base::tls_fault::all() {
        let (says, means, next) = (fault.example(), fault.means(), fault.next());
        faults += &format!("| {} | {} | {} |\n", cell(&says), cell(means), cell(next));
    }
    generated("GUIDE.md", "TLS failures", &faults);
    let mut formats =
        String::from("| format | what it reads | what is not in it |\n|---|---|---|\n");
    for format in poptalk::reading::import::Format::ALL {
        let (name, reads, lacks) = (format.name(), format.reads(), format.lacks());
        formats += &format!("| `{name}` | {reads} | {lacks} |\n");
    }
    generated("transcripts/README.md", "formats", &formats);
}

/// Each command with what it looks like on the wire, from `transcripts/commands/`.
fn exchanges() -> String {
    let mut text = String::new();
    for row in Command::all() {
        let name = row.verb.trim_start_matches('*').replace(' ', "-");
        let file = read(&format!("transcripts/commands/{name}.pop3"));
        let rows = file.trim_start_matches("#!pop3 1\n").trim();
        text += &format!(
            "### {}\n\n`{}` ({})\n\n```text\n{rows}\n```\n\n",
            row.verb,
            row.syntax(),
            row.source
        );
    }
    text
}

#[test]
fn the_reference_of_commands_matches_the_code() {
    let mut all = String::from("| command | does | where | source |\n|---|---|---|---|\n");
    for row in Command::all() {
        let place = match (row.states.authorization, row.states.transaction) {
            (true, true) => "both states",
            (true, false) => "before login",
            (false, true) => "after login",
            (false, false) => "nowhere",
        };
        all += &format!(
            "| `{}` | {} | {place} | {} |\n",
            cell(&row.syntax()),
            cell(row.help),
            row.source
        );
    }
    generated("transcripts/commands/README.md", "commands", &all);
    generated("transcripts/commands/README.md", "exchanges", &exchanges());
}

#[test]
fn the_reference_of_faults_matches_the_code() {
    let mut faults = String::from("| fault | the server | found by |\n|---|---|---|\n");
    for fault in fault::all() {
        let finds: Vec<String> = fault.finds().iter().map(|id| format!("`{id}`")).collect();
        let mut finds = match fault.because {
            "" => finds.join(", "),
            because => because.to_owned(),
        };
        if !fault.beyond_check.is_empty() {
            finds += &format!("; not by `check`: {}", fault.beyond_check);
        }
        faults += &format!(
            "| `{}` | {} | {} |\n",
            fault.name,
            cell(fault.says),
            cell(&finds)
        );
    }
    generated("transcripts/faults/README.md", "faults", &faults);
}

#[test]
fn the_reference_of_rules_matches_the_code() {
    let mut rules = String::from("| rule | level | source | says |\n|---|---|---|---|\n");
    for rule in poptalk::analysis::lint::rules() {
        rules += &format!(
            "| `{}` | {} | {} | {} |\n",
            rule.id,
            rule.level.name(),
            rule.source,
            cell(rule.says)
        );
    }
    generated("transcripts/lint/README.md", "rules", &rules);
    generated("transcripts/lint/README.md", "other", &seen_otherwise());
}

/// The ways to misbehave that have no rule of their name: what sees each, and the fault that does
/// it.
fn seen_otherwise() -> String {
    let mut text = String::from("| what goes wrong | seen by | fault |\n|---|---|---|\n");
    for id in coverage::ENTRIES {
        let by = match coverage::seen(id) {
            Coverage::ByRule => continue,
            Coverage::By(rules) => {
                let rules: Vec<String> = rules.iter().map(|id| format!("`{id}`")).collect();
                rules.join(", ")
            }
            Coverage::Across => "`check`, over several sessions".to_owned(),
            Coverage::Not(why) => format!("not seen: {why}"),
        };
        let mut faults =
            fault::all().filter(|fault| fault.finds().contains(id) || fault.name == *id);
        let fault = faults
            .next()
            .map_or(String::new(), |fault| format!("`{}`", fault.name));
        text += &format!("| `{id}` | {by} | {fault} |\n");
    }
    text
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if let Some((_, title)) = line.split_once("# ").filter(|_| !is_code)
            && line.starts_with('#')
        {
            let kept = title.to_lowercase().replace(' ', "-");
            found.push(kept.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', ""));
        }
    }
    found
}

#[test]
fn links_between_documents_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let documents = [
        "README.md",
        "GUIDE.md",
        "transcripts/README.md",
        "transcripts/commands/README.md",
        "transcripts/faults/README.md",
        "transcripts/lessons/README.md",
        "transcripts/lint/README.md",
    ];
    let mut count = 0;
    for document in documents {
        let text = read(document);
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => root().join(document),
                file => root().join(document).with_file_name(file),
            };
            assert!(path.exists(), "{document}: {target}");
            if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(path).unwrap());
                assert!(
                    there.iter().any(|one| one == anchor),
                    "{document}: {target}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count} links");
}

#[test]
fn the_manifest_says_what_each_crate_is_for() {
    let mut count = 0;
    let mut is_used = false;
    let mut last = String::new();
    for line in read("Cargo.toml").lines() {
        if line.starts_with('[') {
            is_used = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if is_used && line.contains(" = ") {
            assert!(line.contains("   # ") || last.starts_with("# "), "{line}");
            count += 1;
        }
        line.clone_into(&mut last);
    }
    assert!(count > 30, "{count} crates");
}

#[test]
fn the_example_of_the_format_is_a_transcript() {
    let text = read("transcripts/README.md");
    let example = blocks(&text, "```").remove(0) + "\n";
    let parsed = poptalk::transcript::text::parse(example.as_bytes())
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(poptalk::transcript::text::print(&parsed), example);
    let is_unknown =
        |item: &poptalk::transcript::Item| matches!(item, poptalk::transcript::Item::Unknown(_));
    assert!(!parsed.items.iter().any(is_unknown));
}
