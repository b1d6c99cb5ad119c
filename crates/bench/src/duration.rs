use std::time::Duration;

use crate::error::{Error, Result};

/// The longest time that is accepted, a week.
const LONGEST_SECONDS: f64 = 604_800.0;

/// Reads `500ms`, `10s` or `2m`; fractions such as `1.5s` are accepted.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = |reason: &str| Error::syntax("duration", text, reason);
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 =
        number.parse().map_err(|_| wrong("write a number and a unit, such as 500ms, 10s or 2m"))?;
    let seconds = match unit {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "" => return Err(wrong("the unit is missing; write ms, s or m behind the number")),
        _ => return Err(wrong("unknown unit; write us, ms, s or m")),
    };
    if seconds > LONGEST_SECONDS {
        return Err(wrong("longer than a week"));
    }
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(parse_duration("250us").unwrap(), Duration::from_micros(250));
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_secs(120));
    }

    #[test]
    fn refusals_name_the_text_and_the_remedy() {
        for (text, part) in [
            ("10", "unit is missing"),
            ("10h", "unknown unit"),
            ("s", "write a number"),
            ("1..5s", "write a number"),
            ("-1s", "write a number"),
            ("9999999s", "longer than a week"),
        ] {
            let message = parse_duration(text).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(text), "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn whole_milliseconds_are_exact(ms in 0_u64..600_000_000) {
            prop_assert_eq!(parse_duration(&format!("{ms}ms")).unwrap(), Duration::from_millis(ms));
        }
    }
}
