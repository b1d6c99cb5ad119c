use pilotlight_bundle::{Broken, Bundle, seal};
use pilotlight_model::Digest;
use proptest::prelude::*;

use super::{MANIFEST, SEALED, SIGNED_TWICE, UNSEALED, custom, section};

const OUTDATED: &[u8] = include_bytes!("../../../../fuzz/seeds/bundle/outdated");
const MARK: &[u8] = b"pilotlight-seal1";

fn real() -> Vec<u8> {
    let text = r#"(component
        (core module $m (@custom "pilotlight" "of the module") (func (export "f")))
        (component (@custom "pilotlight-signature" "of the inner component"))
        (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f"))))"#;
    wat::parse_str(text).unwrap()
}

fn validate(component: &[u8]) {
    wasmparser::Validator::new().validate_all(component).unwrap();
}

fn sealed(component: &[u8], manifest: &[u8]) -> Vec<u8> {
    let mut sealed = component.to_vec();
    seal(&mut sealed, manifest).unwrap();
    sealed
}

/// Ends in a digest that fits and the mark, as whoever wants to deceive the reader would have it.
fn forged(before: &[u8]) -> Vec<u8> {
    [before, Digest::of(before).as_bytes(), MARK].concat()
}

#[test]
fn the_format_is_the_one_that_is_documented() {
    assert_eq!(sealed(UNSEALED, MANIFEST), SEALED);
}

#[test]
fn what_is_sealed_is_read_back_and_the_component_stays_valid() {
    let component = real();
    validate(&component);
    assert_eq!(Bundle::read(&component), Ok(None));
    let mut file = component.clone();
    let digest = seal(&mut file, MANIFEST).unwrap();
    validate(&file);
    let bundle = Bundle::read(&file).unwrap().unwrap();
    assert_eq!(bundle.component(), component);
    assert_eq!(bundle.manifest(), MANIFEST);
    assert_eq!(bundle.digest(), digest);
    assert_eq!(bundle.signatures(), []);
}

#[test]
fn an_empty_manifest_and_a_long_one_are_manifests() {
    for length in [0, 1, 1 << 14, (1 << 21) + 1] {
        let manifest = vec![b'{'; length];
        let file = sealed(&real(), &manifest);
        validate(&file);
        assert_eq!(Bundle::read(&file).unwrap().unwrap().manifest(), manifest);
    }
}

#[test]
fn sealing_again_replaces_seal_and_signatures() {
    let mut file = SIGNED_TWICE.to_vec();
    let other = seal(&mut file, b"{}").unwrap();
    assert_ne!(other, Bundle::read(SEALED).unwrap().unwrap().digest());
    assert_eq!(file, sealed(UNSEALED, b"{}"));
    seal(&mut file, MANIFEST).unwrap();
    assert_eq!(file, SEALED);
}

#[test]
fn other_components_and_other_manifests_have_other_digests() {
    let longer = [UNSEALED, &custom("x", b"")].concat();
    let files = [
        sealed(UNSEALED, b""),
        sealed(UNSEALED, b"{}"),
        sealed(&longer, b""),
        sealed(UNSEALED, &custom("x", b"")),
    ];
    let digest = |file: &Vec<u8>| Bundle::read(file).unwrap().unwrap().digest();
    let mut digests: Vec<_> = files.iter().map(digest).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), files.len());
}

#[test]
fn a_manifest_may_hold_what_looks_like_the_end_of_a_bundle() {
    let signature = &SIGNED_TWICE[SIGNED_TWICE.len() - 119..];
    let manifests = [SIGNED_TWICE, MARK, signature, &signature[..119 - 48], SEALED];
    for manifest in manifests {
        let file = sealed(UNSEALED, manifest);
        assert_eq!(Bundle::read(&file).unwrap().unwrap().manifest(), manifest);
    }
}

#[test]
fn a_section_with_nothing_but_a_manifest_is_refused_and_not_sealed() {
    let refused = Broken::Misplaced { section: "pilotlight".into(), at: UNSEALED.len() };
    assert_eq!(Bundle::read(OUTDATED), Err(refused.clone()));
    let mut file = OUTDATED.to_vec();
    assert_eq!(seal(&mut file, MANIFEST), Err(refused));
    assert_eq!(file, OUTDATED);
}

#[test]
fn an_altered_bundle_is_not_sealed_anew() {
    let mut file = SEALED.to_vec();
    file[70] ^= 1;
    let altered = file.clone();
    assert!(matches!(seal(&mut file, MANIFEST), Err(Broken::Altered { .. })));
    assert_eq!(file, altered);
}

#[test]
fn nothing_but_signatures_may_follow_a_seal() {
    let seal = Broken::Misplaced { section: "pilotlight".into(), at: UNSEALED.len() };
    for file in [SEALED, SIGNED_TWICE] {
        for more in [custom("producers", b""), custom("pilotlight-signature", &[7; 95]), vec![0]] {
            assert_eq!(Bundle::read(&[file, &more].concat()), Err(seal.clone()));
        }
    }
}

#[test]
fn two_seals_are_refused() {
    let header = &custom("pilotlight", &[0; 48])[..13];
    let twice = forged(&[SEALED, header].concat());
    let refused = Broken::Misplaced { section: "pilotlight".into(), at: UNSEALED.len() };
    assert_eq!(Bundle::read(&twice), Err(refused));
}

#[test]
fn a_signature_without_a_seal_is_refused() {
    let signature = &SIGNED_TWICE[SIGNED_TWICE.len() - 119..];
    let file = [UNSEALED, signature].concat();
    let refused = Broken::Misplaced { section: "pilotlight-signature".into(), at: UNSEALED.len() };
    assert_eq!(Bundle::read(&file), Err(refused));
}

#[test]
fn the_end_of_a_seal_outside_its_section_is_refused() {
    let other = [UNSEALED, &custom("data", &[0; 48])[..7]].concat();
    assert_eq!(Bundle::read(&forged(&other)), Err(Broken::NoSection));
}

#[test]
fn a_section_too_short_for_a_digest_is_refused() {
    // Its name ends with the first byte of a digest that fits.
    let header = &custom("pilotlight", &[0; 47])[..12];
    let mut befores = (0..=u16::MAX)
        .map(|n| [UNSEALED, &custom("n", &n.to_le_bytes()), header].concat())
        .filter(|before| Digest::of(before).as_bytes()[0] == b't');
    let file = forged(&befores.next().unwrap());
    assert!(matches!(Bundle::read(&file), Err(Broken::Misplaced { .. })));
}

#[test]
fn sections_inside_modules_and_inner_components_are_not_ours() {
    let inner = [SIGNED_TWICE, &custom("last", b"")].concat();
    let outer = [UNSEALED, &section(4, &inner), &custom("last", b"")].concat();
    assert_eq!(Bundle::read(&outer), Ok(None));
    let file = sealed(&outer, MANIFEST);
    assert_eq!(Bundle::read(&file).unwrap().unwrap().component(), outer);
}

#[test]
fn lengths_that_are_only_claimed_are_refused() {
    for kind in [0, 1, 4, 7] {
        for size in [&b"\xff\xff\xff\xff\x0f"[..], b"\xff\xff\xff\xff\xff\x01", b"\x80", b"\x7f"] {
            let file = [UNSEALED, &[kind], size, b"\x0apilotlight"].concat();
            assert!(matches!(Bundle::read(&file), Err(Broken::NotAComponent(_))), "{file:x?}");
            assert!(Bundle::read(&forged(&file)).is_err());
        }
    }
}

#[test]
fn what_is_no_component_is_refused() {
    for file in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0", b"#!/bin/sh\n", MARK, &[0; 64]] {
        assert!(matches!(Bundle::read(file), Err(Broken::NotAComponent(_))), "{file:x?}");
        assert!(seal(&mut file.to_vec(), MANIFEST).is_err());
    }
    let unknown = [UNSEALED, &section(0x60, b"x")].concat();
    assert!(matches!(Bundle::read(&unknown), Err(Broken::NotAComponent(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!matches!(Bundle::read(&bytes), Ok(Some(_))));
        let file = [UNSEALED, &bytes].concat();
        prop_assert!(!matches!(Bundle::read(&file), Ok(Some(_))));
        prop_assert!(!matches!(Bundle::read(&forged(&file)), Ok(Some(_))));
    }

    #[test]
    fn any_manifest_is_read_back(
        name in "[a-z]{0,12}",
        content in proptest::collection::vec(any::<u8>(), 0..300),
        manifest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let component = [UNSEALED, &custom(&format!("x{name}"), &content)].concat();
        let file = sealed(&component, &manifest);
        let bundle = Bundle::read(&file).unwrap().unwrap();
        prop_assert_eq!(bundle.manifest(), manifest);
        prop_assert_eq!(bundle.component(), component);
        prop_assert_eq!(
            bundle.digest(),
            Digest::of(&file[..file.len() - 48]),
        );
    }
}
