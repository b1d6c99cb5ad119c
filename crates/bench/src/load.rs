use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;

/// The kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verb {
    /// Latency under a constant load.
    Bench,
    /// Open loop with a time series and the durations from `server-timing`.
    Cold,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub enum Load {
    /// At a rate that does not depend on the responses.
    Open {
        /// Requests per second.
        rate: f64,
        /// The intervals between them.
        arrivals: Arrivals,
    },
    /// Each worker sends its next request when it has a response.
    Closed {
        /// The number of workers.
        concurrency: usize,
    },
}

impl Load {
    /// A description of the load.
    pub fn label(self) -> String {
        match self {
            Self::Open { rate, arrivals: Arrivals::Constant } => format!("{rate} requests/s"),
            Self::Open { rate, arrivals: Arrivals::Poisson } => {
                format!("{rate} requests/s (Poisson)")
            }
            Self::Closed { concurrency: 1 } => "1 worker".to_owned(),
            Self::Closed { concurrency } => format!("{concurrency} workers"),
        }
    }
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1, one request at a time on a connection.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 with prior knowledge, many requests at a time on a connection.
    #[serde(rename = "2")]
    Http2,
}
