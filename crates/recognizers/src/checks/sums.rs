//! Check digit systems.

/// Maximum number of digits or letters of a checked identifier.
const MOST: usize = 40;

/// The digits of an identifier, without what separates them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits {
    values: [u8; MOST],
    len: usize,
}

impl Digits {
    /// The decimal digits in `bytes`; none if there are too many.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut digits = Self { values: [0; MOST], len: 0 };
        for byte in bytes.iter().filter(|byte| byte.is_ascii_digit()) {
            if digits.len == MOST {
                return Self { len: 0, ..digits };
            }
            digits.values[digits.len] = byte - b'0';
            digits.len += 1;
        }
        digits
    }

    /// The digits, if there are exactly `N`.
    pub(crate) fn exactly<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
        Self::of(bytes).as_slice().try_into().ok()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.values[..self.len]
    }
}

/// Letters and digits of an identifier in capitals, without what separates them; none if there are too
/// many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letters {
    values: [u8; MOST],
    len: usize,
}

impl Letters {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut letters = Self { values: [0; MOST], len: 0 };
        for byte in bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            if letters.len == MOST {
                return Self { len: 0, ..letters };
            }
            letters.values[letters.len] = byte.to_ascii_uppercase();
            letters.len += 1;
        }
        letters
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.values[..self.len]
    }
}

/// The number that digits spell.
pub(crate) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// Sum of digits times weights.
pub(crate) fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * u32::from(*weight)).sum()
}

/// Whether all digits are the same. No authority issues these, and some sums accept them.
pub(crate) fn repeats(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

/// The Luhn algorithm (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let double = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            if place % 2 == 1 { double(digit) } else { digit }
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO/IEC 7064, MOD 97-10: the remainder of digits and letters (`A` is 10) read as one number.
pub(crate) fn mod_97(letters: impl Iterator<Item = u8>) -> u32 {
    letters.fold(0, |rest, letter| match letter {
        b'0'..=b'9' => (rest * 10 + u32::from(letter - b'0')) % 97,
        _ => (rest * 100 + u32::from(letter.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    })
}

/// ISO/IEC 7064, MOD 11,10, the check digit last.
pub(crate) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else { return false };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// The Verhoeff algorithm (J. Verhoeff, Error Detecting Decimal Codes, 1969).
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    /// Multiplication in the dihedral group of order 10.
    fn multiply(one: u8, two: u8) -> u8 {
        match (one < 5, two < 5) {
            (true, true) => (one + two) % 5,
            (true, false) => (one + two - 5) % 5 + 5,
            (false, true) => (one - 5 + 5 - two) % 5 + 5,
            (false, false) => (one + 5 - two) % 5,
        }
    }
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |digit, _| PERMUTATION[usize::from(digit)])
    };
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, digit)| multiply(sum, permuted(*digit, place)));
    sum == 0
}

/// Whether day and month exist.
pub(crate) fn is_date(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether `YYMMDD` begins with an existing day of any century.
pub(crate) fn is_yymmdd(digits: &[u8]) -> bool {
    digits.len() >= 6 && is_date(number(&digits[2..4]), number(&digits[4..6]))
}

/// Whether `DDMMYY` begins with an existing day of any century.
pub(crate) fn is_ddmmyy(digits: &[u8]) -> bool {
    digits.len() >= 4 && is_date(number(&digits[2..4]), number(&digits[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        Digits::of(text.as_bytes()).as_slice().to_vec()
    }

    #[test]
    fn sums_accept_examples_of_their_standards() {
        assert!(luhn(&digits("79927398713")) && !luhn(&digits("79927398710")) && !luhn(&[]));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(verhoeff(&digits("123451")) && !verhoeff(&digits("123541")));
        assert!(mod_11_10(&digits("86095742719")) && !mod_11_10(&digits("86095742718")));
        assert_eq!(mod_97("3214282912345698765432161182".bytes()), 1);
    }

    #[test]
    fn one_wrong_digit_breaks_every_sum() {
        for (valid, check) in [
            ("4111111111111111", luhn as fn(&[u8]) -> bool),
            ("234123412346", verhoeff),
            ("86095742719", mod_11_10),
        ] {
            let valid = digits(valid);
            assert!(check(&valid));
            for place in 0..valid.len() {
                for other in (0..10).filter(|other| *other != valid[place]) {
                    let mut wrong = valid.clone();
                    wrong[place] = other;
                    assert!(!check(&wrong), "{wrong:?}");
                }
            }
        }
    }
}
