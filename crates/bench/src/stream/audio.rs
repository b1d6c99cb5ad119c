//! A recording as the frames that a session sends.

use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Result};

/// Samples of a frame at 16 kHz: 32 ms.
const SAMPLES: usize = 512;
/// Bytes of a frame of 16-bit integers.
pub(super) const FRAME: usize = SAMPLES * 2;
/// Length of a frame in milliseconds.
pub(super) const FRAME_MS: f64 = 32.0;
/// Where the samples of the simplest WAV file begin.
const HEADER: usize = 44;

/// Mono PCM of 16 bits at 16 kHz, without an end.
#[derive(Debug, Clone)]
pub(super) struct Audio(Bytes);

impl Audio {
    /// Reads a WAV file of mono 16-bit PCM at 16 kHz.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Options`] for another file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).map_err(Error::io(file))?;
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 2)?;
            Some(u16::from_le_bytes(bytes.try_into().ok()?))
        };
        let is_wav = bytes.starts_with(b"RIFF") && bytes.get(8..16) == Some(b"WAVEfmt ");
        // Format, channels, the lower half of the rate, bits.
        let layout = [number(20), number(22), number(24), number(34)];
        let frames = bytes.len().saturating_sub(HEADER) / FRAME;
        let fits = is_wav
            && layout == [Some(1), Some(1), Some(16_000), Some(16)]
            && bytes.get(36..40) == Some(b"data");
        if !fits || frames == 0 {
            return Err(Error::Options(format!(
                "{}: must be a WAV file with at least 32 ms of mono 16-bit PCM at 16 kHz",
                file.display()
            )));
        }
        Ok(Self(Bytes::from(bytes).slice(HEADER..HEADER + frames * FRAME)))
    }

    /// Frame `number` of connection `connection`: each begins elsewhere.
    pub(super) fn frame(&self, connection: usize, number: usize) -> Bytes {
        let frames = self.0.len() / FRAME;
        let start = (connection * 17 + number) % frames * FRAME;
        self.0.slice(start..start + FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_anew_at_the_end_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wav");
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0".to_vec();
        wav.extend([vec![1; FRAME], vec![2; FRAME], vec![3; 10]].concat());
        std::fs::write(&file, &wav).unwrap();
        let audio = Audio::read(&file).unwrap();
        let firsts: Vec<u8> = (0..4).map(|number| audio.frame(1, number)[0]).collect();
        assert_eq!(firsts, [2, 1, 2, 1]);
        wav[24] = 0;
        std::fs::write(&file, &wav).unwrap();
        assert!(Audio::read(&file).unwrap_err().to_string().contains("16 kHz"));
    }
}
