//! Who may ask, and how much: API keys, signed tokens and rates for each caller.
//!
//! A [`Policy`] is read from the files that [`Options`] name; a [`Guard`] holds requests against
//! it and says who asks ([`Caller`]) or why he may not ([`Denied`]). [`ApiKey`] makes keys,
//! [`AdminToken`] is for the administration. [`forwarded_client`] and [`proxy_header`] read what
//! trusted proxies say of their clients. Knows headers and addresses, and no sockets; the time
//! is an argument ([`Moment`]).
//!
//! Secrets are kept as digests, compared in constant time, and shown nowhere: neither in what is
//! printed for debugging nor in errors.

mod admin;
mod buckets;
mod caller;
mod credential;
mod date;
mod denied;
mod error;
mod fingerprint;
mod forwarded;
mod guard;
mod jwk;
mod key;
mod key_file;
mod moment;
mod policy;
mod proxy_protocol;
mod rate;
mod token;

pub use admin::AdminToken;
pub use caller::{Caller, Network};
pub use denied::{Denied, Reason};
pub use error::{Error, Mistake};
pub use forwarded::{ForwardedError, ForwardedHeader, forwarded_client};
pub use guard::Guard;
pub use key::ApiKey;
pub use key_file::ApiKeys;
pub use moment::Moment;
pub use policy::{Options, Policy};
pub use proxy_protocol::{ProxyHeader, ProxyHeaderError, proxy_header};
pub use rate::Rate;
pub use token::Tokens;
