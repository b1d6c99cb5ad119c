//! Into which parts the work of a stage is divided.

use std::ops::Range;

/// The most rows of a part: what its steps write stays in the second-level cache. The kernels convert as many at once.
const MOST_ROWS: usize = 96;
/// Weights are unpacked for each part, which pays for no fewer rows.
const LEAST_ROWS: usize = 8;

/// Parts of about equal size of `rows` rows, a multiple of `threads` unless they would be too small.
pub(super) fn row_parts(rows: usize, threads: usize) -> Vec<Range<usize>> {
    let threads = threads.min(rows / LEAST_ROWS).max(1);
    let count = rows.div_ceil(MOST_ROWS).next_multiple_of(threads).max(1);
    (0..count).map(|part| part * rows / count..(part + 1) * rows / count).collect()
}

/// Into how many parts the heads of each sequence are divided, of `sequences`.
pub(super) fn head_parts(heads: usize, sequences: usize, threads: usize) -> usize {
    let enough = threads == 1 || sequences >= 2 * threads;
    if enough { 1 } else { threads.min(heads).max(1) }
}
