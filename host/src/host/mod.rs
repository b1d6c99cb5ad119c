//! `Host`: the functions and routes of a process, with swaps and rollbacks; a `tower::Service`.
//! Used by `admin` and the program. Does not know listeners.

mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilotlight_build::{Cache, Source, Stage, background};
use pilotlight_deidentify::DeidentifyOptions;
use pilotlight_files::FileCheck;
use pilotlight_model::Digest;
use pilotlight_router::{Route, Router, RouterOptions, Target, VersionName};
use pilotlight_sandbox::PoolStatus;
use pilotlight_telemetry::{Metrics, Rollback, Swap};
use tokio::runtime::Handle;

use crate::deploy::{Change, Deployment, FunctionOptions, FunctionStatus, NewVersion, Version};
use crate::error::{Error, Result};
use crate::routing::{DEFAULT_FUNCTION, Functions, RoutePolicies, RouteStatus, Routing, Table};
use crate::scrape::collected;
use crate::telemetry::Telemetry;
pub use service::HostService;

/// Functions that answer HTTP requests, each in a fresh instance. Clones share them.
///
/// It is a [`tower::Service`], so axum, hyper and others can mount it.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    cache: Cache,
    telemetry: Telemetry,
    functions: Functions,
}

/// Everything that a host serves from now on.
#[derive(Default)]
pub struct Plan {
    /// Functions that are new or another version of what is there.
    pub versions: Vec<NewVersion>,
    /// Functions that stay as they are. Those named neither here nor above are removed.
    pub unchanged: BTreeSet<String>,
    /// The routes; without any, everything goes to [`DEFAULT_FUNCTION`].
    pub routes: Vec<Route>,
    /// Whether testers may choose a version by header.
    pub override_header: bool,
    /// Authentication, by the names that routes use.
    pub auth: BTreeMap<String, pilotlight_auth::AuthOptions>,
    /// The access of requests whose route names none; everybody may ask otherwise.
    pub default_auth: Option<String>,
    /// De-identification, by the names that routes use.
    pub deidentify: BTreeMap<String, DeidentifyOptions>,
}

impl Host {
    /// A host without functions, which keeps what it builds and compiles in `cache`, and counts its
    /// requests in metrics of its own.
    pub fn new(cache: Cache) -> Self {
        Self::with_telemetry(cache, Telemetry::default())
    }

    /// Creates a host that reports to `telemetry`.
    pub fn with_telemetry(cache: Cache, telemetry: Telemetry) -> Self {
        let host = Self(Arc::new(Inner { cache, telemetry, functions: Functions::default() }));
        let weak = Arc::downgrade(&host.0);
        let now = |host: Self| collected(&host.functions(), &host.routes());
        let source = move || weak.upgrade().map(Self).map(now).unwrap_or_default();
        host.metrics().add_collector(source);
        host
    }

    /// A host with one function, [`DEFAULT_FUNCTION`]: loads `source`, building and compiling what
    /// `cache` does not hold yet, and starts to make instances ready.
    ///
    /// # Errors
    /// [`Error`] naming the file and the reason.
    pub async fn load(
        source: Source,
        options: FunctionOptions,
        cache: Cache,
        progress: impl Fn(Stage) + Send + Sync + 'static,
    ) -> Result<Self> {
        let host = Self::new(cache);
        host.deploy(DEFAULT_FUNCTION, source, options, progress).await?;
        Ok(host)
    }

    /// Adds the function called `name`, or puts another in its place, as fast as it can: for
    /// starts. Once it serves, [`Host::swap`] is what keeps requests from noticing.
    ///
    /// # Errors
    /// As [`Host::load`].
    pub async fn deploy(
        &self,
        name: &str,
        source: Source,
        options: FunctionOptions,
        progress: impl Fn(Stage) + Send + Sync + 'static,
    ) -> Result<()> {
        let (cache, metrics) = (self.0.cache.clone(), self.metrics().clone());
        let new = NewVersion { function: name.to_owned(), source, options };
        let load = move || Version::load(new, &cache, &metrics, &progress);
        let loaded = tokio::task::spawn_blocking(load).await;
        let version = loaded.map_err(Error::unfinished("loading a version"))??;
        if let Some(routing) = &self.table().routing {
            routing.check(name, &version)?;
        }
        let deployment = Arc::new(Deployment::new(name.to_owned(), Arc::new(version)));
        self.update(|table| drop(table.deployments.insert(name.to_owned(), deployment)));
        Ok(())
    }

    /// Swaps the function called `name` to another version without losing requests: the version is
    /// loaded in the background, its pool is filled, and its smoke test has to pass. Requests in
    /// flight finish on the old version, which stays ready for [`Host::roll_back`]. On any failure
    /// the old version keeps serving. Afterwards, in any case, the cache is reduced to its maximum
    /// size.
    ///
    /// # Errors
    /// [`Error::NoFunction`], [`Error::Changing`], [`Error::SmokeTest`], [`Error::NotDeidentified`], and those
    /// of [`Host::load`].
    pub async fn swap(
        &self,
        name: &str,
        source: Source,
        options: FunctionOptions,
        progress: impl Fn(Stage) + Send + Sync + 'static,
    ) -> Result<Digest> {
        let deployment = self.table().deployment(name)?;
        let change = deployment.begin()?;
        let new = NewVersion { function: name.to_owned(), source, options };
        let routing = self.table().routing.clone();
        let prepared = self.prepare(new, routing, progress).await;
        // What was compiled of a version that is refused is of no use.
        let version = Arc::new(prepared.inspect_err(|_| self.retire(()))?);
        let digest = version.digest();
        self.retire(vec![change.to(version)]);
        self.metrics().swapped(name, Swap::TakenOver);
        tracing::info!(function = name, version = %digest, "the new version has taken over");
        Ok(digest)
    }

    /// Returns the function called `name` to its previous version at once, which was kept ready. A
    /// second call returns to the version before the rollback.
    ///
    /// # Errors
    /// [`Error::NoFunction`], [`Error::NoPrevious`], and [`Error::NotDeidentified`] if a de-identification of
    /// its routes cannot be applied to the previous version.
    pub fn roll_back(&self, name: &str) -> Result<Digest> {
        let table = self.table();
        let deployment = table.deployment(name)?;
        let previous = deployment.find(&VersionName::Previous);
        if let (Some(routing), Some(previous)) = (&table.routing, previous) {
            routing.check(name, &previous)?;
        }
        let digest = deployment.roll_back()?;
        self.metrics().rolled_back(name, Rollback::Operator);
        tracing::info!(function = name, version = %digest, "rolled back");
        Ok(digest)
    }

    /// Changes functions and routes, all of them or nothing: every version is made ready as by
    /// [`Host::swap`] before the first takes over. Canaries that the routes before had, too, go on
    /// as they are, and accesses of the same names know what callers have left. Afterwards the
    /// cache is brought within its bound.
    ///
    /// # Errors
    /// Those of [`Host::swap`], [`Error::Routes`], [`Error::Auth`], [`Error::Deidentifier`] and
    /// [`Error::Keys`].
    pub async fn apply(&self, plan: Plan) -> Result<()> {
        let Plan { versions, unchanged, routes, override_header, .. } = plan;
        let before = self.table();
        let known = Arc::clone(&before.policies);
        let (auth, default, deidentify) = (plan.auth, plan.default_auth, plan.deidentify);
        let read = move || RoutePolicies::new(auth, default.as_deref(), deidentify, &known);
        let policies = tokio::task::spawn_blocking(read).await;
        let task = "reading the files of authentication and de-identification";
        let policies = policies.map_err(Error::unfinished(task))??;
        let names = versions.iter().map(|new| new.function.clone()).chain(unchanged);
        let names: BTreeSet<String> = names.collect();
        let options = RouterOptions { functions: names.clone(), override_header };
        let routing = self.routing(routes, options, &policies, before.routing.as_deref())?;
        if let Some(routing) = &routing {
            let stays =
                |target: &Target| !versions.iter().any(|new| new.function == target.function);
            routing.check_each(|target| before.find(target).filter(|_| stays(target)))?;
        }
        let changing: Vec<_> =
            versions.iter().filter_map(|new| before.deployments.get(&new.function)).collect();
        let changes = changing.into_iter().map(|deployment| deployment.begin());
        let mut changes: Vec<Change<'_>> = changes.collect::<Result<_>>()?;
        let mut ready = Vec::new();
        for new in versions {
            let function = new.function.clone();
            match self.prepare(new, routing.clone(), |_| {}).await {
                Ok(version) => ready.push((function, Arc::new(version))),
                Err(error) => {
                    self.retire(ready);
                    return Err(error);
                }
            }
        }
        let mut former = Vec::new();
        // Requests that come meanwhile wait for the table.
        self.update(|table| {
            for (function, version) in ready {
                tracing::info!(%function, version = %version.digest(), "takes over");
                match changes.iter().position(|change| change.function() == function) {
                    Some(index) => {
                        self.metrics().swapped(&function, Swap::TakenOver);
                        former.push(changes.swap_remove(index).to(version));
                    }
                    None => {
                        let deployment = Arc::new(Deployment::new(function.clone(), version));
                        table.deployments.insert(function, deployment);
                    }
                }
            }
            table.deployments.retain(|name, _| names.contains(name));
            table.routing.clone_from(&routing);
            table.policies = Arc::new(policies);
        });
        if let Some(routing) = routing {
            routing.tend(self.metrics());
        }
        self.retire(former);
        Ok(())
    }

    /// Reads files of authentication and de-identification again that have changed: keys that were added or
    /// taken out are, from then on. Files that cannot be read, or are wrong, change nothing; the log
    /// says why. To be called from time to time, or when somebody says so.
    pub fn check_files(&self, check: FileCheck) {
        self.table().policies.check_files(check);
    }

    /// Status of each function.
    pub fn functions(&self) -> Vec<FunctionStatus> {
        self.table().deployments.values().map(|deployment| deployment.status()).collect()
    }

    /// Status of the function called `name`.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub fn function(&self, name: &str) -> Result<FunctionStatus> {
        Ok(self.table().deployment(name)?.status())
    }

    /// Telemetry of its requests.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// Metrics of its requests.
    pub fn metrics(&self) -> &Metrics {
        self.0.telemetry.metrics()
    }

    /// Status of each route.
    pub fn routes(&self) -> Vec<RouteStatus> {
        self.table().routing.as_ref().map(|routing| routing.status()).unwrap_or_default()
    }

    /// State of the instance pool of the function called `name`.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub fn pool(&self, name: &str) -> Result<PoolStatus> {
        Ok(self.table().deployment(name)?.current().pool())
    }

    /// Where what it builds, compiles and receives is kept.
    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// Loads a version in the background and has it prove itself, and that what `routing` de-identifies can
    /// be de-identified.
    async fn prepare(
        &self,
        new: NewVersion,
        routing: Option<Arc<Routing>>,
        progress: impl Fn(Stage) + Send + Sync + 'static,
    ) -> Result<Version> {
        let (cache, name) = (self.0.cache.clone(), new.function.clone());
        let function = name.clone();
        let metrics = self.metrics().clone();
        let load = move || {
            let version = Version::load(new, &cache, &metrics, &progress)?;
            if let Some(routing) = routing {
                routing.check(&function, &version)?;
            }
            progress(Stage::SmokeTest);
            // Its sample is computed where it is waited for: here, at the priority of requests, whose
            // locks it takes.
            Handle::current().block_on(version.smoke_test())?;
            Ok(version)
        };
        background::run(load).await.inspect_err(|error| {
            self.metrics().swapped(&name, Swap::Refused);
            tracing::error!(function = name, %error, "no new version");
        })
    }

    /// Lets go of versions that have been replaced or refused, and has the cache evict what nobody uses
    /// now.
    fn retire(&self, former: impl Send + 'static) {
        let cache = self.0.cache.clone();
        tokio::task::spawn_blocking(move || {
            drop(former);
            if let Err(error) = cache.evict() {
                tracing::warn!(%error, "the cache could not be reduced to its maximum size");
            }
        });
    }

    fn table(&self) -> Arc<Table> {
        self.0.functions.table()
    }

    fn update(&self, change: impl FnOnce(&mut Table)) {
        self.0.functions.update(change);
    }

    /// Makes routes ready; none, if everything goes to [`DEFAULT_FUNCTION`].
    fn routing(
        &self,
        mut routes: Vec<Route>,
        options: RouterOptions,
        policies: &RoutePolicies,
        before: Option<&Routing>,
    ) -> Result<Option<Arc<Routing>>> {
        if routes.is_empty() && !options.override_header && !policies.has_default() {
            return Ok(None);
        }
        if routes.is_empty() {
            let version = Default::default();
            routes.push(Route::to(Target { function: DEFAULT_FUNCTION.to_owned(), version }));
        }
        let router = Router::new(routes, options).map_err(Error::Routes)?;
        let router = router.ignoring_trailing_slash();
        Ok(Some(Arc::new(Routing::new(router, policies, before)?)))
    }
}
