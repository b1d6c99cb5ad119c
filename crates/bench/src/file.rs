use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file that is there whole or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask takes its part, as for any other new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut beside = builder.tempfile_in(folder).map_err(Error::io(path))?;
    beside.write_all(content).map_err(Error::io(path))?;
    beside.as_file().sync_all().map_err(Error::io(path))?;
    beside.persist(path).map_err(|error| Error::io(path)(error.error))?;
    Ok(())
}
