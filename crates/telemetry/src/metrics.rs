use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use crate::accept::Format;
use crate::catalog;
use crate::changes::{Changes, Rollback, Swap};
use crate::collected::{self, Collected};
use crate::connections::{Connections, RefusedConnection};
use crate::exported::Exported;
use crate::family::{Family, Series, Value, labels};
use crate::function::{self, Counts, Handle};
use crate::load;
use crate::process;
use crate::text;

/// Everything that is counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Registry>);

struct Registry {
    /// Of this program.
    version: String,
    since: SystemTime,
    functions: Mutex<BTreeMap<(String, String), Weak<Counts>>>,
    /// Requests that came to no function.
    unrouted: Handle,
    changes: Changes,
    connections: Connections,
    exported: Exported,
    collectors: Mutex<Vec<Arc<Collector>>>,
}

type Collector = dyn Fn() -> Collected + Send + Sync;

impl Metrics {
    /// Of a program of version `version`.
    pub fn new(version: &str) -> Self {
        Self(Arc::new(Registry {
            version: version.to_owned(),
            since: SystemTime::now(),
            functions: Mutex::default(),
            unrouted: Handle::new("", "", ""),
            changes: Changes::default(),
            connections: Connections::default(),
            exported: Exported::default(),
            collectors: Mutex::default(),
        }))
    }

    /// Counts the requests of a version, named by its short digest. The series are there as long
    /// as there is a handle; one that is asked for while there is another counts to the same.
    pub fn function(&self, function: &str, version: &str) -> Handle {
        self.function_of_task(function, version, "")
    }

    /// The same, with the task of the version's model as a label.
    pub fn function_of_task(&self, function: &str, version: &str, task: &str) -> Handle {
        self.0.changes.expect(function);
        let mut functions = lock(&self.0.functions);
        functions.retain(|_, counts| counts.strong_count() > 0);
        let key = (function.to_owned(), version.to_owned());
        if let Some(counts) = functions.get(&key).and_then(Weak::upgrade) {
            return Handle::of(counts);
        }
        let handle = Handle::new(function, version, task);
        functions.insert(key, Arc::downgrade(handle.counts()));
        handle
    }

    /// Counts requests that came to no function: refused before, or without one for them. Their
    /// series have neither of the two labels.
    pub fn unrouted(&self) -> &Handle {
        &self.0.unrouted
    }

    /// Counts what became of a new version.
    pub fn swapped(&self, function: &str, swap: Swap) {
        self.0.changes.swapped(function, swap);
    }

    /// Counts a return to the former version.
    pub fn rolled_back(&self, function: &str, rollback: Rollback) {
        self.0.changes.rolled_back(function, rollback);
    }

    /// Counts a connection that was refused.
    pub fn refused_connection(&self, reason: RefusedConnection) {
        self.0.connections.refused(reason);
    }

    /// Calls `collector` on every scrape and export; it must not wait. If two collectors report the
    /// same pool, graph or route, the first one counts.
    pub fn add_collector(&self, collector: impl Fn() -> Collected + Send + Sync + 'static) {
        lock(&self.0.collectors).push(Arc::new(collector));
    }

    /// The metrics in the format that an `Accept` header asks for, and its content type.
    pub fn render(&self, accept: &str) -> (&'static str, String) {
        let format = Format::negotiate(accept);
        (format.content_type(), text::render(&self.families(), format))
    }

    /// The load of the server as gauges without labels, under the names that endpoint pickers of Gateway
    /// API's inference extension read, and their content type: Prometheus's text format.
    pub fn render_load(&self) -> (&'static str, String) {
        let families = load::families(&self.counts(), &self.collect(), self.0.since);
        (Format::Text.content_type(), text::render(&families, Format::Text))
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn exported(&self) -> &Exported {
        &self.0.exported
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn version(&self) -> &str {
        &self.0.version
    }

    pub(crate) fn families(&self) -> Vec<Family> {
        let since = self.0.since;
        let mut families = function::families(&self.counts());
        families.extend(collected::families(&self.collect(), since));
        families.extend(self.0.changes.families(since));
        families.push(self.0.connections.family(since));
        families.push(self.0.exported.family(since));
        families.push(self.build());
        families.extend(process::families(since));
        families
    }

    /// Of each version that is left, and of requests that came to none.
    fn counts(&self) -> Vec<Arc<Counts>> {
        let mut counts = vec![Arc::clone(self.0.unrouted.counts())];
        counts.extend(lock(&self.0.functions).values().filter_map(Weak::upgrade));
        counts
    }

    /// What all collectors report, called without holding a lock: they have locks of their own.
    fn collect(&self) -> Collected {
        let collectors = lock(&self.0.collectors).clone();
        let mut all = Collected::default();
        for Collected { pools, graphs, canaries, shadows } in
            collectors.iter().map(|collector| collector())
        {
            all.pools.extend(pools);
            all.graphs.extend(graphs);
            all.canaries.extend(canaries);
            all.shadows.extend(shadows);
        }
        all
    }

    fn build(&self) -> Family {
        let labels = labels([("version", &self.0.version)]);
        let series = Series { labels, since: self.0.since, value: Value::Whole(1) };
        Family::new(&catalog::BUILD, vec![series])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
