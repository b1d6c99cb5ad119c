//! What the server and its models say of themselves.

use super::*;

#[test]
fn the_server_and_the_model_are_ready() {
    let server = ok(&MIXED, "/v2");
    assert_eq!(server, ok(&MIXED, "/v2/"));
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    assert!(server["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")));
    assert_eq!(ok(&MIXED, "/v2/health/live"), json!({"live": true}));
    assert_eq!(ok(&MIXED, "/v2/health/ready")["ready"], true);
    assert_eq!(ok(&MIXED, "/v2/models"), json!({"models": ["mixed"]}));
    for path in ["/v2/models/mixed/ready", "/v2/models/mixed/versions/1/ready"] {
        assert_eq!(ok(&MIXED, path), json!({"name": "mixed", "ready": true}));
    }
}

#[test]
fn metadata_and_configuration_agree() {
    let metadata = ok(&MIXED, "/v2/models/mixed");
    assert_eq!(metadata, ok(&MIXED, "/v2/models/mixed/versions/1"));
    let tensor =
        |name, datatype, shape: Value| json!({"name": name, "datatype": datatype, "shape": shape});
    assert_eq!(
        metadata,
        json!({
            "name": "mixed", "versions": ["1"], "platform": "onnx_onnxv1",
            "inputs": [
                tensor("x", "FP32", json!([-1, -1])), tensor("n", "INT64", json!([-1])),
                tensor("b", "BOOL", json!([-1])), tensor("h", "FP16", json!([-1])),
            ],
            "outputs": [
                tensor("y", "FP32", json!([-1, -1])), tensor("m", "INT64", json!([-1])),
                tensor("c", "BOOL", json!([-1])), tensor("g", "FP16", json!([-1])),
            ],
        })
    );
    let config = ok(&MIXED, "/v2/models/mixed/config");
    // With a batch size the first dimension is left out.
    assert_eq!(config["max_batch_size"], 256);
    let input = json!({"name": "x", "data_type": "TYPE_FP32", "dims": [-1], "optional": false});
    assert_eq!(config["input"][0], input);
    assert_eq!(config["output"][1]["dims"], json!([]));
}

#[test]
fn models_with_a_tokenizer_take_strings() {
    let shape = |service: &'static LocalKey<Service>| {
        let metadata = ok(service, &format!("/v2/models/{}", name(service)));
        let tensors = |key: &str| -> Vec<String> {
            let tensors = metadata[key].as_array().unwrap().iter();
            let told = tensors.map(|tensor| {
                let (name, datatype) = (&tensor["name"], &tensor["datatype"]);
                format!(
                    "{} {} {}",
                    name.as_str().unwrap(),
                    datatype.as_str().unwrap(),
                    tensor["shape"]
                )
            });
            told.collect()
        };
        (tensors("inputs").join(", "), tensors("outputs").join(", "))
    };
    for (service, inputs, outputs) in [
        (&EMBEDDER, "text BYTES [-1]", "embedding FP32 [-1,32]"),
        (
            &CLASSIFIER,
            "text BYTES [-1], text_pair BYTES [-1]",
            "scores FP32 [-1,3], label BYTES [-1]",
        ),
        (&RERANKER, "query BYTES [1], text BYTES [-1]", "scores FP32 [-1]"),
        (&NER, "text BYTES [-1]", "entities BYTES [-1]"),
    ] {
        assert_eq!(shape(service), (inputs.to_owned(), outputs.to_owned()));
    }
    let config = ok(&CLASSIFIER, &format!("/v2/models/{}/config", name(&CLASSIFIER)));
    assert_eq!(config["max_batch_size"], 0);
    let pair =
        json!({"name": "text_pair", "data_type": "TYPE_STRING", "dims": [-1], "optional": true});
    assert_eq!(config["input"][1], pair);
}
