//! TLS with certificates that can be replaced while the server runs.
//! Used by listeners. Does not know HTTP.

mod pair;

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pilotlight_files::{FileCheck, FileWatcher};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use super::connection::{Accepted, Protocol};
use crate::error::{Error, Result};
use pair::Pair;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// TLS 1.2 and 1.3 by a certificate and its key. Clones share them.
#[derive(Clone)]
pub struct Tls {
    pair: Arc<Pair>,
    in_use: Arc<InUse>,
    acceptor: TlsAcceptor,
}

/// What new connections are shown; those that are there keep what they were shown.
#[derive(Debug)]
struct InUse(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads a certificate, followed by those that lead to its authority, and its key, from two
    /// files of PEM.
    ///
    /// # Errors
    /// [`Error::Tls`] naming the file and what is wrong with it. A certificate that is not valid
    /// now is a warning in the log.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self> {
        let pair = Pair { certificate: certificate.to_owned(), key: key.to_owned() };
        let in_use = Arc::new(InUse(RwLock::new(Arc::new(pair.read()?))));
        let config = ServerConfig::builder_with_provider(pair::provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| pair.refuse(error.to_string()))?;
        let resolver = Arc::clone(&in_use) as Arc<dyn ResolvesServerCert>;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { pair: Arc::new(pair), in_use, acceptor })
    }

    /// Reads both files again, for connections from now on.
    ///
    /// # Errors
    /// As [`Tls::open`]; then those that were read before stay in use.
    pub fn reload(&self) -> Result<()> {
        let read = Arc::new(self.pair.read()?);
        *self.in_use.0.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Reads the files again whenever one of them changes, for as long as it is polled. It looks
    /// every so often, and once more, for a file that is still being written.
    pub async fn follow(self, every: Duration) {
        let mut files =
            [&self.pair.certificate, &self.pair.key].map(|path| FileWatcher::new(path.as_path()));
        let mut looks = tokio::time::interval(every);
        loop {
            looks.tick().await;
            // Both are looked at each time.
            let changed = files.each_mut().map(|file| file.check_files(FileCheck::Periodic));
            if changed.contains(&true) {
                self.take_over();
            }
        }
    }

    /// Reads both files again; whether that worked out is in the log.
    pub fn take_over(&self) {
        let certificate = self.pair.certificate.display();
        match self.reload() {
            Ok(()) => tracing::info!(%certificate, "the certificate has been reloaded"),
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the \
                previous one stays in use"),
        }
    }

    pub(super) async fn accept(&self, accepted: Accepted) -> io::Result<Accepted> {
        let Accepted { socket, client, .. } = accepted;
        let stream = self.acceptor.accept(socket).await?;
        // HTTP/2 has to be agreed upon (RFC 9113, 3.2).
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok(Accepted { socket: Box::new(stream), protocol, client })
    }
}

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Pair {
    fn refuse(&self, reason: String) -> Error {
        Error::Tls { path: self.certificate.clone(), reason }
    }
}
