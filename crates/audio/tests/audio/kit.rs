//! WAV files and how they are read.

use pilotlight_audio::{AudioError, Encoding, Format, Reader};

/// The fields of `fmt ` that tests vary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) tag: u16,
    pub(crate) channels: u16,
    pub(crate) rate: u32,
    pub(crate) bits: u16,
}

impl Layout {
    pub(crate) fn of(format: Format) -> Self {
        let (tag, bits) = match format.encoding {
            Encoding::S16 => (1, 16),
            Encoding::F32 => (3, 32),
        };
        Self { tag, channels: format.channels, rate: format.rate, bits }
    }

    pub(crate) fn chunk(self) -> Vec<u8> {
        let Self { tag, channels, rate, bits } = self;
        let block = channels.wrapping_mul(bits / 8);
        let mut chunk = Vec::new();
        chunk.extend(tag.to_le_bytes());
        chunk.extend(channels.to_le_bytes());
        chunk.extend(rate.to_le_bytes());
        chunk.extend((rate.wrapping_mul(u32::from(block))).to_le_bytes());
        chunk.extend(block.to_le_bytes());
        chunk.extend(bits.to_le_bytes());
        chunk
    }
}

pub(crate) fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = id.to_vec();
    chunk.extend((content.len() as u32).to_le_bytes());
    chunk.extend(content);
    chunk.extend(vec![0; content.len() % 2]);
    chunk
}

pub(crate) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let content = chunks.concat();
    let mut file = b"RIFF".to_vec();
    file.extend((content.len() as u32 + 4).to_le_bytes());
    file.extend(b"WAVE");
    file.extend(content);
    file
}

pub(crate) fn wav(layout: Layout, data: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &layout.chunk()), chunk(b"data", data)])
}

/// Reads bytes in pieces whose sizes repeat `sizes`.
pub(crate) fn read(
    mut reader: Reader,
    bytes: &[u8],
    sizes: &[usize],
) -> Result<Vec<f32>, AudioError> {
    let (mut samples, mut rest) = (Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*size).clamp(1, rest.len()));
        reader.push(piece, &mut samples)?;
        rest = others;
    }
    reader.finish(&mut samples)?;
    Ok(samples)
}

pub(crate) fn read_wav(file: &[u8]) -> Result<Vec<f32>, AudioError> {
    read(Reader::wav(), file, &[file.len()])
}

/// What a file is refused with.
pub(crate) fn refusal(file: &[u8]) -> String {
    read_wav(file).unwrap_err().to_string()
}

pub(crate) const MONO: Format = Format { encoding: Encoding::S16, channels: 1, rate: 16_000 };
