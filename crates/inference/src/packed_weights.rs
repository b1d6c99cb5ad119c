//! Packed weights of a graph as a file that is mapped and used as it is.
//!
//! Layout: magic, length of the index (u64, little-endian), index (postcard), and from the next multiple of 64 on the
//! bytes of each product's weights, each part a multiple of 64 long. What a part contains is up to the kernels, in the
//! byte order of the processor. Any bytes of the right length are weights, so that a reader checks lengths only.

use std::io::{self, Write};

use bytes::Bytes;
use pilotlight_kernels::{Weights, WeightsForm, WeightsLayout};
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"PLWEIGHT";
/// Bytes before the index.
const HEAD: usize = MAGIC.len() + size_of::<u64>();
/// Longest index in bytes; a product takes about a hundred.
const LONGEST_INDEX: usize = 1 << 20;
/// Parts begin at a multiple of this, and kernels read them where they are.
const LINE: usize = 64;

/// The packed weights of a graph's products, by name.
#[derive(Debug, Clone)]
pub struct PackedWeights(Vec<(String, Weights)>);

/// A product in the index.
#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    set: String,
    form: Form,
    outputs: u64,
    inputs: u64,
}

#[derive(Serialize, Deserialize)]
enum Form {
    Int4 { block: u64 },
    Int8,
    F32,
}

impl PackedWeights {
    /// Reads a file. Nothing is copied if `file` begins at a multiple of 64, as mapped files do: the weights keep it.
    ///
    /// # Errors
    /// Why it is no such file, or none for this processor, in words.
    pub fn read(file: &Bytes) -> Result<Self, String> {
        let cut = || "the file of packed weights is truncated".to_owned();
        let rest = file.strip_prefix(MAGIC).ok_or("not a file of packed weights")?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > LONGEST_INDEX {
            return Err(format!("an index of {length} bytes; at most {LONGEST_INDEX}"));
        }
        let index = rest.get(..length).ok_or_else(cut)?;
        let index: Vec<Entry> = postcard::from_bytes(index).map_err(|error| error.to_string())?;
        let mut start = (HEAD + length).next_multiple_of(LINE);
        let mut products = Vec::new();
        for entry in index {
            let layout = entry.layout()?;
            let mut take = |length: usize| {
                let end = start.checked_add(length).filter(|end| *end <= file.len());
                let part = start..end.ok_or_else(cut)?;
                start = part.end;
                Ok::<_, String>(file.slice(part))
            };
            let [blocks, units] = layout.lengths().map_err(|error| error.to_string())?;
            let parts = [take(blocks)?, take(units)?];
            let weights = Weights::from_shared(layout, parts).map_err(|error| error.to_string())?;
            products.push((entry.name, weights));
        }
        if start != file.len() {
            return Err(format!("{start} bytes of packed weights in a file of {}", file.len()));
        }
        Ok(Self(products))
    }

    /// Writes a file of `products`, names and layouts in their order. `pack` gives the weights of each product, one
    /// after the other, so that not all of them have to be in memory.
    ///
    /// # Errors
    /// The operating system's, those of `pack`, and [`io::ErrorKind::Other`] for weights of another layout.
    pub fn write(
        out: &mut dyn Write,
        products: &[(&str, WeightsLayout)],
        pack: &mut dyn FnMut(usize) -> io::Result<Weights>,
    ) -> io::Result<()> {
        let index: Vec<Entry> =
            products.iter().map(|(name, layout)| Entry::new(name, layout)).collect();
        let index = postcard::to_allocvec(&index);
        let index = index.map_err(|error| io::Error::other(error.to_string()))?;
        if index.len() > LONGEST_INDEX {
            return Err(io::Error::other(format!("an index of {} bytes", index.len())));
        }
        let mut head = [&MAGIC[..], &(index.len() as u64).to_le_bytes(), &index].concat();
        head.resize(head.len().next_multiple_of(LINE), 0);
        out.write_all(&head)?;
        for (place, (name, layout)) in products.iter().enumerate() {
            let weights = pack(place)?;
            if weights.layout() != *layout {
                return Err(io::Error::other(format!("{name}: weights of another layout")));
            }
            weights.as_bytes().iter().try_for_each(|part| out.write_all(part))?;
        }
        Ok(())
    }

    /// Names and weights of the products, in the order of the file.
    pub fn products(&self) -> &[(String, Weights)] {
        &self.0
    }

    /// The weights of the products, in the order of the file.
    pub fn into_weights(self) -> Vec<Weights> {
        self.0.into_iter().map(|(_, weights)| weights).collect()
    }
}

impl Entry {
    fn new(name: &str, layout: &WeightsLayout) -> Self {
        let [outputs, inputs] = layout.sizes.map(|size| size as u64);
        let form = match layout.form {
            WeightsForm::Int4 { block } => Form::Int4 { block: block as u64 },
            WeightsForm::Int8 => Form::Int8,
            WeightsForm::F32 => Form::F32,
        };
        Self { name: name.to_owned(), set: layout.set.name().to_owned(), form, outputs, inputs }
    }

    fn layout(&self) -> Result<WeightsLayout, String> {
        let size = |size: u64| usize::try_from(size).map_err(|error| error.to_string());
        let form = match self.form {
            Form::Int4 { block } => WeightsForm::Int4 { block: size(block)? },
            Form::Int8 => WeightsForm::Int8,
            Form::F32 => WeightsForm::F32,
        };
        let sizes = [size(self.outputs)?, size(self.inputs)?];
        Ok(WeightsLayout { form, sizes, set: self.set.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use pilotlight_kernels::{F32Weights, InstructionSet, Int4Weights, Int8Weights, Nibbles};
    use proptest::prelude::*;

    use super::*;

    /// Weights of each form.
    fn packed() -> Vec<(&'static str, Weights)> {
        let (set, sizes) = (InstructionSet::available(), [40, 64]);
        let floats: Vec<f32> = (0..40 * 64).map(|index| (index % 17) as f32 - 8.0).collect();
        let codes: Vec<u8> = (0..40 * 32).map(|index| index as u8).collect();
        let nibbles = Nibbles { sizes, block: 32, codes: &codes, scales: &[0.5; 80] };
        vec![
            ("four", Weights::Int4(Int4Weights::pack_on(set, &nibbles).unwrap())),
            ("eight", Weights::Int8(Int8Weights::quantize_on(set, sizes, &floats).unwrap())),
            ("floats", Weights::F32(F32Weights::pack_on(set, sizes, &floats).unwrap())),
        ]
    }

    fn written(products: &[(&str, Weights)]) -> Vec<u8> {
        let layouts: Vec<_> =
            products.iter().map(|(name, weights)| (*name, weights.layout())).collect();
        let mut file = Vec::new();
        let mut pack = |place: usize| Ok(products[place].1.clone());
        PackedWeights::write(&mut file, &layouts, &mut pack).unwrap();
        file
    }

    #[test]
    fn what_is_written_is_read() {
        let products = packed();
        let file = written(&products);
        assert!(file.len().is_multiple_of(LINE));
        let read = PackedWeights::read(&file.into()).unwrap();
        assert_eq!(read.products().len(), products.len());
        for ((name, weights), (expected_name, expected)) in read.products().iter().zip(&products) {
            assert_eq!((&name[..], weights.layout()), (*expected_name, expected.layout()));
            assert_eq!(weights.as_bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn weights_of_another_layout_are_not_written() {
        let products = packed();
        let layouts = [("four", products[1].1.layout())];
        let mut pack = |_| Ok(products[0].1.clone());
        let error = PackedWeights::write(&mut Vec::new(), &layouts, &mut pack).unwrap_err();
        assert_eq!(error.to_string(), "four: weights of another layout");
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        let file = written(&packed());
        for end in (0..file.len()).step_by(LINE / 2) {
            assert!(PackedWeights::read(&file[..end].to_vec().into()).is_err(), "{end}");
        }
        let longer = [&file[..], &[0]].concat();
        assert!(PackedWeights::read(&longer.into()).is_err());
        let endless = [&MAGIC[..], &[0xff; 100]].concat();
        assert!(PackedWeights::read(&endless.into()).unwrap_err().contains("at most"));
    }

    #[test]
    fn weights_for_other_instructions_are_refused() {
        let mut file = written(&packed());
        let set = InstructionSet::available().name().as_bytes();
        let place = file.windows(set.len()).position(|bytes| bytes == set).unwrap();
        file[place] = b'_';
        assert!(PackedWeights::read(&file.into()).unwrap_err().contains("is not one of"));
    }

    proptest! {
        #[test]
        fn damaged_files_are_refused_or_read_with_their_lengths(
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut file = written(&packed());
            let head = file.len().min(400);
            file[at.index(head)] = byte;
            let length = file.len();
            if let Ok(read) = PackedWeights::read(&file.into()) {
                let bytes: usize = read.products().iter().map(|(_, weights)| weights.bytes()).sum();
                prop_assert!(bytes <= length);
            }
        }
    }
}
