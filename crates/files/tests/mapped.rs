//! Mapped files have the content of the file, also after it was replaced.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pilotlight_files::{FileAccess, MappedFile, write_atomically};

#[test]
fn what_is_mapped_stays_when_the_file_is_replaced_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (old, new) = (vec![7; 10_000], vec![8; 100]);
    write_atomically(&path, &old, FileAccess::OwnerOnly).unwrap();
    let mapped = MappedFile::open(&path).unwrap();
    write_atomically(&path, &new, FileAccess::OwnerOnly).unwrap();
    assert_eq!(MappedFile::open(&path).unwrap().as_ref(), new);
    fs::remove_file(&path).unwrap();
    assert_eq!(mapped.as_ref(), old);
}

#[test]
fn files_that_cannot_be_trusted_to_stay_as_they_are_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let refused = |path: &Path| MappedFile::open(path).unwrap_err().kind();
    assert_eq!(refused(&path), ErrorKind::NotFound);
    assert_eq!(refused(folder.path()), ErrorKind::PermissionDenied);
    write_atomically(&path, b"", FileAccess::OwnerOnly).unwrap();
    assert_eq!(refused(&path), ErrorKind::InvalidData);
    write_atomically(&path, b"content", FileAccess::OwnerOnly).unwrap();
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(refused(&path), ErrorKind::PermissionDenied);
    }
}
