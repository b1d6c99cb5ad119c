//! Whatever happens to a bundle on its way: it is refused, or it is the same bundle with fewer
//! signatures that hold.

use pilotlight_bundle::{Bundle, seal, sign};
use proptest::prelude::*;

use super::{
    SEALED, SIGNATURE, SIGNED_TWICE, UNSEALED, custom, first, first_public, second, second_public,
};

fn bundle(content: &[u8], manifest: &[u8], signatures: usize) -> (Vec<u8>, Vec<usize>) {
    let mut file = [UNSEALED, &custom("content", content)].concat();
    // Where a component ends that has lost its last sections.
    let boundaries = vec![8, 64, UNSEALED.len(), file.len()];
    seal(&mut file, manifest).unwrap();
    [first(), second()].iter().take(signatures).for_each(|key| sign(&mut file, key).unwrap());
    (file, boundaries)
}

/// Flips one bit and looks what becomes of a bundle whose signatures begin at `end`.
fn flip(file: &[u8], end: usize, bit: usize) {
    let mut flipped = file.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    let Ok(read) = Bundle::read(&flipped) else { return };
    let Some(read) = read else { panic!("bit {bit}: taken for a component without a seal") };
    assert!(bit / 8 >= end, "bit {bit} of what is sealed: not noticed");
    let damaged = (bit / 8 - end) / SIGNATURE;
    let keys = [first_public(), second_public()];
    for (n, key) in keys.iter().enumerate().take((file.len() - end) / SIGNATURE) {
        assert_eq!(read.is_signed_by(key), n != damaged, "bit {bit}, signature {n}");
    }
    assert_eq!(read.digest(), Bundle::read(file).unwrap().unwrap().digest());
}

fn cut(file: &[u8], end: usize, boundaries: &[usize], length: usize) {
    match Bundle::read(&file[..length]) {
        Err(_) => {}
        Ok(None) => assert!(boundaries.contains(&length), "{length}: taken for unsealed"),
        Ok(Some(read)) => {
            assert!(length >= end, "{length}: not noticed");
            assert_eq!(read.signatures().len() * SIGNATURE, length - end);
            assert_eq!(read.digest(), Bundle::read(file).unwrap().unwrap().digest());
        }
    }
}

#[test]
fn any_flipped_bit_is_noticed() {
    (0..SIGNED_TWICE.len() * 8).for_each(|bit| flip(SIGNED_TWICE, SEALED.len(), bit));
}

#[test]
fn any_flipped_bit_of_a_header_is_noticed_whatever_the_lengths() {
    // Among them powers of two, so that one bit makes a length 0.
    for manifest in (0..6).chain([64, 68, 69, 70]).chain(195..200) {
        for content in [0, 1, 56, 120] {
            let (file, _) = bundle(&vec![b'c'; content], &vec![b'm'; manifest], 0);
            let seal = file.len() - manifest - 48 - 14;
            for byte in (UNSEALED.len()..UNSEALED.len() + 10).chain(seal..seal + 14) {
                (byte * 8..byte * 8 + 8).for_each(|bit| flip(&file, file.len(), bit));
            }
        }
    }
}

#[test]
fn a_section_that_swallows_the_seal_is_noticed() {
    let (mut file, _) = bundle(&[0; 32], b"{ }", 0);
    let size = UNSEALED.len() + 1;
    assert_eq!((file[size], file.len() - (size + 1 + 40)), (40, 64));
    file[size] += 64;
    wasmparser::Validator::new().validate_all(&file).unwrap();
    assert!(Bundle::read(&file).is_err());
}

#[test]
fn any_cut_is_noticed_unless_only_whole_sections_are_missing() {
    let boundaries = [8, 64, UNSEALED.len()];
    (0..SIGNED_TWICE.len()).for_each(|length| cut(SIGNED_TWICE, SEALED.len(), &boundaries, length));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_anywhere_is_noticed(
        content in proptest::collection::vec(any::<u8>(), 0..120),
        manifest in proptest::collection::vec(any::<u8>(), 0..300),
        signatures in 0usize..3,
        places in proptest::collection::vec(any::<proptest::sample::Index>(), 16),
    ) {
        let (file, boundaries) = bundle(&content, &manifest, signatures);
        let end = file.len() - signatures * SIGNATURE;
        for place in places {
            flip(&file, end, place.index(file.len() * 8));
            cut(&file, end, &boundaries, place.index(file.len()));
        }
    }

    #[test]
    fn bytes_added_or_taken_out_anywhere_are_noticed(
        at in any::<proptest::sample::Index>(),
        added in proptest::collection::vec(any::<u8>(), 0..20),
        removed in 0usize..20,
    ) {
        let at = at.index(SEALED.len() + 1);
        let rest = &SEALED[(at + removed).min(SEALED.len())..];
        let file = [&SEALED[..at], &added, rest].concat();
        match Bundle::read(&file) {
            Err(_) => {}
            Ok(None) => prop_assert!([8, 64, UNSEALED.len()].contains(&file.len())),
            Ok(Some(_)) => prop_assert_eq!(file, SEALED),
        }
    }
}
