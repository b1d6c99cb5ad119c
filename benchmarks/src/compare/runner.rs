//! The scenarios, each one run of `pilotlight bench`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};
use xtask::build::binary;
use xtask::cargo::execute;

use super::line_up::LineUp;
use super::service::{Breakdown, Recipe, Service, Usage};
use crate::http;

/// 43 tokens of the default model.
pub(super) const TEXT: &str = "My name is Sarah Connor and I live at 42 Elm Street, Springfield. Call me at \
                    555-0134 or write to sarah.connor@example.com about invoice 7781.";

/// What a scenario gave.
pub(super) struct Run {
    /// The command, as it can be repeated.
    pub(super) command: String,
    /// The report of `pilotlight bench`.
    pub(super) report: Value,
    /// What each server used after it, and the processor time it used during it.
    pub(super) usage: Vec<(&'static str, Usage)>,
    /// What each server told of itself after it.
    pub(super) status: Vec<Value>,
}

/// All scenarios.
pub(super) struct Results {
    pub(super) cold: Run,
    pub(super) jitter: Run,
    pub(super) inference: Run,
    pub(super) load: Run,
    pub(super) start: Run,
    /// Memory with one instance that has inferred, and with [`MANY`].
    pub(super) instances: [(Usage, Breakdown); 2],
    /// The model in the memory of an instance.
    pub(super) image_mib: f64,
}

/// Instances among which the memory of one is told.
pub(super) const MANY: usize = 17;

/// Runs scenarios and keeps their plots.
pub(super) struct Lab {
    plots: PathBuf,
    quick: bool,
}

impl Lab {
    pub(super) fn new(plots: PathBuf, quick: bool) -> anyhow::Result<Self> {
        Ok(Self { plots: plots.canonicalize()?, quick })
    }

    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// How long a direct call is repeated, in seconds.
    pub(super) fn direct_seconds(&self) -> u32 {
        if self.quick { 2 } else { 8 }
    }

    pub(super) fn seconds(&self, long: u32) -> String {
        if self.quick { "3s".to_owned() } else { format!("{long}s") }
    }

    /// `pilotlight bench` with `arguments`, its report and its plot called `name`.
    fn bench(&self, name: &str, arguments: &[String]) -> anyhow::Result<(String, Value)> {
        let svg = self.plots.join(format!("{name}.svg"));
        let report = self.report(name, arguments, &["--svg".to_owned(), svg.display().to_string()]);
        let quoted = arguments.iter().map(|word| match word.contains([' ', '{', '&']) {
            true => format!("'{word}'"),
            false => word.clone(),
        });
        let shown = quoted.collect::<Vec<_>>().join(" ");
        Ok((format!("pilotlight bench {shown}"), report?))
    }

    /// `pilotlight bench` with `arguments` and no plot.
    pub(super) fn ask(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        self.report(name, &words, &["--quiet".to_owned()])
    }

    fn report(&self, name: &str, words: &[String], more: &[String]) -> anyhow::Result<Value> {
        let json = self.plots.join(format!("{name}.json"));
        let mut command = Command::new(binary());
        command.arg("bench").args(words).args(more).arg("--json").arg(&json);
        execute(&mut command)?;
        let report = fs::read(&json).with_context(|| json.display().to_string())?;
        fs::remove_file(&json)?;
        Ok(serde_json::from_slice(&report)?)
    }

    /// One scenario against servers, each asked for its path; `admin:` before a path is its
    /// administration.
    pub(super) fn compare(
        &self,
        name: &str,
        targets: &[(Recipe, &str)],
        arguments: &[&str],
    ) -> anyhow::Result<Run> {
        let services: Vec<Service> =
            targets.iter().map(|(recipe, _)| recipe.start()).collect::<Result<_, _>>()?;
        let before: Vec<Usage> = services.iter().map(Service::usage).collect::<Result<_, _>>()?;
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        for (recipe, path) in targets {
            let url = match path.strip_prefix("admin:") {
                Some(path) => recipe.admin_url(path).context("it has no administration")?,
                None => recipe.url(path),
            };
            let name = if path.starts_with("admin:") { "no guest" } else { recipe.name };
            words.extend(["--target".to_owned(), format!("{name}={url}")]);
        }
        let (command, report) = self.bench(name, &words)?;
        let usage = services.iter().zip(before).map(|(service, before)| {
            let after = service.usage()?;
            Ok((service.recipe.name, Usage { cpu: after.cpu - before.cpu, ..after }))
        });
        let usage = usage.collect::<anyhow::Result<_>>()?;
        let status = services.iter().map(Service::status).collect();
        Ok(Run { command, report, usage, status })
    }

    /// Goals 1 and 2: answers without inference, one after the other.
    pub(super) fn cold(&self, line_up: &LineUp) -> anyhow::Result<Run> {
        let mut targets = vec![
            (line_up.wasmtime()?, "/info"),
            (line_up.pilotlight()?, "/info"),
            (line_up.wasmtime_reused()?, "/info"),
            (line_up.pilotlight_reused()?, "/info"),
        ];
        targets.extend(line_up.spin()?.map(|spin| (spin, "/info")));
        self.compare("cold", &targets, &["--duration", &self.seconds(20), "--rounds", "5"])
    }

    /// Goal 3: the same at a fixed rate. The administration's answer needs no guest: it shows
    /// what the machine itself does to any answer.
    pub(super) fn jitter(&self, line_up: &LineUp) -> anyhow::Result<Run> {
        let mut targets = vec![
            (line_up.wasmtime()?, "/info"),
            (line_up.pilotlight_timed()?, "/info"),
            (line_up.pilotlight()?, "admin:/health"),
        ];
        targets.extend(line_up.spin()?.map(|spin| (spin, "/info")));
        let arguments = ["cold", "--rate", "500", "--duration", &self.seconds(60), "--rounds", "6"];
        self.compare("jitter", &targets, &arguments)
    }

    /// Goal 4: inference in instances that have never run beside ones that have.
    pub(super) fn inference(&self, line_up: &LineUp) -> anyhow::Result<Run> {
        let mut targets = vec![
            (line_up.pilotlight_reused()?, "/"),
            (line_up.pilotlight()?, "/"),
            (line_up.wasmtime_reused()?, "/"),
            (line_up.wasmtime()?, "/"),
            (line_up.python()?, "/"),
        ];
        targets.extend(line_up.spin()?.map(|spin| (spin, "/")));
        let body = json!({"inputs": TEXT}).to_string();
        let seconds = self.seconds(20);
        let arguments = ["--body", &body, "--duration", &seconds, "--rounds", "10"];
        self.compare("inference", &targets, &arguments)
    }

    /// Inference under load, also where an instance may take several requests at once.
    pub(super) fn load(&self, line_up: &LineUp) -> anyhow::Result<Run> {
        let mut targets = vec![
            (line_up.wasmtime()?, "/"),
            (line_up.pilotlight()?, "/"),
            (line_up.wasmtime_reused()?, "/"),
            (line_up.pilotlight_shared()?, "/"),
            (line_up.python()?, "/"),
        ];
        targets.extend(line_up.spin()?.map(|spin| (spin, "/")));
        let body = json!({"inputs": TEXT}).to_string();
        let seconds = self.seconds(10);
        let steps = if self.quick { "1,4" } else { "1,2,4,8,16" };
        // One round a step: an answer that takes longer than a round would not count.
        let load = ["load", "--concurrency", steps, "--rounds", "1", "--duration", &seconds];
        let arguments = [&load[..], &["--body", &body]].concat();
        self.compare("load", &targets, &arguments)
    }

    /// Goals 5 and 12: from `exec` to the first answer, and memory after the first inference.
    pub(super) fn start(&self, line_up: &LineUp) -> anyhow::Result<Run> {
        let recipes = [line_up.python()?, line_up.pilotlight_timed()?, line_up.wasmtime()?];
        let token_file = http::token_file()?;
        let entry = |recipe: &Recipe| {
            json!({
                "name": recipe.name, "command": recipe.command, "url": recipe.url("/info"),
                "then_url": recipe.url("/"), "then_body": {"inputs": TEXT},
                "status_url": recipe.admin_url("/status"),
                "status_token_file": recipe.admin.map(|_| &token_file),
            })
        };
        // Fills the cache: what is measured is a start, not a build.
        drop(recipes[1].start()?);
        let spec = self.plots.join("start.spec.json");
        let list = Value::Array(recipes.iter().map(entry).collect());
        fs::write(&spec, serde_json::to_vec_pretty(&list)?)?;
        let starts = if self.quick { "3" } else { "25" };
        let words = ["start", "--spec", &spec.display().to_string(), "--starts", starts];
        let (_, report) = self.bench("start", &words.map(str::to_owned))?;
        fs::remove_file(&spec)?;
        let command = format!("pilotlight bench start --spec SPEC.json --starts {starts}");
        Ok(Run { command, report, usage: Vec::new(), status: Vec::new() })
    }

    /// Goal 11: memory with one instance that has inferred, and with many.
    pub(super) fn instances(&self, line_up: &LineUp) -> anyhow::Result<[(Usage, Breakdown); 2]> {
        let body = json!({"inputs": TEXT}).to_string();
        let of = |count: usize| {
            let recipe = line_up.pilotlight_instances(&count.to_string())?;
            let service = recipe.start()?;
            let target = format!("pilotlight={}", recipe.url("/"));
            let workers = count.to_string();
            let words = ["--target", &target, "--concurrency", &workers, "--body", &body];
            let seconds = ["--duration", "5s", "--warm-up", "5s"];
            let words: Vec<_> =
                words.iter().chain(&seconds).map(|word| (*word).to_owned()).collect();
            self.bench("instances", &words)?;
            anyhow::Ok((service.usage()?, service.breakdown()?))
        };
        let usage = [of(1)?, of(MANY)?];
        fs::remove_file(self.plots.join("instances.svg"))?;
        Ok(usage)
    }
}
