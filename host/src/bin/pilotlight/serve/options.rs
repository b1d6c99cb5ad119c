use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::http::HttpOptions;
use super::sessions::SessionArgs;
use super::values::{parse_seconds, parse_size};
use crate::compute::{ComputeOptions, Place};
use crate::model::ModelChoices;

/// Where a configuration can come from.
const CONFIGURATION: &str = "configuration";
/// Flags whose keys it has.
const SAID_THERE: [&str; 66] = [
    "source",
    "task",
    "onnx_file",
    "compute",
    "backend",
    "device",
    "isolate_backend",
    "isolate_timeout",
    "compute_threads",
    "precision",
    "pad_to_multiple_of",
    "cpu",
    "max_batch",
    "max_batch_tokens",
    "batch_rows",
    "max_wait",
    "graph_concurrency",
    "graph_queue",
    "graph",
    "allow_guest_graphs",
    "fine_clocks",
    "model",
    "min_ready",
    "max_instances",
    "requests_per_instance",
    "concurrent_requests_per_instance",
    "idle_shrink",
    "request_timeout",
    "cpu_time",
    "memory_limit",
    "concurrent_requests",
    "queue",
    "queue_deadline",
    "server_timing",
    "max_sessions",
    "session_idle",
    "session_behind",
    "session_length",
    "session_patience",
    "require",
    "keys",
    "drain_timeout",
    "drain_delay",
    "tls_certificate",
    "tls_key",
    "header_timeout",
    "body_timeout",
    "body_deadline",
    "body_rate",
    "idle_timeout",
    "write_timeout",
    "max_header_bytes",
    "max_headers",
    "max_body_bytes",
    "body_memory",
    "body_memory_per_address",
    "stream_bodies",
    "max_connections",
    "max_connections_per_address",
    "trusted_proxies",
    "forwarded_header",
    "proxy_protocol",
    "max_streams",
    "cors_allow_origin",
    "max_resets",
    "watch",
];

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Model folder, component, or model on Hugging Face's Hub [default: models/pii-ner]
    #[arg(value_name = "MODEL_DIR|FILE.wasm|hf:ORG/NAME[@REVISION]")]
    pub(super) source: Option<PathBuf>,
    /// Functions, routes and everything else in a file, which is followed while serving; flags that
    /// it could say do not go with it, but --set does
    #[arg(long, value_name = "FILE", group = CONFIGURATION, conflicts_with_all = SAID_THERE)]
    pub(super) config: Option<PathBuf>,
    /// The same in a key of Consul's, http[s]://HOST:PORT/v1/kv/KEY, read with the token in
    /// CONSUL_HTTP_TOKEN; what it said last is kept in the cache folder for starts without Consul
    #[arg(long, value_name = "URL", group = CONFIGURATION, conflicts_with_all = SAID_THERE)]
    pub(super) consul: Option<String>,
    /// Which of the environments in the configuration is meant; or PILOTLIGHT_ENV
    #[arg(long, value_name = "NAME", requires = CONFIGURATION)]
    pub(super) env: Option<String>,
    /// Set a key of the configuration, such as functions.ner.pool.min-ready=8
    #[arg(long, value_name = "KEY=VALUE", requires = CONFIGURATION)]
    pub(super) set: Vec<String>,
    /// Where to serve the functions [default: 127.0.0.1:3000]
    #[arg(long)]
    pub(super) listen: Option<SocketAddr>,
    /// Address for probes and metrics: /health, /ready and, if it is local, /metrics; with
    /// --admin-token-file for the rest of the administration, too [default: 127.0.0.1:3001, or none if
    /// there is an --admin-socket]
    #[arg(long)]
    pub(super) admin_listen: Option<SocketAddr>,
    /// Unix socket for all of the administration: probes, metrics, /status, /routes and /functions, for
    /// this user only [default: pilotlight/admin.sock in $XDG_RUNTIME_DIR, /run or the user's cache
    /// folder; admin-PORT.sock if the functions are not at port 3000]
    #[arg(long, value_name = "PATH")]
    pub(super) admin_socket: Option<PathBuf>,
    /// Token that is asked for at both, but for /health and /ready; the only line of a file
    #[arg(long, value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Largest component that may be sent to the administration (`swap --upload`): bytes, or a number
    /// and KiB, MiB or GiB; beyond that 413 [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_upload_size)]
    pub(super) max_upload_bytes: Option<u64>,
    /// Longest time for that, in seconds [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) upload_timeout: Option<u64>,
    #[command(flatten)]
    pub(super) http: HttpOptions,
    /// OpenTelemetry collector (OTLP over HTTP) that gets traces, metrics and the log; a tenth of
    /// the traces that begin here is recorded, unless a configuration says otherwise; without it,
    /// and without a configuration that names one, OTEL_EXPORTER_OTLP_ENDPOINT counts
    #[arg(long, value_name = "URL")]
    pub(super) otlp: Option<String>,
    /// Where to keep snapshots and machine code [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// How much of the disk they may take: bytes, or a number and KiB, MiB or GiB; what was used
    /// least recently goes first, and what is in use stays [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) cache_size: Option<u64>,
    /// Guest component to build a model folder with, instead of the one in this build
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    pub(super) guest: Option<PathBuf>,
    #[command(flatten)]
    pub(super) choices: ModelChoices,
    /// Where the matrix work of a model folder is done; what a component wants is up to it
    #[arg(long, value_enum, default_value = "host")]
    pub(super) compute: Place,
    #[command(flatten)]
    pub(super) host: ComputeOptions,
    /// Graph that components may compute by its name, through wasi:nn [default: the one that
    /// `pilotlight build` wrote beside the component]
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_graph)]
    pub(super) graph: Vec<(String, PathBuf)>,
    /// What components have to show before they are served: digest (that they are what `build`
    /// sealed) or signature (by one of the keys)
    #[arg(long, value_name = "digest|signature", value_parser = ["none", "digest", "signature"], default_value = "none")]
    pub(super) require: String,
    /// Public key (PEM) that signatures are checked with
    #[arg(long = "key", value_name = "FILE")]
    pub(super) keys: Vec<PathBuf>,
    /// Let components load graphs that they bring along
    #[arg(long)]
    pub(super) allow_guest_graphs: bool,
    /// Let components see clocks to the nanosecond, instead of to a tenth of a millisecond
    #[arg(long)]
    pub(super) fine_clocks: bool,
    /// Model folder for a component that is not pre-initialized
    #[arg(long, value_name = "DIR")]
    pub(super) model: Option<PathBuf>,
    /// Fewest instances kept ready; more when requests come in bursts; at most --max-instances
    /// [default: 4, or --max-instances if that is less]
    #[arg(long, value_name = "COUNT")]
    pub(super) min_ready: Option<u32>,
    /// Most instances alive at once; further requests wait
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) max_instances: u32,
    /// Requests that an instance answers before it ends; 0 is no limit
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(super) requests_per_instance: u32,
    /// Requests that an instance answers at once, sharing its fate; a further one starts while the
    /// instance waits, not while it computes
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(super) concurrent_requests_per_instance: u32,
    /// Seconds after which instances that nobody needed are not kept ready any more
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) idle_shrink: u64,
    /// Longest time for a request, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) request_timeout: u64,
    /// Most processor time for a request, in seconds [default: --request-timeout is all that ends it]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(super) cpu_time: Option<Duration>,
    /// Most memory that an instance may have: bytes, or a number and KiB, MiB or GiB
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = parse_size)]
    pub(super) memory_limit: u64,
    /// Requests that are worked on at once; further ones wait [default: two for each core where a
    /// model computes in the sandbox, as many as there may be instances for elsewhere]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(super) concurrent_requests: Option<u32>,
    /// Most requests that wait; further ones are answered 503
    #[arg(long, default_value_t = 256, value_name = "COUNT")]
    pub(super) queue: u32,
    /// Longest time that a request waits, in seconds; it is answered 503 at once if it is going to
    /// be longer
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(super) queue_deadline: Duration,
    #[command(flatten)]
    pub(super) sessions: SessionArgs,
    /// Longest time to finish requests in flight when stopped, in seconds
    #[arg(long, default_value_t = 30)]
    pub(super) drain_timeout: u64,
    /// Time between being not ready and taking no more requests when stopped, in seconds: for load
    /// balancers to notice [default: 5 if `--listen` is not a loopback address, otherwise 0]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=28_800))]
    pub(super) drain_delay: Option<u64>,
    /// Have a component, model folder or graph that has been changed take over by itself; a complete
    /// `model.toml` says when a folder has
    #[arg(long)]
    pub(super) watch: bool,
    /// Tell in a `server-timing` header where the time of each request went
    #[arg(long)]
    pub(super) server_timing: bool,
    /// Read model and cached files again and compare their digests, instead of trusting their
    /// sizes and times
    #[arg(long)]
    pub(super) verify: bool,
}

impl ServeArgs {
    /// Whether a configuration says what is served.
    pub(super) fn is_configured(&self) -> bool {
        self.config.is_some() || self.consul.is_some()
    }

    /// How a function is run.
    pub(super) fn function(&self) -> pilotlight::FunctionOptions {
        let mut function = pilotlight::FunctionOptions::default();
        function.pool.min_ready = self.min_ready.unwrap_or(function.pool.min_ready);
        function.pool.max_instances = self.max_instances;
        function.pool.requests_per_instance = self.requests_per_instance;
        function.pool.concurrent_requests_per_instance = self.concurrent_requests_per_instance;
        function.pool.idle_shrink = Duration::from_secs(self.idle_shrink);
        function.request_timeout = Duration::from_secs(self.request_timeout);
        function.instance.cpu_time = self.cpu_time;
        function.instance.memory_limit = usize::try_from(self.memory_limit).unwrap_or(usize::MAX);
        let body = self.http.limits().max_body_bytes;
        function.body_limit = usize::try_from(body).unwrap_or(usize::MAX);
        function.concurrent_requests = self.concurrent_requests;
        function.queue = self.queue;
        function.queue_deadline = self.queue_deadline;
        function.server_timing = self.server_timing;
        self.sessions.apply(&mut function);
        function.instance.guest_graphs = self.allow_guest_graphs;
        function.instance.fine_clocks = self.fine_clocks;
        function.instance.graph = self.host.graph_options();
        function.instance.model.clone_from(&self.model);
        function
    }
}

/// From one KiB to a TiB.
fn parse_upload_size(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    let fits = (1 << 10..=1 << 40).contains(&bytes);
    fits.then_some(bytes).ok_or_else(|| "must be 1KiB to 1024GiB".to_owned())
}

fn parse_graph(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write NAME=FILE".to_owned()),
    }
}
