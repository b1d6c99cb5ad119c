//! The HTTP client that asks registries, Consul and OpenTelemetry collectors.
//!
//! It has no limits of its own: each user sets timeouts and the sizes of answers.

use std::net::IpAddr;
use std::sync::Arc;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// An agent for requests to `host`: answers of every status are answers, and redirects are not followed,
/// because credentials are for `host` alone. Loopback hosts are reached without a proxy.
///
/// Requests over TLS need [`tls`], too.
pub fn agent(host: &str) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("pilotlight/", env!("CARGO_PKG_VERSION")));
    if is_loopback(host) { config.proxy(None) } else { config }
}

/// TLS with servers whose certificate authority this machine trusts, or `SSL_CERT_FILE` names. Reads the
/// certificates from files, which takes milliseconds.
pub fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

/// Whether a host name, or an address as it stands in a URL, is this machine's own. Names below
/// `localhost` are asked of the network by many resolvers, whatever RFC 6761 says.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
