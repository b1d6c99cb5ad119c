//! Reports as text for a terminal.

use std::fmt;

mod latency;
mod load;
mod start;

pub use latency::latency;
pub use load::load;
pub use start::start;

use crate::report::{Ratio, Resampled};
use crate::units::digits;

/// Columns that are as wide as they need to be: the first to the left, the others to the right.
#[derive(Default)]
struct Grid(Vec<Vec<String>>);

impl Grid {
    fn with_header(header: &[&str]) -> Self {
        Self(vec![header.iter().map(|&title| title.to_owned()).collect()])
    }

    fn push(&mut self, row: Vec<String>) {
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

fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(
        || "–".to_owned(),
        |Ratio { ratio, low, high }| {
            format!("{} [{}, {}]", factor(ratio), factor(low), factor(high))
        },
    )
}

/// What the intervals in a table of ratios are.
fn footnote(resampled: Resampled) -> String {
    let source = match resampled {
        Resampled::Rounds => "rounds",
        Resampled::Blocks => "blocks of requests",
        Resampled::Starts => "starts",
    };
    format!("[95 % confidence interval, bootstrap over {source}]\n")
}

/// Three digits, as long as there are three.
fn factor(factor: f64) -> String {
    if factor < 1.0 { format!("{factor:.3}") } else { digits(factor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let mut grid = Grid::with_header(&["target", "p50"]);
        grid.push(vec!["a".to_owned(), "50.1 µs".to_owned()]);
        grid.push(vec!["longer".to_owned(), "–".to_owned()]);
        assert_eq!(grid.to_string(), "target      p50\na       50.1 µs\nlonger        –\n");
    }
}
