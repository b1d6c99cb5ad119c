//! docs/bundle.md says how to check a bundle by hand; here its script is run.

use std::path::Path;
use std::process::{Command, Output};

use pilotlight_bundle::{seal, sign};
use tempfile::TempDir;

use super::{SEALED, SIGNED, SIGNED_TWICE, UNSEALED, first};

fn script() -> String {
    let page = include_str!("../../../../docs/bundle.md");
    let (_, rest) = page.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn check(folder: &Path, file: &[u8], key: &str) -> Output {
    let path = folder.join("file.wasm");
    std::fs::write(&path, file).unwrap();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(key);
    let mut sh = Command::new("sh");
    sh.current_dir(folder).args(["-c", &script(), "check.sh"]).arg(path).arg(key);
    sh.output().unwrap()
}

#[test]
fn the_check_by_hand_agrees() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
        eprintln!("SKIPPED: openssl is missing");
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut altered = SIGNED.to_vec();
    altered[70] ^= 1;
    let mut forged = SIGNED.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    // A manifest that makes its seal look like a signature by the key.
    let looks_like_one = &SIGNED[SEALED.len()..SIGNED.len() - 48];
    let mut misleading = UNSEALED.to_vec();
    seal(&mut misleading, looks_like_one).unwrap();
    sign(&mut misleading, &first()).unwrap();
    let cases = [
        (SIGNED, "first.pub.pem", true),
        (&misleading, "first.pub.pem", true),
        (SIGNED_TWICE, "first.pub.pem", true),
        (SIGNED_TWICE, "second.pub.pem", true),
        (SIGNED, "second.pub.pem", false),
        (SEALED, "first.pub.pem", false),
        (&altered, "first.pub.pem", false),
        (&forged, "first.pub.pem", false),
    ];
    for (n, (file, key, valid)) in cases.into_iter().enumerate() {
        let output = check(folder.path(), file, key);
        assert_eq!(output.status.success(), valid, "{n}: {output:?}");
    }
}
