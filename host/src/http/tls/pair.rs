use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, KeyUsage};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const DAY: u64 = 24 * 60 * 60;

/// The files of a certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// By which TLS encrypts.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

impl Pair {
    /// What the files hold now.
    pub(super) fn read(&self) -> Result<CertifiedKey> {
        let chain = self.chain()?;
        for doubt in chain.iter().filter_map(|one| doubt(one, UnixTime::now())) {
            tracing::warn!(certificate = %self.certificate.display(), "{doubt}");
        }
        let key = self.private_key()?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let certificate = self.certificate.display();
                refuse(
                    &self.key,
                    format!("is not the key of the first certificate in {certificate}"),
                )
            }
            rustls::Error::InvalidCertificate(error) => refuse(
                &self.certificate,
                format!("the first certificate cannot be read: {error:?}"),
            ),
            error => refuse(&self.key, format!("is not a key that TLS supports: {error}")),
        })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
        let path = &self.certificate;
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let chain: std::result::Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&bytes).collect();
        match chain {
            Ok(chain) if chain.is_empty() => {
                Err(refuse(path, "contains no certificate; a PEM file is required".to_owned()))
            }
            Ok(chain) => Ok(chain),
            Err(error) => Err(refuse(path, format!("is not PEM: {error}"))),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>> {
        let path = &self.key;
        let bytes = Zeroizing::new(fs::read(path).map_err(Error::io(path))?);
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
            PemError::NoItemsFound => refuse(
                path,
                "contains no private key; a PEM file without a password is required".into(),
            ),
            error => refuse(path, format!("is not PEM: {error}")),
        })
    }
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Tls { path: path.to_owned(), reason }
}

/// Why clients will not trust a certificate at `now`, as far as that is a matter of time: the first
/// thing that is looked at, before the authority that nobody is asked for here.
fn doubt(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let (nobody, usage) = (&[], KeyUsage::server_auth());
    let verified = certificate.verify_for_usage(&[], nobody, &[], now, usage, None, None);
    let days = |from: UnixTime, to: UnixTime| to.as_secs().saturating_sub(from.as_secs()) / DAY;
    match verified.err()? {
        webpki::Error::CertExpired { not_after, .. } => {
            Some(format!("a certificate expired {} days ago", days(not_after, now)))
        }
        webpki::Error::CertNotValidYet { not_before, .. } => {
            Some(format!("a certificate is not valid for another {} days", days(now, not_before)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The first days of 2020 and 2021, counted from 1970.
    const BEGIN: u64 = 18_262;
    const END: u64 = 18_628;

    fn doubt_on(day: u64) -> Option<String> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(day * DAY + 1));
        doubt(certificate.der(), now)
    }

    #[test]
    fn a_certificate_is_doubted_before_and_after_its_time() {
        assert_eq!(doubt_on(BEGIN), None);
        assert_eq!(doubt_on(END - 1), None);
        assert!(doubt_on(END + 3).unwrap().contains("expired 3 days ago"));
        assert!(doubt_on(BEGIN - 3).unwrap().contains("for another 2 days"));
    }
}
