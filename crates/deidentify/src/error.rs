use crate::key::KeyId;
use crate::token::LONGEST_LABEL;

/// Errors of a text that cannot be de-identified. No message contains any of the text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The entity has no code point.
    #[error("entity {label:?} at {start}..{end} is empty; remove it")]
    Empty {
        /// Its label.
        label: String,
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The entity ends after the text.
    #[error(
        "entity {label:?} at {start}..{end} is outside of the text, which has {length} code \
         points; positions count code points, not bytes or UTF-16 units"
    )]
    Outside {
        /// Its label.
        label: String,
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Length of the text.
        length: usize,
    },
    /// The entity comes before the one that precedes it in the list.
    #[error(
        "entity {label:?} at {start}..{end} follows an entity that begins at {previous}; sort \
         entities by `start`"
    )]
    Unsorted {
        /// Its label.
        label: String,
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where the one before it in the list begins.
        previous: usize,
    },
    /// The entity begins within another.
    #[error(
        "entity {label:?} at {start}..{end} overlaps an entity that ends at {previous}; merge \
         them, or remove one"
    )]
    Overlapping {
        /// Its label.
        label: String,
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where the other ends.
        previous: usize,
    },
    /// A value of this label is not passed on in any form.
    #[error("the text contains an entity with the blocked label {0:?}")]
    Blocked(String),
    /// The label cannot be written in a token.
    #[error(
        "the label {0:?} cannot be written in a token, which needs 1 to {LONGEST_LABEL} bytes \
         without `[`, `]`, `:` and control characters; redact it, or rename it in the model's \
         config.json"
    )]
    Label(String),
    /// The key has made as many tokens as its nonces allow.
    #[error(
        "the key `{0}` has encrypted the maximum of 2^32 values; rotate it with `pilotlight \
         keyring --rotate`"
    )]
    Exhausted(KeyId),
    /// The value is longer than the cipher can encrypt.
    #[error("entity {label:?} has {bytes} bytes, more than GCM can encrypt")]
    TooLong {
        /// Its label.
        label: String,
        /// Its length.
        bytes: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system returned no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}
