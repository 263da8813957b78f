//! Counts, sizes and durations as people read them.

/// Returns a count with grouped thousands: `2,000,207`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a number of octets in the largest unit that it is a multiple of: `4 GiB`, `64 MiB`,
/// `1,500 octets`.
pub(crate) fn size(octets: u64) -> String {
    let unit = UNITS.iter().rev();
    let unit = unit.map(|(letter, shift)| (letter, 1_u64 << shift));
    let mut unit = unit.filter(|(_, unit)| octets >= *unit && octets.is_multiple_of(*unit));
    match unit.next() {
        Some((letter, unit)) => format!("{} {letter}iB", count(octets / unit)),
        None if octets == 1 => "1 octet".to_owned(),
        None => format!("{} octets", count(octets)),
    }
}

/// Reads a number of octets: digits, and K, M, G or T for KiB, MiB, GiB or TiB.
///
/// Errors: it is not such a number, or not above zero.
pub(crate) fn read_size(text: &str) -> Result<u64, &'static str> {
    let of_letter = |letter: char| {
        let letter = letter.to_ascii_uppercase();
        UNITS.iter().find(|(unit, _)| *unit == letter)
    };
    let (digits, shift) = match text.chars().last().and_then(of_letter) {
        Some((letter, shift)) => (text.get(..text.len() - letter.len_utf8()), *shift),
        None => (Some(text), 0),
    };
    let digits = digits.filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
    let octets = digits
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(1 << shift));
    match octets {
        Some(octets @ 1..) => Ok(octets),
        _ => Err("give a number of octets above zero, such as 500M or 4G"),
    }
}

const UNITS: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];

/// Returns a duration in the two units that matter: `1,215 ms`, `12.3 s`, `22 min 31 s`, `2 h 5
/// min`, `3 d 4 h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match ms {
        0..10_000 => format!("{} ms", count(ms)),
        10_000..60_000 => format!("{seconds}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", count(hours / 24), hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, want) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (2_000_207, "2,000,207"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), want);
        }
    }

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for (text, octets, written) in [
            ("1", 1, "1 octet"),
            ("1500", 1500, "1,500 octets"),
            ("1536K", 1536 << 10, "1,536 KiB"),
            ("64m", 64 << 20, "64 MiB"),
            ("4G", 4 << 30, "4 GiB"),
            ("16383T", 16383 << 40, "16,383 TiB"),
        ] {
            assert_eq!(read_size(text), Ok(octets), "{text}");
            assert_eq!(size(octets), written);
        }
        for text in [
            "",
            "0",
            "G",
            "-1",
            "+1",
            "1.5G",
            "4GB",
            "4 G",
            "é",
            "0K",
            "16777216T",
        ] {
            assert!(read_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_has_the_units_that_matter() {
        for (ms, want) in [
            (0, "0 ms"),
            (1215, "1,215 ms"),
            (9999, "9,999 ms"),
            (12_399, "12.3 s"),
            (59_999, "59.9 s"),
            (1_350_991, "22 min 30 s"),
            (7_500_000, "2 h 5 min"),
            (90_000_000, "1 d 1 h"),
            (u64::MAX, "213,503,982,334 d 14 h"),
        ] {
            assert_eq!(duration(ms), want);
        }
    }
}
