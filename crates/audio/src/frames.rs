/// Samples of a frame: 32 ms at 16 kHz.
pub const FRAME: usize = 512;
/// Samples of the frame before that a frame stands behind.
pub const CONTEXT: usize = 64;
/// Samples that the model reads for a frame.
pub const INPUT: usize = CONTEXT + FRAME;

/// Cuts samples into the frames that Silero's voice activity model reads: each has 512 samples, behind
/// the last 64 of the frame before. The first stands behind silence.
#[derive(Debug)]
pub struct Frames {
    /// The context of the next frame, and samples from there on.
    samples: Vec<f32>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { samples: vec![0.0; CONTEXT] }
    }
}

impl Frames {
    /// Buffer to which samples are appended.
    pub fn input(&mut self) -> &mut Vec<f32> {
        &mut self.samples
    }

    /// Samples that are not in a frame yet.
    pub fn pending(&self) -> usize {
        self.samples.len() - CONTEXT
    }

    /// Hands all complete frames to `each`, in order, and forgets them. Stops at the first error.
    ///
    /// # Errors
    /// That of `each`.
    pub fn drain<E>(&mut self, mut each: impl FnMut(&[f32]) -> Result<(), E>) -> Result<(), E> {
        let mut start = 0;
        let mut result = Ok(());
        while result.is_ok() && self.samples.len() >= start + INPUT {
            result = each(&self.samples[start..start + INPUT]);
            start += FRAME;
        }
        self.samples.drain(..start);
        result
    }

    /// The last frame, filled up with silence; `None` where no samples are left.
    pub fn last(&mut self) -> Option<Vec<f32>> {
        if self.pending() == 0 {
            return None;
        }
        let mut last = std::mem::replace(&mut self.samples, vec![0.0; CONTEXT]);
        last.resize(INPUT, 0.0);
        Some(last)
    }
}
