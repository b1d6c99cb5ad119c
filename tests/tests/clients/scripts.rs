//! The scripts, each with the servers that it asks for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use pilotlight_testing::{skipped, speech_model};
use pilotlight_tests::{Server, root};

use crate::servers::{Name, PII, serve, serve_all, serve_encrypting, serve_to_key_holders};

/// Names the folder that `cargo xtask clients` prepares.
const VARIABLE: &str = "PILOTLIGHT_CLIENTS";
/// Environments of Python in it.
pub(crate) const NEWEST: &str = "python";
const OLDER: &str = "python-older";
/// What Hugging Face's clients ask.
const ALL_TASKS: [Name; 7] =
    ["EMBEDDINGS", "CLASSIFIER", "RERANKER", "NER", "ZERO_SHOT", "QA", "FILL_MASK"];

/// The folder of the clients. `None`, with a message, where there is none.
fn clients() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        assert!(std::env::var_os("CI").is_none(), "CI tests with other servers' clients");
        skipped(format_args!("{VARIABLE} is not set; `cargo xtask clients` prepares its folder"));
        return None;
    };
    Some(PathBuf::from(folder))
}

/// A script of `tests/clients/python`, in an environment.
pub(crate) fn python(environment: &str, script: &str) -> Option<Command> {
    let mut command = Command::new(clients()?.join(environment).join("bin/python"));
    // Nothing is written beside the scripts.
    command.arg("-B").arg(root().join("tests/clients/python").join(script));
    Some(command)
}

/// A script of `tests/clients/javascript`.
fn javascript(script: &str) -> Option<Command> {
    let mut command = Command::new("node");
    command.env(VARIABLE, clients()?);
    command.arg(root().join("tests/clients/javascript").join(script));
    Some(command)
}

/// The path of Chromium: what `CHROMIUM` says, or where Debian's package has it. `None`, with a message,
/// where there is none.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let mut programs = named.into_iter().chain(folders.map(|folder| folder.join("chromium")));
    let found = programs.find(|program| program.is_file());
    if found.is_none() {
        let advice = "install Debian's package chromium, or set CHROMIUM to the path of Chromium";
        assert!(std::env::var_os("CI").is_none(), "CI tests pages for browsers: {advice}");
        skipped(format_args!("tests of pages for browsers; {advice}"));
    }
    found
}

/// Runs a script with the URLs of servers. Where a check fails, the message has what the script printed.
pub(crate) fn run(script: &mut Command, servers: &[(Name, Server)]) {
    let home = tempfile::tempdir().unwrap();
    // No tokens, settings and proxies of whoever runs the tests.
    script.env("HOME", home.path());
    script.env("NO_PROXY", "*,127.0.0.1").env("no_proxy", "*,127.0.0.1");
    for (name, server) in servers {
        script.env(format!("PILOTLIGHT_{name}"), &server.url);
    }
    let output = script.current_dir(home.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{told}{errors}", output.status);
}

/// Runs a script, where there are clients, with servers by these names.
fn check(script: Option<Command>, names: &[Name]) {
    if let Some(mut script) = script {
        run(&mut script, &serve_all(names));
    }
}

#[test]
fn huggingface_hub_2() {
    check(python(NEWEST, "hugging_face_hub.py"), &ALL_TASKS);
}

#[test]
fn huggingface_hub_0() {
    check(python(OLDER, "hugging_face_hub.py"), &ALL_TASKS);
}

#[test]
fn hugging_face_inference_in_javascript() {
    check(javascript("hugging_face_inference.mjs"), &ALL_TASKS);
}

#[test]
fn pages_in_chromium() {
    let Some(chromium) = chromium() else { return };
    let Some(mut script) = javascript("playground.mjs") else { return };
    let names = [&ALL_TASKS[..], &["TENSORS", "VOICE"]].concat();
    let servers: Vec<_> =
        names.into_iter().map(|name| (name, serve(name, &["--server-timing"]))).collect();
    run(script.env("CHROMIUM", chromium), &servers);
}

#[test]
fn openai_in_python() {
    check(python(NEWEST, "openai_sdk.py"), &["EMBEDDINGS", "CLASSIFIER"]);
}

#[test]
fn openai_in_javascript() {
    check(javascript("openai.mjs"), &["EMBEDDINGS", "CLASSIFIER"]);
}

#[test]
fn tritonclient_over_http() {
    let names = [&ALL_TASKS[..], &["TENSORS"]].concat();
    check(python(NEWEST, "triton_http.py"), &names);
}

#[test]
fn tritonclient_over_grpc() {
    check(python(NEWEST, "triton_grpc.py"), &["EMBEDDINGS", "CLASSIFIER", "NER", "TENSORS"]);
}

#[test]
fn tritonclient_and_the_repository() {
    const TOKEN: &str = "correct-horse-battery-staple-0123";
    let Some(mut script) = python(NEWEST, "triton_repository.py") else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), TOKEN).unwrap();
    fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
    let listen = ["--admin-listen", "127.0.0.1:0", "--admin-token-file"];
    let server = serve("TENSORS", &[&listen[..], &[file.path().to_str().unwrap()]].concat());
    script.env("PILOTLIGHT_ADMIN", &server.admin).env("PILOTLIGHT_ADMIN_TOKEN", TOKEN);
    run(&mut script, &[("TENSORS", server)]);
}

#[test]
fn cohere() {
    check(python(NEWEST, "cohere_sdk.py"), &["RERANKER"]);
}

#[test]
fn litellm() {
    check(python(NEWEST, "lite_llm.py"), &["EMBEDDINGS", "RERANKER"]);
}

#[test]
fn openai_transcriptions() {
    let Some(mut script) = python(NEWEST, "openai_transcriptions.py") else { return };
    let Some(folder) = speech_model() else { return };
    let server = Server::start(&[folder.to_str().unwrap(), "--compute", "host"]);
    run(&mut script, &[("SPEECH", server)]);
}

#[test]
fn speech_of_huggingface_hub() {
    for environment in [NEWEST, OLDER] {
        let Some(mut script) = python(environment, "hugging_face_speech.py") else { return };
        let Some(folder) = speech_model() else { return };
        let server = Server::start(&[folder.to_str().unwrap(), "--compute", "host"]);
        run(&mut script, &[("SPEECH", server)]);
    }
}

#[test]
fn guardrails_of_litellm() {
    check(python(NEWEST, "lite_llm_guardrails.py"), &["PII"]);
}

#[test]
fn envoy_in_front_of_a_language_model() {
    let Some(mut script) = python(NEWEST, "envoy_proxy.py") else { return };
    let (encrypting, key) = serve_encrypting();
    script.env("PILOTLIGHT_KEY", key);
    run(&mut script, &[(PII, serve(PII, &[])), ("ENCRYPTING", encrypting)]);
}

#[test]
fn langchain_openai() {
    check(python(NEWEST, "lang_chain_openai.py"), &["EMBEDDINGS"]);
}

#[test]
fn langchain_huggingface() {
    check(python(OLDER, "lang_chain_hugging_face.py"), &["EMBEDDINGS"]);
}

#[test]
fn llama_index() {
    check(python(OLDER, "llama_index_tei.py"), &["EMBEDDINGS", "RERANKER"]);
}

#[test]
fn text_embeddings_inference() {
    check(python(NEWEST, "tei_http.py"), &["EMBEDDINGS", "CLASSIFIER", "RERANKER"]);
}

#[test]
fn vllm() {
    check(python(NEWEST, "vllm_openai.py"), &["EMBEDDINGS", "CLASSIFIER", "RERANKER", "NER"]);
}

#[test]
fn refusals_of_the_server() {
    let Some(mut script) = python(NEWEST, "refusals.py") else { return };
    let (server, key) = serve_to_key_holders("EMBEDDINGS");
    run(script.env("PILOTLIGHT_KEY", key), &[("REFUSING", server)]);
}

#[test]
fn requests_of_gliner_s_users() {
    check(python(NEWEST, "gliner_http.py"), &["NER"]);
}
