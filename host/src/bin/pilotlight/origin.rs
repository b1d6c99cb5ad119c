//! Origin of a configuration: a file, or a Consul key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use pilotlight_config::{Change, Consul, ConsulOptions, RouteDiagnostic, Secret, Sources};
use pilotlight_router::{Route, Router, RouterOptions};

#[derive(Clone)]
pub(crate) enum Origin {
    File(PathBuf),
    Consul { url: String, options: ConsulOptions },
}

impl Origin {
    /// The Consul key at `url`, read with the token in CONSUL_HTTP_TOKEN.
    pub(crate) fn consul(url: &str) -> anyhow::Result<Self> {
        let mut options = ConsulOptions::at(url)?;
        let token = std::env::var_os("CONSUL_HTTP_TOKEN").filter(|token| !token.is_empty());
        options.token = token.map(|token| Secret::new(token.to_string_lossy()));
        Ok(Self::Consul { url: url.to_owned(), options })
    }

    /// Its name in diagnostics.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Consul { url, .. } => url.clone(),
        }
    }

    /// The current text. Blocks.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        match self {
            Self::File(path) => std::fs::read_to_string(path).with_context(|| self.name()),
            Self::Consul { options, .. } => match Consul::new(options.clone())?.wait()? {
                Change::Text(text) => Ok(text),
                Change::Absent | Change::Unchanged => {
                    bail!(
                        "{}: the Consul key does not exist; create it with `consul kv put`",
                        self.name()
                    )
                }
            },
        }
    }

    /// The sources of its keys. Relative paths start at the folder of a file, or at the working
    /// directory for Consul.
    pub(crate) fn sources(&self, environment: Option<&str>, set: &[String]) -> Sources {
        let mut sources = match self {
            Self::File(path) => Sources::of(path),
            Self::Consul { .. } => Sources::of(Path::new("")),
        };
        sources.name = self.name();
        sources.flags = set.to_vec();
        sources.routes = Some(route_errors);
        if let Some(environment) = environment {
            sources.environment = Some(environment.to_owned());
        }
        sources
    }
}

/// Errors that the router finds; the configuration itself checks that functions exist.
fn route_errors(routes: &[Route]) -> Vec<RouteDiagnostic> {
    let targets = routes.iter().flat_map(Route::targets);
    let functions = targets.map(|target| target.function.clone()).collect();
    let options = RouterOptions { functions, override_header: false };
    let errors = Router::new(routes.to_vec(), options).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| RouteDiagnostic {
            route: error.route,
            key: error.key(),
            message: error.message.clone(),
        })
        .collect()
}
