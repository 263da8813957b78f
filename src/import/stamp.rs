//! Times as logs write them.

use jiff::Timestamp;

/// Reads `SECONDS.MICROSECONDS ` at the start of a line; returns microseconds since 1970 and what stands behind.
pub(super) fn unix(line: &[u8]) -> Option<(u64, &[u8])> {
    let dot = line.iter().position(|octet| *octet == b'.')?;
    let blank = line.iter().position(|octet| *octet == b' ')?;
    let seconds = number(line.get(..dot)?, 1..=12)?;
    let micros = number(line.get(dot + 1..blank)?, 6..=6)?;
    let us = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
    Some((us, line.get(blank + 1..)?))
}

/// Reads `HH:MM:SS.MICROSECONDS` at the start of a line: microseconds since midnight, and what stands behind.
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

/// Reads a date and a time in UTC, as in `2026-11-23 08:40:12.123456 UTC` or `2026-11-23T08:40:12Z`, at the start of a line:
/// microseconds since 1970, and what stands behind.
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
