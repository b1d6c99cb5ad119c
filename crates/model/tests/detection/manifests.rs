use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_model::{Choices, Digest, GraphSignature, ModelFolder, Task};

use crate::kit::{ANY, Folder, config};

fn folder() -> Folder {
    let folder = Folder::new("ner", &[("logits", &[ANY, ANY, 3])]);
    folder.file("config.json", config("BertForTokenClassification", r#", "num_labels": 3"#))
}

/// Fails a test that reads the graph.
fn unread(path: &Path) -> Result<GraphSignature, String> {
    panic!("{} is read", path.display());
}

fn complete(folder: &Folder) -> String {
    let names = ["model.onnx", "tokenizer.json", "config.json"];
    let lines = names.map(|name| {
        let digest = Digest::of(&fs::read(folder.path().join(name)).unwrap());
        format!("{name:?}.sha256 = \"{digest}\"\n")
    });
    let head =
        "name = \"own\"\ntask = \"token-classification\"\nmax-length = 16\nlicense = \"MIT\"\n";
    format!("{head}[files]\n{}", lines.concat())
}

#[test]
fn a_complete_manifest_is_taken_as_it_is_and_nothing_else_is_read() {
    let folder = folder();
    let text = complete(&folder);
    let folder = folder.file("model.toml", &text);
    let model = ModelFolder::detect(folder.path(), &Choices::default(), &unread).unwrap();
    assert_eq!(model.manifest_text(), text);
    assert_eq!(model.digest(), Digest::of(text.as_bytes()));
    assert_eq!(model.digest(), ModelFolder::open(folder.path()).unwrap().digest());
    assert!(model.findings().is_empty() && model.is_written());
    let watched = ModelFolder::watched(folder.path(), &Choices::default());
    assert_eq!(watched, [folder.path().join("model.toml")]);
    // A choice is one more thing to find out.
    let chosen = folder.with_graph("model.onnx").unwrap();
    assert_eq!(chosen.manifest().outputs, [] as [&str; 0]);
    let folder = folder.file("other.onnx", "other");
    let chosen = folder.with_graph("other.onnx").unwrap();
    assert_eq!(chosen.manifest().name, "own");
    assert_eq!(chosen.manifest().outputs, ["logits"]);
    assert!(chosen.lists("other.onnx"));
}

#[test]
fn a_part_of_a_manifest_overrides_what_is_detected() {
    let said = "name = \"own\"\nmax-length = 99\nlicense = \"MIT\"\n[limits]\nmax-inputs = 3\n";
    let folder = folder().file("model.toml", said);
    let model = folder.detected();
    let manifest = model.manifest();
    assert_eq!((&manifest.name[..], manifest.max_length), ("own", Some(99)));
    assert_eq!((manifest.limits.max_inputs, &manifest.license[..]), (3, "MIT"));
    assert_eq!(manifest.task, Task::TokenClassification);
    assert!(!model.is_written());
    let folder = folder.file("model.toml", "task = \"feature-extraction\"\noutputs = [\"logits\"]");
    assert_eq!(folder.task(), Task::FeatureExtraction);
    let chosen = folder.as_task(Task::FillMask).unwrap();
    assert_eq!(chosen.manifest().task, Task::FillMask);
    let afresh = ModelFolder::detect_afresh(folder.path(), &Choices::default(), &|_: &Path| {
        Err("is not looked at".to_owned())
    });
    assert!(afresh.unwrap_err().to_string().contains("is not looked at"));
    let folder = folder.file("model.toml", "");
    assert_eq!(folder.task(), Task::TokenClassification);
}

#[test]
fn digests_in_a_part_of_a_manifest_are_checked() {
    let other = Digest::of(b"other");
    let said = format!("[files]\n\"./tokenizer.json\".sha256 = \"{other}\"\n");
    let folder = folder().file("model.toml", said);
    let model = folder.choosing(&Choices::default()).unwrap();
    let refusal = model.verify().unwrap_err().to_string();
    assert!(refusal.contains("tokenizer.json: SHA-256 is"), "{refusal}");
}

#[test]
fn mistakes_in_a_part_of_a_manifest_are_explained() {
    for (said, part) in [
        ("nmae = \"x\"", "nmae"),
        ("task = \"divination\"", "divination"),
        ("max-length = 1", "max-length 1 must be"),
        ("name = \"X Y\"", "name \"X Y\""),
        ("default-prompt = \"x\"", "default-prompt"),
        ("onnx-file = \"../x.onnx\"", "is outside of the model folder"),
        ("[files]\n\"../x\".sha256 = \"0\"", "64 hexadecimal digits"),
    ] {
        let folder = folder().file("model.toml", said);
        let refusal = folder.choosing(&Choices::default()).unwrap_err().to_string();
        assert!(refusal.contains(part), "{said}: {refusal}");
    }
}

#[test]
fn what_is_resolved_is_read_again_by_another_process() {
    let folder = folder().file("crf.npy", "");
    let model = folder.detected();
    let again = ModelFolder::with_manifest(model.path(), model.manifest_text()).unwrap();
    assert_eq!(again.manifest(), model.manifest());
    assert_eq!(again.digest(), model.digest());
    again.verify().unwrap();
    fs::write(model.path().join("model.toml"), model.manifest_text()).unwrap();
    let written = ModelFolder::detect(model.path(), &Choices::default(), &unread).unwrap();
    assert_eq!((written.digest(), written.is_written()), (model.digest(), true));
}

#[test]
fn the_same_files_give_the_same_manifest() {
    let folder = folder();
    assert_eq!(folder.detected().manifest_text(), folder.detected().manifest_text());
    let before = folder.detected().digest();
    let folder = folder.file("tokenizer.json", "{ }");
    assert_ne!(folder.detected().digest(), before);
}

#[test]
fn a_chosen_name_replaces_that_of_the_folder_and_of_its_manifest() {
    let choices = Choices { name: Some("a-name".to_owned()), ..Choices::default() };
    for folder in [folder(), folder().file("model.toml", "name = \"another\"")] {
        assert_eq!(folder.choosing(&choices).unwrap().manifest().name, "a-name");
    }
    let choices = Choices { name: Some("A Name".to_owned()), ..Choices::default() };
    let refusal = folder().choosing(&choices).unwrap_err().to_string();
    assert!(refusal.contains("name \"A Name\" must be lower-case letters"), "{refusal}");
}

#[test]
fn the_sources_of_a_folder_are_all_that_its_resolution_depends_on() {
    let folder = folder().file("other.onnx", "").file("notes.txt", "").file("deep/g.onnx", "");
    let names = |choices: &Choices| -> Vec<PathBuf> {
        let sources = ModelFolder::sources(folder.path(), choices);
        sources.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()).collect()
    };
    let expected = ["config.json", "model.onnx", "other.onnx", "tokenizer.json"].map(PathBuf::from);
    assert_eq!(names(&Choices::default()), expected);
    let deep = Choices { onnx_file: Some("deep/g.onnx".to_owned()), ..Choices::default() };
    assert!(names(&deep).contains(&PathBuf::from("deep/g.onnx")));
    assert_eq!(folder.choosing(&deep).unwrap().manifest().onnx_file, "deep/g.onnx");
    assert!(ModelFolder::sources(Path::new("/nowhere"), &deep).is_empty());
}
