use pilotlight_audio::{RATE, Reader, Segment, SegmentOptions};

use crate::api::ApiError;
use crate::model::{SpeechModel, Usage, VoiceModel};
use crate::tasks::voice_activity::{Event, VoiceSession};

/// Bytes that are looked at at once: what is told between two frames does not depend on how audio is cut.
const PIECE: usize = 512;
/// New speech after which it is transcribed anew before it has ended, in samples. Long speech waits for a quarter of
/// its length, so that all of this takes no more than a few times what the whole takes.
const PARTIAL: u64 = RATE as u64;
const PART_OF_SPEECH: u64 = 4;
/// Samples that are kept beyond need, so that they are not moved for each frame.
const SPARE: u64 = 4 * RATE as u64;

/// Audio while it comes: when somebody speaks and, if the model has words, what is said.
pub struct SpeechSession<'a> {
    voice: VoiceSession<'a>,
    words: Option<Words<'a>>,
}

/// What is found, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A frame of 32 ms.
    Frame {
        /// Its number, from 0.
        number: u64,
        /// The probability of speech in it.
        probability: f32,
        /// Whether it is within speech, as far as can be told by now.
        is_speech: bool,
    },
    /// Speech that goes on, and what has been said. It may change.
    Partial {
        /// From its beginning to the last frame.
        segment: Segment,
        /// What has been said.
        text: String,
    },
    /// Speech that has ended.
    Segment {
        /// Where it is.
        segment: Segment,
        /// What was said, if the model has words.
        text: Option<String>,
    },
}

/// What is needed to transcribe.
struct Words<'a> {
    model: &'a SpeechModel,
    /// Samples that may be transcribed.
    samples: Vec<f32>,
    /// The place of the first of them.
    first: u64,
    has_partials: bool,
    /// Where the last partial text ended, and its length.
    partial: (u64, u64),
    /// What a segment includes of the silence in front of it.
    pad: u64,
}

impl<'a> SpeechSession<'a> {
    /// A session about the audio that `reader` reads.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for options out of range.
    pub fn new(
        model: &'a SpeechModel,
        reader: Reader,
        options: &SegmentOptions,
    ) -> Result<Self, ApiError> {
        let voice = VoiceSession::new(model.voice(), reader, options)?.keeping_samples();
        let pad = u64::from(options.pad_ms) * u64::from(RATE) / 1000;
        let words = Words {
            model,
            samples: Vec::new(),
            first: 0,
            has_partials: true,
            partial: (0, 0),
            pad,
        };
        Ok(Self { voice, words: Some(words) })
    }

    /// A session of a model without words.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn without_words(
        model: &'a VoiceModel,
        reader: Reader,
        options: &SegmentOptions,
    ) -> Result<Self, ApiError> {
        Ok(Self { voice: VoiceSession::new(model, reader, options)?, words: None })
    }

    /// The same, which tells no text of speech that goes on.
    #[must_use]
    pub fn without_partials(mut self) -> Self {
        if let Some(words) = &mut self.words {
            words.has_partials = false;
        }
        self
    }

    /// What has been read and computed.
    pub fn voice(&self) -> &VoiceSession<'a> {
        &self.voice
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
        each: &mut impl FnMut(Heard),
    ) -> Result<(), ApiError> {
        for piece in bytes.chunks(PIECE) {
            let mut events = Vec::new();
            self.voice.push(piece, usage, &mut |event| events.push(event))?;
            if !events.is_empty() {
                self.tell(events, usage, each)?;
                self.tell_partial(usage, each)?;
            }
        }
        Ok(())
    }

    /// The audio has ended: tells `each` what is left.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(
        &mut self,
        usage: &mut Usage,
        each: &mut impl FnMut(Heard),
    ) -> Result<(), ApiError> {
        let mut events = Vec::new();
        self.voice.finish(usage, &mut |event| events.push(event))?;
        self.tell(events, usage, each)
    }

    fn tell(
        &mut self,
        events: Vec<Event>,
        usage: &mut Usage,
        each: &mut impl FnMut(Heard),
    ) -> Result<(), ApiError> {
        if let Some(words) = &mut self.words {
            words.samples.append(&mut self.voice.take_samples());
        }
        for event in events {
            each(match event {
                Event::Frame { number, probability, is_speech } => {
                    Heard::Frame { number, probability, is_speech }
                }
                Event::Segment(segment) => {
                    let text = self.words.as_ref().map(|words| words.transcribe(segment, usage));
                    Heard::Segment { segment, text: text.transpose()? }
                }
            });
        }
        if let Some(words) = &mut self.words {
            words.forget(self.voice.needed());
        }
        Ok(())
    }

    /// Tells what has been said of speech that goes on, if there is enough that is new.
    fn tell_partial(
        &mut self,
        usage: &mut Usage,
        each: &mut impl FnMut(Heard),
    ) -> Result<(), ApiError> {
        let Some(words) = self.words.as_mut().filter(|words| words.has_partials) else {
            return Ok(());
        };
        let Some(start) = self.voice.speech_start() else { return Ok(()) };
        let end = words.first + words.samples.len() as u64;
        let (told, length) = words.partial;
        // The last text is of this speech, if it ended behind its beginning.
        let (since, before) = if told > start { (told, length) } else { (start, 0) };
        if end < since + PARTIAL.max(before / PART_OF_SPEECH) {
            return Ok(());
        }
        words.partial = (end, end - start);
        let segment = Segment { start: start.saturating_sub(words.pad).max(words.first), end };
        let text = words.transcribe(segment, usage)?;
        each(Heard::Partial { segment, text });
        Ok(())
    }
}

impl Words<'_> {
    fn transcribe(&self, segment: Segment, usage: &mut Usage) -> Result<String, ApiError> {
        let place = |at: u64| (at.saturating_sub(self.first) as usize).min(self.samples.len());
        let samples = &self.samples[place(segment.start)..place(segment.end)];
        self.model.transcribe(samples, usage)
    }

    /// Gives back the memory of what is not needed any more.
    fn forget(&mut self, needed: u64) {
        let count = needed.saturating_sub(self.first).min(self.samples.len() as u64);
        if count > SPARE {
            self.samples.drain(..count as usize);
            self.first += count;
        }
    }
}
