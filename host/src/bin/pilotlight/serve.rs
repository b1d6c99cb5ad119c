use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{anyhow, bail};
use clap::Args;
use pilotlight::{
    Admin, Cache, GRAPH_EXTENSION, Guest, Host, ModelCompute, Readiness, Server, Source,
};
use tokio::sync::Notify;

use crate::compute::{ComputeOptions, Place};
use crate::stages::Stages;

const DEFAULT_MODEL: &str = "models/pii-ner";

#[derive(Args)]
pub(crate) struct Options {
    /// Model folder or component [default: models/pii-ner]
    #[arg(value_name = "MODEL_DIR|FILE.wasm")]
    source: Option<PathBuf>,
    /// Where to serve the function
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where to serve /health, /ready and /status
    #[arg(long, default_value = "127.0.0.1:3001")]
    admin_listen: SocketAddr,
    /// Where to keep snapshots and machine code [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// Guest component to build a model folder with, instead of the one in this build
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    guest: Option<PathBuf>,
    /// Where the matrix work of a model folder is done; what a component wants is up to it
    #[arg(long, value_enum, default_value = "host")]
    compute: Place,
    #[command(flatten)]
    host: ComputeOptions,
    /// Graph that components may compute by its name, through wasi:nn [default: the one that
    /// `pilotlight build` wrote beside the component]
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_graph)]
    graph: Vec<(String, PathBuf)>,
    /// Let components load graphs that they bring along
    #[arg(long)]
    allow_guest_graphs: bool,
    /// Model folder for a component that is not pre-initialised
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Fewest instances kept ready; more when requests come in bursts
    #[arg(long, default_value_t = 4, value_name = "COUNT")]
    min_ready: u32,
    /// Most instances alive at once; further requests wait
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_instances: u32,
    /// Requests that an instance answers before it ends; 0 is no limit
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    requests_per_instance: u32,
    /// Requests that an instance answers at once, sharing its fate
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    concurrent_requests_per_instance: u32,
    /// Seconds after which instances that nobody needed are not kept ready any more
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle_shrink: u64,
    /// Longest time for a request, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    request_timeout: u64,
    /// Longest time to finish requests in flight when stopped, in seconds
    #[arg(long, default_value_t = 30)]
    drain_timeout: u64,
    /// Tell in a `server-timing` header where the time of each request went
    #[arg(long)]
    server_timing: bool,
    /// Read model and cached files again and compare their digests, instead of trusting their
    /// sizes and times
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let main = SystemTime::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(options, main));
    // Whatever is still running has had its time.
    runtime.shutdown_background();
    result
}

async fn serve(options: Options, main: SystemTime) -> anyhow::Result<()> {
    let (source, function_options) = load_options(&options)?;
    let cache = Cache::open(options.cache_dir)?;
    let cache = if options.verify { cache.verifying() } else { cache };
    let server = Server::bind(options.listen).await?;
    let admin = Server::bind(options.admin_listen).await?;
    let (address, admin_address) = (server.address(), admin.address());
    let readiness = Readiness::default();
    let drained = Arc::new(Notify::new());
    let service = Admin::new(readiness.clone());
    let administration = tokio::spawn({
        let (service, drained) = (service.clone(), Arc::clone(&drained));
        async move { admin.serve(service, drained.notified(), Duration::ZERO).await }
    });
    let mut stop = std::pin::pin!(stop_signal()?);
    let stages = Arc::new(Stages::new());
    let begin = Instant::now();
    let loading = Host::load(source, function_options, cache, {
        let stages = Arc::clone(&stages);
        move |stage| stages.begin(stage)
    });
    let host = tokio::select! {
        host = loading => host,
        () = &mut stop => return Ok(()),
    };
    stages.end();
    let host = host?;
    service.started(host.clone(), main, begin.elapsed());
    readiness.set(true);
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
    let drain = Duration::from_secs(options.drain_timeout);
    if !server.serve(host, shutdown, drain).await {
        tracing::warn!("some requests took longer than --drain-timeout and were cut off");
    }
    drained.notify_one();
    administration.await.map_err(|error| anyhow!("the administration broke off: {error}"))?;
    Ok(())
}

fn function_options(options: &Options) -> pilotlight::Options {
    let mut function = pilotlight::Options::default();
    function.min_ready = options.min_ready;
    function.max_instances = options.max_instances;
    function.requests_per_instance = options.requests_per_instance;
    function.concurrent_requests_per_instance = options.concurrent_requests_per_instance;
    function.idle_shrink = Duration::from_secs(options.idle_shrink);
    function.request_timeout = Duration::from_secs(options.request_timeout);
    function.server_timing = options.server_timing;
    function.model.clone_from(&options.model);
    function
}

/// What to serve, and how; starts the backend if something is computed on the host.
fn load_options(options: &Options) -> anyhow::Result<(Source, pilotlight::Options)> {
    let path = options.source.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_MODEL));
    if options.source.is_none() && !path.is_dir() {
        bail!("there is no {DEFAULT_MODEL} here; name a model folder or a component");
    }
    if path.is_dir() && options.model.is_some() {
        bail!("--model is for components; {} is a model folder itself", path.display());
    }
    let mut function = function_options(options);
    let compute = on_host(options, &path).then(|| options.host.start()).transpose()?;
    if let Some(compute) = &compute {
        for (name, file) in &options.graph {
            let io = |source| pilotlight::Error::Io { path: file.clone(), source };
            let bytes = std::fs::read(file).map_err(io)?;
            compute.graphs.load(name, bytes, compute.options)?;
        }
        function.graphs = Some(Arc::clone(&compute.graphs));
        function.graph = compute.options;
        function.guest_graphs = options.allow_guest_graphs;
    }
    if !path.is_dir() {
        return Ok((Source::Component(path), function));
    }
    let guest = Guest::open(options.guest.as_deref(), options.compute.into())?;
    let in_guest = || ModelCompute::Guest(options.host.precision());
    let compute = compute.map_or_else(in_guest, ModelCompute::Host);
    Ok((Source::Model { folder: path, guest, compute }, function))
}

/// Whether a backend is wanted: a component that computes in the sandbox starts without one.
fn on_host(options: &Options, path: &Path) -> bool {
    if path.is_dir() {
        return options.compute == Place::Host;
    }
    let beside = path.with_extension(GRAPH_EXTENSION);
    !options.graph.is_empty() || options.allow_guest_graphs || beside.is_file()
}

fn parse_graph(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write NAME=FILE".to_owned()),
    }
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
