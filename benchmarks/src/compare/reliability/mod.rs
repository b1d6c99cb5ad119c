//! `cargo xtask compare reliability`: what callers notice of overload, of faults, and of being
//! watched.

mod faults;
mod neighbors;
mod overload;
mod page;
mod stopping;
mod watching;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xtask::build::{self, binary};
use xtask::cargo::target;

use super::lab::{Lab, TEXT};
use super::line_up::text;
use super::service::Recipe;

/// Everything that was found.
struct Findings {
    overload: Vec<overload::Overload>,
    faults: faults::Faults,
    stopping: Vec<stopping::Stopping>,
    watching: Vec<watching::Watching>,
    neighbors: Vec<neighbors::Neighbors>,
}

/// Measures; the text of `docs/reliability.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    build::guests()?;
    build::component()?;
    let findings = Findings {
        neighbors: neighbors::run(lab)?,
        watching: watching::run(lab)?,
        overload: overload::run(lab)?,
        stopping: stopping::run(lab)?,
        faults: faults::run(lab)?,
    };
    Ok(page::write(&findings, lab))
}

/// `cargo xtask compare neighbors`: the section of `docs/reliability.md` about neighbors alone.
pub(super) fn neighbors(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    Ok(page::neighbors_alone(&neighbors::run(lab)?, lab))
}

fn folder() -> PathBuf {
    target().join("compare/reliability")
}

/// `pilotlight serve` with `arguments`.
fn serve(name: &'static str, arguments: &[&str]) -> anyhow::Result<Recipe> {
    let (program, cache) = (text(binary()), text(folder().join("cache")));
    let ports = ["--listen", "127.0.0.1:PORT", "--admin-listen", "127.0.0.1:ADMIN"];
    let words = [&[&*program, "serve", "--cache-dir", &cache], &ports[..], arguments].concat();
    Recipe::new(name, &words)
}

/// The default model, and the guest of the tests as other functions, each with its limits; a
/// header chooses among them.
fn serve_all(functions: &[(&str, &str)]) -> anyhow::Result<Recipe> {
    let source = |file: &Path| json!(file).to_string();
    let mut text = format!("[functions.model]\nsource = {}\n", source(&build::component_file()));
    for (name, limits) in functions {
        let guest = source(&build::test_guest("p3"));
        text += &format!("[functions.{name}]\nsource = {guest}\nlimits = {limits}\n");
        text += &format!("[[routes]]\nmatch.header = {{ x-function = '{name}' }}\nto = '{name}'\n");
    }
    text += "[[routes]]\nto = 'model'\n";
    std::fs::create_dir_all(folder())?;
    let file = folder().join("pilotlight.toml");
    std::fs::write(&file, text)?;
    serve("pilotlight", &["--config", &file.display().to_string()])
}

/// A request to a function of [`serve_all`], as far as its head is its own.
fn line(function: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nx-function: {function}\r\n")
}

/// A request that the default model computes 43 tokens for.
fn body() -> String {
    json!({"inputs": TEXT}).to_string()
}

/// The summary of one run of `pilotlight bench` against `recipe`.
fn ask(lab: &Lab, recipe: &Recipe, arguments: &[&str]) -> anyhow::Result<Value> {
    let target = format!("pilotlight={}", recipe.url("/"));
    let body = body();
    let words = [&["--target", &target, "--body", &body, "--rounds", "1"][..], arguments].concat();
    Ok(lab.ask("reliability", &words)?["targets"][0]["summary"].clone())
}
