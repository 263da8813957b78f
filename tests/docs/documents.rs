//! README.md and GUIDE.md show only what happens: their console blocks are run, their sessions are typed in a terminal, and their
//! tables are those of the code. With POPTALK_BLESS=1 the tables are rewritten.

use std::path::{Path, PathBuf};

use poptalk::analysis::console_input::OWN;
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
    while let Some((_, behind)) = rest.split_once(&format!("\n{fence}\n")) {
        let (block, behind) = behind.split_once("\n```").unwrap();
        found.push(block.to_owned());
        rest = behind;
    }
    found
}

/// Whether a line of a document is what the screen shows; `[..]` stands for anything.
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

/// Types a session as a document shows it, and compares the screen with it. `(...)` stands for the pager, which `q` leaves.
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
        // A masked word stands for the password of the practice server.
        terminal.press(&format!("{}\r", typed.replace("••••••••••", "wonderland")));
        if pages {
            // All of the message has come once the pager tells which part of it is shown.
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

/// Compares what stands between two marks of GUIDE.md with what the code says, or rewrites it.
fn table(mark: &str, want: &str) {
    let path = root().join("GUIDE.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        format!("<!-- {mark} -->\n"),
        format!("<!-- end of {mark} -->"),
    );
    let (before, rest) = guide.split_once(&start).unwrap();
    let (found, behind) = rest.split_once(&end).unwrap();
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{start}{want}{end}{behind}")).unwrap();
    } else {
        assert!(
            found == want,
            "the table `{mark}` of GUIDE.md is not that of the code; run with POPTALK_BLESS=1"
        );
    }
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
fn the_tables_of_the_guide_are_those_of_the_code() {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut own = String::from("| command | does |\n|---|---|\n");
    for row in OWN {
        let call = format!(":{} {}", row.word, row.args);
        own += &format!("| `{}` | {} |\n", cell(call.trim()), cell(row.help));
    }
    table("words to poptalk", &own);
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
    table("POP3 commands", &all);
    table("exchanges", &exchanges());
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
    table("rules", &rules);
    let mut faults = String::from("| fault | the server | found by |\n|---|---|---|\n");
    for fault in fault::all() {
        let finds: Vec<String> = fault.finds.iter().map(|id| format!("`{id}`")).collect();
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
    table("faults", &faults);
    let mut codes = String::from("| exit code | means |\n|---|---|\n");
    for exit in Exit::ALL {
        codes += &format!("| {} | {} |\n", exit as u8, exit.says());
    }
    table("exit codes", &codes);
    table("the catalogue", &catalogue());
}

/// How each way to misbehave is seen, and whether the practice server can do it.
fn catalogue() -> String {
    let mut text = String::from("| what goes wrong | seen by | fault |\n|---|---|---|\n");
    for id in coverage::ENTRIES {
        let by = match coverage::seen(id) {
            Coverage::ByRule => "its rule".to_owned(),
            Coverage::By(rules) => {
                let rules: Vec<String> = rules.iter().map(|id| format!("`{id}`")).collect();
                rules.join(", ")
            }
            Coverage::Across => "`check`, over several sessions".to_owned(),
            Coverage::Not(why) => format!("nobody here: {why}"),
        };
        let mut faults = fault::all().filter(|fault| fault.finds.contains(id) || fault.name == *id);
        let fault = faults
            .next()
            .map_or(String::new(), |fault| format!("`{}`", fault.name));
        text += &format!("| {id} | {by} | {fault} |\n");
    }
    text
}

#[test]
fn the_guide_tells_what_each_crate_is_for() {
    let manifest = read("Cargo.toml");
    let mut used = Vec::new();
    let mut is_used = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_used = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| is_used) {
            used.push(name.to_owned());
        }
    }
    used.sort();
    let guide = read("GUIDE.md");
    let (_, rest) = guide.split_once("<!-- crates -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of crates -->").unwrap();
    let told: Vec<String> = table
        .lines()
        .skip(2)
        .map(|line| line.split('`').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(told, used);
}

/// The table of formats that can be imported is made from their rows.
#[test]
fn the_guide_has_the_formats_of_import() {
    let mut table = "| format | what it reads | what is not in it |\n|---|---|---|\n".to_owned();
    for format in poptalk::reading::import::Format::ALL {
        let (name, reads, lacks) = (format.name(), format.reads(), format.lacks());
        table += &format!("| `{name}` | {reads} | {lacks} |\n");
    }
    let guide = read("GUIDE.md");
    let (before, rest) = guide.split_once("<!-- formats -->\n").unwrap();
    let (now, after) = rest.split_once("<!-- end of formats -->").unwrap();
    if std::env::var_os("POPTALK_BLESS").is_some() {
        let new = format!("{before}<!-- formats -->\n{table}<!-- end of formats -->{after}");
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/GUIDE.md"), new).unwrap();
    } else {
        assert_eq!(now, table, "run with POPTALK_BLESS=1");
    }
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
