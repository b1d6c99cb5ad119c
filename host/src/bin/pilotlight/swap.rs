use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use http::Method;
use pilotlight::DEFAULT_FUNCTION;
use pilotlight_config::registry_reference;
use serde_json::{Value, json};

use crate::administration::Administration;

#[derive(Args)]
pub(crate) struct SwapOptions {
    /// Model folder, component, or component in an OCI registry. The server reads this path, so it
    /// must exist on the server's machine, unless --upload is given; the server pulls a component
    /// from a registry with its own credentials
    #[arg(value_name = "MODEL_DIR|FILE.wasm|oci://REFERENCE")]
    source: PathBuf,
    /// Upload the component itself; the server keeps it in its cache
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
    /// Function to change
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
    if registry_reference(source).is_some() {
        if options.upload {
            bail!("--upload applies to files; pull the component first, or swap without --upload");
        }
        let content = json!({"source": source}).to_string().into_bytes();
        return options.server.change(Method::PUT, "", ("application/json", content));
    }
    let path = source.canonicalize().with_context(|| source.display().to_string())?;
    let content = if options.upload {
        let component = std::fs::read(&path).with_context(|| source.display().to_string())?;
        ("application/wasm", component)
    } else {
        ("application/json", json!({"source": path}).to_string().into_bytes())
    };
    options.server.change(Method::PUT, "", content)
}

pub(crate) fn roll_back(options: &RollbackOptions) -> anyhow::Result<()> {
    options.server.change(Method::POST, "/rollback", ("application/json", Vec::new()))
}

impl ServerOptions {
    fn change(&self, method: Method, what: &str, content: (&str, Vec<u8>)) -> anyhow::Result<()> {
        let path = format!("/functions/{}{what}", self.function);
        let answer = self.administration.ask(method, &path, content)?;
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
