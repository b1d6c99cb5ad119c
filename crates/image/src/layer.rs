use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};
use tempfile::NamedTempFile;

use crate::digest::Hashed;
use crate::error::ImageError;

/// Mode of parent folders that are added implicitly.
const FOLDER: u32 = 0o755;

/// User and group of a file, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(pub u32);

impl Owner {
    /// The user `root`.
    pub const ROOT: Self = Self(0);
}

/// A layer that is finished: a tar file, compressed with gzip (RFC 1952).
#[derive(Debug)]
pub struct Layer {
    /// The compressed file.
    pub(crate) file: NamedTempFile,
    /// Its digest.
    pub(crate) digest: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The digest of the tar file.
    pub(crate) diff_id: String,
    /// Description in the image's history.
    pub(crate) title: String,
}

type Stream = Hashed<GzEncoder<Hashed<NamedTempFile>>>;

/// Writes a layer, entry by entry. The same entries in the same order are the same bytes: files have no times.
pub struct LayerBuilder {
    archive: tar::Builder<Stream>,
    folders: BTreeSet<String>,
    folder: std::path::PathBuf,
    title: String,
}

impl Layer {
    /// Length of the compressed layer in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Description in the image's history.
    pub fn title(&self) -> &str {
        &self.title
    }
}

impl LayerBuilder {
    /// A layer without entries, which grows in a temporary file in `folder`.
    ///
    /// # Errors
    /// [`ImageError::Write`].
    pub fn new(folder: &Path, title: &str) -> Result<Self, ImageError> {
        let file = NamedTempFile::new_in(folder).map_err(write_error(folder))?;
        // Without a time or a name of a file.
        let compressed = GzBuilder::new().write(Hashed::new(file), Compression::best());
        let archive = tar::Builder::new(Hashed::new(compressed));
        let (folder, title) = (folder.to_owned(), title.to_owned());
        Ok(Self { archive, folders: BTreeSet::new(), folder, title })
    }

    /// Adds a folder. For one that was added before, the new mode and owner apply.
    ///
    /// # Errors
    /// [`ImageError::Path`] and [`ImageError::Write`].
    pub fn folder(&mut self, path: &str, mode: u32, owner: Owner) -> Result<(), ImageError> {
        self.parents(path)?;
        self.folders.insert(path.to_owned());
        self.append(&format!("{path}/"), EntryType::Directory, (mode, owner), 0, io::empty())
    }

    /// Adds a file with `content`.
    ///
    /// # Errors
    /// [`ImageError::Path`] and [`ImageError::Write`].
    pub fn bytes(
        &mut self,
        path: &str,
        content: &[u8],
        (mode, owner): (u32, Owner),
    ) -> Result<(), ImageError> {
        self.parents(path)?;
        let length = content.len() as u64;
        self.append(path, EntryType::Regular, (mode, owner), length, content)
    }

    /// Adds a file of this machine.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn file(
        &mut self,
        path: &str,
        from: &Path,
        (mode, owner): (u32, Owner),
    ) -> Result<(), ImageError> {
        self.parents(path)?;
        let file = File::open(from).map_err(read_error(from))?;
        let length = file.metadata().map_err(read_error(from))?.len();
        self.append(path, EntryType::Regular, (mode, owner), length, BufReader::new(file))
    }

    /// Adds a folder of this machine with all that is in it, in the order of names. Modes stay as they are.
    ///
    /// # Errors
    /// [`ImageError`]; [`ImageError::Kind`] for links and devices.
    pub fn tree(&mut self, path: &str, from: &Path, owner: Owner) -> Result<(), ImageError> {
        self.folder(path, mode(from)?, owner)?;
        let entries = fs::read_dir(from).map_err(read_error(from))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(read_error(from))?;
        names.sort();
        for name in names {
            let from = from.join(&name);
            let kind = from.symlink_metadata().map_err(read_error(&from))?.file_type();
            let name = name.to_str().ok_or_else(|| ImageError::Path(from.display().to_string()))?;
            let path = format!("{path}/{name}");
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => self.tree(&path, &from, owner)?,
                (_, true) => self.file(&path, &from, (mode(&from)?, owner))?,
                _ => return Err(ImageError::Kind(from)),
            }
        }
        Ok(())
    }

    /// Ends the layer.
    ///
    /// # Errors
    /// [`ImageError::Write`].
    pub fn finish(self) -> Result<Layer, ImageError> {
        let Self { archive, folder, title, .. } = self;
        let hashed = archive.into_inner().map_err(write_error(&folder))?;
        let (compressed, diff_id, _) = hashed.finish();
        let hashed = compressed.finish().map_err(write_error(&folder))?;
        let (file, digest, length) = hashed.finish();
        Ok(Layer { file, digest, length, diff_id, title })
    }

    /// Adds the folders above `path` that the layer does not have.
    fn parents(&mut self, path: &str) -> Result<(), ImageError> {
        let is_plain = |part| matches!(part, Component::Normal(_));
        if path.is_empty() || path.ends_with('/') || !Path::new(path).components().all(is_plain) {
            return Err(ImageError::Path(path.to_owned()));
        }
        for (end, _) in path.match_indices('/') {
            let parent = &path[..end];
            if self.folders.insert(parent.to_owned()) {
                let access = (FOLDER, Owner::ROOT);
                self.append(&format!("{parent}/"), EntryType::Directory, access, 0, io::empty())?;
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        path: &str,
        kind: EntryType,
        (mode, owner): (u32, Owner),
        length: u64,
        content: impl Read,
    ) -> Result<(), ImageError> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0.into());
        header.set_gid(owner.0.into());
        header.set_mtime(0);
        header.set_size(length);
        // A file can grow while it is read; more bytes than the header names would corrupt the archive.
        let content = content.take(length);
        self.archive.append_data(&mut header, path, content).map_err(write_error(&self.folder))
    }
}

fn mode(path: &Path) -> Result<u32, ImageError> {
    let metadata = path.symlink_metadata().map_err(read_error(path))?;
    Ok(metadata.permissions().mode() & 0o777)
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    |source| ImageError::Read { path, source }
}

pub(crate) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    |source| ImageError::Write { path, source }
}
