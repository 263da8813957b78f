//! Texts for people avoid the words of `words.txt`, which has a better one for each.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::layers::folder;

/// A word to avoid.
struct Word {
    pattern: Regex,
    better: String,
}

/// The words, and the phrases in which they are meant.
fn list() -> (Vec<Word>, Vec<String>) {
    let (mut words, mut meant) = (Vec::new(), Vec::new());
    for line in include_str!("words.txt").lines() {
        if let Some(phrase) = line.strip_prefix("meant: ") {
            meant.push(phrase.to_owned());
        } else if let Some((pattern, better)) = line.split_once("   ")
            && !line.starts_with('#')
        {
            words.push(Word {
                pattern: Regex::new(&format!(r"(?i)\b(?:{pattern})\b")).unwrap(),
                better: better.trim().to_owned(),
            });
        }
    }
    (words, meant)
}

/// The strings and comments of a source file with the number of the line where each begins.
///
/// It knows as much of the language as this needs: comments, characters, and both kinds of strings.
fn texts(code: &str) -> Vec<(usize, String)> {
    let token = Regex::new(
        r##"(?s)//([^\n]*)|/\*(.*?)\*/|'(?:\\.[^']*|[^'\\])'|r#"(.*?)"#|r"([^"]*)"|"((?:\\.|[^"\\])*)""##,
    )
    .unwrap();
    let mut found = Vec::new();
    for text in token.captures_iter(code) {
        if let Some(string) = text.iter().skip(1).flatten().next() {
            let line = code[..string.start()].matches('\n').count() + 1;
            found.push((line, string.as_str().to_owned()));
        }
    }
    found
}

/// What is wrong in a text, in words.
fn look(place: &str, text: &str, (words, meant): &(Vec<Word>, Vec<String>)) -> Vec<String> {
    let mut found = Vec::new();
    for word in words {
        for at in word.pattern.find_iter(text) {
            let is_meant = meant.iter().any(|phrase| {
                let mut places = text.match_indices(phrase);
                places.any(|(start, _)| start <= at.start() && at.start() < start + phrase.len())
            });
            if !is_meant {
                found.push(format!(
                    "{place}: `{}` in `{}`: write {}",
                    at.as_str(),
                    text.trim(),
                    word.better
                ));
            }
        }
    }
    found
}

/// The files below a folder with one of these endings, except for recordings of other programs.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("transcripts/real") {
            documents(&path, found);
        } else if path
            .extension()
            .is_some_and(|end| end == "md" || end == "pop3")
        {
            found.push(path);
        }
    }
}

/// The lines of a document that we wrote: not the rows and events of a transcript.
fn prose(path: &Path, text: &str) -> Vec<(usize, String)> {
    let octets = Regex::new(r"^(?:[CS]@?\d*: |\* )").unwrap();
    let is_transcript = path.extension().is_some_and(|end| end == "pop3");
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !(is_transcript && octets.is_match(line)));
    lines
        .map(|(line, text)| (line + 1, text.to_owned()))
        .collect()
}

#[test]
fn texts_for_people_avoid_the_words_of_the_list() {
    let list = list();
    assert!(list.0.len() > 15, "{} words", list.0.len());
    let mut found = Vec::new();
    for (path, code) in folder("src") {
        if path.contains("/tests") {
            continue;
        }
        let code = code.split("#[cfg(test)]\nmod").next().unwrap();
        for (line, text) in texts(code) {
            found.extend(look(&format!("src/{path}:{line}"), &text, &list));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("GUIDE.md")];
    documents(&root.join("transcripts"), &mut files);
    for path in files {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for (line, text) in prose(&path, &text) {
            found.extend(look(&format!("{}:{line}", path.display()), &text, &list));
        }
    }
    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_word_of_the_list_is_seen_wherever_it_is() {
    let list = list();
    let code = "let a = \"it stands\\\n here\"; // behind it\nlet b = r#\"nobody \"there\" \"#; let c = '\"';\n";
    let texts = texts(code);
    let lines: Vec<usize> = texts.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 3], "{texts:?}");
    for (_, text) in &texts {
        assert_eq!(look("here", text, &list).len(), 1, "{text}");
    }
    let path = Path::new("a.pop3");
    assert_eq!(prose(path, "S: +OK\nabout it\n* closed\n").len(), 1);
}

#[test]
fn each_use_that_is_meant_occurs() {
    let mut all = String::new();
    for (_, code) in folder("src") {
        all.push_str(&code);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("GUIDE.md")];
    documents(&root.join("transcripts"), &mut files);
    for path in files {
        all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
    }
    for phrase in list().1 {
        assert!(
            all.contains(&phrase),
            "`{phrase}` is gone: take it from the list"
        );
    }
}
