//! What stands before the targets of rules: who may ask, and what is protected.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use pilotlight_auth::Caller;
use pilotlight_deidentify::ProtectionOptions;
use pilotlight_files::Look;
use pilotlight_router::Rule;

use crate::access::{Access, Accesses, NotAdmitted, RefusalStatus, Refusals, accesses};
use crate::error::{Error, Result};
use crate::protection::{self, Protector, Protectors, protectors};
use crate::telemetry::Caption;

/// Accesses and protections, by the names that rules use.
#[derive(Clone, Default)]
pub(crate) struct Guards {
    accesses: Accesses,
    protectors: Protectors,
    default_access: Option<Arc<Access>>,
}

/// What stands before the targets of a rule.
pub(super) struct Gate {
    access: Option<Arc<Access>>,
    protection: Option<Arc<Protector>>,
    refusals: Refusals,
}

impl Guards {
    /// Makes guards ready; what `before` knew of callers and keys is kept. Reads files.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::Protection`], [`Error::Keys`], and [`Error::Options`] for a name
    /// that there is not.
    pub(crate) fn new(
        access: BTreeMap<String, pilotlight_auth::Options>,
        default_access: Option<&str>,
        protection: BTreeMap<String, ProtectionOptions>,
        before: &Self,
    ) -> Result<Self> {
        let accesses = accesses(access, &before.accesses)?;
        let default_access = default_access.map(|name| find(&accesses, "access", name));
        Ok(Self {
            default_access: default_access.transpose()?,
            accesses,
            protectors: protectors(protection, &before.protectors)?,
        })
    }

    /// Whether requests that no rule is for have to show who asks.
    pub(crate) fn has_default(&self) -> bool {
        self.default_access.is_some()
    }

    /// Reads files again that have changed.
    pub(crate) fn look(&self, look: Look) {
        self.accesses.values().for_each(|access| access.look(look));
        protection::look(&self.protectors, look);
    }

    /// What stands before the targets of `rule`.
    ///
    /// # Errors
    /// [`Error::Options`] for a name that there is not, and for a protection that would restore
    /// encrypted values for anybody.
    pub(super) fn gate(&self, rule: &Rule) -> Result<Gate> {
        let access = rule.access.as_deref().map(|name| find(&self.accesses, "access", name));
        let access = access.transpose()?.or_else(|| self.default_access.clone());
        let named = rule.protection.as_deref();
        let protection =
            named.map(|name| find(&self.protectors, "protection", name)).transpose()?;
        let restores = protection.as_ref().is_some_and(|protection| protection.restores());
        if restores && !access.as_ref().is_some_and(|access| access.identifies()) {
            return Err(Error::Options(format!(
                "a rule's protection `{}` encrypts, and anybody could have everything decrypted; \
                 the rule needs an access with API keys or tokens",
                named.unwrap_or_default()
            )));
        }
        Ok(Gate { access, protection, refusals: Refusals::default() })
    }

    /// What stands before targets that no rule is for.
    pub(super) fn elsewhere(&self) -> Gate {
        let access = self.default_access.clone();
        Gate { access, protection: None, refusals: Refusals::default() }
    }
}

fn find<T>(all: &BTreeMap<String, Arc<T>>, what: &str, name: &str) -> Result<Arc<T>> {
    let known = || all.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unknown = || Error::Options(format!("there is no {what} `{name}`; there are: {}", known()));
    all.get(name).cloned().ok_or_else(unknown)
}

impl Gate {
    /// Lets a request through, or answers it.
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
        rule: &str,
        caption: &Caption,
    ) -> std::result::Result<Caller, NotAdmitted> {
        match &self.access {
            Some(access) => access.admit(headers, client, (&self.refusals, rule), caption),
            None => Ok(Caller::Anonymous(None)),
        }
    }

    /// Whether everybody may ask.
    pub(super) fn is_open(&self) -> bool {
        self.access.is_none()
    }

    /// Whether the same may ask as at `other`.
    pub(super) fn admits_as(&self, other: &Self) -> bool {
        self.access.as_ref().map(Arc::as_ptr) == other.access.as_ref().map(Arc::as_ptr)
    }

    pub(super) fn protection(&self) -> Option<&Protector> {
        self.protection.as_deref()
    }

    pub(super) fn refused(&self) -> RefusalStatus {
        self.refusals.status()
    }
}
