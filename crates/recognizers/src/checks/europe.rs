//! Identifiers of western and northern Europe.

use super::sums::{
    Digits, Letters, is_date, is_ddmmyy, is_yymmdd, luhn, mod_11_10, number, repeats, weighted,
};
use crate::recognizer::Verdict;

/// British National Health Service number (NHS Data Dictionary): modulo 11.
pub(crate) fn uk_nhs(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let check = (11 - weighted(&digits[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    Verdict::valid(!repeats(&digits) && check == u32::from(digits[9]))
}

/// British National Insurance number: prefixes that are assigned (HMRC, NIM39110).
pub(crate) fn uk_nino(bytes: &[u8]) -> Verdict {
    const UNASSIGNED: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    let letters = Letters::of(bytes);
    let prefix = letters.as_slice().get(..2);
    Verdict::plausible(prefix.is_some_and(|prefix| !UNASSIGNED.iter().any(|no| no[..] == *prefix)))
}

/// Irish Personal Public Service number: modulo 23.
pub(crate) fn ie_pps(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let letters = letters.as_slice();
    if !(8..=9).contains(&letters.len()) {
        return Verdict::Invalid;
    }
    let value = |letter: u8| if letter == b'W' { 0 } else { u32::from(letter - b'A') + 1 };
    let digits = Digits::of(&letters[..7]);
    let second = letters.get(8).map_or(0, |letter| value(*letter));
    let sum = weighted(digits.as_slice(), &[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    Verdict::valid(digits.as_slice().len() == 7 && sum % 23 == value(letters[7]))
}

/// German tax identification number (§ 139b AO): ISO/IEC 7064 MOD 11,10, and one digit that occurs twice
/// or three times among the first ten.
pub(crate) fn de_tax_id(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let mut counts = [0; 10];
    digits[..10].iter().for_each(|digit| counts[usize::from(*digit)] += 1);
    let repeated: Vec<_> = counts.into_iter().filter(|count| *count > 1).collect();
    Verdict::valid(digits[0] != 0 && matches!(repeated[..], [2 | 3]) && mod_11_10(&digits))
}

/// German identity card and passport number (ICAO 9303 weights 7, 3, 1), with its check digit.
pub(crate) fn de_id_card(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let letters = letters.as_slice();
    let mixed = letters.iter().any(u8::is_ascii_digit);
    Verdict::valid(
        letters.len() == 10 && mixed && super::dates::icao_check(&letters[..9], letters[9]),
    )
}

/// German pension insurance number (VKVV § 4).
pub(crate) fn de_pension(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Ok(letters) = <[u8; 12]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    if !letters[8].is_ascii_uppercase() {
        return Verdict::Invalid;
    }
    let place = letters[8] - b'A' + 1;
    let mut digits = [0; 12];
    for (digit, letter) in digits.iter_mut().zip(&letters[..8]) {
        *digit = letter.wrapping_sub(b'0');
    }
    (digits[8], digits[9]) = (place / 10, place % 10);
    (digits[10], digits[11]) = (letters[9].wrapping_sub(b'0'), letters[10].wrapping_sub(b'0'));
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let cross = |product: u32| product / 10 + product % 10;
    let products =
        digits.iter().zip(weights).map(|(digit, weight)| cross(u32::from(*digit) * weight));
    let month = number(&digits[4..6]);
    // Numbers beyond the first hundred of a day add 20 or 40 to the day in some offices.
    let plausible_day = (1..=12).contains(&month);
    Verdict::valid(
        plausible_day && products.sum::<u32>() % 10 == u32::from(letters[11].wrapping_sub(b'0')),
    )
}

/// French number of the national register (INSEE): 97 less the remainder; Corsica counts as 19 and 18.
pub(crate) fn fr_nir(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Ok(mut letters) = <[u8; 15]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    match &letters[5..7] {
        b"2A" => letters[5..7].copy_from_slice(b"19"),
        b"2B" => letters[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let Some(digits) = Digits::exactly::<15>(&letters) else { return Verdict::Invalid };
    let month = number(&digits[3..5]);
    let is_month = matches!(month, 1..=12 | 20..=42 | 50..=99);
    Verdict::valid(is_month && 97 - number(&digits[..13]) % 97 == number(&digits[13..]))
}

/// Letter of a Spanish number (Real Decreto 1553/2005).
fn spanish_letter(number: u64) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}

/// Spanish national identity number.
pub(crate) fn es_dni(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let Some((letter, _)) = letters.as_slice().split_last() else { return Verdict::Invalid };
    let Some(digits) = Digits::exactly::<8>(bytes) else { return Verdict::Invalid };
    Verdict::valid(number(&digits) != 0 && spanish_letter(number(&digits)) == *letter)
}

/// Spanish number of foreigners: `X`, `Y` and `Z` count as 0, 1 and 2.
pub(crate) fn es_nie(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let (Some(first), Some(last)) = (letters.as_slice().first(), letters.as_slice().last()) else {
        return Verdict::Invalid;
    };
    let Some(digits) = Digits::exactly::<7>(bytes) else { return Verdict::Invalid };
    let kind = u64::from(first.wrapping_sub(b'X'));
    Verdict::valid(kind < 3 && spanish_letter(kind * 10_000_000 + number(&digits)) == *last)
}

/// Italian fiscal code (DM 23 December 1976). Letters stand for digits where two people had the same.
pub(crate) fn it_fiscal_code(bytes: &[u8]) -> Verdict {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let letters = Letters::of(bytes);
    let Ok(letters) = <[u8; 16]>::try_from(letters.as_slice()) else { return Verdict::Invalid };
    let place = |letter: u8| match letter {
        b'0'..=b'9' => usize::from(letter - b'0'),
        _ => usize::from(letter - b'A'),
    };
    let value = |(index, letter): (usize, &u8)| match index % 2 {
        0 => ODD[place(*letter)],
        _ => place(*letter) as u32,
    };
    let sum: u32 = letters[..15].iter().enumerate().map(value).sum();
    Verdict::valid(u32::from(letters[15].wrapping_sub(b'A')) == sum % 26)
}

/// Italian VAT number: Luhn's sum.
pub(crate) fn it_vat(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<11>(bytes);
    Verdict::valid(digits.is_some_and(|digits| !repeats(&digits) && luhn(&digits)))
}

/// Dutch citizen service number: the eleven test.
pub(crate) fn nl_bsn(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) + 110 - u32::from(digits[8]);
    Verdict::valid(!repeats(&digits) && sum.is_multiple_of(11))
}

/// Belgian national number: 97 less the remainder, with a 2 in front for births since 2000.
pub(crate) fn be_national(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let (body, check) = (number(&digits[..9]), number(&digits[9..]));
    let month = number(&digits[2..4]);
    // BIS numbers add 20 or 40 to the month; an unknown date is zeros.
    let is_born = month % 20 <= 12 && number(&digits[4..6]) <= 31;
    let sum = |body: u64| 97 - body % 97 == check;
    Verdict::valid(is_born && !repeats(&digits) && (sum(body) || sum(2_000_000_000 + body)))
}

/// Portuguese tax number: modulo 11.
pub(crate) fn pt_nif(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let check = match weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    Verdict::valid(matches!(digits[0], 1..=3 | 5 | 6 | 8 | 9) && check == u32::from(digits[8]))
}

/// Swedish personal identity number: a date, also with 60 added to the day (coordination numbers), and
/// Luhn's sum of the last ten digits.
pub(crate) fn se_personnummer(bytes: &[u8]) -> Verdict {
    let digits = Digits::of(bytes);
    let digits = match digits.as_slice() {
        [1, 9, rest @ ..] | [2, 0, rest @ ..] if rest.len() == 10 => rest,
        digits if digits.len() == 10 => digits,
        _ => return Verdict::Invalid,
    };
    let (month, day) = (number(&digits[2..4]), number(&digits[4..6]));
    Verdict::valid((is_date(month, day) || day > 60 && is_date(month, day - 60)) && luhn(digits))
}

/// Finnish personal identity code: a date and modulo 31.
pub(crate) fn fi_hetu(bytes: &[u8]) -> Verdict {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    if bytes.len() != 11 {
        return Verdict::Invalid;
    }
    let (date, serial) = (Digits::of(&bytes[..6]), Digits::of(&bytes[7..10]));
    let (date, serial) = (date.as_slice(), serial.as_slice());
    let rest = (number(date) * 1000 + number(serial)) % 31;
    let is_complete = date.len() == 6 && serial.len() == 3 && is_ddmmyy(date);
    Verdict::valid(is_complete && CHECKS[rest as usize] == bytes[10].to_ascii_uppercase())
}

/// Danish personal number: a date. Since 2007 the modulus no longer holds for all.
pub(crate) fn dk_cpr(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<10>(bytes);
    Verdict::plausible(digits.is_some_and(|digits| is_ddmmyy(&digits) && number(&digits[6..]) != 0))
}

/// Norwegian national identity number: two check digits modulo 11, and a date, also of D numbers.
pub(crate) fn no_fodselsnummer(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let first = (11 - weighted(&digits[..9], &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
    let second = (11 - weighted(&digits[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let (day, month) = (number(&digits[..2]), number(&digits[2..4]));
    let day = if day > 40 { day - 40 } else { day };
    let checks = [u32::from(digits[9]), u32::from(digits[10])];
    Verdict::valid(is_date(month % 40, day) && checks == [first, second])
}

/// Swiss social insurance number: 756 and the check digit of EAN-13.
pub(crate) fn ch_ahv(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<13>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    Verdict::valid(digits[..3] == [7, 5, 6] && sum.is_multiple_of(10))
}

/// Austrian social insurance number: modulo 11, with a date of birth, whose month may be above 12.
pub(crate) fn at_svnr(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<10>(bytes) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let is_born =
        matches!(number(&digits[4..6]), 1..=31) && matches!(number(&digits[6..8]), 1..=15);
    Verdict::valid(digits[0] != 0 && is_born && sum % 11 == u32::from(digits[3]))
}

/// Greek social security number: a date of birth and Luhn's sum.
pub(crate) fn gr_amka(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<11>(bytes);
    Verdict::valid(digits.is_some_and(|digits| is_ddmmyy(&digits) && luhn(&digits)))
}

/// Lithuanian and Estonian personal code: sex and century, a date, and modulo 11 in two rounds.
pub(crate) fn baltic(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<11>(bytes) else { return Verdict::Invalid };
    let first = weighted(&digits[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&digits[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    let is_born = matches!(digits[0], 1..=8) && is_yymmdd(&digits[1..]);
    Verdict::valid(is_born && check == u32::from(digits[10]))
}
