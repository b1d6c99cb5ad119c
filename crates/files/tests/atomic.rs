//! Files appear whole, with their mode, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use pilotlight_files::{AtomicFile, FileAccess, TEMPORARY_PREFIX, write_atomically};

#[test]
fn a_path_holds_the_old_file_until_the_new_one_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wasm");
    fs::write(&path, "old").unwrap();
    let mut file = AtomicFile::create(&path, FileAccess::Public).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.commit(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wasm");
    drop(AtomicFile::create(&path, FileAccess::Public).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_killed_processes_left_is_removed_and_what_others_write_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wasm");
    let left = folder.path().join(format!("{TEMPORARY_PREFIX}abc"));
    fs::write(&left, "half").unwrap();
    let mut first = AtomicFile::create(&path, FileAccess::Public).unwrap();
    assert!(!left.exists());
    first.write_all(b"first").unwrap();
    let mut second = AtomicFile::create(&path, FileAccess::Public).unwrap();
    second.write_all(b"second").unwrap();
    first.commit(&path).unwrap();
    second.commit(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
}

#[test]
fn a_new_file_does_not_replace_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    for (content, succeeds) in [("first", true), ("second", false)] {
        let mut file = AtomicFile::create(&path, FileAccess::OwnerOnly).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        assert_eq!(file.commit_new(&path).is_ok(), succeeds, "{content}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_private_file_replaces_a_public_one_with_its_own_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    write_atomically(&path, b"public", FileAccess::Public).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    write_atomically(&path, b"private", FileAccess::OwnerOnly).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn blocks_of_zeros_take_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let mut content = vec![0; 1 << 20];
    content[700_000] = 1;
    write_atomically(&path, &content, FileAccess::Public).unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert!(fs::metadata(&path).unwrap().blocks() * 512 < 1 << 19);
}

#[test]
fn a_folder_is_not_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), std::path::Path::new("/"), std::path::Path::new("..")] {
        let error = AtomicFile::create(path, FileAccess::Public).unwrap_err().to_string();
        assert!(error.contains("not a path of a file"), "{error}");
    }
}
