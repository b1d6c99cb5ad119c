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

/// Configuration of `pilotlight serve`. Relative paths start at the folder of this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Config {
    /// Address on which the functions are served.
    #[schemars(schema_with = "address")]
    pub listen: SocketAddr,
    /// Administration API.
    pub admin: Admin,
    /// TLS for the functions, and for the administration API if its address is not local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Limits of connections, request heads and request bodies.
    pub http: Http,
    /// Web pages of other origins that can send requests (CORS) [default: none]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Folder of the compilation cache (snapshots and machine code) and of fetched models [default:
    /// the user's cache folder]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub cache_dir: Option<PathBuf>,
    /// Maximum disk space of the cache: bytes, or a number and KiB, MiB or GiB. The least recently
    /// used entries are evicted first; entries in use are never evicted.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub cache_size: u64,
    /// Read model files and cached files again and compare their digests, instead of trusting file
    /// sizes and times.
    pub verify: bool,
    /// Time on shutdown between reporting not ready and accepting no more requests, for load
    /// balancers to notice [default: 5s if `listen` is not a loopback address, otherwise 0s]
    #[serde(with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-longest" = "8h"))]
    pub drain_delay: Option<Duration>,
    /// Maximum time to finish requests in flight on shutdown.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period")]
    pub drain_timeout: Duration,
    /// Requirement for components before they are served.
    pub require: Require,
    /// Files with public keys (PEM) to verify signatures with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "paths")]
    pub keys: Vec<PathBuf>,
    /// Let the request header `x-pilotlight-version` select the target. Callers can then reach
    /// every version of every function.
    pub override_header: bool,
    /// Reload this file when it changes. SIGHUP reloads it in any case.
    pub watch: bool,
    /// Logs, metrics and traces.
    pub telemetry: Telemetry,
    /// Functions by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "functions")]
    pub functions: BTreeMap<String, Function>,
    /// Authentication of callers, by name. Routes refer to these sections.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auth: BTreeMap<String, AuthOptions>,
    /// `[auth]` section for routes without one [default: none, requests need no authentication]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_auth: Option<String>,
    /// De-identification of entities in texts, by name. Routes refer to these sections.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deidentify: BTreeMap<String, DeidentifyOptions>,
    /// Routes in order; the first route that matches is used. Without routes, every request goes to
    /// the only function, or to the function called `default`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Administration API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Admin {
    /// TCP address: /health, /ready and /metrics/load, also /metrics if the address is local, and
    /// with `token-file` the whole API [default: 127.0.0.1:3001, or none with `socket`]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "address")]
    pub listen: Option<SocketAddr>,
    /// Unix socket with the whole API (probes, metrics, /status, /routes and /functions),
    /// accessible to this user only [default: pilotlight/admin.sock in $XDG_RUNTIME_DIR, /run or
    /// the user's cache folder; admin-PORT.sock if the functions are not on port 3000]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub socket: Option<PathBuf>,
    /// File with a token. Every path but /health, /ready and /metrics/load then requires
    /// `authorization: Bearer TOKEN`, on the socket and the TCP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub token_file: Option<PathBuf>,
    /// Maximum size of a component that is uploaded (`swap --upload`): bytes, or a number and KiB,
    /// MiB or GiB. Larger ones are answered with 413.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1024GiB"))]
    pub max_upload_bytes: u64,
    /// Maximum time of an upload.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1s", "x-longest" = "24h"))]
    pub upload_timeout: Duration,
}

/// Requirement for components before they are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// None.
    #[default]
    None,
    /// The content of the component matches its digest.
    Digest,
    /// The component is signed with one of the `keys`.
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
    /// TCP address of the administration API, if any.
    pub fn address(&self) -> Option<SocketAddr> {
        let usual = SocketAddr::new(LOOPBACK, 3001);
        self.listen.or_else(|| self.socket.is_none().then_some(usual))
    }
}

impl Config {
    /// Every file and folder that the configuration names, with its key.
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

    /// Keys that differ in `new` and take effect only at the next start.
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
