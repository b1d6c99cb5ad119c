//! Models from a Hub: what is fetched, who is told what, and what is left behind.

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_model::Choices;
use pilotlight_registry::{Error, Fetched, Hub, HubModel, Secret};
use pilotlight_testing::hub::{COMMIT, Fault, Hub as Stub};
use proptest::prelude::*;
use tempfile::TempDir;

const OTHER_COMMIT: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn stub() -> Stub {
    let files = [
        ("config.json", "{}"),
        ("tokenizer.json", "{\"version\": \"1.0\"}"),
        ("onnx/model.onnx", "a graph of some length"),
        ("onnx/model_int8.onnx", "a smaller graph"),
        ("model.safetensors", "weights for somebody else"),
        ("../../escaped.json", "{}"),
    ];
    Stub::start("org/tiny", files)
}

struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn fetch(&self, hub: &Hub, model: &str) -> Result<Fetched, Error> {
        self.choosing(hub, model, &Choices::default())
    }

    fn choosing(&self, hub: &Hub, model: &str, choices: &Choices) -> Result<Fetched, Error> {
        let model: HubModel = model.parse().unwrap();
        hub.fetch(&model, choices, self.0.path(), &mut |_, _, _| {})
    }

    /// All files, by their paths in the cache.
    fn files(&self) -> Vec<String> {
        let (mut found, mut folders) = (Vec::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(self.name(&path)),
                }
            }
        }
        found.sort();
        found
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.0.path()).unwrap().to_str().unwrap().to_owned()
    }
}

fn hub(stub: &Stub) -> Hub {
    Hub::new(&stub.url(), None, false).unwrap()
}

fn offline(stub: &Stub) -> Hub {
    Hub::new(&stub.url(), None, true).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        ["config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model_int8.onnx"]
            .into_iter()
            .filter(|name| folder.join(name).exists())
            .map(str::to_owned)
            .collect();
    names.sort();
    names
}

#[test]
fn what_a_model_folder_uses_is_fetched_once_and_pinned_to_a_commit() {
    let (stub, cache) = (stub(), Cache::new());
    let fetched = cache.fetch(&hub(&stub), "org/tiny").unwrap();
    assert_eq!(fetched.commit, COMMIT);
    let expected = format!("models--org--tiny/snapshots/{COMMIT}");
    assert_eq!(cache.name(&fetched.folder), expected);
    assert_eq!(names(&fetched.folder), ["config.json", "onnx/model.onnx", "tokenizer.json"]);
    assert_eq!(cache.files().len(), 5, "{:?}", cache.files());
    assert_eq!(
        fs::read(fetched.folder.join("onnx/model.onnx")).unwrap(),
        b"a graph of some length"
    );
    stub.asked();
    // Only what the branch names is asked for again, and nothing of a commit.
    assert_eq!(cache.fetch(&hub(&stub), "org/tiny").unwrap(), fetched);
    let asked = stub.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/api/models/org/tiny/revision/main?blobs=true");
    let pinned = format!("org/tiny@{COMMIT}");
    assert_eq!(cache.fetch(&hub(&stub), &pinned).unwrap().folder, fetched.folder);
    assert!(stub.asked().is_empty());
    // Another graph of the same commit joins it.
    let choices =
        Choices { onnx_file: Some("onnx/model_int8.onnx".to_owned()), ..Choices::default() };
    let other = cache.choosing(&hub(&stub), "org/tiny", &choices).unwrap();
    assert_eq!(other.folder, fetched.folder);
    assert_eq!(names(&other.folder).len(), 4);
}

#[test]
fn another_commit_is_another_folder() {
    let (stub, cache) = (stub(), Cache::new());
    let first = cache.fetch(&hub(&stub), "org/tiny").unwrap();
    stub.commit(OTHER_COMMIT, "config.json", "{\"new\": 1}");
    let second = cache.fetch(&hub(&stub), "org/tiny@refs/pr/1").unwrap();
    assert_eq!(second.commit, OTHER_COMMIT);
    assert_eq!(fs::read(first.folder.join("config.json")).unwrap(), b"{}");
    assert_eq!(fs::read(second.folder.join("config.json")).unwrap(), b"{\"new\": 1}");
}

#[test]
fn the_token_is_told_to_the_hub_and_to_nobody_else() {
    let (stub, cache) = (stub(), Cache::new());
    stub.require("s3cret");
    let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(
        refusal.contains("hf:org/tiny@main: ") && refusal.contains("set HF_TOKEN"),
        "{refusal}"
    );
    let asking = |token: &str| Hub::new(&stub.url(), Some(&Secret::new(token)), false).unwrap();
    let refusal = cache.fetch(&asking("wr0ng"), "org/tiny").unwrap_err().to_string();
    assert!(refusal.contains("owner of HF_TOKEN") && !refusal.contains("wr0ng"), "{refusal}");
    assert!(!format!("{:?}", asking("s3cret")).contains("s3cret"));
    stub.asked();
    cache.fetch(&asking("s3cret"), "org/tiny").unwrap();
    let asked = stub.asked();
    assert!(asked.iter().any(|asked| asked.of_storage));
    for asked in asked {
        assert_eq!(asked.authorization.is_none(), asked.of_storage, "{asked:?}");
    }
    assert!(Hub::new("http://hub.example", None, false).is_ok());
    let clear = Hub::new("http://hub.example", Some(&Secret::new("s3cret")), false);
    let refusal = clear.unwrap_err().to_string();
    assert!(refusal.contains("does not use TLS") && !refusal.contains("s3cret"), "{refusal}");
}

#[test]
fn nothing_of_a_download_that_fails_is_left_and_the_rest_is_used_again() {
    let (stub, cache) = (stub(), Cache::new());
    let graph = "onnx/model.onnx";
    for (fault, kind) in [(Fault::Cut, "ends after 11 of 22 bytes"), (Fault::Changed, "digest")] {
        stub.spoil(graph, Some(fault));
        let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
        assert!(refusal.contains(kind) && refusal.contains(graph), "{refusal}");
        let left = cache.files();
        assert!(!left.iter().any(|name| name.contains("onnx") || name.contains("tmp")), "{left:?}");
    }
    stub.spoil(graph, None);
    stub.asked();
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
    let fetched: Vec<_> =
        stub.asked().into_iter().filter(|it| it.path.contains("resolve")).collect();
    let of_the_graph = |path: &str| path.ends_with("tokenizer.json") || path.ends_with(graph);
    assert!(fetched.iter().all(|asked| of_the_graph(&asked.path)), "{fetched:?}");
    // A file that is not whole is fetched again.
    let cached = cache.fetch(&hub(&stub), "org/tiny").unwrap().folder.join("config.json");
    fs::write(&cached, "").unwrap();
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
    assert_eq!(fs::read(cached).unwrap(), b"{}");
}

#[test]
fn without_the_hub_the_commit_of_last_time_is_used() {
    let (stub, cache) = (stub(), Cache::new());
    let unknown = cache.fetch(&offline(&stub), "org/tiny").unwrap_err().to_string();
    assert!(unknown.contains("HF_HUB_OFFLINE is set"), "{unknown}");
    stub.set_away(true);
    let away = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(away.contains("cannot be reached"), "{away}");
    stub.set_away(false);
    let fetched = cache.fetch(&hub(&stub), "org/tiny").unwrap();
    stub.asked();
    assert_eq!(cache.fetch(&offline(&stub), "org/tiny").unwrap(), fetched);
    let other = cache.fetch(&offline(&stub), &format!("org/tiny@{OTHER_COMMIT}"));
    assert!(other.unwrap_err().to_string().contains("is not in the cache"));
    fs::remove_file(fetched.folder.join("config.json")).unwrap();
    let missing = cache.fetch(&offline(&stub), "org/tiny").unwrap_err().to_string();
    assert!(missing.contains("config.json is not in the cache"), "{missing}");
    assert!(stub.asked().is_empty());
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
    stub.set_away(true);
    let outdated = cache.fetch(&hub(&stub), "org/tiny").unwrap();
    assert_eq!(outdated.folder, fetched.folder);
    assert!(outdated.outdated.unwrap().contains("cannot be reached"));
}

#[test]
fn what_is_too_large_or_not_a_model_is_refused_before_it_is_fetched() {
    let (stub, cache) = (stub(), Cache::new());
    for (name, size) in [("onnx/model.onnx", 3 << 30), ("tokenizer.json", 1 << 30)] {
        stub.spoil(name, Some(Fault::Sized(size)));
        let chosen =
            Choices { onnx_file: Some("onnx/model.onnx".to_owned()), ..Choices::default() };
        let refusal = cache.choosing(&hub(&stub), "org/tiny", &chosen).unwrap_err().to_string();
        assert!(refusal.contains(&format!("{name}: has {size} bytes")), "{refusal}");
        stub.spoil(name, None);
    }
    let torch = Stub::start("org/torch", [("model.safetensors", "weights")]);
    let refusal = cache.fetch(&hub(&torch), "org/torch").unwrap_err().to_string();
    assert!(refusal.contains("hf:org/torch@main: no ONNX graph"), "{refusal}");
    let refusal = cache.fetch(&hub(&stub), "org/tiny@v9").unwrap_err().to_string();
    assert!(refusal.contains("no such model, revision or file"), "{refusal}");
    assert!(!cache.files().iter().any(|name| name.ends_with(".onnx")), "{:?}", cache.files());
}

#[test]
fn all_files_of_a_model_have_a_bound_of_their_own() {
    let (stub, cache) = (stub(), Cache::new());
    for name in ["a.npy", "b.npy"] {
        stub.commit(COMMIT, name, "a matrix");
    }
    let files = [("onnx/model.onnx", 2 << 30), ("a.npy", 2 << 30), ("b.npy", 1)];
    for (name, size) in files {
        stub.spoil(name, Some(Fault::Sized(size)));
    }
    let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(refusal.contains("hf:org/tiny@main: its files have 42949"), "{refusal}");
    assert!(refusal.contains("bytes, more than the maximum of 4294967296"), "{refusal}");
    assert!(stub.asked().iter().all(|asked| !asked.path.contains("resolve")));
    for (name, _) in files {
        stub.spoil(name, None);
    }
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
}

#[test]
fn a_repository_with_more_files_than_a_model_has_is_refused() {
    let (stub, cache) = (stub(), Cache::new());
    // With those that are there.
    for number in 6..10_000 {
        stub.commit(COMMIT, &format!("data/{number}.txt"), "");
    }
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
    stub.commit(COMMIT, "data/more.txt", "");
    let cache = Cache::new();
    let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(
        refusal.contains("the model has 10001 files, more than the maximum of 10000"),
        "{refusal}"
    );
    assert!(cache.files().is_empty(), "{:?}", cache.files());
}

#[test]
fn a_file_that_is_longer_than_it_is_said_to_be_is_refused() {
    for name in ["config.json", "onnx/model.onnx"] {
        let (stub, cache) = (stub(), Cache::new());
        stub.spoil(name, Some(Fault::Sized(1)));
        let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
        let expected = format!("{name}: there are more than the 1 bytes expected");
        assert!(refusal.contains(&expected), "{refusal}");
        let left = cache.files();
        assert!(!left.iter().any(|file| file.ends_with(name) || file.contains("tmp")), "{left:?}");
    }
}

#[test]
fn a_file_of_unknown_size_is_fetched_up_to_what_such_a_file_may_have() {
    let (stub, cache) = (stub(), Cache::new());
    for name in ["config.json", "onnx/model.onnx"] {
        stub.spoil(name, Some(Fault::Unsized));
    }
    let fetched = cache.fetch(&hub(&stub), "org/tiny").unwrap();
    assert_eq!(fs::read(fetched.folder.join("config.json")).unwrap(), b"{}");
    let graph = fs::read(fetched.folder.join("onnx/model.onnx")).unwrap();
    assert_eq!(graph, b"a graph of some length");
    let most = 8 << 20;
    let cache = Cache::new();
    stub.commit(COMMIT, "config.json", vec![b' '; most]);
    cache.fetch(&hub(&stub), "org/tiny").unwrap();
    let cache = Cache::new();
    stub.commit(COMMIT, "config.json", vec![b' '; most + 1]);
    let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(refusal.contains("config.json: there are more than the 8388608 bytes"), "{refusal}");
    assert!(!cache.files().iter().any(|file| file.ends_with("config.json")));
}

#[test]
fn nobody_is_led_elsewhere_than_the_web() {
    let (stub, cache) = (stub(), Cache::new());
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://hub.example/x", "x"] {
        stub.spoil("onnx/model.onnx", Some(Fault::Elsewhere(location.to_owned())));
        let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
        let refused = refusal.contains("does not use TLS") || refusal.contains("not a usable URL");
        assert!(refused, "{location}: {refusal}");
    }
    let round = format!("{}/org/tiny/resolve/{COMMIT}/onnx/model.onnx", stub.url());
    stub.spoil("onnx/model.onnx", Some(Fault::Elsewhere(round)));
    let refusal = cache.fetch(&hub(&stub), "org/tiny").unwrap_err().to_string();
    assert!(refusal.contains("redirects too often"), "{refusal}");
}

#[test]
fn names_of_models_are_read() {
    let read = |text: &str| text.parse::<HubModel>();
    let model = read("org/Name.v1_x@refs/pr/1").unwrap();
    assert_eq!((model.repository(), model.revision()), ("org/Name.v1_x", "refs/pr/1"));
    assert_eq!(read("bert-base-uncased").unwrap().to_string(), "hf:bert-base-uncased@main");
    for text in [
        "", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a b", "a--b", ".a", "a@", "a@../b",
        "a@b//c", "a@b c", "a@/b", "a?b", "a#b", "a%2Fb", "-a",
    ] {
        let refusal = read(text).unwrap_err().to_string();
        assert!(refusal.contains("write hf:ORG/NAME"), "{text}: {refusal}");
    }
    for endpoint in ["", "hub.example", "ftp://hub.example", "https://", "https://a?b"] {
        let refusal = Hub::new(endpoint, None, false).unwrap_err().to_string();
        assert!(refusal.starts_with("HF_ENDPOINT "), "{endpoint}: {refusal}");
    }
}

proptest! {
    #[test]
    fn no_name_leads_out_of_the_cache(text in "[a./@-]{0,12}") {
        if let Ok(model) = text.parse::<HubModel>() {
            let path = PathBuf::from(model.repository());
            prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
        }
    }
}
