//! The configuration that is served, and the last valid one from Consul.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use pilotlight::Cache;
use pilotlight_config::{Current, Parsed, Sources, Telemetry};
use pilotlight_model::Digest;

use super::options::ServeArgs;
use crate::origin::Origin;
use crate::reason::reason;

/// A configuration and its origin.
pub(crate) struct Document {
    pub(super) origin: Origin,
    pub(super) text: String,
    pub(super) current: Current,
    /// Why it is the last valid configuration instead of the current value of its origin.
    pub(super) outdated: Option<String>,
    last: Option<LastGood>,
}

impl Document {
    /// Reads a file; all errors are reported together.
    pub(super) fn of_file(path: PathBuf, options: &ServeArgs) -> anyhow::Result<Self> {
        let origin = Origin::File(path);
        let text = origin.read()?;
        let sources = origin.sources(options.env.as_deref(), &options.set);
        let current = parsed(&text, sources)?;
        Ok(Self { origin, text, current, outdated: None, last: None })
    }

    /// Reads a Consul key; if Consul is not reachable or the value is not valid, uses the last
    /// valid value.
    pub(super) fn of_consul(url: &str, options: &ServeArgs) -> anyhow::Result<Self> {
        let origin = Origin::consul(url)?;
        let sources = || origin.sources(options.env.as_deref(), &options.set);
        let last = LastGood::new(url, options.cache_dir.clone())?;
        let asked = origin.read().and_then(|text| Ok((parsed(&text, sources())?, text)));
        let (current, text, outdated) = match (asked, last.read()) {
            (Ok((current, text)), _) => (current, text, None),
            (Err(error), Some(text)) => (parsed(&text, sources())?, text, Some(reason(&error))),
            (Err(error), None) => return Err(error),
        };
        Ok(Self { origin, text, current, outdated, last: Some(last) })
    }

    pub(super) fn parsed(&self) -> &Arc<Parsed> {
        self.current.get()
    }

    /// Stores its text, which is served now, for starts at which its origin is not reachable.
    pub(super) fn remember(&self) {
        if let Some(last) = &self.last {
            last.write(&self.text);
        }
    }

    /// The last valid text from its origin, if that is another text.
    pub(super) fn last_text(&self) -> Option<String> {
        self.last.as_ref()?.read().filter(|text| *text != self.text)
    }

    /// Its telemetry options.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.parsed().config.telemetry
    }
}

fn parsed(text: &str, sources: Sources) -> anyhow::Result<Current> {
    Current::new(text, sources).map_err(|mistakes| anyhow!("{mistakes}"))
}

/// The last configuration from Consul that was served, in the cache folder of the flags: the cache
/// folder that the configuration names is not known without the configuration.
struct LastGood {
    cache: Cache,
    name: String,
}

impl LastGood {
    fn new(url: &str, folder: Option<PathBuf>) -> pilotlight::Result<Self> {
        let name = format!("consul-{}.toml", Digest::of(url.as_bytes()));
        Ok(Self { cache: Cache::open(folder)?, name })
    }

    fn read(&self) -> Option<String> {
        std::fs::read_to_string(self.cache.get(&self.name)?.path).ok()
    }

    /// Whether the file is readable only for its owner; earlier versions wrote files that others
    /// could read.
    fn is_private(&self) -> bool {
        let metadata = self.cache.get(&self.name).and_then(|entry| entry.path.metadata().ok());
        metadata.is_some_and(|metadata| metadata.mode() & 0o077 == 0)
    }

    fn write(&self, text: &str) {
        if self.is_private() && self.read().as_deref() == Some(text) {
            return;
        }
        if let Err(error) = self.cache.put(&self.name, text.as_bytes()) {
            tracing::warn!(%error, "the configuration could not be stored in the cache folder for starts without Consul");
        }
    }
}
