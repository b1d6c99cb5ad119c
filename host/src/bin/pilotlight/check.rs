use std::path::PathBuf;

use clap::Args;

use crate::labels;
use crate::missing;
use crate::origin::Origin;

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Configuration file
    #[arg(value_name = "FILE", default_value = "pilotlight.toml")]
    config: PathBuf,
    /// Configuration in a Consul key instead, http[s]://HOST:PORT/v1/kv/KEY, read with the token in
    /// CONSUL_HTTP_TOKEN
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    consul: Option<String>,
    /// Only this environment [default: all environments]
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Value of a key of the configuration, such as functions.ner.pool.min-ready=8; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Report in JSON: a list of errors
    #[arg(long)]
    json: bool,
}

/// Reports every error, and files that do not exist; true if there is no error.
pub(crate) fn run(options: &CheckArgs) -> anyhow::Result<bool> {
    let CheckArgs { config, consul, env, set, json } = options;
    let origin = match consul {
        Some(url) => Origin::consul(url)?,
        None => Origin::File(config.clone()),
    };
    let sources = origin.sources(env.as_deref(), set);
    let text = origin.read()?;
    let all = match pilotlight_config::check(&text, &sources) {
        Err(mistakes) => mistakes.all().to_vec(),
        // What functions are made from is looked at once the configuration itself is in order.
        Ok(()) => labels::mistakes(&text, &sources),
    };
    // They may be on the machine that the configuration is for.
    for warning in missing::warnings(&text, &sources) {
        eprintln!("warning: {warning}");
    }
    if *json {
        let list = all.iter().map(|mistake| {
            serde_json::json!({
                "file": mistake.file, "location": mistake.location.to_string(), "key": mistake.key,
                "message": mistake.message,
            })
        });
        println!("{}", list.collect::<serde_json::Value>());
    } else if all.is_empty() {
        println!("{}: no errors", origin.name());
    } else {
        all.iter().for_each(|mistake| println!("{mistake}"));
    }
    Ok(all.is_empty())
}
