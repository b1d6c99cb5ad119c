//! Which functions there are, and which routes lead to them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::request::Parts;
use http::{Request, StatusCode};
use pilotlight_router::Target;
use pilotlight_telemetry::ErrorKind;
use wasmtime_wasi_http::WasiBody;

use super::{DEFAULT_FUNCTION, RoutePolicies, Routed, Routing};
use crate::deploy::{Deployment, Version};
use crate::error::{Error, Result};
use crate::request::{Body, Refusal, RequestContext};

/// The table that requests are answered by; it is replaced as a whole. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Functions(Arc<RwLock<Arc<Table>>>);

/// What a request finds.
#[derive(Clone, Default)]
pub(crate) struct Table {
    pub(crate) deployments: BTreeMap<String, Arc<Deployment>>,
    /// None: everything goes to [`DEFAULT_FUNCTION`].
    pub(crate) routing: Option<Arc<Routing>>,
    pub(crate) policies: Arc<RoutePolicies>,
}

impl Functions {
    /// The table as it is now.
    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the table, all at once.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Table)) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Table::clone(&table);
        change(&mut next);
        let former = std::mem::replace(&mut *table, Arc::new(next));
        drop(table);
        drop(former);
    }
}

impl Table {
    /// The function called `name`.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub(crate) fn deployment(&self, name: &str) -> Result<Arc<Deployment>> {
        let found = self.deployments.get(name).cloned();
        found.ok_or_else(|| Error::no_function(name, self.deployments.keys()))
    }

    /// The version that a target names, if it is there.
    pub(crate) fn find(&self, target: &Target) -> Option<Arc<Version>> {
        self.deployments.get(&target.function)?.find(&target.version)
    }

    /// Longest body, in bytes, that is accepted by any function to which a request with this head may
    /// go; unknown where a tester chooses the function, or there is none.
    pub(crate) fn body_limit(&self, head: &Parts) -> Option<u64> {
        match &self.routing {
            Some(routing) => routing.body_limit(head, &|target| self.find(target)),
            None => Some(self.deployments.get(DEFAULT_FUNCTION)?.current().accepted_body()),
        }
    }

    /// Whether a request with this head begins a session, whichever function it goes to.
    pub(crate) fn begins_session(&self, head: &Parts) -> bool {
        let begins = |version: Arc<Version>| version.begins_session(&head.method, head.uri.path());
        match &self.routing {
            Some(routing) => {
                routing.all_targets(head, &|target| self.find(target).is_some_and(begins))
            }
            None => {
                let deployment = self.deployments.get(DEFAULT_FUNCTION);
                deployment.is_some_and(|deployment| begins(deployment.current()))
            }
        }
    }

    /// Finds what answers a request.
    ///
    /// # Errors
    /// The response, where nothing does.
    pub(crate) async fn route(
        &self,
        request: Request<WasiBody>,
        context: &RequestContext,
    ) -> std::result::Result<(Request<WasiBody>, Routed), Refusal> {
        if let Some(routing) = &self.routing {
            return routing.route(request, &|target| self.find(target), context).await;
        }
        match self.deployment(DEFAULT_FUNCTION) {
            Ok(deployment) => Ok((request, Routed::to(deployment.current()))),
            Err(error) => {
                let status = StatusCode::NOT_FOUND;
                let response = Body::refusal(status, "not_found", &error.to_string());
                Err((ErrorKind::NotFound, response))
            }
        }
    }
}
