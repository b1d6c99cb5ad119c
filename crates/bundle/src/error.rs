use pilotlight_model::Digest;

use crate::key::KeyId;

/// Errors of a bundle whose content is not as it was built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The file is cut off, or was never a component.
    #[error("not a complete WebAssembly component: {0}")]
    NotAComponent(String),
    /// The bytes are not those that were sealed.
    #[error(
        "changed after it was built: its digest is {found}, but its signature section states \
         {sealed}; build or pull it again"
    )]
    Altered {
        /// The digest in the seal.
        sealed: Digest,
        /// The digest of the bytes before it.
        found: Digest,
    },
    /// There is a section of ours where none may be, or not as it has to be.
    #[error(
        "section `{section}` at byte {at} is damaged, duplicated, followed by other data, or from \
         another version of Pilotlight; build or pull the component again"
    )]
    Misplaced {
        /// Name of the section.
        section: String,
        /// Where it begins.
        at: usize,
    },
    /// It ends like a seal, and no section of ours is there.
    #[error(
        "its last bytes look like a signature section, but are not in a section `pilotlight`; \
         build or pull it again"
    )]
    NoSection,
    /// Two signatures name the same key.
    #[error("two signatures name the key {0}; sign the component again")]
    SignedTwice(KeyId),
    /// The manifest does not fit in a section.
    #[error("a manifest of {0} bytes does not fit in a section of WebAssembly (4 GiB)")]
    ManifestTooLarge(usize),
}

/// Errors of a component that does not satisfy a policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The component is not what was sealed.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The component has no seal.
    #[error("contains no digest to verify; `pilotlight build` writes components with one")]
    Unsealed,
    /// The component has no signature.
    #[error(
        "not signed, but a signature is required; sign it with `pilotlight sign` and one of the \
         configured keys"
    )]
    Unsigned,
    /// Keys signed it, and none of them is trusted.
    #[error("signed with {}, which is not among the configured keys", list(.0))]
    Untrusted(Vec<KeyId>),
    /// A signature names a trusted key that did not make it.
    #[error("the signature of key {0} is not valid for this component")]
    Forged(KeyId),
}

/// The first few: there may be as many as fit in a file.
fn list(keys: &[KeyId]) -> String {
    let (shown, others) = keys.split_at(keys.len().min(3));
    let shown = shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if others.is_empty() { shown } else { format!("{shown} and {} others", others.len()) }
}
