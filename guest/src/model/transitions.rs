//! The most likely sequence of labels, where a model says how likely one label follows another
//! (linear-chain conditional random field; Viterbi's algorithm).

use crate::engine::Matrix;

/// NumPy's format: `\x93NUMPY`, version, the length of a header, the header, the values.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Bytes in front of the header: magic, version and its length.
const PREFIX: usize = 10;
/// A file with more labels does not exist.
const MOST_LABELS: usize = 4096;

/// Scores of one label after another: f32, `[labels, labels]`, row: the label before.
#[derive(Debug, Clone, PartialEq)]
pub struct Transitions(Matrix);

/// The file is no matrix of transitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionsError {
    /// Not what NumPy writes for a square matrix of f32.
    #[error("not a square matrix of little-endian f32 in NumPy's format, version 1")]
    Malformed,
    /// Too few labels.
    #[error("{found} labels, but the model has {labels}")]
    TooSmall {
        /// Rows of the matrix.
        found: usize,
        /// Labels of the model.
        labels: usize,
    },
}

impl Transitions {
    /// Reads a file with transitions between `labels` labels, or between more, of which the first ones
    /// count: states that a sequence begins and ends with may come behind.
    ///
    /// # Errors
    /// [`TransitionsError`].
    pub fn read(file: &[u8], labels: usize) -> Result<Self, TransitionsError> {
        let (size, values) = parse(file).ok_or(TransitionsError::Malformed)?;
        if size < labels {
            return Err(TransitionsError::TooSmall { found: size, labels });
        }
        let rows = values.chunks_exact(size).take(labels);
        let kept = rows.flat_map(|row| row[..labels].iter().copied()).collect();
        Matrix::from_values(labels, kept).map(Self).ok_or(TransitionsError::Malformed)
    }

    /// The label of each row of `scores` in the most likely sequence of labels.
    pub fn decode(&self, scores: &Matrix) -> Vec<usize> {
        let mut rows = scores.rows();
        let Some(first) = rows.next() else { return Vec::new() };
        let mut best = first.to_vec();
        let mut before: Vec<Vec<usize>> = Vec::new();
        for row in rows {
            let (next, from): (Vec<f32>, Vec<usize>) = row
                .iter()
                .enumerate()
                .map(|(label, score)| {
                    let (from, reached) = self.likeliest(&best, label);
                    (reached + score, from)
                })
                .unzip();
            best = next;
            before.push(from);
        }
        let mut path = vec![argmax(best.iter().copied()).0];
        for from in before.iter().rev() {
            path.push(from[path[path.len() - 1]]);
        }
        path.reverse();
        path
    }

    /// The label from which `label` is reached with the best score.
    fn likeliest(&self, best: &[f32], label: usize) -> (usize, f32) {
        argmax(best.iter().zip(self.0.rows()).map(|(score, row)| score + row[label]))
    }
}

/// The first largest value and its place.
fn argmax(values: impl Iterator<Item = f32>) -> (usize, f32) {
    let first = (0, f32::NEG_INFINITY);
    values.enumerate().fold(first, |best, next| if next.1 > best.1 { next } else { best })
}

/// Size and values of a square matrix.
fn parse(file: &[u8]) -> Option<(usize, Vec<f32>)> {
    let length = u16::from_le_bytes(file.get(8..PREFIX)?.try_into().ok()?);
    let end = PREFIX + usize::from(length);
    let header = std::str::from_utf8(file.get(PREFIX..end)?).ok()?;
    let plain = file.starts_with(MAGIC)
        && header.contains("'descr': '<f4'")
        && header.contains("'fortran_order': False");
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let mut sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let (rows, columns): (usize, usize) =
        (sizes.next()?.parse().ok()?, sizes.next()?.parse().ok()?);
    let square = rows == columns && (1..=MOST_LABELS).contains(&rows) && sizes.next().is_none();
    let data = file.get(end..)?;
    if !plain || !square || data.len() != rows * rows * size_of::<f32>() {
        return None;
    }
    let (values, _) = data.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.iter().all(|value| !value.is_nan()).then_some((rows, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(shape: &str, values: &[f32]) -> Vec<u8> {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        let values = values.iter().flat_map(|value| value.to_le_bytes());
        [MAGIC, &length, header.as_bytes()].concat().into_iter().chain(values).collect()
    }

    #[test]
    fn the_likeliest_sequence_is_not_that_of_the_likeliest_labels() {
        let transitions = Transitions::read(&file("(2, 2)", &[0.0, -9.0, 0.0, 0.0]), 2);
        let scores = Matrix::from_values(2, vec![1.0, 0.0, 0.0, 0.5]);
        assert_eq!(transitions.map(|t| scores.map(|s| t.decode(&s))), Ok(Some(vec![0, 0])));
    }

    #[test]
    fn states_behind_the_labels_are_left_out() {
        let values: Vec<f32> = (0..9u8).map(f32::from).collect();
        let kept = Matrix::from_values(2, vec![0.0, 1.0, 3.0, 4.0]).map(Transitions);
        assert_eq!(Transitions::read(&file("(3, 3)", &values), 2).ok(), kept);
    }

    #[test]
    fn other_files_are_refused() {
        let whole = file("(2, 2)", &[0.0; 4]);
        for end in 0..whole.len() {
            assert_eq!(Transitions::read(&whole[..end], 2), Err(TransitionsError::Malformed));
        }
        for shape in ["(2, 3)", "(4,)", "(2, 2, 1)", "(-2, 2)", "(99999999999, 99999999999)"] {
            let malformed = Err(TransitionsError::Malformed);
            assert_eq!(Transitions::read(&file(shape, &[0.0; 4]), 2), malformed, "{shape}");
        }
        let small = Err(TransitionsError::TooSmall { found: 2, labels: 3 });
        assert_eq!(Transitions::read(&whole, 3), small);
    }
}
