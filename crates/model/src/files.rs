//! Files of a model folder: regular ones, of bounded size, that do not lead out of it.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{Digest, MANIFEST_FILE, ModelError, TOKENIZER_FILE};

/// A 32-bit sandbox cannot hold more, whatever the file says.
pub(crate) const FILE_LIMIT: u64 = 2 << 30;
/// The largest published tokenizers have a million tokens and merges in 34 MB.
const TOKENIZER_LIMIT: u64 = 64 << 20;
const MANIFEST_LIMIT: u64 = 1 << 20;
/// A configuration that names every label or added token of a large model has 2 MB.
const JSON_LIMIT: u64 = 8 << 20;

/// Maximum size of the file called `name` in a model folder, in bytes.
pub fn largest_file(name: &str) -> u64 {
    match name {
        MANIFEST_FILE => MANIFEST_LIMIT,
        TOKENIZER_FILE => TOKENIZER_LIMIT,
        json if json.ends_with(".json") => JSON_LIMIT,
        _ => FILE_LIMIT,
    }
}

/// The path of a file inside the folder, in the one form it has in a manifest: `a/b` for `./a//b`.
pub(crate) fn inside(name: &str) -> Result<String, ModelError> {
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

/// A model folder and the path of a file in it.
pub(crate) type Placed<'a> = (&'a Path, &'a Path);

pub(crate) fn read_regular(placed: Placed<'_>, limit: u64) -> Result<Vec<u8>, ModelError> {
    let (mut file, size) = open_regular(placed, limit)?;
    let mut bytes = Vec::with_capacity(size as usize);
    read_each(&mut file, placed.1, limit, |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

/// As [`read_regular`], in pieces that can be given back one by one.
pub(crate) fn read_in_pieces(placed: Placed<'_>, limit: u64) -> Result<Vec<Vec<u8>>, ModelError> {
    let (mut file, _) = open_regular(placed, limit)?;
    let mut pieces = vec![];
    read_each(&mut file, placed.1, limit, |piece| pieces.push(piece.to_vec()))?;
    Ok(pieces)
}

/// The first bytes of a file, at most `most`.
pub(crate) fn read_start(placed: Placed<'_>, most: u64) -> Result<Vec<u8>, ModelError> {
    let (file, _) = open_regular(placed, FILE_LIMIT)?;
    let mut bytes = Vec::new();
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(|source| ModelError::Io { path: placed.1.to_owned(), source })?;
    Ok(bytes)
}

/// Digest of a file's content.
pub(crate) fn digest_of(placed: Placed<'_>, limit: u64) -> Result<Digest, ModelError> {
    let (mut file, _) = open_regular(placed, limit)?;
    let mut hash = Sha256::new();
    read_each(&mut file, placed.1, limit, |piece| hash.update(piece))?;
    Ok(Digest::from(<[u8; 32]>::from(hash.finalize())))
}

/// Checks that a file is one that can be read, and how large it is.
pub(crate) fn check(placed: Placed<'_>, limit: u64) -> Result<(), ModelError> {
    open_regular(placed, limit).map(drop)
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
pub(crate) fn cache_entry(folder: &Path) -> Option<&Path> {
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
