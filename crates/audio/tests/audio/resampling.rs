use pilotlight_audio::{Encoding, Format, Reader};

use crate::kit::read;

/// A tone of `hertz` at `rate`, a second of it.
fn tone(hertz: f64, rate: u32) -> Vec<f32> {
    let step = 2.0 * std::f64::consts::PI * hertz / f64::from(rate);
    (0..rate).map(|n| (step * f64::from(n)).sin() as f32 * 0.5).collect()
}

fn resampled(samples: &[f32], rate: u32) -> Vec<f32> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let format = Format { encoding: Encoding::F32, channels: 1, rate };
    read(Reader::pcm(format).unwrap(), &bytes, &[bytes.len()]).unwrap()
}

const RATES: [u32; 8] = [8_000, 11_025, 12_345, 22_050, 24_000, 32_000, 44_100, 48_000];

#[test]
fn a_tone_keeps_its_pitch_its_level_and_its_place() {
    for rate in RATES {
        let found = resampled(&tone(440.0, rate), rate);
        let expected = tone(440.0, 16_000);
        assert_eq!(found.len(), 16_000, "{rate}");
        // At its ends a filter sees silence.
        let inner = 400..15_600;
        let difference = found[inner.clone()].iter().zip(&expected[inner]);
        let largest = difference.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(largest < 2e-3, "{rate}: {largest}");
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_filtered_out() {
    for rate in [32_000, 44_100, 48_000] {
        let found = resampled(&tone(12_000.0, rate), rate);
        let loudest = found[400..15_600].iter().fold(0f32, |loudest, x| loudest.max(x.abs()));
        assert!(loudest < 1e-3, "{rate}: {loudest}");
    }
}

#[test]
fn audio_at_16_khz_is_passed_on_as_it_is() {
    let samples = tone(3_000.0, 16_000);
    assert!(resampled(&samples, 16_000) == samples);
}
