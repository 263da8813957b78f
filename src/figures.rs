//! Counts and durations as people read them.

/// Returns a count with its thousands apart: `2,000,207`.
#[must_use]
pub fn count(count: u64) -> String {
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

/// Returns a duration in the two units that matter: `1,215 ms`, `12.3 s`, `22 min 31 s`, `2 h 5 min`, `3 d 4 h`.
#[must_use]
pub fn duration(ms: u64) -> String {
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
