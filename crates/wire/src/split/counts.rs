//! Headers of answers that count what was done.

/// A header that counts what was done for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Its name.
    pub name: &'static str,
    /// The header that tells what of it is done for each part of a request once more; for most requests that
    /// is nothing, and it is not there.
    pub repeated: &'static str,
}

/// All of them.
pub const COUNTS: [Count; 2] = [
    Count { name: "x-compute-characters", repeated: "x-repeated-characters" },
    Count { name: "x-compute-tokens", repeated: "x-repeated-tokens" },
];

impl Count {
    /// What the whole request would have counted, of its parts, whose headers `get` looks up. `None` if a part
    /// does not tell.
    pub fn whole<P>(
        self,
        parts: impl IntoIterator<Item = P>,
        get: impl Fn(&P, &str) -> Option<u64>,
    ) -> Option<u64> {
        let mut whole: u64 = 0;
        for (place, part) in parts.into_iter().enumerate() {
            let repeated = if place == 0 { 0 } else { get(&part, self.repeated).unwrap_or(0) };
            let own = get(&part, self.name)?.checked_sub(repeated)?;
            whole = whole.checked_add(own)?;
        }
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(parts: &[(Option<u64>, Option<u64>)]) -> Option<u64> {
        let count = COUNTS[1];
        count.whole(parts, |(own, repeated), name| match name {
            "x-compute-tokens" => *own,
            "x-repeated-tokens" => *repeated,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn what_parts_repeat_counts_once() {
        assert_eq!(whole(&[(Some(7), None), (Some(5), None)]), Some(12));
        assert_eq!(whole(&[(Some(7), Some(3)), (Some(5), Some(3)), (Some(4), Some(3))]), Some(10));
    }

    #[test]
    fn without_the_count_of_a_part_there_is_none() {
        assert_eq!(whole(&[(Some(7), None), (None, None)]), None);
        assert_eq!(whole(&[(Some(7), Some(3)), (Some(2), Some(3))]), None, "more than all");
        assert_eq!(whole(&[(Some(u64::MAX), None), (Some(1), None)]), None);
    }
}
