use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::config::without_bom;
use crate::manifest::{MANIFEST_FILE, Manifest};
use crate::{CONFIG_FILE, Digest, MODEL_FILE, ModelError, TOKENIZER_FILE};

const MANIFEST_LIMIT: u64 = 1 << 20;
/// A 32-bit sandbox cannot hold more, whatever the file says.
const FILE_LIMIT: u64 = 2 << 30;

/// A model folder whose manifest has been read; files are checked as they are read.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
    manifest_digest: Digest,
}

impl ModelFolder {
    /// Reads `model.toml` in `path` and checks that it lists what every model needs.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ModelError> {
        let path = path.into();
        let file = path.join(MANIFEST_FILE);
        let bytes = read_regular((&path, &file), MANIFEST_LIMIT)?;
        let mistake = |message| ModelError::Manifest { path: file.clone(), message };
        let text = str::from_utf8(without_bom(&bytes)).map_err(|e| mistake(e.to_string()))?;
        let mut manifest = Manifest::parse(text).map_err(mistake)?;
        for (name, listed) in std::mem::take(&mut manifest.files) {
            let name = inside(&name)?;
            let former = manifest.files.insert(name.clone(), listed.clone());
            if former.is_some_and(|former| former != listed) {
                return Err(mistake(format!("[files] has two digests of {name}")));
            }
        }
        let folder = Self { path, manifest, manifest_digest: Digest::of(&bytes) };
        for needed in [MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE] {
            folder.expected(needed)?;
        }
        Ok(folder)
    }

    /// Where the folder lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `model.toml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Digest of `model.toml`, and so of every digest in it: names the model.
    pub fn digest(&self) -> Digest {
        self.manifest_digest
    }

    /// Whether a file is listed.
    pub fn has(&self, name: &str) -> bool {
        self.manifest.files.contains_key(name)
    }

    /// As [`Self::read_in_pieces`], by a path from where the graph lies.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read_beside_graph(&self, name: &str) -> Result<Vec<Vec<u8>>, ModelError> {
        let folder = Path::new(&self.manifest.onnx_file).parent().unwrap_or(Path::new(""));
        let path = folder.join(name);
        let outside = || ModelError::OutsideFolder { file: name.to_owned() };
        self.read_in_pieces(path.to_str().ok_or_else(outside)?)
    }

    /// Reads one listed file whole and checks its digest. `./` in front of its name and within does
    /// not count.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let name = &inside(name)?;
        let (expected, path) = (self.expected(name)?, self.path.join(name));
        let bytes = read_regular((&self.path, &path), FILE_LIMIT)?;
        check_digest(path, expected, Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// As [`Self::read`], in pieces that can be given back one by one.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn read_in_pieces(&self, name: &str) -> Result<Vec<Vec<u8>>, ModelError> {
        let name = &inside(name)?;
        let (expected, path) = (self.expected(name)?, self.path.join(name));
        let mut pieces = vec![];
        let (mut file, _) = open_regular((&self.path, &path), FILE_LIMIT)?;
        read_each(&mut file, &path, FILE_LIMIT, |piece| pieces.push(piece.to_vec()))?;
        check_digest(path, expected, Digest::of_pieces(&pieces))?;
        Ok(pieces)
    }

    /// Whether the manifest, a listed file or a folder on the way to one is a symbolic link.
    pub fn has_links(&self) -> bool {
        let names = self.manifest.files.keys().map(String::as_str).chain([MANIFEST_FILE]);
        let mut paths = names.flat_map(|name| Path::new(name).ancestors());
        paths.any(|path| !path.as_os_str().is_empty() && self.path.join(path).is_symlink())
    }

    /// Writes the manifest and every listed file to `folder`, checked and without links.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the reason.
    pub fn copy_to(&self, folder: &Path) -> Result<(), ModelError> {
        let write = |name: &str, bytes: Vec<u8>| {
            let path = folder.join(name);
            let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
            parent
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|source| ModelError::Io { path, source })
        };
        let path = self.path.join(MANIFEST_FILE);
        let manifest = read_regular((&self.path, &path), MANIFEST_LIMIT)?;
        check_digest(path, self.manifest_digest, Digest::of(&manifest))?;
        write(MANIFEST_FILE, manifest)?;
        self.manifest.files.keys().try_for_each(|name| write(name, self.read(name)?))
    }

    /// Reads and checks every listed file.
    ///
    /// # Errors
    /// The first file that is not what the manifest says.
    pub fn verify(&self) -> Result<(), ModelError> {
        self.manifest.files.keys().try_for_each(|name| self.read(name).map(drop))
    }

    fn expected(&self, name: &str) -> Result<Digest, ModelError> {
        let entry = self.manifest.files.get(name);
        entry.map(|file| file.sha256).ok_or_else(|| ModelError::NotListed {
            path: self.path.join(MANIFEST_FILE),
            file: name.to_owned(),
        })
    }
}

/// The path of a file inside the folder, in the one form it has in a manifest: `a/b` for `./a//b`.
fn inside(name: &str) -> Result<String, ModelError> {
    let outside = || ModelError::OutsideFolder { file: name.to_owned() };
    let mut parts = Vec::new();
    for part in Path::new(name).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(outside)?),
            _ => return Err(outside()),
        }
    }
    let is_folder = parts.is_empty() || name.ends_with('/') || name.ends_with("/.");
    if is_folder { Err(outside()) } else { Ok(parts.join("/")) }
}

fn check_digest(path: PathBuf, expected: Digest, found: Digest) -> Result<(), ModelError> {
    if found != expected {
        let (expected, found) = (expected.to_string(), found.to_string());
        return Err(ModelError::WrongDigest { path, expected, found });
    }
    Ok(())
}

/// A file and the model folder that it is in.
type Placed<'a> = (&'a Path, &'a Path);

fn read_regular((folder, path): Placed<'_>, limit: u64) -> Result<Vec<u8>, ModelError> {
    let (mut file, size) = open_regular((folder, path), limit)?;
    let mut bytes = Vec::with_capacity(size as usize);
    read_each(&mut file, path, limit, |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

fn open_regular((folder, path): Placed<'_>, limit: u64) -> Result<(File, u64), ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let mut below = path.ancestors().take_while(|above| *above != folder);
    let target = if below.any(Path::is_symlink) {
        followed((folder, path))?
    } else {
        check_regular(path, &fs::symlink_metadata(path).map_err(io)?, limit)?;
        path.to_owned()
    };
    let file = File::open(target).map_err(io)?;
    // Checked again on the open file: the path may have been exchanged in between.
    let opened = file.metadata().map_err(io)?;
    check_regular(path, &opened, limit)?;
    Ok((file, opened.len()))
}

/// Where a link, or what is below one, leads, unless that is out of the model folder and out of the
/// entry of a Hugging Face cache that the folder belongs to.
#[cfg(not(target_family = "wasm"))]
fn followed((folder, path): Placed<'_>) -> Result<PathBuf, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let folder = fs::canonicalize(folder).map_err(io)?;
    let target = fs::canonicalize(path).map_err(io)?;
    let inside = target.starts_with(cache_entry(&folder).unwrap_or(&folder));
    if inside { Ok(target) } else { Err(ModelError::LinkOutside { path: path.to_owned(), target }) }
}

/// In the sandbox nothing leads out of the folder.
#[cfg(target_family = "wasm")]
fn followed((_, path): Placed<'_>) -> Result<PathBuf, ModelError> {
    Ok(path.to_owned())
}

/// `…/models--ORGANIZATION--NAME` for a folder in its `snapshots/REVISION`, whose files are links to
/// `blobs`.
#[cfg(not(target_family = "wasm"))]
fn cache_entry(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|entry| {
        let named = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"models--");
        let below = folder.strip_prefix(entry).unwrap_or(Path::new(""));
        let mut parts = below.iter();
        let in_snapshot = parts.next().is_some_and(|part| part == "snapshots");
        entry.file_name().is_some_and(named) && in_snapshot && parts.next().is_some()
    })
}

fn read_each(
    file: &mut File,
    path: &Path,
    limit: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<(), ModelError> {
    let mut size = 0;
    // In small pieces: in the sandbox each read leaves a block of its size behind in C's heap,
    // out of reach of whoever wipes freed memory.
    let mut piece = [0; 1 << 14];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                size += count as u64;
                check_size(path, size, limit)?;
                take(&piece[..count]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(ModelError::Io { path: path.to_owned(), source }),
        }
    }
}

fn check_regular(path: &Path, metadata: &Metadata, limit: u64) -> Result<(), ModelError> {
    if !metadata.file_type().is_file() {
        return Err(ModelError::NotARegularFile { path: path.to_owned() });
    }
    check_size(path, metadata.len(), limit)
}

fn check_size(path: &Path, bytes: u64, limit: u64) -> Result<(), ModelError> {
    if bytes > limit {
        return Err(ModelError::TooLarge { path: path.to_owned(), bytes, limit });
    }
    Ok(())
}
