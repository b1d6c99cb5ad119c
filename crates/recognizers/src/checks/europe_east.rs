//! Identifiers of central and eastern Europe, Turkey and Israel.

use super::sums::{Digits, is_date, is_yymmdd, luhn, mod_11_10, number, repeats, weighted};
use crate::recognizer::Verdict;

/// Whether `YYMMDD` is a day, where the month may have one of `offsets` added to it.
fn is_shifted_date(digits: &[u8], offsets: &[u64]) -> bool {
    let (month, day) = (number(&digits[2..4]), number(&digits[4..6]));
    offsets.iter().any(|offset| month.checked_sub(*offset).is_some_and(|month| is_date(month, day)))
}

/// Polish personal number: a date, with the century in the month, and weights 1, 3, 7, 9.
pub(crate) fn pl_pesel(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    Verdict::valid(is_shifted_date(&digits, &[0, 20, 40, 60, 80]) && sum.is_multiple_of(10))
}

/// Polish tax number: modulo 11.
pub(crate) fn pl_nip(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]);
    Verdict::valid(!repeats(&digits) && sum % 11 == u32::from(digits[9]))
}

/// Czech and Slovak birth number: a date, with 50 added to the month for women, and modulo 11.
pub(crate) fn cz_birth_number(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let (body, check) = (number(&digits[..9]), number(&digits[9..]));
    let sum = body % 11 % 10 == check;
    Verdict::valid(is_shifted_date(&digits, &[0, 20, 50, 70]) && sum)
}

/// Romanian personal numerical code: a date and modulo 11.
pub(crate) fn ro_cnp(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<13>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if sum == 10 { 1 } else { sum };
    let is_born = digits[0] != 0 && is_yymmdd(&digits[1..]);
    Verdict::valid(is_born && check == u32::from(digits[12]))
}

/// Bulgarian unified civil number: a date, with the century in the month, and modulo 11.
pub(crate) fn bg_egn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let check = weighted(&digits[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    Verdict::valid(is_shifted_date(&digits, &[0, 20, 40]) && check == u32::from(digits[9]))
}

/// Croatian personal identification number: ISO/IEC 7064 MOD 11,10.
pub(crate) fn hr_oib(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<11>(bytes);
    Verdict::valid(digits.is_some_and(|digits| !repeats(&digits) && mod_11_10(&digits)))
}

/// Unique master citizen number of the successors of Yugoslavia: a date and modulo 11.
pub(crate) fn yu_jmbg(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<13>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..12], &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = (11 - sum % 11) % 11;
    let is_born =
        is_date(number(&digits[2..4]), number(&digits[..2])) && matches!(digits[4], 0 | 8 | 9);
    Verdict::valid(is_born && check == u32::from(digits[12]))
}

/// Hungarian social security number: weights 3 and 7.
pub(crate) fn hu_taj(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..8], &[3, 7, 3, 7, 3, 7, 3, 7]);
    Verdict::valid(!repeats(&digits) && sum % 10 == u32::from(digits[8]))
}

/// Ukrainian taxpayer number.
pub(crate) fn ua_rnokpp(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    // The first weight is -1, which is 10 modulo 11.
    let sum = weighted(&digits[..9], &[10, 5, 7, 9, 4, 6, 10, 5, 7]);
    Verdict::valid(!repeats(&digits) && sum % 11 % 10 == u32::from(digits[9]))
}

/// Russian insurance number: weights 9 to 1, modulo 101.
pub(crate) fn ru_snils(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
    Verdict::valid(!repeats(&digits) && u64::from(sum % 101 % 100) == number(&digits[9..]))
}

/// Russian taxpayer number of persons: two check digits.
pub(crate) fn ru_inn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<12>(bytes) else { return Verdict::Invalid };
    let first = weighted(&digits[..10], &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let second = weighted(&digits[..11], &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let checks = [u32::from(digits[10]), u32::from(digits[11])];
    Verdict::valid(!repeats(&digits) && checks == [first, second])
}

/// Turkish identity number: two check digits.
pub(crate) fn tr_tckn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let odd = weighted(&digits[..9], &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(&digits[..8], &[0, 1, 0, 1, 0, 1, 0, 1]);
    let first = (odd * 7 + 100 - even) % 10;
    let second = (odd + even + first) % 10;
    let checks = [u32::from(digits[9]), u32::from(digits[10])];
    Verdict::valid(digits[0] != 0 && checks == [first, second])
}

/// Israeli identity number: Luhn's sum.
pub(crate) fn il_id(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<9>(bytes);
    Verdict::valid(digits.is_some_and(|digits| !repeats(&digits) && luhn(&digits)))
}
