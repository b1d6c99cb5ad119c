//! Messages as bytes of a body, and lines as messages.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Kinds of messages, as `guest/wit` numbers them.
pub(super) const BINARY: u8 = 0;
pub(super) const TEXT: u8 = 1;
/// Longest line that becomes a message, in bytes: a function that writes no line ends is broken.
const LONGEST_LINE: usize = 16 << 20;

/// A message as part of a body.
pub(super) fn framed(kind: u8, content: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(content.len() + 5);
    framed.put_u8(kind);
    framed.put_u32_le(u32::try_from(content.len()).unwrap_or(u32::MAX));
    framed.put_slice(content);
    framed.freeze()
}

/// Cuts an answer into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The lines that `data` completes, without their ends.
    pub(super) fn push(&mut self, data: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(data);
        let Some(end) = self.0.iter().rposition(|byte| *byte == b'\n') else {
            if self.0.len() > LONGEST_LINE {
                self.0.clear();
            }
            return Vec::new();
        };
        let complete: Vec<u8> = self.0.drain(..=end).collect();
        let lines = complete.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_complete_whatever_their_pieces() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"{\"a\":"), [""; 0]);
        assert_eq!(lines.push(b"1}\n{}\n{"), ["{\"a\":1}", "{}"]);
        assert_eq!(lines.push(b"}\n\n"), ["{}"]);
    }

    #[test]
    fn messages_are_framed_as_the_wit_says() {
        assert_eq!(framed(TEXT, b"ab")[..], *b"\x01\x02\0\0\0ab");
    }
}
