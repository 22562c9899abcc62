//! Zero-copy protocol headers, one protocol a file, and checksums.
