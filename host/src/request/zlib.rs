//! The zlib format (RFC 1950), which HTTP calls deflate (RFC 9110, section 8.4.1.2).

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// Decodes what it reads. Unlike flate2's own reader it refuses what is cut, and what stands behind the end.
pub(super) struct ZlibReader<R> {
    encoded: R,
    inflate: Decompress,
    is_over: bool,
}

impl<R: BufRead> ZlibReader<R> {
    pub(super) fn new(encoded: R) -> Self {
        Self { encoded, inflate: Decompress::new(true), is_over: false }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.encoded
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.encoded
    }
}

impl<R: BufRead> Read for ZlibReader<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.encoded.fill_buf()?;
            let is_last = input.is_empty();
            match (self.is_over, is_last) {
                (true, true) => return Ok(0),
                (true, false) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "data behind the end"));
                }
                (false, _) => {}
            }
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, room, FlushDecompress::None)?;
            // No more than there were of input and room.
            let count =
                |after: u64, before: u64| usize::try_from(after - before).unwrap_or_default();
            let (taken, made) =
                (count(self.inflate.total_in(), taken), count(self.inflate.total_out(), made));
            self.encoded.consume(taken);
            self.is_over = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if !self.is_over && (is_last || taken == 0) {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
