//! Zero-copy protocol headers, one protocol a file, and checksums.

mod layers;

pub use layers::{Kinds, Layers};
