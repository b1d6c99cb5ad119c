//! Model folders as they should and should not be.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::path::Path;

use pilotlight_model::{Digest, Manifest, ModelError, ModelFolder};
use proptest::prelude::*;
use tempfile::TempDir;

const FILES: [&str; 3] = ["model.onnx", "tokenizer.json", "config.json"];

fn manifest(files: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "name = \"m\"\ntask = \"token-classification\"\nmax-length = 8\nlicense = \"CC0-1.0\"\n[files]\n",
    );
    for (name, content) in files {
        let digest = Digest::of(content.as_bytes());
        text.push_str(&format!("{name:?}.sha256 = \"{digest}\"\n"));
    }
    text
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let files: Vec<_> = FILES.iter().map(|name| (*name, *name)).collect();
    fs::write(folder.path().join("model.toml"), manifest(&files)).unwrap();
    folder
}

fn refusal(folder: &Path) -> String {
    ModelFolder::open(folder).and_then(|folder| folder.verify()).unwrap_err().to_string()
}

#[test]
fn a_whole_folder_is_read() {
    let folder = folder();
    let model = ModelFolder::open(folder.path()).unwrap();
    model.verify().unwrap();
    assert_eq!(model.read("config.json").unwrap(), b"config.json");
    assert_eq!(model.read_in_pieces("config.json").unwrap().concat(), b"config.json");
    assert!(matches!(model.read("model.toml"), Err(ModelError::NotListed { .. })));
}

#[test]
fn a_manifest_may_begin_with_a_byte_order_mark() {
    let folder = folder();
    let manifest = folder.path().join("model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("\u{feff}{text}")).unwrap();
    ModelFolder::open(folder.path()).unwrap().verify().unwrap();
}

#[test]
fn the_default_model_is_what_its_manifest_says() {
    let model =
        ModelFolder::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pii-ner"))
            .unwrap();
    model.verify().unwrap();
    assert_eq!(model.manifest().name, "pii-ner");
}

/// Why a folder with this tokenizer is refused, if it is.
fn with_tokenizer(tokenizer: &str) -> Option<String> {
    let folder = folder();
    fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    let files = [("model.onnx", "model.onnx"), ("tokenizer.json", tokenizer)];
    fs::write(folder.path().join("model.toml"), manifest(&files)).unwrap();
    let model = ModelFolder::open(folder.path()).unwrap();
    model.verify().err().map(|error| error.to_string())
}

#[test]
fn a_tokenizer_with_more_entries_than_any_has_is_refused_by_the_name_of_the_list() {
    let list = |entry: &str, count: usize| vec![entry; count].join(",");
    let most = 2_000_000;
    for (key, open, entry, close) in [
        ("merges", "[", r#""a b""#, "]"),
        ("merges", "[", r#"["a","b"]"#, "]"),
        ("vocab", "{", r#""a":0"#, "}"),
        ("vocab", "[", r#"["a",-1.5]"#, "]"),
    ] {
        let file = |count: usize| {
            format!(
                r#"{{"version": "1.0", "normalizer": null, "model": {{"dropout": null,
                    "fuse_unk": false, "{key}": {open}{}{close}}}}}"#,
                list(entry, count)
            )
        };
        assert_eq!(with_tokenizer(&file(most)), None, "{key} {entry}");
        let refusal = with_tokenizer(&file(most + 1)).unwrap();
        let expected = format!("tokenizer.json: {key} has 2000001 entries, more than the 2000000");
        assert!(refusal.contains(&expected) && !refusal.contains('\n'), "{refusal}");
    }
    let twice = format!(r#"{{"merges": [], "merges": [{}]}}"#, list("0", most + 1));
    assert!(with_tokenizer(&twice).unwrap().contains("merges has 2000001 entries"));
    // What is no JSON is told by whoever reads it.
    assert_eq!(with_tokenizer("{"), None);
}

#[test]
fn missing_changed_and_unlisted_files_are_named() {
    let folder = folder();
    fs::write(folder.path().join("config.json"), "changed").unwrap();
    assert!(refusal(folder.path()).contains("config.json: SHA-256 is"));
    let pieces = ModelFolder::open(folder.path()).unwrap().read_in_pieces("config.json");
    assert!(matches!(pieces, Err(ModelError::WrongDigest { .. })));
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert!(refusal(folder.path()).contains("config.json: cannot be read"));
    fs::write(folder.path().join("model.toml"), manifest(&[("model.onnx", "model.onnx")])).unwrap();
    assert!(refusal(folder.path()).contains("does not list tokenizer.json"));
    fs::remove_file(folder.path().join("model.toml")).unwrap();
    assert!(refusal(folder.path()).contains("model.toml: cannot be read"));
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_refused() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "config.json").unwrap();
    let folder = folder();
    let file = folder.path().join("config.json");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(outside.path(), &file).unwrap();
    assert!(refusal(folder.path()).contains("config.json: not a regular file"));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(refusal(folder.path()).contains("config.json: not a regular file"));
}

#[cfg(unix)]
#[test]
fn links_within_the_folder_are_followed() {
    let folder = folder();
    let (link, target) = (folder.path().join("config.json"), folder.path().join("the-config"));
    fs::rename(&link, &target).unwrap();
    for to in [Path::new("the-config"), &target] {
        std::os::unix::fs::symlink(to, &link).unwrap();
        let model = ModelFolder::open(folder.path()).unwrap();
        model.verify().unwrap();
        assert!(model.has_links());
        assert_eq!(model.read("config.json").unwrap(), b"config.json");
        let copy = tempfile::tempdir().unwrap();
        model.copy_to(copy.path()).unwrap();
        let copy = ModelFolder::open(copy.path()).unwrap();
        copy.verify().unwrap();
        assert!(!copy.has_links() && copy.digest() == model.digest());
        fs::remove_file(&link).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(refusal(folder.path()).contains("config.json: cannot be read"));
}

/// A Hugging Face cache whose only snapshot is links to blobs, and that snapshot.
#[cfg(unix)]
fn cache(below: &str) -> (TempDir, std::path::PathBuf) {
    let cache = tempfile::tempdir().unwrap();
    let entry = cache.path().join("models--org--name");
    let snapshot = entry.join("snapshots/0123abc").join(below);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir(entry.join("blobs")).unwrap();
    let up = if below.is_empty() { "../../blobs" } else { "../../../blobs" };
    let files: Vec<_> = FILES.iter().map(|name| (*name, *name)).collect();
    let manifest = manifest(&files);
    for (name, content) in
        FILES.iter().map(|name| (*name, *name)).chain([("model.toml", &manifest[..])])
    {
        let blob = Digest::of(content.as_bytes()).to_string();
        fs::write(entry.join("blobs").join(&blob), content).unwrap();
        std::os::unix::fs::symlink(format!("{up}/{blob}"), snapshot.join(name)).unwrap();
    }
    (cache, snapshot)
}

#[cfg(unix)]
#[test]
fn links_within_an_entry_of_a_hugging_face_cache_are_followed_and_no_others() {
    for below in ["", "onnx"] {
        let (cache, snapshot) = cache(below);
        ModelFolder::open(&snapshot).unwrap().verify().unwrap();
        // The snapshot may itself be reached by a link.
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("model");
        std::os::unix::fs::symlink(&snapshot, &link).unwrap();
        ModelFolder::open(&link).unwrap().verify().unwrap();
        // Another model's blobs are none of its business.
        let other = cache.path().join("models--org--other/blobs");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("blob"), "config.json").unwrap();
        let file = snapshot.join("config.json");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(other.join("blob"), &file).unwrap();
        let reason = refusal(&snapshot);
        assert!(reason.contains("config.json: not a regular file"), "{reason}");
        assert!(reason.contains("outside of the model folder"), "{reason}");
    }
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    for name in ["../secret", "/etc/passwd", "a/../b", "./../a", ".", "..", "", "a/", "./", "a/."] {
        let folder = folder();
        let mut files: Vec<_> = FILES.iter().map(|name| (*name, *name)).collect();
        files.push((name, ""));
        fs::write(folder.path().join("model.toml"), manifest(&files)).unwrap();
        assert!(refusal(folder.path()).contains("is outside of the model folder"), "{name:?}");
        let whole = folder_with("w.bin");
        let read = ModelFolder::open(whole.path()).unwrap().read_in_pieces(name);
        assert!(matches!(read, Err(ModelError::OutsideFolder { .. })), "{name:?}");
    }
}

/// A folder with one more file, listed as `name`.
fn folder_with(name: &str) -> TempDir {
    let folder = folder();
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "w").unwrap();
    let mut files: Vec<_> = FILES.iter().map(|name| (*name, *name)).collect();
    files.push((name, "w"));
    fs::write(folder.path().join("model.toml"), manifest(&files)).unwrap();
    folder
}

#[test]
fn a_file_in_a_folder_within_is_read_by_every_spelling_of_its_path() {
    for listed in ["sub/w.bin", "./sub/w.bin", "sub//w.bin"] {
        let folder = folder_with(listed);
        let model = ModelFolder::open(folder.path()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        model.copy_to(copy.path()).unwrap();
        for model in [model, ModelFolder::open(copy.path()).unwrap()] {
            model.verify().unwrap();
            for name in ["sub/w.bin", "./sub/w.bin", "sub/./w.bin"] {
                assert_eq!(model.read_in_pieces(name).unwrap().concat(), b"w", "{name}");
            }
            let unlisted = model.read("./sub/v.bin").unwrap_err().to_string();
            assert!(unlisted.contains("add [files.\"sub/v.bin\"]"), "{unlisted}");
        }
        fs::write(folder.path().join("sub/w.bin"), "v").unwrap();
        assert!(refusal(folder.path()).contains("w.bin: SHA-256 is"));
    }
    let folder = folder_with("w.bin");
    let mut text = fs::read_to_string(folder.path().join("model.toml")).unwrap();
    text.push_str(&format!("\"./w.bin\".sha256 = \"{}\"\n", Digest::of(b"v")));
    fs::write(folder.path().join("model.toml"), text).unwrap();
    assert!(refusal(folder.path()).contains("[files] has two digests of w.bin"));
}

#[cfg(unix)]
#[test]
fn a_folder_within_may_be_a_link_that_does_not_lead_out() {
    let folder = folder_with("sub/w.bin");
    let (sub, real) = (folder.path().join("sub"), folder.path().join("real"));
    fs::rename(&sub, &real).unwrap();
    std::os::unix::fs::symlink("real", &sub).unwrap();
    let model = ModelFolder::open(folder.path()).unwrap();
    model.verify().unwrap();
    assert!(model.has_links());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("w.bin"), "w").unwrap();
    fs::remove_file(&sub).unwrap();
    std::os::unix::fs::symlink(outside.path(), &sub).unwrap();
    let reason = refusal(folder.path());
    assert!(reason.contains("outside of the model folder"), "{reason}");
}

#[test]
fn mistakes_in_a_manifest_are_explained() {
    let whole = manifest(&[]);
    let spoilt = |from: &str, to: &str| Manifest::parse(&whole.replace(from, to)).unwrap_err();
    assert!(spoilt("max-length = 8", "max-length = 2").contains("max-length 2"));
    assert!(spoilt("max-length = 8", "max-lenght = 8").contains("max-lenght"));
    assert!(spoilt("\"m\"", "\"M M\"").contains("name"));
    assert!(spoilt("token-classification", "divination").contains("divination"));
    assert!(spoilt("[files]", "labels = \"x\"\n[files]").contains("labels"));
    assert!(spoilt("[files]", "[limits]\nmax-inputs = 0\n[files]").contains("limits"));
    assert!(spoilt("[files]", "[files.a]\nsha256 = \"abc\"").contains("64 hexadecimal digits"));
}

proptest! {
    #[test]
    fn no_manifest_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = Manifest::parse(&text);
    }

    #[test]
    fn a_digest_reads_back(bytes in any::<Vec<u8>>()) {
        let digest = Digest::of(&bytes);
        prop_assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
    }

    #[test]
    fn nothing_but_64_digits_is_a_digest(text in "[0-9a-fg]{60,66}") {
        let valid = text.len() == 64 && !text.contains('g');
        prop_assert_eq!(Digest::from_hex(&text).is_some(), valid);
    }
}
