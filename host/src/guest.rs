use std::path::Path;

use crate::error::{Error, Result};

include!(concat!(env!("OUT_DIR"), "/guest.rs"));

/// The guest component: the one in `file`, or the one this build carries.
///
/// # Errors
/// [`Error::NoGuest`] when there is neither, [`Error::Io`] when `file` cannot be read.
pub fn guest(file: Option<&Path>) -> Result<Vec<u8>> {
    match (file, EMBEDDED) {
        (Some(file), _) => std::fs::read(file).map_err(Error::io(file)),
        (None, Some(embedded)) => Ok(embedded.to_vec()),
        (None, None) => Err(Error::NoGuest),
    }
}
