use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use pilotlight::DEFAULT_FUNCTION;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

#[derive(Args)]
pub(crate) struct SwapOptions {
    /// Model folder or component; the server reads it, so that it has to be on its machine
    #[arg(value_name = "MODEL_DIR|FILE.wasm")]
    source: PathBuf,
    /// Send the component itself, which the server keeps in its cache
    #[arg(long)]
    upload: bool,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Args)]
pub(crate) struct RollbackOptions {
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Args)]
struct ServerOptions {
    /// Function whose version changes
    #[arg(long, default_value = DEFAULT_FUNCTION)]
    function: String,
    /// Where the server has its administration
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:3001",
        env = "PILOTLIGHT_ADMIN"
    )]
    admin: String,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn swap(options: &SwapOptions) -> anyhow::Result<()> {
    let source = &options.source;
    let path = source.canonicalize().with_context(|| source.display().to_string())?;
    let request = agent().put(options.server.url(""));
    let sent = if options.upload {
        let component = std::fs::read(&path).with_context(|| source.display().to_string())?;
        request.content_type("application/wasm").send(&component[..])
    } else {
        let content = json!({"source": path}).to_string();
        request.content_type("application/json").send(content)
    };
    options.server.report(sent)
}

pub(crate) fn roll_back(options: &RollbackOptions) -> anyhow::Result<()> {
    let request = agent().post(options.server.url("/rollback"));
    options.server.report(request.content_type("application/json").send_empty())
}

/// Refusals carry a reason, too.
fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

impl ServerOptions {
    fn url(&self, what: &str) -> String {
        format!("{}/functions/{}{what}", self.admin.trim_end_matches('/'), self.function)
    }

    fn report(&self, sent: Result<Response<Body>, ureq::Error>) -> anyhow::Result<()> {
        let mut response = sent.with_context(|| self.admin.clone())?;
        let (status, body) = (response.status(), response.body_mut().read_to_string()?);
        let answer: Value = serde_json::from_str(&body)
            .with_context(|| format!("{} answers {status}, and no JSON", self.admin))?;
        if !status.is_success() {
            bail!("{}", answer["error"].as_str().unwrap_or(&body));
        }
        if self.json {
            println!("{answer}");
            return Ok(());
        }
        let digest = |version: &Value| version["sha256"].as_str().unwrap_or("none").to_owned();
        println!("{} serves {}", self.function, digest(&answer["current"]));
        println!("previous version {}", digest(&answer["previous"]));
        Ok(())
    }
}
