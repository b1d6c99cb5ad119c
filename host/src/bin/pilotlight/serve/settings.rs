//! Everything that is to be served, from flags or from a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use pilotlight::{Cache, DEFAULT_FUNCTION};
use pilotlight_bundle::{Policy, VerifyingKey};
use pilotlight_config::{Config, Current, Level, Parsed, Require, RuleMistake, Sources};
use pilotlight_router::{Router, RouterOptions, Rule, Target};
use tracing::level_filters::LevelFilter;

use super::blueprint::Blueprint;
use super::options::Options;

const DEFAULT_MODEL: &str = "models/pii-ner";

/// What is fixed for as long as the process runs.
pub(super) struct Fixed {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) cache: Cache,
    pub(super) drain: Duration,
    pub(super) watch: bool,
}

/// What is served.
pub(super) struct Served {
    pub(super) functions: BTreeMap<String, Blueprint>,
    pub(super) rules: Vec<Rule>,
    pub(super) override_header: bool,
}

/// A configuration, and the file that it is in.
pub(crate) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) current: Current,
}

impl Fixed {
    pub(super) fn new(options: &Options, config: &Config) -> anyhow::Result<Self> {
        let folder = options.cache_dir.clone().or_else(|| config.cache_dir.clone());
        let cache = Cache::open(folder)?;
        let verify = options.verify || config.verify;
        Ok(Self {
            listen: options.listen.unwrap_or(config.listen),
            admin_listen: options.admin_listen.unwrap_or(config.admin.listen),
            cache: if verify { cache.verifying() } else { cache },
            drain: match options.config {
                Some(_) => config.drain_timeout,
                None => Duration::from_secs(options.drain_timeout),
            },
            watch: if options.config.is_some() { config.watch } else { options.watch },
        })
    }
}

/// What components have to show.
fn policy(require: Require, keys: &[PathBuf]) -> anyhow::Result<Option<Arc<Policy>>> {
    Ok(match require {
        Require::None => None,
        Require::Digest => Some(Arc::new(Policy::Digest)),
        Require::Signature => {
            let keys = keys.iter().map(|path| VerifyingKey::read_file(path));
            let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
            if keys.is_empty() {
                bail!("signatures are required, and no key is named to check them with");
            }
            Some(Arc::new(Policy::Signature { keys }))
        }
    })
}

impl Served {
    /// One function, by flags.
    pub(super) fn of_flags(options: &Options) -> anyhow::Result<Self> {
        let source = match &options.source {
            Some(path) => path.clone(),
            None if Path::new(DEFAULT_MODEL).is_dir() => PathBuf::from(DEFAULT_MODEL),
            None => bail!("there is no {DEFAULT_MODEL} here; name a model folder or a component"),
        };
        let require = match &*options.require {
            "digest" => Require::Digest,
            "signature" => Require::Signature,
            _ => Require::None,
        };
        let function =
            Blueprint::of_flags(options, source).requiring(policy(require, &options.keys)?);
        let functions = BTreeMap::from([(DEFAULT_FUNCTION.to_owned(), function)]);
        Ok(Self { functions, rules: Vec::new(), override_header: false })
    }

    pub(super) fn of_config(config: &Config) -> anyhow::Result<Self> {
        let policy = policy(config.require, &config.keys)?;
        let functions = config.functions.iter().map(|(name, function)| {
            let blueprint = Blueprint::of_config(function, &config.telemetry)?;
            Ok((name.clone(), blueprint.requiring(policy.clone())))
        });
        let functions: BTreeMap<_, _> = functions.collect::<pilotlight::Result<_>>()?;
        let mut rules = config.routes.clone();
        let only = functions.keys().next().filter(|_| functions.len() == 1);
        if let Some(only) = only.filter(|only| rules.is_empty() && *only != DEFAULT_FUNCTION) {
            rules.push(Rule::to(Target { function: only.clone(), version: Default::default() }));
        }
        Ok(Self { functions, rules, override_header: config.override_header })
    }
}

impl File {
    /// Reads `path`; mistakes are all told at once.
    pub(super) fn read(path: &Path, options: &Options) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let sources = sources(path, options.env.as_deref(), &options.set);
        let current = Current::new(&text, sources).map_err(|mistakes| anyhow!("{mistakes}"))?;
        Ok(Self { path: path.to_owned(), text, current })
    }

    pub(super) fn parsed(&self) -> &Arc<Parsed> {
        self.current.get()
    }

    /// How much to log.
    pub(crate) fn log(&self) -> LevelFilter {
        match self.parsed().config.telemetry.log {
            Level::Off => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }
}

/// Where a configuration's keys come from besides its file.
pub(crate) fn sources(path: &Path, environment: Option<&str>, set: &[String]) -> Sources {
    let mut sources = Sources::of(path);
    sources.flags = set.to_vec();
    sources.rules = Some(rule_mistakes);
    if let Some(environment) = environment {
        sources.environment = Some(environment.to_owned());
    }
    sources
}

/// What the router finds wrong; that functions exist is checked by the configuration itself.
fn rule_mistakes(rules: &[Rule]) -> Vec<RuleMistake> {
    let targets = rules.iter().flat_map(Rule::targets);
    let functions = targets.map(|target| target.function.clone()).collect();
    let options = RouterOptions { functions, override_header: false };
    let mistakes = Router::new(rules.to_vec(), options).err().unwrap_or_default();
    mistakes
        .iter()
        .map(|mistake| RuleMistake {
            rule: mistake.rule,
            key: mistake.place(),
            message: mistake.message.clone(),
        })
        .collect()
}
