//! What a configuration says.

mod config;
mod function;
mod host;
mod telemetry;

pub use config::{Admin, Config, Require};
pub use function::{Compute, Function, Limits, Pool, Precision};
pub use host::{Backend, Device, Host};
pub use telemetry::{Level, LogFormat, Otlp, Telemetry};

/// Times as strings such as `"10s"`.
mod period {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::format;

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format::write_period(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        format::period(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// Sizes as bytes, or strings such as `"512MiB"`.
mod memory {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::format;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Bytes(u64),
        Written(String),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
        match format::write_memory(*bytes) {
            Some(text) => to.serialize_str(&text),
            None => to.serialize_u64(*bytes),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        read(from, format::memory)
    }

    pub(super) fn read<'de, D: Deserializer<'de>>(
        from: D,
        written: fn(&str) -> Result<u64, String>,
    ) -> Result<u64, D::Error> {
        match Size::deserialize(from)? {
            Size::Bytes(bytes) => Ok(bytes),
            Size::Written(text) => written(&text).map_err(de::Error::custom),
        }
    }
}

/// The same without the bounds of a sandbox.
mod size {
    use serde::Deserializer;

    pub(super) use super::memory::serialize;
    use crate::format;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        super::memory::read(from, format::size)
    }
}
