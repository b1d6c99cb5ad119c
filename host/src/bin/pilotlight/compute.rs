//! Flags of inference on the host, shared by `build` and `serve`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pilotlight::{Cache, HostCompute, Precision, Target, Variant};
use pilotlight_inference::isolated::{self, Isolated, IsolatedOptions};
use pilotlight_inference::{
    Backend, Device, EngineKind, GraphOptions, Graphs, InstructionSet, NativeOptions,
    OnnxRuntimeOptions, WeightStore,
};

use crate::log;

/// Hidden command of the child process in which an isolated backend runs.
pub(crate) const WORKER: &str = "backend-worker";

/// Where inference runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// In the sandbox; the component runs on every host, for example Spin
    Guest,
    /// On the host, natively, through wasi:nn
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// `build`: the backend that answers fastest on this machine, which the component then names.
    /// `serve`: the backend that the component names if it is available, otherwise the default
    Auto,
    /// Pilotlight's own kernels for encoders, part of this program; tract for other graphs
    Native,
    /// tract, in pure Rust, part of this program
    Tract,
    /// ONNX Runtime, a shared library
    Onnxruntime,
}

/// Whether texts of different requests share a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchRows {
    /// If the structure of the graph shows that its rows are independent of each other
    Auto,
    /// Wherever shapes allow it; only for graphs whose rows are known to be independent
    Always,
    /// Never
    Never,
}

#[derive(Args, Clone)]
#[command(next_help_heading = "Computing on the host")]
pub(crate) struct ComputeOptions {
    /// Inference backend [default: on a CPU native, and for graphs that are not encoders
    /// onnxruntime if its library is found, otherwise tract; onnxruntime on other devices]
    #[arg(long, value_enum)]
    pub(crate) backend: Option<Engine>,
    /// Device for inference: cpu, gpu, or an execution provider of ONNX Runtime (cuda, tensorrt,
    /// openvino)
    #[arg(long, default_value = "cpu", value_parser = parse_device)]
    pub(crate) device: Device,
    /// Fastest CPU instructions that native uses: scalar; avx2, avx-vnni, avx-512; neon,
    /// neon-dotprod, neon-i8mm [default: the fastest ones that this CPU and this program support]
    #[arg(long, value_name = "SET")]
    pub(crate) cpu: Option<InstructionSet>,
    /// Shared library of ONNX Runtime [default: beside this program, or in the system's library
    /// path]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Run the backend in a child process. If its native code crashes, the server keeps running,
    /// and answers with 503 until the child process has been restarted
    #[arg(long)]
    pub(crate) isolate_backend: bool,
    /// Maximum time for an answer of an isolated backend, in seconds; afterwards it is killed and
    /// restarted
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub(crate) isolate_timeout: Duration,
    /// Number of threads for inference [default: one per core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) compute_threads: Option<u16>,
    /// Number format for a model folder: f32, int8, int4 (in the sandbox, and with native on the
    /// host), or unchanged (on the host) [default: f32; `build` for the sandbox and for native: the
    /// smallest one whose answers agree with those of f32]
    #[arg(long, visible_alias = "quantize")]
    pub(crate) precision: Option<Precision>,
    /// Pad the texts of a model folder to multiples of this number of tokens, so that more texts
    /// fit into a batch; ignored for graphs without `attention_mask`. Fixed at build time for
    /// components [default: 1 on a CPU, 16 on other devices]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) pad_to_multiple_of: Option<u32>,
    /// Maximum number of rows in a batch; native counts tokens instead, but computes texts one by
    /// one with 1 [default: 8 on a CPU, 32 on other devices]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) max_batch: Option<u32>,
    /// Maximum number of tokens in a batch of native; a longer text is computed by itself
    #[arg(long, value_name = "TOKENS", default_value_t = 192, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) max_batch_tokens: u32,
    /// Whether texts of different requests share a batch; `always` is for graphs whose rows are
    /// independent of each other although their structure does not show it
    #[arg(long, value_enum, default_value_t = BatchRows::Auto)]
    pub(crate) batch_rows: BatchRows,
    /// Time for which a computation waits for others to join its batch, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) max_wait: u64,
    /// Maximum number of batches of a graph that are computed concurrently [default: one per
    /// thread]
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) graph_concurrency: u16,
    /// Maximum number of computations that wait for a graph; further requests are answered with 429
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) graph_queue: u32,
}

fn parse_device(text: &str) -> Result<Device, String> {
    text.parse()
}

/// Parses seconds from 0.001 to 86400 (one day), with or without a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    let time = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "must be a number of seconds from 0.001 to 86400".to_owned())
}

impl Place {
    /// The guest for this host.
    pub(crate) fn guest(self) -> Variant {
        match self {
            Self::Guest => Variant::InGuest(Target::default()),
            Self::Host => Variant::OnHost,
        }
    }
}

impl ComputeOptions {
    /// Starts the backend. Weights that it packs are kept in `cache`, if there is one.
    pub(crate) fn start(&self, cache: Option<&Cache>) -> pilotlight_inference::Result<HostCompute> {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let threads = self.compute_threads.map_or(cores, usize::from);
        Ok(self.with(Graphs::new(self.backend(threads, cache)?, threads)?))
    }

    /// Inference with `graphs`.
    pub(crate) fn with(&self, graphs: Graphs) -> HostCompute {
        let mut compute = HostCompute::new(Arc::new(graphs));
        compute.precision = self.precision();
        compute.pad_to_multiple_of =
            self.pad_to_multiple_of.unwrap_or(if self.device.is_cpu() { 1 } else { 16 });
        compute.options = self.graph_options();
        compute
    }

    /// Whether both options can share a backend.
    pub(crate) fn shares_backend(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            let isolation = (one.isolate_backend, one.isolate_timeout);
            let library = one.onnxruntime.clone();
            let engine = (one.backend, one.cpu);
            (engine, one.device.to_string(), library, one.compute_threads, isolation)
        };
        key(self) == key(other)
    }

    /// Number format for inference.
    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }

    /// Number format, if a flag sets it.
    pub(crate) fn chosen_precision(&self) -> Option<Precision> {
        self.precision
    }

    pub(crate) fn graph_options(&self) -> GraphOptions {
        let mut options = GraphOptions::default();
        options.max_batch = self.max_batch.unwrap_or(if self.device.is_cpu() { 8 } else { 32 });
        options.max_tokens = self.max_batch_tokens;
        options.max_wait = Duration::from_millis(self.max_wait);
        options.concurrency = self.graph_concurrency.into();
        options.queue = self.graph_queue as usize;
        options.batch_rows = match self.batch_rows {
            BatchRows::Auto => pilotlight_inference::BatchRows::Auto,
            BatchRows::Always => pilotlight_inference::BatchRows::Always,
            BatchRows::Never => pilotlight_inference::BatchRows::Never,
        };
        options
    }

    fn backend(
        &self,
        threads: usize,
        cache: Option<&Cache>,
    ) -> pilotlight_inference::Result<Box<dyn Backend>> {
        let (library, device) = (self.onnxruntime.clone(), self.device.clone());
        let onnxruntime = OnnxRuntimeOptions { library, device: device.clone(), threads };
        self.open(match self.backend {
            Some(Engine::Tract) => isolated::Engine::Tract(device),
            Some(Engine::Native) => isolated::Engine::Native(self.native(None, cache)),
            Some(Engine::Auto) | None if device.is_cpu() => {
                isolated::Engine::Native(self.native(Some(onnxruntime), cache))
            }
            Some(Engine::Onnxruntime | Engine::Auto) | None => {
                isolated::Engine::OnnxRuntime(onnxruntime)
            }
        })
    }

    /// Options with each backend that `auto` chooses from; empty if another backend is requested,
    /// or if the device has only one.
    pub(crate) fn candidates(&self) -> Vec<(EngineKind, Self)> {
        if self.backend != Some(Engine::Auto) || !self.device.is_cpu() {
            return Vec::new();
        }
        let engines = [
            (EngineKind::Native, Engine::Native),
            (EngineKind::OnnxRuntime, Engine::Onnxruntime),
            (EngineKind::Tract, Engine::Tract),
        ];
        engines.map(|(kind, engine)| (kind, Self { backend: Some(engine), ..self.clone() })).into()
    }

    fn native(
        &self,
        onnxruntime: Option<OnnxRuntimeOptions>,
        cache: Option<&Cache>,
    ) -> NativeOptions {
        let mut options = NativeOptions::default();
        options.device = self.device.clone();
        options.instructions = self.cpu.unwrap_or(options.instructions);
        options.onnxruntime = onnxruntime;
        options.weights = cache.map(|cache| Arc::new(cache.clone()) as Arc<dyn WeightStore>);
        options
    }

    /// Starts `engine`, in this process or in a child process.
    fn open(&self, engine: isolated::Engine) -> pilotlight_inference::Result<Box<dyn Backend>> {
        if !self.isolate_backend {
            return engine.open();
        }
        let arguments = std::iter::once(WORKER.to_owned()).chain(log::arguments());
        let mut options = IsolatedOptions::new(arguments.map(OsString::from));
        options.limit = self.isolate_timeout;
        Ok(Box::new(Isolated::start(engine, options)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_one_range_for_all_flags() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_seconds("86400"), Ok(Duration::from_secs(86_400)));
        for text in ["", "0", "0.0009", "86401", "-1", "nan", "inf", "1s"] {
            let error = parse_seconds(text).map_or_else(|error| error, |_| String::new());
            assert!(error.contains("0.001 to 86400"), "{text}: {error}");
        }
    }
}
