//! What kind an event is, as its start says, and the time at its end.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EventKind {
    Connected,
    NotConnected,
    /// TLS is on; what follows is inside it.
    TlsStarted,
    TlsFailed,
    /// The server sent octets between its `+OK` to STLS and the handshake; the rows that follow
    /// hold them.
    Injected,
    /// A secret that was hidden in the row before was malformed.
    Malformed,
    /// A reply was awaited, and nothing came for this long.
    TimedOut,
    Closed,
    Lost,
    /// Unknown; kept.
    Other,
}

/// How the text of each kind begins; the first that fits counts.
pub(super) const STARTS: &[(&str, EventKind)] = &[
    ("connected ", EventKind::Connected),
    ("no address for ", EventKind::NotConnected),
    ("could not connect to ", EventKind::NotConnected),
    ("tls failed", EventKind::TlsFailed),
    ("tls ", EventKind::TlsStarted),
    ("injected ", EventKind::Injected),
    ("malformed ", EventKind::Malformed),
    ("timeout", EventKind::TimedOut),
    ("closed by ", EventKind::Closed),
    ("connection lost", EventKind::Lost),
];

impl EventKind {
    pub(crate) fn of(text: &str) -> Self {
        let start = STARTS.iter().find(|(start, _)| text.starts_with(start));
        start.map_or(Self::Other, |(_, kind)| *kind)
    }

    /// Whether an event of this kind has a time.
    ///
    /// The time of a handshake separates what the server needed from what the client did
    /// afterwards. Its text ends in words of the server (the subject of a certificate), so that the
    /// time is always written after it: the server cannot forge one.
    pub(crate) fn is_timed(self) -> bool {
        matches!(self, Self::TlsStarted | Self::TlsFailed)
    }
}

/// Returns the text of an event (escaped, as in the file) with its time, where its kind has one.
///
/// The time comes last, so that a reader that does not know it still finds the kind at the start.
pub(crate) fn with_time(text: &str, after_ms: u64) -> String {
    match EventKind::of(text).is_timed() {
        true => format!("{text} @{after_ms}"),
        false => text.to_owned(),
    }
}

/// Returns the text of an event whose time is not known; an end that looks like one is escaped.
pub(crate) fn without_time(text: &str) -> String {
    match split_time(text) {
        (before, Some(_)) => text.replacen(" @", " \\x40", before.matches(" @").count() + 1),
        (_, None) => text.to_owned(),
    }
}

/// Splits the text of an event as [`with_time`] put it together: the text, and the milliseconds
/// since the row before.
pub(crate) fn split_time(text: &str) -> (&str, Option<u64>) {
    let found = text.rsplit_once(" @").filter(|(before, digits)| {
        EventKind::of(before).is_timed() && digits.bytes().all(|octet| octet.is_ascii_digit())
    });
    match found.and_then(|(before, digits)| Some((before, digits.parse().ok()?))) {
        Some((before, after_ms)) => (before, Some(after_ms)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_start_of_the_text_says_the_kind() {
        for (text, kind) in [
            ("connected 192.0.2.1:110", EventKind::Connected),
            ("connected upstream 192.0.2.1:110", EventKind::Connected),
            ("tls TLSv1.3 X verified CN=a @12", EventKind::TlsStarted),
            ("tls failed: expired @7", EventKind::TlsFailed),
            ("malformed response: not base64", EventKind::Malformed),
            ("timeout after 30 s", EventKind::TimedOut),
            ("upstream tls TLSv1.3", EventKind::Other),
            ("", EventKind::Other),
        ] {
            assert_eq!(EventKind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_time_is_read_only_where_the_kind_has_one() {
        for (text, want) in [
            (
                "tls TLSv1.3 X verified CN=a @12",
                ("tls TLSv1.3 X verified CN=a", Some(12)),
            ),
            ("tls failed: expired @0", ("tls failed: expired", Some(0))),
            (
                "tls TLSv1.3 X verified CN=a",
                ("tls TLSv1.3 X verified CN=a", None),
            ),
            ("tls v CN=a @12 @7", ("tls v CN=a @12", Some(7))),
            ("tls v CN=a @", ("tls v CN=a @", None)),
            ("tls v CN=a @-1", ("tls v CN=a @-1", None)),
            (
                "tls v @99999999999999999999",
                ("tls v @99999999999999999999", None),
            ),
            ("upstream S: +OK @12", ("upstream S: +OK @12", None)),
            ("closed by server @12", ("closed by server @12", None)),
        ] {
            assert_eq!(split_time(text), want, "{text}");
        }
    }

    /// Text of an event, known kinds and others, with ends that look like times.
    fn text() -> impl Strategy<Value = String> {
        let starts: Vec<&str> = STARTS.iter().map(|(start, _)| *start).collect();
        let start = prop_oneof![
            proptest::sample::select(starts).prop_map(str::to_owned),
            "[a-z ]{0,6}"
        ];
        (start, "[ -~]{0,12}", "( @[0-9]{0,21})?").prop_map(|(a, b, c)| format!("{a}{b}{c}"))
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_as_the_same(text in text(), after_ms: u64) {
            let printed = with_time(&text, after_ms);
            let (read, time) = split_time(&printed);
            prop_assert_eq!(EventKind::of(&printed), EventKind::of(&text));
            match EventKind::of(&text).is_timed() {
                true => prop_assert_eq!((read, time), (text.as_str(), Some(after_ms))),
                false => prop_assert_eq!((printed.as_str(), time), (text.as_str(), None)),
            }
        }

        #[test]
        fn without_a_time_none_is_read(text in text()) {
            let printed = without_time(&text);
            prop_assert_eq!(split_time(&printed), (printed.as_str(), None));
        }

        #[test]
        fn what_is_parsed_is_printed_as_the_same(text in text()) {
            let (read, time) = split_time(&text);
            match time {
                // A file made by hand may have leading zeros.
                Some(ms) if text.ends_with(&format!(" @{ms}")) => {
                    prop_assert_eq!(with_time(read, ms), text.clone());
                }
                Some(_) => {}
                None => prop_assert_eq!(read, text.as_str()),
            }
        }
    }
}
