use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pilotlight_auth::AuthOptions;
use pilotlight_deidentify::DeidentifyOptions;
use pilotlight_router::Route;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Cors, Function, Http, Telemetry, Tls};
use crate::key::Key;
use crate::value_schema::{address, path, paths, period, size};

/// What `pilotlight serve` serves, and how. Relative paths start at the folder of this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Config {
    /// Where the functions are served.
    #[schemars(schema_with = "address")]
    pub listen: SocketAddr,
    /// The administration.
    pub admin: Admin,
    /// TLS, for clients of the functions; for the administration's, too, if its listener is not
    /// local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What a client may take.
    pub http: Http,
    /// Which web pages of other origins may send requests to the functions; none if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Where snapshots and machine code are kept; in the user's cache folder otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub cache_dir: Option<PathBuf>,
    /// How much of the disk they may take: bytes, or a number and KiB, MiB or GiB. What was used
    /// least recently is removed first; what is in use never is.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub cache_size: u64,
    /// Read model and cached files again and compare their digests, instead of trusting their
    /// sizes and times.
    pub verify: bool,
    /// Time between being not ready and taking no more requests when stopped: for load balancers to
    /// notice [default: 5s if `listen` is not a loopback address, otherwise 0s]
    #[serde(with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-longest" = "8h"))]
    pub drain_delay: Option<Duration>,
    /// Longest time to finish requests in flight when stopped.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period")]
    pub drain_timeout: Duration,
    /// What a version has to show before it is served.
    pub require: Require,
    /// Files with the public keys (PEM) that signatures are checked with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "paths")]
    pub keys: Vec<PathBuf>,
    /// Whether a request's header may say which target answers it.
    pub override_header: bool,
    /// Follow changes of this file while serving; SIGHUP has it read again anyway.
    pub watch: bool,
    /// What is told about requests.
    pub telemetry: Telemetry,
    /// The functions, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "functions")]
    pub functions: BTreeMap<String, Function>,
    /// Who may ask, by names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auth: BTreeMap<String, AuthOptions>,
    /// The `[auth]` section of requests whose route names none; without it, no authentication is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_auth: Option<String>,
    /// How what is found in texts is de-identified, by names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deidentify: BTreeMap<String, DeidentifyOptions>,
    /// Which requests go where; the first route that matches is taken. Without routes everything
    /// goes to the only function, or to the one called `default`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// The administration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Admin {
    /// Address for probes and metrics: /health, /ready and, if it is local, /metrics; with a token for
    /// the rest of the administration, too. 127.0.0.1:3001 if nothing is said, or nowhere if there is a
    /// `socket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "address")]
    pub listen: Option<SocketAddr>,
    /// Unix socket for all of the administration: probes, metrics, /status, /routes and /functions, for
    /// this user only; in a folder of this user's otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub socket: Option<PathBuf>,
    /// File with the token that is asked for at both, but for /health and /ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub token_file: Option<PathBuf>,
    /// Largest component that may be sent to it: bytes, or a number and KiB, MiB or GiB; larger ones are
    /// answered 413.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1024GiB"))]
    pub max_upload_bytes: u64,
    /// Longest time for that.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1s", "x-longest" = "24h"))]
    pub upload_timeout: Duration,
}

/// What a version has to show before it is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// Nothing.
    #[default]
    None,
    /// That it is what its digest says.
    Digest,
    /// A signature by one of the `keys`.
    Signature,
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(LOOPBACK, 3000),
            admin: Admin::default(),
            tls: None,
            http: Http::default(),
            cors: None,
            cache_dir: None,
            cache_size: 2 << 30,
            verify: false,
            drain_delay: None,
            drain_timeout: Duration::from_secs(30),
            require: Require::default(),
            keys: Vec::new(),
            override_header: false,
            watch: true,
            telemetry: Telemetry::default(),
            functions: BTreeMap::new(),
            auth: BTreeMap::new(),
            default_auth: None,
            deidentify: BTreeMap::new(),
            routes: Vec::new(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: None,
            socket: None,
            token_file: None,
            max_upload_bytes: 2 << 30,
            upload_timeout: Duration::from_secs(600),
        }
    }
}

impl Admin {
    /// Where probes and metrics are served over TCP, if anywhere.
    pub fn address(&self) -> Option<SocketAddr> {
        let usual = SocketAddr::new(LOOPBACK, 3001);
        self.listen.or_else(|| self.socket.is_none().then_some(usual))
    }
}

impl Config {
    /// Every file and folder that is named, and the key that names it.
    pub fn paths(&self) -> Vec<(String, PathBuf)> {
        let mut config = self.clone();
        let paths = config.paths_mut().into_iter();
        paths.map(|(key, path)| (key.to_string(), path.clone())).collect()
    }

    pub(crate) fn paths_mut(&mut self) -> Vec<(Key, &mut PathBuf)> {
        let root = Key::default();
        let keys = root.name("keys");
        let own = self.cache_dir.iter_mut().map(|path| (root.name("cache-dir"), path));
        let keys = self.keys.iter_mut().enumerate().map(|(i, path)| (keys.index(i), path));
        let mut paths: Vec<_> = own.chain(keys).collect();
        paths.extend(self.tls.iter_mut().flat_map(|tls| tls.paths_mut(&root.name("tls"))));
        let admin = root.name("admin");
        paths.extend(self.admin.socket.iter_mut().map(|path| (admin.name("socket"), path)));
        paths.extend(self.admin.token_file.iter_mut().map(|path| (admin.name("token-file"), path)));
        for (name, function) in &mut self.functions {
            paths.extend(function.paths_mut(&root.name("functions").name(name)));
        }
        for (name, auth) in &mut self.auth {
            let at = root.name("auth").name(name);
            paths.extend(auth.api_keys.iter_mut().map(|path| (at.name("api-keys"), path)));
            paths.extend(auth.jwks.iter_mut().map(|path| (at.name("jwks"), path)));
        }
        for (name, deidentify) in &mut self.deidentify {
            let key = root.name("deidentify").name(name).name("keys");
            paths.extend(deidentify.keys.iter_mut().map(|path| (key.clone(), path)));
        }
        paths
    }

    /// Keys that differ in `new` but can only be changed by starting again.
    pub fn fixed_changes(&self, new: &Self) -> Vec<&'static str> {
        let changes = [
            ("listen", self.listen != new.listen),
            ("admin.listen", self.admin.listen != new.admin.listen),
            ("admin.socket", self.admin.socket != new.admin.socket),
            ("admin.token-file", self.admin.token_file != new.admin.token_file),
            ("admin.max-upload-bytes", self.admin.max_upload_bytes != new.admin.max_upload_bytes),
            ("admin.upload-timeout", self.admin.upload_timeout != new.admin.upload_timeout),
            ("tls", self.tls != new.tls),
            ("http", self.http != new.http),
            ("cors", self.cors != new.cors),
            ("watch", self.watch != new.watch),
            ("verify", self.verify != new.verify),
            ("drain-delay", self.drain_delay != new.drain_delay),
            ("drain-timeout", self.drain_timeout != new.drain_timeout),
            ("cache-dir", self.cache_dir != new.cache_dir),
            ("cache-size", self.cache_size != new.cache_size),
            ("telemetry.log", self.telemetry.log != new.telemetry.log),
            ("telemetry.log-format", self.telemetry.log_format != new.telemetry.log_format),
            ("telemetry.otlp", self.telemetry.otlp != new.telemetry.otlp),
        ];
        changes.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }
}

fn functions(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "format": "function-name", "pattern": "^[A-Za-z0-9._-]+$" },
        "additionalProperties": generator.subschema_for::<Function>(),
    })
}
