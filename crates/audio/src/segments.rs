//! Segments of speech from the probabilities of frames, by the rules of `get_speech_timestamps` in
//! Silero VAD 6.2, while the probabilities come.

use crate::frames::FRAME;
use crate::rate::RATE;

/// How far the negative threshold is below the threshold, unless it is given.
const HYSTERESIS: f32 = 0.15;
const LEAST_NEGATIVE: f32 = 0.01;
/// Shortest silence at which a segment that is too long is cut, in milliseconds.
const SILENCE_AT_MAXIMUM: u64 = 98;
/// An hour: what none of the durations exceeds, in milliseconds.
const LONGEST: u32 = 3_600_000;

/// Options of speech segments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentOptions {
    /// Speech begins at this probability.
    pub threshold: f32,
    /// Speech ends below this probability; 0.15 below `threshold` by default.
    pub negative_threshold: Option<f32>,
    /// Shorter speech is left out, in milliseconds.
    pub min_speech_ms: u32,
    /// Shorter silence ends no segment, in milliseconds.
    pub min_silence_ms: u32,
    /// Padding of a segment on both sides, in milliseconds; less where the next segment is near.
    pub pad_ms: u32,
    /// Longer segments are cut, at their longest silence if there is one, in milliseconds.
    pub max_speech_ms: Option<u32>,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            negative_threshold: None,
            min_speech_ms: 250,
            min_silence_ms: 100,
            pad_ms: 30,
            max_speech_ms: None,
        }
    }
}

impl SegmentOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The option and its range, in words.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: f32| match value > 0.0 && value <= 1.0 {
            true => Ok(()),
            false => Err(format!("{name} {value} must be above 0 and at most 1")),
        };
        range("threshold", self.threshold)?;
        if let Some(negative) = self.negative_threshold {
            range("negative_threshold", negative)?;
            if negative > self.threshold {
                let threshold = self.threshold;
                return Err(format!("negative_threshold {negative} must be at most {threshold}"));
            }
        }
        let durations = [
            ("min_speech_ms", self.min_speech_ms),
            ("min_silence_ms", self.min_silence_ms),
            ("pad_ms", self.pad_ms),
            ("max_speech_ms", self.max_speech_ms.unwrap_or_default()),
        ];
        if let Some((name, value)) = durations.into_iter().find(|(_, value)| *value > LONGEST) {
            return Err(format!("{name} {value} must be at most {LONGEST}"));
        }
        let shortest = self.shortest_maximum();
        match self.max_speech_ms {
            Some(most) if most <= shortest => {
                Err(format!("max_speech_ms {most} must be above {shortest}"))
            }
            _ => Ok(()),
        }
    }

    /// A segment holds a frame and its padding, in milliseconds.
    fn shortest_maximum(&self) -> u32 {
        2 * self.pad_ms + (FRAME as u32 * 1000).div_ceil(RATE)
    }
}

/// Speech, in samples at 16 kHz from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its first sample.
    pub start: u64,
    /// The sample behind its last.
    pub end: u64,
}

/// Finds segments while the probabilities of frames come.
#[derive(Debug)]
pub struct Segmenter {
    threshold: f32,
    negative: f32,
    min_speech: u64,
    min_silence: u64,
    pad: u64,
    /// Longest segment without its padding and the frame that tells of its end.
    max_speech: Option<u64>,
    /// Samples of the frames so far.
    position: u64,
    /// Where the current speech began.
    start: Option<u64>,
    /// Where the silence began that may end it.
    silence: Option<u64>,
    /// The first of the longest silences within the current speech: where it began, and its length.
    longest_silence: Option<(u64, u64)>,
    /// A segment whose padding depends on what comes next, with the padding in front of it.
    held: Option<Segment>,
}

impl Segmenter {
    /// Finds what `options` call speech.
    ///
    /// # Errors
    /// As [`SegmentOptions::check`].
    pub fn new(options: &SegmentOptions) -> Result<Self, String> {
        options.check()?;
        let samples = |ms: u32| u64::from(ms) * u64::from(RATE / 1000);
        let pad = samples(options.pad_ms);
        let default = (options.threshold - HYSTERESIS).max(LEAST_NEGATIVE);
        Ok(Self {
            threshold: options.threshold,
            negative: options.negative_threshold.unwrap_or(default),
            min_speech: samples(options.min_speech_ms),
            min_silence: samples(options.min_silence_ms),
            pad,
            max_speech: options.max_speech_ms.map(|most| samples(most) - FRAME as u64 - 2 * pad),
            position: 0,
            start: None,
            silence: None,
            longest_silence: None,
            held: None,
        })
    }

    /// Whether the last frame was within speech. Speech that turns out too short is none in the end.
    pub fn is_speech(&self) -> bool {
        self.start.is_some()
    }

    /// Start of the current speech, without padding.
    pub fn speech_start(&self) -> Option<u64> {
        self.start
    }

    /// The first sample that can be in a segment which is not complete yet, or begins later.
    pub fn needed(&self) -> u64 {
        let next = self.start.unwrap_or(self.position).saturating_sub(self.pad);
        self.held.map_or(next, |held| held.start)
    }

    /// Takes the probability of the next frame. Appends the segments that it completes: one is
    /// complete when nothing that follows can change its padding.
    pub fn push(&mut self, probability: f32, segments: &mut Vec<Segment>) {
        let at = self.position;
        self.position += FRAME as u64;
        self.step(at, probability, segments);
        // Whatever begins now or later is at least so far away.
        let next = self.start.unwrap_or(at);
        if let Some(held) = self.held.filter(|held| next >= held.end + 2 * self.pad) {
            segments.push(Segment { end: held.end + self.pad, ..held });
            self.held = None;
        }
    }

    fn step(&mut self, at: u64, probability: f32, segments: &mut Vec<Segment>) {
        let is_speech = probability >= self.threshold;
        if is_speech && let Some(silence) = self.silence.take() {
            let length = at - silence;
            let longest = self.longest_silence.map_or(0, |(_, length)| length);
            if length > SILENCE_AT_MAXIMUM * u64::from(RATE / 1000) && length > longest {
                self.longest_silence = Some((silence, length));
            }
        }
        let Some(start) = self.start else {
            self.start = is_speech.then_some(at);
            return;
        };
        if self.max_speech.is_some_and(|most| at - start > most) {
            match self.longest_silence.take() {
                Some((silence, length)) => {
                    self.keep(Segment { start, end: silence }, segments);
                    self.start = Some(silence + length);
                    self.silence = None;
                }
                None => {
                    self.keep(Segment { start, end: at }, segments);
                    (self.start, self.silence) = (None, None);
                    return;
                }
            }
        }
        if probability < self.negative {
            let silence = *self.silence.get_or_insert(at);
            if at - silence >= self.min_silence {
                let start = self.start.take().unwrap_or(start);
                (self.silence, self.longest_silence) = (None, None);
                if silence - start > self.min_speech {
                    self.keep(Segment { start, end: silence }, segments);
                }
            }
        }
    }

    /// Takes a segment without padding, and completes the one before it.
    fn keep(&mut self, next: Segment, segments: &mut Vec<Segment>) {
        let mut next = next;
        match self.held.take() {
            // What has been completed before is far away.
            None => next.start = next.start.saturating_sub(self.pad),
            Some(held) => {
                let silence = next.start - held.end;
                let pad = if silence < 2 * self.pad { silence / 2 } else { self.pad };
                segments.push(Segment { end: held.end + pad, ..held });
                next.start -= pad;
            }
        }
        self.held = Some(next);
    }

    /// The audio has ended, after `length` samples. Appends the segments that are left.
    pub fn finish(mut self, length: u64, segments: &mut Vec<Segment>) {
        if let Some(start) = self.start.take()
            && length.saturating_sub(start) > self.min_speech
        {
            self.keep(Segment { start, end: length }, segments);
        }
        if let Some(held) = self.held.take() {
            segments.push(Segment { end: (held.end + self.pad).min(length), ..held });
        }
    }
}
