//! `cargo xtask compare`: Pilotlight and its peers, measured in one run on one machine.

mod bert_base;
mod goals;
mod host;
mod markdown;
mod models;
mod overview;
mod pii;
mod reliability;
mod report;
mod runner;
mod sandbox;
mod scaling;
mod server;
mod servers;
mod swaps;

use std::path::Path;

use anyhow::{Context as _, bail};
use xtask::cargo::{root, target};

use runner::Runner;

/// A page of documentation and the function that measures it and writes its text.
struct Topic {
    name: &'static str,
    page: &'static str,
    measure: fn(&Runner) -> anyhow::Result<String>,
}

const TOPICS: [Topic; 10] = [
    Topic { name: "", page: "performance.md", measure: overview::run },
    Topic { name: "host", page: "performance-host.md", measure: host::run },
    Topic { name: "sandbox", page: "performance-sandbox.md", measure: sandbox::run },
    Topic { name: "bert-base", page: "performance-bert-base.md", measure: bert_base::run },
    Topic { name: MODELS, page: "performance-models.md", measure: models::run },
    Topic { name: "pii", page: "performance-pii.md", measure: pii::run },
    Topic { name: "swaps", page: "performance-swaps.md", measure: swaps::run },
    Topic { name: "reliability", page: "reliability.md", measure: reliability::run },
    Topic { name: "scaling", page: "scaling.md", measure: scaling::run },
    Topic { name: NEIGHBORS, page: "neighbors.md", measure: reliability::neighbors },
];

/// One section of a page, which is never written to the documentation.
const NEIGHBORS: &str = "neighbors";

/// The topic that takes a model folder, with options of `build`.
const MODELS: &str = "models";

/// Measures the topic that `arguments` name and writes its page and plots.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (quick, words): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| *argument == "--quick");
    let (name, rest) = match &words[..] {
        [] => ("", &[][..]),
        [name, rest @ ..] => (*name, rest),
    };
    let topic = TOPICS.iter().find(|topic| topic.name == name);
    let topic = topic.with_context(|| format!("{name:?} is not a topic; {}", usage()))?;
    if !rest.is_empty() && topic.name != MODELS {
        bail!("only one topic can be measured at a time; {}", usage());
    }
    let is_quick = !quick.is_empty();
    // A quick run only tries the commands; its figures are not for the documentation, nor are those of
    // a folder that is not in the repository.
    let folder = match is_quick || topic.name == NEIGHBORS || !rest.is_empty() {
        true => target().join("performance"),
        false => root().join("docs"),
    };
    let rest = rest.iter().map(|word| (*word).to_owned()).collect();
    let plots = folder.join("performance");
    std::fs::create_dir_all(&plots).with_context(|| plots.display().to_string())?;
    write(topic, &folder.join(topic.page), &Runner::new(plots, is_quick, rest)?)
}

fn usage() -> String {
    let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).skip(1).collect();
    format!("usage: cargo xtask compare [{}] [--quick]", names.join("|"))
}

fn write(topic: &Topic, page: &Path, runner: &Runner) -> anyhow::Result<()> {
    let text = (topic.measure)(runner)?;
    std::fs::write(page, text).with_context(|| page.display().to_string())?;
    eprintln!("written: {}", page.display());
    Ok(())
}
