//! The router, in memory.

use crate::harness::Contender;

/// Later.
pub fn router() -> Result<Vec<Contender>, String> {
    Err("not yet".into())
}
