//! Who may ask, and how much: API keys, signed tokens and rates for each principal.
//!
//! A [`Policy`] is read from the files that [`AuthOptions`] name; an [`Authenticator`] holds requests against
//! it and says who asks ([`Principal`]) or why he may not ([`Rejection`]). [`ApiKey`] makes keys,
//! [`AdminToken`] is for the administration. [`forwarded_client`] and [`proxy_header`] read what
//! trusted proxies say of their clients. Knows headers and addresses, and no sockets; the time
//! is an argument ([`Timestamp`]).
//!
//! Secrets are kept as digests, compared in constant time, and shown nowhere: neither in what is
//! printed for debugging nor in errors.

mod admin;
mod authenticator;
mod credential;
mod date;
mod error;
mod fingerprint;
mod forwarded;
mod jwk;
mod key;
mod key_file;
mod policy;
mod principal;
mod proxy_protocol;
mod rate;
mod rate_limiter;
mod rejection;
mod timestamp;
mod token;

pub use admin::AdminToken;
pub use authenticator::Authenticator;
pub use error::{Error, InvalidValue};
pub use forwarded::{ForwardedError, ForwardedHeader, forwarded_client};
pub use key::ApiKey;
pub use key_file::ApiKeys;
pub use policy::{AuthOptions, Policy};
pub use principal::{Network, Principal};
pub use proxy_protocol::{ProxyHeader, ProxyHeaderError, proxy_header};
pub use rate::Rate;
pub use rejection::{Reason, Rejection};
pub use timestamp::Timestamp;
pub use token::Tokens;
