use std::convert::Infallible;

use pilotlight_audio::{CONTEXT, FRAME, Frames, INPUT};
use proptest::prelude::*;

fn frames(samples: &[f32], sizes: &[usize]) -> Vec<Vec<f32>> {
    let (mut frames, mut found, mut rest) = (Frames::default(), Vec::new(), samples);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*size).clamp(1, rest.len()));
        frames.input().extend_from_slice(piece);
        let Ok(()) = frames.drain(|frame| {
            found.push(frame.to_vec());
            Ok::<_, Infallible>(())
        });
        assert!(frames.pending() < FRAME);
        rest = others;
    }
    found.extend(frames.last());
    found
}

#[test]
fn a_frame_that_fails_is_the_last_one() {
    let mut frames = Frames::default();
    frames.input().extend([1.0; 3 * FRAME]);
    let mut seen = 0;
    let stop = frames.drain(|_| {
        seen += 1;
        if seen == 2 { Err("stop") } else { Ok(()) }
    });
    assert_eq!((stop, seen, frames.pending()), (Err("stop"), 2, FRAME));
}

proptest! {
    #[test]
    fn each_frame_stands_behind_the_end_of_the_one_before(
        count in 0usize..3000,
        sizes in prop::collection::vec(1usize..2000, 1..5),
    ) {
        let samples: Vec<f32> = (0..count).map(|n| n as f32 + 1.0).collect();
        let found = frames(&samples, &sizes);
        prop_assert_eq!(found.len(), count.div_ceil(FRAME));
        let mut padded = vec![0.0; CONTEXT];
        padded.extend(samples);
        padded.resize(CONTEXT + found.len() * FRAME, 0.0);
        for (number, frame) in found.iter().enumerate() {
            let start = number * FRAME;
            prop_assert!(frame[..] == padded[start..start + INPUT], "{}", number);
        }
    }
}
