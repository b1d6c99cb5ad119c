//! The configuration as Rust types, with their defaults and JSON Schemas.
//! Used by every module above it, and by the host's program. Does not know files or the locations of keys.

mod config;
mod cors;
mod function;
mod host;
mod http;
mod sessions;
mod telemetry;

pub use config::{Admin, Config, Require};
pub use cors::Cors;
pub use function::{Compute, Function, Limits, Pool, Precision, is_tag, registry_reference};
pub use host::{Backend, BatchRows, Device, Host, InstructionSet};
pub use http::{ForwardedHeader, Http, Tls};
pub use sessions::Sessions;
pub use telemetry::{Level, LogFormat, Otlp, Telemetry};

/// Durations as strings such as `"10s"`.
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

/// Optional durations.
mod optional_period {
    use std::time::Duration;

    use serde::{Deserializer, Serialize as _, Serializer};

    use crate::format;

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(format::write_period).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::period::deserialize(from).map(Some)
    }
}

/// Optional sizes.
mod optional_size {
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::size::serialize(bytes, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        super::size::deserialize(from).map(Some)
    }
}

/// Sizes of a sandbox's memory, as bytes or strings such as `"512MiB"`.
mod memory {
    pub(super) use super::size::{deserialize_by, serialize};

    use serde::Deserializer;

    use crate::format;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        deserialize_by(from, format::memory)
    }
}

/// Sizes as bytes, or strings such as `"64KiB"`.
mod size {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::format;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Bytes(u64),
        Written(String),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
        match format::write_size(*bytes) {
            Some(text) => to.serialize_str(&text),
            None => to.serialize_u64(*bytes),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        deserialize_by(from, format::size)
    }

    pub(super) fn deserialize_by<'de, D: Deserializer<'de>>(
        from: D,
        read: impl Fn(&str) -> Result<u64, String>,
    ) -> Result<u64, D::Error> {
        match Size::deserialize(from)? {
            Size::Bytes(bytes) => Ok(bytes),
            Size::Written(text) => read(&text).map_err(de::Error::custom),
        }
    }
}
