//! The program `pilotlight-image`: what is in the folder that it writes, and what it refuses.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// What an image is made of.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // No program that is linked: it needs no libraries.
        fs::write(path("program"), "#!/bin/sh\n").unwrap();
        fs::write(path("pii-ner.wasm"), "component").unwrap();
        fs::create_dir(path("cache")).unwrap();
        for name in ["b.cwasm", "a.image"] {
            fs::write(path("cache").join(name), name).unwrap();
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(path("cache").join(name), mode).unwrap();
        }
        fs::set_permissions(path("cache"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(path("sbom.json"), r#"{"bomFormat":"CycloneDX"}"#).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, output: &str, more: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilotlight-image"));
        command.args(["--output", &self.path(output)]);
        for (option, file) in more {
            command.args([option, &&*self.path(file)]);
        }
        command.output().unwrap()
    }

    fn write_whole(&self, output: &str) {
        let written = self.write(output, &[PROGRAM, COMPONENT, CACHE, SBOM]);
        assert!(written.status.success(), "{}", text(&written.stderr));
    }

    /// A blob of a layout by its descriptor, whose digest and size it has.
    fn blob(&self, layout: &str, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap();
        let content =
            fs::read(self.0.path().join(layout).join("blobs").join(digest.replace(':', "/")));
        let content = content.unwrap();
        assert_eq!(digest, sha256(&content));
        assert_eq!(descriptor["size"], content.len());
        content
    }

    fn json(&self, layout: &str, descriptor: &Value) -> Value {
        serde_json::from_slice(&self.blob(layout, descriptor)).unwrap()
    }

    fn index(&self, layout: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.path().join(layout).join("index.json")).unwrap())
            .unwrap()
    }

    /// What lies beside the files, without their names.
    fn others(&self) -> Vec<String> {
        let own = ["program", "pii-ner.wasm", "cache", "sbom.json"];
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.to_str().unwrap().to_owned());
        names.filter(|name| !own.contains(&&**name)).collect()
    }
}

const PROGRAM: (&str, &str) = ("--program", "program");
const COMPONENT: (&str, &str) = ("--component", "pii-ner.wasm");
const CACHE: (&str, &str) = ("--cache", "cache");
const SBOM: (&str, &str) = ("--sbom", "sbom.json");

fn sha256(content: &[u8]) -> String {
    let digits =
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Paths with mode and owner, and the contents of files.
fn entries(tar: &[u8]) -> Vec<(String, u32, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, header.gid().unwrap()));
        let (mode, owner) = (header.mode().unwrap(), header.uid().unwrap());
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (path, mode, owner, content)
    });
    entries.collect()
}

#[test]
fn every_blob_of_a_layout_has_the_digest_and_the_size_that_name_it() {
    let files = Files::new();
    files.write_whole("image");
    let index = files.index("image");
    let manifest = files.json("image", &index["manifests"][0]);
    let config = files.json("image", &manifest["config"]);
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/bin/pilotlight"]));
    assert_eq!(config["config"]["Cmd"][1], "/models/pii-ner.wasm");
    let layers = manifest["layers"].as_array().unwrap();
    let mut found = Vec::new();
    for (layer, diff_id) in layers.iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap()) {
        let mut tar = Vec::new();
        let compressed = files.blob("image", layer);
        std::io::Read::read_to_end(&mut GzDecoder::new(&compressed[..]), &mut tar).unwrap();
        assert_eq!(diff_id.as_str(), Some(&*sha256(&tar)));
        found.extend(entries(&tar));
    }
    let of = |path: &str| {
        let entry = found.iter().rfind(|(found, ..)| found == path);
        entry.map(|(_, mode, owner, content)| (*mode, *owner, text(content))).unwrap()
    };
    assert_eq!(of("usr/bin/pilotlight"), (0o755, 0, "#!/bin/sh\n".to_owned()));
    assert_eq!(of("models/pii-ner.wasm"), (0o644, 0, "component".to_owned()));
    assert_eq!(of("var/cache/pilotlight/"), (0o700, 65_532, String::new()));
    assert_eq!(of("var/cache/pilotlight/a.image"), (0o600, 65_532, "a.image".to_owned()));
    assert!(of("etc/passwd").2.contains("nonroot:x:65532:65532"));
}

#[test]
fn the_bill_of_materials_refers_to_its_image() {
    let files = Files::new();
    files.write_whole("image");
    let index = files.index("image");
    let referrer = files.json("image", &index["manifests"][1]);
    assert_eq!(referrer["subject"]["digest"], index["manifests"][0]["digest"]);
    assert_eq!(referrer["artifactType"], "application/vnd.cyclonedx+json");
    assert_eq!(files.json("image", &referrer["layers"][0])["bomFormat"], "CycloneDX");
}

#[test]
fn the_same_files_are_the_same_image_whenever_they_were_written() {
    let (one, two) = (Files::new(), Files::new());
    one.write_whole("image");
    two.write_whole("another");
    assert_eq!(one.index("image"), two.index("another"));
}

#[test]
fn what_is_at_the_output_stays_as_it_is() {
    let files = Files::new();
    fs::create_dir(files.0.path().join("image")).unwrap();
    let refused = files.write("image", &[PROGRAM]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("exists"), "{refused:?}");
    assert_eq!(files.others(), ["image"]);
    assert!(fs::read_dir(files.0.path().join("image")).unwrap().next().is_none());
}

#[test]
fn what_cannot_be_in_an_image_leaves_nothing_behind() {
    let files = Files::new();
    symlink("/etc/passwd", files.0.path().join("cache/link")).unwrap();
    for (options, named) in [
        (&[("--program", "absent")][..], "absent"),
        (&[PROGRAM, ("--component", "absent.wasm")], "absent.wasm"),
        (&[PROGRAM, COMPONENT, CACHE], "cache/link"),
        (&[PROGRAM, ("--sbom", "program")], "program"),
    ] {
        let refused = files.write("image", options);
        assert!(!refused.status.success());
        assert!(text(&refused.stderr).contains(named), "{refused:?}");
        assert!(files.others().is_empty(), "{:?}", files.others());
    }
    assert!(!Path::new(&files.path("image")).exists());
}
