//! x86-64, with the instructions of newer processors.

mod avx2;
mod avx512;

pub(crate) use avx2::{Avx2, AvxVnni};
pub(crate) use avx512::Avx512;

/// Calls a kernel that is compiled for each number of rows with two groups of columns after the other, and with the last
/// one alone.
macro_rules! by_rows {
    ($kernel:ident, $x:ident, $columns:ident, $sums:ident; $($rows:literal)*) => {
        for index in (0..$columns.len()).step_by(2) {
            let column = index * WIDTH;
            match $sums.len() {
                $($rows => {
                    let (x, _) = $x.as_chunks::<$rows>();
                    if let Ok(sums) = (&mut *$sums).try_into() {
                        if index + 1 < $columns.len() {
                            let pair = [$columns.group(index), $columns.group(index + 1)];
                            $kernel::<$rows, 2>(x, pair, sums, column);
                        } else {
                            $kernel::<$rows, 1>(x, [$columns.group(index)], sums, column);
                        }
                    }
                })*
                // A tile has no more rows.
                _ => {}
            }
        }
    };
}

use by_rows;
