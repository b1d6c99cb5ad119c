use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::thread;

use pilotlight_deidentify::{Cipher, KeyId, Keyring, KeyringError, Mode, Reason};
use tempfile::TempDir;

use super::{deidentifier, encryption, ring_text, token, write};

fn id(text: &str) -> KeyId {
    text.parse().unwrap()
}

fn ids(keyring: &Keyring) -> Vec<&str> {
    keyring.ids().map(KeyId::as_str).collect()
}

#[test]
fn after_a_rotation_old_tokens_are_decrypted_and_new_ones_use_the_new_key() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.toml");
    Keyring::generate(&path, &id("k1")).unwrap();
    let before = Keyring::read(&path).unwrap();
    let old = token(&encryption(Cipher::Aes256Gcm, &before), "A", "old");
    Keyring::rotate(&path, &id("k2")).unwrap();
    let after = before.read_again().unwrap();
    let new = token(&encryption(Cipher::Sm4Gcm, &after), "A", "new");
    assert!(old.starts_with("[A:k1:") && new.starts_with("[A:k2:"));
    assert_eq!(after.reidentify(&format!("{old} {new}")).text, "old new");
    // Who has the old keyring still goes on with it.
    let reidentified = before.reidentify(&format!("{old} {new}"));
    assert_eq!(reidentified.text, format!("old {new}"));
    assert_eq!(reidentified.left[0].reason, Reason::UnknownKey);
    assert_eq!((ids(&before), ids(&after)), (vec!["k1"], vec!["k2", "k1"]));
}

#[test]
fn a_key_that_was_taken_out_decrypts_no_more() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1", "k2"]));
    let keyring = Keyring::read(&path).unwrap();
    let token = token(&encryption(Cipher::Aes256Gcm, &keyring), "A", "x");
    write(folder.path(), "keys.toml", 0o600, &ring_text("k2", &["k2"]));
    let left = keyring.read_again().unwrap().reidentify(&token).left;
    assert_eq!((left[0].reason, left[0].key.as_str()), (Reason::UnknownKey, "k1"));
}

#[test]
fn a_ring_read_again_goes_on_counting() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1"]));
    let before = Keyring::read(&path).unwrap();
    token(&encryption(Cipher::Aes256Gcm, &before), "A", "x");
    let after = before.read_again().unwrap();
    token(&encryption(Cipher::Aes256Gcm, &after), "A", "x");
    token(&encryption(Cipher::Aes256Gcm, &before), "A", "x");
    assert_eq!((before.encrypted(Cipher::Aes256Gcm), after.encrypted(Cipher::Aes256Gcm)), (3, 3));
    Keyring::rotate(&path, &id("k2")).unwrap();
    assert_eq!(after.read_again().unwrap().encrypted(Cipher::Aes256Gcm), 0);
}

#[test]
fn a_ring_that_cannot_be_read_again_can_be_used_further() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1"]));
    let keyring = Keyring::read(&path).unwrap();
    fs::write(&path, "active = ").unwrap();
    assert!(matches!(keyring.read_again(), Err(KeyringError::NotToml { .. })));
    let token = token(&encryption(Cipher::Aes256Gcm, &keyring), "A", "x");
    assert_eq!(keyring.reidentify(&token).text, "x");
}

#[test]
fn generated_rings_are_for_their_owner_alone_and_differ() {
    let folder = TempDir::new().unwrap();
    let paths = ["a.toml", "b.toml"].map(|name| folder.path().join(name));
    let pseudonyms = paths.each_ref().map(|path| {
        Keyring::generate(path, &id("k1")).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
        token(&deidentifier(Mode::Pseudonymize, &Keyring::read(path).unwrap()), "A", "x")
    });
    assert_ne!(pseudonyms[0], pseudonyms[1]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_ring_is_never_generated_over_a_file() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, "mine");
    let error = Keyring::generate(&path, &id("k1")).unwrap_err();
    assert!(matches!(error, KeyringError::Io { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(Keyring::generate(&folder.path().join("missing/keys.toml"), &id("k1")).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_rotation_leaves_all_else_as_it_was_written() {
    let folder = TempDir::new().unwrap();
    let text = format!("# ours\n{}# the end", ring_text("k1", &["k1"]).replace('"', "'"));
    let path = write(folder.path(), "keys.toml", 0o400, &text);
    Keyring::rotate(&path, &id("2026-11")).unwrap();
    let after = fs::read_to_string(&path).unwrap();
    let kept = text.replace("'k1'", "\"2026-11\"");
    let added = after.strip_prefix(&kept).unwrap();
    assert!(added.starts_with("\n\n[keys.2026-11]\nsecret = \""), "{added}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(ids(&Keyring::read(&path).unwrap()), ["2026-11", "k1"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_rotation_that_fails_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let keyring = ring_text("k1", &["k1"]);
    let inline = "active = \"k1\"\nkeys = { k1 = { file = \"x\" } }\n".to_owned();
    let cases = [
        (0o600, keyring.clone(), "k1", "already has a key `k1`"),
        (0o600, inline, "k2", "each key as a table [keys.NAME]"),
        (0o644, keyring.clone(), "k2", "chmod 600"),
        (0o600, keyring.replace("active", "activ"), "k2", "`activ` is unknown"),
        (0o600, "[".to_owned(), "k2", "not TOML"),
    ];
    for (mode, text, new, message) in cases {
        let path = write(folder.path(), "keys.toml", mode, &text);
        let error = Keyring::rotate(&path, &id(new)).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("keys.toml"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert!(matches!(
        Keyring::rotate(&folder.path().join("missing"), &id("k1")),
        Err(KeyringError::Io { .. })
    ));
}

#[test]
fn two_do_not_rotate_at_once() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1"]));
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    let error = Keyring::rotate(&path, &id("k2")).unwrap_err();
    assert!(matches!(error, KeyringError::Busy { .. }), "{error}");
    drop(held);
    Keyring::rotate(&path, &id("k2")).unwrap();
}

#[test]
fn no_key_is_lost_when_many_rotate() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.toml");
    Keyring::generate(&path, &id("k0")).unwrap();
    let added: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (1..9)
            .map(|number| {
                let path = &path;
                scope.spawn(move || {
                    let name = format!("k{number}");
                    match Keyring::rotate(path, &id(&name)) {
                        Ok(()) => Some(name),
                        Err(KeyringError::Busy { .. }) => None,
                        Err(error) => panic!("{error}"),
                    }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    let keyring = Keyring::read(&path).unwrap();
    assert!(!added.is_empty());
    assert_eq!(keyring.ids().count(), added.len() + 1);
    assert!(added.iter().all(|name| ids(&keyring).contains(&name.as_str())));
}

#[test]
fn a_link_to_a_ring_stays_a_link() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1"]));
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    Keyring::rotate(&link, &id("k2")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ids(&Keyring::read(&path).unwrap()), ["k2", "k1"]);
}

#[test]
fn a_ring_stays_its_owners_when_root_rotates() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &ring_text("k1", &["k1"]));
    if chown(&path, Some(65_534), Some(65_533)).is_err() {
        pilotlight_testing::skipped("only root can give files away");
        return;
    }
    Keyring::rotate(&path, &id("k2")).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_533));
}

#[test]
fn rings_are_shared_by_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Keyring>();
}

#[test]
fn names_of_keys_are_short_and_plain() {
    for name in ["k1", "A", "2026-11_b", &"a".repeat(32)] {
        assert_eq!(id(name).to_string(), name);
    }
    for name in ["", "a b", "a:b", "a]", "é", "a.b", &"a".repeat(33)] {
        let error = name.parse::<KeyId>().unwrap_err();
        assert!(error.to_string().contains("1 to 32 letters"), "{error}");
    }
}
