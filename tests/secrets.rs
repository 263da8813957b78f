//! A secret is in no file, on no screen and in no child, however it was typed: a table of ways, and for each the places.

mod console;
mod others;
mod recorded;

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A way in which a person can tell a secret: the lines, in which `{}` stands for it, `{b}` for its base64, and
/// `{b:TEXT}` for the base64 of a text.
#[derive(Debug, Clone, Copy)]
struct Way {
    name: &'static str,
    lines: &'static [&'static str],
    /// Whether a script can do it, too.
    in_scripts: bool,
}

const fn way(name: &'static str, lines: &'static [&'static str]) -> Way {
    Way {
        name,
        lines,
        in_scripts: true,
    }
}

const fn typed(name: &'static str, lines: &'static [&'static str]) -> Way {
    Way {
        name,
        lines,
        in_scripts: false,
    }
}

const WAYS: &[Way] = &[
    way("PASS", &["user alice", "pass {}"]),
    way("PASS without USER", &["PASS {}"]),
    way("PASS twice", &["pass {}", "pass {}"]),
    way("PASS with blanks", &["pass   {}  "]),
    way("PASS with a tab", &["pass\t{}"]),
    way("PASS behind a blank", &[" pass {}"]),
    way("PASS without a blank", &["PASS{}"]),
    way("PASS with a colon", &["PASS: {}"]),
    way("PASS with a sign", &["pass={}"]),
    way("PASZ", &["PASZ {}"]),
    way("PAS", &["PAS {}"]),
    way("apss", &["apss {}"]),
    way("passs", &["passs {}"]),
    way("pasword", &["pasword {}"]),
    way("password", &["password {}"]),
    way("passwd", &["passwd {}"]),
    way("PASS behind USER", &["user alice pass {}"]),
    way("PASSWORD behind USER", &["user alice password {}"]),
    way("LOGIN as in IMAP", &["login alice {}"]),
    way(
        "USER and PASS after the login",
        &["user alice", "pass open sesame", "pass {}"],
    ),
    way("APOP", &["apop alice {}"]),
    way("APO", &["apo alice {}"]),
    way("RPOP for APOP", &["rpop alice {}"]),
    way("AUTH PLAIN", &["auth plain {b:\0alice\0{}}"]),
    way(
        "AUTH PLAIN in two lines",
        &["auth plain", "{b:\0alice\0{}}"],
    ),
    way(
        "AUTH PLAIN with an authorization",
        &["auth plain {b:al\0alice\0{}}"],
    ),
    way("AUTH PLAIN in clear", &["auth plain alice {}"]),
    way("AUHT PLAIN", &["auht plain {b:\0alice\0{}}"]),
    way(
        "AUTHENTICATE PLAIN",
        &["authenticate plain {b:\0alice\0{}}"],
    ),
    way("AUTH LOGIN", &["auth login", "{b:alice}", "{b}"]),
    way("AUTH LOGIN with a name", &["auth login {b:alice}", "{b}"]),
    way("AUTH LOGIN in clear", &["auth login", "alice", "{}"]),
    way("AUTH CRAM-MD5", &["auth cram-md5", "{b:alice {}}"]),
    way(
        "AUTH XOAUTH2",
        &["auth xoauth2 {b:user=alice\u{1}auth=Bearer {}\u{1}\u{1}}"],
    ),
    way(
        "AUTH OAUTHBEARER",
        &[
            "auth oauthbearer",
            "{b:n,a=alice,\u{1}auth=Bearer {}\u{1}\u{1}}",
        ],
    ),
    way(
        "AUTH SCRAM",
        &[
            "auth scram-sha-256 {b:n,,n=alice,r=abcd}",
            "{b:c=biws,r=abcdef,p={}}",
        ],
    ),
    way(
        "AUTH of a mechanism that is not known",
        &["auth x-new {b:{}}"],
    ),
    way(
        "a response that was not asked for",
        &["auth plain", "*", "pass {}"],
    ),
    way(
        "responses behind an AUTH that is refused",
        &["auth x login", "{b:alice}", "{b}"],
    ),
    way("what begins with a colon", &["::pass {}"]),
    way(":send", &[r":send PASS {}\r\n"]),
    way(":send, many lines", &[r":send USER alice\r\nPASS {}\r\n"]),
    way(":send, an escaped verb", &[r":send \x50\x41SS {}\r\n"]),
    way(
        ":send, an escaped line end",
        &[r":send USER alice\x0d\x0aPASS {}\r\n"],
    ),
    way(":send in parts", &[":send PA", r":send SS {}\r\n"]),
    way(
        ":send in small parts",
        &[":send PASS ", r":send {}", r":send \r\n"],
    ),
    way(
        ":send of a response",
        &["auth plain", ":send {b:\0alice\0{}}\\r\\n"],
    ),
    way(
        ":send of AUTH with all responses",
        &[r":send AUTH LOGIN\r\n{b:alice}\r\n{b}\r\n"],
    ),
    typed(":pass with a word", &[":pass {}"]),
    typed(":PASS with a word", &[":PASS {}"]),
    typed(":login with a password", &[":login alice {}"]),
    typed(":auth with a password", &[":auth plain alice {}"]),
    typed(":apop with a password", &[":apop alice {}"]),
    typed(":pas", &[":pas {}"]),
    typed(":password", &[":password {}"]),
    typed("? PASS", &["? pass {}"]),
    typed(":help pass", &[":help pass {}"]),
    typed(
        ":open with a password",
        &[":close", ":open pop3://alice:{}@127.0.0.1:1"],
    ),
    typed(
        ":open with a scheme that is none",
        &[":close", ":open imap://alice:{}@127.0.0.1:1"],
    ),
    typed(
        ":open without a host",
        &[":close", ":open pop3://alice:{}@"],
    ),
];

/// The secret of a way, by its number: its own, so that a leak tells where it came from.
fn secret(number: usize) -> String {
    format!("Zq7marked-{number:02}-secret")
}

/// A line with the secret in it.
fn line(pattern: &str, secret: &str) -> String {
    let filled = pattern
        .replace("{b}", &STANDARD.encode(secret))
        .replace("{}", secret);
    match filled.split_once("{b:") {
        None => filled,
        Some((before, rest)) => {
            let (inner, behind) = rest.split_once('}').unwrap();
            format!("{before}{}{behind}", STANDARD.encode(inner))
        }
    }
}

/// Lines of a way.
fn lines(way: &Way, secret: &str) -> Vec<String> {
    // A `:send` with several base64 texts has several marks.
    let fill = |pattern: &&str| {
        let mut text = line(pattern, secret);
        while text.contains("{b:") {
            text = line(&text, secret);
        }
        text
    };
    way.lines.iter().map(fill).collect()
}

/// A secret as it may come back.
fn echoes(secret: &str) -> [String; 9] {
    let encode = |text: &str, is_plain: fn(&u8) -> bool| -> String {
        let one = |octet: u8| match is_plain(&octet) {
            true => char::from(octet).to_string(),
            false => format!("%{octet:02X}"),
        };
        text.bytes().map(one).collect()
    };
    [
        secret.to_owned(),
        secret.to_ascii_uppercase(),
        secret.to_ascii_lowercase(),
        STANDARD.encode(secret),
        STANDARD.encode(format!("x{secret}")),
        STANDARD.encode(format!("xy{secret} and more")),
        encode(secret, u8::is_ascii_alphanumeric),
        encode(secret, |_| false).to_ascii_lowercase(),
        encode(&STANDARD.encode(secret), u8::is_ascii_alphanumeric),
    ]
}

/// Octets with what is percent-encoded in them as it is meant.
fn without_percents(octets: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = octets;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(octet.unwrap_or(*first));
        rest = &behind[if octet.is_some() { 2 } else { 0 }..];
    }
    plain
}

/// What must not be found: the secret in lower case, and what its base64 has in common at each alignment.
fn needles(secret: &str) -> Vec<Vec<u8>> {
    let core = |shift: usize| {
        let text = [&b"\0\0"[..shift], secret.as_bytes()].concat();
        let encoded = STANDARD.encode(&text);
        encoded.as_bytes()[(shift * 8).div_ceil(6)..text.len() * 8 / 6].to_vec()
    };
    vec![
        secret.to_ascii_lowercase().into_bytes(),
        core(0),
        core(1),
        core(2),
    ]
}

/// What was searched, and what was found.
#[derive(Debug, Default)]
struct Search {
    cells: usize,
    octets: usize,
    leaks: Vec<String>,
}

impl Search {
    /// Searches what a place holds for the secret of a way.
    fn look(&mut self, way: &str, place: &str, secret: &str, octets: &[u8]) {
        self.cells += 1;
        self.octets += octets.len();
        // As it stands, and as it is meant.
        let mut all = vec![octets.to_vec()];
        if octets.contains(&b'%') {
            all.push(without_percents(octets));
        }
        for octets in &all {
            self.look_plain(way, place, secret, octets);
        }
    }

    fn look_plain(&mut self, way: &str, place: &str, secret: &str, octets: &[u8]) {
        let lower = octets.to_ascii_lowercase();
        for (index, needle) in needles(secret).iter().enumerate() {
            let octets = if index == 0 { lower.as_slice() } else { octets };
            if let Some(at) = memchr::memmem::find(octets, needle) {
                let context = &octets[at.saturating_sub(50)..octets.len().min(at + 40)];
                self.leaks
                    .push(format!("{way}, {place}: {}", context.escape_ascii()));
            }
        }
    }

    /// Searches each file below a folder for the secret of each way.
    fn files(
        &mut self,
        home: &crate::support::Home,
        keep: &dyn Fn(&Path) -> bool,
        ways: &[(String, String)],
    ) {
        for path in home.files().iter().filter(|path| !keep(path)) {
            let octets = std::fs::read(path).unwrap();
            let place = path.file_name().unwrap().to_string_lossy().into_owned();
            for (way, secret) in ways {
                self.look(way, &place, secret, &octets);
            }
        }
    }

    fn end(self, what: &str) {
        let count = format!("{what}: {} cells, {} octets\n", self.cells, self.octets);
        // With --nocapture it is told how much that was.
        let _ = std::io::stdout().write_all(count.as_bytes());
        assert!(self.leaks.is_empty(), "{what}:\n{}", self.leaks.join("\n"));
    }
}

/// The way and the secret of each number.
fn all(ways: &[Way]) -> Vec<(String, String)> {
    let named = ways
        .iter()
        .enumerate()
        .map(|(number, way)| (way.name.to_owned(), secret(number)));
    named.collect()
}
