//! Lessons: each is proved, files of one's own are taken, and the console leads through them.

use std::path::PathBuf;

use poptalk::modes::learn::lesson::Lesson;
use poptalk::modes::learn::{LESSONS, proof};

use crate::support::terminal::Terminal;
use crate::support::{Home, text};

/// A lesson of one's own.
const OWN: &str = "#!pop3 1\nlesson: Mine\ngoal: +OK NOOP in TRANSACTION -- well done\nhint: noop\n\
                   ready: USER alice\nready: PASS wonderland\n\n# Type noop.\nS: +OK {{..}}\nC: NOOP\nS: +OK {{..}}\n";

fn lesson(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Its solution solves it, an empty session and words without effect do not.
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

/// Who has asked for every hint is told what to type.
#[test]
fn the_last_hint_is_what_to_type() {
    for (name, text) in LESSONS {
        let lesson = Lesson::parse(name, text).unwrap();
        let last = lesson.hints.last().unwrap();
        assert!(last.starts_with("Type "), "{name}: {last}");
    }
}

#[test]
fn every_file_is_in_the_course() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transcripts/lessons");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let known: Vec<&str> = LESSONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known);
}

#[test]
fn a_lesson_that_proves_nothing_is_told() {
    let complaints = |from: &str, to: &str| {
        let lesson = Lesson::parse("own", &OWN.replace(from, to)).unwrap();
        proof::complaints(&lesson).join("; ")
    };
    assert_eq!(complaints("", ""), "");
    // Its solution does something else.
    let other = complaints("C: NOOP", "C: STAT");
    assert!(
        other.contains(
            "row 3: its solution does not reach: well done; `+OK NOOP in TRANSACTION` did not come"
        ),
        "{other}"
    );
    // The server refuses what the solution has accepted.
    let no = complaints("C: NOOP", "C: LIST 99");
    assert!(no.contains("row 10, `C: LIST 99`: the server answers `-ERR no such message`, the solution says `+OK`"), "{no}");
    // So it does with what is sent before the learner begins.
    let no = complaints("ready: USER", "ready: NOPE\nready: USER");
    assert!(
        no.contains("row 5: what makes it ready is refused: `-ERR "),
        "{no}"
    );
    // What is made ready is the goal already.
    let solved = complaints("+OK NOOP in TRANSACTION", "login");
    assert!(solved.contains("before anything is done"), "{solved}");
}

#[test]
fn files_and_folders_of_ones_own_are_taken() {
    let home = Home::new();
    let good = lesson(&home, "1.pop3", OWN);
    let run = |args: &[&str]| {
        let output = home.script(&[&["learn"], args].concat(), b"");
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let good = good.to_str().unwrap();
    assert_eq!(run(&["--check", good]), (Some(0), "1: proved\n".to_owned()));
    lesson(&home, "2.pop3", &OWN.replace("C: NOOP", "C: STAT"));
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
    lesson(&home, "3.pop3", &OWN.replace("goal: +OK NOOP", "goal: +OK"));
    let (code, said) = run(&["--check", folder]);
    assert_eq!(code, Some(2));
    // The others are proved all the same.
    assert!(said.contains("1: proved\n2: NOT PROVED\n"), "{said}");
    assert!(
        said.contains("3.pop3:3: `+OK` of which command?") && said.contains("     |       ^^^"),
        "{said}"
    );
    assert!(
        said.contains("hint: the chapter `Lessons, and how to write one` of GUIDE.md"),
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
    assert!(said.contains("no lesson `nothing`"), "{said}");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("at a terminal"), "{said}");
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
    terminal.see("[done] the server told what it can do");
    terminal.press("quit\r");
    terminal.see("lesson 1 is solved; Enter goes on");
    terminal.press("\r");
    terminal.see("Lesson 2 of ");
    terminal.prompt("auth>");
    terminal.press("user alice\r");
    terminal.see("+OK send PASS");
    terminal.press("pass wonderland\r");
    terminal.see("lesson 2 is solved");
    terminal.press(":diagnose bare-lf\r");
    terminal.see("nothing is wrong with the server");
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
    assert!(!screen.contains("one unique-id for several"), "{screen}");
    terminal.line(":diagnose", "trans>");
    terminal.see("such as `:diagnose greeting-err`");
    terminal.line(":diagnose uidl-duplicate", "trans>");
    terminal.see("first `+OK UIDL`, then type");
    terminal.press(":diagnose bare-lf\r");
    terminal.see("no, not bare-lf");
    terminal.press(":diagnose nonsense\r");
    terminal.see("unknown id");
    terminal.press(":diagnose uidl-duplicte\r");
    terminal.see("did you mean `:diagnose uidl-duplicate`?");
    terminal.press("uidl\r");
    terminal.see("9 same");
    terminal.press(":diagnose uidl-duplicate\r");
    terminal.see("[done] right: one unique-id for several messages");
    terminal.see("is solved");
}

/// What the server does wrong is seen in several ways, and each has an id.
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

/// The lesson that the guide shows.
#[test]
fn the_lesson_of_the_guide_is_proved() {
    let guide = include_str!("../../GUIDE.md");
    let (_, behind) = guide.split_once("```text lesson\n").unwrap();
    let (text, _) = behind.split_once("```").unwrap();
    let lesson = Lesson::parse("guide", text).unwrap();
    assert_eq!(proof::complaints(&lesson), Vec::<String>::new());
}

/// What a screen reader reads aloud is text, and nothing that drives a screen.
#[test]
fn plain_lines_hold_no_escape() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["learn", "retr", "--plain"]);
    terminal.prompt("trans>");
    terminal.line("retr 1", "trans>");
    terminal.line("list 99", "trans>");
    terminal.see("[done] you have read the first message");
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

/// A lesson of a class may have the name of one of the course, or of another class.
#[test]
fn what_is_done_is_kept_by_folder() {
    let home = Home::new();
    let folders = ["one", "two"].map(|name| home.path().join(name));
    for folder in &folders {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("01-greeting.pop3"), OWN).unwrap();
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
    terminal.see("[done] you said good-bye");
    terminal.press("capa\r");
    terminal.see("reconnects to the maildrop as it is");
    terminal.see("[done] the server told what it can do");
    terminal.see("lesson 1 is solved");
    terminal.prompt("auth>");
    terminal.press(":quit\r");
    terminal.see("1 of 24 lessons done");
    terminal.end();
    // What the lesson logs in is logged in again.
    let mut terminal = Terminal::tall(&home, &["learn", "stat-list"]);
    terminal.prompt("trans>");
    terminal.line("quit", "closed>");
    terminal.line("stat", "trans>");
    terminal.see("[done] STAT told how many");
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
    // To leave is to hang up: that counts where mail was marked.
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
