//! What every route with a body does with a request that is wrong, in the words of its interface. Routes whose
//! body is no text have tests of their own.

mod requests;

use std::collections::BTreeSet;

use pilotlight_guest::dialects::routes;
use pilotlight_guest::service::Service;
use serde_json::{Value, json};

use self::requests::{
    anonymized, deanonymized, documents, guarded, ids, input, inputs, labeled, pairs, questions,
    ranked, scored, similarity, tensor, text,
};

use crate::client::{post, service};

const TEXT: &str = "[MASK] is fine.";
/// Most texts of a request.
const MOST: usize = 256;

/// How errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Own,
    Hosted,
    TextEmbeddingsInference,
    OpenAi,
    Vllm,
    Rerank,
    OpenInference,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Invalid,
    TooLong,
    TooMany,
}

/// What becomes of a text that is longer than the model reads.
#[derive(Debug, Clone, Copy)]
enum Long {
    /// It is refused.
    Refused,
    /// It is refused if this is false: a key of the request, or `parameters.` and a key.
    RefusedUnless(&'static str),
    /// It is read in windows, or shortened, whatever the request says.
    Read,
}

struct Contract {
    path: &'static str,
    model: &'static str,
    form: Form,
    /// A request for a text, a list of them, or anything else in their place.
    request: fn(Value) -> Value,
    long: Long,
    /// Whether there can be a list of texts.
    lists: bool,
    /// Whether an unknown key is refused.
    strict: bool,
}

const EMBEDDER: &str = "mpnet-sentence-embeddings";
const CLASSIFIER: &str = "albert-text-classification";
const RERANKER: &str = "electra-reranking";
const NER: &str = "electra-token-classification";

/// A path of the model's pipeline.
const fn pipeline(path: &'static str, model: &'static str, long: Long) -> Contract {
    Contract { path, model, form: Form::Own, request: inputs, long, lists: true, strict: true }
}

const fn of(path: &'static str, model: &'static str, form: Form) -> Contract {
    let (request, long) = (inputs, Long::Read);
    Contract { path, model, form, request, long, lists: true, strict: false }
}

const fn hosted(path: &'static str) -> Contract {
    Contract { long: Long::RefusedUnless("truncate"), ..of(path, EMBEDDER, Form::Hosted) }
}

const fn of_tei(path: &'static str, model: &'static str) -> Contract {
    let long = Long::RefusedUnless("truncate");
    Contract { long, ..of(path, model, Form::TextEmbeddingsInference) }
}

const fn of_vllm(path: &'static str, model: &'static str, request: fn(Value) -> Value) -> Contract {
    Contract { request, long: Long::Refused, ..of(path, model, Form::Vllm) }
}

const SHORTENED: Long = Long::RefusedUnless("parameters.truncate");

const CONTRACTS: &[Contract] = &[
    pipeline("/v1/token-classification", NER, Long::Read),
    pipeline("/v1/text-classification", CLASSIFIER, SHORTENED),
    pipeline("/v1/feature-extraction", "electra-feature-extraction", SHORTENED),
    pipeline("/v1/sentence-embeddings", EMBEDDER, SHORTENED),
    Contract { request: similarity, ..pipeline("/v1/sentence-similarity", EMBEDDER, SHORTENED) },
    Contract {
        request: |texts| inputs(ranked(texts)),
        ..pipeline("/v1/reranking", RERANKER, SHORTENED)
    },
    Contract {
        request: labeled,
        ..pipeline(
            "/v1/zero-shot-classification",
            "distilbert-zero-shot-classification",
            Long::Read,
        )
    },
    Contract {
        request: questions,
        ..pipeline("/v1/question-answering", "distilbert-question-answering", Long::Read)
    },
    pipeline("/v1/fill-mask", "albert-fill-mask", Long::Read),
    Contract { request: text, lists: false, ..pipeline("/v1/redact", NER, Long::Read) },
    hosted("/"),
    hosted("/models/{id...}"),
    hosted("/pipeline/{task}"),
    hosted("/pipeline/{task}/{id...}"),
    hosted("/hf-inference"),
    hosted("/hf-inference/models/{id...}"),
    hosted("/hf-inference/pipeline/{task}"),
    hosted("/hf-inference/pipeline/{task}/{id...}"),
    of_tei("/embed", EMBEDDER),
    of_tei("/embed_all", "electra-feature-extraction"),
    Contract { request: pairs, ..of_tei("/predict", CLASSIFIER) },
    Contract { request: ranked, ..of_tei("/rerank", RERANKER) },
    Contract {
        request: similarity,
        long: Long::RefusedUnless("parameters.truncate"),
        ..of_tei("/similarity", EMBEDDER)
    },
    Contract { long: Long::Read, ..of_tei("/tokenize", EMBEDDER) },
    Contract { request: ids, long: Long::Read, ..of_tei("/decode", EMBEDDER) },
    Contract {
        request: input,
        long: Long::RefusedUnless("truncate"),
        ..of("/v1/embeddings", EMBEDDER, Form::OpenAi)
    },
    Contract {
        request: input,
        long: Long::RefusedUnless("truncate"),
        ..of("/v1/moderations", CLASSIFIER, Form::OpenAi)
    },
    of_vllm("/classify", CLASSIFIER, input),
    of_vllm("/pooling", EMBEDDER, input),
    of_vllm("/score", RERANKER, scored),
    of_vllm("/v1/score", EMBEDDER, scored),
    Contract { request: documents, ..of("/rerank", RERANKER, Form::Rerank) },
    Contract { request: documents, ..of("/v1/rerank", RERANKER, Form::Rerank) },
    Contract { request: documents, ..of("/v2/rerank", RERANKER, Form::Rerank) },
    Contract { request: tensor, ..of("/v2/models/{model}/infer", EMBEDDER, Form::OpenInference) },
    Contract {
        request: tensor,
        ..of("/v2/models/{model}/versions/{version}/infer", NER, Form::OpenInference)
    },
    Contract { request: text, ..of("/gliner", NER, Form::Own) },
    Contract { request: text, ..of("/v1/extract", NER, Form::Own) },
    Contract { request: text, ..of("/analyze", NER, Form::Own) },
    Contract { request: anonymized, lists: false, ..of("/anonymize", NER, Form::Own) },
    Contract { request: deanonymized, lists: false, ..of("/deanonymize", NER, Form::Own) },
    Contract { request: guarded, ..of("/beta/litellm_basic_guardrail_api", NER, Form::Own) },
];

/// Bodies that are no texts, and routes that only refuse.
const OTHERS: [&str; 12] = [
    "/v1/tensors",
    "/v1/voice-activity-detection",
    "/v1/automatic-speech-recognition",
    "/v1/audio/stream",
    "/v1/audio/vosk",
    "/v1/audio/transcriptions",
    "/v1/redact/stream",
    "/embed_sparse",
    "/v2/models/{model}/trace/setting",
    "/v2/trace/setting",
    "/v2/logging",
    "sharedmemory/{region...}",
];

/// A contract, and the status and body of the answer to a request.
type Answered<'a> = (&'a Contract, (u16, Value));

/// The answers to the requests that `made` makes of contracts.
fn answers(made: impl Fn(&Contract) -> Vec<Value>) -> Vec<Answered<'static>> {
    let mut services: Vec<(&str, Service)> = Vec::new();
    let mut answers = Vec::new();
    for contract in CONTRACTS {
        let name = contract.model;
        if !services.iter().any(|(known, _)| *known == name) {
            services.push((name, service(name)));
        }
        let (_, service) = services.iter().find(|(known, _)| *known == name).unwrap();
        let path = contract.path.replace("{id...}", "org/name").replace("{model}", name);
        let path = path.replace("{version}", "1").replace("{task}", "sentence-embeddings");
        for request in made(contract) {
            answers.push((contract, post(service, &path, &request)));
        }
    }
    answers
}

/// The error is told in the form of the path, and says what is wrong.
fn check((contract, (status, body)): &Answered<'_>, wrong: Wrong) {
    let about = format!("{} {wrong:?}: {status} {body}", contract.path);
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().unwrap_or_else(|| panic!("{about}"));
        object.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    let error = &body["error"];
    let own = match wrong {
        Wrong::Invalid => "invalid",
        Wrong::TooLong => "too_long",
        Wrong::TooMany => "too_many",
    };
    let expected = match (contract.form, wrong) {
        (Form::Own, _) => 422,
        (Form::TextEmbeddingsInference, Wrong::Invalid) => 422,
        (Form::TextEmbeddingsInference, _) => 413,
        _ => 400,
    };
    assert_eq!(*status, expected, "{about}");
    let vllm = |error: &Value| {
        assert_eq!(keys(error), ["code", "message", "param", "type"], "{about}");
        assert_eq!((&error["code"], &error["type"]), (&json!(400), &json!("BadRequestError")));
        assert!(error["message"].is_string(), "{about}");
    };
    match contract.form {
        Form::Own | Form::Hosted => {
            assert_eq!(keys(body), ["error", "error_type"], "{about}");
            assert_eq!((error.is_string(), &body["error_type"]), (true, &json!(own)), "{about}");
        }
        Form::TextEmbeddingsInference => {
            assert_eq!(keys(body), ["error", "error_type"], "{about}");
            assert_eq!(body["error_type"], "Validation", "{about}");
            assert!(error.is_string(), "{about}");
        }
        Form::OpenAi => {
            assert_eq!((keys(body), keys(error).len()), (vec!["error".to_owned()], 4), "{about}");
            let code = match wrong {
                Wrong::Invalid => "invalid_value",
                Wrong::TooLong => "context_length_exceeded",
                Wrong::TooMany => "array_above_max_length",
            };
            let found = (&error["type"], &error["param"], &error["code"]);
            let expected = (&json!("invalid_request_error"), &json!("input"), &json!(code));
            assert_eq!(found, expected, "{about}");
            assert!(error["message"].is_string(), "{about}");
        }
        Form::Vllm => {
            assert_eq!(keys(body), ["error"], "{about}");
            vllm(error);
        }
        Form::Rerank => {
            assert_eq!(keys(body), ["detail", "error", "message"], "{about}");
            vllm(error);
            assert_eq!((&body["message"], &body["detail"]), (&error["message"], &error["message"]));
        }
        Form::OpenInference => {
            assert_eq!((keys(body), error.is_string()), (vec!["error".to_owned()], true));
        }
    }
}

#[test]
fn every_route_with_a_body_has_a_contract() {
    let known: BTreeSet<&str> = CONTRACTS.iter().map(|contract| contract.path).collect();
    let routes = routes().filter(|route| route.method == "POST").map(|route| route.path);
    let others = |path: &&str| !OTHERS.iter().any(|other| path.ends_with(other));
    assert_eq!(routes.filter(others).collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_is_right_is_answered() {
    for (contract, (status, body)) in answers(|contract| vec![(contract.request)(json!(TEXT))]) {
        assert_eq!(status, 200, "{} {body}", contract.path);
    }
}

#[test]
fn values_of_a_wrong_type_are_refused() {
    let made = |contract: &Contract| {
        [json!(7), json!({"a": 1}), json!(true)].map(contract.request).to_vec()
    };
    for answered in answers(made) {
        check(&answered, Wrong::Invalid);
    }
}

#[test]
fn unknown_keys_are_refused_only_where_the_interface_does() {
    let made = |contract: &Contract| {
        let mut request = (contract.request)(json!(TEXT));
        request["unknown"] = json!(1);
        vec![request]
    };
    for answered in answers(made) {
        match answered.0.strict {
            true => check(&answered, Wrong::Invalid),
            false => assert_eq!(answered.1.0, 200, "{} {}", answered.0.path, answered.1.1),
        }
    }
}

#[test]
fn texts_that_are_too_long_are_refused_where_they_may_not_be_shortened() {
    let made = |contract: &Contract| {
        let long = format!("{TEXT} {}", "the weather is fine ".repeat(300));
        let mut request = (contract.request)(json!(long));
        match contract.long {
            Long::RefusedUnless(key) => match key.strip_prefix("parameters.") {
                Some(key) => request["parameters"] = json!({key: false}),
                None => request[key] = json!(false),
            },
            Long::Refused | Long::Read => {}
        }
        vec![request]
    };
    for answered in answers(made) {
        match answered.0.long {
            Long::Read => assert_eq!(answered.1.0, 200, "{} {}", answered.0.path, answered.1.1),
            Long::Refused | Long::RefusedUnless(_) => check(&answered, Wrong::TooLong),
        }
    }
}

#[test]
fn more_texts_than_allowed_are_refused() {
    let made = |contract: &Contract| match contract.lists {
        true => vec![(contract.request)(json!(vec![TEXT; MOST + 1]))],
        false => Vec::new(),
    };
    for answered in answers(made) {
        check(&answered, Wrong::TooMany);
    }
}
