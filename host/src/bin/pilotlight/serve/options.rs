use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::http::HttpOptions;
use super::sessions::SessionArgs;
use super::values::parse_size;
use crate::compute::{ComputeOptions, Place, parse_seconds};
use crate::model::ModelChoices;

/// Group of the flags that name a configuration.
const CONFIGURATION: &str = "configuration";
/// Flags that have a key in the configuration, and are errors together with one.
const SAID_THERE: [&str; 68] = [
    "source",
    "poll_interval",
    "task",
    "onnx_file",
    "model_name",
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
    /// Model folder, component, model on Hugging Face's Hub, or component in an OCI registry
    /// (oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]) to serve [default: models/pii-ner]
    #[arg(value_name = "MODEL_DIR|FILE.wasm|hf:ORG/NAME[@REVISION]|oci://REFERENCE")]
    pub(super) source: Option<PathBuf>,
    /// Interval in seconds at which the registry is asked what the tag of an oci:// reference names.
    /// When the tag moves, the component that it then names is deployed [default: the tag is not
    /// followed]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) poll_interval: Option<u64>,
    /// Configuration file with functions, routes and all other keys; it is reloaded when it
    /// changes. Flags that have a key in the file are errors: use --set instead
    #[arg(long, value_name = "FILE", group = CONFIGURATION, conflicts_with_all = SAID_THERE)]
    pub(super) config: Option<PathBuf>,
    /// Configuration in a Consul key, http[s]://HOST:PORT/v1/kv/KEY, read with the token in
    /// CONSUL_HTTP_TOKEN. The last valid configuration is kept in the cache folder for starts
    /// without Consul
    #[arg(long, value_name = "URL", group = CONFIGURATION, conflicts_with_all = SAID_THERE)]
    pub(super) consul: Option<String>,
    /// Environment: section [env.NAME] of the configuration [default: PILOTLIGHT_ENV]
    #[arg(long, value_name = "NAME", requires = CONFIGURATION)]
    pub(super) env: Option<String>,
    /// Value of a key of the configuration, such as functions.ner.pool.min-ready=8; can be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = CONFIGURATION)]
    pub(super) set: Vec<String>,
    /// Address on which the functions are served [default: 127.0.0.1:3000]
    #[arg(long)]
    pub(super) listen: Option<SocketAddr>,
    /// TCP address of the administration API: /health, /ready and /metrics/load, also /metrics if the
    /// address is local, and with --admin-token-file the whole API [default: 127.0.0.1:3001, or none
    /// with --admin-socket]
    #[arg(long)]
    pub(super) admin_listen: Option<SocketAddr>,
    /// Unix socket of the whole administration API (probes, metrics, /status, /routes and
    /// /functions), accessible to this user only [default: pilotlight/admin.sock in
    /// $XDG_RUNTIME_DIR, /run or the user's cache folder; admin-PORT.sock if the functions are not
    /// on port 3000]
    #[arg(long, value_name = "PATH")]
    pub(super) admin_socket: Option<PathBuf>,
    /// File with the token of the administration API, on a single line. Every path but
    /// /health, /ready and /metrics/load then requires the token, on the socket and the TCP address
    #[arg(long, value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Maximum size of a component that is uploaded to the administration API (swap --upload):
    /// bytes, or a number and KiB, MiB or GiB. Larger ones are answered with 413 [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_upload_size)]
    pub(super) max_upload_bytes: Option<u64>,
    /// Maximum time of such an upload, in seconds [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) upload_timeout: Option<u64>,
    #[command(flatten)]
    pub(super) http: HttpOptions,
    /// OpenTelemetry collector (OTLP over HTTP) that receives traces, metrics and logs. A tenth of
    /// the traces that begin here is recorded, unless the configuration sets telemetry.otlp.sample
    /// [default: the collector of the configuration, or OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(super) otlp: Option<String>,
    /// Folder of the compilation cache (snapshots and machine code) and of fetched models [default:
    /// the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Maximum disk space of the cache: bytes, or a number and KiB, MiB or GiB. The least recently
    /// used entries are evicted first; entries in use are never evicted [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) cache_size: Option<u64>,
    /// Guest component with which a model folder is built, instead of the one in this program
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    pub(super) guest: Option<PathBuf>,
    #[command(flatten)]
    pub(super) choices: ModelChoices,
    /// Where inference for a model folder runs; a component determines this itself
    #[arg(long, value_enum, default_value = "host")]
    pub(super) compute: Place,
    #[command(flatten)]
    pub(super) host: ComputeOptions,
    /// Graph that components can load by its name through wasi:nn; can be repeated [default: the
    /// graph that `pilotlight build` wrote beside the component]
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_graph)]
    pub(super) graph: Vec<(String, PathBuf)>,
    /// Requirement for components before they are served: digest (their content matches their
    /// digest) or signature (they are signed with one of the keys)
    #[arg(long, value_name = "digest|signature", value_parser = ["none", "digest", "signature"], default_value = "none")]
    pub(super) require: String,
    /// File with a public key (PEM) to verify signatures with; can be repeated
    #[arg(long = "key", value_name = "FILE")]
    pub(super) keys: Vec<PathBuf>,
    /// Let components load graphs that they contain
    #[arg(long)]
    pub(super) allow_guest_graphs: bool,
    /// Give components clocks with a resolution of 1 ns instead of 0.1 ms
    #[arg(long)]
    pub(super) fine_clocks: bool,
    /// Model folder for a component that is not pre-initialized
    #[arg(long, value_name = "DIR")]
    pub(super) model: Option<PathBuf>,
    /// Minimum number of ready instances, at most --max-instances; the pool keeps more after bursts
    /// [default: 4, or --max-instances if that is less]
    #[arg(long, value_name = "COUNT")]
    pub(super) min_ready: Option<u32>,
    /// Maximum number of live instances; further requests wait
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) max_instances: u32,
    /// Number of requests that an instance answers before it is replaced; 0 means no limit
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(super) requests_per_instance: u32,
    /// Number of requests that an instance answers concurrently. If the instance fails, all of them
    /// fail. A further request starts while the instance waits, not while it computes
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(super) concurrent_requests_per_instance: u32,
    /// Time in seconds after which the pool gives up ready instances that were not needed
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) idle_shrink: u64,
    /// Maximum time from the arrival of a request to its response, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) request_timeout: u64,
    /// Maximum CPU time of a request, in seconds [default: limited by --request-timeout only]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(super) cpu_time: Option<Duration>,
    /// Maximum memory of an instance: bytes, or a number and KiB, MiB or GiB
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = parse_size)]
    pub(super) memory_limit: u64,
    /// Maximum number of requests that are processed concurrently; further ones wait [default: two
    /// per core if a model computes in the sandbox, otherwise as many as the instances can take]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(super) concurrent_requests: Option<u32>,
    /// Maximum number of requests in the queue; further ones are answered with 503
    #[arg(long, default_value_t = 256, value_name = "COUNT")]
    pub(super) queue: u32,
    /// Maximum time of a request in the queue, in seconds; a request that would wait longer is
    /// answered with 503 at once
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(super) queue_deadline: Duration,
    #[command(flatten)]
    pub(super) sessions: SessionArgs,
    /// Maximum time to finish requests in flight on shutdown, in seconds
    #[arg(long, default_value_t = 30)]
    pub(super) drain_timeout: u64,
    /// Time on shutdown between reporting not ready and accepting no more requests, in seconds, for
    /// load balancers to notice [default: 5 if --listen is not a loopback address, otherwise 0]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=28_800))]
    pub(super) drain_delay: Option<u64>,
    /// Deploy a new version when the component, model folder or graph changes; for a model folder
    /// with a complete `model.toml`, when that file changes
    #[arg(long)]
    pub(super) watch: bool,
    /// Report the time of each stage of a request in a `server-timing` response header
    #[arg(long)]
    pub(super) server_timing: bool,
    /// Read model files and cached files again and compare their digests, instead of trusting file
    /// sizes and times
    #[arg(long)]
    pub(super) verify: bool,
}

impl ServeArgs {
    /// Whether a configuration defines what is served.
    pub(super) fn is_configured(&self) -> bool {
        self.config.is_some() || self.consul.is_some()
    }

    /// Options of the function that the flags define.
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

/// Parses 1 KiB to 1 TiB.
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
        _ => Err("must be NAME=FILE".to_owned()),
    }
}
