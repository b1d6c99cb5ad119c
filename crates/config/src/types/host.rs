use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{path, period};

/// Inference on the host. Functions with the same `backend`, `device`, `cpu`, `onnxruntime`,
/// `isolate`, `isolate-timeout` and `compute-threads` can share a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Host {
    /// Inference backend [default: on a CPU native, and for graphs that are not encoders
    /// onnxruntime if its library is found, otherwise tract; onnxruntime on other devices]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Device for inference.
    pub device: Device,
    /// Fastest CPU instructions that native uses [default: the fastest ones that the CPU and the
    /// program support]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<InstructionSet>,
    /// Shared library of ONNX Runtime [default: beside the program, or in the system's library
    /// path]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub onnxruntime: Option<PathBuf>,
    /// Run the backend in a child process. If its native code crashes, the server keeps running,
    /// and answers with 503 until the child process has been restarted.
    pub isolate: bool,
    /// Maximum time for an answer of an isolated backend; afterwards it is killed and restarted.
    #[serde(with = "crate::types::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub isolate_timeout: Duration,
    /// Number of threads for inference [default: one per core]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub compute_threads: Option<u16>,
    /// Pad the texts of a model folder to multiples of this number of tokens, so that more texts
    /// fit into a batch [default: 1 on a CPU, 16 on other devices]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub pad_to_multiple_of: Option<u32>,
    /// Maximum number of rows in a batch; native counts tokens instead, but computes texts one by
    /// one with 1 [default: 8 on a CPU, 32 on other devices]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub max_batch: Option<u32>,
    /// Maximum number of tokens in a batch of native; a longer text is computed by itself.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_batch_tokens: u32,
    /// Whether texts of different requests share a batch.
    pub batch_rows: BatchRows,
    /// Time for which a computation waits for others to join its batch.
    #[serde(with = "crate::types::period")]
    #[schemars(schema_with = "period", extend("x-longest" = "60s"))]
    pub max_wait: Duration,
    /// Maximum number of batches of a graph that are computed concurrently; 0 means one per thread.
    pub graph_concurrency: u16,
    /// Maximum number of computations that wait for a graph; further requests are answered with
    /// 429.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub graph_queue: u32,
}

/// Whether texts of different requests share a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchRows {
    /// If the structure of the graph shows that its rows are independent of each other.
    #[default]
    Auto,
    /// Wherever shapes allow it; only for graphs whose rows are known to be independent.
    Always,
    /// Never.
    Never,
}

/// Inference backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Pilotlight's own kernels for encoders, part of the program; tract for other graphs.
    Native,
    /// tract, in pure Rust, part of the program.
    Tract,
    /// ONNX Runtime, a shared library.
    Onnxruntime,
}

/// CPU instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstructionSet {
    /// No vector instructions.
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
    /// NEON with dot products of bytes (`dotprod`).
    NeonDotprod,
    /// NEON with matrix products of bytes (`i8mm`).
    NeonI8mm,
}

impl InstructionSet {
    /// Name, as in `--cpu`.
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

/// Device for inference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// CPU.
    #[default]
    Cpu,
    /// GPU, by the backend's default API.
    Gpu,
    /// ONNX Runtime's execution provider for CUDA.
    Cuda,
    /// ONNX Runtime's execution provider for TensorRT.
    Tensorrt,
    /// ONNX Runtime's execution provider for OpenVINO.
    Openvino,
}

impl Device {
    /// Name, as in `--device` and the backends.
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
