//! The WIT's types.

#![allow(dead_code, reason = "the WIT has more cases than are made here")]

use std::sync::Arc;

use pilotlight_inference::{Element, Error, Tensor};
use wasmtime::component::{ComponentType, Lift, Lower};

/// `tensor-type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum TensorType {
    #[component(name = "FP16")]
    Fp16,
    #[component(name = "FP32")]
    Fp32,
    #[component(name = "FP64")]
    Fp64,
    #[component(name = "BF16")]
    Bf16,
    #[component(name = "U8")]
    U8,
    #[component(name = "I32")]
    I32,
    #[component(name = "I64")]
    I64,
}

impl From<TensorType> for Element {
    fn from(ty: TensorType) -> Self {
        match ty {
            TensorType::Fp16 => Self::F16,
            TensorType::Fp32 => Self::F32,
            TensorType::Fp64 => Self::F64,
            TensorType::Bf16 => Self::Bf16,
            TensorType::U8 => Self::U8,
            TensorType::I32 => Self::I32,
            TensorType::I64 => Self::I64,
        }
    }
}

impl From<Element> for TensorType {
    fn from(element: Element) -> Self {
        match element {
            Element::F16 => Self::Fp16,
            Element::F32 => Self::Fp32,
            Element::F64 => Self::Fp64,
            Element::Bf16 => Self::Bf16,
            Element::U8 => Self::U8,
            Element::I32 => Self::I32,
            Element::I64 => Self::I64,
        }
    }
}

/// `graph-encoding`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum GraphEncoding {
    #[component(name = "openvino")]
    Openvino,
    #[component(name = "onnx")]
    Onnx,
    #[component(name = "tensorflow")]
    Tensorflow,
    #[component(name = "pytorch")]
    Pytorch,
    #[component(name = "tensorflowlite")]
    Tensorflowlite,
    #[component(name = "ggml")]
    Ggml,
    #[component(name = "autodetect")]
    Autodetect,
}

/// `execution-target`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum ExecutionTarget {
    #[component(name = "cpu")]
    Cpu,
    #[component(name = "gpu")]
    Gpu,
    #[component(name = "tpu")]
    Tpu,
}

/// `error-code`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum ErrorCode {
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "invalid-encoding")]
    InvalidEncoding,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "runtime-error")]
    RuntimeError,
    #[component(name = "unsupported-operation")]
    UnsupportedOperation,
    #[component(name = "too-large")]
    TooLarge,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "security")]
    Security,
    #[component(name = "unknown")]
    Unknown,
}

/// `error`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuestError {
    pub(super) code: ErrorCode,
    pub(super) data: String,
}

/// `tensor`, or what is wrong with it: the constructor cannot say so.
#[derive(Debug)]
pub(super) struct GuestTensor {
    pub(super) ty: TensorType,
    pub(super) tensor: Result<Tensor, Error>,
}

impl GuestTensor {
    /// Bytes that it takes on the host.
    pub(super) fn bytes(&self) -> usize {
        self.tensor.as_ref().map_or(0, |tensor| tensor.bytes().len())
    }

    pub(super) fn sizes(&self) -> Vec<u32> {
        self.tensor.as_ref().map_or_else(|_| Vec::new(), |tensor| tensor.shape().sizes().to_vec())
    }

    pub(super) fn data(&self) -> Arc<Vec<u8>> {
        self.tensor.as_ref().map_or_else(|_| Arc::default(), |tensor| tensor.buffer().share())
    }
}
