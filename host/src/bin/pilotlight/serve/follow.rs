//! Changes while serving: of the configuration, and of what functions are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilotlight::{Host, Plan, Watch};
use pilotlight_config::{Config, FileWatch, INTERVAL};
use tokio::signal::unix::{SignalKind, signal};

use super::blueprint::{Backends, Blueprint, Blueprints};
use super::settings::{File, Served};

/// Has a host serve what files say, whenever they say something else.
pub(super) struct Follower {
    host: Host,
    backends: Arc<Backends>,
    /// What the administration goes by.
    blueprints: Blueprints,
    served: Served,
    file: Option<Followed>,
    /// Whether files are looked at without being asked to.
    watch: bool,
    sources: BTreeMap<String, Watch>,
}

struct Followed {
    file: File,
    watch: FileWatch,
    /// What is served; behind what the file says if that could not be loaded.
    applied: Config,
}

impl Follower {
    pub(super) fn new(
        host: Host,
        (backends, blueprints): (Arc<Backends>, Blueprints),
        served: Served,
        file: Option<File>,
        watch: bool,
    ) -> Self {
        let file = file.map(|file| Followed {
            watch: FileWatch::new(&file.path, file.text.clone()),
            applied: file.parsed().config.clone(),
            file,
        });
        let mut follower =
            Self { host, backends, blueprints, served, file, watch, sources: BTreeMap::new() };
        follower.watch_sources();
        follower
    }

    /// Follows for as long as the process runs.
    pub(super) async fn run(mut self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut looks = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                _ = looks.tick(), if self.watch => self.look().await,
                _ = hangup.recv() => self.read_again().await,
            }
        }
    }

    async fn look(&mut self) {
        let news = self.file.as_mut().and_then(|followed| followed.watch.poll());
        match news {
            Some(Ok(text)) => self.offer(&text).await,
            Some(Err(error)) => tracing::warn!("{error}"),
            None => {}
        }
        let changed =
            self.sources.iter_mut().filter_map(|(name, watch)| watch.look().then(|| name.clone()));
        for name in changed.collect::<Vec<_>>() {
            self.swap(&name).await;
        }
    }

    /// Reads the configuration and loads every function that is made from something else now.
    async fn read_again(&mut self) {
        tracing::info!("reading again what is served");
        let read = self.file.as_ref().map(|followed| std::fs::read_to_string(&followed.file.path));
        match read {
            Some(Ok(text)) => self.offer(&text).await,
            Some(Err(error)) => tracing::warn!(%error, "the configuration cannot be read"),
            None => {}
        }
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
        let Some(followed) = &mut self.file else { return };
        if let Err(mistakes) = followed.file.current.offer(text) {
            tracing::error!("the configuration stays as it was:\n{mistakes}");
            return;
        }
        let config = followed.file.parsed().config.clone();
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
                if let Some(followed) = &mut self.file {
                    followed.applied = config;
                }
                self.watch_sources();
                tracing::info!("the configuration has been changed");
            }
            Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
        }
    }

    async fn apply(&self, config: &Config) -> anyhow::Result<Served> {
        let served = Served::of_config(config)?;
        let mut plan = Plan::default();
        let before = self.file.as_ref().map(|followed| &followed.applied);
        for (name, blueprint) in &served.functions {
            let same = before.is_some_and(|before| {
                before.functions.get(name) == config.functions.get(name)
                    && before.telemetry == config.telemetry
                    && (before.require, &before.keys) == (config.require, &config.keys)
            });
            match same {
                true => drop(plan.unchanged.insert(name.clone())),
                false => plan.versions.push(self.planned(name, blueprint.clone()).await?),
            }
        }
        plan.rules.clone_from(&served.rules);
        plan.override_header = served.override_header;
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
