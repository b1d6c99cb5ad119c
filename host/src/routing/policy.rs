//! What routes refer to by name: `[auth]` and `[deidentify]` sections.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use pilotlight_auth::Principal;
use pilotlight_deidentify::DeidentifyOptions;
use pilotlight_files::FileCheck;
use pilotlight_router::{Fail, Route};

use crate::authentication::{
    Authentication, Authentications, RefusalStatus, Refusals, Rejected, authentications,
};
use crate::deidentification::{self, Deidentification, Deidentifications, deidentifications};
use crate::error::{Error, Result};
use crate::request::RequestContext;

/// What errors call an `[auth]` section.
const AUTH_SECTION: &str = "`[auth]` section";

/// The `[auth]` and `[deidentify]` sections, by the names that routes use.
#[derive(Clone, Default)]
pub(crate) struct RoutePolicies {
    authentications: Authentications,
    deidentifications: Deidentifications,
    default_auth: Option<Arc<Authentication>>,
}

/// What the route of a route asks for.
pub(super) struct RoutePolicy {
    auth: Option<Arc<Authentication>>,
    deidentify: Option<Arc<Deidentification>>,
    fail: Fail,
    refusals: Refusals,
}

impl RoutePolicies {
    /// Makes authenticators and deidentifiers ready; what `before` knew of principals and keys is kept. Reads files.
    ///
    /// # Errors
    /// [`Error::Auth`], [`Error::Deidentifier`], [`Error::Keys`], and [`Error::Options`] for a name
    /// that there is not.
    pub(crate) fn new(
        auth: BTreeMap<String, pilotlight_auth::AuthOptions>,
        default_auth: Option<&str>,
        deidentify: BTreeMap<String, DeidentifyOptions>,
        before: &Self,
    ) -> Result<Self> {
        let authentications = authentications(auth, &before.authentications)?;
        let default_auth = default_auth.map(|name| find(&authentications, AUTH_SECTION, name));
        Ok(Self {
            default_auth: default_auth.transpose()?,
            authentications,
            deidentifications: deidentifications(deidentify, &before.deidentifications)?,
        })
    }

    /// Whether requests that no route is for have to show who asks.
    pub(crate) fn has_default(&self) -> bool {
        self.default_auth.is_some()
    }

    /// Reads files again that have changed.
    pub(crate) fn check_files(&self, check: FileCheck) {
        self.authentications.values().for_each(|auth| auth.check_files(check));
        deidentification::check_files(&self.deidentifications, check);
    }

    /// What `route` asks for.
    ///
    /// # Errors
    /// [`Error::Options`] for a name that there is not, and for a de-identification that would re-identify
    /// encrypted values for anybody.
    pub(super) fn of_route(&self, route: &Route) -> Result<RoutePolicy> {
        let auth =
            route.auth.as_deref().map(|name| find(&self.authentications, AUTH_SECTION, name));
        let auth = auth.transpose()?.or_else(|| self.default_auth.clone());
        let named = route.deidentify.as_deref();
        let deidentify = named
            .map(|name| find(&self.deidentifications, "`[deidentify]` section", name))
            .transpose()?;
        if deidentify.is_some() && route.fail == Fail::Open {
            return Err(Error::Options(format!(
                "a route has `deidentify = \"{}\"` and `fail = \"open\"`, which would let values \
                 pass unchanged; remove one of them",
                named.unwrap_or_default()
            )));
        }
        let reidentifies = deidentify.as_ref().is_some_and(|deidentify| deidentify.reidentifies());
        if reidentifies && !auth.as_ref().is_some_and(|auth| auth.identifies()) {
            return Err(Error::Options(format!(
                "a route with `deidentify = \"{}\"` encrypts values, and anyone could decrypt \
                 them, because the route needs no credentials; add an `auth` with API keys or \
                 tokens",
                named.unwrap_or_default()
            )));
        }
        Ok(RoutePolicy { auth, deidentify, fail: route.fail, refusals: Refusals::default() })
    }

    /// What is asked of requests that no route is for.
    pub(super) fn without_route(&self) -> RoutePolicy {
        let auth = self.default_auth.clone();
        let (fail, refusals) = (Fail::default(), Refusals::default());
        RoutePolicy { auth, deidentify: None, fail, refusals }
    }
}

fn find<T>(all: &BTreeMap<String, Arc<T>>, what: &str, name: &str) -> Result<Arc<T>> {
    let known = || all.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unknown =
        || Error::Options(format!("{what} `{name}` does not exist; there are: {}", known()));
    all.get(name).cloned().ok_or_else(unknown)
}

impl RoutePolicy {
    /// Authenticates a request, or answers it.
    pub(super) fn authenticate(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
        route: &str,
        context: &RequestContext,
    ) -> std::result::Result<Principal, Rejected> {
        match &self.auth {
            Some(auth) => auth.authenticate(headers, client, (&self.refusals, route), context),
            None => Ok(Principal::Anonymous(None)),
        }
    }

    /// Whether it authenticates as `other` does.
    pub(super) fn authenticates_as(&self, other: &Self) -> bool {
        self.auth.as_ref().map(Arc::as_ptr) == other.auth.as_ref().map(Arc::as_ptr)
    }

    pub(super) fn deidentify(&self) -> Option<&Arc<Deidentification>> {
        self.deidentify.as_ref()
    }

    /// Whether texts pass where the function fails.
    pub(super) fn fails_open(&self) -> bool {
        self.fail == Fail::Open
    }

    pub(super) fn refused(&self) -> RefusalStatus {
        self.refusals.status()
    }
}
