use std::fmt;

/// An invalid value in a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("routes[{route}].{}: {message}", self.key())]
#[non_exhaustive]
pub struct RouteError {
    /// The route, counted from 0.
    pub route: usize,
    /// Keys that lead from the route to what is wrong.
    pub path: Vec<Key>,
    /// What is wrong, and how to correct it.
    pub message: String,
}

/// A step from a table or a list into what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Into a table.
    Name(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl RouteError {
    /// The path as it would be written, such as `to[1].weight`.
    #[must_use]
    pub fn key(&self) -> String {
        let text: String = self.path.iter().map(Key::to_string).collect();
        text.strip_prefix('.').map(str::to_owned).unwrap_or(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match self {
            Self::Name(name) if !name.is_empty() && name.chars().all(bare) => write!(f, ".{name}"),
            Self::Name(name) => write!(f, ".{name:?}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Key {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The errors of all routes, found one route after the other.
#[derive(Default)]
pub(crate) struct RouteErrors {
    route: usize,
    found: Vec<RouteError>,
}

impl RouteErrors {
    /// What is added from here on is in this route.
    pub(crate) fn in_route(&mut self, route: usize) {
        self.route = route;
    }

    pub(crate) fn add<const N: usize>(&mut self, path: [Key; N], message: impl Into<String>) {
        self.found.push(RouteError {
            route: self.route,
            path: path.into(),
            message: message.into(),
        });
    }

    /// The value of `result`; its message is an error at `path`.
    pub(crate) fn take<T, const N: usize>(
        &mut self,
        path: [Key; N],
        result: Result<T, impl Into<String>>,
    ) -> Option<T> {
        result.map_err(|message| self.add(path, message)).ok()
    }

    /// An error, in the order of the routes, unless there are none.
    pub(crate) fn none(mut self) -> Result<(), Vec<RouteError>> {
        self.found.sort_by_key(|error| error.route);
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}
