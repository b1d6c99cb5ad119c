use std::collections::BTreeMap;
use std::fs;

use pilotlight_model::{Choices, Listing, ModelFolder};

use crate::kit::{ANY, Folder, config, found};

const TWO_GIB: u64 = 2 << 30;

fn folder() -> Folder {
    let folder = Folder::new("m", &[("logits", &[ANY, 2])]);
    folder.file("config.json", config("BertForSequenceClassification", ""))
}

#[test]
fn the_graph_that_is_not_quantized_is_taken_and_another_on_request() {
    let names = ["model.onnx", "model_fp16.onnx", "model_int8.onnx", "model_q4.onnx", "a.onnx"];
    let folder = names[1..].iter().fold(folder(), |folder, name| folder.file(name, name));
    let model = folder.detected();
    assert_eq!(model.manifest().onnx_file, "model.onnx");
    assert!(found(&model, &["chosen from 5 graphs", "not quantized", "--onnx-file", "a.onnx"]));
    let chosen = folder.with_graph("./model_int8.onnx").unwrap();
    assert_eq!(chosen.manifest().onnx_file, "model_int8.onnx");
    assert!(chosen.lists("model_int8.onnx") && !chosen.lists("model.onnx"));
    let refusal = folder.with_graph("no.onnx").unwrap_err().to_string();
    assert!(refusal.contains("no.onnx does not exist; there are model.onnx, "), "{refusal}");
    assert!(folder.with_graph("../m/model.onnx").is_err());
    for expected in ["model_fp16.onnx", "model_int8.onnx", "model_q4.onnx", "a.onnx"] {
        let before = names[..names.iter().position(|name| *name == expected).unwrap()].iter();
        let folder = names[1..].iter().fold(self::folder(), |folder, name| folder.file(name, ""));
        let folder = before.fold(folder, |folder, name| folder.without(name));
        assert_eq!(folder.detected().manifest().onnx_file, expected);
    }
}

#[test]
fn a_graph_that_is_too_large_with_its_data_gives_way_to_the_next() {
    let folder = folder().large("model.onnx_data", TWO_GIB).file("model_fp16.onnx", "half");
    assert_eq!(folder.detected().manifest().onnx_file, "model_fp16.onnx");
    let folder = folder.without("model_fp16.onnx");
    let refusal = folder.refusal();
    assert!(refusal.contains("model.onnx: has 2147483653 bytes with its data"), "{refusal}");
    let folder = Folder::new("m", &[("logits", &[ANY, 2])]).large("model.onnx", TWO_GIB + 1);
    assert!(folder.refusal().contains("more than the maximum of 2147483648"));
    assert!(folder.with_graph("model.onnx").unwrap_err().to_string().contains("2147483648"));
}

#[test]
fn files_of_weights_are_listed_and_read_beside_the_graph() {
    let folder = folder().without("model.onnx").file("onnx/model.onnx", "graph");
    let folder = folder.file("onnx/model.onnx_data", "weights").file("onnx/other.bin", "other");
    let model = folder.detected();
    assert!(model.lists("onnx/model.onnx_data") && !model.lists("onnx/other.bin"));
    assert_eq!(model.read_beside_graph("model.onnx_data").unwrap().concat(), b"weights");
    let refusal = model.read_beside_graph("other.bin").unwrap_err().to_string();
    assert!(refusal.contains("does not list onnx/other.bin"), "{refusal}");
    assert!(model.read_beside_graph("../config.json").is_err());
}

#[cfg(unix)]
#[test]
fn a_snapshot_in_a_hugging_face_cache_is_called_by_its_repository() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let folder = folder();
    let entry = folder.root.path().join("models--org--My_Model");
    let (snapshot, blobs) = (entry.join("snapshots").join(commit), entry.join("blobs"));
    fs::create_dir_all(snapshot.join("onnx")).unwrap();
    fs::create_dir(&blobs).unwrap();
    for (number, (from, to)) in [
        ("model.onnx", "onnx/model.onnx"),
        ("tokenizer.json", "tokenizer.json"),
        ("config.json", "config.json"),
    ]
    .into_iter()
    .enumerate()
    {
        let blob = blobs.join(number.to_string());
        fs::copy(folder.path().join(from), &blob).unwrap();
        std::os::unix::fs::symlink(&blob, snapshot.join(to)).unwrap();
    }
    let signature = |_: &std::path::Path| {
        Ok(pilotlight_model::GraphSignature {
            inputs: vec![port("input_ids", 7, 2)],
            outputs: vec![port("logits", 1, 2)],
        })
    };
    let model = ModelFolder::detect(&snapshot, &Choices::default(), &signature).unwrap();
    model.verify().unwrap();
    assert_eq!(model.manifest().name, "my-model");
    let origin = model.manifest().origin.clone().unwrap();
    assert_eq!(origin, format!("hf:org/My_Model@{commit}"));
    assert!(model.has_links());
    let copy = tempfile::tempdir().unwrap();
    model.copy_to(copy.path()).unwrap();
    let copied = ModelFolder::open(copy.path()).unwrap();
    copied.verify().unwrap();
    assert_eq!(copied.digest(), model.digest());
    assert!(!copied.has_links() && copied.is_written());
}

fn port(name: &str, element: i32, rank: usize) -> pilotlight_model::GraphPort {
    pilotlight_model::GraphPort { name: name.to_owned(), element, dims: Some(vec![None; rank]) }
}

fn wanted(names: &[(&str, u64)], choices: &Choices) -> Result<Vec<String>, String> {
    let listing: Listing = names.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    let said = "[files]\nLICENSE.sha256 = \"SHA\"\n".replace("SHA", &"0".repeat(64));
    let wanted: BTreeMap<_, _> = listing.wanted(Some(&said), choices)?.into_iter().collect();
    Ok(wanted.into_keys().map(str::to_owned).collect())
}

#[test]
fn only_what_a_model_folder_uses_is_wanted() {
    let names = [
        (".gitattributes", 1),
        ("LICENSE", 1),
        ("README.md", 1),
        ("1_Pooling/config.json", 1),
        ("config.json", 1),
        ("model.safetensors", 1 << 30),
        ("modules.json", 1),
        ("onnx/model.onnx", 1),
        ("onnx/model.onnx_data", 1),
        ("onnx/model_int8.onnx", 1),
        ("special_tokens_map.json", 1),
        ("tokenizer.json", 1),
        ("../config.json", 1),
        ("onnx/model.onnx_/../../../x", 1),
        ("/etc/passwd", 1),
    ];
    let plain = wanted(&names, &Choices::default()).unwrap();
    let expected = [
        "1_Pooling/config.json",
        "LICENSE",
        "README.md",
        "config.json",
        "modules.json",
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "special_tokens_map.json",
        "tokenizer.json",
    ];
    assert_eq!(plain, expected);
    let onnx_file = Some("onnx/model_int8.onnx".to_owned());
    let chosen = wanted(&names, &Choices { onnx_file, ..Choices::default() }).unwrap();
    assert!(chosen.contains(&"onnx/model_int8.onnx".to_owned()));
    assert!(!chosen.contains(&"onnx/model.onnx_data".to_owned()));
    let large = [("model.onnx", 1), ("tokenizer.json", 1 << 30)];
    assert!(wanted(&large, &Choices::default()).unwrap_err().contains("tokenizer.json"));
    assert!(wanted(&names[..6], &Choices::default()).unwrap_err().contains("no ONNX graph"));
}
