//! Payment cards, bank accounts and devices that are numbered like cards.

use super::sums::{Digits, Letters, luhn, mod_97, number, repeats, weighted};
use crate::recognizer::Verdict;

/// Issuers of payment cards: first and last prefix, and the lengths that they issue.
const ISSUERS: &[(u64, u64, &[usize])] = &[
    (1, 1, &[15]),         // UATP
    (4, 4, &[13, 16, 19]), // Visa
    (34, 34, &[15]),       // American Express
    (37, 37, &[15]),
    (35, 35, &[16, 17, 18, 19]),         // JCB, which uses 3528 to 3589
    (36, 36, &[14, 15, 16, 17, 18, 19]), // Diners Club
    (38, 39, &[14, 16, 17, 18, 19]),
    (50, 50, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro, Verve
    (51, 55, &[16]),                             // Mastercard
    (56, 59, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (60, 60, &[16]),                             // RuPay
    (62, 62, &[16, 17, 18, 19]),                 // UnionPay
    (65, 65, &[16, 17, 18, 19]),                 // Discover
    (67, 67, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (637, 639, &[16]),                           // InstaPayment
    (644, 649, &[16, 17, 18, 19]),               // Discover
    (6011, 6011, &[16, 17, 18, 19]),
    (6304, 6304, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (81, 82, &[16, 17, 18, 19]),                     // UnionPay, RuPay
    (300, 305, &[14, 16, 17, 18, 19]),               // Diners Club
    (508, 508, &[16]),                               // RuPay
    (2014, 2014, &[15]),                             // Diners Club enRoute
    (2149, 2149, &[15]),
    (2200, 2204, &[16, 17, 18, 19]), // Mir
    (2221, 2720, &[16]),             // Mastercard
    (3095, 3095, &[14, 16, 17, 18, 19]),
    (9792, 9792, &[16]), // Troy
    (9860, 9860, &[16]), // Humo
];

/// Payment cards: Luhn's sum, the prefix and length of an issuer, and groups of four digits or more but for
/// the last.
pub(crate) fn card(bytes: &[u8]) -> Verdict {
    let mut groups = bytes.split(|byte| !byte.is_ascii_digit()).peekable();
    while let Some(group) = groups.next() {
        if group.len() < 4 && groups.peek().is_some() {
            return Verdict::Invalid;
        }
    }
    let digits = Digits::of(bytes);
    let digits = digits.as_slice();
    let issued = ISSUERS.iter().any(|(first, last, lengths)| {
        let length = first.ilog10() as usize + 1;
        let fits = |prefix: &[u8]| (*first..=*last).contains(&number(prefix));
        lengths.contains(&digits.len()) && digits.get(..length).is_some_and(fits)
    });
    Verdict::valid(issued && !repeats(digits) && luhn(digits))
}

/// Lengths of IBANs by country (SWIFT's IBAN registry), two letters and the length each.
const IBAN_LENGTHS: &str = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18\
    DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30\
    KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25\
    QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// ISO 13616: the country's length and the remainder 1 of MOD 97-10.
pub(crate) fn iban(bytes: &[u8]) -> Verdict {
    let letters = Letters::of(bytes);
    let letters = letters.as_slice();
    let Some((head, rest)) = letters.split_at_checked(4) else { return Verdict::Invalid };
    let length = IBAN_LENGTHS
        .as_bytes()
        .chunks_exact(4)
        .find(|entry| entry[..2] == head[..2])
        .map(|entry| usize::from(entry[2] - b'0') * 10 + usize::from(entry[3] - b'0'));
    let sum = || mod_97(rest.iter().chain(head).copied());
    Verdict::valid(length == Some(letters.len()) && sum() == 1)
}

/// Routing numbers of banks in the United States (ABA Key to Routing Numbers).
pub(crate) fn aba_routing(bytes: &[u8]) -> Verdict {
    let Some(digits) = Digits::exactly::<9>(bytes) else { return Verdict::Invalid };
    let assigned = matches!(number(&digits[..2]), 1..=12 | 21..=32 | 61..=72 | 80);
    Verdict::valid(assigned && weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10))
}

/// ISO 9362: the fifth and sixth letter are a country. Only those of [`IBAN_LENGTHS`] and a few large
/// ones without IBAN are known.
pub(crate) fn bic(bytes: &[u8]) -> Verdict {
    const OTHERS: &[u8] = b"USCAAUNZJPCNHKSGINKRTWTHMYIDPHVNZAMXARCLCOPENGKE";
    let Some(country) = bytes.get(4..6) else { return Verdict::Invalid };
    let known = |list: &[u8], step| list.chunks_exact(step).any(|entry| entry[..2] == *country);
    Verdict::plausible(known(IBAN_LENGTHS.as_bytes(), 4) || known(OTHERS, 2))
}

/// International Mobile Equipment Identity (3GPP TS 23.003, annex B).
pub(crate) fn imei(bytes: &[u8]) -> Verdict {
    let digits = Digits::exactly::<15>(bytes);
    Verdict::valid(digits.is_some_and(|digits| !repeats(&digits[..14]) && luhn(&digits)))
}

/// Vehicle identification numbers (ISO 3779; the check digit of 49 CFR 565.15, which is only mandatory in
/// North America).
pub(crate) fn vin(bytes: &[u8]) -> Verdict {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |letter: &u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        b'A'..=b'I' => u32::from(letter - b'A') + 1,
        b'J'..=b'R' => u32::from(letter - b'J') + 1,
        _ => u32::from(letter.wrapping_sub(b'S')) + 2,
    };
    let mixed = bytes.iter().any(u8::is_ascii_digit) && bytes.iter().any(u8::is_ascii_uppercase);
    if bytes.len() != 17 || !mixed {
        return Verdict::Invalid;
    }
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(letter, weight)| value(letter) * weight).sum();
    let check = if bytes[8] == b'X' { 10 } else { u32::from(bytes[8].wrapping_sub(b'0')) };
    if sum % 11 == check { Verdict::Valid } else { Verdict::Plausible }
}
