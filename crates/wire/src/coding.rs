//! Content codings of request bodies (RFC 9110, section 8.4).

use std::fmt;

/// Longest name of a coding that an error repeats.
const LONGEST_NAME: usize = 40;

/// Content coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// No coding.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls so.
    Deflate,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

/// A coding, or a list of codings, that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("content-encoding {coding:?} is not supported; use one of: {accepted}")]
pub struct UnsupportedCoding {
    coding: String,
    accepted: &'static str,
}

impl UnsupportedCoding {
    /// Value of `accept-encoding` in a response with status 415 (RFC 9110, section 15.5.16).
    pub fn accepted(&self) -> &'static str {
        self.accepted
    }
}

impl Coding {
    /// The coding that the `content-encoding` header fields of a request name.
    ///
    /// # Errors
    /// [`UnsupportedCoding`] for any other coding than gzip and deflate, and for more than one.
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
            [name] if name.eq_ignore_ascii_case("deflate") => Ok(Self::Deflate),
            _ => Err(unsupported(&codings, "gzip, deflate, identity")),
        }
    }

    /// Maximum size of an encoded body of at most `decoded` bytes: content that does not compress
    /// becomes a little larger (RFC 1951, section 3.2.4, and the frames of RFC 1950 and RFC 1952).
    pub fn longest(self, decoded: u64) -> u64 {
        match self {
            Self::Identity => decoded,
            Self::Gzip | Self::Deflate => {
                decoded.saturating_add(decoded / 1000).saturating_add(1024)
            }
        }
    }

    /// The same for whoever decodes nothing.
    ///
    /// # Errors
    /// [`UnsupportedCoding`] for any coding.
    pub fn none_of<'a>(
        fields: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), UnsupportedCoding> {
        match Self::of(fields) {
            Ok(Self::Identity) => Ok(()),
            Ok(coding) => Err(unsupported(&[&coding.to_string()], "identity")),
            Err(other) => Err(UnsupportedCoding { accepted: "identity", ..other }),
        }
    }
}

fn unsupported(codings: &[&str], accepted: &'static str) -> UnsupportedCoding {
    let coding = codings.join(", ").chars().take(LONGEST_NAME).collect();
    UnsupportedCoding { coding, accepted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(fields: &[&str]) -> Option<Coding> {
        Coding::of(fields.iter().map(|field| field.as_bytes())).ok()
    }

    #[test]
    fn gzip_deflate_and_identity_are_known() {
        for fields in [&[][..], &[""], &["identity"], &["Identity, identity"]] {
            assert_eq!(coding(fields), Some(Coding::Identity), "{fields:?}");
        }
        for fields in [&["gzip"][..], &["x-gzip"], &["GZIP"], &["identity", " gzip "]] {
            assert_eq!(coding(fields), Some(Coding::Gzip), "{fields:?}");
        }
        for fields in [&["deflate"][..], &["Deflate"], &["identity, deflate"]] {
            assert_eq!(coding(fields), Some(Coding::Deflate), "{fields:?}");
        }
        for fields in
            [&["br"][..], &["gzip, deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["gzip;q=1"]]
        {
            assert_eq!(coding(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn without_a_decoder_only_identity_is_known() {
        let gzip = Coding::none_of([&b"gzip"[..]]).unwrap_err();
        assert_eq!(gzip.accepted(), "identity");
        assert!(gzip.to_string().contains("\"gzip\""), "{gzip}");
        let deflate = Coding::none_of([&b"deflate"[..]]).unwrap_err();
        assert!(deflate.to_string().contains("\"deflate\""), "{deflate}");
        assert!(Coding::none_of([&b"identity"[..]]).is_ok());
        assert_eq!(Coding::none_of([&b"br"[..]]).unwrap_err().accepted(), "identity");
    }
}
