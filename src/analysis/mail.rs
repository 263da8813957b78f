//! Decodes a message for reading: headers, MIME parts, text. The result is safe for a terminal,
//! whatever the message contains.

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

use crate::base::escape;

/// The most octets of a message that are decoded.
pub(crate) const DECODED_MAX: usize = 16 * 1024 * 1024;

/// The most multiparts, nested or not, that are decoded: each part takes memory.
const MULTIPARTS_MAX: usize = 1000;

/// The same for pairs of hyphens. A line between parts has one (RFC 2046 §5.1.1), but so do HTML
/// comments and rulers. The content of a message in base64 is not counted (RFC 2046 §5.2.1 forbids
/// such an encoding): there [`DECODED_MAX`] is the limit, and at most 480 MiB of memory were seen.
const HYPHENS_MAX: usize = 100_000;

const PARTS_MAX: usize = 100;

/// The depth to which messages within messages are shown.
const DEPTH_MAX: usize = 5;

/// Returns the message as text for people: the usual headers, the parts if there are several, and
/// the text.
///
/// `message` has the octets as the sender made them, not stuffed; at most [`DECODED_MAX`] of them
/// are decoded.
#[must_use]
pub fn readable(message: &[u8]) -> String {
    let start = start(message);
    let looked_at = start.octets;
    let mut text = String::new();
    if let Some(parsed) = MessageParser::default().parse(looked_at) {
        whole(&parsed, 0, &mut text);
    } else {
        text.push_str("(this is not a mail message; shown unchanged:)\n\n");
        lines(&String::from_utf8_lossy(looked_at), &mut text);
    }
    if let Some(why) = start.cut {
        text.push_str(&format!(
            "\n(only the first {} octets were decoded: {why})\n",
            looked_at.len()
        ));
    }
    text
}

struct MessageStart<'m> {
    octets: &'m [u8],
    /// Why it is not the whole message; None if it is.
    cut: Option<&'static str>,
}

fn start(message: &[u8]) -> MessageStart<'_> {
    let within = message.get(..DECODED_MAX).unwrap_or(message);
    let multipart = regex::bytes::Regex::new("(?i-u)boundary").ok();
    let multipart = multipart.and_then(|word| {
        word.find_iter(within)
            .nth(MULTIPARTS_MAX)
            .map(|found| found.start())
    });
    let hyphens = memchr::memmem::find_iter(within, "--").nth(HYPHENS_MAX);
    let cuts = [
        (multipart, "the message has too many multiparts"),
        (hyphens, "the message has too many parts"),
        (
            (within.len() < message.len()).then_some(within.len()),
            "the message is too long",
        ),
    ];
    let cut = cuts.into_iter().filter_map(|(at, why)| Some((at?, why)));
    let cut = cut.min_by_key(|(at, _)| *at);
    let octets = cut.and_then(|(at, _)| within.get(..at)).unwrap_or(within);
    MessageStart {
        octets,
        cut: cut.map(|(_, why)| why),
    }
}

/// Returns the content of the part with this number (as [`readable`] counts them), decoded; None if
/// there is no such part.
#[must_use]
pub fn part(message: &[u8], number: usize) -> Option<Vec<u8>> {
    let looked_at = start(message).octets;
    let parsed = MessageParser::default().parse(looked_at)?;
    let part = parsed.parts.get(number)?;
    (!matches!(part.body, PartType::Multipart(_))).then(|| part.contents().to_vec())
}

/// Writes a message, and then the messages inside it.
fn whole(message: &Message<'_>, depth: usize, text: &mut String) {
    headers(message, text);
    parts(message, text);
    text.push('\n');
    body(message, text);
    for (number, part) in message.parts.iter().enumerate().take(PARTS_MAX) {
        if let PartType::Message(inside) = &part.body
            && depth < DEPTH_MAX
        {
            text.push_str(&format!("\n(part {number}, a message:)\n"));
            whole(inside, depth + 1, text);
        }
    }
}

fn headers(message: &Message<'_>, text: &mut String) {
    let people = [
        ("From", message.from()),
        ("To", message.to()),
        ("Cc", message.cc()),
    ];
    for (name, address) in people {
        if let Some(address) = address {
            header(name, &addresses(address), text);
        }
    }
    header(
        "Date",
        &message
            .date()
            .map(mail_parser::DateTime::to_rfc822)
            .unwrap_or_default(),
        text,
    );
    header("Subject", message.subject().unwrap_or_default(), text);
}

fn header(name: &str, value: &str, text: &mut String) {
    if !value.is_empty() {
        text.push_str(&format!("{name:<8} "));
        escape::escape(value.as_bytes(), text);
        text.push('\n');
    }
}

fn addresses(address: &Address<'_>) -> String {
    let all: Vec<String> = address
        .iter()
        .map(|one| match (one.name(), one.address()) {
            // RFC 5322 §3.2.4: such a name needs quotes, or it would be read as several.
            (Some(name), Some(address)) if name.contains(['"', ',', ';', '<', '>', '@']) => {
                let quoted = name.replace('\\', r"\\").replace('"', "\\\"");
                format!("\"{quoted}\" <{address}>")
            }
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (name, address) => name.or(address).unwrap_or_default().to_owned(),
        })
        .collect();
    all.join(", ")
}

/// Lists the parts of a message that has several: number, type, name, octets.
fn parts(message: &Message<'_>, text: &mut String) {
    if message.parts.len() < 2 {
        return;
    }
    for (number, part) in message.parts.iter().enumerate().take(PARTS_MAX) {
        let kind = part.content_type().map_or_else(
            // RFC 2046 §5.1.5: within a digest a part is a message unless it says otherwise.
            || {
                match part.body {
                    PartType::Message(_) => "message/rfc822",
                    _ => "text/plain",
                }
                .to_owned()
            },
            |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("?")),
        );
        let size = if matches!(part.body, PartType::Multipart(_)) {
            String::new()
        } else {
            format!(", {} octets", part.contents().len())
        };
        let name = part
            .attachment_name()
            .map(|name| format!(", `{name}`"))
            .unwrap_or_default();
        header("Part", &format!("{number} {kind}{name}{size}"), text);
    }
    if message.parts.len() > PARTS_MAX {
        text.push_str("(and more parts)\n");
    }
}

fn body(message: &Message<'_>, text: &mut String) {
    match message.body_text(0) {
        Some(body) if !body.trim().is_empty() => {
            let is_html = message.text_body.first().is_some_and(|first| {
                let part = message.part(*first);
                part.is_some_and(|part| matches!(part.body, PartType::Html(_)))
            });
            if is_html {
                text.push_str("(HTML only, as text:)\n");
            }
            lines(&body, text);
        }
        _ if message.parts.len() > 1 => {
            text.push_str("(no text; `:save N.PART FILE` saves a part)\n");
        }
        _ => text.push_str("(no text)\n"),
    }
}

fn lines(body: &str, text: &mut String) {
    for line in body.lines() {
        escape::escape(line.as_bytes(), text);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{DECODED_MAX, part, readable, start};

    #[test]
    fn headers_text_and_parts_are_decoded() {
        let mail = "From: =?iso-8859-1?Q?J=F6rg?= <joerg@example.org>\r\nTo: alice@example.org\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\
            MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nF=C3=BCr dich\r\n--b\r\nContent-Type: image/png\r\n\
            Content-Disposition: attachment; filename*=utf-8''bild%20%E2%82%AC.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
        let text = readable(mail.as_bytes());
        for wanted in [
            "From     Jörg <joerg@example.org>",
            "Subject  Grüße",
            "Für dich",
            "image/png, `bild €.png`, 3 octets",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        assert_eq!(
            part(mail.as_bytes(), 2).as_deref(),
            Some(&b"\0\x01\x02"[..])
        );
        assert_eq!(part(mail.as_bytes(), 0), None);
        assert_eq!(part(mail.as_bytes(), 9), None);
    }

    #[test]
    fn html_is_read_as_text_and_escapes_are_only_seen() {
        let mail = "Subject: \x1b]0;x\x07\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>you</b></p>\x1b[2J\u{202e}\r\n";
        let text = readable(mail.as_bytes());
        assert!(
            text.contains("Hello you") && !text.contains("<b>"),
            "{text}"
        );
        assert!(
            !text
                .replace('\n', "")
                .contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
    }

    #[test]
    fn what_is_no_mail_and_what_is_deep_do_no_harm() {
        assert!(readable(b"").contains("not a mail message"));
        assert!(readable(b"\xff\xfe\x00").ends_with('\n'));
        let deep: String = (0..1000)
            .map(|level| {
                format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
            })
            .collect();
        assert!(readable(deep.as_bytes()).contains("Part"));
    }

    #[test]
    fn of_a_message_with_too_many_parts_only_the_start_is_decoded() {
        let multipart = "Content-Type: multipart/mixed; Boundary=b\r\n\r\n--b\r\n";
        let parts = format!("{multipart}{}", "\r\n--b\r\n".repeat(200_000));
        for (mail, why) in [
            (multipart.repeat(200_000), "too many multiparts"),
            (parts, "too many parts"),
            ("-".repeat(1 << 20), "too many parts"),
            ("x\r\n".repeat(DECODED_MAX / 2), "too long"),
        ] {
            let text = readable(mail.as_bytes());
            assert!(text.len() < mail.len() + 1000);
            assert!(text.trim_end().ends_with(&format!("{why})")), "{why}");
            let decoded = start(mail.as_bytes()).octets.len();
            assert!(decoded <= DECODED_MAX && decoded < mail.len());
        }
        assert!(start(b"--b\r\n\r\nboundary").cut.is_none());
    }
}
