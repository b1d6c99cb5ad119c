//! Changes while serving: of the configuration, and of the files of functions.

use std::path::Path;
use std::sync::Arc;

use pilotlight::Host;
use pilotlight_config::{Config, Consul};
use pilotlight_files::{FileCheck, FileWatcher, TextWatcher, WATCH_INTERVAL};
use pilotlight_telemetry::Swap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use super::blueprint::{Backends, Blueprint, Blueprints};
use super::consul;
use super::document::Document;
use super::settings::Served;
use super::sources::{Refused, Sources};
use super::tags::{self, Moved, Tags};
use crate::origin::Origin;
use crate::reason::reason;

/// Makes a host serve what files or Consul define, whenever they change.
pub(super) struct Follower {
    host: Host,
    backends: Arc<Backends>,
    /// Functions as the administration API sees them.
    blueprints: Blueprints,
    served: Served,
    configuration: Option<WatchedConfig>,
    /// Whether files are watched.
    watch: bool,
    sources: Sources,
    tags: Tags,
    /// What the tags named that are served.
    tagged: tags::Served,
    hangup: Signal,
}

pub(super) struct WatchedConfig {
    document: Document,
    news: ConfigChanges,
    /// The configuration that is served; older than the one read last if that could not be loaded.
    applied: Config,
    /// The text that could not be loaded, and its error.
    refused: Option<(String, Refused)>,
    keys: Keys,
}

/// Files of the public keys that signatures are verified with.
struct Keys {
    watches: Vec<FileWatcher>,
    /// Whether they have changed since functions were loaded.
    are_news: bool,
}

/// Source of changes of a configuration.
enum ConfigChanges {
    None,
    File(TextWatcher),
    Consul(Receiver<String>),
}

impl Follower {
    pub(super) fn new(
        host: Host,
        (backends, blueprints): (Arc<Backends>, Blueprints),
        (served, sources): (Served, Sources),
        configuration: Option<WatchedConfig>,
        watch: bool,
    ) -> anyhow::Result<Self> {
        // From here on it does not end the process any more.
        let hangup = signal(SignalKind::hangup())?;
        let tagged = tags::Served::default();
        let tags = Tags::follow(&served.functions, &host, &tagged);
        Ok(Self {
            host,
            backends,
            blueprints,
            served,
            configuration,
            watch,
            sources,
            tags,
            tagged,
            hangup,
        })
    }

    /// Follows changes for as long as the process runs.
    pub(super) async fn run(mut self) {
        if self.watch {
            tokio::spawn(check_keys(self.host.clone()));
        }
        let mut checks = tokio::time::interval(WATCH_INTERVAL);
        loop {
            tokio::select! {
                _ = checks.tick(), if self.watch => self.check_files().await,
                Some(text) = told(&mut self.configuration) => self.offer(&text).await,
                Some(moved) = self.tags.moved() => self.serve_moved(moved).await,
                _ = self.hangup.recv() => self.read_again().await,
            }
        }
    }

    async fn check_files(&mut self) {
        if let Some(WatchedConfig { news: ConfigChanges::File(watcher), .. }) =
            &mut self.configuration
        {
            match watcher.check_files() {
                Some(Ok(text)) => self.offer(&text).await,
                Some(Err(error)) => {
                    tracing::warn!("{error}; the previous configuration stays in use");
                }
                None => {}
            }
        }
        if let Some(text) = self.configuration.as_mut().and_then(|followed| followed.due()) {
            self.offer(&text).await;
        }
        self.swap_changed(FileCheck::Periodic).await;
    }

    /// Reads the configuration and loads every function whose files have changed.
    async fn read_again(&mut self) {
        tracing::info!("reloading the configuration and the files of functions");
        self.host.check_files(FileCheck::Requested);
        if let Some(followed) = &mut self.configuration {
            followed.keys.check_files(FileCheck::Requested);
            let origin = followed.document.origin.clone();
            match tokio::task::spawn_blocking(move || origin.read()).await {
                Ok(Ok(text)) => self.offer(&text).await,
                Ok(Err(error)) => {
                    tracing::warn!("{}; the previous configuration stays in use", reason(&error));
                }
                Err(error) => {
                    let error = pilotlight::Error::unfinished("reading the configuration")(error);
                    tracing::error!("{error}; the previous configuration stays in use");
                }
            }
        }
        self.swap_changed(FileCheck::Requested).await;
    }

    async fn swap_changed(&mut self, check: FileCheck) {
        for name in self.sources.changed(check) {
            match self.swap(&name).await {
                Ok(()) => self.sources.served(&name),
                Err(error) => {
                    if self.sources.refused(&name, &error.to_string()) {
                        tracing::warn!(function = name, %error, "the new version cannot be loaded; the previous one stays in use");
                    }
                }
            }
        }
    }

    async fn swap(&self, name: &str) -> pilotlight::Result<()> {
        let Some(blueprint) = self.served.functions.get(name) else { return Ok(()) };
        let new = self.planned(name, blueprint.clone()).await?;
        self.host.swap(name, new.source, new.options, |_| {}).await.map(drop)
    }

    /// Serves what a tag names now.
    async fn serve_moved(&self, moved: Moved) {
        let Moved { function, source, outcome } = moved;
        let served = self.serve_pinned(&function, &source).await;
        // The tag may not be followed any more.
        let _ = outcome.send(served.map_err(|error| error.to_string()));
    }

    async fn serve_pinned(&self, function: &str, source: &str) -> pilotlight::Result<()> {
        let Some(blueprint) = self.served.functions.get(function) else { return Ok(()) };
        // A reload may have loaded it already.
        if self.host.function(function)?.current.source == source {
            return Ok(());
        }
        let planned = self.planned(function, blueprint.clone().from(Path::new(source))).await;
        // Failures from here on are counted by the host.
        let new = planned.inspect_err(|_| self.host.metrics().swapped(function, Swap::Refused))?;
        self.host.swap(function, new.source, new.options, |_| {}).await.map(drop)
    }

    async fn offer(&mut self, text: &str) {
        let Some(followed) = &mut self.configuration else { return };
        if let Err(mistakes) = followed.document.current.offer(text) {
            tracing::error!("the previous configuration stays in use:\n{mistakes}");
            return;
        }
        let config = followed.document.parsed().config.clone();
        if config == followed.applied && !followed.keys.are_news {
            followed.refused = None;
            return;
        }
        for key in followed.applied.fixed_changes(&config) {
            tracing::warn!(key, "takes effect at the next start");
        }
        let keys = Keys::of(&config);
        let applied = self.apply(&config).await;
        let Some(followed) = &mut self.configuration else { return };
        match applied {
            Ok((served, sources)) => {
                self.blueprints.set(served.functions.clone());
                (self.served, self.sources) = (served, sources);
                self.tags = Tags::follow(&self.served.functions, &self.host, &self.tagged);
                followed.document.text = text.to_owned();
                followed.document.remember();
                (followed.applied, followed.refused, followed.keys) = (config, None, keys);
                tracing::info!("the configuration has been reloaded");
            }
            Err(error) => followed.refuse(text, &reason(&error)),
        }
    }

    async fn apply(&self, config: &Config) -> anyhow::Result<(Served, Sources)> {
        let served = Served::of_config(config)?;
        // Before anything is read: what changes meanwhile is noticed afterwards.
        let sources = self.sources.of(&served.functions);
        let mut plan = served.plan();
        let before = self.configuration.as_ref().filter(|followed| !followed.keys.are_news);
        let before = before.map(|followed| &followed.applied);
        for (name, blueprint) in &served.functions {
            let same = before.is_some_and(|before| {
                before.functions.get(name) == config.functions.get(name)
                    && before.telemetry.server_timing == config.telemetry.server_timing
                    && (before.require, &before.keys) == (config.require, &config.keys)
            });
            match same {
                true => drop(plan.unchanged.insert(name.clone())),
                false => plan.versions.push(self.planned(name, blueprint.clone()).await?),
            }
        }
        self.host.apply(plan).await?;
        Ok((served, sources))
    }

    async fn planned(
        &self,
        name: &str,
        blueprint: Blueprint,
    ) -> pilotlight::Result<pilotlight::NewVersion> {
        blueprint.planned(name, &self.backends, self.host.cache()).await
    }
}

impl WatchedConfig {
    /// Follows the origin of `document`. Call it before anything is loaded, so that no change is
    /// missed.
    pub(super) fn new(document: Document, watch: bool) -> anyhow::Result<Self> {
        let news = match &document.origin {
            _ if !watch => ConfigChanges::None,
            Origin::File(path) => {
                ConfigChanges::File(TextWatcher::new(path, document.text.clone()))
            }
            Origin::Consul { options, .. } => {
                let away = document.outdated.is_some();
                ConfigChanges::Consul(consul::follow(Consul::new(options.clone())?, away)?)
            }
        };
        let applied = document.parsed().config.clone();
        let keys = Keys::of(&applied);
        Ok(Self { applied, document, news, refused: None, keys })
    }

    /// Notes that its functions have been loaded.
    pub(super) fn loaded(&self) {
        self.document.remember();
    }

    /// The last valid configuration from its origin, if it is another one and the current one
    /// cannot be loaded; loading the current one is tried again.
    pub(super) fn fall_back(&mut self, error: &str) -> anyhow::Result<Option<Served>> {
        let Some(text) = self.document.last_text() else { return Ok(None) };
        tracing::warn!("{error}; the last valid configuration is served from the cache");
        self.refuse(&self.document.text.clone(), error);
        self.document.current.offer(&text)?;
        self.document.text = text;
        self.applied = self.document.parsed().config.clone();
        Served::of_config(&self.applied).map(Some)
    }

    /// The text to load again: loading failed some time ago, or keys have changed.
    fn due(&mut self) -> Option<String> {
        let keys_changed = self.keys.check_files(FileCheck::Periodic);
        let due = self.refused.as_ref().filter(|(_, refused)| refused.is_due(FileCheck::Periodic));
        let refused = due.map(|(text, _)| text.clone());
        refused.or_else(|| keys_changed.then(|| self.document.text.clone()))
    }

    fn refuse(&mut self, text: &str, error: &str) {
        let before = self.refused.take().filter(|(other, _)| other == text);
        let mut again = before.map(|(_, refused)| refused);
        if Refused::again(&mut again, error) {
            tracing::error!("the previous configuration stays in use: {error}");
        }
        self.refused = again.map(|refused| (text.to_owned(), refused));
    }
}

impl Keys {
    fn of(config: &Config) -> Self {
        let watches = config.keys.iter().map(|path| FileWatcher::new(path)).collect();
        Self { watches, are_news: false }
    }

    fn check_files(&mut self, check: FileCheck) -> bool {
        let changed = FileWatcher::check_all(&mut self.watches, check);
        self.are_news |= changed;
        changed
    }
}

/// Files of keys, for authentication and de-identification, which nothing that is loaded meanwhile may hold up.
async fn check_keys(host: Host) {
    let mut checks = tokio::time::interval(WATCH_INTERVAL);
    loop {
        checks.tick().await;
        host.check_files(FileCheck::Periodic);
    }
}

/// The next configuration from Consul; pending forever without Consul.
async fn told(configuration: &mut Option<WatchedConfig>) -> Option<String> {
    match configuration {
        Some(WatchedConfig { news: ConfigChanges::Consul(told), .. }) => told.recv().await,
        _ => None,
    }
}
