//! Memory in cache lines, read and written as blocks of plain numbers.

use bytes::Bytes;

use crate::sums::PANEL;

/// What any bytes are a value of, and what has no bytes between its fields.
///
/// # Safety
/// The type has no padding, no value that is invalid, and is aligned to 64 bytes at most.
pub(crate) unsafe trait Plain: Copy {}

/// Declares types to be plain, which have these sizes: those of their fields together.
macro_rules! plain {
    ($($type:ty: $bytes:expr;)*) => {
        $(
            const _: () = assert!(size_of::<$type>() == $bytes && align_of::<$type>() <= 64);
            // SAFETY: it consists of numbers, which take all of its bytes.
            unsafe impl crate::memory::Plain for $type {}
        )*
    };
}

pub(crate) use plain;

plain! { f32: 4; [f32; PANEL]: 4 * PANEL; }

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; Line::SIZE]);

impl Line {
    const SIZE: usize = 64;
    const ZEROS: Self = Self([0; Self::SIZE]);
}

/// Memory that begins at a cache line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Vec<Line>);

impl Memory {
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The bytes that it has for `size`.
    pub(crate) fn padded(size: usize) -> usize {
        size.next_multiple_of(Line::SIZE)
    }

    /// A copy, with zeros behind where a line is not full.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let lines = bytes.chunks(Line::SIZE).map(|chunk| {
            let mut line = Line::ZEROS;
            line.0[..chunk.len()].copy_from_slice(chunk);
            line
        });
        Self(lines.collect())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        // SAFETY: lines are bytes.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.bytes()) }
    }

    /// Its first `count` values, with what they had; zeros where it grows.
    pub(crate) fn grow<T: Plain>(&mut self, count: usize) -> &mut [T] {
        let lines = (count * size_of::<T>()).div_ceil(Line::SIZE);
        if self.0.len() < lines {
            self.0.resize(lines, Line::ZEROS);
        }
        const { assert!(align_of::<T>() <= align_of::<Line>()) };
        // SAFETY: the lines hold `count` values, any bytes are valid ones, and lines are aligned.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), count) }
    }
}

/// Memory that is not written any more: of this process alone, or bytes that others have, too, such as a mapped file.
#[derive(Debug, Clone)]
pub(crate) struct Constants(Storage);

#[derive(Debug, Clone)]
enum Storage {
    Own(Memory),
    /// Begins at a cache line, and consists of whole ones.
    Shared(Bytes),
}

impl Constants {
    /// Keeps bytes that begin at a cache line and consist of whole ones, and a copy of others.
    pub(crate) fn shared(bytes: Bytes) -> Self {
        let lines = bytes.as_ptr().cast::<Line>();
        if lines.is_aligned() && bytes.len().is_multiple_of(Line::SIZE) {
            return Self(Storage::Shared(bytes));
        }
        Memory::from_bytes(&bytes).into()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.as_bytes().len()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Storage::Own(memory) => memory.as_bytes(),
            Storage::Shared(bytes) => bytes,
        }
    }

    /// As many values as it holds, with what is left of the last line behind them.
    pub(crate) fn values<T: Plain>(&self) -> &[T] {
        const { assert!(align_of::<T>() <= align_of::<Line>()) };
        let bytes = self.as_bytes();
        // SAFETY: the bytes hold so many values, any bytes are valid ones, and both kinds of memory begin at a line. What
        // is shared stays where it is, as `Bytes` keeps its pointer.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
    }
}

impl From<Memory> for Constants {
    fn from(memory: Memory) -> Self {
        Self(Storage::Own(memory))
    }
}
