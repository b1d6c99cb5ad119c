use clap::{Args, Subcommand};

use crate::serve::{self, Document, ServeArgs};

#[derive(Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, compile and load what `serve` would with the same arguments, and exit; the next start
    /// with the same cache folder finds everything in the cache
    Warm(Box<WarmArgs>),
}

#[derive(Args)]
struct WarmArgs {
    #[command(flatten)]
    served: ServeArgs,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

impl CacheArgs {
    /// The arguments of `serve`.
    pub(crate) fn served(&self) -> &ServeArgs {
        let Command::Warm(options) = &self.command;
        &options.served
    }
}

pub(crate) fn run(options: &CacheArgs, document: Option<Document>) -> anyhow::Result<()> {
    let Command::Warm(options) = &options.command;
    let functions = serve::warm(&options.served, document)?;
    if options.json {
        println!("{}", serde_json::json!({ "functions": functions }));
        return Ok(());
    }
    for (name, digest) in functions {
        println!("{name}: sha256 {digest}");
    }
    Ok(())
}
