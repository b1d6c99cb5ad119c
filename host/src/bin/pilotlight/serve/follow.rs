//! Changes while serving: of the configuration, and of what functions are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilotlight::{Host, Look, Watch};
use pilotlight_config::{Config, Consul, FileWatch, INTERVAL};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use super::blueprint::{Backends, Blueprint, Blueprints};
use super::consul;
use super::document::Document;
use super::settings::Served;
use crate::origin::Origin;

/// Has a host serve what files or Consul say, whenever they say something else.
pub(super) struct Follower {
    host: Host,
    backends: Arc<Backends>,
    /// What the administration goes by.
    blueprints: Blueprints,
    served: Served,
    configuration: Option<Followed>,
    /// Whether files are looked at without being asked to.
    watch: bool,
    sources: BTreeMap<String, Watch>,
    hangup: Signal,
}

struct Followed {
    document: Document,
    news: News,
    /// What is served; behind what was read last if that could not be loaded.
    applied: Config,
}

/// Says when a configuration is another.
enum News {
    None,
    File(FileWatch),
    Consul(Receiver<String>),
}

impl Follower {
    pub(super) fn new(
        host: Host,
        (backends, blueprints): (Arc<Backends>, Blueprints),
        served: Served,
        document: Option<Document>,
        watch: bool,
    ) -> anyhow::Result<Self> {
        let configuration = document.map(|document| Followed::new(document, watch)).transpose()?;
        let sources = BTreeMap::new();
        // From here on it does not end the process any more.
        let hangup = signal(SignalKind::hangup())?;
        let mut follower =
            Self { host, backends, blueprints, served, configuration, watch, sources, hangup };
        follower.watch_sources();
        Ok(follower)
    }

    /// Follows for as long as the process runs.
    pub(super) async fn run(mut self) {
        let mut looks = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                _ = looks.tick(), if self.watch => self.look().await,
                Some(text) = told(&mut self.configuration) => self.offer(&text).await,
                _ = self.hangup.recv() => self.read_again().await,
            }
        }
    }

    async fn look(&mut self) {
        if let Some(Followed { news: News::File(watch), .. }) = &mut self.configuration {
            match watch.poll() {
                Some(Ok(text)) => self.offer(&text).await,
                Some(Err(error)) => tracing::warn!("{error}"),
                None => {}
            }
        }
        self.host.look(Look::Now);
        let changed =
            self.sources.iter_mut().filter_map(|(name, watch)| watch.look().then(|| name.clone()));
        for name in changed.collect::<Vec<_>>() {
            self.swap(&name).await;
        }
    }

    /// Reads the configuration and loads every function that is made from something else now.
    async fn read_again(&mut self) {
        tracing::info!("reading again what is served");
        if let Some(followed) = &self.configuration {
            let origin = followed.document.origin.clone();
            match tokio::task::spawn_blocking(move || origin.read()).await {
                Ok(Ok(text)) => self.offer(&text).await,
                Ok(Err(error)) => tracing::warn!("{error:#}; the configuration stays as it was"),
                Err(error) => tracing::error!(%error, "reading the configuration broke off"),
            }
        }
        self.host.look(Look::Whole);
        for name in self.served.functions.keys().cloned().collect::<Vec<_>>() {
            let watch = self.sources.get_mut(&name);
            if watch.is_some_and(Watch::has_changed) {
                self.swap(&name).await;
            }
        }
    }

    async fn swap(&mut self, name: &str) {
        let Some(blueprint) = self.served.functions.get(name) else { return };
        let swapped = match self.planned(name, blueprint.clone()).await {
            Ok(new) => self.host.swap(name, new.source, new.options, |_| {}).await,
            Err(error) => Err(error),
        };
        if let Err(error) = swapped {
            tracing::warn!(function = name, %error, "it has changed, and does not serve");
        }
    }

    async fn offer(&mut self, text: &str) {
        let Some(followed) = &mut self.configuration else { return };
        if let Err(mistakes) = followed.document.current.offer(text) {
            tracing::error!("the configuration stays as it was:\n{mistakes}");
            return;
        }
        let config = followed.document.parsed().config.clone();
        if config == followed.applied {
            return;
        }
        for key in followed.applied.fixed_changes(&config) {
            tracing::warn!(key, "takes effect at the next start");
        }
        match self.apply(&config).await {
            Ok(served) => {
                self.blueprints.set(served.functions.clone());
                self.served = served;
                if let Some(followed) = &mut self.configuration {
                    followed.applied = config;
                    followed.document.remember(text);
                }
                self.watch_sources();
                tracing::info!("the configuration has been changed");
            }
            Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
        }
    }

    async fn apply(&self, config: &Config) -> anyhow::Result<Served> {
        let served = Served::of_config(config)?;
        let mut plan = served.plan();
        let before = self.configuration.as_ref().map(|followed| &followed.applied);
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
        Ok(served)
    }

    /// Reads files and may start a backend, off the threads that answer.
    async fn planned(
        &self,
        name: &str,
        blueprint: Blueprint,
    ) -> pilotlight::Result<pilotlight::NewVersion> {
        let (name, backends) = (name.to_owned(), Arc::clone(&self.backends));
        let planned =
            tokio::task::spawn_blocking(move || blueprint.version(&name, &backends)).await;
        planned.map_err(|error| pilotlight::Error::Initialiser(error.to_string()))?
    }

    fn watch_sources(&mut self) {
        let names: BTreeSet<&String> = self.served.functions.keys().collect();
        self.sources.retain(|name, _| names.contains(name));
        for (name, blueprint) in &self.served.functions {
            let known = self.sources.get(name).is_some_and(|watch| watch.is_of(&blueprint.source));
            if !known {
                self.sources.insert(name.clone(), Watch::new(&blueprint.source));
            }
        }
    }
}

impl Followed {
    fn new(document: Document, watch: bool) -> anyhow::Result<Self> {
        let news = match &document.origin {
            _ if !watch => News::None,
            Origin::File(path) => News::File(FileWatch::new(path, document.text.clone())),
            Origin::Consul { options, .. } => {
                let away = document.outdated.is_some();
                News::Consul(consul::follow(Consul::new(options.clone())?, away)?)
            }
        };
        Ok(Self { applied: document.parsed().config.clone(), document, news })
    }
}

/// What Consul tells next; nothing, ever, where nobody asks it.
async fn told(configuration: &mut Option<Followed>) -> Option<String> {
    match configuration {
        Some(Followed { news: News::Consul(told), .. }) => told.recv().await,
        _ => None,
    }
}
