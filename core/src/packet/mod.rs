//! The packet, an owned descriptor of 32 bytes, and the burst of them.
