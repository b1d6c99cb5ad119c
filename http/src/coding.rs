//! Content codings of request bodies (RFC 9110, section 8.4).

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

/// Longest name of a coding that an error repeats.
const LONGEST_NAME: usize = 40;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
}

/// A coding, or a list of codings, that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("content-encoding {0:?} is not supported; send the body as it is or as gzip")]
pub struct UnsupportedCoding(String);

/// Why a gzip body was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GunzipError {
    /// It is longer than the limit.
    #[error("the body has more than {limit} bytes when decompressed; send less at once")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It is not gzip, or not all of it.
    #[error("the body is not valid gzip: {0}")]
    Broken(String),
}

impl Coding {
    /// What an answer with status 415 sends as `accept-encoding` (RFC 9110, section 15.5.16).
    pub const ACCEPTED: &str = "gzip, identity";

    /// The coding that the `content-encoding` header fields of a request name.
    ///
    /// # Errors
    /// [`UnsupportedCoding`] for any other coding than gzip, and for more than one.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, UnsupportedCoding> {
        let fields: Vec<_> = fields.into_iter().map(String::from_utf8_lossy).collect();
        let names = fields.iter().flat_map(|field| field.split(',')).map(str::trim);
        let is_coding = |name: &&str| !name.is_empty() && !name.eq_ignore_ascii_case("identity");
        let codings: Vec<&str> = names.filter(is_coding).collect();
        match codings[..] {
            [] => Ok(Self::Identity),
            [name] if ["gzip", "x-gzip"].iter().any(|gzip| name.eq_ignore_ascii_case(gzip)) => {
                Ok(Self::Gzip)
            }
            _ => Err(UnsupportedCoding(codings.join(", ").chars().take(LONGEST_NAME).collect())),
        }
    }
}

/// Decodes a whole gzip body of one or more members to at most `limit` bytes. Nothing stays
/// nothing.
///
/// # Errors
/// [`GunzipError`].
pub fn gunzip(body: &[u8], limit: usize) -> Result<Vec<u8>, GunzipError> {
    let mut decoded = Vec::new();
    if body.is_empty() {
        return Ok(decoded);
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoder = MultiGzDecoder::new(body).take(most);
    let read = decoder.read_to_end(&mut decoded);
    if decoded.len() > limit {
        return Err(GunzipError::TooLong { limit });
    }
    read.map(|_| decoded).map_err(|error| GunzipError::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn coding(fields: &[&str]) -> Option<Coding> {
        Coding::of(fields.iter().map(|field| field.as_bytes())).ok()
    }

    #[test]
    fn gzip_and_identity_are_known() {
        for fields in [&[][..], &[""], &["identity"], &["Identity, identity"]] {
            assert_eq!(coding(fields), Some(Coding::Identity), "{fields:?}");
        }
        for fields in [&["gzip"][..], &["x-gzip"], &["GZIP"], &["identity", " gzip "]] {
            assert_eq!(coding(fields), Some(Coding::Gzip), "{fields:?}");
        }
        for fields in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["gzip;q=1"]]
        {
            assert_eq!(coding(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn members_are_decoded_one_after_the_other() {
        assert_eq!(gunzip(&gzip(b"{}"), 2), Ok(b"{}".to_vec()));
        assert_eq!(gunzip(&[gzip(b"{"), gzip(b""), gzip(b"}")].concat(), 2), Ok(b"{}".to_vec()));
        assert_eq!(gunzip(b"", 0), Ok(Vec::new()));
    }

    #[test]
    fn what_is_too_long_is_not_decoded_to_its_end() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&bomb, 1000), Err(GunzipError::TooLong { limit: 1000 }));
        assert!(gunzip(&gzip(&[b' '; 1000]), 1000).is_ok());
    }

    #[test]
    fn broken_bodies_are_refused() {
        let whole = gzip(b"{\"inputs\": \"a\"}");
        for cut in 1..whole.len() {
            assert!(matches!(gunzip(&whole[..cut], 100), Err(GunzipError::Broken(_))), "{cut}");
        }
        let mut flipped = whole.clone();
        let crc = whole.len() - 6;
        flipped[crc] ^= 1;
        for broken in [&flipped[..], b"{}", &[&whole[..], b"garbage"].concat()] {
            assert!(matches!(gunzip(broken, 100), Err(GunzipError::Broken(_))));
        }
    }
}
