//! The texts after `+OK` and `-ERR`, in the languages that LANG offers (RFC 6856 §3).

use std::fmt::Display;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// The supported languages: the tag, and the name in the language itself.
    pub(super) const ALL: [(Self, &str, &str); 2] = [
        (Self::English, "en", "English"),
        (Self::German, "de", "Deutsch"),
    ];

    /// The language for a range such as `de`, `de-CH` or `*`, with its tag (RFC 4647 §3.4: the
    /// range loses its last part until it is a supported tag).
    pub(super) fn matching(range: &[u8]) -> Option<(Self, &'static str)> {
        let preferred = Self::ALL
            .first()
            .map(|(language, tag, _)| (*language, *tag));
        if range == b"*" {
            return preferred;
        }
        let mut range = range;
        loop {
            let found = Self::ALL
                .iter()
                .find(|(_, tag, _)| tag.as_bytes().eq_ignore_ascii_case(range));
            if let Some((language, tag, _)) = found {
                return Some((*language, *tag));
            }
            range = range.get(..memchr::memrchr(b'-', range)?)?;
        }
    }
}

/// A text in every language; `{}` is a hole for a value.
pub(super) struct Text {
    en: &'static str,
    de: &'static str,
}

impl Text {
    const fn new(en: &'static str, de: &'static str) -> Self {
        Self { en, de }
    }

    /// The text in a language, with the holes filled in order.
    pub(super) fn filled(&self, language: Language, values: &[&dyn Display]) -> String {
        let text = match language {
            Language::English => self.en,
            Language::German => self.de,
        };
        let mut values = values.iter();
        let mut filled = String::new();
        for (index, part) in text.split("{}").enumerate() {
            if let Some(value) = (index > 0).then(|| values.next()).flatten() {
                filled.push_str(&value.to_string());
            }
            filled.push_str(part);
        }
        filled
    }
}

macro_rules! texts {
    ($($name:ident = $en:literal, $de:literal;)*) => {
        $(pub(super) const $name: Text = Text::new($en, $de);)*
        #[cfg(test)]
        const ALL: &[&Text] = &[$(&$name),*];
    };
}

texts! {
    GREETING = "poptalk practice server ready {}", "poptalk-Übungsserver bereit {}";

    SEND_PASS = "send PASS", "jetzt PASS senden";
    SEND_USER_FIRST = "send USER first, then PASS", "zuerst USER; PASS kommt gleich danach";
    WRONG_LOGIN = "wrong name or password", "Name oder Passwort falsch";
    NOT_UTF8 = "a name must be UTF-8", "ein Name ist UTF-8";
    IN_USE = "another session holds this maildrop; QUIT there, or wait",
        "eine andere Sitzung hält dieses Postfach; dort QUIT, oder warten";
    UNREADABLE = "the maildrop cannot be read at the moment", "das Postfach ist zur Zeit nicht lesbar";
    NOT_REMOVED = "some deleted messages not removed", "nicht alle gelöschten Nachrichten wurden entfernt";
    LOG_IN_FIRST = "log in first: USER, then PASS", "zuerst anmelden: USER, dann PASS";
    LOGGED_IN_ALREADY = "you are already logged in; this command comes before login",
        "schon angemeldet; dieser Befehl kommt vor der Anmeldung";

    ONE_MESSAGE = "1 message ({} octets)", "1 Nachricht ({} Oktette)";
    MESSAGES = "{} messages ({} octets)", "{} Nachrichten ({} Oktette)";
    OCTETS = "{} octets", "{} Oktette";
    TOP_FOLLOWS = "the top of message {} follows", "der Anfang von Nachricht {} folgt";
    UNIQUE_IDS_FOLLOW = "unique-ids follow", "es folgen die Unique-IDs";
    DELETED = "message {} deleted", "Nachricht {} gelöscht";
    STILL_HERE = "still here", "noch da";
    BYE = "bye", "bis bald";
    ONE_LEFT = "1 message left", "noch 1 Nachricht";
    LEFT = "{} messages left", "noch {} Nachrichten";

    NO_SUCH_MESSAGE = "no such message", "keine solche Nachricht";
    DELETED_MESSAGE = "message {} is marked as deleted; RSET removes the marks",
        "Nachricht {} ist als gelöscht markiert; RSET nimmt die Marken weg";
    MESSAGE_UNREADABLE = "message {} cannot be read: it was removed or changed since login, or the disk has failed",
        "Nachricht {} ist jetzt nicht lesbar: seit der Anmeldung entfernt oder geändert, oder die Platte macht Ärger";
    NOT_A_NUMBER = "a number consists of digits only", "eine Zahl hat nur Ziffern";

    CAPABILITIES_FOLLOW = "capabilities follow", "es folgen die Fähigkeiten";
    UTF8_ON = "UTF-8 from here on", "ab hier UTF-8";
    LANGUAGES_FOLLOW = "languages follow", "es folgen die Sprachen";
    LANGUAGE_CHANGED = "{} English from here on", "{} ab hier Deutsch, für alle Antworten";
    NO_SUCH_LANGUAGE = "no such language; LANG alone lists them", "keine solche Sprache; LANG allein zählt sie auf";

    BEGIN_TLS = "begin the TLS handshake", "bitte mit dem TLS-Handshake beginnen";
    NO_TLS = "this server has no TLS", "dieser Server hat kein TLS";
    TLS_IS_ON = "TLS is on already", "TLS ist schon an";
    STLS_AFTER_UTF8 = "STLS comes before UTF8", "STLS kommt vor UTF8";
    INJECTED = "data followed STLS before TLS was on: closing",
        "hinter STLS kam etwas, bevor TLS an war: Ende";

    UNKNOWN = "unknown command; CAPA lists the capabilities", "unbekannter Befehl; CAPA sagt, was es gibt";
    HELP_IS_FOREIGN = "unknown command (HELP is not POP3; CAPA lists the capabilities, and poptalk helps with ?)",
        "unbekannter Befehl (HELP ist nicht POP3; CAPA sagt, was es gibt, und in poptalk hilft ?)";
    STARTTLS_IS_FOREIGN = "unknown command (the POP3 command is STLS)", "unbekannter Befehl (in POP3 heißt er STLS)";
    MECHANISMS_FOLLOW = "mechanisms follow", "es folgen die Mechanismen";
    NO_SUCH_MECHANISM = "no such mechanism; SASL in CAPA lists them", "kein solcher Mechanismus; SASL in CAPA zählt sie auf";
    MECHANISM_NEEDS_TLS = "{} would send the secret in cleartext; send STLS first",
        "{} verrät das Geheimnis dem, der mithört; zuerst STLS";
    NOT_BASE64 = "this is not base64", "das ist kein Base64";
    CANCELLED = "cancelled", "abgebrochen";
    BROKEN_EXCHANGE = "not understood: {}", "nicht verstanden: {}";
    REFUSED_AS_LATE = "this account may log in only every {} seconds; too soon",
        "dieses Konto darf sich alle {} Sekunden anmelden; zu früh";
    REFUSED_AS_ILL = "this account's disk does not respond; try again later",
        "die Platte dieses Kontos antwortet nicht; später noch einmal";
    REFUSED_AS_CLOSED = "this account is closed; ask the postmaster",
        "dieses Konto ist geschlossen; bitte den Postmaster fragen";
    EMPTY = "an empty line is not a command", "eine leere Zeile ist kein Befehl";
    SPACE_FIRST = "a command starts with its verb; remove the space before it",
        "ein Befehl beginnt mit seinem Wort; das Leerzeichen davor muss weg";
    SYNTAX = "the syntax is: {}", "die Syntax ist: {}";
    TOO_LONG = "a command line has at most {} octets; the rest was dropped",
        "eine Befehlszeile hat höchstens {} Oktette; der Rest fiel weg";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_the_same_holes_in_every_language_and_fits_a_status_line() {
        for text in ALL {
            assert_eq!(text.en.matches("{}").count(), text.de.matches("{}").count());
            assert!(text.en.is_ascii(), "before LANG all is ASCII: {}", text.en);
            assert!(text.en.len().max(text.de.len()) < 200);
            for text in [text.en, text.de] {
                assert!(!text.starts_with('['), "looks like a response code: {text}");
                assert!(!text.contains(char::is_control));
            }
        }
    }

    #[test]
    fn every_text_is_explained_in_every_language() {
        use crate::analysis::explain::{ExplainContext, explain};
        for text in ALL {
            for (language, tag, _) in Language::ALL {
                let first: &dyn Display = match text.en {
                    en if en.starts_with("{} tells") => &"PLAIN",
                    en if en.starts_with("{} English") => &tag,
                    en if en.ends_with("ready {}") => &"<1896.697170952@practice.example>",
                    en if en.ends_with(": {}") => &"PLAIN is: NUL, name, NUL, password",
                    _ => &17,
                };
                let text = text.filled(language, &[first, &320]);
                let known = ["+OK", "-ERR"].into_iter().filter(|status| {
                    let explained =
                        explain(&format!("{status} {text}"), &ExplainContext::default());
                    let shown = explained.text(80);
                    explained.is_known
                        && !shown.contains("doesn't know")
                        && !shown.contains("often mean")
                });
                assert!(known.count() > 0, "{text}");
            }
        }
    }

    #[test]
    fn a_range_finds_its_language() {
        let tag = |range: &[u8]| Language::matching(range).map(|(_, tag)| tag);
        assert_eq!(tag(b"de"), Some("de"));
        assert_eq!(tag(b"DE-ch-1996"), Some("de"));
        assert_eq!(tag(b"*"), Some("en"));
        assert_eq!(tag(b"fr"), None);
        assert_eq!(tag(b"den"), None);
        assert_eq!(tag(b"-"), None);
        assert_eq!(tag(b"\xff-\xff"), None);
    }
}
