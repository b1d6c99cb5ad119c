use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::serve::sources;

#[derive(Args)]
pub(crate) struct Options {
    /// Configuration
    #[arg(value_name = "FILE", default_value = "pilotlight.toml")]
    config: PathBuf,
    /// Only this one of its environments [default: all of them]
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Set a key of the configuration, such as functions.ner.pool.min-ready=8
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Report in JSON: a list of mistakes
    #[arg(long)]
    json: bool,
}

/// Reports every mistake; true if there is none.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let Options { config, env, set, json } = options;
    let text = std::fs::read_to_string(config).with_context(|| config.display().to_string())?;
    let checked = pilotlight_config::check(&text, &sources(config, env.as_deref(), set));
    let mistakes = checked.err();
    let all = mistakes.as_ref().map(|mistakes| mistakes.all()).unwrap_or_default();
    if *json {
        let list = all.iter().map(|mistake| {
            serde_json::json!({
                "file": mistake.file, "place": mistake.place.to_string(), "key": mistake.key,
                "message": mistake.message,
            })
        });
        println!("{}", list.collect::<serde_json::Value>());
    } else if all.is_empty() {
        println!("{}: no mistakes", config.display());
    } else {
        all.iter().for_each(|mistake| println!("{mistake}"));
    }
    Ok(all.is_empty())
}
