//! Watches a key in Consul's key-value store with blocking queries.
//! Without the feature `consul`, [`ConsulOptions::at`] and [`Consul::new`] return errors.
//! Used by the program. Does not know the content of a configuration.

#[cfg_attr(not(feature = "consul"), path = "absent.rs")]
mod client;
mod url;

use std::time::Duration;

use pilotlight_secret::Secret;

pub use client::Consul;

/// Which key, and whom to ask for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsulOptions {
    /// The agent, such as `http://127.0.0.1:8500`; over TLS it is trusted if this machine trusts
    /// who vouches for it.
    pub address: String,
    /// The key, such as `pilotlight/production`.
    pub key: String,
    /// A token that may read the key.
    pub token: Option<Secret>,
    /// Maximum time for which a query blocks, at most 10 minutes.
    pub wait: Duration,
}

/// Result of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No change.
    Unchanged,
    /// The key has another text.
    Text(String),
    /// The key is not there, or not any more.
    Absent,
}

/// Errors of queries to Consul.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsulError {
    /// This build does not support Consul.
    #[error("this build does not support Consul; build it with --features consul")]
    NotBuilt,
    /// The address is none.
    #[error(
        "{0:?} is not an address of a Consul agent; write http://HOST:PORT or https://HOST:PORT"
    )]
    Address(String),
    /// The address of a key is none.
    #[error("{0:?} is not a Consul key; write http://HOST:PORT/v1/kv/KEY, or https://…")]
    Url(String),
    /// The token cannot be sent.
    #[error("the Consul token contains characters that are not allowed in a header")]
    Token,
    /// The agent could not be reached, or broke off.
    #[error("Consul at {address}: {reason}")]
    Unreachable {
        /// The agent.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The agent refused.
    #[error("Consul at {address} answered {status} for {key}{hint}")]
    Refused {
        /// The agent.
        address: String,
        /// The key.
        key: String,
        /// Its status.
        status: u16,
        /// What can be done about it.
        hint: &'static str,
    },
    /// Whoever answered does not say what to wait for.
    #[error("{address} answered without X-Consul-Index; check that it is a Consul agent")]
    NoIndex {
        /// The agent.
        address: String,
    },
    /// The value is no text.
    #[error("the value of {key} in Consul is not UTF-8")]
    NotText {
        /// The key.
        key: String,
    },
}

impl ConsulOptions {
    /// Follows `key` at `address`, without a token, a minute for each question.
    pub fn new(address: impl Into<String>, key: impl Into<String>) -> Self {
        let wait = Duration::from_secs(60);
        Self { address: address.into(), key: key.into(), token: None, wait }
    }
}
