//! The configuration that is served, and the last one of Consul's that was good.

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

/// A configuration, and where it comes from.
pub(crate) struct Document {
    pub(super) origin: Origin,
    pub(super) text: String,
    pub(super) current: Current,
    /// Why it is that of last time, and not what its origin says.
    pub(super) outdated: Option<String>,
    last: Option<LastGood>,
}

impl Document {
    /// Reads a file; mistakes are all told at once.
    pub(super) fn of_file(path: PathBuf, options: &ServeArgs) -> anyhow::Result<Self> {
        let origin = Origin::File(path);
        let text = origin.read()?;
        let sources = origin.sources(options.env.as_deref(), &options.set);
        let current = parsed(&text, sources)?;
        Ok(Self { origin, text, current, outdated: None, last: None })
    }

    /// Asks Consul; if it is away, or what it says cannot be served, takes what it said last.
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

    /// Keeps its text, which is served now, for a start at which its origin is away.
    pub(super) fn remember(&self) {
        if let Some(last) = &self.last {
            last.write(&self.text);
        }
    }

    /// What its origin said last that could be served, if that is something else.
    pub(super) fn last_text(&self) -> Option<String> {
        self.last.as_ref()?.read().filter(|text| *text != self.text)
    }

    /// What it says of the log, and of whom else to tell.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.parsed().config.telemetry
    }
}

fn parsed(text: &str, sources: Sources) -> anyhow::Result<Current> {
    Current::new(text, sources).map_err(|mistakes| anyhow!("{mistakes}"))
}

/// The last configuration of Consul's that was served, in the cache folder. That is the one of
/// the flags: which one the configuration names is not known without it.
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

    /// Whether only its owner may read the file; former versions let others read it.
    fn is_private(&self) -> bool {
        let metadata = self.cache.get(&self.name).and_then(|entry| entry.path.metadata().ok());
        metadata.is_some_and(|metadata| metadata.mode() & 0o077 == 0)
    }

    fn write(&self, text: &str) {
        if self.is_private() && self.read().as_deref() == Some(text) {
            return;
        }
        if let Err(error) = self.cache.put(&self.name, text.as_bytes()) {
            tracing::warn!(%error, "the configuration is not kept for a start without Consul");
        }
    }
}
