//! The cache: one builder, no torn entries, no folder that others may write to.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use pilotlight::{Cache, Error};

fn open(folder: &Path) -> Cache {
    Cache::open(Some(folder.join("cache"))).unwrap()
}

fn unexpected() -> Result<Vec<u8>, Error> {
    panic!("there is an entry already")
}

#[test]
fn an_entry_is_built_once_and_then_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let content = [vec![0; 10_000], vec![7; 5_000], vec![0; 4_096]].concat();
    let built = cache.get_or_build("entry", || Ok(content.clone())).unwrap();
    assert_eq!(fs::read(&built.path).unwrap(), content);
    let found = open(folder.path()).get_or_build("entry", unexpected).unwrap();
    assert_eq!(found, built);
    cache.remove("entry");
    assert_ne!(cache.get_or_build("entry", || Ok(vec![1])).unwrap(), built);
}

#[test]
fn of_many_that_start_at_once_one_builds() {
    let folder = tempfile::tempdir().unwrap();
    let (builds, barrier) = (AtomicUsize::new(0), Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cache = open(folder.path());
                barrier.wait();
                let build = || {
                    builds.fetch_add(1, Ordering::Relaxed);
                    Ok(vec![42; 100_000])
                };
                let entry = cache.get_or_build("entry", build).unwrap();
                assert_eq!(fs::read(entry.path).unwrap(), vec![42; 100_000]);
            });
        }
    });
    assert_eq!(builds.load(Ordering::Relaxed), 1);
}

#[test]
fn torn_or_foreign_entries_are_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let whole = vec![3; 9_000];
    for spoil in [
        |path: &Path| fs::write(path, [3; 100]).unwrap(),
        |path: &Path| fs::remove_file(path).unwrap(),
        |path: &Path| fs::write(path.with_extension("wasm.json"), "{").unwrap(),
        |path: &Path| fs::remove_file(path.with_extension("wasm.json")).unwrap(),
    ] {
        let path = cache.get_or_build("entry.wasm", || Ok(whole.clone())).unwrap().path;
        spoil(&path);
        let rebuilt = AtomicUsize::new(0);
        let build = || {
            rebuilt.fetch_add(1, Ordering::Relaxed);
            Ok(whole.clone())
        };
        let path = cache.get_or_build("entry.wasm", build).unwrap().path;
        assert_eq!((rebuilt.load(Ordering::Relaxed), fs::read(path).unwrap()), (1, whole.clone()));
    }
}

#[test]
fn a_build_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    cache.get_or_build("entry", || Err(Error::Refused("no".into()))).unwrap_err();
    assert_eq!(
        cache.get_or_build("entry", || Ok(vec![1])).unwrap().path.metadata().unwrap().len(),
        1
    );
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let reason = Cache::open(Some(folder.path().to_owned())).unwrap_err().to_string();
        assert!(reason.contains("others may write to it"), "{reason}");
        assert!(reason.contains("--cache-dir"), "{reason}");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let reason = Cache::open(Some(link)).unwrap_err().to_string();
    assert!(reason.contains("is not a folder"), "{reason}");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let reason = Cache::open(Some(file.path().to_owned())).unwrap_err().to_string();
    assert!(reason.contains("cache folder"), "{reason}");
}

#[test]
fn damage_that_leaves_the_length_is_found_by_those_who_verify() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let entry = cache.put("entry", &[5; 9_000]).unwrap();
    let mut damaged = fs::read(&entry.path).unwrap();
    damaged[4_321] ^= 1;
    fs::write(&entry.path, damaged).unwrap();
    assert_eq!(cache.get("entry"), Some(entry.clone()));
    let verifying = cache.verifying();
    assert_eq!(verifying.get("entry"), None);
    assert_eq!(verifying.get_or_build("entry", || Ok(vec![5; 9_000])).unwrap(), entry);
}
