use pilotlight_model::{Pooling, Task};

use crate::kit::{ANY, Folder, config, found};

const VECTORS: (&str, &[i64]) = ("last_hidden_state", &[ANY, ANY, 8]);
const MODULES: &str = r#"[
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;

fn pooling(mode: &str) -> String {
    let modes = ["cls_token", "mean_tokens", "max_tokens", "lasttoken", "weightedmean_tokens"];
    let modes = modes.map(|one| format!(r#""pooling_mode_{one}": {}"#, one == mode));
    format!(r#"{{"word_embedding_dimension": 8, {}}}"#, modes.join(", "))
}

fn saved(outputs: &[(&str, &[i64])]) -> Folder {
    let folder = Folder::new("all-MiniLM-L6-v2", outputs);
    let folder = folder.file("config.json", config("BertModel", "")).file("modules.json", MODULES);
    folder
        .file("1_Pooling/config.json", pooling("mean_tokens"))
        .file("sentence_bert_config.json", r#"{"max_seq_length": 256, "do_lower_case": false}"#)
        .file("config_sentence_transformers.json", r#"{"__version__": {}}"#)
        .file("tokenizer_config.json", r#"{"model_max_length": 512}"#)
}

#[test]
fn a_saved_model_gives_vectors_as_its_files_say() {
    let model = saved(&[VECTORS]).detected();
    let manifest = model.manifest();
    assert_eq!(manifest.name, "all-minilm-l6-v2");
    assert_eq!(manifest.task, Task::SentenceEmbeddings);
    assert_eq!(manifest.pooling, Some(Pooling::Mean));
    assert_eq!(manifest.normalize, Some(true));
    assert_eq!(manifest.max_length, Some(256));
    assert_eq!(manifest.outputs, ["last_hidden_state"]);
    assert!(found(&model, &["pooling mean", "1_Pooling/config.json"]));
    // Whatever was read is listed: a change of it does not pass unnoticed.
    for file in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
        assert!(model.lists(file), "{file}");
    }
}

#[test]
fn graphs_in_the_folder_onnx_are_found() {
    let folder = saved(&[VECTORS]).without("model.onnx");
    let folder = folder.file("onnx/model.onnx", "f32").file("onnx/model_qint8_avx512.onnx", "int8");
    let model = folder.detected();
    assert_eq!(model.manifest().onnx_file, "onnx/model.onnx");
    assert_eq!(model.read("onnx/model.onnx").unwrap(), b"f32");
    assert!(found(&model, &["onnx-file onnx/model.onnx", "2 graphs", "model_qint8_avx512.onnx"]));
}

#[test]
fn every_pooling_is_known() {
    for (mode, expected) in [
        ("cls_token", Pooling::Cls),
        ("mean_tokens", Pooling::Mean),
        ("max_tokens", Pooling::Max),
        ("lasttoken", Pooling::LastToken),
        ("weightedmean_tokens", Pooling::WeightedMean),
    ] {
        let folder = saved(&[VECTORS]).file("1_Pooling/config.json", pooling(mode));
        assert_eq!(folder.detected().manifest().pooling, Some(expected), "{mode}");
    }
    let named = saved(&[VECTORS]).file("1_Pooling/config.json", r#"{"pooling_mode": "cls"}"#);
    assert_eq!(named.detected().manifest().pooling, Some(Pooling::Cls));
    let many = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#;
    let many = saved(&[VECTORS]).file("1_Pooling/config.json", many);
    assert!(many.refusal().contains("1_Pooling/config.json: several pooling modes"));
    let unpooled = r#"{"pooling_mode_cls_token": true, "include_prompt": false}"#;
    let unpooled = saved(&[VECTORS]).file("1_Pooling/config.json", unpooled);
    assert_eq!(unpooled.detected().manifest().include_prompt, Some(false));
    let empty = saved(&[VECTORS]).file("1_Pooling/config.json", "");
    assert!(empty.refusal().contains("1_Pooling/config.json: EOF"));
    // Token vectors are there all the same, and model.toml may choose one.
    assert_eq!(many.as_task(Task::FeatureExtraction).unwrap().manifest().pooling, None);
    let chosen = many.file("model.toml", "pooling = \"cls\"");
    assert_eq!(chosen.detected().manifest().pooling, Some(Pooling::Cls));
}

#[test]
fn prompts_are_taken_over() {
    let prompts =
        r#"{"prompts": {"query": "query: ", "document": ""}, "default_prompt_name": "query"}"#;
    let folder = saved(&[VECTORS]).file("config_sentence_transformers.json", prompts);
    let model = folder.detected();
    assert_eq!(model.manifest().prompts["query"], "query: ");
    assert_eq!(model.manifest().default_prompt.as_deref(), Some("query"));
    let folder = folder.file("model.toml", "[prompts]\nown = \"own: \"\n");
    let model = folder.detected();
    assert_eq!(model.manifest().prompts.keys().collect::<Vec<_>>(), ["own"]);
    assert_eq!(model.manifest().default_prompt, None);
}

#[test]
fn texts_become_lower_case_where_the_files_say_so() {
    assert_eq!(saved(&[VECTORS]).detected().manifest().lower_case, None);
    let lower = r#"{"max_seq_length": 256, "do_lower_case": true}"#;
    let folder = saved(&[VECTORS]).file("sentence_bert_config.json", lower);
    let model = folder.detected();
    assert_eq!(model.manifest().lower_case, Some(true));
    assert!(found(&model, &["lower-case", "sentence_bert_config.json"]));
    let said = folder.file("model.toml", "lower-case = false");
    assert_eq!(said.detected().manifest().lower_case, Some(false));
}

#[test]
fn a_graph_that_pools_itself_needs_no_files() {
    let outputs: [(&str, &[i64]); 2] =
        [("token_embeddings", &[ANY, ANY, 8]), ("sentence_embedding", &[ANY, 8])];
    let bare = Folder::new("m", &outputs);
    let model = bare.detected();
    assert_eq!(model.manifest().task, Task::SentenceEmbeddings);
    assert_eq!(model.manifest().outputs, ["sentence_embedding", "token_embeddings"]);
    assert_eq!(model.manifest().pooling, None);
    let alone = Folder::new("m", &outputs[1..]).detected();
    assert_eq!(alone.manifest().outputs, ["sentence_embedding"]);
    assert_eq!(alone.manifest().pooling, None);
    // Where it is known how to pool, there are vectors of tokens, too.
    let model = saved(&outputs).detected();
    assert_eq!(model.manifest().outputs, ["token_embeddings"]);
    assert_eq!(model.manifest().pooling, Some(Pooling::Mean));
}

#[test]
fn a_module_that_is_not_in_the_graph_is_refused_by_name() {
    let dense = MODULES.replace(
        "2_Normalize\", \"type\": \"sentence_transformers.models.Normalize",
        "2_Dense\", \"type\": \"sentence_transformers.models.Dense",
    );
    let folder = saved(&[VECTORS]).file("modules.json", &dense);
    let refusal = folder.refusal();
    assert!(refusal.contains("Dense") && refusal.contains("sentence_embedding"), "{refusal}");
    let outputs: [(&str, &[i64]); 2] =
        [("token_embeddings", &[ANY, ANY, 8]), ("sentence_embedding", &[ANY, 8])];
    let model = saved(&outputs).file("modules.json", &dense).detected();
    assert_eq!(model.manifest().outputs, ["sentence_embedding", "token_embeddings"]);
    assert_eq!(model.manifest().pooling, None);
}
