/// What a graph's input is filled with from the tokens of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputRole {
    /// Token ids, `[batch, sequence]`.
    Ids,
    /// 1 for tokens, 0 for padding, `[batch, sequence]`.
    Mask,
    /// The segment of each token, `[batch, sequence]`.
    TypeIds,
    /// The position of each token, `[batch, sequence]`.
    Positions,
    /// How many tokens each sequence has, `[batch]`.
    Length,
}

impl InputRole {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Ids, Self::Mask, Self::TypeIds, Self::Positions, Self::Length];

    /// Names that exporters give such an input, the usual one first.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Ids => &["input_ids", "token_ids", "ids", "tokens"],
            Self::Mask => &["attention_mask", "input_mask", "mask"],
            Self::TypeIds => &["token_type_ids", "segment_ids", "type_ids"],
            Self::Positions => &["position_ids"],
            Self::Length => &["length", "lengths", "seq_len", "sequence_length"],
        }
    }

    /// What the input called `name` is filled with; `None` if it is not made from tokens.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.names().contains(&name))
    }
}
