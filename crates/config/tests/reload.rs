//! What is followed: a file, and what is valid of it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pilotlight_config::{Current, FileWatch, Sources, Unreadable};
use tempfile::TempDir;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// Looks until nothing is new any more.
fn looks(watch: &mut FileWatch) -> Vec<Result<String, Unreadable>> {
    (0..4).filter_map(|_| watch.poll()).collect()
}

#[track_caller]
fn sees(watch: &mut FileWatch, texts: &[&str]) {
    let seen: Vec<_> = looks(watch).into_iter().map(Result::unwrap).collect();
    assert_eq!(seen, texts);
}

#[test]
fn a_change_is_told_once_and_only_if_the_text_is_another() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watch = FileWatch::new(folder.path().join("p.toml"), "a");
    sees(&mut watch, &[]);
    write(folder.path(), "p.toml", "b");
    sees(&mut watch, &["b"]);
    write(folder.path(), "p.toml", "b");
    sees(&mut watch, &[]);
}

#[test]
fn a_change_between_reading_and_watching_is_not_lost() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "b");
    sees(&mut FileWatch::new(folder.path().join("p.toml"), "a"), &["b"]);
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watch = FileWatch::new(folder.path().join("p.toml"), "a");
    for half in ["", "b", "bb"] {
        write(folder.path(), "p.toml", half);
        assert_eq!(watch.poll(), None, "{half}");
    }
    sees(&mut watch, &["bb"]);
}

#[test]
fn a_file_that_is_replaced_by_a_rename_is_followed() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "p.toml", "a");
    let mut watch = FileWatch::new(folder.path().join("p.toml"), "a");
    sees(&mut watch, &[]);
    write(folder.path(), "new", "b");
    fs::rename(folder.path().join("new"), folder.path().join("p.toml")).unwrap();
    sees(&mut watch, &["b"]);
    fs::remove_file(folder.path().join("p.toml")).unwrap();
    assert_eq!(watch.poll(), None);
    write(folder.path(), "p.toml", "c");
    sees(&mut watch, &["c"]);
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
    let mut watch = FileWatch::new(at("p.toml"), "a");
    sees(&mut watch, &[]);
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    sees(&mut watch, &["b"]);
}

#[test]
fn what_cannot_be_read_is_told_once_and_followed_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("p.toml");
    write(folder.path(), "p.toml", "a");
    let mut watch = FileWatch::new(&file, "a");
    let refused = |watch: &mut FileWatch, reason: &str| {
        let looks = looks(watch);
        let [Err(error)] = looks.as_slice() else { panic!("{looks:?}") };
        assert!(error.to_string().contains(reason), "{error}");
    };
    fs::remove_file(&file).unwrap();
    refused(&mut watch, "No such file");
    fs::write(&file, [b'a', 0xff]).unwrap();
    refused(&mut watch, "not UTF-8");
    fs::write(&file, vec![b'#'; (1 << 20) + 1]).unwrap();
    refused(&mut watch, "longer than");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(&mut watch, "not a file");
    fs::remove_dir(&file).unwrap();
    write(folder.path(), "p.toml", "a");
    sees(&mut watch, &["a"]);
}

#[test]
fn invalid_text_never_replaces_valid_text() {
    let mut current = Current::new("verify = true", Sources::default()).unwrap();
    for invalid in ["verify = ", "verify = 3", "colour = 'red'", "require = 'signature'"] {
        current.offer(invalid).unwrap_err();
        assert!(current.get().config.verify, "{invalid}");
    }
    assert!(current.offer("# nothing else\nverify = true").unwrap().is_none());
    let new = current.offer("verify = false").unwrap().unwrap();
    assert!(!new.config.verify && !current.get().config.verify);
    Current::new("verify = 3", Sources::default()).unwrap_err();
}

#[test]
fn what_needs_a_new_start_is_told() {
    let text = "listen = '127.0.0.1:7'\ncache-dir = 'x'\ncache-size = 0\nwatch = false\nverify = true\n\
                drain-delay = '9s'\ndrain-timeout = '9s'\nhttp.body-rate = 0\n\
                admin = { listen = '127.0.0.1:8', socket = 's', token-file = 't', \
                max-upload-bytes = 1024, upload-timeout = '1s' }\n\
                tls = { certificate = 'c', key = 'k' }\n\
                telemetry = { log = 'off', log-format = 'json', otlp.endpoint = 'http://x' }";
    let mut current = Current::new("", Sources::default()).unwrap();
    let old = current.get().clone();
    let new = current.offer(text).unwrap().unwrap();
    let fixed = [
        "listen",
        "admin.listen",
        "admin.socket",
        "admin.token-file",
        "admin.max-upload-bytes",
        "admin.upload-timeout",
        "tls",
        "http",
        "watch",
        "verify",
        "drain-delay",
        "drain-timeout",
        "cache-dir",
        "cache-size",
        "telemetry.log",
        "telemetry.log-format",
        "telemetry.otlp",
    ];
    assert_eq!(old.config.fixed_changes(&new.config), fixed);
    assert!(old.config.fixed_changes(&old.config).is_empty());
}
