//! GLiNER's servers, by a model with labels of its own.

use serde_json::{Value, json};

use crate::client::{post, posted, service, tiny};

const TEXT: &str = "😀 Ada met Paris";

fn entities(body: &Value) -> Vec<Value> {
    posted(&tiny(), "/gliner", body)["entities"].as_array().unwrap().clone()
}

#[test]
fn entities_have_places_in_code_points_their_text_and_the_label_as_it_was_sent() {
    let found = entities(&json!({"text": TEXT, "labels": ["Loc", "per"], "threshold": 0.1}));
    assert_eq!(found.len(), 2);
    for (entity, (start, end, text, label)) in
        found.iter().zip([(2, 5, "Ada", "per"), (10, 15, "Paris", "Loc")])
    {
        let score = &entity["score"];
        assert!(score.as_f64().is_some_and(|score| score > 0.5 && score <= 1.0));
        let expected =
            json!({"start": start, "end": end, "text": text, "label": label, "score": score});
        assert_eq!(*entity, expected);
    }
}

#[test]
fn labels_choose_and_no_labels_are_all_of_them() {
    let labels = |labels: Value| {
        let found = entities(&json!({"text": TEXT, "labels": labels, "threshold": 0}));
        found.iter().map(|entity| entity["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(labels(json!(null)), ["PER", "LOC"]);
    assert_eq!(labels(json!(["loc", "animal"])), ["loc"]);
    assert_eq!(labels(json!({"per": "a person"})), ["per"]);
    assert!(labels(json!(["animal"])).is_empty());
    assert!(labels(json!([])).is_empty());
    let found = entities(&json!({"text": TEXT, "entity_types": ["per"]}));
    assert_eq!(found.len(), 1);
}

#[test]
fn an_entity_below_the_threshold_is_left_out() {
    let found = entities(&json!({"text": TEXT, "labels": ["per"], "threshold": 0}));
    let score = found[0]["score"].as_f64().unwrap();
    let count = |threshold: f64| {
        let body = json!({"text": TEXT, "labels": ["per"], "threshold": threshold});
        entities(&body).len()
    };
    assert_eq!((count(score - 0.01), count(score + 0.0001)), (1, 0));
}

#[test]
fn keys_of_models_with_free_labels_are_ignored_and_many_texts_have_an_answer_each() {
    let body = json!({
        "text": TEXT, "labels": ["per"], "flat_ner": false, "multi_label": true, "relations": ["knows"],
    });
    assert_eq!(entities(&body).len(), 1);
    let answer =
        posted(&tiny(), "/gliner", &json!({"text": ["ada", "", "met"], "labels": ["per"]}));
    let counts = answer.as_array().unwrap().iter();
    let counts: Vec<usize> =
        counts.map(|answer| answer["entities"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [1, 0, 0]);
}

#[test]
fn nemo_guardrails_gets_the_text_with_entities_as_links() {
    let body = json!({
        "text": TEXT, "labels": ["person", "per"], "threshold": 0.5, "chunk_length": 384, "overlap": 128,
    });
    let answer = posted(&tiny(), "/v1/extract", &body);
    let score = &answer["entities"][0]["score"];
    let expected = json!({
        "entities": [{
            "value": "Ada", "suggested_label": "per", "start_position": 2, "end_position": 5,
            "score": score,
        }],
        "total_entities": 1,
        "tagged_text": "😀 [Ada](per) met Paris",
    });
    assert_eq!(answer, expected);
    let answer = posted(&tiny(), "/v1/extract", &json!({"text": "met"}));
    assert_eq!(answer, json!({"entities": [], "total_entities": 0, "tagged_text": "met"}));
}

#[test]
fn bad_requests_are_told_by_a_text() {
    let tiny = tiny();
    for (body, about) in [
        (json!({"labels": ["per"]}), "missing field `text`"),
        (json!({"text": 7}), "text: invalid type"),
        (json!({"text": []}), "is empty"),
        (json!({"text": "ada", "labels": "per"}), "labels: expected a list of strings"),
        (json!({"text": "ada", "labels": [7]}), "labels: expected a list of strings"),
        (json!({"text": "ada", "threshold": "high"}), "threshold: invalid type"),
    ] {
        for path in ["/gliner", "/v1/extract"] {
            let (status, answer) = post(&tiny, path, &body);
            let error = answer["error"].as_str().unwrap();
            assert!(status == 422 && error.contains(about), "{status} {about}: {answer}");
        }
    }
    assert_eq!(post(&service("mpnet-fill-mask"), "/gliner", &json!({"text": "a"})).0, 404);
}
