//! Which tokens of texts that are too long are kept, as `truncate_encodings` of Hugging Face
//! `tokenizers` does it.

/// What of a pair is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// The longer one first, then both.
    LongestFirst,
    /// The first text only.
    OnlyFirst,
    /// The second text only.
    OnlySecond,
}

impl Truncation {
    /// How many tokens of texts with `first` and `second` tokens are kept so that both together have
    /// `capacity` at most; `None` if what may be shortened is too short for that.
    pub fn kept(self, (first, second): (usize, usize), capacity: usize) -> Option<(usize, usize)> {
        let excess = (first + second).saturating_sub(capacity);
        if excess == 0 {
            return Some((first, second));
        }
        match self {
            Self::OnlyFirst if excess < first => Some((first - excess, second)),
            Self::OnlySecond if excess < second => Some((first, second - excess)),
            Self::OnlyFirst | Self::OnlySecond => None,
            Self::LongestFirst => {
                let (short, long) = longest_first(first.min(second), capacity);
                Some(if first <= second { (short, long) } else { (long, short) })
            }
        }
    }
}

/// What is kept of a text of `short` tokens and of a longer one.
fn longest_first(short: usize, capacity: usize) -> (usize, usize) {
    let long = if short > capacity { short } else { short.max(capacity - short) };
    if short + long > capacity {
        let half = capacity / 2;
        (half, half + capacity % 2)
    } else {
        (short, long)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longer_text_is_cut_first() {
        assert_eq!(Truncation::LongestFirst.kept((3, 20), 10), Some((3, 7)));
        assert_eq!(Truncation::LongestFirst.kept((20, 3), 10), Some((7, 3)));
        assert_eq!(Truncation::LongestFirst.kept((20, 20), 11), Some((5, 6)));
        assert_eq!(Truncation::LongestFirst.kept((21, 20), 11), Some((6, 5)));
    }

    #[test]
    fn one_text_alone_is_cut_as_far_as_it_goes() {
        assert_eq!(Truncation::OnlyFirst.kept((8, 4), 10), Some((6, 4)));
        assert_eq!(Truncation::OnlySecond.kept((8, 4), 10), Some((8, 2)));
        assert_eq!(Truncation::OnlySecond.kept((8, 4), 8), None);
    }

    proptest! {
        #[test]
        fn what_is_kept_fits(first in 0usize..50, second in 0usize..50, capacity in 0usize..40) {
            for truncation in
                [Truncation::LongestFirst, Truncation::OnlyFirst, Truncation::OnlySecond]
            {
                let Some((one, two)) = truncation.kept((first, second), capacity) else { continue };
                prop_assert!(one <= first && two <= second && one + two <= capacity);
            }
        }
    }
}
