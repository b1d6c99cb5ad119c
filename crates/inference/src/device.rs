use std::fmt;
use std::str::FromStr;

/// Device for inference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics card, by the backend's usual way to it.
    Gpu,
    /// An execution provider of ONNX Runtime, by its short name: `cuda`, `tensorrt`, `openvino`.
    Provider(String),
}

impl Device {
    /// Whether it is the processor.
    pub fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Provider(name) => name,
        })
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            "cuda" | "tensorrt" | "openvino" => Ok(Self::Provider(text.to_owned())),
            _ => Err("must be cpu, gpu, cuda, tensorrt or openvino".to_owned()),
        }
    }
}
