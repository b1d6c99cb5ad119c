//! Tensors and texts, and what they are answered.

use super::*;

#[test]
fn tensors_are_answered_in_json() {
    let reply = MIXED.with(|service| infer_binary(service, INFER, &mixed_request(), &[&HALVES]));
    assert_eq!(reply.content_type, "application/json");
    let mut in_json = mixed_request();
    in_json["inputs"][2] = input("h", "FP16", json!([2]), json!([1, -2]));
    assert_eq!(MIXED.with(|service| post(service, INFER, &in_json)).ok(), reply.ok());
    assert_eq!(
        reply.ok(),
        json!({"id": "42", "model_name": "mixed", "model_version": "1", "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [2.0, 1.0, 4.0, -6.5]},
            {"name": "m", "datatype": "INT64", "shape": [2], "data": [2, -18]},
            {"name": "c", "datatype": "BOOL", "shape": [2], "data": [false, true]},
            {"name": "g", "datatype": "FP16", "shape": [2], "data": [2.0, -4.0]},
        ]})
    );
}

#[test]
fn wanted_outputs_come_in_their_order_each_in_its_form() {
    let mut request = mixed_request();
    request["id"] = json!("");
    request["outputs"] = json!([
        {"name": "g", "parameters": {"binary_data": true}},
        {"name": "m", "parameters": {"binary_data": false}},
        {"name": "y", "parameters": {"binary_data": true}},
    ]);
    let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
    let outputs = outputs(&reply);
    let names: Vec<&str> = outputs.iter().map(|(json, _)| json["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["g", "m", "y"]);
    assert_eq!(outputs[0].1, [0, 0x40, 0, 0xc4]);
    assert_eq!(outputs[1].0["data"], json!([2, -18]));
    let floats = [2.0f32, 1.0, 4.0, -6.5].map(f32::to_le_bytes).concat();
    assert_eq!(outputs[2].1, floats);
}

#[test]
fn without_a_list_all_outputs_are_in_binary_if_the_request_says() {
    let mut request = mixed_request();
    request["parameters"] = json!({"binary_data_output": true, "priority": 1, "note": "x"});
    request["outputs"] = json!([]);
    let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
    let outputs = outputs(&reply);
    assert_eq!(outputs.iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>(), [16, 16, 2, 4]);
}

#[test]
fn the_bytes_of_triton_s_client_are_read() {
    let name = name(&NER);
    let json = concat!(
        r#"{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","parameters":"#,
        r#"{"binary_data_size":10}}],"outputs":[{"name":"entities","parameters":{"binary_data":true}}]}"#
    );
    let body = [json.as_bytes(), b"\x02\0\0\0ab\0\0\0\0"].concat();
    let length = json.len().to_string();
    let path = format!("/v2/models/{name}/infer");
    let reply = NER.with(|service| infer(service, &path, Some(&length), &body));
    let outputs = outputs(&reply);
    let entities = strings(&outputs[0].1);
    assert_eq!((outputs.len(), entities.len(), &entities[1][..]), (1, 2, "[]"));
    assert_eq!(outputs[0].0["datatype"], "BYTES");
    // asyncio's client names a content type.
    let mut head =
        Head { method: "POST", path: &path, json_length: Some(&length), ..Head::default() };
    head.content_type = Some("application/octet-stream");
    assert_eq!(NER.with(|service| send(service, head, &body)).body, reply.body);
}

#[test]
fn texts_are_answered_as_by_their_tasks() {
    let texts = ["My name is Sarah", "Paris is mild"];
    NER.with(|service| {
        let expected = post(service, "/v1/token-classification", &json!({"inputs": texts})).ok();
        assert_eq!(json!(answers(&NER, &json!([text(&texts)]))), expected);
    });
    EMBEDDER.with(|service| {
        let path = format!("/v2/models/{}/infer", name(&EMBEDDER));
        let expected = post(service, "/v1/sentence-embeddings", &json!({"inputs": texts})).ok();
        let answer = post(service, &path, &json!({"inputs": [text(&texts)]})).ok();
        // The same numbers, which are written with other digits.
        let numbers = |list: &Value| -> Vec<f32> {
            list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
        };
        let flat: Vec<f32> = expected.as_array().unwrap().iter().flat_map(numbers).collect();
        assert_eq!(numbers(&answer["outputs"][0]["data"]), flat);
        assert_eq!(answer["outputs"][0]["shape"], json!([2, 32]));
    });
    CLASSIFIER.with(|service| {
        let path = format!("/v2/models/{}/infer", name(&CLASSIFIER));
        let pairs =
            json!({"name": "text_pair", "datatype": "BYTES", "shape": [2], "data": ["a", ""]});
        let inputs = json!([{"text": texts[0], "text_pair": "a"}, texts[1]]);
        let expected = post(service, "/v1/text-classification", &json!({"inputs": inputs})).ok();
        let answer = post(service, &path, &json!({"inputs": [text(&texts), pairs]})).ok();
        let labels = json!([expected[0]["label"], expected[1]["label"]]);
        assert_eq!(answer["outputs"][1]["data"], labels);
        assert_eq!(answer["outputs"][0]["shape"], json!([2, 3]));
    });
    RERANKER.with(|service| {
        let path = format!("/v2/models/{}/infer", name(&RERANKER));
        let query = json!({"name": "query", "datatype": "BYTES", "shape": [1], "data": ["Where?"]});
        let answer = post(service, &path, &json!({"inputs": [text(&texts), query]})).ok();
        let body = json!({"query": "Where?", "texts": texts});
        let expected = post(service, "/rerank", &body).ok();
        for rank in expected.as_array().unwrap() {
            let index = rank["index"].as_u64().unwrap() as usize;
            let score = |value: &Value| value.as_f64().unwrap() as f32;
            assert_eq!(score(&answer["outputs"][0]["data"][index]), score(&rank["score"]));
        }
    });
}

#[test]
fn other_tasks_are_answered_by_the_json_of_their_pipelines() {
    thread_local! {
        static ZERO_SHOT: Service = service("distilbert-zero-shot-classification");
        static QUESTIONS: Service = service("distilbert-question-answering");
        static MASKS: Service = service("mpnet-fill-mask");
    }
    let of = |name: &str, values: &[&str]| json!({"name": name, "datatype": "BYTES", "shape": [values.len()], "data": values});
    let texts = ["Sarah lives in Paris", "It rains"];
    let inputs = json!([text(&texts), of("candidate_labels", &["person", "weather"])]);
    let body = json!({"inputs": texts, "parameters": {"candidate_labels": ["person", "weather"]}});
    let pipeline = |service: &'static LocalKey<Service>, task: &str, body: &Value| {
        service.with(|service| post(service, &format!("/v1/{task}"), body).ok())
    };
    assert_eq!(
        json!(answers(&ZERO_SHOT, &inputs)),
        pipeline(&ZERO_SHOT, "zero-shot-classification", &body)
    );
    let inputs = json!([of("question", &["Who?", "Where?"]), of("context", &[texts[0], texts[0]])]);
    let body = json!({"inputs": [
        {"question": "Who?", "context": texts[0]}, {"question": "Where?", "context": texts[0]},
    ]});
    assert_eq!(
        json!(answers(&QUESTIONS, &inputs)),
        pipeline(&QUESTIONS, "question-answering", &body)
    );
    let masked = ["<mask> lives in Paris", "It <mask>"];
    let body = json!({"inputs": masked});
    assert_eq!(
        json!(answers(&MASKS, &json!([text(&masked)]))),
        pipeline(&MASKS, "fill-mask", &body)
    );
}

#[test]
fn classes_are_the_largest_elements_of_each_row() {
    let mut request = mixed_request();
    request["outputs"] = json!([
        {"name": "y", "parameters": {"classification": 1}},
        {"name": "m", "parameters": {"classification": 9, "binary_data": true}},
    ]);
    let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
    let outputs = outputs(&reply);
    assert_eq!(outputs[0].0["datatype"], "BYTES");
    assert_eq!(outputs[0].0["shape"], json!([2, 1]));
    assert_eq!(outputs[0].0["data"], json!(["2.000000:0", "4.000000:0"]));
    assert_eq!(strings(&outputs[1].1), ["2:0", "-18:0"]);
    CLASSIFIER.with(|service| {
        let path = format!("/v2/models/{}/infer", name(&CLASSIFIER));
        let wanted = json!([{"name": "scores", "parameters": {"classification": 2}}]);
        let body = json!({"inputs": [text(&["I love this phone"])], "outputs": wanted});
        let answer = post(service, &path, &body).ok();
        let output = &answer["outputs"][0];
        assert_eq!(output["shape"], json!([1, 2]));
        let best = output["data"][0].as_str().unwrap().split(':').collect::<Vec<_>>();
        assert!(["negative", "neutral", "positive"].contains(&best[2]), "{best:?}");
    });
}

#[test]
fn a_body_without_json_is_the_only_input() {
    let path = format!("/v2/models/{}/infer", name(&NER));
    let raw = NER.with(|service| infer(service, &path, Some("0"), b"My name is Sarah"));
    let outputs = outputs(&raw);
    let entities: Value = serde_json::from_str(&strings(&outputs[0].1)[0]).unwrap();
    assert_eq!(json!([entities]), json!(answers(&NER, &json!([text(&["My name is Sarah"])]))));
    let refused = MIXED.with(|service| infer(service, INFER, Some("0"), b"0123"));
    assert_eq!(refused.status, 400);
}
