//! Attention and layer normalization beside their definitions in f64.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use pilotlight_kernels::{Attention, AttentionScratch, Heads, LayerNorm, Rows};
use proptest::prelude::*;

/// `softmax(Q · Kᵀ · scale + mask) · V` of matrices side by side, `[tokens, 3 · count · width]`.
fn attention_in_f64(x: &[f32], tokens: usize, heads: Heads, scale: f32, mask: &[f32]) -> Vec<f64> {
    let width = heads.count * heads.width;
    let at = |row: usize, part: usize, column: usize| {
        f64::from(x[row * 3 * width + part * width + column])
    };
    let mut out = vec![0.0; tokens * width];
    for (head, query) in (0..heads.count).flat_map(|h| (0..tokens).map(move |q| (h, q))) {
        let columns = head * heads.width..(head + 1) * heads.width;
        let scores: Vec<f64> = (0..tokens)
            .map(|key| {
                let dot: f64 = columns.clone().map(|c| at(query, 0, c) * at(key, 1, c)).sum();
                let masked = match mask.len() {
                    0 => 0.0,
                    len if len == tokens => mask[key],
                    _ => mask[query * tokens + key],
                };
                dot * f64::from(scale) + f64::from(masked)
            })
            .collect();
        let most = scores.iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        for column in columns {
            let weighted = powers.iter().enumerate().map(|(key, power)| power * at(key, 2, column));
            out[query * width + column] = weighted.sum::<f64>() / sum;
        }
    }
    out
}

fn computed(x: &[f32], tokens: usize, heads: Heads, scale: f32, mask: &[f32]) -> Vec<f32> {
    let width = heads.count * heads.width;
    let rows = |part: usize| Rows { values: x, stride: 3 * width, start: part * width };
    let mut attention = Attention::new(tokens, heads, [rows(0), rows(1), rows(2)], scale).unwrap();
    if !mask.is_empty() {
        attention = attention.masked(mask).unwrap();
    }
    let mut out = vec![f32::NAN; tokens * width];
    let mut scratch = AttentionScratch::default();
    // What an earlier, larger call leaves behind must not matter.
    let larger = vec![f32::INFINITY; 3 * width * (tokens + 9)];
    let rows_of_larger = Rows { values: &larger, ..rows(0) };
    Attention::new(tokens + 9, heads, [rows_of_larger; 3], 1.0)
        .unwrap()
        .compute(&mut scratch, &mut vec![0.0; (tokens + 9) * width]);
    attention.compute(&mut scratch, &mut out);
    out
}

/// Tokens, heads, the matrices, and summands for each token, each pair of tokens or nothing.
fn attentions() -> impl Strategy<Value = (usize, Heads, Vec<f32>, Vec<f32>)> {
    (1usize..40, 1usize..4, 1usize..40).prop_flat_map(|(tokens, count, width)| {
        let matrices = prop::collection::vec(-4.0f32..4.0, tokens * 3 * count * width);
        let summands = prop_oneof![Just(0), Just(tokens), Just(tokens * tokens)];
        let summand = prop_oneof![4 => -2.0f32..2.0, 1 => Just(f32::MIN), 1 => Just(-1e4)];
        let mask = summands.prop_flat_map(move |len| prop::collection::vec(summand.clone(), len));
        (Just(tokens), Just(Heads { count, width }), matrices, mask)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn attention_is_what_its_definition_says((tokens, heads, x, mask) in attentions()) {
        // A row that is masked whole has no definite result.
        let whole = |row: &[f32]| !row.is_empty() && row.iter().all(|summand| *summand < -1e3);
        prop_assume!(!mask.chunks(tokens).any(whole));
        let expected = attention_in_f64(&x, tokens, heads, 0.25, &mask);
        let found = computed(&x, tokens, heads, 0.25, &mask);
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 2e-5, "{found} for {expected}");
        }
    }

    #[test]
    fn rows_are_normalized_alone_and_with_what_is_added(
        (width, rows, residual) in (1usize..100, 0usize..4).prop_flat_map(|(width, rows)| {
            let values = || prop::collection::vec(-10.0f32..10.0, width * rows);
            (Just(width), values(), values())
        })
    ) {
        let parameter = |seed: usize| (0..width).map(move |i| ((i * 7 + seed) % 13) as f32 / 6.0 - 1.0);
        let (gamma, beta): (Vec<f32>, Vec<f32>) = (parameter(1).collect(), parameter(5).collect());
        let norm = LayerNorm::new(gamma.clone(), beta.clone(), 1e-3).unwrap();
        let (mut alone, mut added) = (rows.clone(), rows.clone());
        norm.apply(&mut alone);
        norm.add_and_apply(&mut added, &residual);
        for (found, with) in [(alone, 0.0), (added, 1.0)] {
            let sums: Vec<f64> =
                rows.iter().zip(&residual).map(|(a, b)| f64::from(a + b * with)).collect();
            for (found, sums) in found.chunks(width).zip(sums.chunks(width)) {
                let mean = sums.iter().sum::<f64>() / width as f64;
                let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                for (i, (found, sum)) in found.iter().zip(sums).enumerate() {
                    let normal = (sum - mean) / (variance + 1e-3).sqrt();
                    let expected = normal * f64::from(gamma[i]) + f64::from(beta[i]);
                    prop_assert!((f64::from(*found) - expected).abs() < 1e-4);
                }
            }
        }
    }
}

#[test]
fn matrices_that_are_too_small_are_refused() {
    let heads = Heads { count: 2, width: 4 };
    let rows = |values, stride, start| Rows { values, stride, start };
    let x = [0.0; 40];
    let three = |rows: Rows<'static>| [rows; 3];
    let x: &'static [f32] = Box::leak(Box::new(x));
    assert!(Attention::new(5, heads, three(rows(x, 8, 0)), 1.0).is_some());
    assert!(Attention::new(6, heads, three(rows(x, 8, 0)), 1.0).is_none());
    assert!(Attention::new(1, heads, three(rows(x, 8, 1)), 1.0).is_none());
    assert!(Attention::new(usize::MAX, heads, three(rows(x, 8, 0)), 1.0).is_none());
    let five = Attention::new(5, heads, three(rows(x, 8, 0)), 1.0).unwrap();
    assert!(five.masked(&x[..6]).is_none() && five.masked(&x[..25]).is_some());
    assert!(LayerNorm::new(vec![1.0], vec![], 0.0).is_none());
}

#[test]
fn queries_that_see_no_key_give_zeros_where_they_are_guarded() {
    let (tokens, width) = (9, 4);
    let x: Vec<f32> = (0..tokens * 3 * width).map(|i| (i * 7 % 11) as f32 / 8.0).collect();
    let rows = [0, 1, 2].map(|part| Rows { values: &x, stride: 3 * width, start: part * width });
    let mut mask = vec![0.0; tokens * tokens];
    mask[2 * tokens..3 * tokens].fill(f32::NEG_INFINITY);
    mask[5 * tokens] = f32::NEG_INFINITY;
    let attention = Attention::new(tokens, Heads { count: 1, width }, rows, 1.0).unwrap();
    let attention = attention.masked(&mask).unwrap();
    let compute = |attention: Attention<'_>| {
        let mut out = vec![f32::NAN; tokens * width];
        attention.compute(&mut AttentionScratch::default(), &mut out);
        out
    };
    let (plain, guarded) = (compute(attention), compute(attention.guarded()));
    for (row, (plain, guarded)) in plain.chunks(width).zip(guarded.chunks(width)).enumerate() {
        match row {
            2 => assert_eq!(guarded, [0.0; 4]),
            _ => assert_eq!(guarded, plain),
        }
    }
}
