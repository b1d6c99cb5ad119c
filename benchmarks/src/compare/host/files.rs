//! Files that all servers share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use xtask::build::binary;
use xtask::cargo::{execute, root, target};

use super::corpus;
use crate::compare::runner::TEXT;

/// The largest batch of direct calls.
const LARGEST_BATCH: usize = 8;

/// The precision of a graph.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::compare) enum Precision {
    F32,
    Int8,
}

impl Precision {
    pub(in crate::compare) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

/// A model folder, and the folder of its components and texts.
pub(in crate::compare) struct Files {
    pub(in crate::compare) model: PathBuf,
    folder: PathBuf,
}

/// Texts as request bodies and as token ids.
pub(in crate::compare) struct Texts {
    pub(in crate::compare) bodies: PathBuf,
    pub(in crate::compare) ids: PathBuf,
    /// Token ids ordered by length, so that a batch needs little padding.
    pub(super) sorted: PathBuf,
}

impl Files {
    pub(in crate::compare) fn new(model: PathBuf, name: &str) -> anyhow::Result<Self> {
        let folder = target().join("compare").join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self { model, folder: folder.canonicalize()? })
    }

    /// The component; its graph is in the same folder.
    pub(in crate::compare) fn component(&self, precision: Precision) -> PathBuf {
        self.folder.join(precision.name()).with_extension("wasm")
    }

    pub(in crate::compare) fn graph(&self, precision: Precision) -> PathBuf {
        self.component(precision).with_extension("onnx")
    }

    /// The component that `build --compute host` makes without further options.
    pub(super) fn default(&self) -> PathBuf {
        self.folder.join("default.wasm")
    }

    /// The component whose products the backend `native` computes in int8.
    pub(in crate::compare) fn native_int8(&self) -> PathBuf {
        self.folder.join("native-int8.wasm")
    }

    /// The f32 component that pads texts to multiples of [`PADDED_TO`](super::servers::PADDED_TO).
    pub(super) fn padding(&self) -> PathBuf {
        self.folder.join("padding.wasm")
    }

    /// Another file in the folder of the components.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Builds [`Self::default`] as a user does: `build` selects the precision.
    pub(super) fn build_default(&self) -> anyhow::Result<()> {
        let mut build = Command::new(binary());
        build.arg("build").arg(&self.model).args(["--compute", "host"]);
        execute(build.arg("-o").arg(self.default()))
    }

    /// The precision that `build` selected for [`Self::default`].
    pub(super) fn selected_precision(&self) -> anyhow::Result<String> {
        let mut inspect = Command::new(binary());
        let output = inspect.args(["inspect", "--json"]).arg(self.default()).output()?;
        let inspection: Value = serde_json::from_slice(&output.stdout)?;
        let precision = inspection["manifest"]["graph"]["precision"].as_str();
        Ok(precision.context("no precision in the inspection")?.to_owned())
    }

    /// Builds a component and its graph for inference on the host.
    pub(super) fn build(&self, component: &Path, options: &[&str]) -> anyhow::Result<()> {
        self.build_for("host", component, options)
    }

    /// Builds a component for inference in the sandbox of `hosts`; returns its path.
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
        // The accuracy check needs only one text: the comparison covers the accuracy.
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

    /// One text with this number of tokens.
    pub(in crate::compare) fn of_length(
        &self,
        tokens: usize,
        python: &str,
    ) -> anyhow::Result<Texts> {
        // Each text gets two special tokens.
        let text = vec!["the"; tokens.saturating_sub(2)].join(" ");
        let texts =
            self.texts(&format!("tokens-{tokens}"), &json!({"inputs": text}).to_string(), python)?;
        ensure!(lengths(&texts.ids)? == [tokens], "the text does not have {tokens} tokens");
        Ok(texts)
    }

    /// Writes `bodies`, one per line, and their token ids.
    pub(in crate::compare) fn texts(
        &self,
        name: &str,
        bodies: &str,
        python: &str,
    ) -> anyhow::Result<Texts> {
        let file = |more: &str| self.folder.join(format!("{name}{more}.jsonl"));
        let texts = Texts { bodies: file(""), ids: file("-ids"), sorted: file("-sorted") };
        fs::write(&texts.bodies, bodies)?;
        let script = root().join("benchmarks/python/token_ids.py");
        let mut tokenize = Command::new(python);
        tokenize.arg(script).arg(&self.model).arg(&texts.bodies);
        let output = tokenize.output().context("cannot run Python")?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tokenization failed: {message}");
        let ids = String::from_utf8(output.stdout)?;
        let mut lines: Vec<&str> = ids.lines().collect();
        fs::write(&texts.ids, &ids)?;
        lines.sort_by_key(|line| line.matches(',').count());
        fs::write(&texts.sorted, shuffled(&lines).join("\n"))?;
        Ok(texts)
    }
}

/// Changes the order of batches, so that a measurement of any length has seen short and long texts.
fn shuffled<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let groups: Vec<_> = lines.chunks(LARGEST_BATCH).collect();
    // A stride without a common divisor with the number of groups visits each group once.
    let stride = [13, 11, 7, 1].into_iter().find(|stride| groups.len() % stride != 0).unwrap_or(1);
    (0..groups.len()).flat_map(|place| groups[place * stride % groups.len()]).copied().collect()
}

/// The number of tokens of each text.
pub(in crate::compare) fn lengths(ids: &Path) -> anyhow::Result<Vec<usize>> {
    let length = |line: &str| {
        let line: Value = serde_json::from_str(line)?;
        line["ids"].as_array().map(Vec::len).context("no ids")
    };
    fs::read_to_string(ids)?.lines().map(length).collect()
}
