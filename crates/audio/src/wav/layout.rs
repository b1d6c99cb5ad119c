//! The chunk `fmt `.

use crate::error::AudioError;
use crate::format::{Encoding, Format};

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;
/// What follows the tag in the GUIDs of `WAVE_FORMAT_EXTENSIBLE`.
const GUID_REST: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// Tags of formats that are not read here.
const NAMES: [(u16, &str); 12] = [
    (2, "Microsoft ADPCM"),
    (6, "A-law"),
    (7, "mu-law"),
    (0x11, "IMA ADPCM"),
    (0x22, "TrueSpeech"),
    (0x31, "GSM 6.10"),
    (0x40, "G.721"),
    (0x50, "MPEG audio"),
    (0x55, "MP3"),
    (0xff, "AAC"),
    (0x161, "Windows Media Audio"),
    (0x2000, "AC-3"),
];

/// The format that the content of `fmt ` describes.
pub(super) fn format(chunk: &[u8]) -> Result<Format, AudioError> {
    let short = || AudioError::Damaged(format!("chunk `fmt ` has {} bytes", chunk.len()));
    let number = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
    let at = |at: usize| number(at).ok_or_else(short);
    let (mut tag, channels, block, bits) = (at(0)?, at(2)?, at(12)?, at(14)?);
    let rate = u32::from(at(4)?) | u32::from(at(6)?) << 16;
    if tag == EXTENSIBLE {
        tag = at(24)?;
        if chunk.get(26..40) != Some(&GUID_REST) {
            return Err(AudioError::Samples("samples of an unknown kind".to_owned()));
        }
    }
    let encoding = match (tag, bits) {
        (PCM, 16) => Encoding::S16,
        (FLOAT, 32) => Encoding::F32,
        (PCM, bits) => return Err(AudioError::Samples(format!("{bits}-bit integers"))),
        (FLOAT, bits) => return Err(AudioError::Samples(format!("{bits}-bit floats"))),
        (tag, _) => return Err(AudioError::Samples(name(tag))),
    };
    let format = Format { encoding, channels, rate };
    format.check()?;
    if usize::from(block) != format.block() {
        let expected = format.block();
        return Err(AudioError::Damaged(format!("a block has {block} bytes, not {expected}")));
    }
    Ok(format)
}

fn name(tag: u16) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == tag);
    known.map_or_else(|| format!("samples of format {tag:#06x}"), |(_, name)| (*name).to_owned())
}
