//! What a port implements: clock, device memory, prefetch.
