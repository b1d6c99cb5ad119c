//! Packed weights of graphs as entries of the cache.

use std::io::{self, Write};

use pilotlight_inference::{StoredFile, WeightStore};

use super::{Cache, Incoming};
use crate::error::{Error, Result};

impl WeightStore for Cache {
    fn get_or_write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<StoredFile> {
        let write = |incoming: &mut Incoming| -> Result<()> {
            write(incoming).map_err(Error::io(self.folder()))
        };
        let entry = self.get_or_receive(name, write);
        let entry = entry.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(StoredFile { path: entry.path.clone(), held: Box::new(entry) })
    }

    fn discard(&self, name: &str) {
        self.discard_named(name);
    }
}
