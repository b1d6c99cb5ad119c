//! A watched text file.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pilotlight_files::{TextWatcher, Unreadable};
use tempfile::TempDir;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// All reports of a few looks.
fn looks(watcher: &mut TextWatcher) -> Vec<Result<String, Unreadable>> {
    (0..4).filter_map(|_| watcher.check_files()).collect()
}

#[track_caller]
fn sees(watcher: &mut TextWatcher, texts: &[&str]) {
    let seen: Vec<_> = looks(watcher).into_iter().map(Result::unwrap).collect();
    assert_eq!(seen, texts);
}

#[test]
fn a_change_is_told_once_and_only_if_the_text_is_another() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watcher = TextWatcher::new(&folder.path().join("p.toml"), "a");
    sees(&mut watcher, &[]);
    write(folder.path(), "p.toml", "bb");
    sees(&mut watcher, &["bb"]);
    write(folder.path(), "p.toml", "bb");
    sees(&mut watcher, &[]);
}

#[test]
fn a_change_between_reading_and_watching_is_not_lost() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "b");
    sees(&mut TextWatcher::new(&folder.path().join("p.toml"), "a"), &["b"]);
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watcher = TextWatcher::new(&folder.path().join("p.toml"), "a");
    for half in ["", "b", "bb"] {
        write(folder.path(), "p.toml", half);
        assert_eq!(watcher.check_files(), None, "{half}");
    }
    sees(&mut watcher, &["bb"]);
}

#[test]
fn a_file_that_is_replaced_by_a_rename_is_followed() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watcher = TextWatcher::new(&folder.path().join("p.toml"), "a");
    sees(&mut watcher, &[]);
    write(folder.path(), "new", "b");
    fs::rename(folder.path().join("new"), folder.path().join("p.toml")).unwrap();
    sees(&mut watcher, &["b"]);
    fs::remove_file(folder.path().join("p.toml")).unwrap();
    assert_eq!(watcher.check_files(), None);
    write(folder.path(), "p.toml", "cc");
    sees(&mut watcher, &["cc"]);
}

#[test]
fn the_links_of_a_config_map_are_followed() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("..1", "a"), ("..2", "b")] {
        fs::create_dir(at(version)).unwrap();
        write(&at(version), "p.toml", text);
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/p.toml", at("p.toml")).unwrap();
    let mut watcher = TextWatcher::new(&at("p.toml"), "a");
    sees(&mut watcher, &[]);
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    sees(&mut watcher, &["b"]);
}

#[test]
fn what_cannot_be_read_is_told_once_and_followed_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("p.toml");
    write(folder.path(), "p.toml", "a");
    let mut watcher = TextWatcher::new(&file, "a");
    let refused = |watcher: &mut TextWatcher, reason: &str| {
        let looks = looks(watcher);
        let [Err(error)] = looks.as_slice() else { panic!("{looks:?}") };
        assert!(error.to_string().contains(reason), "{error}");
    };
    fs::remove_file(&file).unwrap();
    refused(&mut watcher, "No such file");
    fs::write(&file, [b'a', 0xff]).unwrap();
    refused(&mut watcher, "not UTF-8");
    fs::write(&file, vec![b'#'; (1 << 20) + 1]).unwrap();
    refused(&mut watcher, "longer than");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(&mut watcher, "not a file");
    fs::remove_dir(&file).unwrap();
    write(folder.path(), "p.toml", "a");
    sees(&mut watcher, &["a"]);
}
