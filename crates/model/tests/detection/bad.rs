use std::fs;

use pilotlight_model::{Choices, ModelFolder, Task};

use crate::kit::{ANY, Folder, config};

fn folder() -> Folder {
    let folder = Folder::new("m", &[("logits", &[ANY, ANY, 3])]);
    folder.file("config.json", config("BertForTokenClassification", r#", "num_labels": 3"#))
}

#[test]
fn missing_parts_are_named() {
    let no_graph = folder().without("model.onnx");
    assert!(
        no_graph.refusal().contains("no ONNX graph: neither the folder nor onnx/ contains *.onnx")
    );
    let torch = no_graph.file("model.safetensors", "");
    let refusal = torch.refusal();
    assert!(refusal.contains("only model.safetensors; export"), "{refusal}");
    let no_tokenizer = folder().without("tokenizer.json");
    let refusal = no_tokenizer.refusal();
    assert!(
        refusal.contains("tokenizer.json is missing, though config.json says Bert"),
        "{refusal}"
    );
    assert_eq!(no_tokenizer.as_task(Task::Tensors).unwrap().manifest().task, Task::Tensors);
    assert!(no_tokenizer.as_task(Task::FillMask).is_err());
    let vocabulary = Folder::new("m", &[("logits", &[ANY, 3])]).without("tokenizer.json");
    let refusal = vocabulary.file("vocab.txt", "a").refusal();
    assert!(refusal.contains("there is vocab.txt"), "{refusal}");
    let nowhere = ModelFolder::detect("/nowhere", &Choices::default(), &|_: &std::path::Path| {
        Err(String::new())
    });
    assert!(nowhere.unwrap_err().to_string().starts_with("/nowhere: cannot be read"));
    let no_pooling =
        folder().file("modules.json", r#"[{"type": "x.Pooling", "path": "9_Pooling"}]"#);
    assert!(no_pooling.refusal().contains("modules.json: names a Pooling module"));
}

#[test]
fn files_that_are_too_large_are_refused_before_they_are_read() {
    let tokenizer = folder().large("tokenizer.json", (64 << 20) + 1);
    let refusal = tokenizer.refusal();
    assert!(
        refusal.contains("tokenizer.json: has 67108865 bytes, more than the maximum of 67108864"),
        "{refusal}"
    );
    for name in ["config.json", "tokenizer_config.json", "modules.json", "1_Pooling/config.json"] {
        let refusal = folder().large(name, (8 << 20) + 1).refusal();
        assert!(refusal.contains(&format!("{name}: has 8388609 bytes, more than")), "{refusal}");
    }
    let graph = folder().large("model.onnx", 3 << 30);
    assert!(graph.refusal().contains("model.onnx: has 3221225472 bytes"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let shape = Folder::new("m", &[("logits", &[ANY, 3])]);
    let shape = shape.file("config.json", config("BertForTokenClassification", ""));
    let refusal = shape.refusal();
    assert!(
        refusal.contains("says BertForTokenClassification, but the graph's outputs"),
        "{refusal}"
    );
    let refusal = folder().as_task(Task::QuestionAnswering).unwrap_err().to_string();
    assert!(refusal.contains("needs the outputs start_logits and end_logits"), "{refusal}");
    let refusal = folder().as_task(Task::Reranking).unwrap_err().to_string();
    assert!(
        refusal.contains("of shape [batch, columns]; the graph's outputs are logits [?, ?, 3]")
    );
    let pixels =
        folder().inputs(&[("input_ids", &[ANY, ANY]), ("pixel_values", &[1, 3, 224, 224])]);
    let refusal = pixels.refusal();
    assert!(refusal.contains("the input pixel_values cannot be computed from text"), "{refusal}");
    assert!(refusal.contains("--task tensors"), "{refusal}");
    let no_ids = folder().inputs(&[("attention_mask", &[ANY, ANY])]);
    assert!(no_ids.refusal().contains("no input takes token ids"));
}

#[test]
fn a_graph_that_cannot_be_read_is_named() {
    let folder = folder();
    let unreadable = |_: &std::path::Path| Err("cut short".to_owned());
    let refused = ModelFolder::detect(folder.path(), &Choices::default(), &unreadable);
    assert!(refused.unwrap_err().to_string().ends_with("model.onnx: cut short"));
}

#[test]
fn descriptions_that_cannot_be_read_are_named() {
    for (name, content, part) in [
        ("config.json", "{", "config.json: EOF"),
        ("config.json", "[]", "config.json: not a JSON object"),
        ("config.json", r#"{"id2label": {"1": "x"}}"#, "id2label must name the labels"),
        ("tokenizer_config.json", "\u{0}", "tokenizer_config.json: expected value"),
        ("modules.json", "{}", "modules.json: not a list"),
        ("modules.json", "[{}]", "modules.json: module 0 has no type"),
        (
            "modules.json",
            r#"[{"type": "Pooling", "path": "../.."}]"#,
            "is outside of the model folder",
        ),
        ("config_sentence_transformers.json", r#"{"prompts": {"a": 1}}"#, "prompt \"a\""),
        (
            "config_sentence_transformers.json",
            r#"{"default_prompt_name": "q"}"#,
            "default_prompt_name",
        ),
        ("sentence_bert_config.json", "nul", "sentence_bert_config.json: EOF"),
    ] {
        let refusal = folder().file(name, content).refusal();
        assert!(refusal.contains(part), "{name} {content}: {refusal}");
    }
    let deep = "[".repeat(1 << 16);
    assert!(folder().file("config.json", deep).refusal().contains("recursion limit"));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_folders_in_the_place_of_files_are_refused() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    for name in ["model.onnx", "tokenizer.json", "config.json"] {
        let folder = folder().without(name);
        std::os::unix::fs::symlink(outside.path(), folder.path().join(name)).unwrap();
        assert!(folder.refusal().contains("outside of the model folder"), "{name}");
        fs::remove_file(folder.path().join(name)).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join(name)).unwrap();
        assert!(folder.refusal().contains(&format!("{name}: cannot be read")), "{name}");
    }
    let folder = folder().without("config.json");
    fs::create_dir(folder.path().join("config.json")).unwrap();
    assert!(folder.refusal().contains("config.json: not a regular file"));
}
