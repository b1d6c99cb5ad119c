//! `cargo xtask compare`: Pilotlight beside its peers, in one run, on one machine.

mod lab;
mod line_up;
mod page;
mod service;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::build;
use crate::cargo::root;
use lab::{Lab, Results};
use line_up::LineUp;

/// Measures everything and writes `docs/performance.md` and its plots.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = match arguments {
        [] => false,
        [flag] if flag == "--quick" => true,
        _ => anyhow::bail!("usage: cargo xtask compare [--quick]"),
    };
    build::component()?;
    let line_up = LineUp::install()?;
    // A quick run tries the commands; its figures are not for the documentation.
    let folder = if quick { crate::cargo::target().join("performance") } else { documentation() };
    std::fs::create_dir_all(folder.join("performance")).context("creating the folder of plots")?;
    let lab = Lab::new(folder.join("performance"), quick)?;
    let results = Results {
        cold: lab.cold(&line_up)?,
        jitter: lab.jitter(&line_up)?,
        inference: lab.inference(&line_up)?,
        load: lab.load(&line_up)?,
        start: lab.start(&line_up)?,
        instances: lab.instances(&line_up)?,
        image_mib: line_up.image_mib()?,
    };
    let page = folder.join("performance.md");
    let text = page::write(&results, &line_up, &lab);
    std::fs::write(&page, text).with_context(|| page.display().to_string())?;
    eprintln!("written: {}", page.display());
    Ok(())
}

fn documentation() -> PathBuf {
    root().join("docs")
}
