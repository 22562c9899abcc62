//! Frames in one region of memory: pool, per-core cache, ledger.
