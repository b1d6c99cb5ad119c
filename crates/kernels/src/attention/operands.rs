//! What attention is computed of.

/// Sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heads {
    /// How many there are.
    pub count: usize,
    /// Columns of each.
    pub width: usize,
}

/// `Q`, `K` or `V`, all heads side by side, inside a wider matrix.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The matrix.
    pub values: &'a [f32],
    /// Its columns.
    pub stride: usize,
    /// The column of it that the first head begins at.
    pub start: usize,
}

/// What attention is computed of.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    pub(super) tokens: usize,
    pub(super) heads: Heads,
    pub(super) query: Rows<'a>,
    pub(super) key: Rows<'a>,
    pub(super) value: Rows<'a>,
    pub(super) scale: f32,
    pub(super) mask: Option<Mask<'a>>,
    /// Queries that see no key at all give zeros.
    pub(super) guarded: bool,
}

/// Summands of the scores, the same for all heads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask<'a> {
    pub(super) values: &'a [f32],
    /// From the row of one query to the next; 0 where all have the same.
    pub(super) stride: usize,
}

impl<'a> Attention<'a> {
    /// `None` where a matrix is too small for `tokens` rows of all heads.
    pub fn new(
        tokens: usize,
        heads: Heads,
        [query, key, value]: [Rows<'a>; 3],
        scale: f32,
    ) -> Option<Self> {
        let width = heads.count.checked_mul(heads.width).filter(|width| *width > 0)?;
        let fits = |rows: &Rows<'_>| {
            rows.start.checked_add(width).is_some_and(|end| end <= rows.stride)
                && tokens.checked_mul(rows.stride).is_some_and(|len| len <= rows.values.len())
        };
        let all = [query, key, value];
        all.iter().all(fits).then_some(Self {
            tokens,
            heads,
            query,
            key,
            value,
            scale,
            mask: None,
            guarded: false,
        })
    }

    /// Adds `mask`, `[tokens]` or `[tokens, tokens]`, to the scores of each head; `None` where it
    /// has another size.
    pub fn masked(self, mask: &'a [f32]) -> Option<Self> {
        let stride = match mask.len() {
            len if len == self.tokens => 0,
            len if Some(len) == self.tokens.checked_mul(self.tokens) => self.tokens,
            _ => return None,
        };
        Some(Self { mask: Some(Mask { values: mask, stride }), ..self })
    }

    /// Gives zeros for queries whose scores are all summed with negative infinity, instead of what is no number.
    pub fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }
}
