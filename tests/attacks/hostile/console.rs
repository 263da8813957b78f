//! Attacks of a server on the console: the raw octets of a pseudo-terminal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ATTACKS, Attack, Cells, Writer};
use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve, serve_each, text};

/// So many rows that whatever is shown at once fits.
pub(super) const TALL: (u16, u16) = (2500, 200);

pub(super) fn console(home: &Home, address: &str, size: (u16, u16)) -> Terminal {
    let terminal = Terminal::open(home, &[address], &[], size);
    terminal.prompt("auth>");
    terminal
}

/// Types lines and waits until the last of them was answered; gives what the terminal got
/// meanwhile.
pub(super) fn type_lines(terminal: &mut Terminal, lines: &[String]) -> Vec<u8> {
    let mark = terminal.raw().len();
    for few in lines.chunks(6) {
        let mark = terminal.raw().len();
        terminal.press(&format!("{}\rnoop end\r", few.join("\r")));
        terminal.wait_raw(mark, b" that is the end");
        let raw = terminal.raw();
        let end = memchr::memmem::rfind(&raw, b" that is the end").unwrap();
        terminal.wait_raw(end, b"> ");
    }
    terminal.raw().split_off(mark)
}

/// Attack number `word`.
fn attack(word: Option<&str>) -> Option<&'static Attack> {
    ATTACKS.get(word?.parse::<usize>().ok()?)
}

/// Lines that hold every attack: at the start, in the middle, at the end.
pub(super) fn lines(dress: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut all = b"+OK\r\n".to_vec();
    for attack in ATTACKS {
        all.extend(dress(attack.octets));
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b".\r\n");
    all
}

pub(super) fn message() -> Vec<u8> {
    let mut all = b"+OK\r\nSubject: a message\r\n".to_vec();
    for attack in ATTACKS {
        all.extend([b"X-", attack.octets, b": ", attack.octets, b"\r\n"].concat());
        all.extend([b"From: ", attack.octets, b" <a@b.example>\r\n"].concat());
        // What is encoded is decoded by `:view`.
        let encoded = STANDARD.encode(attack.octets);
        all.extend(
            format!("Subject: =?utf-8?B?{encoded}?= =?iso-8859-1?B?{encoded}?=\r\n").bytes(),
        );
    }
    all.extend_from_slice(b"Content-Type: multipart/mixed; boundary=Zq7\r\n\r\n");
    for attack in ATTACKS {
        all.extend(
            [
                b"\r\n--Zq7\r\nContent-Disposition: attachment; filename=\"",
                attack.octets,
                b"\"\r\n\r\n",
            ]
            .concat(),
        );
        all.extend([attack.octets, b" body ", attack.octets, b"\r\n"].concat());
    }
    all.extend_from_slice(b"\r\n--Zq7--\r\n.\r\n");
    all
}

/// Answers lines that name an attack by its number.
fn answer(line: &str) -> Vec<u8> {
    let mut words = line.split(' ');
    let verb = words.next().unwrap_or_default();
    let word = words.next();
    let octets = attack(word).map_or(&b""[..], |attack| attack.octets);
    match verb.to_ascii_lowercase().as_str() {
        "noop" => b"+OK that is the end\r\n".to_vec(),
        "stat" => [b"+OK ", octets, b"\r\n"].concat(),
        "rset" => [b"-ERR [", octets, b"] ", octets, b" end\r\n"].concat(),
        "xone" => [octets, b"\r\n"].concat(),
        "xtwo" => [b"+OK\r\n", octets, b"\r\n"].concat(),
        "auth" if word.is_some_and(|word| word.starts_with('x')) => {
            let octets =
                attack(line.strip_prefix("auth x")).map_or(&b""[..], |attack| attack.octets);
            [b"+ ", octets, b"\r\n"].concat()
        }
        "auth" => {
            let octets =
                attack(line.strip_prefix("auth y")).map_or(&b""[..], |attack| attack.octets);
            format!("+ {}\r\n", STANDARD.encode(octets)).into_bytes()
        }
        "*" => b"-ERR given up\r\n".to_vec(),
        "list" => lines(|octets| [octets, b" 1 ", octets].concat()),
        "uidl" => lines(|octets| [b"1 ", octets].concat()),
        "capa" if word.is_some() => {
            [b"+OK\r\nSASL Xa", octets, b" Xb", octets, b"\r\n.\r\n"].concat()
        }
        "capa" => [
            lines(|octets| octets.to_vec())
                .strip_suffix(b".\r\n")
                .unwrap(),
            lines(|octets| [b"SASL X", octets].concat())
                .strip_prefix(b"+OK\r\n")
                .unwrap(),
        ]
        .concat(),
        "lang" => lines(|octets| [octets, b" language ", octets].concat()),
        "top" | "retr" => message(),
        _ => b"+OK\r\n".to_vec(),
    }
}

fn talk(peer: &mut Peer) {
    peer.say("+OK ready\r\n");
    loop {
        let line = peer.hear();
        if line.is_empty() {
            return;
        }
        peer.say(answer(text(&line).trim_end()));
    }
}

/// The lines to type for an attack, by its number.
type Typing = fn(usize) -> Vec<String>;

#[test]
fn lines_of_a_server_in_the_console() {
    let mut cells = Cells::default();
    let home = Home::new();
    let (address, _server) = serve(talk);
    let mut terminal = console(&home, &address.to_string(), TALL);
    let places: [(&str, Typing); 6] = [
        (":why of a status line", |n| {
            vec![format!("stat {n}"), ":why".into()]
        }),
        (":why of a response code", |n| {
            vec![format!("rset {n}"), ":why".into()]
        }),
        ("no status line", |n| {
            vec![format!("xone {n}"), ":why".into()]
        }),
        ("unrequested", |n| vec![format!("xtwo {n}")]),
        ("challenge", |n| vec![format!("auth x{n}"), "*".into()]),
        ("challenge, decoded", |n| {
            vec![format!("auth y{n}"), "*".into()]
        }),
    ];
    for (place, typed) in places {
        let typed: Vec<String> = (0..ATTACKS.len()).flat_map(typed).collect();
        let raw = type_lines(&mut terminal, &typed);
        cells.look(place, ATTACKS, Writer::Console, &raw);
    }
    for (place, typed) in [
        (":hex", ":hex on"),
        ("listing in hex", "list"),
        (":hex", ":hex off"),
        ("listing", "list"),
        ("unique-ids", "uidl"),
        ("capabilities", "capa"),
        (":caps", ":caps"),
        (":state", ":state"),
        ("languages", "lang"),
        ("message", "retr 1"),
        (":page", ":time"),
        (":view", ":view 1"),
        (":tls", ":tls"),
        ("help", "?"),
    ] {
        let raw = type_lines(&mut terminal, &[typed.to_owned()]);
        cells.look(place, ATTACKS, Writer::Console, &raw);
    }
    cells.end("console");
}

#[test]
fn what_a_server_offers_is_completed() {
    let mut cells = Cells::default();
    let home = Home::new();
    let (address, _server) = serve(talk);
    let mut terminal = console(&home, &address.to_string(), TALL);
    for (number, attack) in ATTACKS.iter().enumerate() {
        let mark = terminal.raw().len();
        type_lines(&mut terminal, &[format!("capa {number}")]);
        // The one that fits is put into the line; of two that fit both are listed.
        terminal.press("auth xa\t\x15auth x\t\t\x15");
        type_lines(&mut terminal, &["noop".to_owned()]);
        let raw = terminal.raw().split_off(mark);
        cells.look("completion", &[*attack], Writer::Beeping, &raw);
    }
    cells.end("completion");
}

#[test]
fn a_greeting_is_looked_at_before_anything_else() {
    let mut cells = Cells::default();
    let home = Home::new();
    let mut number = 0_usize;
    // An attack stands in a whole greeting, then in one whose end does not come.
    let (address, _server) = serve_each(1 + 2 * ATTACKS.len(), move |peer| {
        let attack = number
            .checked_sub(1)
            .and_then(|n| ATTACKS.get(n / 2))
            .map_or(&b"ready"[..], |attack| attack.octets);
        if number > 0 && number.is_multiple_of(2) {
            peer.say([b"+OK ", attack].concat());
            let _ = peer.stream().shutdown(std::net::Shutdown::Write);
        } else {
            peer.say([b"+OK ", attack, b"\r\n"].concat());
        }
        number += 1;
        peer.rest();
    });
    let mut terminal = console(&home, &address.to_string(), TALL);
    let mut mark = terminal.raw().len();
    for attack in ATTACKS {
        for what in ["greeting", "greeting without end"] {
            terminal.press(":close\r:open\r:why\r:state\r:nonsense\r");
            terminal.wait_raw(mark, b"unknown command `:nonsense`");
            let raw = terminal.raw();
            cells.look(what, &[*attack], Writer::Console, &raw[mark..]);
            mark = raw.len();
        }
    }
    cells.end("greeting");
}
