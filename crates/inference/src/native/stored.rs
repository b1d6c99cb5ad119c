//! Packed weights in files of a store, mapped: processes and versions with the same graph share their pages.

use std::any::Any;
use std::cell::Cell;
use std::io;

use bytes::Bytes;
use pilotlight_files::MappedFile;
use pilotlight_kernels::{InstructionSet, Weights};
use pilotlight_model::Digest;
use pilotlight_onnx::Precision;
use pilotlight_onnx::ragged::Outline;

use crate::packed_weights::PackedWeights;
use crate::weight_store::{StoredFile, WeightStore, WeightsOrigin};

/// Digest of the code that packs weights; see `build.rs`.
const PACKED_BY: &str = env!("PILOTLIGHT_PACKED_BY");

/// A store, and the name that a graph's weights have in it.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) store: &'a dyn WeightStore,
    pub(super) name: &'a str,
}

/// A mapped file that stays in its store.
struct Kept {
    mapping: MappedFile,
    _held: Box<dyn Any + Send + Sync>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.mapping.as_ref()
    }
}

/// The name of the packed weights of a graph, whose file has this digest.
pub(super) fn name(digest: &[u8; 32], precision: Precision, set: InstructionSet) -> String {
    let (precision, arch) = (precision.to_string(), std::env::consts::ARCH);
    let texts = [PACKED_BY, arch, set.name(), &precision].map(str::as_bytes);
    format!("{}.weights", Digest::of_parts(texts.into_iter().chain([&digest[..]])))
}

impl Stored<'_> {
    /// The packed weights of a graph. What the store cannot keep is packed into memory.
    ///
    /// # Errors
    /// Those of packing.
    pub(super) fn weights(
        self,
        outline: &Outline<'_>,
    ) -> Result<(Vec<Weights>, WeightsOrigin), String> {
        self.mapped(outline).or_else(|error| {
            tracing::warn!(file = self.name, %error, "packed weights are not stored");
            Ok((outline.pack()?, WeightsOrigin::Packed))
        })
    }

    fn mapped(self, outline: &Outline<'_>) -> io::Result<(Vec<Weights>, WeightsOrigin)> {
        let written = Cell::new(false);
        let get = || {
            self.store.get_or_write(self.name, &mut |out| {
                written.set(true);
                write(outline, out)
            })
        };
        let mut weights = map(get()?, outline);
        if let Err(error) = &weights
            && !written.get()
        {
            let file = self.name;
            tracing::warn!(file, %error, "stored weights are not usable; they are packed again");
            self.store.discard(self.name);
            weights = map(get()?, outline);
        }
        let origin = if written.get() { WeightsOrigin::Stored } else { WeightsOrigin::Mapped };
        Ok((weights?, origin))
    }
}

fn write(outline: &Outline<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let products = outline.weights.iter().map(|weights| (weights.name(), weights.layout()));
    let products: Vec<_> = products.collect();
    let mut pack = |place: usize| outline.weights[place].pack().map_err(io::Error::other);
    PackedWeights::write(out, &products, &mut pack)
}

/// The weights in `file`, if they are those of the graph.
fn map(file: StoredFile, outline: &Outline<'_>) -> io::Result<Vec<Weights>> {
    let StoredFile { path, held } = file;
    let kept = Kept { mapping: MappedFile::open(&path)?, _held: held };
    let packed = PackedWeights::read(&Bytes::from_owner(kept)).map_err(io::Error::other)?;
    let found = packed.products().iter().map(|(name, weights)| (&name[..], weights.layout()));
    let expected = outline.weights.iter().map(|weights| (weights.name(), weights.layout()));
    if !found.eq(expected) {
        return Err(io::Error::other("the weights are those of another graph"));
    }
    Ok(packed.into_weights())
}
