//! Dates of TOML files (RFC 3339) as points in time.

use std::time::SystemTime;

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml::value::{Datetime, Offset};

/// `None` unless `date` has a date, a time of day and an offset.
pub(crate) fn system_time(date: &Datetime) -> Option<SystemTime> {
    let (day, time) = (date.date?, date.time?);
    let offset = match date.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i32::from(minutes) * 60,
    };
    let month = Month::try_from(day.month).ok()?;
    let day = Date::from_calendar_date(day.year.into(), month, day.day).ok()?;
    // TOML has leap seconds; clocks do not count them.
    let second = time.second.unwrap_or(0).min(59);
    let time =
        Time::from_hms_nano(time.hour, time.minute, second, time.nanosecond.unwrap_or(0)).ok()?;
    let offset = UtcOffset::from_whole_seconds(offset).ok()?;
    Some(OffsetDateTime::new_in_offset(day, time, offset).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Datetime, SystemTime, system_time};

    #[test]
    fn dates_are_those_of_the_date_command() {
        let seconds = |text: &str| {
            let date: Datetime = text.parse().unwrap();
            system_time(&date).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2000-02-29T12:00:00Z"), 951_825_600);
        assert_eq!(seconds("2026-11-26T03:00:00+01:00"), 1_795_658_400);
        assert_eq!(seconds("2026-11-25T21:00:00.5-05:00"), 1_795_658_400);
        assert_eq!(seconds("2016-12-31T23:59:60Z"), 1_483_228_799);
        assert_eq!(seconds("9999-12-31T23:59:59Z"), 253_402_300_799);
        let before: Datetime = "1969-12-31T23:59:00Z".parse().unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(system_time(&before).unwrap() + minute, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn a_date_without_an_offset_is_no_point_in_time() {
        for text in ["2026-11-26T03:00:00", "2026-11-26", "03:00:00"] {
            assert_eq!(system_time(&text.parse().unwrap()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_date_of_toml_panics(
            (year, month, day) in (0_u16..=9999, 1_u8..=12, 1_u8..=31),
            (hour, minute, second) in (0_u8..24, 0_u8..60, 0_u8..=60),
            (sign, hours, minutes) in ("[+-]", 0_u8..24, 0_u8..60),
        ) {
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}\
                 {sign}{hours:02}:{minutes:02}"
            );
            if let Ok(date) = text.parse::<Datetime>() {
                prop_assert!(system_time(&date).is_some(), "{}", text);
            }
        }
    }
}
