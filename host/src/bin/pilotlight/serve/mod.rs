mod blueprint;
mod consul;
mod document;
mod follow;
mod options;
mod settings;
mod telemetry;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::anyhow;
use pilotlight::{Admin, Host, Plan, Readiness, Server, Stage, Telemetry};
use tokio::sync::Notify;

use crate::stages::Stages;
use blueprint::{Backends, Blueprints};
pub(crate) use document::Document;
use follow::Follower;
pub(crate) use options::Options;
use settings::{Fixed, Served};
pub(crate) use telemetry::start as start_telemetry;

/// The configuration, where there is one.
pub(crate) fn read(options: &Options) -> anyhow::Result<Option<Document>> {
    match (&options.config, &options.consul) {
        (Some(path), _) => Document::of_file(path.clone(), options).map(Some),
        (None, Some(url)) => Document::of_consul(url, options).map(Some),
        (None, None) => Ok(None),
    }
}

pub(crate) fn run(
    options: Options,
    document: Option<Document>,
    telemetry: Telemetry,
) -> anyhow::Result<()> {
    let main = SystemTime::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(options, document, telemetry.clone(), main));
    // Whatever is still running has had its time.
    runtime.shutdown_background();
    telemetry::finish(&telemetry);
    result
}

async fn serve(
    options: Options,
    document: Option<Document>,
    telemetry: Telemetry,
    main: SystemTime,
) -> anyhow::Result<()> {
    if let Some(reason) = document.as_ref().and_then(|document| document.outdated.as_ref()) {
        tracing::warn!("{reason}; the configuration of last time is served, from the cache");
    }
    let config = document.as_ref().map(|document| document.parsed().config.clone());
    let config = config.unwrap_or_default();
    let fixed = Fixed::new(&options, &config)?;
    let served = match &document {
        Some(_) => Served::of_config(&config)?,
        None => Served::of_flags(&options)?,
    };
    let server = Server::bind(fixed.listen).await?;
    let admin = Server::bind(fixed.admin_listen).await?;
    let (address, admin_address) = (server.address(), admin.address());
    let readiness = Readiness::default();
    let drained = Arc::new(Notify::new());
    let (backends, blueprints) = (Arc::new(Backends::default()), Blueprints::default());
    blueprints.set(served.functions.clone());
    let mut service = Admin::new(readiness.clone());
    if admin_address.ip().is_loopback() {
        service = service.with_swaps(swaps(&blueprints, &backends));
    }
    let administration = tokio::spawn({
        let (service, drained) = (service.clone(), Arc::clone(&drained));
        async move { admin.serve(service, drained.notified(), Duration::ZERO).await }
    });
    let mut stop = std::pin::pin!(stop_signal()?);
    let stages = Arc::new(Stages::new());
    let begin = Instant::now();
    let host = Host::with_telemetry(fixed.cache.clone(), telemetry);
    let loading = load(&host, &served, &backends, &stages);
    tokio::select! {
        loaded = loading => loaded?,
        () = &mut stop => return Ok(()),
    }
    stages.end();
    if let Some(document) = &document {
        document.remember(&document.text);
    }
    service.started(host.clone(), main, begin.elapsed());
    readiness.set(true);
    let follower =
        Follower::new(host.clone(), (backends, blueprints), served, document, fixed.watch)?;
    tokio::spawn(follower.run());
    println!("serving on http://{address}, administration on http://{admin_address}");
    let shutdown = {
        let readiness = readiness.clone();
        async move {
            stop.await;
            readiness.set(false);
            eprintln!("stopping: finishing the requests in flight");
            tokio::spawn(exit_on_second_signal());
        }
    };
    if !server.serve(host, shutdown, fixed.drain).await {
        tracing::warn!("some requests took longer than the drain timeout and were cut off");
    }
    drained.notify_one();
    administration.await.map_err(|error| anyhow!("the administration broke off: {error}"))?;
    Ok(())
}

/// Loads all functions, one after the other, and sets the rules.
async fn load(
    host: &Host,
    served: &Served,
    backends: &Backends,
    stages: &Arc<Stages>,
) -> pilotlight::Result<()> {
    for (name, blueprint) in &served.functions {
        let new = blueprint.version(name, backends)?;
        let stages = Arc::clone(stages);
        let progress = move |stage: Stage| stages.begin(stage);
        host.deploy(name, new.source, new.options, progress).await?;
    }
    let unchanged = served.functions.keys().cloned().collect();
    let (rules, override_header) = (served.rules.clone(), served.override_header);
    host.apply(Plan { unchanged, rules, override_header, ..Plan::default() }).await
}

/// What the administration loads in the place of a function: another source, the rest the same.
fn swaps(
    blueprints: &Blueprints,
    backends: &Arc<Backends>,
) -> impl Fn(&str, &Path) -> pilotlight::Result<pilotlight::NewVersion> + Send + Sync + 'static {
    let (blueprints, backends) = (blueprints.clone(), Arc::clone(backends));
    move |name, path| blueprints.get(name)?.from(path).version(name, &backends)
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Somebody does not want to wait.
async fn exit_on_second_signal() {
    if let Ok(stop) = stop_signal() {
        stop.await;
        std::process::exit(130);
    }
}
