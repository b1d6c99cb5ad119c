use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pilotlight_bundle::{KeyError, SigningKey, VerifyingKey};
use tempfile::TempDir;

use super::{first, first_public, second, second_public};

const FIRST: &str = include_str!("../keys/first.pem");
const FIRST_PUBLIC: &str = include_str!("../keys/first.pub.pem");

fn write(folder: &TempDir, mode: u32, content: &str) -> std::path::PathBuf {
    let path = folder.path().join(format!("key-{mode:o}"));
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn keys_are_written_as_openssl_writes_them() {
    assert_eq!(*first().to_pem().unwrap(), FIRST);
    assert_eq!(first().verifying_key().to_pem().unwrap(), FIRST_PUBLIC);
    assert_eq!(first().verifying_key(), first_public());
    assert_eq!(second().verifying_key(), second_public());
}

#[test]
fn a_key_is_called_by_the_digest_that_openssl_and_sha256sum_give_it() {
    let id = "4bddab72489ef546e5f599bb6204258c982f128c8bab8da5e4a9332a52b24435";
    assert_eq!(first_public().id().to_string(), id);
}

#[test]
fn new_keys_differ() {
    let (one, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    assert_ne!(one.verifying_key().id(), other.verifying_key().id());
    let again = SigningKey::from_pem(&one.to_pem().unwrap()).unwrap();
    assert_eq!(again.verifying_key(), one.verifying_key());
}

#[test]
fn a_private_key_with_its_public_key_is_read() {
    let key = SigningKey::from_pem(include_str!("../keys/version-2.pem")).unwrap();
    assert!(VerifyingKey::from_pem(&key.verifying_key().to_pem().unwrap()).is_ok());
}

#[test]
fn anything_else_is_no_key() {
    let private = [
        FIRST_PUBLIC,
        include_str!("../keys/encrypted.pem"),
        include_str!("../keys/x25519.pem"),
        &FIRST[..80],
        "",
    ];
    for pem in private {
        let error = SigningKey::from_pem(pem).unwrap_err();
        assert!(matches!(error, KeyError::NotPrivate(_)), "{error}");
        assert!(error.to_string().contains("openssl genpkey"), "{error}");
    }
    let p256 = include_str!("../keys/p256.pub.pem");
    for pem in [FIRST, p256, &FIRST_PUBLIC[..60], "", "ssh-ed25519 AAAA"] {
        let error = VerifyingKey::from_pem(pem).unwrap_err();
        assert!(matches!(error, KeyError::NotPublic(_)), "{error}");
    }
}

#[test]
fn a_weak_key_is_refused() {
    // The neutral element: (0, 1).
    let pem = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
        -----END PUBLIC KEY-----\n";
    assert!(matches!(VerifyingKey::from_pem(pem), Err(KeyError::Weak)));
}

#[test]
fn a_private_key_does_not_show_itself() {
    let shown = format!("{:?} {:#?}", first(), first());
    let id = first_public().id().to_string();
    assert_eq!(shown, format!("SigningKey({id}) SigningKey(\n    {id},\n)"));
}

#[test]
fn a_private_key_is_written_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.pem");
    first().write_file(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), FIRST);
    assert_eq!(SigningKey::read_file(&path).unwrap().verifying_key(), first_public());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_private_key_is_never_written_over_a_file() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, 0o600, FIRST);
    let error = second().write_file(&path).unwrap_err();
    assert!(matches!(error, KeyError::Io { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), FIRST);
    assert!(second().write_file(&folder.path().join("missing/key.pem")).is_err());
}

#[test]
fn a_private_key_that_others_can_read_is_refused() {
    let folder = TempDir::new().unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        let error = SigningKey::read_file(&write(&folder, mode, FIRST)).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("{mode:04o}")) && message.contains("chmod 600"));
    }
    for mode in [0o600, 0o400] {
        assert!(SigningKey::read_file(&write(&folder, mode, FIRST)).is_ok());
    }
}

#[test]
fn a_file_without_a_key_is_named() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, 0o600, FIRST_PUBLIC);
    let error = SigningKey::read_file(&path).unwrap_err();
    assert!(matches!(error, KeyError::In { .. }) && error.to_string().contains("key-600"));
    assert_eq!(VerifyingKey::read_file(&path).unwrap(), first_public());
    let missing = Path::new("/missing/key.pem");
    assert!(matches!(SigningKey::read_file(missing), Err(KeyError::Io { .. })));
    assert!(matches!(VerifyingKey::read_file(missing), Err(KeyError::Io { .. })));
    let huge = write(&folder, 0o400, &"A".repeat(1 << 20));
    assert!(matches!(SigningKey::read_file(&huge), Err(KeyError::In { .. })));
}
