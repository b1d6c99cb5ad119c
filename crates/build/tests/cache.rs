//! The cache: one builder, no torn entries, no folder that others may write to.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use pilotlight_build::{Cache, Error};
use pilotlight_files::{FileAccess, write_atomically};

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
fn only_the_owner_may_read_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&folder.path().join("cache")), 0o700);
    for before in [None, Some(0o644), Some(0o666)] {
        let entry = cache.put("entry.toml", b"token").unwrap();
        if let Some(before) = before {
            fs::set_permissions(&entry.path, fs::Permissions::from_mode(before)).unwrap();
            cache.put("entry.toml", b"token").unwrap();
        }
        for file in fs::read_dir(folder.path().join("cache")).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
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
        assert!(reason.contains("other users can write to it"), "{reason}");
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

/// The name of an entry that can be evicted.
fn name(number: u8, kind: &str) -> String {
    format!("{}.{kind}", format!("{number:02x}").repeat(32))
}

/// Has an entry last used some hours ago.
fn age(cache: &Cache, name: &str, hours: u64) {
    let path = cache.get(name).unwrap().path;
    let record = File::open(path.with_file_name(format!("{name}.json"))).unwrap();
    record.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("cache")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

const SIZE: usize = 64 << 10;

#[test]
fn what_was_used_least_recently_is_evicted_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path()).bounded(3 * SIZE as u64);
    for number in 0..4 {
        cache.put(&name(number, "wasm"), &[1; SIZE]).unwrap();
    }
    for (number, hours) in [(0, 2), (1, 4), (2, 1), (3, 3)] {
        age(&cache, &name(number, "wasm"), hours);
    }
    assert!(cache.evict().unwrap() >= 2 * SIZE as u64, "with their records three are too many");
    let left = (0..4).filter(|number| cache.get(&name(*number, "wasm")).is_some());
    assert_eq!(left.collect::<Vec<_>>(), [0, 2]);
    assert_eq!(cache.evict().unwrap(), 0);
}

#[test]
fn what_somebody_has_is_not_evicted_nor_is_what_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path()).bounded(0);
    let [code, image, other] = [name(1, "cwasm"), name(1, "0.image"), name(2, "cwasm")];
    let held = cache.put(&code, &[1; SIZE]).unwrap();
    cache.put(&image, &[2; SIZE]).unwrap();
    cache.put(&other, &[3; SIZE]).unwrap();
    open(folder.path()).bounded(0).evict().unwrap();
    assert!(cache.get(&code).is_some() && cache.get(&image).is_some());
    assert!(cache.get(&other).is_none());
    drop(held);
    cache.evict().unwrap();
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
}

#[test]
fn what_killed_processes_left_is_evicted_whatever_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    cache.put(&name(1, "cwasm"), &[1; SIZE]).unwrap();
    let whole = files(folder.path());
    let at = |name: &str| folder.path().join("cache").join(name);
    fs::write(at(".pilotlight-tmp-a1b2c3"), [1; SIZE]).unwrap();
    fs::write(at(&name(1, "0.image")), [1; SIZE]).unwrap();
    fs::write(at(&name(2, "wasm")), [1; SIZE]).unwrap();
    fs::write(at(&name(3, "digest")), "{").unwrap();
    // Not the cache's own, or nothing that can be told from what is in use.
    fs::write(at("consul-1.toml"), "").unwrap();
    let writing = File::create(at(".pilotlight-tmp-d4e5f6")).unwrap();
    writing.lock().unwrap();
    cache.evict().unwrap();
    let mut left = files(folder.path());
    left.retain(|path| path.extension().is_none_or(|extension| extension != "lock"));
    let mut expected = [whole, vec![at("consul-1.toml"), at(".pilotlight-tmp-d4e5f6")]].concat();
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
}

#[test]
fn those_who_use_build_and_evict_at_once_do_not_hurt_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let content = |number: u8| vec![number; 10_000];
    // The folder is there before anybody writes to it.
    open(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cache = open(folder.path());
                for number in (0..3).cycle().take(60) {
                    let build = || Ok(content(number));
                    let entry = cache.get_or_build(&name(number, "wasm"), build).unwrap();
                    assert_eq!(fs::read(&entry.path).unwrap(), content(number));
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let cache = open(folder.path()).bounded(0);
                (0..60).for_each(|_| assert!(cache.evict().is_ok()));
            });
        }
        scope.spawn(|| {
            let path = folder.path().join("cache/other.json");
            (0..60).for_each(|_| write_atomically(&path, b"whole", FileAccess::Public).unwrap());
        });
    });
    open(folder.path()).bounded(0).evict().unwrap();
    assert_eq!(files(folder.path()), [folder.path().join("cache/other.json")]);
}
