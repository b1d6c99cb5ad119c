//! Dates, and lines of machine-readable travel documents.

use super::sums::{Digits, is_date, number};
use crate::recognizer::Verdict;

const MONTHS: u64 = 12;

fn is_year(digits: &[u8]) -> bool {
    match digits.len() {
        2 => true,
        4 => (1880..=2099).contains(&number(digits)),
        _ => false,
    }
}

/// Groups of digits of a date.
fn groups(bytes: &[u8]) -> Vec<Digits> {
    bytes
        .split(|byte| !byte.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .map(Digits::of)
        .collect()
}

/// Dates in digits: the year first, or last after day and month in either order.
pub(crate) fn numeric(bytes: &[u8]) -> Verdict {
    let groups = groups(bytes);
    let groups: Vec<&[u8]> = groups.iter().map(Digits::as_slice).collect();
    let [first, second, third] = groups[..] else { return Verdict::Invalid };
    let exists = |month: &[u8], day: &[u8]| is_date(number(month), number(day));
    let is_day = match first.len() {
        4 => is_year(first) && exists(second, third),
        _ => is_year(third) && (exists(first, second) || exists(second, first)),
    };
    Verdict::plausible(is_day)
}

/// Dates with the name of a month, or with Chinese, Japanese and Korean words for year, month and day:
/// a day and a year.
pub(crate) fn named(bytes: &[u8]) -> Verdict {
    let groups = groups(bytes);
    let groups: Vec<&[u8]> = groups.iter().map(Digits::as_slice).collect();
    let is_day = |day: &[u8]| (1..=31).contains(&number(day));
    let is_valid = match groups[..] {
        [first, second] if first.len() == 4 => is_year(first) && is_day(second),
        [first, second] => is_day(first) && is_year(second),
        [year, month, day] => is_year(year) && (1..=MONTHS).contains(&number(month)) && is_day(day),
        _ => false,
    };
    Verdict::plausible(is_valid)
}

/// The check digit of ICAO Doc 9303, part 3, section 4.9: weights 7, 3, 1; letters from 10 on, `<` is 0.
pub(crate) fn icao_check(field: &[u8], check: u8) -> bool {
    let value = |letter: u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        b'A'..=b'Z' => u32::from(letter - b'A') + 10,
        _ => 0,
    };
    let weights = [7, 3, 1].into_iter().cycle();
    let sum: u32 = field.iter().zip(weights).map(|(letter, weight)| value(*letter) * weight).sum();
    sum % 10 == value(check)
}

/// Machine-readable zone of a passport (ICAO Doc 9303, part 4): the second of two lines of 44, after the
/// line with the names.
pub(crate) fn passport_mrz(bytes: &[u8]) -> Verdict {
    const LINE: usize = 44;
    let Some(start) = bytes.len().checked_sub(LINE) else { return Verdict::Invalid };
    let line = &bytes[start..];
    let number = icao_check(&line[..9], line[9]);
    let born = icao_check(&line[13..19], line[19]);
    let expires = icao_check(&line[21..27], line[27]);
    Verdict::valid(number && born && expires)
}
