use pilotlight_audio::{Encoding, Format, Reader};
use proptest::prelude::*;

use crate::kit::{Layout, chunk, read, riff};

fn format() -> impl Strategy<Value = Format> {
    let encoding = prop_oneof![Just(Encoding::S16), Just(Encoding::F32)];
    let rate = prop_oneof![
        Just(16_000u32),
        Just(8_000),
        Just(48_000),
        Just(44_100),
        Just(22_050),
        8_000u32..=48_000
    ];
    (encoding, 1u16..=2, rate).prop_map(|(encoding, channels, rate)| Format {
        encoding,
        channels,
        rate,
    })
}

/// Bytes of `count` samples and a few that complete none.
fn bytes(format: Format, seed: u32, count: usize, odd: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let mut bytes = Vec::new();
    for _ in 0..count * usize::from(format.channels) {
        let value = (next() >> 16) as i16;
        match format.encoding {
            Encoding::S16 => bytes.extend(value.to_le_bytes()),
            Encoding::F32 => bytes.extend((f32::from(value) / 32_768.0).to_le_bytes()),
        }
    }
    bytes.extend(vec![7; odd % format.block()]);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_size_of_pieces_does_not_matter(
        format in format(),
        seed in any::<u32>(),
        (count, odd) in (0usize..3000, 0usize..8),
        sizes in prop::collection::vec(1usize..4000, 1..8),
        (is_wav, is_told) in any::<(bool, bool)>(),
    ) {
        let pcm = bytes(format, seed, count, odd);
        let (reader, bytes): (Box<dyn Fn() -> Reader>, Vec<u8>) = if is_wav {
            let fmt = chunk(b"fmt ", &Layout::of(format).chunk());
            let reader = move || match is_told {
                true => Reader::wav(),
                false => Reader::wav_or_pcm(format).unwrap(),
            };
            (Box::new(reader), riff(&[chunk(b"LIST", b"odd"), fmt, chunk(b"data", &pcm)]))
        } else {
            let reader = move || match is_told {
                true => Reader::pcm(format).unwrap(),
                false => Reader::wav_or_pcm(format).unwrap(),
            };
            (Box::new(reader), pcm)
        };
        let whole = read(reader(), &bytes, &[bytes.len().max(1)]).unwrap();
        prop_assert_eq!(whole.len(), (count * 16_000).div_ceil(format.rate as usize));
        prop_assert!(whole.iter().all(|sample| sample.is_finite()));
        for sizes in [&sizes[..], &[1]] {
            let pieces = read(reader(), &bytes, sizes).unwrap();
            prop_assert!(pieces == whole);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_whatever_their_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        keep in 0usize..60,
        sizes in prop::collection::vec(1usize..50, 1..5),
    ) {
        let format = Format { encoding: Encoding::F32, channels: 2, rate: 16_000 };
        let mut file = riff(&[chunk(b"fmt ", &Layout::of(format).chunk()), chunk(b"data", &[0; 8])]);
        file.truncate(keep);
        file.extend(bytes);
        let whole = read(Reader::wav(), &file, &[file.len().max(1)]);
        prop_assert_eq!(read(Reader::wav(), &file, &sizes), whole);
    }
}
