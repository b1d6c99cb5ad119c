//! `pilotlight serve`: options or configuration become functions, routes and listeners, which reloads update.
//! Used by `main` and `pilotlight cache warm`.

mod blueprint;
mod consul;
mod document;
mod follow;
mod http;
mod listeners;
mod options;
mod sessions;
mod settings;
mod sources;
mod stop;
mod supervisor;
mod tags;
mod telemetry;
mod values;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use pilotlight::{Admin, Cache, Host, Plan, Readiness, Server, Stage, Telemetry};
use pilotlight_inference::scheduling::prefer_latency;
use pilotlight_model::Digest;

use crate::stages::Stages;
use blueprint::{Backends, Blueprints};
pub(crate) use document::Document;
use follow::{Follower, WatchedConfig};
use listeners::Listeners;
pub(crate) use options::ServeArgs;
use settings::{Fixed, Served};
use sources::Sources;
pub(crate) use telemetry::{Started, start as start_telemetry};

/// Number of polled tasks after which sockets and timers are checked while tasks are ready. Polling
/// a guest takes milliseconds: after Tokio's default of 61, requests would be accepted late and
/// deadlines missed.
const EVENT_INTERVAL: u32 = 4;

/// The configuration, if there is one.
pub(crate) fn read(options: &ServeArgs) -> anyhow::Result<Option<Document>> {
    match (&options.config, &options.consul) {
        (Some(path), _) => Document::of_file(path.clone(), options).map(Some),
        (None, Some(url)) => Document::of_consul(url, options).map(Some),
        (None, None) => Ok(None),
    }
}

pub(crate) fn run(
    options: ServeArgs,
    document: Option<Document>,
    telemetry: Telemetry,
) -> anyhow::Result<()> {
    let main = SystemTime::now();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .on_thread_start(prefer_latency)
        .build()?;
    let served = runtime.block_on(serve(options, document, telemetry.clone(), main));
    // Whatever is still running has had its time.
    runtime.shutdown_background();
    telemetry::finish(&telemetry);
    served.map(drop)
}

/// Fills the cache for `serve`; returns the digests of the functions' components.
pub(crate) fn warm(
    options: &ServeArgs,
    document: Option<Document>,
) -> anyhow::Result<BTreeMap<String, Digest>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let warmed = runtime.block_on(async {
        let config = document.map(|document| document.parsed().config.clone());
        let served = match &config {
            Some(config) => Served::of_config(config)?,
            None => Served::of_flags(options)?,
        };
        let cache = settings::cache(options, &config.unwrap_or_default())?;
        let host = Host::new(cache.clone());
        let stages = Arc::new(Stages::new());
        let loading = load_all(&host, &served, &Arc::default(), &stages).await;
        stages.end();
        loading?;
        let functions = host.functions().into_iter();
        let functions = functions.map(|function| (function.name, function.current.sha256));
        cache.evict()?;
        anyhow::Ok(functions.collect())
    });
    runtime.shutdown_background();
    warmed
}

/// Returns the host once it has ended, because the counters of its versions are dropped with it.
async fn serve(
    options: ServeArgs,
    document: Option<Document>,
    telemetry: Telemetry,
    main: SystemTime,
) -> anyhow::Result<Host> {
    if let Some(reason) = document.as_ref().and_then(|document| document.outdated.as_ref()) {
        tracing::warn!("{reason}; the last valid configuration is served from the cache");
    }
    let starting = Starting::new(&options, document, &telemetry, main)?;
    let host = starting.host.clone();
    let listeners = Listeners::bind(&starting.fixed, &telemetry).await?;
    let Listeners { functions, administration } = listeners;
    let admin = starting.admin();
    let administered = administration.describe();
    let answering = administration.answer(&admin);
    let ended = starting.run(functions, &admin, &administered).await;
    answering.end().await?;
    ended.map(|()| host)
}

/// A server that has loaded nothing yet.
struct Starting {
    host: Host,
    fixed: Fixed,
    served: Served,
    followed: Option<WatchedConfig>,
    backends: Arc<Backends>,
    blueprints: Blueprints,
    readiness: Readiness,
    main: SystemTime,
}

impl Starting {
    fn new(
        options: &ServeArgs,
        document: Option<Document>,
        telemetry: &Telemetry,
        main: SystemTime,
    ) -> anyhow::Result<Self> {
        let config = document.as_ref().map(|document| document.parsed().config.clone());
        let config = config.unwrap_or_default();
        let fixed = Fixed::new(options, &config)?;
        let served = match &document {
            Some(_) => Served::of_config(&config)?,
            None => Served::of_flags(options)?,
        };
        let followed =
            document.map(|document| WatchedConfig::new(document, fixed.watch)).transpose()?;
        let blueprints = Blueprints::default();
        blueprints.set(served.functions.clone());
        let host = Host::with_telemetry(fixed.cache.clone(), telemetry.clone());
        let (backends, readiness) = (Arc::default(), Readiness::default());
        Ok(Self { host, fixed, served, followed, backends, blueprints, readiness, main })
    }

    /// The administration, which answers before anything is loaded.
    fn admin(&self) -> Admin {
        let admin = Admin::new(self.readiness.clone());
        let admin = admin.with_swaps(swaps(&self.blueprints, &self.backends, self.host.cache()));
        let limits = &self.fixed.admin;
        admin.with_upload_limits(limits.max_upload_bytes, limits.upload_timeout)
    }

    /// Loads the functions and serves them until the process is asked to stop.
    async fn run(
        mut self,
        functions: Server,
        admin: &Admin,
        administered: &str,
    ) -> anyhow::Result<()> {
        let mut stop = std::pin::pin!(stop::asked()?);
        let begin = Instant::now();
        let sources = tokio::select! {
            sources = self.load() => sources?,
            () = &mut stop => return Ok(()),
        };
        let Self { host, fixed, served, followed, backends, blueprints, readiness, main } = self;
        admin.started(host.clone(), main, begin.elapsed());
        readiness.set(true);
        supervisor::ready();
        let (parts, made) = ((backends, blueprints), (served, sources));
        let follower = Follower::new(host.clone(), parts, made, followed, fixed.watch)?;
        tokio::spawn(follower.run());
        if let Some(tls) = fixed.tls.clone() {
            tokio::spawn(listeners::follow(tls));
        }
        println!("serving on {}, {administered}", functions.url());
        let service = host.service(&fixed.limits, fixed.cors.clone())?;
        let shutdown = async {
            stop.await;
            supervisor::stopping();
            stop::prepare(readiness.clone(), fixed.drain_delay).await;
        };
        if !functions.serve(service, shutdown, fixed.drain).await {
            tracing::warn!("requests that exceeded the drain timeout were aborted");
        }
        Ok(())
    }

    /// Loads the configuration, or the last valid one if that fails; returns the files that functions
    /// were loaded from.
    async fn load(&mut self) -> anyhow::Result<Sources> {
        let stages = Arc::new(Stages::new());
        // Known before they are read: what changes meanwhile is noticed afterwards.
        let mut sources = Sources::default().of(&self.served.functions);
        let loaded = load_all(&self.host, &self.served, &self.backends, &stages).await;
        if let Err(error) = loaded {
            let followed = self.followed.as_mut();
            let last = followed.map(|followed| followed.fall_back(&error.to_string()));
            let Some(last) = last.transpose()?.flatten() else { return Err(error.into()) };
            self.served = last;
            self.blueprints.set(self.served.functions.clone());
            sources = Sources::default().of(&self.served.functions);
            load_all(&self.host, &self.served, &self.backends, &stages).await?;
        }
        stages.end();
        if let Some(followed) = &self.followed {
            followed.loaded();
        }
        Ok(sources)
    }
}

/// Loads all functions one after the other, and sets the routes.
async fn load_all(
    host: &Host,
    served: &Served,
    backends: &Arc<Backends>,
    stages: &Arc<Stages>,
) -> pilotlight::Result<()> {
    for (name, blueprint) in &served.functions {
        let new = blueprint.clone().planned(name, backends, host.cache()).await?;
        let stages = Arc::clone(stages);
        let progress = move |stage: Stage| stages.begin(stage);
        host.deploy(name, new.source, new.options, progress).await?;
    }
    let unchanged = served.functions.keys().cloned().collect();
    host.apply(Plan { unchanged, ..served.plan() }).await
}

/// Plans versions from other sources for the administration API, with all other options unchanged.
fn swaps(
    blueprints: &Blueprints,
    backends: &Arc<Backends>,
    cache: &Cache,
) -> impl Fn(&str, &Path) -> pilotlight::Result<pilotlight::NewVersion> + Send + Sync + 'static {
    let (blueprints, backends) = (blueprints.clone(), Arc::clone(backends));
    let cache = cache.clone();
    move |name, path| blueprints.get(name)?.from(path).version(name, &backends, &cache)
}
