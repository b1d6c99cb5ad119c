//! OCI images as folders (OCI Image Layout Specification 1.1), written without a container engine: what is in
//! them, and nothing else, decides each byte.

mod digest;
mod error;
mod image;
mod layer;
mod layout;

pub use error::ImageError;
pub use image::{Image, Settings};
pub use layer::{Layer, LayerBuilder, Owner};
pub use layout::Layout;
