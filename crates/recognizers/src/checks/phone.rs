//! Telephone numbers.

use super::sums::{Digits, repeats};
use crate::recognizer::Verdict;

/// Country calling codes (ITU-T E.164) with the fewest and most digits of national numbers in use, four
/// or five digits each: code, least, most (two digits each). Codes that are not listed are not assigned,
/// or serve no persons.
const CALLING_CODES: &[(u16, u8, u8)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 6, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 10),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 12),
    (51, 8, 9),
    (52, 10, 11),
    (53, 8, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 8, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 11),
    (84, 9, 10),
    (86, 10, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 8, 9),
    (220, 7, 7),
    (221, 9, 9),
    (223, 8, 8),
    (224, 9, 9),
    (225, 10, 10),
    (226, 8, 8),
    (227, 8, 8),
    (228, 8, 8),
    (229, 8, 10),
    (230, 7, 8),
    (231, 7, 9),
    (233, 9, 9),
    (234, 8, 10),
    (237, 9, 9),
    (240, 9, 9),
    (241, 7, 8),
    (242, 9, 9),
    (243, 9, 9),
    (244, 9, 9),
    (249, 9, 9),
    (250, 9, 9),
    (251, 9, 9),
    (252, 7, 9),
    (253, 8, 8),
    (254, 9, 9),
    (255, 9, 9),
    (256, 9, 9),
    (257, 8, 8),
    (258, 8, 9),
    (260, 9, 9),
    (261, 9, 9),
    (262, 9, 9),
    (263, 8, 9),
    (264, 8, 9),
    (265, 7, 9),
    (266, 8, 8),
    (267, 7, 8),
    (268, 8, 8),
    (297, 7, 7),
    (298, 6, 6),
    (299, 6, 6),
    (350, 8, 8),
    (351, 9, 9),
    (352, 6, 9),
    (353, 7, 9),
    (354, 7, 7),
    (355, 8, 9),
    (356, 8, 8),
    (357, 8, 8),
    (358, 6, 10),
    (359, 7, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (373, 8, 8),
    (374, 8, 8),
    (375, 9, 9),
    (376, 6, 6),
    (377, 8, 9),
    (378, 6, 10),
    (380, 9, 9),
    (381, 8, 9),
    (382, 8, 8),
    (383, 8, 8),
    (385, 8, 9),
    (386, 8, 8),
    (387, 8, 8),
    (389, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (423, 7, 7),
    (501, 7, 7),
    (502, 8, 8),
    (503, 8, 8),
    (504, 8, 8),
    (505, 8, 8),
    (506, 8, 8),
    (507, 7, 8),
    (509, 8, 8),
    (590, 9, 9),
    (591, 8, 8),
    (592, 7, 7),
    (593, 8, 9),
    (594, 9, 9),
    (595, 9, 9),
    (596, 9, 9),
    (597, 6, 7),
    (598, 8, 8),
    (599, 7, 8),
    (673, 7, 7),
    (675, 7, 8),
    (679, 7, 7),
    (687, 6, 6),
    (689, 8, 8),
    (850, 8, 10),
    (852, 8, 8),
    (853, 8, 8),
    (855, 8, 9),
    (856, 8, 10),
    (880, 8, 10),
    (886, 8, 9),
    (960, 7, 7),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 8, 8),
    (966, 9, 9),
    (967, 7, 9),
    (968, 8, 8),
    (970, 8, 9),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 8, 8),
    (975, 7, 8),
    (976, 8, 8),
    (977, 8, 10),
    (992, 9, 9),
    (993, 8, 8),
    (994, 9, 9),
    (995, 9, 9),
    (996, 9, 9),
    (998, 9, 9),
];

/// International numbers, after `+` or `00`: an assigned code and a length that its country uses. An
/// extension does not count.
pub(crate) fn international(bytes: &[u8]) -> Verdict {
    let main = bytes.iter().position(|byte| byte.is_ascii_alphabetic()).unwrap_or(bytes.len());
    // "(0)" is dialed within the country only.
    let main = without_trunk(&bytes[..main]);
    let digits = Digits::of(&main);
    let digits = match (bytes.first(), digits.as_slice()) {
        (Some(b'+' | b'('), digits) => digits,
        (_, [0, 0, rest @ ..] | [0, 1, 1, rest @ ..]) => rest,
        _ => return Verdict::Invalid,
    };
    let fits = |(code, least, most): &(u16, u8, u8)| {
        let length = 1 + code.ilog10() as usize;
        let national = digits.len().saturating_sub(length);
        digits.get(..length).is_some_and(|prefix| super::sums::number(prefix) == u64::from(*code))
            && (usize::from(*least)..=usize::from(*most)).contains(&national)
            && !repeats(&digits[length..])
    };
    Verdict::plausible(CALLING_CODES.iter().any(fits))
}

fn without_trunk(bytes: &[u8]) -> Vec<u8> {
    match bytes.windows(3).position(|three| three == b"(0)") {
        Some(place) => [&bytes[..place], &bytes[place + 3..]].concat(),
        None => bytes.to_vec(),
    }
}

/// Numbers of the North American Numbering Plan: neither area nor exchange begin with 0 or 1, and
/// neither is a service code.
pub(crate) fn north_american(bytes: &[u8]) -> Verdict {
    let main = bytes.iter().position(|byte| byte.is_ascii_alphabetic()).unwrap_or(bytes.len());
    let digits = Digits::of(&bytes[..main]);
    let digits = match digits.as_slice() {
        [1, rest @ ..] if rest.len() == 10 => rest,
        digits if digits.len() == 10 => digits,
        _ => return Verdict::Invalid,
    };
    let area = digits[0] > 1 && digits[1..3] != [1, 1];
    let exchange = digits[3] > 1 && digits[4..6] != [1, 1];
    Verdict::plausible(area && exchange && !repeats(digits))
}

/// Numbers as they are dialed within a country: 8 to 12 digits.
pub(crate) fn national(bytes: &[u8]) -> Verdict {
    let main = bytes.iter().position(|byte| byte.is_ascii_alphabetic()).unwrap_or(bytes.len());
    let digits = Digits::of(&bytes[..main]);
    let digits = digits.as_slice();
    // Dates are written like telephone numbers.
    let is_date = super::dates::numeric(bytes) > Verdict::Invalid;
    Verdict::plausible((8..=12).contains(&digits.len()) && !repeats(digits) && !is_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_calling_code_is_the_start_of_another() {
        for (code, ..) in CALLING_CODES {
            let starts =
                |other: &u16| other != code && other.to_string().starts_with(&code.to_string());
            let others =
                CALLING_CODES.iter().map(|(other, ..)| other).filter(|other| starts(other));
            assert_eq!(others.collect::<Vec<_>>(), Vec::<&u16>::new(), "{code}");
        }
    }
}
