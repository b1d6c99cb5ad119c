use std::collections::BTreeSet;

/// Options of all routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterOptions {
    /// Existing functions. Routes and override headers can name no others.
    pub functions: BTreeSet<String>,
    /// Whether [`VERSION_HEADER`](crate::VERSION_HEADER) selects the target. Callers can then
    /// reach every version of every function.
    pub override_header: bool,
}
