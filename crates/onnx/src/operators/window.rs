//! Windows that slide over spatial axes, as ONNX describes them.

use tract_core::internal::*;

/// Stands for a tap that reads padding.
pub(super) const PADDING: u32 = u32::MAX;
/// Spatial axes that operators here have; missing ones come first and have one element.
pub(super) const AXES: usize = 3;

/// A window on one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Taps.
    pub(crate) kernel: usize,
    /// Elements between windows.
    pub(crate) stride: usize,
    /// Elements between taps.
    pub(crate) dilation: usize,
    /// What lies around the input.
    pub(crate) padding: Padding,
    /// The last window may reach beyond the padding.
    pub(crate) ceil: bool,
}

/// What lies around the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// So many elements.
    Explicit {
        /// Before the first.
        before: usize,
        /// Behind the last.
        after: usize,
    },
    /// As many as make one window for each stride, an odd one behind.
    SameUpper,
    /// The same, an odd one before.
    SameLower,
}

impl Span {
    /// The window of a single element.
    pub(super) const UNIT: Self = Self {
        kernel: 1,
        stride: 1,
        dilation: 1,
        padding: Padding::Explicit { before: 0, after: 0 },
        ceil: false,
    };

    /// Elements from the first tap to behind the last.
    fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// The number of windows on `input` elements, and the padding before and behind them.
    fn place(&self, input: usize) -> Option<(usize, usize, usize)> {
        let same = |odd: usize| {
            let windows = input.div_ceil(self.stride);
            let needed =
                (windows.checked_sub(1)? * self.stride + self.reach()).saturating_sub(input);
            let before = (needed + odd) / 2;
            Some((windows, before, needed - before))
        };
        match self.padding {
            Padding::SameUpper => same(0),
            Padding::SameLower => same(1),
            Padding::Explicit { before, after } => {
                let spare = (input + before + after).checked_sub(self.reach())?;
                let steps =
                    if self.ceil { spare.div_ceil(self.stride) } else { spare / self.stride };
                // A window that would begin in the padding behind is none.
                let beyond = self.ceil && steps * self.stride >= input + before;
                Some((if beyond { steps } else { steps + 1 }, before, after))
            }
        }
    }

    /// The number of windows on `input` elements.
    fn windows(&self, input: &TDim) -> TractResult<TDim> {
        if let Ok(size) = input.to_usize() {
            let (windows, ..) = self.place(size).with_context(|| self.too_wide(size))?;
            return Ok(windows.to_dim());
        }
        let Padding::Explicit { before, after } = self.padding else {
            return Ok(input.clone().divceil(self.stride));
        };
        ensure!(!self.ceil || self.stride == 1, "ceil_mode needs fixed sizes");
        let around = (before + after) as i64 - self.reach() as i64;
        Ok((input.clone() + around) / self.stride + 1)
    }

    fn too_wide(&self, input: usize) -> String {
        format!("a window of {} elements on {input} and their padding", self.reach())
    }

    fn taps(&self, input: usize, count_padding: bool) -> TractResult<Taps> {
        let (windows, before, after) = self.place(input).with_context(|| self.too_wide(input))?;
        let mut places = Vec::with_capacity(windows * self.kernel);
        let mut counts = Vec::with_capacity(windows);
        for window in 0..windows {
            let taps = (0..self.kernel).map(|tap| window * self.stride + tap * self.dilation);
            let inside = |tap: &usize| {
                if count_padding {
                    *tap < input + before + after
                } else {
                    (before..input + before).contains(tap)
                }
            };
            counts.push(taps.clone().filter(inside).count());
            places.extend(taps.map(|tap| match tap.checked_sub(before) {
                Some(place) if place < input => place as u32,
                _ => PADDING,
            }));
        }
        Ok(Taps { span: *self, input, windows, before, places, counts })
    }
}

/// What the windows on one axis of a known size read.
pub(super) struct Taps {
    span: Span,
    pub(super) input: usize,
    pub(super) windows: usize,
    before: usize,
    /// Of each tap of each window: the element, or [`PADDING`].
    places: Vec<u32>,
    /// Taps of each window that count.
    pub(super) counts: Vec<usize>,
}

impl Taps {
    /// What the taps of a window read.
    pub(super) fn of(&self, window: usize) -> &[u32] {
        &self.places[window * self.span.kernel..][..self.span.kernel]
    }

    pub(super) fn stride(&self) -> usize {
        self.span.stride
    }

    pub(super) fn kernel(&self) -> usize {
        self.span.kernel
    }

    /// The windows whose tap number `tap` reads an element, and the element that the first of
    /// them reads.
    pub(super) fn reading(&self, tap: usize) -> (std::ops::Range<usize>, usize) {
        let offset = tap * self.span.dilation;
        let first = self.before.saturating_sub(offset).div_ceil(self.span.stride);
        let last = (self.input + self.before).saturating_sub(offset).div_ceil(self.span.stride);
        let range = first..last.min(self.windows).max(first);
        let place = (first * self.span.stride + offset).saturating_sub(self.before);
        if first >= self.windows { (0..0, 0) } else { (range, place) }
    }
}

/// A window on all spatial axes of `[N, C, …]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window(TVec<Span>);

impl Window {
    /// `None` unless there are one to three axes.
    pub(crate) fn new(spans: TVec<Span>) -> Option<Self> {
        (1..=AXES).contains(&spans.len()).then_some(Self(spans))
    }

    /// Taps on all axes.
    pub(crate) fn volume(&self) -> usize {
        self.0.iter().map(|span| span.kernel).product()
    }

    /// `[N, C, …]` with as many elements on the spatial axes as there are windows.
    pub(crate) fn output(&self, shape: &[TDim]) -> TractResult<TVec<TDim>> {
        ensure!(shape.len() == self.0.len() + 2, "{shape:?} for {} axes", self.0.len());
        let windows = self.0.iter().zip(&shape[2..]).map(|(span, size)| span.windows(size));
        shape[..2].iter().cloned().map(Ok).chain(windows).collect()
    }

    /// The taps on three axes.
    pub(super) fn taps(&self, shape: &[usize], count_padding: bool) -> TractResult<[Taps; AXES]> {
        ensure!(shape.len() == self.0.len() + 2, "{shape:?} for {} axes", self.0.len());
        ensure!(shape.iter().all(|size| *size < PADDING as usize), "{shape:?} is too large");
        let missing = AXES - self.0.len();
        let axis = |axis: usize| match axis.checked_sub(missing) {
            Some(place) => self.0[place].taps(shape[place + 2], count_padding),
            None => Span::UNIT.taps(1, count_padding),
        };
        Ok([axis(0)?, axis(1)?, axis(2)?])
    }
}
