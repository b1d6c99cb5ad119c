use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::detect::{self, Listing};
use crate::draft::{Draft, plain_names, read_manifest};
use crate::files::{inside, largest_file, read_in_pieces, read_regular};
use crate::manifest::{MANIFEST_FILE, Manifest, SpeechFiles};
use crate::tokenizer::check_size;
use crate::{Choices, Digest, GraphReader, ModelError, TOKENIZER_FILE};

/// A model folder whose manifest is known; files are checked as they are read.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
    text: String,
    findings: Vec<String>,
}

impl ModelFolder {
    /// Opens a folder as others leave it: `model.toml` may be missing, or say a part. What it does
    /// not say is detected from the files, and digests of all files that are used are computed. A
    /// complete `model.toml` is taken as it is, and nothing else is read.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn detect(
        path: impl Into<PathBuf>,
        choices: &Choices,
        reader: &GraphReader<'_>,
    ) -> Result<Self, ModelError> {
        let path = path.into();
        let said = path.join(MANIFEST_FILE);
        let text = said.symlink_metadata().is_ok().then(|| read_manifest(&path)).transpose()?;
        let found = detect::resolve(&path, text, choices, reader)?;
        let detect::Found { manifest, text, findings } = found;
        Ok(Self { path, manifest, text, findings })
    }

    /// As [`Self::detect`], as if there were no `model.toml`.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn detect_afresh(
        path: impl Into<PathBuf>,
        choices: &Choices,
        reader: &GraphReader<'_>,
    ) -> Result<Self, ModelError> {
        let path = path.into();
        let detect::Found { manifest, text, findings } =
            detect::resolve(&path, None, choices, reader)?;
        Ok(Self { path, manifest, text, findings })
    }

    /// Opens a folder whose `model.toml` says everything that is to be known.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ModelError> {
        let path = path.into();
        let text = read_manifest(&path)?;
        Self::with_manifest(path, &text)
    }

    /// Opens a folder as another process has resolved it: `manifest` is its
    /// [`Self::manifest_text`].
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn with_manifest(path: impl Into<PathBuf>, manifest: &str) -> Result<Self, ModelError> {
        let (path, text) = (path.into(), manifest.to_owned());
        let mistake = |message| ModelError::Manifest { path: path.join(MANIFEST_FILE), message };
        let mut manifest = Manifest::parse(manifest).map_err(mistake)?;
        manifest.files = plain_names(&path, std::mem::take(&mut manifest.files))?;
        manifest.onnx_file = inside(&manifest.onnx_file)?;
        if let Some(SpeechFiles { decoder, tokens, voice_activity, .. }) = &mut manifest.speech {
            for name in [decoder, tokens, voice_activity] {
                *name = inside(name)?;
            }
        }
        let folder = Self { path, manifest, text, findings: Vec::new() };
        folder.expected(&folder.manifest.onnx_file)?;
        for name in folder.manifest.speech.iter().flat_map(SpeechFiles::names) {
            folder.expected(name)?;
        }
        if folder.manifest.task.reads_text() {
            folder.expected(TOKENIZER_FILE)?;
        }
        Ok(folder)
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved description of the model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The same in TOML, for [`Self::with_manifest`] and `model.toml`.
    pub fn manifest_text(&self) -> &str {
        &self.text
    }

    /// Digest of [`Self::manifest_text`], and so of every digest in it: names the model.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// What was detected, with reasons, one sentence each.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The same, with what was found out when it was resolved.
    #[must_use]
    pub fn with_findings(self, findings: Vec<String>) -> Self {
        Self { findings, ..self }
    }

    /// The files that say how the model in `path` is resolved, as far as they are there. When one of
    /// them changes, or another appears, it has to be resolved anew.
    pub fn sources(path: &Path, choices: &Choices) -> Vec<PathBuf> {
        let draft = said(path, choices);
        let mut names: BTreeSet<String> = draft.files.keys().cloned().collect();
        names.insert(MANIFEST_FILE.to_owned());
        names.extend(draft.speech_files().map(str::to_owned));
        if !draft.is_complete() {
            let graph = draft.onnx_file.as_deref();
            let listing = Listing::of_folder(path, graph).unwrap_or_default();
            names.extend(listing.names(graph).map(str::to_owned));
        }
        let paths = names.into_iter().map(|name| path.join(name));
        paths.filter(|path| path.symlink_metadata().is_ok()).collect()
    }

    /// The files whose change makes the model in `path` another: only `model.toml` if that is complete,
    /// and so has the digests of all others.
    pub fn watched(path: &Path, choices: &Choices) -> Vec<PathBuf> {
        let manifest = path.join(MANIFEST_FILE);
        let mut watched = vec![manifest.clone()];
        if !said(path, choices).is_complete() {
            watched
                .extend(Self::sources(path, choices).into_iter().filter(|file| *file != manifest));
        }
        watched
    }

    /// Whether the manifest lists a file.
    pub fn lists(&self, name: &str) -> bool {
        inside(name).is_ok_and(|name| self.manifest.files.contains_key(&name))
    }

    /// Reads one listed file whole and checks its digest. `./` in front of its name and within does
    /// not count.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let name = &inside(name)?;
        let (expected, path) = (self.expected(name)?, self.path.join(name));
        let bytes = read_regular((&self.path, &path), largest_file(name))?;
        check_digest(path, expected, Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// As [`Self::read`]; `None` for a file that the manifest does not list.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read_if_listed(&self, name: &str) -> Result<Option<Vec<u8>>, ModelError> {
        self.lists(name).then(|| self.read(name)).transpose()
    }

    /// As [`Self::read`], in pieces that can be given back one by one.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read_in_pieces(&self, name: &str) -> Result<Vec<Vec<u8>>, ModelError> {
        let name = &inside(name)?;
        let (expected, path) = (self.expected(name)?, self.path.join(name));
        let pieces = read_in_pieces((&self.path, &path), largest_file(name))?;
        check_digest(path, expected, Digest::of_pieces(&pieces))?;
        Ok(pieces)
    }

    /// Reads a file of weights, whose name in the graph starts at the graph's own folder.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read_beside_graph(&self, name: &str) -> Result<Vec<Vec<u8>>, ModelError> {
        match self.manifest.onnx_file.rsplit_once('/') {
            Some((folder, _)) => self.read_in_pieces(&format!("{folder}/{}", inside(name)?)),
            None => self.read_in_pieces(name),
        }
    }

    /// Whether `model.toml`, a listed file or a folder on the way to one is a symbolic link.
    pub fn has_links(&self) -> bool {
        let names = self.manifest.files.keys().map(String::as_str).chain([MANIFEST_FILE]);
        let mut paths = names.flat_map(|name| Path::new(name).ancestors());
        paths.any(|path| !path.as_os_str().is_empty() && self.path.join(path).is_symlink())
    }

    /// Whether `model.toml` in the folder is what [`Self::manifest_text`] says.
    pub fn is_written(&self) -> bool {
        read_manifest(&self.path).is_ok_and(|text| text == self.text)
    }

    /// Writes the manifest and every listed file to `folder`, checked and without links.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn copy_to(&self, folder: &Path) -> Result<(), ModelError> {
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
            parent
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|source| ModelError::Io { path, source })
        };
        write(MANIFEST_FILE, self.text.as_bytes())?;
        self.manifest.files.keys().try_for_each(|name| write(name, &self.read(name)?))
    }

    /// Reads and checks every listed file, and that the tokenizer has a size that tokenizers have.
    ///
    /// # Errors
    /// The first file that is not what the manifest says.
    pub fn verify(&self) -> Result<(), ModelError> {
        self.manifest.files.keys().try_for_each(|name| match self.read(name)? {
            tokenizer if name == TOKENIZER_FILE => {
                let path = self.path.join(name);
                check_size(&tokenizer).map_err(|reason| ModelError::Unfit { path, reason })
            }
            _ => Ok(()),
        })
    }

    fn expected(&self, name: &str) -> Result<Digest, ModelError> {
        let entry = self.manifest.files.get(name);
        entry.map(|file| file.sha256).ok_or_else(|| ModelError::NotListed {
            path: self.path.join(MANIFEST_FILE),
            file: name.to_owned(),
        })
    }
}

/// What `model.toml` in `path` and a user say; nothing, if it cannot be read.
fn said(path: &Path, choices: &Choices) -> Draft {
    let draft = read_manifest(path).and_then(|text| Draft::parse(path, &text));
    draft.unwrap_or_default().choosing(choices).unwrap_or_default()
}

fn check_digest(path: PathBuf, expected: Digest, found: Digest) -> Result<(), ModelError> {
    if found != expected {
        let (expected, found) = (expected.to_string(), found.to_string());
        return Err(ModelError::WrongDigest { path, expected, found });
    }
    Ok(())
}
