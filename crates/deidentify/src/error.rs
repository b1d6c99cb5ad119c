use crate::key::KeyId;
use crate::token::LONGEST_LABEL;

/// Why a text was not de-identified. No message holds anything of the text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The entity has no code point.
    #[error("entity {label:?} at {start}..{end} is empty; leave it out")]
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
        "entity {label:?} at {start}..{end} does not lie in a text of {length} code points; count \
         code points, not bytes or UTF-16 units"
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
        "entity {label:?} at {start}..{end} follows one that begins at {previous}; sort them by \
         where they begin"
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
        "entity {label:?} at {start}..{end} overlaps one that ends at {previous}; join them, or \
         keep one"
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
    #[error("the text has an entity {0:?}, which is blocked")]
    Blocked(String),
    /// The label cannot be written in a token.
    #[error(
        "the label {0:?} does not fit in a token: 1 to {LONGEST_LABEL} bytes without `[`, `]`, `:` \
         and control characters; redact it, or rename it in the model's config.json"
    )]
    Label(String),
    /// The key has made as many tokens as its nonces allow.
    #[error("the key `{0}` has encrypted 2^32 values; rotate the keys")]
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
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}
