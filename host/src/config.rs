use std::path::PathBuf;
use std::time::Duration;

/// How a function is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Most instances alive at once; further requests wait for one to end.
    pub max_instances: u32,
    /// Longest time from the arrival of a request to its response.
    pub request_timeout: Duration,
    /// Most linear memory an instance may have, in bytes.
    pub memory_limit: usize,
    /// Folder that a component which is not pre-initialised finds at `/model`, read-only.
    pub model: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_instances: 128,
            request_timeout: Duration::from_secs(60),
            memory_limit: 1 << 30,
            model: None,
        }
    }
}
