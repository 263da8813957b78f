//! Transcripts shown: on the screen, as a page, as a drawing, and their messages taken out.

use poptalk::server::messages;
use proptest::prelude::*;

use crate::support::{Home, text};

/// What a hostile server and a hostile mail may hold.
const HOSTILE: &str = "#!pop3 1\nserver: <script>alert(1)</script>\n\nS: +OK \\x1b]0;owned\\x07 <b>&amp; \"'\nC: RETR 1\nS: +OK\n\
    S: Subject: \\x1b]52;c;eA==\\x07 \\x1b[2J \\x9b31m\nS: <script>alert(1)</script><img src=x onerror=alert(1)></pre></style>]]>\n\
    S: \\u{202e}gnp.exe \\xc0\\xaf \\xff\nS: .\n* closed by server <i>\n# <u>prose</u>\n? <s>unknown</s>\n";

fn show(home: &Home, file: &str, args: &[&str]) -> String {
    let output = home.script(&[&["show", file], args].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn write(home: &Home, name: &str, content: &str) -> String {
    let path = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// No control octet but LF, and none of the characters that change how text runs.
fn is_tame(text: &str) -> bool {
    text.chars().all(|c| {
        (c == '\n' || !c.is_control())
            && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[test]
fn nothing_of_a_hostile_session_reaches_the_terminal() {
    let home = Home::new();
    let file = write(&home, "hostile.pop3", HOSTILE);
    for args in [&[][..], &["--times"], &["--timeline"]] {
        let shown = show(&home, &file, args);
        assert!(is_tame(&shown), "{shown:?}");
    }
    assert!(show(&home, &file, &[]).contains("S: +OK ^[]0;owned^G"));
    // With colours there are only ours.
    let shown = show(&home, &file, &["--color", "always"]);
    let mut rest = shown.as_str();
    while let Some((_, behind)) = rest.split_once('\u{1b}') {
        let (code, behind) = behind.split_once('m').unwrap();
        assert!(code.starts_with('[') && code[1..].chars().all(|c| c.is_ascii_digit() || c == ';'));
        rest = behind;
    }
}

#[test]
fn a_page_has_our_tags_only_and_fetches_nothing() {
    let home = Home::new();
    let file = write(&home, "hostile.pop3", HOSTILE);
    let page = home.path().join("page.html");
    show(&home, &file, &["--html", page.to_str().unwrap()]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(is_tame(&page), "{page:?}");
    let ours = [
        "!doctype", "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "ul",
        "li", "b", "dl", "dt", "dd", "ol", "time", "span", "details", "summary", "pre",
    ];
    for tag in page.split('<').skip(1) {
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '!')
            .collect();
        assert!(ours.contains(&name.to_lowercase().as_str()), "<{tag}");
        let inside = tag.split('>').next().unwrap();
        for word in ["href=", " src=", "url(", "onerror=", "onload="] {
            assert!(!inside.contains(word), "<{inside}>");
        }
    }
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn a_drawing_is_xml_and_nothing_is_overwritten() {
    let home = Home::new();
    let file = write(&home, "hostile.pop3", HOSTILE);
    let path = home.path().join("a.svg");
    let path = path.to_str().unwrap();
    show(&home, &file, &["--svg", path, "--rows", "5"]);
    let svg = std::fs::read_to_string(path).unwrap();
    let mut reader = quick_xml::Reader::from_str(&svg);
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    assert!(svg.contains("lines more)") && !svg.contains("<script"));
    let output = home.script(&["show", &file, "--svg", path], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("file exists"),
        "{}",
        text(&output.stderr)
    );
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
    show(&home, file, &["--messages", folder.to_str().unwrap()]);
    for (number, message) in (1..).zip(messages::practice()) {
        let came = std::fs::read(folder.join(format!("{number:04}.eml"))).unwrap();
        assert!(came == message.octets(), "{number}");
    }
    assert!(folder.join("0002-2.eml").exists());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 10);
    let cut = write(
        &home,
        "cut.pop3",
        "S: +OK\nC: RETR 7\nS: +OK\nS: half\nS: a mess\\-\n",
    );
    let folder = home.path().join("cut");
    show(&home, &cut, &["--messages", folder.to_str().unwrap()]);
    assert_eq!(
        std::fs::read(folder.join("0007.cut.eml")).unwrap(),
        b"half\r\na mess"
    );
}

#[test]
fn what_can_not_be_shown_is_told() {
    let home = Home::new();
    let output = home.script(&["show", "/nonexistent.pop3"], b"");
    assert_eq!(output.status.code(), Some(2));
    let broken = write(&home, "broken.pop3", "S: +OK \\q\n");
    let output = home.script(&["show", &broken], b"");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("row 1") && told.contains("unknown escape"),
        "{told}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_of_a_row_come_out_untamed(octets in proptest::collection::vec(any::<u8>(), 0..200), is_server in any::<bool>()) {
        use poptalk::show::{html::Page, screen::Screen, svg::Drawing};
        use poptalk::tracker::{LineEnd, Side};
        use poptalk::transcript::{Item, Piece, Row};
        let side = if is_server { Side::Server } else { Side::Client };
        let item = Item::Row(Row::new(side, 3, [Piece::Octets(octets)], LineEnd::Crlf));
        let style = poptalk::style::Style::new(poptalk::style::ColorChoice::Never, owo_colors::Stream::Stdout);
        prop_assert!(is_tame(&Screen::new(style, true).line(&item).unwrap()));
        let mut out = Vec::new();
        let mut page = Page::new(&mut out, "x", &[]).unwrap();
        page.item(&item).unwrap();
        page.finish().unwrap();
        prop_assert!(is_tame(&String::from_utf8(out).unwrap()));
        let mut drawing = Drawing::new(3);
        drawing.item(&item);
        prop_assert!(is_tame(&drawing.finish()));
    }
}
