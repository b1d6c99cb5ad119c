//! Follows a file by looking at it now and then: a file that is replaced by a rename, written in
//! place, or reached through symbolic links that change, as those of a Kubernetes ConfigMap do.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look, unless there is a reason for something else.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// No configuration is longer.
const LONGEST: u64 = 1 << 20;

/// Why a file that was followed cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}; the configuration in use stays", path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What is in the way.
    pub reason: String,
}

/// Watches one file. It has no clock of its own: [`FileWatch::poll`] looks once.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    /// What was told last.
    told: Result<String, String>,
    /// What was seen last.
    seen: Option<Seen>,
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    identity: Option<Identity>,
    content: Result<String, String>,
}

/// Tells a file, and its state, from others.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl FileWatch {
    /// Watches `path`, of which `text` is known already.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), told: Ok(text.into()), seen: None }
    }

    /// Looks at the file. Gives its text when it has become another and was the same at two looks
    /// in a row: a file that is written in place is seen half-written. That it cannot be read is
    /// told once, as [`Unreadable`]; so is what was there before, when it comes back.
    pub fn poll(&mut self) -> Option<Result<String, Unreadable>> {
        let now = look(&self.path);
        let settled = self.seen.as_ref() == Some(&now);
        let told = (settled && now.content != self.told).then(|| now.content.clone());
        self.seen = Some(now);
        let content = told?;
        self.told.clone_from(&content);
        Some(content.map_err(|reason| Unreadable { path: self.path.clone(), reason }))
    }
}

fn look(path: &Path) -> Seen {
    match read(path) {
        Ok((identity, content)) => Seen { identity: Some(identity), content },
        Err(error) => Seen { identity: None, content: Err(error.to_string()) },
    }
}

/// The file that the links lead to, and what it holds.
fn read(path: &Path) -> io::Result<(Identity, Result<String, String>)> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let identity = Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Ok((identity, Err(format!("longer than {LONGEST} bytes"))));
    }
    let text = String::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"));
    Ok((identity, text))
}
