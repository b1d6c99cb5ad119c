use pilotlight_bundle::{Broken, Policy, Refused, VerifyingKey};

use super::{SEALED, SIGNED, SIGNED_TWICE, UNSEALED, first_public, second_public};

fn signed_by(keys: impl Into<Vec<VerifyingKey>>) -> Policy {
    Policy::Signature { keys: keys.into() }
}

#[test]
fn a_digest_is_enough_where_no_signature_is_required() {
    for file in [SEALED, SIGNED, SIGNED_TWICE] {
        assert!(Policy::Digest.admit(file).is_ok());
    }
}

#[test]
fn one_valid_signature_by_one_of_the_keys_is_enough() {
    let policies = [
        signed_by([second_public()]),
        signed_by([first_public(), second_public()]),
        signed_by([second_public(), first_public()]),
    ];
    for policy in policies {
        assert!(policy.admit(SIGNED_TWICE).is_ok());
    }
    // Whatever a signature is worth that names a key that nobody trusts.
    let mut file = SIGNED_TWICE.to_vec();
    file[SEALED.len() + 100] ^= 1;
    assert!(signed_by([second_public()]).admit(&file).is_ok());
    assert!(signed_by([first_public(), second_public()]).admit(&file).is_ok());
}

#[test]
fn no_policy_admits_what_is_not_sealed_or_broken() {
    let mut altered = SIGNED.to_vec();
    altered[20] ^= 1;
    for policy in [Policy::Digest, signed_by([first_public()])] {
        assert_eq!(policy.admit(UNSEALED), Err(Refused::Unsealed));
        let broken = policy.admit(&altered);
        assert!(matches!(broken, Err(Refused::Broken(Broken::Altered { .. }))), "{broken:?}");
    }
}

#[test]
fn an_unsigned_bundle_is_refused_where_a_signature_is_required() {
    assert_eq!(signed_by([first_public()]).admit(SEALED), Err(Refused::Unsigned));
}

#[test]
fn a_bundle_signed_by_others_is_refused_and_they_are_named() {
    let refused = signed_by([second_public()]).admit(SIGNED).unwrap_err();
    assert_eq!(refused, Refused::Untrusted(vec![first_public().id()]));
    assert!(refused.to_string().contains(&first_public().id().to_string()), "{refused}");
    assert!(matches!(signed_by([]).admit(SIGNED), Err(Refused::Untrusted(_))));
}

#[test]
fn a_forged_signature_is_refused_by_name() {
    let mut file = SIGNED.to_vec();
    let last = file.len() - 10;
    file[last] ^= 1;
    let refused = signed_by([second_public(), first_public()]).admit(&file);
    assert_eq!(refused, Err(Refused::Forged(first_public().id())));
}
