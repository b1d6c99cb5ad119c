use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Authenticated caller. Its display contains no secret and no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// Anybody from a [`Network`]; from nowhere when it is not known.
    Anonymous(Option<Network>),
    /// Owner of an API key.
    Key {
        /// What the key is called.
        id: Arc<str>,
        /// Name of the owner in the key file, if any.
        name: Option<Arc<str>>,
    },
    /// Subject of a signed token.
    Subject {
        /// Who signed it (the token's `iss`).
        issuer: Arc<str>,
        /// Whom it names (its `sub`), which is unique for the issuer.
        subject: Arc<str>,
    },
}

/// Network of a client: its IPv4 address, or the /64 of its IPv6 address, in which it can use any
/// address (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of a client.
    pub fn of(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous(Some(network)) => network.fmt(f),
            Self::Anonymous(None) => f.write_str("somebody"),
            Self::Key { id, .. } => write!(f, "key:{id}"),
            Self::Subject { issuer, subject } => {
                write!(f, "{}#{}", issuer.escape_debug(), subject.escape_debug())
            }
        }
    }
}

/// A principal stays the same when his name in the file is changed.
impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Anonymous(network) => network.hash(state),
            Self::Key { id, .. } => id.hash(state),
            Self::Subject { issuer, subject } => (issuer, subject).hash(state),
        }
    }
}
