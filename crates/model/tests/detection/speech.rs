//! Folders of speech models, whose `model.toml` names their files.

use pilotlight_model::{Choices, ModelFolder, Task};

use crate::kit::Folder;

const MANIFEST: &str = "task = \"automatic-speech-recognition\"\nonnx-file = \"encoder.ort\"\n\
    [speech]\ndecoder = \"./decoder.ort\"\ntokens = \"tokens.bin\"\nvoice-activity = \"voice.onnx\"\n";

fn folder() -> Folder {
    let folder = Folder::new("moonshine", &[]).without("model.onnx").without("tokenizer.json");
    let files = ["encoder.ort", "decoder.ort", "tokens.bin", "voice.onnx"];
    files
        .into_iter()
        .fold(folder, |folder, name| folder.file(name, name))
        .file("model.toml", MANIFEST)
}

fn refused(folder: &Folder) -> String {
    folder.choosing(&Choices::default()).unwrap_err().to_string()
}

#[test]
fn all_files_that_it_names_have_digests() {
    let folder = folder();
    let model = folder.detected();
    let manifest = model.manifest();
    assert_eq!(
        (manifest.task, &manifest.name[..]),
        (Task::AutomaticSpeechRecognition, "moonshine")
    );
    let files: Vec<&str> = manifest.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["decoder.ort", "encoder.ort", "tokens.bin", "voice.onnx"]);
    assert_eq!(manifest.limits.max_body_bytes, 25 << 20);
    model.verify().unwrap();
    // What is written out is read back, and notices what has changed.
    let opened = ModelFolder::with_manifest(folder.path(), model.manifest_text()).unwrap();
    assert_eq!(opened.manifest(), manifest);
    let folder = folder.file("decoder.ort", "another");
    assert!(opened.verify().is_err());
    let sources = ModelFolder::sources(folder.path(), &Choices::default());
    assert!(sources.contains(&folder.path().join("decoder.ort")), "{sources:?}");
}

#[test]
fn what_is_missing_is_named() {
    let without = folder().without("decoder.ort");
    assert!(refused(&without).contains("decoder.ort"), "{}", refused(&without));
    let (before, _) = MANIFEST.split_once("[speech]").unwrap();
    let unnamed = folder().file("model.toml", before);
    assert!(refused(&unnamed).contains("[speech] is missing"), "{}", refused(&unnamed));
    let outside = MANIFEST.replace("./decoder.ort", "../decoder.ort");
    let outside = folder().file("model.toml", outside);
    assert!(refused(&outside).contains("../decoder.ort"), "{}", refused(&outside));
    let other = MANIFEST.replace("automatic-speech-recognition", "tensors");
    let other = folder().file("model.toml", other);
    assert!(refused(&other).contains("speech has no effect"), "{}", refused(&other));
}
