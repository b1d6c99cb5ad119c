use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use pilotlight::DEFAULT_FUNCTION;
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

use crate::administration::{Administration, agent};

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
    #[command(flatten)]
    administration: Administration,
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

impl ServerOptions {
    fn url(&self, what: &str) -> String {
        self.administration.url(&format!("/functions/{}{what}", self.function))
    }

    fn report(&self, sent: Result<Response<Body>, ureq::Error>) -> anyhow::Result<()> {
        let answer = self.administration.answer(sent)?;
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
