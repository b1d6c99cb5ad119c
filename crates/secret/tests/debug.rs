//! What is printed of a secret.

#![allow(missing_docs, reason = "tests")]

use pilotlight_secret::Secret;

#[test]
fn a_secret_gives_its_text_and_prints_nothing_of_it() {
    let secret = Secret::new("s3cret");
    assert_eq!(secret.text(), "s3cret");
    assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "Secret Some(\n    Secret,\n)");
    // Not even its length.
    assert_eq!(format!("{secret:?}"), format!("{:?}", Secret::new("")));
}
