use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilotlight_secret::Secret;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::reference::Reference;

/// How to help oneself where a configuration is of no use.
const INSTEAD: &str = "set PILOTLIGHT_REGISTRY_USER and PILOTLIGHT_REGISTRY_PASSWORD";

/// Credentials for a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Anybody.
    #[default]
    Anonymous,
    /// A user, by password or access token.
    User {
        /// The name.
        name: String,
        /// The password.
        password: Secret,
    },
}

impl Credentials {
    /// The value of an `Authorization` header (RFC 7617); `None` for anybody.
    pub(crate) fn basic(&self) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::User { name, password } => {
                let pair = Zeroizing::new(format!("{name}:{}", password.text()));
                Some(format!("Basic {}", STANDARD.encode(&*pair)))
            }
        }
    }
}

/// Sources of credentials: first a user and a password, then Docker's configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// User for every registry.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Docker's `config.json`, which need not exist.
    pub docker_config: Option<PathBuf>,
}

impl Sources {
    /// `PILOTLIGHT_REGISTRY_USER` and `PILOTLIGHT_REGISTRY_PASSWORD`, and `config.json` in
    /// `$DOCKER_CONFIG` or `~/.docker`.
    pub fn from_environment() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| set(name).map(|value| value.to_string_lossy().into_owned());
        let folder = set("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")));
        Self {
            user: text("PILOTLIGHT_REGISTRY_USER"),
            password: text("PILOTLIGHT_REGISTRY_PASSWORD").map(Secret::new),
            docker_config: folder.map(|folder| folder.join("config.json")),
        }
    }

    /// The credentials for the registry of `reference`; anybody's where none are configured.
    ///
    /// # Errors
    /// [`Error::Credentials`] when some are configured but cannot be used, [`Error::Io`] when
    /// the configuration cannot be read.
    pub fn find(&self, reference: &Reference) -> Result<Credentials> {
        let refuse = |reason| Error::Credentials { registry: reference.registry(), reason };
        match (&self.user, &self.password) {
            (Some(name), Some(password)) => {
                return user(name.clone(), password.clone()).map_err(refuse);
            }
            (None, None) => {}
            _ => {
                let reason = "PILOTLIGHT_REGISTRY_USER and PILOTLIGHT_REGISTRY_PASSWORD belong \
                              together: set both or none";
                return Err(refuse(reason.to_owned()));
            }
        }
        let Some(path) = &self.docker_config else { return Ok(Credentials::Anonymous) };
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Credentials::Anonymous);
            }
            Err(error) => return Err(Error::io(path)(error)),
        };
        in_docker_config(path, &text, reference).map_err(refuse)
    }
}

/// The part of Docker's `config.json` that is about credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

fn in_docker_config(
    path: &Path,
    text: &[u8],
    reference: &Reference,
) -> std::result::Result<Credentials, String> {
    // What serde says about a value would show the value, and that may be a password.
    let config: DockerConfig = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!(
            "{}, line {line}, column {column}: not a valid Docker configuration",
            path.display()
        )
    })?;
    let registry = reference.registry();
    let is_it = |key: &&String| registry_of(key) == registry;
    if let Some(helper) = config.cred_helpers.keys().find(is_it) {
        return Err(not_run(path, &config.cred_helpers[helper]));
    }
    // As Docker does: an older login by URL may be there still.
    let exact = config.auths.keys().find(|key| **key == registry);
    let Some(entry) = exact.or_else(|| config.auths.keys().find(is_it)) else {
        return Ok(Credentials::Anonymous);
    };
    match read_auth(&config.auths[entry]) {
        Ok(Credentials::Anonymous) => match &config.creds_store {
            Some(store) => Err(not_run(path, store)),
            None => Ok(Credentials::Anonymous),
        },
        Ok(credentials) => Ok(credentials),
        Err(reason) => Err(format!("{}, {entry:?}: {reason}", path.display())),
    }
}

fn not_run(path: &Path, helper: &str) -> String {
    format!(
        "{} refers to the credential helper docker-credential-{helper}, which pilotlight does not \
         run; {INSTEAD}",
        path.display()
    )
}

/// The registry that a key of `auths` is for: Docker has written URLs, and Docker Hub's old one.
fn registry_of(key: &str) -> String {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default().to_ascii_lowercase();
    match &host[..] {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

fn read_auth(entry: &Auth) -> std::result::Result<Credentials, String> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if filled(&entry.identitytoken).is_some() {
        return Err(format!("identity tokens are not supported; {INSTEAD}"));
    }
    if let Some(encoded) = filled(&entry.auth) {
        let decoded = STANDARD.decode(encoded.trim()).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let (name, password) = decoded
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .ok_or("`auth` is not a name and a password in base64; run `docker login` again")?;
        // Docker itself leaves zeros at the end.
        return user(name.to_owned(), Secret::new(password.trim_end_matches('\0')));
    }
    match (filled(&entry.username), filled(&entry.password)) {
        (Some(name), Some(password)) => user(name, Secret::new(password)),
        _ => Ok(Credentials::Anonymous),
    }
}

fn user(name: String, password: Secret) -> std::result::Result<Credentials, String> {
    if name.contains(':') {
        return Err("the user name must not contain a colon".to_owned());
    }
    Ok(Credentials::User { name, password })
}
