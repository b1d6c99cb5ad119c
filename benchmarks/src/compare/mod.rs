//! `cargo xtask compare`: Pilotlight beside its peers, in one run, on one machine.

mod article;
mod goal;
mod host;
mod lab;
mod line_up;
mod page;
mod reliability;
mod sandbox;
mod service;
mod swaps;
mod words;

use anyhow::Context as _;
use xtask::build;
use xtask::cargo::{root, target};

use lab::{Lab, Results};
use line_up::LineUp;

/// Measures and writes a page with its plots: `docs/performance.md` or that of the named topic.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (topic, quick) = match words[..] {
        [] => ("", false),
        ["--quick"] => ("", true),
        [topic] => (topic, false),
        [topic, "--quick"] => (topic, true),
        _ => anyhow::bail!(
            "usage: cargo xtask compare [host|sandbox|article|swaps|reliability|neighbors] [--quick]"
        ),
    };
    let (measure, page): (fn(&Lab) -> anyhow::Result<String>, _) = match topic {
        "" => (everything, "performance.md"),
        "host" => (host::run, "performance-host.md"),
        "sandbox" => (sandbox::run, "performance-sandbox.md"),
        "article" => (article::run, "performance-article.md"),
        "swaps" => (swaps::run, "performance-swaps.md"),
        "reliability" => (reliability::run, "reliability.md"),
        "neighbors" => (reliability::neighbors, "neighbors.md"),
        _ => anyhow::bail!(
            "{topic:?} is not host, sandbox, article, swaps, reliability or neighbors"
        ),
    };
    // A quick run tries the commands; its figures are not for the documentation.
    // One section of a page is for looking, too.
    let folder = if quick || topic == "neighbors" {
        target().join("performance")
    } else {
        root().join("docs")
    };
    std::fs::create_dir_all(folder.join("performance")).context("creating the folder of plots")?;
    let text = measure(&Lab::new(folder.join("performance"), quick)?)?;
    let page = folder.join(page);
    std::fs::write(&page, text).with_context(|| page.display().to_string())?;
    eprintln!("written: {}", page.display());
    Ok(())
}

/// The text of `docs/performance.md`.
fn everything(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    let line_up = LineUp::install()?;
    let results = Results {
        cold: lab.cold(&line_up)?,
        jitter: lab.jitter(&line_up)?,
        inference: lab.inference(&line_up)?,
        load: lab.load(&line_up)?,
        start: lab.start(&line_up)?,
        instances: lab.instances(&line_up)?,
        image_mib: line_up.image_mib()?,
    };
    Ok(page::write(&results, &line_up, lab))
}
