use std::fmt;

use crate::format::digits;
use crate::report::{Ratio, Resampled};

/// A table with columns of minimal width. The first is aligned left, the others right.
#[derive(Default)]
pub(super) struct Grid(Vec<Vec<String>>);

impl Grid {
    pub(super) fn with_header(header: &[&str]) -> Self {
        Self(vec![header.iter().map(|&title| title.to_owned()).collect()])
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.0.push(row);
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let wide = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        for row in &self.0 {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

/// A ratio with its confidence interval.
pub(super) fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(
        || "–".to_owned(),
        |Ratio { ratio, low, high }| {
            format!("{} [{}, {}]", factor(ratio), factor(low), factor(high))
        },
    )
}

/// The origin of the intervals in a table of ratios.
pub(super) fn footnote(resampled: Resampled) -> String {
    let source = match resampled {
        Resampled::Rounds => "rounds",
        Resampled::Blocks => "blocks of requests",
        Resampled::Starts => "starts",
    };
    format!("[95 % confidence interval, bootstrap over {source}]\n")
}

/// At least three digits.
fn factor(factor: f64) -> String {
    if factor < 1.0 { format!("{factor:.3}") } else { digits(factor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut grid = Grid::with_header(&["target", "p50"]);
        grid.push(vec!["a".to_owned(), "50.1 µs".to_owned()]);
        grid.push(vec!["longer".to_owned(), "–".to_owned()]);
        assert_eq!(grid.to_string(), "target      p50\na       50.1 µs\nlonger        –\n");
    }
}
