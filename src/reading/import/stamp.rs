//! Times as logs write them.

use jiff::Timestamp;

/// Reads `SECONDS.MICROSECONDS ` at the start of a line; returns microseconds since 1970 and what
/// follows.
pub(super) fn unix(line: &[u8]) -> Option<(u64, &[u8])> {
    let dot = line.iter().position(|octet| *octet == b'.')?;
    let blank = line.iter().position(|octet| *octet == b' ')?;
    let seconds = number(line.get(..dot)?, 1..=12)?;
    let micros = number(line.get(dot + 1..blank)?, 6..=6)?;
    let us = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
    Some((us, line.get(blank + 1..)?))
}

/// Reads `HH:MM:SS.MICROSECONDS` at the start of a line: microseconds since midnight, and what
/// follows.
pub(super) fn clock(line: &[u8]) -> Option<(u64, &[u8])> {
    let (stamp, rest) = (line.get(..15)?, line.get(15..)?);
    let [h1, h2, b':', m1, m2, b':', s1, s2, b'.', micros @ ..] = stamp else {
        return None;
    };
    let part = |digits: &[u8]| number(digits, 1..=6);
    let (hours, minutes) = (part(&[*h1, *h2])?, part(&[*m1, *m2])?);
    let seconds = (hours * 60 + minutes) * 60 + part(&[*s1, *s2])?;
    Some((seconds * 1_000_000 + part(micros)?, rest))
}

/// Reads a date and a time in UTC, as in `2026-11-23 08:40:12.123456 UTC` or
/// `2026-11-23T08:40:12Z`, at the start of a line: microseconds since 1970, and what follows.
pub(super) fn date(line: &[u8]) -> Option<(u64, &[u8])> {
    let is_stamp = |octet: &u8| octet.is_ascii_digit() || b"-:. TZ".contains(octet);
    let length = line
        .iter()
        .take(32)
        .take_while(|octet| is_stamp(octet))
        .count();
    let text = std::str::from_utf8(line.get(..length)?).ok()?;
    let text = text.trim_end_matches(['-', ' ']);
    let rest = line.get(text.len()..)?;
    let text = text.trim_end_matches('Z').replacen(' ', "T", 1);
    let stamp: Timestamp = format!("{text}Z").parse().ok()?;
    Some((u64::try_from(stamp.as_microsecond()).ok()?, rest))
}

/// The head `started` for a time in microseconds since 1970, and the second it names.
pub(super) fn started(us: u64) -> Option<(String, u64)> {
    let second = us / 1_000_000;
    let stamp = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
    Some((
        stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        second * 1_000_000,
    ))
}

fn number(digits: &[u8], width: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let is_number = width.contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    /// Microseconds since 1970 or, without a date, since midnight.
    pub(super) us: u64,
    pub(super) has_date: bool,
    pub(super) is_utc: bool,
}

/// Reads a time in any form that logs have: `2026-11-23T08:40:12.123Z`, `2026-11-23 08:40:12,123`,
/// `23/11/2026 08:40:12 AM`, `08:40:12`. Of a date whose order of day and month is not sure only
/// the clock is read.
pub(super) fn any(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let is_utc = text.ends_with('Z') || text.ends_with("UTC");
    let bare = text
        .trim_end_matches("UTC")
        .trim_end()
        .trim_end_matches('Z');
    let bare = bare.replace(',', ".");
    if let Some((date, clock)) = bare.split_once(['T', ' '])
        && date.len() == 10
        && date.as_bytes().get(..4)?.iter().all(u8::is_ascii_digit)
    {
        let date = date.replace(['.', '/'], "-");
        if let Ok(stamp) = format!("{date}T{clock}Z").parse::<Timestamp>() {
            let us = u64::try_from(stamp.as_microsecond()).ok()?;
            return Some(Time {
                us,
                has_date: true,
                is_utc,
            });
        }
    }
    let is_afternoon = bare.ends_with("PM");
    let clock = bare
        .split_ascii_whitespace()
        .rfind(|word| word.contains(':'))?;
    let mut parts = clock.split(':');
    let mut next = |most: u64| {
        let part: u64 = parts.next()?.parse().ok()?;
        (part < most).then_some(part)
    };
    let (hours, minutes) = (next(24)?, next(60)?);
    let hours = if is_afternoon && hours < 12 {
        hours + 12
    } else {
        hours
    };
    let seconds = parts.next().unwrap_or("0");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds: u64 = seconds.parse().ok().filter(|seconds| *seconds < 61)?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros: u64 = digits.parse().ok()?;
    let us = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
    Some(Time {
        us,
        has_date: false,
        is_utc: false,
    })
}

/// Reads a time in front of a line, as `ts` or a terminal's logging puts it there, in brackets or
/// not; returns what follows it.
pub(super) fn front(line: &[u8]) -> Option<(Time, &[u8])> {
    let is_stamp = |octet: &u8| octet.is_ascii_digit() || b"-:.,/[] TZ".contains(octet);
    // The octets of a time may begin what was said (a listing), so that the shortest time counts.
    let most = line
        .iter()
        .take(36)
        .take_while(|octet| is_stamp(octet))
        .count();
    let head = line.get(..most)?;
    let colon = head.iter().position(|octet| *octet == b':')?;
    let clock = head.get(colon..)?;
    let end = clock
        .iter()
        .position(|octet| b" ]".contains(octet))
        .map(|at| at + colon)?;
    let end = end + usize::from(head.get(end) == Some(&b']'));
    let stamp: Vec<u8> = head
        .get(..end)?
        .iter()
        .copied()
        .filter(|octet| !b"[]".contains(octet))
        .collect();
    let time = any(&stamp)?;
    let rest = line.get(end..)?;
    Some((time, rest.strip_prefix(b" ").unwrap_or(rest)))
}
