//! Fetches model folders from Hugging Face's Hub, in the cache layout of its libraries
//! (`models--ORGANIZATION--NAME/snapshots/COMMIT`). A file gets its name after its digest has been verified.
//! Used by the program. Does not know OCI registries, nor the content of models.

mod client;
mod info;
mod model;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use pilotlight_files::{AtomicFile, FileAccess, write_atomically};
use pilotlight_model::{Choices, Digest, MANIFEST_FILE, largest_file};
use pilotlight_secret::Secret;
use sha2::{Digest as _, Sha256};
use ureq::Body;

use self::client::{Client, Download, Failure, hub};
use self::info::{Info, RemoteFile};
pub use self::model::HubModel;
use crate::error::{Error, Result};

const ENDPOINT: &str = "https://huggingface.co";
/// Maximum number of bytes of all files of a model.
const MOST_BYTES: u64 = 4 << 30;
const BLOCK: usize = 256 << 10;

/// Hugging Face's Hub, or a server that speaks its protocol.
#[derive(Debug)]
pub struct Hub {
    client: Client,
    offline: bool,
}

/// A model that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Folder of the model.
    pub folder: PathBuf,
    /// The commit that it is of.
    pub commit: String,
    /// Reason why the commit in the cache is used, if the Hub could not be asked.
    pub outdated: Option<String>,
}

/// A file that is fetched and how far: its name, and bytes of how many.
pub type FileProgress<'a> = &'a mut dyn FnMut(&str, u64, u64);

impl Hub {
    /// The Hub at `HF_ENDPOINT`, asked with `HF_TOKEN`, or not at all if `HF_HUB_OFFLINE` is set.
    ///
    /// # Errors
    /// [`Error::Hub`] naming the variable that cannot be used.
    pub fn from_environment() -> Result<Self> {
        let text = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = text("HF_ENDPOINT");
        let token = text("HF_TOKEN").map(|token| Secret::new(token.trim()));
        let is_on = |value: String| {
            ["1", "on", "true", "yes"].contains(&value.to_ascii_lowercase().as_str())
        };
        let offline = text("HF_HUB_OFFLINE").is_some_and(is_on);
        Self::new(endpoint.as_deref().unwrap_or(ENDPOINT), token.as_ref(), offline)
    }

    /// The Hub at `endpoint`; `offline`, only what is in the cache is used.
    ///
    /// # Errors
    /// [`Error::Hub`] if that is no address, or the token would be sent without TLS.
    pub fn new(endpoint: &str, token: Option<&Secret>, offline: bool) -> Result<Self> {
        Ok(Self { client: Client::new(endpoint, token)?, offline })
    }

    /// Fetches the files that a model folder uses into `cache`, as far as they are not there.
    ///
    /// # Errors
    /// [`Error::Hub`] naming the model and the reason, [`Error::Digest`] and [`Error::Truncated`] for
    /// files that are not what the Hub says, [`Error::Io`] for those that cannot be written.
    pub fn fetch(
        &self,
        model: &HubModel,
        choices: &Choices,
        cache: &Path,
        progress: FileProgress<'_>,
    ) -> Result<Fetched> {
        let entry = Entry(cache.join(model.entry()));
        let (info, outdated) = self.info(model, &entry)?;
        let folder = entry.snapshot(&info.commit);
        let remaining = MOST_BYTES;
        let mut fetching = Fetching { hub: self, model, info: &info, folder, remaining, progress };
        let said = fetching.manifest()?;
        let listing = info.listing();
        let wanted = listing.wanted(said.as_deref(), choices);
        let wanted = wanted.map_err(|reason| hub(model, reason))?;
        let total = wanted.iter().fold(0u64, |total, (_, size)| total.saturating_add(*size));
        if total > MOST_BYTES {
            let reason =
                format!("its files have {total} bytes, more than the maximum of {MOST_BYTES}");
            return Err(hub(model, reason));
        }
        for file in wanted.iter().filter_map(|(name, _)| info.file(name)) {
            fetching.have(file)?;
        }
        let folder = fetching.folder;
        Ok(Fetched { folder, commit: info.commit, outdated })
    }

    /// The commit and its files: from the cache, if the revision is a commit that is known or the Hub is
    /// away.
    fn info(&self, model: &HubModel, entry: &Entry) -> Result<(Info, Option<String>)> {
        let known = model.commit().and_then(|commit| entry.info(commit));
        if let Some(info) = known {
            return Ok((info, None));
        }
        let last = || entry.last_commit(model.revision()).and_then(|commit| entry.info(&commit));
        if self.offline {
            let unknown =
                || hub(model, "is not in the cache, and HF_HUB_OFFLINE is set".to_owned());
            return last().map(|info| (info, None)).ok_or_else(unknown);
        }
        let info = match self.client.info(model) {
            Ok(info) => info,
            Err(Failure::Away(error)) => {
                let reason = error.to_string();
                return last().map(|info| (info, Some(reason))).ok_or(error);
            }
            Err(Failure::Other(error)) => return Err(error),
        };
        if model.commit().is_some_and(|commit| commit != info.commit) {
            return Err(hub(model, format!("the Hub returned commit {} instead", info.commit)));
        }
        entry.remember(model.revision(), &info)?;
        Ok((info, None))
    }
}

/// A commit while its files are fetched.
struct Fetching<'a> {
    hub: &'a Hub,
    model: &'a HubModel,
    info: &'a Info,
    folder: PathBuf,
    /// Bytes that may still come.
    remaining: u64,
    progress: FileProgress<'a>,
}

impl Fetching<'_> {
    /// The text of `model.toml`, if the model has one: it may name more files.
    fn manifest(&mut self) -> Result<Option<String>> {
        let Some(file) = self.info.file(MANIFEST_FILE) else { return Ok(None) };
        self.have(file)?;
        let path = self.folder.join(MANIFEST_FILE);
        fs::read_to_string(&path).map(Some).map_err(Error::io(path))
    }

    /// Fetches a file unless it is there.
    fn have(&mut self, file: &RemoteFile) -> Result<()> {
        let path = self.folder.join(&file.name);
        let length = match length_of(&path).filter(|length| file.has_length(*length)) {
            Some(length) => length,
            None if self.hub.offline => {
                let name = &file.name;
                let reason = format!("{name} is not in the cache, and HF_HUB_OFFLINE is set");
                return Err(hub(self.model, reason));
            }
            None => self.download(file, &path)?,
        };
        self.remaining = self.remaining.saturating_sub(length);
        Ok(())
    }

    /// Fetches a file; returns how many bytes it has.
    fn download(&mut self, file: &RemoteFile, path: &Path) -> Result<u64> {
        let parent = path.parent().unwrap_or(path);
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        let mut to = AtomicFile::create(path, FileAccess::OwnerOnly).map_err(Error::io(path))?;
        let client = &self.hub.client;
        let Download { body, sha256 } =
            client.download(self.model, &self.info.commit, &file.name)?;
        let expected = file.size.or(body.content_length());
        let (found, length) = self.copy(file, (body, expected), (&mut to, path))?;
        let what = format!("{} of {}", file.name, self.model);
        if let Some(expected) = expected.filter(|expected| *expected != length) {
            return Err(Error::Truncated { what, expected, found: length });
        }
        let mut promised = [file.sha256, sha256].into_iter().flatten();
        if let Some(expected) = promised.find(|expected| *expected != found) {
            return Err(Error::Digest { what, expected, found });
        }
        to.commit(path).map_err(Error::io(path))?;
        Ok(length)
    }

    /// Writes a file as it comes, as far as it may; returns its digest and its length.
    fn copy(
        &mut self,
        file: &RemoteFile,
        (mut body, expected): (Body, Option<u64>),
        (to, path): (&mut AtomicFile, &Path),
    ) -> Result<(Digest, u64)> {
        let most = self.remaining.min(largest_file(&file.name));
        if let Some(bytes) = expected.filter(|bytes| *bytes > most) {
            let reason =
                format!("{}: has {bytes} bytes, more than the maximum of {most}", file.name);
            return Err(hub(self.model, reason));
        }
        let mut reader = body.with_config().limit(expected.unwrap_or(most)).reader();
        let (mut hash, mut block, mut done) = (Sha256::new(), vec![0; BLOCK], 0);
        loop {
            let read = match reader.read(&mut block) {
                Ok(0) => break,
                Ok(read) => &block[..read],
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(self.broken(file, error.into())),
            };
            hash.update(read);
            to.write_all(read).map_err(Error::io(path))?;
            done += read.len() as u64;
            (self.progress)(&file.name, done, expected.unwrap_or(done));
        }
        Ok((Digest::from(<[u8; 32]>::from(hash.finalize())), done))
    }

    /// A file that could not be read to its end.
    fn broken(&self, file: &RemoteFile, error: ureq::Error) -> Error {
        match error {
            ureq::Error::BodyExceedsLimit(most) => {
                let reason =
                    format!("{}: there are more than the {most} bytes expected", file.name);
                hub(self.model, reason)
            }
            error => self.hub.client.failed(self.model, &error),
        }
    }
}

impl RemoteFile {
    fn has_length(&self, length: u64) -> bool {
        self.size.is_none_or(|size| size == length)
    }
}

/// What a cache has of one model.
struct Entry(PathBuf);

impl Entry {
    fn snapshot(&self, commit: &str) -> PathBuf {
        self.0.join("snapshots").join(commit)
    }

    fn info_file(&self, commit: &str) -> PathBuf {
        self.0.join("snapshots").join(format!("{commit}.json"))
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.0.join("refs").join(revision.replace('/', "%2F"))
    }

    /// The files of a commit, if they have been asked for.
    fn info(&self, commit: &str) -> Option<Info> {
        let info: Info = serde_json::from_slice(&fs::read(self.info_file(commit)).ok()?).ok()?;
        (info.commit == commit).then_some(info)
    }

    /// The commit that a revision has last been found to name.
    fn last_commit(&self, revision: &str) -> Option<String> {
        let commit = fs::read_to_string(self.reference(revision)).ok()?;
        model::is_commit(&commit).then_some(commit)
    }

    fn remember(&self, revision: &str, info: &Info) -> Result<()> {
        let files = serde_json::to_vec(info).unwrap_or_default();
        let commit = info.commit.clone().into_bytes();
        // The files first: a revision that is known names a commit that is known.
        for (path, content) in
            [(self.info_file(&info.commit), files), (self.reference(revision), commit)]
        {
            let parent = path.parent().unwrap_or(&path);
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
            write_atomically(&path, &content, FileAccess::OwnerOnly).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}

fn length_of(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}
