use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{period, size};

/// Limits of sessions: requests that are answered while they are read, and WebSockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Sessions {
    /// Maximum number of concurrent sessions; further ones are answered with 503. Each session has
    /// an instance of its own, in addition to those of the pool.
    #[schemars(range(min = 1, max = 65_536))]
    pub max: u32,
    /// Maximum silence of a client.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub idle: Duration,
    /// Maximum size of the data that has arrived and is not computed yet: bytes, or a number and
    /// KiB, MiB or GiB. A session that falls further behind is closed with an error; a body of
    /// known length is read more slowly instead.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub behind: u64,
    /// Maximum length of a session.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub length: Duration,
    /// Maximum time for which data that has arrived waits to be computed.
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
