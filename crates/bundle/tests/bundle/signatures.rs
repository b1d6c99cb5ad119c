use pilotlight_bundle::{Broken, Bundle, Refused, seal, sign};

use super::{
    MANIFEST, SEALED, SIGNATURE, SIGNED, SIGNED_TWICE, UNSEALED, custom, first, first_public,
    second, second_public,
};

#[test]
fn a_signature_is_the_one_that_openssl_makes() {
    let mut file = SEALED.to_vec();
    sign(&mut file, &first()).unwrap();
    assert_eq!(file, SIGNED);
    sign(&mut file, &second()).unwrap();
    assert_eq!(file, SIGNED_TWICE);
    wasmparser::Validator::new().validate_all(&file).unwrap();
}

#[test]
fn signatures_are_told_apart_by_their_keys() {
    let signed = Bundle::read(SIGNED).unwrap().unwrap();
    assert!(signed.is_signed_by(&first_public()));
    assert!(!signed.is_signed_by(&second_public()));
    let twice = Bundle::read(SIGNED_TWICE).unwrap().unwrap();
    let keys = twice.signatures().iter().map(|signature| signature.key()).collect::<Vec<_>>();
    assert_eq!(keys, [first_public().id(), second_public().id()]);
    assert!(twice.is_signed_by(&first_public()) && twice.is_signed_by(&second_public()));
    assert_eq!(twice.digest(), signed.digest());
}

#[test]
fn signing_again_replaces_the_signature_of_that_key_alone() {
    let mut file = SIGNED_TWICE.to_vec();
    sign(&mut file, &second()).unwrap();
    assert_eq!(file, SIGNED_TWICE);
    file[SIGNED.len() + 60] ^= 1;
    assert!(!Bundle::read(&file).unwrap().unwrap().is_signed_by(&second_public()));
    sign(&mut file, &second()).unwrap();
    assert_eq!(file, SIGNED_TWICE);
}

#[test]
fn a_signature_says_nothing_about_another_component_or_manifest() {
    let signature = &SIGNED[SEALED.len()..];
    let other = [UNSEALED, &custom("x", b"")].concat();
    for (component, manifest) in [(other.as_slice(), MANIFEST), (UNSEALED, b"{}")] {
        let mut file = component.to_vec();
        seal(&mut file, manifest).unwrap();
        file.extend_from_slice(signature);
        let bundle = Bundle::read(&file).unwrap().unwrap();
        assert_eq!(bundle.signatures()[0].key(), first_public().id());
        assert!(!bundle.is_signed_by(&first_public()));
    }
}

#[test]
fn a_signature_that_names_another_key_is_none() {
    let mut file = SIGNED.to_vec();
    let id = SEALED.len() + 23;
    let other = SIGNED_TWICE.len() - 96;
    file[id..id + 32].copy_from_slice(&SIGNED_TWICE[other..other + 32]);
    let bundle = Bundle::read(&file).unwrap().unwrap();
    assert_eq!(bundle.signatures()[0].key(), second_public().id());
    assert!(!bundle.is_signed_by(&first_public()) && !bundle.is_signed_by(&second_public()));
}

#[test]
fn two_signatures_that_name_one_key_are_refused() {
    let twice = [SIGNED, &SIGNED[SEALED.len()..]].concat();
    let refused = Broken::SignedTwice(first_public().id());
    assert_eq!(Bundle::read(&twice), Err(refused.clone()));
    assert_eq!(sign(&mut twice.clone(), &first()), Err(Refused::Broken(refused)));
}

#[test]
fn what_is_not_sealed_or_broken_is_not_signed() {
    let mut unsealed = UNSEALED.to_vec();
    assert_eq!(sign(&mut unsealed, &first()), Err(Refused::Unsealed));
    assert_eq!(unsealed, UNSEALED);
    let mut altered = SEALED.to_vec();
    altered[10] ^= 1;
    assert!(matches!(sign(&mut altered, &first()), Err(Refused::Broken(Broken::Altered { .. }))));
}

#[test]
fn a_signature_can_be_taken_away_again() {
    assert_eq!(SIGNED.len(), SEALED.len() + SIGNATURE);
    let without_first = [SEALED, &SIGNED_TWICE[SIGNED.len()..]].concat();
    let bundle = Bundle::read(&without_first).unwrap().unwrap();
    assert!(bundle.is_signed_by(&second_public()));
    assert!(!bundle.is_signed_by(&first_public()));
}
