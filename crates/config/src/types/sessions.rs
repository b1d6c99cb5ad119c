use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{period, size};

/// What sessions may take: requests that are answered while they are read, and WebSockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Sessions {
    /// Sessions that may go on at once; further ones are answered 503. Each has an instance of its own,
    /// besides those of the pool.
    #[schemars(range(min = 1, max = 65_536))]
    pub max: u32,
    /// Longest silence of a client.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub idle: Duration,
    /// Most bytes that have come and are not computed yet: bytes, or a number and KiB, MiB or GiB. A session
    /// that falls further behind is told so and closed; a body of known length is read more slowly
    /// instead.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub behind: u64,
    /// Longest session.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub length: Duration,
    /// Longest time that what has come waits to be computed.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub patience: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            max: 256,
            idle: Duration::from_secs(30),
            behind: 1 << 20,
            length: Duration::from_secs(4 * 60 * 60),
            patience: Duration::from_secs(10),
        }
    }
}
