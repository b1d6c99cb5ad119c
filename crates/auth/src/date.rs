//! Dates as TOML has them (RFC 3339), on the clock.

use std::time::{Duration, SystemTime};

use toml::value::{Datetime, Offset};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The moment of a date that has a time and an offset; without them it is none.
pub(crate) fn moment(date: &Datetime) -> Option<SystemTime> {
    let (day, time) = (date.date?, date.time?);
    let offset = match date.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * MINUTE,
    };
    let in_day = (i64::from(time.hour) * 60 + i64::from(time.minute)) * MINUTE
        + i64::from(time.second.unwrap_or(0));
    let days = days_since_1970(day.year.into(), day.month.into(), day.day.into());
    let seconds = days * DAY + in_day - offset;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    }
}

/// Days from 1 January 1970 in the Gregorian calendar. Years begin in March here: so the leap day
/// is the last one of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + before_month + day - 719_469
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::prelude::*;

    use super::{Datetime, Duration, SystemTime, days_since_1970, moment};

    #[test]
    fn dates_are_those_of_the_date_command() {
        let seconds = |text: &str| {
            let date: Datetime = text.parse().unwrap();
            moment(&date).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2000-02-29T12:00:00Z"), 951_825_600);
        assert_eq!(seconds("2026-11-26T03:00:00+01:00"), 1_795_658_400);
        assert_eq!(seconds("2026-11-25T21:00:00.5-05:00"), 1_795_658_400);
        assert_eq!(seconds("9999-12-31T23:59:59Z"), 253_402_300_799);
        let before: Datetime = "1969-12-31T23:59:00Z".parse().unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(moment(&before).unwrap() + minute, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn a_date_without_an_offset_is_no_moment() {
        for text in ["2026-11-26T03:00:00", "2026-11-26", "03:00:00"] {
            assert_eq!(moment(&text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn four_hundred_years_have_their_days() {
        assert_eq!(days_since_1970(2370, 1, 1), 146_097);
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(year in 0_i64..9999, month in 1_i64..13) {
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let first = days_since_1970(year, month, 1);
            prop_assert_eq!(days_since_1970(year, month, length), first + length - 1);
            prop_assert_eq!(days_since_1970(next.0, next.1, 1), first + length);
        }
    }
}
