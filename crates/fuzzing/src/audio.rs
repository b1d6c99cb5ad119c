//! Audio files, read whole and in pieces.

use pilotlight_audio::{AudioError, Reader, SegmentOptions, Segmenter};

fn read(bytes: &[u8], size: usize) -> Result<Vec<f32>, AudioError> {
    let (mut reader, mut samples) = (Reader::wav(), Vec::new());
    for piece in bytes.chunks(size) {
        reader.push(piece, &mut samples)?;
    }
    reader.finish(&mut samples)?;
    Ok(samples)
}

/// Runs the target.
pub fn run(sent: &[u8]) {
    let Some((size, file)) = sent.split_first() else { return };
    let whole = read(file, file.len().max(1));
    assert_eq!(read(file, usize::from(*size) + 1), whole);
    let Ok(samples) = whole else { return };
    assert!(samples.iter().all(|sample| sample.is_finite()));
    let options = SegmentOptions { min_speech_ms: 0, ..SegmentOptions::default() };
    let (mut segmenter, mut segments) = (Segmenter::new(&options).unwrap(), Vec::new());
    samples.iter().for_each(|sample| segmenter.push(sample.abs(), &mut segments));
    let length = samples.len() as u64 * 512;
    segmenter.finish(length, &mut segments);
    let mut end = 0;
    for segment in segments {
        assert!(end <= segment.start && segment.start <= segment.end && segment.end <= length);
        end = segment.end;
    }
}
