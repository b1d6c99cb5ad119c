//! The files that all contenders use alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use xtask::build::binary;
use xtask::cargo::{execute, root, target};

use super::corpus;
use crate::compare::lab::TEXT;

/// Most texts that the direct call is given at once.
const LARGEST_BATCH: usize = 8;

/// Numbers that a graph computes with.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::compare) enum Precision {
    F32,
    Int8,
}

impl Precision {
    pub(in crate::compare) fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

/// A model folder made into components, and texts for it.
pub(in crate::compare) struct Files {
    pub(in crate::compare) model: PathBuf,
    folder: PathBuf,
}

/// Texts as bodies of requests and as token ids.
pub(in crate::compare) struct Texts {
    pub(in crate::compare) bodies: PathBuf,
    pub(in crate::compare) ids: PathBuf,
    /// Texts of like lengths together: a batch of them needs little padding.
    pub(super) sorted: PathBuf,
}

impl Files {
    pub(in crate::compare) fn new(model: PathBuf, name: &str) -> anyhow::Result<Self> {
        let folder = target().join("compare").join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self { model, folder: folder.canonicalize()? })
    }

    /// The component; its graph lies beside it.
    pub(in crate::compare) fn component(&self, precision: Precision) -> PathBuf {
        self.folder.join(precision.word()).with_extension("wasm")
    }

    pub(in crate::compare) fn graph(&self, precision: Precision) -> PathBuf {
        self.component(precision).with_extension("onnx")
    }

    /// The component in f32 that pads texts to multiples of the argument.
    pub(super) fn padding(&self, pad_to_multiple_of: &str) -> PathBuf {
        self.folder.join(format!("padding-{pad_to_multiple_of}.wasm"))
    }

    /// Writes a component and its graph. Labels of int8 are compared later, with all the golden
    /// texts.
    pub(super) fn build(&self, component: &Path, options: &[&str]) -> anyhow::Result<()> {
        self.build_for("host", component, options)
    }

    /// Writes a component that computes itself, for hosts that have what `hosts` says, and gives
    /// its path.
    pub(in crate::compare) fn build_guest(
        &self,
        precision: &str,
        hosts: &str,
    ) -> anyhow::Result<PathBuf> {
        let component = self.folder.join(format!("{hosts}-{precision}.wasm"));
        self.build_for("guest", &component, &["--precision", precision, "--target", hosts])?;
        Ok(component)
    }

    fn build_for(&self, compute: &str, component: &Path, options: &[&str]) -> anyhow::Result<()> {
        let texts = self.folder.join("one.txt");
        fs::write(&texts, TEXT)?;
        let mut build = Command::new(binary());
        build.arg("build").arg(&self.model).args(["--compute", compute]).args(options);
        execute(build.arg("--corpus").arg(&texts).arg("-o").arg(component))
    }

    /// Texts of many lengths.
    pub(super) fn corpus(&self, python: &str) -> anyhow::Result<Texts> {
        self.texts("corpus", &corpus::bodies()?, python)
    }

    /// One text of 43 tokens.
    pub(super) fn single(&self, python: &str) -> anyhow::Result<Texts> {
        let texts = self.texts("single", &json!({"inputs": TEXT}).to_string(), python)?;
        let [length] = lengths(&texts.ids)?[..] else { anyhow::bail!("one text was expected") };
        ensure!(length == 43, "the text has {length} tokens");
        Ok(texts)
    }

    /// One text of so many tokens.
    pub(in crate::compare) fn of_length(
        &self,
        tokens: usize,
        python: &str,
    ) -> anyhow::Result<Texts> {
        // Two tokens are put around every text.
        let text = vec!["the"; tokens.saturating_sub(2)].join(" ");
        let texts =
            self.texts(&format!("tokens-{tokens}"), &json!({"inputs": text}).to_string(), python)?;
        ensure!(lengths(&texts.ids)? == [tokens], "the text has not {tokens} tokens");
        Ok(texts)
    }

    /// Writes `bodies`, one a line, and their token ids.
    pub(in crate::compare) fn texts(
        &self,
        name: &str,
        bodies: &str,
        python: &str,
    ) -> anyhow::Result<Texts> {
        let file = |more: &str| self.folder.join(format!("{name}{more}.jsonl"));
        let texts = Texts { bodies: file(""), ids: file("-ids"), sorted: file("-sorted") };
        fs::write(&texts.bodies, bodies)?;
        let script = root().join("tests/load/token_ids.py");
        let mut tokenise = Command::new(python);
        tokenise.arg(script).arg(&self.model).arg(&texts.bodies);
        let output = tokenise.output().context("cannot run Python")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tokenising failed: {complaint}");
        let ids = String::from_utf8(output.stdout)?;
        let mut lines: Vec<&str> = ids.lines().collect();
        fs::write(&texts.ids, &ids)?;
        lines.sort_by_key(|line| line.matches(',').count());
        fs::write(&texts.sorted, shuffled(&lines).join("\n"))?;
        Ok(texts)
    }
}

/// Groups of neighbours in another order: whenever a measurement ends, it has seen short texts and
/// long ones.
fn shuffled<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let groups: Vec<_> = lines.chunks(LARGEST_BATCH).collect();
    // A stride that has no common divisor with the number of groups visits each of them.
    let stride = [13, 11, 7, 1].into_iter().find(|stride| groups.len() % stride != 0).unwrap_or(1);
    (0..groups.len()).flat_map(|place| groups[place * stride % groups.len()]).copied().collect()
}

/// How many tokens each text has.
pub(in crate::compare) fn lengths(ids: &Path) -> anyhow::Result<Vec<usize>> {
    let length = |line: &str| {
        let line: Value = serde_json::from_str(line)?;
        line["ids"].as_array().map(Vec::len).context("no ids")
    };
    fs::read_to_string(ids)?.lines().map(length).collect()
}
