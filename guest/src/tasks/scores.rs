//! From a classifier's outputs to probabilities.

/// Probabilities of one row of scores.
pub(crate) fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = scores.iter().map(|x| (x - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|x| x / sum).collect()
}

/// The logistic function.
pub(crate) fn sigmoid(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// The first label with the largest score.
pub(crate) fn best(scores: &[f32]) -> (usize, f32) {
    let mut best = (0, scores.first().copied().unwrap_or(0.0));
    for (label, score) in scores.iter().copied().enumerate().skip(1) {
        if score > best.1 {
            best = (label, score);
        }
    }
    best
}

/// Indices of `scores`, best first; the first of equals comes first.
pub(crate) fn ranked(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}
