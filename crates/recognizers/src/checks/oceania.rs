//! Identifiers of Australia, New Zealand and South Africa.

use super::sums::{Digits, is_yymmdd, luhn, repeats, weighted};
use crate::recognizer::Verdict;

/// Australian tax file number.
pub(crate) fn au_tfn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    Verdict::valid(!repeats(&digits) && sum.is_multiple_of(11))
}

/// Australian business number.
pub(crate) fn au_abn(bytes: &[u8]) -> Verdict {
    let Some(mut digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let Some(first) = digits[0].checked_sub(1) else { return Verdict::Invalid };
    digits[0] = first;
    Verdict::valid(weighted(&digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89))
}

/// Australian Medicare card number.
pub(crate) fn au_medicare(bytes: &[u8]) -> Verdict {
    let digits = Digits::of(bytes);
    let digits = digits.as_slice();
    if !(10..=11).contains(&digits.len()) || !(2..=6).contains(&digits[0]) {
        return Verdict::Invalid;
    }
    let sum = weighted(&digits[..8], &[1, 3, 7, 9, 1, 3, 7, 9]);
    Verdict::valid(sum % 10 == u32::from(digits[8]))
}

/// New Zealand IRD number (Inland Revenue, Resident withholding tax specification).
pub(crate) fn nz_ird(bytes: &[u8]) -> Verdict {
    let digits = Digits::of(bytes);
    let mut padded = [0; 9];
    let digits = digits.as_slice();
    if !(8..=9).contains(&digits.len()) || repeats(digits) {
        return Verdict::Invalid;
    }
    padded[9 - digits.len()..].copy_from_slice(digits);
    let check = |weights: &[u8]| (11 - weighted(&padded[..8], weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let expected = if first == 10 { check(&[7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    Verdict::valid(expected == u32::from(padded[8]))
}

/// South African identity number: a date of birth and Luhn's sum.
pub(crate) fn za_id(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<13>(bytes);
    let is_valid = |digits: [u8; 13]| is_yymmdd(&digits) && digits[10] <= 2 && luhn(&digits);
    Verdict::valid(digits.is_some_and(is_valid))
}
