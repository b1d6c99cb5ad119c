use std::fmt;
use std::str::FromStr;

use pilotlight_http_client::is_loopback;
use pilotlight_model::Digest;

use crate::error::{Error, Result};

/// Longest repository name (OCI distribution specification).
const LONGEST_REPOSITORY: usize = 255;
/// Longest tag.
const LONGEST_TAG: usize = 128;

/// An artifact in a registry: `oci://host[:port]/repository[:tag][@sha256:digest]`, with or
/// without `oci://`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    host: String,
    port: Option<u16>,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`Error::Reference`], with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        read(text).map_err(|reason| Error::Reference { text: text.to_owned(), reason })
    }

    /// The registry: host, and port if one is given.
    pub fn registry(&self) -> String {
        self.with_port(&self.host)
    }

    /// The repository in it.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if one is given.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same artifact, for as long as it has this digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The host of the registry, without its port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Where the registry answers: Docker Hub does so under another name.
    pub(crate) fn address(&self) -> String {
        self.with_port(if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host })
    }

    fn with_port(&self, host: &str) -> String {
        self.port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What names the manifest in requests.
    pub(crate) fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry(), self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

/// `sha256:` and 64 hexadecimal digits, as registries write digests.
pub(crate) fn read_digest(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let lower = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| Digest::from_hex(hex)).flatten()
}

fn read(text: &str) -> std::result::Result<Reference, String> {
    let rest = text.strip_prefix("oci://");
    let explicit = rest.is_some();
    let rest = rest.unwrap_or(text);
    if let Some((scheme, _)) = rest.split_once("://") {
        return Err(format!("the scheme {scheme}:// is not supported"));
    }
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (
            rest,
            Some(read_digest(digest).ok_or_else(|| {
                format!(
                    "{digest:?} is not a digest, which is sha256: and 64 lower-case hexadecimal \
                     digits"
                )
            })?),
        ),
        None => (rest, None),
    };
    let (registry, name) = rest.split_once('/').ok_or("the repository is missing")?;
    let (host, port) = read_registry(registry)?;
    if !explicit && !registry.contains(['.', ':']) && host != "localhost" {
        return Err(format!("the host name of the registry is missing before {registry:?}"));
    }
    let (repository, tag) = match name.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (name, None),
    };
    check_repository(repository)?;
    tag.map_or(Ok(()), check_tag)?;
    let (host, repository) = on_docker_hub(host, repository);
    Ok(Reference { host, port, repository, tag: tag.map(str::to_owned), digest })
}

/// Docker Hub has several names, and keeps its own images in `library`.
fn on_docker_hub(host: String, repository: &str) -> (String, String) {
    match &host[..] {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
            let library = if repository.contains('/') { "" } else { "library/" };
            ("docker.io".to_owned(), format!("{library}{repository}"))
        }
        _ => (host, repository.to_owned()),
    }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, and maybe a port.
fn read_registry(text: &str) -> std::result::Result<(String, Option<u16>), String> {
    let after_host = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').map_or(text.len(), |end| end + 2),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(after_host);
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.split('.').all(is_label),
    };
    if !valid {
        return Err(format!("{host:?} is not a host name"));
    }
    let port = match port.strip_prefix(':') {
        Some(digits) => {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|port: &u16| plain && *port != 0);
            Some(number.ok_or_else(|| format!("{digits:?} is not a port"))?)
        }
        None if port.is_empty() => None,
        None => return Err(format!("{text:?} is not HOST:PORT")),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty()
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_repository(repository: &str) -> std::result::Result<(), String> {
    if repository.len() > LONGEST_REPOSITORY {
        return Err(format!("a repository's name has at most {LONGEST_REPOSITORY} characters"));
    }
    if repository.split('/').all(is_component) {
        return Ok(());
    }
    Err(format!(
        "{repository:?} is not a repository, which has parts separated by `/`, of lower-case \
         letters and digits with single `.`, `_`, `__` or any number of `-` between them"
    ))
}

/// One part of a repository's name.
fn is_component(part: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [part.bytes().next(), part.bytes().next_back()];
    ends.iter().all(|end| end.as_ref().is_some_and(letter))
        && part.as_bytes().chunk_by(|a, b| letter(a) == letter(b)).all(|run| {
            run.iter().all(letter)
                || matches!(run, b"." | b"_" | b"__")
                || run.iter().all(|byte| *byte == b'-')
        })
}

fn check_tag(tag: &str) -> std::result::Result<(), String> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let valid = (1..=LONGEST_TAG).contains(&tag.len())
        && tag.bytes().all(inner)
        && !tag.starts_with(['.', '-']);
    valid.then_some(()).ok_or_else(|| {
        format!(
            "{tag:?} is not a tag, which has up to {LONGEST_TAG} letters, digits, `_`, `.` and `-`"
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use super::Reference;

    #[test]
    fn docker_hub_is_asked_at_its_own_address_and_at_the_port_that_was_named() {
        let address = |text| Reference::parse(text).unwrap().address();
        assert_eq!(address("docker.io/team/x"), "registry-1.docker.io");
        assert_eq!(address("docker.io:444/team/x"), "registry-1.docker.io:444");
        assert_eq!(address("a.example:444/team/x"), "a.example:444");
    }
}
