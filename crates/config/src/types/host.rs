use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{path, period};

/// How the host computes for a function. Functions whose `backend`, `device`, `cpu`, `onnxruntime`,
/// `isolate`, `isolate-timeout` and `compute-threads` are the same can share a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Host {
    /// What computes. If nothing is said: native on a cpu, but onnxruntime where its library is found, and tract
    /// elsewhere, for graphs that are no encoders; onnxruntime on other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// What it computes on.
    pub device: Device,
    /// Fastest instructions that native uses; the fastest of the processor otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<InstructionSet>,
    /// Shared library of ONNX Runtime; beside the program or where the system looks otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub onnxruntime: Option<PathBuf>,
    /// Whether it computes in a process of its own, whose crash is answered 503 until another has
    /// been started.
    pub isolate: bool,
    /// How long an isolated backend may take for an answer; then it is killed and started again.
    #[serde(with = "crate::types::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1s", "x-longest" = "24h"))]
    pub isolate_timeout: Duration,
    /// Threads that compute; one for each core otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub compute_threads: Option<u16>,
    /// Pad the texts of a model folder to multiples of so many tokens, so that they can share a
    /// batch; 1 on a cpu and 16 on other devices otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub pad_to_multiple_of: Option<u32>,
    /// Most rows that are computed at once; 8 on a cpu and 32 on other devices otherwise. Native counts
    /// tokens instead, but computes texts one by one with 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub max_batch: Option<u32>,
    /// Most tokens that native computes at once; a text that has more is computed by itself.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_batch_tokens: u32,
    /// Whether texts of different requests are computed as one batch.
    pub batch_rows: BatchRows,
    /// How long a computation waits for others to join it.
    #[serde(with = "crate::types::period")]
    #[schemars(schema_with = "period", extend("x-longest" = "60s"))]
    pub max_wait: Duration,
    /// Most batches of a graph that are computed at once; 0 is one for each thread.
    pub graph_concurrency: u16,
    /// Most computations that wait for a graph; further ones are answered 429.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub graph_queue: u32,
}

/// Whether texts of different requests are computed as one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchRows {
    /// Where the graph's structure shows that its rows are independent of each other.
    #[default]
    Auto,
    /// Wherever shapes allow it, for graphs that are known to have independent rows.
    Always,
    /// Never.
    Never,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Kernels of our own for encoders, part of the program; tract for other graphs.
    Native,
    /// In pure Rust, part of the program.
    Tract,
    /// The shared library of ONNX Runtime.
    Onnxruntime,
}

/// Instructions of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstructionSet {
    /// None with vectors.
    Scalar,
    /// AVX2 with FMA.
    Avx2,
    /// AVX2 with FMA and AVX-VNNI.
    AvxVnni,
    /// AVX-512 with VNNI.
    #[serde(rename = "avx-512")]
    Avx512,
    /// NEON.
    Neon,
    /// NEON with dot products of bytes.
    NeonDotprod,
    /// NEON with matrix products of bytes.
    NeonI8mm,
}

impl InstructionSet {
    /// As `--cpu` knows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512 => "avx-512",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon-dotprod",
            Self::NeonI8mm => "neon-i8mm",
        }
    }
}

/// What is computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics card, by the backend's usual way to it.
    Gpu,
    /// ONNX Runtime's execution provider for CUDA.
    Cuda,
    /// ONNX Runtime's execution provider for TensorRT.
    Tensorrt,
    /// ONNX Runtime's execution provider for OpenVINO.
    Openvino,
}

impl Device {
    /// As `--device` and the backends know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Cuda => "cuda",
            Self::Tensorrt => "tensorrt",
            Self::Openvino => "openvino",
        }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self {
            backend: None,
            device: Device::default(),
            onnxruntime: None,
            isolate: false,
            isolate_timeout: Duration::from_secs(60),
            compute_threads: None,
            pad_to_multiple_of: None,
            max_batch: None,
            max_batch_tokens: 192,
            cpu: None,
            batch_rows: BatchRows::default(),
            max_wait: Duration::ZERO,
            graph_concurrency: 0,
            graph_queue: 512,
        }
    }
}
