//! The servers that are compared, each with its most suitable settings.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use xtask::build::{binary, component_file};
use xtask::cargo::{execute, root, target};
use xtask::peers;

use super::server::ServerSpec;

const PYTHON_PACKAGES: [&str; 5] = [
    "fastapi==0.165.0",
    "uvicorn[standard]==0.54.0",
    "onnxruntime==1.32.0",
    "tokenizers==0.23.3",
    "numpy==2.4.6",
];

/// The installed programs.
pub(super) struct Servers {
    wasmtime: String,
    /// The default component, compiled by `wasmtime compile`.
    compiled: String,
    python: String,
    spin: Option<String>,
    /// Names and versions of the programs.
    pub(super) versions: Vec<(&'static str, String)>,
}

/// An absolute path as text.
pub(super) fn absolute(path: PathBuf) -> String {
    path.canonicalize().unwrap_or(path).display().to_string()
}

/// `pilotlight serve` with `arguments`, on free ports.
pub(super) fn serve(name: &'static str, arguments: &[&str]) -> anyhow::Result<ServerSpec> {
    let binary = absolute(binary());
    let ports = ["--listen", "127.0.0.1:PORT", "--admin-listen", "127.0.0.1:ADMIN"];
    ServerSpec::new(name, &[&[&*binary, "serve"][..], arguments, &ports].concat())
}

/// `pilotlight serve` with a component and further arguments, on free ports.
pub(super) fn serve_component(
    name: &'static str,
    component: PathBuf,
    more: &[&str],
) -> anyhow::Result<ServerSpec> {
    let component = absolute(component);
    serve(name, &[&[&*component][..], more].concat())
}

/// Python with the packages of the Python service.
pub(super) fn python() -> anyhow::Result<String> {
    let python = peers::environment()?;
    peers::install(&python, &PYTHON_PACKAGES)?;
    Ok(python.display().to_string())
}

/// Names and versions of the programs that every page compares.
pub(super) fn versions(python: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Pilotlight", version(&absolute(binary()), "--version").unwrap_or_default()),
        ("Python", version(python, "--version").unwrap_or_default()),
        ("Python packages", PYTHON_PACKAGES.join(", ")),
    ]
}

impl Servers {
    /// Installs Wasmtime and Python packages. Spin is compared if it is installed.
    pub(super) fn install() -> anyhow::Result<Self> {
        let wasmtime = absolute(peers::wasmtime()?.context("wasmtime could not be installed")?);
        let python = python()?;
        let compiled = absolute(target()) + "/pii-ner.wasmtime";
        let mut compile = Command::new(&wasmtime);
        compile.args(["compile", "-Wcomponent-model-async", "-o", &compiled]);
        compile.arg(component_file());
        execute(&mut compile)?;
        let spin = version("spin", "--version").map(|_| "spin".to_owned());
        let mut versions = versions(&python);
        versions.push(("Wasmtime", version(&wasmtime, "--version").unwrap_or_default()));
        if spin.is_some() {
            versions.push(("Spin", version("spin", "--version").unwrap_or_default()));
        }
        Ok(Self { wasmtime, compiled, python, spin, versions })
    }

    /// The initial memory of an instance, in MiB.
    pub(super) fn image_mib(&self) -> anyhow::Result<f64> {
        let mut inspect = Command::new(binary());
        let output = inspect.args(["inspect", "--json"]).arg(component_file()).output()?;
        let inspection: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let bytes = inspection["data_bytes"].as_f64().context("no size in the inspection")?;
        Ok(bytes / 1_048_576.0)
    }

    /// The `wasmtime` executable.
    pub(super) fn program(&self) -> &str {
        &self.wasmtime
    }

    fn pilotlight_with(&self, name: &'static str, more: &[&str]) -> anyhow::Result<ServerSpec> {
        serve_component(name, component_file(), more)
    }

    /// Pilotlight with a fresh instance for each request, the default.
    pub(super) fn pilotlight(&self) -> anyhow::Result<ServerSpec> {
        self.pilotlight_with("pilotlight", &[])
    }

    /// The default, with `server-timing` headers.
    pub(super) fn pilotlight_timed(&self) -> anyhow::Result<ServerSpec> {
        self.pilotlight_with("pilotlight", &["--server-timing"])
    }

    /// Instances that serve any number of requests, one at a time.
    pub(super) fn pilotlight_reused(&self) -> anyhow::Result<ServerSpec> {
        self.pilotlight_with("pilotlight, reused", &["--requests-per-instance", "0"])
    }

    /// Instances that accept as many requests at once as those of Wasmtime and Spin by default.
    pub(super) fn pilotlight_shared(&self) -> anyhow::Result<ServerSpec> {
        let shared = ["--requests-per-instance", "128", "--concurrent-requests-per-instance", "16"];
        self.pilotlight_with("pilotlight, shared", &shared)
    }

    /// Exactly `count` instances, which are kept.
    pub(super) fn pilotlight_instances(&self, count: &str) -> anyhow::Result<ServerSpec> {
        let limits = ["--min-ready", count, "--max-instances", count];
        let reuse = ["--requests-per-instance", "0"];
        self.pilotlight_with("pilotlight", &[&limits[..], &reuse].concat())
    }

    fn wasmtime_with(&self, name: &'static str, more: &[&str]) -> anyhow::Result<ServerSpec> {
        let serve = [&*self.wasmtime, "serve", "-Sp3,cli", "-Wcomponent-model-async"];
        let rest = ["--allow-precompiled", &*self.compiled, "--addr", "127.0.0.1:PORT"];
        ServerSpec::new(name, &[&serve[..], more, &rest].concat())
    }

    /// `wasmtime serve` with a fresh instance for each request.
    pub(super) fn wasmtime(&self) -> anyhow::Result<ServerSpec> {
        self.wasmtime_with("wasmtime", &["--max-instance-reuse-count", "1"])
    }

    /// `wasmtime serve` with instances that serve several requests, its default.
    pub(super) fn wasmtime_reused(&self) -> anyhow::Result<ServerSpec> {
        self.wasmtime_with("wasmtime, reused", &[])
    }

    /// FastAPI with ONNX Runtime on all cores.
    pub(super) fn python(&self) -> anyhow::Result<ServerSpec> {
        let (server, model) =
            (root().join("benchmarks/python/fastapi_service.py"), root().join("models/pii-ner"));
        ServerSpec::new("python", &[&self.python, &absolute(server), &absolute(model), "PORT"])
    }

    /// Spin, if it is installed.
    pub(super) fn spin(&self) -> anyhow::Result<Option<ServerSpec>> {
        let Some(spin) = &self.spin else { return Ok(None) };
        let manifest = absolute(root().join("spin.toml"));
        let up = [spin, "up", "--quiet", "--from", &*manifest, "--listen", "127.0.0.1:PORT"];
        ServerSpec::new("spin", &up).map(Some)
    }
}

fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}
