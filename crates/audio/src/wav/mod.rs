//! Reads WAV files in chunks (RIFF 1.0; Microsoft's `WAVE_FORMAT_EXTENSIBLE`), without seeking.
//! Used by `reader`. Does not know resampling, frames or segments.

mod layout;

use crate::container::{LONGEST_MAGIC, name};
use crate::error::AudioError;
use crate::format::Format;
use layout::format;

const RIFF: &[u8] = b"RIFF";
/// Bytes of the name and the size of a chunk.
const CHUNK_HEAD: usize = 8;
/// Longest `fmt ` chunk that is looked at.
const LONGEST_LAYOUT: usize = 64;
/// Bytes of other chunks in front of the samples.
const MOST_SKIPPED: u64 = 1 << 20;
/// Sizes from here on are what writers give that do not know how long the file is going to be.
const UNKNOWN_SIZE: u32 = 0x7fff_f000;

/// Finds the samples of a WAV file.
#[derive(Debug)]
pub(crate) struct Wav {
    state: State,
    /// Bytes of the part that is being read, until it is complete.
    held: Vec<u8>,
    skipped: u64,
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `RIFF`, a size, `WAVE`.
    Riff,
    ChunkHead,
    /// The content of `fmt `, and the byte that pads it.
    Layout(usize),
    /// So many bytes of a chunk that says nothing of the samples.
    Skip(u64),
    /// So many bytes of samples; `None`: all that follows.
    Data(Option<u64>),
    /// Chunks behind the samples.
    End,
}

impl Wav {
    pub(crate) fn new() -> Self {
        Self { state: State::Riff, held: Vec::new(), skipped: 0, format: None }
    }

    /// Takes the next bytes of the file. Returns those of them that are samples, and their format,
    /// which stays the same; `None` while there are none.
    ///
    /// # Errors
    /// [`AudioError`] naming what is not supported or damaged.
    pub(crate) fn push<'a>(
        &mut self,
        mut bytes: &'a [u8],
    ) -> Result<Option<(Format, &'a [u8])>, AudioError> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Riff => self.riff(bytes)?,
                State::ChunkHead => self.chunk_head(bytes)?,
                State::Layout(length) => self.layout(bytes, length)?,
                State::Skip(left) => self.skip(bytes, left),
                State::Data(left) => return Ok(self.data(bytes, left)),
                State::End => return Ok(None),
            };
        }
        Ok(None)
    }

    /// The file has ended.
    ///
    /// # Errors
    /// [`AudioError`] of a file that has ended before its samples.
    pub(crate) fn finish(&self) -> Result<(), AudioError> {
        let begun = &self.held[..self.held.len().min(RIFF.len())];
        match self.state {
            State::Data(_) | State::End => Ok(()),
            State::Riff if !RIFF.starts_with(begun) => Err(AudioError::Container(name(&self.held))),
            _ => Err(AudioError::Truncated),
        }
    }

    /// Holds bytes until there are `length`; returns the rest.
    fn hold<'a>(&mut self, bytes: &'a [u8], length: usize) -> (bool, &'a [u8]) {
        let missing = length.saturating_sub(self.held.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.held.extend_from_slice(taken);
        (self.held.len() >= length, rest)
    }

    fn riff<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], AudioError> {
        let (complete, rest) = self.hold(bytes, LONGEST_MAGIC);
        if complete {
            if !self.held.starts_with(RIFF) || !self.held.ends_with(b"WAVE") {
                return Err(AudioError::Container(name(&self.held)));
            }
            self.next(State::ChunkHead);
        }
        Ok(rest)
    }

    fn chunk_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], AudioError> {
        let (_, rest) = self.hold(bytes, CHUNK_HEAD);
        let head = self.held.split_first_chunk::<4>();
        let Some((id, size)) = head.and_then(|(id, size)| Some((*id, size.first_chunk::<4>()?)))
        else {
            return Ok(rest);
        };
        let size = u32::from_le_bytes(*size);
        let padded = u64::from(size) + u64::from(size % 2);
        let state = match &id {
            b"fmt " if self.format.is_some() => {
                return Err(AudioError::Damaged("it has two chunks `fmt `".to_owned()));
            }
            b"fmt " if padded > LONGEST_LAYOUT as u64 => {
                return Err(AudioError::Damaged(format!("chunk `fmt ` has {size} bytes")));
            }
            b"fmt " => State::Layout(padded as usize),
            b"data" if self.format.is_none() => {
                return Err(AudioError::Damaged("chunk `data` stands before `fmt `".to_owned()));
            }
            b"data" => State::Data((1..UNKNOWN_SIZE).contains(&size).then_some(u64::from(size))),
            _ => {
                self.skipped += padded;
                if self.skipped > MOST_SKIPPED {
                    let message =
                        format!("more than {MOST_SKIPPED} bytes stand before its samples");
                    return Err(AudioError::Damaged(message));
                }
                State::Skip(padded)
            }
        };
        self.next(state);
        Ok(rest)
    }

    fn layout<'a>(&mut self, bytes: &'a [u8], length: usize) -> Result<&'a [u8], AudioError> {
        let (complete, rest) = self.hold(bytes, length);
        if complete {
            self.format = Some(format(&self.held)?);
            self.next(State::ChunkHead);
        }
        Ok(rest)
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64) -> &'a [u8] {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        match left - skipped as u64 {
            0 => self.next(State::ChunkHead),
            left => self.state = State::Skip(left),
        }
        &bytes[skipped..]
    }

    fn data<'a>(&mut self, bytes: &'a [u8], left: Option<u64>) -> Option<(Format, &'a [u8])> {
        let format = self.format?;
        let Some(left) = left else { return Some((format, bytes)) };
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        match left - taken as u64 {
            0 => self.next(State::End),
            left => self.state = State::Data(Some(left)),
        }
        Some((format, &bytes[..taken]))
    }

    fn next(&mut self, state: State) {
        self.held.clear();
        self.state = state;
    }
}
