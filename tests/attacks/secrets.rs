//! A secret is in no file, on no screen and in no child, however it was typed: a table of ways, and
//! for each the places.

#[cfg(not(any(windows, target_vendor = "apple")))]
mod certificate;
mod console;
mod recorded;
mod sources;

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

/// A way in which a person can tell a secret: the lines, in which `{}` stands for it, `{b}` for its
/// base64, `{b:TEXT}` for the base64 of a text, and `{n:TEXT}` for that without padding.
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
    way("the password alone after USER", &["user alice", "{}"]),
    way(
        "the password alone after PASS",
        &["user alice", "pass", "{}"],
    ),
    way("the password glued, after USER", &["user alice", "pass{}"]),
    way("USER with the password", &["user alice {}"]),
    way("RPOP after USER", &["user alice", "rpop {}"]),
    way("p ass", &["p ass {}"]),
    way("PASS in quotes", &["pass \"{}\""]),
    way("PASS with a word too much", &["pass {} please"]),
    way(
        "a slip after the login",
        &["user alice", "pass open sesame", "pas {}"],
    ),
    way("LOGIN of IMAP with its tag", &["a1 login alice {}"]),
    way("LOGIN of IMAP in quotes", &["a1 login \"alice\" \"{}\""]),
    way(
        "AUTHENTICATE of IMAP with its tag",
        &["a1 authenticate plain {b:\0alice\0{}}"],
    ),
    way("XCLIENT", &["xclient LOGIN=alice PASS={}"]),
    way(
        "a password with its name",
        &["login user=alice password={}"],
    ),
    way("APOP", &["apop alice {}"]),
    way("APO", &["apo alice {}"]),
    way("RPOP for APOP", &["rpop alice {}"]),
    way("AUTH PLAIN", &["auth plain {b:\0alice\0{}}"]),
    way(
        "AUTH PLAIN without padding",
        &["auth plain {n:\0alice\0{}}"],
    ),
    way(
        "AUTH of a mechanism like PLAIN",
        &["auth x-plain {b:\0alice\0{}}"],
    ),
    way(
        "AUTH DIGEST-MD5",
        &["auth digest-md5 {b:username=\"alice\",response={},qop=auth}"],
    ),
    way(
        "AUTH XOAUTH2 in small letters",
        &["auth xoauth2 {b:user=alice\u{1}auth=bearer {}\u{1}\u{1}}"],
    ),
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
    way(
        "the password behind an AUTH that is refused",
        &["auth x login", "alice", "{}"],
    ),
    way(
        "a response after the login",
        &[
            "user alice",
            "pass open sesame",
            "auth x plain",
            "{b:\0alice\0{}}",
        ],
    ),
    way(
        "AUTH LOGIN that is answered by +OK",
        &["auth y login", "{b:alice}", "{b}"],
    ),
    way("what begins with a colon", &["::pass {}"]),
    way(
        ":send with a byte order mark",
        &[r":send \xef\xbb\xbfPASS {}\r\n"],
    ),
    way(
        ":send with an option of telnet",
        &[r":send \xff\xfb\x01PASS {}\r\n"],
    ),
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
    for (mark, engine) in [("{b:", STANDARD), ("{n:", STANDARD_NO_PAD)] {
        if let Some((before, rest)) = filled.split_once(mark) {
            let (inner, behind) = rest.split_once('}').unwrap();
            return format!("{before}{}{behind}", engine.encode(inner));
        }
    }
    filled
}

/// What a server says to a line, where the way wants a certain answer.
fn answer(line: &str) -> Option<&'static str> {
    match line {
        "user alice" | "auth y login" => Some("+OK\r\n"),
        "pass open sesame" => Some("+OK in\r\n"),
        line if line.starts_with("auth x ") => Some("-ERR unknown\r\n"),
        _ => None,
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
fn echoes(secret: &str) -> [String; 15] {
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
        URL_SAFE.encode(format!("\u{3ff}>>~{secret}~>>?")),
        STANDARD.encode(secret.to_ascii_uppercase()),
        STANDARD.encode(secret.to_ascii_lowercase()),
        hexadecimal(secret),
        hexadecimal(secret).to_ascii_uppercase(),
        secret.bytes().map(|octet| format!("&#{octet};")).collect(),
    ]
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|octet| format!("{octet:02x}")).collect()
}

/// Octets with what is referred to by number in them as it is meant (HTML).
fn without_references(octets: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    for part in octets.split_inclusive(|octet| *octet == b';') {
        let start = memchr::memmem::rfind(part, b"&#").unwrap_or(part.len());
        let digits = std::str::from_utf8(&part[start..]).unwrap_or_default();
        let number = digits.trim_start_matches("&#").trim_end_matches(';');
        match number.parse::<u8>() {
            Ok(octet) => plain.extend([&part[..start], &[octet]].concat()),
            Err(_) => plain.extend_from_slice(part),
        }
    }
    plain
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

/// What must not be found in any case: the secret, and its hexadecimal digits; and what its base64
/// has in common at each alignment.
fn needles(secret: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let core = |secret: &str, shift: usize| {
        let text = [&b"\0\0"[..shift], secret.as_bytes()].concat();
        let encoded = STANDARD.encode(&text);
        encoded.as_bytes()[(shift * 8).div_ceil(6)..text.len() * 8 / 6].to_vec()
    };
    let (upper, lower) = (secret.to_ascii_uppercase(), secret.to_ascii_lowercase());
    let forms = [secret, &upper, &lower];
    let cores = forms.map(|form| [core(form, 0), core(form, 1), core(form, 2)]);
    let plain = vec![lower.clone().into_bytes(), hexadecimal(secret).into_bytes()];
    (plain, cores.into_iter().flatten().collect())
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
        if memchr::memmem::find(octets, b"&#").is_some() {
            all.push(without_references(octets));
        }
        for octets in &all {
            self.look_plain(way, place, secret, octets);
        }
    }

    fn look_plain(&mut self, way: &str, place: &str, secret: &str, octets: &[u8]) {
        let lower = octets.to_ascii_lowercase();
        let (plain, cores) = needles(secret);
        for (octets, needles) in [(lower.as_slice(), plain), (octets, cores)] {
            for needle in needles {
                if let Some(at) = memchr::memmem::find(octets, &needle) {
                    let context = &octets[at.saturating_sub(50)..octets.len().min(at + 40)];
                    self.leaks
                        .push(format!("{way}, {place}: {}", context.escape_ascii()));
                }
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
