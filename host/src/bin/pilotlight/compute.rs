//! Options that say how the host computes, shared by `build` and `serve`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pilotlight::{HostCompute, Precision, Target, Variant};
use pilotlight_inference::isolated::{self, Isolated, IsolatedOptions};
use pilotlight_inference::{
    Backend, Device, EngineKind, GraphOptions, Graphs, InstructionSet, NativeOptions,
    OnnxRuntimeOptions,
};

use crate::log;
/// The verb of the process that an isolated backend computes in.
pub(crate) const WORKER: &str = "backend-worker";

/// Where the matrix work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// In the sandbox: runs on every host, Spin among them
    Guest,
    /// On the host, at native speed, through wasi:nn
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// With `build`, whatever answers fastest on this machine: it is written into the component. With `serve`, what a
    /// component says, where that is to be had; else the default
    Auto,
    /// Kernels of our own for encoders, part of this program; tract for other graphs
    Native,
    /// In pure Rust, part of this program
    Tract,
    /// The shared library of ONNX Runtime
    Onnxruntime,
}

/// Whether texts of different requests are computed as one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchRows {
    /// Where the graph's structure shows that its rows are independent of each other
    Auto,
    /// Wherever shapes allow it: you know that the graph's rows are independent
    Always,
    /// Never
    Never,
}

#[derive(Args, Clone)]
#[command(next_help_heading = "Computing on the host")]
pub(crate) struct ComputeOptions {
    /// What computes [default on a cpu: native; for graphs that are no encoders onnxruntime where its library
    /// is found, tract elsewhere. Default on other devices: onnxruntime]
    #[arg(long, value_enum)]
    pub(crate) backend: Option<Engine>,
    /// What it computes on: cpu, gpu, or an execution provider of ONNX Runtime (cuda, tensorrt, openvino)
    #[arg(long, default_value = "cpu", value_parser = parse_device)]
    pub(crate) device: Device,
    /// Fastest instructions that native uses: scalar; avx2, avx-vnni, avx-512; neon, neon-dotprod, neon-i8mm, as
    /// far as this program has them [default: the fastest of this processor]
    #[arg(long, value_name = "SET")]
    pub(crate) cpu: Option<InstructionSet>,
    /// Shared library of ONNX Runtime [default: beside this program, or where the system looks]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Compute in a process of its own: a crash of the backend's native code ends that process and
    /// not the server, which answers 503 until another has been started
    #[arg(long)]
    pub(crate) isolate_backend: bool,
    /// Seconds after which an isolated backend that does not answer is killed and started again
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub(crate) isolate_timeout: Duration,
    /// Threads that compute [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) compute_threads: Option<u16>,
    /// Numbers to compute a model folder with: f32, int8, int4 (in the sandbox, and by native on the host), or
    /// unchanged (on the host) [default: f32; `build` for the sandbox and for native: the smallest whose
    /// answers agree with those of f32]
    #[arg(long, visible_alias = "quantize")]
    pub(crate) precision: Option<Precision>,
    /// Pad the texts of a model folder to multiples of so many tokens, so that they can share a
    /// batch; ignored for graphs that use no `attention_mask`. A component's is fixed when it is built [default: 1 on a cpu, 16 on other devices]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) pad_to_multiple_of: Option<u32>,
    /// Most rows that are computed at once; native counts tokens instead, but computes texts one by one with 1
    /// [default: 8 on a cpu, 32 on other devices]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) max_batch: Option<u32>,
    /// Most tokens that native computes at once; a text that has more is computed by itself
    #[arg(long, value_name = "TOKENS", default_value_t = 192, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) max_batch_tokens: u32,
    /// Whether texts of different requests are computed as one batch; `always` is for graphs whose
    /// rows are independent of each other though their structure does not show it
    #[arg(long, value_enum, default_value_t = BatchRows::Auto)]
    pub(crate) batch_rows: BatchRows,
    /// Milliseconds for which a computation waits for others to join it
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) max_wait: u64,
    /// Most batches of a graph that are computed at once [default: one for each thread]
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) graph_concurrency: u16,
    /// Most computations that wait for a graph; further ones are answered 429
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) graph_queue: u32,
}

fn parse_device(text: &str) -> Result<Device, String> {
    text.parse()
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("a number of seconds from 1 to 86400 is needed".to_owned()),
    }
}

impl Place {
    /// The guest for our own host.
    pub(crate) fn guest(self) -> Variant {
        match self {
            Self::Guest => Variant::InGuest(Target::default()),
            Self::Host => Variant::OnHost,
        }
    }
}

impl ComputeOptions {
    /// Starts the backend.
    pub(crate) fn start(&self) -> pilotlight_inference::Result<HostCompute> {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let threads = self.compute_threads.map_or(cores, usize::from);
        Ok(self.with(Graphs::new(self.backend(threads)?, threads)?))
    }

    /// Computes with `graphs`.
    pub(crate) fn with(&self, graphs: Graphs) -> HostCompute {
        let mut compute = HostCompute::new(Arc::new(graphs));
        compute.precision = self.precision();
        compute.pad_to_multiple_of =
            self.pad_to_multiple_of.unwrap_or(if self.device.is_cpu() { 1 } else { 16 });
        compute.options = self.graph_options();
        compute
    }

    /// Whether the same backend will do for both.
    pub(crate) fn shares_backend(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            let isolation = (one.isolate_backend, one.isolate_timeout);
            let library = one.onnxruntime.clone();
            let engine = (one.backend, one.cpu);
            (engine, one.device.to_string(), library, one.compute_threads, isolation)
        };
        key(self) == key(other)
    }

    /// Numbers to compute with.
    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }

    /// Numbers to compute with, where somebody chose.
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

    fn backend(&self, threads: usize) -> pilotlight_inference::Result<Box<dyn Backend>> {
        let (library, device) = (self.onnxruntime.clone(), self.device.clone());
        let onnxruntime = OnnxRuntimeOptions { library, device: device.clone(), threads };
        self.open(match self.backend {
            Some(Engine::Tract) => isolated::Engine::Tract(device),
            Some(Engine::Native) => isolated::Engine::Native(self.native(None)),
            Some(Engine::Auto) | None if device.is_cpu() => {
                isolated::Engine::Native(self.native(Some(onnxruntime)))
            }
            Some(Engine::Onnxruntime | Engine::Auto) | None => {
                isolated::Engine::OnnxRuntime(onnxruntime)
            }
        })
    }

    /// Options with each engine that `auto` chooses from; none where another is asked for, or a device has only one.
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

    fn native(&self, onnxruntime: Option<OnnxRuntimeOptions>) -> NativeOptions {
        let mut options = NativeOptions::default();
        options.device = self.device.clone();
        options.instructions = self.cpu.unwrap_or(options.instructions);
        options.onnxruntime = onnxruntime;
        options
    }

    /// Starts `engine`, here or in a process of its own.
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
