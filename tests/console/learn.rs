//! Lessons: each is proved, files of your own work too, and the console leads through them.

use std::path::PathBuf;

use poptalk::modes::learn::lesson::Lesson;
use poptalk::modes::learn::{LESSONS, proof};

use crate::support::terminal::Terminal;
use crate::support::{Home, text};

/// A lesson that is not built in.
const CONSOLE_COMMANDS: &str = "#!pop3 1\nlesson: Mine\ngoal: +OK NOOP in TRANSACTION -- well done\nhint: noop\n\
                   ready: USER alice\nready: PASS wonderland\n\n# Type noop.\nS: +OK {{..}}\nC: NOOP\nS: +OK {{..}}\n";

fn lesson(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A solution solves its lesson; an empty session and commands without effect do not.
#[test]
fn every_lesson_is_proved() {
    assert!(LESSONS.len() >= 21);
    let diagnoses = LESSONS
        .iter()
        .filter(|(_, text)| text.contains("\nfault: "));
    assert!(diagnoses.count() >= 5);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = LESSONS
            .chunks(LESSONS.len().div_ceil(4))
            .map(|some| {
                scope.spawn(move || {
                    let prove = |(name, text): &(&str, &str)| {
                        let lesson = Lesson::parse(name, text).unwrap();
                        let complaints = proof::complaints(&lesson);
                        (!complaints.is_empty()).then(|| format!("{name}: {complaints:?}"))
                    };
                    some.iter().filter_map(prove).collect::<Vec<_>>()
                })
            })
            .collect();
        let wrong = runs.into_iter().map(|run| run.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// A learner who asks for every hint learns what to type.
#[test]
fn the_last_hint_is_what_to_type() {
    for (name, text) in LESSONS {
        let lesson = Lesson::parse(name, text).unwrap();
        let last = lesson.hints.last().unwrap();
        assert!(last.starts_with("Type "), "{name}: {last}");
    }
}

/// On a terminal of 24 rows the whole task is above the prompt.
#[test]
fn every_task_fits_a_small_screen() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn"]);
    for (number, (name, text)) in (1..).zip(LESSONS) {
        let prompt = match (text.contains("\nready: "), text.contains("\ntls: ")) {
            (true, _) => "trans>",
            (false, true) => "auth tls>",
            (false, false) => "auth>",
        };
        let title = format!("Lesson {number} of ");
        let screen = terminal.wait(name, |screen| {
            let (_, task) = screen.split_once(&title).unwrap_or_default();
            task.trim_end().ends_with(&format!("\n{prompt}"))
        });
        let (_, task) = screen.split_once(&title).unwrap();
        // A finding about a slow reply is not part of the lesson.
        let rows = task.trim_end().lines();
        let rows = rows.filter(|row| !row.starts_with("  lint: "));
        assert!(rows.count() <= 24, "{name}:\n{task}");
        terminal.press(":skip\r");
    }
}

#[test]
fn every_file_is_in_the_course() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transcripts/lessons");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".pop3").map(str::to_owned))
        .collect();
    names.sort();
    let known: Vec<&str> = LESSONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known);
}

#[test]
fn a_lesson_that_proves_nothing_is_told() {
    let complaints = |from: &str, to: &str| {
        let lesson = Lesson::parse("own", &CONSOLE_COMMANDS.replace(from, to)).unwrap();
        proof::complaints(&lesson).join("; ")
    };
    assert_eq!(complaints("", ""), "");
    // The solution does not reach the goal.
    let other = complaints("C: NOOP", "C: STAT");
    assert!(
        other.contains(
            "row 3: its solution does not reach `well done`: `+OK NOOP in TRANSACTION` did not happen"
        ),
        "{other}"
    );
    // The solution says +OK, but the server refuses.
    let no = complaints("C: NOOP", "C: LIST 99");
    assert!(no.contains("row 10, `C: LIST 99`: the server replies `-ERR no such message`, but the solution says `+OK`"), "{no}");
    // The server refuses a `ready` line.
    let no = complaints("ready: USER", "ready: NOPE\nready: USER");
    assert!(
        no.contains("row 5: the server refuses this `ready` line: `-ERR "),
        "{no}"
    );
    // The `ready` lines reach the goal already.
    let solved = complaints("+OK NOOP in TRANSACTION", "login");
    assert!(solved.contains("an empty session solves it"), "{solved}");
}

#[test]
fn files_and_folders_of_ones_own_are_taken() {
    let home = Home::new();
    let good = lesson(&home, "1.pop3", CONSOLE_COMMANDS);
    let run = |args: &[&str]| {
        let output = home.script(&[&["learn"], args].concat(), b"");
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let good = good.to_str().unwrap();
    assert_eq!(run(&["--check", good]), (Some(0), "1: proved\n".to_owned()));
    lesson(
        &home,
        "2.pop3",
        &CONSOLE_COMMANDS.replace("C: NOOP", "C: STAT"),
    );
    let folder = home.path().to_str().unwrap();
    let (code, said) = run(&["--check", folder]);
    assert_eq!(code, Some(1));
    assert!(said.contains("1: proved\n2: NOT PROVED\n"), "{said}");
    assert!(
        said.contains("\nhint: `poptalk learn FILE` plays"),
        "{said}"
    );
    let (_, said) = run(&["--list", folder]);
    assert!(said.contains("0 of 2 done"), "{said}");
    lesson(
        &home,
        "3.pop3",
        &CONSOLE_COMMANDS.replace("goal: +OK NOOP", "goal: +OK"),
    );
    let (code, said) = run(&["--check", folder]);
    assert_eq!(code, Some(2));
    // The other files are still proved.
    assert!(said.contains("1: proved\n2: NOT PROVED\n"), "{said}");
    assert!(
        said.contains("3.pop3:3: expected a command after `+OK`")
            && said.contains("     |       ^^^"),
        "{said}"
    );
    assert!(
        said.contains("hint: transcripts/lessons/README.md explains"),
        "{said}"
    );
    assert_eq!(
        run(&["--check", "7"]),
        (Some(0), "07-hanging-up: proved\n".to_owned())
    );
    assert_eq!(
        run(&["--check", "Hanging-Up"]),
        (Some(0), "07-hanging-up: proved\n".to_owned())
    );
    assert_eq!(
        run(&["--check", "why hanging up keeps the MAIL"]).0,
        Some(0)
    );
    let (code, said) = run(&["hanging-upp"]);
    assert!(
        code == Some(2) && said.contains("did you mean `hanging-up`?"),
        "{said}"
    );
    let (_, said) = run(&["--list"]);
    assert!(
        said.contains("  7      07-hanging-up       Why hanging up"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    let (code, said) = run(&["nothing"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("unknown lesson `nothing`"), "{said}");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("need a terminal"), "{said}");
}

#[test]
fn a_learner_is_led_from_lesson_to_lesson() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn"]);
    terminal.see("Lesson 1 of ");
    terminal.prompt("auth>");
    terminal.press(":next\r");
    terminal.see("not solved yet");
    terminal.press(":hint\r");
    terminal.see("hint 1 of 3");
    terminal.prompt("auth>");
    terminal.press("capa\r");
    terminal.see("[done] CAPA lists what the server can do");
    terminal.press("quit\r");
    terminal.see("lesson 1 is solved: press Enter");
    terminal.press("\r");
    terminal.see("Lesson 2 of ");
    terminal.prompt("auth>");
    terminal.press("user alice\r");
    terminal.see("+OK send PASS");
    terminal.press("pass wonderland\r");
    terminal.see("lesson 2 is solved");
    terminal.press(":diagnose bare-lf\r");
    terminal.see("nothing is wrong with this lesson's server");
    terminal.press(":quit\r");
    terminal.see("2 of 24 lessons done; `poptalk learn` continues");
    terminal.end();
    let output = home.script(&["learn", "--list"], b"");
    let list = text(&output.stdout);
    assert!(
        list.contains("  2 done 02-login ") && list.contains("\n2 of "),
        "{list}"
    );
    let output = home.script(&["learn", "--reset"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "no longer done (2): 01-greeting, 02-login\n"
    );
    let output = home.script(&["learn", "--list"], b"");
    assert!(text(&output.stdout).contains("\n0 of "));
}

#[test]
fn what_is_wrong_is_named_only_after_it_was_seen() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "diagnosis-again"]);
    terminal.prompt("trans>");
    let screen = terminal.see("you named what is wrong");
    assert!(!screen.contains("share a unique-id"), "{screen}");
    terminal.line(":diagnose", "trans>");
    terminal.see("such as `:diagnose greeting-err`");
    terminal.line(":diagnose uidl-duplicate", "trans>");
    terminal.see("first get `+OK` to");
    terminal.press(":diagnose bare-lf\r");
    terminal.see("the answer is not bare-lf");
    terminal.press(":diagnose nonsense\r");
    terminal.see("unknown id");
    terminal.press(":diagnose uidl-duplicte\r");
    terminal.see("did you mean `:diagnose uidl-duplicate`?");
    terminal.press("uidl\r");
    terminal.see("9 same");
    terminal.press(":diagnose uidl-duplicate\r");
    terminal.see("[done] right: messages share a unique-id");
    terminal.see("is solved");
}

/// The fault shows in several ways, and the id of each is right.
#[test]
fn every_right_name_of_what_is_wrong_is_taken() {
    let home = Home::new();
    for id in [
        "dele-ignored",
        "dele-still-listed",
        "dele-still-retrievable",
        "dele-twice-ok",
    ] {
        let mut terminal = Terminal::tall(&home, &["learn", "diagnosis-delete"]);
        terminal.prompt("trans>");
        terminal.line("dele 2", "trans +1 del>");
        terminal.line("quit", "closed>");
        terminal.press(&format!(":diagnose {id}\r"));
        terminal.see("[done] right: DELE is answered with +OK");
    }
}

/// The example of transcripts/lessons/README.md.
#[test]
fn the_example_of_a_lesson_is_proved() {
    let document = include_str!("../../transcripts/lessons/README.md");
    let (_, after) = document.split_once("```text lesson\n").unwrap();
    let (text, _) = after.split_once("```").unwrap();
    let lesson = Lesson::parse("example", text).unwrap();
    assert_eq!(proof::complaints(&lesson), Vec::<String>::new());
}

/// A screen reader reads every octet aloud, so none may drive a screen.
#[test]
fn plain_lines_hold_no_escape() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["learn", "retr", "--plain"]);
    terminal.prompt("trans>");
    terminal.line("retr 1", "trans>");
    terminal.line("list 99", "trans>");
    terminal.see("[done] RETR fetches a message");
    terminal.press(":quit\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    assert!(!raw.contains(&0x1b), "{}", text(&raw));
}

#[test]
fn hanging_up_is_seen_as_well() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "hanging-up"]);
    terminal.prompt("trans>");
    terminal.line("dele 1", "trans +1 del>");
    terminal.line(":close", "closed>");
    terminal.see("[done] all nine messages are still there");
    terminal.see("is solved");
    terminal.line(":open", "trans>");
    terminal.line("stat", "trans>");
    terminal.see("+OK 9 ");
}

/// A lesson in a folder may have the name of a built-in one, or of one in a different folder.
#[test]
fn what_is_done_is_kept_by_folder() {
    let home = Home::new();
    let folders = ["one", "two"].map(|name| home.path().join(name));
    for folder in &folders {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("01-greeting.pop3"), CONSOLE_COMMANDS).unwrap();
    }
    let [one, two] = [&folders[0], &folders[1]].map(|folder| folder.to_str().unwrap());
    for course in [&["learn", one][..], &["learn", "1"]] {
        let mut terminal = Terminal::tall(&home, course);
        terminal.wait("prompt", |screen| screen.trim_end().ends_with('>'));
        terminal.press(match course[1] {
            "1" => "capa\rquit\r",
            _ => "noop\r",
        });
        terminal.see("lesson 1 is solved");
        terminal.press(":quit\r");
        terminal.end();
    }
    let run = |args: &[&str]| text(&home.script(&[&["learn"], args].concat(), b"").stdout);
    assert!(run(&["--list", one]).contains("1 of 1 done"));
    assert!(run(&["--list", two]).contains("0 of 1 done"));
    assert!(run(&["--reset", two]).starts_with("nothing to forget"));
    assert_eq!(run(&["--reset", one]), "no longer done: 01-greeting\n");
    assert!(run(&["--list", one]).contains("0 of 1 done"));
    assert!(run(&["--list"]).contains("1 of 24 done"));
}

#[test]
fn a_session_that_is_over_says_how_to_go_on() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "stat-list"]);
    let screen = terminal.prompt("trans>");
    assert!(
        screen.contains("auth> USER alice\n") && screen.contains("auth> PASS ••••••••••\n"),
        "{screen}"
    );
    terminal.line("quit", "closed>");
    terminal.line("", "closed>");
    terminal.see("not connected, so nothing was sent; `:open`");
    terminal.line(":restart", "trans>");
}

#[test]
fn a_learner_who_has_quit_goes_on_by_typing() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "1"]);
    terminal.prompt("auth>");
    terminal.line("quit", "closed>");
    terminal.see("[done] QUIT says goodbye");
    terminal.press("capa\r");
    terminal.see("reconnects to the maildrop as it is");
    terminal.see("[done] CAPA lists what the server can do");
    terminal.see("lesson 1 is solved");
    terminal.prompt("auth>");
    terminal.press(":quit\r");
    terminal.see("1 of 24 lessons done");
    terminal.end();
    // The `ready` lines log in again.
    let mut terminal = Terminal::tall(&home, &["learn", "stat-list"]);
    terminal.prompt("trans>");
    terminal.line("quit", "closed>");
    terminal.line("stat", "trans>");
    terminal.see("[done] STAT gives the number of messages");
}

#[test]
fn the_next_lesson_starts_without_hex() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "octets"]);
    terminal.prompt("trans>");
    terminal.line(":hex on", "trans>");
    terminal.line("noop", "trans>");
    terminal.see("2b 4f 4b");
    terminal.press(":skip\r");
    let screen = terminal.wait("lesson 10", |screen| {
        screen.contains("Lesson 10 of ") && screen.trim_end().ends_with("trans>")
    });
    let (_, lesson) = screen.split_once("Lesson 10 of ").unwrap();
    assert!(!lesson.contains("2b 4f 4b"), "{screen}");
}

#[test]
fn skipping_and_leaving_claim_no_goal() {
    let home = Home::new();
    let mut terminal = Terminal::tall(&home, &["learn", "hanging-up"]);
    terminal.prompt("trans>");
    terminal.press(":skip\r");
    let screen = terminal.see("Lesson 8 of ");
    assert!(!screen.contains("[done]"), "{screen}");
    drop(terminal);
    // Leaving hangs up, which counts if mail was marked.
    for (line, is_done) in [("noop", false), ("dele 1", true)] {
        let mut terminal = Terminal::tall(&home, &["learn", "hanging-up"]);
        terminal.prompt("trans>");
        terminal.press(&format!("{line}\r"));
        terminal.see("+OK");
        terminal.press(":quit\r");
        if is_done {
            terminal.see("leave without QUIT? [y/N]");
            terminal.press("y\r");
        }
        let screen = terminal.end_screen();
        assert_eq!(screen.contains("[done]"), is_done, "{screen}");
        assert_eq!(screen.contains("lesson 7 is solved\n"), is_done, "{screen}");
    }
}
