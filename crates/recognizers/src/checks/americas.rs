//! Identifiers of the Americas.

use super::sums::{Digits, Letters, is_date, luhn, number, repeats, weighted};
use crate::recognizer::Verdict;

/// Numbers of the Social Security Administration that were never assigned, or published in error.
const PUBLISHED_SSN: [u64; 3] = [78_051_120, 219_099_999, 457_555_462];

/// US Social Security number: areas, groups and serials that are assigned (SSA, POMS RM 10201.035).
pub(crate) fn us_ssn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    let assigned = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    Verdict::plausible(assigned && !repeats(&digits) && !PUBLISHED_SSN.contains(&number(&digits)))
}

/// US individual taxpayer identification number (IRS, Publication 1915).
pub(crate) fn us_itin(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let group = number(&digits[3..5]);
    let assigned = matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    Verdict::plausible(digits[0] == 9 && assigned)
}

/// US employer identification number: prefixes that the IRS assigns.
pub(crate) fn us_ein(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let prefix = number(&digits[..2]);
    let unassigned = matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89);
    Verdict::plausible(!unassigned && !matches!(prefix, 96 | 97))
}

/// US National Provider Identifier (45 CFR 162.406): Luhn's sum with the prefix 80840.
pub(crate) fn us_npi(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let mut card = [8, 0, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    card[5..].copy_from_slice(&digits);
    Verdict::valid(matches!(digits[0], 1 | 2) && luhn(&card))
}

/// US DEA registration number (21 CFR 1301): two letters and seven digits, the last a check digit.
pub(crate) fn us_dea(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<7>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[1, 2, 1, 2, 1, 2]);
    Verdict::valid(!repeats(&digits) && sum % 10 == u32::from(digits[6]))
}

/// Canadian Social Insurance Number.
pub(crate) fn ca_sin(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<9>(bytes);
    let is_valid = |digits: [u8; 9]| !matches!(digits[0], 0 | 8) && luhn(&digits);
    Verdict::valid(digits.is_some_and(|digits| !repeats(&digits) && is_valid(digits)))
}

/// Brazilian check digit: the remainder of 11 that is left, or 0.
fn brazilian(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

/// Brazilian individual taxpayer number (Receita Federal).
pub(crate) fn br_cpf(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let first = brazilian(weighted(&digits[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = brazilian(weighted(&digits[..10], &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]));
    let checks = [u32::from(digits[9]), u32::from(digits[10])];
    Verdict::valid(!repeats(&digits) && checks == [first, second])
}

/// Brazilian company number. Since July 2026 its first twelve places may be letters, which count as
/// their ASCII code less 48 (Receita Federal, IN RFB 2.229/2024).
pub(crate) fn br_cnpj(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Ok(letters) = <[u8; 14]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    let values = letters.map(|letter| letter - b'0');
    let first = brazilian(weighted(&values[..12], &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = brazilian(weighted(&values[..13], &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    let checks = [u32::from(values[12]), u32::from(values[13])];
    Verdict::valid(!repeats(&values) && checks == [first, second])
}

/// Argentine tax number (CUIT, CUIL).
pub(crate) fn ar_cuit(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let kind = matches!(number(&digits[..2]), 20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34);
    let sum = weighted(&digits[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    Verdict::valid(kind && (11 - sum % 11) % 11 == u32::from(digits[10]))
}

/// Chilean national number: weights 2 to 7 from the right, modulo 11, `K` is 10.
pub(crate) fn cl_rut(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Some((check, rest)) = letters.as_slice().split_last() else { return Verdict::Invalid };
    let digits = Digits::of(rest);
    let weights = [2, 3, 4, 5, 6, 7].into_iter().cycle();
    let sum: u32 = digits
        .as_slice()
        .iter()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        digit => digit as u8 + b'0',
    };
    Verdict::valid(
        digits.as_slice().len() >= 7 && !repeats(digits.as_slice()) && *check == expected,
    )
}

/// Mexican population registry code: a date, and a check digit over letters and digits, among which `Ñ`
/// follows `N` (Segob, Instructivo normativo CURP).
pub(crate) fn mx_curp(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Ok(letters) = <[u8; 18]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    let value = |letter: u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        b'A'..=b'N' => u32::from(letter - b'A') + 10,
        _ => u32::from(letter - b'A') + 11,
    };
    let sum: u32 = letters[..17]
        .iter()
        .zip(2..=18)
        .map(|(letter, weight)| value(*letter) * (20 - weight))
        .sum();
    let check = (10 - sum % 10) % 10;
    let date = Digits::of(&letters[4..10]);
    let is_day = date.as_slice().len() == 6
        && is_date(number(&date.as_slice()[2..4]), number(&date.as_slice()[4..]));
    Verdict::valid(is_day && value(letters[17]) == check)
}
