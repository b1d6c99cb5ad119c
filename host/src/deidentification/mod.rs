//! De-identification of `POST /v1/redact` and `POST /v1/reidentify`, and of their streams. The host keeps the text and
//! accepts only positions, labels and scores from the function, checked against the manifest; `GET /info` is its own.
//! Used by `routing` and `http`. Does not know routes or sockets.

mod error;
mod redact;
mod stream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use pilotlight_deidentify::{Deidentifier, DeidentifyOptions, Keyring, Mode, OptionsError, Unfit};
use pilotlight_files::{FileCheck, Reloaded};
use pilotlight_streams::Form;
use pilotlight_wire::without_trailing_slash;
use wasmtime_wasi_http::WasiBody;

use crate::deploy::{Declared, Version};
use crate::error::{Error, Result};
use crate::request::{Body, CollectError, REQUEST_ID, RequestContext, collect};
use error::DeidentificationError;
pub(crate) use redact::Kept;
use redact::{RedactRequest, ReidentifyRequest, parse};
pub(crate) use stream::{Asked, Streamed};
use stream::{Change, Redaction};

/// `[deidentify]` sections by their names.
pub(crate) type Deidentifications = BTreeMap<String, Arc<Deidentification>>;

/// Keyrings by their files: `[deidentify]` sections that share a file share its keyring, and how often its keys
/// have been used.
type Keyrings = BTreeMap<PathBuf, Arc<WatchedKeyring>>;

/// One de-identification at work.
#[derive(Debug)]
pub(crate) struct Deidentification {
    options: DeidentifyOptions,
    keyring: Option<Arc<WatchedKeyring>>,
}

#[derive(Debug)]
struct WatchedKeyring(Reloaded<Keyring>);

/// What comes of a request to a de-identified route.
pub(crate) enum Begun {
    /// The function is asked, and its answer de-identified.
    Asked(Request<WasiBody>, Box<Kept>),
    /// It is answered while it is read.
    Streamed(Box<Streamed>),
    /// It is answered already.
    Answered(Response<Body>),
}

/// Makes the `[deidentify]` sections ready. Files that `before` had go on being followed. Reads files.
///
/// # Errors
/// [`Error::Deidentifier`] and [`Error::Keys`].
pub(crate) fn deidentifications(
    options: BTreeMap<String, DeidentifyOptions>,
    before: &Deidentifications,
) -> Result<Deidentifications> {
    let keyrings = before.values().filter_map(|deidentification| {
        Some((
            deidentification.options.keys.clone()?,
            Arc::clone(deidentification.keyring.as_ref()?),
        ))
    });
    let mut keyrings: Keyrings = keyrings.collect();
    let deidentification = |(name, options): (String, DeidentifyOptions)| {
        let refused = |source| Error::Deidentifier { name: name.clone(), source };
        options.check().map_err(refused)?;
        let keyring =
            options.keys.as_deref().map(|file| keyring(file, &mut keyrings)).transpose()?;
        Ok((name, Arc::new(Deidentification { options, keyring })))
    };
    options.into_iter().map(deidentification).collect()
}

fn keyring(file: &Path, keyrings: &mut Keyrings) -> Result<Arc<WatchedKeyring>> {
    if let Some(keyring) = keyrings.get(file) {
        return Ok(Arc::clone(keyring));
    }
    let keyring = Arc::new(WatchedKeyring::read(file)?);
    keyrings.insert(file.to_owned(), Arc::clone(&keyring));
    Ok(keyring)
}

/// Reads key keyrings again whose files have changed.
pub(crate) fn check_files(deidentifications: &Deidentifications, check: FileCheck) {
    let keyrings = deidentifications.values().filter_map(|deidentification| {
        Some((deidentification.options.keys.as_deref()?, deidentification.keyring.as_ref()?))
    });
    let keyrings: BTreeMap<_, _> = keyrings.collect();
    keyrings.into_iter().for_each(|(file, keyring)| keyring.check_files(file, check));
}

impl WatchedKeyring {
    fn read(file: &Path) -> Result<Self> {
        let read = || Keyring::read(file).map(with_files);
        Ok(Self(Reloaded::read(&[file], read)?))
    }

    fn check_files(&self, file: &Path, check: FileCheck) {
        let what = file.display().to_string();
        self.0.check_files(check, &what, |keyring| keyring.read_again().map(with_files));
    }
}

fn with_files(keyring: Keyring) -> (Keyring, Vec<PathBuf>) {
    let files = keyring.files().to_vec();
    (keyring, files)
}

impl Deidentification {
    /// Whether values can be had back from what it writes.
    pub(crate) fn reidentifies(&self) -> bool {
        self.options.modes().any(|mode| mode == Mode::Encrypt)
    }

    /// Whether a version finds entities, and it can de-identify all of them that it has to.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn fits(&self, declared: Option<&Declared>) -> std::result::Result<(), Unfit> {
        if let Some(declared) = declared.filter(|declared| declared.redacts == Some(false)) {
            return Err(Unfit::NoRedaction { task: declared.task.clone() });
        }
        let labels = declared.and_then(|declared| declared.labels.as_ref());
        self.options.check_labels(labels.map(pilotlight_model::Labels::groups))
    }

    /// Begins to answer a request to a de-identified route.
    pub(crate) async fn begin(
        &self,
        mut head: Parts,
        body: WasiBody,
        version: &Version,
        context: &RequestContext,
    ) -> Begun {
        head.headers.insert(REQUEST_ID, context.id().clone());
        match self.begin_with(head, body, version).await {
            Ok(begun) => begun,
            Err(refusal) => Begun::Answered(refusal.response(context)),
        }
    }

    async fn begin_with(
        &self,
        head: Parts,
        body: WasiBody,
        version: &Version,
    ) -> std::result::Result<Begun, DeidentificationError> {
        match without_trailing_slash(head.uri.path()) {
            "/info" => info(&head, version.declared()),
            "/v1/redact" => {
                let bytes = read(&head, body, version.body_limit()).await?;
                self.ask(head, parse(&bytes)?, version.declared().cloned())
            }
            stream::REDACT => self.redact_stream(head, body, version),
            stream::REIDENTIFY if self.reidentifies() => {
                self.reidentify_stream(&head, body, version)
            }
            "/v1/reidentify" if self.reidentifies() => {
                let bytes = read(&head, body, version.body_limit()).await?;
                let ReidentifyRequest { text } = parse(&bytes)?;
                self.reidentify(head, &text)
            }
            "/v1/reidentify" | stream::REIDENTIFY => {
                Err(DeidentificationError::NothingToReidentify(self.options.mode))
            }
            _ => Err(DeidentificationError::NotDeidentified),
        }
    }

    fn ask(
        &self,
        head: Parts,
        request: RedactRequest,
        declared: Option<Arc<Declared>>,
    ) -> std::result::Result<Begun, DeidentificationError> {
        // Versions are refused when they are loaded; testers may name any function.
        let unfit = |unfit: Unfit| DeidentificationError::Unusable(unfit.to_string());
        self.fits(declared.as_deref()).map_err(unfit)?;
        let deidentify = self.deidentify(request.placeholder.as_deref())?;
        let (request, kept) = redact::ask(head, request, (deidentify, declared))?;
        Ok(Begun::Asked(request, Box::new(kept)))
    }

    fn redact_stream(
        &self,
        head: Parts,
        body: WasiBody,
        version: &Version,
    ) -> std::result::Result<Begun, DeidentificationError> {
        let form = stream::form(&head)?;
        let placeholder = stream::placeholder(&head)?;
        let declared = version.declared().cloned();
        let unfit = |unfit: Unfit| DeidentificationError::Unusable(unfit.to_string());
        self.fits(declared.as_deref()).map_err(unfit)?;
        let deidentify = self.deidentify(placeholder.as_deref())?;
        let change = Change::Redact(Box::new(Redaction { head, deidentify, declared }));
        begin_stream(body, form, version, change)
    }

    fn reidentify_stream(
        &self,
        head: &Parts,
        body: WasiBody,
        version: &Version,
    ) -> std::result::Result<Begun, DeidentificationError> {
        let form = stream::form(head)?;
        let keyring = self
            .keyring
            .as_ref()
            .ok_or(DeidentificationError::NothingToReidentify(self.options.mode))?;
        begin_stream(body, form, version, Change::Reidentify(Arc::clone(keyring)))
    }

    fn reidentify(
        &self,
        head: Parts,
        text: &str,
    ) -> std::result::Result<Begun, DeidentificationError> {
        let keyring = self
            .keyring
            .as_ref()
            .ok_or(DeidentificationError::NothingToReidentify(self.options.mode))?;
        let reidentified = keyring.0.get().reidentify(text);
        let mut response = Body::json(StatusCode::OK, &reidentified);
        copy_id(&head, &mut response);
        Ok(Begun::Answered(response))
    }

    /// The de-identification by the keys as they are now.
    fn deidentify(
        &self,
        placeholder: Option<&str>,
    ) -> std::result::Result<Deidentifier, DeidentificationError> {
        let mut options = self.options.clone();
        if placeholder.is_some() {
            options.placeholder = placeholder.map(str::to_owned);
        }
        let keyring = self.keyring.as_ref().map(|keyring| keyring.0.get());
        Deidentifier::new(&options, keyring.as_ref()).map_err(|error: OptionsError| match error {
            OptionsError::OfNoEffect { key, mode } => {
                DeidentificationError::OfNoEffect { key, mode }
            }
            error => DeidentificationError::Unusable(error.to_string()),
        })
    }
}

/// Begins a stream, which counts as a session of the version.
fn begin_stream(
    body: WasiBody,
    form: Form,
    version: &Version,
    change: Change,
) -> std::result::Result<Begun, DeidentificationError> {
    let busy = |_| DeidentificationError::Function(StatusCode::SERVICE_UNAVAILABLE);
    let (limits, place) = version.begin_stream().map_err(busy)?;
    Ok(Begun::Streamed(Box::new(Streamed { body, form, limits, place, change })))
}

/// Whether requests to a path are answered while they are read.
pub(crate) fn is_stream(path: &str) -> bool {
    [stream::REDACT, stream::REIDENTIFY].contains(&without_trailing_slash(path))
}

/// `GET /info`, as it was when the component was built: the function itself could tell anything.
fn info(
    head: &Parts,
    declared: Option<&Arc<Declared>>,
) -> std::result::Result<Begun, DeidentificationError> {
    if head.method == Method::OPTIONS {
        return Err(DeidentificationError::Options("GET, HEAD"));
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(DeidentificationError::Method("GET, HEAD"));
    }
    let declared = declared.ok_or(DeidentificationError::NoInfo)?;
    let mut response = Body::json(StatusCode::OK, &declared.info);
    copy_id(head, &mut response);
    Ok(Begun::Answered(response))
}

fn copy_id(head: &Parts, response: &mut Response<Body>) {
    if let Some(id) = head.headers.get(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, id.clone());
    }
}

/// The body of a request that has to be a `POST` of JSON.
async fn read(
    head: &Parts,
    body: WasiBody,
    limit: usize,
) -> std::result::Result<Bytes, DeidentificationError> {
    if head.method == Method::OPTIONS {
        return Err(DeidentificationError::Options("POST"));
    }
    if head.method != Method::POST {
        return Err(DeidentificationError::Method("POST"));
    }
    let content_type = head.headers.get(http::header::CONTENT_TYPE);
    if content_type.is_some_and(|value| !is_json(value)) {
        return Err(DeidentificationError::MediaType);
    }
    collect(body, limit).await.map_err(|error| match error {
        CollectError::TooLong => DeidentificationError::TooLong,
        CollectError::Broken(_) => DeidentificationError::Malformed(error.to_string()),
    })
}

fn is_json(value: &HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
