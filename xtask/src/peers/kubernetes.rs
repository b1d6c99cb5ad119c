//! Helm as a Python package, and the schemas of Kubernetes: they check what is in `deploy/`.

use std::path::PathBuf;

use super::{environment_in, install};
use crate::cargo::target;
use crate::ci::or_skipped;

/// Helm 4 itself, the schemas of Kubernetes 1.25 to 1.37, and what these need.
const PACKAGES: [&str; 11] = [
    "helm-python-sdk==0.2.2",
    "kubernetes-validate==1.37.0",
    "attrs==26.1.0",
    "importlib_resources==7.1.0",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "packaging==26.4",
    "PyYAML==6.0.4",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "typing_extensions==4.16.0",
];
/// Names the Python to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_KUBERNETES_TOOLS";

/// A Python with the packages: what the variable names, or one in the target folder. `None`, said aloud, when
/// there is no Python; an error in CI.
pub(crate) fn python() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("checks of charts and manifests", install_packages())
}

fn install_packages() -> anyhow::Result<PathBuf> {
    let python = environment_in(&target().join("peers/kubernetes"))?;
    install(&python, &PACKAGES)?;
    Ok(python)
}
