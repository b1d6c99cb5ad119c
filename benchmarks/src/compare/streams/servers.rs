//! The servers of sessions: Pilotlight, and the Python services in `tests/load` with one process and two.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use xtask::build::binary;
use xtask::cargo::{execute, root, target};
use xtask::{models, runtime};

use crate::compare::server::ServerSpec;
use crate::compare::servers::{absolute, python, serve_component};

/// The graph in the folder of Silero's model that computes one frame.
const VOICE_GRAPH: &str = "silero_vad_openvino_16k.onnx";

/// The installed programs and models.
pub(super) struct StreamServers {
    pub(super) python: String,
    /// The shared library of ONNX Runtime.
    library: String,
    /// The folder of models.
    models: PathBuf,
    /// The folder of components.
    components: PathBuf,
}

impl StreamServers {
    pub(super) fn install() -> anyhow::Result<Self> {
        let library = runtime::library()?.context("ONNX Runtime could not be installed")?;
        let components = target().join("compare").join("streams");
        fs::create_dir_all(&components)?;
        let (python, models) = (python()?, models::fetch()?);
        Ok(Self { python, library: absolute(library), models, components })
    }

    /// Voice activity. Pilotlight's backend is the default.
    pub(super) fn voice(&self) -> anyhow::Result<Vec<ServerSpec>> {
        let folder = self.models.join("silero-vad");
        let component = self.build(&folder, &["--onnx-file", VOICE_GRAPH])?;
        let pilotlight = serve_component("pilotlight", component, &[])?;
        let graph = absolute(folder.join(VOICE_GRAPH));
        self.beside_python(pilotlight, "stream_server.py", &graph)
    }

    /// Speech to text. Pilotlight computes with ONNX Runtime, too.
    pub(super) fn speech(&self) -> anyhow::Result<Vec<ServerSpec>> {
        let folder = self.models.join("moonshine-tiny-en");
        let backend = ["--backend", "onnxruntime", "--onnxruntime", &self.library];
        let component = self.build(&folder, &backend)?;
        let pilotlight = serve_component("pilotlight", component, &backend)?;
        self.beside_python(pilotlight, "speech_server.py", &absolute(folder))
    }

    /// Builds a component for inference on the host; returns its path.
    fn build(&self, folder: &Path, options: &[&str]) -> anyhow::Result<PathBuf> {
        let name = folder.file_name().context("the folder has no name")?;
        let component = self.components.join(name).with_extension("wasm");
        let mut build = Command::new(binary());
        build.arg("build").arg(folder).args(["--compute", "host"]).args(options);
        execute(build.arg("-o").arg(&component))?;
        Ok(component)
    }

    fn beside_python(
        &self,
        pilotlight: ServerSpec,
        script: &str,
        model: &str,
    ) -> anyhow::Result<Vec<ServerSpec>> {
        let script = absolute(root().join("tests/load").join(script));
        let peer = |name, processes| {
            let command = [&*self.python, "-B", &*script, model, "PORT", "--processes", processes];
            ServerSpec::new(name, &command)
        };
        Ok(vec![pilotlight, peer("Python, 1 process", "1")?, peer("Python, 2 processes", "2")?])
    }
}
