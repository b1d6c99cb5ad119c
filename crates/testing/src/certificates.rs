//! Certificates made for a test, and clients that trust them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` that signs itself.
pub struct Certificate {
    /// What clients trust.
    pub der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificate {
    /// One that is valid now.
    #[allow(clippy::new_without_default, reason = "each is another certificate")]
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// One that is no longer valid.
    pub fn expired() -> Self {
        Self::with(|params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })
    }

    fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, key: key.serialize_der() }
    }
}

/// The two files of a server.
pub struct Files(TempDir);

impl Files {
    /// Writes them to a new folder.
    pub fn of(certificate: &Certificate) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put_certificate(certificate);
        files.put_key(certificate);
        files
    }

    /// The certificate's path.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    /// The key's path.
    pub fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// Replaces the certificate.
    pub fn put_certificate(&self, certificate: &Certificate) {
        put(&self.certificate(), "CERTIFICATE", &certificate.der);
    }

    /// Replaces the key.
    pub fn put_key(&self, certificate: &Certificate) {
        put(&self.key(), "PRIVATE KEY", &certificate.key);
    }
}

/// Renames over what is there, as those do that issue certificates.
fn put(path: &Path, label: &str, der: &[u8]) {
    let content = STANDARD.encode(der);
    let text = format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n");
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// What a client offers.
pub fn client(trusts: &Certificate, protocols: &[&str]) -> ClientConfig {
    of_versions(trusts, protocols, rustls::ALL_VERSIONS)
}

/// The same, for these versions of TLS only.
pub fn of_versions(
    trusts: &Certificate,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusts.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Connects to `address` over TLS.
///
/// # Errors
/// When the handshake fails.
pub async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    handshake(TcpStream::connect(address).await.unwrap(), config).await
}

/// Begins TLS on a connection.
///
/// # Errors
/// When the handshake fails.
pub async fn handshake(
    stream: TcpStream,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
