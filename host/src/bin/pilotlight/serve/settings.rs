//! Everything that is served, as defined by flags or by a configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use pilotlight::{AdminToken, Cache, Cors, DEFAULT_FUNCTION, Plan, ServerLimits, Tls};
use pilotlight_auth::AuthOptions;
use pilotlight_bundle::{Policy, VerifyingKey};
use pilotlight_config::{self as config, Config, Require};
use pilotlight_deidentify::DeidentifyOptions;
use pilotlight_router::{Route, Target};

use super::blueprint::Blueprint;
use super::http::{cors_of, limits_of, tls_of};
use super::options::ServeArgs;
use crate::model;

const DEFAULT_MODEL: &str = "models/pii-ner";
/// Load balancers keep sending requests until a readiness probe or a change of endpoints reaches
/// them.
const REMOTE_DRAIN_DELAY: Duration = Duration::from_secs(5);

/// Settings that cannot change while the process runs.
pub(super) struct Fixed {
    pub(super) listen: SocketAddr,
    pub(super) limits: ServerLimits,
    pub(super) tls: Option<Tls>,
    pub(super) cors: Option<Cors>,
    pub(super) admin: config::Admin,
    pub(super) admin_token: Option<AdminToken>,
    /// The configured cache folder, if any.
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) cache: Cache,
    pub(super) drain_delay: Duration,
    pub(super) drain: Duration,
    pub(super) watch: bool,
}

/// Functions, routes, authentication and de-identification that are served.
#[derive(Default)]
pub(super) struct Served {
    pub(super) functions: BTreeMap<String, Blueprint>,
    pub(super) routes: Vec<Route>,
    pub(super) override_header: bool,
    pub(super) auth: BTreeMap<String, AuthOptions>,
    pub(super) default_auth: Option<String>,
    pub(super) deidentify: BTreeMap<String, DeidentifyOptions>,
}

impl Fixed {
    pub(super) fn new(options: &ServeArgs, config: &Config) -> anyhow::Result<Self> {
        let configured = options.is_configured();
        let token = options.admin_token_file.as_ref().or(config.admin.token_file.as_ref());
        let listen = options.listen.unwrap_or(config.listen);
        let admin = admin(options, config);
        if let Some(other) = admin.address().filter(|other| config::overlap(listen, *other)) {
            bail!("--admin-listen {other} overlaps --listen {listen}; choose another port");
        }
        Ok(Self {
            listen,
            limits: match configured {
                true => limits_of(&config.http)?,
                false => options.http.limits(),
            },
            tls: match configured {
                true => tls_of(config.tls.as_ref())?,
                false => options.http.tls()?,
            },
            cors: match configured {
                true => cors_of(config.cors.as_ref())?,
                false => options.http.cors()?,
            },
            admin,
            admin_token: token.map(|path| AdminToken::read_file(path)).transpose()?,
            cache_dir: cache_dir(options, config),
            cache: cache(options, config)?,
            drain_delay: match configured {
                true => config.drain_delay,
                false => options.drain_delay.map(Duration::from_secs),
            }
            .unwrap_or_else(|| default_drain_delay(listen)),
            drain: match configured {
                true => config.drain_timeout,
                false => Duration::from_secs(options.drain_timeout),
            },
            watch: if configured { config.watch } else { options.watch },
        })
    }
}

/// Only listeners that other machines reach have load balancers that need time.
fn default_drain_delay(listen: SocketAddr) -> Duration {
    if listen.ip().to_canonical().is_loopback() { Duration::ZERO } else { REMOTE_DRAIN_DELAY }
}

fn cache_dir(options: &ServeArgs, config: &Config) -> Option<PathBuf> {
    options.cache_dir.clone().or_else(|| config.cache_dir.clone())
}

/// The cache that flags and the configuration define.
pub(super) fn cache(options: &ServeArgs, config: &Config) -> anyhow::Result<Cache> {
    let cache = Cache::open(cache_dir(options, config))?;
    let cache = cache.bounded(options.cache_size.unwrap_or(config.cache_size));
    Ok(if options.verify || config.verify { cache.verifying() } else { cache })
}

/// The administration options; flags override the configuration.
fn admin(options: &ServeArgs, config: &Config) -> config::Admin {
    let mut admin = config.admin.clone();
    admin.listen = options.admin_listen.or(admin.listen);
    admin.socket = options.admin_socket.clone().or(admin.socket);
    admin.max_upload_bytes = options.max_upload_bytes.unwrap_or(admin.max_upload_bytes);
    let upload_timeout = options.upload_timeout.map(Duration::from_secs);
    admin.upload_timeout = upload_timeout.unwrap_or(admin.upload_timeout);
    admin
}

/// The policy that components have to satisfy.
fn policy(require: Require, keys: &[PathBuf]) -> anyhow::Result<Option<Arc<Policy>>> {
    Ok(match require {
        Require::None => None,
        Require::Digest => Some(Arc::new(Policy::Digest)),
        Require::Signature => {
            let keys = keys.iter().map(|path| VerifyingKey::read_file(path));
            let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
            if keys.is_empty() {
                bail!(
                    "signatures are required, but no public key is configured to verify them; add --key FILE"
                );
            }
            Some(Arc::new(Policy::Signature { keys }))
        }
    })
}

impl Served {
    /// One function, defined by flags.
    pub(super) fn of_flags(options: &ServeArgs) -> anyhow::Result<Self> {
        let source = match &options.source {
            Some(source) => model::folder(source, &options.choices, options.cache_dir.clone())?,
            None if Path::new(DEFAULT_MODEL).is_dir() => PathBuf::from(DEFAULT_MODEL),
            None => bail!("{DEFAULT_MODEL} does not exist; name a model folder or a component"),
        };
        if options.poll_interval.is_some() && !config::is_tag(&source) {
            bail!(
                "--poll-interval needs a reference with a tag and without a digest, \
                 oci://HOST[:PORT]/REPOSITORY:TAG"
            );
        }
        let most = options.max_instances;
        if options.min_ready.is_some_and(|ready| ready > most) {
            bail!("--min-ready must be at most --max-instances, {most}");
        }
        let require = match &*options.require {
            "digest" => Require::Digest,
            "signature" => Require::Signature,
            _ => Require::None,
        };
        let function =
            Blueprint::of_flags(options, source).requiring(policy(require, &options.keys)?);
        let functions = BTreeMap::from([(DEFAULT_FUNCTION.to_owned(), function)]);
        Ok(Self { functions, ..Self::default() })
    }

    pub(super) fn of_config(config: &Config) -> anyhow::Result<Self> {
        let policy = policy(config.require, &config.keys)?;
        let functions = config.functions.iter().map(|(name, function)| {
            let blueprint = Blueprint::of_config(function, &config.telemetry)?;
            Ok((name.clone(), blueprint.requiring(policy.clone())))
        });
        let functions: BTreeMap<_, _> = functions.collect::<pilotlight::Result<_>>()?;
        let mut routes = config.routes.clone();
        let only = functions.keys().next().filter(|_| functions.len() == 1);
        if let Some(only) = only.filter(|only| routes.is_empty() && *only != DEFAULT_FUNCTION) {
            routes.push(Route::to(Target { function: only.clone(), version: Default::default() }));
        }
        Ok(Self {
            functions,
            routes,
            override_header: config.override_header,
            auth: config.auth.clone(),
            default_auth: config.default_auth.clone(),
            deidentify: config.deidentify.clone(),
        })
    }

    /// A plan of everything but functions.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            routes: self.routes.clone(),
            override_header: self.override_header,
            auth: self.auth.clone(),
            default_auth: self.default_auth.clone(),
            deidentify: self.deidentify.clone(),
            ..Plan::default()
        }
    }
}
