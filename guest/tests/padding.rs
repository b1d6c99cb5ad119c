//! Sequences brought to common lengths.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::engine::{Padded, Sequence, groups, groups_of_any_lengths};
use pilotlight_model::InputRole;
use proptest::prelude::*;

fn sequence(length: usize) -> Sequence {
    let ids = (1..=length as i64).collect();
    Sequence { ids, type_ids: vec![1; length] }
}

proptest! {
    #[test]
    fn padding_comes_behind_the_tokens_and_is_masked(
        length in 1usize..600, pad_to_multiple_of in 0usize..64, longest in 1usize..512,
    ) {
        let padded = Padded::new(&sequence(length), pad_to_multiple_of, longest);
        prop_assert_eq!(padded.tokens, length);
        prop_assert!(padded.length() == length || padded.length() <= longest);
        prop_assert!(padded.length() - length < pad_to_multiple_of.max(1));
        prop_assert!(padded.length().is_multiple_of(pad_to_multiple_of.max(1)) || padded.length() >= longest);
        let (ids, mask) = (padded.input(InputRole::Ids), padded.input(InputRole::Mask));
        prop_assert_eq!(&ids[..length], &sequence(length).ids[..]);
        prop_assert!(ids[length..].iter().all(|id| *id == 0));
        prop_assert!(mask.iter().enumerate().all(|(at, one)| (*one == 1) == (at < length)));
        prop_assert_eq!(padded.input(InputRole::TypeIds).len(), mask.len());
    }

    #[test]
    fn groups_hold_each_sequence_once_and_only_those_of_one_length(
        lengths in prop::collection::vec(1usize..40, 0..60), pad_to_multiple_of in 1usize..9, most in 0usize..9,
    ) {
        let padded: Vec<Padded> =
            lengths.iter().map(|length| Padded::new(&sequence(*length), pad_to_multiple_of, 512)).collect();
        let groups = groups(&padded, most);
        let mut places: Vec<usize> = groups.iter().flatten().copied().collect();
        places.sort_unstable();
        prop_assert_eq!(places, (0..lengths.len()).collect::<Vec<_>>());
        for group in groups {
            prop_assert!((1..=most.max(1)).contains(&group.len()));
            let length = padded[group[0]].length();
            prop_assert!(group.iter().all(|place| padded[*place].length() == length));
        }
    }

    #[test]
    fn groups_of_any_lengths_hold_each_sequence_once_and_little_padding(
        lengths in prop::collection::vec(1usize..400, 0..60), most in 1usize..9,
    ) {
        let padded: Vec<Padded> =
            lengths.iter().map(|length| Padded::new(&sequence(*length), 1, 512)).collect();
        let groups = groups_of_any_lengths(&padded, most);
        let mut places: Vec<usize> = groups.iter().flatten().copied().collect();
        places.sort_unstable();
        prop_assert_eq!(places, (0..lengths.len()).collect::<Vec<_>>());
        for group in groups {
            prop_assert!((1..=most).contains(&group.len()));
            let lengths: Vec<usize> = group.iter().map(|place| padded[*place].length()).collect();
            let (shortest, longest) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
            prop_assert!(*longest <= 2 * shortest + 16);
        }
    }

    #[test]
    fn what_is_lengthened_is_what_would_have_been_padded(length in 1usize..40, more in 0usize..40) {
        let mut padded = Padded::new(&sequence(length), 1, 512);
        padded.lengthen(length + more);
        prop_assert_eq!(padded, Padded::new(&sequence(length), length + more, 512));
    }
}
