//! Cache-line-aligned SPSC and MPMC rings, bulk and burst.
