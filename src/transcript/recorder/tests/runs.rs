//! What one connection has learned is hidden on the next ones of the run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::transcript::secret::Secrets;

fn recorded_with(secrets: &Secrets, talk: &[&str]) -> String {
    let paper = Paper::default();
    let mut recorder = Recorder::new(Hider::sharing(false, secrets));
    recorder.set_file(Some(Box::new(paper.clone())), &[]);
    for text in talk {
        play(&mut recorder, &[&format!("{text}\r\n")]);
    }
    recorder.finish(0, &mut |_| {});
    paper.text()
}

#[test]
fn the_next_connection_hides_what_the_last_one_learnt() {
    let secrets = Secrets::default();
    let login = [
        "S+OK",
        "Cuser alice",
        "S+OK",
        "Cpass Zebra77Quux",
        "S-ERR",
        "Cpass alice",
        "S-ERR",
    ];
    recorded_with(&secrets, &login);
    let text = recorded_with(
        &secrets,
        &["S+OK you are Zebra77Quux WmVicmE3N1F1dXg=", "Cquit", "S+OK"],
    );
    assert!(
        text.contains("S: +OK you are {{password}} {{password}}\n"),
        "{text}"
    );
    // A name is a name in all of them.
    let text = recorded_with(&secrets, &["S+OK alice was here, PASS alice"]);
    assert!(
        text.contains("S: +OK alice was here, PASS {{password}}\n"),
        "{text}"
    );
}

#[test]
fn a_new_connection_knows_more_secrets_than_one_connection_remembers() {
    let secrets = Secrets::default();
    let passwords: Vec<String> = (0..100)
        .map(|number| format!("Zebra{number:03}Quux"))
        .collect();
    let lines = passwords
        .iter()
        .flat_map(|password| [format!("Cpass {password}"), "S-ERR".to_owned()]);
    let lines: Vec<String> = std::iter::once("S+OK".to_owned()).chain(lines).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    recorded_with(&secrets, &lines);
    let greeting = format!("S+OK {}", passwords.join(" "));
    let text = recorded_with(&secrets, &[&greeting]);
    assert!(!text.contains("Zebra"), "{text}");
}

#[test]
fn connections_of_several_people_hide_what_the_user_has_typed_before() {
    let secrets = Secrets::by_user();
    let plain = format!("Cauth plain {}", STANDARD.encode("\0bob\0Yak88Horn"));
    recorded_with(
        &secrets,
        &["S+OK", "CUSER Alice", "S+OK", "Cpass Zebra77Quux", "S-ERR"],
    );
    recorded_with(&secrets, &["S+OK", &plain, "S-ERR"]);
    let echo = "S-ERR Zebra77Quux Yak88Horn";
    let text = recorded_with(&secrets, &["S+OK", "Cuser alice", echo]);
    assert!(text.ends_with("S: -ERR {{password}} Yak88Horn\n"), "{text}");
    let text = recorded_with(&secrets, &["S+OK", "Capop bob 0123", echo]);
    assert!(
        text.ends_with("S: -ERR Zebra77Quux {{response}}\n"),
        "{text}"
    );
    let text = recorded_with(&secrets, &["S+OK", "Cnoop", echo]);
    assert!(text.ends_with("S: -ERR Zebra77Quux Yak88Horn\n"), "{text}");
}
