use pilotlight_audio::{CONTEXT, Frames, Reader, Segment, SegmentOptions, Segmenter};

use super::unsupported;
use crate::api::ApiError;
use crate::model::{Usage, VoiceModel, VoiceState};

/// Voice activity in audio while it comes: the state of the graph, of the filters and of the segments.
pub struct VoiceSession<'a> {
    model: &'a VoiceModel,
    reader: Reader,
    frames: Frames,
    state: VoiceState,
    /// Until the end.
    segmenter: Option<Segmenter>,
    /// Frames that were computed.
    computed: u64,
    /// Samples at 16 kHz that were read.
    samples: u64,
    /// Segments that were told.
    segments: u64,
    /// Samples of frames that nobody has taken yet, if somebody wants them.
    kept: Option<Vec<f32>>,
}

/// What is found, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A frame of 32 ms.
    Frame {
        /// Its number, from 0.
        number: u64,
        /// The probability of speech in it.
        probability: f32,
        /// Whether it is within speech, as far as can be told by now.
        is_speech: bool,
    },
    /// Speech that has ended. It is told as soon as nothing that follows can change it.
    Segment(Segment),
}

impl<'a> VoiceSession<'a> {
    /// A session about the audio that `reader` reads.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for options out of range.
    pub fn new(
        model: &'a VoiceModel,
        reader: Reader,
        options: &SegmentOptions,
    ) -> Result<Self, ApiError> {
        let segmenter = Segmenter::new(options).map_err(ApiError::Invalid)?;
        Ok(Self {
            model,
            reader,
            frames: Frames::default(),
            state: VoiceState::default(),
            segmenter: Some(segmenter),
            computed: 0,
            samples: 0,
            segments: 0,
            kept: None,
        })
    }

    /// The same, which keeps the samples of frames until they are taken.
    #[must_use]
    pub fn keeping_samples(mut self) -> Self {
        self.kept = Some(Vec::new());
        self
    }

    /// Samples at 16 kHz of the frames that were computed since the last call.
    pub fn take_samples(&mut self) -> Vec<f32> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Where the speech began that goes on, without padding.
    pub fn speech_start(&self) -> Option<u64> {
        self.segmenter.as_ref().and_then(Segmenter::speech_start)
    }

    /// The first sample that can be in a segment which is not told yet.
    pub fn needed(&self) -> u64 {
        self.segmenter.as_ref().map_or(self.samples, Segmenter::needed)
    }

    /// Frames that were computed.
    pub fn computed(&self) -> u64 {
        self.computed
    }

    /// Samples at 16 kHz that were read.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Segments that were told.
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// Takes the next bytes, and tells `each` what they complete.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for audio that is not supported, and what the engine says. The session cannot
    /// go on.
    pub fn push(
        &mut self,
        bytes: &[u8],
        usage: &mut Usage,
        each: &mut impl FnMut(Event),
    ) -> Result<(), ApiError> {
        let before = self.frames.pending();
        self.reader.push(bytes, self.frames.input()).map_err(unsupported)?;
        self.samples += (self.frames.pending() - before) as u64;
        self.compute(usage, each)
    }

    /// The audio has ended: tells `each` what is left. An incomplete frame is filled up with silence.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(
        &mut self,
        usage: &mut Usage,
        each: &mut impl FnMut(Event),
    ) -> Result<(), ApiError> {
        let before = self.frames.pending();
        self.reader.finish(self.frames.input()).map_err(unsupported)?;
        self.samples += (self.frames.pending() - before) as u64;
        self.compute(usage, each)?;
        if let Some(last) = self.frames.last() {
            self.frame(&last, usage, each)?;
        }
        if let Some(segmenter) = self.segmenter.take() {
            let mut segments = Vec::new();
            segmenter.finish(self.samples, &mut segments);
            self.tell(segments, each);
        }
        Ok(())
    }

    /// Computes all complete frames.
    fn compute(&mut self, usage: &mut Usage, each: &mut impl FnMut(Event)) -> Result<(), ApiError> {
        let mut frames = std::mem::take(&mut self.frames);
        let computed = frames.drain(|frame| self.frame(frame, usage, each));
        self.frames = frames;
        computed
    }

    fn frame(
        &mut self,
        frame: &[f32],
        usage: &mut Usage,
        each: &mut impl FnMut(Event),
    ) -> Result<(), ApiError> {
        let probability = self.model.probability(frame, &mut self.state, usage)?;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&frame[CONTEXT..]);
        }
        let number = self.computed;
        self.computed += 1;
        let mut segments = Vec::new();
        let Some(segmenter) = &mut self.segmenter else { return Ok(()) };
        segmenter.push(probability, &mut segments);
        let is_speech = segmenter.is_speech();
        each(Event::Frame { number, probability, is_speech });
        self.tell(segments, each);
        Ok(())
    }

    fn tell(&mut self, segments: Vec<Segment>, each: &mut impl FnMut(Event)) {
        self.segments += segments.len() as u64;
        segments.into_iter().map(Event::Segment).for_each(each);
    }
}
