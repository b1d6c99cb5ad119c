//! Identifiers of Asia.

use super::sums::{Digits, Letters, is_date, is_yymmdd, number, repeats, verhoeff, weighted};
use crate::recognizer::Verdict;

/// Indian Aadhaar number (UIDAI): Verhoeff's sum; the first digit is neither 0 nor 1.
pub(crate) fn in_aadhaar(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<12>(bytes);
    let is_valid = |digits: [u8; 12]| digits[0] > 1 && !repeats(&digits) && verhoeff(&digits);
    let palindrome = |digits: [u8; 12]| digits[..6].iter().eq(digits[6..].iter().rev());
    Verdict::valid(digits.is_some_and(|digits| is_valid(digits) && !palindrome(digits)))
}

/// Indian goods and services tax number: a check letter modulo 36.
pub(crate) fn in_gstin(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Ok(letters) = <[u8; 15]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    let value = |letter: u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        _ => u32::from(letter - b'A') + 10,
    };
    let products = letters[..14].iter().enumerate().map(|(index, letter)| {
        let product = value(*letter) * (1 + index as u32 % 2);
        product / 36 + product % 36
    });
    let check = (36 - products.sum::<u32>() % 36) % 36;
    let state = number(Digits::of(&letters[..2]).as_slice());
    Verdict::valid((1..=38).contains(&state) && check == value(letters[14]))
}

/// Chinese resident identity number (GB 11643-1999): province, date, and ISO/IEC 7064 MOD 11-2.
pub(crate) fn cn_resident_id(bytes: &[u8]) -> Verdict {
    const WEIGHTS: [u8; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let letters = Letters::of(bytes);
    let letters = letters.as_slice();
    let digits = Digits::of(letters);
    let Some(digits) = digits.as_slice().get(..17).filter(|_| letters.len() == 18) else {
        return Verdict::Invalid;
    };
    let province = number(&digits[..2]);
    let known = matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    let century = matches!(number(&digits[6..10]), 1800..=2099);
    let check = b"10X98765432"[(weighted(digits, &WEIGHTS) % 11) as usize];
    Verdict::valid(known && century && is_yymmdd(&digits[8..]) && letters[17] == check)
}

/// Hong Kong identity card: one or two letters, six digits, and a check digit modulo 11.
pub(crate) fn hk_id(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let letters = letters.as_slice();
    let value = |letter: u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        _ => u32::from(letter - b'A') + 10,
    };
    let Some((check, body)) = letters.split_last() else { return Verdict::Invalid };
    // A missing first letter is a space, which counts as 36.
    let blank = if body.len() == 7 { 36 * 9 } else { 0 };
    let sum: u32 = blank
        + body.iter().rev().zip(2..).map(|(letter, weight)| value(*letter) * weight).sum::<u32>();
    let check = value(*check);
    Verdict::valid(matches!(body.len(), 7 | 8) && check <= 10 && (sum + check).is_multiple_of(11))
}

/// Taiwanese national and resident identity number.
pub(crate) fn tw_id(bytes: &[u8]) -> Verdict {
    const PLACES: [u32; 26] = [
        10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32,
        30, 31, 33,
    ];
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let Some(place) = PLACES.get(usize::from(bytes[0].to_ascii_uppercase().wrapping_sub(b'A')))
    else {
        return Verdict::Invalid;
    };
    let sum = place / 10 + place % 10 * 9 + weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    Verdict::valid(sum.is_multiple_of(10))
}

/// Japanese individual number (Ordinance 85 of 2014): modulo 11.
pub(crate) fn jp_my_number(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<12>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = if sum % 11 <= 1 { 0 } else { 11 - sum % 11 };
    Verdict::valid(!repeats(&digits) && check == u32::from(digits[11]))
}

/// Korean resident registration number: a date. Numbers issued since October 2020 have no check digit.
pub(crate) fn kr_rrn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<13>(bytes) else { return Verdict::Invalid };
    if !is_yymmdd(&digits) || !matches!(digits[6], 1..=8) {
        return Verdict::Invalid;
    }
    let sum = weighted(&digits[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let is_valid = (11 - sum % 11) % 10 == u32::from(digits[12]);
    if is_valid { Verdict::Valid } else { Verdict::Plausible }
}

/// Singaporean identity number: modulo 11, with a table of letters for each series.
pub(crate) fn sg_nric(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<7>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, table) = match bytes[0].to_ascii_uppercase() {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => (3, b"XWUTRQPNJLK"),
    };
    let letter = table[((sum + offset) % 11) as usize];
    Verdict::valid(bytes.last().is_some_and(|last| last.to_ascii_uppercase() == letter))
}

/// Malaysian identity card: a date of birth and a place.
pub(crate) fn my_kad(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<12>(bytes) else { return Verdict::Invalid };
    let place = !matches!(number(&digits[6..8]), 0 | 17..=20 | 69 | 70 | 73 | 80 | 81 | 94..=97);
    Verdict::plausible(is_yymmdd(&digits) && place)
}

/// Thai identity number: modulo 11.
pub(crate) fn th_id(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<13>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    Verdict::valid(digits[0] != 0 && (11 - sum % 11) % 10 == u32::from(digits[12]))
}

/// Indonesian identity number: province, and a date of birth, with 40 added to the day for women.
pub(crate) fn id_nik(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<16>(bytes) else { return Verdict::Invalid };
    let (day, month) = (number(&digits[6..8]), number(&digits[8..10]));
    let province = matches!(number(&digits[..2]), 11..=21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97);
    let is_born = is_date(month, if day > 40 { day - 40 } else { day });
    Verdict::plausible(province && is_born && number(&digits[12..]) != 0)
}
