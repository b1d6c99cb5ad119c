//! Address of an administration API.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use http::Uri;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// A listener, as `--admin` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Unix(PathBuf),
    Tcp { tls: bool, host: String, port: u16 },
}

/// A connection to it.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

impl Place {
    /// Value of the `host` header.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }

    pub(super) async fn connect(&self) -> anyhow::Result<Box<dyn Socket>> {
        let (tls, host, port) = match self {
            Self::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp { tls, host, port } => (*tls, bare(host), *port),
        };
        let stream = TcpStream::connect((host, port)).await?;
        if !tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).context("TLS")?;
        let connector = TlsConnector::from(Arc::new(client()?));
        Ok(Box::new(connector.connect(name, stream).await?))
    }
}

/// Removes the brackets around an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Trusts the certificate authorities of this machine, or those in the file that SSL_CERT_FILE
/// names.
fn client() -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.as_os_str().is_empty() {
                true => Err("must be unix:PATH".to_owned()),
                false => Ok(Self::Unix(path)),
            };
        }
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("must be http://HOST:PORT, https://HOST:PORT or unix:PATH".to_owned()),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("must not have a path or a query".to_owned());
        }
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self::Tcp { tls, host, port })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { tls, host, port } => {
                let scheme = if *tls { "https" } else { "http" };
                write!(f, "{scheme}://{host}:{port}")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_shown() {
        for text in ["unix:/run/p.sock", "http://127.0.0.1:3001", "https://[::1]:3001"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        let https = "https://admin.example.com/".parse::<Place>().unwrap();
        assert_eq!(https.to_string(), "https://admin.example.com:443");
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in ["", "unix:", "127.0.0.1:3001", "ftp://a:1", "http://a:1/path", "http://a?b"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
