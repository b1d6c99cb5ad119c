//! Kernels for each number of rows.

/// Calls a kernel that is compiled for each number of rows, with `$groups` groups of columns after the other, and with the
/// last ones each alone.
macro_rules! by_rows {
    ($kernel:ident, $x:ident, $columns:ident, $sums:ident, $groups:literal; $($rows:literal)*) => {
        match $sums.len() {
            $($rows => {
                let (x, _) = $x.as_chunks::<$rows>();
                let Ok(sums) = <&mut [_; $rows]>::try_from($sums) else { return };
                let mut first = 0;
                while $columns.len() - first >= $groups {
                    let groups: [_; $groups] =
                        std::array::from_fn(|index| $columns.group(first + index));
                    $kernel(x, groups, sums, first * WIDTH);
                    first += $groups;
                }
                for index in first..$columns.len() {
                    $kernel(x, [$columns.group(index)], sums, index * WIDTH);
                }
            })*
            // A tile has no more rows.
            _ => {}
        }
    };
}

pub(crate) use by_rows;
