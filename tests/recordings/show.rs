//! Transcripts shown: on the screen, as a page, as a picture, as a timeline, and their messages
//! taken out.
//!
//! What is shown of `transcripts/show/` stands in `tests/recordings/show/`; POPTALK_BLESS=1
//! rewrites it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use poptalk::servers::messages;
use quick_xml::events::{BytesStart, Event};

use crate::support::terminal::Terminal;
use crate::support::{Home, text};

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn example(name: &str) -> String {
    let path = root("transcripts/show").join(name);
    path.to_str().unwrap().to_owned()
}

/// Standard output; there must be no error.
fn show(home: &Home, file: &str, args: &[&str]) -> String {
    let output = home.script(&[&["show", file], args].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Standard error of what must fail, with the exit code for a wrong file.
fn refused(home: &Home, file: &str, args: &[&str]) -> String {
    let output = home.script(&[&["show", file], args].concat(), b"");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// What `--html` or `--svg` writes.
fn written(home: &Home, file: &str, option: &str) -> String {
    let path = home.path().join(format!("written{option}"));
    show(home, file, &[option, path.to_str().unwrap()]);
    std::fs::read_to_string(path).unwrap()
}

fn write(home: &Home, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn golden(name: &str, seen: &str) {
    let path = root("tests/recordings/show").join(name);
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::write(&path, seen).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        seen == wanted,
        "{} is another; run with POPTALK_BLESS=1 and read the difference\n{seen}",
        path.display()
    );
}

/// No control character but LF, and none of those that change how text runs.
pub(crate) fn check_tame(text: &str) {
    let is_tame = |c: char| {
        (c == '\n' || !c.is_control())
            && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let wild = text.chars().find(|c| !is_tame(*c));
    assert_eq!(wild, None, "{text:?}");
}

/// Text with our colours and nothing else that a terminal obeys, without them.
fn without_colours(text: &str) -> String {
    let ours = ["1", "2", "22", "31", "32", "33", "36", "39"];
    let mut plain = String::new();
    for (index, part) in text.split("\u{1b}[").enumerate() {
        let mut part = part;
        if index > 0 {
            let (code, behind) = part.split_once('m').unwrap();
            assert!(ours.contains(&code), "{code:?}");
            part = behind;
        }
        plain.push_str(part);
    }
    check_tame(&plain);
    plain
}

#[test]
fn the_screen_is_as_it_was() {
    let home = Home::new();
    for name in ["fetch", "hostile"] {
        let file = example(&format!("{name}.pop3"));
        let plain = show(&home, &file, &[]);
        check_tame(&plain);
        golden(&format!("{name}.txt"), &plain);
        let colours = show(&home, &file, &["--color", "always"]);
        assert!(colours.contains("\u{1b}[32m+OK\u{1b}[39m"));
        assert!(colours.contains("\u{1b}[31m-ERR\u{1b}[39m"));
        assert_eq!(without_colours(&colours), plain);
        golden(
            &format!("{name}.times.txt"),
            &show(&home, &file, &["--times"]),
        );
    }
    // Lines of a message are no status lines.
    let colours = show(&home, &example("hostile.pop3"), &["--color", "always"]);
    assert!(colours.contains("S: +OK this is no status line"));
    assert!(colours.contains("S: -ERR nor this"));
}

#[test]
fn no_colour_is_no_colour() {
    let home = Home::new();
    for (color, name, wants_colour) in [
        ("always", "NO_COLOR", true),
        ("auto", "NO_COLOR", false),
        ("never", "CLICOLOR_FORCE", false),
    ] {
        let mut program = home.poptalk(&["show", &example("fetch.pop3"), "--color", color]);
        let output = program.env(name, "1").output().unwrap();
        assert_eq!(output.stdout.contains(&0x1b), wants_colour, "{color}");
    }
}

#[test]
fn the_timeline_fits_80_columns_and_needs_no_colour() {
    let home = Home::new();
    for name in ["fetch", "hostile"] {
        let file = example(&format!("{name}.pop3"));
        let plain = show(&home, &file, &["--timeline"]);
        check_tame(&plain);
        for line in plain.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        golden(&format!("{name}.timeline.txt"), &plain);
        let colours = show(&home, &file, &["--timeline", "--color", "always"]);
        assert_eq!(without_colours(&colours), plain);
    }
}

/// Tags of a page, and the attributes that each may have.
const TAGS: &[(&str, &[&str])] = &[
    ("html", &["lang"]),
    ("head", &[]),
    ("meta", &["charset", "name", "content", "http-equiv"]),
    ("title", &[]),
    ("style", &[]),
    ("body", &[]),
    ("header", &[]),
    ("main", &[]),
    ("section", &["aria-labelledby"]),
    ("h1", &[]),
    ("h2", &["id"]),
    ("p", &["class"]),
    ("dl", &[]),
    ("dt", &[]),
    ("dd", &[]),
    ("ol", &["class"]),
    ("li", &[]),
    ("a", &["href"]),
    ("code", &["dir"]),
    ("pre", &["dir"]),
    ("span", &["class", "id", "aria-hidden"]),
    ("mark", &["id"]),
    ("table", &[]),
    ("caption", &["class"]),
    ("thead", &[]),
    ("tbody", &[]),
    ("tr", &["class", "id"]),
    ("th", &["scope", "class"]),
    ("td", &[]),
    ("details", &["open"]),
    ("summary", &[]),
];

/// Tags of a picture.
const SHAPES: &[(&str, &[&str])] = &[
    ("svg", &["xmlns", "width", "height", "viewBox", "role"]),
    ("title", &[]),
    ("style", &[]),
    ("rect", &["width", "height", "rx", "fill"]),
    ("circle", &["cx", "cy", "r", "fill"]),
    ("text", &["x", "y", "xml:space"]),
    ("tspan", &["class"]),
];

fn check_tag(tag: &BytesStart<'_>, ours: &[(&str, &[&str])], ids: &mut HashSet<String>) {
    let name = text(tag.name().as_ref());
    let row = ours.iter().find(|(ours, _)| *ours == name);
    let (_, attributes) = row.unwrap_or_else(|| panic!("<{name}> is not ours"));
    for attribute in tag.attributes() {
        let attribute = attribute.unwrap();
        let (key, value) = (text(attribute.key.as_ref()), text(&attribute.value));
        assert!(attributes.contains(&key.as_str()), "<{name} {key}=>");
        if key == "href" {
            assert!(value.starts_with("#r"), "{value}");
        }
        if key == "id" {
            assert!(ids.insert(value.clone()), "two have the id {value}");
        }
    }
}

/// Well-formed, all tags and attributes are ours, nothing is fetched, and it is tame.
pub(crate) fn check_markup(document: &str, ours: &[(&str, &[&str])]) {
    check_tame(document);
    assert!(!document.contains(['\u{fffe}', '\u{ffff}']));
    let mut reader = quick_xml::Reader::from_str(document);
    let mut ids = HashSet::new();
    let mut open = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                check_tag(&tag, ours, &mut ids);
                open.push(text(tag.name().as_ref()));
            }
            Event::Empty(tag) => check_tag(&tag, ours, &mut ids),
            // The reader has compared the names.
            Event::End(_) => drop(open.pop().unwrap()),
            Event::GeneralRef(reference) => {
                let known = ["amp", "lt", "gt", "quot", "#39"];
                assert!(known.contains(&text(&reference).as_str()), "{reference:?}");
            }
            Event::Text(words) => {
                let words = text(&words);
                if open.last().is_some_and(|tag| tag == "style") {
                    for word in ["url(", "@import", "@font-face", "expression", "\\"] {
                        assert!(!words.contains(word), "{word}");
                    }
                }
            }
            Event::DocType(name) => assert_eq!(text(&name), "html"),
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

pub(crate) fn check_page(page: &str) {
    check_markup(page, TAGS);
    let policy = "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"";
    assert!(page.contains(policy));
    // HTML ends these at the first end tag, whatever XML thinks.
    for end in ["</style", "</title", "<script", "<!--"] {
        let most = usize::from(end.starts_with("</"));
        assert!(
            page.to_lowercase().matches(end).count() <= most,
            "{end} in {page}"
        );
    }
}

pub(crate) fn check_picture(picture: &str) {
    check_markup(picture, SHAPES);
}

#[test]
fn a_page_has_our_tags_only_and_fetches_nothing() {
    let home = Home::new();
    for name in ["fetch", "hostile"] {
        let page = written(&home, &example(&format!("{name}.pop3")), "--html");
        check_page(&page);
        golden(&format!("{name}.html"), &page);
        std::fs::remove_file(home.path().join("written--html")).unwrap();
    }
}

#[test]
fn a_picture_is_xml_and_has_as_many_rows_as_fit() {
    let home = Home::new();
    for name in ["fetch", "hostile"] {
        let picture = written(&home, &example(&format!("{name}.pop3")), "--svg");
        check_picture(&picture);
        golden(&format!("{name}.svg"), &picture);
        std::fs::remove_file(home.path().join("written--svg")).unwrap();
    }
    let path = home.path().join("small.svg");
    let path = path.to_str().unwrap();
    show(
        &home,
        &example("fetch.pop3"),
        &["--svg", path, "--rows", "3"],
    );
    let picture = std::fs::read_to_string(path).unwrap();
    check_picture(&picture);
    // And one that says that there is more.
    assert_eq!(picture.matches("<text").count(), 4);
}

#[test]
fn a_large_body_is_in_the_page_by_its_start() {
    let home = Home::new();
    let line = format!("S: {}\n", "<&\"".repeat(333));
    let mut file = "S: +OK\nC: RETR 1\nS: +OK\n".to_owned();
    file += &line.repeat(2000);
    file += "S: .\nC: RETR 2\nS: +OK\n";
    file += &line.repeat(1000);
    file += "S: .\n";
    let page = written(&home, &write(&home, "large.pop3", file), "--html");
    check_page(&page);
    assert!(page.contains(
        "2,002,000 octets in 2,000 lines, too large for this page: only the start is shown"
    ));
    assert!(page.contains("<summary>1,001,000 octets in 1,000 lines</summary>"));
    assert!(page.len() < 6_000_000, "{}", page.len());
}

#[test]
fn messages_are_taken_out_octet_for_octet() {
    let home = Home::new();
    let file = home.path().join("all.pop3");
    let file = file.to_str().unwrap();
    let mut lines = "user alice\npass wonderland\ntop 1 0\n".to_owned();
    for number in 1..=9 {
        lines += &format!("retr {number}\n");
    }
    home.script(
        &["practice", "--log", file],
        (lines + "retr 2\nquit\n").as_bytes(),
    );
    let folder = home.path().join("mail");
    let said = show(&home, file, &["--messages", folder.to_str().unwrap()]);
    for (number, message) in (1..).zip(messages::practice()) {
        let name = format!("{number:04}.eml");
        let came = std::fs::read(folder.join(&name)).unwrap();
        assert!(came == message.octets(), "{number}");
        let line = format!("{name}  {} octets\n", came.len());
        assert!(said.contains(&line), "{said}");
    }
    let second = std::fs::read(folder.join("0002-2.eml")).unwrap();
    assert!(second == messages::practice()[1].octets());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 10);
    #[cfg(unix)]
    for entry in std::fs::read_dir(&folder).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A second time nothing is overwritten, and nothing is left half done.
    let told = refused(&home, file, &["--messages", folder.to_str().unwrap()]);
    assert!(
        told.contains("0001.eml") && told.contains("exists"),
        "{told}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 10);
}

#[test]
fn a_message_that_is_not_whole_is_named_so() {
    let home = Home::new();
    let folder = home.path().join("mail");
    for (file, name, octets, why) in [
        (
            "S: a\nS: half.\\-\nS: .\\-\n",
            "0007.cut.eml",
            "a\r\nhalf..",
            "the end of the message",
        ),
        (
            "S: a\nS: .\\-\n",
            "0007.cut.eml",
            "a\r\n",
            "the end of the message",
        ),
        (
            "S: a\n* timeout after 60 s\nS: .\n",
            "0007.cut.eml",
            "a\r\n",
            "the end of the message",
        ),
        (
            "S: a\n* connection lost: reset\n",
            "0007.cut.eml",
            "a\r\n",
            "the end of the message",
        ),
        (
            "S: a\nS: {{...}}\nS: ..b\nS: .\n",
            "0007.cut.eml",
            "a\r\n.b\r\n",
            "omits parts",
        ),
        (
            "S: a{{..}}b\nS: .\n",
            "0007.cut.eml",
            "ab\r\n",
            "omits parts",
        ),
        (
            "S: ..a\nS: b\\n\nS: c\nS: .\n",
            "0007.eml",
            ".a\r\nb\nc\r\n",
            "",
        ),
        ("S: .\n", "0007.eml", "", ""),
    ] {
        let file = format!("S: +OK\nC: retr 007\nS: +OK\n{file}");
        let file = write(&home, "part.pop3", &file);
        let said = show(&home, &file, &["--messages", folder.to_str().unwrap()]);
        assert!(said.contains(why), "{said}");
        let found: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert_eq!(found.len(), 1);
        assert_eq!(text(&std::fs::read(folder.join(name)).unwrap()), octets);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn what_can_not_be_shown_is_told_with_what_to_do() {
    let home = Home::new();
    let told = refused(&home, "/nonexistent.pop3", &[]);
    assert!(told.contains("hint: name a transcript"), "{told}");
    let broken = write(&home, "broken.pop3", "S: +OK\nS: +OK \\q\n");
    for args in [&[][..], &["--timeline"], &["--messages", "unused"]] {
        let folder = home.path().join("unused");
        let args = args
            .iter()
            .map(|word| match *word {
                "unused" => folder.to_str().unwrap(),
                word => word,
            })
            .collect::<Vec<_>>();
        let told = refused(&home, &broken, &args);
        assert!(told.contains("row 2"), "{told}");
        assert!(told.contains("hint: write a backslash"), "{told}");
    }
    let there = write(&home, "there.html", "mine");
    let told = refused(&home, &example("fetch.pop3"), &["--html", &there]);
    assert!(told.contains("nothing is overwritten"), "{told}");
    assert_eq!(std::fs::read_to_string(there).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_as_a_file_is() {
    let home = Home::new();
    let octets = std::fs::read(example("fetch.pop3")).unwrap();
    for args in [&[][..], &["--timeline"]] {
        let output = home.script(&[&["show", "/dev/stdin"], args].concat(), &octets);
        let file = show(&home, &example("fetch.pop3"), args);
        assert_eq!(text(&output.stdout), file);
    }
}

#[test]
fn a_long_one_is_paged_and_a_short_one_is_not() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &["show", &example("fetch.pop3")]);
    let screen = terminal.see("fetch.pop3  lines 1-");
    assert!(screen.contains("server: mail.example.org:110"), "{screen}");
    assert!(screen.contains("q back"), "{screen}");
    terminal.press("q");
    let (code, octets) = terminal.end();
    assert_eq!(code, 0);
    let shown = text(&octets);
    for colour in [
        "S: \u{1b}[32m+OK\u{1b}[39m POP3 ready",
        "C: \u{1b}[1mSTLS\u{1b}[22m",
        "\u{1b}[2m  * connected",
    ] {
        assert!(shown.contains(colour), "{colour:?} in {shown:?}");
    }
    let mut terminal = Terminal::with(
        &home,
        &["show", &example("hostile.pop3"), "--times"],
        &[("NO_COLOR", "1")],
    );
    terminal.see("hostile.pop3  lines 1-");
    terminal.press("q");
    assert!(!text(&terminal.end().1).contains("[32m"));
    let short = root("transcripts/replay/first.pop3");
    let terminal = Terminal::new(&home, &["show", short.to_str().unwrap()]);
    let (code, octets) = terminal.end();
    let shown = text(&octets);
    assert_eq!(code, 0);
    assert!(
        shown.contains("C: ") && !shown.contains("q back"),
        "{shown}"
    );
}

/// The picture in README.md is what poptalk draws of that transcript.
#[test]
fn the_picture_of_the_readme_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/show");
    let home = Home::new();
    let drawn = home.path().join("drawn.svg");
    let transcript = folder.join("session.pop3");
    let args = [
        "show",
        transcript.to_str().unwrap(),
        "--svg",
        drawn.to_str().unwrap(),
    ];
    assert_eq!(home.script(&args, b"").status.code(), Some(0));
    let kept = folder.join("session.svg");
    if std::env::var_os("POPTALK_BLESS").is_some() {
        std::fs::copy(&drawn, &kept).unwrap();
    }
    // A checkout on Windows may have other line ends.
    let kept = std::fs::read_to_string(kept).unwrap().replace("\r\n", "\n");
    assert_eq!(std::fs::read_to_string(drawn).unwrap(), kept);
}
