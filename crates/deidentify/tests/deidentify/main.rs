//! Texts de-identified and re-identified, and the keys for it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod actions;
mod anything;
mod encryption;
mod keyring_files;
mod labels;
mod look_alikes;
mod options;
mod places;
mod pseudonyms;
mod redaction;
mod rotation;
mod stream_reidentifier;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pilotlight_deidentify::{Cipher, Deidentifier, DeidentifyOptions, Entity, Keyring, Mode};
use tempfile::TempDir;

/// The bytes 0 to 31, and 100 to 139.
const SECRETS: [&str; 2] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKiw==",
];

/// `k1` and `k2`, of which `k2` is active.
static RING: LazyLock<Keyring> = LazyLock::new(|| keyring("k2", &["k1", "k2"]));

/// A keyring with some of the keys `k1` and `k2`.
fn keyring(active: &str, ids: &[&str]) -> Keyring {
    let folder = TempDir::new().unwrap();
    Keyring::read(&write(folder.path(), "keys.toml", 0o600, &ring_text(active, ids))).unwrap()
}

fn ring_text(active: &str, ids: &[&str]) -> String {
    let mut text = format!("active = \"{active}\"\n");
    for (id, secret) in ["k1", "k2"].iter().zip(SECRETS).filter(|(id, _)| ids.contains(id)) {
        text.push_str(&format!("[keys.{id}]\nsecret = \"{secret}\"\n"));
    }
    text
}

fn write(folder: &Path, name: &str, mode: u32, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn options(mode: Mode) -> DeidentifyOptions {
    let needs_keys = matches!(mode, Mode::Pseudonymize | Mode::Encrypt | Mode::Replace);
    DeidentifyOptions {
        mode,
        cipher: None,
        keys: needs_keys.then(|| PathBuf::from("keys.toml")),
        labels: None,
        actions: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        placeholder: None,
    }
}

fn deidentifier(mode: Mode, keyring: &Keyring) -> Deidentifier {
    Deidentifier::new(&options(mode), Some(keyring)).unwrap()
}

fn encryption(cipher: Cipher, keyring: &Keyring) -> Deidentifier {
    let options = DeidentifyOptions { cipher: Some(cipher), ..options(Mode::Encrypt) };
    Deidentifier::new(&options, Some(keyring)).unwrap()
}

fn entity(label: &str, start: usize, end: usize) -> Entity<'_> {
    Entity { label, score: 0.5, start, end }
}

/// The entity that `value` is in `text`.
fn found<'a>(label: &'a str, text: &str, value: &str) -> Entity<'a> {
    let start = text[..text.find(value).unwrap()].chars().count();
    entity(label, start, start + value.chars().count())
}

/// The text with one value replaced.
fn deidentify(deidentifier: &Deidentifier, label: &str, text: &str, value: &str) -> String {
    deidentifier.deidentify(text, &[found(label, text, value)]).unwrap().text
}

/// The token of a value.
fn token(deidentifier: &Deidentifier, label: &str, value: &str) -> String {
    deidentify(deidentifier, label, value, value)
}
