//! Help as text, from the tables of POP3 commands and console commands.

use crate::analysis::console_input::{self, CONSOLE_COMMANDS};
use crate::base::edit_distance::typing_errors;
use crate::base::escape;
use crate::pop3::command::{Command, Provenance, States};

/// Lists everything that can be typed; if `now` is given, marks the commands that the state does
/// not allow.
pub(crate) fn overview(now: Option<States>) -> String {
    let mut text = String::from("POP3 commands (`?retr` explains one):\n");
    let is_rare = |row: &Command| {
        matches!(
            row.provenance,
            Provenance::Historic | Provenance::Private | Provenance::Foreign
        )
    };
    for row in Command::all().filter(|row| !is_rare(row)) {
        let mark = if now.is_some_and(|now| !is_allowed(row, now)) {
            '·'
        } else {
            ' '
        };
        let mut head = format!("{mark} {}", row.syntax());
        for line in wrap(row.help, 41).lines() {
            text.push_str(&format!(" {head:<35} {line}\n"));
            head.clear();
        }
    }
    let rest: Vec<&str> = Command::all()
        .filter(|row| is_rare(row))
        .map(|row| row.verb)
        .collect();
    text.push_str(&wrap(&format!("   rare: {}", rest.join(", ")), 78));
    if now.is_some() {
        text.push_str(" · not allowed in this state\n");
    }
    text.push_str("\nConsole commands:\n");
    for own in CONSOLE_COMMANDS {
        let syntax = format!(":{} {}", own.word, own.args);
        // A long one has a line of its own.
        if syntax.len() > 24 {
            text.push_str(&format!("  {syntax}\n"));
        }
        let mut head = if syntax.len() > 24 {
            ""
        } else {
            syntax.as_str()
        };
        for line in wrap(own.help, 52).lines() {
            text.push_str(&format!("  {head:<24} {line}\n"));
            head = "";
        }
    }
    text.push_str(
        "Every other line goes to the server as typed; `::x` sends `:x`, `??` sends `?`.\n\
         Tab completes, F1 helps with the command being typed, Ctrl-C clears the line.\n",
    );
    text
}

/// Explains one command, wrapped at `width` columns; or says that it is unknown.
pub(crate) fn topic(topic: &str, width: usize) -> String {
    let words = topic.to_ascii_uppercase();
    let found = Command::named(&words).or_else(|| Command::of_line(words.as_bytes()));
    if let Some(row) = found {
        return command(row, width);
    }
    let word = words.trim_start_matches(':').to_ascii_lowercase();
    if let Some(own) = CONSOLE_COMMANDS.iter().find(|own| own.word == word) {
        return format!(":{} {}\n  {}\n", own.word, own.args, own.help);
    }
    let mut safe = String::new();
    // The rest of the line may be a secret.
    let word = topic.split_whitespace().next().unwrap_or_default();
    escape::escape(word.as_bytes(), &mut safe);
    let near = near(topic).map_or(String::new(), |near| format!("did you mean `?{near}`? "));
    format!(
        "`{safe}` is not a POP3 command that poptalk knows\nhint: {near}`?` lists the commands\n"
    )
}

/// The topic that was probably meant by an unknown word: a verb, or a console command if it begins
/// with a colon.
fn near(topic: &str) -> Option<String> {
    let word = topic.split_whitespace().next()?;
    if let Some(own) = word.strip_prefix(':') {
        return console_input::meant(own.as_bytes()).map(|meant| format!(":{meant}"));
    }
    let word = word.to_ascii_uppercase();
    let errors = |verb: &str| typing_errors(word.as_bytes(), verb.as_bytes());
    let verbs = Command::all().map(|row| row.verb);
    let most = console_input::errors_allowed(word.as_bytes());
    let verb = verbs.min_by_key(|verb| errors(verb))?;
    let is_near = word.len() > 2 && errors(verb) <= most;
    is_near
        .then(|| verb.to_ascii_lowercase())
        .or_else(|| console_input::meant(word.as_bytes()).map(|meant| format!(":{meant}")))
}

/// The essentials of one command: syntax, source, and the first paragraph, wrapped at `width`
/// columns.
pub(crate) fn short(row: &Command, width: usize) -> String {
    let all = command(row, width);
    let mut parts = all.split("\n\n");
    let head = parts.next().unwrap_or_default();
    let first = parts.next().unwrap_or_default();
    format!(
        "{head}\n\n{first}\n  (`?{}` shows more)\n",
        row.verb.to_ascii_lowercase()
    )
}

/// Explains one command in full, wrapped at `width` columns.
pub(crate) fn command(row: &Command, width: usize) -> String {
    let provenance = match row.provenance {
        Provenance::Required => "required",
        Provenance::Optional => "optional",
        Provenance::Historic => "historic",
        Provenance::Private => "private, not standardised",
        Provenance::Foreign => "not a POP3 command",
    };
    let states = match (row.states.authorization, row.states.transaction) {
        (true, true) => "before and after login",
        (true, false) => "before login",
        (false, true) => "after login",
        (false, false) => "never allowed",
    };
    let mut text = format!(
        "{}  {}\n  {}; {provenance}; {states}\n",
        row.syntax(),
        row.help,
        row.source
    );
    for paragraph in row.about.split("\n\n") {
        text.push('\n');
        text.push_str(&wrap(paragraph, width.clamp(20, 80)));
    }
    text.push('\n');
    for line in row.example.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn is_allowed(row: &Command, now: States) -> bool {
    (row.states.authorization && now.authorization) || (row.states.transaction && now.transaction)
}

/// Breaks a paragraph into lines of at most `width` columns.
pub(crate) fn wrap(paragraph: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthStr;
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.width();
        if column > 0 && column + 1 + length > width {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_that_fits_the_screen() {
        for row in Command::all() {
            let text = command(row, 80);
            assert!(
                text.contains(row.source) && text.contains(row.help),
                "{}",
                row.verb
            );
            let about = text.lines().filter(|line| !line.starts_with("  "));
            assert!(
                about.skip(1).all(|line| line.chars().count() <= 80),
                "{text}"
            );
        }
    }

    #[test]
    fn the_list_names_every_command() {
        let text = overview(None);
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(Command::all().all(|row| joined.contains(row.verb)));
        assert!(CONSOLE_COMMANDS.iter().all(|own| joined.contains(own.help)));
        let own = text
            .lines()
            .skip_while(|line| !line.starts_with("Console commands"));
        assert!(own.clone().count() > 20);
        for line in own {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn an_unknown_topic_is_named_with_what_may_have_been_meant() {
        assert!(topic("xfoo", 80).contains("`xfoo` is not a POP3 command"));
        assert!(!topic("pas geheim", 80).contains("geheim"));
        assert!(!topic("nonsense", 80).contains("did you mean"));
        assert!(topic("rter", 80).contains("did you mean `?retr`?"));
        assert!(topic("LSIT 3", 80).contains("did you mean `?list`?"));
        assert!(topic(":veiw", 80).contains("did you mean `?:view`?"));
        assert!(topic("veiw", 80).contains("did you mean `?:view`?"));
    }
}
