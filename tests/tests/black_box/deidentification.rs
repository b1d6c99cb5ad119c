//! What the default model finds is redacted, pseudonymized, encrypted and re-identified.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_tests::{Answer, Server, component, outcome, pilotlight, send, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TEXT: &str = "My name is Sarah Jane Smith, reach me at sarah.smith@example.com.";
const VALUES: [&str; 3] = ["Sarah", "Smith", "sarah.smith@example.com"];

/// A folder with keys for callers and for de-identifications, a key, and a configuration with a route for
/// each of `deidentifications`, by its name.
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) key: String,
}

impl Lab {
    pub(crate) fn new(source: &Path, deidentifications: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = pilotlight(&["api-key", "tester"]).output().unwrap();
        let key = String::from_utf8(made.stderr).unwrap();
        let key = key.split_whitespace().last().unwrap().to_owned();
        fs::write(folder.path().join("keys.toml"), made.stdout).unwrap();
        let mut text = format!(
            "[functions.default]\nsource = {source:?}\n[auth.keys]\napi-keys = \"keys.toml\"\n"
        );
        for (name, options) in deidentifications {
            text += &format!(
                "[deidentify.{name}]\n{options}\n[[routes]]\nmatch.header.x-route = \"{name}\"\n\
                 to = \"default\"\nauth = \"keys\"\ndeidentify = \"{name}\"\n"
            );
        }
        text += "[[routes]]\nto = \"default\"\n";
        let lab = Self { folder, key };
        fs::write(lab.file("pilotlight.toml"), text).unwrap();
        lab.keys(&[]);
        lab
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the keys of de-identifications, or whatever `more` says.
    fn keys(&self, more: &[&str]) {
        let file = self.file("ring.toml");
        let mut command = pilotlight(&["keyring", file.to_str().unwrap()]);
        let (code, told) = outcome(command.args(more));
        assert_eq!(code, 0, "{told}");
    }

    /// Serves it, with everything that is logged at level debug in the file `log`.
    pub(crate) fn serve(&self) -> Server {
        let config = self.file("pilotlight.toml");
        let mut command = pilotlight(&["serve", "--log", "debug", "--config"]);
        command.arg(config).stderr(File::create(self.file("log")).unwrap());
        Server::run(&mut command)
    }

    fn ask(&self, server: &Server, route: &str, path: &str, body: &Value) -> Answer {
        let request = Request::post(format!("{}{path}", server.url))
            .header("content-type", "application/json")
            .header("x-route", route)
            .header("x-api-key", &self.key);
        send(request.body(body.to_string().into_bytes()).unwrap())
    }

    fn redact(&self, server: &Server, route: &str, text: &str) -> Value {
        let answer = self.ask(server, route, "/v1/redact", &json!({ "text": text }));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.header("x-pilotlight-version").starts_with("default@"));
        assert!(
            answer.header("x-total-time").parse::<f64>().is_ok()
                && !answer.header("x-request-id").is_empty()
        );
        let answer = answer.json();
        // Each entity is where it says, in both texts, and nothing tells its words.
        let (before, after): (Vec<char>, Vec<char>) =
            (text.chars().collect(), answer["text"].as_str().unwrap().chars().collect());
        for entity in answer["entities"].as_array().unwrap() {
            let place = |at: &Value, text: &[char]| {
                let [start, end] = ["start", "end"].map(|key| at[key].as_u64().unwrap() as usize);
                text[start..end].iter().collect::<String>()
            };
            let (value, now) = (place(&entity["original"], &before), place(entity, &after));
            assert_eq!(entity["deidentified"], value != now, "{entity}");
            assert!(!entity.to_string().contains(&value), "{entity}");
        }
        answer
    }
}

fn labels(answer: &Value) -> Vec<&str> {
    answer["entities"].as_array().unwrap().iter().map(|e| e["label"].as_str().unwrap()).collect()
}

pub(crate) fn leaks(text: &str) -> bool {
    VALUES.iter().any(|value| text.contains(value))
}

pub(crate) const RING: &str = "keys = \"ring.toml\"";

#[test]
fn values_are_redacted_pseudonymized_or_encrypted_and_reidentified_and_leak_nowhere() {
    let encrypt = format!("mode = \"encrypt\"\n{RING}");
    let sm4 = format!("{encrypt}\ncipher = \"sm4-gcm\"");
    let pseudonymize = format!("mode = \"pseudonymize\"\n{RING}");
    let lab = Lab::new(
        &component(),
        &[
            ("redact", "mode = \"redact\"\nplaceholder = \"<{label}>\""),
            ("pseudonymize", &pseudonymize),
            ("encrypt", &encrypt),
            ("sm4", &sm4),
        ],
    );
    let server = lab.serve();
    let redacted = lab.redact(&server, "redact", TEXT);
    let expected = "My name is <GIVEN_NAME> <SURNAME>, reach me at <EMAIL>.";
    assert_eq!(redacted["text"], expected);
    assert_eq!(labels(&redacted), ["GIVEN_NAME", "SURNAME", "EMAIL"]);

    let names = [0, 1].map(|_| lab.redact(&server, "pseudonymize", TEXT)["text"].to_string());
    assert!(names[0] == names[1] && names[0].contains("[EMAIL:k1:"), "{names:?}");

    for route in ["encrypt", "sm4"] {
        let [first, second] = [0, 1].map(|_| lab.redact(&server, route, TEXT));
        assert_ne!(first["text"], second["text"], "tokens of one value differ");
        assert_eq!(first["entities"][0]["key"], "k1");
        for text in [&redacted, &first, &second] {
            assert!(!leaks(&text.to_string()), "{text}");
        }
        let reidentified =
            lab.ask(&server, route, "/v1/reidentify", &json!({ "text": first["text"] }));
        assert_eq!(reidentified.json(), json!({ "text": TEXT, "reidentified": 3, "left": [] }));
        assert!(!reidentified.header("x-request-id").is_empty());
    }
    assert!(!leaks(&names[0]));
    // A damaged token and a pseudonym stay, and are told.
    let text = format!(
        "{} {}",
        names[0].trim_matches('"'),
        "[EMAIL:k9:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]"
    );
    let left = lab.ask(&server, "encrypt", "/v1/reidentify", &json!({ "text": text })).json();
    assert_eq!((&left["text"], &left["reidentified"]), (&json!(text), &json!(0)));
    let reasons: Vec<&Value> =
        left["left"].as_array().unwrap().iter().map(|l| &l["reason"]).collect();
    assert_eq!(reasons, ["pseudonym", "pseudonym", "pseudonym", "unknown-key"]);
    // Requests that are wrong repeat nothing either.
    for body in [r#"{"text": "Sarah""#, r#"{"text": ["Smith"]}"#, r#"{"Sarah": 1}"#] {
        let request = Request::post(format!("{}/v1/redact", server.url))
            .header("x-route", "redact")
            .header("x-api-key", &lab.key);
        let answer = send(request.body(body.into()).unwrap());
        assert!(matches!(answer.status, 400 | 422) && !leaks(&answer.text), "{}", answer.text);
    }
    let nobody = Request::post(format!("{}/v1/redact", server.url)).header("x-route", "redact");
    let body = json!({ "text": TEXT }).to_string().into_bytes();
    assert_eq!(send(nobody.body(body).unwrap()).status, 401);
    drop(server);
    let log = fs::read_to_string(lab.file("log")).unwrap();
    assert!(log.contains("rejected"), "{log}");
    assert!(!leaks(&log) && !log.contains(&lab.key), "{log}");
}

#[test]
fn only_the_labels_that_are_named_are_deidentified_and_the_others_are_told() {
    let lab = Lab::new(&component(), &[("some", "mode = \"redact\"\nlabels = [\"EMAIL\"]")]);
    let server = lab.serve();
    let answer = lab.redact(&server, "some", TEXT);
    assert_eq!(answer["text"], "My name is Sarah Jane Smith, reach me at [EMAIL].");
    let deidentified: Vec<bool> =
        answer["entities"].as_array().unwrap().iter().map(|e| e["deidentified"] == true).collect();
    assert_eq!(deidentified, [false, false, true]);
    // Entities and the placeholder can be given, as without a de-identification.
    let body = json!({
        "text": "a b c", "placeholder": "<{label}>",
        "entities": [{ "entity_group": "EMAIL", "start": 2, "end": 3, "word": "b" }],
    });
    let given = lab.ask(&server, "some", "/v1/redact", &body).json();
    assert_eq!(given["text"], "a <EMAIL> c");
    let body = json!({ "text": "é", "entities": [{ "label": "EMAIL", "start": 0, "end": 9 }] });
    assert_eq!(lab.ask(&server, "some", "/v1/redact", &body).status, 422);
}

#[test]
fn whatever_would_tell_words_is_not_to_be_had_on_a_deidentified_route() {
    let pseudonymize = format!("mode = \"pseudonymize\"\n{RING}");
    let lab = Lab::new(&component(), &[("names", &pseudonymize)]);
    let server = lab.serve();
    for path in ["/", "/v1/token-classification", "/v1/token-classification/", "//x", "/x"] {
        let answer = lab.ask(&server, "names", path, &json!({ "inputs": TEXT }));
        assert_eq!(
            (answer.status, &answer.json()["error_type"]),
            (403, &json!("forbidden")),
            "{path}"
        );
    }
    let reidentify = lab.ask(&server, "names", "/v1/reidentify", &json!({ "text": "x" }));
    assert_eq!((reidentify.status, &reidentify.json()["error_type"]), (404, &json!("not_found")));
    let placeholder = json!({ "text": TEXT, "placeholder": "x" });
    assert_eq!(lab.ask(&server, "names", "/v1/redact", &placeholder).status, 422);
    let get = |path: &str, key: &str| {
        let request = Request::get(format!("{}{path}", server.url)).header("x-route", "names");
        send(request.header("x-api-key", key).body(vec![]).unwrap())
    };
    assert_eq!(get("/info", &lab.key).json()["model"], "pii-ner");
    let wrong_method = get("/v1/redact", &lab.key);
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "POST"));
    assert_eq!(get("/info", "pl_tester_wrong").status, 401);
    // Another route is as it was.
    assert_eq!(server.post("/", json!({ "inputs": TEXT }).to_string()).status, 200);
}

#[test]
fn keys_are_rotated_while_serving_and_old_tokens_are_still_reidentified() {
    let encrypt = format!("mode = \"encrypt\"\n{RING}");
    let pseudonymize = format!("mode = \"pseudonymize\"\n{RING}");
    let lab = Lab::new(&component(), &[("encrypt", &encrypt), ("names", &pseudonymize)]);
    let server = lab.serve();
    let old = lab.redact(&server, "encrypt", TEXT);
    lab.keys(&["--rotate"]);
    let start = Instant::now();
    let new = loop {
        let new = lab.redact(&server, "encrypt", TEXT);
        if new["entities"][0]["key"] == "k2" {
            break new;
        }
        assert!(start.elapsed() < PATIENCE, "the keys were never rotated");
        std::thread::sleep(Duration::from_millis(20));
    };
    // Protections share the file.
    assert_eq!(lab.redact(&server, "names", TEXT)["entities"][0]["key"], "k2");
    for text in [old, new] {
        let reidentified =
            lab.ask(&server, "encrypt", "/v1/reidentify", &json!({ "text": text["text"] }));
        assert_eq!(reidentified.json()["text"], TEXT);
    }
}

#[test]
fn a_function_that_repeats_what_it_is_told_does_not_get_it_out() {
    let lab = Lab::new(&test_guest("p3"), &[("names", "mode = \"redact\"")]);
    let server = lab.serve();
    let answer = lab.ask(&server, "names", "/v1/redact", &json!({ "text": TEXT }));
    assert_eq!(
        (answer.status, answer.json()["text"].as_str()),
        (200, Some("[NAME]me is Sarah Jane Smith, reach me at sarah.smith@example.com."))
    );
    assert_eq!(answer.json()["entities"].as_array().unwrap().len(), 1);
    assert!(!leaks(&format!("{:?} {}", answer.headers, answer.json()["entities"])), "{answer:?}");
    for header in ["x-said", "x-total-time", "server-timing"] {
        assert_eq!(answer.header(header), "");
    }
    // What it finds outside of the text cannot be de-identified, and is not passed on.
    let answer = lab.ask(&server, "names", "/v1/redact", &json!({ "text": "abc" }));
    assert_eq!((answer.status, &answer.json()["error_type"]), (500, &json!("internal")));
    drop(server);
    assert!(!leaks(&fs::read_to_string(lab.file("log")).unwrap()));
}

#[test]
fn what_must_not_be_is_told_by_check_and_refused_by_serve() {
    let lab = Lab::new(&test_guest("p3"), &[("names", "mode = \"encrypt\"\nkeys = \"ring.toml\"")]);
    let file = lab.file("pilotlight.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("auth = \"keys\"\n", "")).unwrap();
    let checked = pilotlight(&["check", file.to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(!checked.status.success(), "{told}");
    assert!(told.contains(":11:14: routes[0].deidentify: anyone could decrypt"), "{told}");
    let (code, told) = outcome(&mut pilotlight(&["serve", "--config", file.to_str().unwrap()]));
    assert!(code == 1 && told.contains("routes[0].deidentify: anyone could decrypt"), "{told}");
    // Keys that others can read are no keys.
    fs::write(&file, text).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(lab.file("ring.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut serve = pilotlight(&["serve", "--config", file.to_str().unwrap()]);
    let (code, told) =
        outcome(serve.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]));
    assert!(code == 1 && told.contains("ring.toml"), "{told}");
    // A ring is not written over.
    let ring = lab.file("ring.toml");
    let (code, _) = outcome(&mut pilotlight(&["keyring", ring.to_str().unwrap()]));
    assert_eq!(code, 1);
}
