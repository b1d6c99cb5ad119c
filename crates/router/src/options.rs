use std::collections::BTreeSet;

/// What holds for all routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterOptions {
    /// Functions that there are. Routes and testers may name no others.
    pub functions: BTreeSet<String>,
    /// Whether [`VERSION_HEADER`](crate::VERSION_HEADER) is obeyed. Whoever may send requests
    /// may then reach every version of every function.
    pub override_header: bool,
}
