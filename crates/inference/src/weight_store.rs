//! Files of packed weights, kept for later loads and for other processes. Whoever has a cache implements the trait;
//! without one, each process packs its weights itself.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

/// Keeps files by name.
pub trait WeightStore: fmt::Debug + Send + Sync {
    /// The file called `name`, which `write` writes if there is none that is whole. Of several threads and processes that
    /// ask at once, one writes and the others wait. Blocks.
    ///
    /// # Errors
    /// The operating system's, and those of `write`; then there is no file.
    fn get_or_write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<StoredFile>;

    /// Removes the file called `name`, which is of no use, unless somebody has it.
    fn discard(&self, name: &str);
}

/// A file of a [`WeightStore`].
pub struct StoredFile {
    /// Where it lies. Its content never changes: another content is another file in its place.
    pub path: PathBuf,
    /// As long as somebody has this, the file stays.
    pub held: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Where the packed weights of a graph come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsOrigin {
    /// Packed into memory of this process when the graph was loaded.
    Packed,
    /// Packed into a file when the graph was loaded, and mapped from there.
    Stored,
    /// Mapped from a file that was there already.
    Mapped,
}
