//! What functions say of labels and places is checked against their manifests on de-identified routes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use pilotlight::{
    BundleManifest, DEFAULT_FUNCTION, Endpoint, Error, FunctionOptions, Host, Plan, Source,
};
use pilotlight_auth::ApiKey;
use pilotlight_deidentify::{DeidentifyOptions, Keyring, Mode};
use pilotlight_model::Digest;
use pilotlight_router::Route;
use pilotlight_tests::hosts::load;
use pilotlight_tests::test_guest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::Service as _;

/// What the guest of the tests finds in every text.
const ENTITY: &str = r#""entity_group": "NAME", "score": 0.5, "start": 0, "end": 5"#;
const TEXT: &str = "Sarah lives in Oslo";
const LABELS: [&str; 6] = ["O", "B-NAME", "I-NAME", "B-CITY", "B-TA", "I-TA"];

/// A folder with keys for de-identifications, and one for whoever asks.
struct Lab(TempDir, ApiKey);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap(), ApiKey::generate("a").unwrap());
        let keys = lab.path("keys");
        fs::write(&keys, lab.1.entry()).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        Keyring::generate(&lab.path("ring"), &"k1".parse().unwrap()).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The guest of the tests with a manifest that tells `labels`, which finds `entity`.
    fn component(&self, labels: &Value, entity: &str) -> PathBuf {
        self.component_of("token-classification", &["/", "/v1/redact"], (labels, entity))
    }

    /// The same, which says that it answers at `paths`.
    fn component_of(
        &self,
        task: &str,
        paths: &[&str],
        (labels, entity): (&Value, &str),
    ) -> PathBuf {
        let mut component = fs::read(test_guest("p3")).unwrap();
        let says = ENTITY.as_bytes();
        let at = component.windows(says.len()).position(|bytes| bytes == says).unwrap();
        assert_eq!(entity.len(), says.len(), "it has to fit");
        component[at..at + says.len()].copy_from_slice(entity.as_bytes());
        let manifest = BundleManifest {
            info: json!({ "model": "names", "labels": labels }),
            task: task.into(),
            endpoints: paths.iter().map(|path| endpoint(task, path)).collect(),
            splits: Vec::new(),
            sessions: Vec::new(),
            files: BTreeMap::new(),
            guest: Digest::of(b"guest"),
            pilotlight: "1".into(),
            wasmtime: "1".into(),
            graph: None,
            precision: None,
            accuracy_check: None,
            agreement: None,
            sample: None,
        };
        manifest.seal(&mut component).unwrap();
        let path = self.path(&format!("{}.wasm", Digest::of(&component)));
        fs::write(&path, component).unwrap();
        path
    }

    fn deidentify(&self, mode: Mode, labels: &[&str]) -> DeidentifyOptions {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        DeidentifyOptions {
            mode,
            cipher: None,
            keys: (mode != Mode::Redact).then(|| self.path("ring")),
            labels: Some(labels)
                .filter(|labels: &std::collections::BTreeSet<_>| !labels.is_empty()),
            actions: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            placeholder: None,
        }
    }

    /// Everything is de-identified so, and everybody who asks has a key.
    fn plan(&self, host: &Host, deidentify: DeidentifyOptions) -> (Plan, &ApiKey) {
        let file = self.path("keys");
        let auth = pilotlight_auth::AuthOptions { api_keys: Some(file), ..Default::default() };
        let route = json!({ "to": DEFAULT_FUNCTION, "auth": "keys", "deidentify": "p" });
        let unchanged = host.functions().into_iter().map(|function| function.name).collect();
        let plan = Plan {
            unchanged,
            routes: vec![serde_json::from_value::<Route>(route).unwrap()],
            auth: BTreeMap::from([("keys".to_owned(), auth)]),
            deidentify: BTreeMap::from([("p".to_owned(), deidentify)]),
            ..Plan::default()
        };
        (plan, &self.1)
    }
}

fn endpoint(task: &str, path: &str) -> Endpoint {
    Endpoint { method: "POST".into(), path: path.into(), task: task.into() }
}

async fn ask(host: &Host, key: &ApiKey, path: &str, body: &Value) -> (u16, String) {
    let request = match body {
        Value::Null => Request::get(format!("http://localhost{path}")),
        _ => Request::post(format!("http://localhost{path}")),
    };
    let body = Full::<Bytes>::from(body.to_string());
    let request = request.header("x-api-key", key.expose()).body(body).unwrap();
    let (head, body) = host.clone().call(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_the_manifest_is_refused_in_every_mode() {
    let lab = Lab::new();
    let labels = json!(LABELS);
    let lies = [
        ENTITY.replace("NAME", "WORD"),
        ENTITY.replace("NAME", "name"),
        ENTITY.replace("NAME", "B-TA"),
        ENTITY.replace("NAME", "    "),
        ENTITY.replace("entity_group", "entity_label"),
        ENTITY.replace("\"end\": 5", "\"end\": 0"),
        ENTITY.replace("0.5", "9e9").replace("\"end\": 5", "\"end\":-5"),
        ENTITY.replace("\"start\": 0", "\"start\": 7"),
        ENTITY.replace("\"end\": 5", "\"end\":99"),
        ENTITY.replace("0.5", "\"x\""),
    ];
    for mode in [Mode::Redact, Mode::Pseudonymize, Mode::Encrypt] {
        for lie in &lies {
            let host = load(lab.component(&labels, lie), FunctionOptions::default()).await;
            for deidentified in [&[][..], &["NAME", "CITY"]] {
                let (plan, key) = lab.plan(&host, lab.deidentify(mode, deidentified));
                host.apply(plan).await.unwrap();
                let (status, answer) =
                    ask(&host, key, "/v1/redact", &json!({ "text": TEXT })).await;
                assert_eq!(status, 500, "{lie}: {answer}");
                assert!(!answer.contains("Sarah") && !answer.contains("Oslo"), "{lie}: {answer}");
            }
        }
        let honest = load(lab.component(&labels, ENTITY), FunctionOptions::default()).await;
        let (plan, key) = lab.plan(&honest, lab.deidentify(mode, &["NAME"]));
        honest.apply(plan).await.unwrap();
        let (status, answer) = ask(&honest, key, "/v1/redact", &json!({ "text": TEXT })).await;
        assert!(status == 200 && answer.contains(" lives in Oslo"), "{answer}");
        assert!(!answer.contains("Sarah"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_of_a_request_are_protected_by_their_groups_or_refused() {
    let lab = Lab::new();
    let host = load(lab.component(&json!(LABELS), ENTITY), FunctionOptions::default()).await;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &["NAME"]));
    host.apply(plan).await.unwrap();
    let ask = async |label: &str, start: usize, end: usize| {
        let given = json!([{ "label": label, "start": start, "end": end }]);
        ask(&host, key, "/v1/redact", &json!({ "text": TEXT, "entities": given })).await
    };
    for label in ["NAME", "B-NAME", "I-NAME", "E-NAME"] {
        let (status, answer) = ask(label, 0, 5).await;
        assert!(status == 200 && answer.contains("[NAME] lives in Oslo"), "{label}: {answer}");
    }
    for label in ["NAEM", "name", "O", "", "B-", "NAME-B", "B-B-NAME"] {
        let (status, answer) = ask(label, 0, 5).await;
        assert_eq!(status, 422, "{label}: {answer}");
        assert!(answer.contains("entities[0] has a label"), "{answer}");
    }
    assert_eq!(ask("NAME", 0, 99).await.0, 422);
    assert_eq!(ask("NAME", 5, 3).await.0, 422);
    // The function finds the first five code points, whatever it is given.
    assert_eq!(ask("NAME", 15, 19).await.0, 500);
    assert_eq!(ask("NAME", 0, 6).await.0, 500);
    assert_eq!(ask("CITY", 15, 19).await.0, 200, "it is not to be de-identified");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protection_of_labels_that_the_model_does_not_have_is_refused() {
    let lab = Lab::new();
    let host = load(lab.component(&json!(LABELS), ENTITY), FunctionOptions::default()).await;
    for (mode, deidentified, why) in [
        (Mode::Redact, &["NAME", "NAEM"][..], "has \"NAEM\", which the model does not have"),
        (Mode::Redact, &["B-NAME"], "its labels are CITY, NAME, TA"),
        (Mode::Redact, &["name"], "`labels` has \"name\""),
        (Mode::Redact, &["O"], "`labels` has \"O\""),
        (Mode::Pseudonymize, &[""], "`labels` has \"\""),
    ] {
        let (plan, _) = lab.plan(&host, lab.deidentify(mode, deidentified));
        let refused = host.apply(plan).await.unwrap_err();
        assert!(matches!(refused, Error::NotDeidentified { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains(why) && told.contains("deidentify `p` of function"), "{told}");
        assert!(host.routes().is_empty());
    }
    // What cannot stand in a token cannot be encrypted.
    let host = load(lab.component(&json!(["O", "A:B"]), ENTITY), FunctionOptions::default()).await;
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Encrypt, &[]));
    assert!(host.apply(plan).await.unwrap_err().to_string().contains("\"A:B\" cannot be written"));
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Redact, &["A:B"]));
    host.apply(plan).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_without_a_protected_label_does_not_take_over() {
    let lab = Lab::new();
    let with = lab.component(&json!(LABELS), ENTITY);
    let without = lab.component(&json!(["O", "B-NAME", "I-NAME"]), ENTITY);
    let host = load(with, FunctionOptions::default()).await;
    let before = host.functions()[0].current.sha256;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &["CITY"]));
    host.apply(plan).await.unwrap();
    let foreign = test_guest("p3");
    for source in [&without, &foreign] {
        let swap = host.swap(
            DEFAULT_FUNCTION,
            Source::Component(source.clone()),
            FunctionOptions::default(),
            |_| {},
        );
        let refused = swap.await.unwrap_err();
        assert!(matches!(refused, Error::NotDeidentified { .. }), "{refused}");
        assert_eq!(host.functions()[0].current.sha256, before);
    }
    assert_eq!(ask(&host, key, "/v1/redact", &json!({ "text": TEXT })).await.0, 200);
    // Nor does one come back that a de-identification has been named for meanwhile.
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Redact, &["NAME"]));
    host.apply(plan).await.unwrap();
    let swap = |source: PathBuf| {
        host.swap(DEFAULT_FUNCTION, Source::Component(source), FunctionOptions::default(), |_| {})
    };
    swap(without).await.unwrap();
    swap(lab.component(&json!(LABELS), &ENTITY.replace("0.5", "0.6"))).await.unwrap();
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Redact, &["CITY"]));
    host.apply(plan).await.unwrap();
    let refused = host.roll_back(DEFAULT_FUNCTION).unwrap_err();
    assert!(matches!(refused, Error::NotDeidentified { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_finds_no_entities_is_not_deidentified() {
    let lab = Lab::new();
    let labels = json!(LABELS);
    let with = lab.component(&labels, ENTITY);
    let without = |task: &str, paths: &[&str]| lab.component_of(task, paths, (&labels, ENTITY));
    let embeddings = without("sentence-embeddings", &["/", "/v1/sentence-embeddings"]);
    let host = load(embeddings.clone(), FunctionOptions::default()).await;
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Redact, &[]));
    let refused = host.apply(plan).await.unwrap_err();
    assert!(matches!(refused, Error::NotDeidentified { .. }), "{refused}");
    let told = refused.to_string();
    assert!(told.contains("does not answer POST /v1/redact"), "{told}");
    assert!(told.contains("its task is \"sentence-embeddings\""), "{told}");
    assert!(host.routes().is_empty());
    // Nor does such a version take the place of one that does.
    let host = load(with, FunctionOptions::default()).await;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &[]));
    host.apply(plan).await.unwrap();
    for source in [embeddings, without("token-classification", &["/v1/token-classification"])] {
        let swap = host.swap(
            DEFAULT_FUNCTION,
            Source::Component(source),
            FunctionOptions::default(),
            |_| {},
        );
        let refused = swap.await.unwrap_err();
        assert!(matches!(refused, Error::NotDeidentified { .. }), "{refused}");
    }
    let redacted = ask(&host, key, "/v1/redact", &json!({ "text": TEXT })).await;
    assert_eq!(redacted.0, 200, "{redacted:?}");
    // What else the function answers could hold words of the text.
    for path in ["/", "/v1/token-classification", "/v1/sentence-embeddings"] {
        assert_eq!(ask(&host, key, path, &json!({ "inputs": TEXT })).await.0, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_before_components_told_their_endpoints_is_deidentified() {
    let lab = Lab::new();
    let before = lab.component_of("", &[], (&json!(LABELS), ENTITY));
    let host = load(before, FunctionOptions::default()).await;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &["NAME"]));
    host.apply(plan).await.unwrap();
    assert_eq!(ask(&host, key, "/v1/redact", &json!({ "text": TEXT })).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_version_tells_its_task_and_endpoints() {
    let lab = Lab::new();
    let component = lab.component(&json!(LABELS), ENTITY);
    let host = load(component, FunctionOptions::default()).await;
    let status = &host.functions()[0].current;
    assert_eq!(status.task.as_deref(), Some("token-classification"));
    let endpoints = ["/", "/v1/redact"].map(|path| endpoint("token-classification", path));
    assert_eq!(status.endpoints, endpoints);
    let metrics = host.metrics().render("").1;
    assert!(metrics.contains("task=\"token-classification\""), "{metrics}");
    let host = load(test_guest("p3"), FunctionOptions::default()).await;
    let status = &host.functions()[0].current;
    assert_eq!((&status.task, &status.endpoints[..]), (&None, &[][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn information_on_protected_routes_is_that_of_the_manifest() {
    let lab = Lab::new();
    let host = load(lab.component(&json!(LABELS), ENTITY), FunctionOptions::default()).await;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &[]));
    host.apply(plan).await.unwrap();
    let (status, answer) = ask(&host, key, "/info", &Value::Null).await;
    assert_eq!(
        (status, answer.parse::<Value>().unwrap()),
        (
            200,
            json!({
                "model": "names", "labels": LABELS,
            })
        )
    );
    assert_eq!(ask(&host, key, "/info", &json!({})).await.0, 405);
    assert_eq!(host.pool("default").unwrap().acquired_ready, 0, "no instance was taken");
    // A component without a manifest has nothing that could be told.
    let host = load(test_guest("p3"), FunctionOptions::default()).await;
    let (plan, key) = lab.plan(&host, lab.deidentify(Mode::Redact, &[]));
    host.apply(plan).await.unwrap();
    assert_eq!(ask(&host, key, "/info", &Value::Null).await.0, 404);
    // All that it finds is de-identified; by label, nothing can be.
    assert_eq!(ask(&host, key, "/v1/redact", &json!({ "text": TEXT })).await.0, 200);
    let (plan, _) = lab.plan(&host, lab.deidentify(Mode::Redact, &["NAME"]));
    assert!(host.apply(plan).await.unwrap_err().to_string().contains("has no manifest"));
}
